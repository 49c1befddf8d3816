"""HTTP transport for the client: authentication per request, deadlines for replies, connections to checked addresses only.

session ── adapter ── connection         the head of a reply has the read timeout as a whole, not only for each read
               └───── checking adapter   URLs from others are checked, and the checked IP address is used
read ── pieces of the body               with a deadline for the whole, and a least rate
"""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import requests
import requests.adapters
from requests.utils import select_proxy
from urllib3 import HTTPConnectionPool, HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, MaxRetryError

from kie.client import addresses

USER_AGENT = "nano-banana-studio/1.0 (Python requests)"
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
PIECE = 256 * 1024
# Idle connections are kept to this number of hosts, and this number to each.
HOSTS, CONNECTIONS = 8, 16
# The maximum number of a host's IP addresses that are tried.
TRIED = 3

# urllib3's warnings quote malformed headers of the server.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


Auth = Callable[[requests.PreparedRequest], requests.PreparedRequest]


def bearer(key: str) -> Auth:
    """Return an `auth` that adds the key to one request. Any `auth` also prevents the use of `.netrc`."""

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {key}"
        return request

    return sign


def no_key(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return the request unchanged: an `auth` that adds no key and prevents the use of `.netrc`."""
    return request


class LimitReached(requests.Timeout):
    """A reply took too long. The message is shown to people."""


def session() -> requests.Session:
    """Return a session for the service's hosts, without retries."""
    return _Session(_Adapter())


def result_session(resolver: addresses.Resolver, local_too: Callable[[], bool]) -> requests.Session:
    """Return a session for URLs from others. It connects only to IP addresses that `addresses` has checked.

    Its requests raise AddressRefused. `local_too` returns whether the local network is allowed.
    """
    return _Session(_CheckingAdapter(resolver, local_too))


def read(
    reply: requests.Response, whole_s: float, slow_after_s: float = 0.0, least_rate: float = 0.0
) -> Iterator[bytes]:
    """Yield the decoded body of a streamed reply as it arrives. Raises requests.RequestException, also when it is cut off.

    The limits are `whole_s` seconds in total, and `least_rate` bytes per second over each `slow_after_s` seconds of waiting.
    """
    # Only time spent waiting for the server counts; our own disk may be slow.
    waited, seen = 0.0, 0
    try:
        with _deadline(whole_s, reply.raw.shutdown) as passed:
            began = time.monotonic()
            while not passed.is_set() and (piece := reply.raw.read1(PIECE, decode_content=True)):
                waited, seen = waited + time.monotonic() - began, seen + len(piece)
                if waited > slow_after_s > 0:
                    if seen < least_rate * waited:
                        raise LimitReached(f"it came too slowly, at less than {least_rate / 1000:g} kB a second")
                    waited, seen = 0.0, 0
                yield piece
                began = time.monotonic()
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error


def describe(error: Exception) -> str:
    """Describe a network error without quoting its message, which may contain addresses and headers."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, LimitReached):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    names = {
        requests.ConnectTimeout: "no connection within the time allowed",
        requests.ReadTimeout: "no reply within the time allowed",
        requests.exceptions.SSLError: "no secure connection",
        requests.exceptions.ChunkedEncodingError: "the reply was cut off",
        requests.ConnectionError: "the connection could not be made"
        if _never_stood(error)
        else "the connection was cut",
    }
    return next((text for kind, text in names.items() if isinstance(error, kind)), type(error).__name__)


def _never_stood(error: Exception) -> bool:
    # How requests wraps errors from before a connection was made.
    return not error.args or isinstance(error.args[0], MaxRetryError)


class _Session(requests.Session):
    """Never follows redirects: they would get the key, and requests would read the redirect's body to its end."""

    def __init__(self, adapter: requests.adapters.HTTPAdapter):
        super().__init__()
        self.stream = True
        self.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json, image/*"})
        # Loopback requests must not go to a proxy of the environment.
        self.proxies = {f"{scheme}://{host}": "" for scheme in ("http", "https") for host in LOOPBACK}
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


@contextlib.contextmanager
def _deadline(seconds: float, end: Callable[[], object]) -> Iterator[threading.Event]:
    """Call `end` when the block takes too long, and raise LimitReached at its end. The event is set in between.

    A timeout of a socket applies to each read only, so a slow server could send for ever: a head, the length of a chunk.
    """
    passed = threading.Event()

    def stop() -> None:
        passed.set()
        # The reply may be complete at this moment. urllib3 raises ValueError for TLS in TLS, of a proxy with https.
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            end()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield passed
    finally:
        timer.cancel()
        if passed.is_set():
            raise LimitReached("the reply took too long")


class _Timed(HTTPConnection):
    def getresponse(self) -> HTTPResponse:
        line = getattr(self.sock, "socket", self.sock)  # To an https proxy, the socket is wrapped in an object.
        with _deadline(self.timeout, partial(line.shutdown, socket.SHUT_RD)):
            return super().getresponse()


class _TimedSecure(_Timed, HTTPSConnection):
    pass


# Connections through a SOCKS proxy have classes of their own, and stay without the deadline.
_TIMED = {HTTPConnection: _Timed, HTTPSConnection: _TimedSecure}


class _Adapter(requests.adapters.HTTPAdapter):
    """Adapter whose connections read the head of a reply within the read timeout."""

    def __init__(self) -> None:
        super().__init__(pool_connections=HOSTS, pool_maxsize=CONNECTIONS)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> HTTPConnectionPool:
        pool = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = _TIMED.get(pool.ConnectionCls, pool.ConnectionCls)
        return pool


class _CheckingAdapter(_Adapter):
    """Adapter that checks each URL and connects to a checked IP address, with the Host header and the certificate of the name."""

    def __init__(self, resolver: addresses.Resolver, local_too: Callable[[], bool]):
        super().__init__()
        self._resolver, self._local_too = resolver, local_too

    def send(
        self, request: requests.PreparedRequest, *, proxies: Mapping[str, str] | None = None, **options: Any
    ) -> requests.Response:
        address = addresses.read(request.url or "")
        if select_proxy(request.url, proxies):
            addresses.check_for_proxy(address, self._resolver, self._local_too)
            return super().send(request, proxies=proxies, **options)
        ips = addresses.connectable(address, self._resolver, self._local_too)[:TRIED]
        while True:
            try:
                return super().send(_pinned(request, address, ips.pop(0)), **options)
            except requests.ConnectionError as error:
                if not ips or isinstance(error, requests.exceptions.SSLError) or not _never_stood(error):
                    raise

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        host, tls = super().build_connection_pool_key_attributes(request, *args, **options)
        if "Host" in request.headers:
            # The name for SNI, which the certificate must match.
            named = addresses.read(f"https://{request.headers['Host']}/")
            tls |= {} if named.is_ip else {"server_hostname": named.host}
        return host, tls


def _pinned(request: requests.PreparedRequest, address: addresses.Address, ip: str) -> requests.PreparedRequest:
    """Return a request to an IP address instead of the host name."""
    pinned = request.copy()
    pinned.url = address.at(ip)
    pinned.headers["Host"] = address.authority
    return pinned
