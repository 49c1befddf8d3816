"""What a picture tells beside its pixels: taken out before it is sent, and no reason to refuse it."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from tests.images.conftest import Mend
from tests.support import images
from tests.support.images import encoded, noise, quartered, shows_quarters

RED = (255, 0, 0)
METADATA = "Metadata removed, such as the place and the camera: anyone with the uploaded picture's link could read it."
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LONG = 4


# Where and with what it was taken


def segment(marker: int, content: bytes) -> Callable[[bytes], bytes]:
    return lambda jpeg: images.with_segment(jpeg, marker, content)


def chunk(name: bytes, content: bytes, **options: Any) -> Callable[[bytes], bytes]:
    return lambda png: images.with_chunk(png, name, content, **options)


GPS = struct.pack("<HHHI4s", 1, 2, 5, 3, b"\0" * 4) + bytes(4)
WITH_PLACE = images.exif_with((0x8825, LONG, 1, struct.pack("<I", 26)), more=GPS)
XMP = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:Description %s/></x:xmpmeta>"
IPTC = b"Photoshop 3.0\x008BIM\4\4\0\0\0\0\0\x0b\x1c\x02\x5a\0\6Vienna"
SECRETS = {
    "JPEG, EXIF": ("JPEG", segment(0xE1, WITH_PLACE)),
    "JPEG, the maker's notes": ("JPEG", segment(0xE1, images.exif_with((0x927C, 7, 4, b"Mine")))),
    "JPEG, XMP": ("JPEG", segment(0xE1, XMP % b"exif:GPSLatitude='48,8N'")),
    "JPEG, IPTC": ("JPEG", segment(0xED, IPTC)),
    "JPEG, a comment": ("JPEG", segment(0xFE, b"a secret")),
    "JPEG, a second picture": ("JPEG", lambda jpeg: jpeg + images.with_segment(jpeg, 0xE1, WITH_PLACE)),
    "JPEG, a film": ("JPEG", lambda jpeg: jpeg + b"\0\0\0\x18ftypmp42\0\0\0\x1e\xa9xyz\0\x12+48.2+016.3/"),
    "PNG, EXIF": ("PNG", chunk(b"eXIf", WITH_PLACE.removeprefix(b"Exif\0\0"))),
    "PNG, EXIF after the pixels": ("PNG", chunk(b"eXIf", WITH_PLACE, before=b"IEND")),
    "PNG, compressed text": ("PNG", chunk(b"zTXt", b"exif\0\0" + zlib.compress(b"exif:GPSInfo=1"))),
    "PNG, after its end": ("PNG", lambda png: png + b"a secret"),
    "WebP, EXIF": ("WEBP", lambda webp: images.with_riff(webp, b"EXIF", WITH_PLACE)),
    "WebP, XMP": ("WEBP", lambda webp: images.with_riff(webp, b"XMP ", XMP % b"exif:GPSLongitude='16E'")),
}


@pytest.mark.parametrize(("kind", "put"), SECRETS.values(), ids=SECRETS)
def test_where_and_with_what_it_was_taken_is_taken_out_and_not_a_pixel_changed(
    tmp_path: Path, mend: Mend, kind: str, put: Callable[[bytes], bytes]
) -> None:
    sound = encoded(noise(), kind, icc_profile=SRGB)
    told, made = mend(put(sound))
    assert told == METADATA
    before = Image.open(io.BytesIO(sound))
    assert (made.format, made.mode, made.tobytes()) == (kind, before.mode, before.tobytes())
    assert made.info["icc_profile"] == SRGB
    assert len((tmp_path / "right").read_bytes()) <= len(sound)


@pytest.mark.parametrize("content", images.odd().values(), ids=images.odd())
def test_odd_metadata_goes_too(mend: Mend, content: bytes) -> None:
    _, made = mend(content)
    assert made is None or shows_quarters(made)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "JPEG", "PNG", "WEBP"])
def test_what_is_converted_loses_it_too_and_it_is_said(mend: Mend, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 20.0)
    told, _ = mend(encoded(quartered(), kind, exif=exif.tobytes()))
    assert told.endswith(f". {METADATA}")


# Metadata


@pytest.mark.filterwarnings("ignore::UserWarning")  # the decoder's own grumbling
@pytest.mark.parametrize(
    "entry",
    [
        (270, 3, 9, b"\xff\xff\xff\x7f"),  # A description of another type, beyond the end.
        (271, 5, 1, b"\xff\xff\xff\x7f"),
        (274, 5, 1, b"\xff\xff\xff\x7f"),
        (282, 2, 4, b"72\0\0"),
        (700, 12, 1, b"\1\0\0\0"),
        (34675, 4, 1, b"\xff\xff\xff\xff"),
        (34675, 7, 2**31, b"\x08\0\0\0"),
        (34665, 4, 1, b"\xff\xff\xff\xff"),
    ],
)
def test_a_tiff_is_taken_whatever_its_tags_beside_the_pixels_say(
    mend: Mend, entry: tuple[int, int, int, bytes]
) -> None:
    told, made = mend(images.tiff_with(entry))
    assert told == "Saved as PNG: the service does not take TIFF."
    assert (made.size, made.getpixel((5, 5)), made.info) == ((16, 8), RED, {})


@pytest.mark.parametrize("exif", [b"Exif\0\0" + b"\xde\xad\xbe\xef" * 9, b"Exif\0\0II*\0", b"Exif\0\0", b"II"])
def test_a_heic_is_taken_whatever_its_exif_says(mend: Mend, exif: bytes) -> None:
    told, made = mend(encoded(quartered(), "HEIF", exif=exif))
    assert told == f"Saved as JPEG: the service does not take HEIC. {METADATA}"
    assert shows_quarters(made)


@pytest.mark.parametrize("what", [what for what in images.odd() if what.startswith("PNG")])
def test_an_animation_with_odd_metadata_is_made_right(mend: Mend, what: str) -> None:
    still = images.odd()[what]
    frames = images.chunk(b"acTL", struct.pack(">II", 2, 0))
    told, made = mend(still[:33] + frames + still[33:])
    assert told.startswith("Only its first picture kept: a reference is one still picture.")
    assert shows_quarters(made)
