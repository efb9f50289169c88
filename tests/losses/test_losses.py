"""Losses: against PyTorch's stored values, properties, extremes, and bad input."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import losses

from ..helpers import TORCH

pytestmark = pytest.mark.usefixtures("quick_compilation")

ELEMENTWISE = ("mean_squared_error", "mean_absolute_error", "huber", "binary_cross_entropy")


@functools.cache
def by_hand():
    """Outputs and gradients of all stored cases, from one compiled program."""

    def run():
        found = []
        for case in TORCH["losses"]:
            arrays = [jnp.asarray(array) for array in case["inputs"]]
            if "weights" in case:
                arrays.append(jnp.asarray(case["weights"]))
            y, pullback = getattr(losses, case["name"]).vjp(*arrays, **case["static"])
            found.append((y, pullback(jnp.asarray(case["cotangent"]))[:2]))
        return found

    with jax.enable_x64(True):
        found = jax.jit(run)()
        return [(np.asarray(y), d) for y, d in found]


def named(case):
    kind = ["weighted"] if "weights" in case else []
    kind += ["integer labels"] if case["gradients"][1] is None else []
    return " ".join([case["name"], *kind, *(f"{key}={value}" for key, value in case["static"].items())])


@pytest.mark.parametrize("number", range(len(TORCH["losses"])), ids=map(named, TORCH["losses"]))
def test_values_and_gradients_are_those_of_pytorch(number):
    case = TORCH["losses"][number]
    y, (d_predictions, d_targets) = by_hand()[number]
    np.testing.assert_allclose(y, case["output"], rtol=1e-12)
    np.testing.assert_allclose(d_predictions, case["gradients"][0], rtol=1e-12, atol=1e-16)
    if case["gradients"][1] is None:
        assert d_targets.dtype == jax.dtypes.float0
    elif case["static"].get("label_smoothing"):
        # PyTorch smooths towards e / C, we towards e s / C with s the sum of the labels: the same for labels that sum to
        # 1, but not the same derivative. Along directions that keep the sum, the two agree.
        ours, theirs = (np.asarray(d) for d in (d_targets, case["gradients"][1]))
        difference = ours - theirs
        np.testing.assert_allclose(difference - difference.mean(-1, keepdims=True), 0, atol=1e-12)
    else:
        np.testing.assert_allclose(d_targets, case["gradients"][1], rtol=1e-12, atol=1e-16)


def test_every_loss_and_reduction_has_stored_values():
    stored = {(case["name"], case["static"]["reduction"]) for case in TORCH["losses"]}
    assert stored == {(n, r) for n in (*ELEMENTWISE, "cross_entropy") for r in ("mean", "sum", "none")}


# ----------------------------------------------------------------------------------------------------------------------
# Properties
# ----------------------------------------------------------------------------------------------------------------------

few = settings(max_examples=12, deadline=None, derandomize=True, database=None)
shapes = st.sampled_from([(4, 3), (2, 3, 5), (1, 2), (3, 1)])
seeds = st.integers(0, 2**32 - 1)


@functools.partial(jax.jit, static_argnums=2)
def cross_entropy(logits, labels, smoothing):
    each, pullback = losses.cross_entropy.vjp(logits, labels, label_smoothing=smoothing, reduction="none")
    return each, pullback(jnp.ones_like(each))[0]


@few
@given(shapes, seeds, st.sampled_from([1e-2, 1.0, 100.0]), st.sampled_from([0.0, 0.3]))
def test_cross_entropy_of_integer_labels(shape, seed, scale, smoothing):
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        logits, labels = scale * rng.normal(size=shape), rng.integers(0, shape[-1], size=shape[:-1])
        each, d_logits = map(np.asarray, cross_entropy(logits, labels, smoothing))
        assert each.shape == shape[:-1]
        assert (each >= 0).all()
        np.testing.assert_allclose(d_logits.sum(-1), 0, atol=1e-13)  # p and q both sum to 1
        picked = np.take_along_axis(d_logits, labels[..., None], -1)
        # p <= 1 at the label, so the slope is at most 1 - q; without smoothing it cannot be positive.
        assert (picked <= smoothing + 1e-13).all()
        # A shift of the logits changes nothing, and one-hot labels are the same labels.
        shifted = cross_entropy(logits + 512.0, labels, smoothing)[0]
        np.testing.assert_allclose(shifted, each, rtol=1e-9, atol=1e-11)
        one_hot = cross_entropy(logits, np.eye(shape[-1])[labels], smoothing)
        np.testing.assert_allclose(one_hot[0], each, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(one_hot[1], d_logits, rtol=1e-11, atol=1e-12)


@few
@given(shapes, seeds)
def test_cross_entropy_of_soft_labels_is_least_at_the_labels(shape, seed):
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        q = rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
        entropy = -(q * np.log(q)).sum(-1)
        each, d_logits = cross_entropy(np.log(q), q, 0.0)
        np.testing.assert_allclose(each, entropy, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(d_logits, 0, atol=1e-13)
        assert (np.asarray(cross_entropy(rng.normal(size=shape), q, 0.0)[0]) >= entropy - 1e-12).all()


@functools.partial(jax.jit, static_argnums=0)
def elementwise(name, p, t):
    value, pullback = getattr(losses, name).vjp(p, t)
    return value, pullback(jnp.ones_like(value))


@pytest.mark.parametrize("name", ["mean_squared_error", "mean_absolute_error", "huber"])
@few
@given(seeds)
def test_regression_losses_are_even_in_the_difference(name, seed):
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        p, t = rng.normal(size=(2, 3, 4))
        value, (d_p, d_t) = elementwise(name, p, t)
        swapped, (s_p, s_t) = elementwise(name, t, p)
        assert value == swapped >= 0
        np.testing.assert_array_equal(d_p, -np.asarray(d_t))
        np.testing.assert_array_equal(d_p, s_t)
        np.testing.assert_array_equal(d_t, s_p)
        assert elementwise(name, p, p)[0] == 0


def test_huber_lies_between_the_two_errors_that_it_joins():
    with jax.enable_x64(True):
        p, t = jnp.array([0.3, 5.0, -5.0]), jnp.zeros(3)
        each = losses.huber(p, t, delta=1.0, reduction="none")
        np.testing.assert_allclose(each, [0.045, 4.5, 4.5], rtol=1e-14)
        (slopes, _) = losses.huber.vjp(p, t, delta=1.0, reduction="none")[1](jnp.ones(3))
        np.testing.assert_allclose(slopes, [0.3, 1.0, -1.0], rtol=1e-14)
        np.testing.assert_allclose(losses.huber(p, t, delta=100.0), losses.mean_squared_error(p, t) / 2, rtol=1e-14)


def test_binary_cross_entropy_is_cross_entropy_of_two_classes(rng):
    with jax.enable_x64(True):
        z, t = jnp.asarray(rng.normal(size=6)), jnp.asarray(rng.uniform(size=6))
        two = losses.cross_entropy(jnp.stack([jnp.zeros(6), z], -1), jnp.stack([1 - t, t], -1))
        np.testing.assert_allclose(losses.binary_cross_entropy(z, t), two, rtol=1e-13)


# ----------------------------------------------------------------------------------------------------------------------
# Reductions and weights
# ----------------------------------------------------------------------------------------------------------------------


def test_a_mask_leaves_examples_out():
    @jax.jit
    def run(logits, labels, *weights):
        value, pullback = losses.cross_entropy.vjp(logits, labels, *weights)
        return value, pullback(jnp.ones_like(value))[0]

    with jax.enable_x64(True):
        logits, labels = np.array([[1.0, 2.0], [0.0, 5.0], [3.0, 1.0]]), np.array([0, 0, 1])
        masked, d_masked = map(np.asarray, run(logits, labels, np.array([1.0, 0.0, 1.0])))
        kept, d_kept = map(np.asarray, run(logits[::2], labels[::2]))
        np.testing.assert_allclose(masked, kept, rtol=1e-14)
        np.testing.assert_array_equal(d_masked[1], 0)
        np.testing.assert_allclose(d_masked[::2], d_kept, rtol=1e-14)


def test_weights_of_nothing_make_nan_and_not_a_number():
    assert np.isnan(losses.mean_squared_error(jnp.ones(3), jnp.zeros(3), jnp.zeros(3)))
    assert losses.mean_squared_error(jnp.ones(3), jnp.zeros(3), jnp.zeros(3), reduction="sum") == 0


def test_reductions_are_one_another_times_the_count():
    p, t = jnp.array([[1.0, -2.0, 3.0]]), jnp.zeros((1, 3))
    assert losses.mean_squared_error(p, t) == pytest.approx(14 / 3)
    assert losses.mean_squared_error(p, t, reduction="sum") == 14
    np.testing.assert_array_equal(losses.mean_squared_error(p, t, reduction="none"), [[1, 4, 9]])


def test_losses_say_what_they_are():
    assert repr(losses.cross_entropy) == losses.cross_entropy.name == "cross_entropy"
    assert list(losses.cross_entropy.signature.parameters) == [
        "logits",
        "labels",
        "weights",
        "reduction",
        "label_smoothing",
    ]
    assert losses.huber.__doc__.startswith("Huber's error")
    assert losses.huber.bind(delta=2.0) == losses.huber.bind(delta=2.0) != losses.huber.bind(delta=3.0)


# ----------------------------------------------------------------------------------------------------------------------
# The extremes in float32, and the naive forms that break there
# ----------------------------------------------------------------------------------------------------------------------

FAR = np.array([-1e4, -100, -1, 0, 1, 100, 1e4], np.float32)


@functools.cache
def at_the_extremes():
    z, t = FAR, np.array([1, 0, 0.5, 1, 0, 1, 0], np.float32)
    logits = np.stack([FAR, FAR[::-1], np.roll(FAR, 3)])
    soft = np.full_like(logits, 1 / 7)

    def run(z, t, logits, soft):
        cases = dict.fromkeys(ELEMENTWISE, (z, t))
        cases |= {"cross_entropy": (logits, jnp.array([0, 0, 5])), "soft": (logits, soft)}
        found = {}
        for name, args in cases.items():
            loss = losses.cross_entropy.bind(label_smoothing=0.1) if name == "soft" else getattr(losses, name)
            value, pullback = loss.vjp(*args)
            found[name] = value, pullback(jnp.ones_like(value))[0]
        return found

    return jax.jit(run)(z, t, logits, soft)


@pytest.mark.parametrize("name", [*ELEMENTWISE, "cross_entropy", "soft"])
def test_finite_at_the_extremes(name):
    value, d_predictions = at_the_extremes()[name]
    assert value.dtype == d_predictions.dtype == jnp.float32
    assert np.isfinite(value)
    assert np.isfinite(d_predictions).all()
    assert np.abs(d_predictions).max() > 0


def test_naive_cross_entropy_breaks_where_ours_does_not():
    logits = np.array([100.0, 0.0], np.float32)
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.exp(logits).sum()
        assert np.isnan(-np.log(p[0]))  # overflow
        p = np.exp(logits - 105) / np.exp(logits - 105).sum()
        assert np.isinf(-np.log(np.float32(p[1])))  # underflow: the loss of the second class is 100, not infinite
    found, pullback = losses.cross_entropy.vjp(jnp.asarray(logits), jnp.array(1))
    assert found == 100
    np.testing.assert_array_equal(pullback(jnp.ones(()))[0], [1, -1])


def test_naive_binary_cross_entropy_breaks_where_ours_does_not():
    z = np.float32(30)
    s = np.float32(1) / (1 + np.exp(-z))
    with np.errstate(all="ignore"):
        assert np.isinf(-np.log(1 - s))  # 1 - s is 0 in float32
    assert losses.binary_cross_entropy(jnp.asarray(z), jnp.zeros(())) == 30


# ----------------------------------------------------------------------------------------------------------------------
# Bad input
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_what_cannot_be_compared_is_refused(name):
    loss = getattr(losses, name)
    where = {"mean_squared_error": "squared_error", "mean_absolute_error": "absolute_error"}.get(name, name)
    p = jnp.ones((4, 3))
    with pytest.raises(ValueError, match=rf"{where}: shapes must be equal, got \w+ \[4, 3\], \w+ \[4, 1\]"):
        loss(p, jnp.ones((4, 1)))  # nothing is broadcast
    with pytest.raises(ValueError, match=rf"{where}: dtypes must be equal, got \w+ float32, \w+ bfloat16"):
        loss(p, p.astype(jnp.bfloat16))
    with pytest.raises(ValueError, match=rf"{where}: \w+ must be of floating-point numbers, got int32\[4, 3\]"):
        loss(p.astype(jnp.int32), p)
    with pytest.raises(ValueError, match=rf"{where}: \w+ must be of floating-point numbers, got int32\[4, 3\]"):
        loss(p, p.astype(jnp.int32))
    with pytest.raises(ValueError, match="weights of a loss: shapes must be equal"):
        loss(p, p, jnp.ones(4))
    with pytest.raises(ValueError, match="weights of a loss: dtypes must be equal"):
        loss(p, p, jnp.ones((4, 3), jnp.bfloat16))
    with pytest.raises(ValueError, match="reduction must be one of mean, sum, none, got 'median'"):
        loss(p, p, reduction="median")


@pytest.mark.parametrize("delta", [0.0, -1.0, float("nan")])
def test_a_delta_that_is_not_positive_is_refused(delta):
    with pytest.raises(ValueError, match="huber: delta must be positive, got"):
        losses.huber(jnp.ones(3), jnp.ones(3), delta=delta)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, 1.5, float("nan")])
def test_a_smoothing_outside_0_to_1_is_refused(smoothing):
    with pytest.raises(ValueError, match=r"label_smoothing must be in \[0, 1\), got"):
        losses.cross_entropy(jnp.ones((2, 3)), jnp.array([0, 1]), label_smoothing=smoothing)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_labels_are_integers_of_any_kind(dtype):
    found, pullback = losses.cross_entropy.vjp(jnp.zeros((2, 3)), np.array([0, 2], dtype))
    assert found == pytest.approx(np.log(3))
    d_logits, d_labels = pullback(1.0)
    np.testing.assert_allclose(d_logits, (1 / 3 - np.eye(3)[[0, 2]]) / 2, rtol=1e-6)
    assert d_labels.dtype == jax.dtypes.float0


@pytest.mark.parametrize(("labels", "named"), [([0, 3], 3), ([-1, 0], -1), ([0, 255], 255)])
def test_labels_out_of_range_are_refused(labels, named):
    with pytest.raises(ValueError, match=rf"cross_entropy: labels must be in \[0, 3\), got {named}"):
        losses.cross_entropy(jnp.ones((2, 3)), jnp.array(labels))
    with pytest.raises(ValueError, match=rf"labels must be in \[0, 3\), got {named}"):
        losses.cross_entropy.vjp(jnp.ones((2, 3)), np.array(labels))


def test_labels_out_of_range_are_nan_in_a_compiled_program():
    @jax.jit
    def run(labels):
        each, pullback = losses.cross_entropy.vjp(jnp.ones((4, 3)), labels, reduction="none")
        return each, losses.cross_entropy(jnp.ones((4, 3)), labels, label_smoothing=0.1), pullback(each)[0]

    each, mean, d_logits = map(np.asarray, run(jnp.array([0, 3, -1, 2])))
    np.testing.assert_array_equal(np.isnan(each), [False, True, True, False])
    assert np.isnan(mean)
    np.testing.assert_allclose(each[[0, 3]], np.log(3), rtol=1e-6)
    np.testing.assert_allclose(d_logits[0], np.log(3) * np.array([-2 / 3, 1 / 3, 1 / 3]), rtol=1e-5)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (jnp.ones((4, 3)), jnp.zeros(3, int), r"shape of logits without the last axis, \[4\], got int32\[3\]"),
        (jnp.ones((4, 3)), jnp.zeros((4, 1), int), r"\[4\], got int32\[4, 1\]"),
        (jnp.ones((4, 3)), jnp.ones((4, 2)), r"shapes must be equal, got logits \[4, 3\], labels \[4, 2\]"),
        (jnp.ones((4, 3)), jnp.ones(4), r"shapes must be equal"),
        (jnp.ones((4, 3)), jnp.ones((4, 3), jnp.bfloat16), "dtypes must be equal, got logits float32, labels bfloat16"),
        (jnp.ones((4, 3), int), jnp.zeros(4, int), r"logits must be of floating-point numbers, got int32\[4, 3\]"),
        (jnp.ones(()), jnp.zeros((), int), r"logits must be \(\.\.\., classes\), got float32\[\]"),
        (jnp.ones((4, 0)), jnp.zeros(4, int), r"logits must be \(\.\.\., classes\), got float32\[4, 0\]"),
        (jnp.ones((4, 3)), jnp.ones(4, bool), r"labels must be of floating-point numbers, got bool\[4\]"),
    ],
)
def test_logits_and_labels_that_do_not_fit_are_refused(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        losses.cross_entropy(logits, labels)


@pytest.mark.parametrize(
    ("dtype", "classes"), [(np.uint8, 256), (np.int8, 128), pytest.param(np.uint16, 300, marks=pytest.mark.slow)]
)
def test_narrow_labels_do_not_wrap(dtype, classes):
    labels = np.array([3, classes - 1], dtype)
    loss, pullback = jax.jit(losses.cross_entropy.vjp)(jnp.zeros((2, classes)), labels)
    np.testing.assert_allclose(loss, np.log(classes), rtol=1e-6)
    d_logits, _ = pullback(1.0)
    np.testing.assert_allclose(d_logits[1, classes - 1], (1 / classes - 1) / 2, rtol=1e-6)


def test_the_mean_of_many_losses_in_half_precision_does_not_overflow():
    predictions, targets = jnp.full(70_000, 2, jnp.float16), jnp.zeros(70_000, jnp.float16)
    assert losses.mean_squared_error(predictions, targets) == 4.0
