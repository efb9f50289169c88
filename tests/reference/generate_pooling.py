"""Write ``pooling.npz``: outputs and gradients of PyTorch's pooling in float64, in the layout of this package.

Run ``python -m tests.reference.generate_pooling`` where PyTorch is installed.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from tests.reference import store

# A shape (batch, pixels..., channels), a window, a stride and a symmetric padding, at most half the window as PyTorch asks.
GEOMETRIES = [
    ((2, 6, 4, 3), 2, 2, 0),
    ((2, 7, 5, 3), (3, 2), (2, 1), (1, 1)),
    ((2, 5, 6, 2), 3, 1, 1),
    ((2, 8, 7, 2), (2, 2), (3, 4), (1, 0)),
    ((3, 9, 2), 4, 2, 2),
    ((3, 7, 2), 5, 3, 0),
]


def draw(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw normal numbers, or a few values that tie, or numbers some of which are minus infinity or NaN."""
    x = rng.normal(size=shape)
    if kind == "ties":
        return rng.integers(-1, 2, size=shape).astype(np.float64)
    if kind == "minus infinity":
        x[:, :3] = -np.inf
    if kind == "NaN":
        x[rng.uniform(size=shape) < 0.2] = np.nan
    return x


def case(function, kind: str, geometry, rng: np.random.Generator, **options) -> dict:
    """Pool with channels first, and turn everything back."""
    shape, window, stride, padding = geometry
    x = draw(kind, shape, rng)
    first = torch.tensor(np.moveaxis(x, -1, 1), requires_grad=True)
    y = function(first, window, stride, padding, **options)
    d_y = rng.normal(size=y.shape)
    (d_x,) = torch.autograd.grad(y, first, torch.tensor(d_y))
    channels_last = [np.ascontiguousarray(np.moveaxis(a, 1, -1)) for a in (y.detach().numpy(), d_y, d_x.numpy())]
    return {
        "title": f"{kind}, {shape} by {window}, stride {stride}, padding {padding}, {options}",
        "window": window,
        "stride": stride,
        "padding": padding,
        **options,
        "x": x,
        **dict(zip(("y", "d_y", "d_x"), channels_last, strict=True)),
    }


def main() -> None:
    """Draw the cases, and write the file."""
    rng = np.random.default_rng(20)
    cases: dict[str, list] = {"max_pool": [], "average_pool": []}
    for geometry in GEOMETRIES:
        flat = len(geometry[0]) == 3
        largest, mean = (
            (functional.max_pool1d, functional.avg_pool1d) if flat else (functional.max_pool2d, functional.avg_pool2d)
        )
        for kind in ("normal", "ties", "minus infinity", "NaN"):
            cases["max_pool"].append(case(largest, kind, geometry, rng))
        for counted in (False, True):
            cases["average_pool"].append(case(mean, "normal", geometry, rng, count_include_pad=counted))
    print(store.save("pooling", cases))


if __name__ == "__main__":
    main()
