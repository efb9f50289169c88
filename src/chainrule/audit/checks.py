"""The checks: what must hold of a rule on one set of arguments.

Arguments come as NumPy pytrees in float64. Every check returns one or more ``Check``; an exception inside a check is a
fault of the rule, and becomes a failed check with the exception as its detail.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.audit.compare import difference, structure_fault
from chainrule.audit.inputs import (
    FACTORS,
    QUICKLY,
    Inputs,
    by_hand_program,
    combine,
    flat,
    is_float,
    primal_program,
    stack,
    tangents,
    widened,
)
from chainrule.audit.report import Check

__all__ = ["CHECKS", "run_checks"]

STRUCTURE = "tree, shape, dtype"
PRIMAL = "primal"
AUTODIFF = "hand against autodiff"
DIFFERENCES = "central differences"
LINEARITY = "linearity"
BY_HAND = "under jax.grad"
JIT = "jit"
VMAP = "vmap"
FLOAT32 = "float32"
BFLOAT16 = "bfloat16"
EXTREMES = "finite at the extremes"
RESIDUALS = "residuals used"
PURE = "no JAX derivative"
RETRACE = "no retrace"
INFORMATIVE = "arguments that tell"

TOLERANCES = {
    STRUCTURE: 0.0,
    PRIMAL: 1e-12,
    AUTODIFF: 1e-12,
    DIFFERENCES: 1e-6,
    LINEARITY: 1e-12,
    BY_HAND: 1e-12,
    JIT: 1e-12,
    VMAP: 1e-12,
    FLOAT32: 1e-4,
    BFLOAT16: 1e-1,
    EXTREMES: 0.0,
    RESIDUALS: 0.0,
    PURE: 0.0,
    RETRACE: 0.0,
    INFORMATIVE: 0.0,
}


def run_checks(inputs: Inputs, checks: tuple[Callable[[Inputs], Iterator[Check]], ...]) -> Iterator[Check]:
    """Run checks on one set of inputs, in float64."""
    with jax.enable_x64(True):
        for check in checks:
            try:
                yield from check(inputs)
            except Exception as error:  # whatever a wrong rule raises is a finding, not a crash of the audit
                message = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
                yield Check(_NAMES[check], inputs.case, False, float("inf"), TOLERANCES[_NAMES[check]], message)


def _verdict(name: str, inputs: Inputs, figure: float, detail: str = "") -> Check:
    ok = figure <= TOLERANCES[name]
    return Check(name, inputs.case, ok, figure, TOLERANCES[name], "" if ok else detail)


def check_structure(inputs: Inputs) -> Iterator[Check]:
    """The pullback returns, for each argument, a cotangent of its tree, shape and dtype; float0 for integers."""
    args = inputs.cast(jnp.float64)

    def pull(args: Any, cotangent: Any) -> tuple[Any, Any]:
        output, pullback = inputs.rule.vjp(*args, **inputs.static)
        return output, pullback(cotangent)

    output, cotangents = jax.eval_shape(pull, args, inputs.cotangent(np.random.default_rng(inputs.seed)))
    fault = structure_fault(output, inputs.output) or structure_fault(cotangents, tangents(args))
    yield _verdict(STRUCTURE, inputs, 1.0 if fault else 0.0, fault)


def check_primal(inputs: Inputs) -> Iterator[Check]:
    """The output is that of an independent function: a wrong forward has a perfectly consistent gradient."""
    if inputs.reference is None:
        return
    expected = jax.tree.map(np.float64, inputs.reference(*inputs.args, **inputs.static))
    yield _verdict(PRIMAL, inputs, *difference(inputs.measured.output, expected))


def check_values(inputs: Inputs) -> Iterator[Check]:
    """By hand, by autodiff and under ``jax.grad`` the same cotangents; and the pullback is linear."""
    _, _, hand, autodiff, custom = inputs.measured
    pairs = ((hand[0], autodiff[0]), (hand[2], autodiff[1]))
    yield _verdict(AUTODIFF, inputs, *_worst(difference(*pair) for pair in pairs))

    combined = combine(*FACTORS, hand[0], hand[1])
    nothing = combine(0.0, 0.0, autodiff[0], autodiff[0])
    yield _verdict(LINEARITY, inputs, *_worst([difference(hand[2], combined), difference(hand[3], nothing)]))
    yield _verdict(BY_HAND, inputs, *difference(custom, hand[0]))


def check_differences(inputs: Inputs) -> Iterator[Check]:
    """Central differences with Richardson extrapolation, along random directions of every leaf of every argument.

    ::

        D(h) = (f(x + h v) - f(x - h v)) / 2h = f'(x) v + O(h^2)
        R = (4 D(h/2) - D(h)) / 3 = f'(x) v + O(h^4)
        <d_output, R> = <pullback(d_output), v>

    Up to four step sizes; the best counts.
    """
    args = inputs.cast(jnp.float64)
    rng = np.random.default_rng(inputs.seed + 1)
    cotangent, pulled = inputs.measured.cotangents[0], inputs.measured.hand[0]
    leaves, tree = jax.tree.flatten(args)
    pulled_leaves = jax.tree.leaves(pulled)
    results: list[tuple[float, str]] = [(0.0, "")]
    for position, leaf in enumerate(leaves):
        if not is_float(leaf) or leaf.size == 0:
            continue
        direction = rng.normal(size=leaf.shape)

        def at(h: float, position: int = position, direction: Any = direction) -> np.ndarray:
            moved = [np.asarray(value) + h * direction if i == position else value for i, value in enumerate(leaves)]
            return flat(primal_program(inputs.rule, inputs.items, jax.tree.unflatten(tree, moved)))

        found = float(np.asarray(pulled_leaves[position]).reshape(-1) @ direction.reshape(-1))
        errors = []
        # A step may straddle a kink, of a relu for one: a smaller one will not. A wrong derivative is wrong at every step.
        for step in (1e-3, 1e-4, 1e-5, 1e-6):
            h = step * max(1.0, float(np.abs(np.asarray(leaf)).max()))
            derivative = (4 * (at(h / 2) - at(-h / 2)) / h - (at(h) - at(-h)) / (2 * h)) / 3
            expected = float(flat(cotangent) @ derivative)
            scale = float(np.linalg.norm(flat(cotangent)) * np.linalg.norm(derivative)) or 1.0
            detail = f"along a random direction of leaf {position}: expected {expected:.6g}, found {found:.6g}"
            errors.append((abs(found - expected) / scale, detail))
            if errors[-1][0] <= TOLERANCES[DIFFERENCES]:
                break
        results.append(min(errors))
    yield _verdict(DIFFERENCES, inputs, *_worst(results))


# ----------------------------------------------------------------------------------------------------------------------
# Transformations, and what a pullback is made of.
# ----------------------------------------------------------------------------------------------------------------------


def check_jit(inputs: Inputs) -> Iterator[Check]:
    """A pullback handed from one compiled program to another does what it does inside one; and nothing retraces."""
    args = inputs.cast(jnp.float64)
    cotangent = inputs.measured.cotangents[0]
    traces = [0, 0]

    def forward(*args: Any) -> Any:
        traces[0] += 1
        return inputs.rule.vjp(*args, **inputs.static)

    def apply(pullback: Any, cotangent: Any) -> Any:
        traces[1] += 1
        return pullback(cotangent)

    forward_jit = jax.jit(forward, compiler_options=QUICKLY)
    apply_jit = jax.jit(apply, compiler_options=QUICKLY)
    output, pullback = forward_jit(*args)
    across = (output, apply_jit(pullback, cotangent))
    yield _verdict(JIT, inputs, *difference(across, (inputs.measured.output, inputs.measured.hand[0])))

    # A second call, and a rule traced anew: its pullback must be of the type that is compiled already.
    _, again = forward_jit(*inputs.cast(jnp.float64))
    apply_jit(again, cotangent)
    _, anew = jax.eval_shape(lambda *args: inputs.rule.vjp(*args, **inputs.static), *args)
    types: list[Any] = [jax.tree.structure(pullback) for pullback in (anew, again)]
    alike = types[0] == types[1]
    faults = sum(traces) - 2 + (not alike)
    detail = f"traced {traces[0]} times forward, {traces[1]} times backward"
    yield _verdict(RETRACE, inputs, float(faults), detail if alike else "each trace makes a pullback of a new type")


def check_vmap(inputs: Inputs) -> Iterator[Check]:
    """Mapped over a new axis of every argument, a rule does what a loop would."""
    rng = np.random.default_rng(inputs.seed)
    lanes = 3
    args = inputs.cast(jnp.float64)
    batch = [
        jax.tree.map(lambda leaf: np.asarray(leaf * (1 + 0.01 * lane)) if is_float(leaf) else leaf, args)  # noqa: B023
        for lane in range(lanes)
    ]
    cotangents = [inputs.cotangent(rng) for _ in range(lanes)]
    stacked_args, stacked_cotangents = stack(batch), stack(cotangents)

    def one(args: Any, cotangent: Any) -> Any:
        output, pullback = inputs.rule.vjp(*args, **inputs.static)
        return output, pullback(cotangent)

    mapped = jax.jit(jax.vmap(one), compiler_options=QUICKLY)(stacked_args, stacked_cotangents)
    looped = []
    for lane_args, cotangent in zip(batch, cotangents, strict=True):
        output, pulled = by_hand_program(inputs.rule, inputs.items, lane_args, cotangent)
        looped.append((output, pulled))
    yield _verdict(VMAP, inputs, *difference(mapped, stack(looped)))


def check_residuals(inputs: Inputs) -> Iterator[Check]:
    """The pullback reads every residual: across the border of a compiled program a dead one is real memory."""
    args = inputs.cast(jnp.float64)
    _, pullback = jax.eval_shape(lambda *args: inputs.rule.vjp(*args, **inputs.static), *args)
    residuals = pullback.args
    cotangent = inputs.cotangent(np.random.default_rng(inputs.seed))
    jaxpr = jax.make_jaxpr(lambda residuals: pullback.func(*residuals, cotangent))(residuals).jaxpr
    live = {variable for variable in jaxpr.outvars if not hasattr(variable, "val")}
    for equation in reversed(jaxpr.eqns):
        if any(variable in live for variable in equation.outvars):
            live |= {variable for variable in equation.invars if not hasattr(variable, "val")}
    leaves = jax.tree.leaves(residuals)
    dead = [leaf for leaf, variable in zip(leaves, jaxpr.invars, strict=False) if variable not in live]
    shapes = ", ".join(f"{leaf.dtype.name}{list(leaf.shape)}" for leaf in dead)
    yield _verdict(RESIDUALS, inputs, float(len(dead)), f"never read by the pullback: {shapes}")


def check_pure(inputs: Inputs) -> Iterator[Check]:
    """Forward and pullback are traced without a call of JAX's differentiation."""
    args = inputs.cast(jnp.float64)
    cotangent = inputs.cotangent(np.random.default_rng(inputs.seed))

    def both(args: Any, cotangent: Any) -> Any:
        output, pullback = inputs.rule.vjp(*args, **inputs.static)
        return output, pullback(cotangent)

    found: list[str] = []
    with _watched(found):
        jaxpr = str(jax.make_jaxpr(both)(args, cotangent))
    found += [name for name in ("custom_jvp_call", "custom_vjp_call") if name in jaxpr]
    yield _verdict(PURE, inputs, float(len(found)), f"calls {', '.join(sorted(set(found)))}")


