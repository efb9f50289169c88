"""Train a network to write a text a character at a time: the job behind the recipe ``text``."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule import data, losses, models, plot
from chainrule.data.text import Text
from chainrule.layer import Layer
from chainrule.recipes import training
from chainrule.recipes.ngram import Smoothing, fit_ngram
from chainrule.recipes.result import Draw, Result
from chainrule.recipes.saved_run import SavedRun
from chainrule.recipes.text_config import TextConfig
from chainrule.recipes.writing import CarryReader, Reader, WindowReader, drawn, require_drawing

__all__ = [
    "Saved",
    "TextData",
    "TextResult",
    "build_model",
    "character_nats",
    "facts",
    "load_data",
    "order_of",
    "rebuild",
    "run",
    "train_text",
    "write",
]

Settings = TextConfig
"""The settings of this kind of recipe."""

_SAMPLE_LENGTH, _SAMPLE_TEMPERATURE = 600, 0.8
_EXCERPT = 1600  # characters of the held-out text in the picture
_ORDER = 5
_AT_ONCE = 32  # windows that are evaluated at once
_SMOOTHINGS = {"kneser-ney": "Kneser-Ney", "witten-bell": "Witten-Bell"}


@dataclass(frozen=True)
class TextData:
    """What a recipe of text learns from.

    Attributes:
        text: the text, in its two parts.
        file: name, size in bytes and SHA-256 of the reader's own file; None for Python's reference texts.
    """

    text: Text
    file: dict[str, Any] | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class TextResult(Result):
    """What a recipe of text has made.

    Attributes:
        config: the settings that it ran with.
        source: what it learned from, and was judged by.
        nats: -ln p of each held-out character but the first, float64[n - 1], each predicted from half a window of
            characters at the least (and those at the beginning from all there are).
        order: the length of the longest n-grams of the baselines.
        baselines: their nats per character on the same characters, by the name of their smoothing.
        sample: what the network writes after a line end.
    """

    config: TextConfig
    source: TextData
    nats: np.ndarray
    order: int
    baselines: dict[Smoothing, float]
    sample: str

    @property
    def nats_per_character(self) -> float:
        """The mean of -ln p over the held-out text, each character but the first counted once."""
        return float(self.nats.mean())

    def data_record(self) -> dict[str, Any]:
        """The text, and its characters: with them the network can be built, and read, without it."""
        text = self.source.text
        return {
            "name": text.name,
            "description": text.description,
            "source": text.source,
            **({"file": self.source.file} if self.source.file else {}),
            "train_characters": len(text.train),
            "validation_characters": len(text.validation),
            "in_shape": [self.config.length],
            "characters": text.characters,
        }

    def results_record(self) -> dict[str, Any]:
        """Nats and bits per character, and those of the baselines."""
        return {
            "validation_nats_per_character": self.nats_per_character,
            "validation_bits_per_character": self.nats_per_character / math.log(2),
            **{
                f"{self.order}_gram_{name.replace('-', '_')}_nats_per_character": value
                for name, value in self.baselines.items()
            },
        }

    def texts(self) -> dict[str, str]:
        """What the network writes."""
        return {"sample.txt": self.sample + "\n"}

    def pictures(self) -> dict[str, Draw]:
        """The curves beside the baselines, and which characters of a held-out passage were expected."""
        lines = {f"{self.order}-gram, {_SMOOTHINGS[name]}": value for name, value in self.baselines.items()}
        text = self.source.text
        passage = text.decode(text.validation[:_EXCERPT])
        passage = passage[: passage.rfind("\n") + 1] or passage  # whole lines, where there are lines
        nats = np.append(np.nan, self.nats)[: len(passage)]  # the first character was given
        return {
            "curves.png": lambda path: plot.save(plot.curves(self.run.history, baselines=lines), path),
            "surprise.png": lambda path: plot.save(plot.surprise(passage, nats), path),
        }

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Nats and bits per character of the network and of the n-grams, on the same held-out characters."""
        rows = {self.config.model: self.nats_per_character}
        rows |= {f"{self.order}-gram, {_SMOOTHINGS[name]}": value for name, value in self.baselines.items()}
        return ["held-out text", "nats per character", "bits per character"], [
            [name, f"{value:.4f}", f"{value / math.log(2):.4f}"] for name, value in rows.items()
        ]


