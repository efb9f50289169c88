"""What the tests of optimisers share: one compiled update, and settings for every optimiser."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import numpy as np

from chainrule import optim

STORED = json.loads((Path(__file__).parent / "reference" / "trajectories.json").read_text())

# The optimiser is an argument: optimisers with the same static hyperparameters share one compiled program.
traces: list[int] = []


@jax.jit
def update(optimizer, grads, state, params):
    traces.append(1)
    return optimizer.update(grads, state, params)


VARIANTS = {
    **{name: (name, {}) for name in optim.OPTIMIZERS},
    "adamw with a mask": ("adamw", {"mask": {"b": False, "none": None, "empty": (), "w": True}}),
    "nadam with constant momentum": ("nadam", {"momentum_decay": None}),
    "lion with decay": ("lion", {"weight_decay": 0.1}),
}


def build(variant, learning_rate=0.1):
    name, options = VARIANTS[variant]
    return optim.by_name(name, learning_rate, **options)


def make_tree(dtype=np.float32, seed=0):
    """Params with leaves of unequal shapes, a None and an empty tuple among them."""
    rng = np.random.default_rng(seed)
    return {
        "w": jax.numpy.asarray(rng.normal(size=(2, 3)), dtype),
        "b": jax.numpy.asarray(rng.normal(size=(3,)), dtype),
        "none": None,
        "empty": (),
    }


def make_schedule(given):
    """A learning rate as the stored cases have it: a number, or a schedule's name and options."""
    if not isinstance(given, dict):
        return given
    options = dict(given)
    return getattr(optim, options.pop("schedule"))(**options)


def assert_trees_close(actual, expected, rtol, atol=0.0):
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert a.shape == e.shape
        assert a.dtype == e.dtype
        np.testing.assert_allclose(np.asarray(a, np.float64), np.asarray(e, np.float64), rtol=rtol, atol=atol)
