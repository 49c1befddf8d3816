"""Which files the rows promise, and what becomes of rows whose files are gone, or that come out of a backup.

Marks ── Inventory    read in steps: 100,000 rows never stand in memory at once
"""

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from sqlalchemy import Select, delete, func, select, update

from kie.errors import RestoredUnsent, StudioError, Unsure
from kie.jobs import CANCELLABLE, State
from kie.marks import Marks
from kie.schema import jobs, references, servers


class Kept(NamedTuple):
    """A file that a row promises: the id of its owner, its name below the files' root, its bytes."""

    id: str
    file: str
    bytes: int


class Inventory(Marks):
    """The part of the store that knows what should be on the disk."""

    def done_files(self, after: str, limit: int = 1000) -> list[Kept]:
        """Return the files of finished jobs that should be here, by the job's id, beginning behind `after`."""
        promised = (jobs.c.state == State.DONE, jobs.c.emptied_at.is_(None), jobs.c.file.is_not(None))
        wanted = select(jobs.c.id, jobs.c.file, jobs.c.file_bytes).where(*promised, jobs.c.id > after)
        return self._kept(wanted.order_by(jobs.c.id).limit(limit))

    def reference_files(self, after: str, limit: int = 1000) -> list[Kept]:
        """Return the files of references, by id, beginning behind `after`."""
        wanted = select(references.c.id, references.c.file, references.c.bytes).where(references.c.id > after)
        return self._kept(wanted.order_by(references.c.id).limit(limit))

    def files_count(self) -> int:
        """Return how many files of jobs and references should be here."""
        promised = (jobs.c.state == State.DONE, jobs.c.emptied_at.is_(None), jobs.c.file.is_not(None))
        results = select(func.count()).select_from(jobs).where(*promised).scalar_subquery()
        with self._read() as db:
            return db.scalar(select(results + select(func.count()).select_from(references).scalar_subquery())) or 0

    def owners(self, ids: Collection[str]) -> set[str]:
        """Return which of these ids, at most 1,000, belong to a reference, or to a job that may have files."""
        theirs = select(jobs.c.id).where(jobs.c.id.in_(ids), jobs.c.emptied_at.is_(None))
        with self._read() as db:
            known = set(db.scalars(theirs))
            return known | set(db.scalars(select(references.c.id).where(references.c.id.in_(ids))))

    def lost(self, job_id: str, problem: type[StudioError], now: float) -> bool:
        """Have a finished job's picture fetched again, which costs nothing, and say whether it should still be here."""
        promised = (jobs.c.id == job_id, jobs.c.state == State.DONE, jobs.c.emptied_at.is_(None))
        fresh = {"problem": problem.__name__, "ended_at": None, "next_at": now, "attempts": 0}
        with self._write() as db:
            if db.scalar(select(jobs.c.id).where(*promised).with_for_update()) is None:
                return False
            return self._move(db, job_id, {State.DONE}, State.FETCHING, now, fresh)

    def come_from_backup(self, now: float) -> tuple[int, int]:
        """Let nothing of a restored database be sent: what waited is cancelled, what was being sent is unsure.

        Returns how many jobs were cancelled, and how many are unsure now. What runs goes on being looked at.
        """
        cancelled = {"problem": RestoredUnsent.__name__, "ended_at": now, "next_at": None}
        unsure = {"problem": Unsure.__name__, "next_at": None}
        with self._write() as db:
            waiting = db.scalars(select(jobs.c.id).where(jobs.c.state.in_(CANCELLABLE))).all()
            sending = db.scalars(select(jobs.c.id).where(jobs.c.state == State.SENDING)).all()
            for job_id in waiting:
                self._move(db, job_id, set(CANCELLABLE), State.CANCELLED, now, cancelled)
            for job_id in sending:
                self._move(db, job_id, {State.SENDING}, State.UNSURE, now, unsure)
            # Nobody follows these jobs any more: whoever opens this database goes on with them at once.
            db.execute(update(jobs).where(jobs.c.server.is_not(None)).values(server=None))
            db.execute(delete(servers).where(servers.c.id != self.server))
        return len(waiting), len(sending)

    def _kept(self, wanted: Select) -> list[Kept]:
        with self._read() as db:
            return [Kept(*row) for row in db.execute(wanted)]


def each(page: Callable[[str], list[Kept]]) -> Iterator[Kept]:
    """Go through all rows that `page` gives in steps: it is called with the id behind which it shall begin."""
    after = ""
    while rows := page(after):
        yield from rows
        after = rows[-1].id
