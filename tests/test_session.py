"""What a browser session holds: the ids of its jobs, and which click was the same press."""

import secrets

import pytest

from kie.generation import Generation
from kie.session import SessionJobs, SubmitGuard

REQUEST = (Generation("a lighthouse"), 1, "Ann")
OTHER = (Generation("a lighthouse"), 2, "Ann")


@pytest.fixture
def session() -> dict:
    """What stands in for a browser session: any mapping does."""
    return {"prompt": "not ours"}


@pytest.fixture
def jobs(session: dict) -> SessionJobs:
    return SessionJobs(session)


@pytest.fixture
def presses(session: dict) -> SubmitGuard:
    return SubmitGuard(session)


# Its jobs


def test_a_new_session_has_no_jobs(jobs: SessionJobs):
    assert jobs.ids == []
    jobs.restore([])
    assert jobs.ids == []


def test_new_jobs_stand_in_front_and_none_stands_twice(jobs: SessionJobs):
    jobs.add(["2", "1"])
    jobs.add(["4", "3", "4"])
    assert jobs.ids == ["4", "3", "2", "1"]
    jobs.add(["1", "5"])
    assert jobs.ids == ["1", "5", "4", "3", "2"]


def test_jobs_of_an_earlier_session_stand_behind_those_of_this_one(jobs: SessionJobs):
    jobs.add(iter(["3"]))
    jobs.restore(iter(["4", "3", "2", "2"]))
    assert jobs.ids == ["3", "4", "2"]


def test_a_job_that_is_not_shown_any_more_leaves_the_others(jobs: SessionJobs):
    jobs.add(["2", "1"])
    jobs.forget("2")
    jobs.forget("unknown")
    assert jobs.ids == ["1"]
    jobs.forget("1")
    assert (jobs.ids, jobs.forgotten) == ([], ["2", "unknown", "1"])


def test_what_the_session_holds_is_plain_and_its_own(jobs: SessionJobs, session: dict):
    jobs.add(["1"])
    jobs.ids.append("2")
    assert session == {"prompt": "not ours", "job_ids": ["1"]}
    assert SessionJobs(session).ids == ["1"]


# Its presses


def pressed(presses: SubmitGuard, request: tuple, now_s: float) -> str:
    return presses.submit_id(request, now_s, secrets.token_hex(16))


def test_a_second_press_is_the_same_for_as_long_as_the_first_one_shows_nothing(presses: SubmitGuard):
    first = pressed(presses, REQUEST, 100.0)
    assert len(first) == 32
    for moment in (100.2, 101.4, 109.0, 500.0):
        assert pressed(presses, (Generation("a lighthouse"), 1, "Ann"), moment) == first


def test_the_window_opens_again_a_second_and_a_half_after_the_result_was_shown(presses: SubmitGuard):
    first = pressed(presses, REQUEST, 100.0)
    presses.shown(110.0)
    assert pressed(presses, REQUEST, 111.49) == first
    assert pressed(presses, REQUEST, 111.5) != first


def test_showing_the_same_result_again_does_not_keep_the_window_shut(presses: SubmitGuard):
    first = pressed(presses, REQUEST, 100.0)
    for moment in (100.5, 101.0, 101.5, 101.9):
        presses.shown(moment)
    assert pressed(presses, REQUEST, 102.0) != first


def test_a_click_within_the_window_does_not_keep_it_shut(presses: SubmitGuard):
    first = pressed(presses, REQUEST, 100.0)
    presses.shown(100.5)
    assert pressed(presses, REQUEST, 101.9) == first
    presses.shown(101.95)
    assert pressed(presses, REQUEST, 102.0) != first


def test_every_press_after_the_window_is_a_new_one(presses: SubmitGuard):
    ids = []
    for moment in range(0, 100, 10):
        ids.append(pressed(presses, REQUEST, float(moment)))
        presses.shown(moment + 1.0)
    assert len(set(ids)) == 10


@pytest.mark.parametrize(
    "changed",
    [
        OTHER,
        (Generation("a lighthouse."), 1, "Ann"),
        (Generation("a lighthouse", ("a" * 64,)), 1, "Ann"),
        (Generation("a lighthouse", resolution="4K"), 1, "Ann"),
        (Generation("a lighthouse"), 1, "Ben"),
    ],
)
def test_a_changed_request_is_a_new_press_at_once(presses: SubmitGuard, changed: tuple):
    first = pressed(presses, REQUEST, 100.0)
    second = pressed(presses, changed, 100.1)
    assert second != first
    assert pressed(presses, changed, 100.2) == second


def test_showing_a_page_that_nobody_pressed_on_changes_nothing(presses: SubmitGuard, session: dict):
    presses.shown(100.0)
    assert session == {"prompt": "not ours"}


def test_a_clock_that_has_just_begun_is_as_good_as_any(presses: SubmitGuard):
    first = pressed(presses, REQUEST, 0.0)
    presses.shown(0.0)
    assert pressed(presses, REQUEST, 0.1) == first


def test_another_session_s_press_is_another_press(presses: SubmitGuard):
    assert pressed(SubmitGuard({}), REQUEST, 100.0) != pressed(presses, REQUEST, 100.0)


def test_a_press_is_remembered_by_the_session_and_not_by_the_page(presses: SubmitGuard, session: dict):
    first = pressed(presses, REQUEST, 100.0)
    SubmitGuard(session).shown(100.1)
    assert pressed(SubmitGuard(session), REQUEST, 100.2) == first
