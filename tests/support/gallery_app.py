"""A server for tests of the gallery component: generates pictures by URL, and shows the scene in its folder.

    /app/static/pictures/<width>x<height>-<seed>.png

`Stage` in gallery_stage.py copies this file and gallery_page.py to a folder of their own and starts it there.
"""

import functools
import io
from pathlib import Path

import streamlit as st
from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


@functools.cache
def drawn(width: int, height: int, seed: int) -> bytes:
    """Return a PNG of this size, with a gradient that the seed turns."""
    out = io.BytesIO()
    Image.linear_gradient("L").rotate(7 * seed).resize((width, height)).save(out, "PNG", compress_level=1)
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
