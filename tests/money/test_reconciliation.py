"""Does the balance agree with what our jobs cost? Worked by hand here; and once with a service that somebody else uses too."""

import math
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kie.jobs import State
from kie.money.reconciliation import BalanceReading, Charge, Difference, Reconciliation, reconcile
from kie.settings import Settings
from kie.store import Store
from kie.studio import Studio
from kie.timing import Timing
from tests.support.fake_service import PRICE, Rogue, acting, cut, held, says, told
from tests.support.jobs import ended, submit, timed, until_problem
from tests.support.rows import NOW, ask, bring
from tests.support.waiting import until

SEND_LOST_S = Timing().send_lost_s


def readings(*pairs: tuple[float, float]) -> list[BalanceReading]:
    """Readings of credits at moments."""
    return [BalanceReading(credits, at, at) for credits, at in pairs]


def paid(at: float, credits: float = 18.0, took: float = 1.0) -> Charge:
    """A job that was sent at a moment, accepted a second later, and got its picture."""
    return Charge(at, at + took, credits, credits)


def failed(at: float, ended_at: float, credits: float = 0.0) -> Charge:
    """A job whose task failed; the credits were gone in between."""
    return Charge(at, ended_at, credits, credits)


def lost(at: float, most: float = 18.0) -> Charge:
    """A job whose reply was lost: it may be charged within three seconds, or never."""
    return Charge(at, at + 3, 0.0, most)


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
    assert found.differences == (Difference(24, 10, 20),)


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


def test_what_a_lost_reply_can_explain_is_nobody_else_s() -> None:
    for credits_left in (100, 82):
        found = reconcile(readings((100, 0), (credits_left, 10), (credits_left, 20)), [lost(5)])
        assert found == Reconciliation((), 0, 20, 1)
    assert reconcile(readings((100, 0), (64, 10), (64, 20)), [lost(5), paid(6)]).differences == ()


def test_what_a_lost_reply_can_not_explain_is_told() -> None:
    assert differences(reconcile(readings((100, 0), (75, 10), (75, 20)), [lost(5)])) == [(7, 0, 10)]
    assert differences(reconcile(readings((100, 0), (118, 10), (118, 20)), [lost(5)])) == [(-18, 0, 10)]
    # Once it is over, it explains nothing more.
    assert differences(reconcile(readings((100, 0), (82, 10), (64, 20)), [lost(5)])) == [(18, 10, 20)]


def test_a_lost_reply_just_before_a_reading_that_does_not_show_it_yet_accuses_nobody() -> None:
    for seen in (100, 82):
        found = reconcile(readings((100, 0), (seen, 5.1), (82, 10), (82, 20)), [lost(5)])
        assert found == Reconciliation((), 0, 20, 1)


def test_a_reading_whose_lookup_overlaps_a_charge_is_passed_over() -> None:
    for began, at in ((4, 5.5), (5.5, 7), (4, 7), (5.2, 5.8)):
        for seen in (100, 82):
            between = BalanceReading(seen, began, at)
            found = reconcile([*readings((100, 0)), between, *readings((82, 10), (82, 20))], [paid(5)])
            assert found == Reconciliation((), 0, 20, 0), (began, at)
            assert reconcile([*readings((100, 0)), between], [paid(5)]) == Reconciliation((), 0, 0, 0), (began, at)


def test_a_difference_lies_between_the_beginning_of_one_lookup_and_the_end_of_the_next() -> None:
    assert differences(reconcile([BalanceReading(100, 0, 1), BalanceReading(90, 8, 9)], [])) == [(10, 0, 9)]


def test_a_request_that_is_on_its_way_can_be_charged_at_any_reading_from_then_on() -> None:
    under_way = Charge(5, math.inf, 0.0, 18.0)
    found = reconcile(readings((100, 0), (100, 4), (82, 10), (100, 20)), [under_way])
    assert found == Reconciliation((), 0, 4, 0)


def test_a_time_out_that_was_given_back_and_charged_again_accuses_nobody() -> None:
    steps = readings((100, 0), (82, 6), (100, 10), (100, 12), (100, 14), (82, 20), (82, 30))
    assert reconcile(steps, [failed(5, 18, credits=18)]) == Reconciliation((), 0, 30, 0)


def test_a_cost_that_nobody_knows_can_explain_whatever_went_and_is_told() -> None:
    unknown = [lost(5, most=math.inf)]
    assert reconcile(readings((100, 0), (20, 10)), unknown) == Reconciliation((), 0, 10, 1)
    assert differences(reconcile(readings((100, 0), (120, 10)), unknown)) == [(-20, 0, 10)]


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


