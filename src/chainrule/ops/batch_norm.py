"""Batch normalisation: each channel by its mean and standard deviation over the batch, or by running ones."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, require_floating, require_same_dtype
from chainrule.ops.layer_norm import require_epsilon
from chainrule.ops.sums import over_rows_in_blocks, working
from chainrule.rule import Static, rule

__all__ = ["batch_norm", "batch_norm_inference"]


@rule
def batch_norm(
    x: Array, scale: Array | None = None, bias: Array | None = None, *, epsilon: float = 1e-5
) -> tuple[tuple[Array, Array, Array], tuple[Any, ...]]:
    """Normalise each channel over all axes but the last, by the statistics of this batch: y = w x_hat + b.

    ::

        m = mean(x)      v = mean((x - m)^2)      r = 1 / sqrt(v + epsilon)      x_hat = (x - m) r

    The output is (y, m, v), so that a layer can keep running statistics; v is the biased variance, divided by the number n
    of positions. It is taken in a second pass: mean(x^2) - m^2 would cancel where the mean is large.

    Shapes: x (..., channels), scale w and bias b (channels,) or None, of x's dtype; y that of x, m and v (channels,), in
    float32 at the least.

    Derivation, a channel of n positions, g = dL/dy, and m' and v' the cotangents of m and v, all sums over positions::

        dL/db = sum g                  dL/dw = sum g x_hat
        dm/dx_j = 1/n                  dv/dx_j = 2 (x_j - m) / n      (the mean's part: -2 mean(x - m) / n = 0)
        dx_hat_i/dx_j = r (d_ij - 1/n) - (x_i - m) r^3 (x_j - m) / n      since dr/dv = - r^3 / 2
        dL/dx_j = sum_i g_i w dx_hat_i/dx_j + m'/n + 2 v' (x_j - m) / n
                = w r (g_j - dL/db / n - x_hat_j dL/dw / n) + m'/n + 2 v' (x_j - m) / n

    so of one position of each channel, g_j, x_j and three numbers a channel are needed::

        dL/dx_j = w r g_j + (x_j - m) (2 v' - w r^2 dL/dw) / n + (m' - w r dL/db) / n

    Residuals: x, m and r, one of each a channel, and w.

    Raises:
        ValueError: for one position a channel or none (its x_hat would be 0, whatever x is), shapes that do not fit, integer
            arrays, different dtypes, or an epsilon that is not positive.

    Source: Ioffe and Szegedy, Batch normalization, 2015.
    """
    _require_fitting("batch_norm", x, epsilon, scale=scale, bias=bias)
    count = math.prod(x.shape[:-1])
    if count < 2:
        raise ValueError(f"batch_norm: x must have more than one value per channel when training, got {describe(x)}")
    rows = working(x).reshape(count, x.shape[-1])
    mean = over_rows_in_blocks(rows) / count
    centred = rows - mean
    variance = over_rows_in_blocks(centred * centred) / count
    inverse = lax.rsqrt(variance + epsilon)
    y = centred * (inverse if scale is None else inverse * working(scale))
    if bias is not None:
        y = y + working(bias)
    residuals = (x, mean, inverse, scale, Static(bias is not None))
    return (y.reshape(x.shape).astype(x.dtype), mean, variance), residuals


@batch_norm.defbackward
def batch_norm_backward(
    residuals: tuple[Any, ...], d_output: tuple[Array, Array | None, Array | None], *, epsilon: float
) -> tuple[Array, Array | None, Array | None]:
    """Compute dL/dx, dL/dw and dL/db from (g, m', v'); None for m' or v' stands for zeros."""
    x, mean, inverse, scale, has_bias = residuals
    d_y, d_mean, d_variance = d_output
    count = math.prod(x.shape[:-1])
    g, rows = (working(value).reshape(count, x.shape[-1]) for value in (d_y, x))
    centred = rows - mean
    d_bias, d_scale = over_rows_in_blocks(g), over_rows_in_blocks(g * centred) * inverse
    gain = inverse if scale is None else inverse * working(scale)
    slope, offset = -gain * inverse * d_scale, -gain * d_bias
    if d_variance is not None:
        slope = slope + 2 * d_variance
    if d_mean is not None:
        offset = offset + d_mean
    d_x = gain * g + centred * (slope / count) + offset / count
    return (
        d_x.reshape(x.shape).astype(x.dtype),
        None if scale is None else d_scale.astype(scale.dtype),
        d_bias.astype(x.dtype) if has_bias.value else None,
    )


@rule
def batch_norm_inference(
    x: Array, scale: Array | None, bias: Array | None, mean: Array, variance: Array, *, epsilon: float = 1e-5
) -> tuple[Array, tuple[Any, ...]]:
    """Normalise each channel by a given mean and variance: y = w (x - m) / sqrt(v + epsilon) + b.

    Shapes: x (..., channels), scale w and bias b (channels,) or None, of x's dtype; mean m and variance v (channels,), of
    any floating-point dtype; y that of x.

    Derivation, with r = 1 / sqrt(v + epsilon), x_hat = (x - m) r, g = dL/dy, and sums over the positions of a channel::

        dL/dx = w r g      dL/db = sum g      dL/dw = sum g x_hat
        dL/dm = - w r sum g                        since dx_hat/dm = - r
        dL/dv = - w r^2 / 2 sum g x_hat            since dr/dv = - r^3 / 2, and (x - m) r^3 = x_hat r^2

    Residuals: x, m, r and w.

    Raises:
        ValueError: for shapes that do not fit, integer arrays, different dtypes of x, scale and bias, or an epsilon that is
            not positive.
    """
    _require_fitting("batch_norm_inference", x, epsilon, scale=scale, bias=bias)
    require_floating("batch_norm_inference", mean=mean, variance=variance)
    for name, value in (("mean", mean), ("variance", variance)):
        if value.shape != x.shape[-1:]:
            raise ValueError(f"batch_norm_inference: {name} must be ({x.shape[-1]},), got {describe(value)}")
    inverse = lax.rsqrt(working(variance) + epsilon)
    y = (working(x) - working(mean)) * (inverse if scale is None else inverse * working(scale))
    if bias is not None:
        y = y + working(bias)
    return y.astype(x.dtype), (x, mean, inverse, scale, Static((bias is not None, variance.dtype)))


@batch_norm_inference.defbackward
def batch_norm_inference_backward(
    residuals: tuple[Any, ...], d_output: Array, *, epsilon: float
) -> tuple[Array, Array | None, Array | None, Array, Array]:
    """Compute dL/dx = w r g, dL/dw, dL/db, dL/dm = - w r dL/db and dL/dv = - w r^2 / 2 dL/dw."""
    x, mean, inverse, scale, facts = residuals
    has_bias, variance_dtype = facts.value
    count = math.prod(x.shape[:-1])
    g, rows = (working(value).reshape(count, x.shape[-1]) for value in (d_output, x))
    d_bias, d_scale = over_rows_in_blocks(g), over_rows_in_blocks(g * (rows - working(mean))) * inverse
    gain = inverse if scale is None else inverse * working(scale)
    return (
        (gain * g).reshape(x.shape).astype(x.dtype),
        None if scale is None else d_scale.astype(scale.dtype),
        d_bias.astype(x.dtype) if has_bias else None,
        (-gain * d_bias).astype(mean.dtype),
        (-0.5 * gain * inverse * d_scale).astype(variance_dtype),
    )


def _require_fitting(where: str, x: Array, epsilon: float, **parameters: Array | None) -> None:
    """Refuse an x without channels, and scales and biases that are not one number a channel, of x's dtype."""
    require_floating(where, x=x)
    require_epsilon(where, epsilon)
    if jnp.ndim(x) < 1 or x.shape[-1] < 1:
        raise ValueError(f"{where}: x must be (..., channels) with at least one channel, got {describe(x)}")
    for name, value in parameters.items():
        if value is not None:
            require_floating(where, **{name: value})
            require_same_dtype(where, x=x, **{name: value})
            if value.shape != x.shape[-1:]:
                raise ValueError(
                    f"{where}: {name} must be ({x.shape[-1]},), one number a channel, got {describe(value)}"
                )
