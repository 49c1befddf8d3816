"""Annotations of jobs: stars, verdicts, projects, tags, notes, and the bin, each with person and time.

Many jobs are changed in one transaction. Repeating an annotation changes nothing: the first person and time are kept.

    in the lists ── bin ──> in the bin ── 30 days ──> files may be deleted ── emptied ──> the row with its cost remains
         <────── unbin ────────┘
"""

import time
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, insert, literal, not_, select, update

from kie.errors import RequestInvalid
from kie.generation import Fault, is_control
from kie.history.query import TAG_LIMIT
from kie.jobs import ENDED
from kie.store.conditions import NEEDS_ATTENTION, one_of
from kie.store.database import Database
from kie.store.schema import job_tags, jobs
from kie.text import person_name, project_name, tag_name

NOTE_LIMIT = 2000
BIN_LIFE_S = 30 * 86_400.0
# More than the clocks of two servers can differ: no file is deleted while its job can still be restored.
BIN_MARGIN_S = 3600.0


class Annotations:
    """Stars, ratings, tags, notes and the bin. Nothing here costs credits. `changed` is called when something has changed."""

    def __init__(self, database: Database, changed: Callable[[], object]):
        self._database, self._changed = database, changed

    def star(self, ids: Collection[str], person: str, now: float | None = None) -> int:
        """Add a star to jobs."""
        return self._update(ids, jobs.c.starred_at.is_(None), _mark("starred", person, now))

    def unstar(self, ids: Collection[str]) -> int:
        """Remove the star of jobs, whoever added it."""
        return self._update(ids, jobs.c.starred_at.is_not(None), {"starred_at": None, "starred_by": None})

    def set_verdict(self, ids: Collection[str], verdict: str | None, person: str, now: float | None = None) -> int:
        """Set the verdict of jobs to "pick" or "reject", or remove it with None. Raises ValueError for any other verdict."""
        if verdict not in ("pick", "reject", None):
            raise ValueError(f"no verdict: {verdict}")
        judged = {"verdict": verdict} | _mark("verdict", person, now)
        return self._update(ids, jobs.c.verdict.is_distinct_from(verdict), judged)

    def put_in_project(self, ids: Collection[str], project: str | None, person: str, now: float | None = None) -> int:
        """Move jobs to a project, or out of any with None."""
        name = project_name(project)
        moved = {"project": name} | _mark("project", person, now)
        return self._update(ids, jobs.c.project.is_distinct_from(name), moved)

    def write_note(self, ids: Collection[str], note: str, person: str, now: float | None = None) -> int:
        """Replace the note of jobs; an empty note removes it. Control characters are dropped.

        Raises RequestInvalid above 2,000 characters.
        """
        text = "".join(each for each in note if not is_control(each)).strip()
        if len(text) > NOTE_LIMIT:
            raise RequestInvalid([Fault("Note", f"It has {len(text):,} characters: shorten it to {NOTE_LIMIT:,}.")])
        written = {"note": text or None} | _mark("note", person, now)
        return self._update(ids, jobs.c.note.is_distinct_from(written["note"]), written)

    def tag(self, ids: Collection[str], tag: str, person: str, now: float | None = None) -> int:
        """Add a tag of 1 to 40 characters to jobs. Case is ignored. Raises RequestInvalid for any other length."""
        name = tag_name(tag)
        if not 1 <= len(name) <= TAG_LIMIT:
            raise RequestInvalid([Fault("Tag", f"Write 1 to {TAG_LIMIT} characters.")])
        has_it = exists().where(job_tags.c.job_id == jobs.c.id, job_tags.c.tag == name)
        marks = map(literal, _mark("tag", person, now).values())
        added = select(jobs.c.id, literal(name), *marks).where(one_of(jobs.c.id, ids), ~has_it)
        put = insert(job_tags).from_select(["job_id", "tag", "at", "person"], added)
        return self._counted(self._database.change(put.execution_options(preserve_rowcount=True)))

    def untag(self, ids: Collection[str], tag: str) -> int:
        """Remove a tag from jobs, whoever added it."""
        theirs = one_of(job_tags.c.job_id, ids)
        return self._counted(self._database.change(delete(job_tags).where(theirs, job_tags.c.tag == tag_name(tag))))

    def tags(self, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Return the tags of jobs by job id, in alphabetical order. Jobs without tags are left out."""
        found: dict[str, tuple[str, ...]] = {}
        theirs = select(job_tags).where(one_of(job_tags.c.job_id, ids)).order_by(job_tags.c.tag)
        for row in self._database.rows(theirs):
            found[row.job_id] = (*found.get(row.job_id, ()), row.tag)
        return found

    def all_tags(self) -> list[str]:
        """Return up to 200 tags in use, in alphabetical order."""
        used = select(job_tags.c.tag).distinct().order_by(job_tags.c.tag).limit(200)
        return [row.tag for row in self._database.rows(used)]

    def bin(self, ids: Collection[str], person: str, now: float | None = None) -> int:
        """Move jobs to the bin, except open ones and those that need attention. Returns how many were moved."""
        can_go = and_(jobs.c.binned_at.is_(None), jobs.c.state.in_(ENDED), not_(NEEDS_ATTENTION))
        return self._update(ids, can_go, _mark("binned", person, now))

    def unbin(self, ids: Collection[str], now: float | None = None) -> int:
        """Restore jobs that were moved to the bin within the last 30 days. Returns how many were restored."""
        left_at = (time.time() if now is None else now) - BIN_LIFE_S
        can_go_back = and_(jobs.c.binned_at > left_at, jobs.c.emptied_at.is_(None))
        return self._update(ids, can_go_back, {"binned_at": None, "binned_by": None})

    def empty_bin(self, now: float, limit: int = 500, before: float | None = None) -> list[str]:
        """Record that the files of jobs that were moved to the bin more than 30 days ago are deleted, and return their ids.

        Takes the oldest, `limit` at most; with `before`, of all that were moved there until then. Rows and costs are kept.
        """
        left = jobs.c.binned_at <= (now - BIN_LIFE_S - BIN_MARGIN_S if before is None else before)
        due = select(jobs.c.id).where(left, jobs.c.state.in_(ENDED), jobs.c.emptied_at.is_(None))
        oldest = jobs.c.id.in_(due.order_by(jobs.c.binned_at).limit(limit))
        with self._database.write() as db:
            return list(db.scalars(update(jobs).where(oldest).values(emptied_at=now).returning(jobs.c.id)))

    def _update(self, ids: Collection[str], condition: ColumnElement[bool], values: dict[str, Any]) -> int:
        changed = update(jobs).where(one_of(jobs.c.id, ids), condition).values(values)
        return self._counted(self._database.change(changed))

    def _counted(self, count: int) -> int:
        if count:
            self._changed()
        return count


def _mark(name: str, person: str, now: float | None) -> dict[str, Any]:
    """Return the columns with the time and the person of an annotation."""
    return {f"{name}_at": time.time() if now is None else now, f"{name}_by": person_name(person)}