def test_a_request_that_was_on_its_way_at_the_first_reading_is_known_of(store: Store) -> None:
    job = bring(store, ask(store)[0], State.SENDING, sent_at=NOW - 1)
    store.jobs.move(job.id, State.SENDING, State.RUNNING, NOW, task_id="t", accepted_at=NOW + 1)
    [charge] = store.ledger.charges(NOW)
    assert charge == Charge(NOW - 1, NOW + 1, 18, 18)
    assert reconcile(readings((100, NOW), (82, NOW + 10)), [charge]).differences == ()


def test_a_task_that_failed_after_the_first_reading_is_known_of(store: Store) -> None:
    bring(store, ask(store)[0], State.FAILED, sent_at=NOW - 9, accepted_at=NOW - 8, ended_at=NOW + 5, task_id="t")
    [charge] = store.ledger.charges(NOW)
    assert charge == Charge(NOW - 9, NOW + 5, 0, 18)  # what it gave back was not told
    assert reconcile(readings((82, NOW), (100, NOW + 10)), [charge]).differences == ()


def test_a_job_that_was_refused_has_no_charge(store: Store) -> None:
    bring(store, ask(store)[0], State.FAILED, sent_at=NOW + 1, ended_at=NOW + 2, problem="Refused")
    assert store.ledger.charges(NOW) == []


@pytest.mark.parametrize(
    ("state", "problem", "until"),
    [
        (State.SENDING, None, math.inf),
        (State.UNSURE, "Unsure", NOW - 9 + SEND_LOST_S),
        (State.FAILED, "NeverRan", NOW - 9 + SEND_LOST_S),
        (State.FAILED, "GivenUp", NOW - 9 + SEND_LOST_S),
    ],
)
def test_a_request_that_nobody_knows_the_outcome_of_may_be_charged(
    store: Store, state: State, problem: str | None, until: float
) -> None:
    credits = 0.0 if problem == "NeverRan" else None
    bring(store, ask(store)[0], state, sent_at=NOW - 9, problem=problem, credits=credits)
    assert store.ledger.charges(NOW) == [Charge(NOW - 9, until, 0, 18)]


@pytest.mark.parametrize(
    ("state", "known", "charge"),
    [
        (State.RUNNING, {}, Charge(NOW - 900, math.inf, 0, 18)),
        (State.DONE, {"ended_at": NOW + 9, "credits": 24.0}, Charge(NOW - 900, NOW + 9, 24, 24)),
        (State.FAILED, {"ended_at": NOW + 9, "credits": 0.0}, Charge(NOW - 900, NOW + 9, 0, 0)),
    ],
)
def test_a_task_whose_failure_was_seen_can_be_given_back_and_charged_until_it_ends(
    store: Store, state: State, known: dict, charge: Charge
) -> None:
    sent = {"sent_at": NOW - 900, "accepted_at": NOW - 899, "task_id": "t", "failed_at": NOW - 850}
    bring(store, ask(store)[0], state, **sent, **known)
    assert store.ledger.charges(NOW) == [charge]


def test_a_reading_is_kept_with_when_its_lookup_began_and_an_older_one_has_only_its_end(
    tmp_path: Path, store: Store
) -> None:
    store.ledger.add_balance(100, NOW, NOW - 2)
    assert store.ledger.balance() == BalanceReading(100, NOW - 2, NOW)
    store.close()
    with sqlite3.connect(tmp_path / "studio.sqlite3") as database:
        database.execute("ALTER TABLE balances DROP COLUMN began")
        database.execute("DROP INDEX jobs_history")
        for column in ("failed_at", "has_references"):
            database.execute(f"ALTER TABLE jobs DROP COLUMN {column}")
        database.execute("DROP TABLE alembic_version")
    database.close()
    store.open()
    store.ledger.add_balance(82, NOW + 9, NOW + 8)
    assert store.ledger.readings(0) == [BalanceReading(100, NOW, NOW), BalanceReading(82, NOW + 8, NOW + 9)]


def test_what_a_person_gave_up_stays_spent(store: Store) -> None:
    job = bring(store, ask(store)[0], State.RUNNING, sent_at=NOW + 1, accepted_at=NOW + 2, task_id="t")
    store.jobs.move(job.id, State.RUNNING, State.FAILED, NOW, problem="GivenUp", ended_at=NOW + 99, settled="old")
    found = reconcile(readings((100, NOW), (82, NOW + 10)), store.ledger.charges(NOW))
    assert found == Reconciliation((), NOW, NOW + 10, 0)


