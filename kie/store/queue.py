"""The job queue: fair scheduling, rate limiter, and leases of servers on jobs.

    next_turn    selects one queued job, of the person whose last turn is longest ago
    begin_sending, record_send_reply, requeue_after_429     rate limiter for the account, counted from the rows of `sends`
    heartbeat, recover_orphans, due     heartbeat and leases of servers, recovery of the jobs of dead servers
    next_work    whether there is work now, and when there will be more

The wall clock may be set back. A time further in the future than any that is planned is therefore ignored.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Float,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)

from kie.jobs import State
from kie.store.breaker import BLOCKING, IS_OPEN, READ, Breaker
from kie.store.conditions import WAITS
from kie.store.database import Database
from kie.store.jobs import move_in
from kie.store.schema import breakers, jobs, moves, sends, servers
from kie.timing import Timing

# Every step of a job is planned at most a minute ahead, so a time beyond this was planned before the clock was set back.
PLANNED_S = 120.0
# Number of latest rows of `moves` in which turns are looked up; a person without one there is served first.
TURNS_KEPT = 1000
FOLLOWED = (State.UPLOADING, State.UNSURE, State.RUNNING, State.FETCHING)
Moment = float | BindParameter[float]


def _is_due(now: Moment) -> ColumnElement[bool]:
    return or_(jobs.c.next_at <= now, jobs.c.next_at > now + PLANNED_S)


def _is_free(now: Moment, life_s: Moment) -> ColumnElement[bool]:
    seen = servers.c.seen_at.between(now - life_s, now + life_s)
    return or_(jobs.c.server.is_(None), not_(exists().where(servers.c.id == jobs.c.server, seen)))


def _may_take(server: str | BindParameter[str], now: Moment, life_s: Moment) -> ColumnElement[bool]:
    return and_(jobs.c.state.in_(FOLLOWED), or_(jobs.c.server == server, _is_free(now, life_s)))


# The scheduler's queries are built once: building takes longer than running them.
_NOW, _LIFE_S, _WINDOW_S, _LOST_S = (bindparam(name, type_=Float) for name in ("now", "life_s", "window_s", "lost_s"))
_US = bindparam("us")
_NOT_BUSY = jobs.c.id.not_in(bindparam("busy", expanding=True))
_READY = and_(WAITS, _is_due(_NOW))
_ONE_READY = select(jobs.c.id).where(_READY).limit(1)
# Jobs that have a turn and were not sent yet, except those that wait for a retry of an upload.
_ON_THEIR_WAY = select(func.count()).where(jobs.c.state == State.UPLOADING, _is_due(_NOW))
_WANTS_A_STEP = and_(_may_take(_US, _NOW, _LIFE_S), _is_due(_NOW), _NOT_BUSY)
_STEPS = select(jobs.c.id, jobs.c.state, jobs.c.server).where(_WANTS_A_STEP)
_DUE = _STEPS.order_by(jobs.c.next_at).limit(bindparam("most"))
_DELAYED = and_(WAITS, jobs.c.next_at > _NOW)
_NEXT_DUE = select(func.min(jobs.c.next_at)).where(or_(and_(_may_take(_US, _NOW, _LIFE_S), _NOT_BUSY), _DELAYED))
# Unanswered paid requests, and those that were answered within the window.
_UNANSWERED = and_(sends.c.answered_at.is_(None), sends.c.at.between(_NOW - _LOST_S, _NOW + _LOST_S))
_IN_WINDOW = and_(sends.c.answered_at > _NOW - _WINDOW_S, sends.c.answered_at < _NOW + _WINDOW_S)
_SENDS = select(func.count()).where(or_(_UNANSWERED, _IN_WINDOW))
_FIRST_IN_WINDOW = select(func.min(sends.c.answered_at)).where(_IN_WINDOW)
_AHEAD = select(
    exists().where(or_(_READY, _WANTS_A_STEP)).label("is_due"),
    _NEXT_DUE.scalar_subquery().label("next_due"),
    _SENDS.scalar_subquery().label("sends"),
    select(breakers.c.try_at).where(IS_OPEN).scalar_subquery().label("try_at"),
    select(breakers.c.probed).where(IS_OPEN).scalar_subquery().label("probed"),
    exists().where(WAITS).label("waits"),
)


@dataclass(frozen=True)
class NextWork:
    """The work ahead. Times are None if nothing is planned.

    `is_due`: a job can be started or continued now. `next_due`: when the next job of this server is due, or a
    queued one that is delayed after a 429. `frees_at`: when the rate limiter allows the next request, None if now.
    `probe_due`: when the circuit breaker is tested, if a job is queued. `wants_probe`: that test is due now.
    """

    is_due: bool
    next_due: float | None
    frees_at: float | None
    probe_due: float | None
    wants_probe: bool


class JobQueue:
    """The queue of jobs, the rate limiter, and the leases of servers on jobs."""

    def __init__(self, database: Database, breaker: Breaker, timing: Timing):
        self._database, self._breaker, self._timing = database, breaker, timing
        self._us = database.server

    def release(self) -> None:
        """Release all leases of this server, so that the next one continues at once."""
        with self._database.write() as db:
            db.execute(update(jobs).where(jobs.c.server == self._us).values(server=None))
            db.execute(delete(servers).where(servers.c.id == self._us))

    def next_turn(self, now: float) -> str | None:
        """Move one queued job to `uploading` and return its id, or None when no job can be started.

        Chooses the oldest job of the person whose last turn is longest ago.
        """
        if self._database.value(_ONE_READY, {"now": now}) is None:
            return None
        with self._database.write() as db:
            first = func.min(jobs.c.created_at)
            waiting = db.execute(select(jobs.c.person, first).where(_READY).group_by(jobs.c.person), {"now": now}).all()
            # A job with a turn has a place in the rate limiter's window; otherwise jobs would compete for the last places.
            places = self._room(db, now) - db.scalar(_ON_THEIR_WAY, {"now": now})
            if not waiting or places <= 0 or not self._breaker.may_pass(db, now):
                return None
            newest = select(func.max(moves.c.id)).scalar_subquery()
            had = (
                select(jobs.c.person, func.max(moves.c.id))
                .join(jobs, jobs.c.id == moves.c.job_id)
                .where(moves.c.id > newest - TURNS_KEPT, moves.c.state == State.UPLOADING)
                .group_by(jobs.c.person)
            )
            last = dict(db.execute(had).all())
            person = min(waiting, key=lambda row: (last.get(row[0], 0), row[1]))[0]
            theirs = select(jobs.c.id).where(_READY, jobs.c.person == person)
            job_id = db.scalar(theirs.order_by(jobs.c.created_at, jobs.c.variant).limit(1), {"now": now})
            given = {"server": self._us, "next_at": now}
            return job_id if move_in(db, jobs.c.id == job_id, State.QUEUED, State.UPLOADING, now, **given) else None

    def begin_sending(self, job_id: str, now: float) -> bool:
        """Commit that the paid request is about to be sent. Returns False when the rate limit is reached or the job is no longer ours.

        A job that was paused, or is stopped by the circuit breaker, returns to the queue.
        """
        ours = and_(jobs.c.id == job_id, jobs.c.server == self._us)
        with self._database.write() as db:
            row = db.execute(select(jobs.c.person, jobs.c.paused_at).where(ours)).first()
            if row is None or self._room(db, now) <= 0:
                return False
            if row.paused_at is not None or db.scalar(BLOCKING) is not None:
                move_in(db, ours, State.UPLOADING, State.QUEUED, now, server=None, next_at=now)
                return False
            if not move_in(db, ours, State.UPLOADING, State.SENDING, now, sent_at=now, problem=None):
                return False
            db.execute(insert(sends).values(job_id=job_id, person=row.person, at=now))
            return True

    def record_send_reply(self, job_id: str, now: float) -> None:
        """Record the time of the answer to a paid request. Its place in the window is free one window later."""
        open_one = and_(sends.c.job_id == job_id, sends.c.answered_at.is_(None))
        self._database.change(update(sends).where(open_one).values(answered_at=now))

    def requeue_after_429(self, job_id: str, now: float, **values: Any) -> None:
        """Requeue a job after a 429. It and all that are queued now wait until the window has passed."""
        until = now + self._timing.sends_window_s
        with self._database.write() as db:
            move_in(db, jobs.c.id == job_id, State.SENDING, State.QUEUED, now, server=None, **values)
            db.execute(update(jobs).where(jobs.c.state == State.QUEUED, jobs.c.next_at < until).values(next_at=until))

    def window_frees_at(self, now: float) -> float | None:
        """Return when the rate limiter allows the next request, or None if now."""
        with self._database.read() as db:
            return self._frees_at(db, now) if self._room(db, now) <= 0 else None

    def _frees_at(self, db: Connection, now: float) -> float:
        return (db.scalar(_FIRST_IN_WINDOW, self._about(now)) or now) + self._timing.sends_window_s

    def _room(self, db: Connection, now: float) -> int:
        """Return how many more paid requests fit into the rate limiter's window."""
        return self._timing.sends_limit - db.scalar(_SENDS, self._about(now))

    def heartbeat(self, now: float) -> None:
        """Heartbeat: record that this server is alive."""
        with self._database.write() as db:
            if not db.execute(update(servers).where(servers.c.id == self._us).values(seen_at=now)).rowcount:
                db.execute(insert(servers).values(id=self._us, seen_at=now))

    def poll_again_after_start(self, now: float) -> None:
        """Poll every open task some more times, and at once those that an earlier run had stopped polling. Forget dead servers."""
        started = and_(jobs.c.state.in_((State.RUNNING, State.FETCHING)), jobs.c.task_id.is_not(None))
        silent = (started, jobs.c.next_at.is_(None), jobs.c.emptied_at.is_(None))
        looks = self._timing.polls - self._timing.polls_after_start
        looked_for = case((jobs.c.state == State.FETCHING, "PictureNotFetched"), else_=None)
        with self._database.write() as db:
            db.execute(update(jobs).where(*silent).values(next_at=now, problem=looked_for))
            db.execute(update(jobs).where(started, jobs.c.looks > looks).values(looks=looks))
            db.execute(delete(servers).where(not_(servers.c.seen_at.between(now - 600, now + 600))))

    def recover_orphans(self, now: float, busy: Iterable[str] = ()) -> list[str]:
        """Recover the jobs of dead servers: those in `sending` become unsure, those in `uploading` are queued again.

        A job of this server in `sending` that is not in `busy` becomes unsure, too. Returns the ids of the new unsure
        jobs.
        """
        is_free = _is_free(now, self._timing.server_life_s)
        orphaned = or_(is_free, and_(jobs.c.server == self._us, jobs.c.id.not_in(list(busy))))
        with self._database.write() as db:
            move_in(db, is_free, State.UPLOADING, State.QUEUED, now, next_at=now, server=None)
            return move_in(db, orphaned, State.SENDING, State.UNSURE, now, problem="Unsure", server=None)

    def due(self, now: float, limit: int, busy: Iterable[str] = ()) -> Sequence[tuple[str, State]]:
        """Lease the started jobs that are due, longest overdue first, and return their ids and states."""
        about = self._about(now, busy) | {"most": limit}
        found = self._database.rows(_DUE, about)
        if others := [row.id for row in found if row.server != self._us]:
            mine = _may_take(self._us, now, self._timing.server_life_s)
            with self._database.write() as db:
                db.execute(update(jobs).where(jobs.c.id.in_(others), mine).values(server=self._us))
                found = [row for row in db.execute(_DUE, about) if row.server == self._us]
        return [(row.id, State(row.state)) for row in found]

    def next_work(self, now: float, busy: Iterable[str] = ()) -> NextWork:
        """Return the work ahead. This is the only query of a scheduler round without work."""
        with self._database.read() as db:
            row = db.execute(_AHEAD, self._about(now, busy)).one()
            frees_at = self._frees_at(db, now) if row.sends >= self._timing.sends_limit else None
        is_blocked = row.waits and row.try_at is not None
        is_tried = is_blocked and row.try_at <= now
        return NextWork(
            is_due=row.is_due,
            next_due=row.next_due,
            frees_at=frees_at,
            probe_due=row.try_at if is_blocked and not is_tried else None,
            wants_probe=is_tried and row.probed != READ,
        )

    def _about(self, now: float, busy: Iterable[str] = ()) -> dict[str, Any]:
        """Return the parameters of the scheduler's queries."""
        timing = self._timing
        window = {"window_s": timing.sends_window_s, "lost_s": timing.send_lost_s}
        return window | {"now": now, "us": self._us, "life_s": timing.server_life_s, "busy": list(busy)}
