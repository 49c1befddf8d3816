"""The files are as the rows promise: what is gone comes back, what is nobody's is told, what is binned goes."""

import io
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, insert, select

from kie.errors import FileMissing, PictureUnreadable, RequestInvalid
from kie.generation import Generation, Submission, SubmissionItem
from kie.images.decoder import Decoder
from kie.images.files import Files
from kie.jobs import Job, State
from kie.settings import Settings
from kie.store import Reference, Store
from kie.store.annotations import BIN_LIFE_S, BIN_MARGIN_S
from kie.store.schema import jobs
from kie.studio import Studio
from kie.worker.integrity import LEFT_S, NAMED, UNUSED_LIFE_S, IntegrityCheck
from tests.support.fake_service import Rogue, status
from tests.support.images import picture
from tests.support.jobs import assert_here, beside, ended, leftovers, submit, until_problem
from tests.support.postgresql import BOTH
from tests.support.rows import NOW, ask, bring, job_in
from tests.support.waiting import until

PICTURE = picture()
LATER = NOW + BIN_LIFE_S + BIN_MARGIN_S + 1


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    made.open()
    return made


@pytest.fixture
def care(store: Store, files: Files) -> Iterator[IntegrityCheck]:
    decoder = Decoder()
    yield IntegrityCheck(store, files, decoder)
    decoder.close()


def finished(store: Store, files: Files, content: bytes = PICTURE) -> Job:
    """A job that is done, with its picture on the disk and no thumbnail yet."""
    job = job_in(store, State.FETCHING, task_id=None, credits=18.0)
    files.incoming().parent.joinpath("new").write_bytes(content)
    name = files.keep_result(files.root / "incoming" / "new", job.id, ".png")
    store.jobs.move(job.id, State.FETCHING, State.DONE, NOW, file=name, file_kind="png", file_bytes=len(content))
    return store.jobs.get(job.id)


def referenced(store: Store, files: Files, content: bytes = PICTURE) -> Reference:
    part = files.incoming()
    part.write_bytes(content)
    with part.open("rb") as stream:
        whole, sha256 = files.take_in(stream)
    part.unlink()
    name = files.keep_reference(whole, sha256, ".png")
    return store.references.add(Reference(sha256, "mine.png", "png", 96, 64, len(content), name, NOW))


