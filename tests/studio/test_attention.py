"""What is paid, or may be, and comes here only if a person does something is listed until somebody has."""

import threading

from kie.history.query import Query
from kie.jobs import Job, State
from kie.settings import Settings
from kie.studio import Studio
from tests.support.fake_service import PRICE, Rogue, acting, cut, held, says, status, told
from tests.support.jobs import assert_here, ended, submit, timed, until_problem, until_state
from tests.support.waiting import until

KEPT = told(state="fail", failCode="500", failMsg="Internal Error", resultJson="")
GIVEN_BACK = told(state="fail", failCode="500", failMsg="Internal Error", resultJson="", creditsConsumed=0)


def listed(studio: Studio) -> list[str]:
    """The ids of what is listed; the list, its count and each job agree on it."""
    found = studio.jobs.needing_attention()
    assert studio.jobs.attention_count() == len(found)
    everything = studio.search.page(Query(), 1, 100).jobs
    assert [job.id for job in everything if job.needs_attention] == [job.id for job in found]
    return [job.id for job in found]


def retried(studio: Studio, rogue: Rogue) -> Job:
    """A paid picture that can't be fetched and is tried again."""
    rogue.plan("result", always=status(404))
    return until_problem(studio, submit(studio), "PictureNotFetched")


# -- what is listed


def test_what_goes_well_is_not_listed(studio: Studio, rogue: Rogue) -> None:
    ended(studio, submit(studio))
    rogue.plan("record", always=told(state="generating", resultJson=""))
    until_state(studio, submit(studio), State.RUNNING)
    assert listed(studio) == []


