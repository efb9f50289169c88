"""Errata of the syllabus's part C: probability and statistics."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.course.errata.erratum import Erratum, Evidence

__all__ = ["ERRATA"]


def covariance() -> Evidence:
    """Compute the variance of 1, 2, 30, 4, 5, divisor n - 1, and look for a divisor that would give the printed one."""
    from fractions import Fraction

    x, y = [1, 2, 30, 4, 5], [2, 4, 60, 18, 10]
    n, mean = len(x), Fraction(sum(x), len(x))
    squares = sum((Fraction(number) - mean) ** 2 for number in x)
    pairs = sum((a - b) ** 2 for a in x for b in x) / (2 * n * (n - 1))  # no mean is needed
    with jax.enable_x64(True):
        matrix = np.asarray(jnp.cov(jnp.asarray([x, y], dtype=jnp.float64)))
    return Evidence(
        ways={
            "fractions": float(squares / (n - 1)),
            "pairs": pairs,
            "jnp.cov": matrix[0, 0],
            "np.cov": np.cov(x, y)[0, 0],
        },
        remarks={
            "whole matrix": f"{matrix.round(6).tolist()}: the other three are as printed",
            "ddof that 145.3 would need": f"{n - float(squares) / 145.3:.3f}, where the other three have 1",
            "np.var and np.cov": f"of the same numbers give {np.var(x):.2f} and {np.cov(x):.1f}: ddof is 0 in one and 1 in "
            "the other unless one says so",
        },
    )


def unseeded_test() -> Evidence:
    """Find how many draws agree on the conclusion of a t-test: two samples of 20, means 0 and 0.5, variance 1, 5 %."""
    import math

    n, shift, draws = 20, 0.5, 100_000
    degrees, critical = 2 * n - 2, 2.0243941639  # |t| beyond it: 5 % of all draws, if the means are equal
    with jax.enable_x64(True):
        a, b = np.asarray(jax.random.normal(jax.random.key(0), (2, draws, n))) + np.array([0, shift]).reshape(2, 1, 1)
        pooled = (a.var(axis=1, ddof=1) + b.var(axis=1, ddof=1)) / 2
        t = (a.mean(axis=1) - b.mean(axis=1)) / np.sqrt(pooled * 2 / n)
        rejected = np.abs(t) > critical
        # The two-sided p-value, of the critical value too: there it must be 0.05.
        some = np.append(t[:6], critical)
        *p, at_critical = jax.scipy.special.betainc(degrees / 2, 0.5, degrees / (degrees + some**2)).tolist()
    # Exactly: t = (z + delta) / s, where s^2 is a chi-square over its degrees of freedom; integrate over s.
    delta, s = shift * math.sqrt(n / 2), np.linspace(1e-6, 3, 1001)
    log_norm = math.log(2) + degrees / 2 * math.log(degrees / 2) - math.lgamma(degrees / 2)
    density = np.exp(log_norm + (degrees - 1) * np.log(s) - degrees * s**2 / 2)
    bounds = (-critical * s - delta, critical * s - delta)  # z outside them rejects
    below, upto = ([math.erfc(-z / math.sqrt(2)) / 2 for z in bound] for bound in bounds)
    power = float((np.add(below, np.subtract(1, upto)) * density).sum() * (s[1] - s[0]))
    return Evidence(
        ways={"integral": max(power, 1 - power), "100,000 draws": max(rejected.mean(), 1 - rejected.mean())},
        mistake={"one draw": float(np.mean(rejected[:1] == rejected[0]))},
        remarks={
            "p-values of the first six draws": f"{', '.join(f'{number:.3f}' for number in p)}: below 0.05 the means are "
            "said to differ",
            "p-value of the critical value of t": f"{at_critical:.6f}",
        },
    )


ERRATA: tuple[Erratum, ...] = (
    Erratum(
        id="C3-covariance",
        source="S3",
        claim="the first entry of the covariance matrix of (1, 2, 30, 4, 5) and (2, 4, 60, 18, 10)",
        printed="145.3",
        quoted=True,
        correct="148.3",
        how="A misprint of one digit: no divisor gives 145.3 together with the other three entries, 285.6, 285.6 and 569.2.",
        decide=covariance,
    ),
    Erratum(
        id="C6-unseeded-test",
        source="S3",
        claim="the share of draws that lead to the conclusion of a two-sample t-test on numbers drawn without a seed",
        printed="1.00",
        quoted=False,
        correct="0.66",
        how="A single draw is reported as if it settled the matter. Whoever runs the program again draws other "
        "numbers: with two samples of 20 and means half a standard deviation apart, one draw in three leads to the other "
        "conclusion.",
        decide=unseeded_test,
    ),
)
"""What is wrong in the sources, in the order of the syllabus."""
