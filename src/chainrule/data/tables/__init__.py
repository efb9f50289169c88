"""Tables: columns of numbers, categories and dates, read from a user's own file with nothing lost on the way."""

from chainrule.data.tables.table import Kind, Table

__all__ = ["Kind", "Table"]
