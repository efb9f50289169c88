"""The logistic sigmoid and the functions made of it: tanh, softplus, SiLU, and the piecewise linear hard-swish."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import require_floating
from chainrule.rule import rule

__all__ = ["hard_swish", "sigmoid", "silu", "softplus", "tanh"]


@rule
def sigmoid(x: Array) -> tuple[Array, Array]:
    """Logistic sigmoid: y = 1 / (1 + exp(-x)).

    Shapes: x any, y the same, in [0, 1].

    Derivation: dy/dx = exp(-x) / (1 + exp(-x))^2 = y (1 - y).

    Residuals: y.
    """
    require_floating("sigmoid", x=x)
    y = lax.logistic(x)
    return y, y


@sigmoid.defbackward
def sigmoid_backward(y: Array, d_output: Array) -> tuple[Array]:
    """Compute dL/dx = y (1 - y) dL/dy."""
    return (d_output * (y * (1 - y)),)


@rule
def tanh(x: Array) -> tuple[Array, Array]:
    """Hyperbolic tangent: y = (exp(x) - exp(-x)) / (exp(x) + exp(-x)).

    Shapes: x any, y the same, in [-1, 1].

    Derivation: y = sinh / cosh, so dy/dx = (cosh^2 - sinh^2) / cosh^2 = 1 - y^2.

    Residuals: y.
    """
    require_floating("tanh", x=x)
    y = jnp.tanh(x)
    return y, y


@tanh.defbackward
def tanh_backward(y: Array, d_output: Array) -> tuple[Array]:
    """Compute dL/dx = (1 - y^2) dL/dy."""
    return (d_output * (1 - y * y),)


@rule
def softplus(x: Array) -> tuple[Array, Array]:
    """Softplus, a smooth rectifier: y = log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)).

    The second form is the one computed: its exponential never overflows.

    Shapes: x any, y the same.

    Derivation: dy/dx = exp(x) / (1 + exp(x)) = sigmoid(x).

    Residuals: x.
    """
    require_floating("softplus", x=x)
    # -|x| as min(x, -x): JAX takes the slope of abs at 0 as 1, and the slope of the whole would come out as 0, not 1/2.
    return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(jnp.minimum(x, -x))), x


@softplus.defbackward
def softplus_backward(x: Array, d_output: Array) -> tuple[Array]:
    """Compute dL/dx = sigmoid(x) dL/dy."""
    return (d_output * lax.logistic(x),)


@rule
def silu(x: Array) -> tuple[Array, Array]:
    """Sigmoid linear unit, also called swish: y = x s with s = sigmoid(x).

    Shapes: x any, y the same.

    Derivation: ds/dx = s (1 - s), so by the product rule dy/dx = s + x s (1 - s).

    Residuals: x.

    Source: Elfwing, Uchibe and Doya, Sigmoid-weighted linear units, 2017.
    """
    require_floating("silu", x=x)
    return x * lax.logistic(x), x


@silu.defbackward
def silu_backward(x: Array, d_output: Array) -> tuple[Array]:
    """Compute dL/dx = s (1 + x (1 - s)) dL/dy."""
    s = lax.logistic(x)
    return (d_output * (s * (1 + x * (1 - s))),)


@rule
def hard_swish(x: Array) -> tuple[Array, Array]:
    """Piecewise approximation of SiLU: y = x min(max(x + 3, 0), 6) / 6.

    Shapes: x any, y the same.

    Derivation: y = 0 for x <= -3, y = x for x >= 3, and y = x (x + 3) / 6 between, with slope (2 x + 3) / 6. At the
    kinks the slopes are those of the outer pieces: 0 at -3, and 1 at 3.

    Residuals: x.

    Source: Howard et al., Searching for MobileNetV3, 2019.
    """
    require_floating("hard_swish", x=x)
    outer = jnp.where(x > 0, x, jnp.zeros_like(x))
    return jnp.where(jnp.abs(x) >= 3, outer, x * (x + 3) / 6), x


@hard_swish.defbackward
def hard_swish_backward(x: Array, d_output: Array) -> tuple[Array]:
    """Compute dL/dx = 0, (2 x + 3) / 6 or 1 times dL/dy, by piece."""
    return (d_output * jnp.where(jnp.abs(x) >= 3, jnp.asarray(x > 0, jnp.result_type(x)), (2 * x + 3) / 6),)
