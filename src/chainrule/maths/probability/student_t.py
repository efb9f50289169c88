"""Student's t distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jax.scipy.special import betainc, ndtr
from jax.typing import ArrayLike

from chainrule.maths.probability.distribution import FINITE, POSITIVE, argument, full_shape, is_nan, parameters
from chainrule.maths.probability.special import LOG_ROOT_2PI, standardised, stirling_error

__all__ = ["StudentT"]

_NORMAL_FROM = {
    "float64": 2.0e4
}  # degrees of freedom from which on the expansion about the normal distribution is used
_NORMAL_FROM_ELSE = 50.0  # in float32, and in less


class StudentT(NamedTuple):
    r"""Student's t: the mean of few normal numbers, measured in their own estimated spread.

    ::

        f(x) = Gamma((n + 1)/2) / (Gamma(n/2) sqrt(pi n) s) (1 + z^2/n)^(-(n + 1)/2)        z = (x - l) / s

    It is symmetric about l; heavy tails, of power -n - 1; n = 1 is Cauchy's distribution, and n to infinity the normal.

    Attributes:
        degrees: degrees of freedom n > 0, any real number.
        location: l, the centre.
        scale: s > 0, in the unit of x. It is not the standard deviation, which is s sqrt(n / (n - 2)).

    Source: L. Devroye (1986), Non-Uniform Random Variate Generation, IX.5; Abramowitz and Stegun, 26.7.
    """

    degrees: ArrayLike
    location: ArrayLike = 0.0
    scale: ArrayLike = 1.0

    @property
    def mean(self) -> Array:
        """The location; NaN for n <= 1, where there is none."""
        degrees, location, scale = self._parameters()
        return jnp.where(degrees > 1, location + 0 * scale, jnp.nan)

    @property
    def variance(self) -> Array:
        """s^2 n / (n - 2); infinite for 1 < n <= 2, and NaN for n <= 1, where there is none."""
        degrees, _, scale = self._parameters()
        safe = jnp.where(degrees > 2, degrees, 3)
        variance = scale * scale * (safe / (safe - 2))
        infinite = jnp.where(degrees > 1, jnp.inf, jnp.nan) + 0 * scale
        return jnp.where(degrees > 2, variance, infinite)

    def sample(self, key: Array, shape: Sequence[int] = ()) -> Array:
        """Draw l + s Z sqrt(n / (2 G)), Z standard normal and G gamma of shape n/2. Differentiable in l and s.

        Below n of about 0.1 draws overflow to infinity in float32: they are that large.
        """
        degrees, location, scale = self._parameters()
        shape = full_shape(shape, degrees, location, scale)
        normal_key, gamma_key = jax.random.split(key)
        normal = jax.random.normal(normal_key, shape, degrees.dtype)
        log_gamma = jax.random.loggamma(gamma_key, degrees / 2, shape, degrees.dtype)
        return location + scale * normal * jnp.exp(0.5 * (jnp.log(degrees / 2) - log_gamma))

    def log_density(self, x: ArrayLike) -> Array:
        """Log f(x), in nats; also where z^2 overflows, and for degrees so many that the gamma functions cancel."""
        degrees, location, scale = self._parameters()
        x = argument("StudentT.log_density", x, degrees.dtype)
        return _log_density(*jnp.broadcast_arrays(standardised(x, location, scale), degrees)) - jnp.log(scale)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability that X <= x, by the incomplete beta function.

        The lower tail is accurate relative to its size, and so is the upper one, which is cdf(2l - x).

        ::

            t = (x - l)/s <= 0:    P = I_{n/(n + t^2)}(n/2, 1/2) / 2        t > 0:    1 - that

        About the centre the complement I_{t^2/(n + t^2)}(1/2, n/2) is used. From 20,000 degrees of freedom on (50
        in float32), where the incomplete beta function of JAX loses digits, G. W. Hill's expansion about the normal.

        The derivative with respect to x, l and s is by the density. There is none by the degrees of freedom:
        ValueError.

        Source: G. W. Hill (1970), Algorithm 395: Student's t-distribution, Communications of the ACM 13.
        """
        degrees, location, scale = self._parameters()
        x = argument("StudentT.cdf", x, degrees.dtype)
        return _cdf(*jnp.broadcast_arrays(standardised(x, location, scale), degrees))

    def _parameters(self) -> tuple[Array, Array, Array]:
        degrees, location, scale = parameters(
            "StudentT",
            degrees=(self.degrees, POSITIVE),
            location=(self.location, FINITE),
            scale=(self.scale, POSITIVE),
        )
        return degrees, location, scale


