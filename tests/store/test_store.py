"""The store on a real database: guarded moves, jobs, references, money."""

import sqlite3
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError

from kie.errors import NotRecorded, SettingsInvalid
from kie.generation import Generation
from kie.history.query import Query
from kie.jobs import ENDED, MOVES, State
from kie.money.prices import learned
from kie.money.reconciliation import BalanceReading
from kie.store import Reference, Store
from kie.store.database import file_url
from kie.store.jobs import RECENT_S
from kie.store.schema import jobs
from tests.support.postgresql import SQLITE
from tests.support.rows import LIGHTHOUSE, NOW, ask, at_once, bring, job_in, queue_submission

# -- moves


@pytest.mark.parametrize(("leaving", "to"), [(leaving, to) for leaving in State for to in sorted(MOVES[leaving])])
def test_every_move_of_a_jobs_life_is_allowed(store: Store, leaving: State, to: State) -> None:
    job = job_in(store, leaving)
    assert store.jobs.move(job.id, leaving, to, NOW + 1)
    assert store.jobs.get(job.id).state == to
    assert store.jobs.moves(job.id)[-1] == (to, NOW + 1)


@SQLITE  # Refused before the database is asked.
@pytest.mark.parametrize(
    ("leaving", "to"), [(leaving, to) for leaving in State for to in State if to not in MOVES[leaving]]
)
def test_no_other_move_is_possible(store: Store, leaving: State, to: State) -> None:
    job = job_in(store, leaving)
    with pytest.raises(ValueError, match="no job moves"):
        store.jobs.move(job.id, leaving, to, NOW + 1)
    assert store.jobs.get(job.id) == job


def test_a_move_from_where_the_job_no_longer_stands_is_lost_and_leaves_no_trace(store: Store) -> None:
    job = job_in(store, State.RUNNING)
    before = store.jobs.moves(job.id)
    assert not store.jobs.move(job.id, State.QUEUED, State.CANCELLED, NOW, credits=0.0)
    assert not store.jobs.move("0" * 32, State.QUEUED, State.CANCELLED, NOW)
    assert not store.jobs.note(job.id, State.FETCHING, credits=5.0)
    assert store.jobs.get(job.id) == job
    assert store.jobs.moves(job.id) == before


def test_of_two_servers_that_move_a_job_at_once_one_wins(store: Store, other: Store) -> None:
    for _ in range(10):
        job = job_in(store, State.UPLOADING)
        sending = (job.id, State.UPLOADING, State.SENDING, NOW)
        won = at_once(*(partial(one.jobs.move, *sending) for one in (store, other) * 3))
        assert sorted(won) == [False] * 5 + [True]
        assert [state for state, _ in store.jobs.moves(job.id)].count(State.SENDING) == 1


def test_a_cancelled_job_is_never_sent_and_a_sent_one_never_cancelled(store: Store) -> None:
    for _ in range(10):
        [job] = ask(store)
        store.queue.next_turn(NOW)
        sent, cancelled = at_once(
            partial(store.queue.begin_sending, job.id, NOW),
            partial(store.jobs.move, job.id, State.UPLOADING, State.CANCELLED, NOW),
        )
        assert sent != cancelled
        store.queue.record_send_reply(job.id, NOW - 60)


def test_a_poll_that_was_asked_for_during_another_is_not_put_off_by_it(store: Store) -> None:
    job = job_in(store, State.RUNNING, next_at=NOW)
    store.jobs.plan(job, NOW + 60, looks=1)
    assert (store.jobs.get(job.id).next_at, store.jobs.get(job.id).looks) == (NOW + 60, 1)
    store.jobs.plan(job, NOW + 90, looks=2)  # read before it was planned for NOW + 60
    assert (store.jobs.get(job.id).next_at, store.jobs.get(job.id).looks) == (NOW + 60, 2)


