"""The store on a real SQLite file: guarded moves, turns, leases, money."""

import itertools
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from kie.database import file_url
from kie.errors import SettingsInvalid
from kie.generation import Generation
from kie.jobs import ENDED, MOVES, Job, State
from kie.store import Balance, Reference, Store

NOW = 1_800_000_000.0
LIGHTHOUSE = Generation("a lighthouse")
WAY = {
    State.QUEUED: (),
    State.UPLOADING: (State.UPLOADING,),
    State.CANCELLED: (State.CANCELLED,),
    State.SENDING: (State.UPLOADING, State.SENDING),
    State.UNSURE: (State.UPLOADING, State.SENDING, State.UNSURE),
    State.RUNNING: (State.UPLOADING, State.SENDING, State.RUNNING),
    State.FAILED: (State.UPLOADING, State.SENDING, State.FAILED),
    State.FETCHING: (State.UPLOADING, State.SENDING, State.RUNNING, State.FETCHING),
    State.DONE: (State.UPLOADING, State.SENDING, State.RUNNING, State.FETCHING, State.DONE),
}
ids = itertools.count(1)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'studio.sqlite3'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    yield from opened(url)


@pytest.fixture
def other(url: str, store: Store) -> Iterator[Store]:
    """A second server on the same database."""
    yield from opened(url)


def opened(url: str) -> Iterator[Store]:
    made = Store(url)
    made.open()
    made.beat(NOW)
    yield made
    made.close()


def ask(store: Store, person: str = "Ann", images: int = 1, at: float = NOW, **options: object) -> list[Job]:
    generation = Generation("a lighthouse", **options)
    return store.add_jobs(person, generation, f"submit-{next(ids)}", images, 18.0, at)


def bring(store: Store, job: Job, state: State, **values: object) -> Job:
    """Walk a new job to a state by allowed moves."""
    left = State.QUEUED
    for step in WAY[state]:
        assert store.move(job.id, left, step, NOW, **values)
        left = step
    return store.job(job.id)


def job_in(store: Store, state: State, **values: object) -> Job:
    return bring(store, ask(store)[0], state, **values)


