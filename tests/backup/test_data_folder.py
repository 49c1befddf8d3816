"""A data folder in one file and back: while the studio works, whole or not at all, and nothing is paid for twice."""

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from kie import __main__ as commands
from kie.backup.data_folder import ABOUT, DATABASE
from kie.jobs import Job, State
from kie.settings import ROOT, Settings
from kie.store import Store
from kie.studio import Studio
from tests.support.fake_service import Rogue, held, told
from tests.support.images import picture
from tests.support.jobs import KEY, add_reference, assert_here, ended, project, quick, submit, until_state
from tests.support.rows import NOW, ask, at_once, job_in
from tests.support.waiting import until

NAME = "results/ab/" + "ab" * 16 + ".png"


@pytest.fixture
def settings(tmp_path: Path, rogue: Rogue) -> Settings:
    return project(tmp_path / "project", rogue.url, quick())


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Where a backup goes: a folder of its own, so that whatever is left beside it is seen."""
    (tmp_path / "saved").mkdir()
    return tmp_path / "saved" / "studio.zip"


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A folder on another disk, to which nothing of this one can be renamed."""
    others = [path for path in ("/dev/shm", "/tmp", "/var/tmp") if os.stat(path).st_dev != tmp_path.stat().st_dev]
    with tempfile.TemporaryDirectory(dir=others[0]) as folder:
        yield Path(folder)


def with_a_picture(settings: Settings) -> Job:
    """Open a studio, let it make one picture from a reference, and close it."""
    with Studio(settings) as studio:
        reference = add_reference(studio, "red")
        until(lambda: studio.store.references.get_many([reference])[0].checked_at)
        return ended(studio, submit(studio, references=(reference,)))


def files_in(folder: Path) -> dict[str, bytes]:
    kept = [path for name in ("results", "references", "thumbnails") for path in (folder / name).rglob("*.*")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}


