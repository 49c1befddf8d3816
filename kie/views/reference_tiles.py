"""The data of a reference's tile: thumbnail, size, conversion, and the reason if it can't be sent."""

from typing import Any

from kie.images import inspect
from kie.store import Reference
from kie.studio import Studio
from kie.views import format

GONE = "It is no longer on this server, so it can't be sent: remove it, or add it again."


def tile(studio: Studio, identifier: str, reference: Reference | None) -> dict[str, Any]:
    """Return the data of a reference's tile: {"id", "name", "facts", "thumbnail", "changed", "isWaiting", "problem"}."""
    row = {"id": identifier, "name": "A picture", "facts": "", "thumbnail": None, "changed": None, "isWaiting": False}
    if reference is None:
        return row | {"problem": GONE}
    measured = f"{reference.width} × {reference.height} · {format.size(reference.bytes)}"
    small = " · very small" if max(reference.width, reference.height) < inspect.SMALL_PX else ""
    row |= {"name": reference.name, "facts": measured + small, "changed": reference.changed}
    if not studio.references.is_here(reference):
        return row | {"problem": GONE}
    if reference.refusal:
        return row | {"problem": f"Remove it: it can't be sent. {reference.refusal}"}
    if reference.checked_at is None:
        return row | {"problem": None, "isWaiting": True}
    return row | {"problem": None, "thumbnail": studio.backend.urls.address("thumbnail", reference.id)}
