"""The second half of a job's life: look at its task until that ends, and bring its picture to our disk, whole.

running ──┬─ fetching ── done
          └─ failed                the service's word; a time-out is one that it sometimes takes back
unsure ──── running                somebody named its task, and the service says that it carries this request
"""

import logging
import re
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import IntegrityError

from kie import pace, pictures
from kie.client import Client, Task
from kie.errors import FileRefused, PictureMissing, PictureNotSaved, PictureUnreadable, SpentAndWaiting, StudioError
from kie.files import Files
from kie.jobs import Job, State, problem_of
from kie.store import Store

log = logging.getLogger(__name__)

UNREADABLE = ".unreadable"
# A page draws what changes at most this often.
TOLD_AFTER_S = 0.4


class Looker:
    """Looks at a job's task and acts on what it says. Safe to use from several threads, one per job."""

    def __init__(
        self,
        store: Store,
        files: Files,
        client: Client,
        tell: Callable[[str], None],
        callback_url: Callable[[str], str | None],
    ):
        self._store, self._files, self._client, self._tell = store, files, client, tell
        self._callback_url = callback_url

    def look(self, job: Job) -> bool:
        """Read the task's state and act on it, and say whether that can have changed the balance.

        A failed read changes nothing but the time of the next one.
        """
        if job.state == State.FETCHING and self._files.result(job.id):
            # Here already, since before a stop: the service need not know of it any more.
            self._bring(job, (), job.attempts)
            return False
        try:
            task = self._client.task(job.task_id or "")
        except StudioError as error:
            log.info("job %s: a look at its task failed (%s)", job.id, error.detail)
            self._look_later(job)
            return False
        if task.state == "success":
            self._succeed(job, task)
        elif task.state == "fail":
            self._fail(job, task)
        elif task.state == "unseen" and self._age(job) > pace.UNSEEN_S:
            self._look_later(job, problem="TaskNotFound")
        elif task.state == "running":
            self._look_later(job, stage=task.stage, **({"problem": None} if job.state == State.RUNNING else {}))
        else:
            self._look_later(job)
        return task.state in ("success", "fail")

    def identify(self, job: Job) -> bool:
        """Find out whether the task that was named for an unsure job is its own, and go on with it if so.

        What a person names is taken if the service does not say what the task carries; what a callback names is not.
        """
        try:
            task = self._client.task(job.candidate or "")
        except StudioError as error:
            log.info("job %s: a look at the task that was named for it failed (%s)", job.id, error.detail)
            self._store.note(job.id, State.UNSURE, next_at=time.time() + pace.SLOWEST_LOOK_S)
            return False
        fits = None if task.state == "unseen" else task.is_for(job.generation, self._callback_url(job.id))
        if fits or (fits is None and task.state != "unseen" and job.candidate_from == "person"):
            self._take(job, task)
        elif task.state == "unseen" and job.attempts < pace.NAMED_LOOKS:
            self._store.note(job.id, State.UNSURE, attempts=job.attempts + 1, next_at=time.time() + pace.FIRST_LOOK_S)
        else:
            self._turn_down(job, "TaskUnknown" if task.state == "unseen" else "TaskOfAnother")
        self._tell(job.id)
        return False

    def _take(self, job: Job, task: Task) -> None:
        now = time.time()
        known = {"task_id": job.candidate, "accepted_at": task.created_at or now, "next_at": now, "attempts": 0}
        fresh = {"problem": None, "fail_code": None, "fail_message": None, "candidate": None}
        try:
            self._store.move(job.id, State.UNSURE, State.RUNNING, now, **known, **fresh)
        except IntegrityError:
            self._turn_down(job, "TaskOfAnother")

    def _turn_down(self, job: Job, problem: str) -> None:
        self._store.note(job.id, State.UNSURE, problem=problem, candidate=None, attempts=0, next_at=None)

    def _age(self, job: Job) -> float:
        return max(0.0, time.time() - (job.accepted_at or job.created_at))

    def _look_later(self, job: Job, **values: object) -> None:
        wait_s = pace.next_look(self._age(job))
        if wait_s is None and not job.problem:
            # Nothing looks for it from here on but a person, who must be able to find it.
            values["problem"] = "SilentForADay"
        self._store.note(job.id, job.state, next_at=None if wait_s is None else time.time() + wait_s, **values)
        if any(getattr(job, name) != value for name, value in values.items()):
            self._tell(job.id)

    def _succeed(self, job: Job, task: Task) -> None:
        # A zero without the service's word for it comes from a failure that it took back.
        credits = task.credits if task.credits is not None else (job.credits or None)
        learned = {"credits": credits, "stage": task.stage}
        if task.created_at and task.completed_at and task.completed_at >= task.created_at:
            learned["duration_s"] = task.completed_at - task.created_at
        if job.state == State.RUNNING:
            fresh = {"problem": None, "fail_code": None, "fail_message": None, "attempts": 0}
            self._store.move(job.id, State.RUNNING, State.FETCHING, time.time(), **fresh, **learned)
        else:
            self._store.note(job.id, State.FETCHING, **learned)
        # Were each fetch told, most pictures would wait until the page has shown that: only what takes long is.
        slow = threading.Timer(TOLD_AFTER_S, self._tell, (job.id,))
        slow.start()
        try:
            self._bring(job, task.urls, job.attempts if job.state == State.FETCHING else 0)
        finally:
            slow.cancel()

    def _fail(self, job: Job, task: Task) -> None:
        """End the job by the service's word; a time-out is a word that it sometimes takes back, so that waits a while."""
        learned = {"fail_code": task.fail_code, "fail_message": task.fail_message, "stage": task.stage}
        if task.credits is not None:
            learned["credits"] = task.credits
        now = time.time()
        if _is_time_out(task) and job.attempts < pace.TIME_OUT_LOOKS:
            later = {"attempts": job.attempts + 1, "next_at": now + pace.TIME_OUT_PAUSE_S}
            self._store.note(job.id, job.state, problem="TimedOutThere", **later, **learned)
        else:
            ended = {"problem": "Moderated" if _is_moderation(task) else "TaskFailed", "ended_at": now, "next_at": None}
            self._store.move(job.id, job.state, State.FAILED, now, **ended, **learned)
        if _is_lost_upload(task):
            for reference_id in job.references:
                self._store.change_reference(reference_id, uploaded_url=None)
        self._tell(job.id)

    # -- the picture

    def _bring(self, job: Job, urls: tuple[str, ...], attempts: int) -> None:
        """Bring the picture to our disk, or note when that is tried again."""
        try:
            self._finish(job, self._files.result(job.id) or self._download(job, urls))
        except OSError as error:
            self._fetch_later(job, PictureNotSaved(error.strerror or type(error).__name__), attempts)
        except SpentAndWaiting as error:
            self._fetch_later(job, error, attempts)
        self._tell(job.id)

    def _fetch_later(self, job: Job, error: SpentAndWaiting, attempts: int) -> None:
        log.warning("job %s: %s (%s)", job.id, type(error).__name__, error.detail)
        wait_s = pace.next_fetch(self._age(job), attempts)
        later = {"attempts": attempts + 1, "next_at": None if wait_s is None else time.time() + wait_s}
        self._store.note(job.id, State.FETCHING, **later, **problem_of(error))

    def _download(self, job: Job, urls: tuple[str, ...]) -> str:
        if not urls:
            raise PictureMissing()
        part = self._files.incoming()
        try:
            self._client.fetch(urls[0], part)
            picture = pictures.inspect(part)
            name = self._files.keep_result(part, job.id, pictures.EXTENSIONS[picture.kind])
            self._files.discard([self._files.path(name).with_suffix(UNREADABLE)])
            return name
        except FileRefused as error:
            # Paid for, so the bytes are kept as they came, beside the place of the picture that is fetched again.
            self._files.keep_result(part, job.id, UNREADABLE)
            raise PictureUnreadable() from error
        finally:
            part.unlink(missing_ok=True)

    def _finish(self, job: Job, name: str) -> None:
        path = self._files.path(name)
        try:
            picture = pictures.measure(path)
            pictures.make_thumbnail(path, self._files.thumbnail(job.id))
        except FileRefused as error:
            path.replace(path.with_suffix(UNREADABLE))
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


def _is_time_out(task: Task) -> bool:
    return task.fail_code in ("524", "408") or "timeout" in (task.fail_message or "").lower()


def _is_moderation(task: Task) -> bool:
    words = r"filtered|flagged|violat|prohibited|policy|sensitive"
    return re.search(words, task.fail_message or "", re.IGNORECASE) is not None


def _is_lost_upload(task: Task) -> bool:
    return "image fetch failed" in (task.fail_message or "").lower()
