"""A fake service on a real socket with programmable faults. It records all requests and created tasks.

    rogue.plan("create", cut)                   next createTask: no task is created, the connection is reset
    rogue.plan("create", acting(cut))           the task is created and charged, then the connection is reset
    rogue.plan("record", status(500), half)     one after the other; normal behaviour afterwards
    rogue.plan("result", always=status(404))    from now on

The endpoints are create, record, credit, upload and result. A behaviour is a function of one `Exchange`.
"""

import contextlib
import json
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.support.images import picture

PATHS = {
    "/api/v1/jobs/createTask": "create",
    "/api/v1/jobs/recordInfo": "record",
    "/api/v1/chat/credit": "credit",
    "/api/file-stream-upload": "upload",
}
PRICE = 18
BODY_KEPT = 64 * 1024
HTML = b"<!doctype html><html><body><h1>Bad gateway</h1></body></html>"

Behaviour = Callable[["Exchange"], None]
Answer = tuple[int, bytes, dict[str, str]]


@dataclass
class Seen:
    """A request as received. Long bodies are truncated; `size` is the full size. `made` is the task that it created."""

    endpoint: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    size: int
    at: float
    made: str | None = None


class Rogue(ThreadingHTTPServer):
    """The service on a free loopback port. A task takes `seconds`, costs 18 credits and results in `picture`."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, seconds: float = 0.0, credits: float = 1000):
        super().__init__(("127.0.0.1", 0), Exchange)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.result_host = self.url
        self.seconds, self.credits = seconds, credits
        self.picture = picture()
        self.seen: list[Seen] = []
        self.tasks: dict[str, float] = {}
        self.asked: dict[str, str] = {}
        self.ending = threading.Event()
        self._plans: dict[str, deque[Behaviour]] = {}
        self._lasting: dict[str, Behaviour] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="rogue", daemon=True)

    def plan(self, endpoint: str, *behaviours: Behaviour, always: Behaviour | None = None) -> None:
        """Set the behaviours for the next requests to an endpoint, and the one after these (default: normal)."""
        with self._lock:
            self._plans[endpoint] = deque(behaviours)
            self._lasting[endpoint] = always or normal

    def requests(self, endpoint: str) -> list[Seen]:
        """Return the requests to an endpoint, oldest first."""
        return [seen for seen in list(self.seen) if seen.endpoint == endpoint]

    @property
    def balance(self) -> float:
        """The remaining credits after all created tasks."""
        return self.credits - PRICE * len(self.tasks)

    def behaviour(self, endpoint: str) -> Behaviour:
        with self._lock:
            waiting = self._plans.get(endpoint)
            return waiting.popleft() if waiting else self._lasting.get(endpoint, normal)

    def make_task(self) -> str:
        with self._lock:
            task_id = f"task-{len(self.tasks) + 1:04d}"
            self.tasks[task_id] = time.time()
            return task_id

    def __enter__(self) -> "Rogue":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Ignore clients that disconnect."""


