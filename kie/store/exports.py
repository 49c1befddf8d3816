"""Stored download requests that are too long for a URL, and database queries for exports."""

import hashlib
from collections.abc import Collection

from sqlalchemy import delete, func, insert, select

from kie.store.conditions import HAS_PICTURE, one_of
from kie.store.database import Database
from kie.store.schema import jobs, stored_requests

# Longer than any link to it: links expire after a day, and a repeated request is stored again after an hour.
REQUEST_LIFE_S = 2 * 86_400.0
FRESH_S = 3600.0


class ExportRepository:
    """Requests for downloads that are too long for a URL, and figures of exports."""

    def __init__(self, database: Database):
        self._database = database

    def keep_request(self, content: str, now: float) -> str:
        """Store a text for at least a day and return its name, a hash of it. Does nothing if it was stored within the last hour."""
        name = hashlib.sha256(content.encode()).hexdigest()[:32]
        made_at = self._database.value(select(stored_requests.c.made_at).where(stored_requests.c.name == name))
        if made_at is None or made_at < now - FRESH_S:
            with self._database.write() as db:
                old = (stored_requests.c.name == name) | (stored_requests.c.made_at < now - REQUEST_LIFE_S)
                db.execute(delete(stored_requests).where(old))
                db.execute(insert(stored_requests).values(name=name, content=content, made_at=now))
        return name

    def request(self, name: str) -> str | None:
        """Return a stored text, or None when it has expired."""
        return self._database.value(select(stored_requests.c.content).where(stored_requests.c.name == name))

    def images_of_submissions(self, submit_ids: Collection[str]) -> dict[str, int]:
        """Return the number of images of each submission."""
        images = select(jobs.c.submit_id, func.count()).where(one_of(jobs.c.submit_id, submit_ids))
        return dict(self._database.rows(images.group_by(jobs.c.submit_id)))

    def count_pictures(self, ids: Collection[str]) -> int:
        """Return how many of these jobs have a picture."""
        return self._database.value(select(func.count()).where(one_of(jobs.c.id, ids), HAS_PICTURE))
