"""Jobs found again: by words, by every filter, in pages, one after the other.

Library ── Finder: fulltext finds the words, the catalogue gives the rest; only then are the rows of one page read

Every look is right at the moment when it is taken: it begins with what has changed in the database since the last one.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, Select, bindparam, insert, select

from kie import fulltext
from kie.catalogue import Catalogue
from kie.choice import Choice, Facets, Summary
from kie.jobs import Job, State
from kie.library import Library
from kie.query import Query
from kie.schema import job_references, jobs, meta

NEWEST = (jobs.c.created_at.desc(), jobs.c.id.desc())
EVERYTHING = Query()
ROWS_LIMIT = 1000
# A page looks several times with the same words.
SEARCHES_KEPT = 16
_FILLED = "prompts are indexed"
_USED = (
    select(job_references)
    .where(job_references.c.job_id.in_(bindparam("ids", expanding=True)))
    .order_by(job_references.c.position)
)
_JOB_COLUMNS = tuple(field.name for field in fields(Job) if field.name not in ("references", "state"))


class Finder(Library):
    """The part of the store that finds jobs."""

    def __init__(self, url: str):
        super().__init__(url)
        self._catalogue = Catalogue()
        self._searches: OrderedDict[tuple[str, ...], tuple[int, np.ndarray]] = OrderedDict()
        self._closed = threading.Event()

    def close(self) -> None:
        """Let go of the database."""
        self._closed.set()
        super().close()

    def prepare(self) -> None:
        """Do what the first look would wait for, and index the prompts of a database that is older than the index.

        At 100,000 jobs a second, and the index 5 more, once. A search before its end finds the newest.
        """
        with self._look() as db:
            is_filled = db.scalar(select(meta.c.value).where(meta.c.name == _FILLED)) is not None
        below = fulltext.NO_ROW
        while not is_filled and not self._closed.is_set():
            with self._write() as db:
                below = fulltext.fill(db, below)
                is_filled = below == 0
                if is_filled and db.scalar(select(meta.c.value).where(meta.c.name == _FILLED)) is None:
                    db.execute(insert(meta).values(name=_FILLED, value="yes"))
            with self._catalogue.lock:
                self._searches.clear()

    # -- lists

    def page(self, query: Query, number: int, size: int) -> list[Job]:
        """Return page `number` (from 1) of the jobs that a query chooses, in its order."""
        start = max(0, (number - 1) * size)
        with self._choice(query) as choice:
            ids = self._catalogue.ids(choice.places()[start : start + size])
        return self._in_order(ids)

    def ids(self, query: Query, limit: int) -> list[str]:
        """Return the ids of the first of the jobs that a query chooses."""
        with self._choice(query) as choice:
            return self._catalogue.ids(choice.places()[:limit])

    def count(self, query: Query = EVERYTHING) -> int:
        """Return how many jobs a query chooses."""
        with self._choice(query) as choice:
            return choice.count()

    def summary(self, query: Query) -> Summary:
        """Return what the jobs that a query chooses come to."""
        with self._choice(query) as choice:
            return choice.summary()

    def facets(self, query: Query) -> Facets:
        """Return for each filter, by its name in `Query`, its values with how many jobs each would give, others unchanged.

        A value that is chosen is there even if it gives none. Tags narrow each other: a tag's number is what is left with it.
        """
        with self._choice(query) as choice:
            return choice.facets()

    def neighbours(self, query: Query, job_id: str) -> tuple[str | None, str | None]:
        """Return the ids of the jobs before and after one in a query's list, or where it would stand in it."""
        with self._choice(query) as choice:
            [*place] = self._catalogue.places([job_id])
            around = choice.around(place[0]) if place else (None, None)
            before, after = (None if each is None else self._catalogue.ids(np.array([each]))[0] for each in around)
            return before, after

    def known(self, query: Query) -> Query:
        """Return a query without the persons, projects and tags that no job has, which are listed as ignored."""
        with self._look():
            kept, gone = {}, []
            for name in ("persons", "projects", "tags"):
                known = self._catalogue.counts(name, ~self._catalogue.none())
                kept[name] = tuple(value for value in getattr(query, name) if value in known)
                gone += [f"{name[:-1]}={value}" for value in getattr(query, name) if value not in known]
        return replace(query, **kept, ignored=(*query.ignored, *gone)) if gone else query

    # -- within

    @contextmanager
    def _look(self) -> Iterator[Connection]:
        """Hold the catalogue as it stands now."""
        with self._catalogue.lock, self._read() as db:
            self._catalogue.catch_up(db)
            yield db

    @contextmanager
    def _choice(self, query: Query) -> Iterator[Choice]:
        with self._look() as db:
            asked = tuple(fulltext.words(query.text))
            yield Choice(self._catalogue, query, self._found(db, asked) if asked else None)

    def _found(self, db: Connection, asked: tuple[str, ...]) -> np.ndarray:
        state, found = self._searches.pop(asked, (-1, np.empty(0)))
        if state != self._catalogue.state:
            found = self._catalogue.none()
            found[self._catalogue.places(fulltext.matching(db, asked))] = True
        self._searches[asked] = (self._catalogue.state, found)
        if len(self._searches) > SEARCHES_KEPT:
            self._searches.popitem(last=False)
        return found

    def _in_order(self, ids: Sequence[str]) -> list[Job]:
        found: dict[str, Job] = {}
        for start in range(0, len(ids), ROWS_LIMIT):
            some = jobs.c.id.in_(ids[start : start + ROWS_LIMIT])
            found |= {job.id: job for job in self._jobs(select(jobs).where(some))}
        return [found[job_id] for job_id in ids if job_id in found]

    def _jobs(self, query: Select, values: Mapping[str, Any] | None = None) -> list[Job]:
        with self._read() as db:
            rows = db.execute(query, values).all()
            used: dict[str, list[str]] = {}
            for row in db.execute(_USED, {"ids": [row.id for row in rows]}) if rows else ():
                used.setdefault(row.job_id, []).append(row.reference_id)
        return [_job(row, tuple(used.get(row.id, ()))) for row in rows]


def _job(row: Row, used: tuple[str, ...]) -> Job:
    known = row._mapping
    return Job(**{name: known[name] for name in _JOB_COLUMNS}, state=State(row.state), references=used)
