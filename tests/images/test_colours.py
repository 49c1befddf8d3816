"""Colours as they were meant: thumbnails, and pictures for print, are converted to sRGB by the profile in the file."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
from PIL import Image

from kie.images.convert import to_accepted
from kie.images.inspect import decode
from kie.studio import Studio
from tests.support.fake_service import Rogue
from tests.support.images import encoded, is_near, picture, quartered, shows_quarters, written
from tests.support.jobs import ended, submit, thumbnail_of
from tests.support.waiting import until

Curve = tuple[float, ...]
# XYZ of red, green and blue, adapted to D50, and the parameters of the curve.
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141))
DISPLAY_P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
WHITE = (0.9642, 1.0, 0.8249)
# Lab of the inks at full strength. No formula gives these.
INKS = ((55, -37, -50), (48, 74, -3), (89, -5, 93), (16, 0, 0))
SPACES = {"Display P3": (DISPLAY_P3, SRGB_CURVE), "Adobe RGB": (ADOBE_RGB, (2.19921875,))}


def fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65_536)) for number in numbers)


def icc(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Return an ICC profile of these tags."""
    table, content, at = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(content), len(data))
        content += data + bytes(-len(data) % 4)
    size = struct.pack(">I", at + len(content))
    head = size + bytes(4) + b"\4\x20\0\0" + kind + space + connection + bytes(12) + b"acsp" + bytes(28)
    return (head + fixed(*WHITE)).ljust(128, b"\0") + table + content


def curve(numbers: Curve) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", 3 if len(numbers) > 1 else 0, 0) + fixed(*numbers)


def screen_profile(primaries: tuple[tuple[float, ...], ...], numbers: Curve) -> bytes:
    colours = {
        name + b"XYZ": b"XYZ \0\0\0\0" + fixed(*xyz) for name, xyz in zip((b"r", b"g", b"b"), primaries, strict=True)
    }
    curves = {name + b"TRC": curve(numbers) for name in (b"r", b"g", b"b")}
    return icc(b"mntr", b"RGB ", b"XYZ ", colours | curves | {b"wtpt": b"XYZ \0\0\0\0" + fixed(*WHITE)})


def grey_profile(gamma: float) -> bytes:
    return icc(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve((gamma,)), b"wtpt": b"XYZ \0\0\0\0" + fixed(*WHITE)})


