"""Does the balance agree with what our jobs cost? Worked by hand here; and once with a service that somebody else uses too."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kie.jobs import State
from kie.reconciliation import Charge, Difference, Reading, Reconciliation, reconcile
from kie.store import Store
from kie.studio import Studio
from tests.lives import ended, hurry, project, submit, until
from tests.rogue import PRICE, Rogue, acting, cut, says
from tests.rows import NOW, ask, bring, opened


def readings(*pairs: tuple[float, float]) -> list[Reading]:
    """Readings of credits at moments."""
    return [Reading(credits, at) for credits, at in pairs]


def paid(at: float, credits: float | None = 18.0, took: float = 1.0) -> Charge:
    """A job that was sent at a moment, accepted a second later, and got its picture."""
    return Charge(at, at + took, at + 20, False, credits)


def failed(at: float, ended_at: float, credits: float = 0.0) -> Charge:
    """A job whose task failed; the credits were gone in between."""
    return Charge(at, at + 1, ended_at, True, credits)


def lost(at: float) -> Charge:
    """A job whose reply was lost."""
    return Charge(at, None, None, False, 18.0)


def differences(found: Reconciliation) -> list[tuple[float, float, float]]:
    return [(one.credits, one.since, one.until) for one in found.differences]


# -- by hand


def test_nothing_read_is_nothing_compared() -> None:
    assert reconcile([], []) == Reconciliation((), None, None, 0)
    assert reconcile([], [paid(5)]) == Reconciliation((), None, None, 0)
    assert reconcile(readings((100, 10)), []) == Reconciliation((), 10, 10, 0)


def test_a_balance_that_falls_by_what_our_pictures_cost_agrees() -> None:
    found = reconcile(readings((100, 0), (82, 10), (46, 20), (46, 30)), [paid(5), paid(11), paid(12)])
    assert found == Reconciliation((), 0, 30, 0)


def test_the_order_in_which_charges_are_known_does_not_matter() -> None:
    assert reconcile(readings((100, 0), (82, 10), (46, 20)), [paid(12), paid(5), paid(11)]).differences == ()


def test_a_reading_that_the_next_takes_back_is_passed_over() -> None:
    overtaken = readings((100, 0), (100, 10), (82, 20), (82, 30))  # asked for before the task of 8.5 was there
    assert reconcile(overtaken, [paid(8.5)]).differences == ()
    assert differences(reconcile(overtaken[:2], [paid(8.5)])) == [(-18, 0, 10)]
    assert differences(reconcile(readings((100, 0), (64, 10), (64, 20)), [])) == [(36, 0, 10)]


def test_what_somebody_else_spent_is_told_with_its_window() -> None:
    found = reconcile(readings((100, 0), (82, 10), (40, 20), (22, 30)), [paid(5), paid(12), paid(21)])
    assert found.differences == (Difference(24, 10, 20, 0),)


def test_credits_that_were_added_are_negative() -> None:
    found = reconcile(readings((100, 0), (1082, 10)), [paid(5)])
    assert differences(found) == [(-1000, 0, 10)]


def test_several_differences_are_told_oldest_first() -> None:
    found = reconcile(readings((100, 0), (90, 10), (90, 20), (85, 30)), [])
    assert differences(found) == [(10, 0, 10), (5, 20, 30)]


def test_a_reading_while_a_request_is_on_its_way_is_passed_over() -> None:
    for credits_seen in (100, 82):
        found = reconcile(readings((100, 0), (credits_seen, 5.5), (82, 10)), [paid(5)])
        assert found == Reconciliation((), 0, 10, 0)


def test_requests_that_overlap_make_one_span() -> None:
    charges = [paid(5, took=10), paid(6, took=1), paid(14, took=4)]
    found = reconcile(readings((100, 0), (82, 8), (64, 16), (46, 20)), charges)
    assert found == Reconciliation((), 0, 20, 0)


def test_what_was_spent_elsewhere_meanwhile_is_found_at_the_next_quiet_reading() -> None:
    found = reconcile(readings((100, 0), (70, 5.5), (70, 10)), [paid(5)])
    assert differences(found) == [(12, 0, 10)]


def test_a_failed_task_that_gave_its_credits_back_costs_nothing() -> None:
    found = reconcile(readings((100, 0), (82, 8), (100, 20)), [failed(5, ended_at=15)])
    assert found == Reconciliation((), 0, 20, 0)


def test_a_failed_task_that_the_service_kept_the_credits_of_costs_them() -> None:
    assert reconcile(readings((100, 0), (82, 20)), [failed(5, 15, credits=18)]).differences == ()
    assert differences(reconcile(readings((100, 0), (100, 20)), [failed(5, 15, credits=18)])) == [(-18, 0, 20)]


def test_unsure_jobs_are_named_as_what_may_explain_it_and_are_not_counted() -> None:
    found = reconcile(readings((100, 0), (64, 10), (64, 20)), [lost(5), paid(6)])
    assert found.differences == (Difference(18, 0, 10, 1),)
    assert found.unknown == 0
    assert reconcile(readings((100, 0), (100, 10)), [lost(5)]).differences == ()


def test_an_unknown_cost_is_counted_as_nothing_and_told() -> None:
    found = reconcile(readings((100, 0), (82, 10)), [paid(5, credits=None)])
    assert (differences(found), found.unknown) == ([(18, 0, 10)], 1)


def test_fractions_add_up_and_noise_is_no_difference() -> None:
    charges = [paid(number * 10 + 5, credits=0.1) for number in range(10)]
    steps = readings(*((60.62 - number * 0.1, number * 10) for number in range(11)))
    assert reconcile(steps, charges).differences == ()
    assert reconcile(readings((60.62, 0), (60.2, 10)), []).differences == ()
    assert differences(reconcile(readings((60.62, 0), (60.1, 10)), [])) == [(0.52, 0, 10)]


def test_a_month_of_readings_is_compared_in_no_time() -> None:
    charges = [paid(number * 10 + 5, took=0.5) for number in range(5000)]
    steps = readings(*((100_000 - number * 18, number * 10) for number in range(5001)))
    assert reconcile(steps, charges) == Reconciliation((), 0, 50_000, 0)


# -- out of the rows


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    yield from opened(f"sqlite:///{tmp_path / 'studio.sqlite3'}")


def test_a_request_that_was_on_its_way_at_the_first_reading_is_known_of(store: Store) -> None:
    job = bring(store, ask(store)[0], State.SENDING, sent_at=NOW - 1)
    store.move(job.id, State.SENDING, State.RUNNING, NOW, task_id="t", accepted_at=NOW + 1)
    [charge] = store.charges(NOW)
    assert reconcile(readings((100, NOW), (82, NOW + 10)), [charge]).differences == ()


def test_a_task_that_failed_after_the_first_reading_is_known_of(store: Store) -> None:
    bring(store, ask(store)[0], State.FAILED, sent_at=NOW - 9, accepted_at=NOW - 8, ended_at=NOW + 5, task_id="t")
    [charge] = store.charges(NOW)
    assert reconcile(readings((82, NOW), (100, NOW + 10)), [charge]).differences == ()


def test_a_job_that_was_refused_or_never_ran_has_no_charge(store: Store) -> None:
    bring(store, ask(store)[0], State.FAILED, sent_at=NOW + 1, ended_at=NOW + 2)
    assert store.charges(NOW) == []


def test_what_a_person_gave_up_stays_spent(store: Store) -> None:
    job = bring(store, ask(store)[0], State.RUNNING, sent_at=NOW + 1, accepted_at=NOW + 2, task_id="t")
    store.move(job.id, State.RUNNING, State.FAILED, NOW, problem="GivenUp", ended_at=NOW + 99, settled="old")
    found = reconcile(readings((100, NOW), (82, NOW + 10)), store.charges(NOW))
    assert found == Reconciliation((), NOW, NOW + 10, 0)


# -- with a service


@pytest.fixture
def rogue() -> Iterator[Rogue]:
    with Rogue() as running:
        yield running


@pytest.fixture
def studio(tmp_path: Path, rogue: Rogue, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    hurry(monkeypatch, reply_s=30)
    with Studio(project(tmp_path / "project", rogue.url)) as opened_studio:
        read(opened_studio)
        yield opened_studio


def read(studio: Studio) -> None:
    """Read the balance once more, from now on."""
    began = time.time()
    studio.refresh_balance()
    until(lambda: (now := studio.balance()) and now.at > began)


def settled(studio: Studio) -> Reconciliation:
    """Compare after a reading that was asked for when everything stood still."""
    for _ in range(2):
        read(studio)
    return studio.reconcile(0)


def test_pictures_of_every_end_add_up(studio: Studio, rogue: Rogue) -> None:
    for _ in range(3):
        ended(studio, submit(studio))
    rogue.plan("create", says(422, "prompt too long"))
    ended(studio, submit(studio))
    found = settled(studio)
    assert found.differences == ()
    assert (found.unknown, studio.balance().credits) == (0, 1000 - 3 * PRICE)


def test_what_somebody_else_spends_is_told_with_when_and_how_much(studio: Studio, rogue: Rogue) -> None:
    ended(studio, submit(studio))
    assert settled(studio).differences == ()
    before = time.time()
    rogue.credits -= 100
    ended(studio, submit(studio))
    [difference] = settled(studio).differences
    assert (difference.credits, difference.unsure) == (100, 0)
    assert difference.since <= before <= difference.until


def test_a_lost_task_explains_its_difference_and_ends_it_when_found(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", acting(cut))
    job = ended(studio, submit(studio))
    [difference] = settled(studio).differences
    assert (difference.credits, difference.unsure) == (PRICE, 1)
    studio.found_again(job.id, "task-0001")
    until(lambda: studio.job(job.id).state == State.DONE)
    assert settled(studio).differences == ()
