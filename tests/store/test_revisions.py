"""Databases of each revision, opened by this version: nothing lost, the same tables everywhere, a copy of what was before."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, NullPool, create_engine, inspect, text

from kie.errors import SettingsInvalid
from kie.history.query import Query
from kie.jobs import State
from kie.store import Store
from kie.store.database import file_url
from kie.store.schema import metadata
from tests.support import revisions
from tests.support.postgresql import POSTGRESQL
from tests.support.rows import NOW, ask, at_once

OLD = sorted(path.stem for path in revisions.FOLDER.glob("*.sql"))
NEWEST = OLD[-1]
FILES = Path(revisions.__file__).parents[2] / "kie" / "store" / "migrations" / "versions"


@pytest.fixture(params=OLD)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database of a revision, in which each table has rows."""
    revisions.load(request.param, tmp_path / "studio.sqlite3")
    return tmp_path / "studio.sqlite3"


def rows(database: Path | str) -> dict[str, list[dict]]:
    """Return what a database holds, by table."""
    with engine_of(database).connect() as db:
        here = inspect(db).get_table_names()
        return {
            table: [dict(row._mapping) for row in db.execute(text(f'SELECT * FROM "{table}"'))]
            for table in metadata.tables
            if table in here
        }


def engine_of(database: Path | str) -> Engine:
    """Return an engine for a file or a URL, which keeps no connection open."""
    return create_engine(file_url(database) if isinstance(database, Path) else database, poolclass=NullPool)


def differences(database: Path | str) -> list:
    """Return what tables, columns and indexes of a database lack or have beside the schema."""
    with engine_of(database).connect() as db:
        # PostgreSQL has the column and the index of words beside the schema, and lacks an index that is SQLite's.
        beside = {"sqlite": (), "postgresql": ("prompt_words", "jobs_words", "jobs_history")}[db.dialect.name]

        def is_ours(_, name: str, kind: str, *__: object) -> bool:
            return name in metadata.tables if kind == "table" else name not in beside

        options = {"include_object": is_ours, "compare_type": True}
        return compare_metadata(MigrationContext.configure(db, opts=options), metadata)


def test_each_revision_has_a_database() -> None:
    assert ["0000", *(path.stem.partition("_")[0] for path in sorted(FILES.glob("*.py")))] == OLD


def test_an_older_database_is_opened_with_all_its_rows_and_the_tables_of_this_version(database: Path) -> None:
    before = rows(database)
    store = Store(file_url(database))
    store.open()
    store.search.prepare()
    assert store.search.count(Query(text="lighthouse", binned=None)) == len(before["jobs"]) == len(State)
    assert {store.jobs.get(row["id"]).state for row in before["jobs"]} == set(State)
    store.close()
    assert_all_is_there(before, rows(database))
    assert differences(database) == []


def assert_all_is_there(before: dict[str, list[dict]], after: dict[str, list[dict]]) -> None:
    for table, written in before.items():
        for row in written:
            assert any(
                {name: row[name] for name in row.keys() & kept.keys()}.items() <= kept.items() for kept in after[table]
            )


def test_a_copy_is_kept_of_what_an_older_database_was(tmp_path: Path) -> None:
    database, kept = tmp_path / "studio.sqlite3", tmp_path / f"studio.sqlite3.before-{NEWEST}"
    revisions.load("0000", database)
    before = rows(database)
    stores = [Store(file_url(database)) for _ in range(4)]
    assert at_once(*(store.open for store in stores)) == [None] * 4
    assert rows(kept) == before
    kept.unlink()
    stores[0].open()
    for store in stores:
        store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["studio.sqlite3"]


def test_an_older_database_that_can_not_be_copied_stays_as_it_was(tmp_path: Path) -> None:
    database = tmp_path / "studio.sqlite3"
    revisions.load("0000", database)
    before = rows(database)
    (tmp_path / f"studio.sqlite3.before-{NEWEST}").mkdir()
    with pytest.raises(SettingsInvalid, match="could not be copied"):
        Store(file_url(database)).open()
    assert rows(database) == before


def test_a_database_of_a_newer_version_is_refused_in_a_sentence(tmp_path: Path) -> None:
    database = tmp_path / "studio.sqlite3"
    revisions.load(NEWEST, database)
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsInvalid, match=r"newer version of the studio \(revision 9999\)"):
        Store(file_url(database)).open()
    assert not list(tmp_path.glob("*.before-*"))


# -- PostgreSQL


@POSTGRESQL
def test_of_servers_that_start_at_once_one_brings_an_older_postgresql_database_to_this_version(empty_url: str) -> None:
    revisions.load_postgresql("0001", empty_url)
    before = rows(empty_url)
    assert len(before["jobs"]) == len(State)
    stores = [Store(empty_url) for _ in range(4)]
    assert at_once(*(store.open for store in stores)) == [None] * 4
    stores[0].search.prepare()
    assert stores[0].search.count(Query(text="lighthouse", binned=None)) == len(State)
    assert_all_is_there(before, rows(empty_url))
    assert differences(empty_url) == []
    [job] = ask(stores[1])
    assert stores[0].jobs.move(job.id, State.QUEUED, State.CANCELLED, NOW)
    for store in stores:
        store.close()


@POSTGRESQL
def test_a_postgresql_database_of_a_newer_version_is_refused_in_a_sentence_and_stays_as_it_is(empty_url: str) -> None:
    revisions.load_postgresql("0001", empty_url)
    with engine_of(empty_url).begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = rows(empty_url)
    with pytest.raises(SettingsInvalid, match=r"newer version of the studio \(revision 9999\)"):
        Store(empty_url).open()
    assert rows(empty_url) == before
