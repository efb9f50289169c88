import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from chainrule.maths.numerics import stability, stability_cases

CASES = stability_cases()
each_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@each_case
def test_the_naive_way_breaks_and_the_stable_one_does_not(case):
    assert case.naive_result.dtype == case.stable_result.dtype == case.x.dtype == np.float32
    assert case.naive_result.shape == case.stable_result.shape == case.true_result.shape
    np.testing.assert_allclose(case.stable_result, case.true_result, rtol=3e-7, atol=0)
    wrong = np.abs(case.naive_result / np.where(case.true_result == 0, 1, case.true_result) - 1)
    assert np.any(~np.isfinite(case.naive_result) | (wrong > 0.99))


@each_case
def test_both_ways_agree_where_nothing_breaks(case):
    x = jnp.asarray([0.7, 1.3] if len(case.x) > 1 else 0.7, jnp.float32)
    np.testing.assert_allclose(case.naive(x), case.stable(x), rtol=2e-6)


def test_the_true_results_are_true():
    truth = {case.name: case.true_result for case in CASES}
    x = {case.name: case.x.astype(np.float64) for case in CASES}
    assert truth["softmax"].tolist() == [0.5, 0.5]
    close = {"rtol": 1e-15}
    np.testing.assert_allclose(truth["log-sum-exp"], scipy.special.logsumexp(x["log-sum-exp"]), **close)
    np.testing.assert_allclose(truth["log softmax"], scipy.special.log_softmax(x["log softmax"]), **close)
    np.testing.assert_allclose(truth["sigmoid"], scipy.special.expit(x["sigmoid"]), **close)
    np.testing.assert_allclose(truth["log sigmoid"], scipy.special.log_expit(x["log sigmoid"]), **close)
    np.testing.assert_allclose(truth["softplus"], np.logaddexp(0, x["softplus"]), **close)
    np.testing.assert_allclose(truth["log1p"], np.log1p(x["log1p"]), **close)
    np.testing.assert_allclose(truth["expm1"], np.expm1(x["expm1"]), **close)
    np.testing.assert_allclose(truth["1 - cos x"], -scipy.special.cosm1(x["1 - cos x"]), **close)
    np.testing.assert_allclose(truth["norm"], np.linalg.norm(x["norm"]), **close)
    np.testing.assert_allclose(truth["difference of roots"], 1 / (np.sqrt(1e8 + 1) + np.sqrt(1e8)), **close)


def test_softmax_of_two_thousands_is_a_half_each():
    x = jnp.asarray([1000.0, 1000.0])
    assert jax.nn.softmax(x).tolist() == [0.5, 0.5]
    assert np.isnan(stability.naive_softmax(x)).all()


def test_normalisation_by_the_norm(x64):
    """D4 of the syllabus: jax.numpy has it."""
    x = jnp.asarray([[1.0, 2.0], [3.0, 4.0]])
    assert float(jnp.linalg.norm(x)) == 5.477225575051661
    unit = x / jnp.linalg.norm(x)
    assert np.asarray(unit).round(8).tolist() == [[0.18257419, 0.36514837], [0.54772256, 0.73029674]]
    np.testing.assert_allclose(np.asarray(unit), np.asarray([[1, 2], [3, 4]]) / np.sqrt(30), rtol=1e-15)