def lies(path: Path, age_s: float = 3600.0) -> Path:
    """Put a file somewhere, as if it had been there for a while."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PICTURE)
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


# -- the check


@BOTH
def test_where_all_is_well_the_check_says_so_and_makes_the_thumbnails(
    store: Store, files: Files, care: IntegrityCheck
) -> None:
    job, reference = finished(store, files), referenced(store, files)
    report = care.check()
    assert (report.is_well, report.checked, report.thumbnails_made) == (True, 2, 2)
    assert files.thumbnail(job.id).read_bytes()[8:12] == files.thumbnail(reference.id).read_bytes()[8:12] == b"WEBP"
    assert report.sentences() == [
        "2 files of pictures and references were checked; no problems.",
        "2 missing thumbnails made again.",
    ]
    assert care.check().sentences() == ["2 files of pictures and references were checked; no problems."]


def test_a_picture_that_is_gone_is_to_be_fetched_again(store: Store, files: Files, care: IntegrityCheck) -> None:
    job, other = finished(store, files), finished(store, files)
    files.path(job.file).unlink()
    report = care.check()
    assert (report.is_well, report.missing) == (False, [job.file])
    now = store.jobs.get(job.id)
    assert (now.state, now.problem, now.credits) == (State.FETCHING, FileMissing.__name__, 18.0)
    assert store.jobs.get(other.id).state == State.DONE
    assert job.file in report.sentences()[1]


@pytest.mark.parametrize("content", [b"", PICTURE[:60], PICTURE + b"more", b"<html>no picture</html>"])
def test_a_picture_that_is_not_as_it_arrived_is_to_be_fetched_again(
    store: Store, files: Files, care: IntegrityCheck, content: bytes
) -> None:
    job = finished(store, files)
    files.path(job.file).write_bytes(content)
    assert care.check().broken == [job.file]
    assert store.jobs.get(job.id).problem == PictureUnreadable.__name__
    assert files.path(job.file).read_bytes() == content


def test_only_a_deep_check_sees_what_is_wrong_behind_the_header(
    store: Store, files: Files, care: IntegrityCheck
) -> None:
    job = finished(store, files)
    assert care.check().thumbnails_made == 1
    files.path(job.file).write_bytes(PICTURE[:50] + bytes(len(PICTURE) - 50))
    assert care.check().is_well
    assert care.check(is_deep=True).broken == [job.file]


def test_a_reference_that_is_gone_is_named(store: Store, files: Files, care: IntegrityCheck) -> None:
    reference = referenced(store, files)
    files.path(reference.file).unlink()
    report = care.check()
    assert (report.is_well, report.references_missing) == (False, [reference.file])


def test_what_belongs_to_nothing_is_told_and_stays(store: Store, files: Files, care: IntegrityCheck) -> None:
    job = finished(store, files)
    strays = [
        lies(files.root / "results" / "ab" / ("ab" * 16 + ".png")),
        lies(files.root / "references" / "ab" / ("ab" * 32 + ".png")),
        lies(files.thumbnail("cd" * 16)),
        lies(files.root / "results" / "notes.txt"),
        lies(files.path(job.file).with_name(f"{job.id} copy.png")),
    ]
    report = care.check()
    assert sorted(report.orphans) == sorted(path.relative_to(files.root).as_posix() for path in strays)
    assert not report.is_well
    assert all(path.exists() for path in strays)


def test_what_arrived_broken_belongs_to_its_job(store: Store, files: Files, care: IntegrityCheck) -> None:
    job = job_in(store, State.FETCHING)
    lies(files.root / "results" / job.id[:2] / f"{job.id}.unreadable")
    assert care.check().is_well


def test_a_file_whose_row_is_just_being_written_is_no_orphan(files: Files, care: IntegrityCheck) -> None:
    lies(files.root / "references" / "ab" / ("ab" * 32 + ".png"), age_s=1)
    assert care.check().orphans == []


def test_half_written_files_are_told_once_they_are_a_day_old(files: Files, care: IntegrityCheck) -> None:
    old = lies(files.incoming(), age_s=LEFT_S + 60)
    lies(files.incoming())
    report = care.check()
    assert report.leftovers == [f"incoming/{old.name}"]
    assert report.is_well and old.exists()


def test_of_many_names_the_first_are_told_and_the_others_counted(
    store: Store, files: Files, care: IntegrityCheck
) -> None:
    for number in range(NAMED + 2):
        lies(files.thumbnail(f"{number:032x}"))
    report = care.check()
    assert len(report.orphans) == NAMED + 2
    assert report.sentences()[1].count(".webp") == NAMED
    assert report.sentences()[1].endswith(" and 2 more")


def test_a_disk_that_is_not_there_says_nothing_of_the_pictures_on_it(
    store: Store, files: Files, care: IntegrityCheck
) -> None:
    job = finished(store, files)
    (files.root / "results").rename(files.root / "elsewhere")
    report = care.check()
    assert not report.is_well and "could not go on" in report.trouble
    assert store.jobs.get(job.id).state == State.DONE


def test_rows_are_gone_through_in_steps_to_the_last(store: Store, files: Files, care: IntegrityCheck) -> None:
    job = finished(store, files)
    files.path(job.file).unlink()
    with store.database.write() as db:
        row = db.execute(select(jobs)).one()._asdict() | {"task_id": None}
        db.execute(insert(jobs), [row | {"id": f"{number:032}", "submit_id": f"{number}"} for number in range(1, 2200)])
    assert len(care.check().missing) == 2200


# -- the studio


def test_a_deleted_picture_comes_back_while_the_studio_works_and_is_not_paid_twice(
    settings: Settings, rogue: Rogue
) -> None:
    with Studio(settings) as studio:
        job = ended(studio, submit(studio))
        studio.exports.file(job).unlink()
        heard: list[set[str]] = []
        studio.events.listen(heard.append)
        assert studio.backend.tracker.integrity.report is None
        studio.diagnostics.check_files()
        report = until(lambda: studio.backend.tracker.integrity.report)
        assert report.missing == [job.file]
        until(lambda: {"integrity"} in heard)
        until(lambda: studio.jobs.get(job.id).state == State.DONE)
        assert_here(studio, job, rogue)
        # The credits of the day are those of the first time.
        assert studio.jobs.get(job.id).ended_at == job.ended_at


def test_a_broken_picture_is_kept_aside_and_comes_back(settings: Settings, rogue: Rogue) -> None:
    with Studio(settings) as studio:
        job = ended(studio, submit(studio))
        path = studio.exports.file(job)
        path.write_bytes(rogue.picture[:80])
        rogue.plan("result", always=status(404))
        studio.diagnostics.check_files()
        until_problem(studio, job, "PictureNotFetched")
        assert path.with_suffix(".unreadable").read_bytes() == rogue.picture[:80]
        rogue.plan("result")
        assert_here(studio, job, rogue)
        assert leftovers(settings) == []


# -- the bin


def test_after_thirty_days_in_the_bin_the_files_go_and_the_row_stays(
    store: Store, files: Files, care: IntegrityCheck
) -> None:
    job, kept, reference = finished(store, files), finished(store, files), referenced(store, files)
    care.check()
    store.annotations.bin([job.id], "Ann", NOW)
    assert care.empty_bin(LATER - 10) == 0
    assert files.path(job.file).exists()
    assert care.empty_bin(LATER) == 1
    assert files.files_of(job.id) == []
    assert [path.suffix for path in files.files_of(kept.id)] == [".png", ".webp"]
    assert files.path(reference.file).exists()
    now = store.jobs.get(job.id)
    assert (now.state, now.credits, now.emptied_at, now.problem) == (State.DONE, 18.0, LATER, None)


def test_what_the_bin_has_lost_is_missed_by_nobody(store: Store, files: Files, care: IntegrityCheck) -> None:
    job = finished(store, files)
    store.annotations.bin([job.id], "Ann", NOW)
    care.empty_bin(LATER)
    care.find_missing()
    assert care.check().is_well
    assert not store.inventory.fetch_again(job.id, FileMissing, LATER)
    assert (store.jobs.needing_attention(), store.jobs.get(job.id).state) == ([], State.DONE)


def test_a_file_that_a_crash_left_of_an_emptied_job_is_an_orphan(
    store: Store, files: Files, care: IntegrityCheck
) -> None:
    job = finished(store, files)
    lies(files.path(job.file))
    store.annotations.bin([job.id], "Ann", NOW)
    assert store.annotations.empty_bin(LATER) == [job.id]
    assert care.check().orphans == [job.file]


def test_the_bin_is_emptied_at_once_for_who_wants_that_and_nothing_else_goes(
    store: Store, files: Files, care: IntegrityCheck
) -> None:
    binned, taken_out, kept, binned_later = (finished(store, files) for _ in range(4))
    store.annotations.bin([binned.id, taken_out.id], "Ann", NOW)
    store.annotations.unbin([taken_out.id], NOW + 1)
    store.annotations.bin([binned_later.id], "Ann", NOW + 3)
    assert care.empty_bin(NOW + 4, before=NOW + 2) == 1
    assert [files.path(job.file).exists() for job in (binned, taken_out, kept, binned_later)] == [
        False,
        True,
        True,
        True,
    ]
    assert store.annotations.unbin([binned.id], NOW + 3) == 0


def test_what_is_taken_out_of_the_bin_in_the_last_moment_keeps_its_files(
    store: Store, other: Store, files: Files, care: IntegrityCheck
) -> None:
    job = finished(store, files)
    store.annotations.bin([job.id], "Ann", NOW)

    def take_out(*_: object) -> None:
        other.annotations.unbin([job.id], NOW + 1)

    event.listen(store.database.engine, "after_cursor_execute", take_out, once=True)  # just before it is emptied
    assert care.empty_bin(NOW + 2, before=NOW + 2) == 0
    assert files.path(job.file).exists()


@BOTH
def test_the_tracker_empties_the_bin_by_itself(settings: Settings, rogue: Rogue) -> None:
    with Studio(settings) as studio:
        job = ended(studio, submit(studio))
    with beside(settings) as store:
        store.annotations.bin([job.id], "Ann", time.time() - BIN_LIFE_S - BIN_MARGIN_S - 60)
    with Studio(settings) as studio:
        until(lambda: studio.jobs.get(job.id).emptied_at)
        until(lambda: studio.exports.file(job) is None)
        assert (studio.jobs.needing_attention(), studio.jobs.get(job.id).credits) == ([], 18)


def test_a_person_empties_the_bin_and_looking_again_fetches_nothing(settings: Settings, rogue: Rogue) -> None:
    with Studio(settings) as studio:
        job = ended(studio, submit(studio))
        studio.annotations.bin([job.id], "Ann")
        studio.diagnostics.empty_bin_now(time.time())
        until(lambda: studio.exports.file(job) is None)
        studio.attention.poll_again(job.id)
        assert studio.jobs.get(job.id).state == State.DONE


# -- references that nothing uses


def test_a_reference_that_nothing_uses_goes_after_seven_days_with_its_files(
    store: Store, files: Files, care: IntegrityCheck
) -> None:
    unused = referenced(store, files)
    care.check()
    assert care.clear_references(unused.created_at + UNUSED_LIFE_S) == 0
    assert care.clear_references(unused.created_at + UNUSED_LIFE_S + 1) == 1
    assert store.references.get_many([unused.id]) == []
    assert not files.path(unused.file).exists() and not files.thumbnail(unused.id).exists()
    assert care.check().is_well


@BOTH
@pytest.mark.parametrize("state", list(State))
def test_a_reference_of_a_job_stays_whatever_became_of_the_job(
    store: Store, files: Files, care: IntegrityCheck, state: State
) -> None:
    used = referenced(store, files)
    bring(store, ask(store, references=(used.id,))[0], state)
    assert care.clear_references(NOW + 100 * UNUSED_LIFE_S) == 0
    assert files.path(used.file).exists()


def test_a_reference_of_an_emptied_job_or_named_in_what_is_kept_stays(
    store: Store, files: Files, care: IntegrityCheck
) -> None:
    binned, drafted, written = (referenced(store, files, bytes([number])) for number in range(3))
    job = bring(store, ask(store, references=(binned.id,))[0], State.DONE)
    store.annotations.bin([job.id], "Ann", NOW)
    store.annotations.empty_bin(LATER)
    store.library.keep_draft("a" * 32, f'{{"rows": [{{"References": "{drafted.id}"}}]}}')
    store.library.save_template("One", f"like {written.id}", "Ann")
    assert care.clear_references(NOW + 100 * UNUSED_LIFE_S) == 0
    assert len(store.references.get_many([binned.id, drafted.id, written.id])) == 3


def test_a_reference_that_was_added_again_has_its_seven_days_again(
    store: Store, files: Files, care: IntegrityCheck
) -> None:
    first = referenced(store, files)
    store.references.add(replace(first, created_at=first.created_at + UNUSED_LIFE_S))
    assert care.clear_references(first.created_at + UNUSED_LIFE_S + 1) == 0


@BOTH
def test_a_press_with_a_reference_that_has_just_gone_writes_nothing(
    store: Store, files: Files, care: IntegrityCheck
) -> None:
    gone = referenced(store, files)
    care.clear_references(NOW + 100 * UNUSED_LIFE_S)
    wanted = (SubmissionItem(Generation("a lighthouse", references=(gone.id,)), 1),)
    with pytest.raises(RequestInvalid, match="no longer here"):
        store.submissions.add(Submission("Ann", "press", wanted), NOW)
    assert store.jobs.of_submission("press") == []


@BOTH
def test_a_picture_that_was_cleared_can_be_added_again(settings: Settings) -> None:
    with Studio(settings) as studio:
        kept = studio.references.add("a.png", io.BytesIO(PICTURE))
        until(lambda: studio.store.references.get_many([kept.id])[0].checked_at)
        with beside(settings) as store:
            care = IntegrityCheck(store, Files(settings.data_dir), Decoder())
            assert care.clear_references(time.time() + UNUSED_LIFE_S + 1) == 1
        assert not studio.references.is_here(kept)
        again = studio.references.add("a.png", io.BytesIO(PICTURE))
        assert again.id == kept.id
        until(lambda: studio.store.references.get_many([again.id])[0].checked_at)
        job = ended(studio, submit(studio, references=(again.id,)))
        assert job.state == State.DONE
