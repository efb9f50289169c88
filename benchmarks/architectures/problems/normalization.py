"""Batch, layer, RMS and group norm in their natural code, by mean and variance; dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.architectures.problem import Limits, Problem, Sides, Twin, random, versus

__all__ = ["PROBLEMS", "plain_layer_norm"]

EPSILON = 1e-5


def plain_layer_norm(x: Any, scale: Any, bias: Any) -> Any:
    """Layer norm as people write it."""
    import jax
    import jax.numpy as jnp

    mean, variance = jnp.mean(x, -1, keepdims=True), jnp.var(x, -1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + EPSILON) * scale + bias


def _plain_rms_norm(x: Any, scale: Any) -> Any:
    import jax
    import jax.numpy as jnp

    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + EPSILON) * scale


def _plain_group_norm(x: Any, scale: Any, bias: Any) -> Any:
    import jax
    import jax.numpy as jnp

    groups = x.reshape(*x.shape[:-1], 8, -1)
    axes = (1, 2, 4)
    mean, variance = jnp.mean(groups, axes, keepdims=True), jnp.var(groups, axes, keepdims=True)
    return ((groups - mean) * jax.lax.rsqrt(variance + EPSILON)).reshape(x.shape) * scale + bias


def _plain_batch_norm(x: Any, scale: Any, bias: Any) -> Any:
    import jax
    import jax.numpy as jnp

    axes = tuple(range(x.ndim - 1))
    mean, variance = jnp.mean(x, axes), jnp.var(x, axes)
    return (x - mean) * jax.lax.rsqrt(variance + EPSILON) * scale + bias, mean, variance


def _plain_batch_norm_inference(x: Any, scale: Any, bias: Any, mean: Any, variance: Any) -> Any:
    import jax

    return (x - mean) * jax.lax.rsqrt(variance + EPSILON) * scale + bias


def _norm(name: str, plain: Callable[..., Any], shape: tuple[int, ...], parameters: int, static: Any = None) -> Sides:
    from chainrule import ops

    arrays = random(shape, *[shape[-1:]] * parameters)
    return versus(getattr(ops, name), plain, *arrays, static=static)


def _layer_norm() -> Sides:
    from chainrule import ops

    x, scale, bias, cotangent = random((8192, 512), (512,), (512,), (8192, 512))

    def eager() -> Twin:
        import torch
        from torch.nn import functional

        leaves = [torch.tensor(_numpy(array)).requires_grad_() for array in (x, scale, bias)]
        g = torch.tensor(_numpy(cotangent))

        def run() -> Any:
            y = functional.layer_norm(leaves[0], (512,), leaves[1], leaves[2], EPSILON)
            return y.detach(), torch.autograd.grad(y, leaves, g)

        def values() -> Any:
            y, gradients = run()
            return y.numpy(), [gradient.numpy() for gradient in gradients]

        return Twin(run, values)

    return versus(ops.layer_norm, plain_layer_norm, x, scale, bias, cotangent=cotangent, twins={"layer_norm": eager})


def _numpy(array: Any) -> Any:
    import numpy as np

    return np.array(array)


def _batch_norm_inference() -> Sides:
    import jax.numpy as jnp

    from chainrule import ops

    x, scale, bias, mean, spread = random((64, 28, 28, 32), *[(32,)] * 4)
    variance = jnp.exp(spread)
    return versus(ops.batch_norm_inference, _plain_batch_norm_inference, x, scale, bias, mean, variance)


def _batch_norm_layer() -> Sides:
    import jax
    import jax.numpy as jnp

    from chainrule import layers

    x, scale, bias = random((64, 28, 28, 32), (32,), (32,))
    params = {"scale": scale, "bias": bias}
    state = {"mean": jnp.zeros(32), "variance": jnp.ones(32)}
    count = 64 * 28 * 28

    def plain(params: Any, x: Any, state: Any) -> Any:
        y, mean, variance = _plain_batch_norm(x, params["scale"], params["bias"])
        moved = {"mean": mean, "variance": variance * (count / (count - 1))}
        return y, jax.tree.map(lambda old, new: 0.9 * old + 0.1 * new, state, moved)

    return versus(layers.BatchNorm(), plain, params, x, state, static={"train": True})


def _dropout(shared_axes: tuple[int, ...]) -> Callable[[], Sides]:
    def build() -> Sides:
        import jax
        import jax.numpy as jnp

        from chainrule import ops

        def plain(x: Any, key: Any) -> Any:
            shape = tuple(1 if axis in shared_axes else size for axis, size in enumerate(x.shape))
            kept = jax.random.bernoulli(key, 0.75, shape)
            return jnp.where(kept, x / 0.75, 0.0)

        x = random((64, 28, 28, 32))[0]
        return versus(ops.dropout, plain, x, jax.random.key(3), static={"rate": 0.25, "shared_axes": shared_axes})

    return build


IMAGES = "64x28x28x32"

PROBLEMS = (
    Problem(
        "layer_norm",
        "ops",
        "8192x512",
        _layer_norm,
        Limits(torch={"layer_norm": 0.8}),
        rules=("layer_norm", "LayerNorm"),
    ),
    Problem(
        "rms_norm",
        "ops",
        "8192x512",
        lambda: _norm("rms_norm", _plain_rms_norm, (8192, 512), 1),
        rules=("rms_norm", "RMSNorm"),
    ),
    Problem(
        "group_norm",
        "ops",
        f"{IMAGES}, 8 groups",
        lambda: _norm("group_norm", _plain_group_norm, (64, 28, 28, 32), 2, static={"groups": 8}),
        rules=("group_norm", "GroupNorm"),
    ),
    Problem(
        "batch_norm",
        "ops",
        IMAGES,
        lambda: _norm("batch_norm", _plain_batch_norm, (64, 28, 28, 32), 2),
        rules=("batch_norm",),
    ),
    Problem("batch_norm_inference", "ops", IMAGES, _batch_norm_inference, rules=("batch_norm_inference",)),
    Problem("dropout", "ops", f"{IMAGES}, rate 0.25", _dropout(()), rules=("dropout", "Dropout")),
    Problem("dropout_channels", "ops", f"{IMAGES}, whole channels", _dropout((1, 2))),
    Problem("BatchNorm", "layers", f"{IMAGES}, training, with its state", _batch_norm_layer, rules=("BatchNorm",)),
)
