"""Other sizes than those given: right for one batch, right where square."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule.audit import diagnosis
from chainrule.audit.checks.names import SIZES
from chainrule.audit.checks.sizes import check_sizes, right_where_square
from chainrule.audit.checks.values import check_values
from chainrule.audit.run import inputs_for
from tests.audit.helpers import PARAMS, RIGHT, WEIGHT, X, Y, checked, dense, dense_pullback, failures, hand

SQUARE, OTHER_SQUARE = X[:3], Y[:3]


def matmul(x, w):
    return x @ w


def matmul_pullback(d, x, w):
    return d @ w.T, x.T @ d


def wrong_weight(factor):
    """The cotangent of the weight times a factor of the batch's size."""
    return hand(matmul, lambda d, x, w: (d @ w.T, x.T @ d * factor(len(x))))


@pytest.mark.parametrize(
    ("f", "args"),
    [(RIGHT, (X, Y)), (hand(matmul, matmul_pullback), (X, WEIGHT)), (hand(dense, dense_pullback), (PARAMS, X))],
    ids=["product", "matmul", "dense"],
)
def test_a_right_derivative_passes_at_other_sizes(f, args):
    checks = checked(check_sizes, f, *args)
    assert len(checks) >= 2
    assert {check.name for check in checks} == {SIZES}
    assert not failures(checks)
    assert any("made 1" in check.case for check in checks)
    assert any("made 9" in check.case for check in checks)


@pytest.mark.parametrize(
    ("factor", "case"),
    [
        (lambda n: n / 4, "4 made 1"),
        (lambda n: 2.0 if n == 1 else 1.0, "4 made 1"),
        (lambda n: 1 + (n > 4), "4 made 9"),
    ],
    ids=["the batch in the code", "a batch of 1", "a larger batch"],
)
def test_right_for_the_batch_given_alone(factor, case):
    f = wrong_weight(factor)
    assert not failures(checked(check_values, f, X, WEIGHT))
    failed = [check for check in checked(check_sizes, f, X, WEIGHT) if not check.ok]
    assert any(case in check.case for check in failed)
    assert all(check.place.argument == 1 and check.diagnosis == diagnosis.BATCH for check in failed)


def test_what_raises_at_another_size_is_a_finding():
    f = hand(matmul, lambda d, x, w: (d @ w.T, x.T @ d.reshape(4, -1)))
    failed = [check for check in checked(check_sizes, f, X, WEIGHT) if not check.ok]
    assert failed
    assert all(check.figure == np.inf and "TypeError" in check.detail for check in failed)


def test_right_for_square_shapes_alone():
    """Both matrices are square: each has to be made oblong, for the mistake is at the second."""

    def pullback(d, x, w):
        return d @ w.T, (x.T @ d if w.shape[0] == w.shape[1] else 2 * x.T @ d)

    f = hand(matmul, pullback)
    assert not failures(checked(check_values, f, SQUARE, OTHER_SQUARE))
    failed = [check for check in checked(check_sizes, f, SQUARE, OTHER_SQUARE) if not check.ok]
    assert failed
    assert all(check.diagnosis == diagnosis.SQUARE and check.place.argument == 1 for check in failed)
    assert not failures(checked(check_sizes, hand(matmul, matmul_pullback), SQUARE, OTHER_SQUARE))


def test_right_where_square_tells_a_transpose_from_another_mistake():
    def traced(w):
        return (w * jnp.arange(1.0, w.shape[-1] + 1)).sum()

    def pullback(d, w):
        scale = jnp.arange(1.0, w.shape[-1] + 1) if w.shape[0] == w.shape[1] else jnp.ones(w.shape[-1])
        return (d * jnp.broadcast_to(scale, w.shape),)

    with jax.enable_x64(True):
        assert right_where_square(inputs_for(hand(traced, pullback), WEIGHT))
        assert not right_where_square(inputs_for(wrong_weight(lambda n: 2.0), X, WEIGHT))
        assert not right_where_square(inputs_for(RIGHT, SQUARE, OTHER_SQUARE)), "it is square as it is"


def test_labels_stay_within_what_they_count():
    """Classes must not become 1, for labels count along them."""

    def pick(logits, labels):
        return jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], -1)[:, 0]

    checks = checked(check_sizes, pick, X, np.array([0, 2, 1, 1], np.int32), vjp=lambda *a: jax.vjp(pick, *a))
    assert not failures(checks)
    assert not any("3 made 1" in check.case for check in checks)
    assert any("4 made 1" in check.case for check in checks)


def test_sizes_that_the_primal_does_not_take_are_passed_over():
    fixed = hand(lambda x: jnp.sin(x.reshape(4, 3)), lambda d, x: (d * jnp.cos(x),))
    assert checked(check_sizes, fixed, X) == []
    assert checked(check_sizes, jnp.sin, X) == [], "no referee"