class _watched:  # noqa: N801
    """Note every call of JAX's public differentiation while the block runs."""

    names = ("grad", "value_and_grad", "vjp", "jvp", "linearize", "jacfwd", "jacrev", "hessian", "linear_transpose")

    def __init__(self, found: list[str]) -> None:
        self.found, self.thread = found, threading.get_ident()

    def __enter__(self) -> None:
        self.originals = {name: getattr(jax, name) for name in self.names}
        for name, original in self.originals.items():
            setattr(jax, name, functools.partial(self._note, name, original))

    def _note(self, name: str, original: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() == self.thread:  # another thread may be at work as the referee
            self.found.append(f"jax.{name}")
        return original(*args, **kwargs)

    def __exit__(self, *exception: object) -> None:
        for name, original in self.originals.items():
            setattr(jax, name, original)


# ----------------------------------------------------------------------------------------------------------------------
# Other dtypes, and values at the extremes.
# ----------------------------------------------------------------------------------------------------------------------


def check_dtypes(inputs: Inputs) -> Iterator[Check]:
    """In float32 and bfloat16: every cotangent has its argument's dtype, and the values are near those of float64."""
    for name, dtype in ((FLOAT32, jnp.float32), (BFLOAT16, jnp.bfloat16)):
        args = inputs.cast(dtype)
        cotangent = inputs.cotangent(np.random.default_rng(inputs.seed), dtype)
        output, found = by_hand_program(inputs.rule, inputs.items, args, cotangent)
        fault = structure_fault(found, tangents(args))
        if fault:
            yield _verdict(name, inputs, float("inf"), fault)
            continue
        wide_args, wide_cotangent = widened(args), widened(cotangent)  # the rounded numbers, exactly
        wide_output, expected = by_hand_program(inputs.rule, inputs.items, wide_args, wide_cotangent)
        yield _verdict(name, inputs, *difference(widened((output, found)), (wide_output, expected)))


def check_extremes(inputs: Inputs) -> Iterator[Check]:
    """In float32, output and cotangents are finite wherever they are finite in float64."""
    args = inputs.cast(jnp.float32)
    cotangent = inputs.cotangent(np.random.default_rng(inputs.seed), jnp.float32)
    output, found = by_hand_program(inputs.rule, inputs.items, args, cotangent)
    wide_output, expected = by_hand_program(inputs.rule, inputs.items, widened(args), widened(cotangent))
    faults, detail = 0, ""
    narrow = jax.tree_util.tree_leaves_with_path((output, found))
    for (path, leaf), wide in zip(narrow, jax.tree.leaves((wide_output, expected)), strict=True):
        if is_float(leaf):
            values = np.asarray(leaf, np.float64)
            bad = ~np.isfinite(values) & np.isfinite(np.asarray(wide))
            faults += int(bad.sum())
            if bad.any() and not detail:
                where = np.unravel_index(int(np.argmax(bad)), bad.shape)
                detail = f"{values[where]} at {jax.tree_util.keystr(path)}{list(map(int, where))}"
                detail += f", {np.asarray(wide)[where]:.6g} in float64"
    yield _verdict(EXTREMES, inputs, float(faults), detail)


def check_informative(inputs: Inputs) -> Iterator[Check]:
    """The derivative is somewhere finite and not 0: where it is not, right and wrong rules look alike."""
    leaves = [leaf for leaf in jax.tree.leaves(inputs.measured.autodiff) if is_float(leaf)]
    told = any(np.any(np.isfinite(np.asarray(leaf)) & (np.asarray(leaf) != 0)) for leaf in leaves)
    detail = "the derivative is 0, not finite or empty at these arguments: nothing is proved"
    yield _verdict(INFORMATIVE, inputs, 0.0 if told else 1.0, detail)


CHECKS: tuple[Callable[[Inputs], Iterator[Check]], ...] = (
    check_structure,
    check_primal,
    check_values,
    check_differences,
    check_jit,
    check_vmap,
    check_residuals,
    check_pure,
    check_dtypes,
)

_NAMES: dict[Callable[[Inputs], Iterator[Check]], str] = {
    check_structure: STRUCTURE,
    check_primal: PRIMAL,
    check_values: AUTODIFF,
    check_differences: DIFFERENCES,
    check_jit: JIT,
    check_vmap: VMAP,
    check_residuals: RESIDUALS,
    check_pure: PURE,
    check_dtypes: FLOAT32,
    check_extremes: EXTREMES,
    check_informative: INFORMATIVE,
}


def _worst(results: Any) -> tuple[float, str]:
    return max(results, key=lambda result: result[0])
