"""ASGI middleware that checks every connection and adds security headers to every response.

    connection ──► local address ──► Host ──► Origin ──► the app ──► headers ──► browser
                        403           400      403

Local address   A loopback address or a unix socket. Anyone who reaches the studio can spend credits, so it does not
                accept connections from a network.
Host            127.0.0.1, localhost or [::1] with any port (which may be forwarded), or the host of KIE_PUBLIC_URL.
                If that has a path, the proxy must remove it; a request for a page with it is answered with instructions (404).
Origin          Checked for websockets and for all methods except GET, HEAD and OPTIONS. Must be that of KIE_PUBLIC_URL,
                or equal the Host header if that is a loopback name. Another program's page on this machine has
                another port, so it is refused. Clients that are not browsers send no Origin; they must send
                `X-Studio-Client: 1`, which no cross-site page can add, and no `Sec-Fetch-*` header, which browsers add.
                `POST /callback/<token>` needs neither, because its token is signed.

Host and Origin are compared as whole strings, as browsers write them. Nothing is parsed, so no two parsers can
disagree.

Nothing here relies on Streamlit's own settings. Streamlit is given a Host header that matches the Origin checked here;
otherwise it would query an external service for its own IP address, and block meanwhile.
"""

import base64
import gzip
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kie.signed_urls import CALLBACKS
from kie.web.connection_check import SCRIPT

CLIENT_HEADER = "X-Studio-Client"
FROM_NETWORK = (
    "The studio answers on this machine only: anyone on the network could spend your credits. Nothing was done. "
    "Let it listen on 127.0.0.1 and put a proxy with sign-in in front (see the README).\n"
)
UNKNOWN_HOST = (
    "The studio does not answer to this host name. Nothing was done. If people reach it under this "
    "name, set KIE_PUBLIC_URL to the whole address that they type, such as https://studio.example.com, and start it again.\n"
)
FOREIGN_PAGE = (
    "Only the studio's own pages may do this. Nothing was done. If this was the studio's own page, set "
    "KIE_PUBLIC_URL to the address that the browser shows, or let the proxy pass on the Host header with its port.\n"
)
PATH_KEPT = (
    "The proxy passes the path {0} on to the studio. Let it remove the path: in nginx, `location {0}/` with "
    "`proxy_pass http://127.0.0.1:8501/;` (with the slash at the end), in Caddy `handle_path {0}/*` (see the README).\n"
)
BROKEN = "An unexpected error; the log has the details. What was paid for is not lost: reload the page.\n"

