"""``chainrule fit``: learn to predict a column of a table, and write the folder of the run."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli.prose_table import prose_table
from chainrule.cli.report import facts, seconds, table
from chainrule.recipes.table_config import IMPUTATIONS, INDICATORS, MODELS, OUTLIERS, SCALINGS, TASKS

if TYPE_CHECKING:
    from chainrule.cli import Settings

__all__ = ["fit"]

_RUNS = "runs"


def _widths(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Read ``64,32`` as widths; an empty text is no hidden layer."""
    if value is None:
        return None
    words = [word.strip() for word in value.split(",")] if value.strip() else []
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise click.BadParameter(f"must be widths such as 64 or 64,32, got {value!r}.")
    return tuple(map(int, words))


def delimiter_of(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    r"""Read ``\t``, as a shell hands it over, as a tab."""
    return "\t" if value == r"\t" else value


@click.command()
@click.argument("path", metavar="TABLE", type=click.Path(path_type=Path))
@click.option("--target", metavar="COLUMN", required=True, help="The column to predict.")
@click.option("--task", type=click.Choice(TASKS), help="Found out from the target unless given.")
@click.option("--model", type=click.Choice(MODELS), default="mlp", show_default=True, help="What is trained.")
@click.option("--time", metavar="COLUMN", help="Dates or numbers: the latest rows are for the test. Else at random.")
@click.option(
    "--hidden",
    metavar="WIDTHS",
    callback=_widths,
    help="Of the MLP's hidden layers, as 64,32.  [default: 32 below 500 rows to train on, else 64]",
)
@click.option(
    "--members", type=int, help="How many MLPs, of which the mean is the model.  [default: 5 below 10,000 rows, else 1]"
)
@click.option("--epochs", type=int, help="How often to go through the training rows at the most.")
@click.option("--batch-size", type=int, help="Examples a step.")
@click.option("--learning-rate", type=float, help="Of the optimiser.")
@click.option("--scaling", type=click.Choice(SCALINGS), default="standard", show_default=True, help="Of numbers.")
@click.option(
    "--impute", type=click.Choice(IMPUTATIONS), default="median", show_default=True, help="What fills missing numbers."
)
@click.option(
    "--indicators",
    type=click.Choice(INDICATORS),
    default="telling",
    show_default=True,
    help="When a 0/1 column says where a number is missing: if that is correlated with the target, always, or never.",
)
@click.option(
    "--outliers", type=click.Choice(OUTLIERS), default="clip", show_default=True, help="Of numbers: clip, or keep them."
)
@click.option("--drop", metavar="COLUMN", multiple=True, help="Leave a column out; any number of times.")
@click.option(
    "--categorical", metavar="COLUMN", multiple=True, help="A column of categories that look like numbers; likewise."
)
@click.option(
    "--delimiter",
    metavar="C",
    callback=delimiter_of,
    help=r"Between the cells of the file; \t is a tab. Found out unless given.",
)
@click.option("--encoding", metavar="NAME", help="Of the file, such as cp1252.  [default: UTF-8]")
@click.option(
    "--missing", metavar="WORD", multiple=True, help="What stands for a missing cell, in place of NA, null, ..."
)
@click.option(
    "--test-share",
    type=float,
    default=0.2,
    show_default=True,
    help="The share of rows to test on; of the rest, to validate by: above 0, at most 0.5.",
)
@click.option("--no-refit", is_flag=True, help="Keep the model that was scored; do not fit it again to all rows.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of the split, the first parameters and the batches."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The folder of the run. It must not exist yet, or be empty: nothing is ever overwritten. "
    f"[default: {_RUNS}/TABLE-COLUMN-seedSEED; -2, -3, ... after it if taken]",
)
@click.pass_obj
def fit(
    settings: Settings,
    path: Path,
    target: str,
    no_refit: bool,
    missing: tuple[str, ...],
    out: Path | None,
    **choices: Any,
) -> None:
    """Learn to predict a column of a table from the others.

    TABLE is a file of text (.csv, .tsv, .txt, also with .gz behind) or of Parquet. What every column is found to be,
    and what is done with it, is printed before anything is trained. Preparation and model learn from the training rows
    alone, training stops by the validation rows, and the scores are those of the test rows, with intervals of 95 per
    cent. The model that is kept is then fitted again to all rows.

    `chainrule eval RUN held.csv` scores it on other rows, and `chainrule predict RUN new.csv` predicts them.
    """
    from chainrule.cli.memory import keep_large_blocks
    from chainrule.recipes import run_folder

    if settings.compilation_cache:
        from chainrule.cli.compilation_cache import use_compilation_cache

        use_compilation_cache()
    if out is None:
        out = run_folder.new_folder(_RUNS, f"{_stem(path)}-{_plain(target)}-seed{choices['seed']}")
    run_folder.require_new(out)
    keep_large_blocks()

    from chainrule.recipes import table as job

    config, problem = job.plan_table(path, target=target, refit=not no_refit, missing=missing or None, **choices)
    facts([("device", run_folder.describe_device()), *job.facts(config, problem)])
    click.echo()
    prose_table(
        ["column", "kind", "missing", "distinct", "use"],
        [[use.name, use.kind, f"{use.missing:,}", f"{use.distinct:,}", use.use] for use in problem.uses],
    )
    click.echo()
    result = job.run(config, problem)
    run_folder.write_run(result, out)
    table(*result.table())
    click.echo()
    members = result.config.members
    best = f"{result.fitted.run.best_epoch} of {result.config.epochs}"
    best += f", of the network in the middle of {members}" if members > 1 else ""
    facts(
        [
            *([] if result.config.is_solved else [("best epoch", best)]),
            *([("strength", result.strength())] if result.strength() else []),
            ("kept", result.kept()),
            ("compiling", seconds(result.run.compile_seconds)),
            ("training", seconds(result.run.run_seconds)),
            ("run folder", str(out)),
        ]
    )


def _stem(path: Path) -> str:
    """The name of a file without its endings."""
    name = path.name[: -len(".gz")] if path.name.lower().endswith(".gz") else path.name
    return _plain(os.path.splitext(name)[0])


def _plain(name: str) -> str:
    """A name as part of the name of a folder."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._")[:60] or "table"
