"""Text to model a character at a time: Python's own reference texts, or a file of the reader's."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from chainrule.checks import describe

__all__ = ["Part", "Text", "text"]

Part = Literal["train", "validation"]

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_EVERY, _FIRST = 10, 4  # of the topics from long to short, the 5th, the 15th, the 25th, ... are held out


@dataclass(frozen=True, eq=False)
class Text:
    """A text as a row of numbers, in two parts: one to learn from, one to be judged by.

    The id of a character is its place in ``characters``; one more id, the last, stands for all characters that the
    training part does not have. A network needs ``classes`` outputs.

    Attributes:
        name: a short name, for tables and file names.
        characters: the distinct characters of the training part, in the order of their code points.
        train: int32[n], the ids of the training part.
        validation: int32[m], those of the held-out part.
        description: what the text is, in one sentence.
        source: whose it is, and under which licence.
    """

    name: str
    characters: str
    train: np.ndarray
    validation: np.ndarray
    description: str
    source: str

    @property
    def classes(self) -> int:
        """The number of ids: the characters, and one for all others."""
        return len(self.characters) + 1

    @property
    def unknown(self) -> int:
        """The id of a character that the training part does not have."""
        return len(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """Turn characters into ids, int32[len(text)].

        Raises:
            ValueError: for what is not a string.
        """
        if not isinstance(text, str):
            raise ValueError(f"encode: text must be a string, got {describe(text)}")
        return _encode(text, self.characters)

    def decode(self, ids: ArrayLike) -> str:
        """Turn ids into characters; the unknown one becomes U+FFFD, the replacement character.

        Raises:
            ValueError: for ids that are not a vector of integers from 0 to classes - 1.
        """
        array = np.asarray(ids)
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise ValueError(f"decode: ids must be a vector of integers, got {describe(array)}")
        if array.size and not (array.min() >= 0 and array.max() < self.classes):
            bad = int(np.argmax((array < 0) | (array >= self.classes)))
            raise ValueError(f"decode: ids must be from 0 to {self.classes - 1}, got {array[bad]} at ids[{bad}]")
        table = self.characters + _UNKNOWN
        return "".join([table[i] for i in array.tolist()])

    def windows(self, length: int, part: Part = "train", *, stride: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Cut a part into windows to train on: ``(x, y)``, y the characters that follow those of x.

        ::

            x[i, t] = ids[i stride + t],    y[i, t] = ids[i stride + t + 1],    t = 0 ... length - 1

        With the default stride, the length, the windows meet without overlapping: each character but the first is
        predicted once, save those of the end (fewer than a window's) that do not fill one. A smaller stride gives more
        windows, which overlap.

        Args:
            length: the characters of a window, at least 1.
            part: ``"train"`` or ``"validation"``.
            stride: from the beginning of a window to that of the next; ``None``: the length.

        Returns:
            x and y, int32[n, length], with n = floor((len(ids) - 1 - length) / stride) + 1.

        Raises:
            ValueError: for a length or stride that is not a positive whole number, another part, or a part with no
                more characters than a window.
        """
        ids = self._ids("windows", part)
        _require_count("windows", "length", length)
        stride = length if stride is None else stride
        _require_count("windows", "stride", stride)
        _require_room("windows", part, ids, length)
        both = np.lib.stride_tricks.sliding_window_view(ids, length + 1)[::stride]
        return np.ascontiguousarray(both[:, :-1]), np.ascontiguousarray(both[:, 1:])

    def evaluation_windows(
        self, length: int, part: Part = "validation", *, context: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cut a part into windows to be judged by: ``(x, y, counted)``, each character counted exactly once.

        The first character of the part has nothing before it and is given; each other one is a target of one or more
        windows, and ``counted`` is true in just one of them. So the part's loss is the mean over the
        len(ids) - 1 places where it is. The last window is moved back to end where the part ends.

        Args:
            length: the characters of a window, at least 1.
            part: ``"validation"`` or ``"train"``.
            context: how many characters of a window, but for the first window, only serve as context and are not
                counted, 0 <= context < length. With 0 the first target of a window is predicted from a single
                character; with more, the windows overlap, and each target is predicted from more than ``context``.

        Returns:
            x and y, int32[n, length], and counted, bool[n, length].

        Raises:
            ValueError: as ``windows``, and for a context out of range.
        """
        ids = self._ids("evaluation_windows", part)
        _require_count("evaluation_windows", "length", length)
        if not _is_whole(context) or not 0 <= context < length:
            raise ValueError(
                f"evaluation_windows: context must be a whole number from 0 to {length - 1}, got {context!r}"
            )
        _require_room("evaluation_windows", part, ids, length)
        last = len(ids) - 1 - length
        step = length - context
        starts = np.append(np.arange(0, last, step), last)
        both = np.lib.stride_tricks.sliding_window_view(ids, length + 1)[starts]
        # The first target that the window before has not had yet; the first window counts all.
        fresh = np.concatenate([[0], starts[:-1] + length])
        counted = starts[:, None] + np.arange(length) >= fresh[:, None]
        return np.ascontiguousarray(both[:, :-1]), np.ascontiguousarray(both[:, 1:]), counted

    def _ids(self, where: str, part: str) -> np.ndarray:
        if part not in ("train", "validation"):
            raise ValueError(f"{where}: part must be 'train' or 'validation', got {part!r}")
        return self.train if part == "train" else self.validation

    def __repr__(self) -> str:
        return (
            f"Text({self.name}: {len(self.train)} characters to train, {len(self.validation)} held out, "
            f"{len(self.characters)} distinct)"
        )


def text(path: str | os.PathLike[str] | None = None) -> Text:
    """Load a text to model: the reference texts that Python itself carries, or one's own file.

    Without a path: ``pydoc_data.topics``, the chapters of The Python Language Reference (and some of the Library
    Reference) that ``help("topics")`` shows: English prose with Python and grammar in between, marked up lightly. Every
    release of Python has its own: 3.11 gives 373,000 characters, 3.13 414,000, of about 100 distinct ones. A loss is
    to be compared with a loss on the same text, so say the version beside it (``source`` does). The text is kept as it
    is, blanks and all, with two rules, because a held-out text that was trained on measures memory:

    1. The topics repeat each other: ``while`` stands word for word in ``compound`` also, a fifth of all is said more than
       once. They are gone through from long to short; one of which more than half (in characters, by paragraphs,
       whatever the blanks) has come before is left out.
    2. Whole topics are held out: of those that stay, from long to short, the 5th, the 15th and so on, about 9 % of the
       text. (The last tenth of the row would be one corner of the alphabet, on built-in types.) Both parts are in
       the order of the alphabet.

    Of the held-out strings of 40 characters, 1 % stand in the training part too; with every tenth topic of the alphabet
    held out and nothing left out, 42 % would.

    With a path: a file in UTF-8. The first 90 % of its characters are trained on, the last 10 % are held out; CR LF is
    read as LF, and a byte-order mark is dropped. Whether the file repeats itself is for the reader to see.

    Args:
        path: a text file, or ``None`` for Python's reference texts.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file, for a folder, an empty or a very short file, one that is not UTF-8 or not text (with NUL
            bytes), or one whose training part is a single character over and over.
        ModuleNotFoundError: without a path, when this Python carries no reference texts.

    Source: The Python Language Reference, (c) Python Software Foundation, under the PSF License Version 2.
    """
    if path is not None:
        return _from_file(Path(path))
    train, validation = split_topics(_topics())
    import platform

    return _build(
        "python-reference",
        train,
        validation,
        description="Topics of The Python Language Reference, as help() shows them; whole topics are held out.",
        source=(
            f"The Python Language Reference, carried by Python {platform.python_version()} (pydoc_data.topics); "
            "(c) Python Software Foundation, PSF License Version 2"
        ),
    )


def split_topics(topics: Mapping[str, str]) -> tuple[str, str]:
    """Join topics into a training and a held-out text that share almost nothing; the rules are those of ``text``."""
    heard: set[str] = set()
    kept = []
    for name in sorted(topics, key=lambda name: (-len(topics[name]), name)):
        paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", topics[name])]
        fresh = sum(len(part) for part in paragraphs if part not in heard)
        if 2 * fresh >= sum(len(part) for part in paragraphs):
            kept.append(name)
        heard.update(paragraphs)
    held_out = set(kept[_FIRST::_EVERY])
    train = "\n".join(topics[name] for name in sorted(kept) if name not in held_out)
    return train, "\n".join(topics[name] for name in sorted(held_out))


def _topics() -> dict[str, str]:
    try:
        from pydoc_data.topics import topics
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "this Python carries no reference texts (pydoc_data.topics, which some distributions leave out): "
            "give a text file of your own, data.text('file.txt')",
            name=error.name,
        ) from error
    found: dict[str, str] = topics
    return found


def _from_file(path: Path) -> Text:
    if path.is_dir():
        raise ValueError(f"text: path must be a text file, got the folder {str(path)!r}")
    if not path.exists():
        raise FileNotFoundError(f"text: path must be a text file, got {str(path)!r}, which does not exist")
    content = path.read_bytes()
    if b"\0" in content:
        raise ValueError(
            f"text: {str(path)!r} must be text in UTF-8, got a NUL byte at byte {content.index(0)}: "
            "is it binary, or UTF-16?"
        )
    try:
        whole = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"text: {str(path)!r} must be text in UTF-8, got the byte 0x{content[error.start]:02x} at byte {error.start}: "
            f"{error.reason}"
        ) from error
    whole = whole.replace("\r\n", "\n")
    if len(whole) < 20:
        raise ValueError(f"text: {str(path)!r} must have at least 20 characters, got {len(whole)}")
    cut = len(whole) * 9 // 10
    if len(set(whole[:cut])) < 2:
        raise ValueError(
            f"text: {str(path)!r} must have at least 2 distinct characters to learn from, got only {whole[0]!r}"
        )
    return _build(
        path.stem,
        whole[:cut],
        whole[cut:],
        description=f"The file {path.name}; its last tenth is held out.",
        source=f"the file {path.name}",
    )


def _build(name: str, train: str, validation: str, *, description: str, source: str) -> Text:
    characters = "".join(sorted(set(train)))
    return Text(name, characters, _encode(train, characters), _encode(validation, characters), description, source)


def _encode(text: str, characters: str) -> np.ndarray:
    """Look up characters in the sorted row of those that are known; all others get the id after the last."""
    codes, known = _code_points(text), _code_points(characters)
    ids = np.searchsorted(known, codes)
    found = known[np.minimum(ids, len(known) - 1)] == codes
    return np.where(found, ids, len(known)).astype(np.int32)


def _code_points(text: str) -> np.ndarray:
    # A terminal may hand over half a surrogate pair for a byte that it could not read: a character like any other.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _require_count(where: str, name: str, value: int) -> None:
    if not _is_whole(value) or value < 1:
        raise ValueError(f"{where}: {name} must be a positive whole number of characters, got {value!r}")


def _require_room(where: str, part: str, ids: np.ndarray, length: int) -> None:
    if len(ids) <= length:
        raise ValueError(
            f"{where}: length must be less than the {len(ids)} characters of the {part} part, got {length}: "
            "take shorter windows or a longer text"
        )
