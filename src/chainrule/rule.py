"""What a rule is: a forward function and, beside it, the backward function derived from it by hand.

A rule is a pair of pure functions::

    forward(*arrays, **static)              -> (output, residuals)
    backward(residuals, d_output, **static) -> a tuple, one cotangent for each array argument

``forward`` computes y = f(x) and hands over, as ``residuals``, what the reverse pass will need. ``backward`` maps the
cotangent of the output, dL/dy, to the cotangents of the arguments, dL/dx = (dy/dx)^T dL/dy. Array arguments are any
pytrees of arrays; everything keyword-only is static configuration, hashable and known when the function is traced.

There are three ways in::

    f(x)             the output alone: the primal, and the very code that jax.grad differentiates
    f.vjp(x)         (output, pullback): the contract of jax.vjp, by hand
    f.by_hand(x)     the output; under jax.grad the hand-derived backward runs (a jax.custom_vjp)

Nothing on the second way calls JAX's differentiation.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

__all__ = ["CotangentError", "Rule", "Static", "rule"]


@jax.tree_util.register_static
@dataclass(frozen=True)
class Static:
    """A residual that is no array: a shape, an axis, a dtype.

    It is a pytree without leaves, so a pullback that carries one still crosses ``jit``, ``vmap`` and ``scan``. Keep a
    ``Static`` shape where the backward pass needs only the shape: a saved array would be held in memory for nothing.
    """

    value: Any


class CotangentError(TypeError):
    """A backward function gave a cotangent that is none of its argument; ``argument`` is the position."""

    def __init__(self, message: str, argument: int) -> None:
        super().__init__(message)
        self.argument = argument


class Rule:
    """A differentiable function whose derivative is written by hand. See the module's docstring for the contract.

    Subclasses give ``forward`` and ``backward``; ``signature`` (that of ``forward``) and ``name`` follow from them. A
    rule is hashable and equal to a rule built alike, so that functions compiled for one serve the other.
    """

    def forward(self, *arrays: Any, **static: Any) -> tuple[Any, Any]:
        """Compute ``(output, residuals)``."""
        raise TypeError(f"{type(self).__name__} defines no forward")

    def backward(self, *residuals_and_d_output: Any, **static: Any) -> tuple[Any, ...]:
        """Compute one cotangent for each array argument: ``backward(residuals, d_output, **static)``.

        For an argument of integers, or of random keys, the cotangent is ``None`` here; the pullback that the caller sees
        gives the ``float0`` zeros of ``jax.vjp``.
        """
        raise TypeError(f"{type(self).__name__} defines no backward")

    @property
    def name(self) -> str:
        """The name that messages and tables use."""
        return type(self).__name__

    @property
    def signature(self) -> inspect.Signature:
        """The signature of ``forward`` without self: arrays first, static configuration by keyword."""
        return _signature_of_method(type(self).forward)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output alone: the primal, and what ``jax.grad`` differentiates."""
        arrays, _, static = self._bind(args, kwargs)
        output, _ = self._facing(arrays).forward(*arrays, **static)
        return output

    def vjp(self, *args: Any, **kwargs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        """Compute ``(output, pullback)`` by hand, as ``jax.vjp`` does by autodiff.

        ``pullback(d_output)`` returns a tuple with one cotangent for each array argument that was given. It is a pytree
        (a ``jax.tree_util.Partial`` over the residuals), so it can be returned from ``jit``, ``vmap`` and ``scan``.

        Raises:
            ValueError: from the pullback, when ``d_output`` has not the tree, shapes and dtypes of the output.
        """
        arrays, given, static = self._bind(args, kwargs)
        faced = self._facing(arrays)
        output, residuals = faced.forward(*arrays, **static)
        backward = _Backward(faced, tuple(static.items()), _Struct.of(arrays[:given]), _Struct.of(output), len(arrays))
        return output, Partial(backward, residuals)

    def by_hand(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; under ``jax.grad`` and ``jax.vjp`` the hand-derived backward pass runs.

        This is the way in for code that differentiates with JAX: the rule then serves inside Flax, Equinox or plain JAX.
        """
        arrays, given, static = self._bind(args, kwargs)
        return _custom_vjp(self, tuple(static.items()))(*arrays[:given])

    def bind(self, **static: Any) -> Rule:
        """Fix static configuration: ``softmax.bind(axis=0)`` is a rule of the arrays alone."""
        unknown = [name for name in static if name not in _static_names(self.signature)]
        if unknown:
            raise TypeError(f"{self.name}: no static argument {unknown[0]!r}; it has {_static_names(self.signature)}")
        _require_hashable(self.name, static)
        return _Bound(self, tuple(sorted(static.items())))

    def _facing(self, arrays: list[Any]) -> Rule:
        """The rule that a call with these arguments runs: this one, unless a subclass shows callers another face."""
        return self

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], int, dict[str, Any]]:
        """Sort a call into array arguments (defaults filled in), how many were given, and static configuration."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}{self.signature}: {error}") from None
        last_given = list(bound.arguments)
        bound.apply_defaults()
        arrays: list[Any] = []
        static: dict[str, Any] = {}
        given = 0
        for name, parameter in self.signature.parameters.items():
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                static[name] = bound.arguments[name]
            else:
                arrays.append(bound.arguments[name])
                if name in last_given:
                    given = len(arrays)
        _require_hashable(self.name, static)
        return arrays, given, static


def rule(forward: Callable[..., tuple[Any, Any]]) -> _FunctionRule:
    """Make a rule of a forward function; its method ``defbackward`` then takes the backward function.

    ::

        @rule
        def square(x):
            y = x * x
            return y, x  # output, residuals

        @square.defbackward
        def square_backward(x, d_output):
            # y = x^2, so dL/dx = 2 x dL/dy
            return (2 * x * d_output,)
    """
    return _FunctionRule(forward)


class _FunctionRule(Rule):
    """A rule made of two functions of a module. There is one of each, so identity is equality."""

    def __init__(self, forward: Callable[..., tuple[Any, Any]]) -> None:
        functools.update_wrapper(self, forward)
        self._signature = inspect.signature(forward)
        for parameter in self._signature.parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise TypeError(
                    f"{forward.__name__}: a rule names each of its arguments, it takes no *{parameter.name}"
                )
        self._forward = forward
        self._backward: Callable[..., tuple[Any, ...]] | None = None

    def forward(self, *arrays: Any, **static: Any) -> tuple[Any, Any]:
        """Compute ``(output, residuals)``."""
        return self._forward(*arrays, **static)

    def backward(self, residuals: Any, d_output: Any, **static: Any) -> tuple[Any, ...]:
        """Compute one cotangent for each array argument."""
        if self._backward is None:
            raise TypeError(f"{self.name} has no backward yet: decorate one with @{self.name}.defbackward")
        defaults = {p.name: p.default for p in self._signature.parameters.values() if p.kind is p.KEYWORD_ONLY}
        return self._backward(residuals, d_output, **{**defaults, **static})

    def defbackward(self, backward: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
        """Give the backward function; static arguments reach it by keyword, those of ``forward`` and no others."""
        if self._backward is not None:
            raise TypeError(f"{self.name} has its backward already")
        keywords = list(inspect.signature(backward).parameters)[2:]
        if keywords != _static_names(self._signature):
            raise TypeError(
                f"{self.name}: backward takes the static arguments {keywords}, forward {_static_names(self._signature)}"
            )
        self._backward = backward
        return backward

    @property
    def name(self) -> str:
        """The name of the forward function."""
        return str(self._forward.__name__)

    @property
    def signature(self) -> inspect.Signature:
        """The signature of the forward function."""
        return self._signature

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class _Bound(Rule):
    """A rule with some of its static configuration fixed."""

    rule: Rule
    static: tuple[tuple[str, Hashable], ...]

    def forward(self, *arrays: Any, **static: Any) -> tuple[Any, Any]:
        return self.rule.forward(*arrays, **dict(self.static), **static)

    def backward(self, residuals: Any, d_output: Any, **static: Any) -> tuple[Any, ...]:
        return self.rule.backward(residuals, d_output, **dict(self.static), **static)

    @property
    def name(self) -> str:
        return f"{self.rule.name}({', '.join(f'{key}={value!r}' for key, value in self.static)})"

    @property
    def signature(self) -> inspect.Signature:
        fixed = dict(self.static)
        kept = [p for name, p in self.rule.signature.parameters.items() if name not in fixed]
        return self.rule.signature.replace(parameters=kept)

    def __repr__(self) -> str:
        return self.name


# ----------------------------------------------------------------------------------------------------------------------
# The pullback: a static half (the rule and what it must look like), and the residuals, which are arrays.
# ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Struct:
    """The tree, shapes and dtypes of a value: hashable, and all that is left of it."""

    tree: Any
    leaves: tuple[jax.ShapeDtypeStruct, ...]

    @classmethod
    def of(cls, value: Any) -> _Struct:
        leaves, tree = jax.tree.flatten(value)
        return cls(tree, tuple(jax.ShapeDtypeStruct(np.shape(v), jax.dtypes.result_type(v)) for v in leaves))

    def rebuild(self) -> Any:
        return jax.tree.unflatten(self.tree, self.leaves)


@dataclass(frozen=True)
class _Backward:
    """The static half of a pullback. Equal for equal rules and shapes, so nothing compiled for it is compiled twice."""

    rule: Rule
    static: tuple[tuple[str, Hashable], ...]
    arguments: _Struct
    output: _Struct
    most: int  # the number of array arguments, with those that were left out

    def __call__(self, residuals: Any, d_output: Any) -> tuple[Any, ...]:
        d_output = _conform(self.rule.name, d_output, self.output)
        cotangents = self.rule.backward(residuals, d_output, **dict(self.static))
        arguments = self.arguments.rebuild()
        if not isinstance(cotangents, tuple) or not len(arguments) <= len(cotangents) <= self.most:
            raise TypeError(
                f"{self.rule.name}: backward must return a tuple with a cotangent for each of its {self.most} arguments"
            )
        pairs = enumerate(zip(cotangents, arguments, strict=False))
        return tuple(_with_float0(self.rule.name, position, *pair) for position, pair in pairs)


def _conform(name: str, d_output: Any, output: _Struct) -> Any:
    """Return ``d_output`` if it has the structure of the output; refuse it otherwise, broadcasting nothing."""
    leaves, tree = jax.tree.flatten(d_output)
    if tree != output.tree:
        raise ValueError(f"{name}: d_output must have the tree of the output, {output.tree}, got {tree}")
    conformed = []
    for leaf, expected in zip(leaves, output.leaves, strict=True):
        if isinstance(leaf, (int, float)):
            leaf = jnp.asarray(leaf, expected.dtype)  # noqa: PLW2901
        dtype = expected.dtype if is_differentiable(expected) else jax.dtypes.float0
        if np.shape(leaf) != expected.shape or leaf.dtype != dtype:
            found = f"{leaf.dtype}{list(np.shape(leaf))}"
            wanted = "float0" if dtype == jax.dtypes.float0 else np.dtype(dtype).name
            raise ValueError(f"{name}: d_output must be {wanted}{list(expected.shape)}, got {found}")
        conformed.append(leaf)
    return jax.tree.unflatten(tree, conformed)


def _with_float0(name: str, position: int, cotangent: Any, argument: Any) -> Any:
    """Put float0 zeros in the place of each ``None`` that a backward gives for integers and keys."""

    def fill(cotangent: Any, argument: Any) -> Any:
        if cotangent is not None:
            return cotangent
        if any(is_differentiable(leaf) for leaf in jax.tree.leaves(argument)):
            raise CotangentError(f"{name}: backward returned None for an argument of floating-point numbers", position)
        return jax.tree.map(lambda leaf: np.zeros(leaf.shape, jax.dtypes.float0), argument)

    try:
        return jax.tree.map(fill, cotangent, argument, is_leaf=lambda leaf: leaf is None)
    except ValueError:
        found, expected = jax.tree.structure(cotangent), jax.tree.structure(argument)
        raise CotangentError(
            f"{name}: backward returned a cotangent of the tree {found} for an argument of {expected}", position
        ) from None


def is_differentiable(value: Any) -> bool:
    """Whether a value (an array, or its shape and dtype) is of real or complex floating point."""
    return bool(jax.dtypes.issubdtype(jax.dtypes.result_type(value), jnp.inexact))


@functools.lru_cache(maxsize=4096)
def _custom_vjp(rule: Rule, static: tuple[tuple[str, Hashable], ...]) -> Callable[..., Any]:
    """Build the ``jax.custom_vjp`` of a rule once, so that nothing that calls it retraces."""

    @jax.custom_vjp
    def by_hand(*arrays: Any) -> Any:
        return rule(*arrays, **dict(static))

    by_hand.defvjp(
        lambda *arrays: rule.vjp(*arrays, **dict(static)),
        lambda pullback, d_output: pullback(d_output),
    )
    return by_hand


@functools.cache
def _signature_of_method(forward: Callable[..., Any]) -> inspect.Signature:
    signature = inspect.signature(forward)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _static_names(signature: inspect.Signature) -> list[str]:
    return [p.name for p in signature.parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY]


def _require_hashable(name: str, static: dict[str, Any]) -> None:
    for key, value in static.items():
        try:
            hash(value)
        except TypeError:
            raise TypeError(
                f"{name}: {key} is static configuration and must be hashable, got {type(value).__name__}"
            ) from None
