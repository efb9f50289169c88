"""Rows of the syllabus: Probability, statistics and information, C."""

from __future__ import annotations

from chainrule.course.syllabus.row import Row

__all__ = ["ROWS"]

_PROBABILITY = "chainrule.maths.probability"
_PROBABILITY_TESTS = "tests/maths/probability"
_FIGURES = "tests/course/test_figures_probability.py"
_STATISTICS = "chainrule.maths.statistics"
_STATISTICS_TESTS = "tests/maths/statistics"
_INFORMATION = "chainrule.maths.information"
_INFORMATION_TESTS = "tests/maths/information/test_information.py"

ROWS: tuple[Row, ...] = (
    Row(
        id="C1",
        title="Random variables, discrete and continuous; explicit keys, no global seed",
        functions=(
            f"{_PROBABILITY}.Distribution",
            f"{_PROBABILITY}.Bernoulli",
            f"{_PROBABILITY}.Normal",
            "jax.random.key",
            "jax.random.split",
        ),
        tests=(
            f"{_PROBABILITY_TESTS}/test_distributions.py::test_the_same_key_gives_the_same_draws_and_another_one_others",
            f"{_PROBABILITY_TESTS}/test_distributions.py::test_shape_of_draws_is_that_asked_for_before_the_batch",
            f"{_PROBABILITY_TESTS}/test_distributions.py::test_draws_follow_the_distribution",
        ),
    ),
    Row(
        id="C2",
        title="Distributions: sample, log density or log mass, mean, variance, cdf",
        functions=(
            f"{_PROBABILITY}.Uniform",
            f"{_PROBABILITY}.Normal",
            f"{_PROBABILITY}.Gamma",
            f"{_PROBABILITY}.Bernoulli",
            f"{_PROBABILITY}.Binomial",
            f"{_PROBABILITY}.Poisson",
            f"{_PROBABILITY}.Exponential",
            f"{_PROBABILITY}.Categorical",
            f"{_PROBABILITY}.MultivariateNormal",
            f"{_PROBABILITY}.StudentT",
            f"{_PROBABILITY}.Beta",
        ),
        tests=(
            f"{_PROBABILITY_TESTS}/test_distributions.py::test_agrees_with_scipy",
            f"{_PROBABILITY_TESTS}/test_distributions.py::test_categorical_agrees_with_scipy",
            f"{_PROBABILITY_TESTS}/test_distributions.py::test_draws_follow_the_distribution",
            f"{_PROBABILITY_TESTS}/test_distributions.py::test_derivatives_of_the_log_density_and_of_the_cdf",
            f"{_PROBABILITY_TESTS}/test_distributions.py::test_at_the_edge_of_the_support_and_beyond",
            f"{_PROBABILITY_TESTS}/test_multivariate_normal.py::test_agrees_with_scipy_in_any_dimension",
            f"{_PROBABILITY_TESTS}/test_parameters.py::test_a_parameter_outside_of_its_domain",
            f"{_PROBABILITY_TESTS}/test_parameters.py::test_finite_at_extreme_scales_in_float32",
        ),
        figures=(
            "probability.continuous_distributions",
            "probability.discrete_distributions",
            "probability.multivariate_normal_draws",
        ),
    ),
    Row(
        id="C3",
        title="Expectation, mean, variance, covariance and correlation; intervals by the bootstrap",
        functions=(
            "jax.numpy.mean",
            "jax.numpy.var",
            "jax.numpy.cov",
            "jax.numpy.corrcoef",
            f"{_STATISTICS}.bootstrap_interval",
        ),
        tests=(
            f"{_STATISTICS_TESTS}/test_moments.py::test_mean_and_variance_of_one_to_five",
            f"{_STATISTICS_TESTS}/test_moments.py::test_expectation_is_the_mean_weighted_by_probability",
            f"{_STATISTICS_TESTS}/test_moments.py::test_covariance_of_the_syllabus_is_148_3_and_not_145_3",
            f"{_STATISTICS_TESTS}/test_moments.py::test_correlation_of_doubled_numbers_is_one",
            f"{_STATISTICS_TESTS}/test_bootstrap.py::test_interval_of_a_mean_is_the_normal_one_for_many_rows",
        ),
        figures=("statistics.covariance_and_correlation",),
        errata=("C3-covariance",),
    ),
    Row(
        id="C4",
        title="Bayes' theorem; conjugate updates (beta-Bernoulli, normal-normal); Bayesian linear regression",
        functions=(
            f"{_PROBABILITY}.bayes",
            f"{_PROBABILITY}.beta_bernoulli",
            f"{_PROBABILITY}.normal_normal",
            f"{_PROBABILITY}.bayesian_regression",
            f"{_PROBABILITY}.predictive",
        ),
        tests=(
            f"{_PROBABILITY_TESTS}/test_bayes.py::test_a_positive_test_of_a_rare_disease",
            f"{_PROBABILITY_TESTS}/test_bayes.py::test_beta_bernoulli_batch_is_one_after_the_other",
            f"{_PROBABILITY_TESTS}/test_bayes.py::test_normal_normal_by_precisions_and_one_after_the_other",
            f"{_PROBABILITY_TESTS}/test_bayes.py::test_posterior_predictive_and_evidence_by_inverses",
            f"{_PROBABILITY_TESTS}/test_bayes.py::test_its_mean_is_ridge_regression",
            f"{_FIGURES}::test_belief_in_a_coin_narrows_about_its_probability",
            f"{_FIGURES}::test_the_band_of_a_line_widens_away_from_the_data",
        ),
        figures=("probability.beta_bernoulli_sequence", "probability.bayesian_regression_band"),
    ),
    Row(
        id="C5",
        title="Maximum likelihood: closed form where it exists, gradient where not; cross-entropy and squared error",
        functions=(
            f"{_PROBABILITY}.maximum_likelihood",
            "chainrule.losses.cross_entropy",
            "chainrule.losses.mean_squared_error",
        ),
        tests=(
            f"{_PROBABILITY_TESTS}/test_maximum_likelihood.py::test_closed_forms",
            f"{_PROBABILITY_TESTS}/test_maximum_likelihood.py"
            "::test_the_gradient_of_the_likelihood_is_zero_there_and_no_neighbour_is_better",
            f"{_PROBABILITY_TESTS}/test_maximum_likelihood.py"
            "::test_cross_entropy_is_the_negative_log_likelihood_of_a_categorical",
            f"{_PROBABILITY_TESTS}/test_maximum_likelihood.py::test_squared_error_is_that_of_a_normal_of_fixed_scale",
        ),
    ),
    Row(
        id="C6",
        title="Hypothesis tests: Student's and Welch's t with p-value, and power by simulation",
        functions=(
            f"{_STATISTICS}.student_t_test",
            f"{_STATISTICS}.welch_t_test",
            f"{_STATISTICS}.one_sample_t_test",
            f"{_STATISTICS}.paired_t_test",
            f"{_STATISTICS}.simulated_power",
            f"{_STATISTICS}.rejection_rate",
        ),
        tests=(
            f"{_STATISTICS_TESTS}/test_t_tests.py::test_two_samples_agree_with_scipy",
            f"{_STATISTICS_TESTS}/test_t_tests.py::test_one_sample_and_pairs_agree_with_scipy",
            f"{_STATISTICS_TESTS}/test_t_tests.py::test_student_s_own_example_of_two_draughts",
            f"{_STATISTICS_TESTS}/test_t_tests.py::test_constant_samples_have_documented_answers",
            f"{_STATISTICS_TESTS}/test_power.py::test_power_agrees_with_the_noncentral_t_distribution",
            f"{_STATISTICS_TESTS}/test_power.py::test_the_unseeded_conclusion_comes_out_in_one_draw_of_three",
            f"{_STATISTICS_TESTS}/test_power.py::test_welch_keeps_its_size_where_student_does_not",
        ),
        figures=("statistics.null_distribution", "statistics.power_curve"),
        errata=("C6-unseeded-test",),
    ),
    Row(
        id="C7",
        title="Entropy, cross-entropy, Kullback-Leibler divergence, mutual information",
        functions=(
            f"{_INFORMATION}.entropy",
            f"{_INFORMATION}.entropy_of_logits",
            f"{_INFORMATION}.cross_entropy",
            f"{_INFORMATION}.cross_entropy_of_logits",
            f"{_INFORMATION}.kl_divergence",
            f"{_INFORMATION}.kl_divergence_of_logits",
            f"{_INFORMATION}.jensen_shannon",
            f"{_INFORMATION}.mutual_information",
            f"{_INFORMATION}.mutual_information_of_counts",
        ),
        tests=(
            f"{_INFORMATION_TESTS}::test_probabilities_agree_with_scipy",
            f"{_INFORMATION_TESTS}::test_logits_agree_with_scipy_on_their_softmax",
            f"{_INFORMATION_TESTS}::test_mutual_information_agrees_with_scikit_learn",
            f"{_INFORMATION_TESTS}::test_known_values",
            f"{_INFORMATION_TESTS}::test_gradients_are_the_closed_forms_and_never_nan",
            f"{_INFORMATION_TESTS}::test_the_losses_are_these_measures",
        ),
    ),
)
