"""The files that the database expects on disk, and updates of rows whose files are missing or that come from a backup.

Rows are read in pages, so that 100,000 rows are never in memory at once.
"""

import re
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from sqlalchemy import Select, and_, delete, exists, func, select, true, update

from kie.errors import RestoredUnsent, StudioError, Unsure
from kie.jobs import CANCELLABLE, State
from kie.store.conditions import HAS_PICTURE
from kie.store.database import Database
from kie.store.jobs import move_in
from kie.store.schema import drafts, job_references, jobs, references, servers, stored_requests, templates

_ID = re.compile(r"[0-9a-f]{64}")


class ExpectedFile(NamedTuple):
    """A file expected on disk: id of its job or reference, relative name, size in bytes, whether it can be displayed."""

    id: str
    file: str
    bytes: int
    is_shown: bool = True


class Inventory:
    """The files that the rows refer to."""

    def __init__(self, database: Database):
        self._database = database

    def done_files(self, after: str, limit: int = 1000) -> list[ExpectedFile]:
        """Return the expected result files of done jobs, sorted by job id, starting after the id `after`."""
        file = (jobs.c.id, jobs.c.file, jobs.c.file_bytes, jobs.c.preview_problem.is_(None))
        query = select(*file).where(HAS_PICTURE, jobs.c.id > after)
        return self._kept(query.order_by(jobs.c.id).limit(limit))

    def reference_files(self, after: str, limit: int = 1000) -> list[ExpectedFile]:
        """Return the files of references, sorted by id, starting after the id `after`."""
        file = (references.c.id, references.c.file, references.c.bytes, references.c.refusal.is_(None))
        return self._kept(select(*file).where(references.c.id > after).order_by(references.c.id).limit(limit))

    def drop_unused_references(self, before: float, limit: int = 200) -> list[ExpectedFile]:
        """Delete the rows of references last added before `before` that nothing uses, and return their files.

        A job, a draft, a template or a stored link may use a reference.
        """
        is_used = exists().where(job_references.c.reference_id == references.c.id)
        unused = select(references.c.id, references.c.file, references.c.bytes).where(~is_used)
        texts = (drafts.c.content, templates.c.prompt, stored_requests.c.content)
        with self._database.write() as db:
            named = {found for column in texts for text in db.scalars(select(column)) for found in _ID.findall(text)}
            rows = db.execute(unused.where(references.c.created_at < before).order_by(references.c.id)).all()
            dropped = [ExpectedFile(*row) for row in rows if row.id not in named][:limit]
            db.execute(delete(references).where(references.c.id.in_([kept.id for kept in dropped])))
        return dropped

    def files_count(self) -> int:
        """Return how many result and reference files are expected."""
        results = select(func.count()).select_from(jobs).where(HAS_PICTURE).scalar_subquery()
        kept = select(func.count()).select_from(references).scalar_subquery()
        return self._database.value(select(results + kept))

    def owners(self, ids: Collection[str]) -> set[str]:
        """Return those of at most 1,000 ids that belong to a reference or to a job whose files were not deleted."""
        theirs = select(jobs.c.id).where(jobs.c.id.in_(ids), jobs.c.emptied_at.is_(None))
        with self._database.read() as db:
            known = set(db.scalars(theirs))
            return known | set(db.scalars(select(references.c.id).where(references.c.id.in_(ids))))

    def fetch_again(self, job_id: str, problem: type[StudioError], now: float) -> bool:
        """Schedule a new download of a done job's picture, which costs nothing.

        Returns False when the job is no longer done or its files were deleted from the bin.
        """
        promised = and_(jobs.c.id == job_id, jobs.c.emptied_at.is_(None))
        fresh = {"problem": problem.__name__, "next_at": now, "attempts": 0}
        with self._database.write() as db:
            return bool(move_in(db, promised, State.DONE, State.FETCHING, now, **fresh))

    def neutralise_restored_jobs(self, now: float) -> tuple[int, int]:
        """Prepare a restored database so that nothing is sent: queued jobs are cancelled, jobs being sent become unsure.

        Returns the numbers of cancelled and of unsure jobs. Running jobs continue to be polled.
        """
        cancelled = {"problem": RestoredUnsent.__name__, "ended_at": now, "next_at": None}
        with self._database.write() as db:
            waiting = move_in(db, true(), CANCELLABLE, State.CANCELLED, now, **cancelled)
            sending = move_in(db, true(), State.SENDING, State.UNSURE, now, problem=Unsure.__name__)
            # Remove the leases, so that the server that opens this database continues the jobs at once.
            db.execute(update(jobs).where(jobs.c.server.is_not(None)).values(server=None))
            db.execute(delete(servers).where(servers.c.id != self._database.server))
        return len(waiting), len(sending)

    def _kept(self, query: Select) -> list[ExpectedFile]:
        return [ExpectedFile(*row) for row in self._database.rows(query)]


def each(page: Callable[[str], list[ExpectedFile]]) -> Iterator[ExpectedFile]:
    """Yield all rows of a paged query. `page` is called with the id after which the page starts."""
    after = ""
    while rows := page(after):
        yield from rows
        after = rows[-1].id
