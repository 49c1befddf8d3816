"""Turns to send, the account's limit, and servers that live and die."""

import random
from functools import partial

import pytest

from kie.jobs import State
from kie.store import Store
from tests.support.rows import NOW, ask, at_once, job_in, opened, send

# -- the account's limit


def test_no_ten_seconds_ever_see_more_than_eighteen_paid_requests(store: Store) -> None:
    chance = random.Random(7)
    for person in ("Ann", "Ben", "Cem"):
        for _ in range(3):
            ask(store, person, images=8)
    sent: dict[str, float] = {}
    answered: dict[str, float] = {}
    open_ones: set[str] = set()
    now = NOW
    while len(answered) < 72:
        for job_id in [job_id for job_id in open_ones if answered[job_id] <= now]:
            open_ones.remove(job_id)
            store.queue.record_send_reply(job_id, answered[job_id])
        if (job_id := send(store, now)) is not None:
            in_sight = [one for one in sent if answered[one] > now - 10]
            assert len(in_sight) < 18
            sent[job_id], answered[job_id] = now, now + chance.choice((0.1, 0.5, 3.0, 9.0))
            open_ones.add(job_id)
        else:
            now += 0.25
        assert now < NOW + 600


def test_a_request_without_an_answer_keeps_its_place(store: Store) -> None:
    ask(store, images=8), ask(store, images=8), ask(store, images=8)
    sent = [send(store, NOW) for _ in range(18)]
    assert None not in sent
    assert send(store, NOW + 60) is None
    assert store.queue.window_frees_at(NOW + 60) == NOW + 70.5
    store.queue.record_send_reply(sent[0], NOW + 60)
    assert send(store, NOW + 70) is None
    assert store.queue.window_frees_at(NOW + 70) == NOW + 70.5
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


def test_a_turn_keeps_its_place_until_it_is_sent_and_gives_it_back_while_its_upload_waits(store: Store) -> None:
    ask(store, images=8), ask(store, images=8), ask(store, images=8)
    holders = [store.queue.next_turn(NOW) for _ in range(18)]
    assert None not in holders
    assert store.queue.next_turn(NOW) is None
    assert store.queue.begin_sending(holders[0], NOW)
    assert store.queue.next_turn(NOW) is None
    store.jobs.note(holders[1], State.UPLOADING, next_at=NOW + 30)  # another try at an upload
    assert store.queue.next_turn(NOW) is not None
    assert store.queue.next_turn(NOW) is None
    store.jobs.move(holders[2], State.UPLOADING, State.CANCELLED, NOW)
    assert store.queue.next_turn(NOW) is not None


def test_with_room_there_is_nothing_to_wait_for(store: Store) -> None:
    assert store.queue.window_frees_at(NOW) is None


def test_a_job_that_the_limit_refused_waits_with_all_others_and_is_sent_again(store: Store) -> None:
    [refused] = ask(store)
    [behind] = ask(store, "Ben", at=NOW + 1)
    assert send(store, NOW + 2) == refused.id
    store.queue.requeue_after_429(refused.id, NOW + 2, problem="TooManyRequests", fail_code="429")
    store.queue.record_send_reply(refused.id, NOW + 2)
    assert store.jobs.get(refused.id).state == State.QUEUED
    assert store.queue.next_turn(NOW + 12) is None
    assert store.queue.next_work(NOW + 12).next_due == NOW + 12.5
    assert {send(store, NOW + 13), send(store, NOW + 13)} == {refused.id, behind.id}
    assert store.jobs.get(refused.id).problem is None


# -- turns


def test_people_take_turns(store: Store) -> None:
    for number, (person, images) in enumerate((("Ann", 5), ("Ben", 3), ("Cem", 1))):
        ask(store, person, images, at=NOW + number)
    turns = [store.jobs.get(store.queue.next_turn(NOW + 5)).person for _ in range(9)]
    assert turns == ["Ann", "Ben", "Cem", "Ann", "Ben", "Ann", "Ben", "Ann", "Ann"]
    assert store.queue.next_turn(NOW + 5) is None


def test_who_comes_new_is_next(store: Store) -> None:
    ask(store, "Ann", 8)
    for _ in range(4):
        send(store, NOW)
    ask(store, "Ben", 2, at=NOW + 1)
    assert [store.jobs.get(store.queue.next_turn(NOW + 2)).person for _ in range(4)] == ["Ben", "Ann", "Ben", "Ann"]


def test_one_persons_jobs_go_in_the_order_in_which_they_were_asked_for(store: Store) -> None:
    asked = [job.id for at in (3, 1, 2) for job in ask(store, images=2, at=NOW + at)]
    given = [store.queue.next_turn(NOW + 5) for _ in range(6)]
    assert given == asked[2:4] + asked[4:6] + asked[0:2]


def test_a_turn_is_given_to_one_server(store: Store, other: Store) -> None:
    for _ in range(5):
        [job] = ask(store)
        given = at_once(*(partial(one.queue.next_turn, NOW) for one in (store, other) * 3))
        assert [job_id for job_id in given if job_id] == [job.id]


def test_only_who_has_the_turn_may_send(store: Store, other: Store) -> None:
    [job] = ask(store)
    store.queue.next_turn(NOW)
    assert not other.queue.begin_sending(job.id, NOW)
    assert store.queue.begin_sending(job.id, NOW)
    assert not store.queue.begin_sending(job.id, NOW)


# -- servers


def test_what_a_dead_server_was_sending_becomes_unsure(store: Store, other: Store) -> None:
    ask(store)
    job_id = send(store, NOW)
    other.queue.heartbeat(NOW + 11)
    assert other.queue.recover_orphans(NOW + 11) == [job_id]
    job = other.jobs.get(job_id)
    assert (job.state, job.problem, job.next_at) == (State.UNSURE, "Unsure", None)
    assert other.queue.recover_orphans(NOW + 11) == []
    assert other.queue.next_turn(NOW + 11) is None


