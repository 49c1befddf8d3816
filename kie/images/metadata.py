"""Embeds metadata in picture files: a record for programs and a note for people.

           record                       note
    PNG    iTXt "studio_receipt"        iTXt "parameters"              after IHDR
    JPEG   COM, starts with its name    EXIF UserComment               after what must come first (JFIF, EXIF)

Nothing is decoded or encoded. All existing bytes of the file are kept, except metadata embedded here before, which is
replaced. A JPEG with EXIF of its own gets no note. Content credentials (C2PA) are kept too, but they sign every
byte, so they are valid only for the original file.
Sources: PNG specification, 11.3.3; ITU T.81, B.2.4.5.
"""

import itertools
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image

from kie.images import headers, segments
from kie.images.exif import HEAD
from kie.images.segments import APP0, APP1, COMMENT, Data, Part, Segment

RECORD_LIMIT = 128 * 1024
# The length field of a JPEG segment has two bytes and includes itself.
SEGMENT_LIMIT = 65_533
PIECES_LIMIT = 1000
CHUNK = 1024 * 1024
TITLE_BYTES = 2000
_MARK = b"studio_receipt\0"
_RECORDS = {b"iTXt": _MARK + bytes(4), COMMENT: _MARK}
_NOTE = b"parameters\0\0\0\0" + _MARK
_PIXELS = (b"IDAT", b"IEND", segments.SCAN, segments.END)


@dataclass(frozen=True)
class FileWithMetadata:
    """A file with insertions: byte strings, and ranges of the original file as (start, end)."""

    path: Path
    parts: tuple[Part, ...]

    @property
    def length(self) -> int:
        """The length in bytes."""
        return sum(map(segments.length, self.parts))

    def __iter__(self) -> Iterator[bytes]:
        """Yield the content in pieces of at most a megabyte. Raises OSError when the file is missing."""
        with self.path.open("rb") as stream:
            for part in self.parts:
                if isinstance(part, bytes):
                    yield part
                    continue
                stream.seek(part[0])
                for at in range(*part, CHUNK):
                    yield stream.read(min(CHUNK, part[1] - at))


def whole(path: Path) -> FileWithMetadata:
    """Return a file unchanged. Raises OSError when it is missing."""
    return FileWithMetadata(path, ((0, path.stat().st_size),))


def record_in(source: Path) -> bytes | None:
    """Return the record embedded in a file, or None. Reads only the chunks before the pixels, at most PIECES_LIMIT."""
    with segments.whole(source) as data:
        for piece in _before_pixels(data):
            if _is_record(data, piece) and piece.end - piece.body <= RECORD_LIMIT:
                return data[piece.body + len(_RECORDS[piece.name]) : piece.end]
    return None


def embed(path: Path, record: bytes, note: str, title: str = "") -> FileWithMetadata:
    """Return a file with a record and a note embedded. `title` is the description that some viewers show.

    Other files than PNG and JPEG are returned unchanged. Raises OSError when the file is missing.
    """
    with segments.whole(path) as data:
        found = list(_before_pixels(data))
        ours = [piece for piece in found if _is_record(data, piece) or _is_note(data, piece)]
        kept = [piece for piece in found if piece not in ours]
        if not kept:
            return whole(path)
        put = _in_png if data[:1] == segments.PNG_HEAD[:1] else _in_jpeg
        parts: list[Part] = []
        end = 0
        for start, after, new in sorted(
            [put(data, kept, record, note, title), *((p.start, p.next, b"") for p in ours)]
        ):
            parts += [(end, start), new]
            end = after
        return FileWithMetadata(path, (*parts, (end, len(data))))


def _before_pixels(data: Data) -> Iterator[Segment]:
    """Yield the complete chunks or segments of a PNG or JPEG before its pixels."""
    form = headers.format_of(data)
    pieces = segments.split(data, form) if form in ("PNG", "JPEG") else iter(())
    pieces = itertools.takewhile(lambda piece: piece.name not in _PIXELS and piece.next <= len(data), pieces)
    return itertools.islice(pieces, PIECES_LIMIT)


def _is_record(data: Data, piece: Segment) -> bool:
    mark = _RECORDS.get(piece.name)
    return mark is not None and data[piece.body : min(piece.end, piece.body + len(mark))] == mark


def _is_note(data: Data, piece: Segment) -> bool:
    if piece.name == b"iTXt":
        return data[piece.body : piece.body + len(_NOTE)] == _NOTE
    return _has_exif(data, piece) and _MARK in data[piece.body : piece.end]


def _has_exif(data: Data, piece: Segment) -> bool:
    return piece.name == APP1 and data[piece.body : piece.body + len(HEAD)] == HEAD


# Both return where to insert what: start and end of the range to replace, and the bytes.


def _in_png(data: Data, kept: list[Segment], record: bytes, note: str, title: str) -> tuple[int, int, bytes]:
    behind = kept[0].next
    written = _png_chunk(_RECORDS[b"iTXt"] + record) + _png_chunk(_NOTE + note.encode("utf-8", "replace"))
    return behind, behind, written


def _png_chunk(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + b"iTXt" + content + struct.pack(">I", zlib.crc32(b"iTXt" + content))


def _in_jpeg(data: Data, kept: list[Segment], record: bytes, note: str, title: str) -> tuple[int, int, bytes]:
    first = list(itertools.takewhile(lambda piece: piece.name == APP0 or _has_exif(data, piece), kept))
    behind = first[-1].next if first else 2
    has_exif = any(_has_exif(data, piece) for piece in kept)
    described = b"" if has_exif else _segment(APP1, HEAD + _exif(note, title))
    return behind, behind, described + _segment(COMMENT, _MARK + record)


def _segment(name: bytes, content: bytes) -> bytes:
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
