"""Read an image file as the networks know digits: light ink on dark, scaled to its box, centred.

It is what the makers of MNIST did: the ink is scaled so that its longer side fills a box (20 of 28 pixels), and placed
so that its centre of mass is in the middle. A network that has seen nothing else knows digits in no other place or size.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

__all__ = ["read_image"]

_FAINT = 0.15  # of the full contrast: what is fainter is paper, noise or shadow
_LEAST_CONTRAST = 0.02  # of the full scale: what is flatter shows no digit
_LARGEST_SIDE = 1024  # pixels: larger images are reduced before anything is computed


def read_image(path: str | Path, in_shape: tuple[int, ...], ink_box: int, ink_centre: float) -> tuple[np.ndarray, str]:
    """Read an image file as an example of shape ``in_shape``: ``(image, what was done)``.

    An image of exactly the size of the examples is taken to be one, and at most inverted. Of any other:

    1. The background is the median along the edge. Where it is the lighter side, the image is inverted.
    2. The contrast is stretched from the background to the strongest ink, and what is fainter than 15 per cent is cut.
    3. The rectangle of the ink is scaled until its longer side is ``ink_box``, keeping its proportions.
    4. It is placed so that its centre of mass is at ``ink_centre``, or as near as the frame and whole pixels allow.

    Args:
        path: a file that Pillow reads: PNG, JPEG, ... Colour becomes grey, and what is transparent white.
        in_shape: (height, width, 1), those of the network.
        ink_box: the longest side of the ink, in pixels.
        ink_centre: the row and the column, counted from 0, that the centre of mass of the ink comes to.

    Returns:
        float32[height, width, 1] in [0, 1], and a line that says what was done.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when it is no image that can be read, or an image that shows nothing.
    """
    grey, size = _read_grey(Path(path))
    background = float(np.median(np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])))
    low, high = float(grey.min()), float(grey.max())
    if high - low < _LEAST_CONTRAST:
        raise ValueError(f"{path}: the image is blank, there is no digit to see")
    dark_on_light = background > (low + high) / 2
    if dark_on_light:
        grey, background = 1 - grey, 1 - background
    done = [f"{size[0]}x{size[1]} pixels", "dark on light, inverted" if dark_on_light else "light on dark"]

    height, width = in_shape[:2]
    if grey.shape == (height, width):
        done.append("used as it is")
        return grey.astype(np.float32)[..., None], ", ".join(done)
    ink = np.clip((grey - background) / (grey.max() - background), 0, 1)
    ink = np.where(ink < _FAINT, 0, ink)
    ink = _scaled(_cropped(ink), min(ink_box, height, width))
    done.append(f"ink scaled to {ink.shape[1]}x{ink.shape[0]} and centred in {width}x{height}")
    return _centred(ink, height, width, ink_centre).astype(np.float32)[..., None], ", ".join(done)


def _read_grey(path: Path) -> tuple[np.ndarray, tuple[int, int]]:
    """Read a file as grey values in [0, 1], and the size that the image has in the file, (width, height)."""
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)
            size = image.size
            if image.mode.startswith(("I", "F")):  # 16 bits and more, whose scale Pillow does not know
                values = np.asarray(image, dtype=np.float64)
                if not np.isfinite(values).all():
                    raise ValueError(f"{path}: the image holds NaN or infinity")
                span = float(np.ptp(values))
                image = Image.fromarray(((values - values.min()) / (span or 1.0) * 255).astype(np.uint8))
            elif image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            image = image.convert("L")
            image.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: not an image that can be read: {error}") from error
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder: give an image file") from None
    except (OSError, SyntaxError) as error:  # a truncated or broken file: Pillow raises either
        raise ValueError(f"{path}: the image cannot be read: {error}") from error
    return np.asarray(image, dtype=np.float64) / 255, size


def _cropped(ink: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _scaled(ink: np.ndarray, box: int) -> np.ndarray:
    """Scale so that the longer side is ``box``; the strongest ink is 1 again, as thin lines fade when they shrink."""
    factor = box / max(ink.shape)
    height, width = (max(1, round(side * factor)) for side in ink.shape)
    image = Image.fromarray(ink.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    scaled = np.asarray(image, dtype=np.float64)
    return np.clip(scaled / scaled.max(), 0, 1)


def _centred(ink: np.ndarray, height: int, width: int, centre: float) -> np.ndarray:
    """Place the ink in a frame of zeros with its centre of mass at ``centre``, and all of it inside."""
    place = []
    for side, extent, index in zip((height, width), ink.shape, np.indices(ink.shape), strict=True):
        mass_at = float((ink * index).sum() / ink.sum())
        first = min(max(round(centre - mass_at), 0), side - extent)
        place.append(slice(first, first + extent))
    frame = np.zeros((height, width))
    frame[tuple(place)] = ink
    return frame
