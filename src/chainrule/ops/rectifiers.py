"""Rectifiers: functions that pass the positive half line and bend the negative one.

At the kink x = 0 each takes the derivative from the left: relu'(0) = 0, leaky_relu'(0) = negative_slope. A NaN passes
through, it is not rectified away.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from chainrule.checks import require_floating
from chainrule.rule import rule

__all__ = ["elu", "leaky_relu", "relu", "selu"]

# Klambauer et al., 2017, equation (14): the fixed point of mean 0 and variance 1 under selu.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


@rule
def relu(x: Array) -> tuple[Array, Array]:
    """Rectified linear unit: y = max(x, 0).

    Shapes: x any, y the same.

    Derivation: y = x where x > 0, with slope 1; y = 0 elsewhere, with slope 0. At the kink the slope is 0.

    Residuals: where x <= 0, one byte a number.

    Source: Nair and Hinton, Rectified linear units improve restricted Boltzmann machines, 2010.
    """
    require_floating("relu", x=x)
    off = x <= 0
    return jnp.where(off, jnp.zeros_like(x), x), off


@relu.defbackward
def relu_backward(off: Array, d_output: Array) -> tuple[Array]:
    """Compute dL/dx = dL/dy where x > 0, else 0."""
    return (jnp.where(off, jnp.zeros_like(d_output), d_output),)


@rule
def leaky_relu(x: Array, *, negative_slope: float = 0.01) -> tuple[Array, Array]:
    """Leaky rectified linear unit: y = x where x > 0, else a x, with a = ``negative_slope``.

    Shapes: x any, y the same.

    Derivation: slope 1 on the right, a on the left and at the kink.

    Residuals: where x <= 0, one byte a number (the sign of y would not do: it is lost for a = 0 and turned for a < 0).

    Source: Maas, Hannun and Ng, Rectifier nonlinearities improve neural network acoustic models, 2013.
    """
    require_floating("leaky_relu", x=x)
    left = x <= 0
    return jnp.where(left, negative_slope * x, x), left


@leaky_relu.defbackward
def leaky_relu_backward(left: Array, d_output: Array, *, negative_slope: float) -> tuple[Array]:
    """Compute dL/dx = dL/dy where x > 0, else a dL/dy."""
    return (jnp.where(left, negative_slope * d_output, d_output),)


@rule
def elu(x: Array, *, alpha: float = 1.0) -> tuple[Array, Array]:
    """Exponential linear unit: y = x where x > 0, else a (exp(x) - 1), with a = ``alpha``.

    Shapes: x any, y the same.

    Derivation: slope 1 on the right; on the left dy/dx = a exp(x), which is a at the kink.

    Residuals: x. (On the left dy/dx = y + a would do as well, but y + a cancels where exp(x) is small.)

    Source: Clevert, Unterthiner and Hochreiter, Fast and accurate deep network learning by ELUs, 2015.
    """
    require_floating("elu", x=x)
    left = jnp.where(x <= 0, x, jnp.zeros_like(x))  # the exponential never sees a large argument
    return jnp.where(x <= 0, alpha * jnp.expm1(left), x), x


@elu.defbackward
def elu_backward(x: Array, d_output: Array, *, alpha: float) -> tuple[Array]:
    """Compute dL/dx = dL/dy where x > 0, else a exp(x) dL/dy."""
    left = jnp.where(x <= 0, x, jnp.zeros_like(x))
    return (jnp.where(x <= 0, alpha * jnp.exp(left) * d_output, d_output),)


@rule
def selu(x: Array) -> tuple[Array, Array]:
    """Scaled exponential linear unit: y = s elu(x) with alpha = 1.67326..., s = 1.05070...

    The two constants make mean 0 and variance 1 a fixed point: activations keep them from layer to layer.

    Shapes: x any, y the same.

    Derivation: y = s elu(x), so dL/dx is elu's pullback of s dL/dy.

    Residuals: x.

    Source: Klambauer et al., Self-normalizing neural networks, 2017.
    """
    require_floating("selu", x=x)
    y, residuals = elu.forward(x, alpha=SELU_ALPHA)
    return SELU_SCALE * y, residuals


@selu.defbackward
def selu_backward(x: Array, d_output: Array) -> tuple[Array]:
    """Compute elu's pullback of s dL/dy."""
    return elu_backward(x, SELU_SCALE * d_output, alpha=SELU_ALPHA)
