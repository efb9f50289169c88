"""Recurrent networks through time; the plain form is a scan over cells, each with both of its products inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.architectures.problem import Limits, Problem, Sides, Twin, random, versus
from benchmarks.architectures.steps import labels, training_step

__all__ = ["PROBLEMS", "plain_lstm"]

HIDDEN = 128


def _scan(cell: Callable[[Any, Any], tuple[Any, Any]], carry: Any, x: Any) -> tuple[Any, Any]:
    """Scan a cell over the time of x (batch, time, features), and return (ys, carry)."""
    import jax
    import jax.numpy as jnp

    carry, ys = jax.lax.scan(cell, carry, jnp.swapaxes(x, 0, 1))
    return jnp.swapaxes(ys, 0, 1), carry


def plain_lstm(x: Any, hidden: Any, cell: Any, weight_x: Any, weight_h: Any, bias: Any) -> Any:
    """A scan of LSTM cells."""
    import jax
    import jax.numpy as jnp

    def step(carry: Any, x: Any) -> Any:
        hidden, cell = carry
        i, f, g, o = jnp.split(x @ weight_x + hidden @ weight_h + bias, 4, -1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
        return (hidden, cell), hidden

    return _scan(step, (hidden, cell), x)


def _plain_gru(x: Any, hidden: Any, weight_x: Any, weight_h: Any, bias: Any, bias_h: Any) -> Any:
    import jax
    import jax.numpy as jnp

    def step(hidden: Any, x: Any) -> Any:
        from_x, from_h = x @ weight_x + bias, hidden @ weight_h
        reset, update = (
            jax.nn.sigmoid(from_x[..., : 2 * HIDDEN] + from_h[..., : 2 * HIDDEN]).reshape(-1, 2, HIDDEN).swapaxes(0, 1)
        )
        new = jnp.tanh(from_x[..., 2 * HIDDEN :] + reset * (from_h[..., 2 * HIDDEN :] + bias_h))
        hidden = (1 - update) * new + update * hidden
        return hidden, hidden

    return _scan(step, hidden, x)


def _plain_rnn(x: Any, hidden: Any, weight_x: Any, weight_h: Any, bias: Any) -> Any:
    import jax.numpy as jnp

    def step(hidden: Any, x: Any) -> Any:
        hidden = jnp.tanh(x @ weight_x + hidden @ weight_h + bias)
        return hidden, hidden

    return _scan(step, hidden, x)


PLAIN = {"lstm": plain_lstm, "gru": _plain_gru, "rnn": _plain_rnn}
GATES = {"lstm": 4, "gru": 3, "rnn": 1}


def _arrays(name: str, time: int, batch: int) -> list[Any]:
    wide = GATES[name] * HIDDEN
    starts = [(batch, HIDDEN)] * (2 if name == "lstm" else 1)
    biases = [(wide,), (HIDDEN,)] if name == "gru" else [(wide,)]
    x, *carry = random((batch, time, HIDDEN), *starts)
    return [x, *carry, *random((HIDDEN, wide), (HIDDEN, wide), *biases, seed=2, scale=HIDDEN**-0.5)]


def _recurrence(name: str, time: int, batch: int) -> Callable[[], Sides]:
    def build() -> Sides:
        from chainrule.ops import recurrence

        return versus(getattr(recurrence, name), PLAIN[name], *_arrays(name, time, batch))

    return build


def _lstm_and_pytorch() -> Sides:
    from chainrule.ops import recurrence

    arrays = _arrays("lstm", 32, 32)
    batch = (32, HIDDEN)
    ys, *ends = random((32, 32, HIDDEN), batch, batch, seed=1)
    cotangent = (ys, tuple(ends))
    twins = {"nn.LSTM": lambda: _fused(arrays, cotangent), "loop": lambda: _loop(arrays, cotangent)}
    return versus(recurrence.lstm, plain_lstm, *arrays, cotangent=cotangent, twins=twins)


def _fused(arrays: list[Any], cotangent: Any) -> Twin:
    """``torch.nn.LSTM``, whose backward pass is a single call into ATen."""
    import torch

    x, hidden, cell, *_ = _torch(arrays)
    module = torch.nn.LSTM(HIDDEN, HIDDEN, batch_first=True)
    parameters = _give(module, arrays)

    def forward() -> tuple[Any, Any, Any]:
        ys, (last_hidden, last_cell) = module(x, (hidden[None], cell[None]))
        return ys, last_hidden[0], last_cell[0]

    return _twin(forward, [x, hidden, cell], parameters, cotangent)


def _loop(arrays: list[Any], cotangent: Any) -> Twin:
    """``torch.nn.LSTMCell`` in a Python loop over time."""
    import torch

    x, hidden, cell, *_ = _torch(arrays)
    module = torch.nn.LSTMCell(HIDDEN, HIDDEN)
    parameters = _give(module, arrays)

    def forward() -> tuple[Any, Any, Any]:
        carry, ys = (hidden, cell), []
        for step in range(x.shape[1]):
            carry = module(x[:, step], carry)
            ys.append(carry[0])
        return torch.stack(ys, 1), *carry

    return _twin(forward, [x, hidden, cell], parameters, cotangent)


def _torch(arrays: list[Any]) -> list[Any]:
    import numpy as np
    import torch

    return [torch.tensor(np.array(array)).requires_grad_() for array in arrays]


def _give(module: Any, arrays: list[Any]) -> list[Any]:
    """Give PyTorch's module our weights; its second bias stays zero, and is not trained."""
    import torch

    weight_x, weight_h, bias = _torch(arrays[3:])
    parameters = list(module.parameters())
    with torch.no_grad():
        for parameter, value in zip(parameters, (weight_x.T, weight_h.T, bias, 0 * bias), strict=True):
            parameter.copy_(value)
    parameters[3].requires_grad_(False)
    return parameters[:3]


