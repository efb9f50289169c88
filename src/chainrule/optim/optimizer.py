"""What an optimiser is: a pair of pure functions over a frozen record of hyperparameters.

::

    init(params)                       -> state
    update(grads, state, params=None)  -> (updates, state)

The caller adds the updates, ``params = apply_updates(params, updates)``, so that w ← w + u with u = -η ∇L(w)
for the plainest of them. It is the contract of Optax, in both directions: an optimiser of this package stands
wherever an ``optax.GradientTransformation`` may stand (it also unpacks, ``init, update = adam(1e-3)``), and a
transformation of Optax stands inside :func:`chainrule.optim.chain`.

An optimiser is a pytree. Its learning rate, its weight decay and the thresholds of clipping are leaves: they
may be traced, another value compiles nothing anew, and many runs are trained side by side by ``jax.vmap``
over learning rates. Its other hyperparameters are part of its type when they are Python numbers, and leaves
when they are arrays.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import GetAttrKey

from chainrule.checks import describe, is_concrete
from chainrule.optim.leaves import require_alike, work_dtype

__all__ = ["Hyperparameters", "Optimizer", "apply_updates", "rate_at", "require", "require_rate"]


class Hyperparameters:
    """The base of frozen dataclasses whose fields are hyperparameters, and which are pytrees of them.

    A subclass is registered when it is defined. Each field is a child of the pytree or static:

    - static: a plain callable (a mask, a schedule of Optax), which must be hashable; and a Python number, bool or
      string, unless the field's name is in ``always_leaves``. Two records built alike have equal treedefs.
    - a child: everything else, so arrays, tracers, schedules of this package (which are pytrees themselves), and
      whatever value a field in ``always_leaves`` has.

    Building one from its leaves checks nothing: inside JAX the leaves may be anything, such as ``object()``.
    """

    always_leaves: ClassVar[frozenset[str]] = frozenset({"learning_rate", "weight_decay"})

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)

        def flatten_with_keys(record: Any) -> tuple[list[tuple[GetAttrKey, Any]], Any]:
            children, aux = _flatten(record)
            return [(GetAttrKey(name), child) for name, child in zip(aux[0], children, strict=True)], aux

        def unflatten(aux: Any, children: Any) -> Any:
            names, static = aux
            record = object.__new__(cls)
            for name, value in (*zip(names, children, strict=True), *static):
                object.__setattr__(record, name, value)
            return record

        jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, _flatten)


def _flatten(record: Any) -> tuple[list[Any], tuple[tuple[str, ...], tuple[tuple[str, Any], ...]]]:
    """Sort the fields: ``(children, (names of the children, names and values of the static fields))``."""
    names, children, static = [], [], []
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if _is_static(value, field.name in record.always_leaves):
            static.append((field.name, value))
        else:
            names.append(field.name)
            children.append(value)
    return children, (tuple(names), tuple(static))


def _is_static(value: Any, always_leaf: bool) -> bool:
    if callable(value):
        return jax.tree_util.all_leaves([value])  # a callable that is itself a pytree is a child
    return isinstance(value, (bool, int, float, str)) and not always_leaf


class Optimizer(Hyperparameters):
    """The base of every optimiser and gradient transformation. See the module's docstring for the contract.

    Subclasses are frozen dataclasses that give ``init`` and ``update``; the public way to make one is the
    factory function in lower case, which checks its arguments. Nothing is kept between calls but what is in
    the state.
    """

    def init(self, params: Any) -> Any:
        """Make the state for the first step from the params, any pytree of floating-point arrays."""
        raise TypeError(f"{type(self).__name__} defines no init")

    def update(self, grads: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        """Turn gradients into what is added to the params, and the state into that of the next step."""
        raise TypeError(f"{type(self).__name__} defines no update")

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        """Unpack as an ``optax.GradientTransformation`` does: ``init, update = optimizer``."""
        yield self.init
        yield self.update

    @property
    def name(self) -> str:
        """The name that messages use."""
        return type(self).__name__.lower()


def apply_updates(params: Any, updates: Any) -> Any:
    """Add the updates to the params: w ← w + u, each param keeping its dtype.

    ``updates`` has the tree and shapes of ``params``; a ValueError says where it has not. The sum is formed
    in float32 at the least, and rounded once.
    """
    require_alike("apply_updates", params, updates=updates)

    def add(p: Any, u: Any) -> jax.Array:
        work = work_dtype(p)
        return (jnp.asarray(p, work) + jnp.asarray(u, work)).astype(jnp.result_type(p))

    return jax.tree.map(add, params, updates)


def rate_at(where: str, learning_rate: Any, count: jax.Array, dtype: Any) -> jax.Array:
    """The learning rate η of the step that ``count`` updates went before: the first step is step 0.

    Raises ValueError unless it is a scalar: an array of learning rates would be broadcast over the params.
    """
    rate = learning_rate(count) if callable(learning_rate) else learning_rate
    if np.shape(rate) != ():
        raise ValueError(
            f"{where}: learning_rate must be a scalar in update, got {describe(rate)}; "
            f"map over several learning rates with jax.vmap"
        )
    return jnp.asarray(rate, dtype)


# ------------------------------------------------------------------------------------------------------------
# Errors at the door. Tracers carry no numbers yet, and are let through.
# ------------------------------------------------------------------------------------------------------------

_INTERVALS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "at least 0 and finite": lambda x: (x >= 0) & (x < np.inf),
    "above 0 and finite": lambda x: (x > 0) & (x < np.inf),
    "above 0": lambda x: x > 0,
    "at least 0 and below 1": lambda x: (x >= 0) & (x < 1),
}


def require(where: str, expected: str, **values: Any) -> None:
    """Refuse hyperparameters outside an interval, which ``expected`` names in the words of the message.

    A value is a number or an array of numbers. Raises ValueError naming the argument, what was expected and
    what came.
    """
    for name, value in values.items():
        if not is_concrete(value):
            continue
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number and not (hasattr(value, "dtype") and jnp.issubdtype(value.dtype, jnp.number)):
            raise ValueError(f"{where}: {name} must be a number {expected}, got {value!r}")
        if not np.all(_INTERVALS[expected](np.asarray(value))):
            raise ValueError(f"{where}: {name} must be {expected}, got {value!r}")


def require_rate(where: str, learning_rate: Any) -> None:
    """Refuse a learning rate that is neither a number of at least 0 nor a function of the step count."""
    if not callable(learning_rate):
        if isinstance(learning_rate, (bool, str)) or learning_rate is None:
            raise ValueError(
                f"{where}: learning_rate must be a number or a schedule, a function of the step count, "
                f"got {learning_rate!r}"
            )
        require(where, "at least 0 and finite", learning_rate=learning_rate)
    elif jax.tree_util.all_leaves([learning_rate]):
        try:
            hash(learning_rate)
        except TypeError:
            raise ValueError(
                f"{where}: learning_rate given as a function must be hashable, got a {type(learning_rate).__name__}"
            ) from None
