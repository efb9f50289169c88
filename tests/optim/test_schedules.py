"""Schedules give the rates that PyTorch and Optax give."""

from __future__ import annotations

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from chainrule import optim

from .helpers import STORED, make_schedule, make_tree, update

CASES = STORED["schedules"]
EVERY = {
    "constant": optim.constant(0.3),
    "step": optim.step(0.3, every=4),
    "exponential": optim.exponential(0.3, 0.9),
    "cosine": optim.cosine(0.3, 12, warmup_steps=3),
    "one_cycle": optim.one_cycle(0.3, 12),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['schedule']['schedule']}: {case['made_by']}")
def test_equals_the_stored_rates(case):
    with jax.enable_x64(True):
        schedule = make_schedule(case["schedule"])
        rates = np.broadcast_to(schedule(jnp.arange(15, dtype=jnp.int32)), 15)
        np.testing.assert_allclose(rates[: len(case["rates"])], case["rates"], rtol=1e-10)
        assert float(schedule(2)) == pytest.approx(case["rates"][2], rel=1e-10)  # a Python int


def test_every_schedule_has_stored_rates():
    assert {case["schedule"]["schedule"] for case in CASES} == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_the_rate_of_a_step_is_the_schedule_at_the_steps_before_it(name):
    schedule, params = EVERY[name], make_tree()
    optimizer = optim.sgd(schedule)
    state = optimizer.init(params)
    for t in range(4):
        updates, state = optimizer.update(params, state, params)
        np.testing.assert_allclose(updates["b"], -float(schedule(t)) * params["b"], rtol=1e-6)


@pytest.mark.parametrize("name", EVERY)
def test_pytrees(name):
    schedule = EVERY[name]
    assert schedule(jnp.int32(3)).shape == ()
    assert schedule(jnp.int32(3)).dtype == jnp.float32
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    doubled = jax.tree.map(lambda rate: 2 * rate, schedule)
    np.testing.assert_allclose(doubled(5), 2 * schedule(5), rtol=1e-6)
    assert jax.tree.structure(doubled) == jax.tree.structure(schedule)


def test_after_the_end_the_rate_stays():
    for schedule, end in (
        (optim.cosine(0.3, 12, final_learning_rate=0.01), 0.01),
        (optim.one_cycle(0.3, 12), 1.2e-6),
    ):
        np.testing.assert_allclose([schedule(12), schedule(13), schedule(10_000)], end, rtol=1e-5)


def test_many_peaks_side_by_side():
    def first_update(peak):
        optimizer = optim.adam(optim.one_cycle(peak, 10))
        params = {"w": jnp.ones(2)}
        return optimizer.update(params, optimizer.init(params), params)[0]["w"][0]

    found = jax.jit(jax.vmap(first_update))(jnp.asarray([0.1, 0.2]))
    np.testing.assert_allclose(found, [-0.1 / 25, -0.2 / 25], rtol=1e-5)


def test_a_schedule_of_another_height_is_not_traced_again():
    traces = []

    @jax.jit
    def counted(optimizer, grads, state):
        traces.append(1)
        return optimizer.update(grads, state)

    params = make_tree()
    for peak in (0.1, 0.2):
        optimizer = optim.momentum(optim.cosine(peak, 10))
        counted(optimizer, params, optimizer.init(params))
    assert len(traces) == 1


def test_schedules_of_optax_and_plain_functions_serve():
    params = make_tree()
    theirs = optax.exponential_decay(0.3, 1, 0.5)
    for schedule in (theirs, optim.exponential(0.3, 0.5)):
        optimizer = optim.sgd(schedule)
        state = optimizer.init(params)
        _, state = update(optimizer, params, state, params)
        updates, state = update(optimizer, params, state, params)
        np.testing.assert_allclose(updates["b"], -0.15 * params["b"], rtol=1e-6)
    ours_in_optax = optax.sgd(optim.exponential(0.3, 0.5))
    updates, _ = ours_in_optax.update(params, ours_in_optax.init(params))
    np.testing.assert_allclose(updates["b"], -0.3 * params["b"], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.constant(-1.0), "constant: learning_rate must be at least 0 and finite, got -1.0"),
        (lambda: optim.constant("x"), "learning_rate must be a number"),
        (lambda: optim.step(0.1, 0), "step: every must be a whole number of steps, at least 1, got 0"),
        (lambda: optim.step(0.1, 2.5), "every must be a whole number"),
        (lambda: optim.step(0.1, 2, -0.5), "factor must be above 0"),
        (lambda: optim.exponential(0.1, 0.0), "factor must be above 0"),
        (lambda: optim.exponential(0.1, float("nan")), "factor must be above 0"),
        (lambda: optim.exponential(0.1, 0.5, every=True), "every must be a whole number"),
        (lambda: optim.cosine(0.1, 0), "steps must be"),
        (lambda: optim.cosine(0.1, 5, warmup_steps=5), "warmup_steps must be fewer than steps, 5, got 5"),
        (lambda: optim.cosine(0.1, 5, warmup_steps=-1), "warmup_steps must be"),
        (lambda: optim.cosine(0.1, 5, final_learning_rate=-0.1), "final_learning_rate must be"),
        (lambda: optim.one_cycle(0.1, -3), "steps must be"),
        (
            lambda: optim.one_cycle(0.1, 10, warmup_fraction=1.0),
            "warmup_fraction must be at least 0 and below 1",
        ),
        (lambda: optim.one_cycle(0.1, 10, initial_divisor=0), "initial_divisor must be above 0"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
