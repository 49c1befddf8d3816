"""What taking pictures away needs of the database: orders too long for an address, and what a list's rows say besides.

Database ── Parcels ── Store
"""

import hashlib
from collections.abc import Collection, Iterator

from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from kie.database import Database
from kie.schema import jobs, parcels

# A parcel outlives the last link to it: those end after a day, and what is asked for again is kept anew after an hour.
PARCEL_LIFE_S = 2 * 86_400.0
FRESH_S = 3600.0
STEP = 1000


class Parcels(Database):
    """The part of the store that keeps what was asked for to take away, and counts it."""

    def keep_parcel(self, content: str, now: float) -> str:
        """Keep a text for at least a day and return its name, the same for the same text. Nothing is written if it is here."""
        name = hashlib.sha256(content.encode()).hexdigest()[:32]
        with self._read() as db:
            made_at = db.scalar(select(parcels.c.made_at).where(parcels.c.name == name))
        if made_at is None or made_at < now - FRESH_S:
            try:
                with self._write() as db:
                    old = (parcels.c.name == name) | (parcels.c.made_at < now - PARCEL_LIFE_S)
                    db.execute(delete(parcels).where(old))
                    db.execute(insert(parcels).values(name=name, content=content, made_at=now))
            except IntegrityError:
                pass  # another server has just kept the same
        return name

    def parcel(self, name: str) -> str | None:
        """Return a text that was kept, or None when its time is over."""
        with self._read() as db:
            return db.scalar(select(parcels.c.content).where(parcels.c.name == name))

    def press_images(self, submit_ids: Collection[str]) -> dict[str, int]:
        """Return for each press how many pictures it asked for."""
        counted: dict[str, int] = {}
        with self._read() as db:
            for some in _steps(submit_ids, jobs.c.submit_id):
                images = select(jobs.c.submit_id, func.count().label("images")).where(some)
                for row in db.execute(images.group_by(jobs.c.submit_id)):
                    counted[row.submit_id] = row.images
        return counted

    def picture_sizes(self, ids: Collection[str]) -> tuple[int, int]:
        """Return how many of these jobs have a picture, and how many bytes these are together, by their rows alone."""
        count, size = 0, 0
        with self._read() as db:
            for some in _steps(ids, jobs.c.id):
                here = (some, jobs.c.file.is_not(None), jobs.c.emptied_at.is_(None))
                added, more = db.execute(select(func.count(), func.sum(jobs.c.file_bytes)).where(*here)).one()
                count, size = count + added, size + int(more or 0)
        return count, size


def _steps(values: Collection[str], column: ColumnElement[str]) -> Iterator[ColumnElement[bool]]:
    every = sorted(set(values))
    for start in range(0, len(every), STEP):
        yield column.in_(every[start : start + STEP])
