"""Pooling: the largest number, or the mean, of each window of an image, channel by channel.

Forward, a window is looked at tap by tap: tap j of all windows at once is one strided slice of the image. Backward, each
pixel gathers from the windows that looked at it. Cut the padded axis into tiles of ``stride`` pixels: pixel p stands at
place r of tile q, p = s q + r. Tap j of window o looks at pixel s o + j, so it looks at p where::

    s o + j = s q + r        j = r + s m  for m = q - o = 0, 1, ..., ceil(k / s) - 1

Pixel p gathers from the windows q - m, one for each m, by tap r + s m where that is a tap (below k). Windows that do not
overlap give one term. XLA differentiates its own window reduction by a search instead (select-and-scatter), which on a
CPU takes 20 to 60 times as long.

Where the windows lie, and what a padding may be, is said in ``chainrule.ops.windows``; here a window must not lie in the
padding altogether, so the padding is narrower than the window.

Source: LeCun et al., Gradient-based learning applied to document recognition, 1998 (mean); Ranzato et al., Unsupervised
learning of invariant feature hierarchies with applications to object recognition, 2007 (maximum).
"""

from __future__ import annotations

import functools
import itertools
import math
import operator

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from chainrule.checks import describe, require_floating
from chainrule.ops.windows import Ints, Padding, Windows, windows
from chainrule.rule import Static, rule

__all__ = ["average_pool", "max_pool"]


@rule
def max_pool(
    x: Array, *, window: Ints, stride: Ints | None = None, padding: Padding = "VALID"
) -> tuple[Array, tuple[Array | None, Static]]:
    """Take the largest number of each window: y_o = max over taps j of x_(s o + j - low).

    Args:
        x: images, or series.
        window: the taps: an int for all axes, or one for each.
        stride: the pixels from window to window; the window's own size unless given.
        padding: ``"VALID"``, ``"SAME"``, or pixels before and after; padding counts as minus infinity.

    Shapes: x (batch, length, channels) or (batch, height, width, channels); y the same with fewer pixels.

    Derivation: y_o = x_p for the one pixel p that won, so dy_o/dx_p = 1 there and 0 elsewhere::

        dL/dx_p = sum over the windows o that p won, of dL/dy_o
                = sum_m [tap r + s m won window q - m] dL/dy_(q-m)        with p + low = s q + r

    Residuals: the number of the tap that won, row by row: one byte for windows of fewer than 256 taps. (Autodiff keeps a
    byte for each tap but the first.)

    Kinks: where taps tie, the first of them in row-major order wins and takes the whole cotangent, as in PyTorch. Padding
    wins nothing, not from pixels at minus infinity either. A NaN wins its window, the last one where there are more, also
    as in PyTorch.

    Raises:
        ValueError: for an x of another rank or without pixels, integers, or windows that do not fit: larger than the padded
            image, or a padding not narrower than the window.
    """
    laid = _lay("max_pool", x, window, stride, padding)
    image = lax.pad(x, jnp.array(-jnp.inf, x.dtype), _ends(laid.padding))
    taps = math.prod(laid.size)
    code = _code_dtype(taps)
    best = _tap(image, laid, (0,) * len(laid.size))
    winner = jnp.zeros(best.shape, code)
    for number, tap in itertools.islice(enumerate(np.ndindex(*laid.size)), 1, None):
        candidate = _tap(image, laid, tap)
        takes = (candidate > best) | jnp.isnan(candidate)
        first = _first_pixel(laid, tap)
        if first.any():
            takes |= first
        best = jnp.where(takes, candidate, best)
        winner = jnp.where(takes, jnp.array(number, code), winner)
    return best, (winner if taps > 1 else None, Static(laid))


@max_pool.defbackward
def max_pool_backward(
    residuals: tuple[Array | None, Static],
    d_output: Array,
    *,
    window: Ints,
    stride: Ints | None,
    padding: Padding,
) -> tuple[Array]:
    """Compute dL/dx_p = the sum of dL/dy_o over the windows o that p won."""
    winner, laid = residuals[0], residuals[1].value
    zero = jnp.zeros((), d_output.dtype)
    reach, tiles = _reach(laid), _tiles(laid)
    numbers = None
    if winner is not None:
        # Padded once and then sliced, not padded for each term: so XLA keeps the numbers in memory, where it would otherwise
        # run the whole comparison of the forward pass again in every term.
        before_after = [(m - 1, q - o) for m, q, o in zip(reach, tiles, laid.out_sizes, strict=True)]
        numbers = lax.pad(winner, jnp.zeros((), winner.dtype), _ends(before_after))
    terms = []
    for shift in np.ndindex(*reach):
        taps = _taps_of_places(laid, shift)
        if numbers is None:
            won = taps == 0
        else:
            starts = [m - 1 - by for m, by in zip(reach, shift, strict=True)]
            ends = [start + q for start, q in zip(starts, tiles, strict=True)]
            near = lax.slice(numbers, [0, *starts, 0], [numbers.shape[0], *ends, numbers.shape[-1]])
            won = _as_tiles(near) == taps.astype(near.dtype)
        terms.append(jnp.where(won, _as_tiles(_shifted(d_output, laid, shift)), zero))
    return (_from_tiles(functools.reduce(operator.add, terms), laid),)


