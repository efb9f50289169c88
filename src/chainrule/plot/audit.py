"""The audit as a picture: of every rule in one figure, and of one function on one set of arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.plot.style import BLUE, GREY, INK, SMALL, TEXT, TITLE, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from chainrule.audit.inputs import Inputs
    from chainrule.audit.report import Report

__all__ = ["audit_errors", "audit_of"]

_EXACT = 1e-17  # where an error of 0 is drawn: below half a unit in the last place of 1


def audit_errors(reports: Sequence[Report]) -> Figure:
    """Draw the largest relative error of every rule against autodiff and against central differences, in float64.

    Args:
        reports: one a rule, as ``audit.check_all`` yields them. An infinite error is drawn at the right edge; reports that
            hold neither check, those of optimisers, are left out.

    Raises:
        ValueError: for no reports, or none with either check.
    """
    if not reports:
        raise ValueError("audit_errors: reports must hold at least one report, got none")
    from chainrule.audit.checks import AUTODIFF, DIFFERENCES, TOLERANCES

    reports = [r for r in reports if r.worst(AUTODIFF) is not None or r.worst(DIFFERENCES) is not None]
    if not reports:
        raise ValueError("audit_errors: reports must hold a comparison with autodiff or differences, got none")
    figure = new_figure(1.5 + 0.2 * len(reports))
    axes = figure.add_subplot()
    for name, colour, marker in ((AUTODIFF, BLUE, "o"), (DIFFERENCES, VERMILION, "D")):
        worst = [(report.worst(name), row) for row, report in enumerate(reports)]
        marks = [(min(max(error, _EXACT), 1.0), row) for error, row in worst if error is not None]
        errors, rows = np.reshape(marks, (-1, 2)).T
        axes.scatter(errors, rows, s=22, color=colour, marker=marker, label=name, zorder=3)
        axes.axvline(TOLERANCES[name], color=colour, linewidth=1, linestyle="--")
        axes.text(
            TOLERANCES[name], -1.2, f" allowed, {TOLERANCES[name]:.0e}", color=colour, fontsize=SMALL, va="bottom"
        )
    axes.axvline(2.0**-52, color=GREY, linewidth=1, linestyle=":")
    axes.text(2.0**-52, -1.2, " float64: one digit", color=GREY, fontsize=SMALL, va="bottom")
    plain_axes(axes, x="largest relative error (an error of 0 is drawn at the left edge)")
    axes.set_xscale("log")
    axes.set_xlim(_EXACT / 2, 2)
    axes.set_ylim(len(reports) - 0.2, -1.4)
    axes.set_yticks(range(len(reports)), [report.subject for report in reports], fontsize=SMALL)
    for label, report in zip(axes.get_yticklabels(), reports, strict=True):
        label.set_color(INK if report.ok else VERMILION)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=SMALL)
    return figure


# ----------------------------------------------------------------------------------------------------------------------
# One function on one set of arguments.
# ----------------------------------------------------------------------------------------------------------------------

_LEGEND = 26.0  # points between a title and the axes: one row of a legend
_COORDINATES = 512  # at most so many numbers are compared with differences, spread evenly
_LABELS, _LETTERS, _ROW = 24, 22, 40  # leaves that are labelled; letters of a label; letters side by side below a panel


class _Leaf(NamedTuple):
    """One leaf of the arguments: where each number stands in it, from 0 to 1, its relative error, what is allowed."""

    name: str
    shape: str
    position: np.ndarray
    error: np.ndarray
    allowed: np.ndarray


class _Remainder(NamedTuple):
    """The remainder of Taylor's formula at each step, what rounding leaves of it, and its order; None where none is read."""

    steps: np.ndarray
    values: np.ndarray
    floor: float
    order: float | None


