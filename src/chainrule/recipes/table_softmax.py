"""Softmax regression with a ridge penalty, brought to its one minimum by L-BFGS, with gradients derived by hand."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from chainrule import losses, train
from chainrule.layer import Layer
from chainrule.train.step import Gradients

__all__ = ["solve_softmax"]

_BLOCK = 4_000_000  # numbers of a block of rows
_ITERATIONS = 1000
_GRADIENT = 1e-6  # the largest component at which it is done, of the mean loss
_FAR = 1e-3  # beyond this it is not the minimum


def solve_softmax(
    model: Layer, params: Any, x: np.ndarray, y: np.ndarray, *, strength: float, gradients: Gradients = "hand"
) -> Any:
    """Minimise the cross-entropy of a linear model's softmax with the squares of its weights, in float64.

    ::

        L(W, b) = 1/n sum_i cross_entropy(x_i W + b, y_i) + strength / (2 n) |W|^2

    For a strength above 0 there is one minimum, where scikit-learn's ``LogisticRegression(C=1 / strength)`` has its.

    Args:
        model: affine, with parameters of one weight (features, classes) and one bias (classes,).
        params: where to begin.
        x: float[n, features].
        y: int[n], labels.
        strength: of the penalty, as a share of the sum of the losses; 0 or above.
        gradients: ``"hand"`` or ``"autodiff"``.

    Returns:
        The parameters at the minimum, float64.

    Raises:
        ValueError: for a strength below 0.

    Warns:
        UserWarning: when the minimum is not reached in 1,000 iterations.
    """
    from scipy import optimize

    if not strength >= 0:
        raise ValueError(f"strength must be at least 0, got {strength!r}")
    rows = max(_BLOCK // x.shape[1], 1)
    with jax.enable_x64(True):
        start, restore = ravel_pytree(jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), params))
        weights, _ = ravel_pytree(jax.tree.map(lambda leaf: jnp.full(leaf.shape, float(leaf.ndim > 1)), params))
        decay = strength / len(x) * np.asarray(weights)

        def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = 0.5 * float(decay @ flat**2), decay * flat
            for first in range(0, len(x), rows):
                block = jnp.asarray(x[first : first + rows], jnp.float64), jnp.asarray(y[first : first + rows])
                share = len(block[0]) / len(x)
                loss, d_params = _loss_and_gradients(model, restore(jnp.asarray(flat)), *block, gradients)
                value += share * float(loss)
                slope = slope + share * np.asarray(ravel_pytree(d_params)[0])
            return value, slope

        found = optimize.minimize(
            objective,
            np.asarray(start),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _ITERATIONS, "maxfun": 2 * _ITERATIONS, "gtol": _GRADIENT, "ftol": 1e-13},
        )
        left = float(np.abs(found.jac).max())
        if left > _FAR:
            warnings.warn(
                f"softmax regression of strength {strength:g}: after {found.nit} iterations a slope of {left:.1g} is "
                "left: features of very different size, or a strength too small",
                stacklevel=2,
            )
        return jax.tree.map(np.asarray, restore(jnp.asarray(found.x)))


@functools.partial(jax.jit, static_argnums=(0, 4))
def _loss_and_gradients(model: Layer, params: Any, x: Any, y: Any, gradients: Gradients) -> tuple[Any, Any]:
    _, state = model.build(jax.random.key(0), x.shape[1:], x.dtype)
    (loss, _, _), d_params = train.loss_and_gradients(
        model, losses.cross_entropy, params, state, x, y, gradients=gradients
    )
    return loss, d_params
