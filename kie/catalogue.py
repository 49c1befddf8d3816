"""What lists, filters and counts need to know of every job, in memory and in step with the database.

    jobs.version    grows with every change of a job; the database writes it itself (schema.py)
    Catalogue       an array for each fact, a place for each job; a look brings in what has changed since the last one

To count the values of one filter among 100,000 jobs SQL takes 20 to 130 ms, and a page shows ten filters: here all of them
take a few. That costs about 150 bytes a job. The database stays the only truth: each look asks it first, so a change by
another server is seen as soon as one's own.
"""

import functools
import threading
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
)

from kie.jobs import OPEN, State
from kie.query import Standing
from kie.schema import job_references, job_tags, jobs

# "Some text" instead of "not nothing": with that, SQLite goes by the index.
ATTENTION = and_(
    jobs.c.settled.is_(None),
    or_(
        jobs.c.state == State.UNSURE,
        and_(jobs.c.state.in_([State.RUNNING, State.FETCHING, State.DONE]), jobs.c.problem > ""),
        and_(jobs.c.state == State.FAILED, jobs.c.credits > 0),
    ),
)
# Where a picture is: in the lists, in the bin, or gone from there.
KEPT, BINNED, EMPTIED = 0, 1, 2
_STANDING = case(
    (ATTENTION, Standing.ATTENTION),
    (jobs.c.state == State.DONE, Standing.DONE),
    (jobs.c.state.in_(OPEN), Standing.IN_PROGRESS),
    (jobs.c.state == State.CANCELLED, Standing.CANCELLED),
    else_=Standing.FAILED,
)
_NOTHING_SENT = or_(jobs.c.state == State.CANCELLED, and_(jobs.c.state == State.FAILED, jobs.c.task_id.is_(None)))
# Facts that are names are kept as numbers, in the order in which the names were met.
_NAMES = {
    "persons": jobs.c.person,
    "projects": func.coalesce(jobs.c.project, ""),
    "states": _STANDING,
    "ratios": jobs.c.aspect_ratio,
    "resolutions": jobs.c.resolution,
    "formats": jobs.c.output_format,
    "verdict": func.coalesce(jobs.c.verdict, "none"),
}
_VALUES = {
    "id": (jobs.c.id, "S32"),
    "created": (jobs.c.created_at, np.float64),
    "cost": (case((jobs.c.credits.is_not(None), jobs.c.credits), (_NOTHING_SENT, 0.0), else_=null()), np.float64),
    "duration": (jobs.c.duration_s, np.float64),
    "starred": (jobs.c.starred_at.is_not(None), np.bool_),
    "has_references": (exists().where(job_references.c.job_id == jobs.c.id), np.bool_),
    "bin": (
        case((jobs.c.emptied_at.is_not(None), EMPTIED), (jobs.c.binned_at.is_not(None), BINNED), else_=KEPT),
        np.int8,
    ),
}
_STEP = 5000


