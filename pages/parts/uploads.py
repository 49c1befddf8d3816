"""This session's references: what the page's box took in, in the order in which it is sent.

    references.js ── files ──► POST /references ──► the server's disk
    references.js ── reports (an id, or why there is none), the order, what was taken out ──► session state
    references.js ◄── what is true ── session state

Nothing of a file passes through Streamlit's memory.
"""

from collections.abc import Iterable
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import uuid4

import streamlit as st

from kie import mending, pictures
from kie.errors import FileRefused
from kie.generation import REFERENCE_LIMIT
from kie.names import display_name
from kie.studio import Reference, Studio
from pages.parts import words
from pages.parts.delivery import unbroken

IDS = "reference_ids"
NAMES = "reference_names"
NOTES = "reference_notes"
CHOICE = "reference_choice"
HEARD = "reference_last_report"
SESSION = "reference_session"
DRAWS = "reference_draws"
BOX = "reference_box"
RECEIPT = "reference_receipt"
GONE = "It is no longer on this server, so it can't be sent and no credits are spent: remove it, or add it again."
_HERE = Path(__file__).parent
# One module: each part uses what stands above it.
_SCRIPTS = ("gallery_pieces", "references_intake", "references_strip", "references")

_box = st.components.v2.component(
    "studio_references",
    html=(_HERE / "references.html").read_text(encoding="utf-8"),
    css=(_HERE / "references.css").read_text(encoding="utf-8"),
    js="\n".join((_HERE / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS),
)


def ask() -> None:
    """Show the box that takes pictures in: chosen, dropped on the page, or pasted; and what it took in, in order."""
    ids, state = reference_ids(), st.session_state
    known = {reference.id: reference for reference in Studio.current().references(ids)}
    # A large message that is like one before may be lost, as the gallery's: none of ours is.
    state[DRAWS] = state.get(DRAWS, 0) + 1
    data = {
        "items": [_row(identifier, known.get(identifier)) for identifier in ids],
        "limit": REFERENCE_LIMIT,
        "bytes": mending.UPLOAD_BYTES_LIMIT,
        "heard": state.get(HEARD, 0),
        "session": _session(),
        "draws": state[DRAWS],
    }
    told = {"on_reports_change": _hear, "on_order_change": _hear}
    # That the page is drawn again is the answer.
    told |= {"on_busy_change": lambda: None, "on_asked_change": lambda: None}
    _box(key=BOX, data=data, default={"reports": [], "order": None, "busy": False, "asked": 0}, **told)


def is_busy() -> bool:
    """Say whether a picture that was chosen is still on its way here."""
    return bool(st.session_state.get(BOX, {}).get("busy"))


def notes() -> dict[str, list[str]]:
    """Return why files were left out, each reason with the names of its files."""
    found: dict[str, list[str]] = {}
    for name, sentence in st.session_state.get(NOTES, []):
        found.setdefault(sentence, []).append(name)
    return found


def reference_ids() -> list[str]:
    """Return the ids of this session's references in the order in which they are sent."""
    _hear()  # a press may come along with what was changed right before it
    return _ids()


def attach(reference_id: str) -> None:
    """Put a reference at the end of the session's. Raises FileRefused when it is there already or there is no room."""
    ids = _ids()
    if reference_id in ids:
        raise FileRefused(
            f"This is the same picture as number {ids.index(reference_id) + 1}, so it was not added again; "
            "nothing was sent and no credits were spent."
        )
    if len(ids) >= REFERENCE_LIMIT:
        raise FileRefused(
            f"At most {REFERENCE_LIMIT} references fit, so it was not added; no credits were spent: remove one first."
        )
    st.session_state[IDS] = [*ids, reference_id]


def replace(ids: Iterable[str]) -> None:
    """Put these references in place of the session's."""
    st.session_state[IDS] = list(dict.fromkeys(ids))[:REFERENCE_LIMIT]
    st.session_state[NOTES] = []


def remove(reference_id: str) -> None:
    """Take a reference out of the session's."""
    st.session_state[IDS] = [identifier for identifier in _ids() if identifier != reference_id]
    st.session_state[NOTES] = []


def _ids() -> list[str]:
    return st.session_state.setdefault(IDS, [])


def _session() -> str:
    # A browser tells a new session what it told the last one, which is not meant for it.
    return st.session_state.setdefault(SESSION, uuid4().hex)


def _row(identifier: str, reference: Reference | None) -> dict[str, Any]:
    """Say of a reference what its tile shows."""
    studio = Studio.current()
    row = {"id": identifier, "name": "A picture", "facts": "", "thumbnail": None, "changed": None, "isWaiting": False}
    if reference is None:
        return row | {"problem": GONE}
    # Somebody else may have given the same picture another name.
    name = st.session_state.get(NAMES, {}).get(identifier, reference.name)
    row |= {"name": name, "facts": _facts(reference), "changed": reference.changed}
    if not studio.is_here(reference):
        return row | {"problem": GONE}
    if reference.refusal:
        return row | {"problem": f"It won't be sent. {reference.refusal}"}
    if reference.checked_at is None:
        return row | {"problem": None, "isWaiting": True}
    return row | {"problem": None, "thumbnail": studio.link("thumbnail", reference.id)}


def _facts(reference: Reference) -> str:
    is_small = max(reference.width, reference.height) < pictures.SMALL_PX
    measured = f"{reference.width} × {reference.height} · {words.size(reference.bytes)}"
    return f"{measured} · very small" if is_small else measured


def _hear() -> None:
    """Do what the box told since the last look, in the order in which it happened there."""
    with unbroken():
        box, heard = st.session_state.get(BOX) or {}, st.session_state.get(HEARD, 0)
        events = [(report["sequence"], _take_in, report) for report in _ours(box.get("reports") or [])]
        for order in _ours([box["order"]] if box.get("order") else []):
            events += [(gone["sequence"], remove, gone["id"]) for gone in order["removed"]]
            events.append((order["sequence"], _arrange, order["ids"]))
        for sequence, do, told in sorted(events, key=itemgetter(0)):
            if sequence > heard:
                st.session_state[HEARD] = heard = sequence
                do(told)


def _ours(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message for message in told if message["session"] == _session()]


def _arrange(ids: list[str]) -> None:
    """Put the session's references into this order; what the box did not know of yet stays, at the end."""
    own = _ids()
    wished = [identifier for identifier in ids if identifier in own]
    st.session_state[IDS] = wished + [identifier for identifier in own if identifier not in wished]


def _take_in(report: dict[str, Any]) -> None:
    """Attach what was taken in, or note by name why it was left out."""
    name = display_name(str(report.get("name", "")))
    if report.get("choice") != st.session_state.get(CHOICE):
        # What was wrong with the last choice has been read.
        st.session_state[CHOICE], st.session_state[NOTES] = report.get("choice"), []
    try:
        reference_id = _reference_id(report)
        attach(reference_id)
    except FileRefused as error:
        st.session_state[NOTES] = [*st.session_state.get(NOTES, []), (name, error.sentence)][-100:]
    else:
        st.session_state[NAMES] = st.session_state.get(NAMES, {}) | {reference_id: name}
        st.session_state[RECEIPT] = report.get("receipt")


def _reference_id(report: dict[str, Any]) -> str:
    """Return the id that a report names. Raises FileRefused with the reason when it names none that is here."""
    if report.get("code") == "large":
        raise FileRefused(mending.too_large(int(report.get("size", 0))))
    if report.get("refusal"):
        raise FileRefused(str(report["refusal"]))
    found = Studio.current().references([str(report.get("id", ""))])
    if not found:
        raise FileRefused("It did not reach the server, so nothing was sent and no credits were spent: add it again.")
    return found[0].id
