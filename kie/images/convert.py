"""Converts pictures that the service does not accept, and describes the change in one sentence.

    HEIC, TIFF, BMP, GIF, AVIF ──┐
    rotated by EXIF              ├──> first frame, upright, 8 bits ──> PNG, else WebP or JPEG, else fewer pixels
    several frames, CMYK         │
    above 30 MB ─────────────────┘

    place or serial number in its metadata ──> the same pixels without metadata

Deterministic: the same file always gives the same bytes, because references are identified by their hash.
"""

import contextlib
import functools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from PIL import Image

from kie.errors import FileRefused
from kie.generation import REFERENCE_BYTES_LIMIT
from kie.images import headers, inspect, privacy, segments
from kie.images.colours import to_srgb
from kie.images.exif import orientation_in
from kie.images.headers import Header
from kie.images.inspect import Picture
from kie.images.segments import Data

UPLOAD_BYTES_LIMIT = 200 * 1024 * 1024
# Fits both readings of "30 MB": 30 million and 31.4 million bytes.
WRITTEN_BYTES_LIMIT = 30_000_000
# Formats that the service does not accept but that can be converted, with their common names.
_NAMES = {"HEIF": "HEIC", "AVIF": "AVIF", "TIFF": "TIFF", "BMP": "BMP", "GIF": "GIF"}
# Formats whose headers and metadata are read without the decoder.
_READ = (*inspect.KINDS, "TIFF")
_LOSSLESS = ("PNG", "TIFF", "BMP", "GIF")
_WRITTEN_AS = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP"}
_JPEGS: list[dict[str, Any]] = [{"quality": 95, "subsampling": 0}, {"quality": 85}]
# Slower methods take seven times as long and save 1% of the size.
_WEBPS: list[dict[str, Any]] = [{"quality": 90, "method": 2}]
# Limits of the formats; for WebP, the number of pixels that can be encoded within a minute.
_LONGEST_PX = {"jpeg": 65_500, "webp": 16_383}
_MOST_PX = {"jpeg": inspect.PIXELS_LIMIT, "webp": 40_000_000}
_SHRINK = 0.7
_LIMIT_MB = REFERENCE_BYTES_LIMIT // 2**20


