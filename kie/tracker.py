"""Moves every open job one step on: upload, create, look, fetch.

    scheduler thread ──> senders: upload the references, send the paid request once
         ▲     │
       wake    └───────> readers: look at tasks, fetch pictures, read the balance, check references

The truth is the row: whatever stops in the middle is taken up from there. A job with a task id is only ever ended by
the service's word or by a person.
"""

import logging
import re
import threading
import time
from collections.abc import Callable
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from kie import pictures
from kie.client import Client, Task
from kie.errors import (
    FileRefused,
    KeyMissing,
    KeyRefused,
    NothingSpent,
    PictureMissing,
    PictureNotSaved,
    PictureUnreadable,
    SpentAndWaiting,
    StudioError,
    TooManyRequests,
    Unsure,
)
from kie.files import Files
from kie.jobs import Job, State
from kie.store import SENDS_WINDOW_S, Reference, Store
from kie.workers import Workers

log = logging.getLogger(__name__)

SENDERS = 6
READERS = 6
BEAT_S = 3.0
FIRST_LOOK_S = 2.0
SLOWEST_LOOK_S = 10.0
UNSEEN_S = 90.0
PATIENT_S = 15 * 60.0
LOOKS_END_S = 24 * 3600.0
TIME_OUT_STANDS_S = 10 * 60.0
UPLOADS_LIVE_S = 20 * 3600.0
UPLOAD_RETRIES_S = (2.0, 6.0)
STOP_S = 4.5


def next_look(age_s: float) -> float | None:
    """Return the seconds until a task of this age is looked at again: 2 at first, 10 at most, a minute after 15, then never."""
    if age_s < PATIENT_S:
        return min(SLOWEST_LOOK_S, FIRST_LOOK_S + age_s / 30)
    return 60.0 if age_s < LOOKS_END_S else None


