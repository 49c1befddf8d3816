"""Is it a picture that the service takes? Judged by bytes. And the thumbnails, which are what people look at."""

import io
import random
import re
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from kie import pictures
from kie.errors import FileRefused
from kie.pictures import glance, inspect, make_thumbnail
from tests.drawn import (
    STORED_AS,
    animated,
    colour_at,
    damaged,
    encoded,
    is_near,
    noise,
    picture,
    quartered,
    shows_quarters,
    turned,
)

MIB = 2**20


def png(size: tuple[int, int], depth: int, colour_type: int, pixels: bytes = b"", *more: tuple[bytes, bytes]) -> bytes:
    """Return a PNG put together by hand: `pixels` are rows that each begin with a filter byte, `more` are chunks."""
    header = struct.pack(">2I5B", *size, depth, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), *more, (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Puts bytes on disk under a name that says nothing true."""

    def write(content: bytes, name: str = "picture.png") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def thumbnail(tmp_path: Path) -> Callable[..., Image.Image]:
    """Makes a thumbnail of bytes and opens it."""

    def make(content: bytes, **options: int) -> Image.Image:
        path, target = tmp_path / "picture", tmp_path / "thumbnails" / "ab" / "made.webp"
        path.write_bytes(content)
        make_thumbnail(path, target, **options)
        with Image.open(target) as image:
            image.load()
            assert image.format == "WEBP"
            return image

    return make


def refusal(judge: Callable[[Path], object], path: Path) -> str:
    """Return why a file is refused. Every refusal is one sentence: what happened, the money, what to do."""
    with pytest.raises(FileRefused) as caught:
        judge(path)
    told = caught.value.sentence
    assert re.fullmatch(r"This ([^.]|\.\d)+,( so)? nothing was sent and no credits were spent: [^.]+\.", told), told
    assert str(path) not in told
    return told


# What is taken


@pytest.mark.parametrize(("kind", "named"), [("JPEG", "jpeg"), ("PNG", "png"), ("WEBP", "webp")])
def test_the_three_kinds_are_taken_whatever_their_names_say(file: Callable[..., Path], kind: str, named: str):
    content = picture(kind, (96, 64))
    for name in ("picture.gif", "picture", "picture.pdf", "ü \u202e.exe"):
        path = file(content, name)
        for judge in (glance, inspect):
            seen = judge(path)
            assert (seen.kind, seen.width, seen.height, seen.bytes) == (named, 96, 64, len(content))


def test_a_stream_is_judged_as_a_file_is_and_stays_open():
    stream = io.BytesIO(picture("WEBP", (30, 20)))
    stream.read(7)
    assert (glance(stream).kind, glance(stream).width) == ("webp", 30)
    stream.seek(0)
    assert stream.read(4) == b"RIFF"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_one_pixel_is_a_picture(file: Callable[..., Path], thumbnail: Callable[..., Image.Image], kind: str):
    content = picture(kind, (1, 1))
    assert (inspect(file(content)).width, inspect(file(content)).height) == (1, 1)
    assert thumbnail(content).size == (1, 1)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_of_a_kind_that_is_taken_counts_as_its_first_picture(
    file: Callable[..., Path], thumbnail: Callable[..., Image.Image], kind: str
):
    content = animated(kind)
    assert (inspect(file(content)).kind, inspect(file(content)).width) == (kind.lower(), 40)
    assert is_near(colour_at(thumbnail(content), 0.5, 0.5)[:3], (255, 0, 0))


def test_a_camera_s_two_pictures_in_one_are_a_jpeg(file: Callable[..., Path], thumbnail: Callable[..., Image.Image]):
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert b"MPF" in content
    assert inspect(file(content)).kind == "jpeg"
    assert is_near(colour_at(thumbnail(content), 0.5, 0.5), (255, 0, 0))


def test_exactly_30_mib_are_taken_and_one_byte_more_is_not(file: Callable[..., Path]):
    content = picture("PNG")
    full = content + bytes(30 * MIB - len(content))
    assert glance(file(full)).bytes == 30 * MIB
    assert glance(io.BytesIO(full)).bytes == 30 * MIB
    told = refusal(glance, file(full + b"\0"))
    assert told.startswith("This file has 30.1 MB; a reference may have 30 MB")


def test_what_came_back_from_the_service_may_be_larger_than_a_reference(file: Callable[..., Path]):
    content = picture("PNG")
    assert inspect(file(content + bytes(31 * MIB))).bytes == len(content) + 31 * MIB


# What is refused


def test_an_empty_file_is_called_empty(file: Callable[..., Path]):
    assert refusal(glance, file(b"")).startswith("This file is empty")
    assert "not a picture" in refusal(inspect, file(b""))


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n",
        encoded(Image.new("RGB", (40, 30)), "PDF"),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!doctype html><title>404</title>",
        b"PK\x03\x04 zip",
        b"\0" * 1000,
        b"x",
        b"\xff\xd8",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x00\x00\x00\x00WEBP",
    ],
)
def test_what_is_no_picture_is_refused_whatever_its_name_says(file: Callable[..., Path], content: bytes):
    for name in ("picture.png", "picture.jpg", "picture.webp"):
        for judge in (glance, inspect):
            assert "not a picture, whatever its name says" in refusal(judge, file(content, name))


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "ICO"])
def test_a_picture_of_another_kind_is_refused_by_its_kind(file: Callable[..., Path], kind: str):
    for judge in (glance, inspect):
        told = refusal(judge, file(picture(kind), "picture.png"))
        assert f"format is {kind}" in told
        assert "JPEG, PNG and WebP" in told


def test_an_animated_gif_is_refused_as_a_gif(file: Callable[..., Path]):
    assert "format is GIF" in refusal(glance, file(animated("GIF"), "moving.webp"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("kept", [0.03, 0.5, 0.99])
def test_a_truncated_picture_is_found_out_when_it_is_decoded(
    file: Callable[..., Path], tmp_path: Path, kind: str, kept: float
):
    content = encoded(noise(), kind)
    path = file(content[: int(len(content) * kept)])
    assert "cut off or broken" in refusal(inspect, path)
    assert "cut off or broken" in refusal(lambda path: make_thumbnail(path, tmp_path / "made.webp"), path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_first_glance_reads_no_further_than_the_header(file: Callable[..., Path], kind: str):
    content = encoded(noise(), kind)
    assert glance(file(content[: len(content) // 2])).width == 160


def test_a_file_that_is_gone_is_not_called_broken(tmp_path: Path):
    for judge in (glance, inspect):
        with pytest.raises(FileNotFoundError):
            judge(tmp_path / "gone.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # as kie.pictures itself sets it
@pytest.mark.parametrize("size", [(10_001, 12_000), (15_000, 15_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_header_that_promises_too_many_pixels_is_refused_undecoded(file: Callable[..., Path], size: tuple[int, int]):
    # There is nothing to decode: only the header speaks of pixels.
    path = file(png(size, 8, 2))
    for judge in (glance, inspect):
        told = refusal(judge, path)
        assert "more than 120 million pixels" in told
        assert "not opened" in told


def test_a_header_at_the_limit_passes_the_first_glance(file: Callable[..., Path]):
    assert glance(file(png((10_000, 12_000), 8, 2))).height == 12_000


@pytest.mark.filterwarnings("ignore::UserWarning")  # the decoder's own grumbling
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "ICO", "DDS", "TGA", "PCX", "PPM"])
def test_a_damaged_file_is_a_picture_or_refused_and_nothing_else(file: Callable[..., Path], tmp_path: Path, kind: str):
    dice, sound = random.Random(kind), encoded(noise((24, 16)), kind)
    for _ in range(60):
        path = file(damaged(sound, dice))
        for look in (glance, inspect, lambda path: make_thumbnail(path, tmp_path / "made.webp")):
            try:
                look(path)
            except FileRefused as error:
                assert "no credits were spent" in error.sentence


# Upright


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_turned_picture_is_measured_and_shown_upright(
    file: Callable[..., Path], thumbnail: Callable[..., Image.Image], kind: str, orientation: int
):
    content = turned(kind, orientation)
    for judge in (glance, inspect):
        seen = judge(file(content))
        assert (seen.width, seen.height) == (160, 96)
    small = thumbnail(content)
    assert small.size == (160, 96)
    assert shows_quarters(small)
    assert 0x0112 not in small.getexif()


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_orientation_that_nobody_has_defined_is_left_as_it_is(
    file: Callable[..., Path], thumbnail: Callable[..., Image.Image], orientation: int
):
    content = turned("JPEG", orientation)
    assert (glance(file(content)).width, thumbnail(content).size) == (160, (160, 96))


def test_an_odd_note_beside_the_orientation_does_not_stop_the_thumbnail(thumbnail: Callable[..., Image.Image]):
    # The width (0x0100) stands there as a text, which can be read but not written anew.
    entries = [struct.pack("<HHI4s", 0x0100, 2, 4, b"160"), struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)]
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    content = encoded(quartered().transpose(STORED_AS[6]), "JPEG", exif=exif)
    assert shows_quarters(thumbnail(content))


# Thumbnails


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((2000, 1000), (512, 256)),
        ((1000, 2000), (256, 512)),
        ((513, 513), (512, 512)),
        ((512, 512), (512, 512)),
        ((200, 100), (200, 100)),
        ((1, 5000), (1, 512)),
        ((5000, 1), (512, 1)),
        ((3, 5000), (1, 512)),
        ((20_000, 7), (512, 1)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_longer_side_has_512_pixels_and_nothing_is_enlarged(
    thumbnail: Callable[..., Image.Image], kind: str, size: tuple[int, int], small: tuple[int, int]
):
    assert thumbnail(picture(kind, size)).size == small


def test_another_length_can_be_asked_for(thumbnail: Callable[..., Image.Image]):
    assert thumbnail(picture("PNG", (300, 200)), longest_px=64).size == (64, 43)


def rows(pixel: bytes, size: tuple[int, int]) -> bytes:
    return (b"\0" + pixel * size[0]) * size[1]


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (picture("JPEG", mode="L", colour=128), (128, 128, 128)),
        (picture("JPEG", mode="CMYK", colour=(0, 255, 255, 0)), (255, 0, 0)),
        (picture("PNG", mode="1", colour=1), (255, 255, 255)),
        (picture("PNG", mode="L", colour=200), (200, 200, 200)),
        (picture("PNG", mode="I;16", colour=0x8000), (128, 128, 128)),
        (picture("PNG", mode="I;16", colour=0xFFFF), (255, 255, 255)),
        (encoded(quartered().quantize(4).crop((0, 0, 9, 9)), "PNG"), (255, 0, 0)),
        (png((9, 9), 16, 2, rows(b"\xff\xff\x80\x00\x00\x00", (9, 9))), (255, 128, 0)),
        (picture("PNG", mode="LA", colour=(90, 0)), (90, 90, 90, 0)),
        (picture("PNG", mode="RGBA", colour=(255, 0, 0, 128)), (255, 0, 0, 128)),
        (picture("WEBP", mode="RGBA", colour=(0, 0, 255, 128), lossless=True), (0, 0, 255, 128)),
        (picture("PNG", mode="P", colour=0, transparency=0), (0, 0, 0, 0)),
        (picture("PNG", mode="L", colour=7, transparency=7), (7, 7, 7, 0)),
        (picture("PNG", mode="RGB", colour=(1, 2, 3), transparency=(1, 2, 3)), (1, 2, 3, 0)),
        (png((9, 9), 16, 6, rows(b"\x00\x00\xff\xff\x00\x00\x80\x00", (9, 9))), (0, 255, 0, 128)),
    ],
    ids=[
        *("grey JPEG", "CMYK JPEG", "black and white", "grey", "16-bit grey", "16-bit white", "palette"),
        *("16-bit colour", "grey with alpha", "colour with alpha", "WebP with alpha", "transparent palette"),
        *("transparent grey", "transparent colour", "16-bit colour with alpha"),
    ],
)
def test_every_way_to_store_colour_is_decoded_and_shown(
    file: Callable[..., Path], thumbnail: Callable[..., Image.Image], content: bytes, shown: tuple[int, ...]
):
    inspect(file(content))
    seen = colour_at(thumbnail(content), 0.5, 0.5)
    assert is_near(seen, shown) or seen[3:] == shown[3:] == (0,)


def test_a_thumbnail_is_there_whole_or_not_at_all(file: Callable[..., Path], tmp_path: Path):
    target = tmp_path / "thumbnails" / "made.webp"
    with pytest.raises(FileRefused):
        make_thumbnail(file(encoded(noise(), "JPEG")[:3000]), target)
    assert not target.exists()
    make_thumbnail(file(picture()), target)
    assert list(target.parent.iterdir()) == [target]


def test_threads_that_make_the_same_thumbnail_do_not_hinder_each_other(file: Callable[..., Path], tmp_path: Path):
    path, target = file(encoded(noise((400, 300)), "PNG")), tmp_path / "made.webp"
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(make_thumbnail, path, target) for _ in range(40)]:
            done.result()
    assert glance(target).width == 400
    assert sorted(tmp_path.iterdir()) == [target, path]


def test_a_disk_that_refuses_the_thumbnail_is_not_blamed_on_the_picture(file: Callable[..., Path], tmp_path: Path):
    (tmp_path / "made.webp").mkdir()
    with pytest.raises(OSError):
        make_thumbnail(file(picture()), tmp_path / "made.webp")


def test_comments_and_profiles_in_a_picture_do_not_matter(file: Callable[..., Path]):
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", "x" * 100_000, zip=True)
    info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>")
    assert inspect(file(encoded(noise(), "PNG", pnginfo=info))).width == 160


def test_each_kind_has_an_extension_and_a_type():
    assert pictures.EXTENSIONS == {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
    assert pictures.MIME_TYPES == {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
