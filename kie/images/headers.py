"""Reads image headers without decoding and without Pillow. The format is detected from the bytes, never from the name.

A decoder may do as much work for a header as for a picture: Pillow keeps every segment and reads a WebP file as a
whole. Here the segments of a file are walked in a bounded number of steps with constant memory. Sources: PNG
specification, 5 and 11; ITU T.81, B.1 and B.2; WebP container specification; TIFF 6.0, section 2.
"""

import itertools
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from kie.errors import FileRefused
from kie.images import segments
from kie.images.exif import HEAD, Directory, orientation_in
from kie.images.segments import Data, Segment

KINDS = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp"}
# The EXIF orientations that exchange width and height.
SIDEWAYS = (5, 6, 7, 8)
EMPTY = "This file is empty: choose a picture."
NO_PICTURE = "This is not a picture: choose a JPEG, PNG or WebP."
CAMERA_RAW = "This file is camera raw: export it as JPEG."
CUT_OFF = "This picture is cut off or broken: save or export it again."
# A camera's file has a few dozen segments before its pixels.
PARTS_LIMIT = 5000
EXIF_BYTES = 65_536
# Raw formats of cameras: Olympus, Panasonic, Fujifilm and Sigma have magic numbers; most others are TIFFs.
RAW = "camera raw"
# Magic numbers of the accepted formats, of those that are converted, and of common unsupported ones.
_BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (segments.PNG_HEAD, "PNG"),
    (b"GIF8", "GIF"),
    *((beginning, RAW) for beginning in (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"FOVb")),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"BM", "BMP"),
    (b"\0\0\1\0", "ICO"),
    (b"DDS ", "DDS"),
    (b"8BPS", "PSD"),
)
_TIFF_SIZE = (256, 257)
_SUBFILE_TYPE, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 254, 262, 330, 50706
_REDUCED = 1
# Values of PhotometricInterpretation: colour filter array, linear raw.
_SENSOR = (32803, 34892)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})


@dataclass(frozen=True)
class Picture:
    """What a header says: format, size in bytes, upright size in pixels, EXIF orientation (1 if absent).

    `extra_bytes` is the memory that a decoder needs beside the decoded picture: all coefficients of a progressive JPEG,
    three more pictures for WebP. `is_cmyk` is for JPEG only.
    """

    format: str
    bytes: int
    width: int
    height: int
    orientation: int = 1
    is_animated: bool = False
    extra_bytes: int = 0
    is_cmyk: bool = False

    @property
    def kind(self) -> str:
        """The name of an accepted format here and for the service: "jpeg", "png" or "webp"."""
        return KINDS[self.format]

    @property
    def is_turned(self) -> bool:
        """Whether it must be turned or mirrored to be upright."""
        return 2 <= self.orientation <= 8

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.width * self.height


def format_of(data: Data) -> str | None:
    """Return the format according to the content: "JPEG", "PNG", "WEBP", "HEIF", RAW, …, or None if unknown."""
    head = data[:16]
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        names = {b"avi": "AVIF", b"hei": "HEIF", b"hev": "HEIF", b"mif": "HEIF", b"msf": "HEIF", b"crx": RAW}
        return names.get(head[8:11])
    found = next((name for beginning, name in _BEGINNINGS if head.startswith(beginning)), None)
    return RAW if found == "TIFF" and _is_raw(data) else found


def read(data: Data, formats: Collection[str] = KINDS) -> Picture:
    """Read the header of a JPEG, PNG, WebP or TIFF. Raises FileRefused with the reason for a format not in `formats`."""
    if not data:
        raise FileRefused(EMPTY)
    form = format_of(data)
    if form is None:
        raise FileRefused(NO_PICTURE)
    if form == RAW:
        raise FileRefused(CAMERA_RAW)
    if form not in formats:
        raise FileRefused(
            f"This file's format is {form}: the service takes JPEG, PNG and WebP, so save it as one of these."
        )
    try:
        stored = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp, "TIFF": _tiff}[form](data)
    except (struct.error, IndexError, ValueError) as error:
        raise FileRefused(CUT_OFF) from error
    return replace(stored, width=stored.height, height=stored.width) if stored.orientation in SIDEWAYS else stored


