"""The store on a real SQLite file: guarded moves, jobs, references, money."""

import sqlite3
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from kie.database import file_url
from kie.errors import SettingsInvalid
from kie.generation import Generation
from kie.jobs import ENDED, MOVES, State
from kie.query import Query
from kie.store import Balance, Reference, Store
from tests.rows import LIGHTHOUSE, NOW, ask, at_once, bring, job_in, press

# -- moves


@pytest.mark.parametrize(("leaving", "to"), [(leaving, to) for leaving in State for to in sorted(MOVES[leaving])])
def test_every_move_of_a_jobs_life_is_allowed(store: Store, leaving: State, to: State) -> None:
    job = job_in(store, leaving)
    assert store.move(job.id, leaving, to, NOW + 1)
    assert store.job(job.id).state == to
    assert store.moves(job.id)[-1] == (to, NOW + 1)


@pytest.mark.parametrize(
    ("leaving", "to"), [(leaving, to) for leaving in State for to in State if to not in MOVES[leaving]]
)
def test_no_other_move_is_possible(store: Store, leaving: State, to: State) -> None:
    job = job_in(store, leaving)
    with pytest.raises(ValueError, match="no job moves"):
        store.move(job.id, leaving, to, NOW + 1)
    assert store.job(job.id) == job


def test_a_move_from_where_the_job_no_longer_stands_is_lost_and_leaves_no_trace(store: Store) -> None:
    job = job_in(store, State.RUNNING)
    before = store.moves(job.id)
    assert not store.move(job.id, State.QUEUED, State.CANCELLED, NOW, credits=0.0)
    assert not store.move("0" * 32, State.QUEUED, State.CANCELLED, NOW)
    assert not store.note(job.id, State.FETCHING, credits=5.0)
    assert store.job(job.id) == job
    assert store.moves(job.id) == before


def test_of_two_servers_that_move_a_job_at_once_one_wins(store: Store, other: Store) -> None:
    for _ in range(10):
        job = job_in(store, State.UPLOADING)
        sending = (job.id, State.UPLOADING, State.SENDING, NOW)
        won = at_once(*(partial(one.move, *sending) for one in (store, other) * 3))
        assert sorted(won) == [False] * 5 + [True]
        assert [state for state, _ in store.moves(job.id)].count(State.SENDING) == 1


def test_a_cancelled_job_is_never_sent_and_a_sent_one_never_cancelled(store: Store) -> None:
    for _ in range(10):
        [job] = ask(store)
        store.next_turn(NOW)
        sent, cancelled = at_once(
            partial(store.begin_sending, job.id, NOW),
            partial(store.move, job.id, State.UPLOADING, State.CANCELLED, NOW),
        )
        assert sent != cancelled
        store.answered(job.id, NOW - 60)


def test_a_task_id_belongs_to_one_job(store: Store) -> None:
    job_in(store, State.RUNNING, task_id=None)
    first, second = (job_in(store, State.UNSURE) for _ in range(2))
    store.move(first.id, State.UNSURE, State.RUNNING, NOW, task_id="task-1")
    with pytest.raises(IntegrityError):
        store.move(second.id, State.UNSURE, State.RUNNING, NOW, task_id="task-1")
    assert store.job(second.id).state == State.UNSURE


# -- asking


def test_one_submit_id_makes_its_jobs_once_however_often_it_comes(store: Store, other: Store) -> None:
    pressed = ("Ann", LIGHTHOUSE, "pressed", 4, 18.0, NOW)
    given = at_once(*(partial(press, one, *pressed) for one in (store, other) * 4))
    assert store.count() == 4
    assert all([job.id for job in jobs] == [job.id for job in given[0]] for jobs in given)
    assert [job.variant for job in given[0]] == [1, 2, 3, 4]


def test_jobs_are_written_all_or_none(store: Store) -> None:
    [first] = press(store, "Ann", LIGHTHOUSE, "pressed", 1, 18.0, NOW)
    again = press(store, "Ann", Generation("another", ("a" * 64,)), "pressed", 3, 18.0, NOW + 1)
    assert again == [first]
    assert store.count() == 1
    assert store.held() == 18


