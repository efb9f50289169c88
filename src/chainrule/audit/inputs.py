"""A subject on one set of arguments, and the compiled programs that measure it.

Arguments come as NumPy pytrees in float64, and everything outside the compiled programs stays NumPy: each operation on a
JAX array would be a program of its own to compile, and compiling is what an audit spends its time on. So there are few
programs, they are compiled without optimisation, and what is measured often is measured by calling one of them often.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from chainrule.audit.compare import largest_of, slack_between
from chainrule.audit.quick import quick_jit
from chainrule.audit.subject import Subject
from chainrule.audit.trees import combine, cotangent_of, flat, floats, is_float, tangents

__all__ = [
    "COTANGENTS",
    "FACTORS",
    "Inputs",
    "Measured",
    "Slack",
    "hand_program",
    "live_equations",
    "points_program",
]

FACTORS = (1000.0, -0.001)

COTANGENTS = ("random", "another", "combined", "negated", "small", "zero", "ones", "sparse", "positive")
"""The cotangents that every pullback is tried on, in order; ``Measured.hand`` and ``autodiff`` follow it.

``combined`` is 1000 random - 0.001 another, so a pullback that clips, rounds or squares its cotangent shows as not linear.
"""


class Measured(NamedTuple):
    """What ``everything_program`` measures, as NumPy; one entry for each of the cotangents in the lists."""

    primal: Any  # the output, by the code that autodiff differentiates
    output: Any  # the output that comes with the pullback
    hand: list[Any]  # the cotangents on trial
    autodiff: list[Any] | None  # the cotangents by autodiff of the primal
    custom: Any  # for a rule, the first under jax.vjp of by_hand
    pushed: Any  # J dx, by forward mode of the primal


class Judges(NamedTuple):
    """What a program compares the derivative on trial with."""

    reverse: bool  # autodiff of the primal in reverse mode
    forward: bool  # and in forward mode
    custom: bool  # the derivative that jax.grad sees


class Slack(NamedTuple):
    """What an error is forgiven by, absolutely: of the output, and of the cotangents for each of ``COTANGENTS``."""

    output: Any
    cotangents: list[Any]


@functools.partial(quick_jit, static_argnums=(0, 1))
def everything_program(subject: Subject, judges: Judges, args: Any, cotangent: Any, tangent: Any) -> Any:
    """Measure what one program can: see ``Measured``. ``cotangent`` and ``tangent`` are the leaves of one.

    A loop over all cotangents within the program would take a third longer to compile.
    """
    d_output = cotangent_of(jax.eval_shape(subject.primal, *args), cotangent)

    output, pullback = subject.vjp(*args)
    hand = floats(pullback(d_output))

    # The primal is traced after the pullback on trial, lest it change what that one keeps where it should not.
    autodiff = pushed = custom = None
    if judges.reverse:
        primal, judge = jax.vjp(subject.primal, *args)
        autodiff = floats(judge(d_output))
    else:
        primal = subject.primal(*args)
    if judges.forward:
        pushed = floats(jax.jvp(subject.primal, args, cotangent_of(args, tangent))[1])
    if judges.custom:
        custom = floats(jax.vjp(subject.under_grad, *args)[1](d_output))
    return primal, output, hand, autodiff, custom, pushed


@functools.partial(quick_jit, static_argnums=(0, 1))
def hand_program(subject: Subject, referee: bool, args: Any, cotangent: Any) -> tuple[Any, Any, Any]:
    """The output, the cotangents on trial, and those of the referee where there is one."""
    output, pullback = subject.vjp(*args)
    judged = jax.vjp(subject.primal, *args)[1](cotangent) if referee else None
    return output, pullback(cotangent), judged


@functools.partial(quick_jit, static_argnums=0)
def points_program(subject: Subject, args: Any, directions: Any, moves: Any) -> jax.Array:
    """The output, flat, at the points x + a v_i + b e_j for each move (i, a, j, b).

    Args:
        subject: its primal is evaluated.
        args: x.
        directions: (d, n), in the order of ``flat``.
        moves: ``i`` and ``j`` of integers, ``a`` and ``b`` of numbers, all (m,).

    Returns:
        (m, k) for an output of k numbers.
    """
    leaves, tree = jax.tree.flatten(args)
    shapes = [leaf.shape for leaf in leaves if is_float(leaf)]
    start = jnp.concatenate([jnp.ravel(leaf) for leaf in leaves if is_float(leaf)])

    def at(move: Any) -> jax.Array:
        i, a, j, b = move
        vector = (start + a * directions[i]).at[j].add(b)
        moved = iter(_split(vector, shapes))
        point = jax.tree.unflatten(tree, [next(moved) if is_float(leaf) else leaf for leaf in leaves])
        return jnp.concatenate(
            [jnp.ravel(leaf).astype(jnp.float64) for leaf in floats(subject.primal(*point))] or [jnp.zeros(0)]
        )

    return lax.map(at, moves)


def _split(vector: jax.Array, shapes: list[tuple[int, ...]]) -> list[jax.Array]:
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(jnp.split(vector, ends[:-1]), shapes, strict=True)]


class Inputs:
    """A subject with the arguments that it is checked on.

    Args:
        subject: what is audited.
        args: its arguments, NumPy pytrees; floating-point leaves in float64.
        reference: an independent NumPy function of the same arguments, or None.
        case: what the arguments are, in a word or two.
        seed: of the cotangents and directions.
        strict: whether this package's own laws hold, which ask more than a right derivative.
        thorough: whether forward mode and, for a rule, ``jax.grad`` are asked too, which the other cases of a register
            need not tell anew: each makes the program that everything is measured by a third longer to compile.
    """

    def __init__(
        self,
        subject: Subject,
        args: tuple[Any, ...],
        reference: Callable[..., Any] | None = None,
        case: str = "given arguments",
        seed: int = 0,
        strict: bool = False,
        thorough: bool = True,
    ) -> None:
        self.subject, self.args, self.reference = subject, args, reference
        self.case, self.seed, self.strict, self.thorough = case, seed, strict, thorough

    def at(self, args: tuple[Any, ...], case: str) -> Inputs:
        """The same subject at other arguments, without a reference."""
        other = Inputs(self.subject, args, None, case, self.seed, thorough=self.thorough)
        if _types(args) == _types(self.args):  # what is known from a trace is known of these as well
            other.__dict__.update({name: value for name, value in self.__dict__.items() if name in _OF_TYPES})
        return other

    def cast(self, dtype: Any) -> tuple[Any, ...]:
        """The arguments with floating-point leaves in this dtype; they stay NumPy arrays."""
        return jax.tree.map(lambda leaf: np.asarray(leaf, dtype) if is_float(leaf) else leaf, self.args)

    def rng(self, stream: int) -> np.random.Generator:
        """Random numbers, another stream for each purpose, and none that arguments were drawn from."""
        return np.random.default_rng((self.seed, stream, 0xADD17))

    @functools.cached_property
    def output(self) -> Any:
        """The output's shapes and dtypes in float64."""
        return jax.eval_shape(self.subject.primal, *self.cast(jnp.float64))

    @property
    def sizes(self) -> tuple[int, int]:
        """How many floating-point numbers go in, and come out."""
        return flat(self.args).size, sum(int(np.prod(leaf.shape)) for leaf in floats(self.output))

    def cotangent(self, rng: np.random.Generator, dtype: Any = None) -> Any:
        """A random cotangent of the output: both signs, no two numbers alike; in the output's dtypes, or in this one."""
        return jax.tree.map(
            lambda leaf: (
                np.asarray(rng.normal(size=leaf.shape), dtype or leaf.dtype)
                if is_float(leaf)
                else np.zeros(leaf.shape, jax.dtypes.float0)
            ),
            self.output,
        )

    @functools.cached_property
    def cotangents(self) -> list[Any]:
        """One of each of ``COTANGENTS``."""
        rng = self.rng(0)
        first, second = self.cotangent(rng), self.cotangent(rng)

        def each(function: Callable[[np.ndarray], Any]) -> Any:
            return jax.tree.map(lambda leaf: np.asarray(function(leaf), leaf.dtype) if is_float(leaf) else leaf, first)

        return [
            first,
            second,
            combine(*FACTORS, first, second),
            combine(-1.0, 0.0, first, second),
            combine(0.0, 1e-4, first, second),
            combine(0.0, 0.0, first, second),
            each(np.ones_like),
            each(lambda leaf: np.where(rng.uniform(size=leaf.shape) < 0.3, leaf, 0.0)),
            each(np.abs),
        ]

    @functools.cached_property
    def tangent(self) -> list[np.ndarray]:
        """A random tangent: one array for each floating-point leaf of the arguments."""
        rng = self.rng(2)
        return [rng.normal(size=leaf.shape) for leaf in floats(self.args)]

    @functools.cached_property
    def measured(self) -> Measured:
        """Everything that one compiled program can measure, in float64."""
        return self.measure(self.args)

    def measure(
        self, args: tuple[Any, ...], tangent: list[np.ndarray] | None = None, cotangents: list[Any] | None = None
    ) -> Measured:
        """The same at other arguments of the same shapes, another tangent or cotangents: nothing is compiled anew."""
        placed, given = jax.device_put(args), tangent or self.tangent
        found = [
            everything_program(self.subject, self._judges, placed, floats(cotangent), given)
            for cotangent in cotangents or self.cotangents
        ]
        (primal, output, *_), *_ = results = jax.tree.map(_as_numpy, found)
        empty = tangents(args)
        _, _, hands, autodiffs, (custom, *_), (pushed, *_) = zip(*results, strict=True)
        return Measured(
            primal,
            output,
            [cotangent_of(empty, hand) for hand in hands],
            [cotangent_of(empty, autodiff) for autodiff in autodiffs] if self._judges.reverse else None,
            None if custom is None else cotangent_of(empty, custom),
            pushed,
        )

    def pulled(self, args: tuple[Any, ...], cotangent: Any) -> tuple[Any, Any, Any]:
        """As ``hand_program`` has it in float64, at arguments of the same shapes: nothing is compiled anew."""
        seen = self.measure(args, cotangents=[cotangent])
        return seen.output, seen.hand[0], seen.autodiff[0] if seen.autodiff else None

    @functools.cached_property
    def _judges(self) -> Judges:
        """What there is to compare with: a kernel or a callback JAX cannot differentiate."""
        if self.subject.is_rule:
            return Judges(True, self.thorough, self.thorough)
        reverse = self.subject.has_referee and _traces(
            lambda *args: jax.vjp(self.subject.primal, *args)[1](self.cotangents[0]), self.args
        )
        forward = _traces(lambda *args: jax.jvp(self.subject.primal, args, cotangent_of(args, self.tangent)), self.args)
        return Judges(reverse, forward, False)

    @property
    def has_referee(self) -> bool:
        """Whether autodiff of the primal can judge."""
        return self._judges.reverse

    @functools.cached_property
    def slack(self) -> Slack:
        """What rounding makes of this very problem, of the arguments' last places and of all that is computed from them.

        Two measures, the larger counts: how far everything moves when each argument moves by a unit in the last place; and
        g(x + d) - 2 g(x) + g(x - d) for a d so small that only rounding is left of it.
        """
        signs = [self.rng(3).choice([-1.0, 1.0], size=leaf.shape) for leaf in floats(self.args)]

        def moved(by: float) -> Measured:
            rest = iter(signs)
            return self.measure(
                jax.tree.map(
                    lambda leaf: np.asarray(leaf * (1 + by * next(rest))) if is_float(leaf) else leaf, self.args
                )
            )

        here, near, ahead, behind = self.measured, moved(2.0**-52), moved(2.0**-30), moved(-(2.0**-30))
        gains = [largest_of(cotangent) / (largest_of(self.cotangents[0]) or 1.0) for cotangent in self.cotangents]
        each = [_judged_by(seen) for seen in (here, near, ahead, behind)]
        typical = each[0][0]
        return Slack(
            slack_between(here.primal, near.primal, ahead.primal, behind.primal),
            [
                slack_between(at, near_it, before, after, typical, gain)
                for at, near_it, before, after, gain in zip(*each, gains, strict=True)
            ],
        )

    @functools.cached_property
    def epsilon(self) -> float:
        """The epsilon of the narrowest floating point within the primal: float64's, unless it computes in less."""
        jaxpr = jax.make_jaxpr(self.subject.primal)(*self.args).jaxpr
        return max([2.0**-52, *_epsilons(jaxpr)])

    @functools.cached_property
    def decomposes(self) -> bool:
        """Whether the primal decomposes a matrix by iteration, which LAPACK does."""
        jaxpr = jax.make_jaxpr(self.subject.primal)(*self.args).jaxpr
        return any(equation.primitive.name in _ITERATIVE for equation in _all_equations(jaxpr))


