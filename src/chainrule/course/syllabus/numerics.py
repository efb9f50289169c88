"""Rows of the syllabus: Numerical computing, D."""

from __future__ import annotations

from chainrule.course.syllabus.row import Row

__all__ = ["ROWS"]

_TESTS = "tests/maths/numerics"
_FIGURES = "tests/course/test_figures_numerics.py"

ROWS: tuple[Row, ...] = (
    Row(
        id="D1",
        title="Floating point: sign, exponent and mantissa, bit by bit",
        functions=("chainrule.maths.numerics.float_anatomy", "chainrule.maths.numerics.binary_expansion"),
        tests=(
            f"{_TESTS}/test_anatomy.py::test_one_tenth",
            f"{_TESTS}/test_anatomy.py::test_one_tenth_recurs_in_binary",
            f"{_TESTS}/test_anatomy.py::test_bits_are_those_that_the_machine_stores",
            f"{_TESTS}/test_anatomy.py::test_every_kind_in_every_format",
        ),
        figures=("numerics.float_bits",),
    ),
    Row(
        id="D2",
        title="Round-off, cancellation, conditioning against stability; compensated summation",
        functions=(
            "chainrule.maths.numerics.two_sum",
            "chainrule.maths.numerics.sequential_sum",
            "chainrule.maths.numerics.pairwise_sum",
            "chainrule.maths.numerics.kahan_sum",
            "chainrule.maths.numerics.neumaier_sum",
            "chainrule.maths.numerics.textbook_quadratic_roots",
            "chainrule.maths.numerics.quadratic_roots",
            "chainrule.maths.numerics.textbook_variance",
            "chainrule.maths.numerics.welford_variance",
            "chainrule.maths.numerics.relative_condition",
        ),
        tests=(
            f"{_TESTS}/test_round_off.py::test_the_compiler_leaves_the_compensation_alone",
            f"{_TESTS}/test_round_off.py::test_sums_agree_with_an_exact_one",
            f"{_TESTS}/test_round_off.py::test_two_sum_loses_nothing",
            f"{_TESTS}/test_round_off.py::test_quadratic_formula_both_ways",
            f"{_TESTS}/test_round_off.py::test_variance_of_large_numbers",
            f"{_TESTS}/test_round_off.py::test_condition_numbers",
            f"{_TESTS}/test_round_off.py::test_an_ill_conditioned_problem_loses_digits_to_rounding_its_input",
        ),
        figures=("numerics.summation_error",),
    ),
    Row(
        id="D3",
        title="Log-sum-exp, softmax, sigmoid, log1p, expm1: naive against stable",
        functions=(
            "chainrule.maths.numerics.stability_cases",
            "jax.nn.softmax",
            "jax.nn.log_softmax",
            "jax.nn.sigmoid",
            "jax.scipy.special.logsumexp",
            "jax.numpy.log1p",
            "jax.numpy.expm1",
        ),
        tests=(
            f"{_TESTS}/test_stability.py::test_the_naive_way_breaks_and_the_stable_one_does_not",
            f"{_TESTS}/test_stability.py::test_the_true_results_are_true",
            f"{_TESTS}/test_stability.py::test_softmax_of_two_thousands_is_a_half_each",
        ),
        figures=("numerics.naive_and_stable",),
    ),
    Row(
        id="D4",
        title="Normalisation by the norm",
        functions=("jax.numpy.linalg.norm",),
        tests=(f"{_TESTS}/test_stability.py::test_normalisation_by_the_norm",),
    ),
    Row(
        id="D5",
        title="float32, float64 and bfloat16 in one training run",
        functions=("chainrule.course.precision.training_by_precision",),
        tests=(f"{_FIGURES}::test_bfloat16_loses_updates_and_a_float32_master_keeps_them",),
        figures=("numerics.precision_curves",),
    ),
)