def packed(path: Path, **names: bytes) -> Path:
    """Write a file that claims to be a backup."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(ABOUT, json.dumps({"format": 1}))
        for name, content in names.items():
            archive.writestr(name, content)
    return path


# -- out and back


def test_what_comes_back_is_what_went_in(settings: Settings, rogue: Rogue, saved: Path, elsewhere: Path, run) -> None:
    job = with_a_picture(settings)
    assert run("backup", saved)[0] == 0
    status, said = run("restore", saved, "--into", elsewhere)
    assert (status, "no problems" in said) == (0, True)
    assert len(files_in(elsewhere)) == 4
    assert files_in(elsewhere) == files_in(settings.data_dir)
    with Studio(replace(settings, data_dir=elsewhere)) as studio:
        assert studio.jobs.get(job.id) == job
        assert_here(studio, job, rogue)


def test_nothing_that_waits_or_is_being_sent_is_sent_by_a_restored_studio(
    settings: Settings, rogue: Rogue, saved: Path, elsewhere: Path, run
) -> None:
    goes_on = threading.Event()
    with Studio(settings) as studio:
        rogue.plan("record", always=told(state="generating"))
        running = until_state(studio, submit(studio), State.RUNNING)
        rogue.plan("create", always=held(goes_on))
        others = [submit(studio, prompt=f"lighthouse {number}") for number in range(8)]

        def states() -> Counter[State]:
            return Counter(studio.jobs.get(job.id).state for job in others)

        until(lambda: states() == {State.SENDING: 6, State.QUEUED: 2})
        status, said = run("backup", saved)
        assert (status, "queued jobs are cancelled (2) and jobs being sent need review (6)" in said) == (
            0,
            True,
        )
        # The studio that works is not disturbed: it sends what it would have sent, each once.
        assert states() == {State.SENDING: 6, State.QUEUED: 2}
        goes_on.set()
        until(lambda: states() == {State.RUNNING: 8})
    rogue.plan("record")
    paid = len(rogue.requests("create"))
    assert paid == len(rogue.tasks) == 9
    assert run("restore", saved, "--into", elsewhere)[0] == 0
    with Studio(replace(settings, data_dir=elsewhere)) as studio:
        assert ended(studio, running).state == State.DONE
        assert states() == {State.CANCELLED: 2, State.UNSURE: 6}
        cancelled = next(now for now in (studio.jobs.get(job.id) for job in others) if now.state == State.CANCELLED)
        assert (cancelled.problem, cancelled.needs_attention) == ("RestoredUnsent", False)
        assert len(studio.jobs.needing_attention()) == 6
        assert ended(studio, submit(studio, prompt="a new one")).state == State.DONE
    assert len(rogue.requests("create")) == paid + 1


def test_a_copy_of_a_database_that_others_packed_is_set_at_rest_as_well(
    tmp_path: Path, saved: Path, elsewhere: Path, run
) -> None:
    store = Store(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    store.open()
    jobs = {state: job_in(store, state, server="of-its-own") for state in State}
    store.close()
    packed(saved, **{DATABASE: (tmp_path / "other.sqlite3").read_bytes()})
    said = run("restore", saved, "--into", elsewhere)[1]
    assert "Queued jobs are cancelled (2), and jobs being sent need review in Account (1)" in said
    with closing(Store(f"sqlite:///{elsewhere / DATABASE}")) as store:
        now = {state: store.jobs.get(job.id).state for state, job in jobs.items()}
        assert store.queue.next_turn(NOW) is None
        followed = {State.RUNNING, State.FETCHING}  # an unsure job waits for the id of its task
        assert {job_id for job_id, _ in store.queue.due(NOW, 10)} == {jobs[state].id for state in followed}
    changed = {State.QUEUED: State.CANCELLED, State.UPLOADING: State.CANCELLED, State.SENDING: State.UNSURE}
    assert now == {state: changed.get(state, state) for state in State}


def test_what_is_committed_meanwhile_is_wholly_in_or_wholly_out(
    settings: Settings, saved: Path, elsewhere: Path, run
) -> None:
    settings.data_dir.mkdir()
    store = Store(f"sqlite:///{settings.data_dir / DATABASE}")
    store.open()
    ended_at = threading.Event()

    def write() -> int:
        presses = 0
        while not ended_at.is_set():
            ask(store, images=3)
            presses += 1
        return presses

    def save() -> list[tuple[int, str]]:
        try:
            return [run("backup", saved.with_name(f"{number}.zip")) for number in range(3)]
        finally:
            ended_at.set()

    _, backups = at_once(write, save)
    store.close()
    assert [status for status, _ in backups] == [0, 0, 0]
    for number in range(3):
        with zipfile.ZipFile(saved.with_name(f"{number}.zip")) as archive:
            copy = Path(archive.extract(DATABASE, elsewhere / str(number)))
        with closing(sqlite3.connect(copy)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            counts = {count for (count,) in db.execute("SELECT count(*) FROM jobs GROUP BY submit_id")}
            assert counts <= {3}
            assert db.execute("SELECT count(*) FROM jobs WHERE state <> 'cancelled'").fetchone() == (0,)


def test_the_key_is_in_no_backup_and_the_sandbox_only_if_wanted_and_then_it_comes_back(
    settings: Settings, saved: Path, elsewhere: Path, run
) -> None:
    settings.key_file.write_text(KEY)
    with_a_picture(replace(settings, data_dir=settings.data_dir / "sandbox"))
    run("backup", saved.with_name("sandbox.zip"), "--sandbox")
    assert run("restore", saved.with_name("sandbox.zip"), "--into", elsewhere)[0] == 0
    assert files_in(elsewhere / "sandbox") == files_in(settings.data_dir / "sandbox")
    with_a_picture(settings)
    run("backup", saved)
    run("backup", saved.with_name("both.zip"), "--sandbox")
    with zipfile.ZipFile(saved) as one, zipfile.ZipFile(saved.with_name("both.zip")) as both:
        names = [name for name in both.namelist() if not name.startswith("sandbox/")]
        assert sorted(one.namelist()) == sorted(names)
        assert len(one.namelist()) == 6 and len(both.namelist()) == 11
        for archive in (one, both):
            assert not any(KEY.encode() in archive.read(name) for name in archive.namelist())


def test_a_file_that_is_gone_is_told_and_asked_for_again_after_a_restore(
    settings: Settings, rogue: Rogue, saved: Path, elsewhere: Path, run
) -> None:
    job = with_a_picture(settings)
    (settings.data_dir / job.file).unlink()
    assert "1 file missing on the disk" in run("backup", saved)[1]
    status, said = run("restore", saved, "--into", elsewhere)
    assert (status, job.file in said) == (1, True)
    with Studio(replace(settings, data_dir=elsewhere)) as studio:
        until_state(studio, job, State.DONE)
        assert_here(studio, job, rogue)


# -- what is refused


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../escaped.png",
            "/tmp/escaped.png",
            "results/../../escaped.png",
            "results\\..\\escaped.png",
            "C:\\escaped.png",
        ),
        *("config/kie_key.txt", "sandbox/../escaped.png", "sandbox/service/tasks.json", "sandbox/sandbox/" + NAME),
        *("results/ab/escaped.png", "incoming/" + "ab" * 16 + ".part", NAME + "/", NAME + "\n", "results/"),
    ],
)
def test_a_name_that_no_studio_has_is_refused_and_nothing_is_unpacked(
    saved: Path, elsewhere: Path, run, name: str
) -> None:
    packed(saved, **{NAME: picture(), name: b"from elsewhere"})
    status, said = run("restore", saved, "--into", elsewhere)
    assert (status, "no studio has a file of the name" in said) == (1, True)
    assert list(elsewhere.parent.iterdir()) == []
    assert list(saved.parent.iterdir()) == [saved]


def test_what_is_cut_off_or_changed_is_refused_and_nothing_is_left(
    settings: Settings, saved: Path, elsewhere: Path, run
) -> None:
    job = with_a_picture(settings)
    run("backup", saved)
    whole = saved.read_bytes()
    inside = whole.index((settings.data_dir / job.file).read_bytes()) + 40
    changed = whole[:inside] + bytes([whole[inside] ^ 1]) + whole[inside + 1 :]
    for content in (whole[: len(whole) // 2], changed, b"", b"no zip"):
        saved.write_bytes(content)
        status, said = run("restore", saved, "--into", elsewhere)
        assert (status, "is not a complete backup of a studio" in said) == (1, True)
        assert list(elsewhere.parent.iterdir()) == []


def test_a_zip_that_others_made_is_refused(saved: Path, elsewhere: Path, run) -> None:
    with zipfile.ZipFile(saved, "w") as archive:
        archive.writestr(NAME, picture())
    assert "it was not made by this studio" in run("restore", saved, "--into", elsewhere)[1]
    for about in (b"", b"[]", b"[" * 100_000, b" " * 5_000_000):
        with zipfile.ZipFile(saved, "w") as archive:
            archive.writestr(ABOUT, about)
        assert "it was not made by this studio" in run("restore", saved, "--into", elsewhere)[1]
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(ABOUT, json.dumps({"format": 1}))
        archive.writestr(NAME, bytes(10_000_000))
    assert "it was packed by another program" in run("restore", saved, "--into", elsewhere)[1]
    with zipfile.ZipFile(saved, "w") as archive:
        archive.writestr(ABOUT, json.dumps({"format": 2}))
    assert "a newer studio made it" in run("restore", saved, "--into", elsewhere)[1]
    assert list(elsewhere.parent.iterdir()) == []


def test_only_an_empty_folder_is_restored_into(saved: Path, elsewhere: Path, run) -> None:
    packed(saved, **{NAME: picture()})
    elsewhere.mkdir()
    (elsewhere / DATABASE).write_bytes(b"dear")
    assert "There is a studio in" in run("restore", saved, "--into", elsewhere)[1]
    (elsewhere / DATABASE).rename(elsewhere / "notes.txt")
    assert "is not empty" in run("restore", saved, "--into", elsewhere)[1]
    assert "is a file" in run("restore", saved, "--into", elsewhere / "notes.txt")[1]
    assert [path.read_bytes() for path in elsewhere.iterdir()] == [b"dear"]
    (elsewhere / "notes.txt").unlink()
    status, said = run("restore", saved, "--into", elsewhere)
    assert (status, "This backup has no database" in said) == (0, True)
    assert (elsewhere / NAME).read_bytes() == picture()


OF_A_VOLUME = ["lost+found", ".snapshot", ".Trash-1000", "System Volume Information", "$RECYCLE.BIN", ".DS_Store"]


@pytest.mark.parametrize("name", [*OF_A_VOLUME, f".{DATABASE}-0123abcd.part"])
def test_what_the_system_puts_into_a_volume_is_not_in_the_way(saved: Path, elsewhere: Path, run, name: str) -> None:
    packed(saved, **{NAME: picture()})
    (elsewhere / name).mkdir(parents=True)
    assert run("restore", saved, "--into", elsewhere)[0] == 0
    assert (elsewhere / NAME).read_bytes() == picture()
    assert sorted(path.name for path in elsewhere.iterdir()) == sorted([name, "results"])


def test_a_folder_on_another_disk_is_restored_into_and_stays_the_folder_that_it_was(
    settings: Settings, volume: Path, saved: Path, elsewhere: Path, run
) -> None:
    with_a_picture(settings)
    assert run("backup", saved)[0] == 0
    elsewhere.symlink_to(volume)
    for name in ("lost+found", ".Trash-1000"):
        (volume / name).mkdir()
    before = volume.stat().st_ino
    assert run("restore", saved, "--into", elsewhere)[0] == 0
    assert (elsewhere.is_symlink(), volume.stat().st_ino) == (True, before)
    assert files_in(volume) == files_in(settings.data_dir)
    assert {".Trash-1000", "lost+found", DATABASE} < {path.name for path in volume.iterdir()}
    assert not list(volume.glob(".*.part"))
    assert list(elsewhere.parent.iterdir()) == [elsewhere]


def test_a_restore_that_fails_leaves_a_volume_as_it_was(saved: Path, elsewhere: Path, run) -> None:
    (elsewhere / "lost+found").mkdir(parents=True)
    packed(saved, **{NAME: picture(), DATABASE: b"no database"})
    assert run("restore", saved, "--into", elsewhere)[0] == 1
    assert [path.name for path in elsewhere.iterdir()] == ["lost+found"]
    (elsewhere / "results").write_bytes(b"dear")
    assert "is not empty" in run("restore", saved, "--into", elsewhere)[1]


def test_what_can_be_foreseen_is_told_in_a_sentence(
    settings: Settings, saved: Path, run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "There is no studio's database at" in run("backup", saved)[1]
    assert "There is no studio's database at" in run("check")[1]
    with_a_picture(settings)
    for arguments in (["backup", saved / "nowhere" / "x.zip"], ["restore", saved, "--into", saved.parent / "new"]):
        status, said = run(*arguments)
        assert (status, "No such file or directory" in said) == (1, True)
    with_server = replace(settings, database_url="postgresql+nosuchdriver://ann:hunter2@db/x")
    assert commands.main(["backup", str(saved)], with_server) == 1
    said = capsys.readouterr()
    assert "pg_dump saves them" in said.out and "hunter2" not in said.out + said.err
    (settings.data_dir / DATABASE).write_bytes(b"no database" * 1000)
    assert "file is not a database" in run("backup", saved)[1]
    assert "file is not a database" in run("check")[1]
    assert list(saved.parent.iterdir()) == []


# -- as it is typed


def typed(settings: Settings, *arguments: object, bytes_limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, in which no file may have more than so many bytes."""
    given = {"KIE_DATA_DIR": str(settings.data_dir), "KIE_API_KEY": KEY, "PYTHONPATH": str(ROOT)}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KIE_")} | given

    def limit() -> None:
        if bytes_limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_limit, bytes_limit))

    command = [sys.executable, "-m", "kie", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, preexec_fn=limit)


