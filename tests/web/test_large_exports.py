"""What is downloaded by many at once, in thousands of rows, or by a client that takes nothing."""

import contextlib
import io
import socket
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from starlette.applications import Starlette

from kie.exports import zips
from kie.exports.lists import Entry
from kie.history.query import Query
from kie.images.segments import FileOfParts, unchanged
from kie.jobs import Job, State
from kie.signed_urls import DOWNLOADS, SignedUrls
from kie.store import Store
from kie.studio import Studio
from kie.web.downloads import BUSY, EXPORTS_LIMIT, download_routes
from tests.support.jobs import project
from tests.support.rows import NOW, ask
from tests.support.server import ForkedServer
from tests.support.site import listening
from tests.support.waiting import until

ROWS = 6000
STALLED = 60
GROWTH_LIMIT = 60 * 2**20
EVERYTHING = {"bin": "any"}
MEMBERS = 66_000
GIB = 2**30


def fill(database: Path, prompt: str, rows: int = ROWS) -> str:
    """Write a database of cancelled jobs, each with a picture that is not here, and return the secret of its links."""
    store = Store(f"sqlite:///{database}")
    store.open()
    ask(store, images=1, at=NOW - 1e8)
    store.inventory.neutralise_restored_jobs(NOW - 1e8)
    secret = store.secret()
    store.queue.release()
    with contextlib.closing(sqlite3.connect(database)) as db:
        names = [row[1] for row in db.execute("PRAGMA table_info(jobs)")]
        new = {"id": "printf('%032x', n)", "submit_id": "'p' || n", "prompt": "n || ' ' || ?"}
        copied = ", ".join(new.get(name, name) for name in names)
        numbers = "WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < ?)"
        every = f"{numbers} INSERT INTO jobs SELECT {copied} FROM c, (SELECT * FROM jobs LIMIT 1)"
        db.execute(every, (rows - 1, prompt))
        db.commit()
    store.search.prepare()
    store.database.close()
    return secret


