"""A picture that the service would not take as it is, made right, with one sentence that says what was changed.

HEIC, TIFF, BMP, GIF, AVIF ──┐
turned by its EXIF           ├──> first picture, upright, 8 bits ──> PNG, else WebP or JPEG, else fewer pixels
several pictures in one      │
above 30 MB ─────────────────┘

The same file always gives the same bytes: a reference is known by them.
"""

import contextlib
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pillow_heif
from PIL import Image, ImageCms

from kie import pictures
from kie.errors import FileRefused
from kie.generation import REFERENCE_BYTES_LIMIT

UPLOAD_BYTES_LIMIT = 200 * 1024 * 1024
# 30 MB is 30 million bytes to some and 31.4 million to others; what is written here fits both.
WRITTEN_BYTES_LIMIT = 30_000_000
# What the service does not take and we read, under the name that people know it by. Nothing is lost in the plain ones.
_NAMES = {"HEIF": "HEIC", "AVIF": "AVIF", "TIFF": "TIFF", "BMP": "BMP", "GIF": "GIF"}
_LOSSLESS = ("PNG", "TIFF", "BMP", "GIF")
_WRITTEN_AS = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP"}
_JPEGS: list[dict[str, Any]] = [{"quality": 95, "subsampling": 0}, {"quality": 85}]
# A slower method takes seven times as long for one hundredth of the bytes.
_WEBPS: list[dict[str, Any]] = [{"quality": 90, "method": 2}]
# What the formats can hold; of WebP, what can be written within a minute.
_LONGEST_PX = {"jpeg": 65_500, "webp": 16_383}
_MOST_PX = {"jpeg": pictures.PIXELS_LIMIT, "webp": 40_000_000}
_SHRINK = 0.7
_LIMIT_MB = REFERENCE_BYTES_LIMIT // 2**20
# Decoded, a picture has up to a hundred times its bytes: two at once could take the server's memory.
_one_at_a_time = threading.Lock()

# Both decoders claim some files that only one can read, and only Pillow's own lets go of them: it must be asked first.
Image.init()
pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


@dataclass(frozen=True)
class _Faults:
    """What the service would not take of a picture: its format, how it is stored, how many there are, its bytes."""

    format: str
    is_turned: bool
    is_one_of_several: bool
    is_too_large: bool

    @property
    def any(self) -> bool:
        return self.format in _NAMES or self.is_turned or self.is_one_of_several or self.is_too_large

    @property
    def reason(self) -> str:
        """Why the picture was changed, as the end of a sentence."""
        if self.format in _NAMES:
            return f"the service does not take {_NAMES[self.format]}"
        if self.is_too_large:
            return f"a reference may have {_LIMIT_MB} MB"
        if self.is_one_of_several:
            return "a reference is one still picture"
        return "the service may not see how the camera was held"


def make_right(source: IO[bytes], target: Path) -> str | None:
    """Write to `target` what the service takes of a picture that it would not take as it is, and say what was changed.

    Returns None, and writes nothing, when the picture can go as it is. Decodes, one picture at a time in the whole
    process, so it may take a minute: never in a page's run. Raises FileRefused with the reason when a picture can't be
    made right, and OSError when the disk does not take it.
    """
    size = pictures.size_of(source)
    if size == 0:
        raise FileRefused(pictures.EMPTY)
    # Some decoders read the whole file before they say what it is: a large one waits for its turn even for that.
    if size <= REFERENCE_BYTES_LIMIT and not _faults(source, size).any:
        return None
    with _one_at_a_time:
        faults = _faults(source, size)
        image = _decoded(source)
        kind, written = _write(image, target, faults.format in _LOSSLESS)
        return _sentence(faults, kind, written.size if written.size != image.size else None)


def too_large(size: int) -> str:
    """Say in words that a file of this many bytes is too large to be taken in at all."""
    return (
        f"This file has {pictures.megabytes(size)}; up to {UPLOAD_BYTES_LIMIT // 2**20} MB are taken in and made to fit, "
        "so nothing was sent and no credits were spent: save it smaller."
    )


