"""Writing on: tokens drawn one after the other from a causal language model, with the keys and values of the past kept.

At step t the model needs of the past only what attention reads: the keys and values of every attention layer. They are kept
in a cache of the window's length, so that a new token costs one pass over one step:

    prefill       logits of a whole window at once, and the cache that it leaves
    decode_step   logits of the next step, from its token and the cache
    generate      one compiled program that begins with the first and loops over the second

A model here is any composition of attention, position layers and layers that treat every step of a sequence alike.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, is_concrete
from chainrule.compose import Chain, Parallel, Remat, Repeat, Tied
from chainrule.layer import Layer, Lifted
from chainrule.layers.attention import MultiHeadAttention
from chainrule.layers.dense import Dense
from chainrule.layers.dropout import Dropout
from chainrule.layers.embedding import Embedding
from chainrule.layers.layer_norm import LayerNorm, RMSNorm
from chainrule.layers.positions import LearnedPositions, SinusoidalPositions
from chainrule.ops.affine import affine
from chainrule.ops.attention import attention
from chainrule.ops.embedding import check_tokens
from chainrule.ops.positions import rotary, sinusoidal_positions

__all__ = ["decode_step", "generate", "prefill"]

Cache = tuple[tuple[Array, Array], ...]
"""Keys and values, (batch, length, kv_heads, head_dim) each, of every attention layer in the order in which they run."""


def generate(
    model: Layer,
    params: Any,
    prompt: Any,
    steps: int,
    key: Array | None = None,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    length: int | None = None,
) -> Array:
    """Draw ``steps`` tokens after a prompt, each from p = softmax(logits / temperature) given all before it.

    A sequence that outgrows the window slides: its later half is read anew, from position 0, and goes on from there. Of a
    prompt longer than the window the end is read.

    Args:
        model: a causal language model, ``models.gpt(...)``; no dropout is applied.
        params: its parameters.
        prompt: tokens (batch, time), at least one for each example.
        steps: how many tokens to draw; each number compiles a program of its own, prompts of any length share it.
        key: a random key; not needed at temperature 0.
        temperature: below 1 sharpens p, above 1 flattens it; at 0 the likeliest token is taken (the first of equals).
        top_k: draw from the k likeliest alone.
        length: the window; that of the model's positions unless given, and without those the whole sequence's.

    Returns:
        The prompt and the drawn tokens, (batch, time + steps).

    Raises:
        ValueError: for a prompt that is empty or outside the vocabulary, steps or ``top_k`` below 1, a negative
            temperature, a missing key, a window longer than the positions, or a model that cannot be run step by step.
    """
    prompt = jnp.asarray(prompt)
    if prompt.ndim != 2 or not jnp.issubdtype(prompt.dtype, jnp.integer) or prompt.shape[1] < 1:
        raise ValueError(f"prompt must hold tokens (batch, time), at least one for each, got {describe(prompt)}")
    for name, value in (("steps", steps), ("top_k", top_k), ("length", length)):
        if (value is not None or name == "steps") and (not isinstance(value, int) or value < 1):
            raise ValueError(f"{name} must be a positive integer, got {value!r}")
    if not temperature >= 0:
        raise ValueError(f"temperature must not be negative, got {temperature}")
    if temperature > 0 and key is None:
        raise ValueError("drawing tokens needs a random key, jax.random.key(0); or temperature 0, which draws none")
    vocabularies = [layer.vocabulary for layer in _layers(model) if isinstance(layer, Embedding)]
    if vocabularies and is_concrete(prompt):
        check_tokens(prompt, vocabularies[0])
    window = _window(model, prompt.shape[1] + steps, length)
    read = prompt[:, -window:]
    drawn = _generate(
        model,
        params,
        # Places that are not reached yet hold token 0: it is in the vocabulary, and causal attention does not look at it.
        jnp.pad(read, ((0, 0), (0, window - read.shape[1]))),
        jnp.int32(read.shape[1]),
        jax.random.key(0) if key is None else key,
        jnp.float32(temperature),
        steps=steps,
        top_k=top_k,
        greedy=temperature == 0,
    )
    return jnp.concatenate([prompt, drawn.astype(prompt.dtype)], 1)


def prefill(model: Layer, params: Any, tokens: Array) -> tuple[Array, Cache]:
    """Compute the logits (batch, time, vocabulary) of whole sequences, and the cache with their keys and values.

    Raises:
        ValueError: for a model with layers that cannot be run step by step.
    """
    pass_ = _Pass(jnp.int32(0), None)
    return pass_.run(model, params, tokens), tuple(pass_.new)


def decode_step(model: Layer, params: Any, tokens: Array, cache: Cache, position: Array) -> tuple[Array, Cache]:
    """Compute the logits (batch, vocabulary) after one more token for each example, and the cache with it in place.

    Args:
        model: as in ``prefill``.
        params: its parameters.
        tokens: (batch,), the tokens at ``position``.
        cache: keys and values of the positions before; what stands after them is not looked at.
        position: an integer below the length of the cache.
    """
    pass_ = _Pass(jnp.asarray(position, jnp.int32), cache)
    return pass_.run(model, params, tokens[:, None])[:, 0], tuple(pass_.new)


@functools.partial(jax.jit, static_argnums=0, static_argnames=("steps", "top_k", "greedy"))
def _generate(
    model: Layer,
    params: Any,
    tokens: Array,
    count: Array,
    key: Array,
    temperature: Array,
    *,
    steps: int,
    top_k: int | None,
    greedy: bool,
) -> Array:
    """Loop: read one token (or, where the window is new, all of it), draw the next, and slide where there is no room."""
    window = tokens.shape[1]
    empty = jax.eval_shape(lambda: prefill(model, params, tokens)[1])
    cache = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), empty)
    half = window // 2

    def read_all(tokens: Array, cache: Cache, count: Array) -> tuple[Array, Cache]:
        logits, cache = prefill(model, params, tokens)
        return lax.dynamic_index_in_dim(logits, count - 1, 1, keepdims=False), cache

    def read_one(tokens: Array, cache: Cache, count: Array) -> tuple[Array, Cache]:
        last = lax.dynamic_index_in_dim(tokens, count - 1, 1, keepdims=False)
        return decode_step(model, params, last, cache, count - 1)

    def step(carry: tuple[Array, Array, Array, Cache], i: Array) -> tuple[tuple[Array, Array, Array, Cache], Array]:
        tokens, count, is_new, cache = carry
        logits, cache = lax.cond(is_new, read_all, read_one, tokens, cache, count)
        chosen = _draw(logits, jax.random.fold_in(key, i), temperature, top_k, greedy).astype(tokens.dtype)
        is_full = count == window
        tokens = jnp.where(is_full, jnp.roll(tokens, half, 1), tokens)
        count = jnp.where(is_full, half, count)
        tokens = lax.dynamic_update_slice_in_dim(tokens, chosen[:, None], count, 1)
        return (tokens, count + 1, is_full, cache), chosen

    start = (tokens, count, jnp.bool_(True), cache)
    _, drawn = lax.scan(step, start, jnp.arange(steps))
    return jnp.swapaxes(drawn, 0, 1)


def _draw(logits: Array, key: Array, temperature: Array, top_k: int | None, greedy: bool) -> Array:
    if greedy:
        return jnp.argmax(logits, -1)
    if top_k is not None and top_k < logits.shape[-1]:
        least = lax.top_k(logits, top_k)[0][..., -1:]
        logits = jnp.where(logits < least, -jnp.inf, logits)
    return jax.random.categorical(key, logits / temperature.astype(logits.dtype))


class _Pass:
    """One pass over a model from a position on; it collects keys and values while the layers run."""

    def __init__(self, position: Array, cache: Cache | None) -> None:
        self.position = position
        self.cache = cache
        self.new: list[tuple[Array, Array]] = []

    def run(self, layer: Layer, params: Any, x: Any) -> Any:
        """Run a layer on steps ``position``, ``position`` + 1, ... of a sequence."""
        match layer:
            case Chain(layers=layers):
                y = functools.reduce(lambda x, part: self.run(part[0], part[1], x), zip(layers, params, strict=True), x)
            case Parallel(layers=layers, combine="sum"):
                y = functools.reduce(
                    jnp.add, [self.run(part, own, x) for part, own in zip(layers, params, strict=True)]
                )
            case Repeat(layer=block, depth=depth):
                own = [jax.tree.map(operator.itemgetter(i), params) for i in range(depth)]
                y = functools.reduce(lambda x, params_i: self.run(block, params_i, x), own, x)
            case Tied(layer=model):
                y = self.run(model, layer.filled(params)[0], x)
            case Remat(layer=model):
                y = self.run(model, params, x)
            case MultiHeadAttention():
                y = self.attend(layer, params, x)
            case LearnedPositions():
                y = x + lax.dynamic_slice_in_dim(params["table"], self.position, x.shape[1])
            case SinusoidalPositions(length=length, base=base):
                table = sinusoidal_positions(length, x.shape[2], x.dtype, base=base)
                y = x + lax.dynamic_slice_in_dim(table, self.position, x.shape[1])
            case Embedding() | Dense() | LayerNorm() | RMSNorm() | Dropout() | Lifted():
                y = layer(params, x)
            case _:
                y = None
        if y is None or y.shape[:2] != x.shape[:2]:
            raise ValueError(
                f"{layer.name} does not treat every step of a sequence alike: it cannot be run step by step"
            )
        return y

    def attend(self, layer: MultiHeadAttention, params: Any, x: Array) -> Array:
        """Attend from the new steps to all that are in the cache, themselves included."""
        if not layer.causal:
            raise ValueError(f"{layer.name} is not causal: what follows a step would change it")
        positions = self.position + jnp.arange(x.shape[1])
        query, key, value = layer.split(affine(x, params["qkv"]["weight"], params["qkv"].get("bias")))
        if layer.rotary:
            query, key = rotary(query, positions), rotary(key, positions)
        if self.cache is not None:
            old_key, old_value = self.cache[len(self.new)]
            key = lax.dynamic_update_slice_in_dim(old_key, key, self.position, 1)
            value = lax.dynamic_update_slice_in_dim(old_value, value, self.position, 1)
        self.new.append((key, value))
        earlier = jnp.arange(key.shape[1]) <= positions[:, None]
        attended = attention(query, key, value, earlier)
        return affine(attended.reshape(x.shape), params["output"]["weight"], params["output"].get("bias"))


def _layers(layer: Layer) -> list[Layer]:
    """All layers that a layer is made of, itself first."""
    within = [*getattr(layer, "layers", ()), *([layer.layer] if isinstance(layer, (Repeat, Tied, Remat)) else [])]
    return [layer, *(found for part in within for found in _layers(part))]


def _window(model: Layer, total: int, length: int | None) -> int:
    """The window: what was asked for, what the positions allow, or the whole sequence."""
    positions = [layer.length for layer in _layers(model) if isinstance(layer, (LearnedPositions, SinusoidalPositions))]
    if length is not None and positions and length > min(positions):
        raise ValueError(f"length must be at most {min(positions)}, the positions of the model, got {length}")
    return length if length is not None else min(positions, default=total)
