"""A sandbox that keeps what came in, for tests of what the studio sends."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kie.sandbox import Sandbox
from kie.sandbox.server import UPLOAD


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
    """The sandbox, with its requests in `seen`, oldest first."""

    def __init__(self, *arguments: object, **options: object):
        self.seen: list[Seen] = []
        super().__init__(*arguments, **options)

    def app(self) -> ASGIApp:
        return recorded(super().app(), self.seen.append)


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
