"""Rows of cells out of a file or the clipboard, all of them text. Nothing is calculated, and nothing is run.

    bytes ─┬─ a workbook (XLSX) ── its first sheet, by openpyxl ─────────┬─ Sheet: rows, one after the other
           └─ text, whatever its encoding ── cut at commas, ; or tabs ───┤
    text of the clipboard ── cut at tabs ────────────────────────────────┘

A file is judged by its bytes. Its name only says whether commas part cells: in a `.txt` they are part of a sentence.
"""

import csv
import datetime
import io
import itertools
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NamedTuple

import openpyxl
from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.utils.escape import unescape

from kie.errors import TableRefused

BYTES_LIMIT = 5 * 1024 * 1024
UNPACKED_LIMIT = 50 * 1024 * 1024
ANOTHER = "choose a CSV, TSV or XLSX file, or paste the cells"
_WORKBOOK_NAMES = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".numbers")
_PACKED = b"PK"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SEPARATOR_LINE = re.compile(r"sep=([,;\t])\r?\n", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_QUOTED = re.compile(r'"((?:[^"]++|"")*+)"(?=[\t\r\n]|\Z)')
_UNQUOTED = re.compile(r"[^\t\r\n]*+")
# Spreadsheets put quotation marks around anything in a file, but copy only what would fall apart without them.
_ANYTHING = re.compile("")
_NEEDS_QUOTES = re.compile(r'[\t\r\n]|""')
# What openpyxl raises over a workbook that was made by another hand.
_BROKEN = (
    *(OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, SyntaxError, EOFError, MemoryError),
    *(RuntimeError, AssertionError, OverflowError, zipfile.BadZipFile, zlib.error, struct.error),
)
# It warns of what it would lose if it wrote the file back, which nobody asks of it.
warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")


class Cells(NamedTuple):
    """One row: its texts, and for cells that can't be read the reason, as a sentence, by the cell's place (from 0)."""

    texts: list[str]
    unread: dict[int, str]


@dataclass(frozen=True)
class Sheet:
    """A table on its way in: rows as they are read, blank ones too, what a person should know, and how many rows it says it has."""

    rows: Iterator[Cells]
    notes: tuple[str, ...] = ()
    length: int | None = None


def of_file(name: str, data: bytes, known: Callable[[Sequence[str]], int]) -> Sheet:
    """Open a table. `known` counts the columns with a known name in what may be its header, and so finds the separator.

    Raises TableRefused in words, here or while rows are read.
    """
    if len(data) > BYTES_LIMIT:
        raise too_large(len(data))
    if data.startswith(_PACKED):
        return _workbook(data)
    if data.startswith(_OLD_OFFICE):
        raise refusal(
            "This workbook is in the old format (.xls) or has a password", "save it as XLSX without a password"
        )
    suffix = PurePath(name).suffix.lower()
    if suffix in _WORKBOOK_NAMES:
        raise refusal(f"This file is called {suffix} and holds something else", "save it again as XLSX or CSV")
    text, notes = _decoded(data)
    return Sheet(_text_rows(suffix, text, known), notes)


def of_clipboard(text: str, known: Callable[[Sequence[str]], int]) -> Sheet:
    """Cut what was pasted into rows at line ends and into cells at tabs, as spreadsheets copy them.

    At commas only where they part known names and nothing else in the first line: in a prompt they are part of a sentence.
    """
    if len(text) > BYTES_LIMIT:
        raise too_large(len(text))
    return Sheet(_tabbed(text, _NEEDS_QUOTES) if "\t" in text else _lines_or_separated(text, known))


def refusal(happened: str, advice: str) -> TableRefused:
    """Return the error that says what is the matter with a table and what to do now."""
    return TableRefused(f"{happened}, so nothing was sent and no credits were spent: {advice}.")


def too_large(size: int) -> TableRefused:
    """Return the error for a table of this many bytes."""
    limit = BYTES_LIMIT // 2**20
    # Rounded up: a file of one byte too many is not told that it has 5.0 MB.
    return refusal(
        f"This table has {-(-size * 10 // 2**20) / 10} MB, and {limit} MB are taken", "split it into several"
    )


# Text


def _decoded(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the text of a file, with a note when its encoding is a guess."""
    notes: tuple[str, ...] = ()
    try:
        text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
        notes = (
            "The file is not in UTF-8, so it was read as Windows-1252: look whether letters such as é and ü are right.",
        )
    # A stray control character is told with its row; many of them are no text.
    if "\0" in text or (len(_CONTROL.findall(text)) + text.count("\ufffd")) * 100 > len(text):
        raise refusal("This file is not a table, whatever its name says", ANOTHER)
    return text, notes


def _text_rows(suffix: str, text: str, known: Callable[[Sequence[str]], int]) -> Iterator[Cells]:
    if suffix == ".txt" and "\t" not in text:
        return _lines_or_separated(text, known)
    if named := _SEPARATOR_LINE.match(text):
        separator, text = named[1], text[named.end() :]
    else:
        separator = "\t" if suffix in (".txt", ".tsv") else _separator(text, known)
    return _tabbed(text, _ANYTHING) if separator == "\t" else _separated(text, separator)


def _separator(text: str, known: Callable[[Sequence[str]], int]) -> str:
    """Return the separator under which the first row names the most known columns, or else has the most cells."""
    worth = {separator: _worth(text, separator, known) for separator in ",;\t"}
    best = max(worth, key=worth.__getitem__)
    # One known column alone: commas in the rows below are part of what they say.
    return "\x1f" if worth[best] == (1, 1) else best


def _worth(text: str, separator: str, known: Callable[[Sequence[str]], int]) -> tuple[int, int]:
    """Return how many known columns the first row names under a separator, and how many cells it has."""
    try:
        first = next((row for row in _csv_rows(text, separator) if any(row)), [])
    except TableRefused:
        return -1, 0
    return known(first), len(first)


def _csv_rows(text: str, separator: str) -> Iterator[list[str]]:
    # Strict: a quotation mark in the wrong place would swallow rows, or vanish from a prompt, without a word.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    try:
        yield from reader
    except csv.Error:
        raise refusal(
            f"A cell near line {reader.line_num:,} of this table does not end where it should",
            "see whether a quotation mark is missing there or must be doubled, or save the table from a spreadsheet program",
        ) from None


def _separated(text: str, separator: str) -> Iterator[Cells]:
    for row in _csv_rows(text, separator):
        yield Cells([_lines(cell) for cell in row], {})


def _lines_or_separated(text: str, known: Callable[[Sequence[str]], int]) -> Iterator[Cells]:
    for separator in ",;":
        found, cells = _worth(text, separator, known)
        if found == cells > 1:
            return _separated(text, separator)
    return _tabbed(text, _NEEDS_QUOTES)


def _tabbed(text: str, quotable: re.Pattern[str]) -> Iterator[Cells]:
    """Cut a text at tabs and line ends. Quotation marks are only taken off around what is `quotable`; others are a person's."""
    row: list[str] = []
    place = 0
    while place < len(text):
        quoted = _QUOTED.match(text, place)
        is_quoted = quoted and quotable.search(quoted[1])
        found = quoted if is_quoted else _UNQUOTED.match(text, place)
        row.append(_lines(quoted[1].replace('""', '"') if is_quoted else found[0]))
        place = found.end()
        if text[place : place + 1] != "\t":
            yield Cells(row, {})
            row = []
            place += text.startswith("\r\n", place)
        place += 1
    if row:
        yield Cells(row, {})


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


# Workbooks


def _workbook(data: bytes) -> Sheet:
    _check_unpacked_size(data)
    sheets = _visible_sheets(data, with_formulas=True)
    sheet, length = sheets[0], sheets[0].max_row
    notes = (f"Only the first of {len(sheets)} sheets, “{sheet.title}”, was read.",) if len(sheets) > 1 else ()
    return Sheet(_workbook_rows(data, sheet), notes, length)


def _check_unpacked_size(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except _BROKEN:
        raise _no_workbook() from None
    # zipfile stops at the size that a part declares, but only where it can unpack in small steps.
    if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
        raise _no_workbook()
    if sum(part.file_size for part in parts) > UNPACKED_LIMIT:
        limit = UNPACKED_LIMIT // 2**20
        raise refusal(f"This workbook has more than {limit} MB once it is unpacked", "copy its rows into a new one")


def _no_workbook() -> TableRefused:
    return refusal("This file can't be read as an XLSX workbook", ANOTHER)


def _visible_sheets(data: bytes, with_formulas: bool) -> list[Any]:
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=not with_formulas, keep_links=False)
    except _BROKEN:
        raise _no_workbook() from None
    sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if not sheets:
        raise refusal("This workbook has no sheet with cells that can be seen", ANOTHER)
    return sheets


def _sheet_rows(sheet: Any) -> Iterator[tuple[ReadOnlyCell, ...]]:
    # Some programs write a wrong size, and openpyxl would stop there.
    sheet.reset_dimensions()
    try:
        yield from sheet.iter_rows()
    except _BROKEN:
        raise _no_workbook() from None


def _workbook_rows(data: bytes, sheet: Any) -> Iterator[Cells]:
    """Read a sheet row by row; its formulas' stored results are in a second reading, which begins at the first formula."""
    results: Iterator[tuple[ReadOnlyCell, ...]] | None = None
    for place, row in enumerate(_sheet_rows(sheet)):
        if results is None and any(cell.data_type == "f" for cell in row):
            results = itertools.islice(_sheet_rows(_visible_sheets(data, with_formulas=False)[0]), place, None)
        shown = row if results is None else next(results, ())
        unread = {at: reason for at, cell in enumerate(shown) if (reason := _trouble(row[at], cell))}
        yield Cells(["" if at in unread else _text(cell.value) for at, cell in enumerate(shown)], unread)


def _trouble(written: ReadOnlyCell, shown: ReadOnlyCell) -> str:
    """Say why a cell can't be read, or return an empty text."""
    if shown.data_type == "e":
        return f"The cell shows the error {str(shown.value)[:20]}: mend its formula."
    # A formula whose result is an empty text says that it is a text.
    if written.data_type == "f" and shown.value is None and shown.data_type != "str":
        return "The cell's formula has no stored result: open the file in a spreadsheet program, save it, add it again."
    return ""


def _text(value: object) -> str:
    """Write a cell's value as a spreadsheet shows it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _lines(unescape(value))
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
