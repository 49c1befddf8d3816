"""Jobs: reading them, and their changes of state."""

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)

from kie.generation import OPTIONS, Generation
from kie.jobs import MOVES, OPEN, Job, State
from kie.store.conditions import ATTENTION, COST, HAS_PICTURE, NEEDS_ATTENTION, WAITS, one_of
from kie.store.database import Database
from kie.store.schema import job_references, jobs, moves, references
from kie.text import person_name

RECENT_S = 3600.0
LEARNED_FROM = 20
DURATIONS_FROM = 50
SIZES_FROM = 300
# Of the jobs of one submission, the last one first.
NEWEST = (jobs.c.created_at.desc(), jobs.c.variant.desc(), jobs.c.id.desc())
_JOB_COLUMNS = tuple(field.name for field in fields(Job) if field.name not in ("generation", "state"))
JOBS = select(jobs, NEEDS_ATTENTION.label("needs_attention"), HAS_PICTURE.label("has_picture"), COST.label("cost"))
# The most frequent queries are built once: building takes longer than running them.
_ONE = JOBS.where(jobs.c.id == bindparam("id"))
_PERSON = select(jobs.c.person).where(jobs.c.id == bindparam("id"))
_ATTENTION_COUNT = select(func.count()).select_from(jobs).where(ATTENTION)
_USED = (
    select(job_references)
    .where(job_references.c.job_id.in_(bindparam("ids", expanding=True)))
    .order_by(job_references.c.position)
)
# An unsure job has no next step, unless a callback has named a candidate task while it was being sent.
_NEXT_IF_UNSURE = {"next_at": case((jobs.c.candidate.is_not(None), jobs.c.sent_at))}
_DONE = and_(jobs.c.resolution == bindparam("resolution"), jobs.c.state == State.DONE)
LAST_CREDITS, LAST_DURATIONS = (
    select(column, jobs.c.ended_at).where(_DONE, column.is_not(None)).order_by(jobs.c.ended_at.desc()).limit(count)
    for column, count in ((jobs.c.credits, LEARNED_FROM), (jobs.c.duration_s, DURATIONS_FROM))
)
_SIZES = select(jobs.c.aspect_ratio, jobs.c.width, jobs.c.height).where(_DONE)
_LAST_SIZES = _SIZES.order_by(jobs.c.ended_at.desc()).limit(SIZES_FROM)


