"""HTTP beside the pages: signed picture links, references taken in, live events, health.

GET /app/static/pictures/<token>     a thumbnail or a picture
WS  /events                          {"since": …, "changes": {topic: number}} at first, {"changes": …} whenever something changed
POST /references                     a picture to send along: {"id": …} or {"refusal": "why not, in words"}; if it carries a
                                     receipt of ours, that comes along: {"id": …, "receipt": {"prompt": …, "references": […], …}}
POST /callback/<token>               the service says that a task has ended: a reason to look, and nothing more
GET /healthz                         200 with JSON once the tracker runs
"""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from kie import mending
from kie.client import named_task
from kie.downloads import take_routes
from kie.errors import FileRefused
from kie.hub import Hub
from kie.links import CALLBACKS, PREFIX
from kie.store import Reference
from kie.studio import NOT_SAVED, Studio

# A burst of changes makes one message: pages redraw ten times a second at most.
COALESCE_S = 0.1
REFERENCES_AT_ONCE = 8
CALLBACK_BYTES_LIMIT = 64 * 1024


def routes(studio: Callable[[], Studio]) -> list[BaseRoute]:
    """Return the routes over the studio that `studio` names when a request comes."""

    def picture(request: Request) -> Response:
        offer = studio().open_link(request.path_params["token"])
        if offer is None:
            return PlainTextResponse("This picture is not here, or the link is too old: open the page again.", 404)
        headers = {
            "Cache-Control": "private, max-age=86400, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
        }
        return FileResponse(offer.path, media_type=offer.mime_type, headers=headers)

    def health(_: Request) -> Response:
        alive = studio().is_alive
        return JSONResponse(
            {"status": "ok" if alive else "tracker stopped", "sandbox": studio().is_sandbox}, 200 if alive else 503
        )

    # Each has a thread while it is judged and made right; pictures that are looked at need threads too.
    room = asyncio.Semaphore(REFERENCES_AT_ONCE)

    async def add_reference(request: Request) -> Response:
        if not _is_same_origin(request) or "x-studio-name" not in request.headers:
            return JSONResponse({"refusal": "Only the studio's own page may add pictures."}, 403)
        name, part = unquote(request.headers["x-studio-name"]), studio().incoming()
        try:
            await _write_stream(request, part)
            async with room:
                kept, receipt = await run_in_threadpool(_keep, studio(), name, part)
        except FileRefused as error:
            return JSONResponse({"refusal": error.sentence})
        except OSError:
            return JSONResponse({"refusal": NOT_SAVED})
        except ClientDisconnect:
            return Response(status_code=400)  # the page was closed, so nobody reads this
        finally:
            part.unlink(missing_ok=True)
        return JSONResponse({"id": kept.id} | ({"receipt": receipt} if receipt else {}))

    async def callback(request: Request) -> Response:
        job_id = studio().job_of_callback(request.path_params["token"])
        if job_id is None:
            return PlainTextResponse("Unknown.", 404)
        body = await _read_little(request)
        if body is None:
            return PlainTextResponse("Too long.", 413)
        task_id = named_task(body)
        if task_id:
            await run_in_threadpool(studio().called_back, job_id, task_id)
        return Response(status_code=204)

    async def events(socket: WebSocket) -> None:
        if not _is_same_origin(socket):
            await socket.close(1008)
            return
        await socket.accept()
        await _Visitor(socket).serve(studio())

    return [
        Route(PREFIX + "{token}", picture),
        Route("/references", add_reference, methods=["POST"]),
        Route(CALLBACKS + "{token}", callback, methods=["POST"]),
        Route("/healthz", health),
        WebSocketRoute("/events", events),
        *take_routes(studio),
    ]


async def _read_little(request: Request) -> bytes | None:
    """Read a small body, or return None at the first byte too many."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > CALLBACK_BYTES_LIMIT:
            return None
    return body


async def _write_stream(request: Request, part: Path) -> None:
    """Write a body to disk as it comes in, and stop at the first byte too many."""
    size = 0
    with part.open("wb") as out:
        async for piece in request.stream():
            size += len(piece)
            if size > mending.UPLOAD_BYTES_LIMIT:
                raise FileRefused(mending.too_large(max(size, int(request.headers.get("content-length", 0)))))
            out.write(piece)


def _keep(studio: Studio, name: str, part: Path) -> tuple[Reference, dict[str, Any] | None]:
    with part.open("rb") as stream:
        return studio.add_reference(name, stream), studio.receipt_of(part)


class _Visitor:
    """One open page that hears of changes until it goes."""

    def __init__(self, socket: WebSocket):
        self._socket = socket
        self._topics: set[str] = set()
        self._changed = asyncio.Event()

    async def serve(self, studio: Studio) -> None:
        loop = asyncio.get_running_loop()

        def hear(topics: set[str]) -> None:
            # The loop may be closed already while the tracker still ends its work.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._hear, topics)

        leave = studio.hub.listen(hear)
        sender = asyncio.create_task(self._send(studio.hub))
        try:
            while True:
                await self._socket.receive_text()
        except (WebSocketDisconnect, KeyError):
            pass
        finally:
            leave()
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, RuntimeError, WebSocketDisconnect):
                await sender

    def _hear(self, topics: set[str]) -> None:
        self._topics |= topics
        self._changed.set()

    async def _send(self, hub: Hub) -> None:
        await self._socket.send_json({"since": hub.since, "changes": hub.changes()})
        while True:
            await self._changed.wait()
            topics, self._topics = self._topics, set()
            self._changed.clear()
            changes = hub.changes()
            await self._socket.send_json({"changes": {topic: changes[topic] for topic in sorted(topics)}})
            await asyncio.sleep(COALESCE_S)


def _is_same_origin(asked: HTTPConnection) -> bool:
    """Whether the page that opens this socket came from this server. A client that is no browser sends no origin."""
    origin = asked.headers.get("origin")
    return origin is None or origin.partition("://")[2] == asked.headers.get("host")
