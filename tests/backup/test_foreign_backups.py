"""What a backup from elsewhere can bring along: nothing of it is run, and it takes no more room than it has."""

import io
import json
import sqlite3
import struct
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from kie.backup.data_folder import ABOUT, DATABASE
from kie.generation import Generation
from kie.history.query import Query
from kie.jobs import State
from kie.money.reconciliation import BalanceReading
from kie.settings import Settings
from kie.store import Store
from tests.support.images import picture
from tests.support.jobs import project
from tests.support.rows import NOW, job_in, queue_submission

NAME, OTHER = (f"results/{two}/{two * 16}.png" for two in ("ab", "cd"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path / "project", "http://127.0.0.1:9")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with everything in it that a studio keeps."""
    path = tmp_path / "studio.sqlite3"
    with closing(Store(f"sqlite:///{path}")) as store:
        store.open()
        for state in State:
            job_in(store, state)
        [job] = queue_submission(store, "Ann", Generation("ein Kürbis 東京; =1"), "press-words", 1, 18.0, NOW)
        store.annotations.tag([job.id], "hero", "Ann", NOW)
        store.library.save_template("one", "a {{word}}", "Ann", False)
        store.library.keep_draft("ab" * 16, "{}")
        store.exports.keep_request("[]", NOW)
        store.ledger.add_balance(12.5, NOW)
        store.secret()
    return path


def packed(path: Path, database: Path, **names: bytes) -> Path:
    """Write a file that claims to be a backup of this database."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(ABOUT, json.dumps({"format": 1}))
        archive.write(database, DATABASE)
        for name, content in names.items():
            archive.writestr(name, content)
    return path


def rows_in(path: Path) -> dict[str, list[dict[str, object]]]:
    """Return all rows of all real tables but those of the word index."""
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        names = [row["name"] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kept = [name for name in names if not name.startswith("jobs_text")]
        read = {name: db.execute(f'SELECT * FROM "{name}" ORDER BY rowid').fetchall() for name in kept}
    return {name: [dict(row) for row in rows] for name, rows in read.items()}


def changed(database: Path, *statements: str) -> Path:
    """Return the database after somebody has worked on it."""
    with closing(sqlite3.connect(database)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()
    return database


def test_every_row_comes_back_and_is_found_by_its_words(tmp_path: Path, database: Path, elsewhere: Path, run):
    changed(database, "UPDATE jobs SET state = 'cancelled' WHERE state IN ('queued', 'uploading', 'sending')")
    before = rows_in(database)
    assert all(
        before[name] for name in ("jobs", "moves", "job_tags", "templates", "drafts", "parcels", "balances", "meta")
    )
    _, said = run("restore", packed(tmp_path / "b.zip", database), "--into", elsewhere)
    assert "Restored into" in said
    after = rows_in(elsewhere / DATABASE)
    for table in before.keys() - {"servers"}:
        assert after[table] == [row | ({"server": None} if table == "jobs" else {}) for row in before[table]], table
    with closing(Store(f"sqlite:///{elsewhere / DATABASE}")) as store:
        store.open()
        store.search.prepare()
        assert [job.prompt for job in store.search.page(Query(text="kurbis 東"), 1, 9).jobs] == ["ein Kürbis 東京; =1"]
        assert store.ledger.balance() == BalanceReading(12.5, NOW, NOW)


def test_an_older_database_gets_its_new_columns(tmp_path: Path, database: Path, elsewhere: Path, run):
    changed(
        database,
        "DROP TABLE parcels",
        "DROP INDEX jobs_history",
        "DROP INDEX jobs_binned",
        "ALTER TABLE jobs DROP COLUMN emptied_at",
    )
    assert "Restored into" in run("restore", packed(tmp_path / "b.zip", database), "--into", elsewhere)[1]
    assert {row["emptied_at"] for row in rows_in(elsewhere / DATABASE)["jobs"]} == {None}


def test_triggers_and_whatever_else_a_database_brings_along_stay_behind(
    tmp_path: Path, database: Path, elsewhere: Path, run
):
    changed(
        database,
        "CREATE TRIGGER again AFTER UPDATE OF state ON jobs WHEN new.state IN ('cancelled', 'unsure')"
        " BEGIN UPDATE jobs SET state = 'queued', task_id = NULL WHERE id = new.id; END",
        "CREATE TRIGGER more AFTER INSERT ON moves BEGIN UPDATE jobs SET state = 'queued'; END",
        "ALTER TABLE jobs ADD COLUMN stolen TEXT AS (upper(prompt))",
        "CREATE TABLE others (name TEXT)",
        "DROP TABLE presets",
        "CREATE VIEW presets AS SELECT * FROM templates",
        "DROP TABLE drafts",
        "CREATE VIRTUAL TABLE drafts USING fts5(id, content, changed_at)",
        "INSERT INTO drafts VALUES ('x', 'y', 1.0)",
    )
    assert "Restored into" in run("restore", packed(tmp_path / "b.zip", database), "--into", elsewhere)[1]
    with closing(Store(f"sqlite:///{elsewhere / DATABASE}")) as store:
        assert store.queue.next_turn(NOW + 1e6) is None
    with closing(sqlite3.connect(elsewhere / DATABASE)) as db:
        found = dict(db.execute("SELECT name, type FROM sqlite_master"))
        assert db.execute("SELECT count(*) FROM jobs WHERE state IN ('queued', 'sending')").fetchone() == (0,)
        assert [db.execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("presets", "drafts")] == [(0,)] * 2
    assert found.keys().isdisjoint({"again", "more", "others"})
    assert (found["presets"], found["drafts"]) == ("table", "table")
    assert sorted(path.name for path in elsewhere.iterdir() if path.is_file()) == [DATABASE]


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("UPDATE jobs SET state = 'elsewhere'", "jobs.state"),
        ("UPDATE jobs SET prompt = x'00ff'", "jobs.prompt"),
        ("UPDATE jobs SET created_at = 1e300", "jobs.created_at"),
        ("UPDATE jobs SET width = 'wide'", "jobs.width"),
        ("UPDATE jobs SET file = '../../etc/passwd'", "jobs.file"),
        ("UPDATE balances SET credits = 9e999", "balances.credits"),
        (
            f"""INSERT INTO "references" (id, name, kind, width, height, bytes, file, created_at)
            VALUES ('{"ab" * 32}', 'a', 'exe', 1, 1, 1, 'references/ab/{"ab" * 32}.png', 1.0)""",
            "references.kind",
        ),
    ],
)
def test_a_value_that_no_studio_writes_is_refused(
    tmp_path: Path, database: Path, elsewhere: Path, run, statement: str, place: str
):
    status, said = run("restore", packed(tmp_path / "b.zip", changed(database, statement)), "--into", elsewhere)
    assert (status, f"invalid value in {place}" in said) == (1, True)
    assert list(elsewhere.parent.iterdir()) == []


def test_a_database_that_is_damaged_or_holds_a_row_twice_is_refused(
    tmp_path: Path, database: Path, elsewhere: Path, run
):
    content = bytearray(database.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 200] = bytes(200)
    broken, twice = tmp_path / "broken.sqlite3", tmp_path / "twice.sqlite3"
    broken.write_bytes(content)
    with closing(sqlite3.connect(twice)) as db:
        db.execute("CREATE TABLE meta (name TEXT, value TEXT)")
        db.executemany("INSERT INTO meta VALUES ('secret', ?)", [("a",), ("b",)])
        db.commit()
    for number, path in enumerate((broken, twice)):
        status, said = run("restore", packed(tmp_path / f"{number}.zip", path), "--into", elsewhere)
        assert (status, "its database can't be read" in said) == (1, True)
        assert list(elsewhere.parent.iterdir()) == []


# The zip


def central(content: bytes) -> list[int]:
    """Return where the entries of the list at a zip's end begin."""
    places, at = [], content.find(b"PK\x01\x02")
    while at >= 0:
        places.append(at)
        at = content.find(b"PK\x01\x02", at + 1)
    return places


def overlapping(path: Path, copies: int, size: int) -> Path:
    """Write a zip in which many members share the same bytes: all but the first have no place of their own."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(ABOUT, json.dumps({"format": 1}))
        for number in range(copies):
            archive.writestr(f"results/ab/{number:032x}.png", bytes(size) if number == 0 else b"")
    content = bytearray(out.getvalue())
    first, *others = central(content)[1:]
    for at in others:
        content[at + 16 : at + 28] = content[first + 16 : first + 28]  # the CRC and both sizes
        content[at + 42 : at + 46] = content[first + 42 : first + 46]  # where it begins
    path.write_bytes(content)
    return path


def test_members_that_share_their_bytes_are_refused_before_anything_is_unpacked(tmp_path: Path, elsewhere: Path, run):
    made = overlapping(tmp_path / "b.zip", copies=400, size=2_000_000)
    assert made.stat().st_size < 2_200_000
    status, said = run("restore", made, "--into", elsewhere)
    assert (status, "it is cut off, changed, or no zip file" in said) == (1, True)
    assert list(elsewhere.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("offset", "put"),
    [
        (6, b"\x08\x00"),  # flags: the sizes come behind
        (8, b"\x08\x00"),  # packed
        (14, b"\x00\x00\x00\x00"),  # the CRC
        (18, struct.pack("<I", 5)),  # the packed size
        (22, struct.pack("<I", 2**31)),  # the size
        (26, struct.pack("<H", 5)),  # the length of the name
        (30, b"X"),  # the name
    ],
)
def test_a_member_whose_two_descriptions_differ_is_refused_or_comes_back_as_it_was(
    tmp_path: Path, elsewhere: Path, run, offset: int, put: bytes
):
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(ABOUT, json.dumps({"format": 1}))
        archive.writestr(NAME, picture())
        archive.writestr(OTHER, picture())
    content = bytearray(path.read_bytes())
    at = content.index(NAME.encode()) - 30 + offset
    content[at : at + len(put)] = put
    path.write_bytes(content)
    status, said = run("restore", path, "--into", elsewhere)
    if status == 1:
        assert "is not a complete backup of a studio" in said
        assert list(elsewhere.parent.iterdir()) == []
    else:
        assert [(elsewhere / name).read_bytes() for name in (NAME, OTHER)] == [picture()] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {6: 100},  # the version of zip that is needed
        {9: 8, 46: 255},  # a name that is said to be UTF-8 and is not
    ],
)
def test_a_list_of_members_that_can_t_be_read_is_refused(
    tmp_path: Path, database: Path, elsewhere: Path, run, changes: dict[int, int]
):
    path = packed(tmp_path / "b.zip", database)
    content = bytearray(path.read_bytes())
    for offset, byte in changes.items():
        content[central(content)[-1] + offset] = byte
    path.write_bytes(content)
    status, said = run("restore", path, "--into", elsewhere)
    assert (status, "it is cut off, changed, or no zip file" in said) == (1, True)
    assert list(elsewhere.parent.iterdir()) == []


def test_members_in_another_order_with_something_before_them_are_fine(tmp_path: Path, elsewhere: Path, run):
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr(NAME, picture())
        archive.writestr(ABOUT, json.dumps({"format": 1}))
    (tmp_path / "c.zip").write_bytes(b"something before" + (tmp_path / "b.zip").read_bytes())
    assert "files, thumbnails among them: 1" in run("restore", tmp_path / "c.zip", "--into", elsewhere)[1]
    assert (elsewhere / NAME).read_bytes() == picture()
