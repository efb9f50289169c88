"""Wrong derivatives of products with matrices and of broadcasting: transposes, sums over an axis, leaves of params."""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
from jax import Array

from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import BATCH, FACTOR, SQUARE, SWAPPED, TRANSPOSED, ZERO
from chainrule.audit.mutants.mutant import Mutant, plant

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "affine")

_SQUARE = together(normal(4, 3), normal(3, 3), normal(3))  # a square weight hides a missing transpose from the shapes


def _affine(x: Array, weight: Array, bias: Array) -> Any:
    return x @ weight + bias, (x, weight)


def _affine_right(residuals: Any, d: Array) -> Any:
    x, weight = residuals
    return d @ weight.T, x.T @ d, d.sum(0)


def _chunked(x: Array, d: Array) -> Array:
    """x^T d in chunks of 4 rows, without the rows that are left over."""
    whole = len(x) // 4 * 4
    chunks = x[:whole].reshape(-1, 4, x.shape[1]), d[:whole].reshape(-1, 4, d.shape[1])
    return jnp.einsum("cni,cno->io", *chunks)


def _reshaped(x: Array, d: Array) -> Array:
    transposed = d.T @ x
    return transposed.T if x.shape[1] == d.shape[1] else transposed.reshape(x.shape[1], d.shape[1])


def _scale_shift(params: dict[str, Array], x: Array) -> Any:
    return params["scale"] * x + params["shift"], (params["scale"], x)


def _scale_shift_right(residuals: Any, d: Array) -> Any:
    scale, x = residuals
    return {"scale": (d * x).sum(0), "shift": d.sum(0)}, d * scale


def _big_and_small(params: dict[str, Array], x: Array) -> Any:
    return {"large": 1e6 * params["big"] * x, "little": 1e-6 * params["small"] * jnp.cos(x)}, (params, x)


def _big_and_small_backward(factor: float) -> Any:
    def backward(residuals: Any, d: dict[str, Array]) -> Any:
        params, x = residuals
        large, little = 1e6 * d["large"], 1e-6 * d["little"]
        d_params = {"big": (large * x).sum(0), "small": factor * (little * jnp.cos(x)).sum(0)}
        return d_params, large * params["big"] - little * params["small"] * jnp.sin(x)

    return backward


def _affine_mutant(name: str, backward: Any, argument: int | None, pattern: str = "", **fields: Any) -> Mutant:
    make = fields.pop("make", _SQUARE)
    fields = {"argument": argument, "pattern": pattern, **fields}
    return _plant(f"affine: {name}", _affine, backward, _affine_right, make, **fields)


