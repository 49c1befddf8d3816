"""This session's references. The browser has the list and sends it as a whole; the server replaces it with a new revision.

    strip.js ── files ──► POST /references ──► the server's disk
    strip.js ── the ids, in the order in which they are sent ──► session state
    strip.js ◄── a list that replaces them ── session state
    strip.js ◄── GET /api/references ── thumbnails and problems

Files do not pass through Streamlit's memory.
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
session = st.session_state
_SHARED = "elements.js", "stored.js", "live/live.js"
_OWN = "strip.html", "strip.css", "upload.js", "intake.js", "tiles.js", "strip.js"
_box = component("studio_references", *_SHARED, *(f"references/{name}" for name in _OWN))


@dataclass(frozen=True)
class Chosen:
    """This session's references, in the order in which they are sent.

    Immutable, because a run may be interrupted between two changes of session state.
    """

    ids: tuple[str, ...] = ()
    # The request in the receipt of the picture that was added last, if it has one.
    receipt: Any = None
    # How often the server has replaced the list.
    revision: int = 0


def ask(is_folded: bool = False) -> None:
    """Show the references, and the box for adding pictures: chosen, dropped on the page, or pasted. `is_folded` hides the box."""
    now = chosen()
    data = {
        "ids": now.ids,
        "revision": now.revision,
        "limit": REFERENCE_LIMIT,
        "full": FULL,
        "bytes": convert.UPLOAD_BYTES_LIMIT,
        "isFolded": is_folded,
    }
    # The change only has to run the page.
    _box(key=BOX, data=data, default={"chosen": None}, on_chosen_change=lambda: None)


def chosen() -> Chosen:
    """Return this session's references: those that the browser sent last, unless they were replaced since."""
    kept, sent = session.get(CHOSEN, Chosen()), _sent()
    if sent.get("revision") != kept.revision:
        return kept
    session[CHOSEN] = Chosen(tuple(map(str, sent["ids"]))[:REFERENCE_LIMIT], sent["receipt"], kept.revision)
    return session[CHOSEN]


def is_busy() -> bool:
    """Return whether a picture that was chosen is still being uploaded."""
    return bool(_sent().get("busy"))


def drop_receipt() -> None:
    """Forget the receipt, so that its request is no longer offered."""
    replace(chosen().ids)


def attach(reference_id: str) -> None:
    """Add a reference. Raises FileRefused when it is in the list already or the list is full."""
    ids = chosen().ids
    if reference_id in ids:
        raise FileRefused(f"This is the same picture as number {ids.index(reference_id) + 1}. Not added again.")
    if len(ids) >= REFERENCE_LIMIT:
        raise FileRefused(FULL)
    replace((*ids, reference_id))


def replace(ids: Iterable[str], is_new: bool = True) -> None:
    """Replace the session's references. If they are not new, but restored, what the browser sends is newer."""
    session[CHOSEN] = Chosen(tuple(dict.fromkeys(ids))[:REFERENCE_LIMIT], revision=chosen().revision + is_new)


def _sent() -> dict[str, Any]:
    """Return what the browser sent last, if it was for this session."""
    sent = (session.get(BOX) or {}).get("chosen") or {}
    return sent if sent.get("session") == session_id() else {}
