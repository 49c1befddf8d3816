"""Converts database errors that mean "nothing was written" to NotRecorded.

Used where a person waits for the result. The tracker handles database errors itself and retries.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError

from kie.errors import NotRecorded

log = logging.getLogger(__name__)

# After these errors nothing of the transaction is in the file. A failed fsync is not included: its outcome is unknown.
_UNTAKEN = {
    sqlite3.SQLITE_BUSY: "the database is locked by another program",
    sqlite3.SQLITE_LOCKED: "the database is locked by another program",
    sqlite3.SQLITE_READONLY: "the database can only be read",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "the database can't be opened",
    sqlite3.SQLITE_IOERR_WRITE: "the disk takes no more",
}
# The same for PostgreSQL, by the beginning of the SQLSTATE.
_UNTAKEN_STATES = {
    "55P03": "the database is locked by another program",
    "25006": "the database can only be read",
    "53100": "the disk is full",
    "53": "the database takes nothing at the moment",
    "57P03": "the database can't be opened",
}


def unrecorded(error: BaseException) -> NotRecorded | None:
    """Return a database error as NotRecorded if nothing was written, or None for any other error."""
    if not isinstance(error, DBAPIError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", 0)
        reason = _UNTAKEN.get(code) or _UNTAKEN.get(code & 0xFF)
    elif _is_gone(error):
        reason = "the database can't be reached"
    else:
        state = getattr(error.orig, "sqlstate", None) or ""
        reason = next((said for begun, said in _UNTAKEN_STATES.items() if state.startswith(begun)), None)
    return NotRecorded(reason) if reason else None


def _is_gone(error: DBAPIError) -> bool:
    """Return whether there was no connection, or it was lost before the COMMIT, whose outcome would be unknown."""
    if error.connection_invalidated:
        return error.statement is not None
    is_operational = isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) is None
    return is_operational and error.statement is None


@contextmanager
def recording() -> Iterator[None]:
    """Context manager that raises NotRecorded with the reason when a write within it had no effect."""
    try:
        yield
    except DBAPIError as error:
        if not (found := unrecorded(error)):
            raise
        log.warning("nothing was recorded: %s", found.detail)
        raise found from error