class Exchange(BaseHTTPRequestHandler):
    """One request and its response."""

    server: Rogue
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.endpoint = PATHS.get(parts.path, "result")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body, size = self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen = Seen(self.endpoint, self.command, parts.path, query, headers, body, size, time.time())
        self.server.seen.append(self.seen)
        self.server.behaviour(self.endpoint)(self)

    def do_POST(self) -> None:
        self.do_GET()

    def act(self) -> Answer:
        """Perform the request and return the normal answer."""
        return getattr(self, f"_{self.endpoint}")()

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def close(self, linger: bool = True) -> None:
        """Close the connection, normally or with a reset."""
        self.close_connection = True
        if not linger:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.connection.close()

    def log_message(self, *_: object) -> None:
        pass

    def _body(self) -> tuple[bytes, int]:
        kept, size, left = b"", 0, int(self.headers.get("Content-Length", 0))
        while left and (piece := self.rfile.read(min(left, 64 * 1024))):
            kept, size, left = (kept + piece)[:BODY_KEPT], size + len(piece), left - len(piece)
        return kept, size

    def _create(self) -> Answer:
        self.seen.made = self.server.make_task()
        self.server.asked[self.seen.made] = self.seen.body.decode("utf-8", "replace")
        return envelope({"taskId": self.seen.made})

    def _record(self) -> Answer:
        task_id = self.seen.query.get("taskId", "")
        made = self.server.tasks.get(task_id)
        if made is None:
            return envelope(None, 422, "recordInfo is null")
        is_done = time.time() >= made + self.server.seconds
        url = f"{self.server.result_host}/results/{task_id}.png"
        data = {
            "taskId": task_id,
            "param": self.server.asked.get(task_id),
            "state": "success" if is_done else "waiting",
            "resultJson": json.dumps({"resultUrls": [url]}) if is_done else "",
            "failCode": None,
            "failMsg": None,
            "createTime": int(made * 1000),
            "completeTime": int((made + 2) * 1000) if is_done else None,
            "creditsConsumed": PRICE,
        }
        return envelope(data)

    def _credit(self) -> Answer:
        return envelope(self.server.balance)

    def _upload(self) -> Answer:
        name = re.search(rb'name="fileName"\r\n\r\n([^\r]+)', self.seen.body)
        return envelope({"downloadUrl": f"{self.server.url}/files/{name[1].decode() if name else 'unnamed'}"})

    def _result(self) -> Answer:
        return 200, self.server.picture, {"Content-Type": "image/png"}


def envelope(data: object, code: object = 200, message: str = "success", http: int = 200) -> Answer:
    """Return an answer with an envelope of the service."""
    body = json.dumps({"code": code, "msg": message, "data": data}).encode()
    return http, body, {"Content-Type": "application/json"}


def normal(exchange: Exchange) -> None:
    """Perform the request and answer it."""
    exchange.answer(*exchange.act())


def acting(then: Behaviour) -> Behaviour:
    """Perform the request, then apply another behaviour."""

    def both(exchange: Exchange) -> None:
        exchange.act()
        then(exchange)

    return both


def status(http: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Answer with an HTTP status and no envelope."""
    return lambda exchange: exchange.answer(http, body, headers)


def says(code: object, message: str = "", data: object = None, http: int = 200) -> Behaviour:
    """Answer with an envelope of this code, without performing the request."""
    return lambda exchange: exchange.answer(*envelope(data, code, message, http))


def told(**changes: object) -> Behaviour:
    """Perform the request and answer with changed data."""

    def changed(exchange: Exchange) -> None:
        reply = json.loads(exchange.act()[1])
        exchange.answer(*envelope((reply["data"] or {}) | changes))

    return changed


def redirect(url: str, http: int = 302) -> Behaviour:
    """Answer with a redirect."""
    return status(http, Location=url)


def cut(exchange: Exchange) -> None:
    """Reset the connection."""
    exchange.close(linger=False)


def hang_up(exchange: Exchange) -> None:
    """Close the connection without an answer."""
    exchange.close()


def half(exchange: Exchange) -> None:
    """Perform the request, announce the full length, and send half of the answer."""
    http, body, headers = exchange.act()
    exchange.answer(http, body[: len(body) // 2], headers | {"Content-Length": str(len(body))})
    exchange.close()


def silent(exchange: Exchange) -> None:
    """Never answer."""
    exchange.server.ending.wait()
    exchange.close()


def slow(seconds: float) -> Behaviour:
    """Wait for some seconds, then behave normally."""

    def later(exchange: Exchange) -> None:
        exchange.server.ending.wait(seconds)
        normal(exchange)

    return later


def held(until: threading.Event, then: Behaviour = normal) -> Behaviour:
    """Wait for an event, then run the given behaviour."""

    def later(exchange: Exchange) -> None:
        until.wait(60)
        then(exchange)

    return later


def raw(content: bytes) -> Behaviour:
    """Send these bytes and close the connection."""

    def sent(exchange: Exchange) -> None:
        exchange.wfile.write(content)
        exchange.close()

    return sent


def drip(beginning: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", every_s: float = 0.05) -> Behaviour:
    """Send the start, then single bytes without end."""

    def dripping(exchange: Exchange) -> None:
        with contextlib.suppress(OSError):
            exchange.wfile.write(beginning)
            while not exchange.server.ending.wait(every_s):
                exchange.wfile.write(b" ")
        exchange.close()

    return dripping
