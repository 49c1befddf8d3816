"""Who reaches the studio, over sockets on a running one: addresses, hosts, origins, and the headers of every answer."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from kie.web.guard import Guard, Rules
from tests.support.server import ForkedServer, Server, free_port
from tests.support.site import listening

LINES = ["/_stcore/stream", "/events"]
PUBLIC = "https://studio.example.com"
# Where {port} is the studio's own.
FOREIGN = [
    *("null", "", "http://evil.example", "http://evil.example:{port}", "http://localhost", "http://localhost:1"),
    *(
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "https://127.0.0.1:{port}",
        "ws://127.0.0.1:{port}",
        "127.0.0.1:{port}",
    ),
    *("http://localhost:{port}", "http://[::1]:{port}", "http://0.0.0.0:{port}", "http://127.1:{port}"),
    *("http://2130706433:{port}", "http://[::ffff:127.0.0.1]:{port}", "http://evil.example@127.0.0.1:{port}"),
    *("http://evil.example@127.0.0.1", "http://127.0.0.1:{port}@evil.example", "http://127.0.0.1:{port}.evil.example"),
    *(
        "http://evil.example/127.0.0.1:{port}",
        "HTTP://127.0.0.1:{port}",
        "http://127.0.0.1.:{port}",
        "http://127.0.0.1:{port}/",
    ),
    *(
        "http://127.0.0.1:0{port}",
        "http://127.0.0.1:{port} http://evil.example",
        "http://127.0.0.1:{port}\\@evil.example",
    ),
    *("http://[", "file://", "chrome-extension://abcdef", "http://studio.example.com", "https://studio.example.com."),
    *("https://studio.example.com:8443", "https://evil.studio.example.com", "https://STUDIO.example.com"),
]


@pytest.fixture(scope="module")
def studio(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A studio that people reach under a name, too."""
    with ForkedServer(
        tmp_path_factory.mktemp("guard") / "data", project, KIE_SANDBOX="1", KIE_PUBLIC_URL=PUBLIC
    ) as running:
        yield running


def status(server: Server, path: str, headers: dict[str, str]) -> int:
    """Return how a websocket is answered: 101, or the status of its refusal."""
    head = {"Host": f"127.0.0.1:{server.port}", "Upgrade": "websocket", "Connection": "Upgrade"}
    head |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} | headers
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall("\r\n".join(lines).encode())
        return int(line.recv(4096).split()[1])


def foreign(port: int) -> list[str]:
    return [origin.format(port=port) for origin in FOREIGN]


# Origins


@pytest.mark.parametrize("path", LINES)
def test_a_websocket_opens_only_for_the_studio_s_own_pages(studio: Server, path: str):
    port = studio.port
    own = [
        (f"http://{host}", host) for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", "localhost")
    ]
    forwarded = ("http://localhost:9000", "localhost:9000")
    behind_a_proxy = [(PUBLIC, host) for host in ("studio.example.com", "studio.example.com:443", f"127.0.0.1:{port}")]
    for origin, host in [*own, forwarded, *behind_a_proxy]:
        assert status(studio, path, {"Origin": origin, "Host": host}) == 101, (origin, host)
    for origin in foreign(port):
        for host in (f"127.0.0.1:{port}", "studio.example.com"):
            assert status(studio, path, {"Origin": origin, "Host": host}) == 403, (origin, host)


@pytest.mark.parametrize("path", LINES)
def test_a_client_without_an_origin_is_no_browser_and_says_so(studio: Server, path: str):
    said = {"X-Studio-Client": "1"}
    assert status(studio, path, {}) == 403
    assert status(studio, path, said) == 101
    assert status(studio, path, said | {"Sec-Fetch-Mode": "websocket"}) == 403
    assert status(studio, path, said | {"Origin": "http://evil.example"}) == 403


def test_a_refused_websocket_is_refused_in_words(studio: Server):
    with (
        pytest.raises(InvalidStatus) as caught,
        connect(f"ws://127.0.0.1:{studio.port}/events", origin="http://evil.example"),
    ):
        pass
    assert b"Only the studio's own pages may do this" in caught.value.response.body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/references"),
        ("PUT", "/_stcore/upload_file/session/file"),
        ("DELETE", "/_stcore/upload_file/session/file"),
        ("POST", "/"),
        ("PATCH", "/anything"),
    ],
)
def test_only_the_studio_s_own_pages_change_something(studio: Server, method: str, path: str):
    def is_refused(headers: dict[str, str]) -> bool:
        reply = requests.request(method, studio.url + path, headers=headers, data=b"x", timeout=20)
        return reply.status_code == 403 and reply.text.startswith("Only the studio's own pages may do this.")

    said = {"X-Studio-Client": "1"}
    for refused in (
        {},
        said | {"Sec-Fetch-Site": "cross-site"},
        *({"Origin": origin} for origin in foreign(studio.port)),
    ):
        assert is_refused(refused), refused
    for let_through in (said, {"Origin": studio.url}, {"Origin": PUBLIC}):
        assert not is_refused(let_through), let_through


