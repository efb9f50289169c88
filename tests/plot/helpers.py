"""What is written on a figure."""

from matplotlib.figure import Figure
from matplotlib.text import Text


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def overlaps(figure: Figure, wanted: list[str]) -> list[tuple[str, str]]:
    """The pairs of the texts that contain one of the wanted, whose boxes overlap once the figure is drawn."""
    figure.canvas.draw()
    found = [t for t in figure.findobj(Text) if t.get_visible() and any(word in t.get_text() for word in wanted)]
    boxes = [(t.get_text(), t.get_window_extent()) for t in found]
    return [(a, b) for i, (a, one) in enumerate(boxes) for b, other in boxes[i + 1 :] if one.overlaps(other)]
