"""``chainrule sample``: let a network that has learned a text write on."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chainrule.cli import Settings

__all__ = ["sample"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--prompt", default="", help="What comes before, printed too.  [default: the end of a line]")
@click.option("--length", default=500, show_default=True, help="How many characters to write after the prompt.")
@click.option(
    "--temperature",
    default=0.8,
    show_default=True,
    help="Below 1 the likely becomes likelier, above 1 all more alike; at 0 the likeliest character is taken.",
)
@click.option("--top-k", type=int, help="Draw from the K likeliest characters alone.")
@click.option("--seed", default=0, show_default=True, help="Chooses the characters.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON, with the settings.")
@click.pass_obj
def sample(
    settings: Settings,
    run: Path,
    prompt: str,
    length: int,
    temperature: float,
    top_k: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Write on, a character at a time, as the text that a network has learned.

    RUN is the folder of a run, as `chainrule train text` wrote it. The prompt may have any length, and so may what is
    written: a GPT looks back over its window and, when that is full, reads the later half of it anew; a char_rnn carries
    on. The same seed gives the same characters on the same machine.
    """
    from chainrule.recipes import read_run

    if settings.compilation_cache:
        from chainrule.cli.compilation_cache import use_compilation_cache

        use_compilation_cache()
    saved = read_run(run, kind="text")
    written = saved.write(prompt, length=length, temperature=temperature, top_k=top_k, seed=seed)
    if as_json:
        options = {"length": length, "temperature": temperature, "top_k": top_k, "seed": seed}
        click.echo(json.dumps({"prompt": prompt, "text": "".join(written), **options}))
        return
    if not sys.stdout.isatty():
        click.echo(prompt + "".join(written))
        return
    click.echo(prompt, nl=False)
    for character in written:
        click.echo(character, nl=False)  # echo shows it at once
    click.echo()
