"""``chainrule train``: run a recipe, and write the folder of the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli.report import facts, seconds, table
from chainrule.recipes import RECIPES

if TYPE_CHECKING:
    from chainrule.cli import Settings
    from chainrule.recipes import Config

__all__ = ["train"]

_RUNS = "runs"


def _defaults(setting: str) -> str:
    values = {name: getattr(config, setting) for name, config in RECIPES.items()}
    if len(set(values.values())) == 1:
        return f"[default: {next(iter(values.values()))}]"
    return f"[default: {', '.join(f'{value} for {name}' for name, value in values.items())}]"


@click.command()
@click.argument("recipe", type=click.Choice(list(RECIPES)))
@click.option("--epochs", type=int, help=f"How often to go through the training images. {_defaults('epochs')}")
@click.option("--batch-size", type=int, help=f"Images a step. {_defaults('batch_size')}")
@click.option("--learning-rate", type=float, help=f"Of the first step. {_defaults('learning_rate')}")
@click.option("--optimizer", metavar="NAME", help=f"sgd, momentum, adam, adamw, lion, ... {_defaults('optimizer')}")
@click.option("--seed", type=int, help=f"Of the first parameters and the order of the images. {_defaults('seed')}")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The folder of the run. It must not exist yet, or be empty: nothing is ever overwritten. "
    f"[default: {_RUNS}/RECIPE-seedSEED, with -2, -3, ... after it where that is taken]",
)
@click.option(
    "--gradients",
    type=click.Choice(["hand", "autodiff"]),
    help=f"Derived by hand, or by jax.grad, to compare. {_defaults('gradients')}",
)
@click.pass_obj
def train(settings: Settings, recipe: str, out: Path | None, **changes: Any) -> None:
    """Train a network on real handwritten digits.

    RECIPE is mnist (5,000 images of 28 by 28 pixels) or digits (1,797 of 8 by 8).

    The folder of the run appears when it is complete: config.json, metrics.jsonl, params.safetensors, curves.png,
    confusion.png, mistakes.png, and SHA256SUMS over them.
    """
    config = RECIPES[recipe].changed(**changes)

    from chainrule.recipes import images, run_folder

    if settings.compilation_cache:
        from chainrule.cli.compilation_cache import use_compilation_cache

        use_compilation_cache()
    if out is None:
        out = run_folder.new_folder(_RUNS, f"{recipe}-seed{config.seed}")
    run_folder.require_new(out)

    dataset = images.load_data(config)
    model = images.build_model(config, dataset.classes)
    (x, _), (test_x, _) = dataset.train, dataset.test
    facts(
        [
            ("device", run_folder.describe_device()),
            ("data", f"{dataset.name}: {len(x)} training and {len(test_x)} test images of {x.shape[1]}x{x.shape[2]}"),
            ("model", f"{model!r}"),
            ("parameters", f"{model.parameter_count(x.shape[1:]):,}"),
            ("training", _training(config)),
            ("gradients", "derived by hand" if config.gradients == "hand" else "by autodiff (jax.grad)"),
        ]
    )
    click.echo()

    result = images.train_images(config, dataset)
    run_folder.write_run(result, out)
    # With label smoothing the loss that is trained is another one than the test's: it stands in the curves alone.
    training_loss = "" if result.config.label_smoothing else f"{result.run.history['loss'][-1]:.4f}"
    table(
        ["", "accuracy", "loss"],
        [
            ["training, last epoch", f"{result.run.history['accuracy'][-1]:.4f}", training_loss],
            ["test", f"{result.test_accuracy:.4f}", f"{result.test_loss:.4f}"],
        ],
    )
    click.echo()
    facts(
        [
            ("compiling", seconds(result.run.compile_seconds)),
            ("training", seconds(result.run.run_seconds)),
            ("run folder", str(out)),
        ]
    )


def _training(config: Config) -> str:
    words = [
        f"{config.epochs} epoch{'s' if config.epochs > 1 else ''} in batches of {config.batch_size}",
        f"{config.optimizer} at {config.learning_rate:g}",
        *(["cosine schedule"] if config.schedule == "cosine" else []),
        *([f"label smoothing {config.label_smoothing:g}"] if config.label_smoothing else []),
        f"seed {config.seed}",
    ]
    return ", ".join(words)
