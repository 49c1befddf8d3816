"""Embeds metadata in picture files: a record for programs and a note for people.

           record                       note
    PNG    iTXt "studio_receipt"        iTXt "parameters"              after IHDR
    JPEG   COM, starts with its name    EXIF UserComment               after what must come first (JFIF, EXIF)

Nothing is decoded or encoded, and all bytes of the file are kept. A JPEG with EXIF of its own gets no note. Content
credentials (C2PA) are kept too, but they sign every byte, so they are valid only for the original file.
Sources: PNG specification, 11.3.3; ITU T.81, B.2.4.5.
"""

import itertools
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import ExifTags, Image

from kie.images import headers, segments
from kie.images.exif import HEAD
from kie.images.segments import APP0, APP1, COMMENT, Data, FileOfParts, Segment, unchanged

RECORD_LIMIT = 128 * 1024
# The length field of a JPEG segment has two bytes and includes itself.
SEGMENT_LIMIT = 65_533
PIECES_LIMIT = 1000
TITLE_BYTES = 2000
_MARK = b"studio_receipt\0"
_RECORDS = {b"iTXt": _MARK + bytes(4), COMMENT: _MARK}
_NOTE = b"parameters\0\0\0\0" + _MARK
_PIXELS = (b"IDAT", b"IEND", segments.SCAN, segments.END)


def record_in(source: Path) -> bytes | None:
    """Return the record embedded in a file, or None. Reads only the chunks before the pixels, at most PIECES_LIMIT."""
    with segments.whole(source) as data:
        for piece in _before_pixels(data):
            if _is_record(data, piece) and piece.end - piece.body <= RECORD_LIMIT:
                return data[piece.body + len(_RECORDS[piece.name]) : piece.end]
    return None


def embed(path: Path, record: bytes, note: str, title: str = "") -> FileOfParts:
    """Return a file with a record and a note embedded. `title` is the description that some viewers show.

    Other files than PNG and JPEG are returned unchanged. Raises OSError when the file is missing.
    """
    with segments.whole(path) as data:
        pieces = list(_before_pixels(data))
        if not pieces:
            return unchanged(path)
        if data[:1] == segments.PNG_HEAD[:1]:
            at = pieces[0].next
            put = _png_chunk(_RECORDS[b"iTXt"] + record) + _png_chunk(_NOTE + note.encode("utf-8", "replace"))
        else:
            first = list(itertools.takewhile(lambda piece: piece.name == APP0 or _has_exif(data, piece), pieces))
            at = first[-1].next if first else 2
            has_exif = any(_has_exif(data, piece) for piece in pieces)
            described = b"" if has_exif else _jpeg_segment(APP1, HEAD + _exif(note, title))
            put = described + _jpeg_segment(COMMENT, _RECORDS[COMMENT] + record)
        return FileOfParts(path, ((0, at), put, (at, len(data))))


def _before_pixels(data: Data) -> Iterator[Segment]:
    """Yield the complete chunks or segments of a PNG or JPEG before its pixels."""
    form = headers.format_of(data)
    pieces = segments.split(data, form) if form in ("PNG", "JPEG") else iter(())
    pieces = itertools.takewhile(lambda piece: piece.name not in _PIXELS and piece.next <= len(data), pieces)
    return itertools.islice(pieces, PIECES_LIMIT)


def _is_record(data: Data, piece: Segment) -> bool:
    mark = _RECORDS.get(piece.name)
    return mark is not None and data[piece.body : min(piece.end, piece.body + len(mark))] == mark


def _has_exif(data: Data, piece: Segment) -> bool:
    return piece.name == APP1 and data[piece.body : piece.body + len(HEAD)] == HEAD


def _png_chunk(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + b"iTXt" + content + struct.pack(">I", zlib.crc32(b"iTXt" + content))


def _jpeg_segment(name: bytes, content: bytes) -> bytes:
    """Return a JPEG segment, or nothing if the content is too long for one."""
    if len(content) > SEGMENT_LIMIT:
        return b""
    return b"\xff" + name + struct.pack(">H", len(content) + 2) + content


def _exif(note: str, title: str) -> bytes:
    exif = Image.Exif()
    exif.endian = ">"  # The byte order that readers of UserComment assume for UTF-16.
    exif[ExifTags.Base.ImageDescription] = (
        title.encode("utf-8", "replace")[:TITLE_BYTES].decode("utf-8", "ignore").encode()
    )
    exif[ExifTags.Base.Software] = _MARK[:-1].decode()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + note.encode("utf-16-be", "replace")
    return exif.tobytes().removeprefix(HEAD)
