"""The mutants that no check catches, each explained in ``SURVIVORS.md`` beside this file."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["EXPLANATIONS", "explained"]

EXPLANATIONS = Path(__file__).with_name("SURVIVORS.md")

_ITEM = re.compile(r"^- `(?P<title>[^`]+)`$", re.MULTILINE)


def explained() -> tuple[str, ...]:
    """The titles of the mutations that are explained, in the order of the file."""
    return tuple(_ITEM.findall(EXPLANATIONS.read_text(encoding="utf-8")))