def audit_of(inputs: Inputs) -> Figure:
    """Draw where a derivative is wrong, and how: its error by index, and its error against the step size.

    Left, for every number of every floating-point leaf of the arguments, in order, the leaves side by side::

        |hand - judge| / max |judge| over the leaf

    where the judge is autodiff of the primal, or central differences where there is no other autodiff. The grey line is
    what is allowed. Right, |f(x + h v) - f(x) - h <g, v>| for steps h along a random direction v: of second order, and so
    along the line of slope 2, if the gradient g is right; of first order if it is wrong.

    Args:
        inputs: a function and its arguments, as ``chainrule.audit.run.inputs_for`` makes them.

    Raises:
        ValueError: when there is no error to draw: the derivative raises, or its cotangents have other shapes than the
            arguments, or nothing in them is a number.
    """
    import jax

    from chainrule.audit.trees import flat

    if not flat(inputs.args).size:
        raise ValueError(f"audit_of: {inputs.subject.name} gives nothing to draw: its arguments hold no numbers")
    try:
        with jax.enable_x64(True):
            leaves, judge = _errors(inputs)
            remainder = _remainder(inputs)
    except Exception as error:  # whatever a wrong derivative raises
        first = str(error).partition("\n")[0]
        raise ValueError(
            f"audit_of: {inputs.subject.name} gives nothing to draw: {type(error).__name__}: {first}"
        ) from error
    letters = 0 if _is_level(leaves) else max(len(leaf.name) for leaf in leaves)
    figure = new_figure(4.3 + 0.09 * letters)
    figure.suptitle(f"The derivative of {inputs.subject.name}", fontsize=TITLE, color=INK, x=0.012, ha="left")
    _draw_errors(figure.add_subplot(1, 2, 1), leaves, judge)
    _draw_remainder(figure.add_subplot(1, 2, 2), remainder)
    return figure


