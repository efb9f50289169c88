"""The mathematics under deep learning, as pure functions: what teaches, or what ``jax.numpy`` and ``jax.scipy`` lack.

    linear_algebra    projections, bases, power iteration, PCA, least squares
    calculus          limits, differences, Taylor series, integrals, descent
    probability       distributions, Bayes' theorem, likelihood
    statistics        tests of hypotheses, power, bootstrap
    information       entropy, divergences, mutual information
    numerics          floating point to the bit, sums without round-off, stable formulas

What JAX has already (a norm, a determinant, an eigenvalue routine) is not wrapped under another name.
"""

from chainrule.maths import calculus, information, linear_algebra, numerics, probability, statistics

__all__ = ["calculus", "information", "linear_algebra", "numerics", "probability", "statistics"]
