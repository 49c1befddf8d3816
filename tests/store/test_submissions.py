"""Presses become rows: all or none, once, and only if the credits for them are free."""

from functools import partial

import pytest
from sqlalchemy import text

from kie.errors import CreditsUnavailable, NotRecorded
from kie.generation import Generation, Submission, SubmissionItem
from kie.jobs import State
from kie.store import Store
from tests.support.rows import LIGHTHOUSE, NOW, ask, at_once, bring


def tries(store: Store, person: str, submit_id: str, images: int = 1, price: float | None = 18.0) -> bool:
    """Press, and say whether that was taken."""
    try:
        store.submissions.add(Submission(person, submit_id, (SubmissionItem(LIGHTHOUSE, images, price=price),)), NOW)
    except CreditsUnavailable:
        return False
    return True


# -- one press


def test_a_table_s_press_numbers_its_pictures_and_remembers_their_rows(store: Store) -> None:
    rows = tuple(SubmissionItem(Generation(f"row {row}"), images=2, row=row, price=18.0) for row in (1, 3))
    table = Submission("Ann", "table", rows, project="Banners")
    store.submissions.add(table, NOW)
    made = store.jobs.of_submission("table")
    assert [(job.variant, job.row, job.prompt) for job in made] == [
        (1, 1, "row 1"),
        (2, 1, "row 1"),
        (3, 3, "row 3"),
        (4, 3, "row 3"),
    ]
    assert {job.project for job in made} == {"Banners"}
    assert (table.images, table.price) == (4, 72)


# -- credits that are free


def test_the_last_credits_are_spent_by_one_of_two_who_press_at_once(store: Store, other: Store) -> None:
    store.ledger.add_balance(20, NOW - 1)
    taken = at_once(
        *(partial(tries, one, f"{number}", f"press-{number}") for number, one in enumerate((store, other) * 3))
    )
    assert sorted(taken) == [False] * 5 + [True]
    assert (store.search.count(), store.ledger.free()) == (1, 2)


def test_a_press_that_is_too_dear_writes_nothing_at_all(store: Store) -> None:
    store.ledger.add_balance(60.5, NOW - 1)
    with pytest.raises(CreditsUnavailable) as refused:
        store.submissions.add(Submission("Ann", "much", (SubmissionItem(LIGHTHOUSE, 4, price=18.0),)), NOW)
    assert refused.value.detail == "72 needed, 60.5 available"
    assert store.search.count() == 0
    assert tries(store, "Ann", "less", images=3)


def test_the_same_press_comes_back_however_little_is_free_by_then(store: Store) -> None:
    store.ledger.add_balance(18, NOW - 1)
    assert tries(store, "Ann", "press")
    assert tries(store, "Ann", "press")
    assert store.search.count() == 1


def test_a_row_that_the_database_refuses_is_said_and_nothing_is_written(store: Store) -> None:
    ask(store, "Ann")
    with store.database.write() as db:
        db.execute(text("CREATE UNIQUE INDEX rule_that_this_program_does_not_know ON jobs (person)"))
    with pytest.raises(NotRecorded, match=r"jobs\.person|does_not_know"):
        store.submissions.add(Submission("Ann", "refused", (SubmissionItem(LIGHTHOUSE, price=18.0),)), NOW)
    assert store.jobs.of_submission("refused") == []


def test_nobody_is_refused_for_a_balance_or_a_price_that_nobody_knows(store: Store) -> None:
    assert tries(store, "Ann", "no balance yet", images=8)
    store.ledger.add_balance(0, NOW + 1)
    assert tries(store, "Ann", "no price", price=None)
    assert not tries(store, "Ann", "a price")


@pytest.mark.parametrize(
    ("state", "known", "held"),
    [
        (State.QUEUED, {}, 18),
        (State.UPLOADING, {}, 18),
        (State.SENDING, {}, 18),
        (State.RUNNING, {"accepted_at": NOW + 5}, 18),
        (State.RUNNING, {"accepted_at": NOW - 5}, 0),
        (State.FETCHING, {"accepted_at": NOW + 5}, 18),
        (State.DONE, {"accepted_at": NOW + 5, "credits": 24.0}, 24),
        (State.UNSURE, {"sent_at": NOW + 5}, 18),
        (State.UNSURE, {"sent_at": NOW - 5}, 0),
        (State.FAILED, {"accepted_at": NOW + 5}, 0),
        (State.CANCELLED, {}, 0),
    ],
)
def test_a_job_holds_its_price_until_a_reading_can_know_of_it(
    store: Store, state: State, known: dict, held: float
) -> None:
    job = bring(store, ask(store)[0], state)
    if known:
        store.jobs.note(job.id, state, **known)
    store.ledger.add_balance(100, NOW)
    assert (store.ledger.reserved(), store.ledger.free()) == (held, 100 - held)


