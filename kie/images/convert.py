"""Converts pictures that the service does not accept, and describes the change in one sentence.

    HEIC, TIFF, BMP, GIF, AVIF ──┐
    rotated by EXIF              ├──> first frame, upright, 8 bits ──> PNG, else WebP or JPEG, else fewer pixels
    several frames, CMYK         │
    above 30 MB ─────────────────┘

    with metadata: place, serial number, … ──> the same pixels without metadata

Deterministic: the same file always gives the same bytes, because references are identified by their hash.
"""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from kie.errors import FileRefused
from kie.generation import REFERENCE_BYTES_LIMIT
from kie.images import headers, inspect, segments
from kie.images.exif import orientation_in
from kie.images.headers import Picture
from kie.images.segments import FileOfParts
from kie.text import megabytes

UPLOAD_BYTES_LIMIT = 200 * 1024 * 1024
# Fits both readings of "30 MB": 30 million and 31.4 million bytes.
WRITTEN_BYTES_LIMIT = 30_000_000
# Formats that the service does not accept but that can be converted, with their common names.
_NAMES = {"HEIF": "HEIC", "AVIF": "AVIF", "TIFF": "TIFF", "BMP": "BMP", "GIF": "GIF"}
# Formats whose headers and metadata are read without the decoder.
_READ = (*headers.KINDS, "TIFF")
_DECODED = _NAMES.keys() - _READ
_LOSSLESS = ("PNG", "TIFF", "BMP", "GIF")
_WRITTEN_AS = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP"}
_JPEGS: list[dict[str, Any]] = [{"quality": 95, "subsampling": 0}, {"quality": 85}]
# Slower methods take seven times as long and save 1% of the size.
_WEBPS: list[dict[str, Any]] = [{"quality": 90, "method": 2}]
# Limits of the formats; for WebP, the number of pixels that can be decoded within the memory limit.
_LONGEST_PX = {"jpeg": 65_500, "webp": 16_383}
_MOST_PX = {"jpeg": inspect.PIXELS_LIMIT, "webp": inspect.PIXELS_LIMIT // 4}
_SHRINK = 0.7


def accepted(path: Path) -> Picture | None:
    """Return, without decoding, a picture that can be sent unchanged; None if it must be converted. Raises FileRefused if it can't be."""
    with segments.whole(path) as data:
        if headers.format_of(data) in _NAMES:
            return None
        picture = inspect.checked(data)
        return picture if _is_accepted(picture) and segments.is_bare(data, picture.format) else None


def to_accepted(source: Path, target: Path) -> str:
    """Convert a picture that is not `accepted`, write it to `target`, and return the changes in a sentence or two.

    Decodes the picture unless only metadata must go, which may take a minute and the memory of two decoded pictures, so
    the studio calls it through `decoder`. Raises FileRefused with the reason when the picture can't be converted,
    MemoryError, and OSError when the file can't be written.
    """
    with segments.whole(source) as data:
        form = headers.format_of(data) or ""
        picture = None if form in _DECODED else inspect.checked(data, _READ)
        if picture and _is_accepted(picture):  # The same pixels, byte by byte, and their colour profile.
            with target.open("wb") as out:
                out.writelines(FileOfParts(source, segments.pixels(data, form, is_shown=True)))
            return _METADATA_REMOVED
        has_metadata = form in headers.KINDS and not segments.is_bare(data, form)
    with _opened(source, form) as image:
        exif = image.info.get("exif") or b""
        orientation = picture.orientation if picture else orientation_in(exif)
        # The HEIC decoder rotates the picture and keeps the stored orientation in `info`.
        stored = image.info.get("original_orientation") or orientation
        has_metadata = has_metadata or bool(exif)
        is_animated = getattr(image, "is_animated", False)
        picture = picture or Picture(image.format or "", source.stat().st_size, *image.size, stored, is_animated)
        scale = _reduction(picture)
        image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))
        image.load()
        plain = inspect.upright(_plain(image), orientation)
    kind, written = _write(plain, target, picture.format in _LOSSLESS)
    is_smaller = sorted(written.size) != sorted((picture.width, picture.height))
    changes = _sentence(picture, kind, written.size if is_smaller else None)
    return f"{changes} {_METADATA_REMOVED}" if has_metadata else changes


