from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn import linear_model

from chainrule.recipes.table_config import TableConfig, settled
from chainrule.recipes.table_models import STRENGTHS, _Triangle, fit_model, linear_settings, outputs_of, refit_model


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 4)) * [1, 2, 3, 4] + 5
    return x.astype(np.float32), (x @ [1.0, -1.0, 0.5, 0.0] + random.normal(size=120)).astype(np.float32)[:, None]


def settings(model, task="regression", **changes):
    return settled(rows=100, data="t.csv", target="y", task=task, model=model, **changes)


@pytest.mark.parametrize("strength", [None, 3.0])
@pytest.mark.parametrize("block", [4_000_000, 50])
def test_the_triangle_knows_all_that_the_rows_do(rows, strength, block, monkeypatch):
    monkeypatch.setattr("chainrule.recipes.table_models._BLOCK", block)
    x, y = rows
    fit = _Triangle.of(x, y).solve(strength)
    model = linear_model.LinearRegression() if strength is None else linear_model.Ridge(strength)
    model.fit(x.astype(np.float64), y[:, 0].astype(np.float64))
    np.testing.assert_allclose(fit.weights, model.coef_, rtol=1e-9, atol=1e-12)
    assert float(fit.intercept) == pytest.approx(model.intercept_, rel=1e-9)


def test_dependent_features_have_the_smallest_weights(rows):
    x, y = rows
    both = np.concatenate([x, x[:, :1]], axis=1)
    fit = _Triangle.of(both, y).solve(None)
    assert fit.weights[0] == pytest.approx(fit.weights[4], rel=1e-6)
    few = _Triangle.of(both[:3], y[:3]).solve(None)  # fewer rows than features
    assert np.isfinite(few.weights).all()


def test_ridge_takes_the_strength_that_the_validation_rows_like_best(rows):
    x, y = rows
    fitted = fit_model(settings("ridge"), 1, (x[:80], y[:80]), (x[80:], y[80:]))
    errors = {
        strength: np.mean((linear_model.Ridge(strength).fit(x[:80], y[:80]).predict(x[80:]) - y[80:, 0]) ** 2)
        for strength in STRENGTHS
    }
    assert fitted.strength == min(errors, key=errors.get)
    assert list(fitted.tried.values()) == pytest.approx(list(errors.values()), rel=1e-4)
    expected = linear_model.Ridge(fitted.strength).fit(x[:80], y[:80, 0]).predict(x)
    np.testing.assert_allclose(outputs_of(fitted.run, x)[:, 0], expected, rtol=1e-4, atol=1e-5)
    assert fitted.run.history["validation_loss"] == pytest.approx([min(errors.values())], rel=1e-4)

    again = refit_model(settings("ridge"), 1, (x, y), fitted)
    expected = linear_model.Ridge(fitted.strength).fit(x, y[:, 0]).predict(x)
    np.testing.assert_allclose(outputs_of(again.run, x)[:, 0], expected, rtol=1e-4, atol=1e-5)
    assert again.run.history == fitted.run.history


def test_outputs_do_not_depend_on_how_many_rows_go_at_once(rows, monkeypatch):
    x, y = rows
    run = fit_model(settings("linear"), 1, (x[:80], y[:80]), (x[80:], y[80:])).run
    whole = outputs_of(run, x)
    monkeypatch.setattr("chainrule.recipes.table_models._ROWS_AT_ONCE", 32)
    np.testing.assert_allclose(outputs_of(run, x), whole, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.01, 0.1])
def test_softmax_regression_comes_to_where_scikit_learn_comes(strength, monkeypatch):
    monkeypatch.setattr("chainrule.recipes.table_models.PENALTIES", (strength,))
    random = np.random.default_rng(2)
    x = random.normal(size=(300, 3)).astype(np.float32)
    y = (x @ random.normal(size=(3, 3)) + random.gumbel(size=(300, 3))).argmax(axis=1).astype(np.int32)
    config = settings("ridge", "classification", epochs=400, batch_size=300, patience=400)
    fitted = fit_model(config, 3, (x, y), (x, y), progress=False)
    reference = linear_model.LogisticRegression(C=1 / (strength * 300), tol=1e-8).fit(x, y)
    found = np.exp(outputs_of(fitted.run, x))
    # Scikit-learn's weights sum to 0 over the classes too, where ridge has its minimum.
    np.testing.assert_allclose(found / found.sum(axis=1, keepdims=True), reference.predict_proba(x), atol=0.02)


def test_what_is_not_chosen_is_settled_by_the_rows():
    sizes = {
        rows: settled(rows=rows, data="t", target="y", task="regression") for rows in (20, 500, 5000, 50_000, 10**6)
    }
    assert {rows: config.batch_size for rows, config in sizes.items()} == {
        20: 20,
        500: 32,
        5000: 64,
        50_000: 256,
        10**6: 1024,
    }
    assert sizes[500].epochs == 300
    assert sizes[10**6].epochs * 10**6 / 1024 == pytest.approx(60_000, rel=0.05)
    assert settings("ridge").epochs == settings("linear").epochs == 1
    assert settings("ridge", "classification").epochs == 300
    assert (sizes[20].hidden, sizes[20].learning_rate, sizes[20].weight_decay) == ((16,), 3e-3, 0.5)
    assert (sizes[500].hidden, sizes[500].learning_rate, sizes[500].weight_decay) == ((64,), 1e-3, 0.1)
    assert settings("mlp", hidden=()).hidden == ()


def test_the_linear_model_that_is_compared_has_settings_of_its_own():
    config = settings("mlp", "classification", learning_rate=7.0, seed=3, test_share=0.3)
    linear = linear_settings(config, 100)
    assert (linear.model, linear.hidden, linear.optimizer, linear.seed, linear.test_share) == (
        "linear",
        (),
        "adam",
        3,
        0.3,
    )
    assert linear.learning_rate < 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "forest"}, "model must be 'mlp', 'ridge' or 'linear', got 'forest'"),
        ({"task": "ranking"}, "task must be 'regression' or 'classification'"),
        ({"scaling": "log"}, "scaling must be 'standard', 'min-max' or 'robust'"),
        ({"impute": "zero"}, "impute must be"),
        ({"outliers": "drop"}, "outliers must be 'clip' or 'keep'"),
        ({"hidden": (8, 0)}, "each width in hidden must be a positive integer, got 0"),
        ({"model": "linear"}, "hidden is for mlp, linear has no hidden layers"),
        ({"test_share": 0.7}, "test_share must be above 0 and at most 0.5, got 0.7"),
        ({"test_share": float("nan")}, "test_share must be a finite number"),
        ({"patience": 0}, "patience must be a positive integer"),
        ({"refit": 1}, "refit must be True or False, got 1"),
    ],
)
def test_settings_that_no_training_could_take_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(settings("mlp"), **change)


def test_lists_are_tuples_as_json_gives_them():
    config = settings("mlp", drop=["a"], missing=["x"])
    record = {**dataclasses.asdict(config), "hidden": [16], "drop": ["a"], "missing": ["x"], "categorical": []}
    assert TableConfig(**record) == config
