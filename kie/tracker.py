"""Moves every open job one step on: upload, create, look, fetch.

    scheduler thread ──> senders: upload the references, send the paid request once
         ▲     │
       wake    └───────> readers: look at tasks, fetch pictures, read the balance, check references

The truth is the row: whatever stops in the middle is taken up from there. A job with a task id is only ever ended by
the service's word or by a person.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from kie import pace
from kie.care import Care
from kie.client import Client
from kie.errors import NothingLearned, StudioError, Unsure
from kie.files import Files
from kie.jobs import State
from kie.looking import Looker
from kie.sending import Sender
from kie.store import Store
from kie.turns import FOLLOWED
from kie.workers import Workers

log = logging.getLogger(__name__)

SENDERS = 6
READERS = 6
BEAT_S = 3.0
BALANCE_RETRY_S = 60.0
STOP_S = 4.5
BIN_S = 3600.0
AFTER_TROUBLE_S = 1.0
# With hundreds of open jobs a step ends every few milliseconds: what has become free is handed out together.
ROUNDS_APART_S = 0.1


class Tracker:
    """One thread that schedules and two small pools. `publish` is called with the topics that changed, from any thread."""

    def __init__(
        self,
        store: Store,
        files: Files,
        client: Client,
        upload_host: str,
        publish: Callable[[set[str]], None],
        callback_url: Callable[[str], str | None] = lambda _: None,
    ):
        self._store, self._files, self._client, self._publish = store, files, client, publish
        self._senders, self._readers = Workers("sender", SENDERS), Workers("reader", READERS)
        self._thread = threading.Thread(target=self._run, name="tracker", daemon=True)
        self._wakeup, self._stopping = threading.Event(), threading.Event()
        self._busy: dict[str, Workers] = {}
        self._busy_lock = threading.Lock()
        self._sender = Sender(store, files, client, upload_host, self._stopping, self._tell, callback_url)
        self._looker = Looker(store, files, client, self._tell, callback_url)
        self.care = Care(store, files, self._tell, self._stopping.is_set)
        self._bin_at = 0.0
        self._balance_at = math.inf
        self._reading_balance = False
        self._beat_at = 0.0
        self._wait_s = AFTER_TROUBLE_S
        self.credit_problem: StudioError | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the scheduler runs."""
        return self._thread.is_alive() and not self._stopping.is_set()

    def start(self) -> None:
        """Start, going on with whatever an earlier stop left open."""
        self._senders.start()
        self._readers.start()
        for reference_id in self._store.unchecked_references():
            self.check_reference(reference_id)
        self.do(self.care.find_missing)
        self.want_balance()
        self._thread.start()

    def stop(self) -> None:
        """Take on nothing new, let running requests end, and return within 5 s. Nothing is lost: the rows say where to go on."""
        self._stopping.set()
        self._wakeup.set()
        until = time.monotonic() + STOP_S
        self._thread.join(STOP_S)
        for pool in (self._senders, self._readers):
            if not pool.stop(until, time.monotonic):
                log.warning("stopped with a request still running; its job goes on at the next start")

    def wake(self) -> None:
        """Look for work now. Call it after a job was queued."""
        self._wakeup.set()

    def want_balance(self) -> None:
        """Read the balance soon; several wishes make one lookup."""
        self._balance_at = 0.0
        self.wake()

    def check_reference(self, reference_id: str) -> None:
        """Decode a new reference once and make its thumbnail, away from any page."""
        self.do(partial(self._check, reference_id))

    def do(self, task: Callable[[], None]) -> None:
        """Run something small that needs the network, away from any page."""
        self._readers.do(lambda: self._guard(task, None))

    # -- scheduling

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            self._wakeup.clear()
            # Without this thread nothing that is paid for arrives, so it outlives whatever happens.
            self._wait_s = AFTER_TROUBLE_S
            self._survives(self._schedule, "the work could not be handed out")
            self._wakeup.wait(self._wait_s)
            self._stopping.wait(max(0.0, began + ROUNDS_APART_S - time.monotonic()))

    def _schedule(self) -> None:
        """Hand out what is due, if anything is, and work out how long there is nothing more."""
        now = time.time()
        self._keep_alive(now)
        ahead = self._store.ahead(now, self._busy_now())
        if ahead.is_due:
            self._hand_out_due(now)
            ahead = self._store.ahead(now, self._busy_now())
        if ahead.wants_probe:
            self._balance_at = 0.0
        if self._balance_at <= now and not self._reading_balance:
            self._reading_balance, self._balance_at = True, math.inf
            self.do(self._read_balance)
        if self._bin_at <= now:
            self._bin_at = now + BIN_S
            self.do(partial(self.care.empty_bin, now))
        moments = (
            ahead.next_due,
            ahead.frees_at,
            ahead.brake_due,
            None if self._reading_balance else self._balance_at,
            self._beat_at + BEAT_S,
            self._bin_at,
        )
        self._wait_s = max(0.02, min(at for at in moments if at is not None) - time.time())

    def _hand_out_due(self, now: float) -> None:
        while self._sending_count() < SENDERS and (job_id := self._store.next_turn(now)):
            self._hand_out(job_id, self._senders)
        for job_id, state in self._store.due(now, limit=4 * READERS, busy=self._busy_now()):
            self._hand_out(job_id, self._senders if state == State.UPLOADING else self._readers)

    def _keep_alive(self, now: float) -> None:
        if now - self._beat_at < BEAT_S and now >= self._beat_at:
            return
        self._store.beat(now)
        self._beat_at = now
        for job_id in self._store.adopt(now, self._busy_now()):
            log.warning("nobody knows how the sending of job %s ended; it is unsure now", job_id)
            self._tell(job_id)

    def _busy_now(self) -> list[str]:
        with self._busy_lock:
            return list(self._busy)

    def _sending_count(self) -> int:
        with self._busy_lock:
            return sum(pool is self._senders for pool in self._busy.values())

    def _hand_out(self, job_id: str, pool: Workers) -> None:
        with self._busy_lock:
            if job_id in self._busy:
                return
            self._busy[job_id] = pool
        pool.do(lambda: self._guard(partial(self._step, job_id), job_id))

    def _guard(self, step: Callable[[], None], job_id: str | None) -> None:
        """Run a step of a job, or of none, unless the tracker stops; the other jobs go on whatever comes of it."""
        if not self._stopping.is_set() and not self._survives(step, f"a step of job {job_id} failed") and job_id:
            self._put_off(job_id)
        with self._busy_lock:
            self._busy.pop(job_id or "", None)
        self._wakeup.set()

    def _survives(self, step: Callable[[], None], told: str) -> bool:
        """Do something, record whatever nobody foresaw, and say whether it went well."""
        try:
            step()
        except Exception:
            log.exception("%s in a way nobody foresaw", told)
            return False
        return True

    def _put_off(self, job_id: str) -> None:
        """After a bug: a job that was being sent is unsure, any other is tried again later."""
        now = time.time()
        try:
            if not self._store.move(job_id, State.SENDING, State.UNSURE, now, problem=Unsure.__name__, next_at=None):
                for state in FOLLOWED:
                    self._store.note(job_id, state, next_at=now + pace.AFTER_A_BUG_S)
            self._tell(job_id)
        except SQLAlchemyError:
            log.exception("job %s could not be put off", job_id)

    def _tell(self, job_id: str) -> None:
        person = self._store.person(job_id)
        if person is not None:
            self._publish({"jobs", f"person:{person}", "attention", "incidents"})

    def _step(self, job_id: str) -> None:
        job = self._store.job(job_id)
        if job is None:
            return
        step = {
            State.UPLOADING: self._sender.send,
            State.UNSURE: self._looker.identify,
            State.RUNNING: self._looker.look,
            State.FETCHING: self._looker.look,
        }
        if job.state in step and step[job.state](job):
            self.want_balance()

    # -- references and balance

    def _check(self, reference_id: str) -> None:
        self._sender.check(reference_id)
        self._publish({"references"})

    def _read_balance(self) -> None:
        """Look the credits up and keep the reading; a failed lookup is told as such and changes no figure."""
        try:
            credits = self._client.credits()
            self.credit_problem = None
            self._store.add_balance(credits, time.time())
            self._store.probe_brake(credits, time.time())
        except StudioError as error:
            self.credit_problem = error
            self._store.probe_brake(None, time.time())
            if isinstance(error, NothingLearned):
                self._balance_at = min(self._balance_at, time.time() + BALANCE_RETRY_S)
        finally:
            self._reading_balance = False
        self._publish({"readings", "credits", "key"})
