"""The pictures of the sandbox: their sizes and formats, and what references leave in them."""

import io
import re
from pathlib import Path

import pytest
import requests
from PIL import Image

from kie.sandbox import drawing
from tests.support import images
from tests.support.images import odd, shows_quarters, turned
from tests.support.sandbox_caller import Service, share, urls

# Pictures


def test_a_picture_has_the_exact_size(service: Service):
    for ratio, size in (("2:3", (683, 1024)), ("9:16", (576, 1024)), ("21:9", (1024, 439))):
        picture = service.picture(aspect_ratio=ratio)
        assert (picture.size, picture.format) == (size, "PNG")


def test_the_longer_side_follows_the_resolution():
    assert drawing.pixel_size("1K", "4:5", []) == (819, 1024)
    assert drawing.pixel_size("2K", "3:2", []) == (2048, 1365)
    assert drawing.pixel_size("4K", "3:4", []) == (3072, 4096)
    assert drawing.pixel_size("4K", "auto", []) == (4096, 4096)


def test_a_picture_at_4k_of_a_long_prompt_is_small(service: Service):
    url = urls(service.end(service.create("x" * 10000, resolution="4K")))[0]
    content = requests.get(url, timeout=10).content
    assert Image.open(io.BytesIO(content)).size == (4096, 4096)
    assert len(content) < 30e6


def test_jpg_gives_jpeg_bytes_under_a_jpeg_url(service: Service):
    [url] = urls(service.end(service.create(output_format="jpg")))
    answer = requests.get(url, timeout=30)
    assert url.endswith(".jpeg")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).format == "JPEG"


def test_every_reference_can_be_seen(service: Service):
    colours = {"magenta": (255, 0, 255), "lime": (0, 255, 0), "blue": (0, 0, 255)}
    references = [service.reference(images.picture(colour=colour)) for colour in colours]
    picture = service.picture(image_input=references, aspect_ratio="4:3")
    for colour in colours.values():
        assert share(picture, colour) > 0.04


def test_auto_takes_the_upright_shape_of_the_first_reference(service: Service):
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.new("RGB", (300, 200), (255, 0, 255))
    lying.paste((0, 0, 255), (0, 0, 150, 200))
    reference = service.reference(images.encoded(lying, "JPEG", exif=exif, quality=95))
    picture = service.picture(image_input=[reference], aspect_ratio="auto")
    assert picture.size == (683, 1024)
    column = [picture.getpixel((341, y)) for y in range(1024)]
    blue, magenta = (next(y for y in range(1024) if images.is_near(column[y], c)) for c in ((0, 0, 255), (255, 0, 255)))
    assert blue < magenta


def test_variants_of_one_prompt_differ(service: Service):
    assert service.picture().tobytes() != service.picture().tobytes()


@pytest.mark.parametrize(
    "prompt", ["日本の猫 🐈 Café", "\ud800", "\u0301", "שלום\x00\u202e", "word " * 2000, "W" * 9999]
)
def test_any_prompt_can_be_drawn(tmp_path: Path, prompt: str):
    path = tmp_path / "picture.png"
    drawing.paint(path, prompt, "21:9", "1K", prompt, [])
    with Image.open(path) as picture:
        assert picture.size == (1024, 439)


def test_a_very_long_reference_can_be_drawn(tmp_path: Path):
    reference = Image.new("RGB", (1600, 8))
    drawing.paint(tmp_path / "picture.jpeg", "x", "auto", "1K", "seed", [reference] * 8)


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "1", "I;16", "CMYK"])
def test_a_reference_of_any_mode_can_be_read(tmp_path: Path, mode: str):
    path = tmp_path / "reference"
    path.write_bytes(images.encoded(Image.new(mode, (30, 20)), "JPEG" if mode == "CMYK" else "PNG"))
    reference = drawing.read_reference(path)
    assert (reference.mode, reference.size) == ("RGB", (30, 20))


@pytest.mark.parametrize("content", odd().values(), ids=odd())
def test_a_reference_with_odd_metadata_can_be_read(tmp_path: Path, content: bytes):
    path = tmp_path / "reference"
    path.write_bytes(content)
    assert shows_quarters(drawing.read_reference(path))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_reference_is_read_upright(tmp_path: Path, kind: str, orientation: int):
    path = tmp_path / "reference"
    path.write_bytes(turned(kind, orientation))
    reference = drawing.read_reference(path)
    assert (shows_quarters(reference), reference.size) == (True, (160, 96))


# References that cannot be fetched


def unreadable(service: Service) -> list[str]:
    return [
        f"{service.url}/files/images/unknown.png",
        f"{service.url}/results/unknown.png",
        service.reference(images.picture()).replace("127.0.0.1", "example.com"),
        service.reference(b"no picture"),
        service.reference(images.picture(size=(400, 400))[:300]),
        service.reference(images.encoded(Image.new("RGB", (9, 9)), "GIF")),
    ]


def test_a_reference_that_cannot_be_read_fails_the_task_and_costs_nothing(payer: Service):
    tasks = [payer.create(image_input=[payer.reference(images.picture()), url]) for url in unreadable(payer)]
    for record in map(payer.end, tasks):
        assert (record["state"], record["failCode"]) == ("fail", "400")
        assert record["failMsg"].startswith("Image fetch failed")
    assert payer.credits() == 1000


def test_a_result_can_be_a_reference_whatever_port_it_names(service: Service):
    [url] = urls(service.end(service.create()))
    moved = re.sub(r":\d+/", ":1/", url)
    assert service.end(service.create(image_input=[moved]))["state"] == "success"
