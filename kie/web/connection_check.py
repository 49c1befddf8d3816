"""How a page finds its server, and a script that tests whether its websocket opens, and explains what to check if not.

GET /studio/connection.js     the script; `guard` adds it to every page
GET /studio/connection        {"host": the Host header received, "public_url": KIE_PUBLIC_URL or ""}
GET /PAGE/_stcore/health, /PAGE/_stcore/host-config
    "not here": below the address of a page, Streamlit looks for its server there first, and then at the root
"""

from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

# Relative like Streamlit's own scripts, since a proxy may serve the studio below a path.
SCRIPT = b'<script src="./studio/connection.js" defer></script>'
_SOURCE = Path(__file__).with_suffix(".js")


def connection_routes(public_url: str) -> list[BaseRoute]:
    """Return the routes of the script, of the data that it reads, and of Streamlit's first requests on a page."""
    source = _SOURCE.read_text(encoding="utf-8")

    def script(_: Request) -> Response:
        return Response(source, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    def seen(request: Request) -> Response:
        return JSONResponse({"host": request.headers.get("host", ""), "public_url": public_url})

    def elsewhere(_: Request) -> Response:
        # A browser logs an error for 404, but not for this.
        return Response(status_code=HTTPStatus.MULTIPLE_CHOICES)

    probes = [Route(f"/{{page}}/_stcore/{name}", elsewhere) for name in ("health", "host-config")]
    return [Route("/studio/connection.js", script), Route("/studio/connection", seen), *probes]
