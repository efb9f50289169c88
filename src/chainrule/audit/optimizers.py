"""The audit of an optimiser: its updates against its formula, and what JAX makes of it.

An optimiser is ``init(params) -> state`` and ``update(grads, state, params) -> (updates, state)``: one of
``chainrule.optim``, one of Optax, or a pair of functions. Its formula is an independent optimiser in NumPy, float64, told
the step t = 1, 2, ... from outside: ``init(params) -> state`` and ``update(grads, state, params, t) -> (updates, state)``
on whole trees; :func:`leafwise` lifts the formula of a single array.

The programs that measure are few and compiled without optimisation: one step in float64, float32 and bfloat16, the same
step over three lanes, and a scan over all steps. Everything outside of them is NumPy, but for two steps run eagerly, to
which the compiled ones are compared.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr, tree_leaves_with_path

from chainrule.audit import diagnosis
from chainrule.audit.quick import quick_jit
from chainrule.audit.report import Check, Place
from chainrule.checks import describe

__all__ = [
    "STATE_LOST",
    "STEP_AHEAD",
    "STEP_BEHIND",
    "STEP_STANDS",
    "TOLERANCES",
    "Formula",
    "check_optimizer",
    "diagnose_optimizer",
    "leafwise",
]

STRUCTURE = "tree, shape, dtype"
FORMULA = "update against formula"
ZERO = "zero gradient"
JIT = "jit"
SCAN = "scan"
VMAP = "vmap"
RETRACE = "no retrace"
DETERMINISTIC = "deterministic"
FLOAT32 = "float32"
BFLOAT16 = "bfloat16"
EXTREMES = "finite at the extremes"

# In float32 and bfloat16 the unit is the last place of the leaf's largest number, and what a last place of the gradients,
# params and state is worth to the formula. 1 - 0.999^t formed as it stands is wrong by 250 units in float32 at t = 1, and
# its root by 125: that is Optax's Adam; one that uses expm1 stays below 8. In bfloat16 a right implementation may compute
# in bfloat16 too: a handful of roundings a step.
TOLERANCES = {
    STRUCTURE: 0.0,
    FORMULA: 1e-12,
    ZERO: 1e-12,
    JIT: 1e-12,
    SCAN: 1e-12,
    VMAP: 1e-12,
    RETRACE: 0.0,
    DETERMINISTIC: 0.0,
    FLOAT32: 256.0,
    BFLOAT16: 16.0,
    EXTREMES: 0.0,
}

_UNITS = dict.fromkeys((STRUCTURE, RETRACE, DETERMINISTIC, EXTREMES), "faults") | dict.fromkeys(
    (FLOAT32, BFLOAT16), "ulp"
)

STEP_AHEAD = "the bias correction or schedule is that of the next step, t + 1 for t"
STEP_BEHIND = "the bias correction or schedule is that of the step before, t - 1 for t"
STEP_STANDS = "the step count stays at its first value"
STATE_LOST = "the state is not carried from step to step"

_DTYPES = (np.dtype(np.float64), np.dtype(np.float32), np.dtype(jnp.bfloat16))
_EXTREMES = (0.0, 1e-30, 1e4, 1e15)
_SMALLEST = 1e-3  # of a leaf's scale over all steps: what its scale at one step is at least
_ALIKE = 1e-9  # how near a known mistake comes to the updates that it explains


class Formula(NamedTuple):
    """An optimiser in NumPy: ``init(params) -> state``, ``update(grads, state, params, t) -> (updates, state)``."""

    init: Callable[[Any], Any]
    update: Callable[[Any, Any, Any, int], tuple[Any, Any]]


def leafwise(init: Callable[..., Any], update: Callable[..., tuple[Any, Any]]) -> Formula:
    """Lift the formula of a single array to trees.

    Args:
        init: ``init(w) -> state``.
        update: ``update(g, state, w, t) -> (u, state)``, t = 1, 2, ... the step.
    """

    def update_all(grads: Any, states: Any, params: Any, t: int) -> tuple[Any, Any]:
        leaves = zip(jax.tree.leaves(grads), states, jax.tree.leaves(params), strict=True)
        stepped = [update(g, state, w, t) for g, state, w in leaves]
        return jax.tree.unflatten(jax.tree.structure(grads), [u for u, _ in stepped]), [s for _, s in stepped]

    return Formula(lambda params: [init(w) for w in jax.tree.leaves(params)], update_all)


def check_optimizer(
    name: str, optimizer: Any, formula: Any, params: Any, *, steps: int = 6, seed: int = 0, case: str = "typical"
) -> Iterator[Check]:
    """Check an optimiser against its formula; the checks are run one by one, as they are asked for.

    Gradients are drawn with both signs and magnitudes from 1e-4 to 1e3, one step of them zeros. The formula is given the
    params of the optimiser's own trajectory, so that an error does not feed on itself.

    Args:
        name: the optimiser's name, which begins the message of an error.
        optimizer: an object with ``init`` and ``update``, or a pair of these functions.
        formula: a :class:`Formula`, or anything else with its ``init`` and ``update``.
        params: a tree of floating-point NumPy arrays; use unequal shapes, a scalar and an empty leaf among them.
        steps: how many steps, at least 2.
        seed: of the gradients.
        case: what the checks name as their case.

    Raises:
        ValueError: an optimiser or formula without ``init`` and ``update``, params without floating-point numbers or with
            other leaves, fewer than 2 steps.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
        raise ValueError(f"{name}: steps must be a whole number of at least 2, got {steps!r}")
    for path, leaf in tree_leaves_with_path(params):
        if not jnp.issubdtype(getattr(leaf, "dtype", type(leaf)), jnp.floating):
            raise ValueError(f"{name}: params{keystr(path)} must be of floating-point numbers, got {describe(leaf)}")
    if not any(np.size(leaf) for leaf in jax.tree.leaves(params)):
        raise ValueError(f"{name}: params must hold at least one floating-point number, got {params!r}")
    pairs = _as_pair(name, "optimizer", optimizer), _as_pair(name, "formula", formula)
    return _run_checks(_Trial(optimizer, *pairs, params, steps, seed), case)


