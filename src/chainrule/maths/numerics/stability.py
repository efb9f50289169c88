"""Naive formulas and stable ones, side by side, on the input that breaks the naive one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = [
    "StabilityCase",
    "naive_log_sigmoid",
    "naive_log_softmax",
    "naive_logsumexp",
    "naive_sigmoid",
    "naive_softmax",
    "naive_softplus",
    "stability_cases",
]

_DIGITS = 60  # of the true results


class StabilityCase(NamedTuple):
    """One formula, both ways.

    Attributes:
        name: what is computed.
        formula: the naive way, as it would be written on paper.
        naive: the function that computes it so, of one array.
        stable: the function that computes it soundly: JAX's own, wherever JAX has one.
        remedy: the stable way, in words or as a formula.
        x: the input that breaks the naive way, float32.
        naive_result: what it makes of it, float32.
        stable_result: what the stable way makes of it, float32.
        true_result: the result computed with 60 decimal digits, rounded to float64.
    """

    name: str
    formula: str
    naive: Callable[[Array], Array]
    stable: Callable[[Array], Array]
    remedy: str
    x: np.ndarray
    naive_result: np.ndarray
    stable_result: np.ndarray
    true_result: np.ndarray


def naive_softmax(x: Array) -> Array:
    """Compute e^x_i / sum_j e^x_j over the last axis as it stands: inf/inf = NaN from x of 89 on in float32."""
    powers = jnp.exp(x)
    return powers / jnp.sum(powers, axis=-1, keepdims=True)


def naive_log_softmax(x: Array) -> Array:
    """Compute log(softmax(x)) in two steps: -inf where the softmax has underflowed."""
    return jnp.log(jax.nn.softmax(x, axis=-1))


def naive_logsumexp(x: Array) -> Array:
    """Compute log sum_j e^x_j over the last axis as it stands: inf from x of 89 on in float32."""
    return jnp.log(jnp.sum(jnp.exp(x), axis=-1))


def naive_sigmoid(x: Array) -> Array:
    """Compute e^x / (1 + e^x) as it stands: inf/inf = NaN from x of 89 on in float32."""
    return jnp.exp(x) / (1 + jnp.exp(x))


def naive_log_sigmoid(x: Array) -> Array:
    """Compute log(sigmoid(x)) in two steps: -inf where the sigmoid has underflowed."""
    return jnp.log(jax.nn.sigmoid(x))


def naive_softplus(x: Array) -> Array:
    """Compute log(1 + e^x) as it stands: inf from x of 89 on in float32."""
    return jnp.log(1 + jnp.exp(x))


def _naive_log1p(x: Array) -> Array:
    return jnp.log(1 + x)


def _naive_expm1(x: Array) -> Array:
    return jnp.exp(x) - 1


def _naive_one_minus_cosine(x: Array) -> Array:
    return 1 - jnp.cos(x)


def _one_minus_cosine(x: Array) -> Array:
    return 2 * jnp.square(jnp.sin(x / 2))


def _naive_root_difference(x: Array) -> Array:
    return jnp.sqrt(x + 1) - jnp.sqrt(x)


def _root_difference(x: Array) -> Array:
    return 1 / (jnp.sqrt(x + 1) + jnp.sqrt(x))


def _naive_norm(x: Array) -> Array:
    return jnp.sqrt(jnp.sum(jnp.square(x), axis=-1))


def _norm(x: Array) -> Array:
    largest = jnp.max(jnp.abs(x), axis=-1)
    return largest * jnp.sqrt(jnp.sum(jnp.square(x / largest[..., None]), axis=-1))


def _true_softmax(x: Sequence[Decimal]) -> list[Decimal]:
    powers = [number.exp() for number in x]
    return [power / sum(powers) for power in powers]


def _true_cosine(x: Decimal) -> Decimal:
    """Taylor's series: for |x| < 1 thirty terms leave less than 1e-80."""
    term, total = Decimal(1), Decimal(1)
    for k in range(1, 30):
        term *= -x * x / ((2 * k - 1) * (2 * k))
        total += term
    return total