def count_scans(data: Data) -> int:
    """Return the number of scans of a JPEG, up to half of PARTS_LIMIT, because each has two parts: usually 1, about 10 if progressive.

    Reads the whole file up to the end of its first picture.
    """
    return sum(each.name == segments.SCAN for each in _parts(data, "JPEG"))


def _parts(data: Data, form: str) -> Iterator[Segment]:
    return itertools.islice(segments.split(data, form), PARTS_LIMIT)


def _orientation(data: Data, part: Segment) -> int:
    return orientation_in(data[part.body : min(part.end, part.body + EXIF_BYTES)])


def _png(data: Data) -> Picture:
    width = height = 0
    orientation, is_animated = 1, False
    for part in _parts(data, "PNG"):
        if part.name == b"IHDR":
            width, height, checksum = struct.unpack_from(">II5xI", data, part.body)
            if zlib.crc32(data[part.body - 4 : part.body + 13]) != checksum:
                raise ValueError("IHDR is not as it was written")
        elif part.name == b"acTL":
            is_animated = struct.unpack_from(">I", data, part.body)[0] > 1
        elif part.name == b"eXIf":
            orientation = _orientation(data, part)
        elif part.name == b"IDAT" or not width:
            break
    if not width or not height:
        raise ValueError("no IHDR")
    return Picture("PNG", len(data), width, height, orientation, is_animated)


def _webp(data: Data) -> Picture:
    canvas: tuple[int, int] | None = None
    orientation, frames = 1, 0
    for part in _parts(data, "WEBP"):
        if part.end > len(data) and part.name in (b"VP8 ", b"VP8L", b"ALPH", b"ANMF"):
            raise ValueError("shorter than it says")
        if part.name == b"ANMF":
            frames += 1
        elif part.name == b"EXIF":
            orientation = _orientation(data, part)
        elif canvas is None:
            canvas = _canvas(part.name, data[part.body : part.body + 10])
    if canvas is None or 0 in canvas:
        raise ValueError("no canvas")
    return Picture("WEBP", len(data), *canvas, orientation, frames > 1, 12 * canvas[0] * canvas[1])


def _is_raw(data: Data) -> bool:
    """Return whether a TIFF is raw data of a camera: its first directory has only a small preview, or data of the sensor."""
    if data[8:10] == b"CR":  # Canon.
        return True
    found = Directory(data)
    is_preview = _SUB_DIRECTORIES in found and (found.number(_SUBFILE_TYPE) or 0) & _REDUCED
    return _DNG_VERSION in found or found.number(_PHOTOMETRIC) in _SENSOR or bool(is_preview)


def _tiff(data: Data) -> Picture:
    found = Directory(data)
    width, height = (found.number(tag) or 0 for tag in _TIFF_SIZE)
    if width < 1 or height < 1:
        raise ValueError("no pixels")
    return Picture("TIFF", len(data), width, height, orientation_in(data), 0 < found.next < len(data))


def _canvas(name: bytes, data: bytes) -> tuple[int, int] | None:
    if name == b"VP8X":
        return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
    if name == b"VP8L":
        bits = int.from_bytes(data[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if name == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 6)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg(data: Data) -> Picture:
    orientation = 1
    for part in _parts(data, "JPEG"):
        if part.name in (segments.SCAN, segments.END):
            break
        if part.name[0] in _FRAMES:
            frame = data[part.body : part.end]
            height, width, components = struct.unpack_from(">xHHB", frame)
            if not width or not height:
                raise ValueError("no pixels")
            coefficients = _coefficients(part.name[0], width * height, frame[6:])
            return Picture("JPEG", len(data), width, height, orientation, False, coefficients, is_cmyk=components == 4)
        if part.name == segments.APP1 and orientation == 1 and part.begins(data, HEAD):
            orientation = _orientation(data, part)
    raise ValueError("no frame")


def _coefficients(marker: int, pixels: int, components: bytes) -> int:
    """Return the bytes of all coefficients of a progressive JPEG, two per sample; 0 for other JPEGs."""
    sampling = [(each >> 4) * (each & 15) for each in components[1::3]]
    return 2 * pixels * sum(sampling) // max(sampling) if marker in _PROGRESSIVE and any(sampling) else 0
