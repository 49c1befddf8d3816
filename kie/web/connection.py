"""Diagnosis of a blank page: a script that tests whether the page's websocket opens, and explains what to check if not.

GET /studio/connection.js     the script; `guard` adds it to every page
GET /studio/connection        {"host": the Host header received, "public_url": KIE_PUBLIC_URL or ""}
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

# Relative like Streamlit's own scripts, since a proxy may serve the studio below a path.
SCRIPT = b'<script src="./studio/connection.js" defer></script>'
_SOURCE = Path(__file__).with_suffix(".js")


def connection_routes(public_url: str) -> list[BaseRoute]:
    """Return the routes of the script and of the data that it reads."""
    source = _SOURCE.read_text(encoding="utf-8")

    def script(_: Request) -> Response:
        return Response(source, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    def seen(request: Request) -> Response:
        return JSONResponse({"host": request.headers.get("host", ""), "public_url": public_url})

    return [Route("/studio/connection.js", script), Route("/studio/connection", seen)]
