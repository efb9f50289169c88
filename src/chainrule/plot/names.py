"""Names of columns and classes as they are written in a picture: a user's own, of any length and any characters."""

from __future__ import annotations

__all__ = ["short"]


def short(name: str, longest: int) -> str:
    """Cut a name to so many characters, with an ellipsis; blanks and line ends become one blank each.

    A dollar sign is escaped: between two of them matplotlib would set a formula.
    """
    whole = " ".join(name.split())
    return (whole if len(whole) <= longest else f"{whole[: longest - 1]}…").replace("$", r"\$")