def memory(server: ForkedServer) -> int:
    """Return the bytes that a process holds, as the system counts them."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def stalled(url: str, path: str) -> socket.socket:
    """Ask for something and take nothing of it."""
    host, _, port = url.removeprefix("http://").partition(":")
    asking = socket.socket()
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    asking.connect((host, int(port)))
    asking.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    return asking


def begun(asking: socket.socket) -> str:
    """Return the status that a reply began with, without taking it."""
    asking.settimeout(30)
    return asking.recv(12, socket.MSG_PEEK).decode().removeprefix("HTTP/1.1 ")


def test_sixty_stalled_downloads_take_little_memory_and_thousands_of_rows_come_whole(tmp_path: Path):
    (tmp_path / "data" / "sandbox").mkdir(parents=True)
    secret = fill(tmp_path / "data" / "sandbox" / "studio.sqlite3", "a lighthouse at dusk " * 24)
    links = SignedUrls(secret)
    rows = DOWNLOADS + links.download_token(["list", EVERYTHING, None, "csv"])
    with ForkedServer(tmp_path / "data") as server, contextlib.ExitStack() as opened:
        assert requests.get(server.url + rows, timeout=60).text.count("a lighthouse at dusk") == 24 * (ROWS - 1)
        zipped = requests.get(
            f"{server.url}{DOWNLOADS}{links.download_token(['zip', EVERYTHING, True, None])}", timeout=60
        )
        with zipfile.ZipFile(io.BytesIO(zipped.content)) as found:
            assert found.read("manifest.csv").count(b"a lighthouse at dusk") == 24 * (ROWS - 1)
        before = memory(server)
        clients = [opened.enter_context(stalled(server.url, rows)) for _ in range(STALLED)]
        statuses = [begun(client) for client in clients]
        assert sorted(statuses) == ["200"] * EXPORTS_LIMIT + ["503"] * (STALLED - EXPORTS_LIMIT)
        grown = memory(server) - before
        print(f"{STALLED} stalled lists of {ROWS:,} rows: {grown / 2**20:.1f} MB")
        assert grown < GROWTH_LIMIT
        refused = requests.get(server.url + rows, timeout=30)
        assert (refused.status_code, refused.headers["retry-after"], refused.text) == (503, "30", BUSY)
        assert requests.get(f"{server.url}/healthz", timeout=30).status_code == 200


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    fill(tmp_path / "studio.sqlite3", "a lighthouse " * 40, rows=3000)
    (tmp_path / "project" / "data").mkdir(parents=True)
    (tmp_path / "studio.sqlite3").rename(tmp_path / "project" / "data" / "studio.sqlite3")
    with Studio(project(tmp_path / "project", "http://127.0.0.1:9")) as opened:
        yield opened


def test_a_client_that_takes_nothing_gives_its_place_back(studio: Studio):
    with (
        listening(Starlette(routes=download_routes(lambda: studio, stalled_s=2.0))) as url,
        contextlib.ExitStack() as opened,
    ):
        rows = studio.exports.list_link(Query(binned=None), "csv")
        clients = [opened.enter_context(stalled(url, rows)) for _ in range(EXPORTS_LIMIT)]
        assert [begun(client) for client in clients] == ["200"] * EXPORTS_LIMIT
        whole = until(lambda: (reply := requests.get(url + rows, timeout=30)).ok and reply)
        assert whole.text.count("\r\n") == 3001


# Large zips


def job_of(number: int, job: Job) -> Job:
    return replace(job, id=f"{number:032x}", state=State.DONE, has_picture=True, file=f"results/00/{number:032x}.png")


def test_a_zip_of_more_than_65_535_members_and_4_gb_is_read_by_others(store: Store, tmp_path: Path):
    [job] = ask(store)
    tiny, large = tmp_path / "tiny.png", tmp_path / "large.png"
    tiny.write_bytes(b"x")
    with large.open("wb") as out:
        out.truncate(3 * GIB // 2)  # nothing of it lies on the disk
    numbers = [*range(MEMBERS), *(-1, -2, -3)]
    entries = [Entry(job_of(number % 2**32, job), (), 1) for number in numbers]

    def pages() -> Iterator[list[Entry]]:
        return (entries[start : start + 500] for start in range(0, len(entries), 500))

    def opened(asked: Job) -> FileOfParts:
        return unchanged(tiny if int(asked.id, 16) < MEMBERS else large)

    listed = listing_of(zips.zipped(pages, opened, None, NOW), tmp_path / "whole.zip")
    assert (tmp_path / "whole.zip").stat().st_size > 4 * GIB
    with zipfile.ZipFile(tmp_path / "whole.zip") as found:
        names = found.namelist()
        assert len(names) == len(set(names)) == len(numbers) + 2
        assert found.read(names[MEMBERS - 1]) == b"x"
        assert found.read("manifest.csv").count(b"\r\n") == len(numbers) + 1
        assert [found.getinfo(name).file_size for name in names[-5:-2]] == [3 * GIB // 2] * 3
    assert listed == names


def listing_of(pieces: Iterator[bytes], target: Path) -> list[str]:
    """Write a zip with holes for its zeros, and return the names that bsdtar reads out of the stream."""
    listed, zeros = target.with_suffix(".txt"), bytes(2**20)
    with contextlib.ExitStack() as opened:
        out, names = opened.enter_context(target.open("wb")), opened.enter_context(listed.open("wb"))
        reading = subprocess.Popen(["bsdtar", "-tf", "-"], stdin=subprocess.PIPE, stdout=names)
        for piece in pieces:
            reading.stdin.write(piece)
            if zeros.startswith(piece):
                out.seek(len(piece), io.SEEK_CUR)
            else:
                out.write(piece)
        reading.stdin.close()
        assert reading.wait(60) == 0
    return listed.read_text().splitlines()
