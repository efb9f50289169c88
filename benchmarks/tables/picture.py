"""The picture: by how much chainrule is the better on each table and variant, with one standard error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["MOST", "draw", "save"]

MOST = 10.0  # where the axes end, on both sides; what is more stands there, with an arrow

PANELS = (
    ("classification", "classes", "accuracy gained, percentage points"),
    ("regression", "numbers", "RMSE saved, % of scikit-learn's"),
)
LABELS = {"mlp": "mlp against MLP", "ridge": "ridge against ridge", "best": "mlp against the better of the two"}


def save(results: dict[str, Any], path: Path) -> Path:
    """Write the picture as PNG, and return its path.

    Raises:
        ValueError: when nothing was measured.
    """
    from chainrule.plot import style

    path.parent.mkdir(parents=True, exist_ok=True)
    return style.save(draw(results), path)


def draw(results: dict[str, Any]) -> Figure:
    """Draw a panel of the tables with classes and one of those with numbers: a line a variant, a point a comparison."""
    from chainrule.plot import style

    lines = {task: _lines(results, task) for task, _, _ in PANELS}
    panels = [panel for panel in PANELS if lines[panel[0]]]
    if not panels:
        raise ValueError("the picture needs at least one table that was measured, got none")
    most = max(len(lines[task]) for task, _, _ in panels)
    figure = style.new_figure(0.42 * most + 1.6, width=style.WIDTH * (1.25 if len(panels) == 2 else 0.8))
    colours = dict(zip(LABELS, (style.BLUE, style.CLASS_COLOURS[1], style.INK), strict=True))
    for axes, (task, title, unit) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        style.plain_axes(axes, title=title, x=unit)
        axes.axvline(0, color=style.GREY, linewidth=1.2)
        for position, (_, points) in enumerate(lines[task]):
            for offset, (name, (gain, error)) in zip((-0.22, 0.0, 0.22), points.items(), strict=True):
                _point(axes, position + offset, gain, error, colours[name])
        axes.set_yticks(range(len(lines[task])), [label for label, _ in lines[task]])
        axes.set_ylim(len(lines[task]) - 0.4, -0.6)
        axes.set_xlim(-MOST, MOST)
    handles = [axes.plot([], [], "o-", color=colours[name], markersize=4.5, label=LABELS[name])[0] for name in LABELS]
    figure.legend(
        handles=handles, loc="outside upper left", ncols=3, frameon=False, fontsize=style.SMALL, labelcolor=style.INK
    )
    return figure


def _lines(results: dict[str, Any], task: str) -> list[tuple[str, dict[str, tuple[float, float]]]]:
    """The label of each line, and its gains with their standard errors, in percent."""
    lines = []
    for found in results["sets"].values():
        for variant, summary in found["variants"].items():
            if found["task"] != task or "comparisons" not in summary:
                continue
            points = {}
            for name, comparison in summary["comparisons"].items():
                peer = summary["best_peer"] if name == "best" else name
                scale = 100 if task == "classification" else 100 / summary["means"][f"scikit-learn {peer}"]
                points[name] = (scale * comparison["gain"], scale * comparison["standard_error"])
            lines.append((f"{found['title']}, {variant}", points))
    return lines


def _point(axes: Axes, position: float, gain: float, error: float, colour: str) -> None:
    marker = "<" if gain < -MOST else ">" if gain > MOST else "o"
    low, middle, high = (min(max(value, -MOST), MOST) for value in (gain - error, gain, gain + error))
    axes.plot([low, high], [position] * 2, color=colour, linewidth=1.6, solid_capstyle="butt")
    axes.plot([middle], [position], marker, color=colour, markersize=4.5, linestyle="none", clip_on=False)
