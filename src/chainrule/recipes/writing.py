"""Writing on: characters drawn one after the other from a trained network of text.

A :class:`Reader` is a network with what it has read so far: it takes characters in and gives the logits of the next. A GPT
remembers the keys and values of its window, a char_rnn the carry of its LSTMs, so that one more character costs one step of
one compiled program, however many came before.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.layer import Layer
from chainrule.models import decoding
from chainrule.recipes.config import is_whole

__all__ = ["CarryReader", "Reader", "WindowReader", "draw", "drawn", "require_drawing"]


class Reader(Protocol):
    """A network, and what it has read so far."""

    def read(self, ids: np.ndarray) -> np.ndarray:
        """Read characters, at least one, and return the logits of the next, float[classes]."""


class WindowReader:
    """A GPT, which looks back over a window.

    A window that is full slides: its later half is read anew, from the window's beginning, and goes on from there. So what
    is written always follows from half a window at the least. Of a longer text at once, the end is read.
    """

    def __init__(self, model: Layer, params: Any, length: int) -> None:
        self._model, self._params = model, params
        self._window = np.zeros(0, np.int32)
        self._length = length
        self._cache: Any = None

    def read(self, ids: np.ndarray) -> np.ndarray:
        """Read characters, at least one, and return the logits of the next, float32[classes]."""
        window = np.concatenate([self._window, ids])
        is_next = self._cache is not None and len(ids) == 1 and len(window) <= self._length
        if len(window) > self._length:
            half = self._length // 2
            # Several at once fill the window anew; one finds the later half of it.
            window = window[-self._length :] if len(ids) > 1 else window[-half - 1 :]
        self._window = window
        if is_next:
            last = jnp.asarray(window[-1:])
            logits, self._cache = _read_one(self._model, self._params, last, self._cache, jnp.int32(len(window) - 1))
        else:
            # Places that are not reached yet hold 0: attention does not look ahead.
            tokens = np.zeros((1, self._length), np.int32)
            tokens[0, : len(window)] = window
            logits, self._cache = _read_window(
                self._model, self._params, jnp.asarray(tokens), jnp.int32(len(window) - 1)
            )
        return np.asarray(logits)


class CarryReader:
    """A recurrent network, which carries its states on without an end."""

    def __init__(self, model: Layer, params: Any) -> None:
        """Begin with states of zeros.

        Args:
            model: a network that carries the states of one sequence, ``models.char_rnn(..., carry_batch=1)``.
            params: its parameters.
        """
        self._model, self._params = model, params
        _, states = jax.eval_shape(lambda: model.build(jax.random.key(0), (1,), jnp.float32))
        self._state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), states)

    def read(self, ids: np.ndarray) -> np.ndarray:
        """Read characters, at least one, and return the logits of the next, float32[classes]."""
        for token in ids:
            x = np.full((1, 1), token, np.int32)
            logits, self._state = _read_on(self._model, self._params, jnp.asarray(x), self._state)
        return np.asarray(logits)


@functools.partial(jax.jit, static_argnums=0)
def _read_window(model: Layer, params: Any, tokens: Array, last: Array) -> tuple[Array, Any]:
    logits, cache = decoding.prefill(model, params, tokens)
    return logits[0, last], cache


@functools.partial(jax.jit, static_argnums=0, donate_argnums=3)
def _read_one(model: Layer, params: Any, token: Array, cache: Any, position: Array) -> tuple[Array, Any]:
    logits, cache = decoding.decode_step(model, params, token, cache, position)
    return logits[0], cache


@functools.partial(jax.jit, static_argnums=0)
def _read_on(model: Layer, params: Any, x: Array, state: Any) -> tuple[Array, Any]:
    logits, state = model(params, x, state)
    return logits[0, -1], state


def require_drawing(length: int, temperature: float, top_k: int | None) -> None:
    """Refuse what cannot be drawn.

    Raises:
        ValueError: for a length or ``top_k`` that is no positive whole number, or a temperature that is negative or not
            finite.
    """
    if not is_whole(length) or length < 1:
        raise ValueError(f"length must be a positive number of characters, got {length!r}")
    if top_k is not None and (not is_whole(top_k) or top_k < 1):
        raise ValueError(f"top_k must be a positive number of characters, got {top_k!r}")
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature must be at least 0 and finite, got {temperature!r}")


def drawn(
    reader: Reader,
    prompt: np.ndarray,
    length: int,
    rng: np.random.Generator,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    excluded: int | None = None,
) -> Iterator[int]:
    """Draw ``length`` characters after a prompt, each as it is asked for.

    Args:
        reader: the network; it has read all that was drawn but the last.
        prompt: int32[n], at least one character to read first.
        length: how many characters to draw.
        rng: where chance comes from; at temperature 0, nowhere.
        temperature: as in ``draw``.
        top_k: as in ``draw``.
        excluded: a character that is never drawn, or None.
    """
    ids = prompt
    for _ in range(length):
        logits = np.array(reader.read(ids), np.float64)
        if excluded is not None:
            logits[excluded] = -np.inf
        chosen = draw(logits, rng, temperature=temperature, top_k=top_k)
        yield chosen
        ids = np.array([chosen], np.int32)


def draw(logits: np.ndarray, rng: np.random.Generator, *, temperature: float = 1.0, top_k: int | None = None) -> int:
    """Draw from p = softmax(logits / temperature).

    Args:
        logits: float[classes].
        rng: where chance comes from; at temperature 0, nowhere.
        temperature: below 1 sharpens p, above 1 flattens it; at 0 the likeliest is taken, the first of equals.
        top_k: draw from the k likeliest alone; of equals, the first ones.
    """
    likeliest = np.argsort(-logits, kind="stable")
    if temperature == 0:
        return int(likeliest[0])
    kept = likeliest[:top_k]
    # Differences from the largest first, so that no temperature, however small, leaves infinity minus infinity.
    with np.errstate(over="ignore", under="ignore"):
        weights = np.exp((logits[kept] - logits[kept[0]]) / temperature)
    return int(
        kept[np.searchsorted(np.cumsum(weights), rng.random() * weights.sum(), side="right").clip(max=len(kept) - 1)]
    )
