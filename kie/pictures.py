"""Is this a picture that the service takes, and what does it look like small?

A picture is judged by its bytes, never by its name.
"""

import contextlib
import math
import os
import secrets
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PIL import ExifTags, Image, UnidentifiedImageError

from kie.errors import FileRefused
from kie.generation import REFERENCE_BYTES_LIMIT

PIXELS_LIMIT = 120_000_000
THUMBNAIL_PX = 512
SMALL_PX = 64
# A camera's JPEG with a second picture inside (MPO) is a JPEG to everybody else.
KINDS = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "WEBP": "webp"}
EXTENSIONS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
MIME_TYPES = {kind: f"image/{kind}" for kind in EXTENSIONS}
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, MemoryError, RuntimeError, Image.DecompressionBombError)
# How a picture is set upright, by its EXIF orientation; 1 is upright already.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow refuses at twice this number and warns from here on; between the two our own check speaks.
Image.MAX_IMAGE_PIXELS = PIXELS_LIMIT
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Picture:
    """What the bytes say: kind ("jpeg", "png", "webp"), pixels as a person sees them (upright), and size in bytes."""

    kind: str
    width: int
    height: int
    bytes: int


def glance(source: Path | IO[bytes]) -> Picture:
    """Judge a picture by its header alone, in about a millisecond, without decoding it.

    Raises FileRefused with the reason in words.
    """
    size = size_of(source)
    if size == 0:
        raise FileRefused(EMPTY)
    if size > REFERENCE_BYTES_LIMIT:
        raise FileRefused(too_large(size))
    return measure(source, size)


def inspect(path: Path) -> Picture:
    """Decode a whole picture and say what it is. Slow (a second for 100 megapixels): never in a page's run.

    Raises FileRefused when it is cut off, broken, too large to open, or no picture that the service takes.
    """
    picture = measure(path)
    with opened(path) as image:
        image.load()
    return picture


def make_thumbnail(path: Path, target: Path, longest_px: int = THUMBNAIL_PX) -> None:
    """Write an upright WebP of `path`, at most `longest_px` on its longer side, whole or not at all.

    Raises FileRefused when the picture can't be decoded, and OSError when it can't be written.
    """
    with opened(path) as image:
        image.draft("RGB", (longest_px * 2, longest_px * 2))
        small = eight_bits(image)
        small.thumbnail((longest_px, longest_px), Image.Resampling.LANCZOS, reducing_gap=2.0)
        # Not ImageOps.exif_transpose: it writes the EXIF anew, and fails where a camera wrote it oddly.
        turn = TURNS.get(orientation(image))
        small = small if turn is None else small.transpose(turn)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{secrets.token_hex(8)}.part")  # two threads may make the same thumbnail
    try:
        small.save(part, "WEBP", quality=82, method=3)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def too_large(size: int) -> str:
    """Say in words that a file of this many bytes is too large."""
    return (
        f"This file has {megabytes(size)}; a reference may have 30 MB, so nothing was sent and no credits were spent: "
        "save it smaller."
    )


def megabytes(size: int) -> str:
    """Write a number of bytes, rounded up: a file of one byte too many is not told that it has 30.0 MB."""
    return f"{math.ceil(size * 10 / 2**20) / 10} MB"


def size_of(source: Path | IO[bytes]) -> int:
    """Return how many bytes there are; a stream is left at its beginning."""
    if isinstance(source, Path):
        return source.stat().st_size
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    return size


def measure(source: Path | IO[bytes], size: int | None = None) -> Picture:
    """Read a picture's header without decoding it. Raises FileRefused with the reason in words."""
    size = size_of(source) if size is None else size
    with opened(source) as image:
        kind, (width, height) = image.format or "", image.size
        turned = orientation(image) in (5, 6, 7, 8)
    if kind not in KINDS:
        raise FileRefused(other_kind(kind))
    if turned:
        width, height = height, width
    return Picture(KINDS[kind], width, height, size)


@contextlib.contextmanager
def opened(source: Path | IO[bytes]) -> Iterator[Image.Image]:
    """Open a picture by its header; whatever proves to be wrong with it, then or later, is FileRefused in words."""
    try:
        with Image.open(source) as image:
            if image.width * image.height > PIXELS_LIMIT:
                raise FileRefused(_TOO_MANY_PIXELS)
            yield image
    except UnidentifiedImageError as error:
        raise FileRefused(_CUT_OFF if _begins_well(source) else _NO_PICTURE) from error
    except Image.DecompressionBombError as error:
        raise FileRefused(_TOO_MANY_PIXELS) from error
    except _BROKEN as error:
        raise FileRefused(_CUT_OFF) from error


def _begins_well(source: Path | IO[bytes]) -> bool:
    """Say whether an unreadable file begins as AVIF or HEIC do: these are read whole or not at all."""
    with source.open("rb") if isinstance(source, Path) else contextlib.nullcontext(source) as stream:
        stream.seek(0)
        head = stream.read(12)
    return head[4:8] == b"ftyp" and head[8:11] in (b"avi", b"hei")


def other_kind(kind: str) -> str:
    """Say in words that a picture's format is one that is not taken."""
    return (
        f"This file's format is {kind}, so nothing was sent and no credits were spent: the service takes JPEG, PNG and WebP, "
        "so save it as one of these."
    )


def orientation(image: Image.Image) -> int:
    """Return how a picture is stored, by its EXIF: 1 is upright, and 2 to 8 are the keys of TURNS."""
    # A PNG's own getexif() decodes the whole picture, only to look behind it.
    return Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)


def eight_bits(image: Image.Image) -> Image.Image:
    """Return the picture as RGB, or as RGBA if it lets something through: scanners give 16 bits, printers CMYK, icons a palette."""
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    elif image.mode == "F":  # from 0 to 1 in most, and to more in some
        scale = 255 / max(1.0, image.getextrema()[1])
        image = image.point(lambda value: value * scale).convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


EMPTY = "This file is empty, so nothing was sent and no credits were spent: choose a picture."
_NO_PICTURE = "This is not a picture, whatever its name says, so nothing was sent and no credits were spent: choose a JPEG, PNG or WebP."
_CUT_OFF = "This picture is cut off or broken, so nothing was sent and no credits were spent: save or export it again."
_TOO_MANY_PIXELS = (
    f"This picture has more than {PIXELS_LIMIT // 1_000_000} million pixels, so it was not opened, nothing was sent and no credits were spent: "
    "save it smaller."
)
