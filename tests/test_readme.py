"""The README says what is so: its program runs, its commands and files exist, and its counts are right."""

import json
import re
from pathlib import Path

import pytest

from chainrule.audit.mutants import MUTANTS, OPTIMIZER_MUTANTS
from chainrule.audit.mutants.mechanical import SURVEYED
from chainrule.cli import COMMANDS, main
from chainrule.course.errata import ERRATA
from chainrule.course.syllabus import ROWS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("quick_compilation")
def test_the_program_runs_and_does_what_it_says(capsys):
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {}
    exec(compile(program, "README.md", "exec"), names)
    assert names["run"].history["validation_accuracy"][-1] > 0.9
    printed = capsys.readouterr().out
    differences = [float(number) for number in re.findall(r"\d\.\d+(?:e-\d+)?", printed.splitlines()[0])]
    assert max(differences, default=0.0) < 1e-6
    assert names["report"].ok
    assert str(names["report"]) in printed


def test_the_example_of_contributing_is_a_right_rule():
    import jax.numpy as jnp
    import numpy as np

    from chainrule import audit
    from chainrule.checks import require_floating
    from chainrule.rule import rule

    block = re.search(r"```python\n(.*?@softsign.defbackward.*?)```", CONTRIBUTING, re.DOTALL).group(1)
    names = {"rule": rule, "jnp": jnp, "require_floating": require_floating, "Array": object}
    exec(compile("\n".join(line[3:] for line in block.splitlines()), "CONTRIBUTING.md", "exec"), names)
    report = audit.audit(names["softsign"], np.linspace(-3, 3, 8), reference=lambda x: x / (1 + np.abs(x)))
    assert report.ok, str(report)


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_files_and_commands_exist(text):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"^ {4}make ([\w-]+)", text, re.MULTILINE):
        assert target in targets
    for command in re.findall(r"(?:`|^ {4}|\$ )chainrule (\w+)", text, re.MULTILINE):
        assert command in COMMANDS
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("http") or (ROOT / link).exists(), link
    for path in re.findall(r"`((?:src|tests|notebooks|benchmarks)/[\w/.]*)`", text):
        assert (ROOT / path).exists() or list(ROOT.glob(path + ".*")), path


def test_counts_are_right():
    count = len(MUTANTS) + len(OPTIMIZER_MUTANTS)
    assert f"{count} rules and optimisers that are wrong on purpose" in " ".join(README.split())
    survey = json.loads((ROOT / "benchmarks" / "results" / "audit-mechanical.json").read_text(encoding="utf-8"))
    assert list(survey["rules"]) == list(SURVEYED)
    survivors = survey["total"] - survey["caught"]
    said = " ".join(README.split())
    assert f"every equation of the backward passes of {len(SURVEYED)} rules" in said
    assert (
        f"{survey['caught']:,} of {survey['total']:,} such mutants are caught, and the {survivors} that survive" in said
    )


def test_counts_of_the_course_are_right():
    words = (
        "no",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
    )
    said = " ".join(README.split())
    assert f"its {len({figure for row in ROWS for figure in row.figures})} figures" in said
    assert f"{words[len(ERRATA)]} printed figures of the sources" in said
    assert f"{words[len(list((ROOT / 'notebooks').glob('*.ipynb')))].capitalize()} lessons" in said


def test_the_audit_of_the_example_prints_what_is_shown(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv(
        "CHAINRULE_NO_COMPILATION_CACHE", "1"
    )  # a cache would stay switched on for the tests that follow
    command, *lines = re.search(r"\$ chainrule (check benchmarks/.*?)```", README, re.DOTALL).group(1).splitlines()
    assert main([*command.split()]) == 1
    printed = capsys.readouterr().out.splitlines()
    for line in lines:
        assert line == "..." or line in printed
