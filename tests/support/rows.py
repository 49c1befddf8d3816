"""Helpers to create jobs in any state, and to run calls concurrently."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from kie.generation import Generation, Submission, SubmissionItem
from kie.history.query import Query
from kie.jobs import Job, State
from kie.store import Reference, Store
from kie.studio import Studio

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
    made.queue.heartbeat(NOW)
    yield made
    made.close()


def ask(store: Store, person: str = "Ann", images: int = 1, at: float = NOW, **options: object) -> list[Job]:
    generation = Generation("a lighthouse", **options)
    return queue_submission(store, person, generation, f"submit-{next(ids)}", images, 18.0, at)


def queue_submission(
    store: Store, person: str, generation: Generation, submit_id: str, images: int, price: float | None, at: float
) -> list[Job]:
    """Queue a submission of one request and return its jobs. Its references are created first."""
    for used in set(generation.references):
        store.references.add(Reference(used, "cat.png", "png", 8, 8, 80, f"references/{used[:2]}/{used}.png", at, at))
    store.submissions.add(Submission(person, submit_id, (SubmissionItem(generation, images, price=price),)), at)
    return store.jobs.of_submission(submit_id)


def bring(store: Store, job: Job, state: State, **values: object) -> Job:
    """Move a new job to a state through allowed transitions."""
    left = State.QUEUED
    for step in WAY[state]:
        assert store.jobs.move(job.id, left, step, NOW, **values)
        left = step
    return store.jobs.get(job.id)


def job_in(store: Store, state: State, **values: object) -> Job:
    return bring(store, ask(store)[0], state, **values)


def found_ids(place: Store | Studio, query: Query, limit: int = 1000) -> list[str]:
    """The ids of the first jobs that match a query."""
    return [job.id for job in place.search.page(query, 1, limit).jobs]


def send(store: Store, now: float) -> str | None:
    """Select the next job and start sending it, if there is one and the rate limiter allows it. Returns its id or None."""
    job_id = store.queue.next_turn(now)
    return job_id if job_id and store.queue.begin_sending(job_id, now) else None


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Run calls concurrently in threads, started at the same time, and return their results."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
