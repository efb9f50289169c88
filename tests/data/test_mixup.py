"""Mixup: examples and labels mixed in one proportion, drawn from a beta distribution, by key."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from chainrule import data

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(5)
LABELS = np.arange(6, dtype=np.int32)


def test_examples_and_labels_are_mixed_alike():
    """With one-hot rows as the examples, x and labels must come out the same."""
    x, q = data.mixup(KEY, np.eye(6, dtype=np.float32), LABELS, alpha=1.0, classes=6)
    np.testing.assert_array_equal(x, q)
    np.testing.assert_allclose(q.sum(-1), 1, rtol=1e-6)
    assert (x.sum(0) > 0.999).all()  # a permutation: each example is used as often as any other
    share = float(np.max(np.diagonal(q)))
    assert set(np.round(np.unique(q), 5)) <= {0, 1, np.round(np.float32(share), 5), np.round(np.float32(1 - share), 5)}


def test_soft_labels_are_mixed_as_integer_labels_are_and_images_keep_their_shape():
    x = np.eye(6, dtype=np.float32)
    hard, _ = data.mixup(KEY, x, LABELS, alpha=0.5, classes=6)
    mixed, soft = data.mixup(KEY, x, x, alpha=0.5)
    np.testing.assert_array_equal(mixed, hard)
    np.testing.assert_array_equal(soft, hard)
    shapes = jax.eval_shape(lambda x: data.mixup(KEY, x, LABELS, classes=7), jnp.ones((6, 4, 3, 1)))
    assert [part.shape for part in shapes] == [(6, 4, 3, 1), (6, 7)]


def test_the_key_decides():
    x = np.eye(6, dtype=np.float32)
    first, again, other = (data.mixup(key, x, LABELS, classes=6)[0] for key in (KEY, KEY, jax.random.key(6)))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.slow
def test_the_share_follows_the_beta_distribution():
    keys = jax.random.split(KEY, 2000)
    x, y = jnp.asarray([[0.0], [1.0]]), jnp.zeros(2, jnp.int32)
    mixed, _ = jax.vmap(lambda key: data.mixup(key, x, y, alpha=0.4, classes=1))(keys)
    # The permutation of two leaves both as they are half of the time; else the first is 1 - t and the second t.
    shares = np.asarray(mixed[:, 1, 0])[np.asarray(mixed[:, 0, 0]) != 0]
    assert 800 < len(shares) < 1200
    assert stats.kstest(shares, stats.beta(0.4, 0.4).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.mixup(KEY, jnp.ones((5, 2)), LABELS, classes=6), "x and y must have as many examples"),
        (lambda: data.mixup(KEY, jnp.ones((6, 2)), LABELS), "integer labels need the number of classes"),
        (lambda: data.mixup(KEY, jnp.ones((6, 2)), LABELS, classes=5), r"labels must be in \[0, 5\), got 5"),
        (lambda: data.mixup(KEY, jnp.ones((6, 2)), -LABELS, classes=6), r"labels must be in \[0, 6\), got -5"),
        (lambda: data.mixup(KEY, jnp.ones((6, 2)), jnp.ones(6)), r"y must be \(batch, classes\) probabilities"),
        (lambda: data.mixup(KEY, jnp.ones((6, 2)), jnp.ones((6, 3)), classes=4), "classes is 4, but y has 3 of them"),
        (lambda: data.mixup(KEY, jnp.ones((6, 2)), LABELS[:, None], classes=6), r"integer labels must be \(batch,\)"),
        (lambda: data.mixup(KEY, jnp.ones((6, 2)), LABELS, alpha=0.0, classes=6), "alpha must be positive, got 0.0"),
        (lambda: data.mixup(0, jnp.ones((6, 2)), LABELS, classes=6), "key must be a single random key.*got int"),
        (lambda: data.mixup(KEY, LABELS, LABELS, classes=6), "x must be of floating-point numbers, got int32"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
