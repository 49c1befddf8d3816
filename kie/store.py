"""Jobs, references and balances, on top of the turns to send: everything that is kept but the files.

Database     opened, read, written; a job's guarded move
└── Turns    whose turn it is; which server follows which job
    └── Orders   presses taken in, and the credits held for them
        └── Library  templates, presets, projects, former prompts
            └── Finder   jobs found again
                └── Marks    stars, verdicts, tags, notes, the bin
                    └── Inventory   which files should be here
                        └── Store, with Parcels: what is to be taken away
"""

import runpy
import secrets
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from kie.catalogue import ATTENTION
from kie.errors import NeverRan
from kie.finding import NEWEST
from kie.inventory import Inventory
from kie.jobs import OPEN, Job, State
from kie.parcels import Parcels
from kie.reconciliation import Charge
from kie.schema import balances, job_references, jobs, meta, moves, references

LEARNED_FROM = 20
SIZES_FROM = 300
_ONE = select(jobs).where(jobs.c.id == bindparam("id"))
_PERSON = select(jobs.c.person).where(jobs.c.id == bindparam("id"))
_HOW_MANY_NEEDY = select(func.count()).select_from(jobs).where(ATTENTION)
_LAST_BALANCE = select(balances.c.credits, balances.c.at).order_by(balances.c.id.desc()).limit(1)
_DONE = and_(jobs.c.resolution == bindparam("resolution"), jobs.c.state == State.DONE)
# A page asks seven times for a price, so the question is put together once.
_LAST_CREDITS, _LAST_DURATIONS = (
    select(column, jobs.c.ended_at)
    .where(_DONE, column.is_not(None))
    .order_by(jobs.c.ended_at.desc())
    .limit(LEARNED_FROM)
    for column in (jobs.c.credits, jobs.c.duration_s)
)


@dataclass(frozen=True)
class Reference:
    """A picture that goes in. `id` is the SHA-256 of its bytes; `job_id` the job that made it, if it was made here.

    `checked_at` is None until it was decoded once.
    """

    id: str
    name: str
    kind: str
    width: int
    height: int
    bytes: int
    file: str
    created_at: float
    checked_at: float | None = None
    refusal: str | None = None
    changed: str | None = None
    job_id: str | None = None
    uploaded_url: str | None = None
    uploaded_to: str | None = None
    uploaded_at: float | None = None


@dataclass(frozen=True)
class Balance:
    """One reading of the credits that remain."""

    credits: float
    at: float


