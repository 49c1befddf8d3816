"""Circuit breaker for new jobs, shared by all servers through one row of the database. Without a row it is closed.

    closed ── 401, 402, 433, 455, 505, or several server errors in a row ──> open
    open ── pause over, balance readable ──> half-open, one job is sent ── accepted, or refused for itself ──> closed
                                                         └─ else ──> open, twice the pause

Jobs that are running are polled and downloaded as usual.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from kie.errors import (
    Blocked,
    CreditsShort,
    KeyRefused,
    MaybeSpent,
    Refused,
    ServicePaused,
    StudioError,
    Unreachable,
)
from kie.jobs import State
from kie.store.conditions import WAITS
from kie.store.database import Database
from kie.store.schema import breakers, jobs
from kie.timing import Timing

ERRORS_IN_A_ROW = 3
# Progress of the half-open test: balance not read, balance read, one job sent.
UNREAD, READ, SENT = 0, 1, 2

IS_OPEN = breakers.c.problem.is_not(None)
_OPEN_ONE = select(breakers).where(IS_OPEN)
# A job that was started before the circuit breaker opened goes back to the queue.
BLOCKING = select(breakers.c.id).where(IS_OPEN, breakers.c.probed != SENT)
_OLDEST_WAITING = select(jobs.c.id, jobs.c.price_expected).where(WAITS).order_by(jobs.c.created_at).limit(1)


@dataclass(frozen=True)
class OpenBreaker:
    """An open circuit breaker: the error's class name, the service's message, the time it opened, the time of the next test."""

    problem: str
    detail: str
    since: float
    try_at: float


class Breaker:
    """The circuit breaker of the account, in one row for all servers."""

    def __init__(self, database: Database, timing: Timing):
        self._database, self._timing = database, timing

    def current(self) -> OpenBreaker | None:
        """Return the circuit breaker if it is open, else None."""
        rows = self._database.rows(_OPEN_ONE)
        return OpenBreaker(rows[0].problem, rows[0].detail or "", rows[0].since, rows[0].try_at) if rows else None

    def record_failure(self, error: StudioError, now: float) -> None:
        """Record a failed paid request. Opens the circuit breaker when the error is likely to repeat."""
        at_once = isinstance(error, CreditsShort | ServicePaused | KeyRefused)
        if not at_once and not isinstance(error, MaybeSpent | Unreachable | Blocked):
            if isinstance(error, Refused):
                self.record_success()  # An answer to this request alone: the service works.
            return
        with self._database.write() as db:
            row = db.execute(select(breakers)).first()
            was_open = row is not None and row.problem is not None
            if was_open and row.probed != SENT and now < row.try_at:
                return  # Sent before the circuit breaker opened, so this is no new information.
            failures = (row.failures if row else 0) + 1
            known = {"id": 1, "failures": failures, "probed": UNREAD}
            if at_once or failures >= ERRORS_IN_A_ROW or was_open:
                pauses = failures - 1 if at_once else failures - ERRORS_IN_A_ROW
                pause_s = min(self._timing.longest_pause_s, self._timing.first_pause_s * 2 ** max(0, min(pauses, 10)))
                known |= {"since": row.since if was_open else now, "try_at": now + pause_s}
                known |= {"problem": type(error).__name__, "detail": error.detail}
            db.execute(delete(breakers))
            db.execute(insert(breakers).values(known))

    def record_success(self) -> None:
        """Close the circuit breaker, because the service has accepted a job, or refused one for a reason of its own."""
        if self._database.value(select(breakers.c.id)) is not None:
            self._database.change(delete(breakers))

    def try_now(self, now: float) -> None:
        """Make the next test due at once."""
        self._database.change(update(breakers).where(IS_OPEN).values(try_at=now, probed=UNREAD))

    def record_balance(self, credits: float | None, now: float) -> None:
        """Record a reading of the balance. If it covers the next job, that job may be sent as a test; else the pause is extended."""
        with self._database.write() as db:
            row = db.execute(_OPEN_ONE.where(breakers.c.try_at <= now)).first()
            next_job = db.execute(_OLDEST_WAITING).first() if row else None
            if next_job is None:
                return
            if credits is not None and credits >= (next_job.price_expected or 0.0):
                db.execute(update(breakers).values(probed=READ))
            else:
                pause_s = min(self._timing.longest_pause_s, max(self._timing.first_pause_s, now - row.since))
                db.execute(update(breakers).values(try_at=now + pause_s, probed=UNREAD))

    def may_pass(self, db: Connection, now: float) -> bool:
        """Return whether the next job may start. While the circuit breaker is open, allows one job after the balance was read."""
        row = db.execute(_OPEN_ONE).first()
        if row is None:
            return True
        under_way = select(jobs.c.id).where(jobs.c.state.in_([State.UPLOADING, State.SENDING])).limit(1)
        if row.probed != READ or row.try_at > now or db.scalar(under_way):
            return False
        db.execute(update(breakers).values(probed=SENT, try_at=now + 6 * self._timing.first_pause_s))
        return True
