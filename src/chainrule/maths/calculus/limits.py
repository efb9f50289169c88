"""The limit of a function at a point, from its values nearby."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from chainrule.checks import describe, is_concrete
from chainrule.maths.calculus.arguments import as_floating, require_full_precision, require_scalar_function

__all__ = ["Limit", "limit"]

_PHASES = (0.97, 0.79, 0.62)  # no ratio of two is a power of two, nor is one a power of two itself


class Limit(NamedTuple):
    """A limit and how far off it may be.

    Attributes:
        value: the limit; plus or minus infinity where f grows without bounds, NaN where no limit was found.
        error: an estimate of how far off the value is; infinite where the value is not finite.
    """

    value: Array
    error: Array


def limit(
    f: Callable[[Array], Array],
    at: ArrayLike,
    *,
    side: Literal["both", "left", "right"] = "both",
    radius: float = 0.5,
    tolerance: float | None = None,
) -> Limit:
    """Compute the limit of f(x) as x goes to a, from values at points that approach a and never reach it.

    On each side f is sampled at a -+ h_k, h_k = radius 2^-k c, k = 0, 1, ..., down to h = eps^0.42 radius: nearer,
    round-off of forms such as (1 - cos x) / x^2 takes over. A sequence S_k whose error is a sum of powers of h, whole or
    not, is a sum of geometric sequences, which Aitken's process removes one by one:

        S'_k = S_(k+2) - (S_(k+2) - S_(k+1))^2 / (S_(k+2) - 2 S_(k+1) + S_k)

    Three sequences with different c run on each side, and the entry of the tables is taken at which all of them agree
    best, with each other and with the entries before: its error is the largest disagreement. There is a limit where

    - that error is below the tolerance: so the sides agree, and what oscillates as h shrinks is found out by its three
      sequences, even sin(2 pi log2 |x|), which every single one takes for a constant; and
    - the samples themselves draw near to the value: Aitken's process also gives a number for what diverges, 0 for 1/x.

    Else, where 1 / f goes to 0 and f keeps its sign, the limit is infinite; else it is NaN. So is the value where f
    converges too slowly to be told from divergence, as 1 / log x does at 0 (in float32 such a value may pass, and be
    farther off than its error says). Samples cannot prove a limit: a function that changes only within eps^0.42 radius
    of a is not seen to do so, and one that differs from 0 by less than the tolerance counts as near 0.

    Args:
        f: a function of one number with one number as its result; it is never called at ``at``.
        at: a, one number, float32 at least; infinity or minus infinity is approached along 1 / h_k, from within.
        side: "left" takes points below a only, "right" above; at infinity there is one side and this says nothing.
        radius: the largest h, with f smooth up to it; large |a| makes it larger, at least eps^(1/3) |a|.
        tolerance: the error that is let pass, relative to the value or to 1, whichever is larger; ``None`` takes
            eps^(1/3): 6e-6 in float64, 5e-3 in float32.

    Returns:
        value and error, in the dtype of a. Differentiable with respect to what f closes over, as a limit that
        is smooth in it is.

    Raises:
        ValueError: for an ``at`` that is not one number, half precision, or NaN (where its value is known; under jit it
            gives NaN); another side; radius or tolerance not positive; an f that does not give one number.

    Source: Aitken (1926); Brezinski and Redivo Zaglia, Extrapolation Methods (1991).
    """
    at = as_floating("limit", "at", at)
    require_full_precision("limit", at=at)
    if at.ndim:
        raise ValueError(f"limit: at must be one number, got {describe(at)}")
    if is_concrete(at) and np.isnan(at):
        raise ValueError("limit: at must be a number or infinite, got nan")
    signs = {"both": (-1, 1), "left": (-1,), "right": (1,)}.get(side)
    if signs is None:
        raise ValueError(f"limit: side must be 'both', 'left' or 'right', got {side!r}")
    if not (radius > 0 and np.isfinite(radius)):
        raise ValueError(f"limit: radius must be positive, got {radius}")
    eps = float(jnp.finfo(at.dtype).eps)
    tolerance = eps ** (1 / 3) if tolerance is None else tolerance
    if not tolerance > 0:
        raise ValueError(f"limit: tolerance must be positive, got {tolerance}")
    require_scalar_function("limit", f, at)

    levels = round(-0.42 * np.log2(eps)) + 1
    shrink = jnp.asarray(np.outer(_PHASES, 0.5 ** np.arange(levels)), dtype=at.dtype)
    infinite = jnp.isinf(at)
    centre = jnp.where(infinite, 0, at)
    h = shrink * jnp.maximum(radius, abs(centre) * eps ** (1 / 3)).astype(at.dtype)
    rows = [jnp.where(infinite, jnp.sign(at) / h, centre + sign * h) for sign in signs]
    samples = jax.vmap(jax.vmap(f))(jnp.concatenate(rows)).astype(at.dtype)

    value, error = _extrapolate(samples)
    near = error <= tolerance * jnp.maximum(1, jnp.abs(value))
    nought, apart = _extrapolate(jnp.where(samples == 0, jnp.nan, 1 / jnp.where(samples == 0, 1, samples)))
    sign = jnp.sign(samples[0, -1])
    grows = (jnp.abs(nought) + apart <= tolerance) & jnp.all(jnp.sign(samples[:, -4:]) == sign)
    value = jnp.where(near, value, jnp.where(grows, sign * jnp.inf, jnp.nan))
    return Limit(jnp.where(jnp.isnan(at), jnp.nan, value), jnp.where(near & ~jnp.isnan(at), error, jnp.inf))


@jax.jit
def _extrapolate(samples: Array) -> tuple[Array, Array]:
    """Find the entry of the Aitken tables at which all sequences, [sequences, levels], agree best.

    An entry stands at the index of the last sample that it is made of: those of pass p begin at 2p, and only their
    numbers from 2p + 1 on, which have one before them to compare with, are candidates.
    """
    eps = jnp.finfo(samples.dtype).eps
    fixed = jax.lax.stop_gradient(samples)
    index = jnp.arange(samples.shape[1])
    until = index <= index[:, None]  # [entry, sample]: the samples up to the last one of an entry

    def candidates(column: Array, begin: Array) -> tuple[Array, Array]:
        entries = column.mean(axis=0)
        seen = jax.lax.stop_gradient(column)
        spread = seen.max(axis=0) - seen.min(axis=0)
        change = jnp.abs(jnp.diff(seen, axis=1, prepend=seen[:, :1])).max(axis=0)
        error = jnp.maximum(spread, change) + 4 * eps * jnp.abs(seen).max(axis=0)
        distance = jnp.abs(fixed[:, None, :] - jax.lax.stop_gradient(entries)[:, None])
        farthest = jnp.where(until, distance, 0).max(axis=2)
        drawn = jnp.all(jnp.diagonal(distance, axis1=1, axis2=2) <= farthest / 2 + error, axis=0)
        return entries, jnp.where(drawn & jnp.isfinite(error) & (index > begin), error, jnp.inf)

    def once(column: Array, begin: Array) -> tuple[Array, tuple[Array, Array]]:
        steps = jnp.diff(column, axis=1)
        first, second = steps[:, :-1], steps[:, 1:]
        straight = second == first
        better = column[:, 2:] - jnp.where(straight, 0, second * second / jnp.where(straight, 1, second - first))
        following = jnp.concatenate([column[:, :2], better], axis=1)
        return following, candidates(column, begin)

    _, (values, errors) = jax.lax.scan(once, samples, 2 * jnp.arange((samples.shape[1] + 1) // 2))
    best = jnp.argmin(errors.ravel())
    return values.ravel()[best], errors.ravel()[best]