def load_data(config: TextConfig) -> TextData:
    """Load the text of a recipe, split the same way for every seed.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: for a file that ``data.text`` refuses, or one too short for the windows.
        ModuleNotFoundError: when this Python carries no reference texts.
    """
    loaded = TextData(data.text()) if config.file is None else _own(Path(config.file))
    text = loaded.text
    if min(len(text.train), len(text.validation)) <= config.length:
        raise ValueError(
            f"{config.file or text.name!r} is too short for windows of {config.length} characters: a tenth of it is held "
            f"out, {len(text.validation)} characters, and more than {config.length} are needed"
        )
    return loaded


def _own(path: Path) -> TextData:
    text = data.text(path)
    content = path.read_bytes()
    return TextData(text, {"name": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})


def build_model(config: TextConfig, classes: int, *, carry_batch: int | None = None) -> Layer:
    """Build the network of a recipe; ``carry_batch`` is for a char_rnn that reads on from call to call."""
    if config.model == "char_rnn":
        return models.char_rnn(classes, config.features, config.hidden, config.depth, carry_batch=carry_batch)
    return models.gpt(
        classes,
        config.length,
        features=config.features,
        depth=config.depth,
        heads=config.heads,
        positions="rotary",
        dropout=config.dropout,
    )


def facts(config: TextConfig, source: TextData) -> list[tuple[str, str]]:
    """Say what will be trained on what, line by line."""
    text = source.text
    model = build_model(config, text.classes)
    windows = 1 + (len(text.train) - 1 - config.length) // config.stride
    return [
        (
            "data",
            f"{text.name}: {len(text.train):,} training and {len(text.validation):,} held-out characters, "
            f"{len(text.characters)} distinct",
        ),
        ("windows", f"{windows:,} of {config.length} characters, one every {config.stride}"),
        ("model", f"{config.model}, {_in_words(config)}"),
        ("parameters", f"{model.parameter_count((config.length,)):,}"),
        *training.facts_of_training(config),
    ]


def order_of(classes: int) -> int:
    """The length of the longest n-grams: 5, or what fits 63 bits for a text of more than 6,000 distinct characters."""
    return next(n for n in range(_ORDER, 0, -1) if classes**n < 2**63)


def _in_words(config: TextConfig) -> str:
    if config.model == "char_rnn":
        lstms = f"{config.depth} LSTM{'s' if config.depth > 1 else ''} of {config.hidden}"
        return f"an embedding of {config.features} and {lstms}"
    dropout = f", dropout {config.dropout:g}" if config.dropout else ""
    blocks = f"{config.depth} block{'s' if config.depth > 1 else ''} of {config.features} features"
    return f"{blocks} and {config.heads} head{'s' if config.heads > 1 else ''}{dropout}"


