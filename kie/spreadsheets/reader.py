"""Reads rows of text cells from a file or the clipboard. No formula is calculated and no macro is run.

    bytes ─┬─ XLSX workbook ── first visible sheet, read by openpyxl ────┬─ Sheet: an iterator of rows
           └─ text of any encoding ── split at commas, semicolons, tabs ─┤    (see charsets)
    clipboard text ── split at tabs ─────────────────────────────────────┘

The type of a file is detected from its bytes. Its name only decides how the separator is found: in a `.txt` file
commas are usually part of a sentence.
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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NamedTuple

from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils.escape import unescape
from openpyxl.workbook import Workbook

from kie.errors import EncodingUnsure, TableRefused
from kie.spreadsheets import charsets, workbooks
from kie.spreadsheets.charsets import Guess
from kie.spreadsheets.workbooks import Layout, Merge

BYTES_LIMIT = 5 * 1024 * 1024
# The maximum of spreadsheet programs.
ROW_CELLS_LIMIT = 16_384
# Columns in a table.
COLUMNS_LIMIT = 100
# Of all rows together, including empty cells.
CELLS_LIMIT = 500_000
ANOTHER = "choose a CSV, TSV or XLSX file, or paste the cells"
_WORKBOOK_NAMES = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".numbers")
_PACKED = b"PK"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BYTE_ORDER_MARKS = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8-sig",
}
# A text in UTF-8 has at least as many letters outside ASCII for one damaged place.
_LETTERS_TO_A_DAMAGE = 10
_GUESSED = "The file does not say how its letters are written, so it was read as {}: look whether they are right."
_MARKED_UP = re.compile(r"\s*(<!doctype|<html|<\?xml|<table|\{\\rtf)", re.IGNORECASE)
_MARKUP = dict.fromkeys(("<!doctype", "<html", "<table"), "a web page") | {"<?xml": "XML", "{\\rtf": "a text in RTF"}
_SEPARATOR_LINE = re.compile(r"sep=([,;\t])\r?\n", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1d]")
# Vertical tab (slides), form feed, next line, line and paragraph separator.
_BREAKS = "\x0b\x0c\x85\u2028\u2029"
_BREAK = re.compile(f"[{_BREAKS}]")
# Soft hyphen, also as Word copies it; zero width space, word joiner, byte order mark. Word copies a hyphen that does not break as \x1e.
_NOTHING = re.compile("[\xad\x1f\u200b\u2060\ufeff]")
_QUOTED = re.compile(r'"((?:[^"]++|"")*+)"(?=[\t\r\n]|\Z)')
_UNQUOTED = re.compile(r"[^\t\r\n]*+")
# Spreadsheet programs may quote any cell in a file, but in the clipboard only those that contain a tab, line end or quote.
_ANYTHING = re.compile("")
_NEEDS_QUOTES = re.compile(r'[\t\r\n]|""')
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
    """

    texts: list[str]
    unread: dict[int, str]
    above: frozenset[int] = frozenset()
    beside: frozenset[int] = frozenset()
    is_hidden: bool = False


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


