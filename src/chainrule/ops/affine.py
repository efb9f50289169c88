"""The affine map y = x W + b: the one operation that nearly all parameters of a network sit in."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, require_floating, require_same_dtype
from chainrule.rule import Static, rule

__all__ = ["affine"]


@rule
def affine(x: Array, weight: Array, bias: Array | None = None) -> tuple[Array, tuple[Array, Array, Static]]:
    """Map the last axis: y = x W + b.

    Shapes: x (..., in_features), weight (in_features, out_features), bias (out_features,) or None;
    y (..., out_features). All of one floating-point dtype.

    Derivation, with the leading axes of x flattened to n rows and G = dL/dY of shape (n, out_features)::

        Y_ik = sum_j X_ij W_jk + b_k
        dL/dX_ij = sum_k G_ik W_jk      dL/dX = G W^T
        dL/dW_jk = sum_i X_ij G_ik      dL/dW = X^T G
        dL/db_k  = sum_i G_ik           b is added to every row, so it gathers from every row

    Residuals: x and weight, and whether there is a bias.

    Raises:
        ValueError: for shapes that do not fit, integer arrays, or different dtypes.
    """
    require_floating("affine", x=x, weight=weight)
    require_same_dtype("affine", x=x, weight=weight, **({} if bias is None else {"bias": bias}))
    if weight.ndim != 2 or x.ndim < 1 or x.shape[-1] != weight.shape[0]:
        raise ValueError(
            "affine: x must be (..., in_features) and weight (in_features, out_features), "
            f"got x {describe(x)} and weight {describe(weight)}"
        )
    if bias is not None and bias.shape != weight.shape[1:]:
        raise ValueError(f"affine: bias must be ({weight.shape[1]},), got {describe(bias)}")
    y = x @ weight
    return (y if bias is None else y + bias), (x, weight, Static(bias is not None))


@affine.defbackward
def affine_backward(residuals: tuple[Array, Array, Static], d_output: Array) -> tuple[Array, Array, Array | None]:
    """Compute dL/dX = G W^T, dL/dW = X^T G and dL/db = the sum of G over all rows."""
    x, weight, has_bias = residuals
    rows = math.prod(x.shape[:-1])
    x_rows, d_rows = x.reshape(rows, x.shape[-1]), d_output.reshape(rows, weight.shape[1])
    d_x = d_output @ weight.T
    d_weight = x_rows.T @ d_rows
    # The sum over the rows as a product with ones, 1^T G: one kernel where XLA on a CPU makes a sum of two. At the highest
    # precision, for it stands for a sum, which no device rounds to fewer digits.
    ones = jnp.ones(rows, d_rows.dtype)
    d_bias = jnp.matmul(ones, d_rows, precision=lax.Precision.HIGHEST) if has_bias.value else None
    return d_x, d_weight, d_bias
