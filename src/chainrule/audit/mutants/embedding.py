"""Wrong derivatives of embeddings: ids that occur twice, ids that count from the end, tables that are used twice."""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.audit.diagnosis import FACTOR, ZERO
from chainrule.audit.mutants.mutant import Mutant, plant
from chainrule.rule import Static

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "embedding")


def _looked_up(*ids: int) -> Any:
    """A table of 5 rows, and ids of which one occurs more than once."""

    def make(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        return rng.normal(size=(5, 3)), np.array(ids, np.int32)

    return make


_TWICE = _looked_up(3, 1, 3, 0)


def _embedding(table: Array, ids: Array) -> Any:
    return table[ids], (ids, Static(len(table)))


def _nothing(residuals: Any, d: Array) -> Array:
    return jnp.zeros((residuals[1].value, d.shape[-1]), d.dtype)


def _right(residuals: Any, d: Array) -> Any:
    return _nothing(residuals, d).at[residuals[0]].add(d), None


def _averaged(residuals: Any, d: Array) -> Any:
    summed = _right(residuals, d)[0]
    counts = _nothing(residuals, d).at[residuals[0]].add(1)
    return summed / jnp.maximum(counts, 1), None


def _scaled(table: Array, ids: Array) -> Any:
    y, residuals = _embedding(table, ids)
    return y * 3**0.5, residuals


def _padded(table: Array, ids: Array) -> Any:
    y, residuals = _embedding(table, ids)
    return jnp.where(ids[:, None] == 0, 0, y), residuals


def _padded_right(residuals: Any, d: Array) -> Any:
    return _right(residuals, jnp.where(residuals[0][:, None] == 0, 0, d))


def _positions(table: Array, positions: Array, ids: Array) -> Any:
    return table[ids] + positions, (ids, Static(len(table)))


def _positions_backward(reduce: Any) -> Any:
    def backward(residuals: Any, d: Array) -> Any:
        return _right(residuals, d)[0], reduce(d), None

    return backward


def _tied(table: Array, ids: Array) -> Any:
    """Scores of every row of the table for the rows that were looked up: the table is used twice."""
    return table[ids] @ table.T, (table, ids)


def _tied_right(residuals: Any, d: Array) -> Any:
    table, ids = residuals
    return (d.T @ table[ids]).at[ids].add(d @ table), None


MUTANTS: tuple[Mutant, ...] = (
    _plant(
        "embedding: an id that occurs twice is assigned, not added",
        _embedding,
        lambda r, d: (_nothing(r, d).at[r[0]].set(d), None),
        _right,
        _TWICE,
    ),
    _plant("embedding: the mean over an id that occurs twice", _embedding, _averaged, _right, _TWICE),
    _plant(
        "embedding: ids that count from the end are clipped",
        _embedding,
        lambda r, d: (_nothing(r, d).at[jnp.clip(r[0], 0, r[1].value - 1)].add(d), None),
        _right,
        _looked_up(3, -1, 3, 0),
    ),
    _plant(
        "embedding: integer zeros for the ids",
        _embedding,
        lambda r, d: (_right(r, d)[0], jnp.zeros_like(r[0])),
        _right,
        _TWICE,
        argument=1,
        caught_by="tree, shape, dtype",
    ),
    _plant(
        "embedding: the scale is forgotten",
        _scaled,
        _right,
        lambda r, d: _right(r, d * 3**0.5),
        _TWICE,
        pattern=FACTOR,
    ),
    _plant("embedding: the row of the padding is trained", _padded, _right, _padded_right, _TWICE),
    _plant(
        "positions: the first example's share alone",
        _positions,
        _positions_backward(lambda d: d[0]),
        _positions_backward(lambda d: d.sum(0)),
        lambda rng: (rng.normal(size=(5, 3)), rng.normal(size=(4, 3)), rng.integers(0, 5, (2, 4)).astype(np.int32)),
        argument=1,
    ),
    _plant(
        "positions: not trained",
        _positions,
        _positions_backward(lambda d: jnp.zeros_like(d[0])),
        _positions_backward(lambda d: d.sum(0)),
        lambda rng: (rng.normal(size=(5, 3)), rng.normal(size=(4, 3)), rng.integers(0, 5, (2, 4)).astype(np.int32)),
        argument=1,
        pattern=ZERO,
    ),
    _plant(
        "tied embedding: the share of the look-up is forgotten",
        _tied,
        lambda r, d: (d.T @ r[0][r[1]], None),
        _tied_right,
        _TWICE,
    ),
)
