"""Where what is paid, or may be, and not here is looked after; and what a callback or a person says of it."""

import re
import time

from kie.brakes import Brake
from kie.desk import Desk
from kie.errors import NeverRan, NothingSpent, Unsure
from kie.jobs import Job, State
from kie.names import display_name

_TASK_ID = re.compile(r"[A-Za-z0-9_.:-]{4,200}")


class Caring(Desk):
    """The part of the studio that loses nothing."""

    def attention(self) -> list[Job]:
        """Return the jobs that are paid, or may be, without their picture on our disk."""
        return self._rooms.store.attention()

    def attention_count(self) -> int:
        """Return how many jobs need a person's attention."""
        return self._rooms.store.attention_count()

    def look_again(self, job_id: str) -> None:
        """Look at a job's task now, whatever its state says, unless its files were thrown away. Costs nothing."""
        job, now = self.job(job_id), time.time()
        if job is None or not job.task_id or job.emptied_at:
            return
        store = self._rooms.store
        if job.state == State.FAILED:
            store.move(job_id, State.FAILED, State.RUNNING, now, next_at=now, ended_at=None, problem=None, settled=None)
        elif job.state == State.DONE:
            store.move(job_id, State.DONE, State.FETCHING, now, next_at=now, ended_at=None)
        else:
            store.note(job_id, job.state, next_at=now)
        self._rooms.tracker.wake()
        self._tell(job_id)

    def found_again(self, job_id: str, task_id: str) -> None:
        """Have the tracker check whether an unsure job's task is the one that a person found on the service's log page.

        Raises NothingSpent in words when that can't be a task id, or another job has it.
        """
        task_id = task_id.strip()
        if not _TASK_ID.fullmatch(task_id):
            raise NothingSpent("This is not a task id: copy it from the service's log page, letters and digits only.")
        if self._rooms.store.task_is_known(task_id):
            raise NothingSpent("Another job already has this task id: look for the one of this job.")
        self._name(job_id, task_id, "person")

    def job_of_callback(self, token: str) -> str | None:
        """Return the job that a callback's token stands for, or None when it is forged."""
        return self._rooms.links.read_callback(token)

    def called_back(self, job_id: str, task_id: str) -> None:
        """Take a callback as a reason to look, and for an unsure job as a hint to its task. Believes nothing else."""
        job = self.job(job_id)
        if job is None or not _TASK_ID.fullmatch(task_id):
            return
        if job.state in (State.RUNNING, State.FETCHING) and job.task_id == task_id:
            self.look_again(job_id)
        elif job.state in (State.SENDING, State.UNSURE) and not job.candidate:
            self._name(job_id, task_id, "callback")

    def _name(self, job_id: str, task_id: str, source: str) -> None:
        named = {"candidate": task_id, "candidate_from": source, "attempts": 0, "next_at": time.time()}
        for state in (State.SENDING, State.UNSURE):
            self._rooms.store.note(job_id, state, **named)
        self._rooms.tracker.wake()
        self._tell(job_id)

    def never_ran(self, job_id: str) -> None:
        """Take a person's word that an unsure job's task does not exist."""
        now = time.time()
        ended = {"problem": NeverRan.__name__, "credits": 0.0, "ended_at": now, "next_at": None, "candidate": None}
        self._rooms.store.move(job_id, State.UNSURE, State.FAILED, now, **ended)
        self._tell(job_id)

    def doubt(self, job_id: str) -> None:
        """Take back a person's word that a job never ran: it is unsure again, and its task can be named."""
        job, now = self.job(job_id), time.time()
        if job is None or job.problem != NeverRan.__name__:
            return
        opened = {"problem": Unsure.__name__, "credits": None, "ended_at": None, "settled": None}
        self._rooms.store.move(job_id, State.FAILED, State.UNSURE, now, **opened)
        self._tell(job_id)

    def give_up(self, job_id: str, reason: str) -> None:
        """Take a job off the list of what needs attention, with a person's reason. Its record and its cost stay."""
        job, now = self.job(job_id), time.time()
        if job is None or not job.needs_attention:
            return
        told = display_name(reason) if reason.strip() else "no reason given"
        if job.state in (State.FAILED, State.DONE):
            self._rooms.store.note(job_id, job.state, settled=told)
        else:
            ended = {"problem": "GivenUp", "ended_at": now, "next_at": None, "settled": told}
            self._rooms.store.move(job_id, job.state, State.FAILED, now, **ended)
        self._tell(job_id)

    def brake(self) -> Brake | None:
        """Return why new jobs wait after an incident, or None when they need not."""
        return self._rooms.store.brake()

    def try_now(self) -> None:
        """Have the service tried again at once, carefully: the balance first, then one job."""
        self._rooms.store.try_now(time.time())
        self._rooms.tracker.wake()
        self._publish({"incidents"})
