"""Wrong derivatives of functions of each number on its own: slopes, kinks, cotangents that are bent or rounded."""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from chainrule import ops
from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import FACTOR, FEW, FLOAT32, NONLINEAR, REGION, ROUNDED, SIGN, SWAPPED
from chainrule.audit.mutants.mutant import Mutant, plant

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "elementwise")

_MATRIX = together(normal(4, 3))
_POSITIVE = together(lambda rng: rng.uniform(0.5, 2.0, size=(4, 3)))
_TWO = together(lambda rng: rng.uniform(0.5, 2.0, size=(4, 3)), lambda rng: rng.uniform(0.5, 2.0, size=(4, 3)))


def _tanh(x: Array) -> Any:
    y = jnp.tanh(x)
    return y, y


def _tanh_right(y: Array, d: Array) -> Any:
    return (d * (1 - y * y),)


def _through(dtype: Any, x: Array) -> Array:
    return x.astype(dtype).astype(x.dtype)


def _softplus(x: Array) -> Any:
    # log(1 + e^x), without overflow and without a kink at 0 for autodiff to stumble on.
    return jnp.where(x > 0, x, 0) + jnp.log1p(jnp.exp(jnp.where(x > 0, -x, x))), x


def _softplus_right(x: Array, d: Array) -> Any:
    return (d * lax.logistic(x),)


def _leaky(x: Array, *, negative_slope: float = 0.2) -> Any:
    return jnp.where(x <= 0, negative_slope * x, x), x


def _gelu(x: Array) -> Any:
    t = jnp.tanh(0.7978845608028654 * (x + 0.044715 * x**3))  # sqrt(2 / pi)
    return 0.5 * x * (1 + t), (x, t)


def _gelu_backward(cubic: float) -> Any:
    def backward(residuals: Any, d: Array) -> Any:
        x, t = residuals
        inner = 0.7978845608028654 * (1 + 3 * cubic * x * x)
        return (d * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner),)

    return backward


def _elu(x: Array) -> Any:
    y = jnp.where(x > 0, x, jnp.expm1(jnp.minimum(x, 0)))
    return y, y


def _root(x: Array) -> Any:
    return jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1)), 0), x


def _root_right(x: Array, d: Array) -> Any:
    return (jnp.where(x > 0, d / (2 * jnp.sqrt(jnp.where(x > 0, x, 1))), 0),)


def _versine(x: Array) -> Any:
    return 2 * (jnp.sin(x / 2) / x) ** 2, x  # (1 - cos x) / x^2 without its cancellation


def _versine_right(x: Array, d: Array) -> Any:
    sine = jnp.sin(x / 2)
    return (4 * d * sine * (jnp.cos(x / 2) * x / 2 - sine) / x**3,)


def _another_gelu(x: Array) -> Any:
    return ops.gelu_tanh.forward(x)


def _another_gelu_backward(x: Array, d_output: Array) -> Any:
    return ops.gelu_tanh.backward(x, d_output)


def _tanh_mutant(name: str, backward: Any, pattern: str = "", **fields: Any) -> Mutant:
    return _plant(f"tanh: {name}", _tanh, backward, _tanh_right, fields.pop("make", _MATRIX), pattern=pattern, **fields)