def _as_pair(name: str, argument: str, value: Any) -> Any:
    if isinstance(value, tuple) and len(value) == 2 and not hasattr(value, "init"):
        value = Formula(*value)
    if not callable(getattr(value, "init", None)) or not callable(getattr(value, "update", None)):
        raise ValueError(f"{name}: {argument} must have init and update, or be a pair (init, update), got {value!r}")
    return value


def _run_checks(trial: _Trial, case: str) -> Iterator[Check]:
    for name, check in _CHECKS.items():
        tolerance = TOLERANCES[name]
        try:
            # 0/0 in a formula or an optimiser is a finding, not a warning of NumPy's
            with jax.enable_x64(True), np.errstate(all="ignore"):
                found = check(trial)
        except Exception as error:  # whatever a wrong optimiser raises is a finding, not a crash of the audit
            lines = str(error).splitlines()
            found = _Finding(math.inf, f"{type(error).__name__}: {lines[0] if lines else ''}")
        if found.figure <= tolerance:
            found = _Finding(found.figure)
        ok, unit = found.figure <= tolerance, _UNITS.get(name, "relative")
        yield Check(name, case, ok, float(found.figure), tolerance, *found[1:], unit=unit)


# ----------------------------------------------------------------------------------------------------------------------
# What is measured, each thing once.
# ----------------------------------------------------------------------------------------------------------------------


class _Finding(NamedTuple):
    """What a check found: a figure, and what and where it is."""

    figure: float
    detail: str = ""
    place: Place | None = None
    diagnosis: str = ""


class _Run(NamedTuple):
    """A trajectory: the params before each step, the state before each step and after the last, the updates."""

    params: list[Any]
    states: list[Any]
    updates: list[Any]