def of_file(name: str, data: bytes, known: Callable[[Sequence[str]], int], encoding: str | None = None) -> Sheet:
    """Open a table from a file. `known` counts the known column names in a possible header, to detect the separator.

    Raises TableRefused with a sentence, here or while the rows are iterated, and EncodingUnsure when two encodings are
    about as likely and none of them is chosen as `encoding`.
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
    text, guesses = _decoded(data, encoding)
    if marked := _MARKED_UP.match(text):
        raise refusal(f"This file is {_MARKUP[marked[1].lower()]} and not a table", ANOTHER)
    notes = (_GUESSED.format(guesses[0].label),) if guesses and not encoding else ()
    return Sheet(_bounded(_text_rows(suffix, text, known)), notes, guesses=guesses)


def of_clipboard(text: str, known: Callable[[Sequence[str]], int]) -> Sheet:
    """Split pasted text into rows at line ends and cells at tabs, the format in which spreadsheets copy.

    Without tabs, splits at commas or semicolons only if all cells of the first line are then known column names.
    """
    if len(text) > BYTES_LIMIT:
        raise too_large(len(text))
    rows = _tabbed(text, _NEEDS_QUOTES) if "\t" in text else _lines_or_separated(text, known)
    return Sheet(_bounded(rows))


def tidied(text: str) -> str:
    """Return a text as it looks: a line break for each break of slides, pages and web pages, and no invisible hyphens and spaces."""
    return _BREAK.sub("\n", _NOTHING.sub("", text.replace("\x1e", "-")).strip(_BREAKS))


def refusal(happened: str, advice: str) -> TableRefused:
    """Return the error with a sentence made of what happened and what to do."""
    return TableRefused(f"{happened}: {advice}.")


def too_large(size: int) -> TableRefused:
    """Return the error for a table of `size` bytes."""
    limit = BYTES_LIMIT // 2**20
    # Rounded up, so that a file of one byte too many is not reported as 5.0 MB.
    return refusal(
        f"This table has {-(-size * 10 // 2**20) / 10} MB, and {limit} MB are taken", "split it into several"
    )


def _too_wide() -> TableRefused:
    return refusal(
        f"This table has more than {ROW_CELLS_LIMIT:,} cells in a row, or {CELLS_LIMIT:,} in all, empty ones counted",
        "copy the rows with prompts into a new one",
    )


def _decoded(data: bytes, encoding: str | None) -> tuple[str, tuple[Guess, ...]]:
    """Return the text of a file, and the encodings that fit if it does not name its own, the one used first.

    Raises TableRefused for binary data, and EncodingUnsure when there is a choice to make and `encoding` is None.
    """
    mark = next(filter(data.startswith, _BYTE_ORDER_MARKS), None)
    text = None if encoding else data.decode(_BYTE_ORDER_MARKS[mark], "replace") if mark else _utf_8(data)
    guesses = charsets.guesses(data) if text is None or (not mark and charsets.may_be_another(text)) else []
    if text is not None and (not guesses or (guesses[0].encoding == "utf_8" and not charsets.is_close(guesses))):
        _check_text(text)
        return text, ()
    chosen = [guess for guess in guesses if guess.encoding == encoding] if encoding else guesses[:1]
    if not chosen:
        raise refusal("This file is not a table, whatever its name says", ANOTHER)
    text = data.decode(chosen[0].encoding)
    _check_text(text)
    if not encoding and charsets.is_close(guesses):
        raise _unsure(guesses)
    return text, tuple(dict.fromkeys([*chosen, *guesses]))


def _utf_8(data: bytes) -> str | None:
    """Return a text in UTF-8, of which a few bytes may be damaged, or None for another encoding."""
    text = data.decode("utf-8", "replace")
    damaged = text.count("\ufffd") - data.count("\ufffd".encode())
    letters = sum(map(str.isalpha, re.findall(r"[^\x00-\x7f\ufffd]", text))) if damaged else 0
    if damaged * _LETTERS_TO_A_DAMAGE > letters or (not damaged and ("\0" in text or "\x1b$" in text)):
        return None
    return text


def _check_text(text: str) -> None:
    # Single control characters are reported with their row; above 1% the file is not text.
    if "\0" in text or len(_CONTROL.findall(text)) * 100 > len(text) or text.count("\ufffd") * 10 > len(text):
        raise refusal("This file is not a table, whatever its name says", ANOTHER)


def _unsure(guesses: Sequence[Guess]) -> EncodingUnsure:
    first, second = guesses[:2]
    happened = f"The letters of this file can be read as {first.label}, “{first.example}”, or as {second.label}, “{second.example}”"
    return EncodingUnsure(f"{happened}: choose how they are read.", tuple(guesses))


def _bounded(rows: Iterable[Cells]) -> Iterator[Cells]:
    """Yield the rows. Raises TableRefused above CELLS_LIMIT."""
    cells = 0
    for row in rows:
        cells += len(row.texts)
        if cells > CELLS_LIMIT:
            raise _too_wide()
        yield row


def _text_rows(suffix: str, text: str, known: Callable[[Sequence[str]], int]) -> Iterator[Cells]:
    if suffix == ".txt" and "\t" not in text:
        return _lines_or_separated(text, known)
    if named := _SEPARATOR_LINE.match(text):
        separator, text = named[1], text[named.end() :]
    else:
        separator = "\t" if suffix in (".txt", ".tsv") else _separator(text, known)
    return _tabbed(text, _ANYTHING) if separator == "\t" else _separated(text, separator)


def _separator(text: str, known: Callable[[Sequence[str]], int]) -> str:
    """Return the separator that yields the most known columns in the first row, or else the most cells."""
    worth = {separator: _worth(text, separator, known) for separator in ",;\t"}
    best = max(worth, key=worth.__getitem__)
    # A single known column: commas in the rows are part of the text.
    return "\x1f" if worth[best] == (1, 1) else best


def _worth(text: str, separator: str, known: Callable[[Sequence[str]], int]) -> tuple[int, int]:
    """Return the number of known columns and of cells in the first row with this separator."""
    try:
        first = next((row for row in _csv_rows(text, separator) if any(row)), [])
    except TableRefused:
        return -1, 0
    return known(first), len(first)


def _csv_rows(text: str, separator: str) -> Iterator[list[str]]:
    # Strict: a misplaced quotation mark would otherwise silently join rows or be dropped.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    try:
        yield from reader
    except csv.Error:
        raise refusal(
            f"A cell near line {reader.line_num:,} of this table does not end where it should, or has more than {csv.field_size_limit():,} characters",
            "see whether a quotation mark is missing there or must be doubled, or save the table from a spreadsheet program",
        ) from None


def _separated(text: str, separator: str) -> Iterator[Cells]:
    for row in _csv_rows(text, separator):
        if len(row) > ROW_CELLS_LIMIT:
            raise _too_wide()
        yield Cells([_lines(cell) for cell in row], {})


def _lines_or_separated(text: str, known: Callable[[Sequence[str]], int]) -> Iterator[Cells]:
    for separator in ",;":
        found, cells = _worth(text, separator, known)
        if found == cells > 1:
            return _separated(text, separator)
    return _tabbed(text, _NEEDS_QUOTES)


def _tabbed(text: str, quotable: re.Pattern[str]) -> Iterator[Cells]:
    """Split text at tabs and line ends. Quotation marks are removed only around text that matches `quotable`."""
    row: list[str] = []
    place = 0
    while place < len(text):
        quoted = _QUOTED.match(text, place)
        is_quoted = quoted and quotable.search(quoted[1])
        found = quoted if is_quoted else _UNQUOTED.match(text, place)
        row.append(_lines(quoted[1].replace('""', '"') if is_quoted else found[0]))
        if len(row) > ROW_CELLS_LIMIT:
            raise _too_wide()
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


def _workbook(data: bytes) -> Sheet:
    try:
        data = workbooks.readable(data)
    except _BROKEN:
        raise _no_workbook() from None
    book, sheets, layout = _opened(data, with_formulas=True)
    sheet, length = sheets[0], sheets[0].max_row
    notes = (f"Only the first of {len(sheets)} sheets, “{sheet.title}”, was read.",) if len(sheets) > 1 else ()
    hidden = frozenset(number - 1 for number in layout.hidden_columns)
    is_guarded = book.properties.creator != workbooks.CREATOR
    return Sheet(_laid_out(_workbook_rows(data, sheet), layout), notes, length, hidden, is_guarded=is_guarded)


def _no_workbook() -> TableRefused:
    return refusal("This file can't be read as an XLSX workbook", ANOTHER)


def _opened(data: bytes, with_formulas: bool) -> tuple[Workbook, list[Any], Layout]:
    """Return a workbook, its sheets that are not hidden, and the layout of the first one."""
    try:
        reader = ExcelReader(io.BytesIO(data), read_only=True, data_only=not with_formulas, keep_links=False)
        reader.read()
        sheets = [sheet for sheet in reader.wb.worksheets if sheet.sheet_state == "visible"]
        parts = {sheet.name: relation.target for sheet, relation in reader.parser.find_sheets()}
        layout = workbooks.layout(reader.archive.read(parts[sheets[0].title])) if sheets else None
    except _BROKEN:
        raise _no_workbook() from None
    if not layout:
        raise refusal("This workbook has no sheet with cells that can be seen", ANOTHER)
    return reader.wb, sheets, layout


def _sheet_rows(sheet: Any) -> Iterator[tuple[ReadOnlyCell, ...]]:
    # Some programs write a wrong size, at which openpyxl would stop.
    sheet.reset_dimensions()
    try:
        yield from sheet.iter_rows()
    except _BROKEN:
        raise _no_workbook() from None


def _workbook_rows(data: bytes, sheet: Any) -> Iterator[Cells]:
    """Yield the rows of a sheet. Stored formula results need a second pass over the file, started at the first formula."""
    results: Iterator[tuple[ReadOnlyCell, ...]] | None = None
    for place, row in enumerate(_rows_to_the_last_filled(sheet)):
        if results is None and any(cell.data_type == "f" for cell in row):
            results = itertools.islice(_sheet_rows(_opened(data, with_formulas=False)[1][0]), place, None)
        shown = row if results is None else next(results, ())
        pairs = list(zip(row, shown, strict=False))
        unread = {at: reason for at, pair in enumerate(pairs) if (reason := _trouble(*pair))}
        yield Cells(["" if at in unread else _text(cell.value) for at, (_, cell) in enumerate(pairs)], unread)


def _laid_out(rows: Iterator[Cells], layout: Layout) -> Iterator[Cells]:
    """Yield the rows with merged cells in all rows that they cover, and hidden rows marked."""
    starts: dict[int, list[Merge]] = {}
    for merge in layout.merges:
        if merge.left <= COLUMNS_LIMIT:
            starts.setdefault(merge.top, []).append(merge)
    covered: dict[int, _Covered] = {}
    for number in itertools.count(1):
        row = next(rows, None)
        covered = {at: cover for at, cover in covered.items() if cover.bottom >= number}
        if row is None and not any(cover.reaches_on for cover in covered.values()):
            return
        texts, unread = list(row.texts) if row else [], dict(row.unread) if row else {}
        above = {at for at, cover in covered.items() if not cover.is_beside}
        for merge in starts.get(number, ()):
            begun = _covers(merge, texts, unread)
            covered, above = covered | begun, above - begun.keys()
        texts += [""] * (max(covered, default=-1) + 1 - len(texts))
        for at, cover in covered.items():
            texts[at] = cover.text
            unread.pop(at, None)
            if cover.reason:
                unread[at] = cover.reason
        beside = frozenset(at for at, cover in covered.items() if cover.is_beside)
        yield Cells(texts, unread, frozenset(above), beside, number in layout.hidden_rows)


class _Covered(NamedTuple):
    """What a merged range puts into one of its columns, down to its last row."""

    bottom: int
    text: str
    reason: str | None
    is_beside: bool

    @property
    def reaches_on(self) -> bool:
        """Whether it makes rows of its own after the last filled one. A range down to the end of the sheet does not."""
        return bool(self.text.strip() or self.reason) and self.bottom < workbooks.ROWS_LIMIT


def _covers(merge: Merge, texts: Sequence[str], unread: Mapping[int, str]) -> dict[int, _Covered]:
    """Return by column index what a merged range covers, given the cells of its first row."""
    at = merge.left - 1
    first = _Covered(merge.bottom, texts[at] if at < len(texts) else "", unread.get(at), False)
    rest = range(merge.left, min(merge.right, COLUMNS_LIMIT))
    return {at: first} | dict.fromkeys(rest, _Covered(merge.bottom, "", None, True))


def _rows_to_the_last_filled(sheet: Any) -> Iterator[tuple[ReadOnlyCell, ...]]:
    """Yield rows up to the last one with a value. Formatting alone may extend to the end of the sheet."""
    blank, cells = 0, 0
    for place, row in enumerate(_sheet_rows(sheet)):
        cells += len(row)
        if cells > CELLS_LIMIT or place >= workbooks.ROWS_LIMIT:
            raise _too_wide()
        if not row or all(cell.value is None for cell in row):
            blank += 1
            continue
        yield from itertools.repeat((), blank)
        yield row
        blank = 0


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
