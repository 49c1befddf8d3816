"""The brake: after an answer that promises more of its kind, new jobs wait and one careful try lifts it again.

    free ── 402, 433, 455, 401, or several server errors in a row ──> braked
    braked ── after a pause: the balance answers ──> one job may pass ── accepted ──> free
                                                                      └─ not ──> braked, twice the pause

One row for the whole account, so that every server keeps to it. What runs already is looked at and fetched as ever.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from kie.database import Database
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
from kie.schema import brakes, jobs

ERRORS_IN_A_ROW = 3
FIRST_PAUSE_S = 10.0
LONGEST_PAUSE_S = 300.0
# How far the careful try has come: the balance is not read yet, it was, a job is on its way.
UNREAD, READ, SENT = 0, 1, 2

IS_ON = brakes.c.problem.is_not(None)
_BRAKE = select(brakes).where(IS_ON)
_HOLDS_BACK = select(brakes.c.id).where(IS_ON, brakes.c.probed != SENT)
_OLDEST_WAITING = (
    select(jobs.c.id, jobs.c.price_expected)
    .where(jobs.c.state == State.QUEUED, jobs.c.paused_at.is_(None))
    .order_by(jobs.c.created_at)
    .limit(1)
)


@dataclass(frozen=True)
class Brake:
    """Why new jobs wait: the error's name, the service's words, since when, and when the next try is due."""

    problem: str
    detail: str
    since: float
    try_at: float


class Brakes(Database):
    """The part of the store that holds new jobs back after an incident."""

    def brake(self) -> Brake | None:
        """Return why new jobs wait, or None when they need not."""
        with self._read() as db:
            row = db.execute(_BRAKE).first()
            return Brake(row.problem, row.detail or "", row.since, row.try_at) if row else None

    def brake_on(self, error: StudioError, now: float) -> None:
        """Count an answer to a paid request that was no task, and hold new jobs back when more of its kind are to come."""
        at_once = isinstance(error, CreditsShort | ServicePaused | KeyRefused)
        if not at_once and not isinstance(error, MaybeSpent | Unreachable | Blocked):
            if isinstance(error, Refused):
                self.release_brake()  # a no to this very request: the service is well
            return
        with self._write() as db:
            row = db.execute(select(brakes)).first()
            if row and row.problem and row.probed != SENT and now < row.try_at:
                return  # sent before the brake came on: it tells nothing new
            if row is None:
                db.execute(insert(brakes).values(id=1, failures=0, probed=UNREAD))
            failures = (row.failures if row else 0) + 1
            change = {"failures": failures, "probed": UNREAD}
            if at_once or failures >= ERRORS_IN_A_ROW or (row and row.problem):
                pauses = failures - 1 if at_once else failures - ERRORS_IN_A_ROW
                pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** max(0, min(pauses, 10)))
                since = row.since if row and row.problem else now
                change |= {
                    "problem": type(error).__name__,
                    "detail": error.detail,
                    "since": since,
                    "try_at": now + pause_s,
                }
            db.execute(update(brakes).values(**change))

    def release_brake(self) -> None:
        """Let jobs go: the service has just taken one."""
        with self._write() as db:
            db.execute(
                update(brakes)
                .where((brakes.c.failures > 0) | IS_ON)
                .values(failures=0, problem=None, detail=None, since=None, try_at=None, probed=UNREAD)
            )

    def try_now(self, now: float) -> None:
        """Let the careful try be made at once, because a person asks."""
        with self._write() as db:
            db.execute(update(brakes).where(IS_ON).values(try_at=now, probed=UNREAD))

    def probe_brake(self, credits: float | None, now: float) -> None:
        """Take the balance for a first sign of life: with it, and enough of it for the next job, one job may pass."""
        with self._write() as db:
            row = db.execute(_BRAKE.where(brakes.c.try_at <= now)).first()
            price = self._waiting(db)
            if row is None or price is None:
                return
            if credits is not None and credits >= price:
                db.execute(update(brakes).values(probed=READ))
            else:
                pause_s = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, now - row.since))
                db.execute(update(brakes).values(try_at=now + pause_s, probed=UNREAD))

    def _may_pass(self, db: Connection, now: float) -> bool:
        """Say whether the next job may start; while braked, that is one job, once, after the balance has answered."""
        row = db.execute(_BRAKE).first()
        if row is None:
            return True
        under_way = select(jobs.c.id).where(jobs.c.state.in_([State.UPLOADING, State.SENDING])).limit(1)
        if row.probed != READ or row.try_at > now or db.scalar(under_way):
            return False
        db.execute(update(brakes).values(probed=SENT, try_at=now + 6 * FIRST_PAUSE_S))
        return True

    def _holds_back(self, db: Connection) -> bool:
        """Say whether a job whose turn came before the brake has to give it back."""
        return db.scalar(_HOLDS_BACK) is not None

    def _waiting(self, db: Connection) -> float | None:
        """Return the expected price of the oldest job that may go next, 0 if unknown, or None when none waits."""
        row = db.execute(_OLDEST_WAITING).first()
        return None if row is None else row.price_expected or 0.0
