"""A text laid into a picture's file, beside its pixels: a record for programs, and a note for people.

           record                       note
    PNG    iTXt "studio_receipt"        iTXt "parameters"              right behind IHDR
    JPEG   COM, begun with its name     EXIF UserComment               behind what must come first (JFIF, EXIF)
    WebP   a chunk "rcpt"               EXIF UserComment               at the end; VP8X, which announces it, at the beginning

Nothing is decoded or encoded: all that was in the file stays as it is, byte for byte, and what was laid in before is replaced.
A JPEG or WebP with EXIF of its own keeps that, without a note. A content credential (C2PA) stays too, but is bound to
every byte, so that it holds for the file as it was alone.
Sources: PNG specification, 11.3.3; ITU T.81, B.2.4.5; WebP container specification.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PIL import ExifTags, Image

RECORD_LIMIT = 128 * 1024
# A JPEG says the length of a segment in two bytes, and counts those.
SEGMENT_LIMIT = 65_533
PIECES_LIMIT = 1000
CHUNK = 1024 * 1024
TITLE_BYTES = 2000
_MARK = b"studio_receipt\0"
_RECORDS = {b"iTXt": _MARK + bytes(4), b"\xfe": _MARK, b"rcpt": _MARK}
_NOTE = b"parameters\0\0\0\0" + _MARK
_JFIF, _EXIF, _SCAN = b"\xe0", b"\xe1", b"\xda"
_EXIF_HEAD = b"Exif\0\0"
# From where to where in the file, and what comes instead.
_Cut = tuple[int, int, bytes]


@dataclass(frozen=True)
class Splice:
    """A file with something put in between: bytes, and stretches of the file as (from, to)."""

    path: Path
    parts: tuple[bytes | tuple[int, int], ...]

    @property
    def length(self) -> int:
        """How many bytes come."""
        return sum(len(part) if isinstance(part, bytes) else part[1] - part[0] for part in self.parts)

    def __iter__(self) -> Iterator[bytes]:
        """Yield all of it, a megabyte at a time at most. Raises OSError when the file is gone."""
        with self.path.open("rb") as stream:
            for part in self.parts:
                if isinstance(part, bytes):
                    yield part
                else:
                    yield from _stretch(stream, *part)


@dataclass(frozen=True)
class _Piece:
    """One chunk or segment: where it, its content, and what follows begin."""

    name: bytes
    start: int
    body: int
    end: int
    next: int


def whole(path: Path) -> Splice:
    """Return a file as it is. Raises OSError when it is gone."""
    return Splice(path, ((0, path.stat().st_size),))


def record_in(source: Path | IO[bytes]) -> bytes | None:
    """Return the record that a file carries, or None. Costs a look at the file's head, whatever the file holds."""
    with source.open("rb") if isinstance(source, Path) else nullcontext(source) as stream:
        _, pieces = _opened(stream)
        for piece in pieces:
            if _is_record(stream, piece) and piece.end - piece.body <= RECORD_LIMIT:
                return _body(stream, piece)[len(_RECORDS[piece.name]) :]
    return None


def lay_in(path: Path, record: bytes, note: str, title: str = "") -> Splice:
    """Return a file with a record and a note; `title` is what viewers show as its description, if they show one.

    A file that is no PNG, JPEG or WebP comes as it is. Raises OSError when it is gone.
    """
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        kind, pieces = _opened(stream)
        found = list(pieces)
        ours = [piece for piece in found if _is_record(stream, piece) or _is_note(stream, piece)]
        kept = [piece for piece in found if piece not in ours]
        put = _PUT[kind](stream, kept, record, note, title) if kept else []
    return Splice(path, _parts(size, [*put, *((piece.start, piece.next, b"") for piece in ours)] if put else []))


def _parts(size: int, cuts: list[_Cut]) -> tuple[bytes | tuple[int, int], ...]:
    parts: list[bytes | tuple[int, int]] = []
    at = 0
    for start, end, new in sorted(cuts):
        parts += [(at, start), new]
        at = end
    return (*parts, (at, size))


# -- walking through a file's head


def _opened(stream: IO[bytes]) -> tuple[str, Iterator[_Piece]]:
    """Say by its first bytes what a file is ("" for none of ours), with its pieces up to where the pixels begin."""
    stream.seek(0)
    head = stream.read(16)
    if head.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"):
        return "png", _limited(stream, 8, _png_piece)
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg", _limited(stream, 2, _jpeg_piece)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp", _limited(stream, 12, _webp_piece)
    return "", iter(())


def _limited(stream: IO[bytes], start: int, read: Callable[[IO[bytes], int], _Piece | None]) -> Iterator[_Piece]:
    size = stream.seek(0, 2)
    for _ in range(PIECES_LIMIT):
        piece = read(stream, start)
        if piece is None or piece.next > size:
            return
        yield piece
        start = piece.next


def _png_piece(stream: IO[bytes], start: int) -> _Piece | None:
    head = _at(stream, start, 8)
    if len(head) < 8 or head[4:] in (b"IDAT", b"IEND"):
        return None
    end = start + 8 + int.from_bytes(head[:4], "big")
    return _Piece(head[4:], start, start + 8, end, end + 4)


def _jpeg_piece(stream: IO[bytes], start: int) -> _Piece | None:
    head = _at(stream, start, 4)
    # A segment may begin with more than one FF; no encoder that is in use writes that.
    if len(head) < 4 or head[:1] != b"\xff" or head[1:2] in (_SCAN, b"\xff", b"\xd9"):
        return None
    end = start + 2 + int.from_bytes(head[2:], "big")
    return _Piece(head[1:2], start, start + 4, end, end)


