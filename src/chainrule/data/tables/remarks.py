"""What is to be remarked of a column that is read as words, and looks as if something else were meant by them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from chainrule.data.tables.cells import dates_of, number_of

__all__ = ["LEADING_ZERO", "remarks", "spellings"]

LEADING_ZERO = re.compile(r"^\s*0[0-9]+\s*$", re.MULTILINE)
"""A cell of digits alone that begins with a zero it would lose as a number; of cells joined by line ends."""

_NEARLY, _ENOUGH, _FEWEST = 0.9, 10, 3
_LOOKED_AT = 1_000  # distinct cells, evenly spaced, by which a column is judged
_COMPARED = 10_000  # distinct cells whose spellings are compared: of more, a column is of names
_MOST_UNITS = 4

_NUMBER = r"[+-]?(?:[0-9]+(?:[,.'][0-9]{3})*(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?"
_CURRENCY = r"(?:US\$|[$€£¥₹₩₺₽]|USD|EUR|GBP|CHF|JPY|CNY|INR|Rs\.?)"
_BEFORE = re.compile(rf"[+-]?({_CURRENCY})\s*{_NUMBER}")
_BEHIND = re.compile(rf"{_NUMBER}\s*((?:[^\W\d_]|[%‰°'\"$€£¥₹₩₺₽])[^\s,;:_()<>=|&@#!?]{{0,10}}(?: [^\W\d_]{{1,8}})?)")
_ORDINAL = ("st", "nd", "rd", "th")
# Units of one letter that may stand beside others: 1A, 1B, 2A, ... are no numbers.
_ONE_LETTER = frozenset("KMGTBkgmslhdtb")

_TIME = (
    r"(?:(?:[T ]|, ?)[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"  # 10:30:00.5
    r"(?: ?[AaPp]\.?[Mm]\.?)?(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?)?"  # PM, or a time zone
)
_YEAR_FIRST = re.compile(rf"[0-9]{{4}}([-/.])(?:0?[1-9]|1[0-2])(?:\1(?:0?[1-9]|[12][0-9]|3[01]){_TIME})?")
_YEAR_LAST = re.compile(rf"([0-9]{{1,2}})([-/.])([0-9]{{1,2}})\2(?:[0-9]{{4}}|[0-9]{{2}}){_TIME}")
_MONTH = (
    r"(?:jan(?:uary?)?|feb(?:ruary?)?|mar(?:ch)?|märz?|apr(?:il)?|ma[iy]|jun[ei]?|jul[iy]?|aug(?:ust)?|sept?(?:ember)?"
    r"|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)"
)
_NAMED = re.compile(
    rf"(?:[^\W\d_]+\.?,? )?(?:[0-9]{{1,2}}(?:st|nd|rd|th|\.)?[ -]?)?{_MONTH}\.?[ ,-]*"
    rf"(?:[0-9]{{1,2}}(?:st|nd|rd|th)?,? )?(?:[0-9]{{4}}|[0-9]{{2}}){_TIME}",
    re.IGNORECASE,
)


def remarks(texts: Sequence[str]) -> str:
    """Say what is surprising about the distinct cells of a column that was found to be of words; "" if nothing is.

    - Dates in a form that is not read as one: 31.12.2024, 12/31/2024, Dec 31, 2024, 2024-12-31T10:00:00Z, 2024-12.
    - Numbers with a unit or a currency: 70.1 kg, 12 %, $5. Four different units at the most, so that 12 Main, 3 Elm, ...
      are none; nor are 1st, 2nd, ..., and 1A, 1B, ...
    - Words that differ only by case or by blanks: see ``spellings``.

    The first two need 90 % of the distinct cells and at least 10 of them, or all of at least 3; of more than 1,000 so
    many are looked at, evenly spaced.

    Args:
        texts: the distinct cells, stripped, none of them missing.
    """
    found = []
    some = texts[:: max(1, len(texts) // _LOOKED_AT)]
    if dates := _nearly_all(some, _is_date):
        odd = next((text for text, date in zip(dates, dates_of(dates), strict=True) if date is None), dates[0])
        found.append(f"dates not of the form YYYY-MM-DD or YYYY-MM-DD HH:MM:SS such as {odd!r}: read as words")
    elif (united := _nearly_all(some, _has_unit)) and _are_units(
        units := {_unit(text) or "" for text in united}, united
    ):
        strip = "strip it" if len(units) == 1 else f"bring all to one ({', '.join(sorted(units))}) and strip it"
        found.append(f"numbers with a unit such as {united[0]!r}: {strip} to have them read as numbers")
    twice = spellings(texts)
    return "; ".join(found + ([twice] if twice else []))


def spellings(texts: Sequence[str]) -> str:
    """Name two words of a column that differ only by case or by the blanks in them; "" if there are none.

    Cells without a letter of either case are not compared, and of a column of more than 10,000 distinct cells only so many.
    """
    seen: dict[str, str] = {}
    for text in texts[:_COMPARED]:
        key = "".join(text.lower().split())
        other = seen.setdefault(key, text)
        if other is not text and key.upper() != key:
            return f"words that differ only by case or blanks such as {other!r} and {text!r}: kept apart"
    return ""


def _nearly_all(texts: Sequence[str], fits: Callable[[str], bool]) -> list[str]:
    """The cells that fit, where they are nearly all, else none."""
    found = [text for text in texts if fits(text)]
    share = _NEARLY if len(texts) >= _ENOUGH else 1.0
    return found if len(found) >= max(_FEWEST, share * len(texts)) else []


def _is_date(text: str) -> bool:
    if _YEAR_FIRST.fullmatch(text):
        return True
    last = _YEAR_LAST.fullmatch(text)
    if last:
        smaller, larger = sorted((int(last[1]), int(last[3])))
        return 1 <= smaller <= 12 and larger <= 31
    return _NAMED.fullmatch(text) is not None


def _unit(text: str) -> str | None:
    """The unit of a number, or None for what is no number with one."""
    before = _BEFORE.fullmatch(text)
    if before:
        return before[1]
    behind = _BEHIND.fullmatch(text)
    return None if behind is None or behind[1].lower() in _ORDINAL or number_of(text) is not None else behind[1]


def _has_unit(text: str) -> bool:
    return _unit(text) is not None


def _are_units(units: set[str], texts: Sequence[str]) -> bool:
    """Whether what stands beside the numbers of cells are units: few, each of several, one letter only if it is known."""
    if len(units) == 1:
        return True
    known = all(len(unit) > 1 or unit in _ONE_LETTER or not unit.isalpha() for unit in units)
    return known and len(units) <= min(_MOST_UNITS, len(texts) // 2)