class Catalogue:
    """The facts of all jobs. Whoever uses it holds `lock`, and begins with `catch_up`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        # Grows with each look that brought something in.
        self.state = 0
        self._next: int | None = None
        self._places: dict[str, int] = {}
        # Arrays rather than lists: Python's collector of garbage has nothing to walk through in them.
        self._facts = {name: np.empty(0, np.int32) for name in _NAMES} | {"row": np.empty(0, np.int64)}
        self._facts |= {name: np.empty(0, kind) for name, (_, kind) in _VALUES.items()}
        self._numbers: dict[str, dict[str, int]] = {name: {} for name in (*_NAMES, "tags")}
        self._tagged, self._tag = np.empty(0, np.int64), np.empty(0, np.int64)
        self._orders: dict[str, tuple[int, np.ndarray]] = {}

    # -- in step with the database

    def catch_up(self, db: Connection) -> None:
        """Bring in the jobs that changed since the last look; at the first that is all of them, at 100,000 about a second."""
        upcoming = db.scalar(_upcoming(db.dialect.name))
        if upcoming == self._next and db.dialect.name == "sqlite":
            return  # its writers follow one another, so nothing that has an older version is still to come
        before, changed = self.count, []
        for rows in db.execute(_wanted(db.dialect.name, self._next)).partitions(_STEP):
            changed += self._take(rows)
        if changed:
            self.state += 1
            self._take_tags(db, changed if before else None)
        self._next = upcoming

    def _take(self, rows: Sequence[Row]) -> list[str]:
        ids = [row.id for row in rows]
        for job_id in ids:
            self._places.setdefault(job_id, len(self._places))
        self.count = len(self._places)
        places = self.places(ids)
        for name, values in zip(rows[0]._fields, zip(*rows, strict=True), strict=True):
            numbers = self._numbers.get(name)
            given = values if numbers is None else [numbers.setdefault(value, len(numbers)) for value in values]
            if len(self._facts[name]) < self.count:
                self._facts[name] = np.resize(self._facts[name], self.count + self.count // 4 + _STEP)
            self._facts[name][places] = np.array(given, self._facts[name].dtype)
        return ids

    def _take_tags(self, db: Connection, changed: Sequence[str] | None) -> None:
        """Bring in the tags of the jobs that changed, or of all."""
        found = [row for row in _tags(db, changed) if row.job_id in self._places]
        numbers = self._numbers["tags"]
        given = np.array([numbers.setdefault(row.tag, len(numbers)) for row in found], np.int64)
        kept = ~np.isin(self._tagged, self.places(changed or ()))
        self._tagged = np.append(self._tagged[kept], self.places([row.job_id for row in found]))
        self._tag = np.append(self._tag[kept], given)

    # -- looking

    def __getitem__(self, fact: str) -> np.ndarray:
        return self._facts[fact][: self.count]

    def places(self, found: Sequence[str] | np.ndarray) -> np.ndarray:
        """Return the places of jobs by their ids, or by their row numbers; those that are not known are left out."""
        if isinstance(found, np.ndarray):
            near = np.searchsorted(self["row"], found)
            near, found = near[near < self.count], found[near < self.count]
            return near[self["row"][near] == found]
        return np.array([self._places[job_id] for job_id in found if job_id in self._places], np.int64)

    def ids(self, places: np.ndarray) -> list[str]:
        """Return the ids of the jobs at these places."""
        return [job_id.decode() for job_id in self["id"][places].tolist()]

    def order(self, fact: str) -> np.ndarray:
        """Return the places of all jobs, the highest first. Of equals, the newer comes first; what is not known, last."""
        state, places = self._orders.get(fact, (-1, self.places(())))
        if state != self.state:
            if fact == "created":
                places = np.argsort(self[fact], kind="stable")[::-1]
            else:
                newest = self.order("created")
                places = newest[np.argsort(-self[fact][newest], kind="stable")]
            self._orders[fact] = (self.state, places)
        return places

    def none(self) -> np.ndarray:
        """Return a choice of no job: a truth for each place."""
        return np.zeros(self.count, np.bool_)

    def any_of(self, field: str, chosen: Collection[str]) -> np.ndarray:
        """Choose the jobs with one of these names."""
        wanted = np.array([value in chosen for value in self._numbers[field]], np.bool_)
        return wanted[self[field]] if len(wanted) else self.none()

    def tagged(self, tag: str) -> np.ndarray:
        """Choose the jobs with this tag."""
        found = self.none()
        found[self._tagged[self._tag == self._numbers["tags"].get(tag, -1)]] = True
        return found

    def counts(self, field: str, among: np.ndarray) -> dict[str, int]:
        """Count for each name of one kind how many of the chosen jobs have it; those that none has are left out."""
        numbers = self._tag[among[self._tagged]] if field == "tags" else self[field][np.flatnonzero(among)]
        counted = np.bincount(numbers, minlength=len(self._numbers[field])).tolist()
        return {name: count for name, count in zip(self._numbers[field], counted, strict=True) if count}


def _wanted(dialect: str, since: int | None) -> Select:
    is_sqlite = dialect == "sqlite"
    row = literal_column("jobs.rowid") if is_sqlite else literal(0)
    named = [column.label(name) for name, column in _NAMES.items()]
    valued = [column.label(name) for name, (column, _) in _VALUES.items()]
    every = select(row.label("row"), *named, *valued)
    # The plus keeps SQLite from walking through all rows in their order, instead of sorting the few that changed.
    order = [literal_column("+jobs.rowid" if since else "jobs.rowid")] if is_sqlite else [jobs.c.created_at, jobs.c.id]
    return every.order_by(*order) if since is None else every.where(jobs.c.version >= since).order_by(*order)


def _tags(db: Connection, changed: Sequence[str] | None) -> Iterator[Row]:
    wanted = select(job_tags.c.job_id, job_tags.c.tag)
    if changed is None:
        yield from db.execute(wanted)
    for start in range(0, len(changed or ()), _STEP):
        yield from db.execute(wanted.where(job_tags.c.job_id.in_(changed[start : start + _STEP])))


@functools.cache
def _upcoming(dialect: str) -> Select:
    """The lowest version that a change which can't be seen yet may still get.

    SQLite's writers follow one another, PostgreSQL's do not: there a version is the number of the transaction.
    """
    if dialect == "postgresql":
        return select(func.txid_snapshot_xmin(func.txid_current_snapshot()))
    highest = select(func.max(jobs.c.version)).where(jobs.c.version > 0).scalar_subquery()
    return select(func.coalesce(highest, 0) + 1)
