"""Annotations of jobs, published to the pages."""

import time
from collections.abc import Collection

from kie.store.annotations import Binned
from kie.studio.context import Context
from kie.text import person_name


class Annotations:
    """Stars, ratings, tags, projects, notes and the bin. Nothing here costs credits."""

    def __init__(self, context: Context):
        self._context = context

    def star(self, ids: Collection[str], person: str, starred: bool = True) -> None:
        """Add or remove the star of jobs."""
        store = self._context.store
        self._changed(
            store.annotations.star(ids, person_name(person), time.time()) if starred else store.annotations.unstar(ids)
        )

    def judge(self, ids: Collection[str], verdict: str | None, person: str) -> None:
        """Set the verdict of jobs to "pick" or "reject", or remove it with None."""
        self._changed(self._context.store.annotations.judge(ids, verdict, person_name(person), time.time()))

    def put_in_project(self, ids: Collection[str], project: str | None, person: str) -> None:
        """Move jobs to a project, or out of any project with None."""
        self._changed(self._context.store.annotations.put_in_project(ids, project, person_name(person), time.time()))

    def tag(self, ids: Collection[str], tag: str, person: str) -> None:
        """Add a tag of 1 to 40 characters to jobs. Case is ignored. Raises RequestInvalid for any other length."""
        self._changed(self._context.store.annotations.tag(ids, tag, person_name(person), time.time()))

    def untag(self, ids: Collection[str], tag: str) -> None:
        """Remove a tag from jobs, whoever added it."""
        self._changed(self._context.store.annotations.untag(ids, tag))

    def write_note(self, ids: Collection[str], note: str, person: str) -> None:
        """Replace the note of jobs; an empty note removes it. Raises RequestInvalid above 2,000 characters."""
        self._changed(self._context.store.annotations.write_note(ids, note, person_name(person), time.time()))

    def bin(self, ids: Collection[str], person: str) -> Binned:
        """Move jobs to the bin. Open jobs and jobs that need attention are not moved."""
        done = self._context.store.annotations.bin(ids, person_name(person), time.time())
        self._changed(done.binned)
        return done

    def unbin(self, ids: Collection[str]) -> int:
        """Restore jobs that were moved to the bin within the last 30 days. Returns how many were restored."""
        taken_out = self._context.store.annotations.unbin(ids, time.time())
        self._changed(taken_out)
        return taken_out

    def _changed(self, count: int) -> None:
        if count:
            self._context.events.publish({"jobs", "annotations"})
