"""Converts pictures to sRGB by their ICC profile."""

import contextlib
import io

from PIL import Image, ImageCms

# The colour space in a profile's header for each mode.
_SPACES = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture in mode L, RGB, RGBA or CMYK as RGB or RGBA in sRGB.

    A profile that is missing, broken or for other colours is ignored.
    """
    plain = image.convert("RGB") if image.mode == "RGBA" else image
    if profile and profile[16:20] == _SPACES[plain.mode]:
        srgb = ImageCms.createProfile("sRGB")
        with contextlib.suppress(ImageCms.PyCMSError):  # A broken profile.
            plain = ImageCms.profileToProfile(plain, io.BytesIO(profile), srgb, outputMode="RGB")
    plain = plain if plain.mode == "RGB" else plain.convert("RGB")
    if image.mode == "RGBA":
        plain.putalpha(image.getchannel("A"))
    return plain
