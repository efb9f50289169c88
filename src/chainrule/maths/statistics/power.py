"""Power by simulation: how often an experiment, drawn anew, comes to the conclusion."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from chainrule.checks import describe
from chainrule.maths.statistics.checks import require_fraction, require_key
from chainrule.maths.statistics.t_tests import Alternative, check_test, p_value_of, student_parts, welch_parts

__all__ = ["RejectionRate", "rejection_rate", "simulated_power"]

_AT_ONCE = 1000  # experiments: a batch of them, not all, stands in memory


class RejectionRate(NamedTuple):
    """How often the null hypothesis was rejected.

    Attributes:
        rate: the fraction of the experiments with p < significance, a scalar.
        standard_error: of that fraction, sqrt(rate (1 - rate) / simulations).
        p_values: the p-value of every experiment, (simulations,).
    """

    rate: Array
    standard_error: Array
    p_values: Array


def rejection_rate(
    experiment: Callable[[Array], Array], *, key: Array, simulations: int = 10_000, significance: float = 0.05
) -> RejectionRate:
    """Compute how often an experiment, with a fresh key each time, rejects its null hypothesis.

    ::

        p_r = experiment(key_r)            rate = mean of [p_r < significance]            r = 1..simulations

    Where the null hypothesis holds this is the size of the test (the significance, if the test is sound); where it does
    not, its power. A conclusion that is printed from a single unseeded draw is one of these p_r: it comes out in
    ``rate`` of the runs, and otherwise in the rest.

    A p-value of NaN is no rejection. Compiled once for an experiment: give a named function.

    Args:
        experiment: a pure function of a key that returns a p-value, a scalar; traced by jit and vmap.
        key: the randomness.
        simulations: how many experiments, at least 1.
        significance: below which p-value the null hypothesis is rejected, between 0 and 1.

    Returns:
        ``RejectionRate(rate, standard_error, p_values)``.

    Raises:
        ValueError: for no single key, fewer than 1 simulation, a significance outside (0, 1), or an experiment that
            returns no single floating-point number.
    """
    where = "rejection_rate"
    require_key(where, key)
    require_fraction(where, significance=significance)
    if simulations < 1:
        raise ValueError(f"{where}: simulations must be at least 1, got {simulations}")
    return _rate(experiment, key, simulations=int(simulations), significance=float(significance))


@partial(jax.jit, static_argnums=0, static_argnames=("simulations", "significance"))
def _rate(experiment: Callable[[Array], Array], key: Array, *, simulations: int, significance: float) -> RejectionRate:
    answer = jax.eval_shape(experiment, key)
    if getattr(answer, "shape", None) != () or not jnp.issubdtype(answer.dtype, jnp.floating):
        raise ValueError(
            f"rejection_rate: experiment must return a p-value, a floating-point scalar, it returns {describe(answer)}"
        )
    p_values = jax.lax.map(experiment, jax.random.split(key, simulations), batch_size=min(simulations, _AT_ONCE))
    rate = jnp.mean((p_values < significance).astype(p_values.dtype))
    return RejectionRate(rate, jnp.sqrt(rate * (1 - rate) / simulations), p_values)


def simulated_power(
    difference: float | Array,
    *,
    key: Array,
    sizes: tuple[int, int],
    scales: tuple[float, float] = (1.0, 1.0),
    equal_variances: bool = True,
    alternative: Alternative = "two-sided",
    significance: float = 0.05,
    simulations: int = 10_000,
) -> RejectionRate:
    """Compute the power of a two-sample t-test by simulation: how often it finds a difference that is there.

    ::

        x ~ N(difference, scales[0]^2), n of them            y ~ N(0, scales[1]^2), m of them
        power = the fraction of the simulations with p < significance

    For equal variances there is a closed form, by the noncentral t distribution; the simulation needs no such theory,
    and also does where the variances differ and the theory does not hold.

    Args:
        difference: of the two means, a number; traced, so that a curve over it is compiled once, or mapped by vmap.
        key: the randomness: with the same key the curve over ``difference`` is smooth, for all share their draws.
        sizes: n and m.
        scales: the two standard deviations.
        equal_variances: Student's test if true, Welch's if not.
        alternative: of the test, "two-sided", "less" or "greater".
        significance: below which p-value the null hypothesis is rejected.
        simulations: how many pairs of samples are drawn.

    Returns:
        ``RejectionRate(rate, standard_error, p_values)``, float32 unless ``difference`` is an array of another dtype.

    Raises:
        ValueError: for a difference that is no number, scales that are not positive, and what ``rejection_rate`` and
            the t-tests refuse.
    """
    where = "simulated_power"
    if jnp.ndim(difference) != 0:
        raise ValueError(f"{where}: difference must be a number, got {describe(difference)}")
    least = 2  # observations that have a variance
    if len(sizes) != 2 or min(sizes) < (1 if equal_variances else least) or max(sizes) < least:
        raise ValueError(f"{where}: sizes must be those of two samples that have a variance, got {sizes}")
    if len(scales) != 2 or any(not scale > 0 for scale in scales):
        raise ValueError(f"{where}: scales must be two positive numbers, got {scales}")
    require_key(where, key)
    require_fraction(where, significance=significance)
    check_test(where, alternative, 1 - significance)
    if simulations < 1:
        raise ValueError(f"{where}: simulations must be at least 1, got {simulations}")
    dtype = getattr(difference, "dtype", jnp.float32)
    return _power(
        jnp.asarray(difference, dtype),
        key,
        sizes=(int(sizes[0]), int(sizes[1])),
        scales=(float(scales[0]), float(scales[1])),
        equal_variances=bool(equal_variances),
        alternative=alternative,
        significance=float(significance),
        simulations=int(simulations),
    )


@partial(
    jax.jit,
    static_argnames=("sizes", "scales", "equal_variances", "alternative", "significance", "simulations"),
)
def _power(
    difference: Array,
    key: Array,
    *,
    sizes: tuple[int, int],
    scales: tuple[float, float],
    equal_variances: bool,
    alternative: Alternative,
    significance: float,
    simulations: int,
) -> RejectionRate:
    parts_of = student_parts if equal_variances else welch_parts

    def experiment(key: Array) -> Array:
        x_key, y_key = jax.random.split(key)
        x = difference + scales[0] * jax.random.normal(x_key, (sizes[0],), difference.dtype)
        y = scales[1] * jax.random.normal(y_key, (sizes[1],), difference.dtype)
        return p_value_of(parts_of(x, y), alternative)

    return _rate(experiment, key, simulations=simulations, significance=significance)