@rule
def average_pool(
    x: Array,
    *,
    window: Ints,
    stride: Ints | None = None,
    padding: Padding = "VALID",
    count_include_padding: bool = False,
) -> tuple[Array, Static]:
    """Take the mean of each window: y_o = (1 / n_o) sum over taps j of x_(s o + j - low), padding counting as 0.

    Args:
        x: images, or series.
        window: the taps: an int for all axes, or one for each.
        stride: the pixels from window to window; the window's own size unless given.
        padding: ``"VALID"``, ``"SAME"``, or pixels before and after.
        count_include_padding: whether n_o is the number of taps; else it is that of the pixels among them, and a window at
            the border is the mean of what it sees. (PyTorch's ``count_include_pad``, which is True there unless given.)

    Shapes: x (batch, length, channels) or (batch, height, width, channels); y the same with fewer pixels.

    Derivation: every pixel of a window has its share 1 / n_o of the mean::

        dL/dx_p = sum over the windows o that look at p, of dL/dy_o / n_o
                = sum_m [r + s m is a tap] dL/dy_(q-m) / n_(q-m)        with p + low = s q + r

    Residuals: none; where the windows lie.

    Raises:
        ValueError: for an x of another rank or without pixels, integers, or windows that do not fit: larger than the padded
            image, or a padding not narrower than the window.
    """
    laid = _lay("average_pool", x, window, stride, padding)
    if any(map(any, laid.padding)):
        # A padded image would be a copy of it, which XLA's window reduction need not make.
        sizes, strides = (1, *laid.size, 1), (1, *laid.stride, 1)
        total = lax.reduce_window(x, np.zeros((), x.dtype), lax.add, sizes, strides, ((0, 0), *laid.padding, (0, 0)))
    else:
        total = functools.reduce(operator.add, (_tap(x, laid, tap) for tap in np.ndindex(*laid.size)))
    return total * _shares(laid, count_include_padding, x.dtype), Static(laid)


@average_pool.defbackward
def average_pool_backward(
    residuals: Static,
    d_output: Array,
    *,
    window: Ints,
    stride: Ints | None,
    padding: Padding,
    count_include_padding: bool,
) -> tuple[Array]:
    """Compute dL/dx_p = the sum of dL/dy_o / n_o over the windows o that look at p."""
    laid = residuals.value
    share = d_output * _shares(laid, count_include_padding, d_output.dtype)
    zero = jnp.zeros((), share.dtype)
    terms = [
        jnp.where(_taps_of_places(laid, shift) < math.prod(laid.size), _as_tiles(_shifted(share, laid, shift)), zero)
        for shift in np.ndindex(*_reach(laid))
    ]
    return (_from_tiles(functools.reduce(operator.add, terms), laid),)


# ----------------------------------------------------------------------------------------------------------------------
# Windows and tiles. All but the two slices of arrays is arithmetic of shapes, done while tracing.
# ----------------------------------------------------------------------------------------------------------------------


def _lay(where: str, x: Array, window: Ints, stride: Ints | None, padding: Padding) -> Windows:
    """Check x, and lay the windows over its pixels; every window holds a pixel."""
    require_floating(where, x=x)
    if x.ndim not in (3, 4) or 0 in x.shape[1:-1]:
        raise ValueError(
            f"{where}: x must be (batch, length, channels) or (batch, height, width, channels), got {describe(x)}"
        )
    laid = windows(where, x.shape[1:-1], window, stride=window if stride is None else stride, padding=padding)
    if any(max(ends) >= size for ends, size in zip(laid.padding, laid.size, strict=True)):
        raise ValueError(
            f"{where}: padding must be narrower than the window, for a window in the padding sees no pixel; "
            f"got padding {laid.padding} and window {laid.size}"
        )
    return laid


