"""The database: opening, reading, writing.

SQLAlchemy Core. The default is SQLite in WAL mode. On both kinds of database there is one writer at a time, every commit is
synced, because a row may stand for money, and a reader sees one snapshot:

    SQLite        BEGIN IMMEDIATE; PRAGMA synchronous=FULL; BEGIN
    PostgreSQL    an advisory lock; synchronous_commit; REPEATABLE READ, READ ONLY
"""

import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Row, SelectBase, UpdateBase, create_engine, event, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from kie.errors import SettingsInvalid
from kie.recording import recording
from kie.store import schema
from kie.store.schema import meta

# Seconds to wait for another writer.
BUSY_S = 15
# Shorter when a person is waiting for a button's result and can retry.
SUBMIT_BUSY_S = 5
# Connections that stay open. Threads of the worker, of pages and of requests share them; more are opened for a moment.
POOL_SIZE = 16


class Database:
    """The database at one URL. Can be used by several threads and several servers."""

    def __init__(self, url: str):
        """Prepare the engine without connecting. Raises SettingsInvalid for a URL that can't be used."""
        self.server = secrets.token_hex(16)
        try:
            # LIFO: the connection used last has the most statements cached.
            pooled = {"pool_pre_ping": not url.startswith("sqlite"), "pool_use_lifo": True, "pool_size": POOL_SIZE}
            self.engine = create_engine(url, **pooled)
        except (SQLAlchemyError, ImportError, ValueError) as error:
            # The message of other errors may quote the URL with its password.
            raise _invalid(str(error) if isinstance(error, ImportError) else type(error).__name__) from None
        self._reader, self._writer = self.engine, self.engine.execution_options(write=True)
        if self.engine.dialect.name == "sqlite":
            _tune_sqlite(self.engine)
        elif self.engine.dialect.name != "postgresql":
            raise _invalid(f"{self.engine.dialect.name} is not supported")
        else:
            _tune_postgresql(self.engine)
            self._reader = self._reader.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            # Whatever the server's default is: what others committed while the lock was waited for must be seen.
            self._writer = self._writer.execution_options(isolation_level="READ COMMITTED")

    def open(self) -> None:
        """Create or migrate the tables. Raises SettingsInvalid when the database can't be used."""
        try:
            schema.make(self._writer)
        except SettingsInvalid:
            self.engine.dispose()
            raise
        except SQLAlchemyError as error:
            self.engine.dispose()
            raise _invalid(str(getattr(error, "orig", None) or type(error).__name__)) from None

    def connect_all(self) -> None:
        """Open the connections of the pool now, so that a shortage of file descriptors later does not concern the database."""
        with ExitStack() as opened:
            for _ in range(POOL_SIZE):
                opened.enter_context(self.read()).execute(select(meta.c.name).limit(1))

    def close(self) -> None:
        """Close all connections. One that a thread still uses, or opens later, is closed when it gives it back."""
        event.listen(self.engine, "checkin", lambda _, entry: entry.close())
        self.engine.dispose()

    def try_to_write(self, busy_s: float) -> None:
        """Test whether the database can be written, with a transaction that is rolled back. Raises NotRecorded if not."""
        with recording(), self._writer.execution_options(busy_s=busy_s).connect() as db, db.begin() as begun:
            db.execute(update(meta).where(meta.c.name == "secret").values(value=meta.c.value))
            begun.rollback()

    def read(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that only reads, all of it from one snapshot."""
        return self._reader.connect()

    def rows(self, query: SelectBase, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """Return the rows of a query."""
        with self.read() as db:
            return db.execute(query, values).all()

    def value(self, query: SelectBase, values: Mapping[str, Any] | None = None) -> Any:
        """Return the first value of a query, or None without a row."""
        with self.read() as db:
            return db.scalar(query, values)

    def change(self, statement: UpdateBase) -> int:
        """Execute one statement in a write transaction, and return the number of rows that it changed."""
        with self.write() as db:
            return db.execute(statement).rowcount

    def write(self, busy_s: float = BUSY_S) -> AbstractContextManager[Connection]:
        """Begin a write transaction, waiting at most `busy_s` seconds for another writer."""
        return self._writer.execution_options(busy_s=busy_s).begin()


def file_url(path: Path) -> str:
    """Return the SQLAlchemy URL of a SQLite file. Special characters in the path are escaped."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def _invalid(reason: str) -> SettingsInvalid:
    return SettingsInvalid(f"The database can't be opened ({reason}): look at KIE_DATABASE_URL and KIE_DATA_DIR.")


def _tune_sqlite(engine: Engine) -> None:
    """Configure SQLite connections: WAL, full sync, explicit transactions. A writer takes its lock at BEGIN or waits for it."""

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={1000 * BUSY_S}")
        _log_ahead(connection)
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("write"):
            connection.exec_driver_sql(f"PRAGMA busy_timeout={int(1000 * options.get('busy_s', BUSY_S))}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:  # Bypasses SQLAlchemy's error handling, a large part of the cost of a short read. BEGIN can't fail here.
            connection.connection.dbapi_connection.execute("BEGIN")


# Key of the lock that a writer holds until its transaction ends (PostgreSQL).
_LOCK = 0x6E616E6F
# One statement, because each is a round trip; its parts are evaluated in this order. The next one sees all earlier commits.
_TAKE_LOCK = text(
    "SELECT set_config('synchronous_commit', 'on', true), set_config('lock_timeout', :busy_ms, true),"
    f" pg_advisory_xact_lock({_LOCK})"
)


def _tune_postgresql(engine: Engine) -> None:
    """Configure PostgreSQL connections: a writer takes the lock of all writers when it begins, or waits for it."""

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("write"):
            connection.execute(_TAKE_LOCK, {"busy_ms": str(int(1000 * options.get("busy_s", BUSY_S)))})


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Set WAL mode, with retries. SQLite's own timeout does not apply when several servers create a database at the same time."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
