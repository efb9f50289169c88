"""Arguments for an audit: those given, made ready, and those drawn for the caller from shapes.

Drawn numbers tell right from wrong: normal, of size one, no two alike, none near zero or another whole number, where kinks
usually are.
"""

from __future__ import annotations

import math
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.audit.subject import static_positions
from chainrule.rule import Rule, Static

__all__ = ["draw", "from_shapes", "ready"]

_GAP = 0.04  # how near a drawn number may be to a whole one: differences take steps of up to 0.008
_SHAPE = re.compile(r"(?P<sizes>scalar|\d+(?:x\d+)*)(?::(?P<kind>[a-z]+)(?P<number>\d+)?)?$", re.ASCII)
_MOST = 2**28  # numbers of one argument: 2 GB of them


def from_shapes(text: str, seed: int = 0) -> tuple[Any, ...]:
    """Draw arguments from shapes as the command line takes them: ``3x4,4`` or ``8x5,8:int5,scalar:positive``.

    ======================  ==========================================================
    ``3x4``, ``scalar``     real numbers of both signs
    ``3x4:positive``        from 0.1 to 3
    ``3x4:unit``            between 0 and 1
    ``3x4:symmetric``       a symmetric positive definite matrix, in the last two axes
    ``8:int5``              whole numbers from 0 to 4: labels, indices
    ``8:bool``              true and false
    ``scalar:key``          a random key
    ======================  ==========================================================

    Raises:
        ValueError: for a text that is no list of shapes.
    """
    rng = np.random.default_rng(seed)
    arguments = []
    for part in text.split(","):
        match = _SHAPE.match(part.strip())
        known = (
            match
            and (match["kind"] or "real") in _KINDS
            and ((match["kind"] == "int") == (match["number"] is not None))
        )
        if not match or not known:
            raise ValueError(
                f"shapes must look like 3x4,4 or 8x5,8:int5,scalar (kinds: {', '.join(sorted(_KINDS))}, with a number after "
                f"int), got {part.strip()!r} in {text!r}"
            )
        shape = () if match["sizes"] == "scalar" else tuple(int(size) for size in match["sizes"].split("x"))
        if math.prod(shape) > _MOST:
            raise ValueError(f"shapes: {match['sizes']} is too large, at most {_MOST} numbers are drawn")
        arguments.append(_KINDS[match["kind"] or "real"](rng, shape, int(match["number"] or 0)))
    return tuple(arguments)


def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal numbers, none nearer than 0.04 to a whole one."""
    x = rng.normal(size=shape)
    whole = np.round(x)
    near = np.abs(x - whole) < _GAP
    moved = whole + np.where(x < whole, -1, 1) * rng.uniform(_GAP, 4 * _GAP, size=shape)
    return np.asarray(np.where(near, moved, x))


def _symmetric(rng: np.random.Generator, shape: tuple[int, ...], _: int) -> np.ndarray:
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(f"shapes: symmetric needs two equal last sizes, got {'x'.join(map(str, shape)) or 'scalar'}")
    x = rng.normal(size=shape)
    return np.asarray(x @ np.swapaxes(x, -1, -2) / shape[-1] + np.eye(shape[-1]))


def _key(rng: np.random.Generator, shape: tuple[int, ...], _: int) -> Any:
    key = jax.random.key(int(rng.integers(2**31)))
    return jax.random.split(key, shape) if shape else key


def _integers(rng: np.random.Generator, shape: tuple[int, ...], number: int) -> np.ndarray:
    if not 1 <= number <= 2**31:
        raise ValueError(f"shapes: int needs a number of at least 1 and at most 2^31, got {number}")
    return rng.integers(0, number, size=shape).astype(np.int32)


_KINDS: dict[str, Any] = {
    "real": lambda rng, shape, _: draw(rng, shape),
    "positive": lambda rng, shape, _: rng.uniform(0.1, 3.0, size=shape),
    "unit": lambda rng, shape, _: rng.uniform(0.05, 0.95, size=shape),
    "symmetric": _symmetric,
    "int": _integers,
    "bool": lambda rng, shape, _: rng.integers(0, 2, size=shape).astype(bool),
    "key": _key,
}


def ready(f: Any, args: tuple[Any, ...], seed: int) -> tuple[Any, ...]:
    """Make arguments ready: floating point as NumPy float64, shapes drawn, what is no array held as static.

    A leaf that is a ``jax.ShapeDtypeStruct`` is drawn. For functions that are no rules, a Python integer, string, bool or
    function is a static argument, and so is what ``nondiff_argnums`` names; a Python float is a scalar to differentiate.

    Raises:
        ValueError: for complex numbers, an array where ``nondiff_argnums`` asks for a static argument, or arguments without
            floating-point numbers.
    """
    rng = np.random.default_rng(seed)
    static = () if isinstance(f, Rule) else static_positions(f)

    def one(leaf: Any) -> Any:
        if isinstance(leaf, jax.ShapeDtypeStruct):
            if jnp.issubdtype(leaf.dtype, jnp.floating):
                return draw(rng, leaf.shape)
            if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
                return _key(rng, leaf.shape, 0)
            return rng.integers(0, 2, size=leaf.shape).astype(leaf.dtype)
        if not hasattr(leaf, "dtype") and not isinstance(leaf, (float, complex)) and not isinstance(f, Rule):
            return _static("an argument", leaf)
        dtype = jax.dtypes.result_type(leaf)
        if jnp.issubdtype(dtype, jax.dtypes.prng_key):
            return leaf
        if jnp.issubdtype(dtype, jnp.complexfloating):
            raise ValueError("audit: arguments must be of real numbers, got complex ones")
        array = np.asarray(leaf)
        return array.astype(np.float64) if jnp.issubdtype(dtype, jnp.floating) else array

    made = tuple(_static(f"argument {n}", arg) if n in static else jax.tree.map(one, arg) for n, arg in enumerate(args))
    if not any(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in jax.tree.leaves(made)):
        raise ValueError(
            "audit: arguments must hold an array of floating-point numbers: there is nothing to differentiate"
        )
    return made


def _static(name: str, value: Any) -> Static:
    try:
        hash(value)
    except TypeError:
        raise ValueError(f"audit: {name} is static here and must be hashable, got {type(value).__name__}") from None
    return Static(value)
