"""The hand path never calls JAX's differentiation: with all of it made to raise, networks train by hand all the same."""

from __future__ import annotations

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import jvp as jvp_imported_early
from jax import vjp as vjp_imported_early
from jax._src.interpreters import ad

from chainrule import audit, chain, layers, losses, models, ops, optim, residual, train
from chainrule.rule import rule
from tests.helpers import random_like

pytestmark = pytest.mark.usefixtures("quick_compilation")

# The names of jax.* that differentiate.
PUBLIC = [
    "grad",
    "value_and_grad",
    "vjp",
    "jvp",
    "linearize",
    "jacfwd",
    "jacrev",
    "jacobian",
    "hessian",
    "linear_transpose",
    "fwd_and_bwd",
    "vjp3",
    "saved_input_vjp",
    "checkpoint",
    "remat",
]
# What they all end in, whoever calls it and under whatever name it was imported. Releases of JAX differ in these.
LOW_LEVEL = [
    "jvp",
    "vjp",
    "linearize",
    "linearize_jaxpr",
    "linearize_subtrace",
    "linearize_subtrace_2",
    "linearize_from_jvp",
    "jvp_jaxpr",
    "jvp_subtrace",
    "jvp_subtrace_2",
    "linear_jvp",
    "linear_transpose",
    "linear_transpose2",
    "backward_pass",
    "backward_pass3",
    "closed_backward_pass",
]
CLASSES = [jax.custom_jvp, jax.custom_vjp]

# Every loss, with targets that fit it and a share of the activations.
LABELS = ("cross_entropy",)
LOSSES = {
    "cross_entropy": ["sigmoid", "tanh", "relu"],
    "mean_squared_error": ["leaky_relu", "elu", "selu"],
    "mean_absolute_error": ["gelu", "gelu_tanh"],
    "huber": ["silu", "softplus", "hard_swish"],
    "binary_cross_entropy": ["softmax", "log_softmax"],
    "perceptron_loss": ["relu"],
}


ACTIVATIONS = {name: getattr(ops, name) for names in LOSSES.values() for name in names}
ACTIVATIONS["leaky_relu"] = ops.leaky_relu.bind(negative_slope=0.2)
RULES = {entry.name: entry for entry in audit.rules()}


class Differentiated(Exception):  # noqa: N818
    """JAX's differentiation was called."""


def refuse(name):
    def refused(*args, **kwargs):
        raise Differentiated(name)

    return refused


def patched(public=True, low_level=True):
    """A monkeypatch under which differentiation raises, and the names that it covers."""
    patch, names = pytest.MonkeyPatch(), []
    if public:
        for name in PUBLIC:
            for module in (jax, jax._src.api):
                if hasattr(module, name):
                    patch.setattr(module, name, refuse(f"jax.{name}"))
                    names.append(f"jax.{name}")
        for cls in CLASSES:
            for method in ("__init__", "__call__"):
                patch.setattr(cls, method, refuse(f"jax.{cls.__name__}"))
                names.append(f"jax.{cls.__name__}")
    if low_level:
        for name in LOW_LEVEL:
            if hasattr(ad, name):
                patch.setattr(ad, name, refuse(f"ad.{name}"))
                names.append(f"ad.{name}")
        for name in ("JVPTrace", "LinearizeTrace"):
            if hasattr(ad, name):
                patch.setattr(getattr(ad, name), "__init__", refuse(f"ad.{name}"))
                names.append(f"ad.{name}")
    return patch, set(names)


@contextlib.contextmanager
def no_differentiation(**which):
    patch, _ = patched(**which)
    try:
        yield
    finally:
        patch.undo()


def loss_named(name):
    return models.perceptron_loss if name == "perceptron_loss" else getattr(losses, name)


def tiny(loss, seed=0):
    """A network with the activations that go with a loss, and a few examples for it."""
    rng = np.random.default_rng(seed)
    dense = layers.Dense(3, weight_init=layers.zeros)  # quick to compile; the numbers are none of this test's business
    hidden = [part for name in LOSSES[loss] for part in (dense, ACTIVATIONS[name])]
    model = chain(ops.flatten, *hidden, residual(ops.tanh), layers.Dense(3 if loss in LABELS else 1))
    x = rng.normal(size=(4, 2, 1)).astype(np.float32)
    y = rng.integers(0, 3, 4) if loss in LABELS else rng.integers(0, 2, (4, 1)).astype(np.float32)
    return model, x, y


def fit(loss, gradients, seed=0):
    model, x, y = tiny(loss, seed)
    options = {"epochs": 2, "key": jax.random.key(0), "batch_size": 2, "progress": False}
    return train.fit(model, loss_named(loss), optim.sgd(0.01), (x, y), gradients=gradients, **options)


def jaxpr_of(model, loss, x, y, gradients):
    params, state = jax.eval_shape(lambda: model.init(jax.random.key(0), x.shape[1:]))
    return str(
        jax.make_jaxpr(lambda p: train.loss_and_gradients(model, loss, p, state, x, y, gradients=gradients))(params)
    )