def test_a_new_job_carries_what_was_asked_for(store: Store) -> None:
    used = tuple(f"{number:064d}" for number in (5, 3, 8, 1, 7, 2, 6, 4))
    asked = Generation("灯台 🗼", used, "21:9", "4K", "jpg")
    [job] = press(store, "Ann", asked, "pressed", 1, None, NOW)
    assert job.generation == asked
    assert (job.state, job.person, job.price_expected, job.credits) == (State.QUEUED, "Ann", None, None)
    assert (job.created_at, job.sent_at, job.ended_at, job.task_id) == (NOW, None, None, None)
    assert store.moves(job.id) == [(State.QUEUED, NOW)]


# -- references


def reference(number: int, name: str = "a.png", **values: object) -> Reference:
    given = {"kind": "png", "width": 96, "height": 64, "bytes": 300, "file": f"references/{number}.png"}
    return Reference(f"{number:064d}", name, created_at=NOW, **(given | values))


def test_references_come_in_the_order_asked_for(store: Store) -> None:
    kept = {number: store.add_reference(reference(number)) for number in range(1, 9)}
    order = [5, 3, 8, 1, 7, 2, 6, 4, 5]
    assert store.references([kept[number].id for number in order]) == [kept[number] for number in order]
    assert store.references([f"{99:064d}", kept[2].id]) == [kept[2]]
    assert store.references([]) == []


def test_a_reference_is_kept_once_under_its_first_name(store: Store, other: Store) -> None:
    first = store.add_reference(reference(1, "first.png"))
    assert other.add_reference(reference(1, "second.png")) == first
    given = at_once(*(partial(one.add_reference, reference(2)) for one in (store, other) * 4))
    assert given == [reference(2)] * 8


def test_what_is_learned_of_a_reference_stays(store: Store, other: Store) -> None:
    kept = store.add_reference(reference(1))
    assert store.unchecked_references() == [kept.id]
    store.change_reference(kept.id, checked_at=NOW, uploaded_url="https://f.example/1.png", uploaded_at=NOW)
    assert other.unchecked_references() == []
    assert other.references([kept.id])[0].uploaded_url == "https://f.example/1.png"


# -- money


def test_the_last_reading_is_the_balance_whatever_the_clock_said(store: Store) -> None:
    assert store.balance() is None
    store.add_balance(60.62, NOW)
    store.add_balance(42.62, NOW - 3600)
    assert store.balance() == Balance(42.62, NOW - 3600)


def test_readings_come_oldest_first_and_of_many_the_newest(store: Store) -> None:
    for number in range(10):
        store.add_balance(100 - number, NOW + number)
    assert [reading.credits for reading in store.readings(NOW + 6)] == [93, 92, 91]
    assert [reading.credits for reading in store.readings(0, limit=2)] == [92, 91]


def test_held_is_what_no_reading_knows_of_yet(store: Store) -> None:
    for state in State:
        job_in(store, state, accepted_at=NOW if state in (State.RUNNING, State.FETCHING, State.DONE) else None)
    assert store.held() == 6 * 18  # queued, uploading, sending, and running, fetching, done since the last reading
    store.add_balance(100, NOW + 1)
    assert store.held() == 3 * 18


def test_a_job_of_unknown_price_holds_nothing(store: Store) -> None:
    press(store, "Ann", LIGHTHOUSE, "pressed", 2, None, NOW)
    assert store.held() == 0


def done(store: Store, resolution: str, credits: float | None, duration_s: float | None, ended_at: float) -> None:
    job = ask(store, resolution=resolution)[0]
    bring(store, job, State.DONE, credits=credits, duration_s=duration_s, ended_at=ended_at)


def test_prices_and_durations_are_learned_from_finished_jobs_of_the_same_resolution(store: Store) -> None:
    assert store.learned_price("1K") is None
    assert store.learned_duration("1K") is None
    for number, (credits, duration_s) in enumerate(((18, 30), (18, 50), (900, None), (None, 70))):
        done(store, "1K", credits, duration_s, NOW + number)
    done(store, "4K", 24, 200, NOW + 50)
    job_in(store, State.FAILED, credits=0.0, ended_at=NOW + 60)
    assert store.learned_price("1K") == (18, NOW + 2)
    assert store.learned_duration("1K") == 50
    assert store.learned_price("4K") == (24, NOW + 50)
    assert store.learned_price("2K") is None


def test_a_new_price_is_believed_after_some_pictures(store: Store) -> None:
    for number in range(20):
        done(store, "1K", 18, 30, NOW + number)
    for number in range(11):
        done(store, "1K", 9, 30, NOW + 100 + number)
    assert store.learned_price("1K") == (9, NOW + 110)


# -- lists