class _Trial:
    """An optimiser with its formula, params and gradients, and the programs that measure it."""

    def __init__(self, given: Any, optimizer: Any, formula: Any, params: Any, steps: int, seed: int) -> None:
        self.given, self.optimizer, self.formula = given, optimizer, formula
        self.params = jax.tree.map(lambda leaf: np.array(leaf, np.float64), params)
        rng = np.random.default_rng(seed)

        def draw(leaf: np.ndarray) -> np.ndarray:
            return np.asarray(rng.choice([-1.0, 1.0], leaf.shape) * 10 ** rng.uniform(-4, 3, leaf.shape))

        self.grads = [jax.tree.map(draw, self.params) for _ in range(steps)]
        self.zeros = self.grads[steps // 2] = jax.tree.map(np.zeros_like, self.params)

        self.traces = 0

        def step(grads: Any, state: Any, params: Any) -> Any:
            self.traces += 1
            return optimizer.update(grads, state, params)

        self.step = quick_jit(step)
        self.scan = quick_jit(functools.partial(_scan, optimizer))

    def compiled(self, grads: list[Any], dtype: Any = np.float64) -> _Run:
        """A loop over the compiled step."""
        return self._loop(self.step, lambda tree: tree, grads, dtype)

    def eager(self) -> _Run:
        """Two steps as they stand; raises where the update changes what it was given."""
        return self._loop(functools.partial(_watched, self.optimizer.update), jax.device_put, self.grads[:2])

    def _loop(
        self, step: Callable[..., Any], placed: Callable[[Any], Any], grads: list[Any], dtype: Any = np.float64
    ) -> _Run:
        params = jax.tree.map(lambda leaf: leaf.astype(dtype), self.params)
        run = _Run([], [self.optimizer.init(placed(params))], [])
        for g in grads:
            updates, state = step(placed(g), run.states[-1], placed(params))
            run.params.append(_wide(params))
            run.states.append(state)
            run.updates.append(_wide(updates))
            params = jax.tree.map(_add, params, run.updates[-1])
        return run

    @functools.cached_property
    def compiled_run(self) -> _Run:
        """All steps, compiled."""
        return self.compiled(self.grads)

    @functools.cached_property
    def eager_run(self) -> _Run:
        """The first two steps, eagerly."""
        return self.eager()

    def narrow(self, grads: list[Any], dtype: Any) -> tuple[_Run, list[Any]]:
        """All steps in a narrower dtype, and the rounded gradients that they were given."""
        cast = functools.partial(jax.tree.map, lambda leaf: leaf.astype(dtype))
        with jax.enable_x64(False):  # as such params are trained
            run = self.compiled([cast(g) for g in grads], dtype)
        return run, [_wide(cast(g)) for g in grads]


def _scan(optimizer: Any, params: Any, grads: Any) -> tuple[Any, Any]:
    """A scan over stacked gradients: the updates of all steps, and the last state."""

    def body(carry: Any, g: Any) -> Any:
        updates, state = optimizer.update(g, carry[1], carry[0])
        return (jax.tree.map(jnp.add, carry[0], updates), state), updates

    (_, state), updates = jax.lax.scan(body, (params, optimizer.init(params)), grads)
    return updates, state


def _watched(update: Callable[..., Any], *given: Any) -> Any:
    """Call ``update`` and raise ValueError where it changed the trees it was given, or gave their buffers away."""
    before: list[tuple[list[Any], Any]] = [jax.tree.flatten(tree) for tree in given]
    stepped = update(*given)
    for name, (olds, structure), tree in zip(("grads", "state", "params"), before, given, strict=True):
        news = jax.tree.leaves(tree)
        if _tree_fault(tree, structure.unflatten(olds)) or any(a is not b for a, b in zip(olds, news, strict=True)):
            raise ValueError(f"update writes into {name}")
        if any(isinstance(leaf, jax.Array) and leaf.is_deleted() for leaf in olds):
            raise ValueError(f"update deletes the buffers of {name}")
    return stepped


def _expected(
    formula: Any, grads: list[Any], params: list[Any], *, at: Any = None, forget: bool = False, dtype: Any = None
) -> list[Any]:
    """The formula's updates; told step ``at(t)`` for t, forgetting its state, or with its state rounded to a dtype."""
    first = state = formula.init(params[0])
    found = []
    for t, (g, w) in enumerate(zip(grads, params, strict=True), 1):
        updates, state = formula.update(g, first if forget else state, w, at(t) if at else t)
        found.append(_wide(updates))
        if dtype is not None:
            state = jax.tree.map(lambda leaf: np.asarray(np.asarray(leaf).astype(dtype), np.float64), state)
    return found


# ----------------------------------------------------------------------------------------------------------------------
# The checks.
# ----------------------------------------------------------------------------------------------------------------------


def _check_structure(trial: _Trial) -> _Finding:
    for dtype in _DTYPES:
        params = jax.tree.map(lambda leaf, dtype=dtype: jax.ShapeDtypeStruct(leaf.shape, dtype), trial.params)
        state = jax.eval_shape(trial.optimizer.init, params)
        stepped = jax.eval_shape(trial.optimizer.update, params, state, params)
        for name, found, expected in zip(("updates", "state"), stepped, (params, state), strict=True):
            if fault := _tree_fault(found, expected):
                return _Finding(1.0, f"{name} for {dtype.name} params: {fault}", Place(0))
            for (path, leaf), want in zip(tree_leaves_with_path(found), jax.tree.leaves(expected), strict=True):
                if (leaf.shape, leaf.dtype) != (want.shape, want.dtype):
                    what = f"expected {describe(want)}, found {describe(leaf)}"
                    detail = f"{name}{keystr(path)} for {dtype.name} params: {what}"
                    return _Finding(1.0, detail, Place(0, keystr(path)))
    _ = trial.eager_run  # raises where what it was given is changed
    return _Finding(0.0)


def _check_formula(trial: _Trial) -> _Finding:
    run = trial.compiled_run
    found = _compare(run.updates, _expected(trial.formula, trial.grads, run.params))
    if found.figure <= TOLERANCES[FORMULA]:
        return found
    pattern, words = diagnose_optimizer(run.updates, trial.formula, trial.grads, run.params)
    return found._replace(detail=f"{found.detail}{words and '; '}{words}", diagnosis=pattern)


def _check_zero(trial: _Trial) -> _Finding:
    run = trial.compiled([trial.zeros] * 2)
    found = _compare(run.updates, _expected(trial.formula, [trial.zeros] * 2, run.params))
    finite = all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(run.updates))
    return found if finite else _Finding(math.inf, "the update is not finite where all gradients are zero", Place(0))


