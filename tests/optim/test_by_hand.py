"""Three steps of a two-layer network, forward pass, deltas and updates written out in NumPy, in float64.

x (5, 3) → z = x W1 + b1 (5, 4) → h = tanh z → p = h W2 + b2 (5, 2),  L = mean (p - y)²
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule import optim

STEPS = 3
RATE = 0.07


def network():
    rng = np.random.default_rng(7)
    params = {
        "W1": rng.normal(size=(3, 4)),
        "b1": rng.normal(size=4),
        "W2": rng.normal(size=(4, 2)),
        "b2": rng.normal(size=2),
    }
    return params, rng.normal(size=(5, 3)), rng.normal(size=(5, 2))


def gradients(params, x, y):
    # forward
    z = x @ params["W1"] + params["b1"]
    h = np.tanh(z)
    p = h @ params["W2"] + params["b2"]
    # backward: dL/dp = 2 (p - y) / 10, ten elements in the mean
    delta2 = 2 * (p - y) / y.size
    dW2 = h.T @ delta2
    db2 = delta2.sum(axis=0)
    delta1 = (delta2 @ params["W2"].T) * (1 - h**2)
    dW1 = x.T @ delta1
    db1 = delta1.sum(axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def test_the_deltas_are_those_of_the_loss():
    """A central difference of the loss in a random direction: the optimisers are fed true gradients."""
    params, x, y = network()
    rng = np.random.default_rng(8)
    direction = {name: rng.normal(size=value.shape) for name, value in params.items()}

    def loss(t):
        moved = {name: value + t * direction[name] for name, value in params.items()}
        p = np.tanh(x @ moved["W1"] + moved["b1"]) @ moved["W2"] + moved["b2"]
        return np.mean((p - y) ** 2)

    slope = sum(np.sum(g * direction[name]) for name, g in gradients(params, x, y).items())
    np.testing.assert_allclose(slope, (loss(1e-5) - loss(-1e-5)) / 2e-5, rtol=1e-8)


# Each by hand: w, its gradient g, its moments (zeros at first), the step t = 1, 2, 3 → w, moments.


def sgd(w, g, moments, t):
    w = w - RATE * g
    return w, moments


def momentum(w, g, moments, t):
    v = moments[0]
    v = 0.9 * v + RATE * g
    w = w - v
    return w, (v,)


def nesterov(w, g, moments, t):
    v = moments[0]
    v = 0.9 * v + RATE * g
    w = w - (0.9 * v + RATE * g)
    return w, (v,)


def adagrad(w, g, moments, t):
    s = moments[0]
    s = s + g**2
    w = w - RATE * g / (np.sqrt(s) + 1e-10)
    return w, (s,)


def rmsprop(w, g, moments, t):
    s = moments[0]
    s = 0.9 * s + 0.1 * g**2
    w = w - RATE * g / (np.sqrt(s) + 1e-8)
    return w, (s,)


def adam(w, g, moments, t):
    m, s = moments
    m = 0.9 * m + 0.1 * g
    s = 0.999 * s + 0.001 * g**2
    m_hat = m / (1 - 0.9**t)
    s_hat = s / (1 - 0.999**t)
    w = w - RATE * m_hat / (np.sqrt(s_hat) + 1e-8)
    return w, (m, s)


def adamw(w, g, moments, t):
    m, s = moments
    m = 0.9 * m + 0.1 * g
    s = 0.999 * s + 0.001 * g**2
    m_hat = m / (1 - 0.9**t)
    s_hat = s / (1 - 0.999**t)
    w = w - RATE * (m_hat / (np.sqrt(s_hat) + 1e-8) + 0.01 * w)
    return w, (m, s)


def nadam(w, g, moments, t):
    m, s = moments
    mu = [0.9 * (1 - 0.5 * 0.96 ** (i * 0.004)) for i in range(1, t + 2)]  # μ_1 ... μ_{t+1}
    m = 0.9 * m + 0.1 * g
    s = 0.999 * s + 0.001 * g**2
    m_hat = mu[t] * m / (1 - np.prod(mu)) + (1 - mu[t - 1]) * g / (1 - np.prod(mu[:-1]))
    s_hat = s / (1 - 0.999**t)
    w = w - RATE * m_hat / (np.sqrt(s_hat) + 1e-8)
    return w, (m, s)


def lion(w, g, moments, t):
    m = moments[0]
    u = np.sign(0.9 * m + 0.1 * g)
    m = 0.99 * m + 0.01 * g
    w = w - RATE * u
    return w, (m,)


BY_HAND = [sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, nadam, lion]


def test_every_optimiser_is_written_out():
    assert [step.__name__ for step in BY_HAND] == list(optim.OPTIMIZERS)


@pytest.mark.parametrize("by_hand", BY_HAND, ids=lambda step: step.__name__)
def test_three_steps_by_hand(by_hand):
    expected, x, y = network()
    moments = {name: (np.zeros_like(w), np.zeros_like(w)) for name, w in expected.items()}
    with jax.enable_x64(True):
        params = {name: jnp.asarray(w) for name, w in expected.items()}
        optimizer = optim.by_name(by_hand.__name__, RATE)
        state = optimizer.init(params)
        for t in range(1, STEPS + 1):
            grads = gradients(expected, x, y)
            for name, g in grads.items():
                count = 2 if by_hand in (adam, adamw, nadam) else 1
                expected[name], moments[name] = by_hand(expected[name], g, moments[name][:count], t)
            updates, state = optimizer.update(grads, state, params)
            params = optim.apply_updates(params, updates)
            assert int(state.steps) == t
            for name, w in expected.items():
                assert params[name].dtype == np.float64
                np.testing.assert_allclose(params[name], w, rtol=2e-12, atol=1e-15, err_msg=f"{name}, step {t}")
