"""Wrong derivatives of convolution and pooling: padding, strides, flips, ties, and windows that overlap."""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import FACTOR, REGION, TRANSPOSED
from chainrule.audit.mutants import strides
from chainrule.audit.mutants.mutant import Mutant, plant
from chainrule.rule import Static

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "convolution")

# ----------------------------------------------------------------------------------------------------------------------
# A convolution over time, of x (batch, time, in) with a kernel (taps, in, out): y_t = sum_k x_{stride t + k - 1} W_k + b
# ----------------------------------------------------------------------------------------------------------------------


def _padded(x: Array) -> Array:
    return jnp.pad(x, ((0, 0), (1, 1), (0, 0)))


def _tap(tap: int, steps: int, stride: int) -> slice:
    """The places of the padded input that meet this tap of the kernel."""
    return slice(tap, tap + (steps - 1) * stride + 1, stride)


def _conv(x: Array, kernel: Array, bias: Array, *, stride: int = 1) -> Any:
    padded, taps = _padded(x), len(kernel)
    steps = (padded.shape[1] - taps) // stride + 1
    y = sum((padded[:, _tap(k, steps, stride)] @ kernel[k] for k in range(taps)), bias)
    return y, (x, kernel)


def _conv_d_x(x: Array, kernel: Array, d: Array, stride: int, padding: int = 1) -> Array:
    d_padded = jnp.zeros_like(_padded(x))
    for k in range(len(kernel)):
        d_padded = d_padded.at[:, _tap(k, d.shape[1], stride)].add(d @ kernel[k].T)
    return d_padded[:, padding : padding + x.shape[1]]


def _conv_d_kernel(x: Array, kernel: Array, d: Array, stride: int) -> Array:
    windows = [_padded(x)[:, _tap(k, d.shape[1], stride)] for k in range(len(kernel))]
    return jnp.stack([jnp.einsum("nti,nto->io", window, d) for window in windows])


def _conv_right(residuals: Any, d: Array, *, stride: int) -> Any:
    x, kernel = residuals
    return _conv_d_x(x, kernel, d, stride), _conv_d_kernel(x, kernel, d, stride), d.sum((0, 1))


def _conv_backward(argument: int, wrong: Any) -> Any:
    """The right backward function but for one cotangent, ``wrong(x, kernel, d, stride)``."""

    def backward(residuals: Any, d: Array, *, stride: int) -> Any:
        cotangents = list(_conv_right(residuals, d, stride=stride))
        cotangents[argument] = wrong(*residuals, d, stride)
        return tuple(cotangents)

    return backward


def _conv_mutant(name: str, argument: int, wrong: Any, pattern: str = "", stride: int = 1) -> Mutant:
    make = together(normal(2, 7, 3), normal(3, 3, 3), normal(3))
    return _plant(
        f"convolution: {name}",
        _conv,
        _conv_backward(argument, wrong),
        _conv_right,
        make,
        argument=argument,
        pattern=pattern,
        static={"stride": stride} if stride > 1 else {},
    )


# ----------------------------------------------------------------------------------------------------------------------
# A convolution of one-channel images x (batch, height, width) with a square kernel, without padding
# ----------------------------------------------------------------------------------------------------------------------


def _correlate(x: Array, kernel: Array) -> Array:
    height, width = (size - taps + 1 for size, taps in zip(x.shape[-2:], kernel.shape, strict=True))
    taps = np.ndindex(*kernel.shape)
    return jnp.sum(jnp.stack([x[:, i : i + height, j : j + width] * kernel[i, j] for i, j in taps]), 0)


def _image(x: Array, kernel: Array) -> Any:
    return _correlate(x, kernel), (x, kernel)


def _image_d_x(kernel: Array, d: Array) -> Array:
    rows, columns = kernel.shape
    return _correlate(jnp.pad(d, ((0, 0), (rows - 1,) * 2, (columns - 1,) * 2)), kernel[::-1, ::-1])


def _image_d_kernel(x: Array, kernel: Array, d: Array) -> Array:
    height, width = d.shape[1:]
    taps = [jnp.sum(x[:, i : i + height, j : j + width] * d) for i, j in np.ndindex(*kernel.shape)]
    return jnp.stack(taps).reshape(kernel.shape)


def _image_right(residuals: Any, d: Array) -> Any:
    x, kernel = residuals
    return _image_d_x(kernel, d), _image_d_kernel(x, kernel, d)


def _image_unflipped(residuals: Any, d: Array) -> Any:
    x, kernel = residuals
    return _image_d_x(kernel[::-1, ::-1], d), _image_d_kernel(x, kernel, d)


def _image_transposed(residuals: Any, d: Array) -> Any:
    x, kernel = residuals
    return _image_d_x(kernel, d), _image_d_kernel(x, kernel, d).T


# ----------------------------------------------------------------------------------------------------------------------
# Pooling over time
# ----------------------------------------------------------------------------------------------------------------------