def _check_jit(trial: _Trial) -> _Finding:
    eager, run = trial.eager_run, trial.compiled_run
    return _worst(_compare(run.updates[:2], eager.updates), _compare(run.states[:3], eager.states, "state"))


def _check_scan(trial: _Trial) -> _Finding:
    stacked, state = trial.scan(trial.params, _stack(trial.grads))
    run = trial.compiled_run
    updates = _unstack(stacked, len(run.updates))
    return _worst(_compare(updates, run.updates), _compare([state], run.states[-1:], "state"))


def _check_vmap(trial: _Trial) -> _Finding:
    run, lanes = trial.compiled_run, (0, 1, len(trial.grads) - 1)
    update = quick_jit(jax.vmap(trial.optimizer.update))
    updates, states = update(*(_stack([trees[i] for i in lanes]) for trees in (trial.grads, run.states, run.params)))
    return _worst(
        _compare(_unstack(updates, 3), [run.updates[i] for i in lanes], at="lane"),
        _compare(_unstack(states, 3), [run.states[i + 1] for i in lanes], "state", at="lane"),
    )


def _check_retrace(trial: _Trial) -> _Finding:
    run = trial.compiled_run
    if trial.traces > 1:
        return _Finding(trial.traces - 1, f"traced {trial.traces} times in {len(trial.grads)} steps alike")
    arguments = trial.grads[0], run.states[0], run.params[0]
    if _is_tree_of_numbers(trial.given):
        try:
            return _Finding(_traced_anew(trial.given, (), arguments), "traced anew for an optimiser built alike")
        except jax.errors.ConcretizationTypeError:
            pass  # its numbers decide branches, so it is none that can be an argument
    if _is_value(trial.given):
        return _Finding(_traced_anew(trial.given, (0,), arguments), "traced anew for an optimiser built alike")
    return _Finding(0.0)


def _traced_anew(given: Any, static: tuple[int, ...], arguments: tuple[Any, ...]) -> int:
    """How often a step that takes the optimiser as an argument, static or not, is traced again for a copy of it."""
    traces = []

    def step(optimizer: Any, *arguments: Any) -> Any:
        traces.append(1)
        return _as_pair("step", "optimizer", optimizer).update(*arguments)

    program = jax.jit(step, static_argnums=static)
    for each in (given, copy.deepcopy(given)):
        program.eval_shape(each, *arguments)
    return len(traces) - 1


def _check_deterministic(trial: _Trial) -> _Finding:
    def bits(run: _Run) -> list[Any]:
        return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves((run.updates, run.states))]

    for way, first, second in (
        ("compiled", trial.compiled_run, trial.compiled(trial.grads)),
        ("eager", trial.eager_run, trial.eager()),
    ):
        differ = sum(a != b for a, b in zip(bits(first), bits(second), strict=True))
        if differ:
            return _Finding(differ, f"{differ} arrays differ between two {way} runs alike", Place(0))
    return _Finding(0.0)


