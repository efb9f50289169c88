"""The checks: what must hold of an optimiser, each a function of a trial that gives what it found."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr, tree_leaves_with_path

from chainrule.audit.optimizers.compare import Finding, compare, in_words, worst
from chainrule.audit.optimizers.diagnosis import diagnose_optimizer
from chainrule.audit.optimizers.formula import as_pair, expected_updates
from chainrule.audit.optimizers.names import (
    BFLOAT16,
    DETERMINISTIC,
    EXTREMES,
    FLOAT32,
    FORMULA,
    JIT,
    RETRACE,
    SCAN,
    STRUCTURE,
    TOLERANCES,
    VMAP,
    ZERO,
)
from chainrule.audit.optimizers.trees import filled, is_tree_of_numbers, is_value, stack, tree_fault, unstack
from chainrule.audit.optimizers.trial import Run, Trial
from chainrule.audit.quick import quick_jit
from chainrule.audit.report import Place
from chainrule.checks import describe

__all__ = ["CHECKS", "EAGER", "OF_KIND"]

_DTYPES = (np.dtype(np.float64), np.dtype(np.float32), np.dtype(jnp.bfloat16))
_EXTREMES = (0.0, 1e-30, 1e4, 1e15)


def _check_structure(trial: Trial) -> Finding:
    for dtype in _DTYPES:
        params = jax.tree.map(lambda leaf, dtype=dtype: jax.ShapeDtypeStruct(leaf.shape, dtype), trial.params)
        state = jax.eval_shape(trial.optimizer.init, params)
        stepped = jax.eval_shape(trial.optimizer.update, params, state, params)
        for name, found, expected in zip(("updates", "state"), stepped, (params, state), strict=True):
            if fault := tree_fault(found, expected):
                return Finding(1.0, f"{name} for {dtype.name} params: {fault}", Place(0))
            for (path, leaf), want in zip(tree_leaves_with_path(found), jax.tree.leaves(expected), strict=True):
                if (leaf.shape, leaf.dtype) != (want.shape, want.dtype):
                    what = f"expected {describe(want)}, found {describe(leaf)}"
                    detail = f"{name}{keystr(path)} for {dtype.name} params: {what}"
                    return Finding(1.0, detail, Place(0, keystr(path)))
    # Both raise where what the update was given is changed; but of a buffer that it deletes a trace knows nothing.
    trial.watch()
    if trial.thorough:
        _ = trial.eager_run
    return Finding(0.0)


def _check_formula(trial: Trial) -> Finding:
    passed = Finding(0.0)
    for grads in (trial.grads, trial.even_grads):
        run = trial.compiled_run if grads is trial.grads else trial.compiled(grads)
        found = compare(run.updates, expected_updates(trial.formula, grads, run.params))
        if found.figure > TOLERANCES[FORMULA]:
            pattern, words = diagnose_optimizer(run.updates, trial.formula, grads, run.params)
            return found._replace(detail=f"{found.detail}{words and '; '}{words}", diagnosis=pattern)
        passed = worst(passed, found)
    return passed


def _check_zero(trial: Trial) -> Finding:
    run = trial.compiled([trial.zeros] * 2)
    found = compare(run.updates, expected_updates(trial.formula, [trial.zeros] * 2, run.params))
    finite = all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(run.updates))
    return found if finite else Finding(math.inf, "the update is not finite where all gradients are zero", Place(0))


def _check_jit(trial: Trial) -> Finding:
    eager, run = trial.eager_run, trial.compiled_run
    return worst(compare(run.updates[:2], eager.updates), compare(run.states[:3], eager.states, "state"))


def _check_scan(trial: Trial) -> Finding:
    stacked, state = trial.scan(trial.params, stack(trial.grads))
    run = trial.compiled_run
    updates = unstack(stacked, len(run.updates))
    return worst(compare(updates, run.updates), compare([state], run.states[-1:], "state"))


def _check_vmap(trial: Trial) -> Finding:
    run, lanes = trial.compiled_run, (0, 1, len(trial.grads) - 1)
    update = quick_jit(jax.vmap(trial.optimizer.update))
    updates, states = update(*(stack([trees[i] for i in lanes]) for trees in (trial.grads, run.states, run.params)))
    return worst(
        compare(unstack(updates, 3), [run.updates[i] for i in lanes], at="lane"),
        compare(unstack(states, 3), [run.states[i + 1] for i in lanes], "state", at="lane"),
    )


def _check_retrace(trial: Trial) -> Finding:
    run = trial.compiled_run
    if trial.traces > 1:
        return Finding(trial.traces - 1, f"traced {trial.traces} times in {len(trial.grads)} steps alike")
    arguments = trial.grads[0], run.states[0], run.params[0]
    if is_tree_of_numbers(trial.given):
        try:
            return Finding(_traced_anew(trial.given, (), arguments), "traced anew for an optimiser built alike")
        except jax.errors.ConcretizationTypeError:
            pass  # its numbers decide branches, so it is none that can be an argument
    if is_value(trial.given):
        return Finding(_traced_anew(trial.given, (0,), arguments), "traced anew for an optimiser built alike")
    return Finding(0.0)


def _traced_anew(given: Any, static: tuple[int, ...], arguments: tuple[Any, ...]) -> int:
    """How often a step that takes the optimiser as an argument, static or not, is traced again for a copy of it."""
    traces = []

    def step(optimizer: Any, *arguments: Any) -> Any:
        traces.append(1)
        return as_pair("step", "optimizer", optimizer).update(*arguments)

    program = jax.jit(step, static_argnums=static)
    for each in (given, copy.deepcopy(given)):
        program.eval_shape(each, *arguments)
    return len(traces) - 1


def _check_deterministic(trial: Trial) -> Finding:
    def bits(run: Run) -> list[Any]:
        return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves((run.updates, run.states))]

    ways = {"compiled": (trial.compiled_run, trial.compiled(trial.grads))}
    if trial.thorough:
        ways["eager"] = (trial.eager_run, trial.eager())
    for way, (first, second) in ways.items():
        differ = sum(a != b for a, b in zip(bits(first), bits(second), strict=True))
        if differ:
            return Finding(differ, f"{differ} arrays differ between two {way} runs alike", Place(0))
    return Finding(0.0)


def _check_dtype(trial: Trial, dtype: np.dtype) -> Finding:
    """The error in units in the last place, beside what such a unit of gradients, params and state is worth."""
    run, grads = trial.narrow(trial.grads, dtype)
    unit = float(jnp.finfo(dtype).eps)
    exact = expected_updates(trial.formula, grads, run.params)
    grads_nearby = jax.tree.map(lambda leaf: leaf * (1 + unit), grads)
    params_nearby = jax.tree.map(lambda leaf: leaf * (1 - unit), run.params)
    nearby = expected_updates(trial.formula, grads_nearby, params_nearby, dtype=dtype)
    spread = [jax.tree.map(lambda a, b: np.abs(a - b), *pair) for pair in zip(nearby, exact, strict=True)]
    return compare(run.updates, exact, unit=unit, spread=spread)


def _check_extremes(trial: Trial) -> Finding:
    faults, first = 0, Finding(0.0)
    for value in (*_EXTREMES, _EXTREMES):
        fill = functools.partial(filled, value)
        run, grads = trial.narrow([fill(g) for g in trial.grads], np.float32)
        expected = expected_updates(trial.formula, grads, run.params)
        for t, (updates, wanted) in enumerate(zip(run.updates, expected, strict=True), 1):
            for (path, leaf), want in zip(tree_leaves_with_path(updates), jax.tree.leaves(wanted), strict=True):
                bad = ~np.isfinite(leaf) & (np.abs(want) <= np.finfo(np.float32).max)
                if bad.any() and not faults:
                    index = tuple(map(int, np.unravel_index(int(np.argmax(bad)), bad.shape)))
                    place = Place(0, keystr(path), index, float(want[index]), float(leaf[index]))
                    first = Finding(0.0, f"at step {t} with gradients of ±{value}, {in_words(place)}", place)
                faults += int(bad.sum())
    return first._replace(figure=float(faults))


CHECKS: dict[str, Callable[[Trial], Finding]] = {
    STRUCTURE: _check_structure,
    FORMULA: _check_formula,
    ZERO: _check_zero,
    JIT: _check_jit,
    SCAN: _check_scan,
    VMAP: _check_vmap,
    RETRACE: _check_retrace,
    DETERMINISTIC: _check_deterministic,
    FLOAT32: functools.partial(_check_dtype, dtype=np.dtype(np.float32)),
    BFLOAT16: functools.partial(_check_dtype, dtype=np.dtype(jnp.bfloat16)),
    EXTREMES: _check_extremes,
}
"""All checks, in the order in which a fault shows best."""

OF_KIND: dict[str, tuple[str, ...]] = {"typical": tuple(CHECKS), "more": (STRUCTURE, FORMULA, ZERO, JIT, RETRACE)}
"""The names of the checks of a kind of case; those of a further setting need one compiled program, in float64."""

EAGER = (JIT,)
"""The checks that run an optimiser eagerly, which compiles each of its operations."""