MUTANTS: tuple[Mutant, ...] = (
    # The slope.
    _tanh_mutant("the square is dropped", lambda y, d: (d * (1 - y),)),
    _tanh_mutant("a factor of 2", lambda y, d: (2 * d * (1 - y * y),), FACTOR),
    _tanh_mutant("the sign", lambda y, d: (-d * (1 - y * y),), SIGN),
    _tanh_mutant("divided by the batch", lambda y, d: (d * (1 - y * y) / y.shape[0],), FACTOR),
    _tanh_mutant("off by a millionth", lambda y, d: (d * (1 - y * y) * (1 + 1e-6),), FACTOR),
    _plant(
        "sqrt: the factor of a half is dropped",
        lambda x: (jnp.sqrt(x),) * 2,
        lambda y, d: (d / y,),
        lambda y, d: (d / (2 * y),),
        _POSITIVE,
        pattern=FACTOR,
    ),
    _plant(
        "exp: the power rule",
        lambda x: (jnp.exp(x), x),
        lambda x, d: (d * x * jnp.exp(x - 1),),
        lambda x, d: (d * jnp.exp(x),),
        _MATRIX,
    ),
    _plant(
        "sigmoid: the input where the output belongs",
        lambda x: (lax.logistic(x), x),
        lambda x, d: (d * x * (1 - x),),
        lambda x, d: (d * lax.logistic(x) * (1 - lax.logistic(x)),),
        _MATRIX,
    ),
    _plant(
        "silu: the second term of the product rule is dropped",
        lambda x: (x * lax.logistic(x), x),
        lambda x, d: (d * lax.logistic(x),),
        lambda x, d: (d * lax.logistic(x) * (1 + x * (1 - lax.logistic(x))),),
        _MATRIX,
    ),
    _plant(
        "gelu: a constant with three digits",
        _gelu,
        _gelu_backward(cubic=0.0447),
        _gelu_backward(cubic=0.044715),
        _MATRIX,
    ),
    _plant(
        "gelu: the forward pass is another function",
        _another_gelu,
        _another_gelu_backward,
        None,
        _MATRIX,
        argument=None,
        caught_by="primal",
        reference=lambda x: np.asarray(ops.gelu(jnp.asarray(x))),
    ),
    _plant(
        "log: without the epsilon of the forward pass",
        lambda x: (jnp.log(x + 1e-3), x),
        lambda x, d: (d / x,),
        lambda x, d: (d / (x + 1e-3),),
        _POSITIVE,
    ),
    # Two arguments.
    _plant(
        "multiply: the cotangents of x and y are exchanged",
        lambda x, y: (x * y, (x, y)),
        lambda r, d: (d * r[0], d * r[1]),
        lambda r, d: (d * r[1], d * r[0]),
        _TWO,
        pattern=SWAPPED,
    ),
    _plant(
        "divide: the sign for the divisor",
        lambda x, y: (x / y, (x, y)),
        lambda r, d: (d / r[1], d * r[0] / r[1] ** 2),
        lambda r, d: (d / r[1], -d * r[0] / r[1] ** 2),
        _TWO,
        argument=1,
        pattern=SIGN,
    ),
    # The cotangent, bent.
    _tanh_mutant("the cotangent is left out", lambda y, d: (1 - y * y + 0 * d,), NONLINEAR),
    _tanh_mutant("the cotangent is clipped", lambda y, d: (jnp.clip(d, -5, 5) * (1 - y * y),), NONLINEAR),
    _tanh_mutant("the cotangent is squared, keeping its sign", lambda y, d: (d * jnp.abs(d) * (1 - y * y),), NONLINEAR),
    _tanh_mutant("the cotangent is squared, its sign lost", lambda y, d: (d * d * (1 - y * y),), NONLINEAR),
    _tanh_mutant("the cotangent is rectified", lambda y, d: (jnp.maximum(d, 0) * (1 - y * y),), NONLINEAR),
    _tanh_mutant("the cotangent is rounded to integers", lambda y, d: (jnp.round(d) * (1 - y * y),), NONLINEAR),
    # Rounded.
    _tanh_mutant("rounded to float32", lambda y, d: (_through(jnp.float32, d * (1 - y * y)),), ROUNDED),
    _tanh_mutant("rounded to bfloat16", lambda y, d: (_through(jnp.bfloat16, d) * (1 - y * y),), ROUNDED),
    _tanh_mutant(
        "float32 cotangent",
        lambda y, d: ((d * (1 - y * y)).astype(jnp.float32),),
        caught_by="tree, shape, dtype",
    ),
    # A few elements.
    _tanh_mutant("the last element is left out", lambda y, d: ((d * (1 - y * y)).at[-1, -1].set(0),), FEW),
    _tanh_mutant(
        "one element among 4096 is left out",
        lambda y, d: ((d * (1 - y * y)).at[37, 11].set(0),),
        FEW,
        make=together(normal(64, 64)),
    ),
    # Some values of the input: a region, a kink.
    _tanh_mutant("right for negative x alone", lambda y, d: (jnp.where(y < 0, d * (1 - y * y), d),), REGION),
    _plant(
        "leaky_relu: the slope is fixed",
        _leaky,
        lambda x, d, *, negative_slope: (jnp.where(x <= 0, 0.01 * d, d),),
        lambda x, d, *, negative_slope: (jnp.where(x <= 0, negative_slope * d, d),),
        _MATRIX,
        pattern=REGION,
    ),
    _plant(
        "elu: the exponential loses its 1 for negative inputs",
        _elu,
        lambda y, d: (jnp.where(y > 0, d, d * y),),
        lambda y, d: (jnp.where(y > 0, d, d * (y + 1)),),
        _MATRIX,
        pattern=REGION,
    ),
    _plant(
        "softplus: slope 1 above a threshold of 2",
        _softplus,
        lambda x, d: (jnp.where(x > 2, d, d * lax.logistic(x)),),
        _softplus_right,
        _MATRIX,
        pattern=REGION,
    ),
    _plant(
        "relu: passes everything",
        lambda x: (jnp.maximum(x, 0),) * 2,
        lambda y, d: (jnp.where(y >= 0, d, 0),),
        lambda y, d: (jnp.where(y > 0, d, 0),),
        _MATRIX,
        pattern=REGION,
    ),
    _plant(
        "relu: slope 1 at the kink",
        lambda x: (jnp.where(x <= 0, 0.0 * x, x), x),
        lambda x, d: (jnp.where(x >= 0, d, 0),),
        lambda x, d: (jnp.where(x > 0, d, 0),),
        lambda rng: (np.array([0.0, 1.0, -1.0]),),
        pattern=REGION,
    ),
    _plant(
        "abs: slope 2 at the kink",
        lambda x: (jnp.abs(x), x),
        lambda x, d: (jnp.where(x >= 0, d, 0) + jnp.where(x <= 0, jnp.where(x == 0, d, -d), 0),),
        lambda x, d: (jnp.where(x >= 0, d, -d),),
        lambda rng: (np.array([0.0, 1.0, -1.0]),),
        pattern=REGION,
    ),
    _plant(
        "sqrt: NaN where the root is masked",
        _root,
        lambda x, d: (jnp.where(x > 0, d, 0) / (2 * jnp.sqrt(x)),),
        _root_right,
        lambda rng: (np.array([-1.0, 1.0, 2.0]),),
        pattern=REGION,
    ),
    # Right in float64.
    _plant(
        "softplus: the exponential overflows in float32",
        _softplus,
        lambda x, d: (d * jnp.exp(x) / (1 + jnp.exp(x)),),
        _softplus_right,
        lambda rng: (np.array([[100.0, -1.0, 2.0]]),),
        pattern=FLOAT32,
    ),
    _plant(
        "versine: 1 - cos x cancels in float32",
        _versine,
        lambda x, d: (d * (x * jnp.sin(x) - 2 * (1 - jnp.cos(x))) / x**3,),
        _versine_right,
        lambda rng: (rng.uniform(0.05, 0.1, size=(4, 3)),),
        pattern=FLOAT32,
    ),
)
