"""The referee: every derivative against autodiff, against an independent answer, and against differences."""

from chainrule.audit.arguments import from_shapes
from chainrule.audit.assertion import assert_vjp
from chainrule.audit.registry import Case, Entry, register
from chainrule.audit.report import Check, Place, Report
from chainrule.audit.run import audit, check_all, check_entry, entries, rules

__all__ = [
    "Case",
    "Check",
    "Entry",
    "Place",
    "Report",
    "assert_vjp",
    "audit",
    "check_all",
    "check_entry",
    "entries",
    "from_shapes",
    "register",
    "rules",
]
