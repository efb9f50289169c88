"""Student's and Welch's t-tests: whether means differ by more than chance, and by how much."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.checks import describe, require_floating, require_same_dtype
from chainrule.maths.statistics.checks import require_fraction
from chainrule.maths.statistics.student_tail import student_quantile, student_tail

__all__ = ["Alternative", "TTest", "one_sample_t_test", "paired_t_test", "student_t_test", "welch_t_test"]

Alternative = Literal["two-sided", "less", "greater"]


class TTest(NamedTuple):
    """The answer of a t-test; every field is a scalar of the samples' dtype.

    Attributes:
        statistic: t, the difference in units of its standard error.
        degrees: the degrees of freedom of t under the null hypothesis.
        p_value: how often chance alone gives a t as far out, in the direction of the alternative.
        difference: the difference of the means (of the mean and the hypothesis, for one sample).
        low: the lower end of the confidence interval of the difference; -inf for the alternative "less".
        high: the upper end; inf for the alternative "greater".
    """

    statistic: Array
    degrees: Array
    p_value: Array
    difference: Array
    low: Array
    high: Array


def student_t_test(x: Array, y: Array, *, alternative: Alternative = "two-sided", level: float = 0.95) -> TTest:
    """Compute Student's two-sample t-test, for samples whose variances are taken to be equal.

    ::

        s^2 = (sum (x - x̄)^2 + sum (y - ȳ)^2) / (n + m - 2)           the pooled variance
        t = (x̄ - ȳ) / (s sqrt(1/n + 1/m))            degrees = n + m - 2

    Constant samples leave no variance to compare with: t is inf or -inf with a p-value of 0 (1 for the wrong
    direction) and an interval of no width where the means differ, and NaN where they are equal (0/0). One sample may be
    a single observation: the other one's variance serves for both. NaN in a sample gives NaN. Deviations are scaled
    before they are squared, so that neither overflow nor underflow changes the answer.

    Args:
        x: the first sample, (n,).
        y: the second, (m,), of the same dtype; n + m >= 3 and neither is empty.
        alternative: what is held against equal means: that x's is different ("two-sided"), "less" or "greater".
        level: the coverage of the confidence interval, between 0 and 1.

    Returns:
        ``TTest(statistic, degrees, p_value, difference, low, high)``.

    Raises:
        ValueError: for samples that are not 1-dimensional, are empty, have fewer than 3 observations between them, are
            not of floating-point numbers or of different dtypes; another alternative; a level outside (0, 1).

    Source: Student (1908), The probable error of a mean, Biometrika 6; R. A. Fisher (1925) for two samples.
    """
    where = "student_t_test"
    check_test(where, alternative, level, x=x, y=y)
    if jnp.size(x) + jnp.size(y) < 3:
        raise ValueError(f"{where}: x and y must have 3 observations or more between them, got 1 and 1")
    return _narrow(x, _test(student_parts, _wide(x), _wide(y), alternative=alternative, level=float(level)))


def welch_t_test(x: Array, y: Array, *, alternative: Alternative = "two-sided", level: float = 0.95) -> TTest:
    """Compute Welch's two-sample t-test, which does not take the variances to be equal.

    ::

        u = s_x^2 / n,   v = s_y^2 / m              squared standard errors of the two means
        t = (x̄ - ȳ) / sqrt(u + v)
        degrees = (u + v)^2 / (u^2 / (n - 1) + v^2 / (m - 1))            Welch and Satterthwaite

    The degrees of freedom are no whole number. Two constant samples give t as in ``student_t_test``, with degrees 1.
    Each sample needs two observations: a single one has no variance.

    Args:
        x: the first sample, (n,), n >= 2.
        y: the second, (m,), m >= 2, of the same dtype.
        alternative: what is held against equal means: that x's is different ("two-sided"), "less" or "greater".
        level: the coverage of the confidence interval, between 0 and 1.

    Returns:
        ``TTest(statistic, degrees, p_value, difference, low, high)``.

    Raises:
        ValueError: as ``student_t_test``, and for a sample of a single observation.

    Source: B. L. Welch (1947), The generalization of "Student's" problem when several different population variances
    are involved, Biometrika 34.
    """
    where = "welch_t_test"
    check_test(where, alternative, level, x=x, y=y)
    _require_two(where, x=x, y=y)
    return _narrow(x, _test(welch_parts, _wide(x), _wide(y), alternative=alternative, level=float(level)))


def one_sample_t_test(
    x: Array, mean: float | Array = 0.0, *, alternative: Alternative = "two-sided", level: float = 0.95
) -> TTest:
    """Compute the t-test of one sample against a mean.

    ::

        t = (x̄ - mean) / (s / sqrt(n))            s^2 = sum (x - x̄)^2 / (n - 1)            degrees = n - 1

    A constant sample gives inf or -inf where its value is not ``mean``, and NaN where it is. NaN gives NaN.

    Args:
        x: the sample, (n,), n >= 2.
        mean: the mean under the null hypothesis, a number.
        alternative: what is held against it: that x's mean is different ("two-sided"), "less" or "greater".
        level: the coverage of the confidence interval of (x̄ - mean), between 0 and 1.

    Returns:
        ``TTest(statistic, degrees, p_value, difference, low, high)``.

    Raises:
        ValueError: for a sample that is not 1-dimensional, has fewer than two observations or is not of floating-point
            numbers; a mean that is no number; another alternative; a level outside (0, 1).

    Source: Student (1908), The probable error of a mean, Biometrika 6.
    """
    where = "one_sample_t_test"
    check_test(where, alternative, level, x=x)
    _require_two(where, x=x)
    if np.ndim(mean) != 0:
        raise ValueError(f"{where}: mean must be a number, got {describe(mean)}")
    mean = jnp.asarray(mean, _wide(x).dtype)
    return _narrow(x, _test(_one_sample_parts, _wide(x), mean, alternative=alternative, level=float(level)))


def paired_t_test(x: Array, y: Array, *, alternative: Alternative = "two-sided", level: float = 0.95) -> TTest:
    """Compute the paired t-test: that of one sample, on the differences x_i - y_i, against 0.

    Pairing takes out what the two have in common: the errors of two models on the same examples, one patient before
    and after. What holds for ``one_sample_t_test`` holds here.

    Args:
        x: the first of each pair, (n,), n >= 2.
        y: the second of each, (n,), of the same dtype.
        alternative: what is held against a mean difference of 0: that it is not 0 ("two-sided"), "less" or "greater".
        level: the coverage of the confidence interval, between 0 and 1.

    Returns:
        ``TTest(statistic, degrees, p_value, difference, low, high)``.

    Raises:
        ValueError: as ``one_sample_t_test``, and for samples of different lengths or dtypes.

    Source: Student (1908), The probable error of a mean, Biometrika 6: his example of two sleeping draughts is paired.
    """
    where = "paired_t_test"
    check_test(where, alternative, level, x=x, y=y)
    if jnp.shape(x) != jnp.shape(y):
        raise ValueError(f"{where}: x and y must be of one length, got {jnp.size(x)} and {jnp.size(y)}")
    _require_two(where, x=x)
    zero = jnp.zeros((), _wide(x).dtype)
    return _narrow(x, _test(_one_sample_parts, _wide(x) - _wide(y), zero, alternative=alternative, level=float(level)))


def check_test(where: str, alternative: str, level: float, **samples: Any) -> None:
    """Refuse what no t-test takes."""
    for name, sample in samples.items():
        if not hasattr(sample, "dtype") or np.ndim(sample) != 1:
            raise ValueError(f"{where}: {name} must be a sample, (n,), got {describe(sample)}")
        if jnp.size(sample) == 0:
            raise ValueError(f"{where}: {name} must not be empty, got {describe(sample)}")
    require_floating(where, **samples)
    require_same_dtype(where, **samples)
    if alternative not in get_args(Alternative):
        raise ValueError(f"{where}: alternative must be one of {list(get_args(Alternative))}, got {alternative!r}")
    require_fraction(where, level=level)


def _require_two(where: str, **samples: Any) -> None:
    for name, sample in samples.items():
        if jnp.size(sample) < 2:
            raise ValueError(f"{where}: {name} must have 2 observations or more, got {jnp.size(sample)}")


def _wide(x: Array) -> Array:
    """What the sums are formed in: float32 at least."""
    return jnp.asarray(x, jnp.promote_types(x.dtype, jnp.float32))


def _narrow(x: Array, answer: TTest) -> TTest:
    """The answer in the samples' dtype."""
    return TTest(*(number.astype(x.dtype) for number in answer))


