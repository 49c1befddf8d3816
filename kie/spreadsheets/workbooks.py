"""XLSX workbooks before openpyxl reads them: size limits, and strict Open XML.

openpyxl keeps a whole row, all shared strings and all styles as objects, up to 500 bytes per XML element, and a file of
15 KB can contain 3 million elements. Therefore each part is unpacked once in small pieces, and its elements are counted by the
parser that openpyxl uses, too. It reads only the transitional kind of Open XML.
"""

import io
import re
import zipfile
from collections import Counter
from contextlib import suppress
from xml.parsers.expat import ExpatError, ParserCreate

from kie.errors import TableRefused

# The creator of workbooks that are written here. Spreadsheet programs keep it.
CREATOR = "The studio's history"
UNPACKED_LIMIT = 50 * 1024 * 1024
# Formatting alone may extend to the last row of a sheet.
ROWS_LIMIT = 1_048_576
CELLS_LIMIT = 200_000
TEXTS_LIMIT = 100_000
# Elements of cells and texts; other elements, such as styles; elements of one row, which may have 16,384 columns.
CONTENT_LIMIT = 600_000
OTHERS_LIMIT = 100_000
TOGETHER_LIMIT = 100_000
# Spreadsheet programs allow 32,767 characters in a cell.
TEXT_LIMIT = 256 * 1024
_PIECE = 64 * 1024
_CONTENT = ("v", "f", "is", "t", "r")
_STRICT = re.compile(rb"""(?<==["'])http://purl\.oclc\.org/ooxml/(\w+)/""")
# Names of members by which other archives are recognised.
_FOREIGN = {
    "xl/workbook.bin": "an Excel binary workbook (.xlsb)",
    "word/document.xml": "a Word document (.docx)",
    "ppt/presentation.xml": "a PowerPoint presentation (.pptx)",
    "Index/Document.iwa": "a Numbers spreadsheet",
    "Index.zip": "a Numbers spreadsheet",
    "META-INF/manifest.xml": "an OpenDocument file, such as .ods",
}


def readable(data: bytes) -> bytes:
    """Return a workbook in the form that openpyxl reads: with the namespaces of transitional Open XML (ISO/IEC 29500-4).

    Raises TableRefused for something else than a workbook and for one above a limit, zipfile.BadZipFile, zlib.error,
    OSError or EOFError for a malformed archive, and ValueError for content that no spreadsheet program writes: other
    compression methods, XML entities.
    """
    out, is_changed, met = io.BytesIO(), False, Counter[str]()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w") as copy:
        parts = archive.infolist()
        if foreign := next((kind for name, kind in _FOREIGN.items() if name in archive.namelist()), None):
            raise TableRefused(f"This file is {foreign}: save it as XLSX or CSV, or copy its cells and paste them.")
        # zipfile limits output to the declared size only for these methods, which it unpacks in small steps.
        if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
            raise ValueError("a packing that no spreadsheet program uses")
        if sum(part.file_size for part in parts) > UNPACKED_LIMIT:
            raise _excess(f"has more than {UNPACKED_LIMIT // 2**20} MB once it is unpacked")
        for part in parts:
            with archive.open(part) as unpacked:
                _refuse_excess(unpacked, met)
        for part in parts:
            content = archive.read(part)
            changed = _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/", content)
            is_changed = is_changed or changed != content
            copy.writestr(part.filename, changed)
    return out.getvalue() if is_changed else data


def _excess(what: str) -> TableRefused:
    return TableRefused(f"This workbook {what}: copy the rows with prompts into a new one.")


def _refuse_excess(unpacked: zipfile.ZipExtFile, met: Counter[str]) -> None:
    """Add the elements of one part to `met`, none if it is not XML. Raises TableRefused above a limit."""
    together = letters = read = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal together, letters
        name = name.rpartition(":")[2]
        met[name] += 1
        # An attribute takes less memory than an element.
        together, letters = (0 if name in ("row", "si") else together) + 1 + len(attributes) // 4, 0

    def count(text: str) -> None:
        nonlocal letters
        letters += len(text)

    def refuse(*_: object) -> None:
        raise ValueError("entities of its own")

    parser = ParserCreate()
    parser.StartElementHandler, parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = start, count, refuse
    with suppress(ExpatError):
        while piece := unpacked.read(_PIECE):
            parser.Parse(piece)
            read += len(piece)
            rows, cells, texts, content = met["row"], met["c"], met["si"], sum(met[name] for name in _CONTENT)
            if rows > ROWS_LIMIT:
                raise _excess(f"has more than {ROWS_LIMIT:,} rows")
            if cells > CELLS_LIMIT:
                raise _excess(f"has more than {CELLS_LIMIT:,} cells, empty ones that have a format counted")
            if texts > TEXTS_LIMIT:
                raise _excess(f"has more than {TEXTS_LIMIT:,} different texts")
            if content > CONTENT_LIMIT or met.total() - rows - cells - texts - content > OTHERS_LIMIT:
                raise _excess("has too many formats or parts besides its cells")
            if together > TOGETHER_LIMIT:
                raise _excess(f"has more than {TOGETHER_LIMIT:,} XML elements in one row or part")
            # A text, or a tag of which the end has not come yet.
            if max(letters, read - parser.CurrentByteIndex) > TEXT_LIMIT:
                raise _excess(f"has a text of more than {TEXT_LIMIT:,} characters")
