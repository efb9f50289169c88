"""Power iteration: the eigenvalue of the largest size, by multiplying again and again."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, require_same_dtype
from chainrule.maths.linear_algebra.checks import require_square, require_vector
from chainrule.maths.linear_algebra.products import product

__all__ = ["PowerIteration", "power_iteration"]


class PowerIteration(NamedTuple):
    """The end of a power iteration; a pytree.

    Attributes:
        value: the eigenvalue, lambda = v . A v, [].
        vector: the eigenvector, v, [n], of length 1, its entry of the largest size positive.
        residual: |A v - lambda v|, []. For a symmetric A an eigenvalue is no further from ``value`` than this.
        steps: how many multiplications moved the vector, int32[].
        converged: whether the residual came within the tolerance, bool[].
    """

    value: Array
    vector: Array
    residual: Array
    steps: Array
    converged: Array


def power_iteration(
    matrix: Array, start: Array | None = None, *, tolerance: float | None = None, max_steps: int = 1000
) -> PowerIteration:
    """Find the eigenvalue of the largest size and its eigenvector: v <- A v / |A v|, until A v = lambda v.

    Written in eigenvectors, A^t v = sum_i c_i lambda_i^t v_i: the term of the largest |lambda| outgrows the rest, by
    |lambda_1 / lambda_2| a step. The eigenvalue is Rayleigh's quotient v . A v.

    Where two eigenvalues tie for the largest size, there are three cases. lambda_1 = lambda_2: it converges to that
    eigenvalue, and to the vector of its eigenspace nearest to the start. lambda_1 = -lambda_2, or a complex pair: the
    vector never settles, the loop ends at ``max_steps`` with ``converged`` false and a large residual.

    Args:
        matrix: A, [n, n], real; it need not be symmetric.
        start: the first v, [n], not zero. None means a fixed vector of unequal positive entries. It must have a part
            along the eigenvector sought: the ones (1, 1) find 1, not -3, in [[-1, 2], [2, -1]].
        tolerance: the residual to stop at, as a fraction of the Frobenius norm of A; None means 10 eps.
        max_steps: the most multiplications (static).

    Returns:
        The value, its vector, the residual, the steps and whether it converged. For a zero matrix the value is 0 and
        the vector is the start. Where A v = 0 on the way (a nilpotent A), the value is 0. A NaN or an infinity in the
        matrix, or a start of zero or with a NaN, gives NaN, not converged. Not differentiable backwards, because of the
        loop: differentiate lambda = v . A v at the vector instead, or ``jnp.linalg.eigh``.

    Raises:
        ValueError: for a matrix that is not square, a start of another shape or dtype, or max_steps that is not a
            whole number of at least 1.

    Source: R. von Mises, H. Pollaczek-Geiringer (1929), Praktische Verfahren der Gleichungsauflösung.
    """
    require_square("power_iteration", matrix=matrix)
    if not isinstance(max_steps, int) or isinstance(max_steps, bool) or max_steps < 1:
        raise ValueError(f"power_iteration: max_steps must be a whole number, at least 1, got {max_steps!r}")
    n = len(matrix)
    if start is None:
        start = _unequal(n, matrix)
    require_vector("power_iteration", start=start)
    if len(start) != n:
        raise ValueError(f"power_iteration: start must be [{n}], got {describe(start)}")
    require_same_dtype("power_iteration", matrix=matrix, start=start)
    largest = jnp.max(jnp.abs(matrix))
    scale = jnp.where(largest == 0, jnp.ones_like(largest), largest)
    scaled = matrix / scale  # entries up to 1: no square overflows
    relative = 10 * float(jnp.finfo(matrix.dtype).eps) if tolerance is None else tolerance
    bound = relative * jnp.sqrt(jnp.sum(scaled**2))

    def look(vector: Array) -> tuple[Array, Array, Array]:
        image = product(scaled, vector)
        value = product(vector, image)
        return image, value, jnp.linalg.norm(image - value * vector)

    def goes_on(state: tuple[Array, Array, Array, Array, Array]) -> Array:
        _, _, _, residual, steps = state
        return (residual > bound) & (steps < max_steps)  # false for NaN

    def step(state: tuple[Array, Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array, Array]:
        _, image, _, _, steps = state
        vector = image / jnp.linalg.norm(image)  # not zero: the residual would have been
        return (vector, *look(vector), steps + 1)

    first = start / jnp.max(jnp.abs(start))
    first = first / jnp.linalg.norm(first)
    zero = jnp.zeros((), jnp.int32)
    vector, _, value, residual, steps = lax.while_loop(goes_on, step, (first, *look(first), zero))
    peak = vector[jnp.argmax(jnp.abs(vector))]
    vector = jnp.where(peak < 0, -vector, vector)
    return PowerIteration(value * scale, vector, residual * scale, steps, residual <= bound)


def _unequal(n: int, like: Array) -> Array:
    """A vector from 1 to 2 of multiples of the golden ratio, that no eigenvector of whole numbers is orthogonal to."""
    golden = (5**0.5 - 1) / 2
    return jnp.asarray([1 + (j * golden) % 1 for j in range(n)], like.dtype)