def _anchored_mean(x: Array) -> Array:
    """The mean of x - x_1: of a constant sample exactly 0, whatever the rounding of its sum."""
    return jnp.mean(x - x[0])


def _scaled(*deviations: Array) -> tuple[Array, ...]:
    """The largest deviation (1 if all are 0), a constant for derivatives, and the mean squares in its units."""
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(jnp.concatenate(deviations))))
    scale = jnp.where(largest == 0, jnp.ones_like(largest), largest)
    return (scale, *(jnp.sum(jnp.square(d / scale)) for d in deviations))


Parts = tuple[Array, Array, Array]
"""A difference, its standard error, and the degrees of freedom: all that a t-test is made of."""


def student_parts(x: Array, y: Array) -> Parts:
    """Compute the parts of Student's test."""
    n, m = len(x), len(y)
    mean_x, mean_y = _anchored_mean(x), _anchored_mean(y)
    scale, squares_x, squares_y = _scaled(x - x[0] - mean_x, y - y[0] - mean_y)
    degrees = jnp.asarray(n + m - 2, x.dtype)
    error = scale * jnp.sqrt((squares_x + squares_y) / degrees * (1 / n + 1 / m))
    return (x[0] - y[0]) + (mean_x - mean_y), error, degrees


def welch_parts(x: Array, y: Array) -> Parts:
    """Compute the parts of Welch's test."""
    n, m = len(x), len(y)
    mean_x, mean_y = _anchored_mean(x), _anchored_mean(y)
    scale, squares_x, squares_y = _scaled(x - x[0] - mean_x, y - y[0] - mean_y)
    u, v = squares_x / ((n - 1) * n), squares_y / ((m - 1) * m)
    constant = u + v == 0
    # Shares of the whole: (u + v)^2 / (u^2 / (n-1) + v^2 / (m-1)) with no square that could underflow.
    whole = jnp.where(constant, jnp.ones_like(u), u + v)
    share_x, share_y = u / whole, v / whole
    spread = share_x**2 / (n - 1) + share_y**2 / (m - 1)
    degrees = 1 / jnp.where(constant, jnp.ones_like(spread), spread)
    return (x[0] - y[0]) + (mean_x - mean_y), scale * jnp.sqrt(u + v), degrees


