from __future__ import annotations

import dataclasses
import re

import jax
import numpy as np
import pytest
from sklearn import linear_model

from chainrule.recipes.table_config import TableConfig, settled
from chainrule.recipes.table_models import (
    STRENGTHS,
    build_model,
    fit_model,
    linear_settings,
    outputs_of,
    refit_model,
)
from chainrule.recipes.table_triangle import Triangle


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
    monkeypatch.setattr("chainrule.recipes.table_triangle._BLOCK", block)
    x, y = rows
    fit = Triangle.of(x, y).solve(strength)
    model = linear_model.LinearRegression() if strength is None else linear_model.Ridge(strength)
    model.fit(x.astype(np.float64), y[:, 0].astype(np.float64))
    np.testing.assert_allclose(fit.weights, model.coef_, rtol=1e-9, atol=1e-12)
    assert float(fit.intercept) == pytest.approx(model.intercept_, rel=1e-9)


def test_dependent_features_have_the_smallest_weights(rows):
    x, y = rows
    both = np.concatenate([x, x[:, :1]], axis=1)
    fit = Triangle.of(both, y).solve(None)
    assert fit.weights[0] == pytest.approx(fit.weights[4], rel=1e-6)
    few = Triangle.of(both[:3], y[:3]).solve(None)  # fewer rows than features
    assert np.isfinite(few.weights).all()


@pytest.mark.parametrize(("columns", "usual"), [(4, True), (60, False)])
def test_ridge_takes_another_strength_than_1_where_that_is_better_beyond_chance(columns, usual):
    random = np.random.default_rng(0)
    x = random.normal(size=(120, columns)).astype(np.float32)
    y = (x[:, :3] @ [1.0, -1.0, 0.5] + 2 * random.normal(size=120)).astype(np.float32)[:, None]
    fitted = fit_model(settings("ridge"), 1, (x[:80], y[:80]), (x[80:], y[80:]))
    errors = {
        strength: (linear_model.Ridge(strength).fit(x[:80], y[:80, 0]).predict(x[80:]) - y[80:, 0]) ** 2
        for strength in STRENGTHS
    }
    means = {strength: each.mean() for strength, each in errors.items()}
    best = min(means, key=means.get)
    gains = errors[1.0] - errors[best]
    assert best != 1
    assert (gains.mean() <= 3 * gains.std(ddof=1) / np.sqrt(40)) == usual
    assert fitted.strength == (1.0 if usual else best)
    assert list(fitted.tried) == sorted(STRENGTHS)
    assert list(fitted.tried.values()) == pytest.approx(list(means.values()), rel=1e-4)
    expected = linear_model.Ridge(fitted.strength).fit(x[:80], y[:80, 0]).predict(x)
    np.testing.assert_allclose(outputs_of(fitted.run, x)[:, 0], expected, rtol=1e-4, atol=1e-5)
    assert fitted.run.history["validation_loss"] == pytest.approx([means[fitted.strength]], rel=1e-4)

    again = refit_model(settings("ridge"), 1, (x, y), fitted)
    expected = linear_model.Ridge(fitted.strength).fit(x, y[:, 0]).predict(x)
    np.testing.assert_allclose(outputs_of(again.run, x)[:, 0], expected, rtol=1e-4, atol=1e-5)
    assert again.run.history == fitted.run.history


