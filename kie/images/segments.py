"""Separates the pixels of a picture file from its metadata, without decoding or copying.

               needed by the pixels               colours, animation  everything else is metadata
    JPEG       tables, frames, scans, JFIF, Adobe APP2 ICC_PROFILE    APPn, comments, data after the picture
    PNG        IHDR PLTE tRNS IDAT IEND           iCCP gAMA acTL …    other chunks
    WebP       VP8X ALPH VP8 VP8L ANIM ANMF       ICCP                other chunks
    TIFF       the first directory's tags of pixels and profile       other tags, other directories

A decoder reads metadata too, and rejects pictures whose metadata is large or broken; so it is given a file without any.
Sources: ITU T.81, B.1; PNG specification, 5 and 11; WebP container specification; TIFF 6.0; ICC.1, annex B.
"""

import bisect
import io
import itertools
import mmap
import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kie.images.exif import Directory

PROFILE_BYTES = 8 * 2**20
SEGMENTS_LIMIT = 50_000
BUFFER_BYTES, CHUNK = 65_536, 2**20
# Every marker except stuffed bytes, restart markers and fill bytes: what ends the data of a scan in a JPEG.
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
SCAN, END, APP0, APP1, COMMENT = b"\xda", b"\xd9", b"\xe0", b"\xe1", b"\xfe"
_ALONE, _SCAN_DATA = b"\x01\xd8", b""
_JPEG_COLOURS = {APP0: (b"JFIF\0", 14), b"\xe2": (b"ICC_PROFILE\0", 14), b"\xee": (b"Adobe", 12)}
_METADATA = frozenset((COMMENT, *(bytes([marker]) for marker in range(0xE0, 0xF0))))
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_PNG_SHOWN = frozenset(
    (b"iCCP", b"cICP", b"sRGB", b"gAMA", b"cHRM", b"sBIT", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT")
)
_WEBP_PIXELS = frozenset((b"VP8X", b"ALPH", b"VP8 ", b"VP8L", b"ANIM", b"ANMF", b"ICCP"))
_WEBP_METADATA_FLAGS = 0x0C
# Sizes, compression, colours, strips, tiles, the tables of JPEG and YCbCr data, and the colour profile.
_TIFF_PIXELS = frozenset((254, 255, *range(256, 260), 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320))
_TIFF_PIXELS |= frozenset(
    (*range(322, 326), 332, 334, 338, 339, 340, 341, 347, *range(512, 522), *range(529, 533), 34675)
)

Data = bytes | mmap.mmap
# Bytes, or a range of the original file as (start, end).
Part = bytes | tuple[int, int]


@dataclass(frozen=True)
class Segment:
    """A chunk or JPEG segment: its name, and offsets of its start, its content, the content's end, and the next one."""

    name: bytes
    start: int
    body: int
    end: int
    next: int

    def begins(self, data: Data, text: bytes) -> bool:
        """Return whether its content begins with `text`."""
        return data[self.body : min(self.end, self.body + len(text))] == text


@contextmanager
def whole(path: Path) -> Iterator[Data]:
    """Give the content of a file, mapped and not read."""
    with path.open("rb") as stream:
        if not os.fstat(stream.fileno()).st_size:  # An empty file can't be mapped.
            yield b""
            return
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def split(data: Data, form: str) -> Iterator[Segment]:
    """Yield the segments of a JPEG, PNG or WebP up to the end of its picture. The last may be cut off."""
    return {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp}[form](data)


def pixels(data: Data, form: str, is_shown: bool = False) -> list[Part]:
    """Return the parts of a JPEG, PNG, WebP or TIFF that its pixels and their colours need: a file without metadata.

    Of a PNG, chunks that say how its pixels are shown are only there if `is_shown`: Pillow refuses broken ones.
    """
    if form == "TIFF":
        return _tiff_pixels(data)
    kept = (each for each in split(data, form) if _is_kept(data, form, each, is_shown))
    if form == "WEBP":
        return _webp_file(data, list(kept))
    return [b"\xff\xd8" if form == "JPEG" else PNG_HEAD, *_joined(data, kept)]


def is_bare(data: Data, form: str) -> bool:
    """Return whether a JPEG, PNG or WebP has only its pixels and what is needed to show them. False above SEGMENTS_LIMIT."""
    at = {"JPEG": 2, "PNG": len(PNG_HEAD), "WEBP": 12}[form]
    for each in itertools.islice(split(data, form), SEGMENTS_LIMIT):
        if each.start != at or not _is_kept(data, form, each, is_shown=True):
            return False
        at = each.next
    return at == len(data)


def png_profile(data: Data) -> bytes:
    """Return the ICC profile of a PNG, empty if there is none or it is broken."""
    found = next((each for each in split(data, "PNG") if each.name == b"iCCP"), None)
    with suppress(zlib.error):
        packed = data[found.body : found.end].partition(b"\0")[2][1:] if found else b""
        return zlib.decompressobj().decompress(packed, PROFILE_BYTES)
    return b""


@dataclass(frozen=True)
class FileOfParts:
    """A file that consists of byte strings and of ranges of another file, without a copy of it."""

    path: Path
    parts: Sequence[Part]

    @property
    def length(self) -> int:
        """The length in bytes."""
        return sum(map(_length, self.parts))

    def __iter__(self) -> Iterator[bytes]:
        """Yield the content in pieces of at most a megabyte. Raises OSError when the file is missing."""
        with self.open() as stream:
            while piece := stream.read(CHUNK):
                yield piece

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader]:
        """Open it for reading. Raises OSError when the file is missing."""
        with self.path.open("rb") as source:
            yield io.BufferedReader(_View(source, self.parts), BUFFER_BYTES)


