"""Pictures generated for tests."""

import functools
import io
import json
import random
import struct
import zlib
from pathlib import Path
from typing import Any

from PIL import Image

from kie.images import convert

convert.reads_heic()  # Registers the HEIC encoder, too.

# The positions of the coloured quarters of an upright picture.
QUARTERS = {(0.25, 0.25): "red", (0.75, 0.25): "lime", (0.25, 0.75): "blue", (0.75, 0.75): "white"}
# The transposition with which a camera stores an upright picture, by EXIF orientation.
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
    """Write a decodable PNG of about this size; noise can't be compressed."""
    side = int((byte_count / 3.02) ** 0.5)
    pixels = random.Random(seed).randbytes(side * side * 3)
    Image.frombytes("RGB", (side, side), pixels).save(path, "PNG", compress_level=0)
    return path


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return an image encoded in this format."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def noise(size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Return an image of noise, the same each time."""
    return Image.frombytes("RGB", size, random.Random(1).randbytes(size[0] * size[1] * 3))


def quartered(size: tuple[int, int] = (160, 96)) -> Image.Image:
    """Return an upright image with a colour in each quarter."""
    image = Image.new("RGB", size)
    for (x, y), colour in QUARTERS.items():
        corner = (int((x - 0.25) * size[0]), int((y - 0.25) * size[1]))
        image.paste(colour, (*corner, corner[0] + size[0] // 2, corner[1] + size[1] // 2))
    return image


def turned(kind: str, orientation: int) -> bytes:
    """Return the quartered image as a camera stores it, with its EXIF orientation."""
    exif, stored = Image.Exif(), quartered()
    exif[0x0112] = orientation
    if orientation in STORED_AS:
        stored = stored.transpose(STORED_AS[orientation])
    # The HEIC encoder accepts EXIF only as bytes, and adds an orientation of its own, which takes precedence.
    return encoded(stored, kind, **({"tiffinfo": dict(exif)} if kind == "TIFF" else {"exif": exif.tobytes()}))


def progressive(size: tuple[int, int] = (160, 120)) -> bytes:
    """Return a JPEG with several scans."""
    return encoded(noise(size), "JPEG", progressive=True)


def repeated(jpeg: bytes, times: int) -> bytes:
    """Return a progressive JPEG with its last scan repeated; each repetition is decoded."""
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:-2] + jpeg[last:-2] * times + jpeg[-2:]


def animated(kind: str) -> bytes:
    """Return a file with three frames, the first of them red."""
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "lime", "blue")]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def colour_at(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """Return the colour at a position, given as fractions of width and height."""
    return image.getpixel((int(x * image.width), int(y * image.height)))


def is_near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Return whether two colours are equal up to the error of lossy formats."""
    return len(one) == len(other) and all(abs(a - b) < 25 for a, b in zip(one, other, strict=True))


def shows_quarters(image: Image.Image) -> bool:
    """Return whether an image is the quartered one, upright."""
    names = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
    return all(is_near(colour_at(image, x, y), names[colour]) for (x, y), colour in QUARTERS.items())


def damaged(sound: bytes, dice: random.Random) -> bytes:
    """Return a file with a few bytes changed, preferably near its start."""
    content = bytearray(sound)
    for _ in range(dice.choice((1, 2, 8))):
        content[dice.randrange(min(len(content), dice.choice((30, 120, 10_000))))] = dice.choice((0, 7, 64, 255))
    return bytes(content)


def chunk(name: bytes, content: bytes, is_sound: bool = True) -> bytes:
    """Return a chunk of a PNG, with a wrong checksum if it is not sound."""
    checksum = zlib.crc32(name + content) ^ (not is_sound)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png(size: tuple[int, int], depth: int, colour_type: int, packed: bytes = b"") -> bytes:
    """Return a PNG put together by hand: `packed` are compressed rows that each begin with a filter byte."""
    header = struct.pack(">2I5B", *size, depth, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def plain_png(side: int) -> bytes:
    """Return a black RGB PNG with `side` pixels in each direction, generated row by row. It has a few hundred kilobytes at most."""
    packer = zlib.compressobj(9)
    rows = packer.compress(b"") + b"".join(packer.compress(bytes(1 + 3 * side)) for _ in range(side)) + packer.flush()
    return png((side, side), 8, 2, rows)


def with_chunk(png: bytes, name: bytes, content: bytes, before: bytes = b"IDAT", is_sound: bool = True) -> bytes:
    """Return a PNG with one more chunk, before the first (or the last) one of another name."""
    at = png.index(before) - 4
    return png[:at] + chunk(name, content, is_sound) + png[at:]


def with_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """Return a JPEG with one more segment at its start."""
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + jpeg[2:]


def with_riff(webp: bytes, name: bytes, content: bytes, padding: bytes | None = None) -> bytes:
    """Return a WebP with one more chunk at its end. The padding of an odd chunk can be left out."""
    body = webp[8:] + name + struct.pack("<I", len(content)) + content
    return (
        b"RIFF"
        + struct.pack("<I", len(body) + len(content) % 2)
        + body
        + bytes(len(content) % 2 if padding is None else 0)
    )


def exif_with(*entries: tuple[int, int, int, bytes], more: bytes = b"") -> bytes:
    """Return EXIF data of these tags: (tag, type, count, the four bytes of the value), and bytes behind the directory."""
    written = b"".join(struct.pack("<HHI4s", *entry) for entry in entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + written + bytes(4) + more


def tiff_with(*entries: tuple[int, int, int, bytes], pixel: bytes = b"\xff\0\0", following: int = 0) -> bytes:
    """Return an uncompressed TIFF of 16 x 8 pixels in one colour, with these tags in addition or instead."""
    width, height, depth = 16, 8, struct.pack("<HHH", 8, 8, 8)
    pixels = pixel * width * height
    shorts = {256: width, 257: height, 259: 1, 262: 2, 277: 3, 278: height}
    found = {tag: (tag, 3, 1, struct.pack("<HH", value, 0)) for tag, value in shorts.items()}
    found |= {258: (258, 3, 3, struct.pack("<I", 8 + len(pixels))), 273: (273, 4, 1, struct.pack("<I", 8))}
    found |= {279: (279, 4, 1, struct.pack("<I", len(pixels)))} | {entry[0]: entry for entry in entries}
    directory = b"".join(struct.pack("<HHI4s", *found[tag]) for tag in sorted(found))
    head = b"II*\0" + struct.pack("<I", 8 + len(pixels) + len(depth))
    return head + pixels + depth + struct.pack("<H", len(found)) + directory + struct.pack("<I", following)


@functools.cache
def odd() -> dict[str, bytes]:
    """Return quartered pictures with sound pixels and odd metadata, by what is odd."""
    png, jpeg, webp = (encoded(quartered(), kind) for kind in ("PNG", "JPEG", "WEBP"))
    profile, text = b"large\0\0" + zlib.compress(bytes(1_500_000)), b"Comment\0\0" + zlib.compress(b"x" * 4_000_000)
    xmp = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"x" * 4_000_000)
    wrong = exif_with((0x0112, 2, 4, b"6\0\0\0"), (0x010F, 3, 2**31, b"\xff" * 4), (0x011A, 99, 1, b"\xff" * 4))
    split = png.index(b"IDAT") - 4
    data = zlib.compress(zlib.decompress(png[split + 8 : png.index(b"IEND") - 8]))
    between = chunk(b"IDAT", data[:50]) + chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", data[50:]) + chunk(b"IEND", b"")
    return {
        "PNG, profile of 1.5 MB": with_chunk(png, b"iCCP", profile),
        "PNG, profile not compressed": with_chunk(png, b"iCCP", b"broken\0\0not compressed"),
        "PNG, comment of 4 MB": with_chunk(png, b"zTXt", text),
        "PNG, comment of 4 MB after the pixels": with_chunk(png, b"zTXt", text, before=b"IEND"),
        "PNG, XMP of 4 MB": with_chunk(png, b"iTXt", xmp),
        "PNG, comment with a wrong checksum": with_chunk(png, b"tEXt", b"a\0b", is_sound=False),
        "PNG, comment within the pixels": png[:split] + between,
        "PNG, empty chunks": with_chunk(with_chunk(png, b"pHYs", b"\0"), b"gAMA", b""),
        "PNG, EXIF is garbage": with_chunk(png, b"eXIf", b"\xde\xad\xbe\xef" * 9),
        "PNG, EXIF with a wrong checksum": with_chunk(png, b"eXIf", b"\xde\xad\xbe\xef" * 9, is_sound=False),
        "PNG, EXIF is empty": with_chunk(png, b"eXIf", b""),
        "JPEG, EXIF ends after its header": with_segment(jpeg, 0xE1, b"Exif\0\0II*\0"),
        "JPEG, EXIF with wrong types and counts": with_segment(jpeg, 0xE1, wrong),
        "JPEG, EXIF is garbage": with_segment(jpeg, 0xE1, b"Exif\0\0" + b"\xde\xad\xbe\xef" * 9),
        "JPEG, MPF is garbage": with_segment(jpeg, 0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 30),
        "JPEG, Photoshop data cut off": with_segment(jpeg, 0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\x10\0"),
        "JPEG, Adobe marker cut off": with_segment(jpeg, 0xEE, b"Adobe"),
        "JPEG, piece of a profile missing": with_segment(jpeg, 0xE2, b"ICC_PROFILE\0\2\2" + bytes(40)),
        "JPEG, segment longer than its length": jpeg[:2] + b"\xff\xfe\0\4abcdef" + jpeg[2:],
        "WebP, EXIF is garbage": with_riff(webp, b"EXIF", b"\xde\xad\xbe\xef" * 9),
        "WebP, last padding missing": with_riff(webp, b"XMP ", b"odd", padding=b""),
        "WebP, XMP cut off": with_riff(webp, b"XMP ", bytes(4000))[:-3000],
    }


def written(folder: Path, content: bytes) -> Path:
    """Write a picture to a file and return its path."""
    path = folder / "source"
    path.write_bytes(content)
    return path


def receipt_in(content: bytes) -> dict[str, Any]:
    """Return the receipt in a picture's file as another program reads it."""
    with Image.open(io.BytesIO(content)) as image:
        return json.loads(image.info.get("studio_receipt") or image.info["comment"].partition(b"\0")[2])
