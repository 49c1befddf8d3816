"""HTTP for what is taken away: a picture with its receipt, a zip, a list.

GET /take/<token>                     a picture
GET /take-zip/<token>                 a zip of pictures, with a manifest
GET /take-list/<token>.csv|json       the rows of a list

All of it is read from the disk or the database while it is sent, a piece at a time, in threads: as fast as the other side takes it.
"""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from kie.errors import FileMissing
from kie.links import TAKE_LIST, TAKE_ONE, TAKE_ZIP
from kie.studio import Studio
from kie.taking import Taken

TOO_OLD = "This link is too old or not whole, and no credits were spent: open the page again and take it from there."


def take_routes(studio: Callable[[], Studio]) -> list[BaseRoute]:
    """Return the routes over the studio that `studio` names when a request comes."""

    def one(request: Request) -> Response:
        try:
            return _answer(request, studio().open_one(request.path_params["token"]))
        except FileMissing as error:
            return PlainTextResponse(error.sentence, 404)

    def many(request: Request) -> Response:
        return _answer(request, studio().open_zip(request.path_params["token"]))

    def rows(request: Request) -> Response:
        token, _, kind = request.path_params["token"].rpartition(".")
        return _answer(request, studio().open_list(token, kind))

    return [Route(TAKE_ONE + "{token}", one), Route(TAKE_ZIP + "{token}", many), Route(TAKE_LIST + "{token}", rows)]


def _answer(request: Request, taken: Taken | None) -> Response:
    if taken is None:
        return PlainTextResponse(TOO_OLD, 404)
    plain = taken.name.encode("ascii", "replace").decode().replace("?", "_")
    headers = {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(taken.name)}",
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if taken.length is not None:
        headers["Content-Length"] = str(taken.length)
    content = () if request.method == "HEAD" else taken.content
    return _Stream(content, headers=headers, media_type=taken.mime_type)


class _Stream(StreamingResponse):
    """A reply whose source ends with it. Left to itself, a file would stay open after a client that goes away, until garbage is collected."""

    def __init__(self, content: Iterable[bytes], **options: Any):
        self._pieces = (piece for piece in content)
        super().__init__(self._pieces, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pieces.close()