@pytest.mark.parametrize(
    ("truth", "remark"),
    [
        (lambda x, noise: x[:, :1] * 3, "the weakest tried: a weaker one may do better"),
        (lambda x, noise: noise[:, None], "the strongest tried: a stronger one may do better"),
        (
            lambda x, noise: 4 * x[:, :1] + noise[:, None],
            "the usual; .* is better on the validation rows, though not",
        ),
    ],
)
def test_what_is_to_be_said_of_a_strength(truth, remark):
    random = np.random.default_rng(2)
    x = random.normal(size=(60, 26)).astype(np.float32)
    y = truth(x, random.normal(size=60)).astype(np.float32)
    fitted = fit_model(settings("ridge"), 1, (x[:30], y[:30]), (x[30:], y[30:]))
    assert re.match(remark, fitted.remark)
    assert (fitted.strength in (STRENGTHS[0], STRENGTHS[-1])) == ("tried" in remark)
    assert dataclasses.replace(fitted, tried={1.0: 1.0, 10.0: 2.0}, strength=1.0).remark == (
        "the weakest tried: a weaker one may do better"
    )
    assert dataclasses.replace(fitted, tried={0.1: 2.0, 1.0: 1.0, 10.0: 2.0}, strength=1.0).remark == ""
    assert fit_model(settings("linear"), 1, (x[:30], y[:30]), (x[30:], y[30:])).remark == ""


def test_few_rows_that_all_say_the_same_are_enough():
    random = np.random.default_rng(3)
    x = random.normal(size=(40, 2)).astype(np.float32)
    y = (2 * x[:, :1] + x[:, 1:]).astype(np.float32)  # no noise: ten rows show a weak one to be a thousand times better
    fitted = fit_model(settings("ridge"), 1, (x[:30], y[:30]), (x[30:], y[30:]))
    assert fitted.strength < 0.1
    assert fitted.tried[fitted.strength] < fitted.tried[1.0] / 100


def test_outputs_do_not_depend_on_how_many_rows_go_at_once(rows, monkeypatch):
    x, y = rows
    run = fit_model(settings("linear"), 1, (x[:80], y[:80]), (x[80:], y[80:])).run
    whole = outputs_of(run, x)
    monkeypatch.setattr("chainrule.recipes.table_models._ROWS_AT_ONCE", 32)
    np.testing.assert_allclose(outputs_of(run, x), whole, rtol=1e-6)


@pytest.mark.parametrize("gradients", ["hand", pytest.param("autodiff", marks=pytest.mark.slow)])
@pytest.mark.parametrize("block", [4_000_000, 500])
def test_a_ridge_of_classes_is_where_scikit_learn_comes(gradients, block, monkeypatch):
    monkeypatch.setattr("chainrule.recipes.table_models.STRENGTHS_OF_CLASSES", (0.1, 1.0, 10.0))
    monkeypatch.setattr("chainrule.recipes.table_softmax._BLOCK", block)
    random = np.random.default_rng(2)
    x = random.normal(size=(300, 3)).astype(np.float32)
    y = (x @ random.normal(size=(3, 3)) + random.gumbel(size=(300, 3))).argmax(axis=1).astype(np.int32)
    config = settings("ridge", "classification", gradients=gradients)
    fitted = fit_model(config, 3, (x[:200], y[:200]), (x[200:], y[200:]), progress=False)
    assert list(fitted.tried) == [0.1, 1.0, 10.0]
    for strength, loss in fitted.tried.items():
        reference = linear_model.LogisticRegression(C=1 / strength, tol=1e-9, max_iter=1000).fit(x[:200], y[:200])
        said = np.log(reference.predict_proba(x[200:]))[np.arange(100), y[200:]]
        assert loss == pytest.approx(-said.mean(), rel=1e-4)
    again = refit_model(config, 3, (x, y), fitted)
    reference = linear_model.LogisticRegression(C=1 / fitted.strength, tol=1e-9, max_iter=1000).fit(x, y)
    found = np.exp(outputs_of(again.run, x))
    np.testing.assert_allclose(
        found / found.sum(axis=1, keepdims=True), reference.predict_proba(x), rtol=1e-3, atol=1e-5
    )