def test_what_failed_without_a_charge_is_not_listed(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", says(422, "prompt too long"))
    ended(studio, submit(studio))
    rogue.plan("record", always=GIVEN_BACK)
    assert ended(studio, submit(studio)).credits == 0
    assert listed(studio) == []


def test_what_failed_and_was_charged_is_listed_and_a_later_success_takes_it_off(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", always=KEPT)
    job = ended(studio, submit(studio))
    assert (job.state, job.credits) == (State.FAILED, PRICE)
    assert listed(studio) == [job.id]
    rogue.plan("record")
    studio.attention.poll_again(job.id)
    assert_here(studio, until_state(studio, job, State.DONE), rogue)
    assert listed(studio) == []


@timed(candidate_polls=3)
def test_an_unsure_job_is_not_listed_while_its_task_is_looked_for(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", acting(cut))
    job = ended(studio, submit(studio))
    looked = threading.Event()
    rogue.plan("record", always=held(looked, says(422, "recordInfo is null")))
    studio.attention.link_task(job.id, "task-0001")
    assert (studio.jobs.get(job.id).state, listed(studio)) == (State.UNSURE, [])
    looked.set()
    until_problem(studio, job, "TaskUnknown")
    assert listed(studio) == [job.id]


@timed(candidate_polls=0)
def test_a_task_that_is_linked_while_another_is_polled_is_kept(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", acting(cut))
    job = ended(studio, submit(studio))
    goes_on = threading.Event()
    rogue.plan("record", held(goes_on))
    studio.attention.link_task(job.id, "a-typing-error")
    until(lambda: rogue.requests("record"))
    studio.attention.link_task(job.id, "task-0001")
    goes_on.set()
    assert_here(studio, until_state(studio, job, State.DONE), rogue)


@timed(candidate_polls=3)
def test_an_unsure_job_is_listed_when_its_task_can_not_be_looked_for(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", acting(cut))
    job = ended(studio, submit(studio))
    rogue.plan("record", always=says(400, "taskId is invalid"))
    studio.attention.link_task(job.id, "a-typing-error")
    assert until_problem(studio, job, "NothingLearned").fail_message == "taskId is invalid"
    assert listed(studio) == [job.id]
    rogue.plan("record")
    studio.attention.link_task(job.id, "task-0001")
    assert_here(studio, until_state(studio, job, State.DONE), rogue)
    assert listed(studio) == []


@timed(polls=3, polls_after_start=3)
def test_what_is_unsure_or_stuck_is_listed_newest_first_and_outlives_a_restart(
    settings: Settings, rogue: Rogue
) -> None:
    with Studio(settings) as studio:
        rogue.plan("create", acting(cut))
        unsure = ended(studio, submit(studio))
        rogue.plan("result", always=status(404))
        not_fetched = until_problem(studio, submit(studio), "NotFetchedForADay")
        assert (not_fetched.state, not_fetched.next_at) == (State.FETCHING, None)
        assert listed(studio) == [not_fetched.id, unsure.id]
    fetched, goes_on = len(rogue.requests("result")), threading.Event()
    rogue.plan("result", held(goes_on, status(404)), always=status(404))
    with Studio(settings) as studio:
        until_problem(studio, not_fetched, "PictureNotFetched")  # a start tries a few times more
        assert listed(studio) == [unsure.id]
        goes_on.set()
        until_problem(studio, not_fetched, "NotFetchedForADay")
        assert len(rogue.requests("result")) >= fetched + 3
        assert listed(studio) == [not_fetched.id, unsure.id]
        rogue.plan("result")
        studio.attention.poll_again(not_fetched.id)
        until_state(studio, not_fetched, State.DONE)
        assert listed(studio) == [unsure.id]


# -- given up


def test_what_is_given_up_leaves_the_list_and_keeps_its_cost_and_its_reason(settings: Settings, rogue: Rogue) -> None:
    with Studio(settings) as studio:
        job = retried(studio, rogue)
        studio.attention.give_up(job.id, "  lost and/or\ntoo old ")
        given_up = studio.jobs.get(job.id)
        assert (given_up.state, given_up.problem, given_up.settled) == (State.FAILED, "GivenUp", "lost and/or too old")
        assert (given_up.credits, given_up.task_id) == (PRICE, "task-0001")
        assert listed(studio) == []
    rogue.plan("result")
    with Studio(settings) as studio:
        until(studio.credits.balance)
        assert studio.jobs.get(job.id) == given_up


def test_a_charged_failure_that_is_given_up_stays_what_it_was(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", always=KEPT)
    job = ended(studio, submit(studio))
    studio.attention.give_up(job.id, " ")
    after = studio.jobs.get(job.id)
    assert (after.state, after.problem, after.credits) == (State.FAILED, "TaskFailed", PRICE)
    assert after.settled == "no reason given"
    assert listed(studio) == []


def test_an_unsure_job_that_is_given_up_is_never_sent_again(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", acting(cut))
    job = ended(studio, submit(studio))
    studio.attention.give_up(job.id, "not worth it")
    assert (studio.jobs.get(job.id).state, studio.jobs.get(job.id).problem) == (State.FAILED, "GivenUp")
    assert (listed(studio), len(rogue.requests("create"))) == ([], 1)


def test_what_was_given_up_can_be_looked_at_again(studio: Studio, rogue: Rogue) -> None:
    job = retried(studio, rogue)
    studio.attention.give_up(job.id, "too old")
    rogue.plan("result")
    studio.attention.poll_again(job.id)
    assert_here(studio, until_state(studio, job, State.DONE), rogue)
    assert studio.jobs.get(job.id).settled is None


def test_only_what_needs_attention_can_be_given_up(studio: Studio, rogue: Rogue) -> None:
    done = ended(studio, submit(studio))
    rogue.plan("record", always=told(state="generating", resultJson=""))
    running = until_state(studio, submit(studio), State.RUNNING)
    for job in (done, running):
        studio.attention.give_up(job.id, "by mistake")
        assert studio.jobs.get(job.id).state == job.state
        assert studio.jobs.get(job.id).settled is None
    studio.attention.give_up("f" * 32, "nobody's")


# -- a file that is gone


@timed(polls=3, polls_after_start=3)
def test_a_picture_that_is_gone_from_the_service_too_is_listed(settings: Settings, rogue: Rogue) -> None:
    with Studio(settings) as studio:
        job = ended(studio, submit(studio))
        studio.exports.file(job).unlink()
    rogue.plan("result", always=status(404))
    with Studio(settings) as studio:
        until_problem(studio, job, "NotFetchedForADay")
        assert listed(studio) == [job.id]
        studio.attention.give_up(job.id, "nobody has it")
        assert (listed(studio), studio.jobs.get(job.id).credits) == ([], PRICE)


def test_a_lost_file_is_told_while_the_service_does_not_answer(settings: Settings, rogue: Rogue) -> None:
    with Studio(settings) as studio:
        job = ended(studio, submit(studio))
        studio.exports.file(job).unlink()
    rogue.plan("record", always=status(500))
    with Studio(settings) as studio:
        assert until_problem(studio, job, "FileMissing").state == State.FETCHING
        assert listed(studio) == []
        rogue.plan("record")
        assert_here(studio, until_state(studio, job, State.DONE), rogue)
