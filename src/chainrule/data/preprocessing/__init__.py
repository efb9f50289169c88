"""Preparing data: each transform learns from training rows alone, and what it has learnt is a value."""

from chainrule.data.preprocessing.record import from_record, to_record
from chainrule.data.preprocessing.transform import Transform

__all__ = ["Transform", "from_record", "to_record"]
