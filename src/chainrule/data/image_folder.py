"""Read labelled images from a folder of folders: one folder a class, PNG and JPEG files in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LabelledImages", "image_folder"]

_ENDINGS = (".png", ".jpg", ".jpeg")


class LabelledImages(NamedTuple):
    """Images with their classes: ``x, y, class_names, files``.

    Attributes:
        x: float32[n, height, width, channels] in [0, 1].
        y: int32[n], indices into ``class_names``.
        class_names: the names of the folders, in alphabetical order.
        files: where each image came from.
    """

    x: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]
    files: tuple[Path, ...]


def image_folder(
    path: str | os.PathLike[str], *, size: tuple[int, int] | None = None, grey: bool = False
) -> LabelledImages:
    """Read the images of a folder that holds one folder a class: ``folder/cat/1.png``, ``folder/dog/7.jpg``.

    Classes are in the alphabetical order of their folders, and images in that of their files within a class. Names that
    begin with a dot are passed over. A camera's note on which way is up is obeyed; what is transparent is laid on white;
    16-bit greys keep their depth. With ``grey``, a colour becomes 0.299 R + 0.587 G + 0.114 B. All images are held in
    memory at once, 4 bytes a number. (A PNG file carries checksums, a JPEG file none: of a JPEG only damage that breaks
    its code is seen.)

    Args:
        path: the folder.
        size: (height, width), to which each image is scaled, whatever its proportions, by Pillow's bilinear filter (which
            widens where it reduces, so that every pixel counts); None: all images must be of one size.
        grey: one channel; otherwise three, red, green and blue, those of a grey image being equal.

    Returns:
        The images, their labels, the names of the classes, and the files.

    Raises:
        FileNotFoundError: when there is no such folder.
        ValueError: naming the file or folder: no folder of classes; a file beside the classes; a class without an image; a
            file that is no PNG or JPEG image, or is damaged; images of unlike sizes without ``size``; a ``size`` that is
            not two positive whole numbers.
    """
    root = Path(path)
    target = _require_size(size)
    classes = _folders(root)
    files = [(file, label) for label, folder in enumerate(classes) for file in _files(folder)]
    x = np.empty((0, 0, 0, 0), np.float32)
    for place, (file, _) in enumerate(files):
        pixels = _read(file, target, grey)
        if place == 0:
            x = np.empty((len(files), *pixels.shape), np.float32)
        if pixels.shape != x.shape[1:]:
            (height, width), (first_height, first_width) = pixels.shape[:2], x.shape[1:3]
            raise ValueError(
                f"{file}: images must be of one size, got {width} x {height} pixels here and {first_width} x {first_height} "
                f"in {files[0][0]}; give size=(height, width) to scale them"
            )
        x[place] = pixels
    labels = np.array([label for _, label in files], np.int32)
    return LabelledImages(x, labels, tuple(folder.name for folder in classes), tuple(file for file, _ in files))


def _require_size(size: tuple[int, int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    whole = isinstance(size, (tuple, list)) and all(
        isinstance(side, (int, np.integer)) and not isinstance(side, bool) and side > 0 for side in size
    )
    if not whole or len(size) != 2:
        raise ValueError(f"image_folder: size must be (height, width), two positive whole numbers, got {size!r}")
    return int(size[0]), int(size[1])


def _folders(root: Path) -> list[Path]:
    """The folders of the classes, in alphabetical order."""
    if not root.exists():
        raise FileNotFoundError(f"there is no folder {root}")
    if not root.is_dir():
        raise ValueError(f"{root}: expected a folder with one folder a class, got a file")
    inside = _visible(root)
    file = next((entry for entry in inside if not entry.is_dir()), None)
    if file is not None:
        raise ValueError(f"{file}: expected nothing but folders in {root}, one a class, got a file")
    if not inside:
        raise ValueError(f"{root}: expected a folder with one folder a class, got an empty one")
    return inside


def _files(folder: Path) -> list[Path]:
    """The images of a class, in alphabetical order."""
    inside = _visible(folder)
    if not inside:
        raise ValueError(f"{folder}: expected at least one image of the class {folder.name!r}, got none")
    for entry in inside:
        if entry.is_dir():
            raise ValueError(f"{entry}: expected nothing but images in the class {folder.name!r}, got a folder")
        if entry.suffix.lower() not in _ENDINGS:
            raise ValueError(f"{entry}: expected an image, {', '.join(_ENDINGS)}, got a file of another kind")
    return inside


def _visible(folder: Path) -> list[Path]:
    return sorted((entry for entry in folder.iterdir() if not entry.name.startswith(".")), key=lambda entry: entry.name)


def _read(file: Path, size: tuple[int, int] | None, grey: bool) -> np.ndarray:
    """Read an image as float32[height, width, 1 or 3] in [0, 1]."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(file, formats=("PNG", "JPEG")) as opened:
            opened.load()
            planes = _planes(ImageOps.exif_transpose(opened), grey)
    except (PermissionError, FileNotFoundError):
        raise
    except UnidentifiedImageError as error:
        raise ValueError(f"{file}: expected a PNG or JPEG image, got something else") from error
    except Exception as error:  # of damaged bytes, Pillow's decoders raise half a dozen kinds
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{file}: the image is damaged and cannot be read: {reason}") from error
    if size is not None:
        planes = [plane.resize((size[1], size[0]), Image.Resampling.BILINEAR) for plane in planes]
    # Interpolation in floating point may leave the range by a rounding.
    pixels = np.clip(np.stack([np.asarray(plane, dtype=np.float32) for plane in planes], axis=-1), 0, 1)
    return pixels if grey else np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def _planes(image: Image, grey: bool) -> list[Image]:
    """Split an image into its channels, each of floating-point numbers in [0, 1]; one channel where it is grey."""
    from PIL import Image as Images

    if image.mode.startswith("I"):  # a PNG file of 16 bits
        values = np.asarray(image, dtype=np.float32)[..., None] / 65535
    else:
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Images.alpha_composite(Images.new("RGBA", image.size, "white"), image)
        is_grey = image.mode in ("1", "L")
        values = np.asarray(image.convert("L" if is_grey or grey else "RGB"), dtype=np.float32) / 255
        values = values if values.ndim == 3 else values[..., None]
    return [Images.fromarray(np.ascontiguousarray(values[..., channel])) for channel in range(values.shape[-1])]
