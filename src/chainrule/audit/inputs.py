"""What is checked: a rule on one set of arguments, and the compiled programs that measure it.

Arguments come as NumPy pytrees in float64, and everything outside the compiled programs stays NumPy: each operation on a
JAX array would be a program of its own to compile, and compiling is what an audit spends its time on. The programs run
once each, so there are few of them, and they are compiled without optimisation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.rule import Rule

__all__ = [
    "FACTORS",
    "QUICKLY",
    "Inputs",
    "Measured",
    "by_hand_program",
    "combine",
    "flat",
    "is_float",
    "primal_program",
    "stack",
    "tangents",
    "widened",
]

QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


@functools.partial(jax.jit, static_argnums=(0, 1), compiler_options=QUICKLY)
def by_hand_program(rule: Rule, items: Any, args: Any, cotangent: Any) -> tuple[Any, Any]:
    """The output, and the cotangents by hand."""
    output, pullback = rule.vjp(*args, **dict(items))
    return output, pullback(cotangent)


@functools.partial(jax.jit, static_argnums=(0, 1), compiler_options=QUICKLY)
def every_way_program(
    rule: Rule, items: Any, args: Any, cotangents: list[Any]
) -> tuple[Any, list[Any], list[Any], Any]:
    """The output, and the cotangents by hand (of each), by autodiff (of the first and third) and by the custom_vjp."""
    output, pullback = rule.vjp(*args, **dict(items))
    _, referee = jax.vjp(functools.partial(rule, **dict(items)), *args)
    _, custom = jax.vjp(functools.partial(rule.by_hand, **dict(items)), *args)
    hand = [pullback(cotangent) for cotangent in cotangents]
    return output, hand, [referee(cotangents[0]), referee(cotangents[2])], custom(cotangents[0])


@functools.partial(jax.jit, static_argnums=(0, 1), compiler_options=QUICKLY)
def primal_program(rule: Rule, items: Any, args: Any) -> Any:
    """The output alone."""
    return rule(*args, **dict(items))


class Inputs:
    """A rule with the arguments that it is checked on.

    Args:
        rule: the rule.
        args: its array arguments, NumPy pytrees; floating-point leaves in float64.
        static: its static arguments.
        reference: an independent NumPy function of the same arguments, or None.
        case: what the arguments are, in a word or two.
        seed: of the cotangents and directions.
    """

    def __init__(
        self,
        rule: Rule,
        args: tuple[Any, ...],
        static: dict[str, Any],
        reference: Callable[..., Any] | None,
        case: str,
        seed: int = 0,
    ) -> None:
        self.rule, self.args, self.static, self.reference = rule, args, static, reference
        self.case, self.seed = case, seed

    @property
    def items(self) -> tuple[tuple[str, Any], ...]:
        """The static arguments, hashable."""
        return tuple(sorted(self.static.items()))

    def cast(self, dtype: Any) -> tuple[Any, ...]:
        """The arguments with floating-point leaves in this dtype.

        They stay NumPy arrays, as everything here does outside compiled programs: each operation on a JAX array would be a
        program of its own to compile.
        """
        return jax.tree.map(lambda leaf: np.asarray(leaf, dtype) if is_float(leaf) else leaf, self.args)

    @functools.cached_property
    def output(self) -> Any:
        """The output's shapes and dtypes in float64."""
        return jax.eval_shape(functools.partial(self.rule, **self.static), *self.cast(jnp.float64))

    def cotangent(self, rng: np.random.Generator, dtype: Any = np.float64) -> Any:
        """A random cotangent of the output: both signs, no two numbers alike."""
        return jax.tree.map(
            lambda leaf: (
                np.asarray(rng.normal(size=leaf.shape), dtype)
                if jnp.issubdtype(leaf.dtype, jnp.floating)
                else np.zeros(leaf.shape, jax.dtypes.float0)
            ),
            self.output,
        )

    @functools.cached_property
    def measured(self) -> Measured:
        """Everything that one compiled program can measure, in float64. See ``every_way_program``.

        Four cotangents: two random ones, a combination of them, and zero. The combination is large, so a pullback that
        clips, rounds or squares its cotangent shows as not linear.
        """
        rng = np.random.default_rng(self.seed)
        first, second = self.cotangent(rng), self.cotangent(rng)
        cotangents = [first, second, combine(*FACTORS, first, second), combine(0.0, 0.0, first, second)]
        return Measured(cotangents, *every_way_program(self.rule, self.items, self.cast(jnp.float64), cotangents))


FACTORS = (1000.0, -0.001)


class Measured(NamedTuple):
    """What ``every_way_program`` measures, and the cotangents that it was given."""

    cotangents: list[Any]
    output: Any
    hand: list[Any]  # the pullback by hand of each cotangent
    autodiff: list[Any]  # by autodiff, of the first and the third
    custom: Any  # under jax.vjp of by_hand, of the first


def is_float(leaf: Any) -> bool:
    """Whether a leaf is an array of floating-point numbers."""
    return bool(jnp.issubdtype(leaf.dtype, jnp.floating))


def tangents(args: Any) -> Any:
    """What a cotangent of these arguments looks like."""
    return jax.tree.map(
        lambda leaf: leaf if is_float(leaf) else np.zeros(leaf.shape, jax.dtypes.float0),
        args,
    )


def widened(tree: Any) -> Any:
    """The same numbers in float64."""
    return jax.tree.map(lambda leaf: np.asarray(leaf).astype(np.float64) if is_float(leaf) else leaf, tree)


def combine(a: float, b: float, first: Any, second: Any) -> Any:
    """Compute a first + b second, leaf by leaf."""

    def both(u: Any, v: Any) -> Any:
        return np.asarray(a * np.asarray(u) + b * np.asarray(v)) if is_float(u) else u

    return jax.tree.map(both, first, second)


def stack(trees: list[Any]) -> Any:
    """Trees alike, stacked along a new first axis of every leaf."""
    return jax.tree.map(
        lambda *leaves: (
            np.zeros((len(leaves), *leaves[0].shape), jax.dtypes.float0)
            if leaves[0].dtype == jax.dtypes.float0
            else jnp.stack(leaves)
            if jnp.issubdtype(leaves[0].dtype, jax.dtypes.prng_key)
            else np.stack(leaves)
        ),
        *trees,
    )


def flat(tree: Any) -> np.ndarray:
    """All floating-point numbers of a tree as one vector."""
    leaves = [np.asarray(leaf, np.float64).reshape(-1) for leaf in jax.tree.leaves(tree) if is_float(leaf)]
    return np.concatenate(leaves) if leaves else np.zeros(0)
