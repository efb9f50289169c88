"""``chainrule predict``: classify an image file, or predict every row of a table, by a trained model."""

from __future__ import annotations

import csv
import json
import mimetypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from chainrule.cli.fit import delimiter_of
from chainrule.cli.report import facts, table

if TYPE_CHECKING:
    from chainrule.cli import Settings

__all__ = ["predict"]

_SHOWN = 3
_KINDS = ("images", "table")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("path", metavar="IMAGE|TABLE", type=click.Path(path_type=Path))
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Of an image: print one line of JSON, with the probability of every class. Of a table: one for each row.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Of a table: the file to write, which must not exist. [default: the standard output]",
)
@click.option(
    "--delimiter",
    metavar="C",
    callback=delimiter_of,
    help=r"Of a table: between its cells; \t is a tab. As when the model was trained unless given.",
)
@click.option("--encoding", metavar="NAME", help="Of a table. As when the model was trained unless given.")
@click.pass_obj
def predict(settings: Settings, run: Path, path: Path, as_json: bool, out: Path | None, **reading: str | None) -> None:
    """Classify an image of one handwritten digit, or predict the rows of a table.

    RUN is the folder of a run, as `chainrule train` or `chainrule fit` wrote it.

    IMAGE is a file that Pillow reads (PNG, JPEG, ...), of any size, dark on light or light on dark: the digit is
    cropped, scaled and centred as those that the network has seen.

    TABLE holds the columns that the model was trained on, in any order. Predictions are CSV: the number of the row,
    from 1, the prediction, and for classes the probability of each; with --json a line of JSON for each row holds the
    same.
    """
    from chainrule.recipes import read_run

    if settings.compilation_cache:
        from chainrule.cli.compilation_cache import use_compilation_cache

        use_compilation_cache()
    saved = read_run(run)
    kind = saved.config.kind
    if kind not in _KINDS:
        is_image = (mimetypes.guess_type(path.name)[0] or "").startswith("image/")
        needed = "images" if is_image else " or ".join(_KINDS)
        raise ValueError(f"{run} is a run of {kind}, and one of {needed} is needed")
    if kind == "table":
        _predict_table(saved, path, out, as_json, **reading)
        return
    given = [f"--{name}" for name, value in (("out", out), *reading.items()) if value is not None]
    if given:
        raise click.UsageError(f"{', '.join(given)}: for tables, and {run} is a run of images.")
    _predict_image(saved, path, as_json)


def _predict_image(saved: Any, path: Path, as_json: bool) -> None:
    from chainrule.recipes import read_image

    x, done = read_image(path, saved.in_shape, saved.config.ink_box, saved.config.ink_centre)
    (probabilities,) = saved.probabilities(x[None])
    order = (-probabilities).argsort(kind="stable")
    best = saved.class_names[order[0]]
    if as_json:
        by_class = {name: float(p) for name, p in zip(saved.class_names, probabilities, strict=True)}
        click.echo(json.dumps({"class": best, "probabilities": by_class, "image": done}))
        return
    click.echo(f"{path}: {done}")
    click.echo(f"a {best}\n")
    table(["class", "probability"], [[saved.class_names[i], f"{probabilities[i]:.4f}"] for i in order[:_SHOWN]])


def _predict_table(saved: Any, path: Path, out: Path | None, as_json: bool, **reading: str | None) -> None:
    if out is not None and os.path.lexists(out):
        raise FileExistsError(f"{out} exists already, and nothing is overwritten: give another file, or remove it")
    predictions = saved.predict(path, **reading)
    if out is None:
        _write(predictions, sys.stdout, as_json)
        return
    try:
        with out.open("x", encoding="utf-8", newline="") as file:
            _write(predictions, file, as_json)
    except FileExistsError:
        raise
    except OSError:
        out.unlink(missing_ok=True)  # a file that is cut off looks like one that is whole
        raise
    facts([("rows", f"{len(predictions.values):,}"), ("predictions", str(out))])


def _write(predictions: Any, file: TextIO, as_json: bool) -> None:
    if as_json:
        file.writelines(json.dumps(each, allow_nan=False) + "\n" for each in _objects(predictions))
    else:
        csv.writer(file, lineterminator="\n").writerows(_lines(predictions))


def _objects(predictions: Any) -> Iterator[dict[str, Any]]:
    """What JSON says of each row: the probabilities where there are classes, all numbers as they are."""
    for row, value in enumerate(predictions.values.tolist(), start=1):
        found: dict[str, Any] = {"row": row, "prediction": value}
        if predictions.probabilities is not None:
            shares = predictions.probabilities[row - 1].tolist()
            found["probabilities"] = dict(zip(predictions.classes, shares, strict=True))
        yield found


def _lines(predictions: Any) -> Iterator[list[Any]]:
    """The lines of the file: their head, then one for each row."""
    yield ["row", "prediction", *(f"probability {name}" for name in predictions.classes)]
    if predictions.probabilities is None:
        for row, value in enumerate(predictions.values.tolist(), start=1):
            yield [row, f"{value:.9g}"]
        return
    for row, (value, shares) in enumerate(zip(predictions.values, predictions.probabilities, strict=True), start=1):
        yield [row, value, *(f"{share:.6g}" for share in shares.tolist())]
