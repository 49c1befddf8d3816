"""Jobs, references, balances and the turns to send: one database, the only shared truth.

Every change of state is one UPDATE guarded by the state it leaves, so that of two that try, one wins. SQLAlchemy Core;
SQLite in WAL mode by default, flushed at every commit, since a row may stand for money.
"""

import secrets
import sqlite3
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Select,
    and_,
    create_engine,
    delete,
    event,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from kie import schema
from kie.errors import SettingsInvalid
from kie.generation import Generation
from kie.jobs import MOVES, OPEN, Job, State
from kie.schema import balances, job_references, jobs, meta, moves, references, sends, servers

# The service takes 20 new tasks in any 10 seconds per account; two and half a second are kept back.
SENDS_LIMIT = 18
SENDS_WINDOW_S = 10.5
SERVER_LIFE_S = 10.0
# A paid request that was never answered stops counting once no network would still deliver it.
SEND_LOST_S = 180.0
LEARNED_FROM = 20


@dataclass(frozen=True)
class Reference:
    """A picture that goes in. `id` is the SHA-256 of its bytes; `checked_at` is None until it was decoded once."""

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
    uploaded_url: str | None = None
    uploaded_to: str | None = None
    uploaded_at: float | None = None


@dataclass(frozen=True)
class Balance:
    """One reading of the credits that remain."""

    credits: float
    at: float


