"""Attention, plain and by blocks: PyTorch's values, rows that see nothing, memory, and what is refused."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import ops
from tests.reference import store

pytestmark = pytest.mark.usefixtures("quick_compilation")

FORMS = {"plain": ops.attention, "blocks": ops.blockwise_attention.bind(block=2)}
# The register tries masks and causality on both forms; by blocks each is a loop's own, so that form is tried here as well.
BLOCKS_FIRST = [pytest.param("plain", marks=pytest.mark.slow), "blocks"]


@functools.partial(jax.jit, static_argnames=("form", "causal"))
def pulled(q, k, v, mask, g, form, causal):
    y, pullback = FORMS[form].vjp(q, k, v, mask, causal=causal)
    return (y, *pullback(g)[:3])


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("form", FORMS)
def test_values_and_gradients_are_pytorchs(form):
    # Several heads a key, another number of keys than of queries, and masks: what the forms may treat differently.
    for case in store.load("attention")["attention"][0 if form == "plain" else 2 :]:
        found = pulled(*(case[name] for name in ("q", "k", "v", "mask", "g")), form=form, causal=case["causal"])
        for name, value in zip(("y", "d_q", "d_k", "d_v"), found, strict=True):
            np.testing.assert_allclose(value, case[name], rtol=0, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("form", BLOCKS_FIRST)
def test_a_query_that_sees_nothing_is_zero_and_gives_no_gradient(form, rng):
    q, k, v, g = jnp.asarray(rng.normal(size=(4, 2, 3, 2, 4)), jnp.float32)
    mask = jnp.array([[True], [False], [True]]) & jnp.ones((3, 3), bool)
    y, d_q, d_k, _ = pulled(q, k, v, mask, g, form=form, causal=False)
    assert not np.any(y[:, 1])
    assert not np.any(d_q[:, 1])
    assert np.all(np.isfinite(d_k))
    assert np.any(d_k)
    assert np.all(np.any(y[:, 0], axis=-1))


@pytest.mark.parametrize("form", BLOCKS_FIRST)
def test_a_later_key_changes_nothing(form, rng):
    q, k, v, g = jnp.asarray(rng.normal(size=(4, 1, 5, 2, 4)), jnp.float32)
    first = pulled(q, k, v, None, g, form=form, causal=True)[0]
    other = pulled(q, k.at[:, 3].add(1.0), v.at[:, 3].add(1.0), None, g, form=form, causal=True)[0]
    np.testing.assert_array_equal(first[:, :3], other[:, :3])
    assert np.all(np.any(first[:, 3:] != other[:, 3:], axis=-1))


@pytest.mark.parametrize("form", BLOCKS_FIRST)
def test_masks_of_every_rank_are_the_full_mask(form, rng):
    q, k, v, g = jnp.asarray(rng.normal(size=(4, 2, 3, 2, 4)), jnp.float32)
    padding = jnp.array([[True, True, False], [True, False, False]])
    full = jnp.broadcast_to(padding[:, None, None, :], (2, 2, 3, 3))
    expected = pulled(q, k, v, full, g, form=form, causal=False)
    for mask in (padding[:, None, :], padding[:, None, None, :])[: 2 if form == "plain" else 1]:
        for ours, theirs in zip(pulled(q, k, v, mask, g, form=form, causal=False), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    one = pulled(q, k, v, full[0, 0], g, form=form, causal=False)[0]
    np.testing.assert_array_equal(one[0], expected[0][0])


@functools.cache
def compiled(length, rule, hand):
    """Forward and backward of one causal head on a sequence of this length, compiled with XLA's optimisations."""
    x = jax.ShapeDtypeStruct((1, length, 1, 8), jnp.float32)

    def both(q, k, v, g):
        y, pullback = rule.vjp(q, k, v) if hand else jax.vjp(rule, q, k, v)
        return y, pullback(g)

    return jax.jit(both).lower(x, x, x, x).compile().memory_analysis().temp_size_in_bytes


