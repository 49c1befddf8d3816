"""Tables for tests: CSV files, and workbooks down to single cells as other programs write them."""

import csv
import io
import re
import zipfile
from collections.abc import Sequence

import openpyxl
import pytest

from kie.errors import TableRefused
from kie.prompts.table import Table, read

SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
TYPES = "[Content_Types].xml"


def csv_of(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def csv_rows(content: bytes) -> list[dict[str, str]]:
    """Return the rows of a CSV file of ours, which says that it is in UTF-8."""
    assert content.startswith("\ufeff".encode())
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def workbook(*rows: Sequence[object], more_sheets: Sequence[str] = (), hidden: bool = False) -> bytes:
    """Return a workbook with these rows on its first sheet, or on the second one after a hidden sheet."""
    book = openpyxl.Workbook()
    if hidden:
        book.active.sheet_state = "hidden"
        book.create_sheet("Shown")
    sheet = book.worksheets[-1]
    for at, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            sheet.cell(at, column, value)
    for title in more_sheets:
        book.create_sheet(title).append(["prompt"])
    return saved(book)


def book_of(*rows: Sequence[object]) -> openpyxl.Workbook:
    """Return a book with these rows, to be merged, hidden and saved."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return book


def strict(data: bytes) -> bytes:
    """Return a workbook as strict Open XML, as Excel saves it on demand."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    spaces = re.compile(r"http://schemas\.openxmlformats\.org/(spreadsheetml|officeDocument|drawingml)/2006/")
    return repacked(data, {name: spaces.sub(r"http://purl.oclc.org/ooxml/\1/", part) for name, part in parts.items()})


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def part(data: bytes, name: str = SHEET) -> str:
    """Return one part of a workbook as text."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name).decode()


def repacked(data: bytes, parts: dict[str, str | bytes] | None = None, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a workbook with some parts replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", method) as archive:
        for name, content in ({name: old.read(name) for name in old.namelist()} | (parts or {})).items():
            archive.writestr(name, content)
    return out.getvalue()


def sheet_of(*rows: str, strings: str = "") -> bytes:
    """Return a workbook with these rows and shared strings, given as XML."""
    base = workbook(["x"])
    numbered = "".join(f'<row r="{number}">{row}</row>' for number, row in enumerate(rows, 1))
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    listed = part(base, TYPES).replace("</Types>", f'<Override PartName="/{STRINGS}" ContentType="{kind}"/></Types>')
    parts = {
        SHEET: f'<worksheet xmlns="{SPACE}"><sheetData>{numbered}</sheetData></worksheet>',
        STRINGS: f'<sst xmlns="{SPACE}">{strings}</sst>',
        TYPES: listed,
    }
    return repacked(base, parts)


def text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def prompts(table: Table) -> list[str | None]:
    """Return the prompts of a table, row by row."""
    return [row.prompt for row in table.rows]


def refusal(name: str, data: bytes) -> str:
    """Return why a file is refused, which must say what that costs."""
    with pytest.raises(TableRefused) as caught:
        read(name, data)
    assert re.fullmatch(r"[A-Z].*: .*\.", caught.value.sentence)
    return caught.value.sentence
