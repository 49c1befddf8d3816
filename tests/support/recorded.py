"""A sandbox that keeps what came in, for tests of what the studio sends."""

import contextlib
import json
import socket
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kie.sandbox import Sandbox
from kie.sandbox.server import UPLOAD
from tests.support.waiting import until


@dataclass
class Seen:
    """A request as received. For an accepted upload, `body` is a dict: fileName, uploadPath, size."""

    method: str
    path: str
    query: dict
    # Contains the key, which should not appear in a failed assertion.
    headers: dict = field(repr=False)
    body: bytes | dict
    at: float


class RecordedSandbox(Sandbox):
    """The sandbox, with its requests in `seen`, oldest first. Its port stays taken while it is stopped: nobody else answers there."""

    def __init__(self, *arguments: object, **options: object):
        self.seen: list[Seen] = []
        self._kept = contextlib.ExitStack()
        super().__init__(*arguments, **options)

    def start(self) -> Self:
        self._kept.close()
        return super().start()

    def stop(self) -> None:
        super().stop()
        self._kept.close()
        until(self._keep_port)

    def finish(self) -> None:
        """End all tasks now."""
        finish_tasks(self._folder)

    def _keep_port(self) -> bool:
        place = self._kept.enter_context(socket.socket())
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            place.bind(("127.0.0.1", urlsplit(self.url).port))
            return True
        return False

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._kept.close()

    def app(self) -> ASGIApp:
        return recorded(super().app(), self.seen.append)


def finish_tasks(folder: Path) -> None:
    """End all tasks of the sandbox of a folder."""
    with contextlib.closing(sqlite3.connect(folder / "sandbox.sqlite3", timeout=60)) as database, database:
        database.execute("UPDATE tasks SET ends = min(ends, ?)", (time.time() * 1000,))


def recorded(app: ASGIApp, record: Callable[[Seen], None]) -> ASGIApp:
    """Return an app that tells `record` of each request before it answers."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        path = request.url.path
        seen = Seen(request.method, path, dict(request.query_params), dict(request.headers), b"", time.time())
        record(seen)

        async def listen() -> Message:
            message = await receive()
            if path != UPLOAD:
                seen.body += message.get("body", b"")
            return message

        async def tell(message: Message) -> None:
            if path == UPLOAD and (kept := json.loads(message.get("body") or "{}").get("data")):
                folder = kept["filePath"].removesuffix(f"/{kept['fileName']}")
                seen.body = {"fileName": kept["fileName"], "uploadPath": folder, "size": kept["fileSize"]}
            await send(message)

        await app(scope, listen, tell)

    return answer
