"""Dropout, against its definition on the same random bits: which numbers are dropped, and what the others become."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from chainrule import layers, ops
from chainrule.audit.cases.draw import extreme, normal, together
from chainrule.audit.registry import Case, register


def _dropout(x: np.ndarray, key: Any, rate: float, shared_axes: tuple[int, ...] = ()) -> np.ndarray:
    if rate == 0:
        return x
    shape = [1 if axis in shared_axes else size for axis, size in enumerate(x.shape)]
    uniform = np.asarray(jax.random.bits(key, tuple(shape), np.uint32)) / 2.0**32
    y = np.zeros_like(x)
    kept = np.broadcast_to(uniform < 1 - rate, x.shape)
    y[kept] = x[kept] / (1 - rate)
    return y


def _key(rng: np.random.Generator) -> Any:
    return jax.random.key(int(rng.integers(1000)))


register(
    "dropout",
    "ops",
    ops.dropout,
    _dropout,
    Case("typical", together(normal(5, 3), _key), {"rate": 0.4}),
    Case("more", together(normal(3, 2, 4, 5), _key), {"rate": 0.4, "shared_axes": (1, 2)}, "whole channels"),
    Case("degenerate", together(normal(5, 3), _key), {"rate": 0.0}, "a rate of 0"),
    Case("degenerate", together(normal(0, 3), _key), {"rate": 0.4}, "empty batch"),
    Case("extreme", together(extreme(5, 3), _key), {"rate": 0.4}, "up to 10,000"),
)


def _layer(params: Any, x: np.ndarray, state: Any, key: Any = None, train: bool = False) -> Any:
    return (_dropout(x, key, 0.25, (1,)) if train else x), state


def _empty(rng: np.random.Generator) -> tuple[()]:
    return ()


register(
    "Dropout",
    "layers",
    layers.Dropout(0.25, channelwise=True),
    _layer,
    Case("typical", together(_empty, normal(4, 3, 5), _empty, _key), {"train": True}, "training"),
    Case("more", together(_empty, normal(4, 3), _empty), title="evaluation"),
    Case("extreme", together(_empty, extreme(4, 3, 5), _empty, _key), {"train": True}, "up to 10,000"),
)