def test_the_service_calls_back_without_an_origin(studio: Server):
    reply = requests.post(f"{studio.url}/callback/no-such-token", json={}, timeout=20)
    assert (reply.status_code, reply.text) == (404, "Unknown.")


def test_no_switch_of_streamlit_s_opens_the_studio(start: Callable[..., Server]):
    switches = ("STREAMLIT_SERVER_ENABLE_CORS", "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION")
    server = start(KIE_SANDBOX="1", **dict.fromkeys(switches, "false"))
    for path in LINES:
        assert status(server, path, {"Origin": "http://evil.example"}) == 403
    headers = {"Origin": "http://evil.example"}
    assert requests.put(f"{server.url}/_stcore/upload_file/a/b", headers=headers, timeout=20).status_code == 403
    answer = requests.get(f"{server.url}/_stcore/host-config", headers=headers, timeout=20)
    assert not any(name.lower().startswith("access-control-") for name in answer.headers)
    assert answer.json()["allowedOrigins"] == []


# Hosts and addresses


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "localhost.evil.example",
            "evil.example:{port}",
            "127.0.0.1.:{port}",
            "127.0.0.1:{port}:1",
            "0.0.0.0",
        ),
        *(
            "studio.example.com.",
            "evil.studio.example.com",
            "studio.example.com:",
            "studio.example.com@evil.example",
            "[::]",
            "",
        ),
    ],
)
def test_a_host_that_is_not_the_studio_s_is_answered_with_what_to_set(studio: Server, host: str):
    reply = requests.get(studio.url, headers={"Host": host.format(port=studio.port)}, timeout=20)
    assert reply.status_code == 400
    assert "set KIE_PUBLIC_URL to the whole address that they type" in reply.text
    for path in LINES:
        host = host.format(port=studio.port)
        assert status(studio, path, {"Origin": f"http://{host}", "Host": host}) == 400


