"""An n-gram model of characters: the baseline by counting that a network has to beat.

It is the classical answer to the same question, p(next character | those before), knows nothing of gradients and is
fitted in a fraction of a second: where a network does not clearly beat it on the same held-out text, the network has
learned little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from chainrule.checks import describe

__all__ = ["NGram", "Smoothing", "fit_ngram"]

Smoothing = Literal["kneser-ney", "witten-bell"]


@dataclass(frozen=True, eq=False)
class _Level:
    """What has been counted of the n-grams of one length; an n-gram is one number, its ids as digits.

    Attributes:
        grams: int64[k], the n-grams that occur, sorted.
        counts: int64[k], how often; for Kneser-Ney below the highest order, after how many characters.
        contexts: int64[j], their first n - 1 characters, sorted.
        reserved: float64[j], r(h): the mass, in counts, that is passed on to shorter n-grams.
        masses: float64[j], the whole mass: the denominator of p.
        discount: what is taken off every count.
    """

    grams: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    reserved: np.ndarray
    masses: np.ndarray
    discount: float


@dataclass(frozen=True, eq=False)
class NGram:
    """A fitted model: p(c | h) for a character c after the order - 1 characters h. ``fit_ngram`` makes one.

    Attributes:
        order: the length of the longest n-grams, 5: four characters of context.
        classes: the number of ids; every one of them has a probability above 0 after any context.
        smoothing: how longer and shorter n-grams are mixed.
        levels: what has been counted, from single characters to n-grams of length ``order``.
    """

    order: int
    classes: int
    smoothing: Smoothing
    levels: tuple[_Level, ...]

    def distribution(self, context: ArrayLike) -> np.ndarray:
        """Compute the probability of each next character, float64[classes], after a context of any length.

        Only the last order - 1 characters count; of a shorter context, all.

        Raises:
            ValueError: for ids that are not a vector of integers from 0 to classes - 1.
        """
        ids = _require_ids("distribution", "context", context, self.classes)
        following = np.arange(self.classes)
        p = np.full(self.classes, 1 / self.classes)
        for n, level in enumerate(self.levels[: len(ids) + 1], start=1):
            before = 0
            for i in ids[len(ids) - (n - 1) :].tolist():
                before = before * self.classes + i
            p = _mix(level, before * self.classes + following, self.classes, p)
        return p

    def log_probabilities(self, ids: ArrayLike) -> np.ndarray:
        """Compute ln p of each character of a text given those before it in the same text, float64[n].

        The first order - 1 characters have shorter contexts; the first has none.

        Raises:
            ValueError: for ids that are not a vector of integers from 0 to classes - 1.
        """
        array = _require_ids("log_probabilities", "ids", ids, self.classes)
        p = np.full(len(array), 1 / self.classes)
        for n, level in enumerate(self.levels, start=1):
            if len(array) < n:
                break
            p[n - 1 :] = _mix(level, _grams(array, n, self.classes), self.classes, p[n - 1 :])
        return np.log(p)

    def nats_per_character(self, ids: ArrayLike) -> float:
        """Compute the mean of -ln p over a text, each character but the first once, after those before it.

        The first is left out because a network's windows give it and do not ask for it: so this is the mean over the same
        targets as that over ``Text.evaluation_windows``, and is to be compared with a network's cross-entropy there.

        Raises:
            ValueError: for ids that are not a vector of integers from 0 to classes - 1, or are fewer than two.
        """
        array = _require_ids("nats_per_character", "ids", ids, self.classes)
        if len(array) < 2:
            raise ValueError(f"nats_per_character: ids must be at least two characters, got {len(array)}")
        return float(-self.log_probabilities(array)[1:].mean())


def fit_ngram(ids: ArrayLike, classes: int, *, order: int = 5, smoothing: Smoothing = "kneser-ney") -> NGram:
    """Count the n-grams of a text, and mix the long with the short so that nothing is impossible.

    With c(hw) the number of times that w follows the context h, N(h) the number of distinct characters that do, and h' the
    context h without its first character, both smoothings are of one form, from single characters upwards,

    ::

        p(w | h) = (max(c(hw) - D, 0) + r(h) p(w | h')) / (sum_w c(hw) + r(h) - D N(h)),    p = 1 / classes below all,

    and p(w | h) = p(w | h') after a context that never occurred. Sums over w are 1 by construction.

    - Witten-Bell: D = 0 and r(h) = N(h): as much is kept for what is new as new characters have been seen after h.
    - Kneser-Ney, interpolated: D between 0 and 1, and r(h) = D N(h): what is kept is what was taken off. Only the
      longest n-grams are counted by their occurrences. A shorter one, which speaks only where a longer one has not been
      seen, is counted by the distinct characters that it occurs after. D = n1 / (n1 + 2 n2) for each length, with n1 and n2
      the number of n-grams counted once and twice (1/2 where either is 0, as in a tiny text).

    Args:
        ids: int[n], the text to learn from; ``Text.train``.
        classes: the number of ids; ``Text.classes``.
        order: the length of the longest n-grams.
        smoothing: ``"kneser-ney"`` or ``"witten-bell"``.

    Raises:
        ValueError: for ids that are not a vector of integers from 0 to classes - 1 or are fewer than ``order``; for an
            order below 1, or so high that an n-gram does not fit 63 bits; for another smoothing.

    Source: S. F. Chen and J. Goodman (1999), An empirical study of smoothing techniques for language modeling, Computer
    Speech and Language 13, equations 16 (Witten-Bell), 24 (Kneser-Ney, interpolated) and section 3.
    """
    if smoothing not in get_args(Smoothing):
        raise ValueError(f"fit_ngram: smoothing must be 'kneser-ney' or 'witten-bell', got {smoothing!r}")
    for name, value in (("classes", classes), ("order", order)):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise ValueError(f"fit_ngram: {name} must be a positive whole number, got {value!r}")
    array = _require_ids("fit_ngram", "ids", ids, classes)
    if int(classes) ** int(order) >= 2**63:
        raise ValueError(f"fit_ngram: order must be such that classes^order fits 63 bits, got {classes}^{order}")
    if len(array) < order:
        raise ValueError(f"fit_ngram: ids must be at least {order} characters for order {order}, got {len(array)}")
    levels: list[_Level] = []
    longer: np.ndarray | None = None
    for n in range(order, 0, -1):
        grams, counts = np.unique(_grams(array, n, classes), return_counts=True)
        occurring = grams
        if smoothing == "kneser-ney" and longer is not None and longer.size:
            grams, counts = np.unique(longer % classes**n, return_counts=True)
        levels.append(_level(grams, counts, classes, smoothing))
        longer = occurring
    return NGram(int(order), int(classes), smoothing, tuple(reversed(levels)))


def _level(grams: np.ndarray, counts: np.ndarray, classes: int, smoothing: Smoothing) -> _Level:
    contexts, first, distinct = np.unique(grams // classes, return_index=True, return_counts=True)
    totals = np.add.reduceat(counts, first)
    if smoothing == "witten-bell":
        return _Level(grams, counts, contexts, distinct.astype(np.float64), (totals + distinct).astype(np.float64), 0.0)
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    discount = once / (once + 2 * twice) if once and twice else 0.5
    return _Level(grams, counts, contexts, discount * distinct, totals.astype(np.float64), discount)


def _mix(level: _Level, grams: np.ndarray, classes: int, shorter: np.ndarray) -> np.ndarray:
    """Compute p(w | h) for n-grams hw from p(w | h'), by the formula of ``fit_ngram``."""
    place, known = _find(level.contexts, grams // classes)
    seat, seen = _find(level.grams, grams)
    count = np.where(seen, level.counts[seat] - level.discount, 0.0)
    # After a context that never occurred, all the mass is the shorter context's.
    reserved = np.where(known, level.reserved[place], 1.0)
    return (count + reserved * shorter) / np.where(known, level.masses[place], 1.0)


def _find(table: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Look up values in a sorted table: their places, and whether they are there."""
    places = np.minimum(np.searchsorted(table, values), len(table) - 1)
    return places, table[places] == values


def _grams(ids: np.ndarray, n: int, classes: int) -> np.ndarray:
    """Write each n characters that follow one another as one number, int64[len(ids) - n + 1]."""
    count = len(ids) - n + 1
    grams = np.zeros(count, np.int64)
    for i in range(n):
        grams = grams * classes + ids[i : i + count]
    return grams


def _require_ids(where: str, name: str, ids: ArrayLike, classes: int) -> np.ndarray:
    array = np.asarray(ids)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(f"{where}: {name} must be a vector of integers, got {describe(array)}")
    array = array.astype(np.int64)
    if array.size and not (array.min() >= 0 and array.max() < classes):
        bad = int(np.argmax((array < 0) | (array >= classes)))
        raise ValueError(f"{where}: {name} must be from 0 to {classes - 1}, got {array[bad]} at {name}[{bad}]")
    return array
