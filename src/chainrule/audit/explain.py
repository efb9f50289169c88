"""What the register's entries say of themselves: equation, derivation and code, read from where each is written.

Nothing is written twice: the text is that of the docstrings, by their sections, and the code is the source of the very
functions that the rule or optimiser runs.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import re
import sys
import textwrap
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from chainrule import audit
from chainrule.audit.curve import curve_of, is_elementwise
from chainrule.audit.registry import Entry, OptimizerEntry
from chainrule.layer import Lifted, StatelessLayer
from chainrule.losses.reduction import Loss, reduce
from chainrule.rule import Rule, _Bound, _FunctionRule

__all__ = ["Explanation", "Part", "curve", "drawable", "explain", "find", "titles"]


@dataclass(frozen=True)
class Part:
    """A rule that another is made of.

    Attributes:
        name: the rule's name, with its configuration.
        explained: the name in the register that explains it; empty where the register has none.
        where: module and line of its definition.
    """

    name: str
    explained: str
    where: str


@dataclass(frozen=True)
class Explanation:
    """One rule or optimiser of the register as it is written. Texts are empty where the docstring has no such section.

    Attributes:
        name: the name in the register.
        room: where it lives, ``"ops"``.
        title: the first line of the docstring.
        equation: the equation, with what the docstring says of it ahead of its first section.
        shapes: of arguments and output; for a layer, the tree of its params.
        derivation: of the backward pass.
        residuals: what forward hands to backward.
        kinks: the sentences that say which slope is taken at a kink.
        notes: what the docstring says besides.
        source: the literature.
        forward_code: the source of the forward function without its docstring. For a loss: of its pointwise half, then of
            what joins it to the reduction; for a model: of the function that composes it; for an optimiser: of ``update``
            and the methods of its own that it calls.
        backward_code: that of the backward function; empty for an optimiser, and for a model, whose backward pass is the
            chain's.
        composition: how layers are put together, ``"chain(flatten, Dense(2))"``; empty for what has no layers.
        parts: the rules that it is made of: layers, the halves of a loss, or rules that its code calls.
        where: module and line, ``"chainrule.ops.gelu:22"``.
        elementwise: whether each number of the output depends on one number of a single array, so that it can be drawn.
        answer_code: for an optimiser, the source of the formulas, in NumPy, that it is compared with.
    """

    name: str
    room: str
    title: str
    equation: str
    shapes: str
    derivation: str
    residuals: str
    kinks: str
    notes: str
    source: str
    forward_code: str
    backward_code: str
    composition: str
    parts: tuple[Part, ...]
    where: str
    elementwise: bool
    answer_code: str = ""


def explain(name: str) -> Explanation:
    """Explain an entry of the register, by its name; ``mlp`` stands for the first of ``mlp, relu`` and its like.

    Raises:
        ValueError: for a name that is not in the register; the message gives those near it.
    """
    entry = find(name)
    if isinstance(entry, OptimizerEntry):
        return _explain_optimizer(entry)
    rule, maker = _base(entry.rule), _maker(entry)
    defined = maker if maker is not None else _defined(rule)
    title, sections = _read(_docstring(entry))
    equation, derivation = _equation(title, sections["Equation"]), sections["Derivation"]
    rows = _table_rows(sys.modules[defined.__module__].__doc__ or "", defined.__name__) if maker is not None else []
    if rows:
        if " = " not in equation:
            equation = "\n".join(left for left, _ in rows)
        derivation = derivation or "\n".join(right for _, right in rows)
    forward, backward = ([maker], []) if entry.room == "models" and maker is not None else _functions(rule)
    layers = getattr(rule, "layers", None)
    return Explanation(
        name=entry.name,
        room=entry.room,
        title=title,
        equation=equation,
        shapes=_joined(sections["Shapes"], f"Params: {sections['Params']}" if sections["Params"] else ""),
        derivation=derivation,
        residuals=sections["Residuals"],
        kinks=sections["Kinks"],
        notes=sections["Notes"],
        source=sections["Source"],
        forward_code=_joined(*map(_code, forward)),
        backward_code=_joined(*map(_code, backward)),
        composition="" if layers is None else repr(rule),
        parts=tuple(map(_part, _made_of(rule, [*forward, *backward]) if layers is None else layers)),
        where=_where(defined),
        elementwise=is_elementwise(entry.rule),
    )


def _explain_optimizer(entry: OptimizerEntry) -> Explanation:
    maker = _maker(entry)
    if maker is None:
        raise ValueError(f"{entry.name} cannot be explained: chainrule.optim has no function {_family(entry)}")
    title, sections = _read(_docstring(entry))
    said, kind = sections["Equation"], typing.get_type_hints(maker)["return"]
    return Explanation(
        name=entry.name,
        room=entry.room,
        title=title,
        # What is displayed is the equation, though it be written with an arrow.
        equation=_equation(title, said) if " = " in title else said or title,
        shapes=sections["Shapes"],
        derivation=sections["Derivation"],
        residuals="",
        kinks="",
        notes=sections["Notes"],
        source=sections["Source"],
        forward_code=_joined(*map(_code, _methods(kind, "update" if hasattr(kind, "update") else "__call__"))),
        backward_code="",
        composition="",
        parts=(),
        where=_where(maker),
        elementwise=False,
        answer_code=_code(entry.answer),
    )


def titles() -> list[tuple[str, str, str]]:
    """The room, the name and the title of every entry, in the order of the register."""
    return [(entry.room, entry.name, _read(_docstring(entry))[0]) for entry in audit.entries()]


def find(name: str) -> Entry | OptimizerEntry:
    """The entry of a name; that of a family (``mlp`` of ``mlp, relu``) is the family's first.

    Raises:
        ValueError: for a name that is not in the register; the message gives those near it.
    """
    entries: dict[str, Entry | OptimizerEntry] = {}
    for entry in audit.entries():
        entries.setdefault(entry.name.partition(",")[0], entry)
        entries[entry.name] = entry
    if name in entries:
        return entries[name]
    lowered = {known.lower(): known for known in entries}
    near = [lowered[match] for match in difflib.get_close_matches(name.lower(), lowered)]
    hint = f"did you mean {', '.join(near)}?" if near else f"it holds {'; '.join(e.name for e in audit.entries())}"
    raise ValueError(f"no rule {name!r} in the register; {hint}")


# ----------------------------------------------------------------------------------------------------------------------
# Docstrings: a title, the equation, then sections that begin with their name.
# ----------------------------------------------------------------------------------------------------------------------

_SECTIONS = ("Shapes", "Params", "Derivation", "Residuals", "Kinks", "Source")
_OTHERS = ("Args", "Returns", "Raises", "Attributes")
_LABEL = re.compile(rf"({'|'.join((*_SECTIONS, *_OTHERS))})\b(?:,\s*([^:]*))?:(.*)", re.DOTALL)


def _read(docstring: str) -> tuple[str, dict[str, str]]:
    """Split a docstring into its title and its sections; what precedes the first section is the equation's."""
    first, *paragraphs = inspect.cleandoc(docstring).split("\n\n")
    found: dict[str, list[str]] = {name: [] for name in ("Equation", *_SECTIONS, *_OTHERS, "Notes")}
    current = "Equation"
    for paragraph in paragraphs:
        label = _LABEL.match(paragraph)
        text = re.sub(r":?:$", ":", paragraph)
        if label is not None:
            current, preamble = label[1], label[2]
            text = re.sub(r":$", "", label[3]).strip()
            text = f"{preamble}: {text}".strip() if preamble else text
        elif not paragraph.startswith(" ") and current != "Equation":
            current = "Notes"  # a paragraph without a name, and not the displayed formula of the one before it
        if text not in ("", ":"):
            found[current].append(text)
    if not found["Kinks"]:
        said = re.split(r"(?<=\.)\s+(?=[A-Z])", " ".join(" ".join(found["Derivation"] + found["Notes"]).split()))
        found["Kinks"] = [" ".join(sentence for sentence in said if "kink" in sentence)]
        found["Notes"] = [paragraph for paragraph in found["Notes"] if "kink" not in paragraph]
    return " ".join(first.split()), {name: textwrap.dedent(_joined(*texts)) for name, texts in found.items()}


