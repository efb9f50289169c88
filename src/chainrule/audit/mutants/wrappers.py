"""Wrong combinators of one layer: shared, repeated in depth or time, and run a second time with other random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule import ops
from chainrule.audit.mutants.mutant import Mutant
from chainrule.compose import chain, identity, remat, repeat, scan, tie, transpose
from chainrule.compose.depth import Repeat
from chainrule.compose.remat import Remat
from chainrule.compose.tie import Tied
from chainrule.compose.time import Scan
from chainrule.layer import Layer
from chainrule.layers import Dense

__all__ = ["MUTANTS"]


class _Untransposed(Tied):
    """The cotangent of the second use is added as it is."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        return Tied(self.layer, self.shares, identity).backward(residuals, d_output, train=train)


class _SumOfLayers(Repeat):
    """Every block gets the sum of all blocks' gradients, as if they shared their params."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        d_params, *others = super().backward(residuals, d_output, train=train)
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf.sum(0), leaf.shape), d_params), *others


class _Assigned(Scan):
    """The params' cotangents are assigned at each step on the way back: those of the first step are left."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        d_y, d_state = d_output
        _, *others = super().backward(residuals, d_output, train=train)
        d_first = jnp.zeros_like(d_y).at[:, 0].set(d_y[:, 0])
        return super().backward(residuals, (d_first, d_state), train=train)[0], *others


class _LastOutput(Scan):
    """The cotangent of the last output alone goes back."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        d_y, d_state = d_output
        d_last = jnp.zeros_like(d_y).at[:, -1].set(d_y[:, -1])
        return super().backward(residuals, (d_last, d_state), train=train)


class _Redrawn(Remat):
    """The second run draws by another seed."""

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        kept, saved, plan = residuals
        again = [leaf + 1 if jnp.issubdtype(leaf.dtype, jnp.integer) else leaf for leaf in kept]
        return super().backward((again, saved, plan), d_output, train=train)


@dataclass(frozen=True)
class _HalfDropped(Layer):
    """y = 2 tanh(x) or 0, by chance; the key is a seed."""

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        # Drawn in float32 whatever the dtype of x, so that the same numbers are dropped in every dtype.
        kept = jax.random.uniform(jax.random.key(key), x.shape, jnp.float32) < 0.5
        h = jnp.tanh(x)
        return (jnp.where(kept, 2 * h, 0), state), (kept, h)

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        (kept, h), (d_y, d_state) = residuals, d_output
        return (), jnp.where(kept, 2 * d_y * (1 - h * h), 0), d_state, None


_TIED = tie(
    chain(Dense(3, bias=False), ops.tanh, Dense(3, bias=False)),
    {(2, "weight"): (0, "weight")},
    transform=transpose,
)
_DEEP = repeat(chain(Dense(3), ops.tanh), 3)
_LONG = scan(chain(Dense(2), ops.tanh))
_AGAIN = remat(_HalfDropped())


def _tied(rng: np.random.Generator) -> tuple[Any, ...]:
    return ({"weight": rng.normal(size=(3, 3))}, (), {"weight": None}), rng.normal(size=(4, 3))


def _deep(rng: np.random.Generator) -> tuple[Any, ...]:
    return ({"weight": rng.normal(size=(3, 3, 3)), "bias": rng.normal(size=(3, 3))}, ()), rng.normal(size=(4, 3))


def _long(rng: np.random.Generator) -> tuple[Any, ...]:
    return ({"weight": rng.normal(size=(3, 2)), "bias": rng.normal(size=2)}, ()), rng.normal(size=(4, 5, 3))


def _seeded(rng: np.random.Generator) -> tuple[Any, ...]:
    return (), rng.normal(size=(6, 5)), None, np.array(rng.integers(0, 1000), np.int32)


def _mutant(name: str, wrong: Layer, right: Layer, make: Any, argument: int = 0) -> Mutant:
    return Mutant(name, wrong, make, "combinators", argument, right=right.backward)


MUTANTS: tuple[Mutant, ...] = (
    _mutant(
        "tie: the second use's cotangent is not transposed back",
        _Untransposed(_TIED.layer, _TIED.shares, _TIED.transform),
        _TIED,
        _tied,
    ),
    _mutant("repeat: the gradients are summed over the blocks", _SumOfLayers(_DEEP.layer, _DEEP.depth), _DEEP, _deep),
    _mutant("scan: the params' cotangents are assigned, not added", _Assigned(_LONG.layer), _LONG, _long),
    _mutant("scan: the last output's cotangent alone", _LastOutput(_LONG.layer), _LONG, _long),
    _mutant("remat: another mask in the second run", _Redrawn(_AGAIN.layer, _AGAIN.save), _AGAIN, _seeded, 1),
)
