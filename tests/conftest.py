"""Shared fixtures: a sandbox, settings, a studio, stores, servers."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kie.sandbox import Sandbox
from kie.settings import Settings
from kie.store import Store
from kie.store.database import file_url
from kie.studio import Studio
from kie.timing import Timing
from tests.support.fake_service import Rogue
from tests.support.jobs import project, quick
from tests.support.postgresql import PostgreSQL
from tests.support.recorded import RecordedSandbox
from tests.support.rows import opened
from tests.support.server import Server

pytest_plugins = ["tests.support.browser", "tests.support.gallery_stage"]

# Imported modules stay in memory; traversing them in each garbage collection takes a quarter of the time of importing them.
gc.set_threshold(50_000, 20, 100)


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """The sandbox: fast, recording all requests."""
    with RecordedSandbox(tmp_path / "service", seconds=0.3) as running:
        yield running


@pytest.fixture
def rogue() -> Iterator[Rogue]:
    """A service whose faults can be planned."""
    with Rogue() as running:
        yield running


@pytest.fixture
def timing() -> Timing:
    """The waits of a studio in the test's process. The mark `timed` chooses others."""
    return quick()


@pytest.fixture
def settings(tmp_path: Path, timing: Timing, environment: dict[str, str], request: pytest.FixtureRequest) -> Settings:
    """The settings of a new project with a key. Its service is `rogue` if the test asks for it, else the sandbox."""
    service = request.getfixturevalue("rogue" if "rogue" in request.fixturenames else "sandbox")
    return project(tmp_path / "project", service.url, timing, **environment)


@pytest.fixture
def studio(settings: Settings) -> Iterator[Studio]:
    """A running studio."""
    with Studio(settings) as opened:
        yield opened


@pytest.fixture
def dialect() -> str:
    """The kind of database. `tests/store` has both; elsewhere a mark of `tests.support.postgresql` chooses."""
    return "sqlite"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The PostgreSQL server of this process of the tests."""
    with PostgreSQL() as running:
        yield running


@pytest.fixture
def url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a new database."""
    if dialect == "sqlite":
        yield file_url(tmp_path / "studio.sqlite3")
        return
    server = request.getfixturevalue("postgresql")
    made = server.new_database()
    yield made
    server.drop(made)


@pytest.fixture
def environment(dialect: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings by which a studio uses a new database of that kind."""
    return {} if dialect == "sqlite" else {"KIE_DATABASE_URL": request.getfixturevalue("url")}


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A store on that database, registered as a live server."""
    yield from opened(url)


@pytest.fixture
def other(url: str, store: Store) -> Iterator[Store]:
    """The store of a second server on the same database."""
    yield from opened(url)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """A function that starts the studio as a server process. All of them are stopped at the end."""
    started: list[Server] = []

    def start(**environment: str) -> Server:
        started.append(Server(tmp_path / f"data{len(started)}", **environment))
        return started[-1].start()

    yield start
    for server in started:
        server.__exit__()
