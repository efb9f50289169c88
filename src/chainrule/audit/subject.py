"""What is audited: one face for every way in which people write derivatives by hand.

A subject is a primal, which autodiff differentiates where it can, and beside it the derivative on trial::

    kind            primal                    on trial
    rule            f(x)                      f.vjp(x), and f.by_hand under jax.vjp
    custom_vjp      the function inside       jax.vjp of the whole
    custom_jvp      the function inside       jax.vjp of the whole, which transposes the rule
    pullback        the function              the pullback given with it
    function        nothing                   jax.vjp of it; differences alone are the judge

Subjects are hashable, and equal when built alike, so that compiled programs are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from chainrule.rule import Rule, Static

__all__ = ["Subject", "static_positions", "subject_of"]


@dataclass(frozen=True)
class Subject:
    """A function with the derivative that is on trial.

    Attributes:
        name: the name that reports use.
        kind: ``"rule"``, ``"custom_vjp"``, ``"custom_jvp"``, ``"pullback"`` or ``"function"``.
        function: the rule or function, as its caller calls it.
        inner: the function that autodiff differentiates as the referee; None where there is none beside the derivative
            on trial.
        given: for a separate pullback, the function that gives output and pullback, with the contract of ``jax.vjp``.
        static: keyword arguments, hashable.
    """

    name: str
    kind: str
    function: Callable[..., Any]
    inner: Callable[..., Any] | None = None
    given: Callable[..., Any] | None = None
    static: tuple[tuple[str, Hashable], ...] = ()

    @property
    def has_referee(self) -> bool:
        """Whether autodiff of the primal is another thing than the derivative on trial."""
        return self.inner is not None

    @property
    def is_rule(self) -> bool:
        """Whether this is a chainrule rule: then laws hold that ask more than a right derivative."""
        return self.kind == "rule"

    @property
    def has_residuals(self) -> bool:
        """Whether the derivative on trial decides itself what is kept for the reverse pass."""
        return self.kind in ("rule", "custom_vjp")

    def primal(self, *args: Any) -> Any:
        """The output, by the code that the referee differentiates."""
        function = self.function if self.inner is None else self.inner
        return function(*_unwrapped(args), **dict(self.static))

    def vjp(self, *args: Any) -> tuple[Any, Callable[[Any], Any]]:
        """Output and pullback, by the derivative on trial."""
        if self.is_rule:
            return self.function.vjp(*args, **dict(self.static))  # type: ignore[attr-defined]
        if self.given is not None:
            output, pullback = self.given(*_unwrapped(args), **dict(self.static))
            return output, jax.tree_util.Partial(_Rewrapped(_statics(args)), pullback, _held(args))
        return jax.vjp(self.whole, *args)

    def whole(self, *args: Any) -> Any:
        """The output as callers get it: a custom derivative is active in it."""
        return self.function(*_unwrapped(args), **dict(self.static))

    def under_grad(self, *args: Any) -> Any:
        """For a rule: the function whose derivative under ``jax.grad`` is the one on trial."""
        return self.function.by_hand(*args, **dict(self.static))  # type: ignore[attr-defined]


def subject_of(
    f: Any,
    vjp: Callable[..., Any] | None = None,
    pullback: Callable[..., Any] | None = None,
    static: dict[str, Any] | None = None,
) -> Subject:
    """Find out what kind of derivative is on trial.

    Args:
        f: a rule, layer or model of this package; a ``jax.custom_vjp`` or ``jax.custom_jvp`` function, jitted or not; or
            any function of JAX arrays.
        vjp: for a plain function, ``vjp(*args) -> (output, pullback)``, as ``jax.vjp`` has it.
        pullback: for a plain function, ``pullback(d_output, *args)`` -> one cotangent for each argument.
        static: keyword arguments of ``f``.

    Raises:
        TypeError: when ``f`` is no function, or ``vjp`` or ``pullback`` is given where ``f`` brings its own derivative.
    """
    items = tuple(sorted((static or {}).items()))
    for key, value in items:
        try:
            hash(value)
        except TypeError:
            raise TypeError(f"audit: {key} is a static argument and must be hashable, got {value!r}") from None
    if not callable(f):
        raise TypeError(f"audit: f must be a chainrule rule, layer or model, or a function of JAX arrays, got {f!r}")
    if vjp is not None and pullback is not None:
        raise TypeError("audit: give vjp or pullback, not both")
    inside = _unjitted(f)
    separate = vjp if vjp is not None else _Separate(f, pullback) if pullback is not None else None
    if separate is not None:
        if isinstance(f, Rule) or isinstance(inside, (jax.custom_vjp, jax.custom_jvp)):
            raise TypeError(
                f"audit: {_name(f)} brings its derivative with it; vjp and pullback are for plain functions"
            )
        return Subject(_name(f), "pullback", f, f, separate, items)
    if isinstance(f, Rule):
        return Subject(f.name, "rule", f, f, None, items)
    if isinstance(inside, jax.custom_vjp):
        return Subject(_name(inside), "custom_vjp", f, inside.fun, None, items)
    if isinstance(inside, jax.custom_jvp):
        return Subject(_name(inside), "custom_jvp", f, inside.fun, None, items)
    return Subject(_name(f), "function", f, None, None, items)


def static_positions(f: Any) -> tuple[int, ...]:
    """The positions of arguments that a custom derivative declares as not differentiable."""
    inside = _unjitted(f)
    if isinstance(inside, (jax.custom_vjp, jax.custom_jvp)):
        return tuple(inside.nondiff_argnums)
    return ()


@dataclass(frozen=True)
class _Separate:
    """A function and its separate pullback, with the contract of ``jax.vjp``."""

    function: Callable[..., Any]
    pullback: Callable[..., Any]

    def __call__(self, *args: Any, **static: Any) -> tuple[Any, Callable[[Any], Any]]:
        arrays = [None if _is_static(arg) else arg for arg in args]
        fixed = tuple(arg if _is_static(arg) else None for arg in args)
        return self.function(*args, **static), jax.tree_util.Partial(
            _Pull(self.pullback, fixed, tuple(static.items())), arrays
        )


@dataclass(frozen=True)
class _Pull:
    pullback: Callable[..., Any]
    fixed: tuple[Any, ...]
    static: tuple[tuple[str, Hashable], ...]

    def __call__(self, arrays: Any, d_output: Any) -> Any:
        args = [array if fixed is None else fixed for array, fixed in zip(arrays, self.fixed, strict=True)]
        return self.pullback(d_output, *args, **dict(self.static))


@dataclass(frozen=True)
class _Rewrapped:
    """A pullback as people write it: None for what has no derivative, a bare cotangent for a single argument."""

    statics: tuple[bool, ...]

    def __call__(self, pullback: Any, arguments: Any, d_output: Any) -> Any:
        cotangents = pullback(d_output)
        if not isinstance(cotangents, (tuple, list)) and len(self.statics) == 1:
            cotangents = (cotangents,)
        if not isinstance(cotangents, (tuple, list)) or len(cotangents) != len(self.statics):
            count = len(cotangents) if isinstance(cotangents, (tuple, list)) else 1
            raise TypeError(f"the pullback must return {len(self.statics)} cotangents, one an argument, got {count}")
        return tuple(
            argument if static else _with_float0(cotangent, argument)
            for static, cotangent, argument in zip(self.statics, cotangents, arguments.value, strict=True)
        )


def _with_float0(cotangent: Any, argument: Any) -> Any:
    """Put float0 zeros where a pullback gives None for integers; leave what does not fit for the audit to find."""

    def fill(one: Any, part: Any) -> Any:
        if one is None and not any(jax.dtypes.issubdtype(leaf.dtype, np.inexact) for leaf in jax.tree.leaves(part)):
            return jax.tree.map(lambda leaf: np.zeros(leaf.shape, jax.dtypes.float0), part)
        return one

    try:
        return jax.tree.map(fill, cotangent, argument, is_leaf=lambda leaf: leaf is None)
    except ValueError:
        return cotangent


def _held(args: tuple[Any, ...]) -> _Held:
    return _Held(jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), args))


@jax.tree_util.register_static
class _Held:
    """Anything, held in a pytree without leaves; equal to every other, for its content follows from the shapes."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


def _statics(args: tuple[Any, ...]) -> tuple[bool, ...]:
    return tuple(isinstance(arg, Static) for arg in args)


def _unwrapped(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments as the function takes them: what is static comes out of its wrapping."""
    return jax.tree.map(
        lambda leaf: leaf.value if isinstance(leaf, Static) else leaf, args, is_leaf=lambda x: isinstance(x, Static)
    )


def _is_static(arg: Any) -> bool:
    return arg is None or not all(hasattr(leaf, "dtype") for leaf in jax.tree.leaves(arg))


def _unjitted(f: Any) -> Any:
    """The function within ``jax.jit``, if it has a derivative of its own; else the function as it is."""
    inside = f
    while not isinstance(inside, (jax.custom_vjp, jax.custom_jvp)) and hasattr(inside, "__wrapped__"):
        inside = inside.__wrapped__
    return inside if isinstance(inside, (jax.custom_vjp, jax.custom_jvp)) else f


def _name(f: Any) -> str:
    return str(getattr(f, "__name__", None) or getattr(f, "name", None) or type(f).__name__)
