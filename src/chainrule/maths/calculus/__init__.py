"""Calculus: limits, differences, Taylor series, integrals, and the ways down a function.

    limit                    the limit of a function at a point, from one side or both, or at infinity
    forward_difference ...   derivatives from values of a function: forward, central, extrapolated, complex step
    directional_derivative   the slope of a function of many numbers along a direction
    taylor_coefficients      f^(k)(a) / k! up to an order
    simpson ...              integrals: Simpson, Gauss and Legendre, Monte Carlo
    gradient_descent ...     ways down: gradient descent, Newton, BFGS, each with its path

JAX has the rest: derivatives, Jacobians and Hessians (``jax.grad``, ``jax.jvp``, ``jax.jacobian``, ``jax.hessian``), the
derivative of samples (``jnp.gradient``), the trapezoidal rule over samples (``jnp.trapezoid``), the value of a
polynomial (``jnp.polyval``).
"""

from chainrule.maths.calculus.bfgs import bfgs
from chainrule.maths.calculus.descent import Descent, gradient_descent
from chainrule.maths.calculus.differences import (
    Difference,
    central_difference,
    complex_step,
    extrapolated_difference,
    forward_difference,
    optimal_step,
)
from chainrule.maths.calculus.directional import directional_derivative
from chainrule.maths.calculus.limits import Limit, limit
from chainrule.maths.calculus.monte_carlo import Estimate, monte_carlo
from chainrule.maths.calculus.newton import newton
from chainrule.maths.calculus.quadrature import gauss_legendre, legendre_nodes, simpson
from chainrule.maths.calculus.taylor import taylor_coefficients

__all__ = [
    "Descent",
    "Difference",
    "Estimate",
    "Limit",
    "bfgs",
    "central_difference",
    "complex_step",
    "directional_derivative",
    "extrapolated_difference",
    "forward_difference",
    "gauss_legendre",
    "gradient_descent",
    "legendre_nodes",
    "limit",
    "monte_carlo",
    "newton",
    "optimal_step",
    "simpson",
    "taylor_coefficients",
]
