"""Reads the rows of a workbook's first visible sheet. No formula is calculated and no macro is run.

    cells, read row by row by openpyxl ──────────────────┬── rows as a spreadsheet shows them
    merged ranges, hidden rows, from the XML of the part ┘

When openpyxl reads row by row, it does not say which rows are hidden and which cells are merged; otherwise it holds the
whole workbook in memory.
"""

import datetime
import io
import itertools
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.escape import unescape

from kie.errors import TableRefused
from kie.spreadsheets import workbooks
from kie.spreadsheets.charsets import Guess

# Columns in a table.
COLUMNS_LIMIT = 100
# Of all rows together, including empty cells.
CELLS_LIMIT = 500_000
# The maximum of spreadsheet programs.
ROW_CELLS_LIMIT = 16_384
ANOTHER = "choose a CSV, TSV or XLSX file, or paste the cells"
TOO_WIDE = (
    f"This table has more than {ROW_CELLS_LIMIT:,} cells in a row, or {CELLS_LIMIT:,} in all, empty ones counted: "
    "copy the rows with prompts into a new one."
)
_NO_WORKBOOK = f"This file can't be read as an XLSX workbook: {ANOTHER}."
_ROWS = re.compile(rb"<(?:[\w.-]+:)?row(\s[^<>]*)?>")
_COLUMNS = re.compile(rb"<(?:[\w.-]+:)?col(\s[^<>]*)>")
_MERGE = re.compile(rb"<(?:[\w.-]+:)?mergeCell(\s[^<>]*)>")
_ATTRIBUTE = re.compile(rb"""\s(\w+)\s*=\s*["']([^"'<>]*)["']""")
# What openpyxl raises for malformed workbooks.
_BROKEN = (
    *(OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, SyntaxError, EOFError, MemoryError),
    *(RuntimeError, AssertionError, OverflowError, zipfile.BadZipFile, zlib.error, struct.error),
)
# openpyxl warns of content that it would lose on writing. Nothing is written here.
warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")


class Cells(NamedTuple):
    """One row as a spreadsheet shows it.

    texts    the cells; a merged cell is in each row that it covers, and in its first column
    unread   by cell index (from 0) the sentence why a cell can't be read
    above    the indexes of cells that are merged with the one above
    beside   the indexes of cells that are merged with the one before, which have no text of their own
    place    the index of the row, counting blank ones
    """

    texts: list[str]
    unread: dict[int, str]
    above: frozenset[int] = frozenset()
    beside: frozenset[int] = frozenset()
    is_hidden: bool = False
    place: int = 0

    def text(self, at: int) -> str:
        """Return the text of a cell, empty behind the last one."""
        return self.texts[at] if at < len(self.texts) else ""


@dataclass(frozen=True)
class Sheet:
    """A table being read.

    `rows` includes blank ones. `notes` are for the person. `length` is the row count that the file claims. `hidden` are
    the indexes of hidden columns. `guesses` are the encodings that fit a text file which does not name its own, the one
    used first. `is_guarded` says whether an export of ours has its protection against formulas: a workbook written here
    has none, one into which a CSV was saved has.
    """

    rows: Iterator[Cells]
    notes: tuple[str, ...] = ()
    length: int | None = None
    hidden: frozenset[int] = frozenset()
    guesses: tuple[Guess, ...] = ()
    is_guarded: bool = True


def read(data: bytes) -> Sheet:
    """Open the first visible sheet of an XLSX workbook. Raises TableRefused with a sentence, here or while rows are iterated."""
    with _parsing():
        data = workbooks.readable(data)
        reader, sheets = _opened(data)
        sheet, length = sheets[0], sheets[0].max_row
        parts = {sheet.name: relation.target for sheet, relation in reader.parser.find_sheets()}
        layout = _layout(reader.archive.read(parts[sheet.title]))
    notes = (f"Only the first of {len(sheets)} sheets, “{sheet.title}”, was read.",) if len(sheets) > 1 else ()
    is_guarded = reader.wb.properties.creator != workbooks.CREATOR
    return Sheet(_laid_out(_rows(data, sheet), layout), notes, length, layout.hidden_columns, is_guarded=is_guarded)


@contextmanager
def _parsing() -> Iterator[None]:
    """Raise TableRefused for a malformed workbook."""
    try:
        yield
    except _BROKEN:
        raise TableRefused(_NO_WORKBOOK) from None


def _opened(data: bytes, data_only: bool = False) -> tuple[ExcelReader, list[Any]]:
    """Return a workbook and its visible sheets, with formulas or with their stored results."""
    reader = ExcelReader(io.BytesIO(data), read_only=True, data_only=data_only, keep_links=False)
    reader.read()
    sheets = [sheet for sheet in reader.wb.worksheets if sheet.sheet_state == "visible"]
    if not sheets:
        raise TableRefused(f"This workbook has no sheet with cells that can be seen: {ANOTHER}.")
    return reader, sheets


class _Layout(NamedTuple):
    """Numbers of hidden rows, indexes of hidden columns, and by first row the merged ranges: left, top, right, bottom."""

    hidden_rows: set[int]
    hidden_columns: frozenset[int]
    merges: dict[int, list[tuple[int, int, int, int]]]


