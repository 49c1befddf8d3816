"""What the service would not take as it is becomes what it takes, and one sentence says what was changed."""

import hashlib
import io
import itertools
import random
import re
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from kie.errors import FileRefused
from kie.images.convert import to_accepted, too_large, versions
from tests.images.conftest import Mend
from tests.support import images
from tests.support.images import (
    animated,
    colour_at,
    encoded,
    is_near,
    noise,
    picture,
    quartered,
    shows_quarters,
    turned,
)

MIB = 2**20
RED = (255, 0, 0)
METADATA = "Metadata removed, such as the place and the camera: anyone with the uploaded picture's link could read it."
CAMERA = "Turned upright: the service may not see how the camera was held."
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SHORT, LONG, BYTE = 3, 4, 1
PREVIEW, SUB_DIRECTORY = (254, LONG, 1, struct.pack("<I", 1)), (330, LONG, 1, struct.pack("<I", 8))
# What a camera's raw file begins with; a reader of TIFF finds a small preview, or nothing.
RAWS = {
    "DNG": images.tiff_with(PREVIEW, SUB_DIRECTORY, (50706, BYTE, 4, b"\1\4\0\0")),
    "DNG without a preview": images.tiff_with((50706, BYTE, 4, b"\1\6\0\0")),
    "NEF and ARW": images.tiff_with(PREVIEW, SUB_DIRECTORY),
    "PEF": images.tiff_with((262, SHORT, 1, struct.pack("<I", 32803))),
    "CR2": b"II*\0\x10\0\0\0CR\2\0" + bytes(100),
    "CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100),
    "ORF": b"IIRO\x08\0\0\0" + bytes(100),
    "RW2": b"IIU\0\x18\0\0\0" + bytes(100),
    "RAF": b"FUJIFILMCCD-RAW 0201" + bytes(100),
}


def refusal(content: bytes, target: Path) -> str:
    with pytest.raises(FileRefused) as caught:
        to_accepted(images.written(target.parent, content), target)
    told = caught.value.sentence
    assert re.fullmatch(r"This ([^.:]|\.\d)+: [^.:]+\.", told), told
    assert not target.exists()
    return told


# What is right already


@pytest.mark.parametrize(
    "content",
    [
        picture("JPEG"),
        picture("PNG"),
        picture("WEBP"),
        picture("PNG", mode="RGBA", colour=(1, 2, 3, 4)),
        picture("PNG", mode="P", colour=3),
        picture("JPEG", mode="L", colour=128),
        images.with_chunk(images.with_chunk(picture("PNG"), b"pHYs", bytes(9)), b"gAMA", struct.pack(">I", 45455)),
        *(encoded(noise(), kind, icc_profile=SRGB) for kind in ("JPEG", "PNG", "WEBP")),
    ],
)
def test_what_the_service_takes_stays_as_it_is(mend: Mend, content: bytes) -> None:
    assert mend(content) == (None, None)


def test_exactly_30_mib_stay_as_they_are(mend: Mend) -> None:
    room = 30 * MIB - len(picture("PNG")) - 12
    assert mend(images.with_chunk(picture("PNG"), b"IDAT", bytes(room), before=b"IEND")) == (None, None)
    too_large = images.with_chunk(picture("PNG"), b"IDAT", bytes(room + 1), before=b"IEND")
    assert mend(too_large)[0] == "Compressed: a reference may have 30 MB."


# Formats


@pytest.mark.parametrize(
    ("kind", "named", "saved_as"),
    [
        ("HEIF", "HEIC", "JPEG"),
        ("AVIF", "AVIF", "JPEG"),
        ("TIFF", "TIFF", "PNG"),
        ("BMP", "BMP", "PNG"),
        ("GIF", "GIF", "PNG"),
    ],
)
def test_another_format_is_saved_as_one_that_the_service_takes(
    mend: Mend, kind: str, named: str, saved_as: str
) -> None:
    told, made = mend(encoded(quartered(), kind))
    assert told == f"Saved as {saved_as}: the service does not take {named}."
    assert (made.format, made.size, made.mode) == (saved_as, (160, 96), "RGB")
    assert shows_quarters(made)


