"""Rules that are built wrong: residuals, dtypes, trees, hidden state, and what a compiled program makes of them."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import ROUNDED, VMAP
from chainrule.audit.mutants.mutant import Mutant, plant
from chainrule.rule import Rule, Static

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "construction")

_MATRIX = together(normal(4, 3))


def _tanh(x: Array) -> Any:
    y = jnp.tanh(x)
    return y, y


def _tanh_right(y: Array, d: Array) -> Any:
    return (d * (1 - y * y),)


def _is_mapped(value: Array) -> bool:
    return type(value).__name__ == "BatchTracer"


def _saved_in(dtype: Any) -> Any:
    def forward(x: Array) -> Any:
        y = jnp.tanh(x)
        return y, y.astype(dtype)

    return forward


def _widened(y: Array, d: Array) -> Any:
    return _tanh_right(y.astype(d.dtype), d)


def _scale_shift(params: dict[str, Array], x: Array) -> Any:
    return params["scale"] * x + params["shift"], (params["scale"], x)


def _scale_shift_right(residuals: Any, d: Array) -> Any:
    scale, x = residuals
    return {"scale": (d * x).sum(0), "shift": d.sum(0)}, d * scale


def _params(rng: np.random.Generator) -> tuple[Any, ...]:
    return {"scale": rng.normal(size=3), "shift": rng.normal(size=3)}, rng.normal(size=(4, 3))


class _Unequal(Rule):
    """A rule that is never equal to itself built again: each pullback is a new function to jit."""

    def forward(self, x: Array) -> Any:
        y = jnp.tanh(x)
        return y, (y, Static(object()))

    def backward(self, residuals: Any, d_output: Array) -> Any:
        return (d_output * (1 - residuals[0] ** 2),)


class _Counting(Rule):
    """A rule that counts how often its backward function is traced, and halves the cotangent every other time."""

    def __init__(self) -> None:
        self.calls = itertools.count()

    def forward(self, x: Array) -> Any:
        return _tanh(x)

    def backward(self, y: Array, d_output: Array) -> Any:
        return (d_output * (1 - y * y) * (1 if next(self.calls) % 2 == 0 else 0.5),)


MUTANTS: tuple[Mutant, ...] = (
    # Residuals.
    _plant(
        "tanh: a Python number among the residuals decides a branch",
        lambda x: (jnp.tanh(x), (x, True)),
        lambda r, d: (d * (1 - jnp.tanh(r[0]) ** 2) if r[1] else d,),
        None,
        _MATRIX,
        argument=None,
        caught_by="jit",
    ),
    _plant(
        "reshape: the shape among the residuals",
        lambda x: (2 * x.reshape(-1), x.shape),
        lambda shape, d: (2 * d.reshape(shape),),
        None,
        _MATRIX,
        argument=None,
        caught_by="jit",
    ),
    _plant("tanh: the residual in float16", _saved_in(jnp.float16), _widened, None, _MATRIX, pattern=ROUNDED),
    _plant("tanh: the residual in bfloat16", _saved_in(jnp.bfloat16), _widened, None, _MATRIX, pattern=ROUNDED),
    _plant(
        "square: a residual in a dictionary is never read",
        lambda x: (x * x, {"x": x, "y": x * x}),
        lambda r, d: (2 * r["x"] * d,),
        None,
        _MATRIX,
        argument=None,
        caught_by="residuals used",
    ),
    # Dtypes and trees.
    _plant(
        "scaled tanh: a NumPy constant promotes the cotangent",
        lambda x: (float(np.sqrt(2 / np.pi)) * jnp.tanh(x), jnp.tanh(x)),
        lambda y, d: (np.sqrt(2 / np.pi) * d * (1 - y * y),),
        lambda y, d: (float(np.sqrt(2 / np.pi)) * d * (1 - y * y),),
        _MATRIX,
        caught_by="float32",
    ),
    _plant(
        "floor: weakly typed zeros",
        lambda x, y: (x + jnp.floor(y), Static(y.shape)),
        lambda shape, d: (d, jnp.full(shape.value, 0.0)),
        lambda shape, d: (d, jnp.zeros(shape.value, d.dtype)),
        together(normal(4, 3), normal(4, 3)),
        argument=1,
        caught_by="tree, shape, dtype",
    ),
    _plant(
        "scale and shift: the cotangent of a dictionary as a tuple",
        _scale_shift,
        lambda r, d: (((d * r[1]).sum(0), d.sum(0)), d * r[0]),
        _scale_shift_right,
        _params,
        caught_by="tree, shape, dtype",
    ),
    _plant(
        "scale and shift: None for a leaf of floating point",
        _scale_shift,
        lambda r, d: ({"scale": (d * r[1]).sum(0), "shift": None}, d * r[0]),
        _scale_shift_right,
        _params,
        caught_by="tree, shape, dtype",
    ),
    _plant(
        "mean: a scalar for the cotangent of an array",
        lambda x: (jnp.mean(x), Static(x.shape)),
        lambda shape, d: (d / np.prod(shape.value).item(),),
        lambda shape, d: (jnp.full(shape.value, d / np.prod(shape.value).item()),),
        _MATRIX,
        caught_by="tree, shape, dtype",
    ),
    # What a transformation, or a second call, makes of it.
    _plant(
        "square: jax.vjp in the backward pass",
        lambda x: (x * x, x),
        lambda x, d: jax.vjp(lambda x: x * x, x)[1](d),
        lambda x, d: (2 * x * d,),
        _MATRIX,
        argument=None,
        caught_by="no JAX derivative",
    ),
    _plant(
        "tanh: another slope under vmap",
        _tanh,
        lambda y, d: (d * (1 - y * y) * (1 if y.ndim == 2 and not _is_mapped(y) else 2),),
        _tanh_right,
        _MATRIX,
        pattern=VMAP,
        caught_by="vmap",
    ),
    _plant(
        "tanh: NumPy in the backward pass",
        _tanh,
        lambda y, d: (d * (1 - np.asarray(y) ** 2),),
        _tanh_right,
        _MATRIX,
    ),
    Mutant(
        "tanh: a pullback that is new to jit each time",
        _Unequal(),
        _MATRIX,
        "construction",
        argument=None,
        caught_by="no retrace",
    ),
    Mutant("tanh: another answer at the second call", _Counting(), _MATRIX, "construction", right=_tanh_right),
)
