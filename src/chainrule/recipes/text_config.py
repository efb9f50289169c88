"""The settings of a network that learns to write: a text, a character at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chainrule.recipes.config import Config, require_choice, require_finite, require_positive

__all__ = ["TextConfig"]

MODELS = ("gpt", "char_rnn")


@dataclass(frozen=True, kw_only=True)
class TextConfig(Config):
    """The settings of a network that learns a text.

    It is trained on windows of the text. An epoch goes through all windows, so each character is predicted
    length / stride times in an epoch, from different beginnings.

    Attributes:
        data: ``"python-reference"``, the reference texts that Python carries, or ``"file"``.
        file: the path of one's own text in UTF-8, or None; given, ``data`` is ``"file"``.
        model: ``"gpt"`` or ``"char_rnn"``.
        length: the characters of a window: the most that a GPT looks back over.
        stride: from the beginning of a window to that of the next, in characters.
        features: the width of a GPT, or of the embedding of a char_rnn.
        hidden: the width of each LSTM of a char_rnn; a GPT's is 4 times its features.
        depth: how many blocks of a GPT, or LSTMs of a char_rnn, one after the other.
        heads: of the attention of a GPT.
        dropout: the rate of dropout of a GPT.

    Raises:
        ValueError: for a setting that no training could take.
    """

    kind: ClassVar[str] = "text"

    file: str | None = None
    length: int
    stride: int
    features: int
    hidden: int = 128
    depth: int
    heads: int = 1
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice("model", self.model, MODELS)
        if self.file is not None:
            if not isinstance(self.file, str):
                raise ValueError(f"file must be the path of a text, or None, got {self.file!r}")
            object.__setattr__(self, "data", "file")
        require_choice("data", self.data, ("python-reference", "file"))
        if self.data == "file" and self.file is None:
            raise ValueError("data 'file' needs the path of a text in file, got None")
        for name in ("length", "stride", "features", "hidden", "depth", "heads"):
            require_positive(name, getattr(self, name))
        require_finite("dropout", self.dropout)