def print_profile() -> bytes:
    """Return a profile for CMYK: a table of what each combination of the inks looks like."""
    same, cells = bytes(range(256)), b""
    for number in range(16):
        inks = [INKS[ink] for ink in range(4) if number >> (3 - ink) & 1]
        lightness = numpy.prod([ink[0] / 100 for ink in inks])
        tint = [max(-128, min(127, sum(ink[axis] for ink in inks))) for axis in (1, 2)]
        cells += bytes([round(255 * lightness), *(each + 128 for each in tint)])
    table = b"mft1\0\0\0\0\4\3\2\0" + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + same * 4 + cells + same * 3
    return icc(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


def linear(stored: numpy.ndarray, numbers: Curve) -> numpy.ndarray:
    if len(numbers) == 1:
        return stored ** numbers[0]
    gamma, a, b, c, d = numbers
    return numpy.where(stored >= d, (a * stored + b) ** gamma, c * stored)


def stored(light: numpy.ndarray, numbers: Curve) -> numpy.ndarray:
    light = light.clip(0, 1)
    if len(numbers) == 1:
        return light ** (1 / numbers[0])
    gamma, a, b, c, d = numbers
    return numpy.where(light >= c * d, (light ** (1 / gamma) - b) / a, light / c)


def lab(image: Image.Image, primaries: tuple[tuple[float, ...], ...], numbers: Curve) -> numpy.ndarray:
    """Return the Lab colours of a picture, by the formulas and not by a profile."""
    xyz = linear(numpy.asarray(image.convert("RGB")) / 255, numbers) @ numpy.array(primaries) / numpy.array(WHITE)
    f = numpy.where(xyz > 216 / 24_389, numpy.cbrt(xyz), (24_389 / 27 * xyz + 16) / 116)
    return numpy.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def difference(one: numpy.ndarray, other: numpy.ndarray) -> float:
    """Return the mean ΔE."""
    return float(numpy.sqrt(((one - other) ** 2).sum(axis=-1)).mean())


def landscape(
    primaries: tuple[tuple[float, ...], ...], numbers: Curve, size: tuple[int, int] = (900, 600)
) -> Image.Image:
    """Return a picture of many colours, all of which sRGB has, stored in another colour space."""
    x, y = numpy.meshgrid(numpy.linspace(0, 1, size[0]), numpy.linspace(0, 1, size[1]))
    seen = numpy.stack([x, y, 1 - (x + y) / 2], axis=-1)
    light = linear(seen, SRGB_CURVE) @ numpy.array(SRGB) @ numpy.linalg.inv(numpy.array(primaries))
    return Image.fromarray((stored(light, numbers) * 255).round().astype("uint8"))


def in_print(colour: tuple[int, int, int, int], **options: object) -> bytes:
    return picture("JPEG", (300, 200), colour, "CMYK", quality=95, **options)


@pytest.fixture
def thumbnail(tmp_path: Path) -> Callable[[bytes], Image.Image]:
    """Makes a thumbnail of bytes and opens it."""

    def make(content: bytes) -> Image.Image:
        (tmp_path / "picture").write_bytes(content)
        decode(tmp_path / "picture", tmp_path / "made.webp")
        with Image.open(tmp_path / "made.webp") as image:
            image.load()
        assert "icc_profile" not in image.info
        return image

    return make


# Thumbnails


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("size", [(900, 600), (400, 300)])
def test_a_thumbnail_looks_like_its_picture(
    thumbnail: Callable[[bytes], Image.Image], kind: str, space: str, size: tuple[int, int]
) -> None:
    primaries, numbers = SPACES[space]
    image = landscape(primaries, numbers, size)
    options = {"quality": 95} if kind != "PNG" else {}
    small = thumbnail(encoded(image, kind, icc_profile=screen_profile(primaries, numbers), **options))
    seen = lab(image.resize(small.size, Image.Resampling.LANCZOS), primaries, numbers)
    assert difference(lab(small, SRGB, SRGB_CURVE), seen) < 3
    assert difference(lab(thumbnail(encoded(image, kind, **options)), SRGB, SRGB_CURVE), seen) > 3


def test_a_transparent_picture_keeps_its_transparency(thumbnail: Callable[[bytes], Image.Image]) -> None:
    primaries, numbers = SPACES["Display P3"]
    image = landscape(primaries, numbers)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    small = thumbnail(encoded(image, "PNG", icc_profile=screen_profile(primaries, numbers)))
    assert small.mode == "RGBA"
    assert small.getpixel((5, 2))[3] < 5 < 250 < small.getpixel((5, small.height - 3))[3]
    assert difference(lab(small, SRGB, SRGB_CURVE)[100:], lab(image.resize(small.size), primaries, numbers)[100:]) < 3


@pytest.mark.parametrize("mode", ["L", "P"])
def test_grey_and_palettes_follow_their_profile_too(thumbnail: Callable[[bytes], Image.Image], mode: str) -> None:
    # Linear light: what is stored as 55 of 255 looks like 127.
    profile = grey_profile(1.0) if mode == "L" else screen_profile(SRGB, (1.0,))
    image = Image.new("RGB", (300, 200), (55, 55, 55)).convert(mode)
    assert is_near(thumbnail(encoded(image, "PNG", icc_profile=profile)).getpixel((50, 50)), (127, 127, 127))


def test_a_print_s_thumbnail_shows_its_inks_as_the_profile_says(thumbnail: Callable[[bytes], Image.Image]) -> None:
    for inks, expected in (((255, 0, 0, 0), INKS[0]), ((0, 255, 0, 0), INKS[1]), ((0, 0, 0, 255), INKS[3])):
        for size in ((300, 200), (1800, 1200)):
            content = picture("JPEG", size, inks, "CMYK", quality=95, icc_profile=print_profile())
            seen = lab(thumbnail(content), SRGB, SRGB_CURVE)[20, 20]
            assert abs(seen[0] - expected[0]) < 4


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile" * 50,
        print_profile(),
        grey_profile(2.2),
        grey_profile(2.2)[:150],
        screen_profile(ADOBE_RGB, (2.2,))[:200],
        icc(b"mntr", b"RGB ", b"XYZ ", {}),
        b"\0" * 16 + b"RGB " + b"\xff" * 1_500_000,
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_profile_that_is_broken_or_for_other_colours_is_ignored(
    thumbnail: Callable[[bytes], Image.Image], kind: str, profile: bytes
) -> None:
    assert shows_quarters(thumbnail(encoded(quartered(), kind, icc_profile=profile)))


# Pictures for print


def without_adobe(jpeg: bytes) -> bytes:
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 16 :]