def _errors(inputs: Inputs) -> tuple[list[_Leaf], str]:
    """The errors of every leaf, and who judged."""
    import jax

    from chainrule.audit.trees import is_float

    seen = inputs.measured
    hand = [(path, leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(seen.hand[0]) if is_float(leaf)]
    arguments = [leaf for leaf in jax.tree.leaves(inputs.args) if is_float(leaf)]
    for (path, leaf), argument in zip(hand, arguments, strict=True):
        if leaf.shape != argument.shape:
            raise ValueError(
                f"the cotangent of argument {_name(path)} has the shape {list(leaf.shape)}, not {list(argument.shape)}"
            )
    found = [np.asarray(leaf, np.float64).ravel() for _, leaf in hand]
    by_differences = seen.autodiff is None
    judged = _by_differences(inputs, found) if by_differences else _by_autodiff(inputs, found)
    leaves = [
        _Leaf(_name(path), "x".join(map(str, leaf.shape)) or "scalar", *errors)
        for (path, leaf), errors in zip(hand, judged, strict=True)
        if leaf.size
    ]
    return leaves, "differences" if by_differences else "autodiff"


def _name(path: Any) -> str:
    import jax

    inside = jax.tree_util.keystr(path[1:])
    return f"{path[0].idx}{'…' * (len(inside) > _LETTERS)}{inside[-_LETTERS:]}"


def _by_autodiff(inputs: Inputs, found: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Positions, errors and what is allowed; where the tolerance is exceeded, what rounding excuses is allowed too."""
    import jax

    from chainrule.audit.checks import AUTODIFF, TOLERANCES
    from chainrule.audit.compare import gaps
    from chainrule.audit.trees import floats, is_float

    assert inputs.measured.autodiff is not None
    right = [np.asarray(leaf, np.float64).ravel() for leaf in floats(inputs.measured.autodiff[0])]
    tolerance = TOLERANCES[AUTODIFF] * inputs.epsilon / 2.0**-52
    scales = [_scale(one) for one in right]
    errors = [gaps(one, other) / scale for one, other, scale in zip(found, right, scales, strict=True)]
    excused = [0.0] * len(errors)
    if any((error > tolerance).any() for error in errors):
        slack = jax.tree.leaves(inputs.slack.cotangents[0])
        excused = [
            one for one, leaf in zip(slack, jax.tree.leaves(inputs.measured.hand[0]), strict=True) if is_float(leaf)
        ]
    return [
        (_spread(error.size), error, np.full(error.size, tolerance + pardon / scale))
        for error, pardon, scale in zip(errors, excused, scales, strict=True)
    ]


def _by_differences(inputs: Inputs, found: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The same against central differences, at as many coordinates as a fixed amount of work allows.

    Steps of three sizes are tried, and the surest estimate counts: a coarse step may straddle a kink. What is allowed is
    what the differences can tell; a number that they tell nothing of, at a kink, has no error.
    """
    from chainrule.audit.checks.differences import points, slope_of
    from chainrule.audit.trees import flat

    start, cotangent = flat(inputs.args), flat(inputs.cotangents[0])
    chosen = np.unique(np.linspace(0, start.size - 1, min(start.size, _COORDINATES)).astype(int))
    steps = 2.0**-7 * 0.5 ** np.arange(4)
    estimates: dict[int, list[Any]] = {int(j): [] for j in chosen}
    for base in (1.0, 2.0**-6, 2.0**-12):
        widths = base * np.maximum(1.0, np.abs(start[chosen]))
        moves = [
            (0, 0.0, int(j), float(sign * h * width))
            for j, width in zip(chosen, widths, strict=True)
            for h in steps
            for sign in (1, -1)
        ]
        outputs = points(inputs, np.zeros((1, start.size)), [*moves, (0, 0.0, 0, 0.0)])
        with np.errstate(invalid="ignore", over="ignore"):
            values = outputs @ cotangent
            sizes = (np.abs(outputs) @ np.abs(cotangent))[:-1].reshape(len(chosen), -1)
        here, moved = values[-1], values[:-1].reshape(len(chosen), len(steps), 2)
        for row, (j, width) in enumerate(zip(chosen, widths, strict=True)):
            size = inputs.epsilon * float(sizes[row][np.isfinite(sizes[row])].max(initial=0.0))
            estimates[int(j)] += slope_of(steps * width, here, moved[row, :, 0], moved[row, :, 1], size)
    best = {j: min(slopes, key=lambda slope: slope.uncertainty) for j, slopes in estimates.items() if slopes}
    judged, offset = [], 0
    for leaf in found:
        within = np.array([j for j in best if offset <= j < offset + leaf.size], int)
        values = np.array([best[int(j)].value for j in within])
        sure = np.array([20 * best[int(j)].uncertainty for j in within])
        scale = _scale(np.concatenate([values, leaf]))
        with np.errstate(invalid="ignore"):
            error = np.abs(leaf[within - offset] - values) / scale
        error = np.where(np.isnan(error), np.inf, error)
        judged.append((_spread(leaf.size)[within - offset], error, np.maximum(sure / scale, 1e-13)))
        offset += leaf.size
    return judged


def _scale(values: np.ndarray) -> float:
    """The largest finite absolute value; 1 if that is 0."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) or 1.0


def _spread(count: int) -> np.ndarray:
    """Places for so many numbers between 0 and 1, with room at both ends."""
    return (np.arange(count) + 0.5) / max(count, 1) * 0.88 + 0.06


def _remainder(inputs: Inputs) -> _Remainder:
    from chainrule.audit.checks.differences import check_taylor, taylor_remainder

    steps, values, _, floor = taylor_remainder(inputs)
    order = next((check.figure for check in check_taylor(inputs)), None)
    return _Remainder(steps, values, floor, order)


def _is_level(leaves: list[_Leaf]) -> bool:
    """Whether names fit under the leaves; else they stand upright."""
    return len(leaves) * (1 + max(len(word) for leaf in leaves for word in (leaf.name, leaf.shape))) <= _ROW


def _draw_errors(axes: Axes, leaves: list[_Leaf], judge: str) -> None:
    top = max(float(leaf.error[np.isfinite(leaf.error)].max(initial=0.0)) for leaf in leaves)
    top = 30 * max(top, 0.1)
    for number, leaf in enumerate(leaves):
        x = number + leaf.position
        y = np.clip(leaf.error, _EXACT, top / 3)  # an infinite error is drawn near the upper edge
        wrong = ~(leaf.error <= leaf.allowed)
        size = 26 if leaf.error.size <= 40 else 9
        axes.scatter(x[~wrong], y[~wrong], s=size, color=BLUE, marker="o", zorder=3, linewidths=0)
        axes.scatter(x[wrong], y[wrong], s=size + 8, color=VERMILION, marker="D", zorder=3, linewidths=0)
        if leaf.allowed.size:
            edges = np.concatenate([[number], x, [number + 1]])
            line = np.concatenate([leaf.allowed[:1], leaf.allowed, leaf.allowed[-1:]])
            axes.plot(edges, line, color=GREY, linewidth=1.4)
        if number:
            axes.axvline(number, color=GREY, linewidth=0.8)
    plain_axes(axes, title=f"Error against {judge}", y="relative error", pad=_LEGEND)
    axes.grid(visible=False, axis="x")
    axes.set_yscale("log")
    axes.set_ylim(_EXACT / 4, top)
    ticks = 10.0 ** np.arange(-15, np.ceil(np.log10(top)), 3)
    axes.set_yticks([_EXACT, *ticks], ["0", *(f"$10^{{{round(np.log10(tick))}}}$" for tick in ticks)])
    axes.yaxis.minorticks_off()
    axes.set_xlim(0, len(leaves))
    every = -(-len(leaves) // _LABELS)
    shown = range(0, len(leaves), every)
    if _is_level(leaves):
        axes.set_xticks([n + 0.5 for n in shown], [f"{leaf.name}\n{leaf.shape}" for leaf in leaves])
    else:
        axes.set_xticks([n + 0.5 for n in shown], [leaves[n].name for n in shown], rotation=90)
    axes.set_xlabel("argument", fontsize=TEXT, color=INK)
    axes.tick_params(axis="x", length=0)
    _legend(axes, [("o", BLUE, "right"), ("D", VERMILION, "wrong"), ("-", GREY, "allowed")])


def _draw_remainder(axes: Axes, remainder: _Remainder) -> None:
    from chainrule.audit.checks.names import TAYLOR, TOLERANCES

    steps, values, floor, order = remainder
    bottom = floor / 100
    known = np.isfinite(values)
    wrong = order is not None and order < TOLERANCES[TAYLOR]
    # The line that the remainders should be along goes through the last that rounding leaves readable; the other meets it
    # at the largest step. Of a linear function nothing but rounding remains.
    readable = np.flatnonzero(known & (values > 1e3 * floor))
    last = readable[-1] if readable.size else 0
    start = float(values[last] * (steps[0] / steps[last]) ** (1 if wrong else 2)) if readable.size else 1e4 * floor
    axes.plot(steps, start * steps / steps[0], color=VERMILION, linewidth=1.6, linestyle=(0, (5, 1.5)))
    axes.plot(steps, start * (steps / steps[0]) ** 2, color=BLUE, linewidth=1.6)
    axes.axhline(floor, color=GREY, linewidth=1.4, linestyle=":")
    axes.scatter(steps[known], np.maximum(values[known], bottom), s=26, color=VERMILION if wrong else INK, zorder=3)
    said = "" if order is None else f": order {order:.2g}"
    plain_axes(axes, title=f"Error against step size{said}", x="step size h", pad=_LEGEND)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(steps[-1] / 2, steps[0] * 2)
    axes.set_ylim(bottom / 3, 10 * max(start, float(values[known].max(initial=0.0))))
    _legend(axes, [("--", VERMILION, "slope 1: wrong"), ("-", BLUE, "2: right"), (":", GREY, "rounding")])


def _legend(axes: Axes, entries: list[tuple[Any, str, str]]) -> None:
    """One row between the title and the axes."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=style, linestyle="", label=label)
        if style in "oD"
        else Line2D([], [], color=colour, linestyle=style, linewidth=1.6, label=label)
        for style, colour, label in entries
    ]
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=len(handles),
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
        borderaxespad=0.2,
        columnspacing=0.8,
        handlelength=1.5,
        handletextpad=0.4,
    )