def _webp_piece(stream: IO[bytes], start: int) -> _Piece | None:
    head = _at(stream, start, 8)
    if len(head) < 8 or start >= 8 + int.from_bytes(_at(stream, 4, 4), "little"):
        return None
    end = start + 8 + int.from_bytes(head[4:], "little")
    return _Piece(head[:4], start, start + 8, end, end + end % 2)


def _is_record(stream: IO[bytes], piece: _Piece) -> bool:
    mark = _RECORDS.get(piece.name)
    return mark is not None and _at(stream, piece.body, min(len(mark), piece.end - piece.body)) == mark


def _is_note(stream: IO[bytes], piece: _Piece) -> bool:
    if piece.name == b"iTXt":
        return _at(stream, piece.body, len(_NOTE)) == _NOTE
    return _has_exif(stream, piece) and piece.end - piece.body <= RECORD_LIMIT and _MARK in _body(stream, piece)


def _has_exif(stream: IO[bytes], piece: _Piece) -> bool:
    return piece.name == b"EXIF" or (piece.name == _EXIF and _at(stream, piece.body, 6) == _EXIF_HEAD)


def _at(stream: IO[bytes], place: int, count: int) -> bytes:
    stream.seek(place)
    return stream.read(count)


def _body(stream: IO[bytes], piece: _Piece) -> bytes:
    return _at(stream, piece.body, piece.end - piece.body)


def _stretch(stream: IO[bytes], start: int, end: int) -> Iterator[bytes]:
    stream.seek(start)
    while start < end and (read := stream.read(min(CHUNK, end - start))):
        start += len(read)
        yield read


# -- what is put in


def _put_in_png(stream: IO[bytes], kept: list[_Piece], record: bytes, note: str, title: str) -> list[_Cut]:
    behind = kept[0].next
    written = _png_chunk(_RECORDS[b"iTXt"] + record) + _png_chunk(_NOTE + note.encode("utf-8", "replace"))
    return [(behind, behind, written)]


def _png_chunk(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + b"iTXt" + content + struct.pack(">I", zlib.crc32(b"iTXt" + content))


def _put_in_jpeg(stream: IO[bytes], kept: list[_Piece], record: bytes, note: str, title: str) -> list[_Cut]:
    behind, has_exif = 2, any(_has_exif(stream, piece) for piece in kept)
    for piece in kept:
        if piece.name != _JFIF and not _has_exif(stream, piece):
            break
        behind = piece.next
    comment = _segment(b"\xfe", _MARK + record)
    return [(behind, behind, comment if has_exif else _segment(_EXIF, _EXIF_HEAD + _exif(note, title)) + comment)]


def _segment(name: bytes, content: bytes) -> bytes:
    """Write a segment, or nothing when it is longer than a segment can be."""
    if len(content) > SEGMENT_LIMIT:
        return b""
    return b"\xff" + name + struct.pack(">H", len(content) + 2) + content


def _put_in_webp(stream: IO[bytes], kept: list[_Piece], record: bytes, note: str, title: str) -> list[_Cut]:
    first, has_exif = kept[0], any(_has_exif(stream, piece) for piece in kept)
    announced = _announced(first.name, _at(stream, first.body, 10))
    if announced is None:
        return []
    added = b"" if has_exif else _riff_chunk(b"EXIF", _exif(note, title))
    added += _riff_chunk(b"rcpt", _MARK + record)
    behind = kept[-1].next
    instead = first.next if first.name == b"VP8X" else first.start
    head = _riff_chunk(b"VP8X", announced)
    size = 4 + len(head) + sum(piece.next - piece.start for piece in kept) - (instead - first.start) + len(added)
    return [(4, 8, struct.pack("<I", size)), (first.start, instead, head), (behind, behind, added)]


def _announced(name: bytes, head: bytes) -> bytes | None:
    """Write the content of a VP8X chunk that says that there is EXIF, from the first bytes of a file's first chunk."""
    if name == b"VP8X" and len(head) == 10:
        return bytes([head[0] | 0x08]) + head[1:]
    if name == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        width, height = (size & 0x3FFF for size in struct.unpack("<HH", head[6:10]))
        return _canvas(width, height, has_alpha=False)
    if name == b"VP8L" and head[:1] == b"\x2f":
        bits = int.from_bytes(head[1:5], "little")
        return _canvas((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, has_alpha=bool(bits >> 28 & 1))
    return None


def _canvas(width: int, height: int, has_alpha: bool) -> bytes:
    flags = 0x08 | (0x10 if has_alpha else 0)
    return bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def _riff_chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _exif(note: str, title: str) -> bytes:
    exif = Image.Exif()
    exif.endian = ">"  # what else reads a UserComment takes its letters for these
    exif[ExifTags.Base.ImageDescription] = (
        title.encode("utf-8", "replace")[:TITLE_BYTES].decode("utf-8", "ignore").encode()
    )
    exif[ExifTags.Base.Software] = _MARK[:-1].decode()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + note.encode("utf-16-be", "replace")
    return exif.tobytes().removeprefix(_EXIF_HEAD)


_PUT = {"png": _put_in_png, "jpeg": _put_in_jpeg, "webp": _put_in_webp}
