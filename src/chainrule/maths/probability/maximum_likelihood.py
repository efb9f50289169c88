"""Maximum likelihood: the parameters under which the data are likeliest, in closed form or by Newton's method.

To maximise the mean log likelihood is to minimise the cross-entropy of the data and the family: for a categorical
family it is the cross-entropy loss, and for a normal one of fixed scale the squared error, up to constants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.scipy.special import digamma, polygamma
from jax.typing import ArrayLike

from chainrule.checks import describe, is_concrete
from chainrule.maths.probability.categorical import Bernoulli, Categorical
from chainrule.maths.probability.counts import Binomial, Poisson
from chainrule.maths.probability.distribution import COUNT, POSITIVE, parameters
from chainrule.maths.probability.gamma import Exponential, Gamma
from chainrule.maths.probability.normal import MultivariateNormal, Normal
from chainrule.maths.probability.student_t import StudentT
from chainrule.maths.probability.uniform import Uniform

__all__ = ["maximum_likelihood"]

D = TypeVar("D")

_NEWTON_STEPS = 8
_WEIGHTED_MEANS = 60


def maximum_likelihood(family: type[D], x: Array, **fixed: Any) -> D:
    """Fit a family of distributions to independent data: the parameters that maximise sum_i log f(x_i).

    ::

        Normal                  mean of x, root of the mean square about it (divided by n, not n - 1)
        MultivariateNormal      mean of x, covariance (divided by n)
        Bernoulli               mean of x
        Binomial                mean of x / trials                          trials=n is fixed
        Categorical             frequencies                                 classes=C is fixed
        Poisson                 mean of x
        Exponential             1 / mean of x
        Uniform                 least and largest x
        Gamma                   log a - digamma(a) = log(mean x) - mean(log x), by Newton in 1/a; rate a / mean x
        StudentT                location and scale, by Newton               degrees=n is fixed

    The first eight are where the derivative of the log likelihood is zero (of Uniform: at the edge). Gamma takes
    T. Minka's steps, which converge from anywhere. StudentT starts with weighted means (expectation-maximisation: each
    step raises the likelihood) from the median, and ends in steps of Newton; for few degrees of freedom
    the likelihood may have several peaks, and the one found is that near the median. Newton's limits are differentiable
    in x, once, by the implicit function theorem.

    Args:
        family: one of those.
        x: data, shape (n, ...), n >= 1; the first axis is fitted over, and others are a batch. Of MultivariateNormal
            (n, d), no batch. Counts and classes may be integers, and the parameters are then of the default dtype.
        **fixed: what the family needs that is not fitted, by name.

    Returns:
        The fitted distribution. NaN in x makes NaN.

    Raises:
        ValueError: for another family, no data, a missing or surplus name; and, where x can be looked at (under
            ``jit`` the parameters are NaN), for data outside of the support, or data whose likelihood has no maximum:
            all alike (a scale of 0), all zero (a rate of infinity), or a covariance that is not positive definite.

    Source: G. Casella and R. L. Berger (2002), Statistical Inference, 7.2.2; T. Minka (2002), Estimating a gamma
        distribution; K. L. Lange, R. J. A. Little and J. M. G. Taylor (1989), Robust statistical modeling using the t
        distribution.
    """
    if family not in _FITS:
        raise ValueError(f"maximum_likelihood: family must be one of {sorted(f.__name__ for f in _FITS)}, got {family}")
    fit, needed, whole = _FITS[family]
    if set(fixed) != set(needed):
        raise ValueError(f"maximum_likelihood: {family.__name__} needs {list(needed)} fixed, got {sorted(fixed)}")
    x = jnp.asarray(x)
    if x.ndim < 1 or x.shape[0] == 0:
        raise ValueError(f"maximum_likelihood: x must have shape (n, ...), n >= 1, got {describe(x)}")
    if not jnp.issubdtype(x.dtype, jnp.floating) and not whole:
        raise ValueError(f"maximum_likelihood: x must be of floating-point numbers, got {describe(x)}")
    fitted: D = fit(x, **fixed)
    return fitted


def _checked(family: str, x: Array, holds: Callable[[Any], Any], words: str) -> Array:
    """Data as floating-point numbers, NaN where they are traced and outside of the support."""
    if is_concrete(x) and not np.all(holds(np.asarray(x)) | (np.asarray(x) != np.asarray(x))):
        raise ValueError(f"maximum_likelihood: x must be {words} for {family}, got others in {describe(x)}")
    values = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.result_type(float))
    return jnp.where(holds(x), values, jnp.nan)


def _peaked(family: str, spread: Array, words: str) -> Array:
    """The spread, which must be positive for there to be a maximum; NaN where it is traced and is not."""
    if is_concrete(spread) and np.any(np.asarray(spread) <= 0):
        raise ValueError(f"maximum_likelihood: {family} has no maximum for x {words}")
    return jnp.where(spread > 0, spread, jnp.nan)


def _finite(x: Any) -> Any:
    return abs(x) < np.inf


def _normal(x: Array) -> Normal:
    x = _checked("Normal", x, _finite, "finite")
    mean = jnp.mean(x, 0)
    spread = jnp.max(jnp.abs(x - mean), 0)
    unit = lax.stop_gradient(jnp.where(spread > 0, spread, 1))  # so that no square over- or underflows
    spread = _peaked("Normal", jnp.where(jnp.max(x, 0) > jnp.min(x, 0), spread, 0 * spread), "all alike")
    scale = unit * jnp.sqrt(jnp.mean(((x - mean) / unit) ** 2, 0))
    return Normal(mean, jnp.where(spread > 0, scale, jnp.nan))


def _multivariate_normal(x: Array) -> MultivariateNormal:
    if x.ndim != 2:
        raise ValueError(f"maximum_likelihood: x must have shape (n, d) for MultivariateNormal, got {describe(x)}")
    x = _checked("MultivariateNormal", x, _finite, "finite")
    mean = jnp.mean(x, 0)
    centred = x - mean
    return MultivariateNormal.from_covariance(mean, centred.T @ centred / x.shape[0])


def _bernoulli(x: Array) -> Bernoulli:
    return Bernoulli(jnp.mean(_checked("Bernoulli", x, lambda v: (v == 0) | (v == 1), "0s and 1s"), 0))


def _binomial(x: Array, trials: ArrayLike) -> Binomial:
    dtype = x.dtype if jnp.issubdtype(x.dtype, jnp.floating) else jnp.result_type(float)
    (n,) = parameters("maximum_likelihood", trials=(trials, COUNT))
    n = n.astype(dtype)
    if is_concrete(trials) and np.any(np.asarray(trials) == 0):
        raise ValueError("maximum_likelihood: trials must be at least 1, got 0")
    if is_concrete(x) and is_concrete(trials) and np.any(np.asarray(x) > np.asarray(trials)):
        raise ValueError(f"maximum_likelihood: x must be at most trials, got {np.max(np.asarray(x))} of {trials}")
    values = _checked("Binomial", x, lambda v: (v >= 0) & (v % 1 == 0), "whole and not negative")
    return Binomial(n, jnp.mean(jnp.where(values <= n, values, jnp.nan) / n, 0))


def _categorical(x: Array, classes: int) -> Categorical:
    if not jnp.issubdtype(x.dtype, jnp.integer):
        raise ValueError(f"maximum_likelihood: x must be of integers for Categorical, got {describe(x)}")
    values = _checked("Categorical", x, lambda v: (v >= 0) & (v < classes), f"classes 0 to {classes - 1}")
    hits = values[..., None] == jnp.arange(classes, dtype=values.dtype)
    bad = jnp.any(jnp.isnan(values), 0)[..., None]
    return Categorical(jnp.where(bad, jnp.nan, jnp.mean(hits.astype(values.dtype), 0)))


def _poisson(x: Array) -> Poisson:
    words = "whole and not negative"
    return Poisson(jnp.mean(_checked("Poisson", x, lambda v: (v >= 0) & (v % 1 == 0), words), 0))


def _exponential(x: Array) -> Exponential:
    mean = jnp.mean(_checked("Exponential", x, lambda v: (v >= 0) & (v < np.inf), "finite and not negative"), 0)
    return Exponential(1 / _peaked("Exponential", mean, "all zero"))


def _uniform(x: Array) -> Uniform:
    x = _checked("Uniform", x, _finite, "finite")
    low, high = jnp.min(x, 0), jnp.max(x, 0)
    _peaked("Uniform", jnp.where(high > low, 1, jnp.where(low == high, 0, jnp.nan)), "all alike")
    return Uniform(jnp.where(low < high, low, jnp.nan), jnp.where(low < high, high, jnp.nan))


def _gamma(x: Array) -> Gamma:
    """Solve log a - digamma(a) = s, s = log(mean x) - mean(log x); the derivative in 1/a makes the step."""
    x = _checked("Gamma", x, lambda v: (v > 0) & (v < np.inf), "finite and positive")
    mean = jnp.mean(x, 0)
    ratio = x / mean
    # log(mean x) - mean(log x) as a mean of u - log(1 + u) >= 0, u = x / mean - 1, whose sum is 0
    s = jnp.mean((ratio - 1) - jnp.log(ratio), 0)
    s = _peaked("Gamma", jnp.where(jnp.max(x, 0) > jnp.min(x, 0), s, 0 * s), "all alike")

    def step(a: Array, s: Array) -> Array:
        slope = 1 / a - polygamma(1, a)
        return 1 / (1 / a + (jnp.log(a) - digamma(a) - s) / (a * a * slope))

    start = (3 - s + jnp.sqrt((s - 3) ** 2 + 24 * s)) / (12 * s)
    settled = lax.fori_loop(0, _NEWTON_STEPS, lambda _, a: step(a, lax.stop_gradient(s)), lax.stop_gradient(start))
    shape = step(lax.stop_gradient(settled), s)
    return Gamma(shape, shape / mean)


def _student_t(x: Array, degrees: ArrayLike) -> StudentT:
    (n,) = parameters("maximum_likelihood", degrees=(degrees, POSITIVE))
    n = n.astype(x.dtype)
    if n.ndim:
        raise ValueError(f"maximum_likelihood: degrees must be a scalar, got {describe(n)}")
    x = _checked("StudentT", x, _finite, "finite")
    middle = jnp.median(x, 0)
    spread = jnp.median(jnp.abs(x - middle), 0)
    spread = _peaked("StudentT", spread, "half of which are alike")
    middle, spread = lax.stop_gradient(middle), lax.stop_gradient(spread)
    columns = ((x - middle) / spread).reshape(x.shape[0], -1).T
    fits = jax.vmap(_standard_student_t, in_axes=(0, None))(columns, n)
    shape = x.shape[1:]
    location, log_scale = fits[:, 0].reshape(shape), fits[:, 1].reshape(shape)
    return StudentT(n, middle + spread * location, spread * jnp.exp(log_scale))


def _standard_student_t(x: Array, n: Array) -> Array:
    """Location and log scale of data, shape (m,), of median 0 and median distance 1."""

    def loss(theta: Array, x: Array) -> Array:
        """Minus the mean log likelihood, up to a constant."""
        z = (x - theta[0]) * jnp.exp(-theta[1])
        return 0.5 * (n + 1) * jnp.mean(jnp.log1p(z * z / n)) + theta[1]

    def weigh(_: int, theta: Array) -> Array:
        z = (fixed - theta[0]) * jnp.exp(-theta[1])
        w = (n + 1) / (n + z * z)
        location = jnp.sum(w * fixed) / jnp.sum(w)
        return jnp.stack([location, 0.5 * jnp.log(jnp.mean(w * (fixed - location) ** 2))])

    def newton(theta: Array, x: Array) -> Array:
        hessian = jax.hessian(loss)(lax.stop_gradient(theta), lax.stop_gradient(x))
        (a, b), (_, d) = hessian
        g = jax.grad(loss)(theta, x)
        determinant = a * d - b * b
        change = jnp.stack([d * g[0] - b * g[1], a * g[1] - b * g[0]]) / determinant
        return theta - jnp.where((determinant > 0) & (a > 0), change, g)

    fixed = lax.stop_gradient(x)
    theta = lax.fori_loop(0, _WEIGHTED_MEANS, weigh, jnp.zeros(2, x.dtype))
    theta = lax.fori_loop(0, _NEWTON_STEPS, lambda _, t: newton(t, fixed), theta)
    return newton(lax.stop_gradient(theta), x)


_FITS: dict[type, tuple[Callable[..., Any], tuple[str, ...], bool]] = {
    Bernoulli: (_bernoulli, (), True),
    Binomial: (_binomial, ("trials",), True),
    Categorical: (_categorical, ("classes",), True),
    Exponential: (_exponential, (), False),
    Gamma: (_gamma, (), False),
    MultivariateNormal: (_multivariate_normal, (), False),
    Normal: (_normal, (), False),
    Poisson: (_poisson, (), True),
    StudentT: (_student_t, ("degrees",), False),
    Uniform: (_uniform, (), False),
}
