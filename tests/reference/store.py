"""Values of another library, stored: cases of nested dicts and lists of arrays and plain values, in one .npz file.

float64 arrays are kept exactly. Nothing is pickled: the structure is a line of JSON in which ``{"array": i}`` stands for
the i-th array of the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


def save(name: str, cases: Any) -> Path:
    """Write ``cases`` to ``NAME.npz`` beside this file."""
    arrays: list[np.ndarray] = []

    def out(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            arrays.append(value)
            return {"array": len(arrays) - 1}
        if isinstance(value, dict):
            assert "array" not in value, "the key 'array' marks an array"
            return {key: out(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [out(item) for item in value]
        return value

    structure = json.dumps(out(cases))
    path = HERE / f"{name}.npz"
    np.savez_compressed(
        path, structure=np.array(structure), **{f"a{index}": array for index, array in enumerate(arrays)}
    )
    return path


def load(name: str) -> Any:
    """Read what ``save`` wrote; tuples come back as lists."""
    with np.load(HERE / f"{name}.npz", allow_pickle=False) as file:
        stored = {key: file[key] for key in file.files}

    def back(value: Any) -> Any:
        if isinstance(value, dict):
            return (
                stored[f"a{value['array']}"]
                if set(value) == {"array"}
                else {k: back(item) for k, item in value.items()}
            )
        if isinstance(value, list):
            return [back(item) for item in value]
        return value

    return back(json.loads(str(stored["structure"])))
