"""Credits: readings of the balance, what is reserved, what was charged, and what is learned from it."""

import math
import statistics
import time
from datetime import date, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Integer,
    Row,
    and_,
    bindparam,
    cast,
    func,
    insert,
    or_,
    select,
)

from kie.errors import GivenUp, NeverRan
from kie.jobs import State
from kie.money.prices import Price, learned
from kie.money.reconciliation import BalanceReading, Charge, Reconciliation, reconcile
from kie.store.database import Database
from kie.store.jobs import LAST_CREDITS
from kie.store.queue import PLANNED_S
from kie.store.schema import balances, jobs
from kie.text import local
from kie.timing import Timing

PAID = (State.RUNNING, State.FETCHING, State.DONE)
UNPAID = (State.QUEUED, State.UPLOADING, State.SENDING)
# Newest first by id, because the clock may have been set back. Rows of older versions have no `began`.
_NEWEST = balances.c.id.desc()
_BEGAN = func.coalesce(balances.c.began, balances.c.at)
_READINGS = select(balances.c.credits, _BEGAN, balances.c.at).order_by(_NEWEST)
# A job that was paid while the last reading was requested may not be in it.
_READ_AT = func.coalesce(select(_BEGAN).order_by(_NEWEST).limit(1).scalar_subquery(), 0.0)
# A later time comes from a clock that was ahead.
_LATEST = bindparam("latest", type_=Float)


def _is_not_read(moment: ColumnElement[float]) -> ColumnElement[bool]:
    return and_(moment > _READ_AT, or_(moment <= _LATEST, _READ_AT > _LATEST))


_JUST_PAID = and_(jobs.c.state.in_(PAID), _is_not_read(jobs.c.accepted_at))
_PERHAPS_PAID = and_(jobs.c.state == State.UNSURE, _is_not_read(jobs.c.sent_at))
_COST = func.coalesce(jobs.c.credits, jobs.c.price_expected)
_RESERVED = select(func.coalesce(func.sum(_COST), 0.0)).where(or_(jobs.c.state.in_(UNPAID), _JUST_PAID, _PERHAPS_PAID))
_FREE = select(balances.c.credits - _RESERVED.scalar_subquery()).order_by(_NEWEST).limit(1)
_CHARGED = (
    *(jobs.c.sent_at, jobs.c.accepted_at, jobs.c.failed_at, jobs.c.ended_at),
    *(jobs.c.state, jobs.c.problem, jobs.c.credits, jobs.c.price_expected),
)


class Ledger:
    """Readings of the balance and costs of jobs."""

    def __init__(self, database: Database, timing: Timing):
        self._database, self._send_lost_s = database, timing.send_lost_s

    def add_balance(self, credits: float, now: float, began: float | None = None) -> None:
        """Save a reading of the balance whose request started at `began` and ended at `now`."""
        reading = {"credits": credits, "began": now if began is None else min(began, now), "at": now}
        with self._database.write() as db:
            db.execute(insert(balances).values(reading))

    def balance(self) -> BalanceReading | None:
        """Return the last reading of the balance, or None."""
        rows = self._database.rows(_READINGS.limit(1))
        return BalanceReading(*rows[0]) if rows else None

    def readings(self, since: float, limit: int = 500) -> list[BalanceReading]:
        """Return the readings after `since`, oldest first. If there are more than `limit`, the newest ones."""
        rows = self._database.rows(_READINGS.where(balances.c.at > since).limit(limit))
        return [BalanceReading(*row) for row in reversed(rows)]

    def charges(self, since: float) -> list[Charge]:
        """Return the charges of jobs that changed the balance after `since`, or may have. Refused jobs are not included."""
        may_be_paid = or_(
            jobs.c.task_id.is_not(None),
            jobs.c.state.in_((State.SENDING, State.UNSURE)),
            jobs.c.problem.in_((NeverRan.__name__, GivenUp.__name__)),
        )
        may_give_back = and_(jobs.c.failed_at.is_not(None), jobs.c.ended_at.is_(None))
        moved = or_(jobs.c.sent_at > since - self._send_lost_s, jobs.c.ended_at > since, may_give_back)
        rows = self._database.rows(select(*_CHARGED).where(jobs.c.sent_at.is_not(None), moved, may_be_paid))
        return [_charge(row, self._send_lost_s) for row in rows]

    def spent_since(self, since: float) -> float:
        """Return the credits that our jobs that ended after `since` have cost, as far as they are known."""
        spent = select(func.sum(jobs.c.credits)).where(jobs.c.ended_at > since)
        return float(self._database.value(spent) or 0.0)

    def spent_by_day(self, since: float, zone: str | None) -> dict[date, float]:
        """Return the known credits of our jobs that ended after `since`, by day of a time zone, oldest first."""
        offset = local(time.time(), zone).utcoffset() or timedelta()
        day = cast((jobs.c.ended_at + offset.total_seconds()) / 86_400.0, Integer)
        spent = select(day, func.sum(jobs.c.credits)).where(jobs.c.ended_at > since, jobs.c.credits > 0)
        rows = self._database.rows(spent.group_by(day).order_by(day))
        return {date(1970, 1, 1) + timedelta(days=int(number)): float(credits) for number, credits in rows}

    def reconcile(self, since: float) -> Reconciliation:
        """Compare the readings after `since` with the costs of our jobs."""
        readings = self.readings(since)
        return reconcile(readings, self.charges(readings[0].began) if readings else [])

    def learned_price(self, resolution: str) -> Price | None:
        """Return the median credits of the last done jobs of a resolution, or None."""
        rows = self._database.rows(LAST_CREDITS, {"resolution": resolution})
        return learned(statistics.median(row[0] for row in rows), rows[0].ended_at) if rows else None

    def free(self) -> float | None:
        """Return the last reading of the balance minus the reserved credits, or None without a reading."""
        with self._database.read() as db:
            return self.free_in(db)

    def reserved(self) -> float:
        """Return the reserved credits: expected costs of jobs that the last reading of the balance may not include."""
        return self._database.value(_RESERVED, {"latest": time.time() + PLANNED_S})

    def free_in(self, db: Connection) -> float | None:
        """Return `free` within a transaction."""
        return db.scalar(_FREE, {"latest": time.time() + PLANNED_S})


def _charge(row: Row, send_lost_s: float) -> Charge:
    """Return the period in which a job can change the balance, and its least and most credits.

    A lost reply leaves open whether the job was charged. A failed task is refunded before we see it end, unless the
    service reports otherwise, and is charged again if the service withdraws the failure. Other tasks count with their
    expected price until the service reports their credits. A job that a person gave up has not failed at the service.
    """
    lost_at = row.sent_at + send_lost_s
    most = math.inf if row.price_expected is None else row.price_expected
    if row.accepted_at is None:
        return Charge(row.sent_at, math.inf if row.state == State.SENDING else lost_at, 0.0, most)
    has_failed = row.failed_at is not None or (row.state == State.FAILED and row.problem != GivenUp.__name__)
    until = row.ended_at or math.inf if has_failed else min(max(row.sent_at, row.accepted_at), lost_at)
    if row.credits is not None:
        return Charge(row.sent_at, until, row.credits, row.credits)
    return Charge(row.sent_at, until, 0.0 if has_failed or math.isinf(most) else most, most)
