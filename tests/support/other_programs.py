"""Other programs on the same machine: a foreign site on another port, and a proxy that changes requests."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEAD_END = b"\r\n\r\n"


@contextlib.contextmanager
def site(html: str) -> Iterator[str]:
    """Serve one HTML page on a free port and yield its URL."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def without_websockets(head: bytes) -> bytes | None:
    """Drop websocket requests and pass others unchanged."""
    return None if b"upgrade: websocket" in head.lower() else head


def without_the_port(head: bytes) -> bytes:
    """Remove the port from the Host header."""
    return re.sub(rb"(?i)(\r\nhost: [^\r:]+):\d+", rb"\1", head, count=1)


def as_it_came(head: bytes) -> bytes:
    """Pass a request unchanged."""
    return head


def answer(status: str, body: str = "", **headers: str) -> bytes:
    """Return a response of a proxy's own, with an HTML page."""
    content = body.encode()
    told = {"Content-Type": "text/html", "Content-Length": str(len(content)), "Connection": "close", **headers}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in told.items()), "", ""]
    return "\r\n".join(lines).encode() + content


class Proxy:
    """A proxy on a free port. `passing` changes the header of each request, returns an answer of its own, or None to disconnect.

    It may be replaced.
    """

    def __init__(self, port: int, passing: Callable[[bytes], bytes | None]):
        self.port, self.passing = port, passing
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> "Proxy":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._threads[0].join()
        for line in list(self._open):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                asking, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=[asking])
            self._threads.append(thread)
            thread.start()

    def _serve(self, asking: socket.socket) -> None:
        with asking, contextlib.suppress(OSError):
            self._open.add(asking)
            head, end, rest = _read_head(asking)
            passed = self.passing(head)
            if not end or passed is None:
                return
            if passed.startswith(b"HTTP/"):
                # A connection that is closed before its body is read is a connection that is reset.
                _read_body(asking, head, rest)
                asking.sendall(passed)
                return
            if b"upgrade: websocket" not in head.lower():
                # One request per connection, so that every header passes through `passing`.
                passed = re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", passed) + b"\r\nConnection: close"
            with socket.create_connection(("127.0.0.1", self.port)) as studio:
                self._open.add(studio)
                studio.sendall(passed + HEAD_END + rest)
                back = threading.Thread(target=pass_on, args=[studio, asking])
                back.start()
                pass_on(asking, studio)
                back.join()


def _read_head(line: socket.socket) -> tuple[bytes, bytes, bytes]:
    read = b""
    while HEAD_END not in read and (piece := line.recv(65536)):
        read += piece
    return read.partition(HEAD_END)


def _read_body(line: socket.socket, head: bytes, read: bytes) -> None:
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    left = int(length[1]) - len(read) if length else 0
    while left > 0 and (piece := line.recv(65536)):
        left -= len(piece)


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Write what one connection says into another, until it says no more."""
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
