"""HTTP routes beside the pages: pictures, uploads, live events, callbacks, health.

    GET /app/static/pictures/<token>     a thumbnail or a picture
    WS  /events                          {"changes": ["everything"]} at first, {"changes": [topic, …]} after each change
    POST /references                     upload of a reference: {"id": …} or {"refusal": "the reason"};
                                         with a receipt of ours: {"id": …, "receipt": {"prompt": …, "references": […], …}}
    POST /files                          upload of a small file that the page reads once: {"id": …} or {"refusal": "the reason"}
    POST /callback/<token>               the service reports that a task has ended; only triggers a poll
    GET /healthz                         200 with JSON while the tracker runs, else 503
    GET /readyz                          200 when pictures can be made, else 503: {"ready": false, "wrong": {"disk": "the reason", …}}

Origins are checked before, by `guard`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from kie.client.client import named_task
from kie.errors import FileRefused, NothingSpent
from kie.images import convert
from kie.images.files import Files
from kie.signed_urls import CALLBACKS, PREFIX
from kie.studio import Studio
from kie.studio.references import NOT_SAVED
from kie.web.downloads import download_routes

# A burst of changes becomes one message, at most ten per second.
COALESCE_S = 0.1
# For a page that has just connected, because it may have missed changes.
EVERYTHING = "everything"
REFERENCES_AT_ONCE = 8
FILE_BYTES_LIMIT = 5_000_000
FILE_TOO_LARGE = "It is larger than 5 MB: choose a smaller file."
CALLBACK_BYTES_LIMIT = 64 * 1024


def routes(studio: Callable[[], Studio]) -> list[BaseRoute]:
    """Return the routes. `studio` is called for each request."""

    def picture(request: Request) -> Response:
        opened = studio().exports.open_link(request.path_params["token"])
        if opened is None:
            return PlainTextResponse("This picture is not here, or the link is too old: open the page again.", 404)
        headers = {"Cache-Control": "private, max-age=86400, immutable", "Content-Security-Policy": "sandbox"}
        path, mime_type = opened
        return FileResponse(path, media_type=mime_type, headers=headers)

    def health(_: Request) -> Response:
        alive = studio().backend.tracker.is_alive
        return JSONResponse(
            {"status": "ok" if alive else "tracker stopped", "sandbox": studio().backend.is_sandbox},
            200 if alive else 503,
        )

    def ready(_: Request) -> Response:
        wrong = studio().diagnostics.unready()
        return JSONResponse({"ready": not wrong, "wrong": wrong}, 503 if wrong else 200)

    # Each reference needs a thread while it is checked and converted; other requests need threads too.
    slots = asyncio.Semaphore(REFERENCES_AT_ONCE)

    async def add_reference(request: Request) -> Response:
        if "x-studio-name" not in request.headers:
            return JSONResponse({"refusal": "Only the studio's own page may add pictures."}, 403)

        async def keep(part: Path) -> dict[str, Any]:
            async with slots:
                return await run_in_threadpool(_keep, studio(), unquote(request.headers["x-studio-name"]), part)

        return await _take_in(request, studio().files, convert.UPLOAD_BYTES_LIMIT, convert.too_large, keep)

    async def add_file(request: Request) -> Response:
        async def keep(part: Path) -> dict[str, Any]:
            return {"id": studio().files.store_upload(part)}

        return await _take_in(request, studio().files, FILE_BYTES_LIMIT, lambda _: FILE_TOO_LARGE, keep)

    async def callback(request: Request) -> Response:
        job_id = studio().backend.urls.read_callback(request.path_params["token"])
        if job_id is None:
            return PlainTextResponse("Unknown.", 404)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > CALLBACK_BYTES_LIMIT:
                return PlainTextResponse("Too long.", 413)
        task_id = named_task(body)
        if task_id:
            await run_in_threadpool(studio().attention.handle_callback, job_id, task_id)
        return Response(status_code=204)

    async def events(socket: WebSocket) -> None:
        await socket.accept()
        loop, topics, changed = asyncio.get_running_loop(), {EVERYTHING}, asyncio.Event()
        changed.set()

        def add(more: set[str]) -> None:
            topics.update(more)
            changed.set()

        def on_change(more: set[str]) -> None:
            # The loop may be closed while the tracker is still stopping.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(add, more)

        leave = studio().events.listen(on_change)
        sender = asyncio.create_task(_send_changes(socket, topics, changed))
        try:
            while True:
                await socket.receive_text()
        except (WebSocketDisconnect, KeyError):
            pass
        finally:
            leave()
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, RuntimeError, WebSocketDisconnect):
                await sender

    return [
        Route(PREFIX + "{token}", picture),
        Route("/references", add_reference, methods=["POST"]),
        Route("/files", add_file, methods=["POST"]),
        Route(CALLBACKS + "{token}", callback, methods=["POST"]),
        Route("/healthz", health),
        Route("/readyz", ready),
        WebSocketRoute("/events", events),
        *download_routes(studio),
    ]


async def _take_in(
    request: Request, files: Files, limit: int, too_large: Callable[[int], str], keep: Callable[[Path], Awaitable[Any]]
) -> Response:
    """Stream a body to disk, and answer with what `keep` returns for it, or with the reason for a refusal."""
    declared = request.headers.get("content-length", "")
    announced = int(declared) if declared.isdecimal() else 0
    part, size = files.incoming(), 0
    try:
        files.need_room(min(announced, limit))
        with part.open("wb") as out:
            async for piece in request.stream():
                size += len(piece)
                if size > limit:
                    raise FileRefused(too_large(max(size, announced)))
                out.write(piece)
        return JSONResponse(await keep(part))
    except NothingSpent as error:
        return JSONResponse({"refusal": error.sentence})
    except OSError:
        return JSONResponse({"refusal": NOT_SAVED})
    except ClientDisconnect:
        return Response(status_code=400)  # The page was closed.
    finally:
        part.unlink(missing_ok=True)


def _keep(studio: Studio, name: str, part: Path) -> dict[str, Any]:
    receipt = studio.exports.receipt_of(part)
    return {"id": studio.references.add(name, part).id} | ({"receipt": receipt} if receipt else {})


async def _send_changes(socket: WebSocket, topics: set[str], changed: asyncio.Event) -> None:
    """Send the topics and empty the set, each time `changed` is set."""
    while True:
        await changed.wait()
        changed.clear()
        message = {"changes": sorted(topics)}
        topics.clear()
        await socket.send_json(message)
        await asyncio.sleep(COALESCE_S)