def test_the_patches_cover_what_there_is():
    patch, names = patched()
    patch.undo()
    assert {"jax.grad", "jax.value_and_grad", "jax.vjp", "jax.jvp", "jax.linearize"} <= names
    assert {"jax.jacfwd", "jax.jacrev", "jax.hessian", "jax.linear_transpose"} <= names
    assert {"jax.custom_jvp", "jax.custom_vjp"} <= names
    assert sum(name.startswith("ad.") for name in names) >= 5
    assert {"ad.jvp", "ad.linearize"} & names


def test_all_losses_are_covered():
    assert {name for name in losses.__all__ if isinstance(getattr(losses, name), losses.Loss)} < set(LOSSES)


@pytest.mark.parametrize("name", RULES)
def test_no_rule_of_the_register_differentiates(name):
    case = RULES[name].cases[0]
    args = jax.tree.map(jnp.asarray, case.make(np.random.default_rng(0)))

    def by_hand(*args):
        output, pullback = RULES[name].rule.vjp(*args, **case.static)
        return pullback(random_like(output))

    with no_differentiation():
        jaxpr = str(jax.make_jaxpr(by_hand)(*args))
    assert "custom_jvp_call" not in jaxpr
    assert "custom_vjp_call" not in jaxpr


@pytest.mark.parametrize("loss", LOSSES)
def test_whole_trainings_by_hand_call_no_differentiation(loss):
    with no_differentiation():
        run = fit(loss, "hand")
    assert np.isfinite(run.history["loss"]).all()
    assert len(run.history["loss"]) == 2


@pytest.mark.parametrize(
    ("name", "loss"), [*((name, "cross_entropy") for name in ACTIVATIONS), *(("relu", loss) for loss in LOSSES)]
)
def test_gradients_by_hand_call_no_differentiation(name, loss):
    model = models.mlp((2, 3 if loss in LABELS else 1), activation=ACTIVATIONS[name])
    _, x, y = tiny(loss)
    with no_differentiation():
        jaxpr = jaxpr_of(model, loss_named(loss), x, y, "hand")
    assert "custom_jvp_call" not in jaxpr
    assert "custom_vjp_call" not in jaxpr


@pytest.mark.parametrize("which", [{"public": False}, {"low_level": False}, {}], ids=["low level", "public", "both"])
def test_autodiff_is_caught(which):
    """The same patches catch the path that does differentiate: they would not pass over it."""
    with no_differentiation(**which), pytest.raises(Differentiated):
        fit("huber", "autodiff")
    model, x, y = tiny("huber")
    with no_differentiation(**which), pytest.raises(Differentiated):
        jaxpr_of(model, losses.huber, x, y, "autodiff")


def planted(differentiate):
    @rule
    def sneaky(x):
        return jnp.tanh(x), x

    @sneaky.defbackward
    def sneaky_backward(x, d_output):
        return (differentiate(x, d_output),)

    return sneaky


@pytest.mark.parametrize(
    "differentiate",
    [
        lambda x, g: jax.vjp(jnp.tanh, x)[1](g)[0],
        lambda x, g: jax.grad(lambda x: jnp.sum(jnp.tanh(x) * g))(x),
        lambda x, g: vjp_imported_early(jnp.tanh, x)[1](g)[0],
        lambda x, g: jvp_imported_early(jnp.tanh, (x,), (g,))[1],
        lambda x, g: jax.custom_jvp(lambda x: x)(g),
        lambda x, g: g * (1 - ops.tanh.by_hand(x) ** 2),
    ],
    ids=["jax.vjp", "jax.grad", "an imported vjp", "an imported jvp", "custom_jvp", "by_hand"],
)
def test_a_rule_that_differentiates_in_secret_is_caught(differentiate):
    model = chain(layers.Dense(2), planted(differentiate), layers.Dense(1))
    x, y = np.ones((3, 2), np.float32), np.ones((3, 1), np.float32)
    with no_differentiation(), pytest.raises(Differentiated):
        jaxpr_of(model, losses.huber, x, y, "hand")


def test_a_rule_that_calls_a_custom_jvp_function_shows_in_the_jaxpr():
    @rule
    def plain(x):
        return jax.nn.silu(x), x

    @plain.defbackward
    def plain_backward(x, d_output):
        return (d_output,)

    x, y = np.ones((3, 2), np.float32), np.ones((3, 1), np.float32)
    by_name = planted(lambda x, g: g * jax.nn.relu(x))
    assert "custom_jvp_call" in jaxpr_of(chain(layers.Dense(1), by_name), losses.huber, x, y, "hand")
    assert "custom_jvp_call" not in jaxpr_of(chain(layers.Dense(1), plain), losses.huber, x, y, "hand")
    by_hand = chain(layers.Dense(1), planted(lambda x, g: ops.tanh.by_hand(g)))
    assert "custom_vjp_call" in jaxpr_of(by_hand, losses.huber, x, y, "hand")
