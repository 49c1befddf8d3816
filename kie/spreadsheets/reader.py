"""Reads rows of text cells from a file or the clipboard.

    bytes ─┬─ XLSX workbook ── first visible sheet (see sheets) ─────────┬─ Sheet: an iterator of rows
           └─ text of any encoding ── split at commas, semicolons, tabs ─┤    (see charsets)
    clipboard text ── split at tabs ─────────────────────────────────────┘

The type of a file is detected from its bytes. Its name only decides how the separator is found: in a `.txt` file
commas are usually part of a sentence.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath

from kie.errors import EncodingUnsure, TableRefused
from kie.spreadsheets import charsets, sheets
from kie.spreadsheets.charsets import Guess
from kie.spreadsheets.sheets import ANOTHER, ROW_CELLS_LIMIT, TOO_WIDE, Cells, Sheet, bounded, line_ends
from kie.text import megabytes

BYTES_LIMIT = 5 * 1024 * 1024
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
# A text is damaged UTF-8 if it has at least this many letters outside ASCII for each damaged place.
_LETTERS_TO_A_DAMAGE = 10
_GUESSED = "The file does not name its encoding, so it was read as {}: check that its letters are right."
_NO_TABLE = f"This file is not a table: {ANOTHER}."
_MARKED_UP = re.compile(r"\s*(<!doctype|<html|<\?xml|<table|\{\\rtf)", re.IGNORECASE)
_MARKUP = dict.fromkeys(("<!doctype", "<html", "<table"), "a web page") | {"<?xml": "XML", "{\\rtf": "a text in RTF"}
_SEPARATOR_LINE = re.compile(r"sep=([,;\t])\r?\n", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1d]")
_QUOTED = re.compile(r'"((?:[^"]++|"")*+)"(?=[\t\r\n]|\Z)')
_UNQUOTED = re.compile(r"[^\t\r\n]*+")
# Spreadsheet programs may quote any cell in a file, but in the clipboard only those that contain a tab, line end or quote.
_ANYTHING = re.compile("")
_NEEDS_QUOTES = re.compile(r'[\t\r\n]|""')


def of_file(name: str, data: bytes, known: Callable[[Sequence[str]], int], encoding: str | None = None) -> Sheet:
    """Open a table from a file. `known` counts the known column names in a possible header, to detect the separator.

    Raises TableRefused with a sentence, here or while the rows are iterated, and EncodingUnsure when two encodings are
    about as likely and none of them is chosen as `encoding`.
    """
    if len(data) > BYTES_LIMIT:
        raise too_large(len(data))
    if data.startswith(_PACKED):
        return sheets.read(data)
    if data.startswith(_OLD_OFFICE):
        raise TableRefused(
            "This workbook is in the old format (.xls) or has a password: save it as XLSX without a password."
        )
    suffix = PurePath(name).suffix.lower()
    if suffix in _WORKBOOK_NAMES:
        raise TableRefused(f"This file is called {suffix} and holds something else: save it again as XLSX or CSV.")
    text, guesses = _decoded(data, encoding)
    if marked := _MARKED_UP.match(text):
        raise TableRefused(f"This file is {_MARKUP[marked[1].lower()]} and not a table: {ANOTHER}.")
    notes = (_GUESSED.format(guesses[0].label),) if guesses and not encoding else ()
    return Sheet(bounded(map(_cells, _text_rows(suffix, text, known))), notes, guesses=guesses)


def of_clipboard(text: str, known: Callable[[Sequence[str]], int]) -> Sheet:
    """Split pasted text into rows at line ends and cells at tabs, the format in which spreadsheets copy.

    Without tabs, splits at commas or semicolons only if all cells of the first line are then known column names.
    """
    if len(text) > BYTES_LIMIT:
        raise too_large(len(text))
    rows = _tabbed(text, _NEEDS_QUOTES) if "\t" in text else _lines_or_separated(text, known)
    return Sheet(bounded(map(_cells, rows)))


def too_large(size: int) -> TableRefused:
    """Return the error of a table of `size` bytes or letters."""
    limit = BYTES_LIMIT // 2**20
    return TableRefused(f"This table has {megabytes(size)}, and the limit is {limit} MB: split it into several.")


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
        raise TableRefused(_NO_TABLE)
    text = data.decode(chosen[0].encoding)
    _check_text(text)
    if not encoding and charsets.is_close(guesses):
        both = ", or ".join(f"{guess.label}, “{guess.example}”" for guess in guesses[:2])
        raise EncodingUnsure(f"The encoding of this file may be {both}: choose one.", tuple(guesses))
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
        raise TableRefused(_NO_TABLE)


def _cells(row: list[str]) -> Cells:
    return Cells(list(map(line_ends, row)), {})


def _text_rows(suffix: str, text: str, known: Callable[[Sequence[str]], int]) -> Iterator[list[str]]:
    if suffix == ".txt" and "\t" not in text:
        return _lines_or_separated(text, known)
    if named := _SEPARATOR_LINE.match(text):
        separator, text = named[1], text[named.end() :]
    else:
        separator = "\t" if suffix in (".txt", ".tsv") else _separator(text, known)
    return _tabbed(text, _ANYTHING) if separator == "\t" else _csv_rows(text, separator)


def _separator(text: str, known: Callable[[Sequence[str]], int]) -> str:
    """Return the separator that yields the most known columns in the first row, or else the most cells."""
    worth = {separator: _worth(text, separator, known) for separator in ",;\t"}
    best = max(worth, key=worth.__getitem__)
    # A single known column: commas in the rows are part of the text. No text has this character.
    return "\uffff" if worth[best] == (1, 1) else best


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
        raise TableRefused(
            f"A cell near line {reader.line_num:,} of this table does not end where it should, or has more than "
            f"{csv.field_size_limit():,} characters: see whether a quotation mark is missing there or must be doubled, or "
            "save the table from a spreadsheet program."
        ) from None


def _lines_or_separated(text: str, known: Callable[[Sequence[str]], int]) -> Iterator[list[str]]:
    for separator in ",;":
        found, cells = _worth(text, separator, known)
        if found == cells > 1:
            return _csv_rows(text, separator)
    return _tabbed(text, _NEEDS_QUOTES)


def _tabbed(text: str, quotable: re.Pattern[str]) -> Iterator[list[str]]:
    """Split text at tabs and line ends. Quotation marks are removed only around text that matches `quotable`."""
    row: list[str] = []
    place = 0
    while place < len(text):
        quoted = _QUOTED.match(text, place)
        is_quoted = quoted and quotable.search(quoted[1])
        found = quoted if is_quoted else _UNQUOTED.match(text, place)
        row.append(quoted[1].replace('""', '"') if is_quoted else found[0])
        if len(row) > ROW_CELLS_LIMIT:
            raise TableRefused(TOO_WIDE)
        place = found.end()
        if text[place : place + 1] != "\t":
            yield row
            row = []
            place += text.startswith("\r\n", place)
        place += 1
    if row:
        yield row
