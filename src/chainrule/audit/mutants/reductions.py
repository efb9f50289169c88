"""Wrong derivatives of sums, means, maxima, norms and sorts: counts, axes, ties, permutations."""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import FACTOR, PERMUTED, REGION, TRANSPOSED
from chainrule.audit.mutants.mutant import Mutant, plant
from chainrule.rule import Static

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "reductions")

_MATRIX = together(normal(4, 3))
_VECTOR = together(normal(7))
_EPSILON = 1e-3


def _tied(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    return (np.array([[2.0, 5.0, 5.0], [1.0, 0.0, -1.0], [3.0, 3.0, 3.0], [0.5, -0.5, 0.0]]),)


def _rows(count: int, d: Array) -> Array:
    return jnp.broadcast_to(d, (count, *d.shape))


def _max(x: Array) -> Any:
    y = x.max(-1)
    return y, x == y[:, None]


def _max_right(winners: Array, d: Array) -> Any:
    return (jnp.where(winners, (d / winners.sum(-1))[:, None], 0),)


def _maximum_right(residuals: Any, d: Array) -> Any:
    x, y = residuals
    share = jnp.where(x == y, d / 2, d)
    return jnp.where(x >= y, share, 0), jnp.where(y >= x, share, 0)


def _norm(x: Array) -> Any:
    y = jnp.sqrt(jnp.sum(x * x, -1) + _EPSILON)
    return y, (x, y)


def _norm_right(residuals: Any, d: Array) -> Any:
    x, y = residuals
    return (x * (d / y)[:, None],)


def _length(x: Array) -> Any:
    squares = jnp.sum(x * x, -1)
    return jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1)), 0), x


def _length_right(x: Array, d: Array) -> Any:
    squares = jnp.sum(x * x, -1)
    return (x * jnp.where(squares > 0, d / jnp.sqrt(jnp.where(squares > 0, squares, 1)), 0)[:, None],)


def _sort(x: Array) -> Any:
    order = jnp.argsort(x)
    return x[order], order


def _sort_right(order: Array, d: Array) -> Any:
    return (jnp.zeros_like(d).at[order].set(d),)


def _variance(x: Array) -> Any:
    centred = x - x.mean(0)
    return jnp.sum(centred**2, 0) / (len(x) - 1), centred


def _product(x: Array) -> Any:
    return x.prod(-1), x


def _product_right(x: Array, d: Array) -> Any:
    others = jnp.where(jnp.eye(x.shape[1], dtype=bool), 1, x[:, None])  # row i without factor i
    return (d[:, None] * others.prod(-1),)


MUTANTS: tuple[Mutant, ...] = (
    _plant(
        "sum: the mean for the sum",
        lambda x: (x.sum(0), Static(len(x))),
        lambda count, d: (_rows(count.value, d) / count.value,),
        lambda count, d: (_rows(count.value, d),),
        _MATRIX,
        pattern=FACTOR,
    ),
    _plant(
        "mean: the sum for the mean",
        lambda x: (x.mean(0), Static(len(x))),
        lambda count, d: (_rows(count.value, d),),
        lambda count, d: (_rows(count.value, d) / count.value,),
        _MATRIX,
        pattern=FACTOR,
    ),
    _plant(
        "sum: the cotangent is spread along the wrong axis",
        lambda x: (x.sum(0), Static(len(x))),
        lambda count, d: (_rows(count.value, d).T,),
        lambda count, d: (_rows(count.value, d),),
        together(normal(3, 3)),
        pattern=TRANSPOSED,
    ),
    _plant(
        "variance: biased in the backward pass alone",
        _variance,
        lambda centred, d: (2 * centred * d / len(centred),),
        lambda centred, d: (2 * centred * d / (len(centred) - 1),),
        _MATRIX,
        pattern=FACTOR,
    ),
    _plant(
        "cumsum: not reversed",
        lambda x: (jnp.cumsum(x, 0), None),
        lambda _, d: (jnp.cumsum(d, 0),),
        lambda _, d: (jnp.cumsum(d[::-1], 0)[::-1],),
        _MATRIX,
        pattern=TRANSPOSED,
    ),
    # Ties, zeros.
    _plant(
        "max: each of the tied gets the whole gradient",
        _max,
        lambda winners, d: (jnp.where(winners, d[:, None], 0),),
        _max_right,
        _tied,
        pattern=REGION,
    ),
    _plant(
        "max: none of the tied gets a gradient",
        _max,
        lambda winners, d: (jnp.where(winners & (winners.sum(-1, keepdims=True) == 1), d[:, None], 0),),
        _max_right,
        _tied,
        pattern=REGION,
    ),
    _plant(
        "maximum: slope 1 for both of the tied",
        lambda x, y: (jnp.maximum(x, y), (x, y)),
        lambda r, d: (jnp.where(r[0] >= r[1], d, 0), jnp.where(r[1] >= r[0], d, 0)),
        _maximum_right,
        lambda rng: (np.array([1.0, 2.0, -1.0, 0.0]), np.array([1.0, 3.0, -2.0, 0.0])),
        pattern=REGION,
    ),
    _plant(
        "product: the output divided by the factor, which is zero",
        _product,
        lambda x, d: (d[:, None] * x.prod(-1, keepdims=True) / x,),
        _product_right,
        lambda rng: (np.array([[2.0, 0.0, 3.0], [1.0, -2.0, 0.5], [1.5, 0.7, -1.0]]),),
        pattern=REGION,
    ),
    _plant(
        "norm: zero by zero at the origin",
        _length,
        lambda x, d: (x * (d / jnp.sqrt(jnp.sum(x * x, -1)))[:, None],),
        _length_right,
        lambda rng: (np.array([[3.0, 4.0], [0.0, 0.0], [1.0, -2.0]]),),
        pattern=REGION,
    ),
    # Norms.
    _plant(
        "norm: not divided by the norm",
        _norm,
        lambda r, d: (r[0] * (d * r[1])[:, None],),
        _norm_right,
        _MATRIX,
    ),
    _plant(
        "norm: epsilon outside of the root",
        _norm,
        lambda r, d: (r[0] * (d / (jnp.sqrt(r[1] ** 2 - _EPSILON) + _EPSILON))[:, None],),
        _norm_right,
        _MATRIX,
    ),
    # Permutations.
    _plant(
        "sort: the cotangent stays in sorted order",
        lambda x: (jnp.sort(x), None),
        lambda _, d: (d,),
        None,
        _VECTOR,
        pattern=PERMUTED,
    ),
    _plant(
        "sort: the permutation for its inverse",
        _sort,
        lambda order, d: (d[order],),
        _sort_right,
        _VECTOR,
        pattern=PERMUTED,
    ),
    _plant(
        "transpose: the permutation of axes for its inverse",
        lambda x: (jnp.transpose(x, (1, 2, 0)), None),
        lambda _, d: (jnp.transpose(d, (1, 2, 0)),),
        lambda _, d: (jnp.transpose(d, (2, 0, 1)),),
        together(normal(3, 3, 3)),
        pattern=PERMUTED,
    ),
)