def _is_accepted(picture: Picture) -> bool:
    is_odd = picture.bytes > REFERENCE_BYTES_LIMIT or picture.is_animated or picture.is_cmyk or picture.is_turned
    return picture.format in headers.KINDS and not is_odd


def _reduction(picture: Picture) -> int:
    """Return the factor by which a JPEG must be reduced to be decoded within the memory limit.

    Rotation, and conversion from CMYK, need twice the memory.
    """
    room = inspect.DECODED_BYTES_LIMIT - picture.extra_bytes
    each = 8 if picture.is_turned or picture.is_cmyk else 4
    return next((scale for scale in (1, 2, 4) if each * picture.pixels // scale**2 <= room), 8)


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
        f"This file has {megabytes(size)}; up to {UPLOAD_BYTES_LIMIT // 2**20} MB are converted to fit: "
        "save it smaller."
    )


@contextlib.contextmanager
def _opened(source: Path, form: str) -> Iterator[Image.Image]:
    if form == "HEIF" and not reads_heic():
        raise FileRefused(NO_HEIC)
    # Both decoders open some files that only one can decode. AVIF's is tried first: if it refuses a file, HEIF's is tried.
    both = ("AVIF", "HEIF") if reads_heic() else ("AVIF",)
    formats = {"HEIF": both, "AVIF": both}.get(form, (form,))
    with inspect.opened(source, *formats) as image:
        if image.width * image.height > inspect.PIXELS_LIMIT:
            raise FileRefused(inspect.TOO_MANY_PIXELS)
        yield image


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture in mode L, RGB or RGBA, with its ICC profile if that still applies, and without other metadata."""
    profile = image.info.get("icc_profile")
    profile = profile if isinstance(profile, bytes) else b""  # TIFF may have anything.
    plain = inspect.eight_bits(image)
    if plain.mode == "CMYK":
        plain, profile = inspect.to_srgb(plain, profile), b""
    # The last 256 numbers count the pixels of each opacity.
    if plain.mode == "RGBA" and not any(plain.histogram()[-256:-1]):
        plain = plain.convert("RGB")
    fits = profile[16:20] == inspect.SPACES[plain.mode.removesuffix("A")]
    plain.info = {"icc_profile": profile} if fits else {}
    return plain


def _write(image: Image.Image, target: Path, is_lossless: bool) -> tuple[str, Image.Image]:
    """Write the best version within the size limit. Returns its format and the picture written."""
    for kind, version, options in versions(image, is_lossless):
        version.save(target, kind, **options, **image.info)
        if target.stat().st_size <= WRITTEN_BYTES_LIMIT:
            return kind, version
    raise AssertionError("one pixel fits")


def versions(image: Image.Image, is_lossless: bool) -> Iterator[tuple[str, Image.Image, dict[str, Any]]]:
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


def _sentence(picture: Picture, kind: str, shrunk_to: tuple[int, int] | None) -> str:
    """Return the sentence with the changes and the reason."""
    is_taken, is_large = picture.format in headers.KINDS, picture.bytes > REFERENCE_BYTES_LIMIT
    is_saved_anew, size = not is_taken or picture.kind != kind, " × ".join(map(str, shrunk_to or ()))
    changes = {
        f"only its first {'page' if picture.format == 'TIFF' else 'picture'} kept": picture.is_animated,
        "turned upright": picture.is_turned,
        "converted from CMYK to sRGB": picture.is_cmyk,
        f"made smaller, {size} pixels": size,
        f"saved as {_WRITTEN_AS[kind]}": is_saved_anew,
        "compressed": is_large and not size and not is_saved_anew,
    }
    reasons = {
        f"the service does not take {_NAMES.get(picture.format)}": not is_taken,
        f"a reference may have {REFERENCE_BYTES_LIMIT // 2**20} MB": is_large,
        "a reference is one still picture": picture.is_animated,
        "services may invert the colours of CMYK pictures": picture.is_cmyk,
        "the service may not see how the camera was held": True,
    }
    *others, last = (change for change, is_made in changes.items() if is_made)
    told = f"{', '.join(others)} and {last}" if others else last
    reason = next(reason for reason, is_given in reasons.items() if is_given)
    return f"{told[0].upper()}{told[1:]}: {reason}."


_METADATA_REMOVED = (
    "Metadata removed, such as the place and the camera: anyone with the uploaded picture's link could read it."
)
NO_HEIC = "This picture is HEIC, which this server can't read: save it as JPEG, or have pillow-heif installed."
