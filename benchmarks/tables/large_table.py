"""A large table with something to learn: numbers, two categories, cells that are missing, and a target of two classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ["LEAST_COLUMNS", "TARGET", "write_table"]

TARGET = "bought"
LEAST_COLUMNS = 6  # three numbers, two categories, the target
MISSING = 0.02
CHUNK = 100_000  # rows at a time: the process that writes stays small
CITIES = tuple(f"city {letter}" for letter in "ABCDEFGHIJKLMNOPQRST")
CHANNELS = ("phone", "shop", "web")


def write_table(path: Path, rows: int, columns: int, seed: int) -> Path:
    """Write a CSV file of so many rows and columns, the target among them.

    The odds of the target are exp(s), with s linear in the numbers, plus a product of two of them, a sine of a third, and
    an effect of each category. What s is made of is the same for every seed; the seed draws the rows.

    Raises:
        ValueError: for no rows, or fewer than 6 columns.
    """
    if rows < 1 or columns < LEAST_COLUMNS:
        raise ValueError(f"the table needs a row and {LEAST_COLUMNS} columns at least, got {rows} and {columns}")
    import pandas as pd

    numbers = columns - 3
    law, draws = np.random.default_rng(0), np.random.default_rng([1, seed])
    weights = law.normal(size=numbers) / np.sqrt(numbers)
    means, scales = law.normal(scale=50, size=numbers), 10 ** law.uniform(-2, 3, size=numbers)
    of_city, of_channel = law.normal(size=len(CITIES)), law.normal(size=len(CHANNELS))
    share = 1 / np.arange(1, len(CITIES) + 1)
    share /= share.sum()
    of_city -= share @ of_city  # both classes are about as frequent
    of_channel -= of_channel.mean()
    for start in range(0, rows, CHUNK):
        count = min(CHUNK, rows - start)
        z = draws.normal(size=(count, numbers))
        city = draws.choice(len(CITIES), size=count, p=share)
        channel = draws.integers(len(CHANNELS), size=count)
        score = (
            2 * z @ weights + 1.5 * z[:, 0] * z[:, 1] + 1.5 * np.sin(2 * z[:, 2]) + of_city[city] + of_channel[channel]
        )
        target = draws.random(count) < 1 / (1 + np.exp(-score))
        frame = pd.DataFrame(means + scales * z, columns=[f"x{index}" for index in range(1, numbers + 1)])
        frame["city"] = np.array(CITIES, object)[city]
        frame["channel"] = np.array(CHANNELS, object)[channel]
        frame = frame.mask(draws.random(frame.shape) < MISSING)
        frame[TARGET] = np.where(target, "yes", "no")
        frame.to_csv(path, mode="a" if start else "w", header=not start, index=False, float_format="%.6g")
    return path
