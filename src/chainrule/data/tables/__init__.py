"""Tables: columns of numbers, categories and dates, read from a user's own file with nothing lost on the way."""

from chainrule.data.tables.csv_file import read_csv
from chainrule.data.tables.parquet_file import read_parquet
from chainrule.data.tables.read import read_table
from chainrule.data.tables.summary import ColumnSummary, summarise
from chainrule.data.tables.table import Kind, Table
from chainrule.data.tables.write import write_csv

__all__ = [
    "ColumnSummary",
    "Kind",
    "Table",
    "read_csv",
    "read_parquet",
    "read_table",
    "summarise",
    "write_csv",
]
