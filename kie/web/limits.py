"""ASGI middleware with limits for requests: their number, the time for a body, and no uploads to Streamlit.

    request ── upload route of Streamlit? 405 ── too many at once? 503 ── body stalled or slow? 408 ──► the studio

It is inside the guard, so that refusals have its headers. The time of a body counts only while waiting for the client, not
what the studio itself takes.
"""

import asyncio
import time

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kie.web.sockets import Connections

# Uploads use our own routes. Streamlit's keeps files in memory, even after their page is closed.
CLOSED_PATH = "/_stcore/upload_file"
ALWAYS_ANSWERED = ("/healthz", "/readyz")
TOO_MANY = "The studio has as many connections as it can serve: try again in a moment."
TOO_SLOW = "This took too long to arrive: try again."
RETRY_AFTER_S = 5
LEAST_BYTES_PER_S = 10_000


class Limits:
    """The middleware. `silent_s` is the timeout between two parts of a body; after it, at least 10 kB/s are required."""

    def __init__(self, app: ASGIApp, connections: Connections, silent_s: float = 30.0):
        self._app, self._connections, self._silent_s = app, connections, silent_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or websocket on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = None
        if CLOSED_PATH in scope["path"]:
            refusal = PlainTextResponse("Files are not taken here.", 405, {"Connection": "close"})
        elif self._connections.is_full and not scope["path"].endswith(ALWAYS_ANSWERED):
            refusal = PlainTextResponse(TOO_MANY, 503, {"Connection": "close", "Retry-After": str(RETRY_AFTER_S)})
        if refusal:
            await refusal(scope, receive, send)
            return

        async def tell(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                answered()
            await send(message)

        headers = Headers(scope=scope)
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        if scope["type"] == "http" and has_body:
            receive = _timed(receive, self._silent_s)
        with self._connections.request(scope.get("server"), scope.get("client")) as answered:
            await self._app(scope, receive, tell)


def _timed(receive: Receive, silent_s: float) -> Receive:
    """Return a `receive` for a body that raises HTTPException with status 408 when it stalls or is too slow."""
    waited_s, size, is_whole = 0.0, 0, False

    async def receive_in_time() -> Message:
        nonlocal waited_s, size, is_whole
        if is_whole:
            return await receive()
        began = time.monotonic()
        try:
            async with asyncio.timeout(silent_s):
                message = await receive()
        except TimeoutError:
            raise _too_slow() from None
        waited_s += time.monotonic() - began
        size += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        if not is_whole and waited_s > silent_s and size < LEAST_BYTES_PER_S * waited_s:
            raise _too_slow()
        return message

    return receive_in_time


def _too_slow() -> HTTPException:
    return HTTPException(408, TOO_SLOW, {"Connection": "close"})
