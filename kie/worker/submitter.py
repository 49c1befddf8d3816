"""First half of a job: upload its references, then send the paid request once.

uploading ── sending ──┬─ running    task id, stored before anything else
                       ├─ failed     no task was created
                       ├─ queued     a 429 that does not mention credits: try again later
                       └─ unsure     the reply was lost; never sent again
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from kie.client import Client
from kie.client.failure_messages import is_lost_upload
from kie.errors import (
    FileRefused,
    KeyMissing,
    KeyRefused,
    NothingSpent,
    SpentAndKept,
    StudioError,
    TooManyRequests,
    Unsure,
    UploadFailed,
)
from kie.images import inspect
from kie.images.decoder import Decoder
from kie.images.files import Files
from kie.jobs import Job, State, problem_of
from kie.store import Reference, Store
from kie.timing import Timing

log = logging.getLogger(__name__)

UPLOADS_LIVE_S = 20 * 3600.0
CHECK_PAUSE_S = 0.2


@dataclass(eq=False)
class Submitter:
    """Processes jobs in the state `uploading`. Thread-safe, with one thread per job."""

    store: Store
    files: Files
    client: Client
    decoder: Decoder
    publish_job: Callable[[str], None]
    callback_url: Callable[[str], str | None]
    want_balance: Callable[[], None]
    timing: Timing
    upload_host: str
    stopping: threading.Event
    want_check: Callable[[str], None]
    # One thread uploads a reference at a time. References that share a lock wait for each other.
    _uploading: list[threading.Lock] = field(default_factory=lambda: [threading.Lock() for _ in range(64)], init=False)

    def send(self, job: Job) -> None:
        """Upload the references that are not uploaded yet, then send the paid request, once."""
        if job.generation.references:
            self.publish_job(job.id)
        references = self.store.references.get_many(job.generation.references)
        if unchecked := [kept.id for kept in references if kept.checked_at is None and self._is_here(kept)]:
            # Decoding may take long, and this thread also sends other people's requests.
            for reference_id in unchecked:
                self.want_check(reference_id)
            self.store.jobs.note(job.id, State.UPLOADING, next_at=time.time() + CHECK_PAUSE_S)
            return
        try:
            urls = [self._uploaded(reference) for reference in references]
        except NothingSpent as error:
            self._give_up_or_retry(job, error)
            return
        # The server stops within seconds, so it does not wait for uploads and paid requests.
        if self.stopping.is_set():
            return
        if not self.store.queue.begin_sending(job.id, time.time()):
            now = time.time()
            self.store.jobs.note(job.id, State.UPLOADING, next_at=self.store.queue.window_frees_at(now) or now + 0.5)
            return
        self.publish_job(job.id)
        try:
            task_id = self.client.create_task(job.generation, urls, self.callback_url(job.id))
        except (NothingSpent, Unsure) as error:
            self._record_failure(job, error)
        else:
            self._accept(job, task_id)
            self.store.breaker.record_success()
        self.store.queue.record_send_reply(job.id, time.time())
        self.want_balance()
        self.publish_job(job.id)

    def check(self, reference_id: str) -> None:
        """Decode a reference and make its thumbnail, once. If the picture is unusable, the reason is stored as its refusal.

        Nothing is stored when the file is missing: it is checked when it is added again. Raises DecoderClosed when the
        studio stops meanwhile; the next start checks it again.
        """
        [reference] = self.store.references.get_many([reference_id])
        if reference.checked_at is not None:
            return
        path, refusal = self.files.path(reference.file), None
        try:
            self.decoder.reference(path, self.files.thumbnail(reference_id))
        except (FileRefused, SpentAndKept) as error:
            refusal = error.detail
        except OSError as error:
            if not self._is_here(reference):
                return
            log.exception("reference %s could not be checked", reference_id)
            refusal = (
                f"The server could not check this picture ({error.strerror or type(error).__name__}): add it again."
            )
        self.store.references.record_check(reference, time.time(), refusal)

    def _accept(self, job: Job, task_id: str) -> None:
        """Store the task id before anything else, retrying until the database accepts it: the task is paid for."""
        log.info("job %s is task %s", job.id, task_id)
        # The task exists, whatever another server or a person has done to the job meanwhile.
        left = {State.SENDING, State.UNSURE, State.FAILED}
        while True:
            now = time.time()
            known = {"task_id": task_id, "accepted_at": now, "next_at": now + self.timing.first_poll_s, "attempts": 0}
            try:
                self.store.jobs.move(job.id, left, State.RUNNING, now, problem=None, ended_at=None, **known)
                return
            except (IntegrityError, DataError):
                log.exception("job %s was named task %s, which can't be its own", job.id, task_id)
                self._unsure(job, Unsure("the reply named a task that another job has already"))
                return
            except SQLAlchemyError:
                log.exception("job %s is task %s, and the database does not take it yet", job.id, task_id)
                if self.stopping.wait(0.5):
                    return

    def _unsure(self, job: Job, error: Unsure) -> None:
        self.store.jobs.move(job.id, State.SENDING, State.UNSURE, time.time(), **problem_of(error))

    def _end(self, job: Job, leaving: set[State], error: StudioError) -> None:
        now = time.time()
        self.store.jobs.move(job.id, leaving, State.FAILED, now, ended_at=now, next_at=None, **problem_of(error))

    def _uploaded(self, reference: Reference) -> str:
        """Return the URL of an uploaded reference. Uploads it unless an earlier upload is still valid. Raises NothingSpent."""
        with self._uploading[hash(reference.id) % len(self._uploading)]:
            [known] = self.store.references.get_many([reference.id])
            if known.refusal:
                raise FileRefused(known.refusal)
            age_s = time.time() - (known.uploaded_at or 0)
            if known.uploaded_url and known.uploaded_to == self.upload_host and 0 <= age_s < UPLOADS_LIVE_S:
                return known.uploaded_url
            if not self._is_here(known):
                raise FileRefused("A reference is no longer on this server's disk: add it again.")
            if known.checked_at is None:  # Added again a moment ago.
                raise UploadFailed("a reference is being checked")
            name, kind = known.id + inspect.EXTENSIONS[known.kind], inspect.MIME_TYPES[known.kind]
            url = self.client.upload(self.files.path(known.file), name, kind)
            up = {"uploaded_url": url, "uploaded_to": self.upload_host, "uploaded_at": time.time()}
            self.store.references.change(known.id, **up)
            return url

    def _is_here(self, reference: Reference) -> bool:
        return self.files.path(reference.file).exists()

    def _record_failure(self, job: Job, error: NothingSpent | Unsure) -> None:
        """Record that the paid request was refused, so that nothing was paid, or that its reply was lost."""
        if is_lost_upload(error.code, error.detail):
            self.store.references.forget_uploads(job.generation.references)
        if isinstance(error, TooManyRequests):
            self.store.queue.requeue_after_429(job.id, time.time(), **problem_of(error))
        elif isinstance(error, NothingSpent):
            self._end(job, {State.SENDING, State.UNSURE}, error)
        else:
            log.warning("job %s: the reply to the paid request was lost (%s)", job.id, error.detail)
            self._unsure(job, error)
        self.store.breaker.record_failure(error, time.time())

    def _give_up_or_retry(self, job: Job, error: NothingSpent) -> None:
        final = isinstance(error, FileRefused | KeyMissing | KeyRefused)
        if final or job.attempts >= len(self.timing.upload_retries_s):
            self._end(job, {State.UPLOADING}, error)
        else:
            next_at = time.time() + self.timing.upload_retries_s[job.attempts]
            retried = {"attempts": job.attempts + 1, "next_at": next_at} | problem_of(error)
            self.store.jobs.note(job.id, State.UPLOADING, **retried)
        self.publish_job(job.id)
