"""Pictures that the tests draw for themselves."""

import io
import random
from pathlib import Path

from PIL import Image

from kie import mending  # noqa: F401  (what can read HEIC can draw it)

# Where the red, green, blue and white quarters of an upright picture are.
QUARTERS = {(0.25, 0.25): "red", (0.75, 0.25): "lime", (0.25, 0.75): "blue", (0.75, 0.75): "white"}
# How a camera that was held this way has stored an upright picture.
STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def picture(
    kind: str = "PNG", size: tuple[int, int] = (96, 64), colour: object = "teal", mode: str = "RGB", **options: object
) -> bytes:
    """Return the bytes of a plain picture."""
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, kind, **options)
    return out.getvalue()


def noisy_png(path: Path, byte_count: int, seed: int = 0) -> Path:
    """Write a decodable PNG of about this size: noise does not compress."""
    side = int((byte_count / 3.02) ** 0.5)
    pixels = random.Random(seed).randbytes(side * side * 3)
    Image.frombytes("RGB", (side, side), pixels).save(path, "PNG", compress_level=0)
    return path


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return the bytes of a picture as a file of this kind."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def noise(size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Return a picture that nothing compresses, the same each time."""
    return Image.frombytes("RGB", size, random.Random(1).randbytes(size[0] * size[1] * 3))


def quartered(size: tuple[int, int] = (160, 96)) -> Image.Image:
    """Return an upright picture with a colour in each quarter."""
    image = Image.new("RGB", size)
    for (x, y), colour in QUARTERS.items():
        corner = (int((x - 0.25) * size[0]), int((y - 0.25) * size[1]))
        image.paste(colour, (*corner, corner[0] + size[0] // 2, corner[1] + size[1] // 2))
    return image


def turned(kind: str, orientation: int) -> bytes:
    """Return the quartered picture as a camera stores it, with the note that says how to turn it."""
    exif, stored = Image.Exif(), quartered()
    exif[0x0112] = orientation
    if orientation in STORED_AS:
        stored = stored.transpose(STORED_AS[orientation])
    # A HEIC's encoder reads the note from bytes alone, and writes its own beside it, which is the one that counts.
    return encoded(stored, kind, **({"tiffinfo": dict(exif)} if kind == "TIFF" else {"exif": exif.tobytes()}))


def animated(kind: str) -> bytes:
    """Return three pictures in one file, the first of them red."""
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "lime", "blue")]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def colour_at(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """Return the colour at a place, from 0 to 1 each way."""
    return image.getpixel((int(x * image.width), int(y * image.height)))


def is_near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Say whether two colours are as near as lossy formats leave them."""
    return len(one) == len(other) and all(abs(a - b) < 25 for a, b in zip(one, other, strict=True))


def shows_quarters(image: Image.Image) -> bool:
    """Say whether this is the quartered picture, upright."""
    names = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
    return all(is_near(colour_at(image, x, y), names[colour]) for (x, y), colour in QUARTERS.items())


def damaged(sound: bytes, dice: random.Random) -> bytes:
    """Return a file with a few bytes changed, more often near its beginning."""
    content = bytearray(sound)
    for _ in range(dice.choice((1, 2, 8))):
        content[dice.randrange(min(len(content), dice.choice((30, 120, 10_000))))] = dice.choice((0, 7, 64, 255))
    return bytes(content)
