"""Stopped at any moment, a studio goes on where it was: one paid request, one picture. Killed: `test_ten_jobs`."""

import threading

import pytest

from kie.jobs import State
from kie.settings import Settings
from kie.studio import Studio
from tests.support.fake_service import Behaviour, Rogue, acting, held, says, silent, status, told
from tests.support.jobs import (
    add_reference,
    assert_here,
    beside,
    ended,
    leftovers,
    submit,
    timed,
    until_problem,
    until_state,
)
from tests.support.postgresql import BOTH
from tests.support.waiting import until

# -- stopped


@pytest.mark.parametrize(
    ("endpoint", "trouble", "state"),
    [
        ("upload", silent, State.UPLOADING),
        ("record", silent, State.RUNNING),
        ("record", told(state="generating"), State.RUNNING),
        ("record", status(500), State.RUNNING),
        ("record", told(state="success", resultJson=""), State.FETCHING),
        ("result", silent, State.FETCHING),
        ("result", status(404), State.FETCHING),
    ],
)
def test_a_stop_at_any_stage_loses_nothing_and_pays_once(
    settings: Settings, rogue: Rogue, endpoint: str, trouble: Behaviour, state: State
) -> None:
    rogue.plan(endpoint, always=trouble)
    with Studio(settings) as studio:
        job = submit(studio, references=(add_reference(studio, "red"),))
        until_state(studio, job, state)
        until(lambda: rogue.requests(endpoint))
    rogue.plan(endpoint)
    with Studio(settings) as studio:
        assert_here(studio, job, rogue)
        assert leftovers(settings) == []


@timed(sends_window_s=2.0)
def test_what_was_queued_at_a_stop_is_sent_after_it(settings: Settings, rogue: Rogue) -> None:
    rogue.plan("create", always=says(429, "Too many requests"))
    with Studio(settings) as studio:
        job = submit(studio)
        until_problem(studio, job, "TooManyRequests")
    assert rogue.tasks == {}
    rogue.plan("create")
    with Studio(settings) as studio:
        assert ended(studio, job).state == State.DONE
    assert len(rogue.tasks) == 1


@timed(stop_s=4.5)
def test_a_stop_waits_for_the_answer_to_a_paid_request(settings: Settings, rogue: Rogue) -> None:
    answers = threading.Event()
    rogue.plan("create", held(answers))
    with Studio(settings) as studio:
        job = until_state(studio, submit(studio), State.SENDING)
        until(lambda: rogue.requests("create"))
        threading.Timer(0.4, answers.set).start()
    with Studio(settings) as studio:
        assert State.UNSURE not in [state for state, _ in studio.jobs.moves(job.id)]
        assert_here(studio, job, rogue)


def test_a_stop_ends_although_a_paid_request_is_not_answered(settings: Settings, rogue: Rogue) -> None:
    rogue.plan("create", acting(silent))
    with Studio(settings) as studio:
        job = until_state(studio, submit(studio), State.SENDING)
        until(lambda: rogue.tasks)
    with beside(settings) as store:  # The stop did not wait until the answer was given up, which makes the job unsure.
        assert store.jobs.get(job.id).state == State.SENDING
    with Studio(settings) as studio:
        until_state(studio, job, State.UNSURE)
        studio.attention.link_task(job.id, "task-0001")
        assert_here(studio, job, rogue)


def test_an_answer_that_comes_after_the_stop_still_counts(settings: Settings, rogue: Rogue) -> None:
    stopped = threading.Event()
    rogue.plan("create", held(stopped))
    with Studio(settings) as studio:
        job = until_state(studio, submit(studio), State.SENDING)
        until(lambda: rogue.requests("create"))
    with Studio(settings) as studio:
        until_state(studio, job, State.UNSURE)
        stopped.set()
        until_state(studio, job, State.DONE)
        assert_here(studio, job, rogue)


def test_an_upload_that_outlives_the_stop_sends_nothing(settings: Settings, rogue: Rogue) -> None:
    stopped = threading.Event()
    rogue.plan("upload", held(stopped))
    with Studio(settings) as studio:
        job = until_state(studio, submit(studio, references=(add_reference(studio, "red"),)), State.UPLOADING)
        until(lambda: rogue.requests("upload"))
    stopped.set()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("send-")])
    assert rogue.requests("create") == []
    with Studio(settings) as studio:
        assert_here(studio, job, rogue)


@BOTH
def test_two_studios_on_one_folder_pay_once(settings: Settings, rogue: Rogue) -> None:
    with Studio(settings) as one, Studio(settings) as other:
        jobs = [submit(studio, person=person) for person in ("Ann", "Ben") for studio in (one, other) * 3]
        for job in jobs:
            assert ended(one, job).state == State.DONE
            assert other.jobs.get(job.id) == one.jobs.get(job.id)
    assert len(rogue.requests("create")) == len(jobs)
    assert len({one.jobs.get(job.id).task_id for job in jobs}) == len(jobs)


@BOTH
def test_the_second_studio_ends_what_the_first_began(settings: Settings, rogue: Rogue) -> None:
    rogue.plan("record", always=told(state="generating"))
    with Studio(settings) as other:
        with Studio(settings) as one:
            job = until_state(one, submit(one), State.RUNNING)
        rogue.plan("record")
        assert_here(other, job, rogue)
