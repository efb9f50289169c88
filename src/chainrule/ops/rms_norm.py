"""Root-mean-square normalisation: layer normalisation without the mean."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, require_floating, require_same_dtype
from chainrule.ops.layer_norm import require_epsilon
from chainrule.ops.sums import over_features, over_rows, working
from chainrule.rule import rule

__all__ = ["rms_norm"]


@rule
def rms_norm(x: Array, scale: Array | None = None, *, epsilon: float = 1e-5) -> tuple[Array, tuple[Any, ...]]:
    """Divide by the root mean square over the last axis, then scale: y = w x_hat.

    ::

        r = 1 / sqrt(mean(x^2) + epsilon)      x_hat = x r

    Shapes: x (..., features), scale w (features,) or None; y that of x. All of one floating-point dtype; the mean square is
    computed in float32 at the least.

    Derivation, a row of D features, g = dL/dy and h = g w = dL/dx_hat::

        dL/dw = sum over the rows of g x_hat
        dx_hat_i/dx_j = r d_ij - x_i r^3 x_j / D        since d mean(x^2)/dx_j = 2 x_j / D, and dr/d mean = - r^3 / 2
        dL/dx_j = r (h_j - x_hat_j mean(h x_hat))

    that is, h without its component along x_hat; no mean of h is removed, for no mean of x was.

    Residuals: x, r (one a row) and w.

    Raises:
        ValueError: for shapes that do not fit, no features, integer arrays, different dtypes, or an epsilon that is not
            positive.

    Source: Zhang and Sennrich, Root mean square layer normalization, 2019.
    """
    require_floating("rms_norm", x=x)
    require_epsilon("rms_norm", epsilon)
    if x.ndim < 1 or x.shape[-1] < 1:
        raise ValueError(f"rms_norm: x must be (..., features) with at least one feature, got {describe(x)}")
    if scale is not None:
        require_floating("rms_norm", scale=scale)
        require_same_dtype("rms_norm", x=x, scale=scale)
        if scale.shape != x.shape[-1:]:
            raise ValueError(f"rms_norm: scale must be ({x.shape[-1]},), got {describe(scale)}")
    rows = working(x).reshape(math.prod(x.shape[:-1]), x.shape[-1])
    inverse = lax.rsqrt(over_features(rows * rows) / rows.shape[1] + epsilon)
    y = rows * inverse
    if scale is not None:
        y = y * working(scale)
    return y.reshape(x.shape).astype(x.dtype), (x, inverse, scale)


@rms_norm.defbackward
def rms_norm_backward(residuals: tuple[Any, ...], d_output: Array, *, epsilon: float) -> tuple[Array, Array | None]:
    """Compute dL/dx = r (h - x_hat mean(h x_hat)) and dL/dw."""
    x, inverse, scale = residuals
    features = x.shape[-1]
    g, rows = (working(value).reshape(len(inverse), features) for value in (d_output, x))
    weight = jnp.ones(features, g.dtype) if scale is None else working(scale)
    x_hat = rows * inverse
    product = g * x_hat
    h = g if scale is None else g * weight
    d_x = inverse * (h - x_hat * (over_features(product, weight) / features))
    d_scale = None if scale is None else over_rows(product).astype(scale.dtype)
    return d_x.reshape(x.shape).astype(x.dtype), d_scale
