"""Fixtures are nouns: a sandbox, settings, a studio, a server, a browser page."""

import functools
import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from streamlit.components.v2 import manifest_scanner

from kie import database
from kie.sandbox import Sandbox
from kie.settings import ROOT, Settings
from kie.store import Store
from kie.studio import Studio
from tests.rows import opened
from tests.server import Server

pytest_plugins = ["tests.browser", "tests.gallery_stage"]

# What is read here stays, and to look through it for garbage again and again takes a fourth of the time that reading it does.
gc.set_threshold(50_000, 20, 100)

# Every AppTest would read the papers of all installed packages anew, for a third of a second.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)
# Every database of a test has an engine of its own, which would compile all statements anew: a fourth of the work of a studio that
# lives for a second. They speak one dialect, so what was compiled for one serves all.
SQLiteDialect_pysqlite.__eq__ = lambda one, other: type(one) is type(other)
SQLiteDialect_pysqlite.__hash__ = lambda one: hash(type(one))
database.create_engine = functools.partial(sqlalchemy.create_engine, execution_options={"compiled_cache": {}})

KEY = "test-key-that-nobody-pays-for"
# What takes long comes first, and in such an order that of three that are at work one mostly waits: the processors are never idle.
ORDER = """
    faults browser_survival browser_generate browser_composer browser_care tracker browser_references browser_account
    studio restart browser_finding browser_history soak sending browser_gallery pages brakes library backup
    browser_lightbox callbacks sandbox references fulltext ten_jobs pages_templates routes house client mending reads
    expansion refusals finding marks end
"""
PLACES = {f"test_{name}": place for place, name in enumerate(ORDER.split())}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Take the long files first; the others, which come as they are named, fill the gaps."""
    items.sort(key=lambda item: PLACES.get(item.path.stem, len(PLACES)))


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """The local service, quick, with every request on record."""
    with Sandbox(tmp_path / "service", seconds=0.3, record=True) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, sandbox: Sandbox) -> Settings:
    """The settings of a project of its own that has a key and takes the sandbox for the real service."""
    root = tmp_path / "project"
    (root / "config").mkdir(parents=True)
    shutil.copy(ROOT / "config" / "prices.toml", root / "config")
    return Settings.load(root, {"KIE_API_URL": sandbox.url, "KIE_UPLOAD_URL": sandbox.url, "KIE_API_KEY": KEY})


@pytest.fixture
def studio(settings: Settings) -> Iterator[Studio]:
    """A studio at work."""
    with Studio(settings) as opened:
        yield opened


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database of its own."""
    return f"sqlite:///{tmp_path / 'studio.sqlite3'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A store on that database, opened by a server that lives."""
    yield from opened(url)


@pytest.fixture
def other(url: str, store: Store) -> Iterator[Store]:
    """A second server on the same database."""
    yield from opened(url)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts the studio as a person does; every one is stopped at the end."""
    started: list[Server] = []

    def start(**environment: str) -> Server:
        started.append(Server(tmp_path / f"data{len(started)}", **environment))
        return started[-1].start()

    yield start
    for server in started:
        server.__exit__()
