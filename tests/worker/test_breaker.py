"""After an answer that promises more of its kind new jobs wait, and one careful job lifts that again."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from kie.jobs import State
from kie.settings import Settings
from kie.store.schema import breakers
from kie.studio import Studio
from kie.timing import Timing
from tests.support.fake_service import HTML, Behaviour, Rogue, acting, cut, envelope, held, says, status, told
from tests.support.jobs import add_reference, ended, project, quick, submit, timed, until_state
from tests.support.waiting import until

PAUSED = says(455, "maintenance")

WAITS = {"sends_window_s": 0.3}


@pytest.fixture
def timing() -> Timing:
    return quick(**WAITS)


@pytest.fixture
def studio(settings: Settings) -> Iterator[Studio]:
    with Studio(settings) as opened_studio:
        until(opened_studio.credits.balance)
        yield opened_studio


def asked(rogue: Rogue, endpoint: str = "create") -> int:
    return len(rogue.requests(endpoint))


def stays_queued(studio: Studio, *jobs: object) -> None:
    """Give the tracker every reason to send these; it must not."""
    for _ in range(3):
        read = asked_balance(studio)
        studio.backend.tracker.want_balance()
        until(lambda read=read: asked_balance(studio) > read)
    assert {studio.jobs.get(job.id).state for job in jobs} == {State.QUEUED}


def asked_balance(studio: Studio) -> int:
    return len(studio.credits.readings(0))


# -- what puts it on


@pytest.mark.parametrize(
    ("incident", "problem"),
    [
        (says(402, "Credits insufficient"), "CreditsShort"),
        (says(429, "Insufficient credits"), "CreditsShort"),
        (says(433, "limit of this key"), "ServicePaused"),
        (says(455, "maintenance"), "ServicePaused"),
        (says(505, "switched off"), "ServicePaused"),
        (says(401, "unauthorized"), "KeyRefused"),
    ],
)
def test_an_answer_that_holds_for_all_jobs_holds_the_next_ones_back_at_once(
    studio: Studio, rogue: Rogue, incident: Behaviour, problem: str
) -> None:
    rogue.plan("create", always=incident)
    first = ended(studio, submit(studio))
    assert (first.state, first.problem) == (State.FAILED, problem)
    brake = until(studio.store.breaker.current)
    assert (brake.problem, brake.detail) == (problem, first.fail_message)
    stays_queued(studio, submit(studio), submit(studio, person="Ben"))
    assert (asked(rogue), rogue.balance) == (1, 1000)


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        (acting(cut), "Unsure"),
        (says(500, "Internal Error"), "Unsure"),
        (status(502, HTML), "Unsure"),
        (status(403, HTML), "Blocked"),
    ],
)
def test_three_failures_in_a_row_put_it_on_and_two_do_not(
    studio: Studio, rogue: Rogue, trouble: Behaviour, problem: str
) -> None:
    rogue.plan("create", always=trouble)
    for _ in range(2):
        ended(studio, submit(studio))
        assert studio.store.breaker.current() is None
    ended(studio, submit(studio))
    assert until(studio.store.breaker.current).problem == problem
    stays_queued(studio, submit(studio))
    assert asked(rogue) == 3


def test_a_service_that_is_not_there_puts_it_on(tmp_path: Path) -> None:
    with Rogue() as gone:
        settings = project(tmp_path / "project", gone.url, quick(**WAITS))
    with Studio(settings) as studio:
        for _ in range(3):
            assert ended(studio, submit(studio)).problem == "Unreachable"
        assert until(studio.store.breaker.current).problem == "Unreachable"
        waiting = submit(studio)
        until(lambda: studio.backend.tracker.credit_problem)
        assert studio.jobs.get(waiting.id).state == State.QUEUED


@pytest.mark.parametrize(
    "sign", [says(422, "prompt too long"), says(400, "bad request"), says(429, "Too many requests")]
)
def test_a_no_to_one_request_is_a_sign_of_life(studio: Studio, rogue: Rogue, sign: Behaviour) -> None:
    lost = acting(cut)
    rogue.plan("create", lost, lost, sign)
    ended(studio, submit(studio)), ended(studio, submit(studio))
    ended(studio, submit(studio))
    # The breaker hears of it after the job has ended.
    until(lambda: studio.store.database.value(select(breakers.c.failures)) is None)
    rogue.plan("create", lost, lost)
    ended(studio, submit(studio)), ended(studio, submit(studio))
    assert studio.store.breaker.current() is None
    assert ended(studio, submit(studio)).state == State.DONE


def test_a_picture_between_them_means_that_failures_are_not_in_a_row(studio: Studio, rogue: Rogue) -> None:
    for _ in range(2):
        rogue.plan("create", cut, cut)
        ended(studio, submit(studio)), ended(studio, submit(studio))
        assert ended(studio, submit(studio)).state == State.DONE
    assert studio.store.breaker.current() is None


# -- while it is on


def test_what_runs_is_still_looked_at_and_fetched(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", always=told(state="generating", resultJson=""))
    running = until_state(studio, submit(studio), State.RUNNING)
    rogue.plan("create", always=PAUSED)
    ended(studio, submit(studio))
    until(studio.store.breaker.current)
    waiting = submit(studio)
    rogue.plan("record")
    assert ended(studio, running).state == State.DONE
    assert studio.store.breaker.current()
    assert studio.jobs.get(waiting.id).state == State.QUEUED
    assert asked(rogue) == 2


def test_a_waiting_job_can_be_cancelled(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", always=PAUSED)
    ended(studio, submit(studio))
    until(studio.store.breaker.current)
    waiting = submit(studio)
    assert studio.submissions.cancel(waiting.id)
    assert asked(rogue) == 1


def test_a_job_that_uploads_when_it_comes_on_gives_its_turn_back(
    studio: Studio, settings: Settings, rogue: Rogue
) -> None:
    reference, gate = add_reference(studio), threading.Event()
    rogue.plan("upload", always=held(gate))
    rogue.plan("create", always=PAUSED)
    slow = submit(studio, references=(reference,))
    until(lambda: asked(rogue, "upload"))
    ended(studio, submit(studio))
    until(studio.store.breaker.current)
    gate.set()
    until_state(studio, slow, State.QUEUED)
    stays_queued(studio, slow)
    rogue.plan("create")
    studio.attention.try_now()
    assert ended(studio, slow).state == State.DONE
    assert (asked(rogue), asked(rogue, "upload")) == (2, 1)


# -- what takes it off


@timed(**WAITS, first_pause_s=0.2)
def test_it_lifts_itself_once_the_service_takes_jobs_again(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", PAUSED)
    ended(studio, submit(studio))
    jobs = [submit(studio) for _ in range(4)]
    assert [ended(studio, job).state for job in jobs] == [State.DONE] * 4
    assert studio.store.breaker.current() is None
    assert (asked(rogue), len(rogue.tasks)) == (5, 4)


@timed(**WAITS, first_pause_s=0.2)
def test_one_careful_job_goes_first_and_never_two(studio: Studio, rogue: Rogue) -> None:
    gate = threading.Event()
    rogue.plan("create", PAUSED, held(gate))
    ended(studio, submit(studio))
    read = asked(rogue, "credit")
    jobs = [submit(studio, person=person) for person in ("Ann", "Ben", "Cem")]
    until(lambda: asked(rogue) == 2)
    assert asked(rogue, "credit") > read
    read = asked_balance(studio)
    studio.attention.try_now()
    until(lambda: asked_balance(studio) > read)
    assert sorted(studio.jobs.get(job.id).state for job in jobs) == [State.QUEUED, State.QUEUED, State.SENDING]
    assert asked(rogue) == 2
    gate.set()
    assert [ended(studio, job).state for job in jobs] == [State.DONE] * 3


@timed(**WAITS, first_pause_s=0.2)
def test_no_job_is_risked_while_the_balance_does_not_answer(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", PAUSED)
    rogue.plan("credit", always=status(502, HTML))
    ended(studio, submit(studio))
    job, read = submit(studio), asked(rogue, "credit")
    until(lambda: asked(rogue, "credit") >= read + 2)
    assert (asked(rogue), studio.jobs.get(job.id).state) == (1, State.QUEUED)
    rogue.plan("credit")
    assert ended(studio, job).state == State.DONE


@timed(**WAITS, first_pause_s=3600)
def test_no_job_is_risked_while_the_credits_are_below_its_price(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", says(402, "Credits insufficient"))
    ended(studio, submit(studio))
    until(studio.store.breaker.current)
    job = submit(studio)  # asked for before the balance is known to be short, which would not take it
    rogue.plan("credit", always=lambda exchange: exchange.answer(*envelope(17.5)))
    studio.backend.tracker.want_balance()
    until(
        lambda: studio.credits.readings(0)[-1].credits == 17.5
    )  # none of the readings from before is still on its way
    for tries in (2, 3, 4):
        studio.attention.try_now()
        until(lambda tries=tries: sum(one.credits == 17.5 for one in studio.credits.readings(0)) >= tries)
        until(lambda: studio.store.breaker.current().try_at > time.time())  # what was read has been weighed
    assert (asked(rogue), studio.jobs.get(job.id).state) == (1, State.QUEUED)
    rogue.plan("credit")
    studio.attention.try_now()
    assert ended(studio, job).state == State.DONE


def test_a_person_can_have_it_tried_at_once(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", PAUSED, PAUSED)
    ended(studio, submit(studio))
    first, second = submit(studio), submit(studio)
    until(studio.store.breaker.current)
    studio.attention.try_now()
    assert ended(studio, first).problem == "ServicePaused"
    assert studio.jobs.get(second.id).state == State.QUEUED
    until(lambda: studio.store.breaker.current().try_at - time.time() > Timing().first_pause_s)
    studio.attention.try_now()
    assert ended(studio, second).state == State.DONE
    assert studio.store.breaker.current() is None


@timed(**WAITS, key_check_s=0.05)
def test_a_changed_key_is_tried_at_once(tmp_path: Path, rogue: Rogue, timing: Timing) -> None:
    settings = project(tmp_path / "project", rogue.url, timing, KIE_API_KEY="")
    settings.key_file.write_text("a-key-that-was-withdrawn")
    rogue.plan("create", says(401, "unauthorized"))
    with Studio(settings) as studio:
        ended(studio, submit(studio))
        job = submit(studio)
        assert until(studio.store.breaker.current).problem == "KeyRefused"
        stays_queued(studio, job)
        settings.key_file.write_text("a-key-that-is-valid")
        assert ended(studio, job).state == State.DONE
        assert rogue.requests("create")[-1].headers["authorization"] == "Bearer a-key-that-is-valid"
        assert studio.store.breaker.current() is None


def test_it_survives_a_restart(settings: Settings, rogue: Rogue) -> None:
    rogue.plan("create", PAUSED)
    with Studio(settings) as studio:
        ended(studio, submit(studio))
        job, told_before = submit(studio), until(studio.store.breaker.current)
    with Studio(settings) as studio:
        assert studio.store.breaker.current() == told_before
        stays_queued(studio, job)
        studio.attention.try_now()
        assert ended(studio, job).state == State.DONE
        assert (asked(rogue), len(rogue.tasks)) == (2, 1)
