"""Every optimiser walks the path that PyTorch and Optax walk; those that are wrong on purpose do not."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import optim
from chainrule.optim.adagrad import Adagrad, AdagradState
from chainrule.optim.adam import Adam, Adamw, Nadam
from chainrule.optim.lion import Lion
from chainrule.optim.rmsprop import Rmsprop, RmspropState
from chainrule.optim.sgd import Momentum, MomentumState, Nesterov

from .helpers import STORED, make_schedule
from .reference.problem import B, W, gradients

CASES = STORED["trajectories"]


def optimizer_of(case):
    options = dict(case["options"])
    if "mask" in options:
        options["mask"] = tuple(options["mask"])
    return optim.by_name(case["optimizer"], make_schedule(case["learning_rate"]), **options)


def compare(optimizer, case):
    """Walk the stored path, and refuse the first step that leaves it."""
    with jax.enable_x64(True):
        params = (jnp.asarray(W), jnp.asarray(B))
        state = optimizer.init(params)
        assert len(case["params"]) >= 10
        for expected in case["params"]:
            grads = gradients(*(np.asarray(p) for p in params))
            updates, state = optimizer.update(grads, state, params)
            params = tuple(p + u for p, u in zip(params, updates, strict=True))
            found = np.concatenate([np.ravel(p) for p in params])
            np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['optimizer']}: {case['made_by']}")
def test_equals_the_stored_trajectory(case):
    compare(optimizer_of(case), case)


def test_every_optimiser_has_a_stored_trajectory():
    assert {case["optimizer"] for case in CASES} == set(optim.OPTIMIZERS)
    assert all(case["made_by"].startswith(("torch", "optax")) for case in CASES)


# ------------------------------------------------------------------------------------------------------------
# Planted bugs.
# ------------------------------------------------------------------------------------------------------------


class BiasCorrectionOneLate(Adam):
    def update(self, grads, state, params=None):
        return super().update(grads, state._replace(steps=state.steps + 1), params)


class EpsilonInsideTheRoot(Rmsprop):
    def update(self, grads, state, params=None):
        s = jax.tree.map(lambda g, s: self.decay * s + (1 - self.decay) * g**2, grads, state.mean_square)
        updates = jax.tree.map(lambda g, s: -self.learning_rate * g / jnp.sqrt(s + self.eps), grads, s)
        return updates, RmspropState(state.steps + 1, s)


class AdagradEpsilonInsideTheRoot(Adagrad):
    def update(self, grads, state, params=None):
        s = jax.tree.map(lambda g, s: s + g**2, grads, state.sum_of_squares)
        updates = jax.tree.map(lambda g, s: -self.learning_rate * g / jnp.sqrt(s + self.eps), grads, s)
        return updates, AdagradState(state.steps + 1, s)


class LearningRateOutsideTheVelocity(Momentum):
    def update(self, grads, state, params=None):
        v = jax.tree.map(lambda g, v: self.decay * v + g, grads, state.velocity)
        rate = self.learning_rate(state.steps) if callable(self.learning_rate) else self.learning_rate
        return jax.tree.map(lambda v: -rate * v, v), MomentumState(state.steps + 1, v)


class LooksNotAhead(Nesterov):
    @staticmethod
    def _move(v, decay, scaled_g):
        return -v


class CoupledWeightDecay(Adamw):
    def update(self, grads, state, params=None):
        grads = jax.tree.map(lambda g, w: g + self.weight_decay * w, grads, params)
        return dataclasses.replace(self, weight_decay=0.0)._as_adam().update(grads, state, params)

    def _as_adam(self):
        return Adam(self.learning_rate, self.b1, self.b2, self.eps)


class MaskForgotten(Adamw):
    def update(self, grads, state, params=None):
        return Adamw(self.learning_rate, self.b1, self.b2, self.eps, self.weight_decay).update(grads, state, params)


class MomentumDecayForgotten(Nadam):
    def _momentum_at(self, t, dtype):
        return jnp.asarray(self.b1, dtype)


class BetasSwapped(Lion):
    def update(self, grads, state, params=None):
        return Lion(self.learning_rate, self.b2, self.b1, self.weight_decay).update(grads, state, params)


BUGS = [
    (BiasCorrectionOneLate, "adam", "torch Adam, defaults"),
    (EpsilonInsideTheRoot, "rmsprop", "torch RMSprop"),
    (AdagradEpsilonInsideTheRoot, "adagrad", "torch Adagrad"),
    (
        LearningRateOutsideTheVelocity,
        "momentum",
        "optax chain(scale_by_learning_rate, trace), exponential_decay",
    ),
    (LooksNotAhead, "nesterov", "torch SGD nesterov"),
    (CoupledWeightDecay, "adamw", "torch AdamW"),
    (MaskForgotten, "adamw", "optax adamw, mask"),
    (MomentumDecayForgotten, "nadam", "torch NAdam, defaults"),
    (BetasSwapped, "lion", "optax lion weight_decay=0"),
]


@pytest.mark.parametrize(("bug", "name", "made_by"), BUGS, ids=[bug.__name__ for bug, _, _ in BUGS])
def test_a_planted_bug_is_found(bug, name, made_by):
    (case,) = [c for c in CASES if c["optimizer"] == name and c["made_by"] == made_by]
    right = optimizer_of(case)
    wrong = bug(**{field.name: getattr(right, field.name) for field in dataclasses.fields(right)})
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        compare(wrong, case)


def test_with_a_constant_rate_the_velocity_may_hold_it_or_not():
    """The planted bug in momentum shows only where the learning rate changes."""
    (case,) = [c for c in CASES if c["made_by"] == "torch SGD momentum"]
    compare(LearningRateOutsideTheVelocity(case["learning_rate"], **case["options"]), case)
