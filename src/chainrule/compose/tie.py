"""Parameters that two layers share.

What is used twice gathers the cotangents of both uses:

    tie       y = f(W, ..., t(W))           dL/dW = J_owner^T dL/dy + t^T J_user^T dL/dy
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from chainrule.checks import describe
from chainrule.compose.compound import Wrapper
from chainrule.compose.parallel import identity
from chainrule.layer import as_layer
from chainrule.rule import Rule, rule

__all__ = ["Tied", "tie", "transpose"]

Path = tuple[int | str, ...]


@rule
def transpose(x: Array) -> tuple[Array, None]:
    """Transpose a matrix: y_ij = x_ji.

    Shapes: x (..., rows, columns), y (..., columns, rows).

    Derivation: dL/dx_ji = dL/dy_ij, so dL/dx is the transpose of dL/dy.

    Residuals: none.

    Raises:
        ValueError: for fewer than two axes.
    """
    if x.ndim < 2:
        raise ValueError(f"transpose: x must be (..., rows, columns), got {describe(x)}")
    return jnp.swapaxes(x, -1, -2), None


@transpose.defbackward
def transpose_backward(residuals: None, d_output: Array) -> tuple[Array]:
    """Compute dL/dx = (dL/dy)^T."""
    return (jnp.swapaxes(d_output, -1, -2),)


def tie(model: Rule, shares: Mapping[Path, Path], transform: Rule = identity) -> Tied:
    """Let parameters of one layer be those of another: y = model(..., W, ..., t(W)).

    An embedding and the output layer of a language model, with weights of shapes (vocabulary, features) and (features,
    vocabulary)::

        tie(chain(embedding, *blocks, Dense(vocabulary)), {(-1, "weight"): (0, "weight")}, transform=transpose)

    The params are those of the model, with ``None`` where one is shared: the array stands once, at its owner's.

    Derivation: W is used twice, so its cotangent is the sum over both uses; that of the second goes back through t first::

        dL/dW = dL/dW (as the owner's) + t^T dL/dV,  V = t(W)

    Residuals: those of the model and of t.

    Args:
        model: a layer, such as a chain.
        shares: for each user's path into the params that of the owner: the keys and positions that lead there,
            ``(2, 0, "weight")`` for ``params[2][0]["weight"]``.
        transform: t, a rule of one array: ``transpose``, or the identity.

    Raises:
        ValueError: for no shares, or a path shared with itself; from ``init``, for a path that leads to no array, or
            an owner that has not the user's shape; when called, for params that hold an array where ``None`` should be.

    Source: Press and Wolf, Using the output embedding to improve language models, 2017.
    """
    pairs = tuple((tuple(user), tuple(owner)) for user, owner in shares.items())
    if not pairs:
        raise ValueError("tie needs at least one path to share, got none")
    for user, owner in pairs:
        if user == owner:
            raise ValueError(f"tie: {_named(user)} cannot be shared with itself")
    as_layer(transform)  # refused unless it is a rule of one array
    return Tied(as_layer(model), pairs, transform)


@dataclass(frozen=True, repr=False)
class Tied(Wrapper):
    """A layer some of whose parameters are those of others; made by ``tie``."""

    shares: tuple[tuple[Path, Path], ...]
    transform: Rule

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[Any, Any]:
        """Make the params and state of the model, and leave out the parameters that are others'."""
        params, state = self.layer.build(key, in_shape, dtype)
        for user, owner in self.shares:
            expected, found = _at(params, user), self.transform(_at(params, owner))
            if expected is None or describe(found) != describe(expected):
                raise ValueError(
                    f"tie: {_named(user)} is {describe(expected)}, which {self.transform.name} of {_named(owner)}, "
                    f"{describe(found)}, cannot be"
                )
            params = _put(params, user, None)
        return params, state

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        """Put the shared parameters in their second places, and run the model."""
        params, residuals = self.filled(params)
        output, model_residuals = self.layer.forward(params, x, state, key, train=train)
        return output, (model_residuals, residuals)

    def filled(self, params: Any) -> tuple[Any, tuple[Any, ...]]:
        """The params of the model, the shared ones in both places, and the residuals of their transforms."""
        residuals = []
        for user, owner in self.shares:
            if _at(params, user, wanted=False) is not None:
                raise ValueError(
                    f"tie: params hold an array at {_named(user)}, which is {_named(owner)}'s; None expected"
                )
            value, kept = self.transform.forward(_at(params, owner))
            params = _put(params, user, value)
            residuals.append(kept)
        return params, tuple(residuals)

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        """Run the model's backward function, and add the cotangents of both uses."""
        model_residuals, kept = residuals
        d_params, d_x, d_state, _ = self.layer.backward(model_residuals, d_output, train=train)
        for (user, owner), transform_residuals in reversed(list(zip(self.shares, kept, strict=True))):
            (d_second,) = self.transform.backward(transform_residuals, _at(d_params, user))
            d_params = _put(d_params, owner, _at(d_params, owner) + d_second)
            d_params = _put(d_params, user, None)
        return d_params, d_x, d_state, None


def _at(tree: Any, path: Path, wanted: bool = True) -> Any:
    """What stands at a path; refused where nothing does."""
    found = tree
    for key in path:
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError):
            raise ValueError(f"tie: params have no {_named(path)}") from None
    if wanted and not hasattr(found, "dtype"):
        raise ValueError(f"tie: {_named(path)} must be an array of the params, got {type(found).__name__}")
    return found


def _put(tree: Any, path: Path, value: Any) -> Any:
    """The tree with another value at a path."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(tree, dict):
        return tree | {key: _put(tree[key], rest, value)}
    entries = list(tree)
    entries[key] = _put(entries[key], rest, value)  # type: ignore[index]
    return type(tree)(*entries) if hasattr(tree, "_fields") else type(tree)(entries)


def _named(path: Path) -> str:
    return "params" + "".join(f"[{key!r}]" for key in path)
