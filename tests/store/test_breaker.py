"""The circuit breaker's row: when it is tested, how long it pauses, and how servers share it."""

from kie.errors import CreditsShort, ServicePaused, Unsure
from kie.jobs import State
from kie.store import Store
from kie.timing import Timing
from tests.support.rows import NOW, ask


def test_a_kill_in_the_careful_try_does_not_keep_it_on_for_ever(store: Store) -> None:
    ask(store)
    store.breaker.record_failure(ServicePaused("maintenance"), NOW)
    later = store.breaker.current().try_at
    store.breaker.record_balance(1000, later)
    assert store.queue.next_turn(later)
    again = later + 61
    store.queue.heartbeat(again)
    store.queue.recover_orphans(again + 20)
    assert store.queue.next_work(again + 20).wants_probe


# -- the pause


def test_the_pause_doubles_with_each_careful_try_that_fails_and_has_an_end(store: Store) -> None:
    ask(store, images=8)
    now, pauses = NOW, []
    for _ in range(8):
        store.breaker.record_failure(ServicePaused("maintenance"), now)
        pauses.append(store.breaker.current().try_at - now)
        now = store.breaker.current().try_at
        store.breaker.record_balance(1000, now)
        job_id = store.queue.next_turn(now)
        assert store.queue.begin_sending(job_id, now)
        store.jobs.move(job_id, State.SENDING, State.FAILED, now)
        store.queue.record_send_reply(job_id, now)
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300]
    assert store.breaker.current().since == NOW


def test_the_pause_grows_while_the_balance_does_not_answer(store: Store) -> None:
    ask(store)
    store.breaker.record_failure(ServicePaused(), NOW)
    moments = []
    for _ in range(8):
        now = store.breaker.current().try_at
        moments.append(now - NOW)
        store.breaker.record_balance(None, now)
    assert moments == [10, 20, 40, 80, 160, 320, 620, 920]


def test_answers_to_what_was_sent_before_it_do_not_lengthen_the_pause(store: Store) -> None:
    for _ in range(6):
        store.breaker.record_failure(CreditsShort("Credits insufficient"), NOW)
    assert store.breaker.current().try_at == NOW + Timing().first_pause_s


def test_nobody_asks_the_service_while_no_job_waits(store: Store) -> None:
    store.breaker.record_failure(ServicePaused(), NOW)
    assert not store.queue.next_work(NOW + Timing().longest_pause_s).wants_probe
    assert store.queue.next_work(NOW).probe_due is None
    ask(store)
    assert store.queue.next_work(NOW + Timing().longest_pause_s).wants_probe
    assert store.queue.next_work(NOW).probe_due == NOW + Timing().first_pause_s


# -- two servers


def test_two_servers_on_one_database_share_it_and_one_of_them_tries(store: Store, other: Store) -> None:
    ask(store, "Ann"), ask(store, "Ben")
    for number in range(3):
        (store, other)[number % 2].breaker.record_failure(Unsure("the connection was cut"), NOW)
    assert store.breaker.current() == other.breaker.current() is not None
    later = store.breaker.current().try_at
    for one in (store, other):
        one.queue.heartbeat(later)
        assert one.queue.next_turn(later) is None
    other.breaker.record_balance(1000, later)
    taken = [one.queue.next_turn(later) for one in (store, other, store, other)]
    assert len([job_id for job_id in taken if job_id]) == 1
    other.breaker.record_success()
    assert store.breaker.current() is None
    assert store.queue.next_turn(later)
