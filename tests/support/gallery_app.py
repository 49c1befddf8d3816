"""A server for tests of the gallery component: generates pictures by URL, and shows the scene in its folder.

    /app/static/pictures/<width>x<height>-<seed>.png

`Stage` in gallery_stage.py copies this file and gallery_page.py to a folder of their own and starts it there.
"""

import colorsys
import functools
import io
import random
from pathlib import Path

import streamlit as st
from PIL import Image, ImageDraw
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


@functools.cache
def drawn(width: int, height: int, seed: int) -> bytes:
    """Draw a landscape with a sky, a sun and hills."""
    chance = random.Random(seed)
    hue = chance.random()

    def tone(shift: float, light: float) -> tuple[int, ...]:
        return tuple(round(255 * part) for part in colorsys.hls_to_rgb((hue + shift) % 1, light, 0.45))

    picture = Image.new("RGB", (width, height), tone(0, 0.78))
    pen = ImageDraw.Draw(picture)
    x, y, size = chance.uniform(0.2, 0.8) * width, chance.uniform(0.2, 0.5) * height, 0.12 * min(width, height)
    pen.ellipse((x - size, y - size, x + size, y + size), tone(0.08, 0.9))
    for layer in range(4):
        base = height * (0.5 + 0.13 * layer)
        hills = [(step * width / 6, base - chance.uniform(0, 0.16) * height) for step in range(7)]
        pen.polygon([(0, height), *hills, (width, height)], tone(0.03 * layer, 0.6 - 0.13 * layer))
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def picture(request: Request) -> Response:
    """Return the picture that the URL describes."""
    shape, _, seed = request.path_params["name"].removesuffix(".png").partition("-")
    if not seed.isdigit():
        return PlainTextResponse("This picture is not here.", 404)
    width, height = shape.split("x")
    headers = {"Cache-Control": "private, max-age=86400", "Content-Security-Policy": "sandbox"}
    return Response(drawn(int(width), int(height), int(seed)), media_type="image/png", headers=headers)


def health(_: Request) -> Response:
    """Health check for the test's `Server`."""
    return JSONResponse({"status": "ok"})


app = st.App(
    Path(__file__).with_name("gallery_page.py"),
    routes=[Route("/app/static/pictures/{name}", picture), Route("/healthz", health)],
)
