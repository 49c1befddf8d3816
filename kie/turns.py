"""Whose turn it is to send, and which server follows which job.

    next_turn    one queued job to the person whose last turn is longest ago
    begin_sending, answered, refused_for_now     the account's limit, counted from the rows of `sends`
    beat, adopt, due     a server's lease on its jobs, and what becomes of those whose server is gone
    ahead        whether there is something to do, and when there will be more

A wall clock can be set back. A time further ahead than we ever plan was written before that, and binds nobody.
"""

import time
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
    delete,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)

from kie.brakes import IS_ON, READ, Brakes
from kie.jobs import State
from kie.schema import brakes, jobs, moves, sends, servers

# The service takes 20 new tasks in any 10 seconds per account; two and half a second are kept back.
SENDS_LIMIT = 18
SENDS_WINDOW_S = 10.5
SERVER_LIFE_S = 10.0
# A paid request that was never answered stops counting once no network would still deliver it.
SEND_LOST_S = 180.0
# No step of a job is planned further ahead than a minute.
PLANNED_S = 120.0
# How many moves back a turn is remembered; who had none since then waits longest.
TURNS_KEPT = 1000
FOLLOWED = (State.UPLOADING, State.UNSURE, State.RUNNING, State.FETCHING)
Moment = float | BindParameter[float]


def _is_due(now: Moment) -> ColumnElement[bool]:
    return or_(jobs.c.next_at <= now, jobs.c.next_at > now + PLANNED_S)


def _is_free(now: Moment, life_s: Moment) -> ColumnElement[bool]:
    seen = servers.c.seen_at.between(now - life_s, now + life_s)
    return or_(jobs.c.server.is_(None), not_(exists().where(servers.c.id == jobs.c.server, seen)))


def _is_mine_to_follow(server: str | BindParameter[str], now: Moment, life_s: Moment) -> ColumnElement[bool]:
    return and_(jobs.c.state.in_(FOLLOWED), or_(jobs.c.server == server, _is_free(now, life_s)))


# What each round of the scheduler asks is put together once: that takes longer than to ask it.
_NOW, _LIFE_S, _WINDOW_S = (bindparam(name, type_=Float) for name in ("now", "life_s", "window_s"))
_US = bindparam("us")
_NOT_BUSY = jobs.c.id.not_in(bindparam("busy", expanding=True))
_READY = and_(jobs.c.state == State.QUEUED, jobs.c.paused_at.is_(None), _is_due(_NOW))
_ONE_READY = select(jobs.c.id).where(_READY).limit(1)
# Who has the turn and has not sent yet; those that wait for another try at an upload are not on their way.
_ON_THEIR_WAY = select(func.count()).select_from(jobs).where(jobs.c.state == State.UPLOADING, _is_due(_NOW))
_WANTS_A_STEP = and_(_is_mine_to_follow(_US, _NOW, _LIFE_S), _is_due(_NOW), _NOT_BUSY)
_DUE = (
    select(jobs.c.id, jobs.c.state, jobs.c.server)
    .where(_WANTS_A_STEP)
    .order_by(jobs.c.next_at)
    .limit(bindparam("most"))
)
_HELD = and_(jobs.c.state == State.QUEUED, jobs.c.paused_at.is_(None), jobs.c.next_at > _NOW)
_NEXT_DUE = select(func.min(jobs.c.next_at)).where(or_(and_(_is_mine_to_follow(_US, _NOW, _LIFE_S), _NOT_BUSY), _HELD))
# Unanswered paid requests, and those that were answered within the window.
_SENDS = (
    select(func.count())
    .select_from(sends)
    .where(
        or_(
            and_(sends.c.answered_at.is_(None), sends.c.at.between(_NOW - SEND_LOST_S, _NOW + SEND_LOST_S)),
            and_(sends.c.answered_at > _NOW - _WINDOW_S, sends.c.answered_at < _NOW + _WINDOW_S),
        )
    )
)