def _equation(title: str, paragraphs: str) -> str:
    """The equation of the title, if it states one, then the paragraphs; the title itself where nothing is an equation."""
    _, _, after = title.partition(": ")
    stated = after if " = " in after else title if " = " in title else ""
    return _joined(stated, paragraphs) if stated or " = " in paragraphs else _joined(title, paragraphs)


def _table_rows(docstring: str, name: str) -> list[tuple[str, str]]:
    """The rows of a module's table ``name   forward   backward`` that stand under a name."""
    rows, under = [], False
    for line in inspect.cleandoc(docstring).splitlines():
        named = re.match(r" {4}(\w+) {2,}(.*)", line)
        under = named[1] == name if named else under and line.startswith(" " * 6)
        if under:
            left, _, right = (named[2] if named else line).strip().partition("   ")
            rows.append((left, right.strip()))
    return rows


def _joined(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text)


# ----------------------------------------------------------------------------------------------------------------------
# Where a rule is written, and what it is made of.
# ----------------------------------------------------------------------------------------------------------------------


def _base(rule: Rule) -> Rule:
    """The rule as it is defined: not lifted to a layer, no static argument bound."""
    while isinstance(rule, (Lifted, _Bound)):
        rule = rule.rule
    return rule


def _family(entry: Entry | OptimizerEntry) -> str:
    """The first word of an entry's name: ``mlp`` of ``mlp, relu``, ``Dense`` of ``Dense without bias``."""
    return re.split(r"\W", entry.name, maxsplit=1)[0]