MUTANTS: tuple[Mutant, ...] = (
    # Transposes.
    _affine_mutant("W for W^T", lambda r, d: (d @ r[1], r[0].T @ d, d.sum(0)), 0, TRANSPOSED),
    _affine_mutant("dW transposed", lambda r, d: (d @ r[1].T, d.T @ r[0], d.sum(0)), 1, TRANSPOSED),
    _affine_mutant(
        "dW reshaped where it should be transposed",
        lambda r, d: (d @ r[1].T, (d.T @ r[0]).reshape(r[1].shape), d.sum(0)),
        1,
        TRANSPOSED,
        make=together(normal(4, 3), normal(3, 5), normal(5)),
    ),
    _affine_mutant(
        "dW transposed for a square weight, reshaped for others",
        lambda r, d: (d @ r[1].T, _reshaped(r[0], d), d.sum(0)),
        1,
        SQUARE,
    ),
    _plant(
        "matmul: the cotangents of the factors are exchanged",
        lambda a, b: (a @ b, (a, b)),
        lambda r, d: (r[0].T @ d, d @ r[1].T),
        lambda r, d: (d @ r[1].T, r[0].T @ d),
        together(normal(3, 3), normal(3, 3)),
        pattern=SWAPPED,
    ),
    # Factors.
    _affine_mutant("the mean for the sum", lambda r, d: (d @ r[1].T, r[0].T @ d, d.mean(0)), 2, FACTOR),
    _affine_mutant("dW divided by the batch", lambda r, d: (d @ r[1].T, r[0].T @ d / len(d), d.sum(0)), 1, FACTOR),
    _affine_mutant(
        "dx divided by the number of features", lambda r, d: (d @ r[1].T / len(r[1]), r[0].T @ d, d.sum(0)), 0, FACTOR
    ),
    _plant(
        "add: one of the terms gets nothing",
        lambda x, y: (x + y, None),
        lambda _, d: (d, jnp.zeros_like(d)),
        lambda _, d: (d, d),
        together(normal(4, 3), normal(4, 3)),
        argument=1,
        pattern=ZERO,
    ),
    # One batch.
    _affine_mutant(
        "the batch is written into the code", lambda r, d: (d @ r[1].T, r[0].T @ d, 4 * d.mean(0)), 2, BATCH
    ),
    _affine_mutant(
        "the rows beyond a whole number of chunks are dropped",
        lambda r, d: (d @ r[1].T, _chunked(r[0], d), d.sum(0)),
        1,
        BATCH,
    ),
    _affine_mutant(
        "the mean from a batch of 8 on",
        lambda r, d: (d @ r[1].T, r[0].T @ d, d.mean(0) if len(d) >= 8 else d.sum(0)),
        2,
        BATCH,
    ),
    _affine_mutant(
        "a batch of 1 gets no bias gradient",
        lambda r, d: (d @ r[1].T, r[0].T @ d, d.sum(0) if len(d) > 1 else 0 * d[0]),
        2,
        BATCH,
    ),
    # Sums over broadcast axes.
    _affine_mutant(
        "the bias is not summed", lambda r, d: (d @ r[1].T, r[0].T @ d, d), 2, caught_by="tree, shape, dtype"
    ),
    _affine_mutant(
        "the bias is summed over the features",
        lambda r, d: (d @ r[1].T, r[0].T @ d, d.sum(1)),
        2,
        make=together(normal(3, 3), normal(3, 3), normal(3)),
    ),
    _plant(
        "multiply: a broadcast factor takes the first row",
        lambda x, scale: (x * scale, (x, scale)),
        lambda r, d: (d * r[1], (d * r[0])[0]),
        lambda r, d: (d * r[1], (d * r[0]).sum(0)),
        together(normal(4, 3), normal(3)),
        argument=1,
    ),
    _plant(
        "add: a broadcast column is summed like a row",
        lambda x, column: (x + column, None),
        lambda _, d: (d, d.sum(0)[:, None]),
        lambda _, d: (d, d.sum(1)[:, None]),
        together(normal(3, 3), normal(3, 1)),
        argument=1,
    ),
    # Order, residuals, leaves of params.
    _affine_mutant(
        "the cotangents in another order",
        lambda r, d: (d @ r[1].T, d.sum(0), r[0].T @ d),
        1,
        SWAPPED,
        caught_by="tree, shape, dtype",
    ),
    _plant(
        "affine: a residual that is never read",
        lambda x, weight, bias: (x @ weight + bias, (x, weight, bias)),
        lambda r, d: (d @ r[1].T, r[0].T @ d, d.sum(0)),
        None,
        _SQUARE,
        argument=None,
        caught_by="residuals used",
    ),
    _plant(
        "affine: a stale residual",
        lambda x, weight, bias: (x @ weight + bias, (x + 1e-3, weight)),
        _affine_right,
        None,
        _SQUARE,
        argument=1,
    ),
    _plant(
        "scale and shift: two leaves of params are exchanged",
        _scale_shift,
        lambda r, d: ({"scale": d.sum(0), "shift": (d * r[1]).sum(0)}, d * r[0]),
        _scale_shift_right,
        lambda rng: ({"scale": rng.normal(size=3), "shift": rng.normal(size=3)}, rng.normal(size=(4, 3))),
        pattern=SWAPPED,
    ),
    _plant(
        "params: a tiny leaf beside a dominant one is off by 2",
        _big_and_small,
        _big_and_small_backward(2.0),
        _big_and_small_backward(1.0),
        lambda rng: ({"big": rng.normal(size=3), "small": rng.normal(size=3)}, rng.normal(size=(4, 3))),
        pattern=FACTOR,
    ),
)