def test_by_blocks_memory_grows_with_the_length_and_not_with_its_square():
    blocks, plain = ops.blockwise_attention.bind(causal=True, block=64), ops.attention.bind(causal=True)
    assert compiled(1024, blocks, True) < 2.2 * compiled(512, blocks, True)
    assert compiled(1024, plain, True) > 3.5 * compiled(512, plain, True)
    assert compiled(1024, blocks, True) < 0.25 * compiled(1024, plain, False)
    assert compiled(1024, plain, True) <= compiled(1024, plain, False)


def test_by_blocks_what_is_kept_is_linear_in_the_length():
    x = jax.ShapeDtypeStruct((1, 64, 1, 8), jnp.float32)
    _, pullback = jax.eval_shape(ops.blockwise_attention.bind(block=16).vjp, x, x, x)
    assert sum(leaf.size for leaf in jax.tree.leaves(pullback)) == 64 * (4 * 8 + 2)


def test_blocks_that_no_query_sees_are_not_visited():
    x = jax.ShapeDtypeStruct((1, 64, 1, 8), jnp.float32)

    def steps(causal):
        jaxpr = jax.make_jaxpr(ops.blockwise_attention.bind(causal=causal, block=16))(x, x, x).jaxpr
        return [equation.params["length"] for equation in jaxpr.eqns if equation.primitive.name == "scan"]

    assert (steps(False), steps(True)) == ([16], [10])


@pytest.mark.usefixtures("x64")
def test_by_blocks_large_scores_keep_their_digits(rng):
    q, k, v, g = jnp.asarray(rng.normal(size=(4, 1, 6, 1, 4)))
    q = 1e7 * q
    k = k.at[:, 1::2].set(k[:, ::2])  # pairs of equal scores: p is 1/2, and log 2 beside 1e7 would lose 7 digits
    expected = pulled(q, k, v, None, g, form="plain", causal=False)
    found = pulled(q, k, v, None, g, form="blocks", causal=False)
    for n in (0, 3):  # y and dL/dv; the cotangents of q and k cancel to nothing
        np.testing.assert_allclose(found[n], expected[n], rtol=0, atol=1e-13)


X = jnp.ones((2, 3, 4, 5))


@pytest.mark.parametrize(
    ("arguments", "static", "message"),
    [
        (
            (X, X[:1], X),
            {},
            r"query must be \(batch, time, heads, head_dim\), key .* got float32\[2, 3, 4, 5\], float32\[1,",
        ),
        ((X, X[..., :4], X), {}, "query must be"),
        ((X, X, X[:, :2]), {}, "query must be"),
        ((X[0], X[0], X[0]), {}, "query must be"),
        ((X, X[:, :, :3], X[:, :, :3]), {}, "heads must be a multiple of kv_heads, got 4 and 3"),
        ((X, X[:, :2], X[:, :2]), {"causal": True}, "causal needs at least as many keys as queries, got 2 and 3"),
        ((X, X[:, :0], X[:, :0]), {}, "there must be at least one key"),
        ((X, X, X, jnp.ones((2, 3), bool)), {}, r"mask must be \(time, keys\), .* got bool\[2, 3\]"),
        ((X, X, X, jnp.ones((2, 1, 4), bool)), {}, r"time 3, keys 3, .* got bool\[2, 1, 4\]"),
        ((X, X, X, jnp.ones(3, bool)), {}, "mask must be"),
        ((X, X, X, jnp.ones((3, 3))), {}, r"mask must be an array of booleans, .* got float32\[3, 3\]"),
        ((X, X.astype(jnp.bfloat16), X), {}, "dtypes must be equal"),
        ((X.astype(int), X, X), {}, "query must be of floating-point numbers"),
    ],
)
def test_what_does_not_fit_is_refused_by_both_forms(arguments, static, message):
    for rule, name in ((ops.attention, "attention: "), (ops.blockwise_attention, "blockwise_attention: ")):
        with pytest.raises(ValueError, match="^" + name + ".*" + message):
            rule(*arguments, **static)


def test_a_block_below_one_is_refused():
    with pytest.raises(ValueError, match="blockwise_attention: block must be a positive integer, got 0"):
        ops.blockwise_attention(X, X, X, block=0)
