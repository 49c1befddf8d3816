"""After an answer that promises more of its kind new jobs wait, and one careful job lifts that again."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kie.errors import CreditsShort, ServicePaused, Unsure
from kie.jobs import State
from kie.settings import Settings
from kie.store import Store, breaker, queue
from kie.store.breaker import FIRST_PAUSE_S, LONGEST_PAUSE_S
from kie.studio import Studio
from kie.studio import studio as studios
from kie.worker import tracker
from tests.support.fake_service import HTML, Behaviour, Rogue, acting, cut, envelope, held, says, status, told
from tests.support.images import picture
from tests.support.jobs import ended, hurry, project, submit, until, until_state
from tests.support.rows import NOW, ask

PAUSED = says(455, "maintenance")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch, reply_s=30)
    monkeypatch.setattr(tracker, "BEAT_S", 0.2)
    monkeypatch.setattr(queue, "SENDS_WINDOW_S", 0.3)


@pytest.fixture
def quick_brake(monkeypatch: pytest.MonkeyPatch) -> None:
    """A brake that tries again after a moment."""
    monkeypatch.setattr(breaker, "FIRST_PAUSE_S", 0.2)


@pytest.fixture
def rogue() -> Iterator[Rogue]:
    with Rogue() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, rogue: Rogue) -> Settings:
    return project(tmp_path / "project", rogue.url)


@pytest.fixture
def studio(settings: Settings) -> Iterator[Studio]:
    with Studio(settings) as opened_studio:
        until(opened_studio.credits.balance)
        yield opened_studio


def asked(rogue: Rogue, endpoint: str = "create") -> int:
    return len(rogue.requests(endpoint))


def stays_queued(studio: Studio, *jobs: object) -> None:
    """Give the tracker every reason to send these; it must not."""
    for _ in range(3):
        read = asked_balance(studio)
        studio.backend.tracker.want_balance()
        until(lambda read=read: asked_balance(studio) > read)
    assert {studio.jobs.get(job.id).state for job in jobs} == {State.QUEUED}


def asked_balance(studio: Studio) -> int:
    return len(studio.credits.readings(0))


# -- what puts it on


@pytest.mark.parametrize(
    ("incident", "problem"),
    [
        (says(402, "Credits insufficient"), "CreditsShort"),
        (says(429, "Insufficient credits"), "CreditsShort"),
        (says(433, "limit of this key"), "ServicePaused"),
        (says(455, "maintenance"), "ServicePaused"),
        (says(505, "switched off"), "ServicePaused"),
        (says(401, "unauthorized"), "KeyRefused"),
    ],
)
def test_an_answer_that_holds_for_all_jobs_holds_the_next_ones_back_at_once(
    studio: Studio, rogue: Rogue, incident: Behaviour, problem: str
) -> None:
    rogue.plan("create", always=incident)
    first = ended(studio, submit(studio))
    assert (first.state, first.problem) == (State.FAILED, problem)
    brake = until(studio.store.breaker.current)
    assert (brake.problem, brake.detail) == (problem, first.fail_message)
    stays_queued(studio, submit(studio), submit(studio, person="Ben"))
    assert (asked(rogue), rogue.balance) == (1, 1000)


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        (acting(cut), "Unsure"),
        (says(500, "Internal Error"), "Unsure"),
        (status(502, HTML), "Unsure"),
        (status(403, HTML), "Blocked"),
    ],
)
def test_three_failures_in_a_row_put_it_on_and_two_do_not(
    studio: Studio, rogue: Rogue, trouble: Behaviour, problem: str
) -> None:
    rogue.plan("create", always=trouble)
    for _ in range(2):
        ended(studio, submit(studio))
        assert studio.store.breaker.current() is None
    ended(studio, submit(studio))
    assert until(studio.store.breaker.current).problem == problem
    stays_queued(studio, submit(studio))
    assert asked(rogue) == 3


def test_a_service_that_is_not_there_puts_it_on(tmp_path: Path) -> None:
    with Rogue() as gone:
        settings = project(tmp_path / "project", gone.url)
    with Studio(settings) as studio:
        for _ in range(3):
            assert ended(studio, submit(studio)).problem == "Unreachable"
        assert until(studio.store.breaker.current).problem == "Unreachable"
        waiting = submit(studio)
        until(lambda: studio.backend.tracker.credit_problem)
        assert studio.jobs.get(waiting.id).state == State.QUEUED


@pytest.mark.parametrize(
    "sign", [says(422, "prompt too long"), says(400, "bad request"), says(429, "Too many requests")]
)
def test_a_no_to_one_request_is_a_sign_of_life(studio: Studio, rogue: Rogue, sign: Behaviour) -> None:
    lost = acting(cut)
    rogue.plan("create", lost, lost, sign)
    ended(studio, submit(studio)), ended(studio, submit(studio))
    ended(studio, submit(studio))
    rogue.plan("create", lost, lost)
    ended(studio, submit(studio)), ended(studio, submit(studio))
    assert studio.store.breaker.current() is None
    assert ended(studio, submit(studio)).state == State.DONE


def test_a_picture_between_them_means_that_failures_are_not_in_a_row(studio: Studio, rogue: Rogue) -> None:
    for _ in range(2):
        rogue.plan("create", cut, cut)
        ended(studio, submit(studio)), ended(studio, submit(studio))
        assert ended(studio, submit(studio)).state == State.DONE
    assert studio.store.breaker.current() is None


# -- while it is on


def test_what_runs_is_still_looked_at_and_fetched(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", always=told(state="generating", resultJson=""))
    running = until_state(studio, submit(studio), State.RUNNING)
    rogue.plan("create", always=PAUSED)
    ended(studio, submit(studio))
    until(studio.store.breaker.current)
    waiting = submit(studio)
    rogue.plan("record")
    assert ended(studio, running).state == State.DONE
    assert studio.store.breaker.current()
    assert studio.jobs.get(waiting.id).state == State.QUEUED
    assert asked(rogue) == 2


def test_a_waiting_job_can_be_cancelled(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", always=PAUSED)
    ended(studio, submit(studio))
    until(studio.store.breaker.current)
    waiting = submit(studio)
    assert studio.submissions.cancel(waiting.id)
    assert asked(rogue) == 1


def test_a_job_that_uploads_when_it_comes_on_gives_its_turn_back(
    studio: Studio, settings: Settings, rogue: Rogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, gate = settings.root / "mine.png", threading.Event()
    path.write_bytes(picture())
    with path.open("rb") as stream:
        reference = studio.references.add("mine.png", stream).id
    monkeypatch.undo()
    rogue.plan("upload", always=held(gate))
    rogue.plan("create", always=PAUSED)
    slow = submit(studio, references=(reference,))
    until(lambda: asked(rogue, "upload"))
    ended(studio, submit(studio))
    until(studio.store.breaker.current)
    gate.set()
    until_state(studio, slow, State.QUEUED)
    stays_queued(studio, slow)
    rogue.plan("create")
    studio.attention.try_now()
    assert ended(studio, slow).state == State.DONE
    assert (asked(rogue), asked(rogue, "upload")) == (2, 1)


# -- what takes it off


def test_it_lifts_itself_once_the_service_takes_jobs_again(studio: Studio, rogue: Rogue, quick_brake: None) -> None:
    rogue.plan("create", PAUSED)
    ended(studio, submit(studio))
    jobs = [submit(studio) for _ in range(4)]
    assert [ended(studio, job).state for job in jobs] == [State.DONE] * 4
    assert studio.store.breaker.current() is None
    assert (asked(rogue), len(rogue.tasks)) == (5, 4)


def test_one_careful_job_goes_first_and_never_two(studio: Studio, rogue: Rogue, quick_brake: None) -> None:
    gate = threading.Event()
    rogue.plan("create", PAUSED, held(gate))
    ended(studio, submit(studio))
    read = asked(rogue, "credit")
    jobs = [submit(studio, person=person) for person in ("Ann", "Ben", "Cem")]
    until(lambda: asked(rogue) == 2)
    assert asked(rogue, "credit") > read
    read = asked_balance(studio)
    studio.attention.try_now()
    until(lambda: asked_balance(studio) > read)
    assert sorted(studio.jobs.get(job.id).state for job in jobs) == [State.QUEUED, State.QUEUED, State.SENDING]
    assert asked(rogue) == 2
    gate.set()
    assert [ended(studio, job).state for job in jobs] == [State.DONE] * 3


def test_no_job_is_risked_while_the_balance_does_not_answer(studio: Studio, rogue: Rogue, quick_brake: None) -> None:
    rogue.plan("create", PAUSED)
    rogue.plan("credit", always=status(502, HTML))
    ended(studio, submit(studio))
    job, read = submit(studio), asked(rogue, "credit")
    until(lambda: asked(rogue, "credit") >= read + 2)
    assert (asked(rogue), studio.jobs.get(job.id).state) == (1, State.QUEUED)
    rogue.plan("credit")
    assert ended(studio, job).state == State.DONE


def test_no_job_is_risked_while_the_credits_are_below_its_price(
    studio: Studio, rogue: Rogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "FIRST_PAUSE_S", 3600)
    rogue.plan("create", says(402, "Credits insufficient"))
    ended(studio, submit(studio))
    until(studio.store.breaker.current)
    job = submit(studio)  # asked for before the balance is known to be short, which would not take it
    rogue.plan("credit", always=lambda exchange: exchange.answer(*envelope(17.5)))
    studio.backend.tracker.want_balance()
    until(
        lambda: studio.credits.readings(0)[-1].credits == 17.5
    )  # none of the readings from before is still on its way
    for tries in (2, 3, 4):
        studio.attention.try_now()
        until(lambda tries=tries: sum(one.credits == 17.5 for one in studio.credits.readings(0)) >= tries)
        until(lambda: studio.store.breaker.current().try_at > time.time())  # what was read has been weighed
    assert (asked(rogue), studio.jobs.get(job.id).state) == (1, State.QUEUED)
    rogue.plan("credit")
    studio.attention.try_now()
    assert ended(studio, job).state == State.DONE


def test_a_person_can_have_it_tried_at_once(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", PAUSED, PAUSED)
    ended(studio, submit(studio))
    first, second = submit(studio), submit(studio)
    until(studio.store.breaker.current)
    studio.attention.try_now()
    assert ended(studio, first).problem == "ServicePaused"
    assert studio.jobs.get(second.id).state == State.QUEUED
    until(lambda: studio.store.breaker.current().try_at - time.time() > FIRST_PAUSE_S)
    studio.attention.try_now()
    assert ended(studio, second).state == State.DONE
    assert studio.store.breaker.current() is None


def test_a_changed_key_is_tried_at_once(tmp_path: Path, rogue: Rogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studios, "KEY_LOOK_S", 0.05)
    settings = project(tmp_path / "project", rogue.url, KIE_API_KEY="")
    settings.key_file.write_text("a-key-that-was-withdrawn")
    rogue.plan("create", says(401, "unauthorized"))
    with Studio(settings) as studio:
        ended(studio, submit(studio))
        job = submit(studio)
        assert until(studio.store.breaker.current).problem == "KeyRefused"
        stays_queued(studio, job)
        settings.key_file.write_text("a-key-that-is-valid")
        assert ended(studio, job).state == State.DONE
        assert rogue.requests("create")[-1].headers["authorization"] == "Bearer a-key-that-is-valid"
        assert studio.store.breaker.current() is None


def test_it_survives_a_restart(settings: Settings, rogue: Rogue) -> None:
    rogue.plan("create", PAUSED)
    with Studio(settings) as studio:
        ended(studio, submit(studio))
        job, told_before = submit(studio), until(studio.store.breaker.current)
    with Studio(settings) as studio:
        assert studio.store.breaker.current() == told_before
        stays_queued(studio, job)
        studio.attention.try_now()
        assert ended(studio, job).state == State.DONE
        assert (asked(rogue), len(rogue.tasks)) == (2, 1)


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
    assert store.breaker.current().try_at == NOW + FIRST_PAUSE_S


def test_nobody_asks_the_service_while_no_job_waits(store: Store) -> None:
    store.breaker.record_failure(ServicePaused(), NOW)
    assert not store.queue.next_work(NOW + LONGEST_PAUSE_S).wants_probe
    assert store.queue.next_work(NOW).probe_due is None
    ask(store)
    assert store.queue.next_work(NOW + LONGEST_PAUSE_S).wants_probe
    assert store.queue.next_work(NOW).probe_due == NOW + FIRST_PAUSE_S


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