def _check_dtype(trial: _Trial, dtype: np.dtype) -> _Finding:
    """The error in units in the last place, beside what such a unit of gradients, params and state is worth."""
    run, grads = trial.narrow(trial.grads, dtype)
    unit = float(jnp.finfo(dtype).eps)
    exact = _expected(trial.formula, grads, run.params)
    grads_nearby = jax.tree.map(lambda leaf: leaf * (1 + unit), grads)
    params_nearby = jax.tree.map(lambda leaf: leaf * (1 - unit), run.params)
    nearby = _expected(trial.formula, grads_nearby, params_nearby, dtype=dtype)
    spread = [jax.tree.map(lambda a, b: np.abs(a - b), *pair) for pair in zip(nearby, exact, strict=True)]
    return _compare(run.updates, exact, unit=unit, spread=spread)


def _check_extremes(trial: _Trial) -> _Finding:
    faults, first = 0, _Finding(0.0)
    for value in (*_EXTREMES, _EXTREMES):
        fill = functools.partial(_filled, value)
        run, grads = trial.narrow([fill(g) for g in trial.grads], np.float32)
        expected = _expected(trial.formula, grads, run.params)
        for t, (updates, wanted) in enumerate(zip(run.updates, expected, strict=True), 1):
            for (path, leaf), want in zip(tree_leaves_with_path(updates), jax.tree.leaves(wanted), strict=True):
                bad = ~np.isfinite(leaf) & (np.abs(want) <= np.finfo(np.float32).max)
                if bad.any() and not faults:
                    index = tuple(map(int, np.unravel_index(int(np.argmax(bad)), bad.shape)))
                    place = Place(0, keystr(path), index, float(want[index]), float(leaf[index]))
                    first = _Finding(0.0, f"at step {t} with gradients of ±{value}, {_words(place)}", place)
                faults += int(bad.sum())
    return first._replace(figure=float(faults))


_CHECKS: dict[str, Callable[[_Trial], _Finding]] = {
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


@np.errstate(all="ignore")
def diagnose_optimizer(found: list[Any], formula: Any, grads: list[Any], params: list[Any]) -> tuple[str, str]:
    """Name the mistake that explains wrong updates: ``(pattern, words)``, both empty where none is known.

    Tried are a constant factor (0 and -1 are missing and of the wrong sign), a result rounded to float32, the formula at
    the next and the last step, at the first step always, and without its state.

    Args:
        found: the updates of each step.
        formula: what they should be; see :class:`Formula`.
        grads: the gradients of each step.
        params: the params before each step.
    """
    expected = _expected(formula, grads, params)
    if _tree_fault(found, expected):
        return "", ""

    def alike(variant: list[Any]) -> bool:
        return _compare(found, variant).figure < _ALIKE

    pairs = list(zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True))
    a, b = (np.concatenate([np.ravel(pair[i]) for pair in pairs]) for i in (0, 1))
    if len(a) != len(b):
        return "", ""
    largest = int(np.argmax(np.abs(b)))
    factor = float(a[largest] / b[largest])
    if math.isfinite(factor) and alike(jax.tree.map(lambda leaf: factor * leaf, expected)):
        pattern = {0.0: diagnosis.ZERO, -1.0: diagnosis.SIGN}.get(round(factor, 9), diagnosis.FACTOR)
        return pattern, f"every update is {factor:.6g} times what it should be"
    if np.array_equal(a, a.astype(np.float32)) and _compare(found, expected).figure < 1e-5:
        return diagnosis.ROUNDED, "every update is a float32 number"
    variants: tuple[tuple[str, dict[str, Any]], ...] = (
        (STEP_AHEAD, {"at": lambda t: t + 1}),
        (STEP_BEHIND, {"at": lambda t: t - 1}),
        (STEP_STANDS, {"at": lambda t: 1}),
        (STATE_LOST, {"forget": True}),
        (STATE_LOST, {"forget": True, "at": lambda t: 1}),
    )
    for pattern, options in variants:
        try:
            if alike(_expected(formula, grads, params, **options)):
                return pattern, f"the found numbers are the formula's if {pattern}"
        except ArithmeticError:  # a formula in Python numbers divides by 1 - β^0
            continue
    return "", ""


