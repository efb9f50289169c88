"""Loops over time and depth, shared and recomputed parameters, against the same networks written out in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike

from chainrule import chain, compose, layers, ops, residual
from chainrule.audit.cases.draw import extreme, normal, together
from chainrule.audit.registry import Case, register
from chainrule.compose import of_layers, remat, repeat, scan, tie
from chainrule.layer import Layer


def _dense(in_features: int, out_features: int) -> Any:
    return lambda rng: {
        "weight": rng.normal(size=(in_features, out_features)) / np.sqrt(in_features),
        "bias": rng.normal(size=out_features),
    }


def _apply(dense: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(x @ dense["weight"] + dense["bias"])


@dataclass(frozen=True)
class _Cell(Layer):
    """A recurrent cell: h' = tanh(x U + h W), y = h'. The hidden values are its state."""

    features: int

    def build(self, key: Array, in_shape: tuple[int, ...], dtype: DTypeLike) -> tuple[Any, Any]:
        """Make weights for inputs of shape (features,), and a state of zeros."""
        weight = layers.lecun_normal(key, (in_shape[-1] + self.features, self.features), dtype)
        return {"x": weight[: in_shape[-1]], "h": weight[in_shape[-1] :]}, jnp.zeros(self.features, dtype)

    def forward(
        self, params: Any, x: Any, state: Any = None, key: Any = None, *, train: bool = False
    ) -> tuple[Any, Any]:
        """Compute the new hidden values."""
        h = jnp.tanh(x @ params["x"] + state @ params["h"])
        return (h, h), (params, x, state, h)

    def backward(self, residuals: Any, d_output: Any, *, train: bool = False) -> tuple[Any, ...]:
        """Pull back through tanh, and then through both products."""
        params, x, state, h = residuals
        d_y, d_state = d_output
        d_sum = (d_y + d_state) * (1 - h * h)  # h goes out twice
        d_params = {"x": x.T @ d_sum, "h": state.T @ d_sum}
        return d_params, d_sum @ params["x"].T, d_sum @ params["h"].T, None


def _cell(in_features: int, features: int) -> Any:
    return lambda rng: {
        "x": rng.normal(size=(in_features, features)) / np.sqrt(in_features),
        "h": rng.normal(size=(features, features)) / np.sqrt(features),
    }


def _recurrence(params: Any, x: np.ndarray, state: np.ndarray) -> Any:
    outputs = []
    for t in range(x.shape[1]):
        state = np.tanh(x[:, t] @ params["x"] + state @ params["h"])
        outputs.append(state)
    return np.stack(outputs, axis=1), state


register(
    "scan",
    "compose",
    scan(_Cell(4)),
    _recurrence,
    Case("typical", together(_cell(3, 4), normal(2, 5, 3), normal(2, 4))),
    Case("more", together(_cell(3, 4), normal(2, 5, 3), normal(4)), title="one first state for all"),
    Case("extreme", together(_cell(3, 4), extreme(2, 5, 3), extreme(2, 4)), title="up to 10,000"),
)


def _blocks(params: Any, x: np.ndarray) -> np.ndarray:
    dense, _ = params[1]
    for weight, bias in zip(dense["weight"], dense["bias"], strict=True):
        x = x + np.tanh(x @ weight + bias)
    return x


def _stacked(rng: np.random.Generator) -> Any:
    return (), ({"weight": rng.normal(size=(4, 3, 3)) / 2, "bias": rng.normal(size=(4, 3))}, ())


register(
    "repeat",
    "compose",
    repeat(residual(chain(layers.Dense(3), ops.tanh)), 4),
    _blocks,
    Case("typical", together(_stacked, normal(5, 3))),
    Case("extreme", together(_stacked, extreme(5, 3)), title="up to 10,000"),
)


def _shared(rng: np.random.Generator) -> Any:
    return {"weight": rng.normal(size=(3, 4)) / 2, "bias": rng.normal(size=4)}, (), {"weight": None, "bias": np.ones(3)}


register(
    "tie",
    "compose",
    tie(
        chain(layers.Dense(4), ops.tanh, layers.Dense(3)),
        {(2, "weight"): (0, "weight")},
        transform=compose.transpose,
    ),
    lambda params, x: np.tanh(_apply(params[0], x)) @ params[0]["weight"].T + params[2]["bias"],
    Case("typical", together(_shared, normal(5, 3))),
    Case("extreme", together(_shared, extreme(5, 3)), title="up to 10,000"),
)

register(
    "transpose",
    "compose",
    compose.transpose,
    lambda x: np.einsum("...ij->...ji", x),
    Case("typical", together(normal(4, 3))),
    Case("more", together(normal(2, 4, 3)), title="a leading axis"),
    Case("extreme", together(extreme(4, 3)), title="up to 10,000"),
)

_layers = chain(layers.Dense(4), ops.tanh, ops.silu, layers.Dense(2))
for _name, _rule in (
    ("remat", remat(_layers)),
    ("remat, saving some", remat(_layers, save=of_layers(1))),
):
    register(
        _name,
        "compose",
        _rule,
        lambda params, x: _apply(params[3], _silu(np.tanh(_apply(params[0], x)))),
        Case("typical", lambda rng: ((_dense(3, 4)(rng), (), (), _dense(4, 2)(rng)), rng.normal(size=(5, 3)))),
        Case(
            "extreme",
            lambda rng: ((_dense(3, 4)(rng), (), (), _dense(4, 2)(rng)), extreme(5, 3)(rng)),
            title="up to 10,000",
        ),
    )


def _silu(x: np.ndarray) -> np.ndarray:
    return np.asarray(x / (1 + np.exp(-x)))
