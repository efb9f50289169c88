"""Read arrays from an NPZ file, and nothing but arrays: what a file says is never run."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np

__all__ = ["read_npz"]

_ARRAY = b"\x93NUMPY"  # the first bytes of every stored array
_ARCHIVE = b"PK\x03\x04"  # those of an archive with a member


def read_npz(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read every array of an NPZ file, as ``numpy.savez`` writes it: name -> array, in the order of the file.

    Pickled objects are never loaded, as unpickling runs whatever code the file holds: arrays of objects are refused.
    Each array's bytes are compared with the CRC-32 that the archive keeps of them.

    Args:
        path: the file, compressed or not.

    Returns:
        Arrays of the shapes and dtypes that were stored, on the host.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file, and the array where it is one: a folder; an empty file; no NPZ archive (an NPY file, a
            pickle, anything else); an archive that is cut short, damaged or encrypted; one without arrays, or with two of
            one name; a member that is no array or holds objects.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: expected an NPZ file, got a folder")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    _require_archive(path)
    arrays: dict[str, np.ndarray] = {}
    with _open(path) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name in arrays:
                raise ValueError(f"{path}: expected one array of each name, got {name!r} more than once")
            arrays[name] = _read(path, archive, info, name)
    if not arrays:
        raise ValueError(f"{path}: expected at least one array, got an archive without any")
    return arrays


def _require_archive(path: Path) -> None:
    """Refuse what is no ZIP archive, and say what it seems to be."""
    with path.open("rb") as file:
        begin = file.read(8)
    if zipfile.is_zipfile(path) and begin.startswith(b"PK"):
        return
    if not begin:
        came = "an empty file"
    elif begin.startswith(_ARRAY):
        came = "an NPY file, a single array: read it with numpy.load(path, allow_pickle=False)"
    elif begin.startswith(_ARCHIVE[:2]) or zipfile.is_zipfile(path):
        came = "an archive that is cut short or damaged"
    elif begin.startswith(b"\x80"):
        came = "what looks like a pickle, which is never loaded"
    else:
        came = "something else"
    raise ValueError(f"{path}: expected an NPZ file, got {came}")


def _open(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except OSError:
        raise
    except Exception as error:  # of a damaged directory, zipfile raises half a dozen kinds
        raise ValueError(f"{path}: the archive is damaged and cannot be read: {_line(error)}") from error


def _read(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> np.ndarray:
    """Read a member to its end, where its CRC-32 is compared."""
    try:
        with archive.open(info) as member:
            is_array = member.read(len(_ARRAY)) == _ARRAY
        if is_array:
            with archive.open(info) as member:
                array = np.lib.format.read_array(member, allow_pickle=False)
                rest = member.read(1)
    except Exception as error:  # of damaged bytes, zipfile, zlib and NumPy's parser of headers raise a dozen kinds
        reason = _line(error)
        if "allow_pickle" in reason:
            raise ValueError(f"{path}: array {name!r} holds pickled objects, which are never loaded") from error
        raise ValueError(f"{path}: array {name!r} cannot be read, the archive is damaged: {reason}") from error
    if not is_array:
        raise ValueError(f"{path}: expected arrays alone, got the member {info.filename!r}, which is none")
    if rest:
        raise ValueError(f"{path}: array {name!r} cannot be read, the archive is damaged: bytes follow the array")
    return array


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