def test_a_candidate_that_was_replaced_is_not_accepted(store: Store) -> None:
    job = job_in(store, State.UNSURE, candidate="task-1")
    store.jobs.note(job.id, State.UNSURE, candidate="task-2")
    store.jobs.accept_candidate(job, NOW)
    assert (store.jobs.get(job.id).state, store.jobs.get(job.id).candidate) == (State.UNSURE, "task-2")
    store.jobs.accept_candidate(store.jobs.get(job.id), NOW)
    assert (store.jobs.get(job.id).state, store.jobs.get(job.id).task_id) == (State.RUNNING, "task-2")


def test_a_task_id_belongs_to_one_job(store: Store) -> None:
    job_in(store, State.RUNNING, task_id=None)
    first, second = (job_in(store, State.UNSURE) for _ in range(2))
    store.jobs.move(first.id, State.UNSURE, State.RUNNING, NOW, task_id="task-1")
    with pytest.raises(IntegrityError):
        store.jobs.move(second.id, State.UNSURE, State.RUNNING, NOW, task_id="task-1")
    assert store.jobs.get(second.id).state == State.UNSURE


# -- asking


def test_one_submit_id_makes_its_jobs_once_however_often_it_comes(store: Store, other: Store) -> None:
    pressed = ("Ann", LIGHTHOUSE, "pressed", 4, 18.0, NOW)
    given = at_once(*(partial(queue_submission, one, *pressed) for one in (store, other) * 4))
    assert store.search.count() == 4
    assert all([job.id for job in jobs] == [job.id for job in given[0]] for jobs in given)
    assert [job.variant for job in given[0]] == [1, 2, 3, 4]


def test_jobs_are_written_all_or_none(store: Store) -> None:
    [first] = queue_submission(store, "Ann", LIGHTHOUSE, "pressed", 1, 18.0, NOW)
    again = queue_submission(store, "Ann", Generation("another", ("a" * 64,)), "pressed", 3, 18.0, NOW + 1)
    assert again == [first]
    assert store.search.count() == 1
    assert store.ledger.reserved() == 18


def test_a_new_job_carries_what_was_asked_for(store: Store) -> None:
    used = tuple(f"{number:064d}" for number in (5, 3, 8, 1, 7, 2, 6, 4))
    asked = Generation("灯台 🗼", used, "21:9", "4K", "jpg")
    job, twin = queue_submission(store, "Ann", asked, "pressed", 2, None, NOW)
    assert job.generation == twin.generation == asked
    assert (job.state, job.person, job.price_expected, job.credits) == (State.QUEUED, "Ann", None, None)
    assert (job.created_at, job.sent_at, job.ended_at, job.task_id) == (NOW, None, None, None)
    assert store.jobs.moves(job.id) == [(State.QUEUED, NOW)]


# -- references


def reference(number: int, name: str = "a.png", **values: object) -> Reference:
    given = {"kind": "png", "width": 96, "height": 64, "bytes": 300, "file": f"references/{number}.png"}
    return Reference(f"{number:064d}", name, created_at=NOW, **(given | values))


def test_references_come_in_the_order_asked_for(store: Store) -> None:
    kept = {number: store.references.add(reference(number)) for number in range(1, 9)}
    order = [5, 3, 8, 1, 7, 2, 6, 4, 5]
    assert store.references.get_many([kept[number].id for number in order]) == [kept[number] for number in order]
    assert store.references.get_many([f"{99:064d}", kept[2].id]) == [kept[2]]
    assert store.references.get_many([]) == []


def test_a_reference_is_kept_once_under_its_first_name(store: Store, other: Store) -> None:
    first = store.references.add(reference(1, "first.png"))
    assert other.references.add(reference(1, "second.png")) == first
    given = at_once(*(partial(one.references.add, reference(2)) for one in (store, other) * 4))
    assert given == [reference(2)] * 8