def in_ycck(jpeg: bytes, inks: tuple[int, int, int, int]) -> bytes:
    """Return a JPEG of one colour in YCCK, which Photoshop writes at most qualities."""
    light = Image.new("RGB", (1, 1), inks[:3]).convert("YCbCr").getpixel((0, 0))
    content = in_print((*(255 - each for each in light), inks[3]))
    at = content.index(b"Adobe") + 11
    return content[:at] + b"\2" + content[at + 1 :]


@pytest.mark.parametrize("inks", [(0, 255, 255, 0), (255, 0, 0, 0), (20, 40, 200, 60), (0, 0, 0, 0)])
@pytest.mark.parametrize(
    "store", [lambda jpeg, _: jpeg, in_ycck, lambda jpeg, _: without_adobe(jpeg)], ids=["Adobe", "YCCK", "no marker"]
)
def test_a_jpeg_in_cmyk_is_converted_and_it_is_said(
    tmp_path: Path, inks: tuple[int, int, int, int], store: Callable[..., bytes]
) -> None:
    told = to_accepted(written(tmp_path, store(in_print(inks), inks)), tmp_path / "right")
    assert told == "Converted from CMYK to sRGB: services may invert the colours of CMYK pictures."
    with Image.open(tmp_path / "right") as made:
        assert (made.format, made.mode, made.size) == ("JPEG", "RGB", (300, 200))
        light = tuple(round((255 - ink) * (255 - inks[3]) / 255) for ink in inks[:3])
        assert is_near(made.getpixel((100, 100)), light)


@pytest.mark.parametrize(
    "store", [in_print, lambda inks, **options: picture("TIFF", (300, 200), inks, "CMYK", **options)]
)
def test_its_profile_says_which_colours_its_inks_have(tmp_path: Path, store: Callable[..., bytes]) -> None:
    for ink, expected in enumerate(INKS):
        inks = tuple(255 if number == ink else 0 for number in range(4))
        to_accepted(written(tmp_path, store(inks, icc_profile=print_profile())), tmp_path / "right")
        with Image.open(tmp_path / "right") as made:
            assert (made.mode, "icc_profile" in made.info) == ("RGB", False)
            assert abs(lab(made, SRGB, SRGB_CURVE)[100, 100, 0] - expected[0]) < 4


def test_a_profile_for_a_screen_does_not_fit_inks(tmp_path: Path) -> None:
    content = in_print((0, 255, 255, 0), icc_profile=screen_profile(*SPACES["Adobe RGB"]))
    to_accepted(written(tmp_path, content), tmp_path / "right")
    with Image.open(tmp_path / "right") as made:
        assert is_near(made.getpixel((100, 100)), (255, 0, 0))
        assert "icc_profile" not in made.info


def test_a_turned_print_is_set_upright_as_well(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    told = to_accepted(written(tmp_path, in_print((0, 255, 255, 0), exif=exif)), tmp_path / "right")
    assert told.startswith(
        "Turned upright and converted from CMYK to sRGB: services may invert the colours of CMYK pictures."
    )
    with Image.open(tmp_path / "right") as made:
        assert made.size == (200, 300)


# In the studio


def test_a_jpeg_for_print_goes_to_the_service_in_srgb(studio: Studio, rogue: Rogue) -> None:
    kept = studio.references.add("poster.jpg", io.BytesIO(in_print((0, 255, 255, 0))))
    assert (kept.kind, kept.changed) == (
        "jpeg",
        "Converted from CMYK to sRGB: services may invert the colours of CMYK pictures.",
    )
    assert ended(studio, submit(studio, references=(kept.id,))).problem is None
    [sent] = rogue.requests("upload")
    body = sent.body[sent.body.index(b"\xff\xd8\xff") :]
    with Image.open(io.BytesIO(body)) as made:
        assert (made.mode, is_near(made.getpixel((100, 100)), (255, 0, 0))) == ("RGB", True)


def test_results_and_references_are_shown_in_their_colours(studio: Studio, rogue: Rogue) -> None:
    primaries, numbers = SPACES["Adobe RGB"]
    image = landscape(primaries, numbers)
    content = encoded(image, "JPEG", quality=95, icc_profile=screen_profile(primaries, numbers))
    rogue.picture = content
    job = ended(studio, submit(studio))
    assert studio.exports.file(job).read_bytes() == content
    kept = studio.references.add("a.jpg", io.BytesIO(content))
    assert until(lambda: studio.store.references.get_many([kept.id])[0].checked_at)
    for owner_id in (job.id, kept.id):
        with Image.open(thumbnail_of(studio, owner_id)) as small:
            seen = lab(image.resize(small.size, Image.Resampling.LANCZOS), primaries, numbers)
            assert difference(lab(small, SRGB, SRGB_CURVE), seen) < 3