def test_the_commands_work_as_they_are_typed(settings: Settings, saved: Path, elsewhere: Path) -> None:
    job = with_a_picture(settings)
    checked = typed(settings, "check", "--deep")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout == "2 files of pictures and references were decoded; no problems.\n"
    assert typed(settings, "backup", saved).returncode == 0
    assert typed(settings, "restore", saved, "--into", elsewhere).returncode == 0
    (settings.data_dir / job.file).unlink()
    missed = typed(settings, "check")
    assert (missed.returncode, missed.stderr, job.file in missed.stdout) == (1, "", True)


def test_a_file_that_is_there_is_never_written_over_and_a_full_disk_leaves_nothing_half_written(
    settings: Settings, rogue: Rogue, saved: Path, elsewhere: Path, run
) -> None:
    with_a_picture(settings)
    run("backup", saved)
    whole = saved.read_bytes()
    status, said = run("backup", saved)
    assert (status, "choose another name" in said) == (1, True)
    assert saved.read_bytes() == whole
    database = (settings.data_dir / DATABASE).stat().st_size
    for limit in (database // 2, database + 1000):
        full = typed(settings, "backup", saved.with_name("second.zip"), bytes_limit=limit)
        assert (full.returncode, "check the" in full.stderr) == (1, True)
        assert "Traceback" not in full.stderr
        assert list(saved.parent.iterdir()) == [saved]
    full = typed(settings, "restore", saved, "--into", elsewhere, bytes_limit=database // 2)
    assert (full.returncode, "Traceback" in full.stderr) == (1, False)
    assert list(elsewhere.parent.iterdir()) == []
