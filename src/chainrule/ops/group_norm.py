"""Group normalisation: groups of channels of one example, by their mean and standard deviation over all positions."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, require_floating, require_same_dtype
from chainrule.ops.layer_norm import require_epsilon
from chainrule.ops.sums import over_rows_in_blocks, working
from chainrule.rule import Static, rule

__all__ = ["group_norm"]


@rule
def group_norm(
    x: Array, scale: Array | None = None, bias: Array | None = None, *, groups: int, epsilon: float = 1e-5
) -> tuple[Array, tuple[Any, ...]]:
    """Normalise each example's groups of channels over all positions, then scale and shift: y = w x_hat + b.

    ::

        m = mean(x)      v = mean((x - m)^2)      r = 1 / sqrt(v + epsilon)      x_hat = (x - m) r

    Means are over the positions and the C / groups channels of a group, neighbours on the last axis; w and b are one number
    a channel. With one channel a group it is instance normalisation, with one group layer normalisation over all axes but
    the first.

    Shapes: x (batch, ..., channels), scale w and bias b (channels,) or None; y that of x. All of one floating-point dtype;
    statistics are computed in float32 at the least.

    Derivation, a group of N numbers, g = dL/dy and h = g w = dL/dx_hat, means over the group::

        dL/dw_c = sum over examples and positions of g x_hat      dL/db_c = sum over examples and positions of g
        dx_hat_i/dx_j = r (d_ij - 1/N) - (x_i - m) r^3 (x_j - m) / N      since dr/dv = - r^3 / 2
        dL/dx_j = r (h_j - mean(h) - x_hat_j mean(h x_hat))

    All four sums come from two a channel and example, over the positions alone: G_c = sum g and P_c = sum g x_hat. Then
    mean(h) = sum over the group's channels of w_c G_c / N, mean(h x_hat) = sum of w_c P_c / N, and dL/db and dL/dw are sums
    of G and P over the batch.

    Residuals: x, m and r, one of each an example and group, and w.

    Raises:
        ValueError: for groups that do not divide the channels, shapes that do not fit, integer arrays, different dtypes, or
            an epsilon that is not positive.

    Source: Wu and He, Group normalization, 2018; Ulyanov, Vedaldi and Lempitsky, Instance normalization, 2016.
    """
    _require_fitting(x, groups, epsilon, scale=scale, bias=bias)
    rows = working(x).reshape(x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1])
    size = rows.shape[1] * rows.shape[2] // groups
    mean = _over_groups(over_rows_in_blocks(rows), groups) / size
    centred = rows - _to_channels(mean, rows)
    inverse = lax.rsqrt(_over_groups(over_rows_in_blocks(centred * centred), groups) / size + epsilon)
    gain = _to_channels(inverse, rows)
    y = centred * (gain if scale is None else gain * working(scale))
    if bias is not None:
        y = y + working(bias)
    return y.reshape(x.shape).astype(x.dtype), (x, mean, inverse, scale, Static(bias is not None))


@group_norm.defbackward
def group_norm_backward(
    residuals: tuple[Any, ...], d_output: Array, *, groups: int, epsilon: float
) -> tuple[Array, Array | None, Array | None]:
    """Compute dL/dx = r (h - mean(h) - x_hat mean(h x_hat)), dL/dw and dL/db, from two sums a channel and example."""
    x, mean, inverse, scale, has_bias = residuals
    shape = x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1]
    size = shape[1] * shape[2] // groups
    g, rows = (working(value).reshape(shape) for value in (d_output, x))
    r = _to_channels(inverse, rows)
    centred = rows - _to_channels(mean, rows)
    # sum g and sum g x_hat over the positions, (batch, channels)
    d_b, d_w = over_rows_in_blocks(g), over_rows_in_blocks(g * centred) * r[:, 0]
    weight = jnp.ones(shape[2], g.dtype) if scale is None else working(scale)
    mean_h, mean_h_x_hat = (_over_groups(weight * total, groups) / size for total in (d_b, d_w))
    # r (h - mean(h) - x_hat mean(h x_hat)), with what is alike for all positions put together first
    slope, offset = _to_channels(-inverse * inverse * mean_h_x_hat, rows), _to_channels(-inverse * mean_h, rows)
    d_x = (r * weight) * g + centred * slope + offset
    return (
        d_x.reshape(x.shape).astype(x.dtype),
        None if scale is None else over_rows_in_blocks(d_w).astype(scale.dtype),
        over_rows_in_blocks(d_b).astype(x.dtype) if has_bias.value else None,
    )


def _over_groups(sums: Array, groups: int) -> Array:
    """Add what belongs to a group: (batch, channels) to (batch, groups)."""
    return jnp.sum(sums.reshape(sums.shape[0], groups, sums.shape[1] // groups), -1)


def _to_channels(values: Array, rows: Array) -> Array:
    """Give each channel the number of its group: (batch, groups) to (batch, 1, channels)."""
    return jnp.repeat(values, rows.shape[2] // values.shape[1], axis=1)[:, None]


def _require_fitting(x: Array, groups: int, epsilon: float, **parameters: Array | None) -> None:
    require_floating("group_norm", x=x)
    require_epsilon("group_norm", epsilon)
    if x.ndim < 2 or 0 in x.shape[1:]:
        raise ValueError(f"group_norm: x must be (batch, ..., channels), each at least 1, got {describe(x)}")
    if not isinstance(groups, int) or groups < 1 or x.shape[-1] % groups:
        raise ValueError(f"group_norm: groups must divide the {x.shape[-1]} channels of x, got {groups!r}")
    for name, value in parameters.items():
        if value is not None:
            require_floating("group_norm", **{name: value})
            require_same_dtype("group_norm", x=x, **{name: value})
            if value.shape != x.shape[-1:]:
                raise ValueError(
                    f"group_norm: {name} must be ({x.shape[-1]},), one number a channel, got {describe(value)}"
                )
