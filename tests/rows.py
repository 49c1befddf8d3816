"""Jobs as rows, brought to any state by allowed moves, and calls that come at once."""

import itertools
import threading
from collections.abc import Callable, Iterator

from kie.generation import Generation, Press, Wanted
from kie.jobs import Job, State
from kie.store import Store

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


def opened(url: str) -> Iterator[Store]:
    made = Store(url)
    made.open()
    made.beat(NOW)
    yield made
    made.close()


def ask(store: Store, person: str = "Ann", images: int = 1, at: float = NOW, **options: object) -> list[Job]:
    generation = Generation("a lighthouse", **options)
    return press(store, person, generation, f"submit-{next(ids)}", images, 18.0, at)


def press(
    store: Store, person: str, generation: Generation, submit_id: str, images: int, price: float | None, at: float
) -> list[Job]:
    """Write a press of one request, and return its jobs."""
    store.add_press(Press(person, submit_id, (Wanted(generation, images, price=price),)), at)
    return store.press(submit_id)


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
