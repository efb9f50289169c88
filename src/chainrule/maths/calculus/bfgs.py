"""The method of Broyden, Fletcher, Goldfarb and Shanno."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from chainrule.maths.calculus.arguments import require_full_precision
from chainrule.maths.calculus.descent import Descent, Objective, descend, line_search, start_of

__all__ = ["bfgs"]


def bfgs(f: Objective, start: ArrayLike, *, steps: int = 100, tolerance: float | None = None) -> Descent:
    """Minimise f by x <- x - t B grad f(x), with B an inverse Hessian that is learned from the gradients.

    B starts as I. After a step s = x' - x with a change of gradient y, it becomes the nearest matrix that takes y to s:

        B <- (I - s y^T / y.s) B (I - y s^T / y.s) + s s^T / y.s

    and before the first such update B = (y.s / y.y) I, the scale that the step has shown. t satisfies the weak Wolfe
    conditions (t = 1 is tried first), so y.s > 0 and B stays positive definite; where round-off denies it, B is kept.
    Near a minimum it converges faster than any geometric sequence; no Hessian is computed and no system solved: two
    products of matrices a step.

    Args:
        f: a function of an array of the shape of ``start`` that gives one number; differentiable.
        start: the first point, any shape; float32 or float64.
        steps: the number of steps at most.
        tolerance: stops where no component of the gradient is larger; ``None`` takes sqrt(eps), 1.5e-8 in float64,
            3.5e-4 in float32.

    Returns:
        The way down. It ends, not converged, where no step that decreases f is found, as at the limit of round-off.

    Raises:
        ValueError: for a start that is not of floating-point numbers, is empty or in half precision; an f that does not
            give one number; steps below 1; a tolerance below 0.

    Source: Nocedal and Wright, Numerical Optimization (2006), 6.1.
    """
    x = start_of("bfgs", f, start, steps, tolerance)
    require_full_precision("bfgs", start=x)
    eye = jnp.eye(x.size, dtype=x.dtype)
    gradient_of = jax.grad(f)

    def step(x: Array, value: Array, gradient: Array, memory: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        inverse, fresh = memory
        direction = -(inverse @ gradient.ravel()).reshape(x.shape)
        t = line_search(f, x, value, gradient, direction, curvature=True)
        following = x + t * direction
        s, y = (following - x).ravel(), (gradient_of(following) - gradient).ravel()
        across = jnp.sum(s * y)
        learns = across > jnp.finfo(x.dtype).eps * jnp.sum(y * y) * jnp.max(jnp.diagonal(inverse))
        safe = jnp.where(learns, across, 1)
        squares = jnp.where(learns, jnp.sum(y * y), 1)
        inverse = jnp.where(fresh & learns, safe / squares, 1) * inverse
        away = eye - jnp.outer(s, y) / safe
        learned = away @ inverse @ away.T + jnp.outer(s, s) / safe
        return following, (jnp.where(learns, learned, inverse), fresh & ~learns)

    return descend(f, x, step, (eye, jnp.ones((), bool)), steps=steps, tolerance=tolerance)
