"""``chainrule eval``: score a model of a table on rows that it has not seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chainrule.cli.fit import delimiter_of
from chainrule.cli.report import facts, table

if TYPE_CHECKING:
    from chainrule.cli import Settings

__all__ = ["eval"]


@click.command("eval")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("path", metavar="TABLE", type=click.Path(path_type=Path))
@click.option(
    "--delimiter",
    metavar="C",
    callback=delimiter_of,
    help=r"Between the cells of the file; \t is a tab. As when the model was trained unless given.",
)
@click.option("--encoding", metavar="NAME", help="Of the file. As when the model was trained unless given.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_obj
def eval(settings: Settings, run: Path, path: Path, delimiter: str | None, encoding: str | None, as_json: bool) -> None:
    """Score a model of a table on other rows.

    RUN is the folder of a run, as `chainrule fit` wrote it. TABLE holds the columns that the model was trained on, in
    any order, and the target; of rows that it was fitted to, as after `fit` all of its table are, it knows more than of
    others, and the scores are too good. Each score has its interval of 95 per cent, by the bootstrap over the rows; too few
    rows, or too few of a class, have none.
    """
    from chainrule.recipes import read_run
    from chainrule.recipes.table_result import score_table

    if settings.compilation_cache:
        from chainrule.cli.compilation_cache import use_compilation_cache

        use_compilation_cache()
    saved = read_run(run, kind="table")
    rows, scores = saved.evaluate_rows(saved.read(path, target=True, delimiter=delimiter, encoding=encoding))
    config = saved.config
    if as_json:
        found = {name: None if each is None else each._asdict() for name, each in scores.items()}
        click.echo(json.dumps({"target": config.target, "task": config.task, "rows": rows, "scores": found}))
        return
    facts([("model", f"{config.model} of {run}"), ("target", f"{config.target!r}, {config.task}")])
    click.echo()
    table(
        *score_table(
            {config.model: scores}, f"{rows:,} row{'s' if rows != 1 else ''} of {path.name} [95 %]", config.task
        )
    )
