"""Shared fixtures: a sandbox, settings, a studio, stores, servers."""

import functools
import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from streamlit.components.v2 import manifest_scanner

from kie.sandbox import Sandbox
from kie.settings import ROOT, Settings
from kie.store import Store, database
from kie.store.database import file_url
from kie.studio import Studio
from tests.support.postgresql import PostgreSQL
from tests.support.rows import opened
from tests.support.server import Server

pytest_plugins = ["tests.support.browser", "tests.support.gallery_stage"]

# Imported modules stay in memory; traversing them in each garbage collection takes a quarter of the time of importing them.
gc.set_threshold(50_000, 20, 100)

# AppTest would read the metadata of all installed packages each time, for a third of a second.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)
# Each test database has an engine of its own, which would compile all statements again: a quarter of the work of a studio
# that runs for a second. All use one dialect, so they can share a cache of compiled statements.
SQLiteDialect_pysqlite.__eq__ = lambda one, other: type(one) is type(other)
SQLiteDialect_pysqlite.__hash__ = lambda one: hash(type(one))
database.create_engine = functools.partial(sqlalchemy.create_engine, execution_options={"compiled_cache": {}})

KEY = "test-key-that-nobody-pays-for"
# Long test files first, ordered so that one of three running files mostly waits and the processors are never idle.
ORDER = """
    reliability/faults browser/survival web/proxies browser/generate browser/composer browser/care worker/tracker
    browser/references browser/account studio/studio reliability/restart browser/finding browser/history
    reliability/soak worker/submitter browser/guard browser/gallery pages/pages store/breaker store/library
    backup/data_folder browser/lightbox browser/uploads web/guard worker/callbacks sandbox/server web/references
    store/fulltext reliability/ten_jobs pages/prompt_tools web/routes house client/client images/convert client/reads
    prompts/expansion client/refusals store/search store/annotations reliability/end
"""
PLACES = {name: place for place, name in enumerate(ORDER.split())}


def place_of(path: Path) -> str:
    """Return the name of a test file in ORDER: `store/queue` of `tests/store/test_queue.py`."""
    return path.relative_to(ROOT / "tests").with_suffix("").as_posix().replace("test_", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the test files by ORDER; the others come last and fill the gaps."""
    items.sort(key=lambda item: PLACES.get(place_of(item.path), len(PLACES)))


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """The sandbox: fast, recording all requests."""
    with Sandbox(tmp_path / "service", seconds=0.3, record=True) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, sandbox: Sandbox) -> Settings:
    """The settings of a new project with a key, which uses the sandbox as the service."""
    root = tmp_path / "project"
    (root / "config").mkdir(parents=True)
    shutil.copy(ROOT / "config" / "prices.toml", root / "config")
    return Settings.load(root, {"KIE_API_URL": sandbox.url, "KIE_UPLOAD_URL": sandbox.url, "KIE_API_KEY": KEY})


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