def unchanged(path: Path) -> FileOfParts:
    """Return a file as it is. Raises OSError when it is missing."""
    return FileOfParts(path, ((0, path.stat().st_size),))


class _View(io.RawIOBase):
    def __init__(self, source: IO[bytes], parts: Sequence[Part]):
        super().__init__()
        self._source, self._parts, self._at = source, parts, 0
        self._ends = list(itertools.accumulate(map(_length, parts)))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ends[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:
        number = bisect.bisect_right(self._ends, self._at)
        if number == len(self._parts):
            return 0
        part, within = self._parts[number], self._at - self._ends[number] + _length(self._parts[number])
        count = min(len(buffer), self._ends[number] - self._at)
        if isinstance(part, bytes):
            piece = part[within : within + count]
        else:
            self._source.seek(part[0] + within)
            piece = self._source.read(count)
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def _length(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else part[1] - part[0]


def _joined(data: Data, kept: Iterable[Segment]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of segments, adjacent ones as one."""
    start = end = 0
    for each in kept:
        if each.start != end:
            yield start, end
            start = each.start
        end = min(each.next, len(data))
    yield start, end


def _is_kept(data: Data, form: str, segment: Segment, is_shown: bool) -> bool:
    if form == "PNG":
        return segment.name in _PNG_PIXELS or (is_shown and segment.name in _PNG_SHOWN)
    if form == "WEBP":
        return segment.name in _WEBP_PIXELS
    # What decoders look for, and how long it is at least.
    text, at_least = _JPEG_COLOURS.get(segment.name, (b"", 0))
    if text:
        return segment.begins(data, text) and min(segment.end, len(data)) >= segment.body + at_least
    return segment.name not in _METADATA


def _jpeg(data: Data) -> Iterator[Segment]:
    """Yield the segments; the data of a scan is one without a name."""
    at = 2
    while found := MARKER.search(data, at):  # Skips fill bytes and anything else between segments.
        start, at, name = found.start(), found.end(), data[found.start() + 1 : found.end()]
        if name == END:
            yield Segment(name, start, at, at, at)
            return
        if name in _ALONE:
            continue
        at = start + 2 + max(2, int.from_bytes(data[start + 2 : start + 4], "big"))
        yield Segment(name, start, start + 4, at, at)
        if name == SCAN and at < len(data):
            begin, following = at, MARKER.search(data, at)
            at = following.start() if following else len(data)
            yield Segment(_SCAN_DATA, begin, begin, at, at)


def _png(data: Data) -> Iterator[Segment]:
    at = len(PNG_HEAD)
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield Segment(name, at, at + 8, at + 8 + length, at + 12 + length)
        if name == b"IEND":
            return
        at += 12 + length


def _webp(data: Data) -> Iterator[Segment]:
    at, end = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, at)
        yield Segment(name, at, at + 8, at + 8 + length, at + 8 + length + length % 2)
        at += 8 + length + length % 2


def _webp_file(data: Data, kept: list[Segment]) -> list[Part]:
    """Return a WebP of these chunks, which announces no metadata."""
    parts: list[Part] = []
    if kept and kept[0].name == b"VP8X":
        first = kept[0]
        flags = bytes(each & ~_WEBP_METADATA_FLAGS for each in data[first.body : first.body + 1])
        parts = [data[first.start : first.body] + flags, (first.body + 1, first.next)]
    parts += _joined(data, kept[1:] if parts else kept)
    if kept and kept[-1].next > len(data):
        parts.append(b"\0")  # The last chunk's padding is missing.
    return [b"RIFF" + struct.pack("<I", 4 + sum(map(_length, parts))) + b"WEBP", *parts]


def _tiff_pixels(data: Data) -> list[Part]:
    found = Directory(data)
    directory = found.only(_TIFF_PIXELS)
    return [(0, found.start), directory, (min(len(data), found.start + len(directory)), len(data))]
