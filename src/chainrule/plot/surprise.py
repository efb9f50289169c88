"""A passage of text, and how surprising a model found each of its characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from chainrule.plot.style import DPI, GREY, INK, SMALL, TEXT, TITLE, VERMILION, WIDTH, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["surprise"]

_COLUMNS = 80
_CELL = 14 / DPI  # inches: characters are spaced by whole pixels
_MARGIN = (WIDTH - _COLUMNS * _CELL) / 2
_ADVANCE = 0.602  # the width of a character of DejaVu Sans Mono, in its size
_LINE = 1.35  # from line to line, in its size
_LINE_END, _NO_GLYPH = "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}", "\N{WHITE SQUARE}"


def surprise(text: str, nats: ArrayLike, *, most: float = 5.0) -> Figure:
    """Draw a text on a ground that is the darker, the less a model expected the character: -ln p, in nats.

    Lines are broken after 80 characters; the end of a line of the text is a character too, drawn as an arrow. A character
    that the font lacks is a square.

    Args:
        text: the passage.
        nats: [len(text)], -ln p of each of its characters, given those before it; NaN for one that was given, not
            predicted: its ground stays white.
        most: the nats from which on the ground is darkest.

    Raises:
        ValueError: for an empty text, nats that are not one number a character or all NaN, or ``most`` not above 0.
    """
    values = np.asarray(nats, np.float64)
    if not text:
        raise ValueError("surprise: text must have at least one character, got none")
    if values.shape != (len(text),):
        raise ValueError(
            f"surprise: nats must be a number for each of {len(text)} characters, got {list(values.shape)}"
        )
    if np.isinf(values).any() or np.isnan(values).all():
        raise ValueError("surprise: nats must be finite, or NaN for some characters, got infinity or NaN for all")
    if not 0 < most < np.inf:
        raise ValueError(f"surprise: most must be above 0 and finite, got {most}")

    from matplotlib.colors import LinearSegmentedColormap

    lines = _lines(text)
    ground = np.full((len(lines), _COLUMNS), np.nan)
    for row, (first, line) in enumerate(lines):
        ground[row, : len(line)] = values[first : first + len(line)]

    inner = _COLUMNS * _CELL
    size = 72 * _CELL / _ADVANCE
    height = len(lines) * size * _LINE / 72
    top, bottom = 0.5, 0.75
    figure = new_figure(top + height + bottom)
    figure.set_layout_engine("none")
    whole = figure.get_figheight()
    figure.text(
        _MARGIN / WIDTH, 1 - 0.3 / whole, "How surprising each character was", fontsize=TITLE, color=INK, va="center"
    )
    axes = figure.add_axes((_MARGIN / WIDTH, bottom / whole, inner / WIDTH, height / whole))
    axes.set_axis_off()
    colours = LinearSegmentedColormap.from_list("surprise", ["#ffffff", VERMILION])
    extent = (0, _COLUMNS, len(lines), 0)
    image = axes.imshow(ground, cmap=colours, vmin=0, vmax=most, aspect="auto", interpolation="nearest", extent=extent)
    for row, (_, line) in enumerate(lines):
        axes.text(
            0, row + 0.5, _drawable(line), family="DejaVu Sans Mono", fontsize=size, color=INK,
            va="center_baseline", ha="left", parse_math=False,
        )  # fmt: skip
    scale = figure.add_axes((_MARGIN / WIDTH, 0.5 / whole, 2.0 / WIDTH, 0.12 / whole))
    bar = figure.colorbar(image, cax=scale, orientation="horizontal", ticks=[0, most / 2, most])
    bar.ax.set_xticklabels(["0", f"{most / 2:g}", f"{most:g} or more"])
    bar.ax.tick_params(labelsize=SMALL, colors=INK)
    bar.outline.set_edgecolor(GREY)
    mean = f"-ln p, in nats; {np.nanmean(values):.3f} in the mean of this passage"
    figure.text((_MARGIN + 2.9) / WIDTH, 0.45 / whole, mean, fontsize=TEXT, color=INK, va="center")
    return figure


def _lines(text: str) -> list[tuple[int, str]]:
    """Break a text into lines of at most 80 characters, its own ends included: where each begins, and what it says."""
    lines = []
    first = 0
    while first < len(text):
        end = text.find("\n", first, first + _COLUMNS) + 1 or min(first + _COLUMNS, len(text))
        lines.append((first, text[first:end]))
        first = end
    return lines


def _drawable(line: str) -> str:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    glyphs = get_font(findfont(FontProperties(family="DejaVu Sans Mono"))).get_charmap()
    line = line.replace("\n", _LINE_END)
    return "".join(c if c.isprintable() and ord(c) in glyphs else " " if c == "\t" else _NO_GLYPH for c in line)
