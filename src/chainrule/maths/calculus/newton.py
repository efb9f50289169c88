"""Newton's method for a minimum."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from chainrule.maths.calculus.arguments import require_full_precision
from chainrule.maths.calculus.descent import Descent, Objective, descend, line_search, start_of

__all__ = ["newton"]


def newton(f: Objective, start: ArrayLike, *, steps: int = 50, tolerance: float | None = None) -> Descent:
    """Minimise f by x <- x + t d with (H + tau I) d = -grad f(x): the minimum of the parabola through f, g and H.

    Where the Hessian H is positive definite, tau = 0: Newton's own step, exact on a quadratic, and near a minimum the
    number of right digits doubles with each. Where it is not, that step would lead to a saddle or up; then
    tau = 1e-3 max|lambda| - lambda_min (1 where H is zero), which makes H + tau I positive definite, and d lead down.
    The damping t is halved from 1 until f decreases enough (Armijo).

    Each step costs the Hessian (``jax.hessian``), its eigenvalues and a solve: n^3 for n numbers.

    Args:
        f: a function of an array of the shape of ``start`` that gives one number; differentiable twice.
        start: the first point, any shape; float32 or float64.
        steps: the number of steps at most.
        tolerance: stops where no component of the gradient is larger; ``None`` takes sqrt(eps), 1.5e-8 in float64,
            3.5e-4 in float32.

    Returns:
        The way down. It ends, not converged, where no step of 2^-39 or more decreases f, or H is not finite. A start at a
        saddle or a maximum is where the gradient is zero: no step,
        converged.

    Raises:
        ValueError: for a start that is not of floating-point numbers, is empty or in half precision; an f that does not
            give one number; steps below 1; a tolerance below 0.

    Source: Nocedal and Wright, Numerical Optimization (2006), 3.4.
    """
    x = start_of("newton", f, start, steps, tolerance)
    require_full_precision("newton", start=x)

    def step(x: Array, value: Array, gradient: Array, memory: Array) -> tuple[Array, Array]:
        hessian = jax.hessian(f)(x).reshape(x.size, x.size)
        eigenvalues = jnp.linalg.eigvalsh(jax.lax.stop_gradient(hessian))
        largest = jnp.max(jnp.abs(eigenvalues))
        lift = jnp.where(largest > 0, 1e-3 * largest - eigenvalues[0], 1)
        definite = eigenvalues[0] > x.size * jnp.finfo(x.dtype).eps * largest
        lifted = hessian + jnp.where(definite, 0, lift) * jnp.eye(x.size, dtype=x.dtype)
        direction = -jnp.linalg.solve(lifted, gradient.ravel()).reshape(x.shape)
        return x + line_search(f, x, value, gradient, direction, curvature=False) * direction, memory

    return descend(f, x, step, jnp.zeros((), x.dtype), steps=steps, tolerance=tolerance)