def test_a_check_of_a_reference_that_was_added_again_meanwhile_is_dropped(store: Store) -> None:
    first = store.references.add(reference(1))
    again = store.references.add(replace(reference(1), created_at=first.created_at + 1))
    store.references.record_check(first, NOW, "broken")
    assert store.references.get_many([first.id]) == [again]
    store.references.record_check(again, NOW, None)
    assert store.references.get_many([first.id]) == [replace(again, checked_at=NOW)]


def test_what_is_learned_of_a_reference_stays(store: Store, other: Store) -> None:
    kept = store.references.add(reference(1))
    assert store.references.unchecked() == [kept.id]
    store.references.change(kept.id, checked_at=NOW, uploaded_url="https://f.example/1.png", uploaded_at=NOW)
    assert other.references.unchecked() == []
    assert other.references.get_many([kept.id])[0].uploaded_url == "https://f.example/1.png"


# -- money


def test_the_last_reading_is_the_balance_whatever_the_clock_said(store: Store) -> None:
    assert store.ledger.balance() is None
    store.ledger.add_balance(60.62, NOW)
    store.ledger.add_balance(42.62, NOW - 3600)
    assert store.ledger.balance() == BalanceReading(42.62, NOW - 3600, NOW - 3600)


def test_what_the_last_reading_does_not_know_is_held_also_after_the_clock_was_set_back(store: Store) -> None:
    now = time.time()
    job_in(store, State.DONE, accepted_at=now + 3500)
    store.ledger.add_balance(100, now + 3600)
    store.ledger.add_balance(82, now - 1)
    assert (store.ledger.reserved(), store.ledger.free()) == (0, 82)
    job_in(store, State.RUNNING, accepted_at=now)
    job_in(store, State.UNSURE, sent_at=now)
    assert (store.ledger.reserved(), store.ledger.free()) == (36, 46)


def test_what_is_accepted_while_the_balance_is_read_is_held_until_the_next_reading(store: Store) -> None:
    job_in(store, State.RUNNING, accepted_at=NOW)
    store.ledger.add_balance(1000, NOW + 1, began=NOW - 1)
    assert (store.ledger.reserved(), store.ledger.free()) == (18, 982)
    store.ledger.add_balance(982, NOW + 2, began=NOW + 1)
    assert (store.ledger.reserved(), store.ledger.free()) == (0, 982)


def test_readings_come_oldest_first_and_of_many_the_newest(store: Store) -> None:
    for number in range(10):
        store.ledger.add_balance(100 - number, NOW + number)
    assert [reading.credits for reading in store.ledger.readings(NOW + 6)] == [93, 92, 91]
    assert [reading.credits for reading in store.ledger.readings(0, limit=2)] == [92, 91]


@pytest.mark.parametrize(
    ("state", "known", "cost"),
    [
        (State.QUEUED, {}, None),
        (State.CANCELLED, {}, 0),
        (State.RUNNING, {}, None),
        (State.RUNNING, {"credits": 0.0}, None),
        (State.UNSURE, {}, None),
        (State.FETCHING, {"credits": 18.0}, 18),
        (State.DONE, {"credits": 17.5}, 17.5),
        (State.DONE, {}, None),
        (State.FAILED, {}, 0),
        (State.FAILED, {"problem": "GivenUp"}, None),
        (State.FAILED, {"task_id": "t"}, None),
        (State.FAILED, {"task_id": "t", "credits": 0.0}, 0),
        (State.FAILED, {"task_id": "t", "credits": 18.0}, 18),
    ],
)
def test_a_cost_is_what_was_reported_nothing_if_nothing_was_sent_or_unknown(
    store: Store, state: State, known: dict, cost: float | None
) -> None:
    assert job_in(store, state, **known).cost == cost


def done(store: Store, resolution: str, credits: float | None, duration_s: float | None, ended_at: float) -> None:
    job = ask(store, resolution=resolution)[0]
    bring(store, job, State.DONE, credits=credits, duration_s=duration_s, ended_at=ended_at)


