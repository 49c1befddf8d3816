"""Receipts: laid into real files beside their pixels, read back, and never believed further than a request goes."""

import json
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
from PIL import ExifTags, Image, PngImagePlugin

from kie.generation import PROMPT_LIMIT, Generation
from kie.images import receipts
from kie.images.receipts import record_in
from kie.jobs import Job
from tests.support.images import chunk, noisy_png, picture

CAT, DOG = "ab" * 32, "cd" * 32
REQUEST = Generation("a lighthouse\nat dusk, « naïve » 夜の灯台 🍌", (CAT, DOG), "16:9", "2K", "png")
KNOWN = {"task_id": "281e5b0f39b9", "person": "Ann", "project": "Zoo posters", "credits": 18.0}


def job(generation: Generation = REQUEST, **values: object) -> Job:
    known = dict.fromkeys(field.name for field in fields(Job)) | {"generation": generation} | KNOWN
    return Job(**known | {"id": "0123456789abcdef" * 2, "created_at": 1_800_000_000.5} | values)


RECEIPT = {"studio_receipt": 1, "model": "nano-banana-pro", **asdict(REQUEST), **KNOWN}
RECEIPT |= {"references": [CAT, DOG], "job_id": job().id, "asked_at": job().created_at}
EXIF = Image.Exif()
EXIF[ExifTags.Base.Orientation] = 6
EXIF[ExifTags.Base.Make] = "A camera"
KINDS = {
    "png": ("PNG", {}),
    "png-with-text": ("PNG", {"pnginfo": None}),
    "jpeg": ("JPEG", {}),
    "jpeg-with-exif": ("JPEG", {"exif": EXIF.tobytes(), "comment": b"of the camera"}),
    "jpeg-with-xmp": ("JPEG", {"xmp": b"<x:xmpmeta/>", "icc_profile": b"profile" * 20_000}),
}


def drawn(folder: Path, name: str) -> Path:
    kind, options = KINDS[name]
    if "pnginfo" in options:
        told = PngImagePlugin.PngInfo()
        told.add_itxt("parameters", "somebody else's")
        options = {"pnginfo": told}
    path = folder / f"{name}.{kind.lower()}"
    path.write_bytes(picture(kind, (97, 61), **options))
    return path


