"""HTTP route for downloads.

    GET /take/<token>    a picture with its receipt, a zip of pictures with manifests, or the rows of a list

Content is read from disk or database in threads while it is sent, at the speed of the client. A client that reads
nothing for a minute is disconnected. At most EXPORTS_LIMIT zips and lists are sent at the same time.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kie.errors import FileMissing
from kie.signed_urls import DOWNLOADS
from kie.studio import Studio
from kie.studio.exports import Exports

TOO_OLD = "This link is expired or incomplete: reload the page and download again."
EXPORTS_LIMIT = 8
RETRY_AFTER_S = 30
BUSY = f"{EXPORTS_LIMIT} zips and lists are being downloaded, which is the limit: try again in a minute."
STALLED_S = 60.0
PIECE = 64 * 1024

log = logging.getLogger(__name__)


def download_routes(studio: Callable[[], Studio], stalled_s: float = STALLED_S) -> list[BaseRoute]:
    """Return the route. `studio` is called for each request.

    A download ends when its client reads nothing for `stalled_s` seconds.
    """
    slots = asyncio.Semaphore(EXPORTS_LIMIT)

    def serve(request: Request) -> ASGIApp:
        exports = studio().exports
        wanted = exports.request(request.path_params["token"])
        if wanted is None:
            return PlainTextResponse(TOO_OLD, 404)
        opened = partial(_answer, request, exports, wanted, stalled_s)
        return opened() if wanted[0] == "one" else partial(_export, slots, opened)

    return [Route(DOWNLOADS + "{token}", serve)]


def _answer(request: Request, exports: Exports, wanted: list[Any], stalled_s: float) -> Response:
    try:
        download = exports.open(*wanted)
    except FileMissing as error:
        return PlainTextResponse(error.sentence, 404)
    if download is None:
        return PlainTextResponse(TOO_OLD, 404)
    plain = download.name.encode("ascii", "replace").decode().replace("?", "_")
    headers = {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(download.name)}",
        "Cache-Control": "private, no-store",
    }
    if download.length is not None:
        headers["Content-Length"] = str(download.length)
    content = () if request.method == "HEAD" else download.content
    return _Stream(content, stalled_s, headers=headers, media_type=download.mime_type)


async def _export(
    slots: asyncio.Semaphore, opened: Callable[[], Response], scope: Scope, receive: Receive, send: Send
) -> None:
    """Hold one of the limited slots while a response is generated and sent, or answer 503 if none is free."""
    if slots.locked():
        await PlainTextResponse(BUSY, 503, {"Retry-After": str(RETRY_AFTER_S)})(scope, receive, send)
        return
    async with slots:
        reply = await run_in_threadpool(opened)
        await reply(scope, receive, send)


class _Stream(StreamingResponse):
    """A streaming response that always closes its source. Starlette leaves a file open after a disconnect, until garbage collection."""

    def __init__(self, content: Iterable[bytes], stalled_s: float, **options: Any):
        self._pieces, self._stalled_s = _cut(content), stalled_s
        super().__init__(self._pieces, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._stalled_s):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        except TimeoutError:
            log.warning("a download was ended: its client took nothing for %g s", self._stalled_s)
        finally:
            self._pieces.close()


def _cut(content: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content in pieces of at most 64 KB, the amount that may be buffered for a stalled client."""
    for piece in content:
        for start in range(0, len(piece), PIECE):
            yield piece[start : start + PIECE]