def _layout(part: bytes) -> _Layout:
    """Read the layout of a sheet from the XML of its part."""
    rows, columns, merges = set(), set(), {}
    number = 0
    for row in _attributes(_ROWS, part):
        number = int(float(row.get(b"r", number + 1)))
        if _is_hidden(row, b"ht"):
            rows.add(number)
    for column in _attributes(_COLUMNS, part):
        if _is_hidden(column, b"width") and b"max" in column:
            columns.update(range(int(column[b"min"]) - 1, min(int(column[b"max"]), ROW_CELLS_LIMIT)))
    for merge in _attributes(_MERGE, part):
        if b"ref" in merge:
            bounds = tuple(map(int, range_boundaries(merge[b"ref"].decode("ascii"))))
            if bounds[0] <= COLUMNS_LIMIT:
                merges.setdefault(bounds[1], []).append(bounds)
    return _Layout(rows, frozenset(columns), merges)


def _attributes(tag: re.Pattern[bytes], part: bytes) -> Iterator[dict[bytes, bytes]]:
    return (dict(_ATTRIBUTE.findall(found[1] or b"")) for found in tag.finditer(part))


def _is_hidden(attributes: dict[bytes, bytes], size: bytes) -> bool:
    return attributes.get(b"hidden") in (b"1", b"true") or attributes.get(size) == b"0"


def _stored_rows(sheet: Any) -> Iterator[tuple[ReadOnlyCell, ...]]:
    # Some programs write a wrong size, at which openpyxl would stop.
    sheet.reset_dimensions()
    with _parsing():
        yield from sheet.iter_rows()


def _rows(data: bytes, sheet: Any) -> Iterator[Cells]:
    """Yield the rows of a sheet. Stored formula results need a second pass over the file, started at the first formula."""
    results: Iterator[tuple[ReadOnlyCell, ...]] | None = None
    for place, row in enumerate(_rows_to_the_last_filled(sheet)):
        if results is None and any(cell.data_type == "f" for cell in row):
            with _parsing():
                _, sheets = _opened(data, data_only=True)
            results = itertools.islice(_stored_rows(sheets[0]), place, None)
        shown = row if results is None else next(results, ())
        pairs = list(zip(row, shown, strict=False))
        unread = {at: reason for at, pair in enumerate(pairs) if (reason := _trouble(*pair))}
        yield Cells(["" if at in unread else _text(cell.value) for at, (_, cell) in enumerate(pairs)], unread)


def _rows_to_the_last_filled(sheet: Any) -> Iterator[tuple[ReadOnlyCell, ...]]:
    """Yield rows up to the last one with a value. Formatting alone may extend to the end of the sheet."""
    blank, cells = 0, 0
    for place, row in enumerate(_stored_rows(sheet)):
        cells += len(row)
        if cells > CELLS_LIMIT or place >= workbooks.ROWS_LIMIT:
            raise TableRefused(TOO_WIDE)
        if all(cell.value is None for cell in row):
            blank += 1
            continue
        yield from itertools.repeat((), blank)
        yield row
        blank = 0


class _Covered(NamedTuple):
    """What a merged range puts into one of its columns, down to its last row."""

    bottom: int
    text: str
    reason: str | None
    is_beside: bool


def _laid_out(rows: Iterator[Cells], layout: _Layout) -> Iterator[Cells]:
    """Yield the rows with merged cells in all rows that they cover, and hidden rows marked."""
    covered: dict[int, _Covered] = {}
    for number in itertools.count(1):
        row = next(rows, None)
        covered = {at: cover for at, cover in covered.items() if cover.bottom >= number}
        # A range makes rows of its own after the last filled one, unless it goes down to the end of the sheet.
        if row is None and not any(
            (cover.text.strip() or cover.reason) and cover.bottom < workbooks.ROWS_LIMIT for cover in covered.values()
        ):
            return
        texts, unread = (list(row.texts), dict(row.unread)) if row else ([], {})
        above = {at for at, cover in covered.items() if not cover.is_beside}
        for left, _, right, bottom in layout.merges.get(number, ()):
            first = left - 1
            begun = dict.fromkeys(range(left, min(right, COLUMNS_LIMIT)), _Covered(bottom, "", None, True))
            begun[first] = _Covered(bottom, texts[first] if first < len(texts) else "", unread.get(first), False)
            covered, above = covered | begun, above - begun.keys()
        texts += [""] * (max(covered, default=-1) + 1 - len(texts))
        for at, cover in covered.items():
            texts[at] = cover.text
            unread.pop(at, None)
            if cover.reason:
                unread[at] = cover.reason
        beside = frozenset(at for at, cover in covered.items() if cover.is_beside)
        yield Cells(texts, unread, frozenset(above), beside, number in layout.hidden_rows)


def line_ends(text: str) -> str:
    """Return a text with each line end as one character."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _trouble(written: ReadOnlyCell, shown: ReadOnlyCell) -> str:
    """Return the sentence why a cell can't be read, or ""."""
    if shown.data_type == "e":
        return f"The cell shows the error {str(shown.value)[:20]}: fix its formula."
    # A formula with an empty text as its result is marked as a string.
    if written.data_type == "f" and shown.value is None and shown.data_type != "str":
        return "The cell's formula has no stored result: open the file in a spreadsheet program, save it, add it again."
    return ""


def _text(value: object) -> str:
    """Format a cell's value as a spreadsheet shows it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return line_ends(unescape(value))
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return format(value, ".15g")
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "minutes").removesuffix(" 00:00")
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
    return str(value).removesuffix(":00") if isinstance(value, datetime.time) else str(value)
