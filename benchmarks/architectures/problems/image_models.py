"""Steps of the image models: LeNet, a small ResNet, an autoencoder."""

from __future__ import annotations

from typing import Any

from benchmarks.architectures.problem import Limits, Problem, Sides, random
from benchmarks.architectures.problems.images import plain_convolution, plain_max_pool
from benchmarks.architectures.steps import adam_twin, labels, training_step

__all__ = ["PROBLEMS"]

BATCH = 64
IMAGES = (BATCH, 28, 28, 1)


def plain_lenet(params: Any, x: Any) -> Any:
    """Convolution, maximum, relu; the same once more; two dense layers. In the order of ours."""
    import jax

    first, second, hidden, last = [layer for layer in params if layer]
    for stage in (first, second):
        x = jax.nn.relu(plain_max_pool(plain_convolution(x, stage["weight"], stage["bias"]), 2))
    x = jax.nn.relu(x.reshape(len(x), -1) @ hidden["weight"] + hidden["bias"])
    return x @ last["weight"] + last["bias"]


def _torch_lenet(params: Any, x: Any) -> Any:
    from torch.nn import functional

    first, second, hidden, last = [layer for layer in params if layer]
    for stage in (first, second):
        x = functional.conv2d(x, stage["weight"], stage["bias"], padding=1)
        x = functional.relu(functional.max_pool2d(x, 2))
    x = functional.relu(functional.linear(x.flatten(1), hidden["weight"], hidden["bias"]))
    return functional.linear(x, last["weight"], last["bias"])


def _to_torch(params: Any) -> Any:
    """HWIO to OIHW, (in, out) to (out, in); the first dense layer reads channels first there, and last here."""
    import jax

    first_dense = len(params) - 3

    def move(path: Any, leaf: Any) -> Any:
        if leaf.ndim == 1:
            return leaf
        if leaf.ndim == 4:
            return leaf.transpose(3, 2, 0, 1)
        if path[0].idx == first_dense:
            return leaf.reshape(7, 7, -1, leaf.shape[-1]).transpose(3, 2, 0, 1).reshape(leaf.shape[::-1])
        return leaf.T

    return jax.tree_util.tree_map_with_path(move, params)


def _from_torch(params: Any) -> Any:
    """The way back."""
    import jax

    first_dense = len(params) - 3

    def move(path: Any, leaf: Any) -> Any:
        if leaf.ndim == 1:
            return leaf
        if leaf.ndim == 4:
            return leaf.transpose(2, 3, 1, 0)
        if path[0].idx == first_dense:
            return leaf.reshape(leaf.shape[0], -1, 7, 7).transpose(2, 3, 1, 0).reshape(leaf.shape[::-1])
        return leaf.T

    return jax.tree_util.tree_map_with_path(move, params)


def _lenet() -> Sides:
    from chainrule import models

    x, y = random(IMAGES)[0], labels(BATCH, classes=10)

    def twins(params: Any) -> Any:
        def twin(fused: bool | None) -> Any:
            channels_first = x.transpose(0, 3, 1, 2)
            return adam_twin(
                _torch_lenet, params, channels_first, y, inward=_to_torch, outward=_from_torch, fused=fused
            )

        return {"eager": twin(None), "fused Adam": twin(True)}

    return training_step(
        models.lenet(10, channels=(32, 64), kernel=3),
        lambda params, state, x: (plain_lenet(params, x), state),
        x,
        y,
        twins=twins,
    )


def _plain_batch_norm(params: Any, state: Any, x: Any, moved: list[Any]) -> Any:
    import jax
    import jax.numpy as jnp

    axes = (0, 1, 2)
    mean, variance = jnp.mean(x, axes), jnp.var(x, axes)
    count = x.size // x.shape[-1]
    new = {"mean": mean, "variance": variance * (count / (count - 1))}
    moved.append(jax.tree.map(lambda old, now: 0.9 * old + 0.1 * now, state, new))
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * params["scale"] + params["bias"]


def plain_resnet(params: Any, state: Any, x: Any) -> tuple[Any, Any]:
    """A stem, three blocks, the mean of the pixels and a dense layer; and the running statistics, in order."""
    import jax
    import jax.numpy as jnp

    moved: list[Any] = []
    explicit = ((1, 1), (1, 1))

    def body(params: Any, state: Any, x: Any, stride: int) -> Any:
        x = plain_convolution(x, params[0]["weight"], stride=stride, padding=explicit)
        x = jax.nn.relu(_plain_batch_norm(params[1], state[1], x, moved))
        x = plain_convolution(x, params[3]["weight"], padding=explicit)
        return _plain_batch_norm(params[4], state[4], x, moved)

    def shortcut(params: Any, state: Any, x: Any, stride: int) -> Any:
        x = plain_convolution(x, params[0]["weight"], stride=stride, padding="VALID")
        return _plain_batch_norm(params[1], state[1], x, moved)

    x = plain_convolution(x, params[0]["weight"], padding=explicit)
    x = jax.nn.relu(_plain_batch_norm(params[1], state[1], x, moved))
    for block in range(3, 6):
        (way, inner), (way_state, inner_state) = params[block][0], state[block][0]
        stride = 2 if len(way) else 1
        short = shortcut(way, way_state, x, stride) if len(way) else x
        x = jax.nn.relu(short + body(inner, inner_state, x, stride))
    dense = params[-1]
    logits = jnp.mean(x, (1, 2)) @ dense["weight"] + dense["bias"]
    return logits, jax.tree.unflatten(jax.tree.structure(state), jax.tree.leaves(moved))


def _resnet() -> Sides:
    from chainrule import models

    model = models.resnet(10, channels=(16, 32, 64), blocks=(1, 1, 1))
    return training_step(model, plain_resnet, random(IMAGES)[0], labels(BATCH, classes=10))


def _autoencoder() -> Sides:
    import jax
    import jax.numpy as jnp

    from chainrule import losses, models

    def plain(params: Any, state: Any, x: Any) -> Any:
        y = x.reshape(len(x), -1)
        for part in params:
            *hidden, last = [layer for layer in part if layer]
            for layer in hidden:
                y = jax.nn.relu(y @ layer["weight"] + layer["bias"])
            y = y @ last["weight"] + last["bias"]
        return jax.nn.sigmoid(y).reshape(x.shape), state

    x = jax.nn.sigmoid(random((128, 28, 28, 1))[0])
    return training_step(
        models.autoencoder(),
        plain,
        x,
        x,
        loss=losses.mean_squared_error,
        plain_loss=lambda outputs, x: jnp.mean((outputs - x) ** 2),
    )


PROBLEMS = (
    Problem(
        "lenet_step",
        "models",
        "batch 64, 28x28, 3x3 kernels, 32 and 64 channels, Adam",
        _lenet,
        Limits(torch={"eager": 1.0}),
        rules=("lenet",),
    ),
    Problem("resnet_step", "models", "batch 64, 28x28, 16-32-64 channels, Adam", _resnet, rules=("resnet",)),
    Problem(
        "autoencoder_step",
        "models",
        "784-256-64-2 and back, batch 128, Adam",
        _autoencoder,
        rules=("autoencoder", "unflatten"),
    ),
)