_Rows = tuple[
    str,
    str,
    Callable[[Array], Array],
    Callable[[Array], Array],
    str,
    list[float],
    Callable[[list[Decimal]], list[Decimal]],
]
_CASES: tuple[_Rows, ...] = (
    (
        "softmax",
        "exp(x) / sum(exp(x))",
        naive_softmax,
        jax.nn.softmax,
        "subtract max(x) first",
        [1000, 1000],
        _true_softmax,
    ),
    (
        "log softmax",
        "log(softmax(x))",
        naive_log_softmax,
        jax.nn.log_softmax,
        "x - logsumexp(x)",
        [0, 1000],
        lambda x: [p.ln() for p in _true_softmax(x)],
    ),
    (
        "log-sum-exp",
        "log(sum(exp(x)))",
        naive_logsumexp,
        lambda x: jax.scipy.special.logsumexp(x, axis=-1),
        "m + log(sum(exp(x - m))), m = max(x)",
        [1000, 1000],
        lambda x: [sum((number.exp() for number in x), Decimal(0)).ln()],
    ),
    (
        "sigmoid",
        "exp(x) / (1 + exp(x))",
        naive_sigmoid,
        jax.nn.sigmoid,
        "1 / (1 + exp(-x)) for x > 0",
        [100],
        lambda x: [1 / (1 + (-x[0]).exp())],
    ),
    (
        "log sigmoid",
        "log(sigmoid(x))",
        naive_log_sigmoid,
        jax.nn.log_sigmoid,
        "-softplus(-x)",
        [-200],
        lambda x: [-(1 + (-x[0]).exp()).ln()],
    ),
    (
        "softplus",
        "log(1 + exp(x))",
        naive_softplus,
        jax.nn.softplus,
        "max(x, 0) + log1p(exp(-|x|))",
        [200],
        lambda x: [(1 + x[0].exp()).ln()],
    ),
    ("log1p", "log(1 + x)", _naive_log1p, jnp.log1p, "a function of its own", [1e-10], lambda x: [(1 + x[0]).ln()]),
    ("expm1", "exp(x) - 1", _naive_expm1, jnp.expm1, "a function of its own", [1e-10], lambda x: [x[0].exp() - 1]),
    (
        "1 - cos x",
        "1 - cos(x)",
        _naive_one_minus_cosine,
        _one_minus_cosine,
        "2 sin(x/2)^2",
        [1e-4],
        lambda x: [1 - _true_cosine(x[0])],
    ),
    (
        "difference of roots",
        "sqrt(x + 1) - sqrt(x)",
        _naive_root_difference,
        _root_difference,
        "1 / (sqrt(x + 1) + sqrt(x))",
        [1e8],
        lambda x: [(x[0] + 1).sqrt() - x[0].sqrt()],
    ),
    (
        "norm",
        "sqrt(sum(x^2))",
        _naive_norm,
        _norm,
        "m sqrt(sum((x/m)^2)), m = max|x|",
        [3e20, 4e20],
        lambda x: [sum((number * number for number in x), Decimal(0)).sqrt()],
    ),
)


def stability_cases() -> tuple[StabilityCase, ...]:
    """Compute the table of naive and stable formulas: both results in float32 and the true one.

    The true results are computed from the float32 input with 60 decimal digits, by another way (Python's ``decimal``).

    Returns:
        One ``StabilityCase`` each: softmax, log softmax, log-sum-exp, sigmoid, log sigmoid, softplus, log1p, expm1,
        1 - cos x, a difference of roots, a norm. In every one the naive result is infinite, NaN, or wrong in all digits.

    Source: N. J. Higham (2002), Accuracy and Stability of Numerical Algorithms, 1.14 and 27.8.
    """
    cases = []
    for name, formula, naive, stable, remedy, numbers, true in _CASES:
        x = np.asarray(numbers, np.float32)
        # A number alone is a scalar to the functions that work element by element.
        argument = jnp.asarray(x if len(x) > 1 else x[0])
        with localcontext() as context:
            context.prec = _DIGITS
            exact = np.asarray([float(number) for number in true([Decimal(float(number)) for number in x])])
        results = [np.ravel(np.asarray(function(argument))) for function in (naive, stable)]
        cases.append(StabilityCase(name, formula, naive, stable, remedy, x, results[0], results[1], exact))
    return tuple(cases)
