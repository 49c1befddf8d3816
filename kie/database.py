"""One database, the only shared truth: how it is opened, read and written, and how a job moves in it.

Every change of state is one UPDATE guarded by the state it leaves, so that of two that try, one wins. SQLAlchemy Core;
SQLite in WAL mode by default, flushed at every commit, since a row may stand for money.
"""

import secrets
import sqlite3
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert, update
from sqlalchemy.exc import SQLAlchemyError

from kie import schema
from kie.errors import SettingsInvalid
from kie.fulltext import spaced
from kie.jobs import MOVES, State
from kie.schema import jobs, moves

# How long whoever wants to write waits for another to be done.
BUSY_S = 15


class Database:
    """The database behind one URL. Safe to use from several threads and several servers."""

    def __init__(self, url: str):
        """Prepare, without opening anything. Raises SettingsInvalid when the URL names no database that we can use."""
        self.server = secrets.token_hex(16)
        try:
            # The connection that was used last knows most statements already.
            pooled = {"pool_pre_ping": not url.startswith("sqlite"), "pool_use_lifo": True}
            self._engine = create_engine(url, **pooled)
        except (SQLAlchemyError, ImportError, ValueError) as error:
            # The text of the others can quote the URL, and with it a password.
            raise _invalid(str(error) if isinstance(error, ImportError) else type(error).__name__) from None
        if self._engine.dialect.name == "sqlite":
            _tune_sqlite(self._engine)
        self._writer = self._engine.execution_options(write=True)

    def open(self) -> None:
        """Make the tables. Raises SettingsInvalid when the database can't be used."""
        try:
            schema.make(self._writer)
        except SQLAlchemyError as error:
            self._engine.dispose()
            raise _invalid(str(getattr(error, "orig", None) or type(error).__name__)) from None

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def move(self, job_id: str, leaving: State | Iterable[State], to: State, now: float, **values: Any) -> bool:
        """Move a job if it still stands in a state that is left, and say whether this call was the one that moved it."""
        left = {leaving} if isinstance(leaving, State) else set(leaving)
        if any(to not in MOVES[state] for state in left):
            raise ValueError(f"no job moves from {sorted(left)} to {to}")
        with self._write() as db:
            return self._move(db, job_id, left, to, now, values)

    def note(self, job_id: str, state: State, **values: Any) -> bool:
        """Change what is known of a job that stays in its state, and say whether it still stood there."""
        with self._write() as db:
            guarded = update(jobs).where(jobs.c.id == job_id, jobs.c.state == state).values(**values)
            return db.execute(guarded).rowcount == 1

    def _read(self) -> AbstractContextManager[Connection]:
        return self._engine.connect()

    def _write(self) -> AbstractContextManager[Connection]:
        return self._writer.begin()

    def _move(
        self, db: Connection, job_id: str, leaving: set[State], to: State, now: float, values: dict[str, Any]
    ) -> bool:
        guarded = update(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(leaving)).values(state=to, **values)
        if db.execute(guarded).rowcount != 1:
            return False
        db.execute(insert(moves).values(job_id=job_id, state=to, at=now))
        return True


def file_url(path: Path) -> str:
    """Return the URL of a SQLite file, whatever signs its folders have in their names."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def _invalid(reason: str) -> SettingsInvalid:
    return SettingsInvalid(f"The database can't be opened ({reason}): look at KIE_DATABASE_URL and KIE_DATA_DIR.")


def _tune_sqlite(engine: Engine) -> None:
    """Let SQLAlchemy begin transactions itself: a writer takes its lock at the start, or waits for it up to `BUSY_S`.

    The triggers that keep words for searching call our `spaced`.
    """

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={1000 * BUSY_S}")
        _log_ahead(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.create_function("spaced", 1, spaced, deterministic=True)

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("write"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:  # This can't fail, and most transactions begin so: SQLAlchemy's care is a good part of what a short read costs.
            connection.connection.dbapi_connection.execute("BEGIN")


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Set WAL mode. Where servers make a new database at once SQLite does not wait for that, whatever its time-out."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
