"""Ten steps of training by the derived gradients are PyTorch's ten steps, from the same weights on the same batches."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import chain, layers, losses, models, optim, train
from tests.helpers import assert_trees_close
from tests.reference import store

pytestmark = pytest.mark.usefixtures("quick_compilation")

STORED = store.load("trajectories")
# As the twins in generate_trajectories.py are.
MODELS = {
    "lenet": (models.lenet(3, channels=(2, 3), hidden=11), optim.momentum(0.05, 0.9)),
    "resnet": (models.resnet(3, channels=(3, 4), blocks=(1, 2), momentum=0.7), optim.momentum(0.05, 0.8)),
    "lstm classifier": (chain(layers.LSTM(4), layers.LSTM(3, last=True), layers.Dense(4)), optim.adam(0.02)),
    "gpt": (models.gpt(7, 6, features=8, depth=2, heads=2, hidden=12), optim.adamw(0.01, weight_decay=0.1)),
}


def as_tuples(tree):
    """The stored lists as the tuples that they were."""
    if isinstance(tree, list):
        return tuple(as_tuples(item) for item in tree)
    if isinstance(tree, dict):
        return {key: as_tuples(item) for key, item in tree.items()}
    return None if tree is None else jnp.asarray(tree)


def first_state(model, case):
    """The state that training begins with: what ``init`` makes, without drawing any params."""
    in_shape = case["x"].shape[2:]
    state = jax.eval_shape(lambda: model.init(jax.random.key(0), in_shape, jnp.float64))[1]
    begin = {"mean": jnp.zeros, "variance": jnp.ones}
    return jax.tree_util.tree_map_with_path(lambda path, leaf: begin[path[-1].key](leaf.shape, leaf.dtype), state)


def walk(model, optimizer, case, gradients="hand"):
    """Ten steps: the params and the state after them, and the loss at each."""
    params = as_tuples(case["first"])
    begin = train.TrainState(params, first_state(model, case), optimizer.init(params), jnp.int32(0))
    x = (case["x"], case["mask"]) if "mask" in case else case["x"]

    @jax.jit
    def steps(begin, x, y):
        def step(now, batch):
            after, loss, _ = train.step(model, losses.cross_entropy, optimizer, now, *batch, gradients=gradients)
            return after, loss

        return jax.lax.scan(step, begin, (x, y))

    return steps(begin, x, case["y"])


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", MODELS)
def test_ten_steps_by_hand_are_pytorchs(name):
    case = STORED[name]
    end, found = walk(*MODELS[name], case)
    assert len(found) == 10
    np.testing.assert_allclose(found, case["losses"], rtol=0, atol=1e-12)
    # A bias of the keys changes no softmax: its gradient is rounding noise, 1e-16, and Adam divides it by no more than 1e-8.
    assert_trees_close(end.params, as_tuples(case["last"]), rtol=0, atol=1e-8 if name == "gpt" else 1e-12)
    if "state" in case:
        assert_trees_close(end.state, as_tuples(case["state"]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_has_gone_some_way(name):
    first, last = (jax.tree.leaves(STORED[name][when]) for when in ("first", "last"))
    for before, after in zip(first, last, strict=True):
        assert np.mean(np.abs(after - before) > 1e-4) > 0.5
