"""Queueing of submissions within the free credits; pausing, resuming and cancelling them.

Free credits = last reading of the balance − reserved credits. Reserved is what the reading may not include: jobs that are
not accepted yet, and jobs that were accepted, or sent and unsure, after it began. Both are computed in the transaction that
inserts the jobs, so two people can't spend the same credits.
"""

import secrets
from collections.abc import Collection
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kie.errors import CreditsUnavailable, NotRecorded, RequestInvalid
from kie.generation import Fault, Submission, SubmissionItem
from kie.history import fulltext
from kie.jobs import CANCELLABLE, OPEN, State
from kie.recording import recording
from kie.store.database import SUBMIT_BUSY_S, Database
from kie.store.jobs import move_in
from kie.store.ledger import Ledger
from kie.store.schema import job_references, jobs, moves, references

REFERENCE_GONE = "Remove the picture that is no longer here, or add it again."


class SubmissionRepository:
    """Inserts submissions within the free credits; pauses, resumes and cancels them."""

    def __init__(self, database: Database, ledger: Ledger):
        self._database, self._ledger = database, ledger

    def add(self, submission: Submission, now: float) -> None:
        """Insert one queued job for each image of a submission, all or none. A submit id that exists already changes nothing.

        Raises CreditsUnavailable when the free credits do not suffice, RequestInvalid when a reference has been deleted, and
        NotRecorded when the database is locked, refuses a row, or the disk is full. Nothing is inserted in these cases.
        """
        items = [item for item in submission.items for _ in range(item.images)]
        rows = [_row(submission, item, variant, now) for variant, item in enumerate(items, start=1)]
        used = [
            {"job_id": row["id"], "position": position, "reference_id": reference}
            for row, item in zip(rows, items, strict=True)
            for position, reference in enumerate(item.generation.references, start=1)
        ]
        try:
            with recording(), self._database.write(SUBMIT_BUSY_S) as db:
                if db.scalar(select(jobs.c.id).where(jobs.c.submit_id == submission.submit_id).limit(1)):
                    return
                free = self._ledger.free_in(db)
                if free is not None and submission.price > max(0.0, free):
                    raise CreditsUnavailable(submission.price, free)
                # No picture may be paid for without its references.
                ids = {each["reference_id"] for each in used}
                here = select(func.count()).select_from(references).where(references.c.id.in_(ids))
                if ids and db.scalar(here) < len(ids):
                    raise RequestInvalid([Fault("Reference images", REFERENCE_GONE)])
                db.execute(insert(jobs), rows)
                fulltext.add(db, rows)
                db.execute(insert(moves), [{"job_id": row["id"], "state": State.QUEUED, "at": now} for row in rows])
                if used:
                    db.execute(insert(job_references), used)
        except IntegrityError as error:
            raise NotRecorded(str(error.orig)) from error

    def same_requests(self, fingerprints: Collection[str], besides: str) -> list[str]:
        """Return the newest open, done or unsure job for each of these fingerprints, the newest first.

        Skips jobs in the bin and the submission `besides`.
        """
        alive = jobs.c.state.in_([*OPEN, State.DONE, State.UNSURE])
        theirs = (jobs.c.fingerprint.in_(fingerprints), jobs.c.submit_id != besides, jobs.c.binned_at.is_(None), alive)
        newest = func.row_number().over(partition_by=jobs.c.fingerprint, order_by=jobs.c.created_at.desc())
        ranked = select(jobs.c.id, jobs.c.created_at, newest.label("rank")).where(*theirs).subquery()
        found = select(ranked.c.id).where(ranked.c.rank == 1).order_by(ranked.c.created_at.desc())
        return [row.id for row in self._database.rows(found)]

    def pause(self, submit_id: str, now: float) -> int:
        """Pause the jobs of a submission that have not been sent. Returns their number."""
        waiting = (jobs.c.submit_id == submit_id, jobs.c.state.in_(CANCELLABLE), jobs.c.paused_at.is_(None))
        return self._database.change(update(jobs).where(*waiting).values(paused_at=now))

    def resume(self, submit_id: str, now: float) -> None:
        """Resume a paused submission."""
        paused = (jobs.c.submit_id == submit_id, jobs.c.paused_at.is_not(None))
        with self._database.write() as db:
            db.execute(update(jobs).where(*paused).values(paused_at=None))
            db.execute(
                update(jobs).where(jobs.c.submit_id == submit_id, jobs.c.state == State.QUEUED).values(next_at=now)
            )

    def cancel(self, submit_id: str, now: float) -> int:
        """Cancel the jobs of a submission that have not been sent. Returns their number."""
        ended = {"ended_at": now, "next_at": None, "problem": None}
        with self._database.write() as db:
            return len(move_in(db, jobs.c.submit_id == submit_id, CANCELLABLE, State.CANCELLED, now, **ended))


def _row(submission: Submission, item: SubmissionItem, variant: int, now: float) -> dict[str, Any]:
    generation = item.generation
    return {
        "id": secrets.token_hex(16),
        "submit_id": submission.submit_id,
        "variant": variant,
        "row": item.row,
        "person": submission.person,
        "project": item.project or submission.project,
        "state": State.QUEUED,
        "prompt": generation.prompt,
        **generation.options,
        "fingerprint": generation.fingerprint,
        "price_expected": item.price,
        "has_references": bool(generation.references),
        "created_at": now,
        "next_at": now,
        "attempts": 0,
    }