class Store(Inventory, Parcels):
    """The whole store behind one URL. Safe to use from several threads and several servers."""

    def secret(self) -> str:
        """Return the secret that signs links, made once for the database."""
        with self._write() as db:
            found = db.scalar(select(meta.c.value).where(meta.c.name == "secret"))
            if found is None:
                found = secrets.token_hex(32)
                db.execute(insert(meta).values(name="secret", value=found))
            return found

    # -- looking

    def job(self, job_id: str) -> Job | None:
        """Return one job."""
        found = self._jobs(_ONE, {"id": job_id})
        return found[0] if found else None

    def person(self, job_id: str) -> str | None:
        """Return who asked for a job."""
        with self._read() as db:
            return db.scalar(_PERSON, {"id": job_id})

    def press(self, submit_id: str) -> list[Job]:
        """Return the jobs of one press, in the order in which they are sent."""
        return self._jobs(select(jobs).where(jobs.c.submit_id == submit_id).order_by(jobs.c.variant))

    def jobs(self, ids: Sequence[str]) -> list[Job]:
        """Return those of these jobs that exist, newest first."""
        return self._jobs(select(jobs).where(jobs.c.id.in_(ids)).order_by(*NEWEST)) if ids else []

    def recent_ids(self, person: str, since: float) -> list[str]:
        """Return the ids of a person's open and unsure jobs and of those that ended after `since`, newest first."""
        theirs = jobs.c.person == person
        alive = and_(theirs, jobs.c.state.in_([*OPEN, State.UNSURE]))
        query = select(jobs.c.id).where(or_(alive, and_(theirs, jobs.c.ended_at > since))).order_by(*NEWEST).limit(200)
        with self._read() as db:
            return list(db.scalars(query))

    def attention(self, limit: int = 100) -> list[Job]:
        """Return the jobs that are paid, or may be, without their picture on our disk, newest first."""
        return self._jobs(select(jobs).where(ATTENTION).order_by(*NEWEST).limit(limit))

    def task_is_known(self, task_id: str) -> bool:
        """Say whether a job has this task already."""
        with self._read() as db:
            return db.scalar(select(jobs.c.id).where(jobs.c.task_id == task_id)) is not None

    def attention_count(self) -> int:
        """Return how many jobs need a person's attention."""
        with self._read() as db:
            return db.scalar(_HOW_MANY_NEEDY) or 0

    def queued_before(self, job: Job) -> int:
        """Return how many queued jobs were asked for before this one and are not paused."""
        older = (jobs.c.state == State.QUEUED, jobs.c.paused_at.is_(None), jobs.c.created_at < job.created_at)
        with self._read() as db:
            return db.scalar(select(func.count()).select_from(jobs).where(*older)) or 0

    def moves(self, job_id: str) -> list[tuple[State, float]]:
        """Return every state of a job with the time when it was entered, oldest first."""
        with self._read() as db:
            rows = db.execute(select(moves.c.state, moves.c.at).where(moves.c.job_id == job_id).order_by(moves.c.id))
            return [(State(row.state), row.at) for row in rows]

    # -- references

    def add_reference(self, reference: Reference) -> Reference:
        """Keep a reference; one with the same bytes is kept once, under its first name."""
        values = {field.name: getattr(reference, field.name) for field in fields(Reference)}
        try:
            with self._write() as db:
                db.execute(insert(references).values(**values))
        except IntegrityError:
            pass
        return self.references([reference.id])[0]

    def references(self, ids: Sequence[str]) -> list[Reference]:
        """Return those of these references that exist, in the order asked for."""
        if not ids:
            return []
        with self._read() as db:
            found = {
                row.id: Reference(**row._mapping)
                for row in db.execute(select(references).where(references.c.id.in_(ids)))
            }
        return [found[identifier] for identifier in ids if identifier in found]

    def change_reference(self, reference_id: str, **values: Any) -> None:
        """Note what was learned of a reference: that it was checked, or where the service keeps it."""
        with self._write() as db:
            db.execute(update(references).where(references.c.id == reference_id).values(**values))

    def used_in(self, job_id: str, limit: int = 12) -> list[Job]:
        """Return the newest jobs that had a job's picture for a reference."""
        made = select(references.c.id).where(references.c.job_id == job_id)
        used = select(job_references.c.job_id).where(job_references.c.reference_id.in_(made))
        return self._jobs(select(jobs).where(jobs.c.id.in_(used)).order_by(*NEWEST).limit(limit))

    def unchecked_references(self) -> list[str]:
        """Return the ids of the references that nobody has decoded yet."""
        with self._read() as db:
            return list(db.scalars(select(references.c.id).where(references.c.checked_at.is_(None))))

    # -- money

    def add_balance(self, credits: float, now: float) -> None:
        """Keep a reading."""
        with self._write() as db:
            db.execute(insert(balances).values(credits=credits, at=now))

    def balance(self) -> Balance | None:
        """Return the last reading."""
        with self._read() as db:
            row = db.execute(_LAST_BALANCE).first()
            return Balance(row.credits, row.at) if row else None

    def readings(self, since: float, limit: int = 500) -> list[Balance]:
        """Return the readings after `since`, oldest first; of more than `limit`, the newest."""
        query = (
            select(balances.c.credits, balances.c.at)
            .where(balances.c.at > since)
            .order_by(balances.c.id.desc())
            .limit(limit)
        )
        with self._read() as db:
            return [Balance(row.credits, row.at) for row in db.execute(query)][::-1]

    def charges(self, since: float) -> list[Charge]:
        """Return what the jobs that were sent or ended after a moment did to the balance; one that was refused did nothing."""
        columns = (
            jobs.c.sent_at,
            jobs.c.accepted_at,
            jobs.c.ended_at,
            jobs.c.state,
            jobs.c.problem,
            jobs.c.credits,
            jobs.c.price_expected,
        )
        moved = or_(jobs.c.sent_at > since, jobs.c.accepted_at > since, jobs.c.ended_at > since)
        sent = select(*columns).where(
            jobs.c.sent_at.is_not(None),
            moved,
            or_(jobs.c.task_id.is_not(None), jobs.c.state == State.UNSURE, jobs.c.problem == NeverRan.__name__),
        )
        with self._read() as db:
            return [_charge(row) for row in db.execute(sent)]

    def learned_price(self, resolution: str) -> tuple[float, float] | None:
        """Return the median credits of the last finished jobs of this resolution, and when the last of them ended."""
        rows = self._finished(resolution, _LAST_CREDITS)
        return (statistics.median(row[0] for row in rows), rows[0].ended_at) if rows else None

    def learned_duration(self, resolution: str) -> float | None:
        """Return the median seconds from task to picture of the last finished jobs of this resolution."""
        rows = self._finished(resolution, _LAST_DURATIONS)
        return statistics.median(row[0] for row in rows) if rows else None

    def learned_size(self, aspect_ratio: str, resolution: str) -> tuple[int, int] | None:
        """Return the pixels of the newest finished picture of these settings, among the last hundreds of this resolution."""
        recent = (
            select(jobs.c.aspect_ratio, jobs.c.width, jobs.c.height, jobs.c.ended_at)
            .where(jobs.c.resolution == resolution, jobs.c.state == State.DONE)
            .order_by(jobs.c.ended_at.desc())
            .limit(SIZES_FROM)
            .subquery()
        )
        fitting = select(recent.c.width, recent.c.height).where(recent.c.aspect_ratio == aspect_ratio)
        with self._read() as db:
            row = db.execute(fitting.order_by(recent.c.ended_at.desc()).limit(1)).first()
            return (row.width, row.height) if row and row.width else None

    def _finished(self, resolution: str, asked: Select) -> list[Row]:
        with self._read() as db:
            return list(db.execute(asked, {"resolution": resolution}))


def _charge(row: Row) -> Charge:
    """A task that failed gives back unless the service says otherwise; one that runs is taken at its expected price.

    What a person gave up has not failed at the service, so nothing is given back.
    """
    has_failed = row.state == State.FAILED and row.problem != "GivenUp"
    credits = row.credits if row.credits is not None else (0.0 if has_failed else row.price_expected)
    return Charge(row.sent_at, row.accepted_at, row.ended_at, has_failed, credits)


if __name__ == "__main__":
    # Imports point down, and the commands stand above all that they use: they are run from here, not imported.
    runpy.run_module("kie.commands", run_name="__main__", alter_sys=True)
