"""The studio on the sandbox: people, the account's limit, the key file, and two databases that stay apart."""

import io
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from kie.errors import FileRefused, RequestInvalid, SettingsInvalid
from kie.generation import Generation
from kie.jobs import State
from kie.sandbox import Sandbox
from kie.settings import Settings
from kie.studio import Studio
from kie.timing import Timing
from kie.views.job_cards import clock
from tests.support.images import picture
from tests.support.jobs import add_reference, beside, ended, leftovers, project, quick, sql, submit, timed, until_state
from tests.support.rows import queue_submission
from tests.support.waiting import until


@pytest.fixture
def keyless(settings: Settings) -> Settings:
    """A project whose key file is not there yet."""
    return replace(settings, environment_key="")


def requests(sandbox: Sandbox, path: str) -> list:
    return [seen for seen in sandbox.seen if seen.path.endswith(path)]


@pytest.mark.parametrize("timing", [Timing()], ids=["as it is"])
def test_a_whole_job_with_a_reference(studio: Studio, settings: Settings, sandbox: Sandbox) -> None:
    reference = add_reference(studio, size=(300, 200))
    before = until(studio.credits.balance).credits
    job = submit(studio, references=(reference,), aspect_ratio="16:9", output_format="jpg")
    job = ended(studio, job)
    assert (job.state, job.credits, job.problem) == (State.DONE, 18, None)
    assert (studio.exports.file(job).suffix, job.width > job.height) == (".jpg", True)
    assert until(lambda: studio.credits.balance().credits == before - 18 == sandbox.balance)
    assert (len(requests(sandbox, "createTask")), len(requests(sandbox, "file-stream-upload"))) == (1, 1)
    assert len(requests(sandbox, "recordInfo")) == 1
    assert leftovers(settings) == []


def test_twenty_five_pictures_for_three_people_keep_to_the_limit_and_go_in_turns(
    settings: Settings, sandbox: Sandbox
) -> None:
    with beside(settings) as store:  # Nobody is sent before all have asked.
        jobs = [
            job
            for person, images in (("Ann", 8), ("Ann", 1), ("Ben", 8), ("Cem", 8))
            for job in queue_submission(
                store, person, Generation(f"for {person}"), f"{person}-{images}", images, 18.0, time.time()
            )
        ]
    assert len(jobs) == 25
    with Studio(settings) as studio:
        for job in jobs:
            until_state(studio, job, State.DONE)
        assert all([state for state, _ in studio.jobs.moves(job.id)].count(State.SENDING) == 1 for job in jobs)
    assert len(requests(sandbox, "createTask")) == len(sandbox.tasks()) == 25
    first = [task["input"]["prompt"] for task in sandbox.tasks()[:18]]
    assert all(5 <= first.count(f"for {person}") <= 7 for person in ("Ann", "Ben", "Cem"))
    assert sandbox.balance == 1000 - 25 * 18


# -- asking


def test_a_request_with_faults_is_told_whole_and_sends_nothing(studio: Studio, sandbox: Sandbox) -> None:
    with pytest.raises(RequestInvalid) as caught:
        studio.submissions.submit("Ann", Generation(" ", ("a" * 64,), "7:1"), "pressed", 99)
    fields = [fault.field for fault in caught.value.faults]
    assert fields == ["Prompt", "Aspect ratio", "Reference images", "Images"]
    assert (studio.search.count(), requests(sandbox, "createTask")) == (0, [])


def test_a_cancelled_job_costs_nothing(settings: Settings, sandbox: Sandbox) -> None:
    with Studio(replace(settings, timing=quick(sends_limit=0))) as studio:
        job = submit(studio)
        assert studio.submissions.cancel(job.id)
        assert not studio.submissions.cancel(job.id)
        assert studio.jobs.get(job.id).state == State.CANCELLED
    with Studio(settings) as studio:
        ended(studio, submit(studio))
    assert len(sandbox.tasks()) == 1


