"""The same arguments give the same bits, and no random key is consumed twice."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.audit.checks.names import DETERMINISTIC, KEYS
from chainrule.audit.checks.randomness import check_deterministic, check_keys
from tests.audit.helpers import RIGHT, RIGHT_RULE, X, Y, checked, cosine_pullback, failures, hand, ruled, sine

KEY = jax.random.key(3)


def dropout(key, x):
    return jnp.where(jax.random.bernoulli(key, 0.5, x.shape), 2 * x, 0)


def dropout_pullback(d, key, x):
    return None, jnp.where(jax.random.bernoulli(key, 0.5, x.shape), 2 * d, 0)


def dropout_vjp(d, key, x):
    return np.zeros(key.shape, jax.dtypes.float0), dropout_pullback(d, key, x)[1]


def noisy_twice(key, x):
    """Dropout and noise by one key: they depend on each other."""
    return dropout(key, x) + jax.random.normal(key, x.shape)


def test_the_same_bits():
    for f in (RIGHT, RIGHT_RULE):
        (check,) = checked(check_deterministic, f, X, Y)
        assert (check.name, check.ok, check.figure) == (DETERMINISTIC, True, 0)


def test_two_runs_of_one_program_that_differ():
    def jitter(d):
        noise = np.random.default_rng().normal(size=d.shape)
        return np.asarray(d + 1e-14 * noise, d.dtype)

    def pullback(d, x):
        d = jax.pure_callback(jitter, jax.ShapeDtypeStruct(d.shape, d.dtype), d, vmap_method="sequential")
        return (d * jnp.cos(x),)

    (check,) = checked(check_deterministic, ruled(sine, pullback), X)
    assert not check.ok
    assert check.detail == "two runs of one program differ"


def test_a_hidden_state_shows_when_it_is_traced_again():
    count = itertools.count()
    f = ruled(sine, lambda d, x: (d * jnp.cos(x) * (1 + 1e-15 * next(count)),))
    (check,) = checked(check_deterministic, f, X)
    assert not check.ok
    assert check.detail == "traced twice, it is another program: it hides a state"


def test_a_hidden_state_in_a_constant_shows_too():
    count = itertools.count()
    f = ruled(sine, lambda d, x: (d * jnp.cos(x) * (np.ones(x.shape) + 1e-15 * next(count)),))
    (check,) = checked(check_deterministic, f, X)
    assert not check.ok


def test_a_key_is_consumed_once():
    assert not checked(check_keys, hand(sine, cosine_pullback), X), "no key, nothing to check"
    for f, options in ((dropout, {}), (dropout, {"pullback": dropout_pullback}), (hand(dropout, dropout_vjp), {})):
        (check,) = checked(check_keys, f, KEY, X, **options)
        assert (check.name, check.ok) == (KEYS, True), "the backward pass draws the same mask again"


def twice_pullback(d, key, x):
    return None, dropout_pullback(d, key, x)[1] + 0 * jax.random.normal(key, x.shape)


def test_a_key_that_is_consumed_twice():
    for f, options in ((noisy_twice, {}), (dropout, {"pullback": twice_pullback})):
        (check,) = checked(check_keys, f, KEY, X, **options)
        assert (check.name, check.ok, check.figure) == (KEYS, False, 1)
        assert "already consumed" in check.detail


def test_split_keys_are_no_reuse():
    def twice(key, x):
        one, two = jax.random.split(key)
        return dropout(one, x) + jax.random.normal(two, x.shape)

    assert not failures(checked(check_keys, twice, KEY, X))
