"""Write convolution.npz: PyTorch's convolutions and transposed convolutions with their gradients, in float64.

    python -m tests.reference.generate_convolution

It needs torch. Arrays are stored as ours lie, channels last, so a reader of the file needs no more.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from tests.reference import store

# Shape of x, kernel, out_channels, with a bias or not, and PyTorch's arguments; None stands for none of them.
CONVOLUTIONS = [
    ((2, 5, 6, 3), (3, 2), 4, True, {}),
    ((2, 7, 6, 3), (3, 2), 4, True, {"stride": (2, 3), "padding": (1, 0)}),
    ((2, 7, 8, 2), (2, 3), 3, False, {"stride": 2, "padding": 2, "dilation": (2, 3)}),
    ((2, 6, 5, 4), (3, 2), 6, True, {"stride": (1, 2), "padding": 1, "groups": 2}),
    ((3, 5, 4, 3), (2, 3), 6, True, {"padding": (0, 1), "dilation": (2, 1), "groups": 3}),
    ((2, 4, 5, 3), (3, 3), 3, False, {"stride": 2, "padding": 4, "groups": 3}),
    ((2, 5, 4, 3), (1, 1), 2, True, {"stride": (2, 1)}),
    ((2, 5, 4, 3), (3, 4), 2, True, {"padding": "same"}),
    ((2, 9, 3), (4,), 5, True, {"stride": 2, "padding": 3, "dilation": 2}),
    ((2, 8, 4), (3,), 4, False, {"stride": 3, "groups": 4}),
]
TRANSPOSED = [
    ((2, 4, 3, 3), (3, 2), 4, True, {}),
    ((2, 4, 3, 3), (3, 4), 2, True, {"stride": (2, 3), "padding": 1, "output_padding": (1, 2)}),
    ((2, 3, 4, 2), (2, 3), 3, False, {"dilation": (3, 1), "output_padding": (2, 0), "padding": (0, 2)}),
    ((2, 4, 3, 4), (3, 2), 6, True, {"stride": 2, "padding": (2, 0), "dilation": (2, 1), "groups": 2}),
    ((2, 3, 4, 3), (2, 3), 3, True, {"stride": (3, 1), "groups": 3}),
    ((2, 5, 3), (4,), 5, True, {"stride": 2, "padding": 1, "output_padding": 1}),
]


def first(tensor):
    """Channels first, as PyTorch has them."""
    return tensor.permute(0, tensor.ndim - 1, *range(1, tensor.ndim - 1))


def record(rng, transposed, shape, kernel, out_channels, with_bias, static):
    """Run a convolution, pull a random cotangent back, and store all that was seen."""
    axes, groups, in_channels = len(kernel), static.get("groups", 1), shape[-1]
    inputs = [rng.normal(size=shape), rng.normal(size=(*kernel, in_channels // groups, out_channels))]
    if with_bias:
        inputs.append(rng.normal(size=out_channels))
    x, weight, *bias = (torch.tensor(value, requires_grad=True) for value in inputs)
    functions = {
        (False, 1): functional.conv1d,
        (False, 2): functional.conv2d,
        (True, 1): functional.conv_transpose1d,
        (True, 2): functional.conv_transpose2d,
    }
    taps = range(axes)
    if transposed:
        # (*kernel, in / groups, out) with the groups in out, to (in, out / groups, *kernel) with the groups in in.
        split = weight.reshape(*kernel, in_channels // groups, groups, out_channels // groups)
        theirs = split.permute(axes + 1, axes, axes + 2, *taps).reshape(in_channels, out_channels // groups, *kernel)
    else:
        theirs = weight.permute(axes + 1, axes, *taps)
    y = functions[transposed, axes](first(x), theirs, *bias, **static)
    y = y.permute(0, *range(2, axes + 2), 1)
    cotangent = rng.normal(size=tuple(y.shape))
    y.backward(torch.tensor(cotangent))
    ours = {key: "SAME" if value == "same" else value for key, value in static.items()}
    return {
        "name": "transposed_convolution" if transposed else "convolution",
        "static": ours,
        "inputs": inputs,
        "output": y.detach().numpy(),
        "cotangent": cotangent,
        "gradients": [tensor.grad.numpy() for tensor in (x, weight, *bias)],
    }


if __name__ == "__main__":
    generator = np.random.default_rng(4)
    print(
        store.save(
            "convolution",
            [
                record(generator, transposed, *case)
                for transposed, cases in ((False, CONVOLUTIONS), (True, TRANSPOSED))
                for case in cases
            ],
        )
    )
