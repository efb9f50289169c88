from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest

from chainrule.recipes import RECIPES, autoencoder, read_run, write_run
from chainrule.recipes.autoencoder import principal_components, train_autoencoder

from . import tiny

pytestmark = pytest.mark.slow  # a whole training before the first of them


@pytest.fixture(scope="module")
def result():
    return train_autoencoder(tiny.AUTOENCODER, tiny.few_digits(), progress=False)


@pytest.fixture(scope="module")
def written(result, tmp_path_factory):
    return write_run(result, tmp_path_factory.mktemp("runs") / "autoencoder")


def test_it_draws_the_test_images_better_than_their_mean(result):
    x, _ = result.dataset.test
    assert result.test_error < 0.9 * result.mean_error
    assert result.test_codes.shape == (60, 2)
    assert result.test_reconstructions.shape == x.shape
    assert 0 <= result.test_reconstructions.min() < result.test_reconstructions.max() <= 1
    assert result.test_error == pytest.approx(np.mean((result.test_reconstructions.astype(float) - x) ** 2), rel=1e-12)
    assert result.test_error == pytest.approx(result.run.history["validation_loss"][-1], rel=1e-5)


def test_the_baselines_are_those_of_the_training_images(result):
    (x, _), (test_x, _) = result.dataset.train, result.dataset.test
    rows, test_rows = (images.reshape(len(images), -1).astype(float) for images in (x, test_x))
    mean = rows.mean(axis=0)
    _, _, directions = np.linalg.svd(rows - mean)
    onto = directions[:2].T @ directions[:2]
    assert result.pca_error == pytest.approx(np.mean((test_rows - mean - (test_rows - mean) @ onto) ** 2), rel=1e-9)
    assert result.mean_error == pytest.approx(np.mean((test_rows - mean) ** 2), rel=1e-12)


def test_principal_components_are_orthonormal_and_in_the_order_of_their_variance():
    x = np.random.default_rng(0).normal(size=(200, 3, 2)) * np.array([[1, 5], [2, 0.1], [3, 4]]) + 7
    mean, directions = principal_components(x, 3)
    np.testing.assert_allclose(mean, x.reshape(200, 6).mean(axis=0))
    np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-12)
    np.testing.assert_array_equal(np.abs(directions).argmax(axis=0), [1, 5, 4])
    _, everything = principal_components(x, 6)
    np.testing.assert_allclose(everything @ everything.T, np.eye(6), atol=1e-12)


def test_a_run_that_is_read_back_encodes_and_decodes_the_same(result, written):
    saved = read_run(written)
    x, _ = result.dataset.test
    assert saved.config == result.config
    np.testing.assert_array_equal(saved.encode(x), result.test_codes)
    np.testing.assert_array_equal(saved.decode(result.test_codes), result.test_reconstructions)
    with pytest.raises(ValueError, match=r"images must be \[n, 8, 8, 1\], got \[60, 8, 8\]"):
        saved.encode(x[..., 0])
    with pytest.raises(ValueError, match=r"codes must be \[n, 2\], got \[60\]"):
        saved.decode(result.test_codes[:, 0])


def test_the_folder_holds_the_errors_and_the_pictures(result, written):
    record = json.loads((written / "config.json").read_text())
    assert record["kind"] == "autoencoder"
    assert record["results"]["test_squared_error"] == result.test_error
    assert record["results"]["pca_squared_error"] == result.pca_error
    for name in ("curves.png", "reconstructions.png", "latent.png"):
        assert (written / name).read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="is a run of autoencoder, and one of images is needed"):
        read_run(written, kind="images")


def test_the_table_says_what_share_of_the_variance_is_kept(result):
    _, rows = result.table()
    assert [row[0] for row in rows] == ["autoencoder", "PCA, 2 components", "mean image"]
    assert rows[0][1] == f"{result.test_error:.5f}"
    assert rows[0][2] == f"{100 - 100 * result.test_error / result.mean_error:.1f} %"
    assert rows[2][2] == "0.0 %"


def test_only_two_numbers_make_a_plane(result):
    of_three = dataclasses.replace(result, config=result.config.changed(latent=3))
    assert set(of_three.pictures()) == {"curves.png", "reconstructions.png"}


@pytest.mark.slow
def test_cross_entropy_is_trained_on_logits_and_drawn_in_pixels():
    config = tiny.AUTOENCODER.changed(loss="cross_entropy", latent=3)
    result = train_autoencoder(config, tiny.few_digits(), progress=False)
    x, p = result.dataset.test[0].astype(float), result.test_reconstructions.astype(float)
    assert 0 < p.min() < p.max() < 1
    loss = -np.mean(x * np.log(p) + (1 - x) * np.log1p(-p))
    assert result.run.history["validation_loss"][-1] == pytest.approx(loss, rel=1e-4)
    assert result.test_error < result.mean_error
    facts = dict(autoencoder.facts(config, result.dataset))
    assert "cross-entropy of a pixel" in facts["training"]
    assert "128 training and 60 test images of 8x8" in facts["data"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latent": 0}, "latent must be a positive integer, got 0"),
        ({"hidden": (3, -1)}, "each width in hidden must be a positive integer, got -1"),
        ({"loss": "hinge"}, "loss must be 'squared_error' or 'cross_entropy', got 'hinge'"),
        ({"model": "mlp"}, "model must be 'autoencoder', got 'mlp'"),
    ],
)
def test_settings_that_no_training_could_take_are_refused(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        tiny.AUTOENCODER.changed(**change)


@pytest.mark.slow
def test_mnist_in_two_numbers_is_drawn_better_than_by_two_principal_components():
    for seed in range(2):
        result = train_autoencoder(RECIPES["autoencoder"]["autoencoder"].changed(seed=seed), progress=False)
        assert result.test_error < 0.047
        assert result.test_error < 0.85 * result.pca_error
