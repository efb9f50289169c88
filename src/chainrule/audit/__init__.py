"""The referee: every rule against autodiff, against an independent answer, and against central differences."""

from chainrule.audit.registry import Case, Entry, register
from chainrule.audit.report import Check, Report
from chainrule.audit.run import audit, check_all, check_entry, entries

__all__ = ["Case", "Check", "Entry", "Report", "audit", "check_all", "check_entry", "entries", "register"]