def _pairs(x: Array) -> Array:
    return x.reshape(x.shape[0], -1, 2, x.shape[-1])


def _max_pool(x: Array) -> Any:
    y = _pairs(x).max(2)
    return y, _pairs(x) == y[:, :, None]


def _max_pool_backward(share: Any) -> Any:
    """The backward function; ``share(winners)`` says how much of the cotangent a winner gets."""

    def backward(winners: Array, d: Array) -> Any:
        share_of = share(winners.sum(2, keepdims=True)).astype(d.dtype)
        d_pairs = jnp.where(winners, d[:, :, None] * share_of, 0)
        return (d_pairs.reshape(d.shape[0], -1, d.shape[-1]),)

    return backward


_max_pool_right = _max_pool_backward(lambda count: 1 / count)


def _relus(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    x = np.maximum(rng.normal(size=(2, 6, 3)), 0)  # zeros are what ties in practice
    x[0, :2, 0] = 0
    return (x,)


def _counts(steps: int) -> np.ndarray:
    return np.convolve(np.ones(steps), np.ones(3), "same")[:, None]


def _mean_pool(x: Array) -> Any:
    steps = x.shape[1]
    sums = sum(_padded(x)[:, k : k + steps] for k in range(3))
    return sums / _counts(steps).astype(x.dtype), None


def _mean_pool_backward(counted: bool = True, added: bool = True) -> Any:
    def backward(_: None, d: Array) -> Any:
        steps = d.shape[1]
        shares = d / (_counts(steps).astype(d.dtype) if counted else 3)
        d_padded = jnp.zeros_like(_padded(d))
        for k in range(3):
            place = d_padded.at[:, k : k + steps]
            d_padded = place.add(shares) if added else place.set(shares)
        return (d_padded[:, 1:-1],)

    return backward


def _upsample(x: Array) -> Any:
    return jnp.repeat(x, 2, axis=1), None


MUTANTS: tuple[Mutant, ...] = (
    _conv_mutant("the padding is cut off one place too early", 0, functools.partial(_conv_d_x, padding=0)),
    _conv_mutant("the kernel's taps in reverse order", 0, lambda x, w, d, stride: _conv_d_x(x, w[::-1], d, stride)),
    _conv_mutant(
        "the kernel's channels transposed",
        1,
        lambda x, w, d, stride: jnp.swapaxes(_conv_d_kernel(x, w, d, stride), 1, 2),
        TRANSPOSED,
    ),
    _conv_mutant(
        "the stride is forgotten for the kernel",
        1,
        lambda x, w, d, stride: _conv_d_kernel(x, w, d, 1),
        stride=2,
    ),
    _conv_mutant(
        "the stride is forgotten for the input",
        0,
        lambda x, w, d, stride: _conv_d_x(x, w, d, 1),
        stride=2,
    ),
    _conv_mutant("the mean over the steps for the bias", 2, lambda x, w, d, stride: d.mean(1).sum(0), FACTOR),
    _plant(
        "convolution of images: the kernel is not flipped",
        _image,
        _image_unflipped,
        _image_right,
        together(normal(2, 5, 6), normal(3, 3)),
    ),
    _plant(
        "convolution of images: height and width of the kernel are exchanged",
        _image,
        _image_transposed,
        _image_right,
        together(normal(2, 5, 6), normal(3, 3)),
        argument=1,
        pattern=TRANSPOSED,
    ),
    _plant(
        "max pool: each of the tied gets the whole gradient",
        _max_pool,
        _max_pool_backward(jnp.ones_like),
        _max_pool_right,
        _relus,
        pattern=REGION,
    ),
    _plant(
        "max pool: none of the tied gets a gradient",
        _max_pool,
        _max_pool_backward(lambda count: count == 1),
        _max_pool_right,
        _relus,
        pattern=REGION,
    ),
    _plant(
        "mean pool: divided by the window where padding does not count",
        _mean_pool,
        _mean_pool_backward(counted=False),
        _mean_pool_backward(),
        together(normal(2, 7, 3)),
    ),
    _plant(
        "mean pool: windows that overlap are assigned, not added",
        _mean_pool,
        _mean_pool_backward(added=False),
        _mean_pool_backward(),
        together(normal(2, 7, 3)),
    ),
    _plant(
        "global mean pool: divided by the height alone",
        lambda x: (x.mean((1, 2)), Static(x.shape)),
        lambda shape, d: (jnp.broadcast_to(d[:, None, None] / shape.value[1], shape.value),),
        lambda shape, d: (jnp.broadcast_to(d[:, None, None] / (shape.value[1] * shape.value[2]), shape.value),),
        together(normal(2, 3, 4, 2)),
        pattern=FACTOR,
    ),
    _plant(
        "upsample: the mean of the copies for their sum",
        _upsample,
        lambda _, d: (_pairs(d).mean(2),),
        lambda _, d: (_pairs(d).sum(2),),
        together(normal(2, 4, 3)),
        pattern=FACTOR,
    ),
    *strides.MUTANTS,
)
