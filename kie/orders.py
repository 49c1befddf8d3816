"""What a press asks for becomes rows, all or none, if the credits for it are free; and a press can be paused.

Turns ── Orders: add, pause, go on, cancel; what is held; was this made before

Free = the last reading of the balance, less what it can't know of: jobs that wait, and jobs that were paid since. It is worked
out in the transaction that writes the rows, so two people can't both spend the last credits.
"""

import secrets
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from kie.errors import CreditsHeld
from kie.generation import Press, Wanted
from kie.jobs import CANCELLABLE, OPEN, State
from kie.schema import balances, job_references, jobs, meta, moves
from kie.turns import Turns

PAID = (State.RUNNING, State.FETCHING, State.DONE)
UNPAID = (State.QUEUED, State.UPLOADING, State.SENDING)
_LAST_READING = select(balances.c.credits).order_by(balances.c.id.desc()).limit(1)


def _cost_held() -> Select[tuple[float]]:
    read_at = select(func.coalesce(func.max(balances.c.at), 0.0)).scalar_subquery()
    just_paid = and_(jobs.c.state.in_(PAID), jobs.c.accepted_at > read_at)
    perhaps_paid = and_(jobs.c.state == State.UNSURE, jobs.c.sent_at > read_at)
    counted = or_(jobs.c.state.in_(UNPAID), just_paid, perhaps_paid)
    cost = func.coalesce(jobs.c.credits, jobs.c.price_expected)
    return select(func.coalesce(func.sum(cost), 0.0)).where(counted)


_HELD = _cost_held()


class Orders(Turns):
    """The part of the store that takes presses in and holds the credits for them."""

    def add_press(self, press: Press, now: float) -> None:
        """Write one queued job for each picture, all or none. The same submit id again changes nothing.

        Raises CreditsHeld, with nothing written, when the last reading of the balance leaves too little for all of them.
        """
        rows = _rows(press, now)
        used = [
            {"job_id": row["id"], "position": position, "reference_id": reference}
            for row, wanted in rows
            for position, reference in enumerate(wanted.generation.references, start=1)
        ]
        written = [row for row, _ in rows]
        try:
            with self._write() as db:
                self._one_at_a_time(db)
                if db.scalar(select(jobs.c.id).where(jobs.c.submit_id == press.submit_id).limit(1)):
                    return
                free = self._free(db)
                if free is not None and press.price > max(0.0, free):
                    raise CreditsHeld(press.price, free)
                db.execute(insert(jobs), written)
                db.execute(insert(moves), [{"job_id": row["id"], "state": State.QUEUED, "at": now} for row in written])
                if used:
                    db.execute(insert(job_references), used)
        except IntegrityError:
            pass  # another server has just written the same press

    def free(self) -> float | None:
        """Return the last reading of the balance less what is held, or None when there has been no reading."""
        with self._read() as db:
            return self._free(db)

    def held(self) -> float:
        """Return the expected credits of the jobs that the last reading of the balance can't know of."""
        with self._read() as db:
            return self._held(db)

    def free_and_held(self) -> tuple[float | None, float]:
        """Return what `free` and `held` do, of one moment."""
        with self._read() as db:
            credits, held = db.scalar(_LAST_READING), self._held(db)
            return None if credits is None else credits - held, held

    def same_requests(self, fingerprints: Collection[str], besides: str) -> list[str]:
        """Return, for each of these requests, the newest job that carries it and is made or being made, but for those of one press."""
        alive = jobs.c.state.in_([*OPEN, State.DONE, State.UNSURE])
        theirs = (jobs.c.fingerprint.in_(fingerprints), jobs.c.submit_id != besides, jobs.c.binned_at.is_(None), alive)
        newest = func.row_number().over(partition_by=jobs.c.fingerprint, order_by=jobs.c.created_at.desc())
        ranked = select(jobs.c.id, newest.label("rank")).where(*theirs).subquery()
        with self._read() as db:
            return list(db.scalars(select(ranked.c.id).where(ranked.c.rank == 1)))

    def pause(self, submit_id: str, now: float) -> int:
        """Hold back what a press has not sent yet, and return how many jobs that is."""
        waiting = (jobs.c.submit_id == submit_id, jobs.c.state.in_(CANCELLABLE), jobs.c.paused_at.is_(None))
        with self._write() as db:
            return db.execute(update(jobs).where(*waiting).values(paused_at=now)).rowcount

    def go_on(self, submit_id: str, now: float) -> None:
        """Let a paused press go on."""
        paused = (jobs.c.submit_id == submit_id, jobs.c.paused_at.is_not(None))
        with self._write() as db:
            db.execute(update(jobs).where(*paused).values(paused_at=None))
            db.execute(
                update(jobs).where(jobs.c.submit_id == submit_id, jobs.c.state == State.QUEUED).values(next_at=now)
            )

    def cancel_press(self, submit_id: str, now: float) -> int:
        """Cancel what a press has not sent yet, and return how many jobs that was."""
        with self._write() as db:
            waiting = select(jobs.c.id).where(jobs.c.submit_id == submit_id, jobs.c.state.in_(CANCELLABLE))
            ended = {"ended_at": now, "next_at": None, "problem": None}
            return sum(
                self._move(db, job_id, set(CANCELLABLE), State.CANCELLED, now, ended)
                for job_id in db.scalars(waiting).all()
            )

    def _free(self, db: Connection) -> float | None:
        credits = db.scalar(_LAST_READING)
        return None if credits is None else credits - self._held(db)

    def _held(self, db: Connection) -> float:
        return db.scalar(_HELD) or 0.0

    def _one_at_a_time(self, db: Connection) -> None:
        """Let presses pass one after the other on every database; SQLite's writers do so by themselves."""
        db.execute(select(meta.c.value).where(meta.c.name == "secret").with_for_update())


def _rows(press: Press, now: float) -> list[tuple[dict[str, Any], Wanted]]:
    asked = [wanted for wanted in press.wanted for _ in range(wanted.images)]
    return [(_row(press, wanted, variant, now), wanted) for variant, wanted in enumerate(asked, start=1)]


def _row(press: Press, wanted: Wanted, variant: int, now: float) -> dict[str, Any]:
    generation = wanted.generation
    return {
        "id": secrets.token_hex(16),
        "submit_id": press.submit_id,
        "variant": variant,
        "row": wanted.row,
        "person": press.person,
        "project": wanted.project or press.project,
        "state": State.QUEUED,
        "prompt": generation.prompt,
        "aspect_ratio": generation.aspect_ratio,
        "resolution": generation.resolution,
        "output_format": generation.output_format,
        "fingerprint": generation.fingerprint,
        "price_expected": wanted.price,
        "created_at": now,
        "next_at": now,
        "attempts": 0,
    }
