"""Random changes of images that leave their label right, so that a network sees more than was photographed.

Each function takes a key and a batch of images, float[n, h, w, c], and returns one of the same shape and dtype; each
image of the batch gets a draw of its own, and the same key gives the same images. All is pure and compiled, and runs on
the device inside a training step. ``Augmentation`` holds a choice of them with its strengths, to be given to training.

The geometric ones all go through one function, ``warp``, which interpolates once: rotating, scaling and shifting one
after the other would blur three times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from chainrule.checks import describe, require_floating

__all__ = ["Augmentation", "affine", "brightness", "crop", "cutout", "flip", "rotate", "scale", "shift", "warp"]


@dataclass(frozen=True)
class Augmentation:
    """A choice of augmentations with their strengths: ``augment(key, x, y) -> (x, y)``.

    It holds no array and is equal to another with the same strengths, so it can be a static argument of a compiled
    function. What is left at 0 is not done, and each kind draws from a part of the key of its own: switching one on
    does not change the draws of the others. The order is affine, crop, flip, brightness, cutout.

    Attributes:
        degrees: turn by up to so much either way, see ``affine``.
        scale: enlarge or shrink by up to this share, see ``affine``.
        shift: move by up to so many pixels along each axis, by fractions too, see ``affine``.
        crop: move by up to so many whole pixels along each axis, see ``crop``.
        flip: whether to mirror every other image, left to right, see ``flip``. Not for digits or letters.
        brightness: brighten or darken by up to this share, see ``brightness``.
        cutout: the side of the square that is blanked out, in pixels, see ``cutout``.

    Raises:
        ValueError: for a strength that is negative, not finite or not a number (a whole one for crop and cutout), or a
            scale of 1 or more.
    """

    degrees: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    crop: int = 0
    flip: bool = False
    brightness: float = 0.0
    cutout: int = 0

    def __post_init__(self) -> None:
        _require_affine("Augmentation", self.degrees, self.scale, self.shift)
        _require_strength("Augmentation", "brightness", self.brightness)
        for name, value in (("crop", self.crop), ("cutout", self.cutout)):
            _require_pixels("Augmentation", name, value)
        if not isinstance(self.flip, bool):
            raise ValueError(f"Augmentation: flip must be True or False, got {self.flip!r}")

    def __call__(self, key: Array, x: Array, y: Any) -> tuple[Array, Any]:
        """Augment a batch of images x, float[n, h, w, c]; the targets y are returned as they came."""
        _require_images("Augmentation", x)
        affine_key, crop_key, flip_key, brightness_key, cutout_key = jax.random.split(key, 5)
        if self.degrees or self.scale or self.shift:
            x = affine(affine_key, x, degrees=self.degrees, scale=self.scale, shift=self.shift)
        if self.crop:
            x = crop(crop_key, x, self.crop)
        if self.flip:
            x = flip(flip_key, x)
        if self.brightness:
            x = brightness(brightness_key, x, self.brightness)
        if self.cutout:
            x = cutout(cutout_key, x, self.cutout)
        return x, y


def affine(key: Array, images: Array, *, degrees: float = 0.0, scale: float = 0.0, shift: float = 0.0) -> Array:
    """Turn, scale and shift each image at random, in one interpolation.

    The angle is uniform in [-degrees, degrees], the factor in [1 - scale, 1 + scale] (one for both axes) and each of the
    two shifts in [-shift, shift]; ``warp`` says what they do. At strength 0 the images come back to the bit.

    Args:
        key: a random key.
        images: float[n, h, w, c].
        degrees: the largest angle, in degrees.
        scale: the largest change of size, a share below 1.
        shift: the largest shift along each axis, in pixels; fractions are drawn too.

    Returns:
        float[n, h, w, c], of the dtype of ``images``.

    Raises:
        ValueError: for images of another rank or dtype, or a strength that is negative, not finite or (scale) not below 1.
    """
    _require_images("affine", images)
    _require_affine("affine", degrees, scale, shift)
    return _affine(key, images, degrees, scale, shift)


def rotate(key: Array, images: Array, degrees: float) -> Array:
    """Turn each image about its centre by an angle uniform in [-degrees, degrees]; see ``affine``."""
    return affine(key, images, degrees=degrees)


def scale(key: Array, images: Array, strength: float) -> Array:
    """Scale each image about its centre by a factor uniform in [1 - strength, 1 + strength]; see ``affine``."""
    return affine(key, images, scale=strength)


def shift(key: Array, images: Array, pixels: float) -> Array:
    """Shift each image along both axes by amounts uniform in [-pixels, pixels]; see ``affine``."""
    return affine(key, images, shift=pixels)


@jax.jit
def _affine(key: Array, images: Array, degrees: Any, scale: Any, shift: Any) -> Array:
    draws = jax.random.uniform(key, (images.shape[0], 4), _coordinate_dtype(images), -1.0, 1.0)
    return warp(images, degrees * draws[:, 0], 1 + scale * draws[:, 1], shift * draws[:, 2:])


@jax.jit
def warp(images: Array, degrees: Array, scales: Array, shifts: Array) -> Array:
    """Scale and turn each image about its centre, then shift it: the interpolation behind ``affine``.

    An output pixel at p = (row, column) is read at q in the input, found by undoing the three, with m the middle of the
    image, (h - 1)/2 and (w - 1)/2,

    ::

        q = m + R (p - m - shift) / scale,    R = | cos a   sin a |
                                                  | -sin a  cos a |

    so that a positive angle a turns the picture anticlockwise as it is seen, and a shift of (1, 2) moves it down by one
    pixel and to the right by two. Between pixels values are interpolated bilinearly: with q = (i + u, j + v), u and v
    in [0, 1),

    ::

        y = (1 - u) ((1 - v) x[i, j] + v x[i, j + 1]) + u ((1 - v) x[i + 1, j] + v x[i + 1, j + 1])

    and outside of the image x is 0.

    Args:
        images: float[n, h, w, c].
        degrees: float[n].
        scales: float[n], above 0.
        shifts: float[n, 2], rows and columns.

    Returns:
        float[n, h, w, c], of the dtype of ``images``; coordinates and weights are of float32 at least.
    """
    n, h, w, c = images.shape
    dtype = _coordinate_dtype(images)
    angle, size = jnp.deg2rad(degrees.astype(dtype)), scales.astype(dtype)
    cosine, sine = (value[:, None, None] for value in (jnp.cos(angle) / size, jnp.sin(angle) / size))
    down, right = (shifts.astype(dtype)[:, axis, None, None] for axis in (0, 1))
    row = jnp.arange(h, dtype=dtype)[:, None] - (h - 1) / 2 - down
    column = jnp.arange(w, dtype=dtype) - (w - 1) / 2 - right
    # A pixel or more outside there is nothing but 0, however far.
    rows = jnp.clip(cosine * row + sine * column + (h - 1) / 2, -1, h)
    columns = jnp.clip(cosine * column - sine * row + (w - 1) / 2, -1, w)
    i, j = jnp.floor(rows), jnp.floor(columns)
    u, v = (rows - i)[..., None], (columns - j)[..., None]

    # A frame of zeros, of one pixel before and two behind, so that i and i + 1 are inside for every i from -1 to h.
    width = w + 3
    framed = jnp.pad(images, ((0, 0), (1, 2), (1, 2), (0, 0))).reshape(n * (h + 3) * width, c)
    image = jnp.arange(n, dtype=jnp.int32)[:, None, None] * ((h + 3) * width)
    corner = image + (i.astype(jnp.int32) + 1) * width + (j.astype(jnp.int32) + 1)

    corners = [framed.at[corner + step].get(mode="clip").astype(dtype) for step in (0, 1, width, width + 1)]
    # Behind this barrier XLA reads all four in one loop; without it, in three, and 1.5 to 3 times as slowly.
    upper_left, upper_right, lower_left, lower_right = lax.optimization_barrier(corners)
    top = upper_left + v * (upper_right - upper_left)
    bottom = lower_left + v * (lower_right - lower_left)
    return (top + u * (bottom - top)).astype(images.dtype)


def crop(key: Array, images: Array, padding: int) -> Array:
    """Pad each image by zeros on all sides and cut a window of its own size out, at a random whole pixel.

    So each image moves by -padding ... padding whole pixels along either axis, all equally likely, and nothing is
    interpolated.

    Raises:
        ValueError: for images of another rank or dtype, or a padding that is not a whole number of pixels below the height
            and the width.

    Source: K. He, X. Zhang, S. Ren and J. Sun (2016), Deep residual learning for image recognition, section 4.2.
    """
    _require_images("crop", images)
    _require_pixels("crop", "padding", padding, below=min(images.shape[1:3]))
    return _crop(key, images, padding)


@jax.jit
def _crop(key: Array, images: Array, padding: Any) -> Array:
    n, h, w, _ = images.shape
    down, right = jax.random.randint(key, (2, n, 1), -padding, padding + 1)
    rows, columns = jnp.arange(h) - down, jnp.arange(w) - right
    inside = ((rows >= 0) & (rows < h))[:, :, None] & ((columns >= 0) & (columns < w))[:, None, :]
    moved = images[
        jnp.arange(n)[:, None, None], jnp.clip(rows, 0, h - 1)[:, :, None], jnp.clip(columns, 0, w - 1)[:, None, :]
    ]
    return jnp.where(inside[..., None], moved, 0)


def flip(key: Array, images: Array) -> Array:
    """Mirror each image left to right with probability 1/2.

    Right for what may as well be seen from the other side; wrong for digits and letters, whose mirror image is no sign.

    Raises:
        ValueError: for images of another rank or dtype.
    """
    _require_images("flip", images)
    return _flip(key, images)


@jax.jit
def _flip(key: Array, images: Array) -> Array:
    mirrored = jax.random.bernoulli(key, 0.5, (images.shape[0], 1, 1, 1))
    return jnp.where(mirrored, images[:, :, ::-1], images)


def brightness(key: Array, images: Array, strength: float) -> Array:
    """Multiply each image by a factor uniform in [1 - strength, 1 + strength].

    Black (0) stays black, and nothing is clipped: a white of 1 may become 1 + strength.

    Raises:
        ValueError: for images of another rank or dtype, or a strength that is negative or not finite.
    """
    _require_images("brightness", images)
    _require_strength("brightness", "strength", strength)
    return _brightness(key, images, strength)


@jax.jit
def _brightness(key: Array, images: Array, strength: Any) -> Array:
    dtype = _coordinate_dtype(images)
    draws = jax.random.uniform(key, (images.shape[0], 1, 1, 1), dtype, -1.0, 1.0)
    return (images.astype(dtype) * (1 + strength * draws)).astype(images.dtype)


def cutout(key: Array, images: Array, size: int) -> Array:
    """Set a square of size by size pixels to 0 in each image, the same one in all channels.

    Its centre is any pixel of the image, all equally likely, so that near the border less than the square is inside. For an
    even size the centre is the lower right of the four in the middle.

    Raises:
        ValueError: for images of another rank or dtype, or a size that is not a whole number of pixels up to the height
            and the width.

    Source: T. DeVries and G. W. Taylor (2017), Improved regularization of convolutional neural networks with cutout,
    arXiv:1708.04552.
    """
    _require_images("cutout", images)
    _require_pixels("cutout", "size", size, below=min(images.shape[1:3]) + 1)
    return _cutout(key, images, size)


@jax.jit
def _cutout(key: Array, images: Array, size: Any) -> Array:
    n, h, w, _ = images.shape
    row_key, column_key = jax.random.split(key)
    first_row = jax.random.randint(row_key, (n, 1), 0, h) - size // 2
    first_column = jax.random.randint(column_key, (n, 1), 0, w) - size // 2
    rows, columns = jnp.arange(h) - first_row, jnp.arange(w) - first_column
    cut = ((rows >= 0) & (rows < size))[:, :, None] & ((columns >= 0) & (columns < size))[:, None, :]
    return jnp.where(cut[..., None], 0, images)


def _coordinate_dtype(images: Array) -> Any:
    return images.dtype if jnp.finfo(images.dtype).bits >= 32 else jnp.float32


def _require_images(where: str, images: Any) -> None:
    require_floating(where, images=images)
    if getattr(images, "ndim", 0) != 4 or 0 in images.shape[1:]:
        raise ValueError(f"{where}: images must be [n, height, width, channels], got {describe(images)}")


def _require_affine(where: str, degrees: float, scale: float, shift: float) -> None:
    for name, value in (("degrees", degrees), ("scale", scale), ("shift", shift)):
        _require_strength(where, name, value)
    if scale >= 1:
        raise ValueError(f"{where}: scale must be below 1, the share by which sizes change at most, got {scale!r}")


def _require_strength(where: str, name: str, value: Any) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:
        raise ValueError(f"{where}: {name} must be a finite number, at least 0, got {value!r}")


def _require_pixels(where: str, name: str, value: Any, *, below: int | None = None) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0 or (below is not None and value >= below):
        most = "" if below is None else f" up to {below - 1}"
        raise ValueError(f"{where}: {name} must be a whole number of pixels, at least 0{most}, got {value!r}")
