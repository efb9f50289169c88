"""Combinators around a block of a transformer's second half, against JAX's own: ``lax.scan`` and ``jax.checkpoint``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.architectures.problem import Problem, Sides, random, versus
from benchmarks.architectures.problems.normalization import plain_layer_norm

__all__ = ["PROBLEMS"]

FEATURES, DEPTH, SHAPE = 128, 6, (16, 64, 128)


def _block() -> Any:
    from chainrule import chain, layers, ops, residual

    return residual(chain(layers.LayerNorm(), layers.Dense(4 * FEATURES), ops.gelu_tanh, layers.Dense(FEATURES)))


def _plain_block(params: Any, x: Any) -> Any:
    import jax

    _, (norm, widen, _, narrow) = params
    hidden = jax.nn.gelu(plain_layer_norm(x, **norm) @ widen["weight"] + widen["bias"], approximate=True)
    return x + hidden @ narrow["weight"] + narrow["bias"]


def _of(layer: Any, plain: Callable[[Any, Any], Any], in_shape: tuple[int, ...], x: Any) -> Sides:
    import jax

    params, _ = layer.init(jax.random.key(0), in_shape)
    return versus(layer, plain, params, x)


def _chain() -> Sides:
    from chainrule import chain

    def plain(params: Any, x: Any) -> Any:
        for block in params:
            x = _plain_block(block, x)
        return x

    return _of(chain(*[_block()] * DEPTH), plain, SHAPE[1:], random(SHAPE)[0])


def _repeat() -> Sides:
    import jax

    from chainrule.compose import repeat

    def plain(params: Any, x: Any) -> Any:
        return jax.lax.scan(lambda x, block: (_plain_block(block, x), None), x, params)[0]

    return _of(repeat(_block(), DEPTH), plain, SHAPE[1:], random(SHAPE)[0])


def _remat() -> Sides:
    import jax

    from chainrule import chain
    from chainrule.compose import remat

    def plain(params: Any, x: Any) -> Any:
        for block in params:
            x = jax.checkpoint(_plain_block)(block, x)
        return x

    return _of(chain(*[remat(_block())] * DEPTH), plain, SHAPE[1:], random(SHAPE)[0])


def _scan() -> Sides:
    import jax
    import jax.numpy as jnp

    from chainrule import chain, layers, ops
    from chainrule.compose import scan

    def plain(params: Any, x: Any) -> Any:
        dense = params[0]

        def step(_: None, x: Any) -> tuple[None, Any]:
            return None, jnp.tanh(x @ dense["weight"] + dense["bias"])

        return jnp.swapaxes(jax.lax.scan(step, None, jnp.swapaxes(x, 0, 1))[1], 0, 1)

    return _of(scan(chain(layers.Dense(FEATURES), ops.tanh)), plain, SHAPE[1:], random(SHAPE)[0])


def _parallel() -> Sides:
    import jax
    import jax.numpy as jnp

    from chainrule import layers, ops, parallel

    def plain(params: Any, x: Any) -> Any:
        first, _ = params
        return jnp.concatenate([x @ first["weight"] + first["bias"], jax.nn.relu(x)], -1)

    return _of(parallel(layers.Dense(FEATURES), ops.relu, combine="concatenate"), plain, SHAPE[1:], random(SHAPE)[0])


SIZE = "16x64, 128-512-128"

PROBLEMS = (
    Problem("chain", "layers", f"{DEPTH} blocks, {SIZE}", _chain, rules=("chain", "residual", "LayerNorm", "Dense")),
    Problem("repeat", "layers", f"{DEPTH} blocks, {SIZE}; plain form by lax.scan", _repeat, rules=("repeat",)),
    Problem("remat", "layers", f"{DEPTH} blocks, {SIZE}; plain form by jax.checkpoint", _remat, rules=("remat",)),
    Problem("scan", "layers", "64 steps, 16x128; plain form by lax.scan", _scan, rules=("scan",)),
    Problem("parallel", "layers", "16x64x128, concatenated", _parallel, rules=("parallel",)),
)
