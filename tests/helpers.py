"""What the tests of rules and layers share: trees compared, and random cotangents."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

TORCH = json.loads((Path(__file__).parent / "reference" / "torch_values.json").read_text())


def assert_trees_close(found, expected, rtol=1e-12, atol=1e-12):
    """Tree, shapes and dtypes first; then values, float0 leaves excepted, which have none."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.shape(ours) == np.shape(theirs)
        assert jax.dtypes.result_type(ours) == jax.dtypes.result_type(theirs)
        if ours.dtype != jax.dtypes.float0:
            np.testing.assert_allclose(
                np.asarray(ours, np.float64), np.asarray(theirs, np.float64), rtol=rtol, atol=atol
            )


def random_like(tree, seed=0):
    """A random cotangent for an output: normal numbers for floating point, float0 for what has no derivative."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: (
            jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype)
            if jnp.issubdtype(leaf.dtype, jnp.inexact)
            else np.zeros(leaf.shape, jax.dtypes.float0)
        ),
        tree,
    )


def assert_hand_is_autodiff(function, *args, seed=0, rtol=1e-12):
    """``function.vjp`` gives the output and the cotangents of ``jax.vjp``, for a random cotangent; returns both."""
    cotangent = random_like(jax.eval_shape(function, *args), seed)

    def both(*args):
        output, pullback = function.vjp(*args)
        expected, referee = jax.vjp(function, *args)
        return (output, pullback(cotangent)), (expected, referee(cotangent))

    found, expected = jax.jit(both)(*args)
    assert_trees_close(found, expected, rtol)
    return found
