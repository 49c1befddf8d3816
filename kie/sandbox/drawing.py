"""Draws the sandbox's pictures: hills under a low sun, with the prompt and the references on them."""

import math
import random
import re
import textwrap
import unicodedata
import uuid
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageColor, ImageDraw, ImageFont, ImageOps

from kie.errors import FileRefused
from kie.images import inspect

UNREADABLE = (OSError, FileRefused)
LONG_SIDES = {"1K": 1024, "2K": 2048, "4K": 4096}
CARD_SIDE, SCENE_SIDE = 1600, 1536
PROMPT_SHOWN = 600
# The top of the sky, the sky at the horizon, the nearest hill, the words.
PALETTES = (
    ("#2d2658", "#f4a582", "#1c1538", "white"),
    ("#0f2b4a", "#2fb5a8", "#0b1d3f", "white"),
    ("#86d3df", "#f0f7d8", "#1d7480", "#0d3b4c"),
    ("#fbd3a5", "#fdf3e3", "#b4663f", "#5b2b1a"),
    ("#cbb8f2", "#ffe9d6", "#70589f", "#38275f"),
)


def read_reference(path: Path) -> Image.Image:
    """Read a JPEG, PNG or WebP, upright and with sides of at most CARD_SIDE pixels. Raises one of UNREADABLE."""
    seen = inspect.measure(path)
    with inspect.opened(path, seen.format) as image:
        image.draft("RGB", (CARD_SIDE, CARD_SIDE))
        image.load()
        picture = inspect.upright(inspect.eight_bits(image), seen.orientation)
    picture.thumbnail((CARD_SIDE, CARD_SIDE), reducing_gap=2)
    card = Image.new("RGB", picture.size, "white")
    card.paste(picture, mask=picture if picture.mode == "RGBA" else None)
    return card


def pixel_size(resolution: str, aspect_ratio: str, references: Sequence[Image.Image]) -> tuple[int, int]:
    """Return width and height in pixels. `auto` uses the shape of the first reference, or a square."""
    if aspect_ratio == "auto":
        ratio = references[0].width / references[0].height if references else 1.0
    else:
        width, height = map(int, aspect_ratio.split(":"))
        ratio = width / height
    long = LONG_SIDES[resolution]
    short = max(1, round(long * min(ratio, 1 / ratio)))
    return (long, short) if ratio >= 1 else (short, long)


def paint(
    path: Path, prompt: str, aspect_ratio: str, resolution: str, seed: str, references: Sequence[Image.Image]
) -> None:
    """Draw a picture into a .png or .jpeg file, atomically. The same arguments give the same picture."""
    width, height = size = pixel_size(resolution, aspect_ratio, references)
    dice = random.Random(seed.encode(errors="surrogatepass"))  # noqa: S311 - colours are no secret
    *colours, ink = dice.choice(PALETTES)
    canvas = draw_hills(size, colours, dice)
    margin = min(size) * 0.07
    write(canvas, prompt, ink, margin, 0.3 if references else 0.55)
    put_cards(canvas, references, (margin, height * 0.32, width - margin, height - 2 * margin))
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(max(4, 0.36 * margin))
    pen.text((margin, height - margin), "Sandbox", fill="white", font=font, anchor="lm")
    pen.text((width - margin, height - margin), f"{resolution} · {aspect_ratio}", fill="white", font=font, anchor="rm")
    part = path.with_suffix(f".{uuid.uuid4().hex}")
    canvas.save(part, "PNG" if path.suffix == ".png" else "JPEG", compress_level=3, quality=92)
    part.replace(path)


def draw_hills(size: tuple[int, int], colours: Sequence[str], dice: random.Random) -> Image.Image:
    """Draw sky, sun and hills at SCENE_SIDE and scale them: smooth edges at 1K, little time at 4K."""
    width, height = (max(8, round(side * SCENE_SIDE / max(size))) for side in size)
    top, horizon, ground = map(ImageColor.getrgb, colours)
    sky = Image.linear_gradient("L").resize((width // 4, height // 4)).resize((width, height))
    canvas = ImageOps.colorize(sky, top, horizon, whitepoint=180)
    pen = ImageDraw.Draw(canvas)
    sun = (width * dice.uniform(0.58, 0.86), height * 0.62)
    pen.circle(sun, min(width, height) * 0.09, blend(horizon, (255, 255, 255), 0.6))
    for number in range(5):
        base, swing = height * (0.66 + 0.06 * number), height * (0.02 + 0.005 * number)
        turn, waves = dice.uniform(0, math.tau), dice.uniform(3, 6) / SCENE_SIDE
        ridge = [(x, base - swing * math.sin(waves * x + turn)) for x in range(0, width + 8, 8)]
        pen.polygon([(0, height), *ridge, (width, height)], fill=blend(horizon, ground, 0.3 + 0.7 * number / 4))
    return canvas.resize(size, Image.Resampling.BICUBIC)


def blend(one: tuple[int, ...], other: tuple[int, ...], share: float) -> tuple[int, ...]:
    return tuple(round(a + (b - a) * share) for a, b in zip(one, other, strict=True))


def write(canvas: Image.Image, prompt: str, ink: str, margin: float, bottom: float) -> None:
    """Write the prompt as large as the room above `bottom` allows. The built-in font has little more than ASCII."""
    plain = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", " ".join(prompt.split())))
    text = re.sub("[^ -~«»‘’“”]", "·", plain)[:PROMPT_SHOWN] or "·"
    wide, high = canvas.width - 2 * margin, canvas.height * bottom - margin
    # The width of a letter in the mean, and the height of a line, in sizes of the font.
    letter, line = ImageFont.load_default(100).getlength(text) / 100 / len(text), 1.3
    size = max(4, min(min(canvas.size) * 0.075, math.sqrt(0.8 * wide * high / (letter * line * len(text)))))
    columns, rows = max(1, int(0.95 * wide / (letter * size))), max(1, int(high / (line * size)))
    shown = "\n".join(textwrap.wrap(text, columns, max_lines=rows, placeholder="…"))
    font, spacing = ImageFont.load_default(size), (line - 1) * size
    ImageDraw.Draw(canvas).multiline_text((margin, margin), shown, fill=ink, font=font, spacing=spacing)


def put_cards(canvas: Image.Image, references: Sequence[Image.Image], box: tuple[float, float, float, float]) -> None:
    """Put the references side by side, uncropped, each with a white border and its number."""
    left, top, right, bottom = box
    columns = max(1, min(len(references), round(math.sqrt(len(references) * (right - left) / (bottom - top)))))
    wide, high = (right - left) / columns, (bottom - top) / max(1, math.ceil(len(references) / columns))
    border = max(1, round(min(canvas.size) * 0.008))
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(max(4, 5 * border))
    for number, reference in enumerate(references):
        card = ImageOps.contain(reference, (max(1, round(0.92 * wide)), max(1, round(0.92 * high))))
        x = round(left + wide * (number % columns + 0.5) - card.width / 2) - border
        y = round(top + high * (number // columns + 0.5) - card.height / 2) - border
        canvas.paste(ImageOps.expand(card, border, "white"), (x, y))
        pen.text((x + 3 * border, y + 2 * border), str(number + 1), "white", font, stroke_width=1, stroke_fill="black")
