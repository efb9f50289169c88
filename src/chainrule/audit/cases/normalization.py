"""Batch, layer, root-mean-square and group normalisation, against loops over what is normalised together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import layers, ops
from chainrule.audit.cases.draw import extreme, normal, together
from chainrule.audit.registry import Case, register

_EPSILON = 1e-5


def _standardized(numbers: np.ndarray, epsilon: float) -> np.ndarray:
    mean = sum(numbers.ravel()) / numbers.size
    variance = sum((numbers.ravel() - mean) ** 2) / numbers.size
    return np.asarray((numbers - mean) / np.sqrt(variance + epsilon))


def _scaled(y: np.ndarray, scale: np.ndarray | None, bias: np.ndarray | None) -> np.ndarray:
    y = y if scale is None else scale * y
    return y if bias is None else y + bias


def _layer_norm(x: Any, scale: Any = None, bias: Any = None, epsilon: float = _EPSILON, axes: int = 1) -> np.ndarray:
    y = np.empty_like(x)
    for index in np.ndindex(x.shape[: x.ndim - axes]):
        y[index] = _standardized(x[index], epsilon)
    return _scaled(y, scale, bias)


def _rms_norm(x: Any, scale: Any = None, epsilon: float = _EPSILON) -> np.ndarray:
    y = np.empty_like(x)
    for index in np.ndindex(x.shape[:-1]):
        y[index] = x[index] / np.sqrt(sum(number**2 for number in x[index]) / len(x[index]) + epsilon)
    return _scaled(y, scale, None)


def _group_norm(x: Any, scale: Any = None, bias: Any = None, *, groups: int, epsilon: float = _EPSILON) -> np.ndarray:
    y = np.empty_like(x)
    for example, normalized in zip(x, y, strict=True):
        for channels in np.split(np.arange(x.shape[-1]), groups):
            normalized[..., channels] = _standardized(example[..., channels], epsilon)
    return _scaled(y, scale, bias)


def _batch_norm(x: Any, scale: Any = None, bias: Any = None, epsilon: float = _EPSILON) -> Any:
    rows = x.reshape(-1, x.shape[-1])
    columns = [_standardized(column, epsilon).reshape(x.shape[:-1]) for column in rows.T]
    return _scaled(np.stack(columns, -1), scale, bias), np.mean(rows, 0), np.var(rows, 0)


def _inference(x: Any, scale: Any, bias: Any, mean: Any, variance: Any, epsilon: float = _EPSILON) -> np.ndarray:
    return _scaled((x - mean) / np.sqrt(variance + epsilon), scale, bias)


def _variances(*shape: int) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: rng.uniform(0.2, 2.0, size=shape)


def _none(rng: np.random.Generator) -> None:
    return None


register(
    "layer_norm",
    "ops",
    ops.layer_norm,
    _layer_norm,
    Case("typical", together(normal(4, 6), normal(6), normal(6)), title="scale and bias"),
    Case("more", together(normal(2, 3, 5)), title="neither scale nor bias, two leading axes"),
    Case("more", together(normal(2, 3, 5), normal(3, 5)), {"axes": 2, "epsilon": 0.1}, "the last two axes, a scale"),
    Case("degenerate", together(normal(6), normal(6), normal(6)), title="a single row, no batch axis"),
    Case("degenerate", together(normal(0, 6), normal(6), normal(6)), title="empty batch"),
    Case("degenerate", together(normal(3, 1), normal(1), normal(1)), title="one feature"),
    Case("extreme", together(extreme(4, 6), normal(6), normal(6)), title="up to 10,000"),
)

register(
    "rms_norm",
    "ops",
    ops.rms_norm,
    _rms_norm,
    Case("typical", together(normal(4, 6), normal(6)), title="scale"),
    Case("more", together(normal(2, 3, 5)), {"epsilon": 0.1}, "no scale, two leading axes"),
    Case("degenerate", together(normal(6), normal(6)), title="a single row, no batch axis"),
    Case("degenerate", together(normal(0, 6), normal(6)), title="empty batch"),
    Case("extreme", together(extreme(4, 6), normal(6)), title="up to 10,000"),
)

register(
    "group_norm",
    "ops",
    ops.group_norm,
    _group_norm,
    Case("typical", together(normal(2, 3, 5, 6), normal(6), normal(6)), {"groups": 2}, "three channels a group"),
    Case("more", together(normal(3, 5, 4)), {"groups": 4, "epsilon": 0.1}, "a channel a group, no scale, no bias"),
    Case("degenerate", together(normal(0, 2, 4), normal(4), normal(4)), {"groups": 2}, "empty batch"),
    Case("degenerate", together(normal(3, 4), normal(4), normal(4)), {"groups": 2}, "no positions"),
    Case("extreme", together(extreme(2, 3, 5, 6), normal(6), normal(6)), {"groups": 2}, "up to 10,000"),
)

register(
    "batch_norm",
    "ops",
    ops.batch_norm,
    _batch_norm,
    Case("typical", together(normal(5, 3), normal(3), normal(3)), title="scale and bias"),
    Case("more", together(normal(4, 2, 3, 5)), {"epsilon": 0.1}, "images, neither scale nor bias"),
    Case("degenerate", together(normal(2, 1), normal(1), normal(1)), title="two numbers"),
    Case("extreme", together(extreme(5, 3), normal(3), normal(3)), title="up to 10,000"),
)

register(
    "batch_norm_inference",
    "ops",
    ops.batch_norm_inference,
    _inference,
    Case("typical", together(normal(5, 3), normal(3), normal(3), normal(3), _variances(3)), title="scale and bias"),
    Case("more", together(normal(4, 2, 5), _none, _none, normal(5), _variances(5)), {"epsilon": 0.1}, "neither"),
    Case("degenerate", together(normal(0, 3), normal(3), normal(3), normal(3), _variances(3)), title="empty batch"),
    Case("degenerate", together(normal(3), normal(3), normal(3), normal(3), _variances(3)), title="one position"),
    Case("extreme", together(extreme(5, 3), normal(3), normal(3), normal(3), _variances(3)), title="up to 10,000"),
)


def _params(features: int, *names: str) -> Callable[[np.random.Generator], dict[str, np.ndarray]]:
    return lambda rng: {name: rng.normal(size=features) for name in names}


def _state(features: int) -> Callable[[np.random.Generator], dict[str, np.ndarray]]:
    return lambda rng: {"mean": rng.normal(size=features), "variance": rng.uniform(0.2, 2.0, size=features)}


def _batch_norm_layer(params: Any, x: Any, state: Any, key: Any = None, train: bool = False) -> Any:
    scale, bias = params.get("scale"), params.get("bias")
    if not train:
        return _inference(x, scale, bias, state["mean"], state["variance"]), state
    y, mean, _ = _batch_norm(x, scale, bias)
    unbiased = np.var(x.reshape(-1, x.shape[-1]), axis=0, ddof=1)
    return y, {
        "mean": 0.75 * state["mean"] + 0.25 * mean,
        "variance": 0.75 * state["variance"] + 0.25 * unbiased,
    }


_batch_norm_case = together(_params(3, "scale", "bias"), normal(5, 3), _state(3))

register(
    "BatchNorm",
    "layers",
    layers.BatchNorm(momentum=0.75),
    _batch_norm_layer,
    Case("typical", _batch_norm_case, {"train": True}, "training"),
    Case("typical", _batch_norm_case, title="evaluation"),
    Case("extreme", together(_params(3, "scale", "bias"), extreme(5, 3), _state(3)), {"train": True}, "up to 10,000"),
)

register(
    "BatchNorm without scale",
    "layers",
    layers.BatchNorm(momentum=0.75, scale=False),
    _batch_norm_layer,
    Case("typical", together(_params(3, "bias"), normal(2, 4, 3), _state(3)), {"train": True}, "training"),
    Case("extreme", together(_params(3, "bias"), extreme(2, 4, 3), _state(3)), {"train": True}, "up to 10,000"),
)

register(
    "LayerNorm",
    "layers",
    layers.LayerNorm(),
    lambda params, x: _layer_norm(x, params["scale"], params["bias"]),
    Case("typical", together(_params(5, "scale", "bias"), normal(4, 5))),
    Case("extreme", together(_params(5, "scale", "bias"), extreme(4, 5)), title="up to 10,000"),
)

register(
    "RMSNorm",
    "layers",
    layers.RMSNorm(),
    lambda params, x: _rms_norm(x, params["scale"]),
    Case("typical", together(_params(5, "scale"), normal(4, 5))),
    Case("extreme", together(_params(5, "scale"), extreme(4, 5)), title="up to 10,000"),
)

register(
    "GroupNorm",
    "layers",
    layers.GroupNorm(2, bias=False),
    lambda params, x: _group_norm(x, params["scale"], groups=2),
    Case("typical", together(_params(4, "scale"), normal(2, 3, 4))),
    Case("extreme", together(_params(4, "scale"), extreme(2, 3, 4)), title="up to 10,000"),
)
