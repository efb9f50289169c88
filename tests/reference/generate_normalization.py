"""Write normalization.npz: PyTorch's normalisations and their gradients, in float64.

    python -m tests.reference.generate_normalization

It needs torch. Images are stored channels last, as ours are. For batch norm: three batches in training, with outputs,
gradients and the running statistics after each, then one batch in evaluation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tests.reference.store import save

RNG = np.random.default_rng(7)


def draw(*shape: int) -> np.ndarray:
    """Normal numbers with a mean of 3 and a deviation of 2: a normalisation that forgets either shows."""
    return 3 + 2 * RNG.normal(size=shape)


def tensor(array: np.ndarray) -> Tensor:
    """A tensor that gathers its gradient."""
    return torch.tensor(array, requires_grad=True)


def channels_last(x: Tensor) -> Tensor:
    """(batch, channels, ...) as (batch, ..., channels)."""
    return x.movedim(1, -1)


def channels_first(x: Tensor) -> Tensor:
    """(batch, ..., channels) as (batch, channels, ...)."""
    return x.movedim(-1, 1)


def pulled(function: Any, inputs: dict[str, np.ndarray]) -> dict[str, Any]:
    """The output of a function of named arrays, a cotangent, and the gradients."""
    tensors = {name: tensor(array) for name, array in inputs.items()}
    y = function(**tensors)
    g = RNG.normal(size=tuple(y.shape))
    gradients = torch.autograd.grad(y, list(tensors.values()), torch.tensor(g))
    return {
        "inputs": inputs,
        "y": y.detach().numpy().copy(),
        "g": g,
        "gradients": {name: part.numpy().copy() for name, part in zip(tensors, gradients, strict=True)},
    }


def layer_norm(x: np.ndarray, axes: int, epsilon: float, names: tuple[str, ...]) -> dict[str, Any]:
    """One case of layer norm over the last axes."""
    shape = x.shape[x.ndim - axes :]
    inputs = {"x": x, **{name: RNG.normal(size=shape) for name in names}}
    return {"axes": axes, "epsilon": epsilon} | pulled(
        lambda x, scale=None, bias=None: functional.layer_norm(x, shape, scale, bias, epsilon), inputs
    )


def rms_norm(x: np.ndarray, epsilon: float, names: tuple[str, ...]) -> dict[str, Any]:
    """One case of RMS norm over the last axis."""
    inputs = {"x": x, **{name: RNG.normal(size=x.shape[-1]) for name in names}}
    return {"epsilon": epsilon} | pulled(
        lambda x, scale=None: functional.rms_norm(x, x.shape[-1:], scale, epsilon), inputs
    )


def group_norm(x: np.ndarray, groups: int, epsilon: float, names: tuple[str, ...]) -> dict[str, Any]:
    """One case of group norm."""
    inputs = {"x": x, **{name: RNG.normal(size=x.shape[-1]) for name in names}}

    def function(x: Tensor, scale: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        return channels_last(functional.group_norm(channels_first(x), groups, scale, bias, epsilon))

    return {"groups": groups, "epsilon": epsilon} | pulled(function, inputs)


def batch_norm(shape: tuple[int, ...], affine: bool) -> dict[str, Any]:
    """A layer through three batches of training and one of evaluation."""
    layers = {2: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}
    layer = layers[len(shape)](shape[-1], eps=1e-3, momentum=0.1, affine=affine, dtype=torch.float64)
    if affine:
        torch.nn.init.normal_(layer.weight)
        torch.nn.init.normal_(layer.bias)
    params = {"scale": layer.weight, "bias": layer.bias} if affine else {}
    steps = []
    for train in (True, True, True, False):
        layer.train(train)
        inputs = draw(*shape)
        x = tensor(inputs)
        y = channels_last(layer(channels_first(x)))
        g = RNG.normal(size=shape)
        d_x, *d_params = torch.autograd.grad(y, [x, *params.values()], torch.tensor(g))
        steps.append(
            {
                "train": train,
                "x": inputs,
                "y": y.detach().numpy().copy(),
                "g": g,
                "d_x": d_x.numpy().copy(),
                "d_params": {name: part.numpy().copy() for name, part in zip(params, d_params, strict=True)},
                "mean": layer.running_mean.numpy().copy(),
                "variance": layer.running_var.numpy().copy(),
            }
        )
    return {
        "epsilon": 1e-3,
        "momentum": 0.9,  # the share that is kept
        "params": {name: value.detach().numpy().copy() for name, value in params.items()},
        "steps": steps,
    }


if __name__ == "__main__":
    torch.manual_seed(0)
    save(
        "normalization",
        {
            "layer_norm": [
                layer_norm(draw(4, 6), 1, 1e-5, ("scale", "bias")),
                layer_norm(draw(2, 3, 5), 2, 1e-2, ("scale", "bias")),
                layer_norm(draw(2, 3, 5), 1, 1e-5, ()),
            ],
            "rms_norm": [rms_norm(draw(2, 3, 5), 1e-5, ("scale",)), rms_norm(draw(4, 6), 1e-2, ())],
            "group_norm": [
                group_norm(draw(2, 3, 5, 6), 2, 1e-5, ("scale", "bias")),
                group_norm(draw(3, 2, 4), 4, 1e-2, ("scale", "bias")),
                group_norm(draw(2, 5, 6), 1, 1e-5, ()),
            ],
            "batch_norm": [batch_norm((4, 3, 2, 5), affine=True), batch_norm((6, 3), affine=False)],
        },
    )