def test_what_was_sent_can_not_be_cancelled(studio: Studio) -> None:
    job = until_state(studio, submit(studio), State.RUNNING, State.FETCHING, State.DONE)
    assert not studio.submissions.cancel(job.id)
    assert ended(studio, job).state == State.DONE


def test_a_finished_picture_becomes_a_reference(studio: Studio) -> None:
    job = ended(studio, submit(studio))
    reference = studio.references.add_result(job.id)
    assert ended(studio, submit(studio, references=(reference.id,))).state == State.DONE
    studio.exports.file(job).unlink()
    with pytest.raises(FileRefused):
        studio.references.add_result(job.id)


def test_an_uploaded_reference_is_written_once(studio: Studio, settings: Settings) -> None:
    part = studio.files.incoming()
    part.write_bytes(picture())
    written = part.stat().st_ino
    reference = studio.references.add("mine.png", part)
    assert studio.files.path(reference.file).stat().st_ino == written
    part.write_bytes(b"no picture")
    with pytest.raises(FileRefused):
        studio.references.add("mine.png", part)
    assert leftovers(settings) == []


def test_a_broken_reference_is_refused_before_anything_is_paid(studio: Studio, sandbox: Sandbox) -> None:
    broken = picture(size=(900, 900), colour="red")[:-400]
    reference = studio.references.add("cut.png", io.BytesIO(broken))
    until(lambda: studio.store.references.get_many([reference.id])[0].refusal)
    with pytest.raises(RequestInvalid):
        submit(studio, references=(reference.id,))
    assert studio.references.add("cut.png", io.BytesIO(broken)).refusal is None  # it is checked again
    until(lambda: studio.store.references.get_many([reference.id])[0].refusal)
    assert sandbox.seen == requests(sandbox, "credit")


def test_the_usual_time_is_learned(studio: Studio) -> None:
    job = submit(studio)
    assert clock(studio, job)["expected"] is None
    running = replace(ended(studio, job), state=State.RUNNING)
    assert clock(studio, running)["expected"] == studio.jobs.learned_duration("1K") > 0


def test_the_hosts_are_looked_at_away_from_the_page(studio: Studio, sandbox: Sandbox) -> None:
    studio.diagnostics.check_hosts()
    [(url, (problem, at))] = until(lambda: studio.diagnostics.host_reports.items())
    assert (url, problem) == (sandbox.url, "")
    assert at <= time.time()


# -- the key, and the two pairs of rooms


def test_without_a_key_the_sandbox_draws_and_nothing_is_asked_of_the_service(
    keyless: Settings, sandbox: Sandbox
) -> None:
    with Studio(keyless) as studio:
        assert studio.backend.is_sandbox
        assert studio.backend.hosts[0].startswith("http://127.0.0.1:")
        submit(studio)
    assert sandbox.seen == []


def test_a_key_that_comes_and_goes_keeps_the_two_databases_apart(keyless: Settings, sandbox: Sandbox) -> None:
    with Studio(keyless) as studio:
        drawn = ended(studio, submit(studio, "in the sandbox"))
        keyless.key_file.write_text("a-real-key\n")
        until(lambda: not studio.backend.is_sandbox)
        assert (studio.jobs.get(drawn.id), studio.search.count(), studio.backend.hosts) == (
            None,
            0,
            (sandbox.url, sandbox.url),
        )
        paid = ended(studio, submit(studio, "for credits"))
        assert (paid.state, studio.exports.file(paid).exists()) == (State.DONE, True)
        assert [seen.headers["authorization"] for seen in requests(sandbox, "createTask")] == ["Bearer a-real-key"]
        keyless.key_file.unlink()
        until(lambda: studio.backend.is_sandbox)
        assert (studio.jobs.get(paid.id), studio.jobs.get(drawn.id)) == (None, drawn)
        assert studio.exports.file(drawn).exists()
    assert len(sandbox.tasks()) == 1


