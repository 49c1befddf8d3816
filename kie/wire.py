"""HTTP as the client needs it: the key on one request only, bodies that know whether they left, replies that end.

session ── adapter ── connection ── reply     every reply has a time as a whole, not only each of its pieces
body, multipart                               streamed; `has_left` says whether the other end can have acted
"""

import http.client
import io
import ipaddress
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import requests
import requests.adapters
from requests.auth import AuthBase
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError

USER_AGENT = "nano-banana-studio/1.0 (Python requests)"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
# A piece has ten seconds to leave: small ones let a slow line through.
PIECE = 64 * 1024


class Bearer(AuthBase):
    """Puts the key on one request. Being an auth object, it also keeps a `.netrc` out."""

    def __init__(self, key: str):
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Nobody(AuthBase):
    """No key, and none out of a `.netrc` either."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Body:
    """A body that knows whether any of it has left: as long as none has, nothing can have been acted on."""

    def __init__(self, content: bytes):
        self._content = content
        self.has_left = False

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        self.has_left = True
        yield self._content


class Multipart(Body):
    """A multipart body that is read from disk while it is sent: requests' own `files=` holds the file in memory."""

    def __init__(self, fields: Mapping[str, str], path: Path, name: str, mime_type: str):
        boundary = secrets.token_hex(16)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in fields.items()
        ]
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {mime_type}\r\n\r\n'
        )
        super().__init__("".join(parts).encode())
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._path, self._size = path, path.stat().st_size
        self.content_type = f"multipart/form-data; boundary={boundary}"

    def __len__(self) -> int:
        return len(self._content) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield from super().__iter__()
        with self._path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece
        yield self._tail


def session(reply_s: float) -> requests.Session:
    """Return a session of ours, in which a whole reply may take `reply_s` seconds and nothing is sent twice."""
    made = _Session()
    made.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json, image/*"})
    # A proxy from the environment would take a call to this machine off it.
    made.proxies = {f"{scheme}://{host}": "" for scheme in ("http", "https") for host in LOOPBACK}
    for scheme in ("https://", "http://"):
        made.mount(scheme, _Adapter(reply_s))
    return made


def describe(error: Exception) -> str:
    """Name a network error without quoting it: its text can hold addresses and headers."""
    # requests wraps so what went wrong before a connection stood.
    was_made = bool(error.args) and not isinstance(error.args[0], MaxRetryError)
    names = {
        requests.ConnectTimeout: "no connection within the time allowed",
        requests.ReadTimeout: "no reply within the time allowed",
        requests.exceptions.SSLError: "no secure connection",
        requests.exceptions.ChunkedEncodingError: "the reply was cut off",
        requests.ConnectionError: "the connection was cut" if was_made else "the connection could not be made",
    }
    return next((text for kind, text in names.items() if isinstance(error, kind)), type(error).__name__)


def is_inside(host: str) -> bool:
    """Whether a host is this machine or its private network. An unknown name is left to the connection to refuse."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(not ipaddress.ip_address(address[4][0].split("%")[0]).is_global for address in found)


class _Session(requests.Session):
    """Follows nothing: the key would go along, and even a redirect that is not followed would be read to its end."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class _Adapter(requests.adapters.HTTPAdapter):
    """Opens connections whose replies come to an end."""

    def __init__(self, reply_s: float):
        super().__init__(pool_connections=8, pool_maxsize=16, max_retries=0)
        self._reply_s = reply_s

    def get_connection_with_tls_context(self, *args: object, **options: object) -> HTTPConnectionPool:
        pool = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = partial(_connection, type(pool).ConnectionCls, self._reply_s)
        return pool


def _connection(kind: type[http.client.HTTPConnection], reply_s: float, **options: object) -> object:
    made = kind(**options)
    made.response_class = partial(_Reply, reply_s)
    return made


class _Reply(http.client.HTTPResponse):
    """A reply with a deadline. A socket's time-out is for each piece of it, and pieces can drip for ever."""

    def __init__(self, reply_s: float, sock: socket.socket, *args: object, **options: object):
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Until(time.monotonic() + reply_s, self.fp.detach()))


class _Until(io.RawIOBase):
    def __init__(self, moment: float, raw: io.RawIOBase):
        self._moment, self._raw = moment, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int | None:
        if time.monotonic() > self._moment:
            raise TimeoutError("the reply took too long")
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
