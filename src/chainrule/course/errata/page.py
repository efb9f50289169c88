"""The errata as a page of the course, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.course.errata.erratum import SOURCES, Finding

__all__ = ["page"]

_MOST = 14  # decimals: the page is then the same on every processor, whose exp and sums differ in the last digit

_HEAD = """\
# Errata

Some figures that the sources of this course print are wrong, or lead the reader astray. Each stands here with the correct
figure and with the code that decides: it computes the correct one in at least two independent ways, in float64, and makes
the printed one again by the mistake that gives it, unless it is a mere misprint.

This page is written by

    chainrule errata --markdown > notebooks/errata.md

and `chainrule errata` runs every line of code on it. Its exit status is 1 if a printed figure turns out to be right, if the
ways to the correct one disagree, or if the mistake does not give what was printed.

The sources: {sources}.
"""

_FOOT = """\
¹ Not quoted to the digit: what the method of the source gives, on its own numbers or, in C6, on numbers like them.
"""

_IMPORTS = """\
The code below needs three imports, and `Evidence`, which holds what was computed:

```python
import jax
import jax.numpy as jnp
import numpy as np

from chainrule.course.errata import Evidence
```
"""


def page(findings: Sequence[Finding]) -> str:
    """Write what was found as Markdown: a table of all, and a section for each, with its code."""
    sources = dict.fromkeys(finding.erratum.source for finding in findings)
    head = _HEAD.format(sources=", ".join(f"{source}, {SOURCES[source]}" for source in sources))
    parts = [head, _table(findings)]
    if not all(finding.erratum.quoted for finding in findings):
        parts.append(_FOOT)
    parts.append(_IMPORTS)
    parts += [_section(finding) for finding in findings]
    return "\n".join(parts)


def _table(findings: Sequence[Finding]) -> str:
    lines = ["| Erratum | Source | Printed | Correct | Decided by | Found |", "|---|---|---|---|---|---|"]
    for finding in findings:
        erratum = finding.erratum
        cells = [
            f"[{erratum.id}](#{erratum.id.lower()})",
            erratum.source,
            f"`{erratum.printed}`{'' if erratum.quoted else ' ¹'}",
            f"`{erratum.correct}`",
            ", ".join(f"`{way}`" for way in finding.evidence.ways),
            str(finding.verdict),
        ]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _section(finding: Finding) -> str:
    erratum, evidence = finding.erratum, finding.evidence
    what = "prints" if erratum.quoted else "gives, by its method"
    lines = [
        f"## {erratum.id}",
        "",
        f"{erratum.claim[0].upper()}{erratum.claim[1:]}.",
        "",
        f"{erratum.source} {what}:",
        "",
        f"    {erratum.printed}",
        "",
        "Correct is:",
        "",
        f"    {erratum.correct}",
        "",
        erratum.how,
        "",
        "| | Computed |",
        "|---|---|",
    ]
    rows = [(f"correct: `{way}`", finding.written(value, most=_MOST)) for way, value in evidence.ways.items()]
    rows += [
        (f"mistake: `{way}`", finding.written(value, like_printed=True, most=_MOST))
        for way, value in evidence.mistake.items()
    ]
    lines += [f"| {name.replace('|', chr(92) + '|')} | `{figure}` |" for name, figure in rows]
    if evidence.remarks:
        lines += ["", *(f"- {name}: {remark}" for name, remark in evidence.remarks.items())]
    lines += ["", f"Found: {finding.verdict}{f' ({finding.reason})' if finding.reason else ''}.", ""]
    lines += ["```python", erratum.code, "```", ""]
    return "\n".join(lines)
