import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.spatial.distance
import scipy.special
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chainrule import losses
from chainrule.maths.information import (
    cross_entropy,
    cross_entropy_of_logits,
    entropy,
    entropy_of_logits,
    jensen_shannon,
    kl_divergence,
    kl_divergence_of_logits,
    mutual_information,
    mutual_information_of_counts,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

P = np.asarray([[0.1, 0.2, 0.7, 0.0], [0.25, 0.25, 0.25, 0.25], [0.0, 0.0, 1.0, 0.0]])
Q = np.asarray([[0.3, 0.3, 0.3, 0.1], [0.1, 0.2, 0.3, 0.4], [0.2, 0.2, 0.5, 0.1]])
JOINT = np.asarray([[0.1, 0.2, 0.05], [0.0, 0.25, 0.1], [0.0, 0.0, 0.3], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize("base", [None, 2])
def test_probabilities_agree_with_scipy(x64, base):
    p, q = jnp.asarray(P), jnp.asarray(Q)
    unit = 1 if base is None else np.log(base)
    close = {"rtol": 1e-13, "atol": 1e-15}
    np.testing.assert_allclose(entropy(p, base=base), scipy.stats.entropy(P, axis=-1, base=base), **close)
    np.testing.assert_allclose(kl_divergence(p, q, base=base), scipy.stats.entropy(P, Q, axis=-1, base=base), **close)
    surprise = -np.sum(scipy.special.xlogy(P, Q), axis=-1) / unit
    np.testing.assert_allclose(cross_entropy(p, q, base=base), surprise, **close)
    distance = scipy.spatial.distance.jensenshannon(P, Q, axis=-1, base=base)
    np.testing.assert_allclose(jensen_shannon(p, q, base=base), distance**2, **close)


@pytest.mark.parametrize("base", [None, 2])
def test_logits_agree_with_scipy_on_their_softmax(x64, rng, base):
    a, b = 3 * rng.normal(size=(2, 5, 4))
    p, q = scipy.special.softmax(a, axis=-1), scipy.special.softmax(b, axis=-1)
    close = {"rtol": 1e-12}
    found = entropy_of_logits(jnp.asarray(a), base=base)
    np.testing.assert_allclose(found, scipy.stats.entropy(p, axis=-1, base=base), **close)
    found = kl_divergence_of_logits(jnp.asarray(a), jnp.asarray(b), base=base)
    np.testing.assert_allclose(found, scipy.stats.entropy(p, q, axis=-1, base=base), **close)
    found = cross_entropy_of_logits(jnp.asarray(p), jnp.asarray(b), base=base)
    expected = scipy.stats.entropy(p, axis=-1, base=base) + scipy.stats.entropy(p, q, axis=-1, base=base)
    np.testing.assert_allclose(found, expected, **close)


@pytest.mark.slow
def test_mutual_information_agrees_with_scikit_learn(x64, rng):
    labels, predictions = rng.integers(0, 3, size=60), rng.integers(0, 4, size=60)
    counts = sklearn.metrics.confusion_matrix(labels, predictions, labels=range(5))  # rows and columns of zeros
    expected = sklearn.metrics.mutual_info_score(labels, predictions)
    found = mutual_information_of_counts(jnp.asarray(counts, float))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(mutual_information(jnp.asarray(counts / 60), base=2), expected / np.log(2), rtol=1e-12)
    integers = mutual_information_of_counts(jnp.asarray(counts))
    assert integers.dtype == jnp.float32
    np.testing.assert_allclose(integers, expected, rtol=1e-5)


@pytest.mark.slow
def test_known_values(x64):
    fair, sure = jnp.full(8, 1 / 8), jnp.asarray([0.0, 1.0])
    assert float(entropy(fair, base=2)) == 3
    assert float(entropy(sure)) == 0
    assert float(kl_divergence(sure, jnp.asarray([1.0, 0.0]))) == np.inf
    assert float(cross_entropy(sure, jnp.asarray([1.0, 0.0]))) == np.inf
    np.testing.assert_allclose(jensen_shannon(sure, jnp.asarray([1.0, 0.0]), base=2), 1, rtol=1e-15)
    np.testing.assert_allclose(mutual_information(jnp.eye(4) / 4, base=2), 2, rtol=1e-15)
    assert abs(float(mutual_information(jnp.outer(jnp.asarray([0.2, 0.8]), jnp.asarray([0.3, 0.3, 0.4]))))) < 1e-16


FLOOR = np.asarray([[1e-9], [1e-3]])  # so that no row is all zeros
distributions = hnp.arrays(np.float64, (2, 5), elements=st.floats(0, 1)).map(
    lambda weights: (weights + FLOOR) / (weights + FLOOR).sum(axis=1, keepdims=True)
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(distributions)
def test_inequalities(pair):
    with jax.enable_x64(True):
        p, q = map(jnp.asarray, pair)
        h, kl, js = float(entropy(p)), float(kl_divergence(p, q)), float(jensen_shannon(p, q))
        assert -1e-15 <= h <= np.log(5) + 1e-15
        assert kl >= -1e-15
        assert -1e-15 <= js <= np.log(2) + 1e-15
        assert js == float(jensen_shannon(q, p))
        np.testing.assert_allclose(cross_entropy(p, q), h + kl, rtol=1e-12, atol=1e-14)


@pytest.mark.slow
def test_a_small_divergence_is_not_lost_in_float32():
    step = np.float32(2.0**-14)
    p = np.asarray([0.5 + step, 0.5 - step], np.float32)
    expected = scipy.stats.entropy(p.astype(np.float64), [0.5, 0.5])
    q = jnp.full(2, 0.5)
    np.testing.assert_allclose(kl_divergence(jnp.asarray(p), q), expected, rtol=1e-2)
    assert abs(float(cross_entropy(jnp.asarray(p), q) - entropy(jnp.asarray(p))) / expected - 1) > 0.1
    np.testing.assert_allclose(jensen_shannon(jnp.asarray(p), q), expected / 4, rtol=1e-2)


@pytest.mark.slow
def test_gradients_are_the_closed_forms_and_never_nan(x64):
    p, q = jnp.asarray([0.0, 0.3, 0.7, 0.0]), jnp.asarray([0.5, 0.2, 0.3, 0.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p, log_q = np.log(p), np.log(q)
    grad = jax.grad(entropy)(p)
    np.testing.assert_allclose(grad, [0, -log_p[1] - 1, -log_p[2] - 1, 0], rtol=1e-14)
    by_p, by_q = jax.grad(cross_entropy, (0, 1))(p, q)
    np.testing.assert_allclose(by_p, [-log_q[0], -log_q[1], -log_q[2], 0], rtol=1e-14)
    np.testing.assert_allclose(by_q, [0, -1.5, -7 / 3, 0], rtol=1e-14)
    by_p, by_q = jax.grad(kl_divergence, (0, 1))(p, q)
    np.testing.assert_allclose(by_p, [0, np.log(1.5) + 1, np.log(7 / 3) + 1, 0], rtol=1e-14)
    np.testing.assert_allclose(by_q, [0, -1.5, -7 / 3, 0], rtol=1e-14)
    by_p, by_q = jax.grad(jensen_shannon, (0, 1))(p, q)
    np.testing.assert_allclose(by_p, [0, np.log(0.3 / 0.25) / 2, np.log(0.7 / 0.5) / 2, 0], rtol=1e-13)
    np.testing.assert_allclose(by_q, [np.log(2) / 2, np.log(0.2 / 0.25) / 2, np.log(0.3 / 0.5) / 2, 0], rtol=1e-13)
    grad = np.asarray(jax.grad(mutual_information)(jnp.asarray(JOINT)))
    ratio = JOINT / (JOINT.sum(1, keepdims=True) * JOINT.sum(0) + (JOINT == 0))
    np.testing.assert_allclose(grad, np.where(JOINT > 0, np.log(ratio + (JOINT == 0)) - 1, 0), rtol=1e-12)
    # Forward mode, by q alone, where p = q = 0.
    _, moved = jax.jvp(lambda q: cross_entropy(p, q), (q,), (jnp.ones(4),))
    np.testing.assert_allclose(moved, -1.5 - 7 / 3, rtol=1e-14)


@pytest.mark.slow
def test_the_gradient_through_an_underflowed_softmax_is_that_of_the_logits():
    logits = jnp.asarray([0.0, 1.0, -300.0, 2.0])  # exp(-300) is 0 in float32
    through = jax.grad(lambda z: entropy(jax.nn.softmax(z)))(logits)
    np.testing.assert_allclose(through, jax.grad(entropy_of_logits)(logits), atol=1e-6)
    assert np.isfinite(np.asarray(through)).all()


@pytest.mark.slow
def test_logits_of_any_size_are_finite_under_jit():
    big, other = jnp.asarray([1e4, -1e4, 3e38, 0.0]), jnp.asarray([0.0, 1e4, -1e4, 1e30])
    sure = jnp.asarray([0.0, 0.0, 1.0, 0.0])

    @jax.jit
    def all_three(a, b):
        return entropy_of_logits(a), kl_divergence_of_logits(a, b), cross_entropy_of_logits(sure, b)

    assert np.isfinite(np.asarray(all_three(big, other))).all()
    for grads in jax.jacrev(all_three, (0, 1))(big, other):
        assert np.isfinite(np.asarray(grads)).all()


@pytest.mark.slow
def test_logits_of_minus_infinity_rule_an_outcome_out():
    masked, free = jnp.asarray([0.0, 1.0, -jnp.inf]), jnp.asarray([0.5, 0.5, 2.0])
    np.testing.assert_allclose(entropy_of_logits(masked), entropy_of_logits(masked[:2]), rtol=1e-6)
    assert float(kl_divergence_of_logits(masked, masked)) == 0
    assert float(kl_divergence_of_logits(free, masked)) == np.inf
    assert float(cross_entropy_of_logits(jnp.asarray([0.0, 0.0, 1.0]), masked)) == np.inf
    np.testing.assert_allclose(cross_entropy_of_logits(jnp.asarray([0.5, 0.5, 0.0]), masked), 0.8132617, rtol=1e-6)
    for function in (entropy_of_logits, lambda z: kl_divergence_of_logits(z, free)):
        assert np.isfinite(np.asarray(jax.grad(function)(masked))[:2]).all()


def test_the_losses_are_these_measures(rng):
    logits = jnp.asarray(rng.normal(size=(6, 4)), jnp.float32)
    labels = jnp.asarray(rng.integers(0, 4, size=6))
    p = jax.nn.one_hot(labels, 4)
    expected = jnp.mean(cross_entropy_of_logits(p, logits))
    np.testing.assert_allclose(losses.cross_entropy(logits, labels), expected, rtol=1e-6)
    # Of labels that are certain the entropy is 0: the loss is the divergence, and its least value is 0.
    np.testing.assert_allclose(expected, jnp.mean(kl_divergence(p, jax.nn.softmax(logits))), rtol=1e-5)


@pytest.mark.slow
def test_nan_comes_through_and_so_does_the_dtype():
    nan = jnp.asarray([np.nan, 0.5])
    for value in (
        entropy(nan),
        kl_divergence(nan, nan),
        kl_divergence(jnp.asarray([0.0, 1.0]), nan),
        cross_entropy(jnp.asarray([0.0, 1.0]), nan),
        jensen_shannon(nan, nan),
        entropy_of_logits(nan),
        kl_divergence_of_logits(nan, nan),
        mutual_information(jnp.stack([nan, nan])),
        jax.jit(entropy)(jnp.asarray([-0.5, 1.5])),
        jax.jit(mutual_information_of_counts)(jnp.zeros((2, 2))),
    ):
        assert np.isnan(value)
    for dtype in (jnp.bfloat16, jnp.float16):
        half = jnp.asarray([0.5, 0.5], dtype)
        assert (
            entropy(half, base=2).dtype == kl_divergence(half, half).dtype == jensen_shannon(half, half).dtype == dtype
        )
        assert float(entropy(half, base=2)) == 1


HALF, LOGITS = np.asarray([0.5, 0.5], np.float32), np.zeros(2, np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: entropy(np.float32(1)), r"entropy: p must be \(..., k\) with nothing empty, got float32\[\]"),
        (lambda: entropy(np.zeros((3, 0), np.float32)), r"entropy: p must be \(..., k\) with nothing empty"),
        (lambda: entropy(2 * HALF), "entropy: p must sum to 1, got a sum of 2"),
        (
            lambda: entropy(np.asarray([1.5, -0.5], np.float32)),
            "entropy: p must be of probabilities, got -0.5 among them",
        ),
        (lambda: entropy(np.ones(1, int)), "entropy: p must be of floating-point numbers"),
        (lambda: entropy(HALF, base=1), "entropy: base must be greater than 1, or None for nats, got 1"),
        (lambda: kl_divergence(HALF, HALF[:1]), r"kl_divergence: shapes must be equal, got p \[2\], q \[1\]"),
        (lambda: kl_divergence(HALF, HALF.astype(np.float16)), "kl_divergence: dtypes must be equal"),
        (lambda: cross_entropy(HALF, 2 * HALF), "cross_entropy: q must sum to 1"),
        (lambda: jensen_shannon(2 * HALF, HALF), "jensen_shannon: p must sum to 1"),
        (lambda: cross_entropy_of_logits(HALF, LOGITS[:1]), "cross_entropy_of_logits: shapes must be equal"),
        (lambda: kl_divergence_of_logits(LOGITS, LOGITS[:1]), "kl_divergence_of_logits: shapes must be equal"),
        (lambda: mutual_information(HALF), r"mutual_information: joint must be \(..., n, k\)"),
        (lambda: mutual_information(np.ones((2, 2))), "mutual_information: joint must sum to 1, got a sum of 4"),
        (
            lambda: mutual_information_of_counts(np.zeros((2, 2))),
            "mutual_information_of_counts: counts must hold an obs",
        ),
        (
            lambda: mutual_information_of_counts(-np.ones((2, 2))),
            "mutual_information_of_counts: counts must not be neg",
        ),
        (
            lambda: mutual_information_of_counts(np.ones(3)),
            r"mutual_information_of_counts: counts must be \(..., n, k\)",
        ),
        (
            lambda: mutual_information_of_counts(np.ones((2, 2), bool)),
            "mutual_information_of_counts: counts must be of int",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
