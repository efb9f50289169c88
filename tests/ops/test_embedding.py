"""The embedding: PyTorch's values, ids outside the vocabulary, and what is kept."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import ops
from tests.reference import store

pytestmark = pytest.mark.usefixtures("quick_compilation")

TABLE = jnp.arange(6.0).reshape(3, 2)


@pytest.mark.usefixtures("x64")
def test_values_and_gradient_are_pytorchs():
    case = store.load("attention")["embedding"]
    y, pullback = ops.embedding.vjp(case["tokens"], case["table"])
    d_tokens, d_table = pullback(jnp.asarray(case["g"]))
    np.testing.assert_array_equal(y, case["y"])
    np.testing.assert_allclose(d_table, case["d_table"], rtol=0, atol=1e-12)
    assert d_tokens.dtype == jax.dtypes.float0


@pytest.mark.parametrize(("token", "place"), [(3, [0, 1]), (-1, [0, 1])])
def test_an_id_outside_the_vocabulary_is_refused(token, place):
    tokens = jnp.array([[0, token], [2, 9]])
    with pytest.raises(ValueError, match=rf"tokens must be from 0 to 2, .* got {token} at index \[0, 1\]"):
        ops.embedding(tokens, TABLE)
    with pytest.raises(ValueError, match="tokens must be from 0 to 2"):
        ops.check_tokens(tokens, 3)
    ops.check_tokens(tokens[:, :1], 3)


def test_under_jit_an_id_outside_is_nan_and_trains_no_row():
    @jax.jit
    def run(tokens):
        y, pullback = ops.embedding.vjp(tokens, TABLE)
        return (
            y,
            pullback(jnp.ones_like(y))[1],
            jax.vjp(lambda table: ops.embedding(tokens, table), TABLE)[1](y * 0 + 1),
        )

    y, d_table, (referee,) = run(jnp.array([1, 3, -1]))
    np.testing.assert_array_equal(y, [[2, 3], [np.nan, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal(d_table, [[0, 0], [1, 1], [0, 0]])
    np.testing.assert_array_equal(referee[1], [1, 1])


def test_the_table_is_not_kept():
    _, pullback = ops.embedding.vjp(jnp.array([[0, 2]]), TABLE)
    assert [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(pullback)] == [((1, 2), jnp.int32)]


def test_what_is_no_table_or_no_tokens_is_refused():
    with pytest.raises(ValueError, match=r"embedding: tokens must be an array of integers, got float32\[2\]"):
        ops.embedding(jnp.ones(2), TABLE)
    with pytest.raises(ValueError, match="embedding: tokens must be an array of integers, got list"):
        ops.embedding([0, 1], TABLE)
    with pytest.raises(ValueError, match=r"embedding: table must be \(vocabulary, features\), got float32\[3\]"):
        ops.embedding(jnp.array([0]), jnp.ones(3))
    with pytest.raises(ValueError, match=r"tokens must be an array of integers, got float64\[1\]"):
        ops.check_tokens([0.5], 3)
