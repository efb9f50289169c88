"""Transformations one after another: the updates of each are the gradients of the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chainrule.optim.optimizer import Optimizer

__all__ = ["Chain", "Pair", "as_optimizer", "chain"]


def chain(*transformations: Any) -> Chain:
    """Apply transformations in the order given: ``chain(clip_by_global_norm(1.0), adam(1e-3))``.

    ::

        u_0 = ∇,  u_i = update_i(u_{i-1}),  w ← w + u_n

    A transformation is one of this package, one of Optax, or a pair ``(init, update)``. A foreign pair is
    static configuration compared by the identity of its functions: build it once, outside what is compiled.
    The state is the tuple of the states. A chain of none hands the gradients through.

    Raises:
        ValueError: something that is no transformation; a state of another length.
    """
    return Chain(tuple(as_optimizer(f"chain: transformations[{i}]", each) for i, each in enumerate(transformations)))


def as_optimizer(where: str, transformation: Any) -> Optimizer:
    """Return an optimiser of this package as it is, and a foreign pair ``(init, update)`` as a :class:`Pair`.

    Raises:
        ValueError: something that is no transformation; ``where`` begins the message.
    """
    if isinstance(transformation, Optimizer):
        return transformation
    try:
        init, update = transformation
    except (TypeError, ValueError):
        init = update = None
    if not callable(init) or not callable(update):
        raise ValueError(f"{where} must be an optimiser, a pair (init, update), got {transformation!r}")
    return Pair(init, update)


@dataclass(frozen=True)
class Chain(Optimizer):
    """Transformations one after another; see :func:`chain`."""

    transformations: tuple[Optimizer, ...]

    def init(self, params: Any) -> tuple[Any, ...]:
        """The states of all, in order."""
        return tuple(each.init(params) for each in self.transformations)

    def update(self, grads: Any, state: Any, params: Any = None) -> tuple[Any, tuple[Any, ...]]:
        """One step through all, in order."""
        if not isinstance(state, tuple) or len(state) != len(self.transformations):
            found = f"{len(state)} states" if isinstance(state, tuple) else type(state).__name__
            raise ValueError(f"chain: state must be a tuple of {len(self.transformations)} states, got {found}")
        updates, states = grads, []
        for each, old in zip(self.transformations, state, strict=True):
            updates, new = each.update(updates, old, params)
            states.append(new)
        return updates, tuple(states)


@dataclass(frozen=True)
class Pair(Optimizer):
    """A pair of functions from elsewhere, Optax for one, as an optimiser; both are static."""

    init_function: Any
    update_function: Any

    def init(self, params: Any) -> Any:
        """What the pair's own init gives."""
        return self.init_function(params)

    def update(self, grads: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        """What the pair's own update gives."""
        return self.update_function(grads, state, params)