@pytest.mark.parametrize("kind", ["TIFF", "BMP"])
def test_nothing_is_lost_of_what_was_saved_without_loss(mend: Mend, kind: str) -> None:
    _, made = mend(encoded(noise(), kind))
    assert made.tobytes() == noise().tobytes()


@pytest.mark.parametrize(("kind", "named"), [("HEIF", "HEIC"), ("AVIF", "AVIF")])
def test_a_file_that_names_only_the_family_of_its_format_is_read_by_the_decoder_that_can(
    mend: Mend, kind: str, named: str
) -> None:
    content = encoded(quartered(), kind)
    told, made = mend(content[:8] + b"mif1" + content[12:])
    assert told == f"Saved as JPEG: the service does not take {named}."
    assert shows_quarters(made)


# Upright


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_a_turned_picture_is_set_upright(mend: Mend, kind: str, orientation: int) -> None:
    told, made = mend(turned(kind, orientation))
    assert made.size == (160, 96)
    assert shows_quarters(made)
    expected = {
        "JPEG": CAMERA,
        "PNG": CAMERA,
        "WEBP": "Turned upright and saved as JPEG: the service may not see how the camera was held.",
        "TIFF": "Turned upright and saved as PNG: the service does not take TIFF.",
        "HEIF": "Turned upright and saved as JPEG: the service does not take HEIC.",
        "AVIF": "Turned upright and saved as JPEG: the service does not take AVIF.",
    }
    assert told == (expected[kind] if kind == "TIFF" else f"{expected[kind]} {METADATA}")


def test_a_camera_s_two_pictures_in_one_are_set_upright_as_one(mend: Mend) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    upside_down = quartered().transpose(Image.Transpose.ROTATE_180)
    content = encoded(upside_down, "MPO", save_all=True, append_images=[noise((80, 60))], exif=exif)
    assert b"MPF" in content
    told, made = mend(content)
    assert (told, made.format) == (f"{CAMERA} {METADATA}", "JPEG")
    assert shows_quarters(made)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_a_tiff_is_read_whatever_its_compression(tmp_path: Path, compression: str) -> None:
    stored = quartered().transpose(images.STORED_AS[6])
    content = encoded(stored, "TIFF", compression=compression, tiffinfo={0x0112: 6, 0x010E: "a secret"})
    (tmp_path / "a.tif").write_bytes(content)
    to_accepted(tmp_path / "a.tif", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as made:
        assert shows_quarters(made)
    assert b"a secret" not in (tmp_path / "b.png").read_bytes()


# One still picture


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("GIF", "Only its first picture kept and saved as PNG: the service does not take GIF."),
        ("PNG", "Only its first picture kept: a reference is one still picture."),
        ("WEBP", "Only its first picture kept and saved as JPEG: a reference is one still picture."),
        ("AVIF", "Only its first picture kept and saved as JPEG: the service does not take AVIF."),
        ("HEIF", "Only its first picture kept and saved as JPEG: the service does not take HEIC."),
        ("TIFF", "Only its first page kept and saved as PNG: the service does not take TIFF."),
    ],
)
def test_of_several_pictures_the_first_is_kept(mend: Mend, kind: str, expected: str) -> None:
    told, made = mend(animated(kind))
    assert told == expected
    assert is_near(colour_at(made.convert("RGB"), 0.5, 0.5), RED)


# Bytes


def test_a_picture_of_31_mb_is_made_to_fit(mend: Mend, tmp_path: Path) -> None:
    content = images.noisy_png(tmp_path / "huge.png", 31 * MIB).read_bytes()
    told, made = mend(content)
    assert told == "Saved as JPEG: a reference may have 30 MB."
    assert made.size == Image.open(io.BytesIO(content)).size


def dots() -> bytes:
    """Return a JPEG of black and white dots, which has 33 MB in the better quality and 22 MB in the other."""
    image = Image.frombytes("1", (5200, 5200), random.Random(1).randbytes(5200 * 650))
    return encoded(image.convert("L"), "JPEG", quality=100)


