"""Databases of each revision, filled, as text. `python -m tests.support.revisions` writes one of the newest revision.

`databases/0000.sql` is from before there were revisions: tables and columns of the first version.
"""

import contextlib
import sqlite3
import tempfile
from pathlib import Path

import psycopg

from kie.generation import Generation
from kie.jobs import State
from kie.prompts.templates import Preset
from kie.store import Store
from kie.store.database import file_url
from tests.support.rows import NOW, ask, bring

FOLDER = Path(__file__).with_name("databases")
# The full-text index and triggers are made anew whenever a database is opened.
MADE_ANEW = ("jobs_text", "writable_schema", "CREATE TRIGGER", 'INSERT INTO "sqlite_')


def load(revision: str, target: Path) -> None:
    """Create the database of a revision."""
    with contextlib.closing(sqlite3.connect(target)) as database:
        database.executescript((FOLDER / f"{revision}.sql").read_text(encoding="utf-8"))


def load_postgresql(revision: str, url: str) -> None:
    """Create the database of a revision on PostgreSQL, from what `pg_dump --inserts` wrote of it."""
    with psycopg.connect(url.replace("+psycopg", "")) as database:
        database.execute((FOLDER / "postgresql" / f"{revision}.sql").read_text(encoding="utf-8"))


def dump(source: Path) -> str:
    """Return the statements that create a database, one to a line, without what is made anew."""
    with contextlib.closing(sqlite3.connect(source)) as database:
        kept = [each for each in database.iterdump() if not any(made in each for made in MADE_ANEW)]
    return "".join(f"{each if each.startswith('INSERT') else ' '.join(each.split())}\n" for each in kept)


def fill(store: Store) -> None:
    """Write a row into each table, and a job of each state."""
    for state in State:
        [job] = ask(store, references=("a" * 64,))
        bring(store, job, state)
    store.annotations.tag([job.id], "lighthouse", "Ann", NOW)
    store.ledger.add_balance(100, NOW, NOW - 1)
    store.library.save_template("Lighthouse", "a lighthouse", "Ann")
    [template] = store.library.templates("Ann")
    store.library.star_template(template.id, "Ann", True)
    options = Generation("a lighthouse").options
    store.library.keep_preset(Preset("b" * 32, "Coast", "Square", options, 2, "Ann", NOW))
    store.library.keep_draft("c" * 32, "{}")
    store.exports.keep_request("[]", NOW)
    store.secret()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "studio.sqlite3")
        made = Store(file_url(file))
        made.open()
        fill(made)
        made.close()
        with contextlib.closing(sqlite3.connect(file)) as written:
            [newest] = written.execute("SELECT version_num FROM alembic_version").fetchone()
        (FOLDER / f"{newest}.sql").write_text(dump(file), encoding="utf-8")
