"""Tables as CSV (RFC 4180), which spreadsheets open without running anything that stands in them."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import islice

MIME_TYPE = "text/csv; charset=utf-8"
ROWS_AT_ONCE = 100
# What spreadsheets take for the beginning of a formula; after an apostrophe it is a text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
Row = Sequence[object]


def csv_of(header: Row, rows: Iterable[Row]) -> Iterator[bytes]:
    """The table, piece by piece."""
    yield _written([header])
    left = iter(rows)
    while some := list(islice(left, ROWS_AT_ONCE)):
        yield _written(some)


def _written(rows: Iterable[Row]) -> bytes:
    sheet = StringIO()
    csv.writer(sheet).writerows([_defused(cell) for cell in row] for row in rows)
    return sheet.getvalue().encode()


def _defused(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
