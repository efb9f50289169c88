"""Layer normalisation: each example by its own mean and standard deviation over its features."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, require_floating, require_same_dtype
from chainrule.ops.sums import over_features, over_rows, working
from chainrule.rule import Static, rule

__all__ = ["layer_norm", "require_epsilon"]


@rule
def layer_norm(
    x: Array, scale: Array | None = None, bias: Array | None = None, *, epsilon: float = 1e-5, axes: int = 1
) -> tuple[Array, tuple[Any, ...]]:
    """Normalise over the last axis, then scale and shift: y = w x_hat + b.

    ::

        m = mean(x)      v = mean((x - m)^2)      r = 1 / sqrt(v + epsilon)      x_hat = (x - m) r

    The variance is that of the centred numbers, in a second pass: mean(x^2) - m^2 would cancel where the mean is large.
    Statistics are computed in float32 at the least.

    Shapes: x (..., features), scale w and bias b (features,) or None; y that of x. With ``axes=k`` the last k axes are
    normalised together, and w and b have their shape. All of one floating-point dtype.

    Derivation, a row of D features, g = dL/dy and h = g w = dL/dx_hat, all means over the row::

        dL/dw = sum over the rows of g x_hat           dL/db = sum over the rows of g
        dx_hat_i/dx_j = r (d_ij - 1/D) - (x_i - m) r^3 (x_j - m) / D        since dv/dx_j = 2 (x_j - m) / D, and
                                                                            dr/dv = - r^3 / 2
        dL/dx_j = sum_i h_i dx_hat_i/dx_j
                = r (h_j - mean(h) - x_hat_j mean(h x_hat))

    that is, h without its mean and without its component along x_hat: neither a shift nor a stretch of x changes y.

    Residuals: x, m and r, one of each a row, and w. x is the caller's array, so keeping it takes no memory as long as
    someone else does; x_hat is two operations from it.

    Raises:
        ValueError: for shapes that do not fit, no features, integer arrays, different dtypes, or an epsilon that is not
            positive.

    Source: Ba, Kiros and Hinton, Layer normalization, 2016.
    """
    require_floating("layer_norm", x=x)
    require_epsilon("layer_norm", epsilon)
    shape = _normalized_shape(x, axes)
    for name, value in (("scale", scale), ("bias", bias)):
        if value is not None:
            require_floating("layer_norm", **{name: value})
            require_same_dtype("layer_norm", x=x, **{name: value})
            if value.shape != shape:
                raise ValueError(f"layer_norm: {name} must be {shape}, the last axes of x, got {describe(value)}")
    rows = working(x).reshape(math.prod(x.shape[: x.ndim - axes]), math.prod(shape))
    mean = over_features(rows) / rows.shape[1]
    centred = rows - mean
    inverse = lax.rsqrt(over_features(centred * centred) / rows.shape[1] + epsilon)
    y = centred * inverse
    if scale is not None:
        y = y * working(scale).ravel()
    if bias is not None:
        y = y + working(bias).ravel()
    return y.reshape(x.shape).astype(x.dtype), (x, mean, inverse, scale, Static(bias is not None))


@layer_norm.defbackward
def layer_norm_backward(
    residuals: tuple[Any, ...], d_output: Array, *, epsilon: float, axes: int
) -> tuple[Array, Array | None, Array | None]:
    """Compute dL/dx = r (h - mean(h) - x_hat mean(h x_hat)), dL/dw and dL/db."""
    x, mean, inverse, scale, has_bias = residuals
    features = math.prod(x.shape[-axes:])
    g, rows = (working(value).reshape(len(mean), features) for value in (d_output, x))
    weight = jnp.ones(features, g.dtype) if scale is None else working(scale).ravel()
    x_hat = (rows - mean) * inverse
    product = g * x_hat
    # mean(h) and mean(h x_hat), with h = g w: the weight goes into the sum, which is a product with it.
    mean_h, mean_h_x_hat = over_features(g, weight) / features, over_features(product, weight) / features
    d_scale = None if scale is None else over_rows(product).reshape(scale.shape).astype(scale.dtype)
    d_bias = over_rows(g).reshape(x.shape[-axes:]).astype(x.dtype) if has_bias.value else None
    h = g if scale is None else g * weight
    d_x = inverse * (h - mean_h - x_hat * mean_h_x_hat)
    return d_x.reshape(x.shape).astype(x.dtype), d_scale, d_bias


def require_epsilon(where: str, epsilon: float) -> None:
    """Refuse an epsilon that is not positive: where all numbers are equal, 0 / 0 would be left."""
    if not 0 < epsilon < math.inf:
        raise ValueError(f"{where}: epsilon must be positive, got {epsilon!r}")


def _normalized_shape(x: Array, axes: int) -> tuple[int, ...]:
    if not isinstance(axes, int) or not 1 <= axes <= max(x.ndim, 1):
        raise ValueError(f"layer_norm: axes must be from 1 to the {x.ndim} axes of x, got {axes!r}")
    shape = x.shape[-axes:] if x.ndim else ()
    if math.prod(shape) < 1 or not shape:
        raise ValueError(f"layer_norm: x must be (..., features) with at least one feature, got {describe(x)}")
    return shape
