"""Migration of databases with Alembic, from each revision in `migrations/versions` to the next.

A new database is created as `schema` describes it and marked with the newest revision. All steps that a database needs
are one transaction, after a copy of the SQLite file: `studio.sqlite3.before-<newest revision>`.
"""

import functools
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from kie.errors import SettingsInvalid

FOLDER = Path(__file__).with_name("migrations")


def mark_as_newest(connection: Connection) -> None:
    """Mark a database that has just been created with the newest revision."""
    MigrationContext.configure(connection).stamp(_scripts(), "head")


def upgrade(connection: Connection) -> None:
    """Bring a database to the newest revision, within the transaction of the caller, who holds the lock for writing.

    Raises SettingsInvalid for a database of a newer version, and when the copy can't be written.
    """
    revision, newest = MigrationContext.configure(connection).get_current_revision(), _scripts().get_current_head()
    if revision == newest:
        return
    if revision not in {None, *(each.revision for each in _scripts().walk_revisions())}:
        raise SettingsInvalid(
            f"The data folder was written by a newer version of the studio (revision {revision}). Start that version."
        )
    if connection.dialect.name == "sqlite":
        _copy(connection, f"before-{newest}")
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    command.upgrade(config, "head")


@functools.cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(FOLDER))


def _copy(connection: Connection, suffix: str) -> None:
    """Copy the SQLite file as it is before the transaction of this connection."""
    file = next(row.file for row in connection.exec_driver_sql("PRAGMA database_list") if row.name == "main")
    target, part = Path(f"{file}.{suffix}"), Path(f"{file}.{suffix}.part")
    try:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        part.replace(target)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise SettingsInvalid(
            f"The database of an older version could not be copied before it is changed ({error}): look at {part.parent}."
        ) from None