_OF_TYPES = {"output", "_judges", "epsilon", "decomposes"}  # cached properties that follow from shapes and dtypes

_ITERATIVE = {"eig", "eigh", "schur", "svd"}  # JAX's primitives


def live_equations(jaxpr: Any) -> list[Any]:
    """The equations that an output depends on; a rule's forward pass also computes residuals, which the primal drops."""
    live = {variable for variable in jaxpr.outvars if not hasattr(variable, "val")}
    equations = []
    for equation in reversed(jaxpr.eqns):
        if any(variable in live for variable in equation.outvars):
            equations.append(equation)
            live |= {variable for variable in equation.invars if not hasattr(variable, "val")}
    return equations


def _all_equations(jaxpr: Any) -> Iterator[Any]:
    """The equations that an output depends on, and those within them: of loops, branches and calls."""
    for equation in live_equations(jaxpr):
        yield equation
        for value in equation.params.values():
            for inner in value if isinstance(value, (tuple, list)) else (value,):
                inner_jaxpr = getattr(inner, "jaxpr", inner)
                if hasattr(inner_jaxpr, "eqns"):
                    yield from _all_equations(inner_jaxpr)


def _epsilons(jaxpr: Any) -> Iterator[float]:
    """The epsilon of every floating-point number that is computed on the way to an output."""
    for equation in _all_equations(jaxpr):
        for variable in equation.outvars:
            dtype = getattr(variable.aval, "dtype", None)
            if dtype is not None and jnp.issubdtype(dtype, jnp.floating):
                yield float(jnp.finfo(dtype).eps)


def _types(args: Any) -> Any:
    leaves, tree = jax.tree.flatten(args)
    return tree, [(leaf.shape, leaf.dtype) for leaf in leaves]


def _judged_by(seen: Measured) -> list[Any]:
    """The cotangents that rounding is measured on: the referee's where there is one."""
    return seen.autodiff or seen.hand


def _traces(function: Callable[..., Any], args: Any) -> bool:
    try:
        program = jax.make_jaxpr(function)(*args)
    except Exception:  # whatever JAX says, it cannot be done
        return False
    # A custom_vjp that is called within lets itself be traced in forward mode, and refuses when it is compiled.
    return "custom_lin[" not in str(program)


def _as_numpy(leaf: Any) -> Any:
    return leaf if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else np.asarray(leaf)