class Jobs:
    """The rows of jobs. Every change of state is one UPDATE guarded by the current state."""

    def __init__(self, database: Database):
        self._database = database

    def get(self, job_id: str) -> Job | None:
        """Return a job, or None if it does not exist."""
        found = self.select(_ONE, {"id": job_id})
        return found[0] if found else None

    def get_many(self, ids: Sequence[str]) -> list[Job]:
        """Return the existing ones of these jobs, in the order of `ids`."""
        found = {job.id: job for job in self.select(JOBS.where(one_of(jobs.c.id, ids)))} if ids else {}
        return [found[job_id] for job_id in ids if job_id in found]

    def of_submission(self, submit_id: str) -> list[Job]:
        """Return the jobs of a submission, in the order in which they are sent."""
        return self.select(JOBS.where(jobs.c.submit_id == submit_id).order_by(jobs.c.variant))

    def with_their_submissions(self, ids: Sequence[str]) -> list[Job]:
        """Return the existing ones of these jobs with the rest of their submissions, newest first."""
        theirs = select(jobs.c.submit_id).where(jobs.c.id.in_(ids))
        return self.select(JOBS.where(jobs.c.submit_id.in_(theirs)).order_by(*NEWEST)) if ids else []

    def recent_ids(self, person: str, created_since: float = 0.0) -> list[str]:
        """Return the ids of a person's open and unsure jobs, and of those that ended in the last hour, newest first."""
        since = time.time() - RECENT_S
        # `coalesce` keeps SQLite from reading all jobs of this person by their `created_at`.
        theirs = and_(jobs.c.person == person_name(person), func.coalesce(jobs.c.created_at, 0.0) >= created_since)
        alive = and_(theirs, jobs.c.state.in_([*OPEN, State.UNSURE]))
        query = select(jobs.c.id).where(or_(alive, and_(theirs, jobs.c.ended_at > since))).order_by(*NEWEST).limit(200)
        return [row.id for row in self._database.rows(query)]

    def used_in(self, job_id: str) -> list[Job]:
        """Return the newest jobs that used a job's picture as a reference."""
        made = select(references.c.id).where(references.c.job_id == job_id)
        used = select(job_references.c.job_id).where(job_references.c.reference_id.in_(made))
        return self.select(JOBS.where(jobs.c.id.in_(used)).order_by(*NEWEST).limit(12))

    def needing_attention(self) -> list[Job]:
        """Return the newest 100 jobs that need attention, newest first."""
        return self.select(JOBS.where(ATTENTION).order_by(*NEWEST).limit(100))

    def attention_count(self) -> int:
        """Return how many jobs need attention."""
        return self._database.value(_ATTENTION_COUNT)

    def queued_before(self, job: Job) -> int:
        """Return how many queued jobs are older than this one and not paused."""
        return self._database.value(select(func.count()).where(WAITS, jobs.c.created_at < job.created_at))

    def moves(self, job_id: str) -> list[tuple[State, float]]:
        """Return every state of a job with the time when it was entered, oldest first."""
        entered = select(moves.c.state, moves.c.at).where(moves.c.job_id == job_id).order_by(moves.c.id)
        return [(State(row.state), row.at) for row in self._database.rows(entered)]

    def person(self, job_id: str) -> str | None:
        """Return the person who submitted a job, or None if it does not exist."""
        return self._database.value(_PERSON, {"id": job_id})

    def task_is_known(self, task_id: str) -> bool:
        """Return whether a job has this task id."""
        return self._database.value(select(jobs.c.id).where(jobs.c.task_id == task_id)) is not None

    def learned_duration(self, resolution: str) -> float | None:
        """Return the median duration in seconds of the last done jobs of a resolution, or None."""
        known = self.durations(resolution)
        return statistics.median(known) if known else None

    def durations(self, resolution: str) -> list[float]:
        """Return the durations in seconds of the last done jobs of a resolution."""
        return [row[0] for row in self._database.rows(LAST_DURATIONS, {"resolution": resolution})]

    def learned_size(self, aspect_ratio: str, resolution: str) -> tuple[int, int] | None:
        """Return the pixel size of the newest done picture with these settings among the last SIZES_FROM of its resolution."""
        rows = self._database.rows(_LAST_SIZES, {"resolution": resolution})
        return next(((row.width, row.height) for row in rows if row.width and row.aspect_ratio == aspect_ratio), None)

    def select(self, query: Select, values: Mapping[str, Any] | None = None) -> list[Job]:
        """Return the jobs of a query that is made from JOBS."""
        with self._database.read() as db:
            rows = db.execute(query, values).all()
            used: dict[str, list[str]] = {}
            # Of rows from before the column `has_references`, it is not known.
            ids = [row.id for row in rows if row.has_references is not False]
            for row in db.execute(_USED, {"ids": ids}) if ids else ():
                used.setdefault(row.job_id, []).append(row.reference_id)
        return [_job(row, tuple(used.get(row.id, ()))) for row in rows]

    def move(self, job_id: str, leaving: State | Iterable[State], to: State, now: float, **values: Any) -> bool:
        """Move a job to the state `to` if it is in a state of `leaving`, and return whether this call moved it."""
        with self._database.write() as db:
            return bool(move_in(db, jobs.c.id == job_id, leaving, to, now, **values))

    def note(self, job_id: str, state: State, **values: Any) -> bool:
        """Update columns of a job if it is in `state`. Returns whether it was."""
        guarded = update(jobs).where(jobs.c.id == job_id, jobs.c.state == state)
        return self._database.change(guarded.values(**values)) == 1

    def plan(self, job: Job, next_at: float | None, **values: Any) -> None:
        """Update columns of a job if it is in the state in which it was read, and `next_at` unless it was set meanwhile."""
        is_same = jobs.c.next_at.is_not_distinct_from(job.next_at)
        self.note(job.id, job.state, next_at=case((is_same, next_at), else_=jobs.c.next_at), **values)

    def note_candidate(self, job: Job, **values: Any) -> None:
        """Update columns of an unsure job if its candidate is still the same."""
        self._database.change(update(jobs).where(_same(job), jobs.c.state == State.UNSURE).values(**values))

    def accept_candidate(self, job: Job, now: float, **values: Any) -> None:
        """Continue an unsure job with its candidate as its task if the candidate is still the same."""
        with self._database.write() as db:
            values |= {"task_id": job.candidate, "candidate": None}
            move_in(db, _same(job), State.UNSURE, State.RUNNING, now, **values)


def _same(job: Job) -> ColumnElement[bool]:
    return and_(jobs.c.id == job.id, jobs.c.candidate == job.candidate)


def move_in(
    db: Connection, which: ColumnElement[bool], leaving: State | Iterable[State], to: State, now: float, **values: Any
) -> list[str]:
    """Move the jobs that fulfil a condition, within a transaction, and return the ids of those that this call moved.

    Raises ValueError for a move that is not in MOVES.
    """
    left = {leaving} if isinstance(leaving, State) else set(leaving)
    if any(to not in MOVES[state] for state in left):
        raise ValueError(f"no job moves from {sorted(left)} to {to}")
    if to == State.UNSURE:
        values |= _NEXT_IF_UNSURE
    guarded = update(jobs).where(which, jobs.c.state.in_(left)).values(state=to, **values)
    moved = list(db.scalars(guarded.returning(jobs.c.id)))
    if moved:
        db.execute(insert(moves), [{"job_id": job_id, "state": to, "at": now} for job_id in moved])
    return moved


def _job(row: Row, used: tuple[str, ...]) -> Job:
    known = row._mapping
    generation = Generation(row.prompt, used, **{option.name: known[option.name] for option in OPTIONS})
    return Job(**{name: known[name] for name in _JOB_COLUMNS}, state=State(row.state), generation=generation)