def _ends(pairs: tuple[tuple[int, int], ...] | list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """The padding of the spatial axes as ``lax.pad`` takes it for all axes."""
    return [(0, 0, 0), *((low, high, 0) for low, high in pairs), (0, 0, 0)]


def _code_dtype(taps: int) -> np.dtype:
    """The smallest integers that hold the number of every tap, and one more: that of none."""
    return np.min_scalar_type(taps)


def _tap(image: Array, laid: Windows, tap: tuple[int, ...]) -> Array:
    """What one tap of every window looks at, in the padded image."""
    ends = [j + (m - 1) * s + 1 for j, m, s in zip(tap, laid.out_sizes, laid.stride, strict=True)]
    return lax.slice(image, [0, *tap, 0], [image.shape[0], *ends, image.shape[-1]], [1, *laid.stride, 1])


def _first_pixel(laid: Windows, tap: tuple[int, ...]) -> np.ndarray:
    """The windows of which this tap, not their first, is the first within the image: those before it see padding."""
    if not any(tap):
        return np.zeros((), bool)
    firsts = [
        np.maximum(low - s * np.arange(m), 0) == j
        for j, (low, _), s, m in zip(tap, laid.padding, laid.stride, laid.out_sizes, strict=True)
    ]
    return _outer(firsts)[..., None]


def _shares(laid: Windows, count_include_padding: bool, dtype: np.dtype) -> Array | float:
    """1 / n of each window, n the numbers that its mean is of: one number if all are alike, else (windows, ..., 1)."""
    if count_include_padding or not any(map(any, laid.padding)):
        return 1 / math.prod(laid.size)
    seen = []
    for n, k, s, m, (low, _) in zip(laid.in_sizes, laid.size, laid.stride, laid.out_sizes, laid.padding, strict=True):
        start = s * np.arange(m) - low
        seen.append(np.minimum(start + k, n) - np.maximum(start, 0))
    return jnp.asarray(1 / _outer(seen)[..., None], dtype)


def _outer(vectors: list[np.ndarray]) -> np.ndarray:
    """The product of one vector an axis."""
    return functools.reduce(lambda product, vector: product[..., None] * vector, vectors)


def _reach(laid: Windows) -> tuple[int, ...]:
    """From how many windows a pixel may gather, along each axis: ceil(k / s)."""
    return tuple(-(-k // s) for k, s in zip(laid.size, laid.stride, strict=True))


def _tiles(laid: Windows) -> tuple[int, ...]:
    """How many tiles hold the padding before and all pixels, along each axis."""
    return tuple(-(-(low + n) // s) for n, s, (low, _) in zip(laid.in_sizes, laid.stride, laid.padding, strict=True))


def _shifted(values: Array, laid: Windows, shift: tuple[int, ...]) -> Array:
    """For each tile q the value of window q - m; 0 where there is none."""
    room = [(m, q - o - m) for m, q, o in zip(shift, _tiles(laid), laid.out_sizes, strict=True)]
    return lax.pad(values, jnp.zeros((), values.dtype), _ends(room))


def _as_tiles(values: Array) -> Array:
    """Give each tile an axis of places, of size 1: (batch, tiles, 1, ..., channels)."""
    sizes = itertools.chain(*((tiles, 1) for tiles in values.shape[1:-1]))
    return values.reshape(values.shape[0], *sizes, values.shape[-1])


def _taps_of_places(laid: Windows, shift: tuple[int, ...]) -> np.ndarray:
    """The number of the tap r + s m that looks at each place of a tile, in the layout of tiles; of no tap: their count."""
    taps = [np.arange(s) + s * m for s, m in zip(laid.stride, shift, strict=True)]
    grid = np.meshgrid(*taps, indexing="ij")
    numbers = np.ravel_multi_index(grid, laid.size, mode="clip")
    outside = functools.reduce(operator.or_, (at >= k for at, k in zip(grid, laid.size, strict=True)))
    numbers = np.where(outside, math.prod(laid.size), numbers)
    return numbers.reshape(1, *itertools.chain(*((1, s) for s in laid.stride)), 1)


def _from_tiles(tiled: Array, laid: Windows) -> Array:
    """Lay the tiles side by side, and cut the padding off."""
    batch, channels = tiled.shape[0], tiled.shape[-1]
    rows = [tiles * s for tiles, s in zip(_tiles(laid), laid.stride, strict=True)]
    ends = [low + n for n, (low, _) in zip(laid.in_sizes, laid.padding, strict=True)]
    padded = tiled.reshape(batch, *rows, channels)
    return lax.slice(padded, [0, *(low for low, _ in laid.padding), 0], [batch, *ends, channels])