class Store:
    """The database behind one URL. Safe to use from several threads and several servers."""

    def __init__(self, url: str):
        self.server = secrets.token_hex(16)
        self._engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
        if self._engine.dialect.name == "sqlite":
            _tune_sqlite(self._engine)
        self._writer = self._engine.execution_options(write=True)

    def open(self) -> None:
        """Make the tables and say that this server lives. Raises SettingsInvalid when the database can't be used."""
        try:
            schema.make(self._writer)
            self.beat(time.time())
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or type(error).__name__)
            raise SettingsInvalid(
                f"The database can't be opened ({reason}): look at KIE_DATABASE_URL and KIE_DATA_DIR."
            ) from None

    def close(self) -> None:
        """Give back what this server holds, so that the next one goes on at once."""
        with self._write() as db:
            db.execute(update(jobs).where(jobs.c.server == self.server).values(server=None))
            db.execute(delete(servers).where(servers.c.id == self.server))
        self._engine.dispose()

    def secret(self) -> str:
        """Return the secret that signs links, made once for the database."""
        with self._write() as db:
            found = db.scalar(select(meta.c.value).where(meta.c.name == "secret"))
            if found is None:
                found = secrets.token_hex(32)
                db.execute(insert(meta).values(name="secret", value=found))
            return found

    # -- asking for pictures

    def add_jobs(
        self, person: str, generation: Generation, submit_id: str, images: int, price: float | None, now: float
    ) -> list[Job]:
        """Write one queued job for each image, all or none. The same submit id again returns the jobs it made first."""
        rows = [_new_row(person, generation, submit_id, variant, price, now) for variant in range(1, images + 1)]
        used = [
            {"job_id": row["id"], "position": position, "reference_id": reference}
            for row in rows
            for position, reference in enumerate(generation.references, start=1)
        ]
        try:
            with self._write() as db:
                db.execute(insert(jobs), rows)
                db.execute(insert(moves), [{"job_id": row["id"], "state": State.QUEUED, "at": now} for row in rows])
                if used:
                    db.execute(insert(job_references), used)
        except IntegrityError:
            pass
        return self._jobs(select(jobs).where(jobs.c.submit_id == submit_id).order_by(jobs.c.variant))

    # -- looking

    def job(self, job_id: str) -> Job | None:
        """Return one job."""
        found = self._jobs(select(jobs).where(jobs.c.id == job_id))
        return found[0] if found else None

    def jobs(self, ids: Sequence[str]) -> list[Job]:
        """Return those of these jobs that exist, newest first."""
        return self._jobs(select(jobs).where(jobs.c.id.in_(ids)).order_by(*_NEWEST)) if ids else []

    def recent_ids(self, person: str, since: float) -> list[str]:
        """Return the ids of a person's open and unsure jobs and of those that ended after `since`, newest first."""
        alive = jobs.c.state.in_([*OPEN, State.UNSURE])
        query = (
            select(jobs.c.id)
            .where(jobs.c.person == person, or_(alive, jobs.c.ended_at > since))
            .order_by(*_NEWEST)
            .limit(200)
        )
        with self._engine.connect() as db:
            return list(db.scalars(query))

    def page(self, number: int, size: int) -> list[Job]:
        """Return page `number` (from 1) of all jobs, newest first."""
        return self._jobs(select(jobs).order_by(*_NEWEST).limit(size).offset((number - 1) * size))

    def count(self) -> int:
        """Return how many jobs there are."""
        with self._engine.connect() as db:
            return db.scalar(select(func.count()).select_from(jobs)) or 0

    def attention(self, limit: int = 100) -> list[Job]:
        """Return the jobs that are paid, or may be, without their picture on our disk, newest first."""
        stuck = and_(jobs.c.state.in_([State.RUNNING, State.FETCHING]), jobs.c.problem.is_not(None))
        return self._jobs(select(jobs).where(or_(jobs.c.state == State.UNSURE, stuck)).order_by(*_NEWEST).limit(limit))

    def moves(self, job_id: str) -> list[tuple[State, float]]:
        """Return every state of a job with the time when it was entered, oldest first."""
        with self._engine.connect() as db:
            rows = db.execute(select(moves.c.state, moves.c.at).where(moves.c.job_id == job_id).order_by(moves.c.id))
            return [(State(row.state), row.at) for row in rows]

    # -- moving

    def move(self, job_id: str, leaving: State | Iterable[State], to: State, now: float, **values: Any) -> bool:
        """Move a job if it still stands in a state that is left, and say whether this call was the one that moved it."""
        left = {leaving} if isinstance(leaving, State) else set(leaving)
        if any(to not in MOVES[state] for state in left):
            raise ValueError(f"no job moves from {sorted(left)} to {to}")
        with self._write() as db:
            return self._move(db, job_id, left, to, now, values)

    def note(self, job_id: str, state: State, **values: Any) -> bool:
        """Change what is known of a job that stays in its state, and say whether it still stood there."""
        with self._write() as db:
            return (
                db.execute(update(jobs).where(jobs.c.id == job_id, jobs.c.state == state).values(**values)).rowcount
                == 1
            )

    def begin_sending(self, job_id: str, now: float) -> bool:
        """Commit that the paid request is about to leave, if the account's limit has room and the job still waits for it."""
        with self._write() as db:
            if self._sends_counted(db, now) >= SENDS_LIMIT:
                return False
            person = db.scalar(select(jobs.c.person).where(jobs.c.id == job_id))
            if not self._move(db, job_id, {State.UPLOADING}, State.SENDING, now, {"sent_at": now, "problem": None}):
                return False
            db.execute(insert(sends).values(job_id=job_id, person=person, at=now))
            return True

    def answered(self, job_id: str, now: float) -> None:
        """Note when the paid request came back, from when on its place in the window frees."""
        with self._write() as db:
            db.execute(
                update(sends).where(sends.c.job_id == job_id, sends.c.answered_at.is_(None)).values(answered_at=now)
            )

    def next_turn(self, now: float) -> str | None:
        """Give the turn to the person who waits longest for one, and return their oldest queued job, now uploading."""
        with self._write() as db:
            if self._sends_counted(db, now) >= SENDS_LIMIT:
                return None
            last = dict(
                db.execute(
                    select(sends.c.person, func.max(sends.c.at)).where(sends.c.at > now - 600).group_by(sends.c.person)
                ).all()
            )
            ready = and_(jobs.c.state == State.QUEUED, jobs.c.next_at <= now, self._is_free(now))
            waiting = db.execute(
                select(jobs.c.person, func.min(jobs.c.created_at)).where(ready).group_by(jobs.c.person)
            ).all()
            if not waiting:
                return None
            person = min(waiting, key=lambda row: (last.get(row[0], 0.0), row[1]))[0]
            oldest = (
                select(jobs.c.id)
                .where(ready, jobs.c.person == person)
                .order_by(jobs.c.created_at, jobs.c.variant)
                .limit(1)
            )
            job_id = db.scalar(oldest)
            self._move(db, job_id, {State.QUEUED}, State.UPLOADING, now, {"server": self.server, "next_at": now})
            return job_id

    def window_frees_at(self, now: float) -> float | None:
        """Return when the account's limit next has room, or None if it has room now."""
        with self._engine.connect() as db:
            if self._sends_counted(db, now) < SENDS_LIMIT:
                return None
            first = db.scalar(select(func.min(sends.c.answered_at)).where(sends.c.answered_at > now - SENDS_WINDOW_S))
            return (first or now) + SENDS_WINDOW_S

    def hold_queue(self, until: float) -> None:
        """Let nothing that is queued start before `until`."""
        with self._write() as db:
            db.execute(update(jobs).where(jobs.c.state == State.QUEUED, jobs.c.next_at < until).values(next_at=until))

    # -- the servers' share of the work

    def beat(self, now: float) -> None:
        """Say that this server lives."""
        with self._write() as db:
            if db.execute(update(servers).where(servers.c.id == self.server).values(seen_at=now)).rowcount == 0:
                db.execute(insert(servers).values(id=self.server, seen_at=now))

    def adopt(self, now: float) -> list[str]:
        """Take what dead servers left in the middle: a job in `sending` becomes unsure, one that uploaded is queued again.

        Returns the ids of the jobs that are unsure now.
        """
        orphaned = self._is_free(now)
        with self._write() as db:
            lost = list(db.scalars(select(jobs.c.id).where(jobs.c.state == State.SENDING, orphaned)))
            for job_id in lost:
                self._move(
                    db,
                    job_id,
                    {State.SENDING},
                    State.UNSURE,
                    now,
                    {"problem": "Unsure", "next_at": None, "server": None},
                )
            for job_id in db.scalars(select(jobs.c.id).where(jobs.c.state == State.UPLOADING, orphaned)).all():
                self._move(db, job_id, {State.UPLOADING}, State.QUEUED, now, {"next_at": now, "server": None})
            db.execute(delete(servers).where(servers.c.seen_at < now - 60 * SERVER_LIFE_S))
        return lost

    def due(self, now: float, limit: int, busy: Iterable[str] = ()) -> list[Job]:
        """Claim and return the started jobs whose time has come, the longest overdue first."""
        ready = and_(self._is_mine_to_follow(now), jobs.c.next_at <= now, jobs.c.id.not_in(list(busy)))
        with self._engine.connect() as db:
            ids = list(db.scalars(select(jobs.c.id).where(ready).order_by(jobs.c.next_at).limit(limit)))
        if not ids:
            return []
        with self._write() as db:
            db.execute(update(jobs).where(jobs.c.id.in_(ids), self._is_mine_to_follow(now)).values(server=self.server))
        return self._jobs(
            select(jobs).where(jobs.c.id.in_(ids), jobs.c.server == self.server, jobs.c.state.in_(_FOLLOWED))
        )

    def next_due(self, now: float, busy: Iterable[str] = ()) -> float | None:
        """Return when the next job wants a step: a started one of this server, or a queued one that is held back until then."""
        started = and_(self._is_mine_to_follow(now), jobs.c.id.not_in(list(busy)))
        held = and_(jobs.c.state == State.QUEUED, jobs.c.next_at > now)
        with self._engine.connect() as db:
            return db.scalar(select(func.min(jobs.c.next_at)).where(or_(started, held)))

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
        with self._engine.connect() as db:
            found = {
                row.id: Reference(**row._mapping)
                for row in db.execute(select(references).where(references.c.id.in_(ids)))
            }
        return [found[identifier] for identifier in ids if identifier in found]

    def change_reference(self, reference_id: str, **values: Any) -> None:
        """Note what was learned of a reference: that it was checked, or where the service keeps it."""
        with self._write() as db:
            db.execute(update(references).where(references.c.id == reference_id).values(**values))

    def unchecked_references(self) -> list[str]:
        """Return the ids of the references that nobody has decoded yet."""
        with self._engine.connect() as db:
            return list(db.scalars(select(references.c.id).where(references.c.checked_at.is_(None))))

    # -- money

    def add_balance(self, credits: float, now: float) -> None:
        """Keep a reading."""
        with self._write() as db:
            db.execute(insert(balances).values(credits=credits, at=now))

    def balance(self) -> Balance | None:
        """Return the last reading."""
        with self._engine.connect() as db:
            row = db.execute(select(balances.c.credits, balances.c.at).order_by(balances.c.id.desc()).limit(1)).first()
            return Balance(row.credits, row.at) if row else None

    def readings(self, since: float, limit: int = 500) -> list[Balance]:
        """Return the readings after `since`, oldest first; of more than `limit`, the newest."""
        query = (
            select(balances.c.credits, balances.c.at)
            .where(balances.c.at > since)
            .order_by(balances.c.id.desc())
            .limit(limit)
        )
        with self._engine.connect() as db:
            return [Balance(row.credits, row.at) for row in db.execute(query)][::-1]

    def held(self) -> float:
        """Return the expected credits of the jobs that the last reading of the balance can't know of."""
        read_at = select(func.coalesce(func.max(balances.c.at), 0.0)).scalar_subquery()
        unpaid = jobs.c.state.in_([State.QUEUED, State.UPLOADING, State.SENDING])
        just_paid = and_(jobs.c.state == State.RUNNING, jobs.c.accepted_at > read_at)
        with self._engine.connect() as db:
            return (
                db.scalar(select(func.coalesce(func.sum(jobs.c.price_expected), 0.0)).where(or_(unpaid, just_paid)))
                or 0.0
            )

    def learned_price(self, resolution: str) -> tuple[float, float] | None:
        """Return the median credits of the last finished jobs of this resolution, and when the last of them ended."""
        rows = self._finished(resolution, jobs.c.credits)
        return (statistics.median(row[0] for row in rows), rows[0].ended_at) if rows else None

    def learned_duration(self, resolution: str) -> float | None:
        """Return the median seconds from task to picture of the last finished jobs of this resolution."""
        rows = self._finished(resolution, jobs.c.duration_s)
        return statistics.median(row[0] for row in rows) if rows else None

    def _finished(self, resolution: str, column: Any) -> list[Row]:
        done = (jobs.c.resolution == resolution, jobs.c.state == State.DONE, column.is_not(None))
        with self._engine.connect() as db:
            return list(
                db.execute(
                    select(column, jobs.c.ended_at).where(*done).order_by(jobs.c.ended_at.desc()).limit(LEARNED_FROM)
                )
            )

    # -- within

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._writer.begin() as connection:
            yield connection

    def _jobs(self, query: Select) -> list[Job]:
        with self._engine.connect() as db:
            rows = db.execute(query).all()
            wanted = (
                select(job_references)
                .where(job_references.c.job_id.in_([row.id for row in rows]))
                .order_by(job_references.c.position)
            )
            used: dict[str, list[str]] = {}
            for row in db.execute(wanted) if rows else ():
                used.setdefault(row.job_id, []).append(row.reference_id)
        return [_job(row, tuple(used.get(row.id, ()))) for row in rows]

    def _move(
        self, db: Connection, job_id: str, leaving: set[State], to: State, now: float, values: dict[str, Any]
    ) -> bool:
        guarded = update(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(leaving)).values(state=to, **values)
        if db.execute(guarded).rowcount != 1:
            return False
        db.execute(insert(moves).values(job_id=job_id, state=to, at=now))
        return True

    def _sends_counted(self, db: Connection, now: float) -> int:
        """Count the paid requests that the service may see within one window: unanswered ones, and answered ones in it."""
        unanswered = and_(sends.c.answered_at.is_(None), sends.c.at > now - SEND_LOST_S)
        return (
            db.scalar(
                select(func.count())
                .select_from(sends)
                .where(or_(unanswered, sends.c.answered_at > now - SENDS_WINDOW_S))
            )
            or 0
        )

    def _is_mine_to_follow(self, now: float) -> Any:
        return and_(jobs.c.state.in_(_FOLLOWED), or_(jobs.c.server == self.server, self._is_free(now)))

    def _is_free(self, now: float) -> Any:
        living = exists().where(servers.c.id == jobs.c.server, servers.c.seen_at > now - SERVER_LIFE_S)
        return or_(jobs.c.server.is_(None), not_(living))


_FOLLOWED = (State.UPLOADING, State.RUNNING, State.FETCHING)
_NEWEST = (jobs.c.created_at.desc(), jobs.c.id.desc())
_JOB_COLUMNS = tuple(field.name for field in fields(Job) if field.name not in ("references", "state"))


def _job(row: Row, used: tuple[str, ...]) -> Job:
    values = {name: row._mapping[name] for name in _JOB_COLUMNS}
    return Job(**values, state=State(row.state), references=used)


def _new_row(
    person: str, generation: Generation, submit_id: str, variant: int, price: float | None, now: float
) -> dict[str, Any]:
    return {
        "id": secrets.token_hex(16),
        "submit_id": submit_id,
        "variant": variant,
        "person": person,
        "state": State.QUEUED,
        "prompt": generation.prompt,
        "aspect_ratio": generation.aspect_ratio,
        "resolution": generation.resolution,
        "output_format": generation.output_format,
        "price_expected": price,
        "created_at": now,
        "next_at": now,
        "attempts": 0,
    }


def _tune_sqlite(engine: Engine) -> None:
    """Let SQLAlchemy begin transactions itself: a writer takes its lock at the start, or waits for it up to 15 s."""

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=15000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")