def test_a_person_finds_open_and_unsure_jobs_and_those_that_just_ended(store: Store) -> None:
    mine = {state: job_in(store, state, ended_at=NOW if state in ENDED else None) for state in State}
    ask(store, "Ben")
    assert set(store.recent_ids("Ann", NOW - 60)) == {job.id for job in mine.values()}
    alive = {job.id for state, job in mine.items() if state not in ENDED}
    assert set(store.recent_ids("Ann", NOW + 60)) == alive


def test_attention_is_for_what_is_paid_or_may_be_and_has_no_picture(store: Store) -> None:
    for state in State:
        job_in(store, state)
    needy = [
        job_in(store, State.UNSURE),
        job_in(store, State.RUNNING, problem="TaskNotFound"),
        job_in(store, State.FETCHING, problem="PictureNotFetched"),
    ]
    job_in(store, State.FAILED, problem="TaskFailed")
    unsure = [job for job in store.attention() if job.state == State.UNSURE]
    assert len(unsure) == 2
    assert {job.id for job in needy} < {job.id for job in store.attention()}
    assert len(store.attention()) == 4
    assert all(job.needs_attention for job in store.attention())


def test_pages_come_newest_first(store: Store) -> None:
    asked = [ask(store, at=NOW + number)[0].id for number in range(7)]
    assert [job.id for job in store.page(Query(), 1, 3)] == asked[:3:-1]
    assert [job.id for job in store.page(Query(), 3, 3)] == asked[:1]
    assert store.page(Query(), 4, 3) == []
    assert store.count() == 7
    assert [job.id for job in store.jobs([*asked[:2], "0" * 32])] == asked[1::-1]
    assert store.jobs([]) == []
    assert store.job("0" * 32) is None


# -- the database itself


def test_a_store_opened_again_knows_everything(url: str, store: Store) -> None:
    job = job_in(store, State.DONE, credits=18.0)
    secret = store.secret()
    store.close()
    again = Store(url)
    again.open()
    assert again.job(job.id) == job
    assert again.secret() == secret
    again.close()


def test_an_older_database_gets_its_missing_columns_and_keeps_its_rows(tmp_path: Path, url: str, store: Store) -> None:
    [job] = ask(store)
    store.close()
    with sqlite3.connect(tmp_path / "studio.sqlite3") as database:
        for column in ("stage", "width", "duration_s", "fail_message"):
            database.execute(f"ALTER TABLE jobs DROP COLUMN {column}")
        database.execute('ALTER TABLE "references" DROP COLUMN refusal')
        database.execute("DROP TABLE balances")
    database.close()
    newer = Store(url)
    newer.open()
    assert newer.job(job.id) == job
    assert newer.note(job.id, State.QUEUED, stage="waiting", width=5, duration_s=1.5, fail_message="none")
    newer.add_balance(5, NOW)
    newer.add_reference(reference(1, refusal="broken"))
    newer.close()


def test_servers_that_start_at_once_on_a_new_database_all_open_it(url: str) -> None:
    stores = [Store(url) for _ in range(6)]
    assert at_once(*(one.open for one in stores)) == [None] * 6
    assert len({one.secret() for one in stores}) == 1
    for one in stores:
        one.close()


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
    opening.join(10)
    assert opened == [None]
    store.close()


def test_a_locked_database_is_waited_for(tmp_path: Path, store: Store) -> None:
    [job] = ask(store)
    won: list[bool] = []
    with sqlite3.connect(tmp_path / "studio.sqlite3", isolation_level=None) as lock:
        lock.execute("BEGIN IMMEDIATE")
        cancelling = (job.id, State.QUEUED, State.CANCELLED, NOW)
        waiting = threading.Thread(target=lambda: won.append(store.move(*cancelling)))
        waiting.start()
        assert store.job(job.id).state == State.QUEUED  # reading goes on
        waiting.join(0.5)
        assert won == []
        lock.execute("COMMIT")
    lock.close()
    waiting.join(10)
    assert won == [True]


def test_a_committed_row_is_on_the_disk(tmp_path: Path, store: Store) -> None:
    with sqlite3.connect(tmp_path / "studio.sqlite3") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()
    with store._read() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@pytest.mark.parametrize(
    "address",
    [
        "nonsense",
        "nosuchdatabase://ann:hunter2@db.example/studio",
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
        made.add_balance(number, time.time())
        made.close()
        assert (tmp_path / name / "studio.sqlite3").exists()