def _twin(forward: Callable[[], Any], inputs: list[Any], parameters: list[Any], cotangent: Any) -> Twin:
    import jax
    import torch

    cotangents = [leaf.detach() for leaf in _torch(jax.tree.leaves(cotangent))]

    def run() -> Any:
        outputs = forward()
        return outputs, torch.autograd.grad(outputs, [*inputs, *parameters], cotangents)

    def values() -> Any:
        outputs, (*d_inputs, d_weight_x, d_weight_h, d_bias) = run()
        gradients = [*d_inputs, d_weight_x.T, d_weight_h.T, d_bias]
        return [output.detach().numpy() for output in outputs], [gradient.numpy() for gradient in gradients]

    return Twin(run, values)


def _problems(name: str) -> list[Problem]:
    sizes = [
        Problem(f"{name}_{time}x{batch}", "ops", f"T={time}, B={batch}, H={HIDDEN}", build, limits, rules=rules)
        for time, batch, build, limits, rules in (
            (256, 1, _recurrence(name, 256, 1), Limits(time=0.6), (name, name.upper())),
            (256, 4, _recurrence(name, 256, 4), Limits(time=0.6), ()),
            (32, 32, _recurrence(name, 32, 32), Limits(time=0.9), ()),
        )
    ]
    if name == "lstm":
        limits = Limits(time=0.9, torch={"nn.LSTM": 0.9, "loop": 2.0})
        sizes[2] = Problem("lstm_32x32", "ops", f"T=32, B=32, H={HIDDEN}", _lstm_and_pytorch, limits)
    return sizes


def _char_rnn() -> Sides:
    from chainrule import models

    def plain(params: Any, state: Any, tokens: Any) -> Any:
        import jax.numpy as jnp

        embedding, *layers, dense = params
        x = embedding["table"][tokens]
        start = jnp.zeros((x.shape[0], HIDDEN))
        for layer in layers:
            x, _ = plain_lstm(x, start, start, layer["weight_x"], layer["weight_h"], layer["bias"])
        return x @ dense["weight"] + dense["bias"], state

    model = models.char_rnn(96, 64, HIDDEN, 2)
    return training_step(model, plain, labels(32, 64, classes=96), labels(32, 64, classes=96, seed=6))


def _bidirectional() -> Sides:
    import jax.numpy as jnp

    from chainrule import layers

    x, _, _, *weights = _arrays("lstm", 32, 32)
    names = ("weight_x", "weight_h", "bias")
    forward = dict(zip(names, weights, strict=True))
    params = {"forward": forward, "backward": {name: 0.9 * value for name, value in forward.items()}}

    def plain(params: Any, x: Any) -> Any:
        start = jnp.zeros((x.shape[0], HIDDEN))
        there, _ = plain_lstm(x, start, start, *(params["forward"][name] for name in names))
        back, _ = plain_lstm(x[:, ::-1], start, start, *(params["backward"][name] for name in names))
        return jnp.concatenate([there, back[:, ::-1]], -1)

    return versus(layers.Bidirectional(layers.LSTM(HIDDEN)), plain, params, x)


PROBLEMS = (
    *_problems("lstm"),
    *_problems("gru"),
    *_problems("rnn"),
    Problem(
        "Bidirectional",
        "layers",
        f"LSTM, T=32, B=32, H={HIDDEN}",
        _bidirectional,
        Limits(time=0.9),
        rules=("Bidirectional",),
    ),
    Problem("char_rnn_step", "models", "2 LSTMs, T=64, B=32, H=128, Adam", _char_rnn, rules=("char_rnn",)),
)
