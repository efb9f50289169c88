from __future__ import annotations

import dataclasses
import shutil

import jax
import numpy as np
import pytest

from chainrule import data
from chainrule.recipes import RECIPES, images, read_run, run_folder, training
from chainrule.recipes.images import train_images

from . import tiny

pytestmark = pytest.mark.slow  # a whole training before the first of them

QUICK = RECIPES["digits"]["mlp"].changed(epochs=6)  # as the fixture: one compiled program serves both


@pytest.fixture(scope="module")
def digits():
    return data.digits()


def with_train(dataset, x=None, y=None):
    old_x, old_y = dataset.train
    return dataclasses.replace(dataset, train=(old_x if x is None else x, old_y if y is None else y))


def test_six_epochs_classify_most_digits(result):
    assert result.test_accuracy > 0.93
    assert len(result.run.history["loss"]) == 6


def test_test_metrics_are_those_of_the_probabilities(result):
    _, y = result.dataset.test
    p = result.test_probabilities
    assert p.dtype == np.float64
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    assert result.test_accuracy == (p.argmax(axis=1) == y).mean()
    assert result.test_accuracy == pytest.approx(result.run.history["validation_accuracy"][-1], abs=1e-6)
    # The loss that is trained is smoothed by e = 0.1: (1 - e) times the test loss, and e times the mean over classes.
    smoothed = 0.9 * result.test_loss + 0.1 * -np.log(p).mean()
    assert smoothed == pytest.approx(result.run.history["validation_loss"][-1], rel=1e-5)


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(digits):
    first, again = (train_images(QUICK, digits, progress=False) for _ in range(2))
    other = train_images(QUICK.changed(seed=1), digits, progress=False)
    for a, b, c in zip(*(jax.tree.leaves(r.run.params) for r in (first, again, other)), strict=True):
        np.testing.assert_array_equal(a, b)
        assert (np.asarray(a) != np.asarray(c)).any()


def test_hand_and_autodiff_learn_the_same(digits):
    hand = train_images(QUICK, digits, progress=False)
    autodiff = train_images(QUICK.changed(gradients="autodiff"), digits, progress=False)
    wrong = abs(hand.test_accuracy - autodiff.test_accuracy) * len(digits.test[1])
    assert wrong < 1.5  # one image at the most


@pytest.fixture(scope="module")
def lenet(tmp_path_factory):
    """A tiny LeNet: what training made, and its run folder."""
    result = train_images(tiny.LENET, tiny.few_digits(), progress=False)
    return result, run_folder.write_run(result, tmp_path_factory.mktemp("runs") / "lenet")


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    """A tiny ResNet, likewise."""
    result = train_images(tiny.RESNET, tiny.few_digits(), progress=False)
    return result, run_folder.write_run(result, tmp_path_factory.mktemp("runs") / "resnet")


@pytest.mark.slow
@pytest.mark.parametrize("network", [pytest.param("lenet", marks=pytest.mark.slow), "resnet"])
def test_a_convolutional_network_learns_and_is_read_back_as_it_was(request, network):
    result, folder = request.getfixturevalue(network)
    assert result.run.history["loss"][-1] < result.run.history["loss"][0]
    saved = read_run(folder)
    x, y = result.dataset.test
    np.testing.assert_array_equal(saved.probabilities(x), result.test_probabilities)
    assert result.test_accuracy == (result.test_probabilities.argmax(axis=1) == y).mean()
    assert saved.config == result.config
    assert (folder / "state.safetensors").exists() == (network == "resnet")


@pytest.mark.slow
def test_running_statistics_are_read_back_and_a_change_of_them_is_noticed(resnet, tmp_path):
    result, folder = resnet
    state = jax.tree.leaves(read_run(folder).state)
    assert len(state) == 2 * 3  # the means and variances of the stem and of two in the block
    for saved, trained in zip(state, jax.tree.leaves(result.run.state), strict=True):
        np.testing.assert_array_equal(saved, trained)
        assert not np.isin(np.asarray(saved), [0, 1]).any()  # a batch norm begins with these
    changed = shutil.copytree(folder, tmp_path / "run") / "state.safetensors"
    content = bytearray(changed.read_bytes())
    content[-2] ^= 1
    changed.write_bytes(content)
    with pytest.raises(ValueError, match=r"state\.safetensors: damaged or changed"):
        read_run(tmp_path / "run")