@pytest.fixture(params=KINDS)
def original(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return drawn(tmp_path, request.param)


def copied(path: Path, of: Job | None = None) -> Path:
    """Write a copy with a receipt beside a file."""
    copy = path.with_stem(f"{path.stem}-copy")
    splice = receipts.write(path, of or job())
    copy.write_bytes(b"".join(splice))
    assert copy.stat().st_size == splice.length
    return copy


def pixels(path: Path) -> tuple[str, bytes]:
    with Image.open(path) as image:
        return image.mode, image.tobytes()


# What is written


def test_a_receipt_reads_back_as_it_was_written(original: Path):
    assert receipts.read(original) is None
    copy = copied(original)
    assert receipts.read(copy) == REQUEST
    assert json.loads(record_in(copy)) == RECEIPT


def test_the_pixels_and_the_original_stay_as_they_are(original: Path):
    before, seen = original.read_bytes(), pixels(original)
    assert pixels(copied(original)) == seen
    assert original.read_bytes() == before


def test_what_an_original_carries_is_carried_by_its_copy(original: Path):
    with Image.open(original) as image, Image.open(copied(original)) as copy:
        kept = {name: value for name, value in image.info.items() if name not in ("comment", "parameters")}
        assert {name: copy.info[name] for name in kept} == kept
        assert dict(image.getexif()).items() <= dict(copy.getexif()).items()


@pytest.mark.parametrize("name", ["png", "png-with-text", "jpeg", "jpeg-with-exif", "jpeg-with-xmp"])
def test_every_byte_of_the_original_is_in_the_copy_around_one_insertion(tmp_path: Path, name: str):
    original = drawn(tmp_path, name)
    before, after = original.read_bytes(), copied(original).read_bytes()
    added = len(after) - len(before)
    assert any(after[:place] + after[place + added :] == before for place in range(400))


def test_other_programs_show_people_what_they_would_ask(tmp_path: Path):
    with Image.open(copied(drawn(tmp_path, "png"))) as image:
        text = image.info["parameters"]
        assert json.loads(image.info["studio_receipt"])["credits"] == 18
    with Image.open(copied(drawn(tmp_path, "jpeg"))) as image:
        comment = image.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
        assert comment.removeprefix(b"UNICODE\0").decode("utf-16-be") == text
    assert text.startswith(REQUEST.prompt)
    for line in (
        "Model: nano-banana-pro",
        "Resolution: 2K",
        "Credits: 18",
        "Asked by: Ann",
        "Asked at: 2027-01-15T08:00:00Z",
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize("name", ["png", "jpeg"])
@pytest.mark.parametrize(
    "prompt",
    [
        "🍌" * PROMPT_LIMIT,
        '"' * PROMPT_LIMIT,
        "\n" * (PROMPT_LIMIT - 1) + "x",
        "a\0b\x1b\ud800" + "é" * (PROMPT_LIMIT - 6),
    ],
    ids=["emoji", "quotes", "lines", "control characters"],
)
def test_the_longest_prompt_fits_and_reads_back_as_it_can_be_sent(tmp_path: Path, name: str, prompt: str):
    kept = "".join(each for each in prompt if each not in "\0\x1b\ud800")
    copy = copied(drawn(tmp_path, name), job(replace(REQUEST, prompt=prompt)))
    assert receipts.read(copy) == replace(REQUEST, prompt=kept)
    pixels(copy)


def test_a_large_picture_is_written_without_being_held(tmp_path: Path):
    original = noisy_png(tmp_path / "large.png", 20_000_000)
    tracemalloc.start()
    length = sum(len(piece) for piece in receipts.write(original, job()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert length > original.stat().st_size > 19_000_000
    assert peak < 4_000_000


@pytest.mark.parametrize(
    "content", [b"", b"x", b"GIF89a" + bytes(100), b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", picture("WEBP")]
)
def test_a_file_that_is_neither_a_png_nor_a_jpeg_comes_as_it_is(tmp_path: Path, content: bytes):
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    assert copied(path).read_bytes() == content
    assert receipts.read(path) is None


# What is believed


@pytest.fixture
def carrying(tmp_path: Path) -> Callable[..., Path]:
    """Writes a PNG that somebody else has put a record into, after some empty chunks."""

    def write(record: bytes, compressed: bool = False, length: int | None = None, empty: int = 0) -> Path:
        content = b"studio_receipt\0" + bytes([compressed, 0, 0, 0]) + record
        size = len(content) if length is None else length
        put = chunk(b"teXt", b"") * empty + struct.pack(">I", size) + chunk(b"iTXt", content)[4:]
        path, plain = tmp_path / "carrying.png", picture()
        path.write_bytes(plain[:33] + put + plain[33:])
        return path

    return write


Carrying = Callable[..., Path]


def test_what_carrying_makes_is_a_receipt(carrying: Carrying):
    assert receipts.read(carrying(json.dumps(RECEIPT).encode())) == REQUEST


@pytest.mark.parametrize(
    "changed",
    [
        {"studio_receipt": 2},
        {"prompt": ""},
        {"prompt": "x" * 10_001},
        {"prompt": "a\0b"},
        {"prompt": ["a"]},
        {"aspect_ratio": "7:1"},
        {"aspect_ratio": None},
        {"resolution": "8K"},
        {"resolution": {"1K": 1}},
        {"output_format": "svg"},
        {"references": [CAT] * 9},
        {"references": ["../../etc/passwd"]},
        {"references": [[CAT]]},
        {"references": CAT},
    ],
    ids=str,
)
def test_a_receipt_of_what_can_t_be_asked_for_is_none(carrying: Carrying, changed: dict[str, object]):
    written = RECEIPT | changed
    assert receipts.read(carrying(json.dumps(written).encode())) is None


@pytest.mark.parametrize(
    "record",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"studio_receipt":' * 6000, b"9" * 100_000],
    ids=["empty", "cut", "list", "null", "no text", "deep list", "deep object", "long number"],
)
def test_a_record_that_is_no_receipt_is_passed_over(carrying: Carrying, record: bytes):
    assert receipts.read(carrying(record)) is None


def test_a_record_that_is_compressed_or_too_long_is_not_read(carrying: Carrying):
    assert receipts.read(carrying(zlib.compress(json.dumps(RECEIPT).encode()), compressed=True)) is None
    assert record_in(carrying(b" " * 200_000 + json.dumps(RECEIPT).encode())) is None


def test_a_file_that_promises_a_gigabyte_costs_nothing(carrying: Carrying):
    for length in (2**30, 2**32 - 1):
        tracemalloc.start()
        assert receipts.read(carrying(json.dumps(RECEIPT).encode(), length=length)) is None
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1_000_000


def test_no_more_than_a_thousand_pieces_are_looked_at(carrying: Carrying):
    assert receipts.read(carrying(json.dumps(RECEIPT).encode(), empty=900)) == REQUEST
    assert receipts.read(carrying(json.dumps(RECEIPT).encode(), empty=1100)) is None