@dataclass(frozen=True)
class _Source:
    """A picture as it came, with what the service would not accept. `header` is as stored, before any rotation."""

    format: str
    header: Header
    is_too_large: bool

    @property
    def is_turned(self) -> bool:
        return self.header.orientation in inspect.TURNS

    @property
    def is_accepted(self) -> bool:
        is_odd = self.is_too_large or self.header.is_animated or self.header.is_cmyk or self.is_turned
        return self.format in inspect.KINDS and not is_odd

    @property
    def decoded_size(self) -> tuple[int, int]:
        """The reduced size at which a JPEG can be decoded within the memory limit.

        Rotation, and conversion from CMYK, need twice the memory.
        """
        room = inspect.DECODED_BYTES_LIMIT - self.header.extra_bytes
        each = 8 if self.is_turned or self.header.is_cmyk else 4
        scale = next((by for by in (1, 2, 4) if each * self.header.pixels // by**2 <= room), 8)
        return max(1, self.header.width // scale), max(1, self.header.height // scale)

    @property
    def reason(self) -> str:
        """The reason for the change, as the end of a sentence."""
        if self.format in _NAMES:
            return f"the service does not take {_NAMES[self.format]}"
        if self.is_too_large:
            return f"a reference may have {_LIMIT_MB} MB"
        if self.header.is_animated:
            return "a reference is one still picture"
        if self.header.is_cmyk:
            return "services may answer with inverted colours"
        return "the service may not see how the camera was held"


def accepted(path: Path) -> Picture | None:
    """Return, without decoding, a picture that can be sent unchanged; None if it must be converted. Raises FileRefused if it can't be."""
    with segments.whole(path) as data:
        seen = _read(data)
        if not seen or not seen.is_accepted:
            return None
        inspect.refuse_excess(seen.format, seen.header, data)
        return None if privacy.found_in(data, seen.format) else inspect.picture(seen.format, seen.header, len(data))


def _read(data: Data) -> _Source | None:
    """Read what can be read without the decoder, None for formats that only the decoder can read. Raises FileRefused."""
    if len(data) == 0:
        raise FileRefused(inspect.EMPTY)
    if headers.format_of(data) in _NAMES.keys() - _READ:
        return None
    return _Source(*inspect.read_header(data, _READ), len(data) > REFERENCE_BYTES_LIMIT)


def make_right(source: IO[bytes], target: Path) -> str | None:
    """Convert a picture that the service does not accept, write it to `target`, and return the changes in a sentence or two.

    Returns None and writes nothing when no conversion is needed. Otherwise decodes the picture, which may take a minute and the
    memory of two decoded pictures, so the studio calls it through `decoder`. Raises FileRefused with the reason when
    the picture can't be converted, MemoryError, and OSError when the file can't be written.
    """
    with segments.whole(source) as data:
        read, form, is_too_large = _read(data), headers.format_of(data) or "", len(data) > REFERENCE_BYTES_LIMIT
        if read:
            inspect.refuse_excess(form, read.header, data)
        found = privacy.found_in(data, form) if read else []
        pixels = segments.pixels(data, form, with_profile=True) if read and read.is_accepted else []
    if pixels and not found:
        return None
    if pixels:  # The same pixels, byte by byte, and their colour profile.
        with target.open("wb") as out:
            shutil.copyfileobj(segments.View(source, pixels), out, segments.BUFFER_BYTES)
        return _taken_out(found)
    with _opened(source, form) as image:
        seen = read or _Source(image.format or "", _header(image), is_too_large)
        image.draft(None, seen.decoded_size)
        image.load()
        turn = inspect.TURNS.get(seen.header.orientation if read else _orientation(image))
        found = found or privacy.found_in_exif(image.info.get("exif") or b"")
        plain = _plain(image)
    plain = plain if turn is None else plain.transpose(turn)
    kind, written = _write(plain, target, seen.format in _LOSSLESS)
    is_smaller = sorted(written.size) != sorted((seen.header.width, seen.header.height))
    told = _sentence(seen, kind, written.size if is_smaller else None)
    return f"{told} {_taken_out(found)}" if found else told


def _taken_out(found: list[str]) -> str:
    them = "them" if found[1:] else "it"
    return f"{' and '.join(found).capitalize()} taken out: anyone with the uploaded picture's link could read {them}."


@functools.cache
def reads_heic() -> bool:
    """Return whether HEIC can be read. It needs the optional package pillow-heif, whose licence does not suit everyone."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return True


def too_large(size: int) -> str:
    """Return the sentence for a file of `size` bytes that is too large to be accepted."""
    return (
        f"This file has {inspect.megabytes(size)}; up to {UPLOAD_BYTES_LIMIT // 2**20} MB are converted to fit: "
        "save it smaller."
    )


@contextlib.contextmanager
def _opened(source: IO[bytes], form: str) -> Iterator[Image.Image]:
    if form == "HEIF" and not reads_heic():
        raise FileRefused(NO_HEIC)
    # Both decoders open some files that only one can decode. Pillow's own is tried first, because only it falls back to the other.
    both = ("AVIF", "HEIF") if reads_heic() else ("AVIF",)
    formats = {"HEIF": both, "AVIF": both}.get(form, (form,))
    with inspect.opened(source, *formats) as image:
        if image.width * image.height > inspect.PIXELS_LIMIT:
            raise FileRefused(inspect.TOO_MANY_PIXELS)
        yield image


def _header(image: Image.Image) -> Header:
    # The HEIC decoder rotates the picture and keeps the stored orientation in `info`.
    stored = image.info.get("original_orientation") or _orientation(image)
    return Header(*image.size, stored, getattr(image, "is_animated", False))


def _orientation(image: Image.Image) -> int:
    return orientation_in(image.info.get("exif") or b"")


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture in mode L, RGB or RGBA, with its ICC profile if that still applies, and without other metadata."""
    profile = image.info.get("icc_profile") or b""
    if image.mode == "CMYK":
        plain, profile = to_srgb(image, profile), b""
    elif image.mode in ("1", "L") and not image.has_transparency_data:
        plain = image if image.mode == "L" else image.convert("L")
    else:
        plain = inspect.eight_bits(image)
    if plain.mode == "RGBA" and _is_opaque(plain):
        plain = plain.convert("RGB")
    fits = profile[16:20] == (b"GRAY" if plain.mode == "L" else b"RGB ")
    plain.info = {"icc_profile": profile} if fits else {}
    return plain


def _is_opaque(image: Image.Image) -> bool:
    rows = max(1, 1_000_000 // image.width)
    strips = (image.crop((0, top, image.width, min(image.height, top + rows))) for top in range(0, image.height, rows))
    return all(strip.getextrema()[3][0] == 255 for strip in strips)


def _write(image: Image.Image, target: Path, is_lossless: bool) -> tuple[str, Image.Image]:
    """Write the best version within the size limit. Returns its format and the picture written."""
    for kind, version, options in _versions(image, is_lossless):
        with contextlib.suppress(_Full), target.open("wb") as out:
            version.save(_Bounded(out), _WRITTEN_AS[kind].upper(), **options, **image.info)
            return kind, version
    raise AssertionError("one pixel fits")


def _versions(image: Image.Image, is_lossless: bool) -> Iterator[tuple[str, Image.Image, dict[str, Any]]]:
    """Yield (format, picture, options) to try, best first: PNG, then lossy formats, then fewer pixels."""
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
    """The size limit is exceeded."""


class _Bounded:
    """A file object with a size limit. It has no `fileno`, so that Pillow writes through it."""

    def __init__(self, out: IO[bytes]):
        self._out, self._left = out, WRITTEN_BYTES_LIMIT

    def write(self, data: bytes) -> int:
        self._left -= len(data)
        if self._left < 0:
            raise _Full
        return self._out.write(data)

    def flush(self) -> None:
        self._out.flush()


def _sentence(seen: _Source, kind: str, shrunk_to: tuple[int, int] | None) -> str:
    """Return the sentence with the changes and the reason."""
    done = []
    if seen.header.is_animated:
        done.append("only its first page kept" if seen.format == "TIFF" else "only its first picture kept")
    if seen.is_turned:
        done.append("turned upright")
    if seen.header.is_cmyk:
        done.append("converted from CMYK to sRGB")
    if shrunk_to:
        done.append("made smaller, {} × {} pixels".format(*shrunk_to))
    if inspect.KINDS.get(seen.format) != kind:
        done.append(f"saved as {_WRITTEN_AS[kind]}")
    elif seen.is_too_large and not shrunk_to:
        done.append("compressed")
    told = ", ".join(done[:-1]) + (" and " if done[:-1] else "") + done[-1]
    return f"{told[0].upper()}{told[1:]}: {seen.reason}."


NO_HEIC = "This picture is HEIC, which this server can't read: save it as JPEG, or have pillow-heif installed."
