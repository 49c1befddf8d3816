"""References: input pictures and their uploads."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import insert, select, update

from kie.store.database import Database
from kie.store.schema import references


@dataclass(frozen=True)
class Reference:
    """An input picture. `id` is the SHA-256 of its bytes; `job_id` is the job that made it, if it was made here.

    `checked_at` is None until the picture has been decoded. `refusal` is the reason why it can't be used.
    """

    id: str
    name: str
    kind: str
    width: int
    height: int
    bytes: int
    file: str
    created_at: float
    checked_at: float | None = None
    refusal: str | None = None
    changed: str | None = None
    job_id: str | None = None
    uploaded_url: str | None = None
    uploaded_to: str | None = None
    uploaded_at: float | None = None


class ReferenceRepository:
    """The rows of references."""

    def __init__(self, database: Database):
        self._database = database

    def add(self, reference: Reference, recheck: bool = False) -> Reference:
        """Save a reference. If one with the same bytes exists, it keeps its name and gets the new `created_at`.

        `recheck` forgets the result of its check.
        """
        known = update(references).where(references.c.id == reference.id).values(created_at=reference.created_at)
        if recheck:
            known = known.values(checked_at=None, refusal=None)
        with self._database.write() as db:
            if db.execute(known).rowcount == 0:
                db.execute(insert(references).values(asdict(reference)))
        return self.get_many([reference.id])[0]

    def get_many(self, ids: Sequence[str]) -> list[Reference]:
        """Return the existing ones of these references, in the order of `ids`."""
        rows = self._database.rows(select(references).where(references.c.id.in_(ids))) if ids else ()
        found = {row.id: Reference(**row._mapping) for row in rows}
        return [found[identifier] for identifier in ids if identifier in found]

    def change(self, reference_id: str, **values: Any) -> None:
        """Update columns of a reference."""
        self._database.change(update(references).where(references.c.id == reference_id).values(**values))

    def record_check(self, reference: Reference, now: float, refusal: str | None) -> None:
        """Store the result of a check, unless the reference was added again meanwhile, so that it is checked once more."""
        same = (references.c.id == reference.id, references.c.created_at == reference.created_at)
        self._database.change(update(references).where(*same).values(checked_at=now, refusal=refusal))

    def forget_uploads(self, ids: Sequence[str]) -> None:
        """Have these references uploaded again when they are used next, because the service can't read their addresses."""
        self._database.change(update(references).where(references.c.id.in_(ids)).values(uploaded_url=None))

    def unchecked(self) -> list[str]:
        """Return the ids of the references that have not been decoded yet."""
        unchecked = select(references.c.id).where(references.c.checked_at.is_(None))
        return [row.id for row in self._database.rows(unchecked)]