def test_what_a_living_server_is_sending_stays(store: Store, other: Store) -> None:
    ask(store)
    job_id = send(store, NOW)
    store.queue.heartbeat(NOW + 8)
    assert other.queue.recover_orphans(NOW + 11) == []
    assert store.jobs.get(job_id).state == State.SENDING


def test_a_sending_of_our_own_that_nobody_is_busy_with_becomes_unsure(store: Store) -> None:
    ask(store, images=2)
    busy, lost = send(store, NOW), send(store, NOW)
    assert store.queue.recover_orphans(NOW, busy=[busy]) == [lost]
    assert (store.jobs.get(busy).state, store.jobs.get(lost).state) == (State.SENDING, State.UNSURE)


def test_what_a_dead_server_was_uploading_is_queued_again(store: Store, other: Store) -> None:
    [job] = ask(store)
    store.queue.next_turn(NOW)
    assert other.queue.recover_orphans(NOW + 5) == []
    assert other.queue.next_turn(NOW + 5) is None
    other.queue.heartbeat(NOW + 11)
    other.queue.recover_orphans(NOW + 11)
    assert other.jobs.get(job.id).state == State.QUEUED
    assert send(other, NOW + 11) == job.id


@pytest.mark.parametrize("state", [State.RUNNING, State.FETCHING])
def test_what_a_dead_server_followed_is_taken_over(store: Store, other: Store, state: State) -> None:
    job = job_in(store, state, next_at=NOW)
    assert store.queue.due(NOW, 10) == [(job.id, state)]
    assert other.queue.due(NOW + 9, 10) == []
    assert other.queue.due(NOW + 11, 10) == [(job.id, state)]


def test_a_server_that_closes_gives_its_work_back_at_once(url: str, store: Store) -> None:
    ask(store, images=3)
    running, uploading, sending = (store.queue.next_turn(NOW) for _ in range(3))
    for job_id in (running, sending):
        store.queue.begin_sending(job_id, NOW)
    store.jobs.move(running, State.SENDING, State.RUNNING, NOW, next_at=NOW)
    store.close()
    [other] = [next(opened(url))]
    assert other.queue.recover_orphans(NOW) == [sending]
    assert other.queue.due(NOW, 10) == [(running, State.RUNNING)]
    assert other.queue.next_turn(NOW) == uploading
    other.close()


def test_a_job_is_followed_by_one_of_two_servers(store: Store, other: Store) -> None:
    for _ in range(5):
        job = job_in(store, State.RUNNING, next_at=NOW)
        given = at_once(*(partial(one.queue.due, NOW, 10) for one in (store, other) * 3))
        winners = {id(one) for one, due in zip((store, other) * 3, given, strict=True) if due}
        assert len(winners) == 1
        store.jobs.note(job.id, State.RUNNING, next_at=None)


def test_the_longest_overdue_comes_first_and_the_busy_not_at_all(store: Store) -> None:
    late, later, latest, future = (job_in(store, State.RUNNING, next_at=NOW + at).id for at in (-9, -5, -1, 5))
    assert [job_id for job_id, _ in store.queue.due(NOW, 2)] == [late, later]
    assert [job_id for job_id, _ in store.queue.due(NOW, 9, busy=[late])] == [later, latest]
    assert store.queue.next_work(NOW, busy=[late, later, latest]).next_due == NOW + 5
    assert store.queue.next_work(NOW, busy=[late, later, latest, future]).next_due is None


def test_a_job_that_is_looked_at_no_more_is_never_due(store: Store) -> None:
    job_in(store, State.RUNNING, next_at=None)
    job_in(store, State.DONE, next_at=NOW)
    job_in(store, State.UNSURE, next_at=None)
    assert store.queue.due(NOW, 10) == []
    assert store.queue.next_work(NOW).next_due is None


# -- a clock that is set back


def test_a_clock_set_back_holds_no_job_up(store: Store) -> None:
    hour_ago = NOW - 3600
    running, queued = job_in(store, State.RUNNING, next_at=NOW + 10), ask(store)[0]
    store.queue.heartbeat(hour_ago)
    assert store.queue.due(hour_ago, 10) == [(running.id, State.RUNNING)]
    assert store.queue.next_turn(hour_ago) == queued.id


def test_a_clock_set_back_frees_the_window(store: Store) -> None:
    ask(store, images=8), ask(store, images=8), ask(store, images=8)
    for _ in range(18):
        store.queue.record_send_reply(send(store, NOW), NOW)
    assert send(store, NOW - 5) is None
    assert send(store, NOW - 3600) is not None
    assert store.queue.window_frees_at(NOW - 3600) is None


def test_a_clock_set_back_does_not_keep_a_dead_server_alive(store: Store, other: Store) -> None:
    ask(store)
    job_id = send(store, NOW)
    other.queue.heartbeat(NOW - 3600)
    assert other.queue.recover_orphans(NOW - 3600) == [job_id]


@pytest.mark.parametrize(
    ("state", "problem", "then"),
    [
        (State.RUNNING, "SilentForADay", None),
        (State.RUNNING, "TaskNotFound", None),
        (State.FETCHING, "NotFetchedForADay", "PictureNotFetched"),
    ],
)
def test_a_start_looks_again_for_what_nobody_looked_for_any_more(
    store: Store, state: State, problem: str, then: str | None
) -> None:
    job = job_in(store, state, problem=problem, task_id="t", next_at=None)
    store.queue.poll_again_after_start(NOW)
    assert (store.jobs.get(job.id).next_at, store.jobs.get(job.id).problem) == (NOW, then)
    assert store.jobs.needing_attention() == []
