"""What a person or a callback does for jobs that are or may be paid and whose picture does not arrive by itself."""

import re
import time

from kie.errors import GivenUp, NeverRan, NothingSpent, Unsure
from kie.jobs import State
from kie.studio.context import Context
from kie.text import FILE_NAME_LIMIT, shortened

_TASK_ID = re.compile(r"[A-Za-z0-9_.:-]{4,200}")


class Attention:
    """Polls again, links tasks, gives jobs up, handles callbacks, and tests the service while the circuit breaker is open."""

    def __init__(self, context: Context):
        self._context = context

    def poll_again(self, job_id: str) -> None:
        """Poll the task of a job now, in any state, unless the job's files were deleted from the bin. Costs nothing."""
        job, now = self._context.store.jobs.get(job_id), time.time()
        if job is None or not job.task_id or job.emptied_at:
            return
        store = self._context.store
        if job.state == State.FAILED:
            # A cost of 0 belongs to the failure. The cost of a picture that arrives after all is unknown.
            fresh = {"ended_at": None, "problem": None, "settled": None, "credits": job.credits or None}
            store.jobs.move(job_id, State.FAILED, State.RUNNING, now, next_at=now, **fresh)
        elif job.state == State.DONE:
            store.jobs.move(job_id, State.DONE, State.FETCHING, now, next_at=now)
        else:
            store.jobs.note(job_id, job.state, next_at=now)
        self._context.tracker.wake()
        self._context.publish_job(job_id)

    def link_task(self, job_id: str, task_id: str) -> None:
        """Set a task id that a person found on the service's log page as the candidate of an unsure job. The tracker checks it.

        Raises NothingSpent when the text is not a task id, contains the API key, or belongs to another job.
        """
        task_id = task_id.strip()
        if not _TASK_ID.fullmatch(task_id):
            raise NothingSpent("This is not a task id: copy it from the service's log page, letters and digits only.")
        if self._context.client.holds_key(task_id):
            raise NothingSpent("This is the key, not a task id, so it was not kept: copy the id from the log page.")
        if self._context.store.jobs.task_is_known(task_id):
            raise NothingSpent("Another job already has this task id: look for the one of this job.")
        self._set_candidate(job_id, task_id, "person")

    def handle_callback(self, job_id: str, task_id: str) -> None:
        """Handle a callback: poll the job's task, or use the task id as the candidate of an unsure job. Nothing else is trusted.

        A job of which a person said that it never ran is unsure again, because it seems that it did.
        """
        job = self._context.store.jobs.get(job_id)
        if job is None or not _TASK_ID.fullmatch(task_id) or self._context.client.holds_key(task_id):
            return
        if job.state in (State.RUNNING, State.FETCHING) and job.task_id == task_id:
            self.poll_again(job_id)
        elif not job.candidate and (job.state in (State.SENDING, State.UNSURE) or job.problem == NeverRan.__name__):
            self.undo_mark_not_run(job_id)
            self._set_candidate(job_id, task_id, "callback")

    def mark_not_run(self, job_id: str) -> None:
        """Record a person's statement that the task of an unsure job does not exist. The job becomes failed."""
        now = time.time()
        ended = {"problem": NeverRan.__name__, "credits": 0.0, "ended_at": now, "next_at": None, "candidate": None}
        self._context.store.jobs.move(job_id, State.UNSURE, State.FAILED, now, **ended)
        self._context.publish_job(job_id)

    def undo_mark_not_run(self, job_id: str) -> None:
        """Undo `mark_not_run`: the job becomes unsure again and a task id can be entered."""
        job, now = self._context.store.jobs.get(job_id), time.time()
        if job is None or job.problem != NeverRan.__name__:
            return
        opened = {"problem": Unsure.__name__, "credits": None, "ended_at": None, "settled": None}
        self._context.store.jobs.move(job_id, State.FAILED, State.UNSURE, now, **opened)
        self._context.publish_job(job_id)

    def give_up(self, job_id: str, reason: str) -> None:
        """Give up a job that has a problem, with a person's reason. Row and cost are kept.

        Jobs without a problem are left as they are.
        """
        job, now = self._context.store.jobs.get(job_id), time.time()
        if job is None:
            return
        settled = shortened(reason, FILE_NAME_LIMIT) or "no reason given"
        is_troubled = job.state == State.UNSURE or (job.problem and job.state in (State.RUNNING, State.FETCHING))
        if job.state == State.FAILED and job.needs_attention:
            self._context.store.jobs.note(job_id, job.state, settled=settled)
        elif is_troubled:
            ended = {"problem": GivenUp.__name__, "ended_at": now, "next_at": None, "settled": settled}
            self._context.store.jobs.move(job_id, job.state, State.FAILED, now, **ended)
        self._context.publish_job(job_id)

    def try_now(self) -> None:
        """Test the service now: read the balance, then send one job."""
        self._context.store.breaker.try_now(time.time())
        self._context.tracker.wake()
        self._context.publish({"incidents"})

    def _set_candidate(self, job_id: str, task_id: str, source: str) -> None:
        values = {"candidate": task_id, "candidate_from": source, "attempts": 0, "next_at": time.time()}
        for state in (State.SENDING, State.UNSURE):
            self._context.store.jobs.note(job_id, state, **values)
        self._context.tracker.wake()
        self._context.publish_job(job_id)