def _faults(source: IO[bytes], size: int) -> _Faults:
    with pictures.opened(source) as image:
        form = image.format or ""
        if form not in pictures.KINDS and form not in _NAMES:
            raise FileRefused(pictures.other_kind(form))
        # A HEIC's decoder turns the picture and keeps how it was stored under a name of its own.
        stored = image.info.get("original_orientation") or pictures.orientation(image)
        # A camera's JPEG with a second picture inside (MPO) shows its first one everywhere.
        several = form != "MPO" and getattr(image, "is_animated", False)
        return _Faults(form, stored in pictures.TURNS, several, size > REFERENCE_BYTES_LIMIT)


def _decoded(source: IO[bytes]) -> Image.Image:
    """Return the first picture upright, as RGB, as RGBA if it lets something through, or as grey."""
    with pictures.opened(source) as image:
        image.load()
        # Asked after decoding: a TIFF's decoder has turned it by then.
        turn = pictures.TURNS.get(pictures.orientation(image))
        plain = _plain(image)
        if turn is not None:
            plain = plain.transpose(turn)
    return plain


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture in colours that every format here can hold, with its profile if that still fits, and nothing else."""
    profile = image.info.get("icc_profile") or b""
    if image.mode == "CMYK" and profile[16:20] == b"CMYK":
        plain = _from_print(image, profile)
    elif image.mode in ("1", "L") and not image.has_transparency_data:
        plain = image.convert("L")
    else:
        plain = pictures.eight_bits(image)
    if plain.mode == "RGBA" and plain.getchannel("A").getextrema()[0] == 255:
        plain = plain.convert("RGB")
    fits = profile[16:20] == (b"GRAY" if plain.mode == "L" else b"RGB ")
    plain.info = {"icc_profile": profile} if fits else {}
    return plain


def _from_print(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        return ImageCms.profileToProfile(image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB")
    except ImageCms.PyCMSError:  # a broken profile: the colours are then those of any printer
        return image.convert("RGB")


def _write(image: Image.Image, target: Path, is_lossless: bool) -> tuple[str, Image.Image]:
    """Write the best version that fits, and return its kind and what was written."""
    for kind, version, options in _versions(image, is_lossless):
        with contextlib.suppress(_Full), target.open("wb") as out:
            version.save(_Bounded(out), _WRITTEN_AS[kind].upper(), **options, **image.info)
            return kind, version
    raise AssertionError("one pixel fits")


def _versions(image: Image.Image, is_lossless: bool) -> Iterator[tuple[str, Image.Image, dict[str, Any]]]:
    """Yield kinds, pictures and options to try, the best first: PNG, then what loses little, then fewer pixels."""
    is_clear = image.mode == "RGBA"
    if is_clear or is_lossless:
        yield "png", image, {"compress_level": 1}
    kind, ways = ("webp", _WEBPS) if is_clear else ("jpeg", _JPEGS)
    version, scale = image, 1.0
    while True:
        if max(version.size) <= _LONGEST_PX[kind] and version.width * version.height <= _MOST_PX[kind]:
            yield from ((kind, version, options) for options in ways)
        scale *= _SHRINK
        smaller = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        version = image.resize(smaller, Image.Resampling.LANCZOS)


class _Full(Exception):
    """More bytes than fit."""


class _Bounded:
    """A file that stops at the first byte too many. It has no number, so Pillow writes through it and not past it."""

    def __init__(self, out: IO[bytes]):
        self._out, self._left = out, WRITTEN_BYTES_LIMIT

    def write(self, data: bytes) -> int:
        self._left -= len(data)
        if self._left < 0:
            raise _Full
        return self._out.write(data)

    def flush(self) -> None:
        self._out.flush()


def _sentence(faults: _Faults, kind: str, shrunk_to: tuple[int, int] | None) -> str:
    """Say in one sentence what was changed, and why."""
    done = []
    if faults.is_one_of_several:
        done.append("only its first page kept" if faults.format == "TIFF" else "only its first picture kept")
    if faults.is_turned:
        done.append("turned upright")
    if shrunk_to:
        done.append("made smaller, {} × {} pixels".format(*shrunk_to))
    if pictures.KINDS.get(faults.format) != kind:
        done.append(f"saved as {_WRITTEN_AS[kind]}")
    elif faults.is_too_large and not shrunk_to:
        done.append("compressed")
    told = ", ".join(done[:-1]) + (" and " if done[:-1] else "") + done[-1]
    return f"{told[0].upper()}{told[1:]}: {faults.reason}."
