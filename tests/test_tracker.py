"""A job's whole life in a real studio, against a service that misbehaves: paid once, and never lost."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from kie import looking, pace, tracker, turns
from kie.jobs import State
from kie.settings import Settings
from kie.studio import Studio
from tests.drawn import picture
from tests.lives import (
    assert_here,
    ended,
    hurry,
    leftovers,
    project,
    submit,
    until,
    until_problem,
    until_state,
)
from tests.rogue import (
    HTML,
    Behaviour,
    Rogue,
    cut,
    drip,
    half,
    hang_up,
    redirect,
    says,
    silent,
    status,
    told,
)

TIME_OUT = told(state="fail", failCode="524", failMsg="generate task timeout", resultJson="", creditsConsumed=0)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


@pytest.fixture
def rogue() -> Iterator[Rogue]:
    with Rogue() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, rogue: Rogue) -> Settings:
    return project(tmp_path / "project", rogue.url)


def sql(settings: Settings, statement: str) -> None:
    with sqlite3.connect(settings.data_dir / "studio.sqlite3", timeout=15) as database:
        database.execute(statement)
    database.close()


# -- a life without accidents


def test_a_job_becomes_a_picture_on_the_disk(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    rogue.seconds = 0.2
    job = submit(studio)
    assert_here(studio, job, rogue)
    job = studio.job(job.id)
    assert [state for state, _ in studio.moves(job.id)] == [
        *(State.QUEUED, State.UPLOADING, State.SENDING, State.RUNNING, State.FETCHING, State.DONE)
    ]
    assert (job.task_id, job.duration_s, job.price_expected) == ("task-0001", 2.0, 18)
    assert (job.file_kind, job.width, job.height, job.file_bytes) == ("png", 96, 64, len(rogue.picture))
    assert job.created_at <= job.sent_at <= job.accepted_at <= job.ended_at
    assert until(lambda: studio.balance().credits == 982)
    assert studio.available() == 982
    assert leftovers(settings) == []


def test_the_kind_of_a_picture_is_taken_from_its_bytes(studio: Studio, rogue: Rogue) -> None:
    rogue.picture = picture("JPEG", (300, 200))
    job = ended(studio, submit(studio))
    assert (job.file_kind, studio.file(job).suffix, job.width, job.height) == ("jpeg", ".jpg", 300, 200)


def test_a_thumbnail_is_small(studio: Studio, rogue: Rogue) -> None:
    rogue.picture = picture(size=(2000, 1000))
    job = ended(studio, submit(studio))
    with Image.open(studio.open_link(studio.link("thumbnail", job.id).rpartition("/")[2]).path) as thumbnail:
        assert thumbnail.size == (512, 256)


def test_a_price_that_is_not_told_stays_unknown(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", always=told(creditsConsumed=None))
    job = ended(studio, submit(studio))
    assert (job.state, job.credits) == (State.DONE, None)


# -- looking


FAILED_READS = [
    says(422, "recordInfo is null"),
    says(200, data=None),
    says(500, "Internal Error"),
    says(429, "slow down"),
    says(404, "not found"),
    says(401, "Invalid key"),
    status(500),
    status(502, HTML),
    status(200, HTML),
    redirect("/elsewhere"),
    cut,
    hang_up,
    half,
    silent,
    drip(),
    told(state="thinking"),
    told(state=None),
    told(state="failed"),
]


@pytest.mark.parametrize("failed_read", FAILED_READS)
def test_a_failed_status_read_costs_nothing_and_loses_nothing(
    studio: Studio, rogue: Rogue, failed_read: Behaviour
) -> None:
    rogue.plan("record", failed_read, failed_read)
    assert_here(studio, submit(studio), rogue)
    assert len(rogue.requests("record")) == 3


def test_all_failed_status_reads_in_a_row_lose_nothing_either(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", *FAILED_READS)
    assert_here(studio, submit(studio), rogue)


def test_a_task_that_stays_unseen_is_shown_and_still_looked_for(
    studio: Studio, rogue: Rogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "UNSEEN_S", 0.2)
    rogue.plan("record", always=says(422, "recordInfo is null"))
    job = until_problem(studio, submit(studio), "TaskNotFound")
    assert job.state == State.RUNNING
    assert [one.id for one in studio.attention()] == [job.id]
    rogue.plan("record")
    assert_here(studio, job, rogue)
    assert studio.attention() == []


def test_a_task_that_nobody_looks_at_any_more_needs_attention(
    studio: Studio, rogue: Rogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "LOOKS_END_S", 0.2)
    monkeypatch.setattr(pace, "PATIENT_S", 0.2)
    rogue.plan("record", always=told(state="generating"))
    job = submit(studio)
    until(lambda: studio.job(job.id).next_at is None and studio.job(job.id).task_id)
    assert [one.id for one in studio.attention()] == [job.id]
    rogue.plan("record")
    studio.look_again(job.id)
    assert_here(studio, job, rogue)


def test_a_failed_task_ends_the_job_and_gives_the_credits_back(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", told(state="fail", failCode="500", failMsg="Internal Error", creditsConsumed=0))
    job = ended(studio, submit(studio))
    assert (job.state, job.problem, job.credits) == (State.FAILED, "TaskFailed", 0)
    assert (job.fail_code, job.fail_message) == ("500", "Internal Error")
    assert (len(rogue.requests("create")), studio.attention()) == (1, [])


@pytest.mark.parametrize(
    "message",
    [
        "No images found in AI response. The image was filtered out because it violated the policy.",
        "Your prompt was flagged by the website as violating content policies",
    ],
)
def test_moderation_is_told_as_such(studio: Studio, rogue: Rogue, message: str) -> None:
    rogue.plan("record", told(state="fail", failCode="400", failMsg=message, creditsConsumed=0))
    job = ended(studio, submit(studio))
    assert (job.state, job.problem, job.fail_message) == (State.FAILED, "Moderated", message)


def test_a_time_out_that_the_service_takes_back_becomes_a_picture(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", always=TIME_OUT)
    job = until_problem(studio, submit(studio), "TimedOutThere")
    assert job.state == State.RUNNING
    assert [one.id for one in studio.attention()] == [job.id]
    rogue.plan("record")
    assert_here(studio, job, rogue)


def test_a_time_out_that_stands_fails_and_can_still_be_looked_at(
    studio: Studio, rogue: Rogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "TIME_OUT_LOOKS", 2)
    rogue.plan("record", always=TIME_OUT)
    job = ended(studio, submit(studio))
    assert (job.state, job.problem, job.credits) == (State.FAILED, "TaskFailed", 0)
    assert len(rogue.requests("record")) == 3
    studio.look_again(job.id)
    until(lambda: len(rogue.requests("record")) == 4 and studio.job(job.id).state == State.FAILED)
    rogue.plan("record")
    studio.look_again(job.id)
    until_state(studio, job, State.DONE)
    assert_here(studio, job, rogue)


def test_a_zero_from_a_failure_that_was_taken_back_is_no_price(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", TIME_OUT, always=told(creditsConsumed=None))
    job = ended(studio, submit(studio))
    assert (job.state, job.credits) == (State.DONE, None)


# -- fetching


@pytest.mark.parametrize(
    "result",
    ["", None, "{", "[]", '{"resultUrls": []}', '{"resultUrls": [null]}', '{"resultUrls": ["file:///etc/passwd"]}'],
)
def test_a_success_without_an_address_is_looked_at_until_it_has_one(
    studio: Studio, rogue: Rogue, result: object
) -> None:
    rogue.plan("record", always=told(state="success", resultJson=result))
    job = until_problem(studio, submit(studio), "PictureMissing")
    assert job.state == State.FETCHING
    assert [one.id for one in studio.attention()] == [job.id]
    rogue.plan("record")
    assert_here(studio, job, rogue)


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        (status(404, HTML), "PictureNotFetched"),
        (status(500), "PictureNotFetched"),
        (status(200), "PictureNotFetched"),
        (half, "PictureNotFetched"),
        (cut, "PictureNotFetched"),
        (hang_up, "PictureNotFetched"),
        (silent, "PictureNotFetched"),
        (drip(), "PictureNotFetched"),
        (redirect("file:///etc/passwd"), "PictureNotFetched"),
        (status(200, HTML), "PictureUnreadable"),
        (status(200, picture()[:150]), "PictureUnreadable"),
        (status(200, picture("GIF")), "PictureUnreadable"),
    ],
)
def test_a_picture_that_does_not_come_is_fetched_until_it_does(
    studio: Studio, settings: Settings, rogue: Rogue, trouble: Behaviour, problem: str
) -> None:
    rogue.plan("result", always=trouble)
    job = until_problem(studio, submit(studio), problem)
    assert (job.state, studio.file(job)) == (State.FETCHING, None)
    assert [one.id for one in studio.attention()] == [job.id]
    rogue.plan("result")
    assert_here(studio, job, rogue)
    assert (studio.attention(), leftovers(settings)) == ([], [])


def test_paid_bytes_that_are_no_picture_are_kept_as_they_came(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    rogue.plan("result", always=status(200, HTML))
    job = until_problem(studio, submit(studio), "PictureUnreadable")
    [kept] = until(lambda: list(settings.data_dir.rglob(f"{job.id}{looking.UNREADABLE}")))
    assert kept.read_bytes() == HTML


def test_a_disk_that_takes_no_picture_is_told_and_tried_again(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    results = settings.data_dir / "results"
    results.rename(settings.data_dir / "away")
    results.write_bytes(b"in the way")
    job = until_problem(studio, submit(studio), "PictureNotSaved")
    results.unlink()
    (settings.data_dir / "away").rename(results)
    assert_here(studio, job, rogue)


def test_a_picture_that_was_lost_or_damaged_here_comes_again_on_a_persons_wish(
    studio: Studio, settings: Settings, rogue: Rogue
) -> None:
    job = ended(studio, submit(studio))
    for harm in (lambda path: path.unlink(), lambda path: path.write_bytes(rogue.picture[:150])):
        harm(studio.file(job))
        studio.look_again(job.id)
        until(lambda: studio.job(job.id).state == State.DONE and studio.file(job))
        assert_here(studio, job, rogue)
        assert leftovers(settings) == []


def test_a_picture_that_is_here_needs_no_service_to_be_shown_again(studio: Studio, rogue: Rogue) -> None:
    job = ended(studio, submit(studio))
    for endpoint in ("record", "result"):
        rogue.plan(endpoint, always=status(500))
    studio.look_again(job.id)
    until(lambda: len(studio.moves(job.id)) == 8)
    assert_here(studio, job, rogue)


def test_a_thousand_failed_fetches_are_not_the_end(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    rogue.plan("result", always=status(404))
    job = until_problem(studio, submit(studio), "PictureNotFetched")

    def went_on() -> bool:
        # A try that is under way writes its own count.
        sql(settings, "UPDATE jobs SET attempts = 5000, next_at = 1 WHERE attempts < 5000")
        studio.refresh_balance()
        return studio.job(job.id).attempts > 5000

    until(went_on)
    rogue.plan("result")
    studio.look_again(job.id)
    assert_here(studio, job, rogue)


# -- the balance


@pytest.mark.parametrize("trouble", [status(500), says(200), says(500, data=0), cut, silent, status(200, HTML)])
def test_a_balance_that_can_not_be_read_is_unknown_and_read_again(
    settings: Settings, rogue: Rogue, trouble: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "BALANCE_RETRY_S", 0.1)
    rogue.plan("credit", always=trouble)
    with Studio(settings) as studio:
        until(lambda: studio.credit_problem())
        assert (studio.balance(), studio.available()) == (None, None)
        rogue.plan("credit")
        assert until(studio.balance).credits == 1000
        until(lambda: studio.credit_problem() is None)
        rogue.plan("credit", always=trouble)
        studio.refresh_balance()
        until(lambda: studio.credit_problem())
        assert studio.balance().credits == 1000


def test_what_is_queued_is_not_available_twice(studio: Studio, rogue: Rogue) -> None:
    until(studio.balance)
    rogue.plan("create", always=silent)
    submit(studio, images=3)
    assert studio.available() == 1000 - 3 * 18


def test_a_fraction_of_a_credit_is_kept(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("credit", always=says(200, data=60.62))
    studio.refresh_balance()
    until(lambda: studio.balance() and studio.balance().credits == 60.62)


# -- the scheduler


def test_a_listener_that_fails_does_not_stop_the_work(
    settings: Settings, rogue: Rogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "BEAT_S", 0.1)

    def fail(topics: set[str]) -> None:
        if threading.current_thread().name == "tracker":
            raise RuntimeError("nobody listens any more")

    with Studio(settings) as studio:
        rogue.plan("create", silent)
        job = until_state(studio, submit(studio), State.SENDING)
        rogue.plan("create")
    with Studio(settings) as studio:
        studio.hub.listen(fail)
        sql(settings, f"UPDATE jobs SET state = 'sending', server = NULL WHERE id = '{job.id}'")
        until_state(studio, job, State.UNSURE)
        assert ended(studio, submit(studio)).state == State.DONE
        assert studio.is_alive


def rounds_in_a_second(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how often the scheduler looks for work while we wait."""
    rounds = []
    schedule = studio._rooms.tracker._schedule
    monkeypatch.setattr(studio._rooms.tracker, "_schedule", lambda: schedule() or rounds.append(1))
    studio._rooms.tracker.wake()
    time.sleep(1)
    assert rounds
    return len(rounds)