_AHEAD = select(
    exists().where(or_(_READY, _WANTS_A_STEP)).label("is_due"),
    _NEXT_DUE.scalar_subquery().label("next_due"),
    _SENDS.scalar_subquery().label("sends"),
    select(brakes.c.try_at).where(IS_ON).scalar_subquery().label("try_at"),
    select(brakes.c.probed).where(IS_ON).scalar_subquery().label("probed"),
    exists().where(jobs.c.state == State.QUEUED, jobs.c.paused_at.is_(None)).label("waits"),
)


@dataclass(frozen=True)
class Ahead:
    """What there is to do, and when there will be more: None for not at all.

    `is_due` says that a job wants a turn or a step now, `next_due` when the next started job of this server wants one,
    or a queued one that is held back until then. `frees_at` is when the limit has room again. The brake is tried only
    for a job that waits; `wants_probe` says that it is time to look whether the service answers again.
    """

    is_due: bool
    next_due: float | None
    frees_at: float | None
    brake_due: float | None
    wants_probe: bool


class Turns(Brakes):
    """The part of the store that decides who goes on with what, and when."""

    def open(self) -> None:
        """Make the tables and say that this server lives. Raises SettingsInvalid when the database can't be used."""
        super().open()
        self.beat(time.time())

    def close(self) -> None:
        """Give back what this server holds, so that the next one goes on at once."""
        try:
            with self._write() as db:
                db.execute(update(jobs).where(jobs.c.server == self.server).values(server=None))
                db.execute(delete(servers).where(servers.c.id == self.server))
        finally:
            super().close()

    # -- turns to send

    def next_turn(self, now: float) -> str | None:
        """Give the turn to the person who waits longest for one, and return their oldest queued job, now uploading."""
        with self._read() as db:
            if db.scalar(_ONE_READY, {"now": now}) is None:
                return None
        with self._write() as db:
            first = func.min(jobs.c.created_at)
            waiting = db.execute(select(jobs.c.person, first).where(_READY).group_by(jobs.c.person), {"now": now}).all()
            # A turn is a place in the window, or those who hold one would race for the last places.
            places = SENDS_LIMIT - self._sends_counted(db, now) - (db.scalar(_ON_THEIR_WAY, {"now": now}) or 0)
            if not waiting or places <= 0 or not self._may_pass(db, now):
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
            given = {"server": self.server, "next_at": now}
            return job_id if self._move(db, job_id, {State.QUEUED}, State.UPLOADING, now, given) else None

    def begin_sending(self, job_id: str, now: float) -> bool:
        """Commit that the paid request is about to leave: if the limit has room, and the job still waits, and for us."""
        ours = select(jobs.c.person, jobs.c.paused_at).where(jobs.c.id == job_id, jobs.c.server == self.server)
        with self._write() as db:
            row = db.execute(ours).first()
            if row is None or self._sends_counted(db, now) >= SENDS_LIMIT:
                return False
            if row.paused_at is not None or self._holds_back(db):
                self._move(db, job_id, {State.UPLOADING}, State.QUEUED, now, {"server": None, "next_at": now})
                return False
            if not self._move(db, job_id, {State.UPLOADING}, State.SENDING, now, {"sent_at": now, "problem": None}):
                return False
            db.execute(insert(sends).values(job_id=job_id, person=row.person, at=now))
            return True

    def answered(self, job_id: str, now: float) -> None:
        """Note when the paid request came back, from when on its place in the window frees."""
        with self._write() as db:
            open_one = and_(sends.c.job_id == job_id, sends.c.answered_at.is_(None))
            db.execute(update(sends).where(open_one).values(answered_at=now))

    def refused_for_now(self, job_id: str, now: float, **values: Any) -> None:
        """Queue a job again that the limit refused, and let nothing start before the window has passed."""
        until = now + SENDS_WINDOW_S
        with self._write() as db:
            self._move(db, job_id, {State.SENDING}, State.QUEUED, now, values | {"server": None})
            db.execute(update(jobs).where(jobs.c.state == State.QUEUED, jobs.c.next_at < until).values(next_at=until))

    def window_frees_at(self, now: float) -> float | None:
        """Return when the account's limit next has room, or None if it has room now."""
        with self._read() as db:
            return None if self._sends_counted(db, now) < SENDS_LIMIT else self._frees_at(db, now)

    def _frees_at(self, db: Connection, now: float) -> float:
        counted = sends.c.answered_at.between(now - SENDS_WINDOW_S, now + SENDS_WINDOW_S)
        return (db.scalar(select(func.min(sends.c.answered_at)).where(counted)) or now) + SENDS_WINDOW_S

    def _sends_counted(self, db: Connection, now: float) -> int:
        """Count the paid requests that the service may see within one window: unanswered ones, and answered ones in it."""
        return db.scalar(_SENDS, {"now": now, "window_s": SENDS_WINDOW_S}) or 0

    # -- the servers' share of the work

    def beat(self, now: float) -> None:
        """Say that this server lives."""
        with self._write() as db:
            if db.execute(update(servers).where(servers.c.id == self.server).values(seen_at=now)).rowcount == 0:
                db.execute(insert(servers).values(id=self.server, seen_at=now))

    def adopt(self, now: float, busy: Iterable[str] = ()) -> list[str]:
        """Take what dead servers left in the middle: a job in `sending` becomes unsure, one that uploaded is queued again.

        A job of our own in `sending` that nobody is busy with is lost too. Returns the ids of the jobs that are unsure now.
        """
        orphaned = or_(_is_free(now, SERVER_LIFE_S), and_(jobs.c.server == self.server, jobs.c.id.not_in(list(busy))))
        unsure = {"problem": "Unsure", "next_at": None, "server": None}
        with self._write() as db:
            lost = list(db.scalars(select(jobs.c.id).where(jobs.c.state == State.SENDING, orphaned)))
            for job_id in lost:
                self._move(db, job_id, {State.SENDING}, State.UNSURE, now, unsure)
            # A callback can name the task while its lost reply is still waited for.
            named = (jobs.c.state == State.UNSURE, jobs.c.candidate.is_not(None), jobs.c.next_at.is_(None))
            db.execute(update(jobs).where(*named).values(next_at=now))
            left = select(jobs.c.id).where(jobs.c.state == State.UPLOADING, _is_free(now, SERVER_LIFE_S))
            for job_id in db.scalars(left).all():
                self._move(db, job_id, {State.UPLOADING}, State.QUEUED, now, {"next_at": now, "server": None})
            db.execute(delete(servers).where(not_(servers.c.seen_at.between(now - 600, now + 600))))
        return lost

    def due(self, now: float, limit: int, busy: Iterable[str] = ()) -> Sequence[tuple[str, State]]:
        """Claim the started jobs whose time has come, the longest overdue first, and return their ids and states."""
        with self._read() as db:
            found = db.execute(_DUE, self._about(now, busy) | {"most": limit}).all()
        ids = [row.id for row in found]
        if all(row.server == self.server for row in found):
            return [(row.id, State(row.state)) for row in found]
        with self._write() as db:
            mine = _is_mine_to_follow(self.server, now, SERVER_LIFE_S)
            db.execute(update(jobs).where(jobs.c.id.in_(ids), mine).values(server=self.server))
            claimed = and_(jobs.c.id.in_(ids), jobs.c.server == self.server, jobs.c.state.in_(FOLLOWED))
            rows = db.execute(select(jobs.c.id, jobs.c.state).where(claimed).order_by(jobs.c.next_at))
            return [(row.id, State(row.state)) for row in rows]

    def ahead(self, now: float, busy: Iterable[str] = ()) -> Ahead:
        """Return what there is to do, and when there will be more: all that a round asks while there is nothing."""
        with self._read() as db:
            row = db.execute(_AHEAD, self._about(now, busy) | {"window_s": SENDS_WINDOW_S}).one()
            frees_at = None if row.sends < SENDS_LIMIT else self._frees_at(db, now)
        is_held = row.waits and row.try_at is not None
        is_tried = is_held and row.try_at <= now
        return Ahead(
            is_due=row.is_due,
            next_due=row.next_due,
            frees_at=frees_at,
            brake_due=row.try_at if is_held and not is_tried else None,
            wants_probe=is_tried and row.probed != READ,
        )

    def _about(self, now: float, busy: Iterable[str]) -> dict[str, Any]:
        return {"now": now, "us": self.server, "life_s": SERVER_LIFE_S, "busy": list(busy)}