def _log_density(t: Array, degrees: Array) -> Array:
    """Log density of the standard distribution.

    With a = n/2, log Gamma(a + 1/2) - log Gamma(a) - log(2 pi a)/2
        = d(a + 1/2) - d(a) + a log(1 + 1/(2a)) - 1/2 - log(2 pi)/2        d Stirling's error.
    """
    half = degrees / 2
    few, many = jnp.where(half < 1, half, 1), jnp.where(half < 1, 1, half)
    ratio = jnp.where(half < 1, few * (jnp.log(few + 0.5) - jnp.log(few)), many * jnp.log1p(0.5 / many))
    constant = stirling_error(half + 0.5) - stirling_error(half) + (ratio - 0.5) - LOG_ROOT_2PI
    return constant - (half + 0.5) * _log1p_square(t, degrees)


@jax.custom_jvp
def _log1p_square(t: Array, degrees: Array) -> Array:
    """log(1 + t^2/n), also where t^2 overflows. Derivatives by formula: 2t/(n + t^2) and -t^2/(n (n + t^2))."""
    u = jnp.abs(t / jnp.sqrt(degrees))
    large = u > 1e6
    return jnp.where(large, 2 * jnp.log(jnp.where(large, u, 1)), jnp.log1p(jnp.where(large, 0, u) ** 2))


@_log1p_square.defjvp
def _log1p_square_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    t, degrees = primals
    root = jnp.sqrt(degrees)
    u = t / root
    large = jnp.abs(u) > 1
    square = jnp.where(large, 0, u) ** 2
    inverse = 1 / jnp.where(large, u, 1)
    slope = jnp.where(large, 2 * inverse / (1 + inverse * inverse), 2 * u / (1 + square))  # 2u / (1 + u^2)
    share = jnp.where(large, 1 / (1 + inverse * inverse), square / (1 + square))  # u^2 / (1 + u^2)
    return _log1p_square(t, degrees), slope * (tangents[0] / root) - share * (tangents[1] / degrees)


@jax.custom_jvp
def _cdf(t: Array, degrees: Array) -> Array:
    normal_from = _NORMAL_FROM.get(t.dtype.name, _NORMAL_FROM_ELSE)
    size = jnp.abs(t)
    few = jnp.where(degrees < normal_from, degrees, 1)
    ratio = size / jnp.sqrt(few)
    large = ratio > 1  # then of x and 1 - x it is x that is small, and neither squares nor differences lose it
    inverse = 1 / jnp.where(large, ratio, 1)
    square = jnp.where(large, 0, ratio) ** 2
    far = inverse * inverse / (1 + inverse * inverse)  # n / (n + t^2)
    near = square / (1 + square)  # t^2 / (n + t^2)
    # Near the centre the tail is 1/2 less something small, which is computed; elsewhere the tail itself.
    by_centre = (size < 1) & ~large
    half = jnp.full_like(few, 0.5)
    part = 0.5 * betainc(
        jnp.where(by_centre, half, few / 2),
        jnp.where(by_centre, few / 2, half),
        jnp.where(by_centre, near, jnp.where(large, far, 1 / (1 + square))),
    )
    lower = jnp.where(by_centre, 0.5 - part, part)
    lower = jnp.where(degrees < normal_from, lower, _hill(size, jnp.maximum(degrees, normal_from)))
    lower = jnp.where(size == jnp.inf, 0, lower)
    lower = jnp.where(t > 0, 1 - lower, lower)
    return jnp.where(is_nan(t, degrees), jnp.nan, lower)


def _hill(size: Array, degrees: Array) -> Array:
    """Lower tail at -|t| for many degrees of freedom, as that of a normal variable."""
    a = degrees - 0.5
    b = 48 * a * a
    y = a * _log1p_square(size, degrees)
    correction = (((-0.4 * y - 3.3) * y - 24) * y - 85.5) / (0.8 * y * y + 100 + b) + y + 3
    return ndtr(-jnp.sqrt(y) * (1 + correction / b))


def _cdf_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    t, degrees = primals
    d_t, d_degrees = tangents
    if not isinstance(d_degrees, SymbolicZero):
        raise ValueError("StudentT.cdf: the derivative with respect to degrees is not known; stop_gradient(degrees)")
    value = _cdf(t, degrees)
    if isinstance(d_t, SymbolicZero):
        return value, jnp.zeros_like(value)
    return value, jnp.exp(_log_density(t, degrees)) * d_t


_cdf.defjvp(_cdf_jvp, symbolic_zeros=True)
