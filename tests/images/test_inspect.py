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
from PIL import Image

from kie.errors import FileRefused, SpentAndKept, TooLargeToShow, TooSlowToShow
from kie.images import inspect
from kie.images.inspect import check_header, decode, measure
from kie.images.segments import FileOfParts
from tests.support import images
from tests.support.images import (
    STORED_AS,
    animated,
    colour_at,
    damaged,
    encoded,
    is_near,
    noise,
    picture,
    png,
    quartered,
    shows_quarters,
    turned,
)

MIB = 2**20


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

    def make(content: bytes) -> Image.Image:
        path, target = tmp_path / "picture", tmp_path / "thumbnails" / "ab" / "made.webp"
        path.write_bytes(content)
        decode(path, target)
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
    assert re.fullmatch(r"This ([^.:]|\.\d)+: [^.:]+\.", told), told
    assert str(path) not in told
    return told


# What is taken


@pytest.mark.parametrize(("kind", "named"), [("JPEG", "jpeg"), ("PNG", "png"), ("WEBP", "webp")])
def test_the_three_kinds_are_taken_whatever_their_names_say(file: Callable[..., Path], kind: str, named: str):
    content = picture(kind, (96, 64))
    for name in ("picture.gif", "picture", "picture.pdf", "ü \u202e.exe"):
        path = file(content, name)
        seen = check_header(path)
        assert (seen.kind, seen.width, seen.height, seen.bytes) == (named, 96, 64, len(content))
        decode(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_one_pixel_is_a_picture(file: Callable[..., Path], thumbnail: Callable[..., Image.Image], kind: str):
    content = picture(kind, (1, 1))
    assert (check_header(file(content)).width, check_header(file(content)).height) == (1, 1)
    assert thumbnail(content).size == (1, 1)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_of_a_kind_that_is_taken_counts_as_its_first_picture(
    file: Callable[..., Path], thumbnail: Callable[..., Image.Image], kind: str
):
    content = animated(kind)
    assert (check_header(file(content)).kind, check_header(file(content)).width) == (kind.lower(), 40)
    assert is_near(colour_at(thumbnail(content), 0.5, 0.5)[:3], (255, 0, 0))


def test_a_camera_s_two_pictures_in_one_are_a_jpeg(file: Callable[..., Path], thumbnail: Callable[..., Image.Image]):
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert b"MPF" in content
    assert check_header(file(content)).kind == "jpeg"
    assert is_near(colour_at(thumbnail(content), 0.5, 0.5), (255, 0, 0))


def test_exactly_30_mib_are_taken_and_one_byte_more_is_not(file: Callable[..., Path]):
    content = picture("PNG")
    full = content + bytes(30 * MIB - len(content))
    assert check_header(file(full)).bytes == 30 * MIB
    told = refusal(check_header, file(full + b"\0"))
    assert told.startswith("This file has 30.1 MB; a reference may have 30 MB")


def test_what_came_back_from_the_service_may_be_larger_than_a_reference(file: Callable[..., Path]):
    content = picture("PNG")
    path = file(content + bytes(31 * MIB))
    decode(path)
    assert measure(path).bytes == len(content) + 31 * MIB


# What is refused


def test_an_empty_file_is_called_empty(file: Callable[..., Path]):
    assert refusal(check_header, file(b"")).startswith("This file is empty")
    assert refusal(decode, file(b"")).startswith("This file is empty")


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
    ],
)
def test_what_is_no_picture_is_refused_whatever_its_name_says(file: Callable[..., Path], content: bytes):
    for name in ("picture.png", "picture.jpg", "picture.webp"):
        for judge in (check_header, decode):
            assert "This is not a picture" in refusal(judge, file(content, name))


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "ICO"])
def test_a_picture_of_another_kind_is_refused_by_its_kind(file: Callable[..., Path], kind: str):
    for judge in (check_header, decode):
        told = refusal(judge, file(picture(kind), "picture.png"))
        assert f"format is {kind}" in told
        assert "JPEG, PNG and WebP" in told


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("kept", [0.03, 0.5, 0.99])
def test_a_truncated_picture_is_found_out_when_it_is_decoded(
    file: Callable[..., Path], tmp_path: Path, kind: str, kept: float
):
    content = encoded(noise(), kind)
    path = file(content[: int(len(content) * kept)])
    assert "cut off or broken" in refusal(decode, path)
    assert "cut off or broken" in refusal(lambda path: decode(path, tmp_path / "made.webp"), path)


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\x00\x00\x00\x00WEBP"])
def test_the_mere_beginning_of_a_picture_is_called_cut_off(file: Callable[..., Path], content: bytes):
    for judge in (check_header, decode):
        assert "cut off or broken" in refusal(judge, file(content))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_first_glance_reads_no_further_than_the_header(file: Callable[..., Path], kind: str):
    content = encoded(noise(), kind)
    assert check_header(file(content[: len(content) // 2])).width == 160


def test_a_file_that_is_gone_is_not_called_broken(tmp_path: Path):
    for judge in (check_header, decode):
        with pytest.raises(FileNotFoundError):
            judge(tmp_path / "gone.png")


@pytest.mark.parametrize("size", [(10_001, 10_000), (15_000, 15_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_header_that_promises_too_many_pixels_is_refused_undecoded(file: Callable[..., Path], size: tuple[int, int]):
    # There is nothing to decode: only the header speaks of pixels.
    path = file(png(size, 8, 2))
    told = refusal(check_header, path)
    assert "more than 100 million pixels" in told
    assert "not opened" in told
    with pytest.raises(TooLargeToShow):
        decode(path)
    assert (measure(path).width, measure(path).height) == size


@pytest.mark.parametrize(
    ("content", "is_taken"),
    [
        (images.repeated(images.progressive(), 20), True),
        (images.repeated(images.progressive(), 3000), False),
        # What looks like scans behind the picture's end, or in a part of it that is no scan, is none.
        (images.progressive() + b"\xff\xda\x00\x02" * 3000, True),
        (encoded(noise(), "JPEG", comment=b"\xff\xda\x00\x02" * 3000), True),
    ],
    ids=["20 scans more", "3,000 more", "behind the end", "in a comment"],
)
def test_a_jpeg_that_is_decoded_again_and_again_is_refused_by_its_markers(
    file: Callable[..., Path], content: bytes, is_taken: bool
):
    path = file(content)
    if is_taken:
        check_header(path)
        decode(path)
    else:
        assert "in more than 100 passes" in refusal(check_header, path)
        with pytest.raises(TooSlowToShow):
            decode(path)


@pytest.mark.parametrize(
    ("kind", "size", "options"),
    [("WEBP", (16_000, 2000), {}), ("JPEG", (9000, 8000), {"progressive": True, "subsampling": 0})],
)
def test_what_takes_more_memory_than_its_pixels_do_is_refused_undecoded(
    file: Callable[..., Path], kind: str, size: tuple[int, int], options: dict[str, object]
):
    path = file(resized(picture(kind, **options), size))
    assert "more memory to decode" in refusal(check_header, path)
    with pytest.raises(TooLargeToShow):
        decode(path)


def test_a_webp_without_pixels_is_refused_by_its_header(file: Callable[..., Path]):
    for size in ((0, 64), (96, 0)):
        assert "cut off or broken" in refusal(check_header, file(resized(picture("WEBP"), size)))


def resized(content: bytes, size: tuple[int, int]) -> bytes:
    """Return a picture whose header says another size."""
    if content[:4] == b"RIFF":
        return content[:26] + struct.pack("<HH", *size) + content[30:]
    at = content.index(b"\xff\xc2") + 5
    return content[:at] + struct.pack(">HH", *reversed(size)) + content[at + 4 :]


def test_a_file_that_is_nothing_but_parts_is_not_looked_through_for_ever(file: Callable[..., Path]):
    assert "cut off or broken" in refusal(check_header, file(b"\xff\xd8" + b"\xff\xfe\x00\x02" * 5_000_000))


def test_a_header_at_the_limit_passes_the_first_glance(file: Callable[..., Path]):
    assert check_header(file(png((10_000, 10_000), 8, 2))).height == 10_000


@pytest.mark.filterwarnings("ignore::UserWarning")  # the decoder's own grumbling
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "ICO", "DDS", "TGA", "PCX", "PPM"])
def test_a_damaged_file_is_a_picture_or_refused_and_nothing_else(file: Callable[..., Path], tmp_path: Path, kind: str):
    dice, sound = random.Random(kind), encoded(noise((24, 16)), kind)
    for _ in range(60):
        path = file(damaged(sound, dice))
        for look in (check_header, decode, lambda path: decode(path, tmp_path / "made.webp")):
            try:
                look(path)
            except FileRefused as error:
                assert ": " in error.sentence
            except SpentAndKept:  # its header promises more than is decoded
                assert look is not check_header


# Upright


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_turned_picture_is_measured_and_shown_upright(
    file: Callable[..., Path], thumbnail: Callable[..., Image.Image], kind: str, orientation: int
):
    content = turned(kind, orientation)
    seen = check_header(file(content))
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
    assert (check_header(file(content)).width, thumbnail(content).size) == (160, (160, 96))


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


def rows(pixel: bytes, size: tuple[int, int]) -> bytes:
    return zlib.compress((b"\0" + pixel * size[0]) * size[1])


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
    decode(file(content))
    seen = colour_at(thumbnail(content), 0.5, 0.5)
    assert is_near(seen, shown) or seen[3:] == shown[3:] == (0,)


def test_a_thumbnail_is_there_whole_or_not_at_all(file: Callable[..., Path], tmp_path: Path):
    target = tmp_path / "thumbnails" / "made.webp"
    with pytest.raises(FileRefused):
        decode(file(encoded(noise(), "JPEG")[:3000]), target)
    assert not target.exists()
    decode(file(picture()), target)
    assert list(target.parent.iterdir()) == [target]


def test_threads_that_make_the_same_thumbnail_do_not_hinder_each_other(file: Callable[..., Path], tmp_path: Path):
    path, target = file(encoded(noise((400, 300)), "PNG")), tmp_path / "made.webp"
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(decode, path, target) for _ in range(40)]:
            done.result()
    assert check_header(target).width == 400
    assert sorted(tmp_path.iterdir()) == [target, path]


def test_a_disk_that_refuses_the_thumbnail_is_not_blamed_on_the_picture(file: Callable[..., Path], tmp_path: Path):
    (tmp_path / "made.webp").mkdir()
    with pytest.raises(OSError):
        decode(file(picture()), tmp_path / "made.webp")


@pytest.mark.parametrize("content", images.odd().values(), ids=images.odd())
def test_metadata_does_not_decide_whether_pixels_are_good(
    file: Callable[..., Path], thumbnail: Callable[..., Image.Image], content: bytes
):
    assert check_header(file(content)) == measure(file(content))
    assert check_header(file(content)).width == 160
    assert shows_quarters(thumbnail(content))


@pytest.mark.parametrize("content", images.odd().values(), ids=images.odd())
def test_pixels_that_are_cut_off_are_found_out_whatever_the_metadata(file: Callable[..., Path], content: bytes):
    pixels = max(content.find(start) for start in (b"IDAT", b"\xff\xda", b"VP8 "))
    assert "cut off or broken" in refusal(decode, file(content[: pixels + 40]))


@pytest.mark.parametrize(
    "entry",
    [
        *(
            (kind, 1, struct.pack(letter, 6))
            for kind, letter in ((1, "B3x"), (3, "H2x"), (4, "I"), (6, "b3x"), (8, "h2x"), (9, "i"))
        ),
        (3, 2, struct.pack("<HH", 6, 6)),
        (3, 0, struct.pack("<HH", 6, 0)),
        (3, 3, struct.pack("<I", 26)),  # The offset of the bytes behind the directory.
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_of_another_type_or_count_is_read(
    file: Callable[..., Path], thumbnail: Callable[..., Image.Image], kind: str, entry: tuple[int, int, bytes]
):
    exif = images.exif_with((0x0112, *entry), more=struct.pack("<HHH", 6, 6, 6))
    stored = encoded(quartered().transpose(STORED_AS[6]), kind)
    put = {
        "JPEG": lambda: images.with_segment(stored, 0xE1, exif),
        "PNG": lambda: images.with_chunk(stored, b"eXIf", exif.removeprefix(b"Exif\0\0")),
        "WEBP": lambda: images.with_riff(stored, b"EXIF", exif),
    }
    content = put[kind]()
    assert (check_header(file(content)).width, check_header(file(content)).height) == (160, 96)
    assert shows_quarters(thumbnail(content))


def test_parts_of_a_file_read_like_a_file(file: Callable[..., Path]):
    content = bytes(range(256)) * 4
    made = FileOfParts(file(content), [b"head", (10, 300), (300, 300), b"", (700, 1024)])
    expected = b"head" + content[10:300] + content[700:]
    assert (b"".join(made), made.length) == (expected, len(expected))
    with made.open() as view:
        for at, count in ((0, 3), (2, 5), (290, 20), (293, 1), (600, 100)):
            assert (view.seek(at), view.read(count)) == (at, expected[at : at + count])
        assert (view.seek(-4, io.SEEK_END), view.read()) == (len(expected) - 4, expected[-4:])


def test_each_kind_has_an_extension_and_a_type():
    assert inspect.EXTENSIONS == {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
    assert inspect.MIME_TYPES == {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