def test_a_minimum_that_is_far_away_is_said(monkeypatch):
    from chainrule.recipes.table_softmax import solve_softmax

    x = np.array([[1.0, 1e6], [-1.0, -2e6], [0.5, 3e6], [0.1, 1e6]])
    model = build_model(settings("ridge", "classification"), 2)
    params, _ = model.init(jax.random.key(0), (2,))
    labels = np.array([0, 1, 0, 1], np.int32)
    with pytest.raises(ValueError, match=r"strength must be at least 0, got -1\.0"):
        solve_softmax(model, params, x, labels, strength=-1.0)
    monkeypatch.setattr("chainrule.recipes.table_softmax._ITERATIONS", 1)
    with pytest.warns(UserWarning, match="after 1 iterations a slope of .* is left"):
        solve_softmax(model, params, x / [1.0, 1e4], labels, strength=1e-6)


@pytest.mark.slow
def test_several_networks_are_their_mean(rows):
    x, y = rows
    parts = (x[:80], y[:80]), (x[80:], y[80:])
    config = settings("mlp", members=3, hidden=(4,), epochs=6, patience=2)
    fitted = fit_model(config, 1, *parts, progress=False)
    alone = [
        fit_model(config.changed(members=1, seed=int(seed)), 1, *parts, progress=False).run
        for seed in np.random.SeedSequence(config.seed).generate_state(3) % 2**31
    ]
    expected = np.mean([outputs_of(run, x) for run in alone], axis=0)
    np.testing.assert_allclose(outputs_of(fitted.run, x), expected, rtol=1e-5, atol=1e-6)
    middle = sorted(alone, key=lambda run: run.best_epoch)[1]
    assert fitted.run.best_epoch == middle.best_epoch
    assert fitted.run.history == middle.history
    assert not np.allclose(outputs_of(alone[0], x), outputs_of(alone[1], x), rtol=0.01)

    again = refit_model(config, 1, (x, y), fitted, progress=False)
    assert len(again.run.params) == 3
    assert again.run.history == fitted.run.history
    assert not np.allclose(outputs_of(again.run, x), outputs_of(fitted.run, x), rtol=1e-3)


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
    assert settings("ridge").epochs == settings("linear").epochs == settings("ridge", "classification").epochs == 1
    assert settings("linear", "classification").epochs == 300
    assert settled(rows=10**6, data="t", target="y", task="classification", model="linear").epochs == 6
    assert {rows: config.members for rows, config in sizes.items()} == {20: 5, 500: 5, 5000: 5, 50_000: 1, 10**6: 1}
    assert settings("linear").members == 1
    assert (sizes[20].hidden, sizes[20].learning_rate, sizes[20].weight_decay) == ((32,), 2e-3, 0.3)
    assert (sizes[500].hidden, sizes[500].learning_rate, sizes[500].weight_decay) == ((64,), 1e-3, 0.1)
    assert settings("mlp", hidden=()).hidden == ()


@pytest.mark.parametrize(
    ("model", "task"), [("ridge", "regression"), ("ridge", "classification"), ("linear", "regression")]
)
def test_what_is_solved_takes_no_settings_of_a_training(model, task):
    with pytest.raises(ValueError, match=f"epochs is for what is trained, and {model} is solved; got 5"):
        settings(model, task, epochs=5)
    with pytest.raises(ValueError, match="learning_rate is for what is trained"):
        settings(model, task, learning_rate=0.1)
    assert settings("linear", "classification", epochs=5).epochs == 5


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
        ({"members": 0}, "members must be a positive integer"),
        ({"model": "ridge", "hidden": (), "members": 2}, "members is for mlp, ridge has one best fit, got 2"),
        ({"indicators": "some"}, "indicators must be 'telling', 'always' or 'never', got 'some'"),
        ({"patience": 0}, "patience must be a positive integer"),
        ({"refit": 1}, "refit must be True or False, got 1"),
    ],
)
def test_settings_that_no_training_could_take_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(settings("mlp"), **change)


def test_lists_are_tuples_as_json_gives_them():
    config = settings("mlp", drop=["a"], missing=["x"])
    record = {**dataclasses.asdict(config), "hidden": [32], "drop": ["a"], "missing": ["x"], "categorical": []}
    assert TableConfig(**record) == config
