"""A PostgreSQL server of the tests: a free port, a data folder in a temporary directory, databases that are copies of one.

Tests that take the fixture `dialect` run on SQLite; in `tests/store`, and where BOTH says so, on PostgreSQL too.
"""

import glob
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

from kie.store.database import Database
from tests.support.server import free_port
from tests.support.waiting import until

BOTH = pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
# What a file, a PRAGMA, or a plan of SQLite shows.
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"])
POSTGRESQL = pytest.mark.parametrize("dialect", ["postgresql"])
# Debian has them outside of the path.
FOLDERS = os.pathsep.join([os.environ["PATH"], *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)])
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "16MB",
    # A test does not outlive the machine.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    # A copied database is not written to the log too.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "32MB",
    "min_wal_size": "8MB",
}
TEMPLATE = "studio_template"


class PostgreSQL:
    """The server, as a context manager. It refuses to run as root, and then runs as `nobody`."""

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="studio-postgresql-", dir=_memory()))
        self._names = (f"studio_{number}" for number in itertools.count(1))
        self._as: dict[str, object] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def new_database(self) -> str:
        """Create a database with our tables and no rows, and return its URL."""
        name = next(self._names)
        self._order(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
        return self._url(name)

    def drop(self, url: str) -> None:
        """Delete a database, which ends its connections."""
        self._order(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def _start(self) -> None:
        options = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
        command = [_program("postgres"), "-D", self._data, "-p", str(self.port), *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder, **self._as)
        until(self._answers)

    def __enter__(self) -> "PostgreSQL":
        made = ["-D", self._data, "-U", "studio", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        made += ["--wal-segsize=1"]
        quiet = {"stdout": subprocess.DEVNULL, "cwd": self._folder, "check": True}
        subprocess.run([_program("initdb"), *made], **quiet, **self._as)
        self._start()
        self._order(f"CREATE DATABASE {TEMPLATE}")
        template = Database(self._url(TEMPLATE))
        template.open()
        template.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)
        shutil.rmtree(self._folder)

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://studio@127.0.0.1:{self.port}/{name}"

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _order(self, statement: str) -> None:
        with psycopg.connect(host="127.0.0.1", port=self.port, user="studio", dbname="postgres", autocommit=True) as db:
            db.execute(statement)

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended at once:\n{(self._folder / 'log').read_text()}")
        try:
            self._order("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def _memory() -> str | None:
    """Return a folder in memory if there is room for the data of several servers, else None."""
    folder = Path("/dev/shm")
    return str(folder) if folder.is_dir() and shutil.disk_usage(folder).free > 2**30 else None


def _program(name: str) -> str:
    """Return the path of a program of PostgreSQL."""
    found = shutil.which(name, path=FOLDERS)
    assert found, f"{name} of PostgreSQL is missing: tests/run installs Debian's package"
    return found
