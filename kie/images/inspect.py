"""Checks whether a file is a picture that the service accepts, and makes thumbnails.

Functions that decode run in the child process of `decoder`.
"""

import contextlib
import io
import secrets
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path

from PIL import Image, ImageCms

from kie.errors import FileRefused, SpentAndKept, TooLargeToShow, TooSlowToShow
from kie.generation import REFERENCE_BYTES_LIMIT
from kie.images import headers, segments
from kie.images.headers import CUT_OFF, KINDS, Picture
from kie.images.segments import Data, FileOfParts, unchanged
from kie.text import megabytes

PIXELS_LIMIT = 100_000_000
# Memory of that many pixels when decoded as RGBA; other modes need more per pixel.
DECODED_BYTES_LIMIT = 4 * PIXELS_LIMIT
# A progressive JPEG has about ten scans. The decoder processes the whole picture for each.
SCANS_LIMIT = 100
THUMBNAIL_PX = 512
SMALL_PX = 64
EXTENSIONS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
MIME_TYPES = {kind: f"image/{kind}" for kind in EXTENSIONS}
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, RuntimeError)
# The transposition that makes a picture upright, by EXIF orientation. 1 is upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# The colour space in a profile's header for each mode.
SPACES = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}
# Pixels that are converted at a time, to avoid a second copy of the whole picture.
_STRIP_PX = 1_000_000
# The fast reduction by whole numbers stops at this multiple of the wanted size; the rest is resampled.
_GAP = 2.0
# PIXELS_LIMIT is checked before anything is decoded.
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def check_header(path: Path) -> Picture:
    """Check a reference by its header, without decoding, in about a millisecond.

    Raises FileRefused with the reason.
    """
    with segments.whole(path) as data:
        if len(data) > REFERENCE_BYTES_LIMIT:
            raise FileRefused(f"This file has {megabytes(len(data))}; a reference may have 30 MB: save it smaller.")
        return checked(data)


def checked(data: Data, formats: Collection[str] = KINDS) -> Picture:
    """Read the header of a picture of one of these formats. Raises FileRefused, also when it exceeds a limit of `decode`."""
    picture = headers.read(data, formats)
    if found := _excess(picture, data):
        raise FileRefused(found.detail)
    return picture


def measure(path: Path) -> Picture:
    """Read the header of a picture of any size. Raises FileRefused when it is not a picture."""
    with segments.whole(path) as data:
        return headers.read(data)


def _excess(picture: Picture, data: Data) -> SpentAndKept | None:
    """Return the error of a picture that exceeds the limits of pixels, memory or scans, or None."""
    if picture.pixels > PIXELS_LIMIT:
        return TooLargeToShow(TOO_MANY_PIXELS)
    if picture.extra_bytes + (4 * picture.pixels if picture.format == "WEBP" else 0) > DECODED_BYTES_LIMIT:
        return TooLargeToShow(TOO_MUCH_MEMORY)
    if picture.format == "JPEG" and headers.count_scans(data) > SCANS_LIMIT:
        return TooSlowToShow(TOO_MANY_SCANS)
    return None


def decode(path: Path, thumbnail: Path | None = None) -> None:
    """Decode a picture completely, and write an upright WebP thumbnail, atomically, if requested.

    Needs the memory of one decoded picture (4 bytes per pixel); four times that for WebP. Raises FileRefused when the
    file is truncated, broken or not an accepted picture, TooLargeToShow or TooSlowToShow when it exceeds a limit,
    MemoryError, and OSError when the thumbnail can't be written.
    """
    with segments.whole(path) as data:
        picture = headers.read(data)
        if found := _excess(picture, data):
            raise found
    with opened(path, picture.format) as image:
        # A JPEG is read completely but decoded at a reduced size.
        image.draft("RGB", (THUMBNAIL_PX * 2, THUMBNAIL_PX * 2))
        image.load()
        small = _reduced(image) if thumbnail else None
    if small and thumbnail:
        _write(upright(small, picture.orientation), thumbnail)


