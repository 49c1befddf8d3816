"""What one client may take of a running studio, over raw sockets: connections, files, time, Streamlit's memory."""

import contextlib
import resource
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import psutil
import pytest
import requests
from websockets.sync.client import connect

from kie.errors import NoRoom
from kie.images.files import UPLOADS_LIMIT
from kie.jobs import State
from kie.settings import Settings
from kie.store import Store
from kie.store.database import file_url
from kie.studio import Studio
from kie.web.guard import CLIENT_HEADER
from tests.support.images import picture
from tests.support.jobs import ended, submit
from tests.support.rows import ask
from tests.support.server import ForkedServer, Server
from tests.support.site import served
from tests.support.waiting import until

MIB = 2**20
SILENT_S = 1.0
FILES = 256
# A client that is no browser.
OURS = {CLIENT_HEADER: "1"}
WEBSOCKET = (
    b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Studio-Client: 1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


# A studio as it is started


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A studio on its sandbox."""
    with ForkedServer(tmp_path / "data") as running:
        yield running


@pytest.fixture(scope="module")
def narrow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A studio that may have 256 files open, and no more."""
    with Narrow(tmp_path_factory.mktemp("narrow") / "data") as running:
        yield running


class Narrow(Server):
    """Started with few files, soft and hard, as by a service manager."""

    def _launch(self, command: list[str], out: BinaryIO) -> subprocess.Popen:
        process = super()._launch(command, out)
        # It looks at its limit once it has read Streamlit.
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        return process


def connected(server: Server, opened: contextlib.ExitStack, first: bytes = b"") -> socket.socket:
    made = opened.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
    if first:
        made.sendall(first)
    return made


def test_streamlit_s_upload_route_takes_nothing_into_memory(server: Server) -> None:
    page = requests.get(server.url, timeout=30)
    token = page.cookies.get("_streamlit_xsrf", "")
    before = psutil.Process(server.process.pid).memory_info().rss
    for number in range(8):
        url = f"{server.url}/_stcore/upload_file/session/{number}"
        with contextlib.suppress(requests.ConnectionError):  # it is closed while the body is still being sent
            reply = requests.put(
                url, files={"file": b"x" * 29 * MIB}, headers=OURS | {"X-Xsrftoken": token}, timeout=30
            )
            assert reply.status_code == 405
    assert psutil.Process(server.process.pid).memory_info().rss - before < 30 * MIB
    assert requests.delete(f"{server.url}/_stcore/upload_file/session/1", headers=OURS, timeout=30).status_code == 405


@pytest.mark.parametrize(
    "first", [b"", b"GET / HTTP/1.1\r\nHost: 127.0", WEBSOCKET], ids=["silent", "half", "websocket"]
)
def test_more_connections_than_files_leave_the_studio_at_work(narrow_server: Server, first: bytes) -> None:
    with contextlib.ExitStack() as opened:
        for _ in range(400):
            with contextlib.suppress(ConnectionError):
                connected(narrow_server, opened, first)
        until(lambda: answers(f"{narrow_server.url}/healthz"))
        assert is_made(narrow_server, opened)
        assert psutil.Process(narrow_server.process.pid).num_fds() < FILES
    assert "unable to open database file" not in narrow_server.log


def is_made(server: Server, opened: contextlib.ExitStack) -> bool:
    """Write a press as another server would, and see that this one makes it."""
    [path] = server.data_dir.rglob("studio.sqlite3")
    store = Store(file_url(path))
    opened.callback(store.close)
    [job] = ask(store, at=time.time())
    return until(lambda: store.jobs.get(job.id).state == State.DONE)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=30).status_code == 200
    except requests.RequestException:
        return False


# Our routes, with a shorter patience


@pytest.fixture
def site(studio: Studio) -> Iterator[tuple[str, int]]:
    """The address of our routes, on which nothing may stand still for longer than a second."""
    with served(studio, SILENT_S) as url:
        yield "127.0.0.1", int(url.rpartition(":")[2])


