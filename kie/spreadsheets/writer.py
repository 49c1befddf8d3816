"""Writes an XLSX workbook row by row, while it is sent.

    rows ── cells of text or numbers ── xl/worksheets/sheet1.xml, sheet2.xml, … ──┬── a zip, in pieces
    everything else ── a workbook of as many sheets, written by openpyxl ─────────┘

Unlike CSV, a workbook opens in columns whatever the list separator of the reader's language is, and a text is never a
formula. No row is held in memory after it is written. Source: ECMA-376, Part 1, SpreadsheetML.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from kie.spreadsheets.workbooks import CREATOR

MIME_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Of one sheet: 1,048,576 is the maximum of spreadsheet programs, and from 2 GiB on its zip needs fields that not all of them read.
ROWS_LIMIT = 1_000_000
BYTES_LIMIT = 2**30
TEXT_LIMIT = 32_767
# The styles of `_frame`. Cells with the first stay text when a person edits them.
_AS_TEXT, _HEADER = 1, 2
_SIGNS = tuple("=+-@'")
# What XML can't have, what it would change, and what spreadsheet programs would take for an escape.
_ESCAPED = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_SHEET = "xl/worksheets/sheet{}.xml"
_START, _END = b"<sheetData>", b"</sheetData>"
# The parts that list the sheets.
_LISTS = ("xl/workbook.xml", "xl/_rels/workbook.xml.rels", "[Content_Types].xml")

Value = str | float | None


class _Sink(io.BytesIO):
    """Collects the output of `ZipFile` until `taken` is called. It has no position, so `ZipFile` does not seek."""

    def tell(self) -> int:
        raise OSError

    def taken(self) -> bytes:
        piece = self.getvalue()
        self.seek(0)
        self.truncate()
        return piece


def workbook(
    pages: Iterable[Iterable[Sequence[Value]]], columns: Sequence[str], rows_limit: int = ROWS_LIMIT
) -> Iterator[bytes]:
    """Yield a workbook with these rows, given in pages, below a header of column names. Rows above the limit continue in further sheets."""
    sink, left, count, frame = _Sink(), iter(pages), 0, _frame(1)
    head, _, end = frame.pop(_SHEET.format(1)).partition(_START)
    end = end.partition(_END)[2]
    with ZipFile(sink, "w", ZIP_DEFLATED) as archive:
        for name in (name for name in frame if name not in _LISTS):
            archive.writestr(name, frame[name])
        page = next(left, ())
        while page is not None:
            count += 1
            with archive.open(_SHEET.format(count), "w") as sheet:
                size = sheet.write(head + _START + _row(1, columns, _HEADER).encode())
                number = 1
                while page is not None and number < rows_limit and size < BYTES_LIMIT:
                    rows = "".join(_row(at, row) for at, row in enumerate(page, number + 1))
                    number += rows.count("</row>")
                    size += sheet.write(rows.encode("utf-8", "replace"))
                    yield sink.taken()
                    page = next(left, None)
                sheet.write(_END + end)
        frame = _frame(count)
        for name in _LISTS:
            archive.writestr(name, frame[name])
    yield sink.taken()


def _frame(sheets: int) -> dict[str, bytes]:
    """Return the parts of a workbook whose sheets have one row: a cell of each style."""
    book, out = Workbook(write_only=True), io.BytesIO()
    book.properties.creator = CREATOR
    for number in range(1, sheets + 1):
        sheet = book.create_sheet(f"History {number}")
        sheet.freeze_panes = "A2"
        text, header = WriteOnlyCell(sheet, "text"), WriteOnlyCell(sheet, "header")
        text.quotePrefix, text.number_format = True, "@"
        header.font = Font(bold=True)
        sheet.append([text, header])
    book.save(out)
    with ZipFile(out) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _row(number: int, values: Sequence[Value], style: int = 0) -> str:
    cells = (_cell(f"{get_column_letter(at)}{number}", value, style) for at, value in enumerate(values, 1))
    return f'<row r="{number}">{"".join(cells)}</row>'


def _cell(place: str, value: Value, style: int) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        return f'<c r="{place}"><v>{value!r}</v></c>'
    style = style or (_AS_TEXT if value.startswith(_SIGNS) else 0)
    text = escape(_ESCAPED.sub(lambda found: f"_x{ord(found[0]):04X}_", value[:TEXT_LIMIT]))
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