@contextlib.contextmanager
def opened(path: Path, *formats: str) -> Iterator[Image.Image]:
    """Open a picture of one of these formats. Errors of the decoder, here or in the block, become FileRefused or MemoryError.

    For JPEG, PNG, WebP and TIFF the decoder sees no metadata but the colour profile, which `info` has if it is complete.
    """
    form, bare, profile = formats[0], unchanged(path), b""
    if form in (*KINDS, "TIFF"):
        with segments.whole(path) as data:
            bare = FileOfParts(path, segments.pixels(data, form))
            profile = segments.png_profile(data) if form == "PNG" else b""
    with bare.open() as stream:
        try:
            with Image.open(stream, formats=formats) as image:
                if profile:
                    image.info["icc_profile"] = profile
                yield image
        except _BROKEN as error:
            if _is_short_of_memory(error):
                raise MemoryError from error
            raise FileRefused(CUT_OFF) from error


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return a picture turned as its EXIF orientation says."""
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def _is_short_of_memory(error: Exception) -> bool:
    """Return whether an error means that memory is exhausted. Not all decoders raise MemoryError."""
    said = str(error).lower()
    return "memory" in said or "alloc" in said


def _reduced(image: Image.Image) -> Image.Image:
    """Return a picture in 8 bits and sRGB with a longer side of at most THUMBNAIL_PX.

    Converted to 8 bits and reduced by integer factors in strips, to avoid a second copy in memory; to sRGB when it is small.
    """
    width, height = image.size
    scale = min(1.0, THUMBNAIL_PX / max(image.size))
    wanted = tuple(max(1, round(side * scale)) for side in image.size)
    across, down = (max(1, int(side / (small * _GAP))) for side, small in zip(image.size, wanted, strict=True))
    small = Image.new(eight_bits(image.crop((0, 0, 1, 1))).mode, (-(-width // across), -(-height // down)))
    rows = max(1, _STRIP_PX // width // down) * down
    for top in range(0, height, rows):
        strip = eight_bits(image.crop((0, top, width, min(height, top + rows))))
        small.paste(strip.reduce((across, down)), (0, top // down))
    if small.size != wanted:
        small = small.resize(wanted, Image.Resampling.LANCZOS)
    return to_srgb(small, image.info.get("icc_profile"))


def _write(small: Image.Image, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{secrets.token_hex(8)}.part")  # Two threads may write the same thumbnail.
    try:
        small.save(part, "WEBP", quality=82, method=3)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def eight_bits(image: Image.Image) -> Image.Image:
    """Return the picture in mode L, RGB, RGBA if it has transparency, or CMYK. Handles 16 bits, float and palettes.

    Grey and CMYK remain what they are, because their profiles are for them.
    """
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    elif image.mode == "F":  # Usually from 0 to 1; some have larger values.
        scale = 255 / max(1.0, image.getextrema()[1])
        image = image.point(lambda value: value * scale).convert("L").convert("RGB")
    mode = {"1": "L", "L": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
    mode = "RGBA" if image.has_transparency_data else mode
    return image if image.mode == mode else image.convert(mode)


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture in mode L, RGB, RGBA or CMYK as RGB or RGBA in sRGB.

    A profile that is missing, broken or for other colours is ignored.
    """
    plain = image.convert("RGB") if image.mode == "RGBA" else image
    if profile and profile[16:20] == SPACES[plain.mode]:
        srgb = ImageCms.createProfile("sRGB")
        with contextlib.suppress(ImageCms.PyCMSError):  # A broken profile.
            plain = ImageCms.profileToProfile(plain, io.BytesIO(profile), srgb, outputMode="RGB")
    plain = plain if plain.mode == "RGB" else plain.convert("RGB")
    if image.mode == "RGBA":
        plain.putalpha(image.getchannel("A"))
    return plain


TOO_MANY_PIXELS = (
    f"This picture has more than {PIXELS_LIMIT // 1_000_000} million pixels, so it was not opened: save it smaller."
)
TOO_MUCH_MEMORY = "This picture takes more memory to decode than it may: save it smaller, or as PNG or a usual JPEG."
TOO_LONG = "This picture takes longer to decode than it may: save it smaller, or as PNG or a usual JPEG."
TOO_MANY_SCANS = (
    f"This JPEG is stored in more than {SCANS_LIMIT} passes, so it was not opened: save it again as a usual JPEG."
)