# -- with a service


@pytest.fixture
def studio(settings: Settings, rogue: Rogue) -> Iterator[Studio]:
    with Studio(settings) as opened_studio:
        read(opened_studio)
        yield opened_studio


def read(studio: Studio) -> None:
    """Read the balance once more, from now on."""
    began = time.time()
    studio.backend.tracker.want_balance()
    until(lambda: (now := studio.credits.balance()) and now.at > began)


def settled(studio: Studio) -> Reconciliation:
    """Compare after a reading that was asked for when everything stood still."""
    for _ in range(2):
        read(studio)
    return studio.credits.reconcile(0)


def test_pictures_of_every_end_add_up(studio: Studio, rogue: Rogue) -> None:
    for _ in range(3):
        ended(studio, submit(studio))
    rogue.plan("create", says(422, "prompt too long"))
    ended(studio, submit(studio))
    found = settled(studio)
    assert found.differences == ()
    assert (found.unknown, studio.credits.balance().credits) == (0, 1000 - 3 * PRICE)


def test_what_somebody_else_spends_is_told_with_when_and_how_much(studio: Studio, rogue: Rogue) -> None:
    ended(studio, submit(studio))
    assert settled(studio).differences == ()
    before = time.time()
    rogue.credits -= 100
    ended(studio, submit(studio))
    [difference] = settled(studio).differences
    assert difference.credits == 100
    assert difference.since <= before <= difference.until


@pytest.mark.parametrize("is_made", [True, False])
@timed(send_lost_s=0.2)
def test_a_lost_reply_accuses_nobody_before_it_is_found_or_after(studio: Studio, rogue: Rogue, is_made: bool) -> None:
    rogue.plan("create", acting(cut) if is_made else cut)
    job = ended(studio, submit(studio))
    until(lambda: time.time() > studio.jobs.get(job.id).sent_at + 0.2)
    found = settled(studio)
    assert (found.differences, found.unknown) == ((), 1)
    rogue.credits -= 100
    assert [one.credits for one in settled(studio).differences] == [100]
    if is_made:
        studio.attention.link_task(job.id, "task-0001")
        until(lambda: studio.jobs.get(job.id).state == State.DONE)
        assert [one.credits for one in settled(studio).differences] == [100]


def test_readings_before_during_and_after_a_lost_reply_accuse_nobody(studio: Studio, rogue: Rogue) -> None:
    goes_on = threading.Event()
    rogue.plan("create", held(goes_on, acting(cut)))
    job = submit(studio)
    until(lambda: rogue.requests("create"))
    read(studio)  # the request has left, and nothing is charged yet
    goes_on.set()
    ended(studio, job)
    assert settled(studio).differences == ()
    assert studio.credits.balance().credits == 1000 - PRICE


@timed(timeout_polls=10_000)
def test_a_time_out_that_is_given_back_and_charged_again_accuses_nobody(studio: Studio, rogue: Rogue) -> None:
    time_out = told(state="fail", failCode="524", failMsg="generate task timeout", creditsConsumed=0)
    rogue.plan("record", always=time_out)
    job = until_problem(studio, submit(studio), "TimedOutThere")
    rogue.credits += PRICE  # given back
    for _ in range(3):
        read(studio)
    assert studio.credits.balance().credits == 1000
    assert studio.jobs.get(job.id).credits is None
    assert studio.credits.reconcile(0).differences == ()
    rogue.credits -= PRICE
    rogue.plan("record")
    assert ended(studio, job).credits == PRICE
    assert settled(studio) == Reconciliation((), *span(studio), 0)
    assert studio.credits.balance().credits == 1000 - PRICE


def span(studio: Studio) -> tuple[float, float]:
    """From the first reading to the last."""
    first, *_, last = studio.credits.readings(0)
    return first.at, last.at


def test_a_reading_knows_when_its_lookup_began(studio: Studio, rogue: Rogue) -> None:
    goes_on = threading.Event()
    rogue.plan("credit", held(goes_on))
    studio.backend.tracker.want_balance()
    until(lambda: len(rogue.requests("credit")) > 1)
    asked = rogue.requests("credit")[-1].at
    goes_on.set()
    until(lambda: len(studio.credits.readings(0)) > 1)
    assert studio.credits.balance().began <= asked <= studio.credits.balance().at
