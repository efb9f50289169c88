"""The audit as a picture: for every rule, how far the hand-derived pullback is from each of its judges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainrule.plot.style import BLUE, GREY, INK, SMALL, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from chainrule.audit.report import Report

__all__ = ["audit_errors"]

_EXACT = 1e-17  # where an error of 0 is drawn: below half a unit in the last place of 1


def audit_errors(reports: Sequence[Report]) -> Figure:
    """Draw the largest relative error of every rule against autodiff and against central differences, in float64.

    Args:
        reports: one a rule, as ``audit.check_all`` yields them. An infinite error is drawn at the right edge.

    Raises:
        ValueError: for no reports.
    """
    if not reports:
        raise ValueError("audit_errors: reports must hold at least one report, got none")
    from chainrule.audit.checks import AUTODIFF, DIFFERENCES, TOLERANCES

    figure = new_figure(1.5 + 0.2 * len(reports))
    axes = figure.add_subplot()
    positions = range(len(reports))
    for name, colour, marker in ((AUTODIFF, BLUE, "o"), (DIFFERENCES, VERMILION, "D")):
        errors = [min(max(report.worst(name) or 0.0, _EXACT), 1.0) for report in reports]
        axes.scatter(errors, positions, s=22, color=colour, marker=marker, label=name, zorder=3)
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
    axes.set_yticks(list(positions), [report.subject for report in reports], fontsize=SMALL)
    for label, report in zip(axes.get_yticklabels(), reports, strict=True):
        label.set_color(INK if report.ok else VERMILION)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=SMALL)
    return figure