def _one_sample_parts(x: Array, mean: Array) -> Parts:
    n = len(x)
    mean_x = _anchored_mean(x)
    scale, squares = _scaled(x - x[0] - mean_x)
    error = scale * jnp.sqrt(squares / ((n - 1) * n))
    return (x[0] - mean) + mean_x, error, jnp.asarray(n - 1, x.dtype)


def p_value_of(parts: Parts, alternative: str) -> Array:
    """Compute how often chance alone gives a t as far out, in the direction of the alternative."""
    difference, error, degrees = parts
    statistic = difference / error
    if alternative == "two-sided":
        return 2 * student_tail(jnp.abs(statistic), degrees)
    return student_tail(statistic if alternative == "greater" else -statistic, degrees)


@partial(jax.jit, static_argnums=0, static_argnames=("alternative", "level"))
def _test(parts_of: Callable[..., Parts], *samples: Array, alternative: str, level: float) -> TTest:
    """The p-value and the interval of a difference with its standard error."""
    parts = difference, error, degrees = parts_of(*samples)
    infinite = jnp.full_like(difference, jnp.inf)
    margin = error * student_quantile((1 - level) / (2 if alternative == "two-sided" else 1), degrees)
    low = -infinite if alternative == "less" else difference - margin
    high = infinite if alternative == "greater" else difference + margin
    return TTest(difference / error, degrees, p_value_of(parts, alternative), difference, low, high)