# -- pause, go on, cancel


def test_a_paused_press_waits_while_others_go_on(store: Store) -> None:
    mine, theirs = ask(store, "Ann", images=2), ask(store, "Ben")
    assert store.submissions.pause(mine[0].submit_id, NOW) == 2
    assert store.queue.next_turn(NOW) == theirs[0].id
    assert store.queue.next_turn(NOW) is None
    assert store.queue.next_work(NOW - 1).next_due is None or store.queue.next_work(NOW - 1).next_due >= NOW
    store.submissions.resume(mine[0].submit_id, NOW)
    assert store.queue.next_turn(NOW) == mine[0].id


def test_a_job_whose_turn_has_come_gives_it_back_when_its_press_is_paused(store: Store) -> None:
    [job] = ask(store)
    assert store.queue.next_turn(NOW) == job.id
    store.submissions.pause(job.submit_id, NOW)
    assert not store.queue.begin_sending(job.id, NOW)
    assert store.jobs.get(job.id).state == State.QUEUED
    assert store.queue.next_turn(NOW) is None


def test_a_refusal_for_now_does_not_end_a_pause(store: Store) -> None:
    first, second = ask(store, images=2)
    assert store.queue.next_turn(NOW) == first.id and store.queue.begin_sending(first.id, NOW)
    store.submissions.pause(first.submit_id, NOW)
    store.queue.requeue_after_429(first.id, NOW)
    store.submissions.resume("another press", NOW)
    later = NOW + 60
    assert store.queue.next_turn(later) == first.id  # it had left before the pause
    assert store.queue.next_turn(later) is None
    assert store.jobs.get(second.id).state == State.QUEUED


def test_cancelling_a_press_takes_back_what_was_not_sent_and_nothing_else(store: Store) -> None:
    jobs = ask(store, images=4)
    assert store.queue.next_turn(NOW) == jobs[0].id and store.queue.begin_sending(jobs[0].id, NOW)
    assert store.queue.next_turn(NOW) == jobs[1].id
    assert store.submissions.cancel(jobs[0].submit_id, NOW) == 3
    assert [store.jobs.get(job.id).state for job in jobs] == [State.SENDING] + [State.CANCELLED] * 3
    assert store.ledger.reserved() == 18


# -- made before


def test_the_same_request_of_anybody_is_found_and_the_own_press_is_not(store: Store) -> None:
    [theirs] = ask(store, "Ben", at=NOW - 86_400)
    bring(store, theirs, State.DONE)
    [mine] = ask(store, "Ann")
    fingerprints = [LIGHTHOUSE.fingerprint, Generation("another").fingerprint]
    assert store.submissions.same_requests(fingerprints, besides=mine.submit_id) == [theirs.id]
    assert store.submissions.same_requests(fingerprints, besides="") == [mine.id]


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_what_came_to_nothing_was_not_made_before(store: Store, state: State) -> None:
    bring(store, ask(store)[0], state)
    assert store.submissions.same_requests([LIGHTHOUSE.fingerprint], besides="") == []


@pytest.mark.parametrize(
    "other",
    [
        Generation("a lighthouse "),
        Generation("a lighthouse", ("a" * 64,)),
        Generation("a lighthouse", ("b" * 64, "a" * 64)),
        Generation("a lighthouse", aspect_ratio="16:9"),
        Generation("a lighthouse", resolution="2K"),
        Generation("a lighthouse", output_format="jpg"),
    ],
)
def test_a_request_that_differs_in_anything_is_another_request(other: Generation) -> None:
    assert other.fingerprint != LIGHTHOUSE.fingerprint
    assert other.fingerprint != Generation("a lighthouse", ("a" * 64, "b" * 64)).fingerprint