def test_dropout_and_augmentation_draw_by_the_seed_alone(lenet):
    again = train_images(tiny.LENET, tiny.few_digits(), progress=False)
    for a, b in zip(*(jax.tree.leaves(result.run.params) for result in (lenet[0], again)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_facts_say_what_is_done_to_the_images():
    facts = dict(images.facts(tiny.LENET, tiny.few_digits()))
    assert facts["augmentation"] == "turned up to 5 degrees, moved up to 0.5 pixels"
    assert "Dropout(0.2)" in facts["model"]
    assert "augmentation" not in dict(images.facts(tiny.RESNET, tiny.few_digits()))


@pytest.mark.parametrize(
    ("config", "change", "message"),
    [
        (tiny.LENET, {"hidden": (8, 8)}, r"hidden must be one width for lenet, got \(8, 8\)"),
        (tiny.LENET, {"channels": ()}, r"channels must be one width or more for lenet, got \(\)"),
        (tiny.RESNET, {"hidden": (8,)}, r"hidden must be empty for resnet, got \(8,\)"),
        (tiny.RESNET, {"dropout": 0.1}, r"dropout must be 0 for resnet, got 0\.1"),
        (QUICK, {"channels": (8,)}, r"channels must be empty for mlp, got \(8,\)"),
    ],
)
def test_settings_of_another_network_are_refused(config, change, message):
    with pytest.raises(ValueError, match=message):
        config.changed(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dropout": 1.0}, r"rate must be .*\[0, 1\)"),
        ({"scale": 1.0}, "scale must be below 1"),
        ({"degrees": -1.0}, "degrees must be a finite number, at least 0"),
    ],
)
def test_strengths_that_layers_and_augmentation_refuse(change, message):
    with pytest.raises(ValueError, match=message):
        train_images(tiny.LENET.changed(**change), tiny.few_digits(), progress=False)


def test_weight_decay_reads_0_where_the_optimiser_has_none():
    config = RECIPES["mnist"]["mlp"]
    assert training.without_idle_settings(config).weight_decay == 0.1
    assert training.without_idle_settings(config.changed(optimizer="sgd")).weight_decay == 0


def test_the_cosine_schedule_ends_at_0_with_the_last_step():
    optimizer = training.optimizer_of(RECIPES["mnist"]["mlp"], 1260)
    assert float(optimizer.learning_rate(0)) == pytest.approx(3e-3)
    assert float(optimizer.learning_rate(630)) == pytest.approx(1.5e-3)
    assert float(optimizer.learning_rate(1260)) == 0
    assert optimizer.weight_decay == 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": -0.1}, "learning_rate must be at least 0 and finite, got -0.1"),
        ({"learning_rate": -0.1, "schedule": "cosine"}, "learning_rate must be at least 0 and finite, got -0.1"),
        ({"optimizer": "adamm"}, "name must be one of sgd, .*, got 'adamm'"),
        ({"batch_size": 1438}, "batch_size must be at most the number of examples, 1437, got 1438"),
        ({"label_smoothing": 1.0}, "label_smoothing must be in"),
        ({"weight_decay": -1.0, "optimizer": "adamw"}, "weight_decay must be at least 0"),
        ({"data": "weather"}, "data must be one of digits, mnist, got 'weather'"),
    ],
)
def test_settings_that_the_library_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        train_images(QUICK.changed(**change), progress=False)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda x, y: (x[:, :, 0], y), "validation data: x must have examples of shape"),
        (lambda x, y: (x[:-1], y), "x and y must have as many examples, got 1436 and 1437"),
        (lambda x, y: ((x * 16).astype(np.int32), y), "x must be of floating-point numbers, got int32"),
        (lambda x, y: (x, np.where(np.arange(len(y)) == 5, 10, y)), r"labels from 0 to 9, got 10 at y\[5\]"),
        (lambda x, y: (x, y - 1), "labels from 0 to 9, got -1"),
        (lambda x, y: (x[:0], y[:0]), "must have at least one example"),
        (lambda x, y: (np.where(x == 1, np.nan, x).astype(np.float32), y), "x must be finite, got NaN or infinity in"),
    ],
    ids=["shape", "lengths", "integers", "label above", "label below", "empty", "nan"],
)
def test_data_that_the_library_refuses(digits, damage, message):
    x, y = damage(*digits.train)
    with pytest.raises(ValueError, match=message):
        train_images(QUICK, with_train(digits, x, y), progress=False)


def test_a_loss_that_does_not_stay_finite_is_an_error(digits):
    config = QUICK.changed(learning_rate=1e30)
    with pytest.raises(ValueError, match="loss is not finite from epoch 1 on: try a smaller learning rate"):
        train_images(config, digits, progress=False)


def test_probabilities_do_not_overflow():
    outputs = np.array([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0]], np.float32)
    np.testing.assert_allclose(np.exp(images._log_softmax(outputs)), [[1, 0, 0], [1 / 3] * 3], rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "model", "seeds", "least", "in_the_mean"),
    [
        ("mnist", "mlp", 3, 0.95, 0.96),
        ("mnist", "lenet", 2, 0.985, 0.985),
        ("mnist", "resnet", 1, 0.98, 0.98),
        ("digits", "mlp", 3, 0.95, 0.97),
        ("digits", "resnet", 3, 0.98, 0.985),
    ],
)
def test_a_recipe_reaches_its_accuracy(recipe, model, seeds, least, in_the_mean):
    config = RECIPES[recipe][model]
    accuracies = [train_images(config.changed(seed=s), progress=False).test_accuracy for s in range(seeds)]
    assert np.mean(accuracies) >= in_the_mean, accuracies
    assert min(accuracies) >= least, accuracies