def train_text(config: TextConfig, source: TextData | None = None, *, progress: bool | None = None) -> TextResult:
    """Train one network on a text, and judge it beside n-grams by the same held-out characters.

    The held-out text is evaluated after each epoch, for the curves, in windows that do not overlap; nothing is chosen by
    it. The last judgement is by windows that overlap by half, so that no character is predicted from less.

    Args:
        config: the settings; ``RECIPES`` holds those of the recipes.
        source: train on this instead of the text that the settings name.
        progress: whether to show a progress bar; None: if the standard error is a terminal.

    Raises:
        ValueError: for what the optimiser, the loss or ``train.fit`` refuse, and when the loss does not stay finite.
        ModuleNotFoundError: when this Python carries no reference texts.
    """
    source = load_data(config) if source is None else source
    config = training.without_idle_settings(config)
    text = source.text
    order = order_of(text.classes)
    baselines: dict[Smoothing, float] = {
        name: fit_ngram(text.train, text.classes, order=order, smoothing=name).nats_per_character(text.validation)
        for name in get_args(Smoothing)
    }
    trained = training.fit(
        build_model(config, text.classes),
        losses.cross_entropy,
        config,
        text.windows(config.length, stride=config.stride),
        validation=text.windows(config.length, "validation"),
        progress=progress,
    )
    x, y, counted = text.evaluation_windows(config.length, context=config.length // 2)
    nats = character_nats(trained.model, trained.params, trained.state, x, y)[counted]
    sample = write(config, trained.params, text.characters, "", length=_SAMPLE_LENGTH, temperature=_SAMPLE_TEMPERATURE)
    return TextResult(
        config=config,
        source=source,
        run=trained,
        nats=nats,
        order=order,
        baselines=baselines,
        sample="".join(sample),
    )


def run(config: TextConfig, source: TextData) -> TextResult:
    """Train one network, as the command line asks for it."""
    return train_text(config, source)


def character_nats(model: Layer, params: Any, state: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Compute -ln p of each target: float64[n, length] from int32[n, length]. Some windows at a time."""
    found = np.empty(y.shape, np.float64)
    for first in range(0, len(x), _AT_ONCE):
        rows = np.arange(first, first + _AT_ONCE).clip(max=len(x) - 1)  # one shape, so that one program serves all
        some = _character_nats(model, params, state, jnp.asarray(x[rows]), jnp.asarray(y[rows]))
        found[first : first + _AT_ONCE] = np.asarray(some)[: len(x) - first]
    return found


@functools.partial(jax.jit, static_argnums=0)
def _character_nats(model: Layer, params: Any, state: Any, x: Array, y: Array) -> Array:
    logits, _ = model(params, x, state)
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], -1)[..., 0]


def write(
    config: TextConfig,
    params: Any,
    characters: str,
    prompt: str,
    *,
    length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
) -> Iterator[str]:
    """Write on after a prompt, a character at a time, each as it is asked for.

    Args:
        config: the settings of the network.
        params: its trained parameters.
        characters: those that it knows, in the order of their ids.
        prompt: what comes before; an empty one is a line end (or the first character, of a text that has none).
        length: how many characters to write. There is no limit: past its window a GPT reads the later half of it anew.
        temperature: below 1 sharpens the probabilities, above 1 flattens them; at 0 the likeliest is taken.
        top_k: draw from the k likeliest characters alone.
        seed: chooses the characters, from 0.

    Raises:
        ValueError: for a prompt with characters that the network does not know, a length or ``top_k`` below 1, a temperature
            that is negative or not finite, or a negative seed.
    """
    require_drawing(length, temperature, top_k)
    if seed < 0:
        raise ValueError(f"seed must be a whole number from 0, got {seed}")
    places = {character: i for i, character in enumerate(characters)}
    strange = [character for character in dict.fromkeys(prompt) if character not in places]
    if strange:
        raise ValueError(
            f"the text that this network has learned has no {', '.join(map(repr, strange))}: leave "
            f"{'it' if len(strange) == 1 else 'them'} out of the prompt"
        )
    beginning = prompt or ("\n" if "\n" in places else characters[0])
    ids = np.array([places[character] for character in beginning], np.int32)
    model = build_model(config, len(characters) + 1, carry_batch=1)
    reader: Reader = (
        CarryReader(model, params) if config.model == "char_rnn" else WindowReader(model, params, config.length)
    )
    chosen = drawn(
        reader,
        ids,
        length,
        np.random.default_rng(seed),
        temperature=temperature,
        top_k=top_k,
        excluded=len(characters),  # stands for all characters that the text does not have
    )
    return (characters[i] for i in chosen)


class Saved(SavedRun):
    """A run of text, read back."""

    config: TextConfig

    @property
    def characters(self) -> str:
        """The characters that it knows, in the order of their ids."""
        return str(self.record["data"]["characters"])

    def write(self, prompt: str = "", **options: Any) -> Iterator[str]:
        """Write on after a prompt; the options are those of ``write`` in this module."""
        return write(self.config, self.params, self.characters, prompt, **options)


def rebuild(config: TextConfig, data_record: dict[str, Any]) -> Layer:
    """Build the network of a run from its settings and what was recorded of its text."""
    return build_model(config, len(data_record["characters"]) + 1)
