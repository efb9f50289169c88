"""``chainrule summary``: a model layer by layer, before anything is trained."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from chainrule.layer import Layer

__all__ = ["MODELS", "available", "summary"]

MODELS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "perceptron": (lambda models: models.perceptron(), (2,)),
    "mlp": (lambda models: models.mlp((256, 10)), (28, 28, 1)),
    "lenet": (lambda models: models.lenet(), (28, 28, 1)),
    "resnet": (lambda models: models.resnet(), (28, 28, 1)),
    "autoencoder": (lambda models: models.autoencoder(), (28, 28, 1)),
    "char_rnn": (lambda models: models.char_rnn(96), (64,)),
    "gpt": (lambda models: models.gpt(96, 64), (64,)),
}
"""The models that a name stands for: how each is made from the room of models, and the shape of an example."""


@click.command()
@click.argument("model")
@click.option("--shape", help="The shape of one example, such as 28x28x1; the named models have one of their own.")
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, help="The number of examples.")
@click.option("--evaluation", is_flag=True, help="What the layers do in evaluation, not in training.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.pass_context
def summary(context: click.Context, model: str, shape: str | None, batch: int, evaluation: bool, as_json: bool) -> None:
    """Show a model layer by layer: output shape, parameters, FLOPs, and the bytes kept for the backward pass.

    MODEL is the name of a model (perceptron, mlp, lenet, resnet, autoencoder, char_rnn, gpt), or names a layer of your own,
    or a function that makes one: package.module:name or path/to/file.py:name. Nothing is computed.

    FLOPs are those of matrix products and convolutions, two for each multiplication with its addition. The bytes kept are
    those of the residuals, without the parameters.
    """
    from chainrule.cli.target import in_words

    own = None if shape is None else _shape(shape, context)
    try:
        layer, default = _named(model) if model in MODELS else (_at(model), None)
        in_shape = default if own is None else own
        if in_shape is None:
            raise click.UsageError(f"{model} needs the --shape of one example, such as 28x28x1.", context)
        from chainrule.model_summary import summary as summarise

        found = summarise(layer, in_shape, batch=batch, train=not evaluation)
    except TypeError as error:  # of a model that cannot be built, or does not take the shape
        raise ValueError(f"{model}: {in_words(error)}") from error
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else str(found))


def available() -> list[str]:
    """The names in the table of models that exist."""
    from chainrule import models

    return [name for name in MODELS if hasattr(models, name)]


def _named(name: str) -> tuple[Any, tuple[int, ...]]:
    from chainrule import models

    make, shape = MODELS[name]
    if name not in available():
        raise ValueError(f"there is no model {name!r}; there are {', '.join(available())}")
    return make(models), shape


def _at(target: str) -> Layer:
    """The layer that a target names, or that a function or class there makes without arguments."""
    from chainrule.cli.target import current_folder_first, object_at
    from chainrule.layer import as_layer
    from chainrule.rule import Rule

    if ":" not in target:
        raise ValueError(
            f"there is no model {target!r}; there are {', '.join(available())}, or name one: package.module:model"
        )
    with current_folder_first():
        found = object_at("MODEL", target, what="model")
        if not isinstance(found, Rule) and callable(found):
            required = [p.name for p in _parameters(found) if p.default is p.empty and p.kind not in _VARIADIC]
            if required:
                raise ValueError(f"{target} must make a model without arguments, it takes {', '.join(required)}")
            found = found()
    if not isinstance(found, Rule):
        raise ValueError(f"{target} must be a layer or a function that makes one, got {type(found).__name__}")
    return as_layer(found)


_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _parameters(function: Any) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except ValueError:  # a built-in without a signature
        return []


def _shape(text: str, context: click.Context) -> tuple[int, ...]:
    if not re.fullmatch(r"[1-9]\d*([x,][1-9]\d*)*", text):
        raise click.UsageError(f"--shape must be positive integers such as 28x28x1, got {text!r}.", context)
    return tuple(map(int, re.split("[x,]", text)))
