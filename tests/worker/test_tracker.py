"""A job's whole life in a real studio, against a service that misbehaves: paid once, and never lost."""

import math
import threading
import time

import pytest
from sqlalchemy import event

from kie import errors
from kie.jobs import State
from kie.settings import Settings
from kie.studio import Studio
from kie.timing import Timing
from kie.worker import poller
from kie.worker.tracker import POOLS
from tests.support.fake_service import HTML, Behaviour, Rogue, drip, held, raw, says, silent, status, told
from tests.support.images import picture
from tests.support.jobs import assert_here, ended, leftovers, sql, submit, timed, until_problem, until_state
from tests.support.postgresql import BOTH
from tests.support.waiting import until

TIME_OUT = told(state="fail", failCode="524", failMsg="generate task timeout", resultJson="", creditsConsumed=0)


# -- a life without accidents


@BOTH
def test_a_job_becomes_a_picture_on_the_disk(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    rogue.seconds = 0.2
    job = submit(studio)
    assert_here(studio, job, rogue)
    job = studio.jobs.get(job.id)
    assert [state for state, _ in studio.jobs.moves(job.id)] == [
        *(State.QUEUED, State.UPLOADING, State.SENDING, State.RUNNING, State.FETCHING, State.DONE)
    ]
    assert (job.task_id, job.duration_s, job.price_expected) == ("task-0001", 2.0, 18)
    assert (job.file_kind, job.width, job.height, job.file_bytes) == ("png", 96, 64, len(rogue.picture))
    assert job.created_at <= job.sent_at <= job.accepted_at <= job.ended_at
    assert until(lambda: studio.credits.balance().credits == 982)
    # A reading that was on its way when the job was accepted leaves it held until the next one.
    assert until(lambda: studio.credits.free() == 982)
    assert leftovers(settings) == []


def test_the_kind_of_a_picture_is_taken_from_its_bytes(studio: Studio, rogue: Rogue) -> None:
    rogue.picture = picture("JPEG", (300, 200))
    job = ended(studio, submit(studio))
    assert (job.file_kind, studio.exports.file(job).suffix, job.width, job.height) == ("jpeg", ".jpg", 300, 200)


def test_a_price_that_is_not_told_stays_unknown(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", always=told(creditsConsumed=None))
    job = ended(studio, submit(studio))
    assert (job.state, job.credits) == (State.DONE, None)


# -- looking


@timed(polls=3, polls_after_start=3)
def test_a_task_that_nobody_looks_at_any_more_needs_attention(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", always=told(state="generating"))
    job = submit(studio)
    assert until_problem(studio, job, "SilentForADay").next_at is None
    assert [one.id for one in studio.jobs.needing_attention()] == [job.id]
    looked = len(rogue.requests("record"))
    studio.attention.poll_again(job.id)
    until(lambda: studio.jobs.get(job.id).next_at is None and len(rogue.requests("record")) > looked)
    assert [one.id for one in studio.jobs.needing_attention()] == [
        job.id
    ]  # the service still says that it is being made
    rogue.plan("record")
    studio.attention.poll_again(job.id)
    assert_here(studio, job, rogue)


@BOTH
@timed(polls=0)
def test_a_look_that_is_asked_for_during_another_follows_at_once(studio: Studio, rogue: Rogue) -> None:
    answers = threading.Event()
    rogue.plan("record", held(answers, told(state="generating")))
    job = submit(studio)
    until(lambda: rogue.requests("record"))
    studio.attention.poll_again(job.id)
    answers.set()
    until(lambda: studio.jobs.get(job.id).state == State.DONE)  # none else was planned


@BOTH
@timed(patient_s=math.inf)
def test_after_a_start_a_task_is_looked_at_twenty_times_however_old_it_is(settings: Settings, rogue: Rogue) -> None:
    rogue.plan("record", always=told(state="generating"))
    with Studio(settings) as studio:
        job = submit(studio)
        until(lambda: studio.jobs.get(job.id).looks)
    long_ago = time.time() - 10 * 86_400
    old = f"accepted_at = {long_ago}, created_at = {long_ago}"
    sql(settings, f"UPDATE jobs SET {old}, looks = {Timing().polls}, next_at = NULL, problem = 'SilentForADay'")
    rogue.plan("record", *[says(500, "Internal Error")] * (Timing().polls_after_start - 1))
    with Studio(settings) as studio:
        assert_here(studio, until_state(studio, job, State.DONE), rogue)


def test_six_downloads_that_drip_leave_room_for_others(settings: Settings, rogue: Rogue) -> None:
    rogue.plan("result", *[drip()] * 6)
    with Studio(settings) as studio:
        slow = [submit(studio, person=f"Person {number}") for number in range(6)]
        until(lambda: len(rogue.requests("result")) == 6)
        assert ended(studio, submit(studio)).state == State.DONE
        assert {studio.jobs.get(job.id).state for job in slow} == {State.FETCHING}


@timed(patient_s=math.inf)
def test_a_clock_that_jumps_ahead_gives_no_task_up(settings: Settings, rogue: Rogue) -> None:
    rogue.plan("record", always=told(state="generating"))
    with Studio(settings) as studio:
        job = submit(studio)
        until(lambda: studio.jobs.get(job.id).looks)
    sql(settings, f"UPDATE jobs SET accepted_at = {time.time() - 2 * 86_400}")
    rogue.plan("record", *[says(500, "Internal Error")] * 3)
    with Studio(settings) as studio:
        assert_here(studio, until_state(studio, job, State.DONE), rogue)


def test_a_failed_task_ends_the_job_and_gives_the_credits_back(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", told(state="fail", failCode="500", failMsg="Internal Error", creditsConsumed=0))
    job = ended(studio, submit(studio))
    assert (job.state, job.problem, job.credits) == (State.FAILED, "TaskFailed", 0)
    assert (job.fail_code, job.fail_message) == ("500", "Internal Error")
    assert (len(rogue.requests("create")), studio.jobs.needing_attention()) == (1, [])


def test_moderation_is_told_as_such(studio: Studio, rogue: Rogue) -> None:
    message = "The image was filtered out because it violated the policy."
    rogue.plan("record", told(state="fail", failCode="400", failMsg=message, creditsConsumed=0))
    job = ended(studio, submit(studio))
    assert (job.state, job.problem, job.fail_message) == (State.FAILED, "Moderated", message)
    assert job.is_filtered


def test_a_request_that_the_filter_refuses_at_once_costs_nothing_and_stops_no_other(
    studio: Studio, rogue: Rogue
) -> None:
    rogue.plan("create", says(400, "blocked by the safety system"))
    job = ended(studio, submit(studio))
    assert (job.state, job.problem, job.is_filtered) == (State.FAILED, "RequestFiltered", True)
    assert "change the prompt" in errors.sentence(job.problem)
    assert (rogue.balance, studio.store.breaker.current()) == (1000, None)
    assert ended(studio, submit(studio)).state == State.DONE


@timed(timeout_polls=2)
def test_a_time_out_that_stands_fails_and_can_still_be_looked_at(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", always=TIME_OUT)
    job = ended(studio, submit(studio))
    assert (job.state, job.problem, job.credits) == (State.FAILED, "TaskFailed", 0)
    assert len(rogue.requests("record")) == 3
    goes_on = threading.Event()
    rogue.plan("record", says(500), held(goes_on, TIME_OUT), always=TIME_OUT)
    studio.attention.poll_again(job.id)
    until(lambda: len(rogue.requests("record")) == 5)
    assert (studio.jobs.get(job.id).state, studio.jobs.get(job.id).credits) == (State.RUNNING, None)
    goes_on.set()
    until_state(studio, job, State.FAILED)
    rogue.plan("record")
    studio.attention.poll_again(job.id)
    until_state(studio, job, State.DONE)
    assert_here(studio, job, rogue)


def test_a_zero_from_a_failure_that_was_taken_back_is_no_price(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", TIME_OUT, always=told(creditsConsumed=None))
    job = ended(studio, submit(studio))
    assert (job.state, job.credits) == (State.DONE, None)


# -- fetching


@pytest.mark.parametrize("result", ["", '{"resultUrls": ["file:///etc/passwd"]}'])
def test_a_success_without_an_address_is_looked_at_until_it_has_one(
    studio: Studio, rogue: Rogue, result: object
) -> None:
    rogue.plan("record", always=told(state="success", resultJson=result))
    job = until_problem(studio, submit(studio), "PictureMissing")
    assert job.state == State.FETCHING
    assert studio.jobs.needing_attention() == []
    rogue.plan("record")
    assert_here(studio, job, rogue)


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [(status(404, HTML), "PictureNotFetched"), (status(200, picture("GIF")), "PictureUnreadable")],
)
def test_a_picture_that_does_not_come_is_fetched_until_it_does(
    studio: Studio, settings: Settings, rogue: Rogue, trouble: Behaviour, problem: str
) -> None:
    rogue.plan("result", always=trouble)
    job = until_problem(studio, submit(studio), problem)
    assert (job.state, studio.exports.file(job)) == (State.FETCHING, None)
    assert studio.jobs.needing_attention() == []
    rogue.plan("result")
    assert_here(studio, job, rogue)
    assert leftovers(settings) == []


def test_paid_bytes_that_are_no_picture_are_kept_as_they_came(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    rogue.plan("result", always=status(200, HTML))
    job = until_problem(studio, submit(studio), "PictureUnreadable")
    [kept] = until(lambda: list(settings.data_dir.rglob(f"{job.id}{poller.UNREADABLE}")))
    assert kept.read_bytes() == HTML


def test_a_disk_that_takes_no_picture_is_told_and_tried_again(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    results = settings.data_dir / "results"
    results.rename(settings.data_dir / "away")
    results.write_bytes(b"in the way")
    job = until_problem(studio, submit(studio), "PictureNotSaved")
    results.unlink()
    (settings.data_dir / "away").rename(results)
    assert_here(studio, job, rogue)


def test_a_picture_that_is_too_large_is_asked_for_once_and_then_needs_a_person(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("result", always=raw(b"HTTP/1.1 200 OK\r\nContent-Length: 300000000\r\n\r\nbytes"))
    job = until_problem(studio, submit(studio), "PictureTooLarge")
    assert (job.state, job.next_at, studio.jobs.needing_attention()) == (State.FETCHING, None, [job])
    assert len(rogue.requests("result")) == 1
    rogue.plan("result")
    studio.attention.poll_again(job.id)
    assert_here(studio, job, rogue)


def test_a_picture_that_was_lost_or_damaged_here_comes_again_on_a_persons_wish(
    studio: Studio, settings: Settings, rogue: Rogue
) -> None:
    job = ended(studio, submit(studio))
    for harm in (lambda path: path.unlink(), lambda path: path.write_bytes(rogue.picture[:150])):
        harm(studio.exports.file(job))
        studio.attention.poll_again(job.id)
        until(lambda: studio.jobs.get(job.id).state == State.DONE and studio.exports.file(job))
        assert_here(studio, job, rogue)
        assert leftovers(settings) == []


def test_a_picture_that_is_here_needs_no_service_to_be_shown_again(studio: Studio, rogue: Rogue) -> None:
    job = ended(studio, submit(studio))
    for endpoint in ("record", "result"):
        rogue.plan(endpoint, always=status(500))
    studio.attention.poll_again(job.id)
    until(lambda: len(studio.jobs.moves(job.id)) == 8)
    assert_here(studio, job, rogue)


@BOTH
def test_a_thousand_failed_fetches_are_not_the_end(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    rogue.plan("result", always=status(404))
    job = until_problem(studio, submit(studio), "PictureNotFetched")

    def went_on() -> bool:
        # A try that is under way writes its own count.
        sql(settings, "UPDATE jobs SET attempts = 5000, next_at = 1 WHERE attempts < 5000")
        studio.backend.tracker.want_balance()
        return studio.jobs.get(job.id).attempts > 5000

    until(went_on)
    rogue.plan("result")
    studio.attention.poll_again(job.id)
    assert_here(studio, job, rogue)


# -- the balance


@pytest.mark.parametrize("trouble", [status(500), says(500, data=0)])
@timed(balance_retry_s=0.1)
def test_a_balance_that_can_not_be_read_is_unknown_and_read_again(
    settings: Settings, rogue: Rogue, trouble: Behaviour
) -> None:
    rogue.plan("credit", always=trouble)
    with Studio(settings) as studio:
        until(lambda: studio.backend.tracker.credit_problem)
        assert (studio.credits.balance(), studio.credits.free()) == (None, None)
        rogue.plan("credit")
        assert until(studio.credits.balance).credits == 1000
        until(lambda: studio.backend.tracker.credit_problem is None)
        rogue.plan("credit", always=trouble)
        studio.backend.tracker.want_balance()
        until(lambda: studio.backend.tracker.credit_problem)
        assert studio.credits.balance().credits == 1000


def test_what_is_queued_is_not_available_twice(studio: Studio, rogue: Rogue) -> None:
    until(studio.credits.balance)
    rogue.plan("create", always=silent)
    submit(studio, images=3)
    assert studio.credits.free() == 1000 - 3 * 18


# -- the scheduler


@timed(heartbeat_s=0.1)
def test_a_listener_that_fails_does_not_stop_the_work(settings: Settings, rogue: Rogue) -> None:

    def fail(topics: set[str]) -> None:
        if threading.current_thread().name == "tracker":
            raise RuntimeError("nobody listens any more")

    with Studio(settings) as studio:
        rogue.plan("create", silent)
        job = until_state(studio, submit(studio), State.SENDING)
        rogue.plan("create")
    with Studio(settings) as studio:
        studio.events.listen(fail)
        sql(settings, f"UPDATE jobs SET state = 'sending', server = NULL WHERE id = '{job.id}'")
        until_state(studio, job, State.UNSURE)
        assert ended(studio, submit(studio)).state == State.DONE
        assert studio.backend.tracker.is_alive


def test_a_listener_that_always_fails_takes_no_thread_along(studio: Studio, rogue: Rogue) -> None:
    def fail(topics: set[str]) -> None:
        if threading.current_thread().name.startswith("prepare"):
            raise RuntimeError("nobody listens any more")

    studio.events.listen(fail)
    for _ in range(POOLS["prepare"] + 1):
        assert ended(studio, submit(studio)).state == State.DONE


def transactions_in_a_second(studio: Studio) -> int:
    """Return how many transactions the studio begins while we wait."""
    begun: list[object] = []
    count, engine = begun.append, studio.store.database.engine
    event.listen(engine, "begin", count)
    studio.backend.tracker.wake()
    time.sleep(1)
    event.remove(engine, "begin", count)
    assert begun
    return len(begun)


@BOTH
@timed(heartbeat_s=3.0)
def test_a_studio_with_nothing_to_do_does_nothing(studio: Studio, rogue: Rogue) -> None:
    ended(studio, submit(studio))
    until(lambda: len(rogue.requests("credit")) >= 3)

    def is_at_rest() -> bool:
        seen = len(rogue.seen)
        return transactions_in_a_second(studio) <= 6 and len(rogue.seen) == seen

    until(is_at_rest)


@timed(heartbeat_s=3.0, sends_limit=1, sends_window_s=60.0)
def test_waiting_for_the_limit_is_no_work_either(studio: Studio, rogue: Rogue) -> None:
    jobs = [submit(studio, person=person) for person in ("Ann", "Ben", "Cem")]
    until(lambda: [job for job in jobs if studio.jobs.get(job.id).state == State.DONE])
    until(lambda: studio.credits.balance().credits == 982)
    until(lambda: transactions_in_a_second(studio) <= 12)
    assert len(rogue.tasks) == 1
