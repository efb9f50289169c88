"""The picture: for each problem, the time of a run of every contender, as a multiple of chainrule's by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contenders import REFERENCE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["bars", "save"]


def save(results: dict[str, Any], folder: Path, name: str = "latest") -> Path:
    """Write the picture, and return its path.

    Raises:
        ValueError: when chainrule by hand, which all others are compared with, was not measured.
    """
    from chainrule.plot import style

    folder.mkdir(parents=True, exist_ok=True)
    return style.save(bars(results), folder / f"{name}.png")


def bars(results: dict[str, Any]) -> Figure:
    """Draw one panel of horizontal bars for each problem, on a logarithmic axis."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    from chainrule.plot import style

    panels = [measured for measured in results["problems"].values() if REFERENCE in measured["contenders"]]
    if not panels:
        raise ValueError(f"the picture compares with {REFERENCE}, which was not measured")
    counts = [len(panel["contenders"]) for panel in panels]
    figure = style.new_figure(sum(0.34 * count + 1.0 for count in counts) + 0.2)
    many_axes = figure.subplots(
        len(panels), 1, squeeze=False, sharex=True, gridspec_kw={"height_ratios": [count + 1 for count in counts]}
    )[:, 0]
    largest = max(c["ratio_of_medians"] for panel in panels for c in panel["contenders"].values())
    least = min(c["ratio_of_medians"] for panel in panels for c in panel["contenders"].values())
    for axes, panel in zip(many_axes, panels, strict=True):
        style.plain_axes(axes, title=panel["problem"]["title"])
        contenders = list(panel["contenders"].items())
        ratios = [contender["ratio_of_medians"] for _, contender in contenders]
        left = 0.8 * min(least, 1.0)
        colours = [_colour(name, style) for name, _ in contenders]
        axes.barh(range(len(contenders)), [ratio - left for ratio in ratios], left=left, color=colours, height=0.68)
        for position, (_, contender) in enumerate(contenders):
            axes.text(
                max(contender["ratio_of_medians"], 1.0) * 1.04,
                position,
                f"{contender['ratio_of_medians']:.2f} ×   {_seconds(contender['median'])}",
                va="center",
                fontsize=style.SMALL,
                color=style.INK,
            )
        axes.axvline(1.0, color=style.INK, linewidth=1.0)
        axes.set_yticks(range(len(contenders)), [contender["title"] for _, contender in contenders])
        axes.tick_params(axis="y", length=0, labelsize=style.SMALL)
        axes.invert_yaxis()
        axes.set_xscale("log")
        axes.set_xlim(left, max(largest, 1.5) * 2.2)
        axes.grid(visible=False, axis="y")
        ticks = [tick for tick in (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500) if tick < max(largest, 1.5) * 1.6]
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} ×"))
        axes.xaxis.set_minor_locator(NullLocator())
    many_axes[-1].set_xlabel(
        "time to train, in multiples of chainrule by hand (log scale)",
        fontsize=style.TEXT,
        color=style.INK,
    )
    return figure


def _colour(name: str, style: Any) -> str:
    if name == REFERENCE:
        return style.BLUE
    return "#56B4E9" if name.startswith("chainrule") else style.GREY


def _seconds(value: float) -> str:
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.2f} s"