# ----------------------------------------------------------------------------------------------------------------------
# Trees of numbers, step by step.
# ----------------------------------------------------------------------------------------------------------------------


def _compare(
    found: list[Any],
    expected: list[Any],
    name: str = "",
    *,
    at: str = "step",
    unit: float = 1.0,
    spread: list[Any] | None = None,
) -> _Finding:
    """The largest error over all steps and leaves: |found - expected| / (unit max|expected of the leaf| + spread).

    At a step where a leaf's numbers are small, or cancel, it has a thousandth of the scale of its largest step; a leaf that
    is zero at every step has that of 1. NaN is equal to NaN alone.
    """
    worst = _Finding(0.0)
    if fault := _tree_fault(found, expected):
        return _Finding(math.inf, fault, Place(0))
    columns = zip(*(map(_largest, jax.tree.leaves(tree)) for tree in expected), strict=True)
    scales = [max(column) or 1.0 for column in columns]
    for t, (tree, wanted) in enumerate(zip(found, expected, strict=True)):
        margins = jax.tree.leaves(spread[t]) if spread else [0.0] * len(scales)
        rows = zip(tree_leaves_with_path(tree), jax.tree.leaves(wanted), scales, margins, strict=True)
        for (path, given), want, scale, margin in rows:
            a, b = _wide(given), _wide(want)
            if a.shape != b.shape:
                detail = f"{keystr(path)}: expected the shape {list(b.shape)}, found {list(a.shape)}"
                return _Finding(math.inf, detail, Place(0, keystr(path)))
            if not b.size:
                continue
            gap = np.abs(a - b) / (unit * max(_largest(b), _SMALLEST * scale) + margin)
            gap = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.where(np.isnan(gap), np.inf, gap))
            index = tuple(map(int, np.unravel_index(int(np.argmax(gap)), gap.shape)))
            if gap[index] > worst.figure:
                place = Place(0, name + keystr(path), index, float(b[index]), float(a[index]))
                worst = _Finding(float(gap[index]), f"at {at} {t + 1}, {_words(place)}", place)
    return worst


def _tree_fault(found: Any, expected: Any) -> str:
    trees: tuple[Any, Any] = (jax.tree.structure(found), jax.tree.structure(expected))
    return "" if trees[0] == trees[1] else f"expected the tree {trees[1]}, found {trees[0]}"


def _words(place: Place) -> str:
    at = f"leaf {place.path}{list(place.index) if place.index else ''}"
    return f"{at}: expected {place.expected:.9g}, found {place.found:.9g}"


def _worst(*findings: _Finding) -> _Finding:
    return max(findings, key=lambda finding: finding.figure)


def _largest(leaf: Any) -> float:
    """The largest magnitude among the finite numbers; 0 where there is none."""
    values = np.abs(_wide(leaf))
    return float(np.max(values, where=np.isfinite(values), initial=0.0))


def _wide(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: np.asarray(np.asarray(leaf).astype(np.float64)), tree)


def _stack(trees: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *trees)


def _unstack(tree: Any, count: int) -> list[Any]:
    wide = _wide(tree)
    return [jax.tree.map(lambda leaf, t=t: np.asarray(leaf[t]), wide) for t in range(count)]


def _add(w: np.ndarray, u: np.ndarray) -> np.ndarray:
    if w.shape != u.shape:  # nothing is broadcast silently
        raise ValueError(f"an update must have the shape of its param, {list(w.shape)}, got {list(u.shape)}")
    return np.asarray(w + u).astype(w.dtype)


def _filled(value: Any, tree: Any) -> Any:
    """A tree filled with a value, or with several in turn, of the signs that are there."""
    return jax.tree.map(lambda leaf: np.resize(value, leaf.shape) * np.where(leaf < 0, -1.0, 1.0), tree)


def _is_tree_of_numbers(value: Any) -> bool:
    numbers = (bool, int, float, np.ndarray, np.generic, jax.Array)
    return not jax.tree_util.all_leaves([value]) and all(isinstance(leaf, numbers) for leaf in jax.tree.leaves(value))


def _is_value(value: Any) -> bool:
    """Whether it can be static configuration: hashable, with an equality of its own; functions have none."""
    if isinstance(value, tuple):
        return False
    try:
        hash(value)
    except TypeError:
        return False
    return type(value).__eq__ is not object.__eq__
