"""Derivatives from values of a function: differences, and the complex step."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from chainrule.checks import describe, is_concrete
from chainrule.maths.calculus.arguments import as_floating, require_full_precision

__all__ = [
    "Difference",
    "central_difference",
    "complex_step",
    "extrapolated_difference",
    "forward_difference",
    "optimal_step",
]


class Difference(NamedTuple):
    """A derivative and how far off it may be.

    Attributes:
        value: the derivative, of the shape of x.
        error: an estimate of |value - f'(x)|, truncation and round-off together; not a bound.
    """

    value: Array
    error: Array


def optimal_step(x: ArrayLike, *, order: int = 1) -> Array:
    """Compute the step at which truncation and round-off of a difference are about equal.

    The truncation is about |f| (h/s)^p / s with s the length over which f changes, the round-off |f| eps / h; their sum
    is least near h = s eps^(1 / (p + 1)). Taken here: s = max(|x|, 1), rounded down to a power of two so that x + h
    is exact but for a change of binade. float64: 1.5e-8 for p = 1, 6e-6 for p = 2; float32: 3.5e-4, 5e-3.

    Args:
        x: where the derivative is taken, any shape.
        order: p, the power of h in the truncation: 1 forward, 2 central.

    Returns:
        The step, of the shape and dtype of x; NaN where x is not finite.

    Raises:
        ValueError: for x that is not of floating-point numbers, or order below 1.

    Source: Press et al., Numerical Recipes (2007), 5.7.
    """
    x = as_floating("optimal_step", "x", x)
    if order < 1:
        raise ValueError(f"optimal_step: order must be at least 1, got {order}")
    scale = jax.lax.stop_gradient(jnp.maximum(jnp.abs(x), 1))  # a step is a choice, not a function to differentiate
    exponent = jnp.frexp(scale)[1] - 1 + round(np.log2(float(jnp.finfo(x.dtype).eps)) / (order + 1))
    return jnp.where(jnp.isfinite(x), jnp.ldexp(jnp.ones_like(x), exponent), jnp.nan).astype(x.dtype)


def forward_difference(f: Callable[[Array], Array], x: ArrayLike, *, step: ArrayLike | None = None) -> Difference:
    """Compute f'(x) by its definition, (f(x + h) - f(x)) / h: the error falls as h.

    error = |D(h) - D(2h)| + eps (|f(x + h)| + |f(x)|) / h: for a truncation c h the first term is c h itself.

    Args:
        f: an elementwise function: its result has the shape of its argument.
        x: where, any shape; float32 at least.
        step: h, a number or an array of the shape of x; ``None`` takes ``optimal_step(x, order=1)``.

    Returns:
        value and error, of the shape and dtype of x. NaN in x or f gives NaN there; an empty x gives an empty result.

    Raises:
        ValueError: for x that is not of floating-point numbers, or of half precision; a step that is not positive
            (where its numbers are known; under jit it gives NaN); an f whose result has another shape or dtype.
    """
    x, h = _point_and_step("forward_difference", x, step, order=1)
    values = _evaluate("forward_difference", f, x, [0 * h, h, 2 * h])
    value = (values[1] - values[0]) / h
    truncation = jnp.abs(value - (values[2] - values[0]) / (2 * h))
    return Difference(value, truncation + _round_off(values[1], values[0]) / h)


def central_difference(f: Callable[[Array], Array], x: ArrayLike, *, step: ArrayLike | None = None) -> Difference:
    """Compute f'(x) by (f(x + h) - f(x - h)) / 2h: the error falls as h^2, for even powers of h cancel.

    error = |D(h) - D(2h)| / 3 + eps (|f(x + h)| + |f(x - h)|) / 2h: for a truncation c h^2 the first term is c h^2.
    At a kink the value is the mean of the two slopes, and the error does not say so.

    Args:
        f: an elementwise function: its result has the shape of its argument.
        x: where, any shape; float32 at least.
        step: h, a number or an array of the shape of x; ``None`` takes ``optimal_step(x, order=2)``.

    Returns:
        value and error, as :func:`forward_difference` does.

    Raises:
        ValueError: as :func:`forward_difference` does.
    """
    x, h = _point_and_step("central_difference", x, step, order=2)
    near, near_below, far, far_below = _evaluate("central_difference", f, x, [h, -h, 2 * h, -2 * h])
    value = (near - near_below) / (2 * h)
    truncation = jnp.abs(value - (far - far_below) / (4 * h)) / 3
    return Difference(value, truncation + _round_off(near, near_below) / (2 * h))


def extrapolated_difference(
    f: Callable[[Array], Array], x: ArrayLike, *, step: ArrayLike | None = None, levels: int = 5
) -> Difference:
    """Compute f'(x) by central differences extrapolated to step 0 (Richardson, Ridders).

    D(h) = f' + c_2 h^2 + c_4 h^4 + ..., and so, with steps h, h/2, h/4, ...,

        D_k(h) = D_(k-1)(h/2) + (D_(k-1)(h/2) - D_(k-1)(h)) / (4^k - 1)

    is free of the first k powers. The error of an entry is its distance from the two that it is made of, plus the
    round-off of its differences; the entry of the least error is taken.

    Args:
        f: an elementwise function: its result has the shape of its argument.
        x: where, any shape; float32 at least.
        step: the largest h; ``None`` takes 1/8 of max(|x|, 1), rounded down to a power of two.
        levels: how many steps.

    Returns:
        value and error, as :func:`forward_difference` does.

    Raises:
        ValueError: as :func:`forward_difference` does; levels below 2.

    Source: Ridders, Adv. Eng. Software 4 (1982).
    """
    where = "extrapolated_difference"
    if levels < 2:
        raise ValueError(f"{where}: levels must be at least 2, got {levels}")
    x, h = _point_and_step(where, x, step, order=None)
    steps = [h / 2**k for k in range(levels)]
    above, below = (_evaluate(where, f, x, [sign * s for s in steps]) for sign in (1, -1))
    column = [(up - down) / (2 * s) for up, down, s in zip(above, below, steps, strict=True)]
    noise = [_round_off(up, down) / (2 * s) for up, down, s in zip(above, below, steps, strict=True)]
    entries, errors = [], []
    for k in range(1, levels):
        following = [fine + (fine - coarse) / (4**k - 1) for coarse, fine in pairwise(column)]
        for i, entry in enumerate(following):
            apart = jnp.maximum(jnp.abs(entry - column[i]), jnp.abs(entry - column[i + 1]))
            entries.append(entry)
            errors.append(apart + noise[i + k])
        column = following
    best = jnp.argmin(jnp.where(jnp.isnan(jnp.stack(errors)), jnp.inf, jnp.stack(errors)), axis=0)[None]
    value, error = (jnp.take_along_axis(jnp.stack(table), best, axis=0)[0] for table in (entries, errors))
    return Difference(value, error)


def complex_step(f: Callable[[Array], Array], x: ArrayLike, *, step: ArrayLike | None = None) -> Difference:
    """Compute f'(x) by Im f(x + ih) / h: no difference is taken, so h can be tiny and all digits are right.

    f(x + ih) = f(x) + ih f'(x) - h^2 f''(x) / 2 - ..., whose imaginary part over h is f'(x) - h^2 f'''(x) / 6. The
    error estimate is that term, |D(h) - D(2h)| / 3, plus eps |value|.

    f must be analytic and take complex numbers: no abs, max, comparison or cast, which lose the imaginary part.

    Args:
        f: an elementwise function: its result has the shape of its argument.
        x: where, real, any shape; float32 at least.
        step: h; ``None`` takes eps^3, rounded to a power of two: 2^-69 in float32, 2^-156 in float64.

    Returns:
        value and error, as :func:`forward_difference` does.

    Raises:
        ValueError: as :func:`forward_difference` does; an f that gives real numbers for complex ones.

    Source: Squire and Trapp, SIAM Review 40 (1998).
    """
    x, h = _point_and_step("complex_step", x, step, order=0)
    near, far = (_evaluate("complex_step", f, jax.lax.complex(x, k * h), [None])[0] for k in (1, 2))
    value = near.imag / h
    truncation = jnp.abs(value - far.imag / (2 * h)) / 3
    return Difference(value, truncation + jnp.finfo(x.dtype).eps * jnp.abs(value))


def _point_and_step(where: str, x: ArrayLike, step: ArrayLike | None, *, order: int | None) -> tuple[Array, Array]:
    """Check x and h, and give both the shape and dtype of x; ``order`` says which step is taken for none."""
    x = as_floating(where, "x", x)
    require_full_precision(where, x=x)
    if step is None:
        if order is None:
            return x, optimal_step(x, order=1) / optimal_step(jnp.zeros_like(x), order=1) / 8
        if order == 0:
            exponent = 3 * round(np.log2(float(jnp.finfo(x.dtype).eps)))
            return x, jnp.full_like(x, 2.0**exponent)
        return x, optimal_step(x, order=order)
    if is_concrete(step) and not np.all(np.asarray(step) > 0):
        raise ValueError(f"{where}: step must be positive, got {np.asarray(step).tolist()}")
    if np.shape(step) not in ((), x.shape):
        raise ValueError(f"{where}: step must be a number or of the shape of x, {list(x.shape)}, got {describe(step)}")
    h = jnp.broadcast_to(jnp.asarray(step, dtype=x.dtype), x.shape)
    return x, jnp.where(h > 0, h, jnp.nan)


def _evaluate(where: str, f: Callable[[Array], Array], x: Array, offsets: list[Array | None]) -> list[Array]:
    """Compute f at x plus each offset, refusing a result of another shape or dtype."""
    values = []
    for offset in offsets:
        point = x if offset is None else x + offset
        value = f(point)
        if jnp.shape(value) != x.shape or jnp.result_type(value) != x.dtype:
            raise ValueError(f"{where}: f must be elementwise, {describe(x)} to the same, got {describe(value)}")
        values.append(jnp.asarray(value))
    return values


def _round_off(one: Array, other: Array) -> Array:
    """Estimate the round-off of a difference of two values of f."""
    return jnp.finfo(one.dtype).eps * (jnp.abs(one) + jnp.abs(other))
