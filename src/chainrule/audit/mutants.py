"""Rules that are wrong on purpose: an audit that lets one of them through is worth nothing.

Each has one mistake that people really make. ``caught_by`` names the check that must find it first; the checks run in
their usual order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from chainrule import ops
from chainrule.audit.cases.draw import normal, together
from chainrule.audit.checks import (
    AUTODIFF,
    CHECKS,
    FLOAT32,
    JIT,
    PRIMAL,
    PURE,
    RESIDUALS,
    RETRACE,
    STRUCTURE,
    VMAP,
    check_extremes,
    run_checks,
)
from chainrule.audit.inputs import Inputs
from chainrule.audit.report import Check
from chainrule.audit.run import in_threads
from chainrule.compose import Chain, Parallel, chain, parallel, residual
from chainrule.layers import Dense
from chainrule.rule import Rule, Static, rule

__all__ = ["MUTANTS", "Mutant", "check_mutants", "first_failure"]


@dataclass(frozen=True)
class Mutant:
    """A wrong rule.

    Attributes:
        name: the rule, and what is wrong with it.
        rule: the wrong rule.
        make: draws its arguments.
        caught_by: the first check that must fail.
        reference: the independent answer, where the forward pass is wrong.
        static: its static arguments.
    """

    name: str
    rule: Rule
    make: Callable[[np.random.Generator], tuple[Any, ...]]
    caught_by: str = AUTODIFF
    reference: Callable[..., Any] | None = None
    static: dict[str, Any] = field(default_factory=dict)


def first_failure(mutant: Mutant, seed: int = 0) -> Check | None:
    """The first check that a wrong rule fails, or None if it passes them all."""
    inputs = Inputs(
        mutant.rule, mutant.make(np.random.default_rng(seed)), mutant.static, mutant.reference, "planted", seed
    )
    for check in run_checks(inputs, (*CHECKS, check_extremes)):
        if not check.ok:
            return check
    return None


def check_mutants(chosen: list[Mutant], seed: int = 0) -> Iterator[tuple[Mutant, Check | None]]:
    """Put wrong rules through the checks side by side, and yield each with the first check that it fails."""
    yield from in_threads(lambda mutant: (mutant, first_failure(mutant, seed)), chosen)


MUTANTS: list[Mutant] = []

_MATRIX = together(normal(4, 3))
_SQUARE = together(normal(4, 3), normal(3, 3), normal(3))  # a square weight hides a missing transpose from the shapes


def _plant(
    name: str,
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    make: Callable[..., Any] = _MATRIX,
    caught_by: str = AUTODIFF,
    **options: Any,
) -> None:
    wrong = rule(forward)
    wrong.defbackward(backward)
    MUTANTS.append(Mutant(name, wrong, make, caught_by, **options))


# --- Elementwise -------------------------------------------------------------------------------------------------------


def _tanh(x: Array) -> Any:
    y = jnp.tanh(x)
    return y, y


def _leaky(x: Array, *, negative_slope: float = 0.2) -> Any:
    return jnp.where(x <= 0, negative_slope * x, x), x


def _another(x: Array) -> Any:
    return ops.gelu_tanh.forward(x)


def _another_backward(x: Array, d_output: Array) -> Any:
    return ops.gelu_tanh.backward(x, d_output)


_plant("tanh: the square is dropped", _tanh, lambda y, d: (d * (1 - y),))
_plant("tanh: a factor of 2", _tanh, lambda y, d: (2 * d * (1 - y * y),))
_plant("tanh: the sign", _tanh, lambda y, d: (-d * (1 - y * y),))
_plant("tanh: the cotangent is left out", _tanh, lambda y, d: (1 - y * y + 0 * d,))
_plant("tanh: the cotangent is clipped", _tanh, lambda y, d: (jnp.clip(d, -5, 5) * (1 - y * y),))
_plant("tanh: off by a millionth", _tanh, lambda y, d: (d * (1 - y * y) * (1 + 1e-6),))
_plant(
    "tanh: the last element is left out",
    _tanh,
    lambda y, d: ((d * (1 - y * y)).at[-1, -1].set(0),),
)
_plant("tanh: rounded to float32", _tanh, lambda y, d: (_through(jnp.float32, d * (1 - y * y)),))
_plant("tanh: float32 cotangent", _tanh, lambda y, d: ((d * (1 - y * y)).astype(jnp.float32),), caught_by=STRUCTURE)
_plant("tanh: right for negative x alone", _tanh, lambda y, d: (jnp.where(y < 0, d * (1 - y * y), d),))
_plant("tanh: divided by the batch", _tanh, lambda y, d: (d * (1 - y * y) / y.shape[0],))
_plant(
    "leaky_relu: the slope is fixed",
    _leaky,
    lambda x, d, *, negative_slope: (jnp.where(x <= 0, 0.01 * d, d),),
)
_plant("relu: passes everything", lambda x: (jnp.maximum(x, 0), None), lambda _, d: (d,))
_plant(
    "relu: slope 1 at the kink",
    lambda x: (jnp.where(x <= 0, 0.0 * x, x), x),
    lambda x, d: (jnp.where(x >= 0, d, 0),),
    lambda rng: (np.array([0.0, 1.0, -1.0]),),
)
_plant(
    "silu: the second term of the product rule is dropped",
    lambda x: (x * lax.logistic(x), x),
    lambda x, d: (d * lax.logistic(x),),
)
_plant(
    "gelu: the forward pass is another function",
    _another,
    _another_backward,
    caught_by=PRIMAL,
    reference=lambda x: np.asarray(ops.gelu(jnp.asarray(x))),
)
_plant(
    "softplus: the exponential overflows in float32",
    lambda x: (jnp.log(1 + jnp.exp(x)), x),
    lambda x, d: (d * jnp.exp(x) / (1 + jnp.exp(x)),),
    lambda rng: (np.array([[100.0, -1.0, 2.0]]),),
    FLOAT32,
)
_plant(
    "tanh: the cotangent is squared, keeping its sign",
    _tanh,
    lambda y, d: (d * jnp.abs(d) * (1 - y * y),),
)


def _through(dtype: Any, x: Array) -> Array:
    return x.astype(dtype).astype(x.dtype)


# --- Affine: transposes, sums, means -----------------------------------------------------------------------------------


def _affine(x: Array, weight: Array, bias: Array) -> Any:
    return x @ weight + bias, (x, weight)


_plant("affine: W for W^T", _affine, lambda r, d: (d @ r[1], r[0].T @ d, d.sum(0)), _SQUARE)
_plant("affine: dW transposed", _affine, lambda r, d: (d @ r[1].T, d.T @ r[0], d.sum(0)), _SQUARE)
_plant("affine: the mean for the sum", _affine, lambda r, d: (d @ r[1].T, r[0].T @ d, d.mean(0)), _SQUARE)
_plant("affine: dW divided by the batch", _affine, lambda r, d: (d @ r[1].T, r[0].T @ d / len(d), d.sum(0)), _SQUARE)
_plant("affine: the bias is not summed", _affine, lambda r, d: (d @ r[1].T, r[0].T @ d, d), _SQUARE, STRUCTURE)
_plant(
    "affine: the cotangents in another order",
    _affine,
    lambda r, d: (d @ r[1].T, d.sum(0), r[0].T @ d),
    _SQUARE,
    STRUCTURE,
)
_plant(
    "affine: a residual that is never read",
    lambda x, weight, bias: (x @ weight + bias, (x, weight, bias)),
    lambda r, d: (d @ r[1].T, r[0].T @ d, d.sum(0)),
    _SQUARE,
    RESIDUALS,
)
_plant(
    "affine: a stale residual",
    lambda x, weight, bias: (x @ weight + bias, (x + 1e-3, weight)),
    lambda r, d: (d @ r[1].T, r[0].T @ d, d.sum(0)),
    _SQUARE,
)

# --- Softmax and the losses --------------------------------------------------------------------------------------------


def _softmax(x: Array) -> Any:
    y = jax.nn.softmax(x, axis=-1)
    return y, y


def _log_softmax(x: Array) -> Any:
    y = jax.nn.log_softmax(x, axis=-1)
    return y, y


_plant("softmax: the diagonal only", _softmax, lambda y, d: (d * y * (1 - y),))
_plant("softmax: right for a cotangent of ones", _softmax, lambda y, d: (y * (d - d.mean(-1, keepdims=True)),))
_plant("softmax: the sum over the wrong axis", _softmax, lambda y, d: (y * (d - (d * y).sum(0, keepdims=True)),))
_plant("log_softmax: the sum is dropped", _log_softmax, lambda y, d: (d - jnp.exp(y) * d,))


def _cross_entropy(logits: Array, labels: Array) -> Any:
    log_p = jax.nn.log_softmax(logits, axis=-1)
    q = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    return -jnp.mean(jnp.sum(q * log_p, -1)), (jnp.exp(log_p), q)


_LABELLED = together(normal(4, 3), lambda rng: rng.integers(0, 3, size=4).astype(np.int32))
_PAIR = together(normal(4, 3), normal(4, 3))

_plant(
    "cross_entropy: the sum for the mean",
    _cross_entropy,
    lambda r, d: ((r[0] - r[1]) * d, None),
    _LABELLED,
)
_plant(
    "cross_entropy: zeros of integers for float0",
    _cross_entropy,
    lambda r, d: ((r[0] - r[1]) * (d / 4), jnp.zeros(4, jnp.int32)),
    _LABELLED,
    STRUCTURE,
)
_plant(
    "mean squared error: the factor of 2 is dropped",
    lambda p, t: (jnp.mean((p - t) ** 2), p - t),
    lambda e, d: (e * d / e.size, -e * d / e.size),
    _PAIR,
)
_plant(
    "mean squared error: the sign for the targets",
    lambda p, t: (jnp.mean((p - t) ** 2), p - t),
    lambda e, d: (2 * e * d / e.size, 2 * e * d / e.size),
    _PAIR,
)
_plant(
    "mean squared error: the mean over the rows alone",
    lambda p, t: (jnp.mean((p - t) ** 2), p - t),
    lambda e, d: (2 * e * d / len(e), -2 * e * d / len(e)),
    _PAIR,
)

# --- How a rule is built -----------------------------------------------------------------------------------------------

_plant(
    "tanh: a Python number among the residuals decides a branch",
    lambda x: (jnp.tanh(x), (x, True)),
    lambda r, d: (d * (1 - jnp.tanh(r[0]) ** 2) if r[1] else d,),
    caught_by=JIT,
)
_plant(
    "square: jax.vjp in the backward pass",
    lambda x: (x * x, x),
    lambda x, d: jax.vjp(lambda x: x * x, x)[1](d),
    caught_by=PURE,
)
_plant(
    "tanh: another slope under vmap",
    _tanh,
    lambda y, d: (d * (1 - y * y) * (1 if y.ndim == 2 and not _is_mapped(y) else 2),),
    caught_by=VMAP,
)


def _is_mapped(value: Array) -> bool:
    return type(value).__name__ == "BatchTracer"


class _Unequal(Rule):
    """A rule that is never equal to itself built again: each pullback is a new function to jit."""

    def forward(self, x: Array) -> Any:
        y = jnp.tanh(x)
        return y, (y, Static(object()))

    def backward(self, residuals: Any, d_output: Array) -> Any:
        return (d_output * (1 - residuals[0] ** 2),)


MUTANTS.append(Mutant("tanh: a pullback that is new to jit each time", _Unequal(), _MATRIX, RETRACE))

# --- Combinators -------------------------------------------------------------------------------------------------------


class _Forwards(Chain):
    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> Any:
        d_x, _ = d_output
        d_params = []
        for layer, layer_residuals in zip(self.layers, residuals, strict=True):
            d_layer, d_x, *_ = layer.backward(layer_residuals, (d_x, None), train=train)
            d_params.append(d_layer)
        return tuple(d_params), d_x, None, None


class _OneBranch(Parallel):
    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> Any:
        d_params, _, d_state, d_key = super().backward(residuals, d_output, train=train)
        d_x = self.layers[-1].backward(residuals[0][-1], (d_output[0], None), train=train)[1]
        return d_params, d_x, d_state, d_key


class _Reversed(Parallel):
    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> Any:
        return super().backward(residuals, (jnp.flip(d_output[0], -1), d_output[1]), train=train)


def _dense(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"weight": rng.normal(size=(3, 3)), "bias": rng.normal(size=3)}


_two = chain(Dense(3), ops.tanh, Dense(3))
_skip = residual(Dense(3))
_side = parallel(ops.tanh, ops.sigmoid, combine="concatenate")
MUTANTS += [
    Mutant(
        "chain: the pullbacks run forwards",
        _Forwards(_two.layers),
        lambda rng: ((_dense(rng), (), _dense(rng)), rng.normal(size=(4, 3))),
    ),
    Mutant(
        "residual: the shortcut's cotangent is not added",
        _OneBranch(_skip.layers, _skip.combine, _skip.axis),
        lambda rng: (((), _dense(rng)), rng.normal(size=(4, 3))),
    ),
    Mutant(
        "concatenate: the parts in another order",
        _Reversed(_side.layers, _side.combine, _side.axis),
        lambda rng: (((), ()), rng.normal(size=(4, 3))),
    ),
]
