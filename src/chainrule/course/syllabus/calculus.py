"""Rows of the syllabus: Calculus, B."""

from __future__ import annotations

from chainrule.course.syllabus.row import Row

__all__ = ["ROWS"]

_MATHS = "chainrule.maths.calculus"
_TESTS = "tests/maths/calculus"

ROWS: tuple[Row, ...] = (
    Row(
        id="B1",
        title="Limits: sin(x)/x, x/sin(x), one-sided, at infinity",
        functions=(f"{_MATHS}.limit",),
        tests=(
            f"{_TESTS}/test_limits.py::test_sine_over_x_is_one_either_way_up",
            f"{_TESTS}/test_limits.py::test_the_largest_value_nearby_is_not_the_limit",
            f"{_TESTS}/test_limits.py::test_limits_that_are_known",
            f"{_TESTS}/test_limits.py::test_no_finite_limit",
        ),
        errata=("B1-limit",),
    ),
    Row(
        id="B2",
        title="The derivative by its definition; forward, central and complex-step differences",
        functions=(
            f"{_MATHS}.forward_difference",
            f"{_MATHS}.central_difference",
            f"{_MATHS}.extrapolated_difference",
            f"{_MATHS}.complex_step",
            f"{_MATHS}.optimal_step",
            "jax.grad",
        ),
        tests=(
            f"{_TESTS}/test_differences.py::test_parabola_has_the_slope_2x",
            f"{_TESTS}/test_differences.py::test_the_error_falls_with_the_order_of_the_scheme",
            f"{_TESTS}/test_differences.py::test_complex_step_is_exact_at_any_small_step",
            f"{_TESTS}/test_differences.py::test_the_error_estimate_holds",
        ),
        figures=("calculus.parabola_and_slope", "calculus.difference_errors"),
    ),
    Row(
        id="B3",
        title="The derivative of samples",
        functions=("jax.numpy.gradient",),
        tests=(f"{_TESTS}/test_differences.py::test_derivative_of_samples",),
        errata=("B3-sampled-derivative",),
    ),
    Row(
        id="B4",
        title="The product rule",
        functions=("jax.grad", f"{_MATHS}.complex_step"),
        tests=(f"{_TESTS}/test_differences.py::test_product_rule",),
        errata=("B4-product-rule",),
    ),
    Row(
        id="B5",
        title="The chain rule",
        functions=("jax.grad", f"{_MATHS}.complex_step"),
        tests=(f"{_TESTS}/test_differences.py::test_chain_rule",),
        errata=("B5-chain-rule",),
    ),
    Row(
        id="B6",
        title="Partial derivatives, gradient, directional derivative, Jacobian, Hessian, Taylor series",
        functions=(
            f"{_MATHS}.directional_derivative",
            f"{_MATHS}.taylor_coefficients",
            "jax.grad",
            "jax.jvp",
            "jax.jacobian",
            "jax.hessian",
            "jax.numpy.polyval",
        ),
        tests=(
            f"{_TESTS}/test_directional_and_taylor.py::test_partial_derivatives_jacobian_and_hessian_against_closed_forms",
            f"{_TESTS}/test_directional_and_taylor.py::test_slope_along_a_direction_is_the_cosine_of_the_steepest",
            f"{_TESTS}/test_directional_and_taylor.py::test_taylor_coefficients_of_known_series",
            f"{_TESTS}/test_directional_and_taylor.py::test_taylor_polynomial_comes_near",
        ),
        figures=("calculus.gradient_field", "calculus.taylor_polynomials"),
    ),
    Row(
        id="B7",
        title="Integrals: trapezoid, Simpson, Gauss-Legendre, Monte Carlo",
        functions=(
            "jax.numpy.trapezoid",
            f"{_MATHS}.simpson",
            f"{_MATHS}.gauss_legendre",
            f"{_MATHS}.legendre_nodes",
            f"{_MATHS}.monte_carlo",
        ),
        tests=(
            f"{_TESTS}/test_quadrature.py::test_trapezoid_of_the_syllabus",
            f"{_TESTS}/test_quadrature.py::test_error_falls_with_the_order_of_the_rule",
            f"{_TESTS}/test_quadrature.py::test_gauss_legendre_is_exact_to_degree_2n_minus_1",
            f"{_TESTS}/test_quadrature.py::test_monte_carlo_error_falls_as_the_root_and_is_honest",
            f"{_TESTS}/test_quadrature.py::test_differentiable_in_bounds_and_closure",
        ),
        figures=("calculus.quadrature_shapes", "calculus.quadrature_errors"),
        errata=("B7-integral",),
    ),
    Row(
        id="B8",
        title="Gradient descent on x^2 - 2x + 1; paths on a contour map",
        functions=(f"{_MATHS}.gradient_descent",),
        tests=(
            f"{_TESTS}/test_descent.py::test_gradient_descent_of_the_syllabus",
            f"{_TESTS}/test_descent.py::test_the_slowest_part_shrinks_by_the_condition_number",
        ),
        figures=("calculus.descent_rates", "calculus.descent_paths"),
    ),
    Row(
        id="B9",
        title="The minimum of x^2 + y^2 + z^2 from (1, 22, 30): gradient descent, Newton, BFGS",
        functions=(f"{_MATHS}.gradient_descent", f"{_MATHS}.newton", f"{_MATHS}.bfgs"),
        tests=(
            f"{_TESTS}/test_descent.py::test_the_bowl_from_1_22_30_as_scipy_does",
            f"{_TESTS}/test_descent.py::test_rosenbrock_as_scipy_does",
            f"{_TESTS}/test_descent.py::test_near_a_saddle_the_way_leads_down",
        ),
        figures=("calculus.three_methods_on_the_bowl",),
    ),
)
