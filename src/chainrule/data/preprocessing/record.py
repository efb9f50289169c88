"""Preprocessing as a record of JSON, and back: what a run folder holds of it, readable, and with no code in it.

Numbers come back bit for bit (JSON writes the shortest text that reads back as the same float64). Only the classes of this package
come back, by their names: a record can name no other, and nothing in it is run.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

__all__ = ["from_record", "to_record"]

_PLAIN = (str, bool, int, float, type(None))


def to_record(value: Any) -> Any:
    """Turn a transform, or what it has learnt, into what JSON can hold.

    Args:
        value: frozen dataclasses of this package, tuples and lists, arrays of numbers or booleans, and plain values.

    Raises:
        ValueError: for anything else.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and type(value).__name__ in _classes():
        fields = {field.name: to_record(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class": type(value).__name__, **fields}
    if isinstance(value, (tuple, list)):
        return [to_record(each) for each in value]
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "addressable_shards"):
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise ValueError(f"to_record: arrays must be of numbers or booleans, got {array.dtype}")
        flat = [None if number != number else number for number in array.ravel().tolist()]
        return {"array": array.dtype.name, "shape": list(array.shape), "values": flat}
    if isinstance(value, _PLAIN):
        return value
    raise ValueError(f"to_record: no place in a record for {type(value).__name__}")


def from_record(record: Any) -> Any:
    """Turn a record back into what it was made of; lists come back as tuples.

    Raises:
        ValueError: for what ``to_record`` did not write.
    """
    if isinstance(record, list):
        return tuple(from_record(each) for each in record)
    if isinstance(record, _PLAIN):
        return record
    try:
        if "array" in record:
            values = [np.nan if number is None else number for number in record["values"]]
            return np.array(values, np.dtype(record["array"])).reshape(record["shape"])
        fields = {name: from_record(value) for name, value in record.items() if name != "class"}
        return _classes()[record["class"]](**fields)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"from_record: not a record of preprocessing: {error!r}") from error


def _classes() -> dict[str, type]:
    """The dataclasses that this package shows, by name."""
    from chainrule.data import preprocessing

    shown = {name: getattr(preprocessing, name) for name in preprocessing.__all__}
    return {name: each for name, each in shown.items() if isinstance(each, type) and dataclasses.is_dataclass(each)}
