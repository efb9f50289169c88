"""Every family with its counterpart in SciPy, and what hypothesis may make of its parameters."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy.stats
from hypothesis import strategies as st

from chainrule.maths import probability as p


class Family(NamedTuple):
    make: Any  # parameters -> our distribution
    scipy: Any  # parameters -> SciPy's
    parameters: st.SearchStrategy  # of tuples of numbers
    discrete: bool = False


def powers(low, high):
    """Positive numbers, evenly over the decades from 10^low to 10^high."""
    return st.floats(low, high).map(lambda exponent: float(10**exponent))


SIGNED = st.one_of(st.just(0.0), powers(-3, 3), powers(-3, 3).map(lambda v: -v))
PROBABILITY = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(1e-6, 1 - 1e-6))

FAMILIES = {
    "uniform": Family(
        lambda low, width: p.Uniform(low, low + width),
        # the width after rounding: that is the distribution that the ends describe
        lambda low, width: scipy.stats.uniform(low, (low + width) - low),
        st.tuples(SIGNED, powers(-3, 4)),
    ),
    "normal": Family(p.Normal, scipy.stats.norm, st.tuples(SIGNED, powers(-6, 6))),
    "gamma": Family(p.Gamma, lambda a, b: scipy.stats.gamma(a, scale=1 / b), st.tuples(powers(-2, 4), powers(-4, 4))),
    "beta": Family(p.Beta, scipy.stats.beta, st.tuples(powers(-1.5, 3.5), powers(-1.5, 3.5))),
    "exponential": Family(p.Exponential, lambda b: scipy.stats.expon(scale=1 / b), st.tuples(powers(-6, 6))),
    "student_t": Family(p.StudentT, scipy.stats.t, st.tuples(powers(-1, 7), SIGNED, powers(-4, 4))),
    "bernoulli": Family(p.Bernoulli, scipy.stats.bernoulli, st.tuples(PROBABILITY), True),
    "binomial": Family(p.Binomial, scipy.stats.binom, st.tuples(st.integers(0, 5000).map(float), PROBABILITY), True),
    "poisson": Family(p.Poisson, scipy.stats.poisson, st.tuples(st.one_of(st.just(0.0), powers(-3, 4))), True),
}

TAILS = np.array([1e-12, 1e-6, 1e-3, 0.05, 0.3, 0.5, 0.8, 0.99, 1 - 1e-6])


def points(family: Family, numbers: tuple[float, ...]) -> np.ndarray:
    """Points to compare at: quantiles far into both tails, and points outside of the support."""
    with np.errstate(all="ignore"):
        quantiles = family.scipy(*numbers).ppf(TAILS)
    # XLA takes what is below the smallest normal number for 0
    size = np.abs(quantiles)
    quantiles = np.where((size < 1e250) & ((size > 1e-300) | (size == 0)), quantiles, 0.5)
    beyond = np.array([-3.0, 1e9]) if not family.discrete else np.array([-1.0, 0.5, 1e9])
    return np.concatenate([quantiles, beyond])


def arrays(numbers: tuple[float, ...]) -> list:
    return [jnp.asarray(number) for number in numbers]