LARGE = {
    "flat": (lambda: encoded(quartered((2900, 2900)).convert("RGBA"), "PNG", compress_level=0), "Compressed", "PNG"),
    "dots": (dots, "Compressed", "JPEG"),
    "turned and long": (
        lambda: encoded(noise((70_000, 160)), "TIFF", tiffinfo={0x0112: 3}),
        "Turned upright, made smaller, 49000 × 112 pixels and saved as JPEG",
        "JPEG",
    ),
}


@pytest.mark.parametrize(("content", "expected", "kind"), LARGE.values(), ids=LARGE)
def test_what_has_too_many_bytes_loses_as_little_as_can_be(
    mend: Mend, content: Callable[[], bytes], expected: str, kind: str
) -> None:
    told, made = mend(content())
    assert (told.partition(":")[0], made.format) == (expected, kind)


@pytest.mark.parametrize(
    ("mode", "width", "is_lossless", "tried"),
    [
        ("RGB", 100, True, [("png", 100), ("jpeg", 100), ("jpeg", 100), ("jpeg", 70), ("jpeg", 70), ("jpeg", 49)]),
        ("RGB", 100, False, [("jpeg", 100), ("jpeg", 100), ("jpeg", 70), ("jpeg", 70)]),
        ("RGBA", 100, False, [("png", 100), ("webp", 100), ("webp", 70), ("webp", 49)]),
        # JPEG takes 65,500 pixels in a row, and WebP 16,383.
        ("RGB", 70_000, True, [("png", 70_000), ("jpeg", 49_000)]),
        ("RGBA", 17_000, True, [("png", 17_000), ("webp", 11_900)]),
    ],
)
def test_versions_are_tried_from_the_best_on_and_stay_clear(
    mode: str, width: int, is_lossless: bool, tried: list[tuple[str, int]]
) -> None:
    image = noise((width, 9)).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    made = list(itertools.islice(versions(image, is_lossless), len(tried)))
    assert [(kind, version.width) for kind, version, _ in made] == tried
    assert {version.mode for _, version, _ in made} == {mode}
    if mode == "RGBA":
        assert all(colour_at(version, 0, 0)[3] < 64 < 192 < colour_at(version, 0, 0.99)[3] for _, version, _ in made)


# Colours


@pytest.mark.parametrize(
    ("mode", "colour", "kind", "made_as", "shown"),
    [
        ("1", 1, "TIFF", "L", 255),
        ("L", 100, "TIFF", "L", 100),
        ("LA", (90, 100), "TIFF", "RGBA", (90, 90, 90, 100)),
        ("P", 3, "GIF", "RGB", None),
        ("RGBA", (9, 80, 7, 100), "TIFF", "RGBA", (9, 80, 7, 100)),
        ("RGBA", (9, 80, 7, 100), "HEIF", "RGBA", (9, 80, 7, 100)),
        ("RGBA", (9, 80, 7, 100), "AVIF", "RGBA", (9, 80, 7, 100)),
        ("RGBA", (9, 80, 7, 255), "TIFF", "RGB", (9, 80, 7)),
        ("RGBA", (9, 80, 7, 255), "HEIF", "RGB", (9, 80, 7)),
        ("CMYK", (0, 255, 255, 0), "TIFF", "RGB", RED),
        ("I;16", 0x8000, "TIFF", "RGB", (128, 128, 128)),
        ("I;16B", 0x8000, "TIFF", "RGB", (128, 128, 128)),
        ("I", 0x8000, "TIFF", "RGB", (128, 128, 128)),
        ("F", 0.5, "TIFF", "RGB", (127, 127, 127)),
        ("LAB", (255, 128, 128), "TIFF", "RGB", (255, 255, 255)),
        ("YCbCr", (76, 85, 255), "TIFF", "RGB", RED),
    ],
)
def test_every_way_to_store_colour_becomes_one_that_everybody_reads(
    mend: Mend, mode: str, colour: object, kind: str, made_as: str, shown: object
) -> None:
    _, made = mend(picture(kind, mode=mode, colour=colour))
    assert made.mode == made_as
    seen = made.getpixel((5, 5))
    assert shown is None or seen == shown or is_near(seen, shown)


