"""The affine map, flatten and the dense layer, against NumPy's own products."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import layers, ops
from chainrule.audit.cases.draw import extreme, normal, together
from chainrule.audit.registry import Case, register


def _affine(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    y = np.einsum("...i,io->...o", x, weight)
    return y if bias is None else y + bias


register(
    "affine",
    "ops",
    ops.affine,
    _affine,
    Case("typical", together(normal(4, 3), normal(3, 5), normal(5)), title="matrix and bias"),
    Case("more", together(normal(2, 4, 3), normal(3, 5), normal(5)), title="two leading axes"),
    Case("more", together(normal(4, 3), normal(3, 2)), title="no bias"),
    Case("degenerate", together(normal(3), normal(3, 2), normal(2)), title="a single row, no batch axis"),
    Case("degenerate", together(normal(0, 3), normal(3, 2), normal(2)), title="empty batch"),
    Case("degenerate", together(normal(1, 1), normal(1, 1), normal(1)), title="one number"),
    Case("extreme", together(extreme(4, 3), extreme(3, 5), extreme(5)), title="up to 10,000"),
)

register(
    "flatten",
    "ops",
    ops.flatten,
    lambda x: np.stack([example.ravel() for example in x]) if len(x) else np.zeros((0, int(np.prod(x.shape[1:])))),
    Case("typical", together(normal(4, 2, 3, 1))),
    Case("degenerate", together(normal(4)), title="one number an example"),
    Case("degenerate", together(normal(0, 2, 3)), title="empty batch"),
    Case("extreme", together(extreme(4, 2, 3, 1)), title="up to 10,000"),
)


def _params(in_features: int, out_features: int, bias: bool = True) -> Any:
    def draw(rng: np.random.Generator) -> dict[str, np.ndarray]:
        params = {"weight": rng.normal(size=(in_features, out_features))}
        return params | {"bias": rng.normal(size=out_features)} if bias else params

    return draw


register(
    "Dense",
    "layers",
    layers.Dense(5),
    lambda params, x: _affine(x, params["weight"], params["bias"]),
    Case("typical", together(_params(3, 5), normal(4, 3))),
    Case("more", together(_params(3, 5), normal(2, 4, 3)), title="two leading axes"),
    Case("extreme", together(_params(3, 5), extreme(4, 3)), title="up to 10,000"),
)

register(
    "Dense without bias",
    "layers",
    layers.Dense(2, bias=False),
    lambda params, x: x @ params["weight"],
    Case("typical", together(_params(3, 2, bias=False), normal(4, 3))),
    Case("extreme", together(_params(3, 2, bias=False), extreme(4, 3)), title="up to 10,000"),
)