def test_a_job_that_runs_while_the_key_goes_is_fetched_when_it_comes_back(keyless: Settings, sandbox: Sandbox) -> None:
    keyless.key_file.write_text("a-real-key")
    with Studio(keyless) as studio:
        job = submit(studio)
        until(sandbox.tasks)
        keyless.key_file.unlink()
        until(lambda: studio.backend.is_sandbox)
        keyless.key_file.write_text("a-real-key")
        until(lambda: not studio.backend.is_sandbox)
        until_state(studio, job, State.DONE)
    assert len(sandbox.tasks()) == 1


def test_a_changed_key_is_used_without_a_restart(keyless: Settings, sandbox: Sandbox) -> None:
    keyless.key_file.write_text("refused-by-the-service")
    with Studio(keyless) as studio:
        until(lambda: type(studio.backend.tracker.credit_problem).__name__ == "KeyRefused")
        assert ended(studio, submit(studio)).problem == "KeyRefused"
        keyless.key_file.write_text("\ufeff accepted \r\n", encoding="utf-8")
        assert until(studio.credits.balance).credits == 1000
        assert studio.backend.tracker.credit_problem is None
        assert ended(studio, submit(studio)).state == State.DONE


def test_a_changed_key_is_used_once_the_database_can_be_written_again(
    keyless: Settings, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    keyless.key_file.write_text("refused-by-the-service")
    with Studio(keyless) as studio:
        until(lambda: type(studio.backend.tracker.credit_problem).__name__ == "KeyRefused")
        sql(keyless, "ALTER TABLE brakes RENAME TO away")
        keyless.key_file.write_text("accepted")
        until(lambda: "a change of the key could not be applied" in caplog.text)
        sql(keyless, "ALTER TABLE away RENAME TO brakes")
        assert until(studio.credits.balance).credits == 1000


@timed(key_check_s=2.0)
def test_a_key_file_that_is_empty_for_a_moment_changes_nothing(keyless: Settings, sandbox: Sandbox) -> None:
    keyless.key_file.write_text("a-real-key")
    changes: list[set[str]] = []
    with Studio(keyless) as studio:
        studio.events.listen(changes.append)
        until(studio.credits.balance)
        keyless.key_file.write_text("")
        until(lambda: type(studio.backend.tracker.credit_problem).__name__ == "KeyMissing")
        keyless.key_file.write_text("a-real-key")
        until(lambda: studio.backend.tracker.credit_problem is None)
        assert not studio.backend.is_sandbox
    assert not [topics for topics in changes if "hosts" in topics]


def test_the_key_stands_in_no_repr_and_in_no_log(
    keyless: Settings, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    keyless.key_file.write_text("refused-0123456789")
    with Studio(keyless) as studio:
        job = ended(studio, submit(studio))
        seen = f"{studio!r} {studio.settings!r} {studio.settings.key()!r} {studio.backend.tracker.credit_problem!r} {job!r}"
    assert "0123456789" not in seen + caplog.text


@pytest.mark.parametrize("harm", ["folder", "database", "address"])
def test_a_studio_that_can_not_open_says_so_in_words_and_leaves_nothing_running(tmp_path: Path, harm: str) -> None:
    settings = project(tmp_path / "project", "http://127.0.0.1:9")
    if harm == "folder":
        settings.data_dir.write_bytes(b"a file in the way")
    elif harm == "database":
        settings.data_dir.mkdir()
        (settings.data_dir / "studio.sqlite3").write_bytes(b"no database at all" * 100)
    else:
        settings = project(tmp_path / "project", "http://127.0.0.1:9", KIE_DATABASE_URL="nonsense")
    with pytest.raises(SettingsInvalid) as caught:
        Studio(settings).open()
    assert "KIE_DATA_DIR" in caught.value.detail
    with pytest.raises(RuntimeError):
        Studio.current()


def test_a_start_that_fails_half_way_leaves_no_thread_running(settings: Settings) -> None:
    sql(settings, 'ALTER TABLE "references" RENAME TO away')
    before = threading.enumerate()
    with pytest.raises(OperationalError):
        Studio(settings).open()
    assert [thread.name for thread in threading.enumerate() if thread not in before] == []
