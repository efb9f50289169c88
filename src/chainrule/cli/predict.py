"""``chainrule predict``: classify an image file by a trained network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chainrule.cli.report import table

if TYPE_CHECKING:
    from chainrule.cli import Settings

__all__ = ["predict"]

_SHOWN = 3


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON, with the probability of every class.")
@click.pass_obj
def predict(settings: Settings, run: Path, image: Path, as_json: bool) -> None:
    """Classify an image of one handwritten digit.

    RUN is the folder of a run, as `chainrule train` wrote it. IMAGE is a file that Pillow reads (PNG, JPEG, ...), of any
    size, dark on light or light on dark: the digit is cropped, scaled and centred as those that the network has seen.
    """
    from chainrule.recipes import read_image, read_run

    if settings.compilation_cache:
        from chainrule.cli.compilation_cache import use_compilation_cache

        use_compilation_cache()
    saved = read_run(run, kind="images")
    x, done = read_image(image, saved.in_shape, saved.config.ink_box, saved.config.ink_centre)
    (probabilities,) = saved.probabilities(x[None])
    order = (-probabilities).argsort(kind="stable")
    best = saved.class_names[order[0]]
    if as_json:
        by_class = {name: float(p) for name, p in zip(saved.class_names, probabilities, strict=True)}
        click.echo(json.dumps({"class": best, "probabilities": by_class, "image": done}))
        return
    click.echo(f"{image}: {done}")
    click.echo(f"a {best}\n")
    table(["class", "probability"], [[saved.class_names[i], f"{probabilities[i]:.4f}"] for i in order[:_SHOWN]])