def test_prices_and_durations_are_learned_from_finished_jobs_of_the_same_resolution(store: Store) -> None:
    assert store.ledger.learned_price("1K") is None
    assert store.jobs.learned_duration("1K") is None
    for number, (credits, duration_s) in enumerate(((18, 30), (18, 50), (900, None), (None, 70))):
        done(store, "1K", credits, duration_s, NOW + number)
    done(store, "4K", 24, 200, NOW + 50)
    job_in(store, State.FAILED, credits=0.0, ended_at=NOW + 60)
    assert store.ledger.learned_price("1K") == learned(18, NOW + 2)
    assert store.jobs.learned_duration("1K") == 50
    assert store.ledger.learned_price("4K") == learned(24, NOW + 50)
    assert store.ledger.learned_price("2K") is None


def test_a_new_price_is_believed_after_some_pictures(store: Store) -> None:
    for number in range(20):
        done(store, "1K", 18, 30, NOW + number)
    for number in range(11):
        done(store, "1K", 9, 30, NOW + 100 + number)
    assert store.ledger.learned_price("1K") == learned(9, NOW + 110)


# -- lists


def test_a_person_finds_open_and_unsure_jobs_and_those_that_just_ended(store: Store) -> None:
    now = time.time()
    before = {state: job_in(store, state, ended_at=now - RECENT_S - 60 if state in ENDED else None) for state in State}
    just = [job_in(store, state, ended_at=now - RECENT_S + 60) for state in ENDED]
    ask(store, "Ben")
    alive = {job.id for state, job in before.items() if state not in ENDED}
    assert set(store.jobs.recent_ids("Ann")) == alive | {job.id for job in just}


def test_attention_is_for_what_comes_only_if_a_person_does_something(store: Store) -> None:
    needy = [
        job_in(store, State.UNSURE, problem="Unsure"),
        job_in(store, State.RUNNING, problem="SilentForADay"),
        job_in(store, State.FETCHING, problem="NotFetchedForADay"),
        job_in(store, State.FETCHING, problem="PictureNotSaved"),
        job_in(store, State.FAILED, problem="TaskFailed", credits=18.0),
    ]
    others = [job_in(store, state) for state in State if state != State.UNSURE] + [
        job_in(store, State.UNSURE, problem="Unsure", candidate="task-1"),
        job_in(store, State.RUNNING, problem="TaskNotFound"),
        job_in(store, State.RUNNING, problem="TimedOutThere"),
        job_in(store, State.FETCHING, problem="PictureNotFetched"),
        job_in(store, State.FETCHING, problem="FileMissing"),
        job_in(store, State.FAILED, problem="TaskFailed", credits=0.0),
        job_in(store, State.FAILED, problem="GivenUp", credits=18.0, settled="too old"),
    ]
    assert {job.id for job in store.jobs.needing_attention()} == {job.id for job in needy}
    assert store.jobs.attention_count() == len(needy) == store.search.count(Query(states=("needs attention",)))
    assert [job.needs_attention for job in needy + others] == [True] * len(needy) + [False] * len(others)


def test_jobs_are_read_by_their_ids_in_their_order(store: Store) -> None:
    first, second, _ = (ask(store, at=NOW + number)[0] for number in range(3))
    assert store.jobs.get_many([second.id, first.id, "0" * 32]) == [second, first]
    assert store.jobs.get_many([first.id, second.id]) == [first, second]
    assert store.jobs.get_many([]) == []
    assert store.jobs.get("0" * 32) is None


# -- the database itself


def test_a_store_opened_again_knows_everything(url: str, store: Store) -> None:
    job = job_in(store, State.DONE, credits=18.0)
    secret = store.secret()
    store.close()
    again = Store(url)
    again.open()
    assert again.jobs.get(job.id) == job
    assert again.secret() == secret
    again.close()


def test_what_is_still_at_work_when_the_store_is_closed_leaves_no_connection_open(store: Store) -> None:
    opened: set[object] = set()
    event.listen(store.database.engine, "connect", lambda connection, _: opened.add(connection))
    event.listen(store.database.engine, "close", lambda connection, _: opened.discard(connection))
    with store.database.read() as one, store.database.read():
        one.execute(select(jobs.c.id))
        store.close()
    assert store.jobs.get("0" * 32) is None
    assert opened == set()


