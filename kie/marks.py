"""What people say of pictures: stars, verdicts, projects, tags, notes, and the bin. Each with who said it and when.

Finder ── Marks: many jobs in one transaction; said twice is said once, and the first one stays named for it

    in the lists ── bin ──> in the bin ── 30 days ──> its files may go ── emptied ──> a row with its money, for ever
         <────── unbin ────────┘
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, false, func, literal, not_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from kie.catalogue import ATTENTION
from kie.errors import RequestInvalid
from kie.finding import Finder
from kie.generation import Fault, is_control
from kie.jobs import ENDED, Job
from kie.names import project_name, tag_name
from kie.query import TAG_LIMIT
from kie.schema import job_tags, jobs

NOTE_LIMIT = 2000
BIN_LIFE_S = 30 * 86_400.0
# The clocks of two servers never differ by as much: what can't be taken out of the bin any more is not yet deleted.
BIN_MARGIN_S = 3600.0
# SQLite takes 32,766 values in a statement, PostgreSQL 65,535.
STEP = 1000
# Of what is not known, SQL says neither that it is so nor that it is not.
_IS_NEEDY = func.coalesce(ATTENTION, false())
_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True)
class Binned:
    """What became of jobs that were to go to the bin: how many went, and how many stayed, since they are open or need attention."""

    binned: int
    open: int
    attention: int


class Marks(Finder):
    """The part of the store that keeps what people say of pictures. All of it takes many ids and returns how many jobs changed."""

    def star(self, ids: Collection[str], person: str, now: float) -> int:
        """Star jobs."""
        return self._say(ids, jobs.c.starred_at.is_(None), starred_at=now, starred_by=person)

    def unstar(self, ids: Collection[str]) -> int:
        """Take everybody's star away."""
        return self._say(ids, jobs.c.starred_at.is_not(None), starred_at=None, starred_by=None)

    def judge(self, ids: Collection[str], verdict: str | None, person: str, now: float) -> int:
        """Call jobs a "pick" or a "reject", or take that back with None."""
        if verdict not in ("pick", "reject", None):
            raise ValueError(f"no verdict: {verdict}")
        said = {"verdict": verdict, "verdict_at": now, "verdict_by": person}
        return self._say(ids, jobs.c.verdict.is_distinct_from(verdict), **said)

    def put_in_project(self, ids: Collection[str], project: str | None, person: str, now: float) -> int:
        """Move jobs to a project, or out of any. Their prices and totals don't change."""
        name = project_name(project)
        said = {"project": name, "project_at": now, "project_by": person}
        return self._say(ids, jobs.c.project.is_distinct_from(name), **said)

    def write_note(self, ids: Collection[str], note: str, person: str, now: float) -> int:
        """Write a note of at most 2,000 characters to jobs, in place of the one they have; an empty one removes it.

        Raises RequestInvalid when it is too long.
        """
        text = "".join(each for each in note if not is_control(each)).strip()
        if len(text) > NOTE_LIMIT:
            raise RequestInvalid([Fault("Note", f"It has {len(text):,} characters: shorten it to {NOTE_LIMIT:,}.")])
        said = {"note": text or None, "note_at": now, "note_by": person}
        return self._say(ids, jobs.c.note.is_distinct_from(said["note"]), **said)

    # -- tags

    def tag(self, ids: Collection[str], tag: str, person: str, now: float) -> int:
        """Add a tag of 1 to 40 characters; small and capital letters are the same. Raises RequestInvalid for any other."""
        name = tag_name(tag)
        if not 1 <= len(name) <= TAG_LIMIT:
            raise RequestInvalid([Fault("Tag", f"Write 1 to {TAG_LIMIT} characters.")])
        columns = [job_tags.c.job_id, job_tags.c.tag, job_tags.c.at, job_tags.c.person]
        said = (literal(name), literal(now), literal(person))
        with self._write() as db:
            put = _INSERTS[db.dialect.name](job_tags).execution_options(preserve_rowcount=True)
            added = (put.from_select(columns, select(jobs.c.id, *said).where(some)) for some in _steps(ids, jobs.c.id))
            return sum(db.execute(each.on_conflict_do_nothing()).rowcount for each in added)

    def untag(self, ids: Collection[str], tag: str) -> int:
        """Remove a tag, whoever added it."""
        with self._write() as db:
            return sum(
                db.execute(delete(job_tags).where(some, job_tags.c.tag == tag_name(tag))).rowcount
                for some in _steps(ids, job_tags.c.job_id)
            )

    def tags(self, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Return the tags of those of these jobs that have any, by job, in the order of the alphabet."""
        found: dict[str, tuple[str, ...]] = {}
        with self._read() as db:
            for some in _steps(ids, job_tags.c.job_id):
                for row in db.execute(select(job_tags).where(some).order_by(job_tags.c.tag)):
                    found[row.job_id] = (*found.get(row.job_id, ()), row.tag)
        return found

    def all_tags(self, limit: int = 200) -> list[str]:
        """Return the tags that any job has, in the order of the alphabet."""
        with self._read() as db:
            return list(db.scalars(select(job_tags.c.tag).distinct().order_by(job_tags.c.tag).limit(limit)))

    # -- the bin

    def bin(self, ids: Collection[str], person: str, now: float) -> Binned:
        """Put jobs that have ended into the bin; those that still run, or need attention, stay where they are."""
        has_ended = jobs.c.state.in_(ENDED)
        left = jobs.c.binned_at.is_(None)
        said = {"binned_at": now, "binned_by": person}
        with self._write() as db:
            steps = list(_steps(ids, jobs.c.id))
            needy = sum(_number(db, some, left, _IS_NEEDY) for some in steps)
            running = sum(_number(db, some, left, not_(has_ended), not_(_IS_NEEDY)) for some in steps)
            gone = (left, has_ended, not_(_IS_NEEDY))
            binned = sum(db.execute(update(jobs).where(some, *gone).values(said)).rowcount for some in steps)
        return Binned(binned, running, needy)

    def unbin(self, ids: Collection[str], now: float) -> int:
        """Take jobs out of the bin, if they went there within the last 30 days."""
        can_go_back = and_(jobs.c.binned_at > now - BIN_LIFE_S, jobs.c.emptied_at.is_(None))
        return self._say(ids, can_go_back, binned_at=None, binned_by=None)

    def emptied_due(self, now: float, limit: int = 500, at_once: bool = False) -> list[Job]:
        """Return jobs that went to the bin more than 30 days ago, the first ones first: their files may be deleted now.

        If a person wants it `at_once`, all that is in the bin.
        """
        due = select(jobs).where(_is_due(now, at_once), jobs.c.emptied_at.is_(None))
        return self._jobs(due.order_by(jobs.c.binned_at).limit(limit))

    def emptied(self, ids: Collection[str], now: float, at_once: bool = False) -> int:
        """Note that the files of such jobs are deleted. Their rows stay, with all that they cost."""
        return self._say(ids, and_(_is_due(now, at_once), jobs.c.emptied_at.is_(None)), emptied_at=now)

    def _say(self, ids: Collection[str], unless_said: ColumnElement[bool], **said: Any) -> int:
        with self._write() as db:
            return sum(
                db.execute(update(jobs).where(some, unless_said).values(**said)).rowcount
                for some in _steps(ids, jobs.c.id)
            )


def _is_due(now: float, at_once: bool) -> ColumnElement[bool]:
    left = jobs.c.binned_at.is_not(None) if at_once else jobs.c.binned_at <= now - BIN_LIFE_S - BIN_MARGIN_S
    return and_(left, jobs.c.state.in_(ENDED))


def _steps(ids: Collection[str], column: Any) -> Iterator[ColumnElement[bool]]:
    # Sorted, so that two who change the same jobs at once take their rows in one order.
    every = sorted(set(ids))
    for start in range(0, len(every), STEP):
        yield column.in_(every[start : start + STEP])


def _number(db: Connection, *conditions: ColumnElement[bool]) -> int:
    return db.scalar(select(func.count()).select_from(jobs).where(*conditions)) or 0
