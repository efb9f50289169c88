"""Ways down a function: what they have in common, and gradient descent.

Every method is one compiled program: ``lax.scan`` over a fixed number of steps, in which a step after the last does
nothing. It returns the whole path, for a picture; it can be mapped over starts by ``jax.vmap``; and it is differentiable
with respect to the start and to what f closes over, through the steps that were made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from chainrule.checks import describe, is_concrete
from chainrule.maths.calculus.arguments import as_floating, require_scalar_function

__all__ = ["Descent", "descend", "gradient_descent", "line_search", "start_of"]

S = TypeVar("S")
Objective = Callable[[Array], Array]

_DECREASE, _CURVATURE = 1e-4, 0.9
_TRIALS = 40


class Descent(NamedTuple):
    """A way down a function.

    Attributes:
        x: the last point, of the shape of the start.
        value: f there.
        path: [steps + 1, *shape of the start], from the start on; after the last step it repeats the last point.
        values: [steps + 1], f along the path.
        steps: int, the number of steps made: path[:steps + 1] is the path without repetition.
        converged: whether the largest component of the gradient at x is at most the tolerance. It says nothing of the
            kind of point: a saddle that is started from has a gradient of zero as well.
    """

    x: Array
    value: Array
    path: Array
    values: Array
    steps: Array
    converged: Array


def gradient_descent(
    f: Objective, start: ArrayLike, *, rate: float | Array = 0.1, steps: int = 100, tolerance: float | None = None
) -> Descent:
    """Minimise f by x <- x - rate grad f(x).

    On a quadratic with Hessian H each step multiplies the error along an eigenvector by 1 - rate lambda: it converges for
    rate < 2 / lambda_max, and the slowest part shrinks by (kappa - 1) / (kappa + 1) a step at the best rate,
    2 / (lambda_min + lambda_max), with kappa = lambda_max / lambda_min.

    Args:
        f: a function of an array of the shape of ``start`` that gives one number.
        start: the first point, any shape.
        rate: the learning rate; positive.
        steps: the number of steps at most.
        tolerance: stops where no component of the gradient is larger; ``None`` takes sqrt(eps), 1.5e-8 in float64,
            3.5e-4 in float32; 0 makes all the steps unless the gradient is zero.

    Returns:
        The way down. It ends before a step to a point at which f or its gradient is not finite (a rate that is too large
        overflows), not converged; a start with such a value has made none.

    Raises:
        ValueError: for a start that is not of floating-point numbers or is empty; an f that does not give one number;
            steps below 1; a tolerance below 0; a rate that is not positive (where known; under jit no step is made).

    Source: Nocedal and Wright, Numerical Optimization (2006), 3.3.
    """
    x = start_of("gradient_descent", f, start, steps, tolerance)
    if is_concrete(rate) and not (np.shape(rate) == () and rate > 0):
        raise ValueError(f"gradient_descent: rate must be a positive number, got {rate}")
    rate = jnp.asarray(rate, dtype=x.dtype)

    def step(x: Array, value: Array, gradient: Array, memory: Array) -> tuple[Array, Array]:
        return x - jnp.where(rate > 0, rate, jnp.nan) * gradient, memory

    return descend(f, x, step, jnp.zeros((), x.dtype), steps=steps, tolerance=tolerance)


def start_of(where: str, f: Objective, start: ArrayLike, steps: int, tolerance: float | None) -> Array:
    """Check what all methods take, and give the start as an array."""
    x = as_floating(where, "start", start)
    if not x.size:
        raise ValueError(f"{where}: start must have at least one number, got {describe(x)}")
    require_scalar_function(where, f, x)
    if steps < 1:
        raise ValueError(f"{where}: steps must be at least 1, got {steps}")
    if tolerance is not None and not tolerance >= 0:
        raise ValueError(f"{where}: tolerance must not be negative, got {tolerance}")
    return x


def descend(
    f: Objective,
    start: Array,
    step: Callable[[Array, Array, Array, S], tuple[Array, S]],
    memory: S,
    *,
    steps: int,
    tolerance: float | None,
) -> Descent:
    """Step until the gradient is small, a step leads nowhere, or the steps are used up, and keep the path.

    Args:
        f: the function.
        start: the first point.
        step: (x, f(x), gradient, memory) -> (next x, memory); NaN in the next x, or x itself, ends the descent.
        memory: what the method keeps from step to step, a pytree of arrays.
        steps: the number of steps at most.
        tolerance: the largest component of the gradient that counts as zero; ``None``: sqrt(eps).
    """
    tolerance = float(jnp.finfo(start.dtype).eps) ** 0.5 if tolerance is None else tolerance
    value_and_gradient = jax.value_and_grad(f)

    def small(gradient: Array) -> Array:
        return jnp.max(jnp.abs(gradient)) <= tolerance

    def advance(state: tuple) -> tuple:
        x, value, gradient, memory, count, _ = state
        following, memory = step(x, value, gradient, memory)
        new_value, new_gradient = value_and_gradient(following)
        good = jnp.isfinite(new_value) & jnp.all(jnp.isfinite(new_gradient)) & jnp.any(following != x)
        x = jnp.where(good, following, x)
        value = jnp.where(good, new_value, value)
        gradient = jnp.where(good, new_gradient, gradient)
        return x, value, gradient, memory, count + good.astype(int), small(gradient) | ~good

    def body(state: tuple, _: None) -> tuple[tuple, tuple[Array, Array]]:
        state = jax.lax.cond(state[-1], lambda state: state, advance, state)
        return state, (state[0], state[1])

    value, gradient = value_and_gradient(start)
    bad = ~(jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient)))
    first = (start, value, gradient, memory, jnp.zeros((), int), small(gradient) | bad)
    last, (path, values) = jax.lax.scan(body, first, length=steps)
    path, values = jnp.concatenate([start[None], path]), jnp.concatenate([value[None], values])
    return Descent(last[0], last[1], path, values, last[4], small(last[2]))


def line_search(f: Objective, x: Array, value: Array, gradient: Array, direction: Array, *, curvature: bool) -> Array:
    """Find how far to go along a direction d that leads down.

    The t that is looked for has

        f(x + t d) <= f(x) + 1e-4 t g.d              enough decrease (Armijo)
        grad f(x + t d).d >= 0.9 g.d                 where ``curvature``: enough of the slope is gone (weak Wolfe)

    t = 1 is tried first. Where the first condition fails, or f is not finite, t is too long; where only the second
    fails, too short: t is doubled until it was too long once, then halved between the two.
    Round-off of f, 4 eps |f|, counts as decrease: near a minimum it is larger than the decrease.

    Returns:
        t; where none of 40 trials will do, the longest that decreased f enough, or NaN, so that the descent ends.

    Source: Burke, Lewis and Overton, SIAM J. Optim. 15 (2005); Nocedal and Wright (2006), 3.1.
    """
    value_and_gradient = jax.value_and_grad(f)
    slope = jnp.sum(gradient * direction)
    slack = 4 * jnp.finfo(value.dtype).eps * jnp.abs(value)

    def trial(state: tuple) -> tuple:
        t, short, long, _ = state
        new_value, new_gradient = value_and_gradient(x + t * direction)
        decreases = new_value <= value + _DECREASE * t * slope + slack
        flat = jnp.sum(new_gradient * direction) >= _CURVATURE * slope if curvature else jnp.ones((), bool)
        short = jnp.where(decreases & ~flat, t, short)
        long = jnp.where(decreases, long, t)
        found = decreases & flat
        t = jnp.where(found, t, jnp.where(jnp.isinf(long), 2 * t, (short + long) / 2))
        return t, short, long, found

    def body(state: tuple, _: None) -> tuple[tuple, None]:
        return jax.lax.cond(state[-1], lambda state: state, trial, state), None

    one = jnp.ones((), value.dtype)
    first = (one, 0 * one, jnp.inf * one, jnp.zeros((), bool))
    (t, short, _, found), _ = jax.lax.scan(body, first, length=_TRIALS)
    return jnp.where(found, t, jnp.where(short > 0, short, jnp.nan))