class Tracker:
    """One thread that schedules and two small pools. `publish` is called with the topics that changed, from any thread."""

    def __init__(
        self, store: Store, files: Files, client: Client, upload_host: str, publish: Callable[[set[str]], None]
    ):
        self._store, self._files, self._client = store, files, client
        self._upload_host, self._publish = upload_host, publish
        self._senders, self._readers = Workers("sender", SENDERS), Workers("reader", READERS)
        self._thread = threading.Thread(target=self._run, name="tracker", daemon=True)
        self._wakeup, self._stopping = threading.Event(), threading.Event()
        self._busy: dict[str, Workers] = {}
        self._busy_lock = threading.Lock()
        self._reference_locks: dict[str, threading.Lock] = {}
        self._balance_wanted = threading.Event()
        self._reading_balance = False
        self._beat_at = 0.0
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
        self._balance_wanted.set()
        self.wake()

    def check_reference(self, reference_id: str) -> None:
        """Decode a new reference once and make its thumbnail, away from any page."""
        self._readers.do(lambda: self._guard(partial(self._check, reference_id), None))

    def do(self, task: Callable[[], None]) -> None:
        """Run something small that needs the network, away from any page."""
        self._readers.do(lambda: self._guard(task, None))

    # -- scheduling

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wakeup.clear()
            try:
                wait_s = self._schedule(time.time())
            except SQLAlchemyError:
                log.exception("the database could not be used; trying again in a second")
                wait_s = 1.0
            self._wakeup.wait(wait_s)

    def _schedule(self, now: float) -> float:
        """Hand out what is due and return the seconds until there may be more."""
        self._keep_alive(now)
        while self._sending_count() < SENDERS and (job_id := self._store.next_turn(now)):
            self._hand_out(job_id, self._senders)
        for job in self._store.due(now, limit=4 * READERS, busy=self._busy_now()):
            self._hand_out(job.id, self._senders if job.state == State.UPLOADING else self._readers)
        if self._balance_wanted.is_set() and not self._reading_balance:
            self._reading_balance = True
            self._readers.do(lambda: self._guard(self._read_balance, None))
        moments = (
            self._store.next_due(now, self._busy_now()),
            self._store.window_frees_at(now),
            self._beat_at + BEAT_S,
        )
        return max(0.02, min(at for at in moments if at is not None) - time.time())

    def _keep_alive(self, now: float) -> None:
        if now - self._beat_at < BEAT_S and now >= self._beat_at:
            return
        self._store.beat(now)
        self._beat_at = now
        for job_id in self._store.adopt(now):
            log.warning("job %s was being sent when its server stopped; it is unsure now", job_id)
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
        """Run a step; whatever it did not expect is recorded, and the other jobs go on."""
        try:
            if not self._stopping.is_set():
                step()
        except Exception:
            log.exception("a step of job %s failed in a way nobody foresaw", job_id)
            if job_id:
                self._put_off(job_id)
        finally:
            with self._busy_lock:
                self._busy.pop(job_id or "", None)
            self._wakeup.set()

    def _put_off(self, job_id: str) -> None:
        """After a bug: a job that was being sent is unsure, any other is tried again later."""
        now = time.time()
        try:
            if not self._store.move(job_id, State.SENDING, State.UNSURE, now, problem=Unsure.__name__, next_at=None):
                for state in (State.UPLOADING, State.RUNNING, State.FETCHING):
                    self._store.note(job_id, state, next_at=now + 30)
            self._tell(job_id)
        except SQLAlchemyError:
            log.exception("job %s could not be put off", job_id)

    def _tell(self, job_id: str) -> None:
        job = self._store.job(job_id)
        if job:
            self._publish({"jobs", f"person:{job.person}"})

    def _step(self, job_id: str) -> None:
        job = self._store.job(job_id)
        if job is None:
            return
        if job.state == State.UPLOADING:
            self._send(job)
        elif job.state in (State.RUNNING, State.FETCHING):
            self._look(job)

    # -- upload and create

    def _send(self, job: Job) -> None:
        """Upload what is not up yet, then send the paid request, once."""
        if job.references:
            self._tell(job.id)
        try:
            urls = [self._uploaded(reference) for reference in self._store.references(job.references)]
        except NothingSpent as error:
            self._give_up_or_retry(job, error)
            return
        if not self._store.begin_sending(job.id, time.time()):
            self._store.note(job.id, State.UPLOADING, next_at=time.time() + 0.5)
            return
        self._tell(job.id)
        try:
            task_id = self._client.create_task(job.generation, urls)
        except TooManyRequests as error:
            self._back_to_queue(job, error)
        except NothingSpent as error:
            self._end(job, State.SENDING, error)
        except Unsure as error:
            log.warning("job %s: the reply to the paid request was lost (%s)", job.id, error.detail)
            self._store.move(job.id, State.SENDING, State.UNSURE, time.time(), next_at=None, **_words(error))
        else:
            self._accept(job, task_id)
        self._answered(job)

    def _accept(self, job: Job, task_id: str) -> None:
        """Store the task id before anything else happens, trying until the database takes it: it stands for money."""
        log.info("job %s is task %s", job.id, task_id)
        while True:
            now = time.time()
            known = {
                "task_id": task_id,
                "accepted_at": now,
                "next_at": now + FIRST_LOOK_S,
                "problem": None,
                "attempts": 0,
            }
            try:
                self._store.move(job.id, {State.SENDING, State.UNSURE}, State.RUNNING, now, **known)
                return
            except SQLAlchemyError:
                log.exception("job %s is task %s, and the database does not take it yet", job.id, task_id)
                if self._stopping.wait(0.5):
                    return

    def _answered(self, job: Job) -> None:
        self._store.answered(job.id, time.time())
        self._tell(job.id)
        self.want_balance()

    def _back_to_queue(self, job: Job, error: TooManyRequests) -> None:
        now = time.time()
        self._store.move(job.id, State.SENDING, State.QUEUED, now, next_at=now + SENDS_WINDOW_S, **_words(error))
        self._store.hold_queue(now + SENDS_WINDOW_S)

    def _give_up_or_retry(self, job: Job, error: NothingSpent) -> None:
        final = isinstance(error, FileRefused | KeyMissing | KeyRefused) or job.attempts >= len(UPLOAD_RETRIES_S)
        if final:
            self._end(job, State.UPLOADING, error)
        else:
            next_at = time.time() + UPLOAD_RETRIES_S[job.attempts]
            self._store.note(job.id, State.UPLOADING, attempts=job.attempts + 1, next_at=next_at, **_words(error))
        self._tell(job.id)

    def _end(self, job: Job, leaving: State, error: StudioError) -> None:
        now = time.time()
        self._store.move(job.id, leaving, State.FAILED, now, ended_at=now, next_at=None, **_words(error))

    def _uploaded(self, reference: Reference) -> str:
        """Return where the service finds a reference, uploading it unless it is still there from an earlier job."""
        lock = self._reference_locks.setdefault(reference.id, threading.Lock())
        with lock:
            known = self._store.references([reference.id])[0]
            if known.checked_at is None:
                self._check(reference.id)
                known = self._store.references([reference.id])[0]
            if known.refusal:
                raise FileRefused(known.refusal)
            if (
                known.uploaded_url
                and known.uploaded_to == self._upload_host
                and known.uploaded_at > time.time() - UPLOADS_LIVE_S
            ):
                return known.uploaded_url
            path = self._files.path(known.file)
            if not path.exists():
                raise FileRefused(
                    "A reference is no longer on this server's disk, so nothing was sent and no credits were spent: add it again."
                )
            url = self._client.upload(path, known.id + pictures.EXTENSIONS[known.kind], pictures.MIME_TYPES[known.kind])
            self._store.change_reference(
                known.id, uploaded_url=url, uploaded_to=self._upload_host, uploaded_at=time.time()
            )
            return url

    # -- look and fetch

    def _look(self, job: Job) -> None:
        """Read the task's state and act on it. A failed read changes nothing but the time of the next one."""
        try:
            task = self._client.task(job.task_id or "")
        except StudioError as error:
            log.info("job %s: a look at its task failed (%s)", job.id, error.detail)
            self._look_later(job)
            return
        if task.state == "success":
            self._succeed(job, task)
        elif task.state == "fail":
            self._fail(job, task)
        elif task.state == "unseen" and self._age(job) > UNSEEN_S:
            self._look_later(job, problem="TaskNotFound")
        elif task.state == "running":
            self._look_later(job, stage=task.stage, **({"problem": None} if job.state == State.RUNNING else {}))
        else:
            self._look_later(job)

    def _age(self, job: Job) -> float:
        return max(0.0, time.time() - (job.accepted_at or job.created_at))

    def _look_later(self, job: Job, **values: object) -> None:
        wait_s = next_look(self._age(job))
        self._store.note(job.id, job.state, next_at=None if wait_s is None else time.time() + wait_s, **values)
        if any(getattr(job, name) != value for name, value in values.items()):
            self._tell(job.id)

    def _succeed(self, job: Job, task: Task) -> None:
        learned = {"credits": task.credits if task.credits is not None else job.credits, "stage": task.stage}
        if task.created_at and task.completed_at and task.completed_at >= task.created_at:
            learned["duration_s"] = task.completed_at - task.created_at
        if job.state == State.RUNNING:
            self._store.move(
                job.id,
                State.RUNNING,
                State.FETCHING,
                time.time(),
                problem=None,
                fail_code=None,
                fail_message=None,
                attempts=0,
                **learned,
            )
        else:
            self._store.note(job.id, State.FETCHING, **learned)
        self._tell(job.id)
        try:
            self._fetch(job, task.urls)
        except SpentAndWaiting as error:
            log.warning("job %s: %s (%s)", job.id, type(error).__name__, error.detail)
            wait_s = next_look(self._age(job))
            pause_s = None if wait_s is None else max(wait_s, min(60.0, 2.0 * 2**job.attempts))
            self._store.note(
                job.id,
                State.FETCHING,
                attempts=job.attempts + 1,
                next_at=None if pause_s is None else time.time() + pause_s,
                **_words(error),
            )
        self._tell(job.id)
        self.want_balance()

    def _fetch(self, job: Job, urls: tuple[str, ...]) -> None:
        """Bring the picture to our disk, whole. Raises SpentAndWaiting when it has to be tried again."""
        try:
            name = self._files.result(job.id)
            if name is None:
                name = self._download(job, urls)
            self._finish(job, name)
        except OSError as error:
            raise PictureNotSaved(error.strerror or type(error).__name__) from error

    def _download(self, job: Job, urls: tuple[str, ...]) -> str:
        if not urls:
            raise PictureMissing()
        part = self._files.incoming()
        try:
            self._client.fetch(urls[0], part)
            picture = pictures.inspect(part)
            return self._files.keep_result(part, job.id, pictures.EXTENSIONS[picture.kind])
        except FileRefused as error:
            # Paid for, so the bytes are kept as they came, beside the place of the picture that is fetched again.
            self._files.keep_result(part, job.id, ".unreadable")
            raise PictureUnreadable() from error
        finally:
            part.unlink(missing_ok=True)

    def _finish(self, job: Job, name: str) -> None:
        path = self._files.path(name)
        try:
            picture = pictures.measure(path)
            pictures.make_thumbnail(path, self._files.thumbnail(job.id))
        except FileRefused as error:
            raise PictureUnreadable() from error
        now = time.time()
        known = {
            "file": name,
            "file_kind": picture.kind,
            "file_bytes": picture.bytes,
            "width": picture.width,
            "height": picture.height,
        }
        ended = {"ended_at": now, "next_at": None, "problem": None, "fail_code": None, "fail_message": None}
        self._store.move(job.id, State.FETCHING, State.DONE, now, **known, **ended)

    def _fail(self, job: Job, task: Task) -> None:
        """End the job by the service's word; a time-out is a word that it sometimes takes back, so that waits a while."""
        learned = {"fail_code": task.fail_code, "fail_message": task.fail_message, "stage": task.stage}
        if task.credits is not None:
            learned["credits"] = task.credits
        now = time.time()
        if _is_time_out(task) and now - (task.completed_at or job.accepted_at or now) < TIME_OUT_STANDS_S:
            self._store.note(job.id, job.state, problem="TimedOutThere", next_at=now + 20, **learned)
        else:
            problem = "Moderated" if _is_moderation(task) else "TaskFailed"
            self._store.move(
                job.id, job.state, State.FAILED, now, problem=problem, ended_at=now, next_at=None, **learned
            )
            self.want_balance()
        self._tell(job.id)

    # -- references and balance

    def _check(self, reference_id: str) -> None:
        """Decode a reference, once. What is wrong with it becomes its refusal, in words."""
        reference = self._store.references([reference_id])[0]
        if reference.checked_at is not None:
            return
        path, refusal = self._files.path(reference.file), None
        try:
            pictures.inspect(path)
            pictures.make_thumbnail(path, self._files.thumbnail(reference_id))
        except FileRefused as error:
            refusal = error.sentence
        except FileNotFoundError:
            refusal = "This picture is no longer on this server's disk, so nothing was sent and no credits were spent: add it again."
        self._store.change_reference(reference_id, checked_at=time.time(), refusal=refusal)
        self._publish({"references"})

    def _read_balance(self) -> None:
        """Look the credits up and keep the reading; a failed lookup is told as such and changes no figure."""
        self._balance_wanted.clear()
        try:
            self._store.add_balance(self._client.credits(), time.time())
            self.credit_problem = None
        except StudioError as error:
            self.credit_problem = error
        finally:
            self._reading_balance = False
        self._publish({"credits", "key"})


def _words(error: StudioError) -> dict[str, str | None]:
    """What a row keeps of an error: the name of its sentence, and the service's own words."""
    return {"problem": type(error).__name__, "fail_code": error.code, "fail_message": error.detail or None}


def _is_time_out(task: Task) -> bool:
    return task.fail_code in ("524", "408") or "timeout" in (task.fail_message or "").lower()


def _is_moderation(task: Task) -> bool:
    return (
        re.search(r"filtered|flagged|violat|prohibited|policy|sensitive", task.fail_message or "", re.IGNORECASE)
        is not None
    )
