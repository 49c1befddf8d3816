"""This session's references. The browser has the list and tells it as a whole; what takes its place has a new revision.

    strip.js ── files ──► POST /references ──► the server's disk
    strip.js ── what was taken in, in the order in which it is sent ──► session state
    strip.js ◄── what takes its place ── session state
    strip.js ◄── GET /api/references ── how each looks, and what is wrong with it

Nothing of a file passes through Streamlit's memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from kie.errors import FileRefused
from kie.generation import REFERENCE_LIMIT
from kie.images import convert
from pages.parts.component import component, session_id

BOX, CHOSEN = "reference_box", "references"
FULL = f"At most {REFERENCE_LIMIT} references fit. Not added: remove one first."
form = st.session_state
_SCRIPTS = (
    "elements",
    "stored",
    "live/live",
    *(f"references/{name}" for name in ("upload", "intake", "tiles", "strip")),
)
_box = component(
    "studio_references", "references/strip.html", "references/strip.css", *(f"{name}.js" for name in _SCRIPTS)
)


@dataclass(frozen=True)
class Chosen:
    """This session's references, in the order in which they are sent.

    They change as a whole: a run may be replaced by another between any two changes of session state.
    """

    ids: tuple[str, ...] = ()
    # The request that the picture added last was made from, if it says so.
    receipt: Any = None
    # How often others took the place of those that the browser had.
    revision: int = 0


def ask(is_folded: bool = False) -> None:
    """Show the box that takes pictures in: chosen, dropped on the page, or pasted; and what it took in, in order.

    Where it `is_folded`, only what it took in is seen.
    """
    now = chosen()
    data = {
        "ids": now.ids,
        "revision": now.revision,
        "limit": REFERENCE_LIMIT,
        "full": FULL,
        "bytes": convert.UPLOAD_BYTES_LIMIT,
        "isFolded": is_folded,
    }
    # That the page is drawn again is the answer.
    _box(key=BOX, data=data, default={"told": None}, on_told_change=lambda: None)


def chosen() -> Chosen:
    """Return this session's references: as the browser told them last, unless others have taken their place since."""
    kept, told = form.get(CHOSEN, Chosen()), _told()
    if told.get("revision") != kept.revision:
        return kept
    form[CHOSEN] = Chosen(tuple(map(str, told["ids"]))[:REFERENCE_LIMIT], told["receipt"], kept.revision)
    return form[CHOSEN]


def is_busy() -> bool:
    """Return whether a picture that was chosen is still being uploaded."""
    return bool(_told().get("busy"))


def drop_receipt() -> None:
    """Offer that request no longer."""
    replace(chosen().ids)


def attach(reference_id: str) -> None:
    """Add a reference. Raises FileRefused when it is there already or there is no room."""
    ids = chosen().ids
    if reference_id in ids:
        raise FileRefused(f"This is the same picture as number {ids.index(reference_id) + 1}. Not added again.")
    if len(ids) >= REFERENCE_LIMIT:
        raise FileRefused(FULL)
    replace((*ids, reference_id))


def replace(ids: Iterable[str]) -> None:
    """Put these references in place of the session's."""
    form[CHOSEN] = Chosen(tuple(dict.fromkeys(ids))[:REFERENCE_LIMIT], revision=chosen().revision + 1)


def _told() -> dict[str, Any]:
    """Return what the browser told this session last; what it told the last session is not meant for it."""
    told = (form.get(BOX) or {}).get("told") or {}
    return told if told.get("session") == session_id() else {}
