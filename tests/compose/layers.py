"""Layers that use all of the signature: state, integers in it, and a key; and how they are called in the tests."""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from chainrule import Layer, layers

traces: list[int] = []


@dataclass(frozen=True)
class RunningMean(Layer):
    """y = w (x - m') with the running mean m' = d m + (1 - d) mean(x): the new state depends on x, and y on the state.

    Evaluation uses the mean m as it is. A counter stands beside it: a state holds integers too.
    """

    decay: float = 0.75

    def build(self, key, in_shape, dtype):
        state = {"mean": jnp.zeros(in_shape, dtype), "steps": jnp.zeros((), jnp.int32)}
        return {"weight": jnp.ones(in_shape, dtype)}, state

    def forward(self, params, x, state=None, key=None, *, train=False):
        traces.append(1)
        new = state
        if train:
            mean = self.decay * state["mean"] + (1 - self.decay) * jnp.mean(x, axis=0)
            new = {"mean": mean, "steps": state["steps"] + 1}
        centred = x - new["mean"]
        return (params["weight"] * centred, new), (params["weight"], centred)

    def backward(self, residuals, d_output, *, train=False):
        weight, centred = residuals
        d_y, d_new = d_output
        d_x = weight * d_y
        d_mean = d_new["mean"] - jnp.sum(d_x, axis=0)
        d_weight = {"weight": jnp.sum(centred * d_y, axis=0)}
        if not train:
            return d_weight, d_x, {"mean": d_mean, "steps": None}, None
        d_x = d_x + (1 - self.decay) * d_mean / len(d_y)
        return d_weight, d_x, {"mean": self.decay * d_mean, "steps": None}, None


@dataclass(frozen=True)
class Noise(Layer):
    """y = x n with n = 1 + scale times normal noise in training, and y = x in evaluation. ``drawn`` notes its keys."""

    scale: float = 0.5
    drawn: list = field(default_factory=list, compare=False)

    uses_key = True

    def build(self, key, in_shape, dtype):
        return (), ()

    def forward(self, params, x, state=None, key=None, *, train=False):
        if not train:
            return (x, state), None
        self.drawn.append(key)
        factor = 1 + self.scale * jax.random.normal(key, x.shape, x.dtype)
        return (x * factor, state), factor

    def backward(self, residuals, d_output, *, train=False):
        d_y, d_state = d_output
        return (), (d_y * residuals if train else d_y), d_state, None


@dataclass(frozen=True)
class WantsNoKey(Layer):
    """The identity, which fails when it is handed a key that it does not use."""

    def build(self, key, in_shape, dtype):
        return (), ()

    def forward(self, params, x, state=None, key=None, *, train=False):
        assert key is None
        return (x, state), None

    def backward(self, residuals, d_output, *, train=False):
        return (), d_output[0], d_output[1], None


@dataclass(frozen=True)
class Cell(Layer):
    """A recurrent cell: h' = tanh(x W_x + h W_h), y = h'. The hidden values are its state."""

    features: int

    def build(self, key, in_shape, dtype):
        first, second = jax.random.split(key)
        params = {
            "x": layers.glorot_normal(first, (in_shape[-1], self.features), dtype),
            "h": layers.glorot_normal(second, (self.features, self.features), dtype),
        }
        return params, jnp.zeros((self.features,), dtype)

    def forward(self, params, x, state=None, key=None, *, train=False):
        y = jnp.tanh(x @ params["x"] + state @ params["h"])
        return (y, y), (params, x, state, y)

    def backward(self, residuals, d_output, *, train=False):
        params, x, h, y = residuals
        d_y, d_new = d_output
        d_a = (d_y + d_new) * (1 - y * y)  # y goes out twice: as the output and as the state
        d_params = {"x": x.T @ d_a, "h": h.T @ d_a}
        return d_params, d_a @ params["x"].T, d_a @ params["h"].T, None


@dataclass(frozen=True)
class Trained:
    """A layer in training mode, as the function of arrays that jax.vjp wants; with a key, if it is given one."""

    layer: Layer
    seed: int | None = None

    @property
    def static(self):
        return {"key": None if self.seed is None else jax.random.key(self.seed), "train": True}

    def __call__(self, *args):
        return self.layer(*args, **self.static)

    def vjp(self, *args):
        output, pullback = self.layer.vjp(*args, **self.static)
        return output, lambda d_output: pullback(d_output)[: len(args)]


def dense_params(rng, rows, columns):
    return {"weight": jnp.asarray(rng.normal(size=(rows, columns))), "bias": jnp.asarray(rng.normal(size=columns))}


def stateful(shape, rng):
    """Params, x and a state in the middle of training."""
    params = {"weight": jnp.asarray(rng.normal(size=shape[1:]))}
    state = {"mean": jnp.asarray(rng.normal(size=shape[1:])), "steps": jnp.array(7, jnp.int32)}
    return params, jnp.asarray(rng.normal(size=shape)), state
