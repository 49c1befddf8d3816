"""Pictures that are made to stop a studio: its memory stays bounded, and whoever else asks for a picture gets it.

Six of each kind at once, as references and as results that are paid for: PNGs of 120 megapixels, JPEGs that are stored in 3,000
passes, and downloads that drip. Memory is looked at from outside, of the server and of the processes it has started.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from kie.errors import sentence
from kie.generation import Generation
from kie.jobs import Job, State
from kie.store import Store
from kie.store.database import file_url
from tests.support.fake_service import Exchange, Rogue, drip, normal, status
from tests.support.images import picture, plain_png, repeated
from tests.support.rows import queue_submission
from tests.support.server import ForkedServer
from tests.support.waiting import until

MEMORY_LIMIT = 600 * 2**20
SIX = range(6)


class Memory:
    """The most that a server and its processes have had at one time, in bytes."""

    def __init__(self, pid: int):
        self._process, self._ended, self.most = psutil.Process(pid), threading.Event(), 0
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.02):
            has = 0
            for process in (self._process, *self._process.children(recursive=True)):
                try:
                    has += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.most = max(self.most, has)


@pytest.fixture(scope="module")
def vast() -> bytes:
    return plain_png(10_950)


@pytest.fixture(scope="module")
def endless() -> bytes:
    return repeated(picture("JPEG", (4000, 3000), progressive=True), 3000)


@pytest.fixture
def rogue() -> Iterator[Rogue]:
    with Rogue(credits=10_000) as running:
        yield running


@contextmanager
def studio(folder: Path, rogue: Rogue) -> Iterator[ForkedServer]:
    key = {"KIE_API_KEY": "a-key-that-nobody-pays-for"}
    with ForkedServer(folder, KIE_API_URL=rogue.url, KIE_UPLOAD_URL=rogue.url, **key) as server:
        yield server


@contextmanager
def store_of(server: ForkedServer) -> Iterator[Store]:
    with closing(Store(file_url(server.data_dir / "studio.sqlite3"))) as store:
        yield store


def order(store: Store, name: str) -> Job:
    """Write a press as another server would."""
    return queue_submission(store, name, Generation(name), name, 1, 18.0, time.time())[0]


def drop(server: ForkedServer, content: bytes, number: int) -> str:
    """Add a reference, and return why it was not taken, or nothing. Each has bytes of its own."""
    headers = {"X-Studio-Client": "1", "X-Studio-Name": f"{number}.png"}
    answer = requests.post(f"{server.url}/references", data=content + bytes([number]), headers=headers, timeout=120)
    return answer.json().get("refusal", "")


def done(store: Store, jobs: list[Job]) -> list[Job]:
    """Return these jobs once all have ended."""
    ids = [job.id for job in jobs]
    return until(
        lambda: (found := store.jobs.get_many(ids)) and all(job.ended_at for job in found) and found, seconds=600
    )


@pytest.mark.parametrize(
    ("kind", "why", "problem"),
    [("vast", "more than 100 million pixels", "TooLargeToShow"), ("endless", "more than 100 passes", "TooSlowToShow")],
)
def test_six_are_refused_as_references_and_kept_unshown_as_results(
    tmp_path: Path, rogue: Rogue, request: pytest.FixtureRequest, kind: str, why: str, problem: str
) -> None:
    content = request.getfixturevalue(kind)
    rogue.plan("result", always=status(200, content))
    with studio(tmp_path / "data", rogue) as server, Memory(server.process.pid) as memory:
        with ThreadPoolExecutor(6) as pool:
            refusals = list(pool.map(lambda number: drop(server, content, number), SIX))
        assert all(why in refusal for refusal in refusals)
        with store_of(server) as store:
            jobs = done(store, [order(store, f"Person {number}") for number in SIX])
            assert {(job.state, job.preview_problem) for job in jobs} == {(State.DONE, problem)}
            assert {(server.data_dir / job.file).read_bytes() == content for job in jobs} == {True}
            assert not (server.data_dir / "thumbnails").exists() or not list(server.data_dir.glob("thumbnails/*/*"))
    print(f"{kind}: {memory.most / 2**20:.0f} MB at most")
    assert memory.most < MEMORY_LIMIT
    assert "too " in sentence(problem)


def test_pictures_at_the_limit_are_decoded_one_after_the_other(tmp_path: Path, rogue: Rogue) -> None:
    content = plain_png(9_990)
    rogue.plan("result", always=status(200, content))
    with studio(tmp_path / "data", rogue) as server, Memory(server.process.pid) as memory:
        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(lambda number: drop(server, content, number), SIX)) == [""] * 6
        with store_of(server) as store:
            jobs = done(store, [order(store, f"Person {number}") for number in SIX])
            assert {(job.state, job.preview_problem, job.width) for job in jobs} == {(State.DONE, None, 9_990)}
            until(lambda: not store.references.unchecked(), seconds=600)
    print(f"at the limit: {memory.most / 2**20:.0f} MB at most")
    assert memory.most < MEMORY_LIMIT


def test_somebody_else_s_picture_is_made_while_all_of_it_is_under_way(
    tmp_path: Path, rogue: Rogue, vast: bytes, endless: bytes
) -> None:
    slow: set[str] = set()

    def dripping(exchange: Exchange) -> None:
        slow.add(Path(exchange.seen.path).stem)
        drip()(exchange)

    many = [*[status(200, vast)] * 6, *[status(200, endless)] * 6, *[dripping] * 6]
    # A download that is aborted because it drips is tried again, and drips again.
    again = lambda exchange: (dripping if Path(exchange.seen.path).stem in slow else normal)(exchange)  # noqa: E731
    rogue.plan("result", *many, always=again)
    with studio(tmp_path / "data", rogue) as server, Memory(server.process.pid) as memory, store_of(server) as store:
        jobs = [order(store, f"Person {number % 6}-{number}") for number in range(len(many))]
        with ThreadPoolExecutor(12) as pool:
            dropped = [pool.submit(drop, server, content, number) for content in (vast, endless) for number in SIX]
            until(lambda: len(rogue.requests("result")) >= len(many), seconds=120)
            readings = len(rogue.requests("credit"))
            [mine] = done(store, [order(store, "Somebody else")])
            assert (mine.state, mine.preview_problem) == (State.DONE, None)
            assert (server.data_dir / mine.file).read_bytes() == rogue.picture
            dripped = [job for job in store.jobs.get_many([job.id for job in jobs]) if job.task_id in slow]
            assert [job.state for job in dripped] == [State.FETCHING] * 6
            assert all(each.result() for each in dropped)
            until(lambda: len(rogue.requests("credit")) > readings)
        for path in ("/healthz", "/readyz"):
            assert requests.get(server.url + path, timeout=30).status_code == 200
        ended = dict(store.jobs.moves(mine.id))[State.DONE]
        print(f"everything at once: done {ended - rogue.tasks[mine.task_id]:.1f} s after the task's end")
    print(f"everything at once: {memory.most / 2**20:.0f} MB at most")
    assert memory.most < MEMORY_LIMIT
