"""Wrong chain rules: layers in the wrong order or left out, branches and shortcuts miscounted, parts split elsewhere."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from chainrule import ops
from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import FACTOR, SWAPPED
from chainrule.audit.mutants import wrappers
from chainrule.audit.mutants.mutant import Mutant, plant
from chainrule.compose import Chain, Parallel, chain, parallel, residual
from chainrule.layer import Layer
from chainrule.layers import Dense

__all__ = ["MUTANTS"]


class _Forwards(Chain):
    """The layers' backward functions from the first to the last."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> Any:
        d_x, _ = d_output
        d_params = []
        for layer, layer_residuals in zip(self.layers, residuals, strict=True):
            d_layer, d_x, *_ = layer.backward(layer_residuals, (d_x, None), train=train)
            d_params.append(d_layer)
        return tuple(d_params), d_x, None, None


class _OneSkipped(Chain):
    """The layer in the middle is skipped on the way back."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> Any:
        d_x, _ = d_output
        d_last, d_x, *_ = self.layers[2].backward(residuals[2], (d_x, None), train=train)
        d_first, d_x, *_ = self.layers[0].backward(residuals[0], (d_x, None), train=train)
        return (d_first, (), d_last), d_x, None, None


class _Unreversed(Chain):
    """The cotangents of the params stay in the order in which they were computed."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> Any:
        d_params, *others = super().backward(residuals, d_output, train=train)
        return (tuple(reversed(d_params)), *others)


class _OneBranch(Parallel):
    """x gets the last branch's cotangent alone."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> Any:
        d_params, _, d_state, d_key = super().backward(residuals, d_output, train=train)
        d_x = self.layers[-1].backward(residuals[0][-1], (d_output[0], None), train=train)[1]
        return d_params, d_x, d_state, d_key


class _ShortcutTwice(Parallel):
    """The shortcut's cotangent is added once more."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> Any:
        d_params, d_x, d_state, d_key = super().backward(residuals, d_output, train=train)
        return d_params, d_x + d_output[0], d_state, d_key


class _Shared(Parallel):
    """The branches share the cotangent between them, where each should get all of it."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> Any:
        return super().backward(residuals, (d_output[0] / len(self.layers), d_output[1]), train=train)


class _Reversed(Parallel):
    """The cotangent is taken apart from the other end."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> Any:
        return super().backward(residuals, (jnp.flip(d_output[0], -1), d_output[1]), train=train)


class _SplitElsewhere(Parallel):
    """The first part is taken one place too far to the right."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> Any:
        d_y = d_output[0]
        _, sizes = residuals
        first, total = sizes.value[0], d_y.shape[-1]
        parts = [lax.slice_in_dim(d_y, 1, first + 1, axis=-1), lax.slice_in_dim(d_y, first, total, axis=-1)]
        return super().backward(residuals, (jnp.concatenate(parts, -1), d_output[1]), train=train)


def _dense(rng: np.random.Generator, width: int = 3) -> dict[str, np.ndarray]:
    return {"weight": rng.normal(size=(3, width)), "bias": rng.normal(size=width)}


def _input(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(4, 3))


_TWO = chain(Dense(3), ops.tanh, Dense(3))
_SKIP = residual(Dense(3))
_SUM = parallel(Dense(3), ops.tanh)
_SIDE = parallel(ops.tanh, ops.sigmoid, combine="concatenate")
_WIDE = parallel(Dense(2), Dense(4), combine="concatenate")


def _two(rng: np.random.Generator) -> tuple[Any, ...]:
    return (_dense(rng), (), _dense(rng)), _input(rng)


def _mutant(name: str, wrong: Layer, right: Layer, make: Any, argument: int = 0, pattern: str = "") -> Mutant:
    return Mutant(name, wrong, make, "combinators", argument, pattern, right=right.backward)


def _of(kind: type[Parallel], like: Parallel) -> Parallel:
    return kind(like.layers, like.combine, like.axis)


def _twice(weight: Array, x: Array) -> Any:
    """The same weight in two layers: y = tanh(x W) W."""
    hidden = jnp.tanh(x @ weight)
    return hidden @ weight, (weight, x, hidden)


def _twice_backward(first: bool) -> Any:
    def backward(residuals: Any, d: Array) -> Any:
        weight, x, hidden = residuals
        d_inner = d @ weight.T * (1 - hidden**2)
        d_weight = hidden.T @ d
        return d_weight + x.T @ d_inner if first else d_weight, d_inner @ weight.T

    return backward


def _scan(weights: Array, x: Array) -> Any:
    """Layers that are alike, their weights stacked: h_l = tanh(h_{l-1} W_l)."""

    def layer(h: Array, weight: Array) -> Any:
        y = jnp.tanh(h @ weight)
        return y, (h, y)

    y, saved = lax.scan(layer, x, weights)
    return y, (weights, saved)


def _scan_backward(reverse: bool) -> Any:
    def backward(residuals: Any, d: Array) -> Any:
        weights, saved = residuals

        def layer(d_y: Array, now: Any) -> Any:
            weight, (h, y) = now
            d_a = d_y * (1 - y * y)
            return d_a @ weight.T, h.T @ d_a

        d_x, d_weights = lax.scan(layer, d, (weights, saved), reverse=reverse)
        return d_weights, d_x

    return backward


MUTANTS: tuple[Mutant, ...] = (
    _mutant("chain: the pullbacks run forwards", _Forwards(_TWO.layers), _TWO, _two),
    _mutant("chain: the layer in the middle is left out", _OneSkipped(_TWO.layers), _TWO, _two),
    _mutant(
        "chain: the params' cotangents in reverse order",
        _Unreversed(chain(Dense(3), Dense(3)).layers),
        chain(Dense(3), Dense(3)),
        lambda rng: ((_dense(rng), _dense(rng)), _input(rng)),
        0,
        SWAPPED,
    ),
    _mutant(
        "residual: the shortcut's cotangent is not added",
        _of(_OneBranch, _SKIP),
        _SKIP,
        lambda rng: (((), _dense(rng)), _input(rng)),
        1,
    ),
    _mutant(
        "residual: the shortcut's cotangent is added twice",
        _of(_ShortcutTwice, _SKIP),
        _SKIP,
        lambda rng: (((), _dense(rng)), _input(rng)),
        1,
    ),
    _mutant(
        "sum: the branches share the cotangent",
        _of(_Shared, _SUM),
        _SUM,
        lambda rng: ((_dense(rng), ()), _input(rng)),
        0,
        FACTOR,
    ),
    _mutant(
        "concatenate: the parts in another order",
        _of(_Reversed, _SIDE),
        _SIDE,
        lambda rng: (((), ()), _input(rng)),
        1,
    ),
    _mutant(
        "concatenate: split one place too far",
        _of(_SplitElsewhere, _WIDE),
        _WIDE,
        lambda rng: ((_dense(rng, 2), _dense(rng, 4)), _input(rng)),
    ),
    plant(
        "combinators",
        "tied weight: the first of its uses is forgotten",
        _twice,
        _twice_backward(first=False),
        _twice_backward(first=True),
        together(normal(3, 3), normal(4, 3)),
    ),
    plant(
        "combinators",
        "scan over layers: backwards from the first layer on",
        _scan,
        _scan_backward(reverse=False),
        _scan_backward(reverse=True),
        together(normal(3, 3, 3), normal(4, 3)),
    ),
    *wrappers.MUTANTS,
)
