"""The audit of this package, with its defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.audit import audit
from chainrule.rule import Rule

__all__ = ["alarm"]


def alarm(rule: Rule, args: tuple[Any, ...], static: dict[str, Any], reference: Callable[..., Any] | None) -> bool:
    """Whether any check of the audit fails."""
    return not audit(rule, *args, reference=reference, **static).ok
