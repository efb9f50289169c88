"""Tables with missing numbers, and what every transform of numbers must pass."""

from __future__ import annotations

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from chainrule.data.preprocessing import from_record, to_record


@st.composite
def tables(draw, *, scaled=True, missing=(0.0, 0.2, 0.6), least_rows=1, most_rows=20, columns=None):
    """float64 (rows, columns), a number at least in each column; some columns constant; of unlike scales if asked."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = draw(st.integers(least_rows, most_rows))
    columns = draw(st.integers(1, 5)) if columns is None else columns
    x = rng.normal(size=(rows, columns))
    if scaled:
        x = (x + rng.uniform(-10, 10, columns)) * 10.0 ** rng.integers(-3, 5, columns)
        if draw(st.booleans()):
            x[:, rng.integers(columns)] = rng.normal()
    lacking = rng.random(x.shape) < draw(st.sampled_from(missing))
    lacking[rng.integers(rows, size=columns), np.arange(columns)] = False
    x[lacking] = np.nan
    return x


def table(rows=12, columns=3, seed=4):
    """A table with a tenth of its numbers missing, and one that is missing in each of the last two columns."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)) * 3 + 5
    x[rng.random(x.shape) < 0.1] = np.nan
    x[0], x[1, -1], x[2, -2] = 1.5, np.nan, np.nan
    return x


def assert_learns_from_training_rows_alone(transform):
    """Try to get held-out rows into what was learnt, or from one row into another."""
    train, held_out = table(seed=1), table(seed=2)
    kept = train.copy(), held_out.copy()
    params = transform.fit(train)
    learnt = [np.array(leaf) for leaf in jax.tree.leaves(params)]
    y = np.array(transform.apply(params, held_out))
    for row in range(len(held_out)):
        np.testing.assert_array_equal(transform.apply(params, held_out[row : row + 1])[0], y[row])
    wild = held_out.copy()
    wild[1:] = np.where(np.isnan(wild[1:]), 1e6, np.nan)
    np.testing.assert_array_equal(transform.apply(params, wild)[0], y[0])
    np.testing.assert_array_equal(transform.apply(params, held_out), y)
    np.testing.assert_array_equal(transform.apply(params, held_out[::-1]), y[::-1])
    for before, now in zip(kept, (train, held_out), strict=True):
        np.testing.assert_array_equal(before, now)
    train[:] = 1e6  # neither does what becomes of the training table later
    leaves = jax.tree.leaves(params)
    for before, now in zip(learnt, leaves, strict=True):
        np.testing.assert_array_equal(before, now)
    for leaf in leaves:
        with pytest.raises(ValueError, match="read-only"):
            leaf[...] = 0


def assert_compiles(transform):
    """The same from a compiled program, with what was learnt as its argument, in the dtype of the rows (float64: x64)."""
    params, held_out = transform.fit(table(seed=1)), table(seed=2)
    compiled = jax.jit(transform.apply)(params, jnp.asarray(held_out))
    assert isinstance(compiled, jax.Array)
    assert compiled.dtype == np.float64
    np.testing.assert_allclose(compiled, transform.apply(params, held_out), rtol=1e-12, atol=1e-12)
    for dtype in (jnp.float32, jnp.bfloat16):
        rows = jax.ShapeDtypeStruct(held_out.shape, dtype)
        assert jax.eval_shape(transform.apply, params, rows).dtype == dtype
    short = transform.apply(params, held_out.astype(np.float32))
    assert short.dtype == np.float32
    np.testing.assert_allclose(short, transform.apply(params, held_out), rtol=1e-4, atol=1e-4)
    assert transform.apply(params, held_out[:0]).shape == (0, compiled.shape[1])
    none = jax.ShapeDtypeStruct((0, 3), jnp.float64)
    assert jax.eval_shape(transform.apply, params, none).shape == (0, compiled.shape[1])


def assert_survives_a_record(transform):
    """Settings and what was learnt go to JSON and come back bit for bit."""
    params = transform.fit(table(seed=1))
    text = json.dumps([to_record(transform), to_record(params)], allow_nan=False)
    again, params_again = from_record(json.loads(text))
    assert again == transform
    assert jax.tree.structure(params_again) == jax.tree.structure(params)
    for ours, theirs in zip(jax.tree.leaves(params), jax.tree.leaves(params_again), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(again.apply(params_again, table(seed=2)), transform.apply(params, table(seed=2)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        transform.anything = 1


BAD_ROWS = [
    (np.ones((3, 2), int), r"x must be of floating-point numbers \(rows, columns\), got int64\[3, 2\]"),
    (np.ones(3), r"x must be of floating-point numbers \(rows, columns\), got float64\[3\]"),
    (np.array([["a", None]], object), "x must be of floating-point numbers"),
    ([[1.0, 2.0]], "x must be of floating-point numbers .* got list"),
    (np.array([[1.0, 2.0], [3.0, -np.inf]]), r"x must be finite, or NaN where missing, got -inf at x\[1, 1\]"),
]
"""What no transform of numbers takes, and what the message says."""

BAD_TRAINING_ROWS = [
    *BAD_ROWS,
    (jnp.array([[1.0, jnp.inf]], jnp.float32), r"x must be finite, or NaN where missing, got inf at x\[0, 1\]"),
    (np.ones((0, 2)), r"x must have at least one row and one column, got float64\[0, 2\]"),
    (np.ones((2, 0)), r"x must have at least one row and one column, got float64\[2, 0\]"),
]
"""What no transform of numbers learns from."""

EMPTY_COLUMN = np.array([[1.0, np.nan, 2.0], [3.0, np.nan, np.nan]])
"""The column of index 1 has no number."""