@pytest.mark.parametrize("drip", [b"", b"x"], ids=["stands still", "drips"])
def test_an_upload_that_does_not_come_on_ends_and_leaves_no_file(
    site: tuple[str, int], settings: Settings, drip: bytes
) -> None:
    head = b"POST /references HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Studio-Client: 1\r\nX-Studio-Name: a.png\r\n"
    with socket.create_connection(site, timeout=SILENT_S / 10) as line:
        line.sendall(head + b"Content-Length: 1000000\r\n\r\n" + picture("PNG")[:50])

        def begun() -> bytes | None:
            with contextlib.suppress(TimeoutError):
                return line.recv(4096)
            return line.sendall(drip)

        reply = until(begun)
        line.settimeout(30)
        reply += b"".join(iter(lambda: line.recv(4096), b""))
    assert reply.startswith(b"HTTP/1.1 408")
    assert b"This took too long to arrive" in reply
    assert list((settings.data_dir / "incoming").iterdir()) == []


@pytest.mark.parametrize("first", [b"", b"GET /healthz HTTP/1.1\r\nHo"], ids=["silent", "half"])
def test_a_connection_whose_first_request_never_comes_is_closed(site: tuple[str, int], first: bytes) -> None:
    with socket.create_connection(site, timeout=30) as line:
        line.sendall(first)
        assert line.recv(1) == b""


def test_a_websocket_that_was_answered_stays_open(site: tuple[str, int]) -> None:
    with (
        connect(f"ws://127.0.0.1:{site[1]}/events", additional_headers=OURS) as events,
        socket.create_connection(site, timeout=30) as silent,
    ):
        events.recv(timeout=30)
        assert silent.recv(1) == b""  # so the connections have been looked at since
        assert events.ping().wait(30)


# What the page reads once, and room on the disk


def handed(site: tuple[str, int], content: bytes) -> dict:
    url = f"http://127.0.0.1:{site[1]}/files"
    return requests.post(url, data=content, headers=OURS, timeout=30).json()


def test_a_small_file_is_read_once_and_is_gone_then(site: tuple[str, int], studio: Studio, settings: Settings) -> None:
    handed_id = handed(site, b"prompt")["id"]
    assert [studio.files.take_upload(handed_id) for _ in range(2)] == [b"prompt", None]
    assert studio.files.take_upload("../studio") is None
    assert list((settings.data_dir / "incoming").iterdir()) == []


def test_a_file_above_five_megabytes_is_refused_and_few_wait_to_be_read(
    site: tuple[str, int], settings: Settings
) -> None:
    assert "larger than 5 MB" in handed(site, b"x" * 5_000_001)["refusal"]
    for _ in range(UPLOADS_LIMIT + 5):
        handed(site, b"prompt")
    assert len(list((settings.data_dir / "incoming").iterdir())) == UPLOADS_LIMIT


def test_where_the_disk_is_nearly_full_nothing_is_taken_in(settings: Settings) -> None:
    with Studio(replace(settings, disk_reserve_bytes=2**60)) as studio, served(studio) as url:
        for path in ("/files", "/references"):
            reply = requests.post(
                url + path, data=picture("PNG"), headers=OURS | {"X-Studio-Name": "a.png"}, timeout=30
            )
            assert reply.json() == {"refusal": NoRoom.__doc__}
        job = ended(studio, submit(studio))
        assert job.state == State.DONE  # what is paid for is always tried
        assert "nearly full" in requests.get(f"{url}/readyz", timeout=30).json()["wrong"]["disk"]
    assert list((settings.data_dir / "incoming").iterdir()) == []


def test_ready_says_what_is_wrong(studio: Studio, settings: Settings) -> None:
    with served(studio) as url:
        reply = until(lambda: (now := requests.get(f"{url}/readyz", timeout=30)).status_code == 200 and now)
        assert reply.json() == {"ready": True, "wrong": {}}
        path = settings.data_dir / "studio.sqlite3"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as database:
            database.execute("BEGIN EXCLUSIVE")
            reply = requests.get(f"{url}/readyz", timeout=30)
        assert (reply.status_code, list(reply.json()["wrong"])) == (503, ["database"])
        assert "locked" in reply.json()["wrong"]["database"]