def _maker(entry: Entry | OptimizerEntry) -> Callable[..., Any] | None:
    """The function of the room that builds the entry, as ``compose.chain`` does; None for what is no function's work."""
    found = getattr(importlib.import_module(f"chainrule.{entry.room}"), _family(entry), None)
    return found if inspect.isfunction(found) else None


def _docstring(entry: Entry | OptimizerEntry) -> str:
    maker = _maker(entry)
    defined = maker if maker is not None or isinstance(entry, OptimizerEntry) else _base(entry.rule)
    return str(defined.__doc__ or "")


def _defined(rule: Rule) -> Any:
    """The function or the class that defines a rule; for a loss, its pointwise half."""
    rule = _base(rule.pointwise if isinstance(rule, Loss) else rule)
    return rule._forward if isinstance(rule, _FunctionRule) else type(rule)


def _functions(rule: Rule) -> tuple[list[Any], list[Any]]:
    """The functions that run forward, and those that run backward."""
    kind = type(rule)
    if isinstance(rule, _FunctionRule):
        return [rule._forward], [rule._backward]
    if isinstance(rule, Loss):
        forward, backward = _functions(_base(rule.pointwise))
        return [*forward, kind.forward], [*backward, kind.backward]
    if isinstance(rule, StatelessLayer):
        return [kind.evaluate], [kind.evaluate_backward]  # type: ignore[attr-defined]
    return [kind.forward], [kind.backward]


def _parsed(defined: Any) -> tuple[list[str], int, Any]:
    """The dedented source lines of a function or class, the number of the first, and the syntax tree."""
    lines, start = inspect.getsourcelines(defined)
    source = textwrap.dedent("".join(lines))
    return source.splitlines(), start, ast.parse(source).body[0]


def _where(defined: Any) -> str:
    _, start, tree = _parsed(defined)
    return f"{defined.__module__}:{start + tree.lineno - 1}"


def _code(function: Callable[..., Any]) -> str:
    """The source of a function without its docstring."""
    lines, _, tree = _parsed(function)
    if ast.get_docstring(tree) is not None and len(tree.body) > 1:
        del lines[tree.body[0].lineno - 1 : tree.body[0].end_lineno]
    return "\n".join(lines).rstrip()


def _methods(kind: type, name: str) -> list[Any]:
    """A method of a class, and those with a leading underscore that it calls on itself, as far as that goes."""
    names = [name]
    for each in names:  # the list grows while it is read
        called = [node.attr for node in ast.walk(_parsed(getattr(kind, each))[2]) if isinstance(node, ast.Attribute)]
        own = [other for other in called if inspect.isfunction(getattr(kind, other, None)) and other.startswith("_")]
        names += [other for other in dict.fromkeys(own) if other not in names]
    return [getattr(kind, each) for each in names]


def _made_of(rule: Rule, functions: Iterable[Any]) -> list[Rule]:
    """The halves of a loss, and the rules that the code calls by their name."""
    found: list[Rule] = [rule.pointwise, reduce] if isinstance(rule, Loss) else []
    for function in functions:
        names = [node.id for node in ast.walk(_parsed(function)[2]) if isinstance(node, ast.Name)]
        called = [function.__globals__.get(name) for name in names]
        found += [other for other in called if isinstance(other, Rule) and other != rule]
    return list(dict.fromkeys(found))


def _part(rule: Rule) -> Part:
    entries = audit.rules()
    base = _base(rule)
    kind = type(base)
    alike = [entry.name for entry in entries if _base(entry.rule) == base]
    if not isinstance(base, _FunctionRule):
        alike += [e.name for e in entries if type(e.rule) is kind and _family(e).lower() == kind.__name__.lower()]
        alike += [entry.name for entry in entries if type(entry.rule) is kind]
    name = repr(rule) if hasattr(rule, "layers") else rule.name
    return Part(name, alike[0] if alike else "", _where(_defined(base)))


def curve(name: str) -> Rule:
    """The elementwise rule that a picture of an entry shows: itself, or a pointwise loss against targets of 0.

    Raises:
        ValueError: for an entry that is neither; the message names those that are. Also for an unknown name.
    """
    entry = find(name)
    found = curve_of(entry) if isinstance(entry, Entry) else None
    if found is None:
        raise ValueError(
            f"{name} cannot be drawn: a picture shows an elementwise rule of one array, or a loss of one number against "
            f"the prediction; those are {', '.join(drawable())}"
        )
    return found


def drawable() -> list[str]:
    """The names of the entries that ``curve`` has a rule for."""
    return [entry.name for entry in audit.rules() if curve_of(entry) is not None]
