"""Preprocessing as a record of JSON, and back: what a run folder holds of it, readable, and with no code in it.

Numbers come back bit for bit: JSON writes the shortest text that reads back as the same float64, and every float32 is
one. Strict JSON has no word for what is not finite, so a missing number (NaN) is ``null``, and infinity is "inf" or
"-inf"; all NaN come back as the one that NumPy writes. Only the classes of this package come back, by their names: a
record can name no other, and nothing in it is run.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

__all__ = ["from_record", "to_record"]

_PLAIN = (str, bool, int, float, type(None))
_NUMBERS = (
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
)


def to_record(value: Any) -> Any:
    """Turn a transform, or what it has learnt, into what JSON can hold, ``json.dumps(record, allow_nan=False)``.

    Args:
        value: frozen dataclasses of this package, tuples and lists, arrays and scalars of NumPy and JAX, of numbers or
            booleans, and plain values.

    Returns:
        dicts, lists and plain values: a dataclass is ``{"class": its name, field: ...}``, an array ``{"array": its
        dtype, "shape": [...], "values": [...]}`` and a plain number that is not finite ``{"number": "nan", "inf" or
        "-inf"}``.

    Raises:
        ValueError: for anything else.
    """
    if dataclasses.is_dataclass(value) and _classes().get(type(value).__name__) is type(value):
        fields = {field.name: to_record(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class": type(value).__name__, **fields}
    if isinstance(value, (tuple, list)):
        return [to_record(each) for each in value]
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        dtype = str(value.dtype)
        if dtype not in _NUMBERS:
            raise ValueError(f"to_record: arrays must be of numbers or booleans, got {dtype}")
        array = np.asarray(value)
        flat = array.ravel().tolist()
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            flat = [_strict(number) for number in flat]
        return {"array": dtype, "shape": list(array.shape), "values": flat}
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    if isinstance(value, _PLAIN):
        return value
    raise ValueError(f"to_record: no place in a record for {type(value).__name__}")


def from_record(record: Any) -> Any:
    """Turn a record back into what it was made of.

    Lists come back as tuples, and arrays as NumPy's, in their own dtype; an array of no axes comes back as a scalar of
    NumPy.

    Raises:
        ValueError: for what ``to_record`` did not write.
    """
    try:
        return _value(record)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"from_record: not a record of preprocessing: {error!r}") from error


def _value(record: Any) -> Any:
    """What a record was made of; whatever is wrong with it is raised as it comes."""
    if isinstance(record, list):
        return tuple(_value(each) for each in record)
    if isinstance(record, _PLAIN):
        return record
    if "class" in record:
        return _classes()[record["class"]](**{name: _value(each) for name, each in record.items() if name != "class"})
    if "number" in record:
        return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[record["number"]]
    return _array(record["array"], record["shape"], record["values"])


def _strict(number: float) -> float | str | None:
    """A number as strict JSON has it."""
    if math.isfinite(number):
        return number
    return None if math.isnan(number) else str(number)


def _array(dtype: str, shape: list[int], values: list[Any]) -> Any:
    """An array from its record.

    Raises:
        ValueError: for another dtype than numbers or booleans, another count of values than the shape has, and values
            that are no numbers of the dtype.
    """
    if dtype not in _NUMBERS:
        raise ValueError(f"arrays must be of numbers or booleans, got {dtype!r}")
    if not all(type(length) is int and length >= 0 for length in shape) or math.prod(shape) != len(values):
        raise ValueError(f"shape must be that of {len(values)} values, got {shape}")
    kinds = {"f": (float, int), "b": (bool,)}.get(np.dtype(dtype).kind, (int,))
    if dtype.startswith("float"):
        words = {None: math.nan, "inf": math.inf, "-inf": -math.inf}
        values = [words.get(value, value) if value is None or type(value) is str else value for value in values]
    if not all(type(value) in kinds for value in values):
        raise ValueError(f"values must be of {dtype}")
    return np.array(values, dtype).reshape(shape)[()]


def _classes() -> dict[str, type]:
    """The dataclasses that this package shows, by name."""
    from chainrule.data import preprocessing

    shown = {name: getattr(preprocessing, name) for name in preprocessing.__all__}
    return {name: each for name, each in shown.items() if isinstance(each, type) and dataclasses.is_dataclass(each)}
