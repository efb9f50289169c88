"""``chainrule train``: run a recipe, and write the folder of the run."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli.report import facts, seconds, table
from chainrule.recipes import KINDS, RECIPES

if TYPE_CHECKING:
    from chainrule.cli import Settings

__all__ = ["train"]

_RUNS = "runs"


def _models() -> str:
    return "; ".join(f"{name}: {', '.join(models)}" for name, models in RECIPES.items() if len(models) > 1)


@click.command()
@click.argument("recipe", type=click.Choice(list(RECIPES)))
@click.option("--model", metavar="NAME", help=f"The network, the first unless given. {_models()}")
@click.option(
    "--file", metavar="PATH", help="A text of your own in UTF-8, for the recipe text; its last tenth is held out."
)
@click.option("--epochs", type=int, help="How often to go through the training data.")
@click.option("--batch-size", type=int, help="Examples a step.")
@click.option("--learning-rate", type=float, help="Of the first step, or the peak after a warm-up.")
@click.option("--optimizer", metavar="NAME", help="sgd, momentum, adam, adamw, lion, ...")
@click.option("--seed", type=int, help="Of the first parameters and the order of the examples.  [default: 0]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The folder of the run. It must not exist yet, or be empty: nothing is ever overwritten. "
    f"[default: {_RUNS}/RECIPE-seedSEED, RECIPE-MODEL-seedSEED with --model; -2, -3, ... after it if taken]",
)
@click.option(
    "--gradients", type=click.Choice(["hand", "autodiff"]), help="Derived by hand, or by jax.grad, to compare."
)
@click.pass_obj
def train(settings: Settings, recipe: str, model: str | None, out: Path | None, **changes: Any) -> None:
    """Train a network on real data.

    RECIPE is mnist (5,000 images of 28 by 28 pixels), digits (1,797 of 8 by 8), autoencoder (the images of mnist, pressed
    through two numbers), text (Python's reference texts, 370,000 characters, or --file) or weather (tomorrow's highest
    temperature in Seattle: least squares by five solvers and a small network, compared; the options are the network's).
    What is not given by an option is as the recipe has it, and is printed.

    The folder of the run appears when it is complete: config.json, metrics.jsonl, params.safetensors, state.safetensors of
    a network with running statistics, pictures, and SHA256SUMS over them.
    """
    networks = RECIPES[recipe]
    if model is not None and model not in networks:
        raise click.UsageError(f"--model of {recipe} must be one of {', '.join(networks)}, got {model!r}.")
    config = networks[model] if model else next(iter(networks.values()))
    if changes["file"] is not None and not hasattr(config, "file"):
        raise click.UsageError(f"--file is for the recipe text, {recipe} has data of its own.")
    config = config.changed(**changes)
    job = importlib.import_module(KINDS[config.kind])

    from chainrule.cli.memory import keep_large_blocks
    from chainrule.recipes import run_folder

    keep_large_blocks()
    if settings.compilation_cache:
        from chainrule.cli.compilation_cache import use_compilation_cache

        use_compilation_cache()
    if out is None:
        out = run_folder.new_folder(_RUNS, f"{recipe}{f'-{model}' if model else ''}-seed{config.seed}")
    run_folder.require_new(out)

    data = job.load_data(config)
    facts([("device", run_folder.describe_device()), *job.facts(config, data)])
    click.echo()
    result = job.run(config, data)
    run_folder.write_run(result, out)
    table(*result.table())
    click.echo()
    for name, text in result.texts().items():
        click.echo(f"{name}:\n\n{text}")
    facts(
        [
            ("compiling", seconds(result.run.compile_seconds)),
            ("training", seconds(result.run.run_seconds)),
            ("run folder", str(out)),
        ]
    )
