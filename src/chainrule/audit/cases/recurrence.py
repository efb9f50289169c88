"""Recurrences, against the same cells stepped through time in NumPy, one sequence at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from chainrule import layers, models, ops
from chainrule.audit.cases.draw import Draw, extreme, normal, together
from chainrule.audit.registry import Case, register

_BATCH, _TIME, _FEATURES, _HIDDEN = 3, 5, 4, 2

# One sequence in full, one with padding at the end, one with padding at the start and a gap.
_MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 1]], bool)


def _along_time(cell: Any, x: np.ndarray, start: tuple[Any, ...], mask: Any, reverse: bool, weights: Any) -> Any:
    """Step a cell through time, sequence by sequence; ``cell(x_t, state, *weights)`` gives the state after."""
    batch, time = x.shape[:2]
    ys = np.zeros((batch, time, weights[1].shape[0]))
    ends = [np.array(part, np.float64) for part in start]
    for b in range(batch):
        state = tuple(part[b] for part in start)
        for t in reversed(range(time)) if reverse else range(time):
            if mask is None or mask[b, t]:
                state = cell(x[b, t], state, *weights)
                ys[b, t] = state[0]
        for end, part in zip(ends, state, strict=True):
            end[b] = part
    return ys, tuple(ends)


def rnn_cell(x: np.ndarray, state: Any, weight_x: np.ndarray, weight_h: np.ndarray, bias: np.ndarray) -> Any:
    """One step of the Elman network."""
    return (np.tanh(x @ weight_x + state[0] @ weight_h + bias),)


def gru_cell(x: np.ndarray, state: Any, weight_x: Any, weight_h: Any, bias: np.ndarray, bias_h: np.ndarray) -> Any:
    """One step of the gated recurrent unit."""
    (h,) = state
    p_r, p_z, p_n = np.split(x @ weight_x + bias, 3)
    m_r, m_z, m_n = np.split(h @ weight_h, 3)
    keep = expit(p_z + m_z)
    candidate = np.tanh(p_n + expit(p_r + m_r) * (m_n + bias_h))
    return (keep * h + (1 - keep) * candidate,)


def lstm_cell(x: np.ndarray, state: Any, weight_x: np.ndarray, weight_h: np.ndarray, bias: np.ndarray) -> Any:
    """One step of the long short-term memory."""
    h, c = state
    write, keep, candidate, read = np.split(x @ weight_x + h @ weight_h + bias, 4)
    c = expit(keep) * c + expit(write) * np.tanh(candidate)
    return expit(read) * np.tanh(c), c


def _rnn(x: Any, hidden: Any, weight_x: Any, weight_h: Any, bias: Any, mask: Any = None, *, reverse: bool) -> Any:
    ys, (end,) = _along_time(rnn_cell, x, (hidden,), mask, reverse, (weight_x, weight_h, bias))
    return ys, end


def _gru(
    x: Any, hidden: Any, weight_x: Any, weight_h: Any, bias: Any, bias_h: Any, mask: Any = None, *, reverse: bool
) -> Any:
    ys, (end,) = _along_time(gru_cell, x, (hidden,), mask, reverse, (weight_x, weight_h, bias, bias_h))
    return ys, end


def _lstm(
    x: Any, hidden: Any, cell: Any, weight_x: Any, weight_h: Any, bias: Any, mask: Any = None, *, reverse: bool
) -> Any:
    return _along_time(lstm_cell, x, (hidden, cell), mask, reverse, (weight_x, weight_h, bias))


def _arguments(
    carries: int, gates: int, more: tuple[Draw, ...] = (), batch: int = _BATCH, time: int = _TIME, draw: Any = normal
) -> list[Draw]:
    """Draw x, the start, the weights and the biases; weights small enough that not every gate is at its end."""
    start = [draw(batch, _HIDDEN) for _ in range(carries)]
    weights = [
        normal(_FEATURES, gates * _HIDDEN, scale=0.5),
        normal(_HIDDEN, gates * _HIDDEN, scale=0.7),
        normal(gates * _HIDDEN),
    ]
    return [draw(batch, time, _FEATURES), *start, *weights, *more]


def _mask(rng: np.random.Generator) -> np.ndarray:
    return _MASK.copy()


for _name, _rule, _reference, _carries, _gates, _more in (
    ("rnn", ops.rnn, _rnn, 1, 1, ()),
    ("gru", ops.gru, _gru, 1, 3, (normal(_HIDDEN),)),
    ("lstm", ops.lstm, _lstm, 2, 4, ()),
):
    _drawn = _arguments(_carries, _gates, _more)
    register(
        _name,
        "ops",
        _rule,
        _reference,
        Case("typical", together(*_drawn, _mask), {"reverse": False}, "padding at the end, at the start, and a gap"),
        Case("more", together(*_drawn), {"reverse": True}, "from the last time to the first, no mask"),
        Case(
            "degenerate", together(*_arguments(_carries, _gates, _more, time=0)), {"reverse": False}, "no time at all"
        ),
        Case(
            "extreme",
            together(*_arguments(_carries, _gates, _more, draw=extreme), _mask),
            {"reverse": False},
            "up to 10,000",
        ),
    )


def _params(gates: int, more: bool = False) -> Any:
    """Draw the params of a layer."""

    def draw(rng: np.random.Generator) -> dict[str, np.ndarray]:
        params = {
            "weight_x": 0.5 * rng.normal(size=(_FEATURES, gates * _HIDDEN)),
            "weight_h": 0.7 * rng.normal(size=(_HIDDEN, gates * _HIDDEN)),
            "bias": rng.normal(size=gates * _HIDDEN),
        }
        return params | {"bias_h": rng.normal(size=_HIDDEN)} if more else params

    return draw


def _pair(draw: Draw) -> Any:
    """Draw x and its mask."""
    return lambda rng: (draw(rng), _MASK.copy())


def _zeros(x: np.ndarray, params: Any) -> tuple[np.ndarray]:
    return (np.zeros((len(x), params["weight_h"].shape[0])),)


def _rnn_layer(params: Any, x: np.ndarray, mask: Any = None, reverse: bool = False) -> np.ndarray:
    weights = (params["weight_x"], params["weight_h"], params["bias"])
    return np.asarray(_along_time(rnn_cell, x, _zeros(x, params), mask, reverse, weights)[0])


def _gru_last(params: Any, pair: Any) -> np.ndarray:
    x, mask = pair
    weights = (params["weight_x"], params["weight_h"], params["bias"], params["bias_h"])
    return np.asarray(_along_time(gru_cell, x, _zeros(x, params), mask, False, weights)[1][0])


def _lstm_carrying(params: Any, x: np.ndarray, state: Any) -> Any:
    weights = (params["weight_x"], params["weight_h"], params["bias"])
    ys, (h, c) = _along_time(lstm_cell, x, (state["hidden"], state["cell"]), None, False, weights)
    return ys, {"hidden": h, "cell": c}


def _bidirectional(params: Any, pair: Any) -> Any:
    x, mask = pair
    both = [_rnn_layer(params[name], x, mask, reverse) for name, reverse in (("forward", False), ("backward", True))]
    return np.concatenate(both, axis=-1), mask


def _state(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {name: rng.normal(size=(_BATCH, _HIDDEN)) for name in ("hidden", "cell")}


def _both_directions(rng: np.random.Generator) -> dict[str, Any]:
    return {"forward": _params(1)(rng), "backward": _params(1)(rng)}


_SHAPE = (_BATCH, _TIME, _FEATURES)

register(
    "RNN",
    "layers",
    layers.RNN(_HIDDEN),
    _rnn_layer,
    Case("typical", together(_params(1), normal(*_SHAPE))),
    Case("extreme", together(_params(1), extreme(*_SHAPE)), title="up to 10,000"),
)

register(
    "GRU, last",
    "layers",
    layers.GRU(_HIDDEN, last=True),
    _gru_last,
    Case("typical", together(_params(3, more=True), _pair(normal(*_SHAPE)))),
    Case("extreme", together(_params(3, more=True), _pair(extreme(*_SHAPE))), title="up to 10,000"),
)

register(
    "LSTM, carrying",
    "layers",
    layers.LSTM(_HIDDEN, carry_batch=_BATCH),
    _lstm_carrying,
    Case("typical", together(_params(4), normal(*_SHAPE), _state)),
    Case("extreme", together(_params(4), extreme(*_SHAPE), _state), title="up to 10,000"),
)

register(
    "Bidirectional",
    "layers",
    layers.Bidirectional(layers.RNN(_HIDDEN)),
    _bidirectional,
    Case("typical", together(_both_directions, _pair(normal(*_SHAPE)))),
    Case("extreme", together(_both_directions, _pair(extreme(*_SHAPE))), title="up to 10,000"),
)

_VOCABULARY = 7


def _char_rnn(params: Any, tokens: np.ndarray) -> np.ndarray:
    embedding, recurrent, dense = params
    weights = (recurrent["weight_x"], recurrent["weight_h"], recurrent["bias"])
    x = embedding["table"][tokens]
    ys, _ = _along_time(lstm_cell, x, _zeros(x, recurrent) * 2, None, False, weights)
    return np.asarray(ys @ dense["weight"] + dense["bias"])


def _char_rnn_params(rng: np.random.Generator) -> Any:
    dense = {"weight": rng.normal(size=(_HIDDEN, _VOCABULARY)), "bias": rng.normal(size=_VOCABULARY)}
    return {"table": rng.normal(size=(_VOCABULARY, _FEATURES))}, _params(4)(rng), dense


def _extreme_table(rng: np.random.Generator) -> Any:
    _, *others = _char_rnn_params(rng)
    return {"table": extreme(_VOCABULARY, _FEATURES)(rng)}, *others


def _tokens(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(_VOCABULARY, size=(_BATCH, _TIME))


register(
    "char_rnn",
    "models",
    models.char_rnn(_VOCABULARY, _FEATURES, _HIDDEN),
    _char_rnn,
    Case("typical", together(_char_rnn_params, _tokens)),
    Case("extreme", together(_extreme_table, _tokens), title="embeddings up to 10,000"),
)
