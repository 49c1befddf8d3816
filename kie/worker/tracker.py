"""Scheduler: processes every open job step by step (upload, send, poll, download).

    scheduler thread ──> send     upload the references, send the paid request once
         ▲     │
       wake    └───────> poll     poll tasks, read the balance
                           └────> fetch, refetch     download the pictures
                                    └──────────────> prepare     decode them, make thumbnails

Each kind of work has a thread pool of its own, so polling never waits for downloads, nor downloads for the decoder.
Checks of references, files and hosts run in other pools.

All state is in the rows, so interrupted work is continued from there. A job with a task id is ended only by the service
or by a person.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from kie.client import Client
from kie.errors import DecoderClosed, NothingLearned, StudioError, Unsure
from kie.images.decoder import Decoder
from kie.images.files import Files
from kie.jobs import State
from kie.store import Store
from kie.store.queue import FOLLOWED
from kie.timing import Timing
from kie.worker.integrity import IntegrityCheck
from kie.worker.poller import Poller
from kie.worker.submitter import Submitter
from kie.worker.threads import DaemonPool, Next, Step

log = logging.getLogger(__name__)

SENDERS = 6
POLLERS = 6
# Failed downloads have a pool of their own, so that slow ones do not delay new ones.
POOLS = {"send": SENDERS, "poll": POLLERS, "fetch": 8, "refetch": 4, "prepare": 8, "check": 8, "background": 2}
BIN_S = 3600.0
RETRY_S = 1.0


class Tracker:
    """A scheduler thread with a thread pool for each kind of work. `publish` is called with changed topics, from any thread."""

    def __init__(
        self,
        store: Store,
        files: Files,
        client: Client,
        decoder: Decoder,
        upload_host: str,
        publish: Callable[[set[str]], None],
        callback_url: Callable[[str], str | None],
        timing: Timing,
    ):
        self._store, self._files, self._client, self._publish = store, files, client, publish
        self._timing = timing
        self._pools = {name: DaemonPool(name, count) for name, count in POOLS.items()}
        self._thread = threading.Thread(target=self._run, name="tracker", daemon=True)
        self._wakeup, self._stopping = threading.Event(), threading.Event()
        # The pool that works on a job or checks a reference, by its id.
        self._busy: dict[str, str] = {}
        # The references to check once more, because a check that is running may not see a file that was added again.
        self._check_again: set[str] = set()
        self._busy_lock = threading.Lock()
        both = (store, files, client, decoder, self.publish_job, callback_url, self.want_balance, timing)
        self._submitter = Submitter(*both, upload_host, self._stopping, self.check_reference)
        self._poller = Poller(*both)
        self.integrity = IntegrityCheck(store, files, decoder, self.publish_job, self._stopping.is_set)
        self._bin_at = 0.0
        self._balance_at = math.inf
        self._reading_balance = False
        self._beat_at = 0.0
        self._wait_s = RETRY_S
        self.credit_problem: StudioError | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the scheduler thread is running."""
        return self._thread.is_alive() and not self._stopping.is_set()

    def start(self) -> None:
        """Start, and continue the open jobs of earlier runs. The first heartbeat recovers the jobs of servers that were killed."""
        self._store.queue.poll_again_after_start(time.time())
        for reference_id in self._store.references.unchecked():
            self.check_reference(reference_id)
        self.do(self.integrity.find_missing)
        self.want_balance()
        # Last, because a start that fails before this is repeated, and would leave the threads running.
        for pool in self._pools.values():
            pool.start()
        self._thread.start()

    def stop(self) -> None:
        """Start nothing new, wait for running requests, and return within 5 s. Open jobs continue at the next start."""
        self._stopping.set()
        self._wakeup.set()
        until = time.monotonic() + self._timing.stop_s
        self._thread.join(self._timing.stop_s)
        for pool in self._pools.values():
            pool.end()
        for name, pool in self._pools.items():
            if not pool.join(until):
                log.warning("stopped while the pool %s was still at work; its jobs go on at the next start", name)

    def publish_job(self, job_id: str) -> None:
        """Publish that a job has changed. Does nothing while the tracker is stopping, when the database may be closed."""
        person = None if self._stopping.is_set() else self._store.jobs.person(job_id)
        if person is not None:
            self._publish({"jobs", f"person:{person}", "attention", "incidents"})

    def wake(self) -> None:
        """Schedule now. Call this after queueing a job."""
        self._wakeup.set()

    def want_balance(self) -> None:
        """Have the balance read soon. Several calls cause one request."""
        self._balance_at = 0.0
        self.wake()

    def check_reference(self, reference_id: str) -> None:
        """Decode a new reference and make its thumbnail in the background, unless that was done."""
        self._start(reference_id, "check", partial(self._check, reference_id))

    def do(self, task: Callable[[], None]) -> None:
        """Run a background task that no job waits for."""
        self._pools["background"].do(partial(self._run_step, "", task))

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            self._wakeup.clear()
            self._wait_s = RETRY_S
            self._run_safely(self._schedule)
            self._wakeup.wait(self._wait_s)
            self._stopping.wait(max(0.0, began + self._timing.rounds_apart_s - time.monotonic()))

    def _schedule(self) -> None:
        """Start everything that is due, and set the time until the next round."""
        now = time.time()
        self._heartbeat(now)
        next_work = self._store.queue.next_work(now, self._busy_now())
        if next_work.is_due:
            self._start_due(now)
            next_work = self._store.queue.next_work(now, self._busy_now())
        if next_work.wants_probe:
            self._balance_at = 0.0
        if self._balance_at <= now and not self._reading_balance:
            self._reading_balance, self._balance_at = True, math.inf
            self._pools["poll"].do(partial(self._run_step, "", self._read_balance))
        if self._bin_at <= now:
            self._bin_at = now + BIN_S
            self.do(partial(self.integrity.tidy, now))
        moments = (
            next_work.next_due,
            next_work.frees_at,
            next_work.probe_due,
            None if self._reading_balance else self._balance_at,
            self._beat_at + self._timing.heartbeat_s,
            self._bin_at,
        )
        self._wait_s = max(0.02, min(at for at in moments if at is not None) - time.time())

    def _start_due(self, now: float) -> None:
        while [*self._busy_now().values()].count("send") < SENDERS and (job_id := self._store.queue.next_turn(now)):
            self._start(job_id, "send", partial(self._step, job_id))
        for job_id, state in self._store.queue.due(now, limit=4 * POLLERS, busy=self._busy_now()):
            self._start(job_id, "send" if state == State.UPLOADING else "poll", partial(self._step, job_id))

    def _heartbeat(self, now: float) -> None:
        """Record every few seconds that this server is alive, and recover the jobs of dead servers."""
        if 0 <= now - self._beat_at < self._timing.heartbeat_s:
            return
        self._store.queue.heartbeat(now)
        self._beat_at = now
        for job_id in self._store.queue.recover_orphans(now, self._busy_now()):
            log.warning("job %s is unsure: its server stopped while it was being sent", job_id)
            self.publish_job(job_id)

    def _busy_now(self) -> dict[str, str]:
        with self._busy_lock:
            return dict(self._busy)

    def _start(self, owner: str, pool: str, step: Step) -> None:
        """Have a pool run a step of a job or a check of a reference, unless one of the same `owner` is running.

        A check is repeated then.
        """
        with self._busy_lock:
            if owner in self._busy:
                if pool == "check":
                    self._check_again.add(owner)
                return
            self._busy[owner] = pool
        self._pools[pool].do(partial(self._run_step, owner, step))

    def _run_step(self, owner: str, step: Step) -> None:
        """Run a step, unless the tracker is stopping, and pass the following step to its pool. `owner` is "" for other tasks."""
        following = None if self._stopping.is_set() else self._run_safely(step, owner)
        with self._busy_lock:
            if owner in self._check_again:
                self._check_again.remove(owner)
                following = Next("check", step)
            if following:
                self._busy[owner] = following.pool
            else:
                self._busy.pop(owner, None)
        if following:
            self._pools[following.pool].do(partial(self._run_step, owner, following.step))
        else:
            self._wakeup.set()

    def _run_safely(self, step: Step, owner: str = "") -> Next | None:
        """Run a step and return the following one. After an unexpected exception, log it and try its job again later."""
        try:
            return step()
        except Exception:
            # The only broad handler: a bug in one step must not end the thread, which serves all jobs.
            log.exception("%s failed unexpectedly", f"a step of {owner}" if owner else "a background task")
            if owner:
                self._run_safely(partial(self._postpone, owner))
            return None

    def _postpone(self, job_id: str) -> None:
        """Reschedule a job after an unexpected exception. A job in `sending` becomes unsure."""
        now = time.time()
        if not self._store.jobs.move(job_id, State.SENDING, State.UNSURE, now, problem=Unsure.__name__):
            for state in FOLLOWED:
                self._store.jobs.note(job_id, state, next_at=now + self._timing.after_a_bug_s)
        self.publish_job(job_id)

    def _step(self, job_id: str) -> Next | None:
        job = self._store.jobs.get(job_id)
        step = {
            State.UPLOADING: self._submitter.send,
            State.UNSURE: self._poller.identify,
            State.RUNNING: self._poller.poll,
            State.FETCHING: self._poller.poll,
        }
        return step[job.state](job) if job and job.state in step else None

    def _check(self, reference_id: str) -> None:
        with suppress(DecoderClosed):
            self._submitter.check(reference_id)
        self._publish({"references"})

    def _read_balance(self) -> None:
        """Read the balance and save it. A failed read sets `credit_problem` and changes no figure."""
        began, repeats = time.time(), True
        try:
            credits = self._client.credits()
            self.credit_problem = None
            self._store.ledger.add_balance(credits, time.time(), began)
            self._store.breaker.record_balance(credits, time.time())
            repeats = False
        except StudioError as error:
            self.credit_problem = error
            self._store.breaker.record_balance(None, time.time())
            repeats = isinstance(error, NothingLearned)
        finally:
            if repeats:
                self._balance_at = min(self._balance_at, time.time() + self._timing.balance_retry_s)
            self._reading_balance = False
        self._publish({"readings", "credits", "key"})