def test_a_studio_with_nothing_to_do_does_nothing(
    studio: Studio, rogue: Rogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(studio, submit(studio))
    until(lambda: len(rogue.requests("credit")) >= 3)
    seen = len(rogue.seen)
    assert rounds_in_a_second(studio, monkeypatch) <= 3
    assert len(rogue.seen) == seen


def test_waiting_for_the_limit_is_no_work_either(studio: Studio, rogue: Rogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "SENDS_LIMIT", 1)
    monkeypatch.setattr(turns, "SENDS_WINDOW_S", 60.0)
    jobs = [submit(studio, person=person) for person in ("Ann", "Ben", "Cem")]
    until(lambda: [job for job in jobs if studio.job(job.id).state == State.DONE])
    until(lambda: studio.balance().credits == 982)
    assert rounds_in_a_second(studio, monkeypatch) <= 6
    assert len(rogue.tasks) == 1


def test_looks_grow_from_two_seconds_to_ten_then_a_minute_then_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert pace.next_look(0) == 2
    assert pace.next_look(15 * 60 - 1) == 10
    assert pace.next_look(15 * 60) == 60
    assert pace.next_look(24 * 3600 - 1) == 60
    assert pace.next_look(24 * 3600) is None
    waits = [pace.next_look(age_s) for age_s in range(15 * 60)]
    assert waits == sorted(waits)
    assert max(waits) == 10


@pytest.mark.parametrize("task_s", [0, 1, 4, 10, 30, 90, 300, 600, 900, 3600])
def test_a_task_is_looked_at_no_more_often_than_needed(monkeypatch: pytest.MonkeyPatch, task_s: int) -> None:
    monkeypatch.undo()
    looks, age_s = 1, pace.next_look(0)
    while age_s < task_s:
        looks, age_s = looks + 1, age_s + pace.next_look(age_s)
    assert looks <= 1 + task_s / 2