def test_servers_that_start_at_once_on_a_new_database_all_open_it(empty_url: str) -> None:
    stores = [Store(empty_url) for _ in range(6)]
    assert at_once(*(one.open for one in stores)) == [None] * 6
    assert len({one.secret() for one in stores}) == 1
    for one in stores:
        one.close()


@SQLITE
def test_a_new_database_that_somebody_else_writes_at_this_moment_is_waited_for(tmp_path: Path, url: str) -> None:
    store, opened = Store(url), []
    with sqlite3.connect(tmp_path / "studio.sqlite3", isolation_level=None) as lock:
        lock.execute("CREATE TABLE begun (id INTEGER)")
        lock.execute("BEGIN IMMEDIATE")
        opening = threading.Thread(target=lambda: opened.append(store.open()))
        opening.start()
        opening.join(0.3)
        assert opening.is_alive()
        lock.execute("COMMIT")
    lock.close()
    opening.join(60)
    assert opened == [None]
    store.close()


def test_a_locked_database_is_waited_for(store: Store, other: Store) -> None:
    [job] = ask(store)
    won: list[bool] = []
    with other.database.write():
        cancelling = (job.id, State.QUEUED, State.CANCELLED, NOW)
        waiting = threading.Thread(target=lambda: won.append(store.jobs.move(*cancelling)))
        waiting.start()
        assert store.jobs.get(job.id).state == State.QUEUED  # reading goes on
        waiting.join(0.5)
        assert won == []
    waiting.join(60)
    assert won == [True]


def test_a_database_that_stays_locked_takes_nothing_and_says_so(store: Store, other: Store) -> None:
    with other.database.write(), pytest.raises(NotRecorded, match="locked by another program"):
        store.database.try_to_write(0.1)
    store.database.try_to_write(0.1)


def test_a_reader_sees_one_moment_whatever_is_written_meanwhile(store: Store, other: Store) -> None:
    count = select(func.count()).select_from(jobs)
    with store.database.read() as db:
        assert db.scalar(count) == 0
        ask(other)
        assert db.scalar(count) == 0
    assert store.search.count() == 1


@SQLITE
def test_a_committed_row_is_on_the_disk(tmp_path: Path, store: Store) -> None:
    with sqlite3.connect(tmp_path / "studio.sqlite3") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()
    with store.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@pytest.mark.parametrize(
    "address",
    [
        "nonsense",
        "nosuchdatabase://ann:hunter2@db.example/studio",
        "postgresql+psycopg://ann:hunter2@127.0.0.1:1/studio",
        "postgresql+nosuchdriver://ann:hunter2@db.example/studio",
        "sqlite+nosuchdriver:////tmp/x",
        "sqlite:////nowhere/at/all/studio.sqlite3",
        "sqlite:///{folder}",
        "sqlite:///{folder}/no-database",
    ],
)
def test_a_database_that_can_not_be_used_is_told_in_words(tmp_path: Path, address: str) -> None:
    (tmp_path / "no-database").write_bytes(b"this is a text and no database" * 100)
    with pytest.raises(SettingsInvalid, match="KIE_DATABASE_URL") as caught:
        Store(address.format(folder=tmp_path)).open()
    assert "hunter2" not in caught.value.detail


def test_a_folder_of_any_name_holds_a_database(tmp_path: Path) -> None:
    for number, name in enumerate(("with space", "percent%20", "ünïcode 灯", "plus+and&", "what?x=1", "no#1")):
        (tmp_path / name).mkdir()
        made = Store(file_url(tmp_path / name / "studio.sqlite3"))
        made.open()
        made.ledger.add_balance(number, time.time())
        made.close()
        assert (tmp_path / name / "studio.sqlite3").exists()