def send(store: Store, now: float) -> str | None:
    """Let the next job in turn be sent, if there is one and the limit has room."""
    job_id = store.next_turn(now)
    return job_id if job_id and store.begin_sending(job_id, now) else None


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Run calls in threads of their own, all from the same moment on, and return what each gave."""
    given: list[object] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(number: int) -> None:
        gate.wait()
        given[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


# -- moves


@pytest.mark.parametrize(("leaving", "to"), [(leaving, to) for leaving in State for to in MOVES[leaving]])
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
    given = at_once(*(partial(one.add_jobs, *pressed) for one in (store, other) * 4))
    assert store.count() == 4
    assert all([job.id for job in jobs] == [job.id for job in given[0]] for jobs in given)
    assert [job.variant for job in given[0]] == [1, 2, 3, 4]


def test_jobs_are_written_all_or_none(store: Store) -> None:
    [first] = store.add_jobs("Ann", LIGHTHOUSE, "pressed", 1, 18.0, NOW)
    again = store.add_jobs("Ann", Generation("another", ("a" * 64,)), "pressed", 3, 18.0, NOW + 1)
    assert again == [first]
    assert store.count() == 1
    assert store.held() == 18


def test_a_new_job_carries_what_was_asked_for(store: Store) -> None:
    used = tuple(f"{number:064d}" for number in (5, 3, 8, 1, 7, 2, 6, 4))
    asked = Generation("灯台 🗼", used, "21:9", "4K", "jpg")
    [job] = store.add_jobs("Ann", asked, "pressed", 1, None, NOW)
    assert job.generation == asked
    assert (job.state, job.person, job.price_expected, job.credits) == (State.QUEUED, "Ann", None, None)
    assert (job.created_at, job.sent_at, job.ended_at, job.task_id) == (NOW, None, None, None)
    assert store.moves(job.id) == [(State.QUEUED, NOW)]


# -- the account's limit


def test_no_ten_seconds_ever_see_more_than_eighteen_paid_requests(store: Store) -> None:
    chance = random.Random(7)
    for person in ("Ann", "Ben", "Cem"):
        for _ in range(3):
            ask(store, person, images=8)
    sent: dict[str, float] = {}
    answered: dict[str, float] = {}
    now = NOW
    while len(answered) < 72:
        for job_id in [job_id for job_id, until in answered.items() if until <= now]:
            store.answered(job_id, answered[job_id])
        if (job_id := send(store, now)) is not None:
            in_sight = [one for one in sent if answered[one] > now - 10]
            assert len(in_sight) < 18
            sent[job_id], answered[job_id] = now, now + chance.choice((0.1, 0.5, 3.0, 9.0))
        else:
            now += 0.25
        assert now < NOW + 600


def test_a_request_without_an_answer_keeps_its_place(store: Store) -> None:
    ask(store, images=8), ask(store, images=8), ask(store, images=8)
    sent = [send(store, NOW) for _ in range(18)]
    assert None not in sent
    assert send(store, NOW + 60) is None
    assert store.window_frees_at(NOW + 60) == NOW + 70.5
    store.answered(sent[0], NOW + 60)
    assert send(store, NOW + 70) is None
    assert store.window_frees_at(NOW + 70) == NOW + 70.5
    assert send(store, NOW + 70.6) is not None
    assert send(store, NOW + 70.6) is None


def test_a_request_that_was_lost_long_ago_gives_its_place_back(store: Store) -> None:
    ask(store, images=8), ask(store, images=8), ask(store, images=8)
    assert None not in [send(store, NOW) for _ in range(18)]
    assert send(store, NOW + 179) is None
    assert send(store, NOW + 181) is not None


def test_the_limit_is_one_for_all_servers(store: Store, other: Store) -> None:
    ask(store, images=8), ask(store, images=8), ask(store, images=8)
    sent = [send(one, NOW) for one in (store, other) * 12]
    assert len([job_id for job_id in sent if job_id]) == 18


def test_with_room_there_is_nothing_to_wait_for(store: Store) -> None:
    assert store.window_frees_at(NOW) is None


def test_a_job_that_the_limit_refused_waits_with_all_others_and_is_sent_again(store: Store) -> None:
    [refused] = ask(store)
    [behind] = ask(store, "Ben", at=NOW + 1)
    assert send(store, NOW + 2) == refused.id
    store.refused_for_now(refused.id, NOW + 2, problem="TooManyRequests", fail_code="429")
    store.answered(refused.id, NOW + 2)
    assert store.job(refused.id).state == State.QUEUED
    assert store.next_turn(NOW + 12) is None
    assert store.next_due(NOW + 12) == NOW + 12.5
    assert {send(store, NOW + 13), send(store, NOW + 13)} == {refused.id, behind.id}
    assert store.job(refused.id).problem is None


# -- turns


def test_people_take_turns(store: Store) -> None:
    for number, (person, images) in enumerate((("Ann", 5), ("Ben", 3), ("Cem", 1))):
        ask(store, person, images, at=NOW + number)
    turns = [store.job(store.next_turn(NOW + 5)).person for _ in range(9)]
    assert turns == ["Ann", "Ben", "Cem", "Ann", "Ben", "Ann", "Ben", "Ann", "Ann"]
    assert store.next_turn(NOW + 5) is None


def test_who_comes_new_is_next(store: Store) -> None:
    ask(store, "Ann", 8)
    for _ in range(4):
        send(store, NOW)
    ask(store, "Ben", 2, at=NOW + 1)
    assert [store.job(store.next_turn(NOW + 2)).person for _ in range(4)] == ["Ben", "Ann", "Ben", "Ann"]


def test_one_persons_jobs_go_in_the_order_in_which_they_were_asked_for(store: Store) -> None:
    asked = [job.id for at in (3, 1, 2) for job in ask(store, images=2, at=NOW + at)]
    given = [store.next_turn(NOW + 5) for _ in range(6)]
    assert given == asked[2:4] + asked[4:6] + asked[0:2]


def test_a_turn_is_given_to_one_server(store: Store, other: Store) -> None:
    for _ in range(5):
        [job] = ask(store)
        given = at_once(*(partial(one.next_turn, NOW) for one in (store, other) * 3))
        assert [job_id for job_id in given if job_id] == [job.id]


def test_only_who_has_the_turn_may_send(store: Store, other: Store) -> None:
    [job] = ask(store)
    store.next_turn(NOW)
    assert not other.begin_sending(job.id, NOW)
    assert store.begin_sending(job.id, NOW)
    assert not store.begin_sending(job.id, NOW)


# -- servers


def test_what_a_dead_server_was_sending_becomes_unsure(store: Store, other: Store) -> None:
    ask(store)
    job_id = send(store, NOW)
    other.beat(NOW + 11)
    assert other.adopt(NOW + 11) == [job_id]
    job = other.job(job_id)
    assert (job.state, job.problem, job.next_at) == (State.UNSURE, "Unsure", None)
    assert other.adopt(NOW + 11) == []
    assert other.next_turn(NOW + 11) is None


def test_what_a_living_server_is_sending_stays(store: Store, other: Store) -> None:
    ask(store)
    job_id = send(store, NOW)
    store.beat(NOW + 8)
    assert other.adopt(NOW + 11) == []
    assert store.job(job_id).state == State.SENDING


def test_a_sending_of_our_own_that_nobody_is_busy_with_becomes_unsure(store: Store) -> None:
    ask(store, images=2)
    busy, lost = send(store, NOW), send(store, NOW)
    assert store.adopt(NOW, busy=[busy]) == [lost]
    assert (store.job(busy).state, store.job(lost).state) == (State.SENDING, State.UNSURE)


def test_what_a_dead_server_was_uploading_is_queued_again(store: Store, other: Store) -> None:
    [job] = ask(store)
    store.next_turn(NOW)
    assert other.adopt(NOW + 5) == []
    assert other.next_turn(NOW + 5) is None
    other.beat(NOW + 11)
    other.adopt(NOW + 11)
    assert other.job(job.id).state == State.QUEUED
    assert send(other, NOW + 11) == job.id


@pytest.mark.parametrize("state", [State.RUNNING, State.FETCHING])
def test_what_a_dead_server_followed_is_taken_over(store: Store, other: Store, state: State) -> None:
    job = job_in(store, state, next_at=NOW)
    assert store.due(NOW, 10) == [(job.id, state)]
    assert other.due(NOW + 9, 10) == []
    assert other.due(NOW + 11, 10) == [(job.id, state)]


def test_a_server_that_closes_gives_its_work_back_at_once(url: str, store: Store) -> None:
    ask(store, images=3)
    running, uploading, sending = (store.next_turn(NOW) for _ in range(3))
    for job_id in (running, sending):
        store.begin_sending(job_id, NOW)
    store.move(running, State.SENDING, State.RUNNING, NOW, next_at=NOW)
    store.close()
    [other] = [next(opened(url))]
    assert other.adopt(NOW) == [sending]
    assert other.due(NOW, 10) == [(running, State.RUNNING)]
    assert other.next_turn(NOW) == uploading
    other.close()


def test_a_job_is_followed_by_one_of_two_servers(store: Store, other: Store) -> None:
    for _ in range(5):
        job = job_in(store, State.RUNNING, next_at=NOW)
        given = at_once(*(partial(one.due, NOW, 10) for one in (store, other) * 3))
        winners = {id(one) for one, due in zip((store, other) * 3, given, strict=True) if due}
        assert len(winners) == 1
        store.note(job.id, State.RUNNING, next_at=None)


def test_the_longest_overdue_comes_first_and_the_busy_not_at_all(store: Store) -> None:
    late, later, latest, future = (job_in(store, State.RUNNING, next_at=NOW + at).id for at in (-9, -5, -1, 5))
    assert [job_id for job_id, _ in store.due(NOW, 2)] == [late, later]
    assert [job_id for job_id, _ in store.due(NOW, 9, busy=[late])] == [later, latest]
    assert store.next_due(NOW, busy=[late, later, latest]) == NOW + 5
    assert store.next_due(NOW, busy=[late, later, latest, future]) is None


def test_a_job_that_is_looked_at_no_more_is_never_due(store: Store) -> None:
    job_in(store, State.RUNNING, next_at=None)
    job_in(store, State.DONE, next_at=NOW)
    job_in(store, State.UNSURE, next_at=NOW)
    assert store.due(NOW, 10) == []
    assert store.next_due(NOW) is None


# -- a clock that is set back


def test_a_clock_set_back_holds_no_job_up(store: Store) -> None:
    hour_ago = NOW - 3600
    running, queued = job_in(store, State.RUNNING, next_at=NOW + 10), ask(store)[0]
    store.beat(hour_ago)
    assert store.due(hour_ago, 10) == [(running.id, State.RUNNING)]
    assert store.next_turn(hour_ago) == queued.id


def test_a_clock_set_back_frees_the_window(store: Store) -> None:
    ask(store, images=8), ask(store, images=8), ask(store, images=8)
    for _ in range(18):
        store.answered(send(store, NOW), NOW)
    assert send(store, NOW - 5) is None
    assert send(store, NOW - 3600) is not None
    assert store.window_frees_at(NOW - 3600) is None


def test_a_clock_set_back_does_not_keep_a_dead_server_alive(store: Store, other: Store) -> None:
    ask(store)
    job_id = send(store, NOW)
    other.beat(NOW - 3600)
    assert other.adopt(NOW - 3600) == [job_id]


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
    assert store.held() == 4 * 18  # queued, uploading, sending, and running since the last reading
    store.add_balance(100, NOW + 1)
    assert store.held() == 3 * 18


def test_a_job_of_unknown_price_holds_nothing(store: Store) -> None:
    store.add_jobs("Ann", LIGHTHOUSE, "pressed", 2, None, NOW)
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
    assert [job.id for job in store.page(1, 3)] == asked[:3:-1]
    assert [job.id for job in store.page(3, 3)] == asked[:1]
    assert store.page(4, 3) == []
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
