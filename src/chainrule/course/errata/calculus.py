"""Errata of the syllabus's part B: calculus."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.course.errata.erratum import Erratum, Evidence

__all__ = ["ERRATA"]


def limit_at_zero() -> Evidence:
    """Find the limits of sin(x)/x and x/sin(x) at 0; and the largest absolute values on 100 points of [-1, 1]."""
    from itertools import pairwise

    functions = [lambda x: np.sin(x) / x, lambda x: x / np.sin(x)]

    # f(h) = L + a h^2 + b h^4 + ...: each pass of Richardson's extrapolation removes the next power of h.
    extrapolated = []
    for f in functions:
        values = [f(0.5**k) for k in range(2, 8)]
        for power in range(1, len(values)):
            values = [(4**power * near - far) / (4**power - 1) for far, near in pairwise(values)]
        extrapolated.append(values[0])
    with jax.enable_x64(True):
        slope_of_sine, slope_of_x = jax.grad(jnp.sin)(0.0), jax.grad(lambda x: x)(0.0)
        by_lhopital = [float(slope_of_sine / slope_of_x), float(slope_of_x / slope_of_sine)]
    # cos(x) < sin(x)/x < 1 near 0, so that the reciprocal lies between 1 and 1/cos(x): where both bounds meet.
    x = 1e-6
    squeezed = [(np.cos(x) + 1) / 2, (1 + 1 / np.cos(x)) / 2]
    grid = np.linspace(-1, 1, 100)
    return Evidence(
        ways={
            "l'Hopital by autodiff": by_lhopital,
            "extrapolation to step 0": extrapolated,
            "squeezed by cos(x) and 1": squeezed,
        },
        mistake={"max|f|": [np.max(np.abs(f(grid))) for f in functions]},
        remarks={
            "1 / sin(1)": f"{1 / np.sin(1):.4f}: the value at the end of the interval, which has nothing to do with 0"
        },
    )


def sampled_derivative() -> Evidence:
    """Differentiate y = 10 x^2, known at x = 0..4 only, by central differences, one-sided at both ends."""
    x, y = np.arange(5.0), np.array([0.0, 10, 40, 90, 160])
    by_hand = np.zeros(5)
    by_hand[1:-1] = (y[2:] - y[:-2]) / (x[2:] - x[:-2])
    by_hand[0], by_hand[-1] = (y[1] - y[0]) / (x[1] - x[0]), (y[-1] - y[-2]) / (x[-1] - x[-2])
    with jax.enable_x64(True):
        slope = np.asarray(jax.vmap(jax.grad(lambda x: 10 * x**2))(jnp.asarray(x)))
    # A one-sided difference with step h = 1 is off by h f''/2 = 10; inside, central differences of a parabola are exact.
    by_autodiff = slope + np.array([10, 0, 0, 0, -10])
    elsewhere = np.array([1.0, 12, 3, 4, 15])
    return Evidence(
        ways={"differences": by_hand, "np.gradient": np.gradient(y, x), "autodiff and h f''/2": by_autodiff},
        mistake={"3 x^2 at (1, 12, 3, 4, 15)": 3 * elsewhere**2},
        remarks={
            "np.gradient, edge_order=2": f"{np.gradient(y, x, edge_order=2).tolist()}: with a parabola through the last "
            "three points the ends are exact too",
        },
    )


def product_rule() -> Evidence:
    """Differentiate x^2 sin(x) at the three places 2, 3 and 1; and take differences from place to place."""
    x = np.array([2.0, 3, 1])
    with jax.enable_x64(True):
        by_autodiff = np.asarray(jax.vmap(jax.grad(lambda x: x**2 * jnp.sin(x)))(jnp.asarray(x)))
    z = x + 1e-100j  # the complex step: no difference is taken, so nothing cancels
    by_index = np.gradient(x**2) * np.sin(x) + x**2 * np.gradient(np.sin(x))
    return Evidence(
        ways={
            "2 x sin(x) + x^2 cos(x)": 2 * x * np.sin(x) + x**2 * np.cos(x),
            "autodiff": by_autodiff,
            "complex step": np.imag(z**2 * np.sin(z)) / 1e-100,
        },
        mistake={"np.gradient(x**2 * np.sin(x))": np.gradient(x**2 * np.sin(x))},
        remarks={
            "the same by the product rule, with np.gradient of each factor": f"{by_index.round(8).tolist()}: not even the "
            "product rule holds between differences from place to place",
        },
    )


def chain_rule() -> Evidence:
    """Differentiate sin(x^6) at the three places 1, 2 and 3; and take differences from place to place."""
    x = np.array([1.0, 2, 3])
    with jax.enable_x64(True):
        by_autodiff = np.asarray(jax.vmap(jax.grad(lambda x: jnp.sin(x**6)))(jnp.asarray(x)))
    z = x + 1e-100j  # the complex step: no difference is taken, so nothing cancels
    waves = (3**6 - 2**6) / (2 * np.pi)
    return Evidence(
        ways={
            "6 x^5 cos(x^6)": 6 * x**5 * np.cos(x**6),
            "autodiff": by_autodiff,
            "complex step": np.imag(np.sin(z**6)) / 1e-100,
        },
        mistake={"np.gradient(np.sin(x**6))": np.gradient(np.sin(x**6))},
        remarks={"waves of sin(x^6) between 2 and 3": f"{waves:.0f}, which a difference with step 1 cannot see"},
    )


def bell_integral() -> Evidence:
    """Integrate exp(-x^2) by the trapezoid rule on 100 points of [-10, 10]; and drop a digit of what comes out."""
    x = np.linspace(-10, 10, 100)
    y = np.exp(-(x**2))
    by_rule = 20 / 99 * (y.sum() - (y[0] + y[-1]) / 2)
    with jax.enable_x64(True):
        by_jax = float(jnp.trapezoid(jnp.exp(-(jnp.linspace(-10, 10, 100) ** 2)), dx=20 / 99))
        closed_form = float(jnp.sqrt(jnp.pi) * jax.scipy.special.erf(jnp.asarray(10.0)))
    digits = f"{by_rule:.16f}"
    squares = np.linspace(0, 1, 100) ** 2
    of_parabola = (squares.sum() - 1 / 2) / 99
    return Evidence(
        ways={"trapezoid rule": by_rule, "jnp.trapezoid": by_jax, "sqrt(pi) erf(10)": closed_form},
        mistake={"without the eleventh decimal, a 0": float(digits[:12] + digits[13:])},
        remarks={
            "error of the rule": "none to the last digit: with a function that is flat at both ends it falls exponentially",
            "x^2 on [0, 1], the other integral of the source": f"the rule gives {of_parabola:.12f}, as printed; the "
            f"integral is 1/3, and h^2/6 = {1 / (6 * 99**2):.12f} is the error of the rule, so that four decimals are right",
        },
    )


ERRATA: tuple[Erratum, ...] = (
    Erratum(
        id="B1-limit",
        source="S3",
        claim="the limits at 0 of sin(x)/x and, by the same method, of x/sin(x)",
        printed="[1.0000, 1.1884]",
        quoted=False,
        correct="[1, 1]",
        how="The limit is taken to be the largest |f(x)| near the point. That is right for sin(x)/x, which happens to have "
        "its maximum there; x/sin(x) has its minimum there, and the method gives the value at the end of the interval.",
        decide=limit_at_zero,
    ),
    Erratum(
        id="B3-sampled-derivative",
        source="S3",
        claim="the derivative of y = [0, 10, 40, 90, 160] sampled at x = 0, 1, 2, 3, 4",
        printed="[3, 432, 27, 48, 675]",
        quoted=True,
        correct="[10, 20, 40, 60, 70]",
        how="The figure is the derivative 3 x^2 of another function, x^3, at other places: 1, 12, 3, 4 and 15.",
        decide=sampled_derivative,
    ),
    Erratum(
        id="B4-product-rule",
        source="S3",
        claim="the derivative of x^2 sin(x) at (2, 3, 1)",
        printed="[-2.36710963, -1.39785936, -0.42860909]",
        quoted=False,
        correct="[1.97260236, -8.06321242, 2.22324428]",
        how="Differences are taken from one place of the array to the next, as if the three were samples with a step of 1; "
        "2, 3, 1 are not even in order.",
        decide=product_rule,
    ),
    Erratum(
        id="B5-chain-rule",
        source="S3",
        claim="the derivative of sin(x^6) at (1, 2, 3)",
        printed="[0.07855505, -0.34576708, -0.77008922]",
        quoted=False,
        correct="[3.24181384, 75.23658824, 1441.51815635]",
        how="Differences are taken from one place of the array to the next. The step is right here, but far too long: the "
        "function goes up and down more than a hundred times between 2 and 3.",
        decide=chain_rule,
    ),
    Erratum(
        id="B7-integral",
        source="S3",
        claim="the integral of exp(-x^2) over [-10, 10] by the trapezoid rule on 100 points",
        printed="1.772453850955159",
        quoted=True,
        correct="1.7724538509055159",
        how="A misprint: the 0 at the eleventh decimal is dropped, and all that follows has moved up.",
        decide=bell_integral,
    ),
)
"""What is wrong in the sources, in the order of the syllabus."""
