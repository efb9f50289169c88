"""Embedding, positions and attention; the plain attention holds the whole matrix of probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.architectures.problem import Limits, Problem, Sides, random, versus

__all__ = ["PROBLEMS", "plain_attention"]


def plain_attention(query: Any, key: Any, value: Any, *, causal: bool = False) -> Any:
    """Softmax attention as people write it: keys and values repeated for the query heads that share them."""
    import jax
    import jax.numpy as jnp

    repeats = query.shape[2] // key.shape[2]
    if repeats > 1:
        key, value = jnp.repeat(key, repeats, 2), jnp.repeat(value, repeats, 2)
    scores = jnp.einsum("bthd,bshd->bhts", query, key) / query.shape[-1] ** 0.5
    if causal:
        time = query.shape[1]
        scores = jnp.where(jnp.tril(jnp.ones((time, time), bool)), scores, -jnp.inf)
    return jnp.einsum("bhts,bshd->bthd", jax.nn.softmax(scores, -1), value)


def _attention(rule: str, batch: int, time: int, *, kv_heads: int = 4, causal: bool = False) -> Callable[[], Sides]:
    def build() -> Sides:
        from chainrule import ops

        arrays = random((batch, time, 4, 64), *[(batch, time, kv_heads, 64)] * 2)
        return versus(
            getattr(ops, rule),
            lambda query, key, value: plain_attention(query, key, value, causal=causal),
            *arrays,
            static={"causal": causal},
        )

    return build


def _embedding(shape: tuple[int, int], vocabulary: int) -> Callable[[], Sides]:
    def build() -> Sides:
        import jax

        from chainrule import ops

        tokens = jax.random.randint(jax.random.key(4), shape, 0, vocabulary)
        return versus(ops.embedding, lambda tokens, table: table[tokens], tokens, *random((vocabulary, 128)))

    return build


def _rotary() -> Sides:
    import jax.numpy as jnp

    from chainrule import ops

    def plain(x: Any) -> Any:
        half = x.shape[-1] // 2
        angles = jnp.arange(x.shape[1])[:, None, None] * 10000.0 ** (-jnp.arange(half) / half)
        cos, sin = jnp.cos(angles), jnp.sin(angles)
        first, second = x[..., :half], x[..., half:]
        return jnp.concatenate([first * cos - second * sin, first * sin + second * cos], -1)

    return versus(ops.rotary, plain, *random((16, 256, 4, 64)))


def _positions() -> Sides:
    import jax.numpy as jnp
    import numpy as np

    from chainrule import layers

    angles = np.arange(64)[:, None] / 10000.0 ** (np.arange(0, 128, 2) / 128)
    table = jnp.asarray(np.stack([np.sin(angles), np.cos(angles)], -1).reshape(64, 128), jnp.float32)
    return versus(layers.SinusoidalPositions(64), lambda params, x: x + table, (), *random((64, 64, 128)))


PROBLEMS = (
    Problem("embedding", "ops", "32x256 of 4096, 128 features", _embedding((32, 256), 4096), rules=("embedding",)),
    Problem("embedding_characters", "ops", "32x256 of 100, 128 features", _embedding((32, 256), 100)),
    Problem("rotary", "ops", "16x256x4x64", _rotary, rules=("rotary",)),
    Problem("attention", "ops", "16x128, 4 heads of 64", _attention("attention", 16, 128), rules=("attention",)),
    Problem("attention_causal", "ops", "16x128, 4 heads of 64, causal", _attention("attention", 16, 128, causal=True)),
    Problem("attention_grouped", "ops", "16x128, 4 heads, 2 of keys", _attention("attention", 16, 128, kv_heads=2)),
    Problem(
        "blockwise_attention",
        "ops",
        "1x2048, 4 heads of 64",
        _attention("blockwise_attention", 1, 2048),
        Limits(memory=0.25),
        rules=("blockwise_attention",),
    ),
    Problem(
        "blockwise_attention_causal",
        "ops",
        "1x2048, 4 heads of 64, causal",
        _attention("blockwise_attention", 1, 2048, causal=True),
        Limits(memory=0.25),
    ),
    Problem("SinusoidalPositions", "layers", "64x64x128", _positions, rules=("SinusoidalPositions",)),
)
