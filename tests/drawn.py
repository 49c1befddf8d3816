"""Pictures that the tests draw for themselves."""

import io
import random
from pathlib import Path

from PIL import Image


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
    noise = random.Random(seed).randbytes(side * side * 3)
    Image.frombytes("RGB", (side, side), noise).save(path, "PNG", compress_level=0)
    return path