_LOOPBACK_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")
_READS = ("GET", "HEAD", "OPTIONS")
# Streamlit serves its page for all other paths. Content below these may come from users.
_NO_PAGES = ("/_stcore/", "/media/", "/component/", "/static/", "/app/")
_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
# Streamlit loads components from `blob:` URLs and uses inline styles.
_POLICY = (
    "default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; {ancestors}"
)
_YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True)
class Rules:
    """The public address, and the origins that may embed the studio in a frame, as browsers write them."""

    public_url: str = ""
    frame_ancestors: tuple[str, ...] = ()

    @property
    def _origin(self) -> str:
        return "/".join(self.public_url.split("/", 3)[:3])

    @property
    def _path(self) -> str:
        return self.public_url.removeprefix(self._origin)

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return the status and the message with which a request or websocket is refused, or None if it is accepted."""
        sent = Headers(scope=scope)
        if not _came_in_locally(scope):
            return 403, FROM_NETWORK
        if len(sent.getlist("host")) != 1 or not (_is_loopback(sent["host"]) or self._is_public(sent["host"])):
            return 400, UNKNOWN_HOST
        if not self._is_own(scope, sent):
            return 403, FOREIGN_PAGE
        # No page of the studio ends with a slash, so this can't be one of its own.
        if self._path and scope["path"] == f"{self._path}/":
            return 404, PATH_KEPT.format(self._path)
        return None

    def add_headers(self, sent: Headers, headers: MutableHeaders, scripts: Iterable[str] | None = None) -> None:
        """Add the security headers. For a Streamlit page, `scripts` are the hashes of its inline scripts; else None."""
        ancestors = " ".join(["frame-ancestors", *(self.frame_ancestors or ["'none'"])])
        own = headers.get("Content-Security-Policy")
        policy = _POLICY.format(scripts=" ".join(["'self'", "blob:", *(scripts or ())]), ancestors=ancestors)
        headers["Content-Security-Policy"] = f"{own}; {ancestors}" if own else policy
        if not self.frame_ancestors:
            headers["X-Frame-Options"] = "DENY"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        if scripts is None:
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
        elif self._is_secure(sent) or _is_loopback(sent.get("host", "")):
            # On other plain HTTP origins, browsers only log a warning.
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
        for name in [name for name in headers if name.startswith("access-control-")]:
            del headers[name]  # Disables CORS, whatever Streamlit's settings are.
        if self._is_secure(sent):
            self._add_transport_security(headers)

    async def broken(self, request: Request, _: Exception) -> Response:
        """Answer a request with status 500 after an unhandled exception. This handler runs outside of all middleware."""
        answer = PlainTextResponse(BROKEN, 500)
        self.add_headers(request.headers, answer.headers)
        return answer

    def _is_public(self, host: str) -> bool:
        """Return whether the Host header names the public address. A proxy may omit the port."""
        return bool(self.public_url) and _without_port(host.lower()) == _without_port(_place(self._origin))

    def _is_own(self, scope: Scope, sent: Headers) -> bool:
        if scope["type"] == "http":
            is_callback = scope["method"] == "POST" and scope["path"].startswith(CALLBACKS)
            if is_callback or scope["method"] in _READS:
                return True
        origins = sent.getlist("origin")
        if not origins:
            return CLIENT_HEADER in sent and not any(name.startswith("sec-fetch-") for name in sent)
        scheme = "https" if scope["scheme"] in ("https", "wss") else "http"
        own = [f"{scheme}://{sent['host']}"] if _is_loopback(sent["host"]) else []
        return len(origins) == 1 and origins[0] in [*own, *filter(None, [self._origin])]

    def _is_secure(self, sent: Headers) -> bool:
        return self.public_url.startswith("https:") and self._is_public(sent.get("host", ""))

    def _add_transport_security(self, headers: MutableHeaders) -> None:
        # HSTS would affect every other program on the machine or the host.
        if not self._path and not _is_loopback(_place(self._origin)):
            headers["Strict-Transport-Security"] = f"max-age={_YEAR_S}"
        cookies = headers.getlist("set-cookie")
        del headers["set-cookie"]
        for cookie in cookies:
            is_marked = re.search(r";\s*secure\s*(;|$)", cookie, re.IGNORECASE)
            headers.append("set-cookie", cookie if is_marked else f"{cookie}; Secure")


class Guard:
    """The middleware: refuses requests according to the rules, and adds headers to all responses."""

    def __init__(self, app: ASGIApp, rules: Rules):
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or websocket; pass on the app's lifespan."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        answer = _Answer(self._rules, scope, send)
        refusal = self._rules.refusal(scope)
        if refusal is None:
            await self._app(_passed_on(scope), receive, answer.send)
        else:
            # Before a websocket is accepted, this is sent as an HTTP response.
            await PlainTextResponse(refusal[1], refusal[0])(scope, receive, answer.send)


class _Answer:
    """One response. Streamlit's page is buffered until complete: its inline scripts are hashed and our script is added."""

    def __init__(self, rules: Rules, scope: Scope, send: Send):
        self._rules, self._scope, self._send = rules, scope, send
        self._page: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"].endswith("http.response.start"):
            message = {**message, "headers": list(message.get("headers", []))}
            headers = MutableHeaders(scope=message)
            if headers.get("location", "").startswith("/"):
                # Relative, since a proxy may serve the studio below a path.
                headers["location"] = "../" * (self._scope["path"].count("/") - 1) + headers["location"].lstrip("/")
            if self._is_page(message):
                self._page = message
                return
            self._rules.add_headers(Headers(scope=self._scope), headers)
        elif self._page is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_page(self._page, self._body)
            return
        await self._send(message)

    def _is_page(self, start: Message) -> bool:
        return (
            self._scope.get("method") == "GET"
            and start["status"] == 200
            and not self._scope["path"].startswith(_NO_PAGES)
            and Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
        )

    async def _send_page(self, start: Message, body: bytes) -> None:
        headers = MutableHeaders(scope=start)
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
            del headers["content-encoding"]
        hashes = (hashlib.sha256(script).digest() for script in _INLINE_SCRIPT.findall(body))
        scripts = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes]
        body = body.replace(b"</head>", SCRIPT + b"</head>", 1)
        for name in ("etag", "last-modified", "accept-ranges"):
            del headers[name]  # They describe the unmodified page.
        headers["content-length"] = str(len(body))
        self._rules.add_headers(Headers(scope=self._scope), headers, scripts)
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _came_in_locally(scope: Scope) -> bool:
    """Return whether the connection was made to a loopback address or a unix socket."""
    host, port = scope.get("server") or ("", 0)
    if port is None:
        return True  # A unix socket.
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _is_loopback(host: str) -> bool:
    return bool(_LOOPBACK_HOST.fullmatch(host))


def _place(origin: str) -> str:
    """Return the host and port of an origin."""
    return origin.partition("://")[2]


def _without_port(host: str) -> str:
    return re.sub(r":\d{1,5}$", "", host)


def _passed_on(scope: Scope) -> Scope:
    """Return a websocket with the Host of its checked Origin, and a request for a page without its conditions.

    An answer of 304 would bring no script that could be hashed.
    """
    origin = Headers(scope=scope).get("origin")
    others, own = (), []
    if scope["type"] == "http" and not scope["path"].startswith(_NO_PAGES):
        others = (b"if-none-match", b"if-modified-since")
    elif scope["type"] == "websocket" and origin is not None:
        others, own = (b"host",), [(b"host", _place(origin).encode("latin-1"))]
    kept = [(name, value) for name, value in scope["headers"] if name not in others]
    return {**scope, "headers": [*own, *kept]}
