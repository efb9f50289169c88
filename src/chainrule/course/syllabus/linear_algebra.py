"""Rows of the syllabus: Linear algebra, A."""

from __future__ import annotations

from chainrule.course.syllabus.row import Row

__all__ = ["ROWS"]

_MATHS = "chainrule.maths.linear_algebra"
_TESTS = "tests/maths/linear_algebra"
_NUMBERS = f"{_TESTS}/test_syllabus_numbers.py"
_FIGURES = "tests/course/test_figures_linear_algebra.py"

ROWS: tuple[Row, ...] = (
    Row(
        id="A1",
        title="Vectors: indexing, slicing, scaling, addition, linear combination; arrows in the plane and in space",
        functions=("jax.numpy.array", "jax.numpy.add", "jax.numpy.multiply"),
        tests=(
            f"{_NUMBERS}::test_vectors_indexing_slicing_and_combinations",
            f"{_FIGURES}::test_vectors_say_their_coordinates",
        ),
        figures=("linear_algebra.vectors",),
    ),
    Row(
        id="A2",
        title="The rank of an array and the dimension of a vector space; rank, shape and dtype of a tensor",
        functions=("jax.numpy.ndim", "jax.numpy.shape", "jax.numpy.linalg.matrix_rank"),
        tests=(f"{_NUMBERS}::test_the_rank_of_an_array_is_not_the_dimension_of_a_vector_space",),
    ),
    Row(
        id="A3",
        title="Norms: L1, L2, Frobenius",
        functions=("jax.numpy.linalg.norm",),
        tests=(f"{_NUMBERS}::test_norms",),
    ),
    Row(
        id="A4",
        title="Dot product, orthogonality, angle, projection; basis vectors, change of basis and back",
        functions=(
            "jax.numpy.dot",
            f"{_MATHS}.angle",
            f"{_MATHS}.are_orthogonal",
            f"{_MATHS}.project",
            f"{_MATHS}.project_onto_columns",
            f"{_MATHS}.gram_schmidt",
            f"{_MATHS}.change_of_basis",
        ),
        tests=(
            f"{_TESTS}/test_geometry.py::test_angles_of_known_size",
            f"{_TESTS}/test_geometry.py::test_orthogonality",
            f"{_TESTS}/test_geometry.py::test_projection_by_hand",
            f"{_TESTS}/test_geometry.py::test_projection_onto_columns_agrees_with_least_squares",
            f"{_TESTS}/test_geometry.py::test_gram_schmidt_agrees_with_qr",
            f"{_TESTS}/test_geometry.py::test_change_of_basis_and_back",
        ),
        figures=("linear_algebra.projection_and_basis",),
    ),
    Row(
        id="A5",
        title="Matrix product: the rule of shapes, and that it does not commute",
        functions=("jax.numpy.matmul", "jax.numpy.multiply"),
        tests=(
            f"{_NUMBERS}::test_the_printed_matrix_product_is_the_element_wise_one",
            f"{_NUMBERS}::test_the_matrix_product_and_that_it_does_not_commute",
        ),
        errata=("A5-product",),
    ),
    Row(
        id="A6",
        title="Transpose, reshape and broadcasting",
        functions=(
            "jax.numpy.transpose",
            "jax.numpy.reshape",
            "jax.numpy.broadcast_to",
            "jax.numpy.broadcast_shapes",
        ),
        tests=(
            f"{_NUMBERS}::test_transpose_reshape_and_broadcasting",
            f"{_FIGURES}::test_broadcasting_repeats_and_sums",
        ),
        figures=("linear_algebra.broadcasting",),
    ),
    Row(
        id="A7",
        title="Images as matrices: grey, colour with channels last and first, 8 bits a number",
        functions=("jax.numpy.asarray", "jax.numpy.moveaxis"),
        tests=(
            f"{_NUMBERS}::test_a_colour_image_with_channels_last_and_first",
            f"{_FIGURES}::test_the_numbers_on_the_images_are_their_pixels",
        ),
        figures=("linear_algebra.images_as_matrices",),
    ),
    Row(
        id="A8",
        title="Inverse, determinant, singular matrices, conditioning",
        functions=("jax.numpy.linalg.inv", "jax.numpy.linalg.det", "jax.numpy.linalg.cond"),
        tests=(
            f"{_NUMBERS}::test_inverse_determinant_and_singular_matrices",
            f"{_TESTS}/test_geometry.py::test_dependent_vectors_are_no_basis",
        ),
    ),
    Row(
        id="A9",
        title="Eigenvalues and eigenvectors; trace, determinant; power iteration",
        functions=("jax.numpy.linalg.eigh", "jax.numpy.trace", f"{_MATHS}.power_iteration"),
        tests=(
            f"{_NUMBERS}::test_eigenvalues_trace_and_determinant",
            f"{_TESTS}/test_eigen.py::test_the_syllabus_matrix",
            f"{_TESTS}/test_eigen.py::test_agrees_with_numpy_on_symmetric_matrices",
            f"{_TESTS}/test_eigen.py::test_ties_as_documented",
        ),
    ),
    Row(
        id="A10",
        title="Covariance matrix, principal components by the SVD, explained variance, fewer dimensions for real data",
        functions=(
            "jax.numpy.cov",
            f"{_MATHS}.pca",
            f"{_MATHS}.pca_transform",
            f"{_MATHS}.pca_inverse",
        ),
        tests=(
            f"{_TESTS}/test_eigen.py::test_agrees_with_scikit_learn",
            f"{_TESTS}/test_eigen.py::test_components_are_eigenvectors_of_the_covariance_of_iris",
            f"{_FIGURES}::test_the_digits_agree_with_scikit_learn",
        ),
        figures=("linear_algebra.digits_plane",),
    ),
    Row(
        id="A11",
        title="Linear maps of the plane, drawn as a warped grid",
        functions=("jax.numpy.matmul", "jax.numpy.linalg.det"),
        tests=(f"{_FIGURES}::test_the_maps_say_their_determinants_and_eigenvalues",),
        figures=("linear_algebra.warped_grid",),
    ),
    Row(
        id="A12",
        title="Linear regression: normal equation, Cholesky, QR, SVD, ridge, gradient descent; dependent columns",
        functions=(
            f"{_MATHS}.least_squares_normal",
            f"{_MATHS}.least_squares_cholesky",
            f"{_MATHS}.least_squares_qr",
            f"{_MATHS}.least_squares_svd",
            f"{_MATHS}.ridge",
            f"{_MATHS}.gradient_descent_least_squares",
            f"{_MATHS}.predict",
        ),
        tests=(
            f"{_TESTS}/test_least_squares.py::test_agrees_with_numpy",
            f"{_TESTS}/test_least_squares.py::test_dependent_columns_give_nan_not_nonsense",
            f"{_TESTS}/test_least_squares.py::test_svd_takes_the_smallest_weights_of_dependent_columns",
            f"{_TESTS}/test_least_squares.py::test_qr_keeps_digits_that_the_normal_equation_has_lost",
            f"{_TESTS}/test_ridge.py::test_agrees_with_scikit_learn",
            f"{_TESTS}/test_ridge.py::test_the_intercept_is_not_penalised",
            f"{_TESTS}/test_descent.py::test_reaches_the_answer_of_the_solvers",
        ),
        figures=("linear_algebra.descent_path",),
    ),
    Row(
        id="A13",
        title="Weather: tomorrow's highest temperature from today's highest, lowest and rain, against persistence",
        functions=(
            "chainrule.data.weather",
            "chainrule.recipes.weather_linear.linear_fits",
            "chainrule.recipes.weather_linear.choose_strength",
            "chainrule.recipes.weather_comparison.compare_weather",
            "chainrule.plot.residuals",
        ),
        tests=(
            "tests/recipes/test_weather_linear.py::test_the_errors_are_those_that_are_known",
            "tests/recipes/test_weather_linear.py::test_every_solver_finds_what_numpy_finds",
            "tests/recipes/test_weather_linear.py::test_the_plain_inverse_goes_wrong_where_the_sound_solvers_do_not",
            f"{_FIGURES}::test_the_weather_figure_says_the_known_errors",
        ),
        figures=("linear_algebra.weather_residuals",),
    ),
)
"""Rows of the syllabus: Linear algebra, A."""
