"""What can be done at the border of a backward pass: to the cotangents that it returns, and to what it is given.

An operator computes a wrong leaf from a right one, knowing nothing of the equations between. Leaves are named by their
paths, which stay what they are when another case brings other leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax.numpy as jnp

from chainrule.audit.mutants.mechanical.facts import Fact
from chainrule.audit.mutants.mechanical.operators import BUMPS, FACTORS, SHIFT, bump
from chainrule.audit.mutants.mechanical.program import Program, is_floating
from chainrule.audit.mutants.mechanical.sites import Study, reads_only_the_sign

__all__ = ["argument_variants", "border_fits", "change_arguments", "change_outputs", "output_variants"]

RELATIVE = 1e-4

_OUTPUTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "clip": ("is clipped to 1", lambda x: jnp.clip(x, -1, 1)),
    "rectify": ("is rectified", lambda x: jnp.maximum(x, 0)),
    "square": ("is squared", lambda x: x * x),
    "float32": ("is rounded to float32", lambda x: x.astype(jnp.float32).astype(x.dtype)),
    "bfloat16": ("is rounded to bfloat16", lambda x: x.astype(jnp.bfloat16).astype(x.dtype)),
    "centre": ("has its mean subtracted", lambda x: x - jnp.mean(x)),
    "last": ("has its last element zeroed", lambda x: x.at[(-1,) * x.ndim].set(0) if x.size else x),
}

_ARGUMENTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "mean": ("is replaced by its mean", lambda x: jnp.broadcast_to(jnp.mean(x), x.shape) if x.size else x),
    "absolute": ("is replaced by its absolute value", jnp.abs),
    "relative": (f"is off by a relative {RELATIVE}", lambda x: x * jnp.asarray(1 + RELATIVE, x.dtype)),
}


def output_variants(program: Program, study: Study) -> Iterator[tuple[str, Any, str]]:
    """The operators on each cotangent that is returned: the operator's name, the variant, and the words for it."""
    kinds = program.jaxpr.out_avals
    for i, path in enumerate(program.outputs):
        if not is_floating(kinds[i]):
            continue
        words = f"the cotangent of argument {_where(path)}"
        fact = study.outputs[i]
        if not study.listed[i]:  # else the last equation's mutants are these
            for kind, what in _bumps(kinds[i].shape, fact):
                yield "output", (path, kind), f"{words} {what}"
        for name, (what, _) in _OUTPUTS.items():
            if name in ("centre", "last") and kinds[i].size == 1:
                continue  # a single number without its mean, or its last element, is zero: listed already
            if fact.value == 0.0 or (
                fact.value == 1.0 and name in ("clip", "rectify", "square", "float32", "bfloat16")
            ):
                continue  # these leave 0, and these 1, as it is
            yield "output", (path, name), f"{words} {what}"
        for j in range(i + 1, len(kinds)):
            same = (kinds[j].shape, kinds[j].dtype) == (kinds[i].shape, kinds[i].dtype)
            if same and study.outputs[j].number != fact.number:  # exchanging what is computed alike changes nothing
                other = program.outputs[j]
                yield "output", (path, ("exchange", other)), f"{words} is exchanged with that of {_where(other)}"


def _bumps(shape: tuple[int, ...], fact: Fact) -> Iterator[tuple[tuple[str, Any], str]]:
    yield ("shift", SHIFT), f"is shifted by {SHIFT}"
    if fact.value == 0.0:
        return
    yield ("zero", None), "is zero"
    for factor in FACTORS:
        yield ("scale", factor), "is negated" if factor == -1.0 else f"is scaled by {factor:.7g}"
    for axis, size in enumerate(shape):
        if size > 1 and axis not in fact.uniform:
            yield ("roll", axis), f"is rolled by one along axis {axis}"


def argument_variants(program: Program, study: Study) -> Iterator[tuple[str, Any, str]]:
    """The operators on each residual, and on the incoming cotangent."""
    for path, kind, live, (readers, returned) in zip(
        program.arguments, program.jaxpr.in_avals, study.live, study.arguments, strict=True
    ):
        if not live or not is_floating(kind):  # what is not read cannot be wrong
            continue
        residual = path.startswith("[0]")
        words = f"residual {path[3:]}".strip() if residual else f"the incoming cotangent {path[3:]}".strip()
        names = ("mean", "relative") if residual else ("mean", "absolute")
        for name in names:
            if name == "mean" and kind.size == 1:
                continue  # one number is its mean
            if name == "relative" and not returned and all(reads_only_the_sign(*reader) for reader in readers):
                continue  # a positive factor does not turn a sign
            yield "residual" if residual else "cotangent", (path, name), f"{words} {_ARGUMENTS[name][0]}"


def border_fits(program: Program, variant: tuple[str, Any]) -> bool:
    """Whether a program has the leaves that a variant of these operators is about."""
    path, kind = variant
    paths = program.arguments if kind in _ARGUMENTS else program.outputs
    return path in paths and (kind[0] != "exchange" or kind[1] in paths)


def change_outputs(program: Program, leaves: Sequence[Any], variant: tuple[str, Any]) -> list[Any]:
    """The leaves of the cotangents with one of them wrong; unchanged where there is no such leaf."""
    path, kind = variant
    changed = list(leaves)
    if path not in program.outputs:
        return changed
    i = program.outputs.index(path)
    if isinstance(kind, str):
        changed[i] = _OUTPUTS[kind][1](jnp.asarray(leaves[i]))
    elif kind[0] in BUMPS:
        changed[i] = bump(leaves[i], kind)
    elif kind[1] in program.outputs:
        j = program.outputs.index(kind[1])
        if jnp.shape(leaves[i]) == jnp.shape(leaves[j]):
            changed[i], changed[j] = leaves[j], leaves[i]
    return changed


def change_arguments(program: Program, leaves: Sequence[Any], variant: tuple[str, Any]) -> list[Any]:
    """The leaves of residuals and cotangent with one of them wrong; unchanged where there is no such leaf."""
    path, name = variant
    change = _ARGUMENTS[name][1]
    return [
        change(jnp.asarray(leaf)) if own == path and is_floating(kind) else leaf
        for own, kind, leaf in zip(program.arguments, program.jaxpr.in_avals, leaves, strict=True)
    ]


def _where(path: str) -> str:
    return path.replace("[", "", 1).replace("]", "", 1)
