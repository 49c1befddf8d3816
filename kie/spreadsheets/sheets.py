"""Reads the rows of a workbook's first visible sheet. No formula is calculated and no macro is run.

    cells, read row by row by openpyxl ────────────────────────────┬── rows as a spreadsheet shows them
    merged ranges, hidden rows, formulas, from the XML of the part ┘

When openpyxl reads row by row, it does not say which rows are hidden, which cells are merged and which have a formula;
otherwise it holds the whole workbook in memory.
"""

import datetime
import functools
import io
import itertools
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from xml.parsers.expat import ExpatError, ParserCreate

from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils.cell import coordinate_to_tuple, range_boundaries
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
# What openpyxl raises for malformed workbooks.
_BROKEN = (
    *(OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, SyntaxError, EOFError, MemoryError),
    *(RuntimeError, AssertionError, OverflowError, ExpatError, zipfile.BadZipFile, zlib.error, struct.error),
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

    `rows` includes blank ones. `notes` are for the person. `hidden` are the indexes of hidden columns. `guesses` are the
    encodings that fit a text file which does not name its own, the one used first. `is_guarded` says whether an export of
    ours has its protection against formulas: a workbook written here has none, one into which a CSV was saved has.
    """

    rows: Iterator[Cells]
    notes: tuple[str, ...] = ()
    hidden: frozenset[int] = frozenset()
    guesses: tuple[Guess, ...] = ()
    is_guarded: bool = True


def bounded(rows: Iterable[Cells]) -> Iterator[Cells]:
    """Yield the rows of a table. Raises TableRefused above CELLS_LIMIT and ROW_CELLS_LIMIT."""
    count = 0
    for row in rows:
        count += len(row.texts)
        if count > CELLS_LIMIT or len(row.texts) > ROW_CELLS_LIMIT:
            raise TableRefused(TOO_WIDE)
        yield row


def read(data: bytes) -> Sheet:
    """Open the first visible sheet of an XLSX workbook. Raises TableRefused with a sentence, here or while rows are iterated."""
    with _parsing():
        reader = ExcelReader(io.BytesIO(workbooks.readable(data)), read_only=True, data_only=True, keep_links=False)
        reader.read()
        sheets = [sheet for sheet in reader.wb.worksheets if sheet.sheet_state == "visible"]
        if not sheets:
            raise TableRefused(f"This workbook has no sheet with cells that can be seen: {ANOTHER}.")
        sheet = sheets[0]
        parts = {sheet.name: relation.target for sheet, relation in reader.parser.find_sheets()}
        layout = _layout(reader.archive.read(parts[sheet.title]))
    notes = (f"Only the first of {len(sheets)} sheets, “{sheet.title}”, was read.",) if len(sheets) > 1 else ()
    is_guarded = reader.wb.properties.creator != workbooks.CREATOR
    rows = bounded(_laid_out(_rows(sheet, layout), layout))
    return Sheet(rows, notes, frozenset(layout.hidden_columns), is_guarded=is_guarded)


@contextmanager
def _parsing() -> Iterator[None]:
    """Raise TableRefused for a malformed workbook."""
    try:
        yield
    except _BROKEN:
        raise TableRefused(_NO_WORKBOOK) from None


@dataclass
class _Layout:
    """What openpyxl does not say of a sheet that it reads row by row.

    The number of the last row with a value, numbers of hidden rows, indexes of hidden columns, cells with a formula by row
    and column, from 1, and the merged ranges by their first row: left, top, right, bottom.
    """

    last_row: int = 0
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    formulas: set[tuple[int, int]] = field(default_factory=set)
    merges: dict[int, list[tuple[int, ...]]] = field(default_factory=dict)


def _layout(part: bytes) -> _Layout:
    """Read the layout of a sheet from the XML of its part."""
    found, number, column = _Layout(), 0, 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal number, column
        name = name.rpartition(":")[2]
        if name == "row":
            number, column = int(float(attributes.get("r", number + 1))), 0
            if _is_hidden(attributes, "ht"):
                found.hidden_rows.add(number)
        elif name == "c":
            column = coordinate_to_tuple(attributes["r"])[1] if "r" in attributes else column + 1
        elif name in ("v", "f", "is") and column:
            found.last_row = number
            if name == "f":
                found.formulas.add((number, column))
        elif name == "extLst":  # The formulas in it are of rules for cells, not of cells.
            column = 0
        elif name == "col" and _is_hidden(attributes, "width"):
            columns = range(max(0, int(attributes["min"]) - 1), min(int(attributes["max"]), COLUMNS_LIMIT))
            found.hidden_columns.update(columns)
        elif name == "mergeCell":
            bounds = tuple(map(int, range_boundaries(attributes["ref"])))
            if bounds[0] <= COLUMNS_LIMIT:
                found.merges.setdefault(bounds[1], []).append(bounds)

    parser = ParserCreate()
    parser.StartElementHandler = start
    parser.Parse(part, True)
    return found


def _is_hidden(attributes: dict[str, str], size: str) -> bool:
    return attributes.get("hidden") in ("1", "true") or attributes.get(size) == "0"


def _rows(sheet: Any, layout: _Layout) -> Iterator[Cells]:
    """Yield rows up to the last one with a value. Formatting alone may extend to the end of the sheet."""
    # Some programs write a wrong size, at which openpyxl would stop.
    sheet.reset_dimensions()
    # Thousands of cells may share one long text.
    written = functools.lru_cache(maxsize=None, typed=True)(_text)
    with _parsing():
        for number, row in enumerate(sheet.iter_rows(max_row=layout.last_row), 1):
            pairs = list(enumerate(row))
            unread = {at: why for at, cell in pairs if (why := _trouble(cell, (number, at + 1) in layout.formulas))}
            yield Cells(["" if at in unread else written(cell.value) for at, cell in pairs], unread)


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
        # A merged range that goes on below the last filled row gives rows there, too, unless it reaches the end of the sheet.
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


def _trouble(cell: ReadOnlyCell, is_formula: bool) -> str:
    """Return the sentence why a cell can't be read, or ""."""
    if cell.data_type == "e":
        return f"The cell shows the error {str(cell.value)[:20]}: fix its formula."
    # A formula with an empty text as its result is marked as a string.
    if is_formula and cell.value is None and cell.data_type != "str":
        return "The cell's formula has no stored result: open the file in a spreadsheet program, save it, add it again."
    return ""


def _text(value: object) -> str:
    """Format a cell's value as a spreadsheet shows it."""
    if value is None:
        return ""
    if isinstance(value, str):
        # An escape may stand for half a letter outside the first 65,536.
        return line_ends(unescape(value)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
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
