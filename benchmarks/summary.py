"""From samples to the numbers of a table: medians, extremes, ratios of medians, and medians of paired ratios."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any

__all__ = ["paired_ratios", "summarise", "summarise_pairs"]

Rounds = Sequence[Sequence[float]]  # a round holds one or more runs in a row


def summarise(rounds: Rounds, reference: Rounds | None) -> dict[str, Any]:
    """Summarise the runs of one contender, in seconds, beside those of the reference in the same rounds.

    A round counts once, by the median of its runs. ``ratio_of_medians`` compares the medians over all rounds;
    ``median_paired_ratio`` is the median, over rounds, of the ratio within the round, from which a drift of the
    machine cancels. Both are above 1 for a contender that is slower than the reference, and None without one.

    Raises:
        ValueError: for no rounds, a round without runs, or another number of rounds than the reference has.
    """
    values = _values(rounds)
    runs = [run for round_ in rounds for run in round_]
    summary = {"median": median(values), "min": min(runs), "max": max(runs), "runs": len(runs)}
    if reference is None:
        return summary | {"ratio_of_medians": None, "median_paired_ratio": None}
    others = _values(reference)
    return summary | {
        "ratio_of_medians": median(values) / median(others),
        "median_paired_ratio": median(paired_ratios(values, others)),
    }


def summarise_pairs(first: Sequence[float], second: Sequence[float]) -> dict[str, Any]:
    """Summarise runs made in pairs: the median of first / second, its quartiles, and how often first was the quicker.

    Raises:
        ValueError: for no pairs, or sequences of different lengths.
    """
    ratios = paired_ratios(first, second)
    low, _, high = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return {
        "pairs": len(ratios),
        "median_paired_ratio": median(ratios),
        "ratio_of_medians": median(first) / median(second),
        "lower_quartile": low,
        "upper_quartile": high,
        "first_quicker": sum(ratio < 1 for ratio in ratios),
    }


def paired_ratios(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Divide element by element.

    Raises:
        ValueError: for none, or sequences of different lengths.
    """
    if not first or len(first) != len(second):
        raise ValueError(f"paired ratios need two sequences of the same length, got {len(first)} and {len(second)}")
    return [a / b for a, b in zip(first, second, strict=True)]


def _values(rounds: Rounds) -> list[float]:
    if not rounds or not all(rounds):
        raise ValueError(f"every contender needs at least one run in each of at least one round, got {rounds!r}")
    return [median(round_) for round_ in rounds]
