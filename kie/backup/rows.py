"""Copies the rows of an untrusted SQLite file into a new database, without executing anything in the file.

    file ── opened read-only, only real tables of our schema ── checked row by row ── database created by us

A database may contain triggers, views, generated columns and virtual tables, which run SQL of its author. None of them
is copied, and an authorizer denies everything except reading columns of our tables.
"""

import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Float, String, Table

from kie.images.files import ID, is_name
from kie.images.inspect import EXTENSIONS
from kie.jobs import State
from kie.store.schema import metadata

# The largest value: a stored request for a million selected jobs has 40 MB.
VALUE_LIMIT = 64 * 1024 * 1024
# Times beyond the year 5000 can't be formatted; no amount is as large.
NUMBER_LIMIT = 1e11
_CHECKS: dict[tuple[str, str], Callable[[str], object]] = {
    ("jobs", "id"): ID.fullmatch,
    ("jobs", "state"): {str(state) for state in State}.__contains__,
    ("jobs", "file"): is_name,
    ("jobs", "file_kind"): EXTENSIONS.__contains__,
    ("references", "id"): ID.fullmatch,
    ("references", "file"): is_name,
    ("references", "kind"): EXTENSIONS.__contains__,
}
_READABLE = frozenset((*metadata.tables, "sqlite_master"))


def copy_rows(source: Path, target: Path) -> None:
    """Copy the columns of our tables that both databases have. `target` is a new database made by a store.

    Raises ValueError for values that no studio writes, and sqlite3.Error for a malformed database or a duplicate row.
    """
    # Immutable: no files are written beside the database, and no WAL is read.
    with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as source_db:
        source_db.execute("PRAGMA trusted_schema=OFF")
        source_db.execute("PRAGMA cell_size_check=ON")
        source_db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_LIMIT)
        source_db.text_factory = lambda stored: stored.decode("utf-8", "replace")
        source_db.set_authorizer(_allow)
        with closing(sqlite3.connect(target)) as target_db:
            # Not crash-safe: the caller discards the target unless it is complete.
            target_db.execute("PRAGMA journal_mode=MEMORY")
            target_db.execute("PRAGMA synchronous=OFF")
            for table in metadata.sorted_tables:
                _copy(source_db, target_db, table)
            target_db.commit()


def _copy(source_db: sqlite3.Connection, target_db: sqlite3.Connection, table: Table) -> None:
    columns = _shared(source_db, table)
    if not columns:
        return
    listed = ", ".join(f'"{column.name}"' for column in columns)
    places = ", ".join("?" * len(columns))
    rows = source_db.execute(f'SELECT {listed} FROM "{table.name}" ORDER BY rowid')  # noqa: S608  (names of our own schema)
    target_db.executemany(f'INSERT INTO "{table.name}" ({listed}) VALUES ({places})', _checked(rows, columns))  # noqa: S608


def _shared(source_db: sqlite3.Connection, table: Table) -> list[Column[Any]]:
    """Return the columns of a table that both databases have; none if it is a view or a virtual table in the source."""
    real = "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name = ?"
    if len(source_db.execute(real, (table.name,)).fetchall()) != 1:
        return []
    described = source_db.execute(f'PRAGMA table_xinfo("{table.name}")')
    plain = {name for _, name, _, _, _, _, hidden in described if hidden == 0}
    return [column for column in table.columns if column.name in plain]


def _checked(rows: Iterable[Sequence[Any]], columns: Sequence[Column[Any]]) -> Iterator[Sequence[Any]]:
    """Yield the rows. Raises ValueError at the first value that no studio writes in its column."""
    for row in rows:
        for value, column in zip(row, columns, strict=True):
            if not _is_fitting(value, column):
                raise ValueError(f"{column.table.name}.{column.name}")
        yield row


def _is_fitting(value: object, column: Column[Any]) -> bool:
    if value is None:
        return bool(column.nullable)
    if isinstance(column.type, String):
        check = _CHECKS.get((column.table.name, column.name))
        return isinstance(value, str) and (check is None or bool(check(value)))
    if isinstance(column.type, Float):
        return isinstance(value, int | float) and math.isfinite(value) and abs(value) < NUMBER_LIMIT
    return isinstance(value, int)


def _allow(action: int, table: str | None, *_: str | None) -> int:
    """Authorizer: allow reading columns of our tables and of the schema. Deny functions, other tables and all writes."""
    if action == sqlite3.SQLITE_SELECT or (action == sqlite3.SQLITE_READ and table in _READABLE):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and table == "table_xinfo":
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
