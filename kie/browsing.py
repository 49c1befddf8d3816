"""Where pictures are found again and put in order."""

import time
from collections.abc import Collection

from kie.choice import Facets, Summary
from kie.desk import Desk
from kie.jobs import Job
from kie.marks import Binned
from kie.names import person_name
from kie.query import Query


class Browsing(Desk):
    """The part of the studio that finds pictures and keeps what people say of them. Nothing here costs credits."""

    # -- finding

    def page(self, query: Query, number: int, size: int) -> list[Job]:
        """Return page `number` (from 1) of the jobs that a query chooses, in its order."""
        return self._rooms.store.page(query, number, size)

    def count(self, query: Query | None = None) -> int:
        """Return how many jobs a query chooses; without one, how many the history has."""
        return self._rooms.store.count(query or Query())

    def facets(self, query: Query) -> Facets:
        """Return for each filter, by its name in `Query`, its values with how many jobs each would give, others unchanged."""
        return self._rooms.store.facets(query)

    def summary(self, query: Query) -> Summary:
        """Return what the jobs that a query chooses come to."""
        return self._rooms.store.summary(query)

    def neighbours(self, query: Query, job_id: str) -> tuple[str | None, str | None]:
        """Return the ids of the jobs before and after one in a query's list, or where it would stand in it."""
        return self._rooms.store.neighbours(query, job_id)

    def ids(self, query: Query, limit: int) -> list[str]:
        """Return the ids of the first of the jobs that a query chooses."""
        return self._rooms.store.ids(query, limit)

    def known(self, query: Query) -> Query:
        """Return a query without the persons, projects and tags that no job has, which are listed as ignored."""
        return self._rooms.store.known(query)

    # -- order among pictures

    def star(self, ids: Collection[str], person: str, starred: bool = True) -> None:
        """Star jobs, or take the stars away."""
        store = self._rooms.store
        self._changed(store.star(ids, person_name(person), time.time()) if starred else store.unstar(ids))

    def judge(self, ids: Collection[str], verdict: str | None, person: str) -> None:
        """Call jobs a "pick" or a "reject", or take that back with None."""
        self._changed(self._rooms.store.judge(ids, verdict, person_name(person), time.time()))

    def put_in_project(self, ids: Collection[str], project: str | None, person: str) -> None:
        """Move jobs to a project, or out of any."""
        self._changed(self._rooms.store.put_in_project(ids, project, person_name(person), time.time()))

    def tag(self, ids: Collection[str], tag: str, person: str) -> None:
        """Add a tag of 1 to 40 characters; small and capital letters are the same. Raises RequestInvalid for any other."""
        self._changed(self._rooms.store.tag(ids, tag, person_name(person), time.time()))

    def untag(self, ids: Collection[str], tag: str) -> None:
        """Remove a tag, whoever added it."""
        self._changed(self._rooms.store.untag(ids, tag))

    def tags(self, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Return the tags of those of these jobs that have any, by job, in the order of the alphabet."""
        return self._rooms.store.tags(ids)

    def all_tags(self) -> list[str]:
        """Return the tags that any job has, in the order of the alphabet."""
        return self._rooms.store.all_tags()

    def used_in(self, job: Job) -> list[Job]:
        """Return the newest jobs that had this job's picture for a reference."""
        return self._rooms.store.used_in(job.id)

    def write_note(self, ids: Collection[str], note: str, person: str) -> None:
        """Write a note to jobs in place of the one they have; an empty one removes it. Raises RequestInvalid beyond 2,000 characters."""
        self._changed(self._rooms.store.write_note(ids, note, person_name(person), time.time()))

    def bin(self, ids: Collection[str], person: str) -> Binned:
        """Put jobs that have ended into the bin; those that still run, or need attention, stay where they are."""
        done = self._rooms.store.bin(ids, person_name(person), time.time())
        self._changed(done.binned)
        return done

    def unbin(self, ids: Collection[str]) -> int:
        """Take jobs out of the bin, if they went there within the last 30 days, and return how many that were."""
        taken_out = self._rooms.store.unbin(ids, time.time())
        self._changed(taken_out)
        return taken_out

    def _changed(self, count: int) -> None:
        if count:
            self.hub.publish({"jobs"})