@contextmanager
def uvicorn(project: Path, data: Path, *options: str, **environment: str) -> Iterator[subprocess.Popen]:
    """Serve the studio as `uvicorn app:app` does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KIE_", "STREAMLIT_"))}
    kept |= {"KIE_DATA_DIR": str(data), "KIE_SANDBOX": "1"} | environment
    command = [sys.executable, "-m", "uvicorn", "app:app", *options]
    with subprocess.Popen(
        command, cwd=project, env=kept, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.terminate()
            running.communicate(timeout=30)


def test_a_studio_that_listens_on_every_network_still_answers_on_this_machine(project: Path, tmp_path: Path):
    port = free_port()
    with uvicorn(project, tmp_path / "data", "--host", "0.0.0.0", "--port", str(port)) as running:
        for line in running.stderr:
            if "Uvicorn running on" in line:
                break
        assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=20).json()["status"] == "ok"


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_what_came_in_from_a_network_is_refused_in_words_before_the_app_sees_it(kind: str):
    sent = []
    scope = {"type": kind, "method": "GET", "path": "/events", "scheme": kind, "server": ("192.0.2.7", 8501)}
    scope |= {"headers": [(b"host", b"127.0.0.1:8501"), (b"origin", b"http://127.0.0.1:8501")]}
    scope |= {"extensions": {"websocket.http.response": {}}}

    async def app(*_: object) -> None:
        raise AssertionError("the app was reached")

    async def receive() -> dict[str, str]:
        return {"type": "http.request"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    # In a thread of its own: a browser test before this one may have left its event loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, Guard(app, Rules())(scope, receive, send)).result(timeout=20)
    start, body = sent
    assert (start["status"], dict(start["headers"])[b"x-frame-options"]) == (403, b"DENY")
    assert b"anyone on the network could spend your credits" in body["body"]


@pytest.mark.parametrize(
    ("server", "is_local"),
    [
        (("127.0.0.1", 80), True),
        (("127.9.9.9", 80), True),
        (("::1", 80), True),
        (("::ffff:127.0.0.1", 80), True),
        (("/run/studio.sock", None), True),
        (("192.168.0.7", 80), False),
        (("0.0.0.0", 80), False),
        (("::", 80), False),
        (("::ffff:192.168.0.7", 80), False),
        (("fe80::1%eth0", 80), False),
        (("localhost", 80), False),
        (None, False),
    ],
)
def test_an_address_is_this_machine_s_alone_or_it_is_refused(server: tuple | None, is_local: bool):
    scope = {"type": "http", "method": "GET", "scheme": "http", "headers": [(b"host", b"localhost")], "server": server}
    assert (Rules().refusal(scope) is None) == is_local


REFUSED_SETTINGS = [
    ("KIE_PUBLIC_URL", "https://*", "KIE_PUBLIC_URL must name one host"),
    ("KIE_PUBLIC_URL", "https://ann:secret@studio.example.com", "KIE_PUBLIC_URL must be an address"),
    ("KIE_PUBLIC_URL", "https://example.com/a//b", "KIE_PUBLIC_URL has the path /a//b"),
    ("KIE_FRAME_ANCESTORS", "*", "KIE_FRAME_ANCESTORS must be an address"),
]
# uvicorn hands none of Streamlit's settings on from the environment.
REFUSED_BY_STREAMLIT = [
    ("STREAMLIT_SERVER_BASE_URL_PATH", "studio", "server.baseUrlPath is set"),
    ("STREAMLIT_SERVER_ADDRESS", "0.0.0.0", "server.address is 0.0.0.0"),
]


@pytest.mark.parametrize(
    ("launch", "setting", "value", "words"),
    [
        *(("uvicorn", *row) for row in REFUSED_SETTINGS),
        *(("streamlit", *row) for row in REFUSED_SETTINGS + REFUSED_BY_STREAMLIT),
    ],
)
def test_a_setting_that_would_open_or_break_the_studio_ends_it_in_one_sentence(
    project: Path, tmp_path: Path, launch: str, setting: str, value: str, words: str
):
    if launch == "uvicorn":
        with uvicorn(project, tmp_path / "data", "--port", str(free_port()), **{setting: value}) as running:
            said, code = running.communicate(timeout=60)[1], running.returncode
    else:
        server = ForkedServer(tmp_path / "data", project, **{setting: value})
        with pytest.raises(RuntimeError, match="ended at once"):
            server.start()
        said, code = server.log, server.process.poll()
    assert code == 1
    assert f"The studio can't start. {words}" in said
    assert "Traceback" not in said
    assert "secret" not in said


# Headers


ANSWERS = [
    ("a page", "GET", "/", 200),
    ("a page below the root", "GET", "/history", 200),
    ("no page", "GET", "/no/such/page", 200),
    ("a page's head", "HEAD", "/", 200),
    ("a script of Streamlit's", "GET", "/favicon.png", 200),
    ("Streamlit's health", "GET", "/_stcore/health", 200),
    ("Streamlit's settings", "GET", "/_stcore/host-config", 200),
    ("no medium", "GET", "/media/none", 404),
    ("an upload", "PUT", "/_stcore/upload_file/a/b", 405),
    ("a path out of the folder", "GET", "/..%2f..%2fetc/passwd", 400),
    ("our health", "GET", "/healthz", 200),
    ("no picture", "GET", "/app/static/pictures/none", 404),
    ("nothing to take away", "GET", "/take/none", 404),
    ("our script", "GET", "/studio/connection.js", 200),
    ("what the script shows", "GET", "/studio/connection", 200),
    ("no callback", "POST", "/callback/none", 404),
    ("a reference without a name", "POST", "/references", 403),
    ("a method that is not there", "DELETE", "/healthz", 405),
    ("a refusal", "POST", "/anything", 403),
    ("an unknown host", "GET", "/", 400),
]


@pytest.mark.parametrize(("name", "method", "path", "code"), ANSWERS, ids=[name for name, *_ in ANSWERS])
def test_every_answer_says_what_a_browser_may_do_with_it(studio: Server, name: str, method: str, path: str, code: int):
    headers = {"Host": "evil.example"} if name == "an unknown host" else {}
    headers |= {} if name == "a refusal" else {"X-Studio-Client": "1"}
    reply = requests.request(method, studio.url + path, headers=headers, timeout=20)
    assert reply.status_code == code
    assert_guarded(reply.headers)


def assert_guarded(headers: requests.structures.CaseInsensitiveDict) -> None:
    policy = headers["content-security-policy"]
    assert policy.endswith("frame-ancestors 'none'")
    assert "unsafe-eval" not in policy
    assert re.search(r"script-src 'self' blob:( 'sha256-\S+')*;", policy)
    assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")
    assert headers["referrer-policy"] == "same-origin"
    assert "same-origin" in (headers.get("cross-origin-opener-policy"), headers.get("cross-origin-resource-policy"))
    assert "strict-transport-security" not in headers


def test_an_answer_to_an_error_of_ours_says_it_too_and_nothing_of_the_error():
    def fail(_: object) -> None:
        raise KeyError("a secret of ours")

    rules = Rules()
    app = Starlette(
        routes=[Route("/", fail)],
        middleware=[Middleware(Guard, rules=rules)],
        exception_handlers={Exception: rules.broken},
    )
    with listening(app) as url:
        reply = requests.get(url, timeout=20)
    assert reply.status_code == 500
    assert "a secret of ours" not in reply.text
    assert_guarded(reply.headers)


def test_a_page_runs_its_own_scripts_and_no_other_written_into_it(studio: Server):
    for path in ("/", "/history"):
        reply = requests.get(studio.url + path, timeout=20)
        inline = re.findall(r"<script>(.*?)</script>", reply.text, re.DOTALL)
        assert len(re.findall("'sha256-", reply.headers["content-security-policy"])) == len(inline) == 1
        assert '<script src="./studio/connection.js" defer></script></head>' in reply.text
        assert int(reply.headers["content-length"]) == len(reply.content)
        assert "etag" not in reply.headers


def test_a_redirect_stays_below_the_path_that_a_proxy_took_off(studio: Server):
    for path, place in {
        "/history/": "../history",
        "/no/such/page/": "../../../no/such/page",
        "/account///": None,
    }.items():
        reply = requests.get(f"{studio.url}{path}?job=x", timeout=20, allow_redirects=False)
        place = place or "../../../account"
        assert (reply.status_code, reply.headers["location"]) == (301, f"{place}?job=x")


BELOW = Rules("https://tools.example.com:8443/studio")


@pytest.mark.parametrize("host", ["tools.example.com:8443", "tools.example.com"])
def test_below_a_path_the_host_and_the_origin_are_checked_without_it(host: str):
    def refusal(path: str = "/events", origin: str = "https://tools.example.com:8443", kind: str = "websocket"):
        headers = [(b"host", host.encode()), (b"origin", origin.encode())]
        return BELOW.refusal(
            {"type": kind, "method": "GET", "scheme": "http", "path": path, "headers": headers, "server": ("::1", 1)}
        )

    assert refusal() is None
    for origin in ("https://tools.example.com", "https://tools.example.com:8443/studio", "https://tools.example.com:1"):
        assert refusal(origin=origin)[0] == 403
    assert refusal(kind="http", path="/") is refusal(kind="http", path="/studio/connection.js") is None


def test_a_proxy_that_keeps_the_path_is_told_to_take_it_off(project: Path, tmp_path: Path):
    address = "https://tools.example.com/studio"
    with ForkedServer(tmp_path / "data", project, KIE_SANDBOX="1", KIE_PUBLIC_URL=address) as server:
        for host in ("tools.example.com", f"127.0.0.1:{server.port}"):
            reply = requests.get(f"{server.url}/studio/", headers={"Host": host}, timeout=20)
            assert (reply.status_code, reply.headers["content-type"]) == (404, "text/plain; charset=utf-8")
            assert "passes the path /studio on" in reply.text
        reply = requests.get(f"{server.url}/", headers={"Host": "tools.example.com"}, timeout=20)
        assert reply.status_code == 200
        assert "strict-transport-security" not in reply.headers  # The other programs of that host did not ask for it.


def test_behind_tls_browsers_keep_to_it_and_cookies_are_secure(studio: Server):
    asked = {"Host": "studio.example.com"}
    reply = requests.get(f"{studio.url}/_stcore/health", headers=asked, timeout=20)
    assert reply.headers["strict-transport-security"] == "max-age=31536000"
    assert reply.headers["set-cookie"].endswith("; Secure")
    here = requests.get(f"{studio.url}/_stcore/health", timeout=20)
    assert "Secure" not in here.headers["set-cookie"]