def test_what_a_gif_lets_through_is_kept(mend: Mend) -> None:
    _, made = mend(picture("GIF", mode="P", colour=0, transparency=0))
    assert (made.format, made.mode, made.getpixel((5, 5))[3]) == ("PNG", "RGBA", 0)


@pytest.mark.parametrize("kind", ["TIFF", "HEIF", "AVIF"])
def test_the_colour_profile_goes_along(mend: Mend, kind: str) -> None:
    assert mend(encoded(quartered(), kind, icc_profile=SRGB))[1].info["icc_profile"] == SRGB


# The same again


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "TIFF", "BMP", "GIF", "JPEG", "PNG", "WEBP"])
def test_the_same_file_gives_the_same_bytes_each_time(tmp_path: Path, kind: str) -> None:
    content = animated(kind) if kind == "GIF" else turned(kind, 6)

    source = images.written(tmp_path, content)

    def digest(number: int) -> str:
        target = tmp_path / str(number)
        assert to_accepted(source, target)
        return hashlib.sha256(target.read_bytes()).hexdigest()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(digest, range(8)))) == 1


# What can't be made right


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "This file is empty"),
        (b"%PDF-1.7\n", "This is not a picture"),
        (encoded(Image.new("RGB", (40, 30)), "PDF"), "This is not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "This is not a picture"),
        (picture("ICO"), "format is ICO"),
        (picture("DDS"), "format is DDS"),
        *((content, "camera raw") for content in RAWS.values()),
        (b"GIF89a" + struct.pack("<HH", 20_000, 20_000) + picture("GIF")[10:], "more than 100 million pixels"),
        (picture("BMP")[:18] + struct.pack("<ii", 20_000, 20_000) + picture("BMP")[26:], "more than 100 million"),
    ],
    ids=["empty", "PDF", "a picture as PDF", "SVG", "ICO", "DDS", *RAWS, "a GIF of 400 megapixels", "a BMP of 400"],
)
def test_what_cannot_be_made_right_is_refused_with_its_reason(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refusal(content, tmp_path / "right")


def test_a_tiff_with_a_smaller_version_beside_it_is_no_camera_raw(mend: Mend) -> None:
    for tags in ([SUB_DIRECTORY], [PREVIEW], [(254, LONG, 1, bytes(4)), SUB_DIRECTORY]):
        assert mend(images.tiff_with(*tags))[1].size == (16, 8)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("kept", [0.5, 0.95])
def test_what_is_cut_off_is_refused_at_once(tmp_path: Path, kind: str, kept: float) -> None:
    content = encoded(noise(), kind)
    assert "cut off or broken" in refusal(content[: int(len(content) * kept)], tmp_path / "right")


def test_a_turned_picture_that_is_cut_off_is_refused_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(noise(), "JPEG", exif=exif)
    assert "cut off or broken" in refusal(content[: len(content) // 2], tmp_path / "right")


@pytest.mark.filterwarnings("ignore::UserWarning")  # the decoder's own grumbling
@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "TIFF", "BMP", "GIF", "JPEG", "PNG", "WEBP"])
def test_a_damaged_file_is_made_right_or_refused_and_nothing_else(tmp_path: Path, kind: str) -> None:
    dice = random.Random(kind)
    sound = turned(kind, 6) if kind not in ("BMP", "GIF") else encoded(noise((24, 16)), kind)
    for _ in range(60):
        try:
            to_accepted(images.written(tmp_path, images.damaged(sound, dice)), tmp_path / "right")
        except FileRefused as error:
            assert ": " in error.sentence


def test_a_disk_that_refuses_is_not_blamed_on_the_picture(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="right"):
        to_accepted(images.written(tmp_path, picture("BMP")), tmp_path / "nowhere" / "right")


def test_more_than_200_mb_are_said_to_be_too_many() -> None:
    assert too_large(200 * MIB + 1).startswith("This file has 200.1 MB; up to 200 MB are converted to fit: ")
