"""The first half of a job's life: its references go up, then the paid request leaves, once.

uploading ── sending ──┬─ running    a task id, stored before anything else happens
                       ├─ failed     nothing was created
                       ├─ queued     a plain 429: not now
                       └─ unsure     the reply was lost; never sent again
"""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from kie import pace, pictures
from kie.client import Client
from kie.errors import FileRefused, KeyMissing, KeyRefused, NothingSpent, StudioError, TooManyRequests, Unsure
from kie.files import Files
from kie.jobs import Job, State, problem_of
from kie.store import Reference, Store

log = logging.getLogger(__name__)

UPLOADS_LIVE_S = 20 * 3600.0


class Sender:
    """Takes a job from `uploading` to where its paid request leads. Safe to use from several threads, one per job."""

    def __init__(
        self,
        store: Store,
        files: Files,
        client: Client,
        upload_host: str,
        stopping: threading.Event,
        tell: Callable[[str], None],
        callback_url: Callable[[str], str | None],
    ):
        self._store, self._files, self._client = store, files, client
        self._upload_host, self._stopping, self._tell = upload_host, stopping, tell
        self._callback_url = callback_url
        self._locks: dict[tuple[str, str], threading.Lock] = {}

    def send(self, job: Job) -> bool:
        """Upload what is not up yet, then send the paid request, once, and say whether that was sent."""
        if job.references:
            self._tell(job.id)
        try:
            urls = [self._uploaded(reference) for reference in self._store.references(job.references)]
        except NothingSpent as error:
            self._give_up_or_retry(job, error)
            return False
        # Whoever stops the server waits seconds, not for an upload and a paid request behind it.
        if self._stopping.is_set():
            return False
        if not self._store.begin_sending(job.id, time.time()):
            now = time.time()
            self._store.note(job.id, State.UPLOADING, next_at=self._store.window_frees_at(now) or now + 0.5)
            return False
        self._tell(job.id)
        try:
            task_id = self._client.create_task(job.generation, urls, self._callback_url(job.id))
        except TooManyRequests as error:
            self._store.refused_for_now(job.id, time.time(), **problem_of(error))
            self._store.brake_on(error, time.time())
        except NothingSpent as error:
            self._end(job, {State.SENDING, State.UNSURE}, error)
            self._store.brake_on(error, time.time())
        except Unsure as error:
            log.warning("job %s: the reply to the paid request was lost (%s)", job.id, error.detail)
            self._unsure(job, error)
            self._store.brake_on(error, time.time())
        else:
            self._accept(job, task_id)
            self._store.release_brake()
        self._store.answered(job.id, time.time())
        self._tell(job.id)
        return True

    def check(self, reference_id: str) -> None:
        """Decode a reference and make its thumbnail, once. What is wrong with it becomes its refusal, in words."""
        with self._lock("check", reference_id):
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
                refusal = _GONE
            self._store.change_reference(reference_id, checked_at=time.time(), refusal=refusal)

    # -- the paid request

    def _accept(self, job: Job, task_id: str) -> None:
        """Store the task id before anything else happens, trying until the database takes it: it stands for money."""
        log.info("job %s is task %s", job.id, task_id)
        # Whatever another server or a person made of the job meanwhile: the task exists.
        left = {State.SENDING, State.UNSURE, State.FAILED}
        while True:
            now = time.time()
            known = {"task_id": task_id, "accepted_at": now, "next_at": now + pace.FIRST_LOOK_S, "attempts": 0}
            try:
                self._store.move(job.id, left, State.RUNNING, now, problem=None, ended_at=None, **known)
                return
            except (IntegrityError, DataError):
                log.exception("job %s was named task %s, which can't be its own", job.id, task_id)
                self._unsure(job, Unsure("the reply named a task that another job has already"))
                return
            except SQLAlchemyError:
                log.exception("job %s is task %s, and the database does not take it yet", job.id, task_id)
                if self._stopping.wait(0.5):
                    return

    def _unsure(self, job: Job, error: Unsure) -> None:
        self._store.move(job.id, State.SENDING, State.UNSURE, time.time(), next_at=None, **problem_of(error))

    def _end(self, job: Job, leaving: set[State], error: StudioError) -> None:
        now = time.time()
        self._store.move(job.id, leaving, State.FAILED, now, ended_at=now, next_at=None, **problem_of(error))

    # -- references

    def _uploaded(self, reference: Reference) -> str:
        """Return where the service finds a reference, uploading it unless it is still there from an earlier job."""
        self.check(reference.id)
        with self._lock("upload", reference.id):
            known = self._store.references([reference.id])[0]
            if known.refusal:
                raise FileRefused(known.refusal)
            age_s = time.time() - (known.uploaded_at or 0)
            if known.uploaded_url and known.uploaded_to == self._upload_host and 0 <= age_s < UPLOADS_LIVE_S:
                return known.uploaded_url
            path = self._files.path(known.file)
            if not path.exists():
                raise FileRefused(_GONE)
            url = self._client.upload(path, known.id + pictures.EXTENSIONS[known.kind], pictures.MIME_TYPES[known.kind])
            up = {"uploaded_url": url, "uploaded_to": self._upload_host, "uploaded_at": time.time()}
            self._store.change_reference(known.id, **up)
            return url

    def _give_up_or_retry(self, job: Job, error: NothingSpent) -> None:
        final = isinstance(error, FileRefused | KeyMissing | KeyRefused)
        if final or job.attempts >= len(pace.UPLOAD_RETRIES_S):
            self._end(job, {State.UPLOADING}, error)
        else:
            next_at = time.time() + pace.UPLOAD_RETRIES_S[job.attempts]
            retried = {"attempts": job.attempts + 1, "next_at": next_at} | problem_of(error)
            self._store.note(job.id, State.UPLOADING, **retried)
        self._tell(job.id)

    def _lock(self, purpose: str, reference_id: str) -> threading.Lock:
        return self._locks.setdefault((purpose, reference_id), threading.Lock())


_GONE = "A reference is no longer on this server's disk, so nothing was sent and no credits were spent: add it again."
