"""Linear algebra: projections, bases, power iteration, principal components, least squares."""

from chainrule.maths.linear_algebra.angles import angle, are_orthogonal
from chainrule.maths.linear_algebra.basis import change_of_basis
from chainrule.maths.linear_algebra.descent import LeastSquaresDescent, gradient_descent_least_squares
from chainrule.maths.linear_algebra.gram_schmidt import GramSchmidt, gram_schmidt
from chainrule.maths.linear_algebra.least_squares import (
    least_squares_cholesky,
    least_squares_normal,
    least_squares_qr,
    least_squares_svd,
)
from chainrule.maths.linear_algebra.linear_fit import LinearFit, predict
from chainrule.maths.linear_algebra.power_iteration import PowerIteration, power_iteration
from chainrule.maths.linear_algebra.principal_components import PCA, pca, pca_inverse, pca_transform
from chainrule.maths.linear_algebra.projection import project, project_onto_columns
from chainrule.maths.linear_algebra.ridge import ridge

__all__ = [
    "PCA",
    "GramSchmidt",
    "LeastSquaresDescent",
    "LinearFit",
    "PowerIteration",
    "angle",
    "are_orthogonal",
    "change_of_basis",
    "gradient_descent_least_squares",
    "gram_schmidt",
    "least_squares_cholesky",
    "least_squares_normal",
    "least_squares_qr",
    "least_squares_svd",
    "pca",
    "pca_inverse",
    "pca_transform",
    "power_iteration",
    "predict",
    "project",
    "project_onto_columns",
    "ridge",
]
