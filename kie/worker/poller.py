"""Second half of a job: poll its task until it ends, then download the picture.

running ──┬─ fetching ── done
          └─ failed                as reported by the service, which sometimes withdraws a timeout
unsure ──── running                the candidate task exists and carries this request
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy.exc import IntegrityError

from kie.client import Client, Task
from kie.client.failure_messages import is_filtered, is_lost_upload
from kie.errors import (
    DecoderClosed,
    FileRefused,
    NothingLearned,
    PictureMissing,
    PictureNotSaved,
    PictureTooLarge,
    PictureUnreadable,
    SpentAndKept,
    SpentAndWaiting,
    StudioError,
)
from kie.images import inspect
from kie.images.decoder import Decoder
from kie.images.files import Files
from kie.jobs import Job, State, problem_of
from kie.store import Store
from kie.timing import Timing
from kie.worker import backoff
from kie.worker.threads import Next

log = logging.getLogger(__name__)

UNREADABLE = ".unreadable"
NO_PROBLEM = {"problem": None, "fail_code": None, "fail_message": None}
# A download is shown as a state of its own only if it takes longer.
PUBLISH_AFTER_S = 0.4
PLANNED_FOR_S = 20.0


@dataclass(eq=False)
class Poller:
    """Polls the tasks of jobs and acts on the results. Thread-safe, with one thread per job."""

    store: Store
    files: Files
    client: Client
    decoder: Decoder
    publish_job: Callable[[str], None]
    callback_url: Callable[[str], str | None]
    want_balance: Callable[[], None]
    timing: Timing
    _planned: dict[str, tuple[float, tuple[float, ...]]] = field(default_factory=dict, init=False)

    def poll(self, job: Job) -> Next | None:
        """Poll a job's task and act on the result. After a failed poll only the time of the next poll changes."""
        if job.state == State.FETCHING and (name := self.files.result(job.id)):
            # Downloaded before a restart: the service is not needed.
            return Next("prepare", partial(self._prepare, job, name, self._publish_if_slow(job)))
        try:
            task = self.client.task(job.task_id or "")
        except StudioError as error:
            log.info("job %s: polling its task failed (%s)", job.id, error.detail)
            self._poll_later(job)
            return None
        if task.state in ("success", "fail"):
            self.want_balance()
        if task.state == "success":
            return self._succeed(job, task)
        if task.state == "fail":
            self._fail(job, task)
        elif task.state == "unseen" and self._age(job) > self.timing.unseen_s:
            self._poll_later(job, problem="TaskNotFound")
        elif task.state == "running":
            self._poll_later(job, stage=task.stage, **({"problem": None} if job.state == State.RUNNING else {}))
        else:
            self._poll_later(job)
        return None

    def identify(self, job: Job) -> None:
        """Check the candidate task of an unsure job, and continue the job with it if it matches.

        If the service does not return the request of a task, a candidate from a person is accepted, one from a callback
        is not. The result is for this candidate only: another may be set meanwhile.
        """
        try:
            task = self.client.task(job.candidate or "")
        except StudioError as error:
            log.info("job %s: polling its candidate task failed (%s)", job.id, error.detail)
            tried = {"attempts": job.attempts + 1, "next_at": time.time() + self.timing.slowest_poll_s}
            if job.attempts >= self.timing.candidate_polls:
                # It is polled further, but needs attention: a person may link another task.
                tried |= {"problem": NothingLearned.__name__, "fail_message": error.detail or None}
            self.store.jobs.note_candidate(job, **tried)
            if "problem" in tried:
                self.publish_job(job.id)
            return
        fits = None if task.state == "unseen" else task.is_for(job.generation, self.callback_url(job.id))
        if fits or (fits is None and task.state != "unseen" and job.candidate_from == "person"):
            now = time.time()
            known = {"accepted_at": task.created_at or now, "next_at": now, "attempts": 0}
            try:
                self.store.jobs.accept_candidate(job, now, **known, **NO_PROBLEM)
            except IntegrityError:
                self._reject(job, "TaskOfAnother")
        elif task.state == "unseen" and job.attempts < self.timing.candidate_polls:
            again_at = time.time() + self.timing.first_poll_s
            self.store.jobs.note_candidate(job, attempts=job.attempts + 1, next_at=again_at)
        else:
            self._reject(job, "TaskUnknown" if task.state == "unseen" else "TaskOfAnother")
        self.publish_job(job.id)

    def _reject(self, job: Job, problem: str) -> None:
        self.store.jobs.note_candidate(job, problem=problem, candidate=None, attempts=0, next_at=None)

    def _age(self, job: Job) -> float:
        return max(0.0, time.time() - (job.accepted_at or job.created_at))

    def _poll_later(self, job: Job, **values: object) -> None:
        self._plan_next(job, backoff.next_poll(self.timing, self._age(job), self._ages(job)), values)

    def _plan_next(self, job: Job, wait_s: float, values: dict[str, object]) -> None:
        """Plan the next step of a job. After `timing.polls` polls there is none, so the job is listed as needing attention.

        The limit is a number of polls, not a time: clocks can jump, and time during which no server ran says nothing
        about a task.
        """
        looks, next_at = job.looks or 0, time.time() + wait_s
        if looks >= self.timing.polls:
            values |= {"problem": "SilentForADay" if job.state == State.RUNNING else "NotFetchedForADay"}
            next_at = None
        self.store.jobs.plan(job, **{"looks": looks + 1, "next_at": next_at} | values)
        if any(getattr(job, name) != value for name, value in values.items()):
            self.publish_job(job.id)

    def _ages(self, job: Job) -> tuple[float, ...]:
        """Return the task ages in seconds at which to poll. Cached for PLANNED_FOR_S, because the durations change slowly."""
        now, resolution = time.monotonic(), job.generation.resolution
        made_at, ages = self._planned.get(resolution, (-math.inf, ()))
        if now - made_at > PLANNED_FOR_S:
            ages = backoff.poll_ages(self.timing, self.store.jobs.durations(resolution))
            self._planned[resolution] = (now, ages)
        return ages

    def _succeed(self, job: Job, task: Task) -> Next:
        # Without a cost from the service, a stored zero is of a failure that it withdrew, and the cost is unknown.
        credits = task.credits if task.credits is not None else (job.credits or None)
        learned = {"credits": credits, "stage": task.stage}
        if task.created_at and task.completed_at and task.completed_at >= task.created_at:
            learned["duration_s"] = task.completed_at - task.created_at
        if job.state == State.RUNNING:
            self.store.jobs.move(
                job.id, State.RUNNING, State.FETCHING, time.time(), attempts=0, **learned, **NO_PROBLEM
            )
            job = replace(job, state=State.FETCHING, attempts=0)
        else:
            self.store.jobs.note(job.id, State.FETCHING, **learned)
        fetch = partial(self._fetch, job, task.urls, self._publish_if_slow(job))
        return Next("refetch" if job.attempts else "fetch", fetch)

    def _publish_if_slow(self, job: Job) -> threading.Timer:
        """Publish the job after PUBLISH_AFTER_S unless cancelled. Publishing every fetch would make most pictures wait for that page update."""
        slow = threading.Timer(PUBLISH_AFTER_S, self.publish_job, (job.id,))
        slow.daemon = True
        slow.start()
        return slow

    def _fail(self, job: Job, task: Task) -> None:
        """Fail the job, unless the service reports a timeout, which it may withdraw: then poll again for a while."""
        now = time.time()
        learned = {"fail_code": task.fail_code, "fail_message": task.fail_message, "stage": task.stage}
        learned["failed_at"] = now
        if task.credits is not None:
            learned["credits"] = task.credits
        is_timeout = task.fail_code in ("524", "408") or "timeout" in (task.fail_message or "").lower()
        if is_timeout and job.attempts < self.timing.timeout_polls:
            # A refund is charged again if the picture arrives after all.
            learned |= {"credits": task.credits or None, "attempts": job.attempts + 1}
            next_at = now + self.timing.timeout_pause_s
            self.store.jobs.plan(job, next_at, problem="TimedOutThere", **learned)
        else:
            problem = "Moderated" if is_filtered(task.fail_code, task.fail_message) else "TaskFailed"
            ended = {"ended_at": now, "next_at": None, "problem": problem}
            self.store.jobs.move(job.id, job.state, State.FAILED, now, **ended, **learned)
        if is_lost_upload(task.fail_code, task.fail_message):
            self.store.references.forget_uploads(job.generation.references)
        self.publish_job(job.id)

    def _fetch(self, job: Job, urls: tuple[str, ...], slow: threading.Timer) -> Next | None:
        """Download the picture, or schedule a retry."""
        try:
            name = self._download(job, urls)
        except (OSError, SpentAndWaiting) as error:
            self._fetch_later(job, error, slow)
            return None
        return Next("prepare", partial(self._prepare, job, name, slow))

    def _prepare(self, job: Job, name: str, slow: threading.Timer) -> None:
        try:
            self._finish(job, name)
        except DecoderClosed:
            slow.cancel()  # The file is complete; the next start continues with it.
        except (OSError, SpentAndWaiting) as error:
            self._fetch_later(job, error, slow)
        else:
            slow.cancel()
            self.publish_job(job.id)

    def _fetch_later(self, job: Job, error: OSError | SpentAndWaiting, slow: threading.Timer) -> None:
        slow.cancel()
        known = error if isinstance(error, SpentAndWaiting) else PictureNotSaved(error.strerror or type(error).__name__)
        log.warning("job %s: %s (%s)", job.id, type(known).__name__, known.detail)
        wait_s = backoff.next_fetch(self.timing, self._age(job), job.attempts)
        failed = problem_of(known) | {"attempts": job.attempts + 1}
        # Not retried: each download would be as large.
        self._plan_next(job, wait_s, failed | ({"next_at": None} if isinstance(known, PictureTooLarge) else {}))

    def _download(self, job: Job, urls: tuple[str, ...]) -> str:
        """Download the picture to its final place without decoding it, and return its relative name."""
        if not urls:
            raise PictureMissing()
        part = self.files.incoming()
        try:
            self.client.fetch(urls[0], part)
            return self.files.keep_result(part, job.id, inspect.EXTENSIONS[inspect.measure(part).kind])
        except FileRefused as error:
            # The broken file is paid for, so it is kept beside the picture that is downloaded next.
            self.files.keep_result(part, job.id, UNREADABLE)
            raise PictureUnreadable() from error
        finally:
            part.unlink(missing_ok=True)

    def _finish(self, job: Job, name: str) -> None:
        path, preview_problem = self.files.path(name), None
        try:
            picture = inspect.measure(path)
            self.decoder.result(path, self.files.thumbnail(job.id))
        except SpentAndKept as error:
            log.warning("job %s: kept, but not shown (%s)", job.id, type(error).__name__)
            preview_problem = type(error).__name__
        except FileRefused as error:
            # The broken file is paid for, so it is kept beside the picture that is downloaded next.
            path.replace(path.with_suffix(UNREADABLE))
            raise PictureUnreadable() from error
        self.files.discard([path.with_suffix(UNREADABLE)])
        now = time.time()
        known = {"file": name, "file_kind": picture.kind, "file_bytes": picture.bytes, "looks": 0, "next_at": None}
        known |= {"width": picture.width, "height": picture.height, "preview_problem": preview_problem}
        # A picture that is downloaded again was paid when it was downloaded first.
        known["ended_at"] = job.ended_at or now
        self.store.jobs.move(job.id, State.FETCHING, State.DONE, now, **known, **NO_PROBLEM)
