"""This session's references: what the page's box took in, in the order in which it is sent.

    strip.js ── files ──► POST /references ──► the server's disk
    strip.js ── reports (an id, or why there is none), the order, what was taken out ──► session state
    strip.js ◄── what is true ── session state

Nothing of a file passes through Streamlit's memory.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as replace_fields
from operator import itemgetter
from typing import Any
from uuid import uuid4

import streamlit as st

from kie.errors import FileRefused
from kie.generation import REFERENCE_LIMIT
from kie.images import convert
from kie.studio import Studio
from kie.text import display_name
from kie.views.reference_tiles import tile
from pages.parts.component import component

BOX, SESSION, CHOSEN = "reference_box", "reference_session", "references"
FULL = f"At most {REFERENCE_LIMIT} references fit, so it was not added: remove one first."
NOTES_LIMIT = 100
_SCRIPTS = ("elements", "live/live", *(f"references/{name}" for name in ("upload", "intake", "tiles", "strip")))

_box = component(
    "studio_references", "references/strip.html", "references/strip.css", *(f"{name}.js" for name in _SCRIPTS)
)


@dataclass(frozen=True)
class Chosen:
    """This session's references, in the order in which they are sent, and what came of adding them.

    It changes as a whole: a run may be replaced by another between any two changes of session state.
    """

    ids: tuple[str, ...] = ()
    # What this session's files were called: somebody else may have given the same picture another name.
    names: Mapping[str, str] = field(default_factory=dict)
    # Files that were left out by the last choice, each with the reason.
    notes: tuple[tuple[str, str], ...] = ()
    choice: Any = None
    # The request that the picture added last was made from, if it says so.
    receipt: Any = None
    # The sequence number of the last message of the box that was taken in.
    heard: int = 0

    def attached(self, reference_id: str) -> "Chosen":
        """Return this with a reference at the end. Raises FileRefused when it is there already or there is no room."""
        if reference_id in self.ids:
            raise FileRefused(
                f"This is the same picture as number {self.ids.index(reference_id) + 1}, so it was not added again."
            )
        if len(self.ids) >= REFERENCE_LIMIT:
            raise FileRefused(FULL)
        return replace_fields(self, ids=(*self.ids, reference_id))

    def without(self, reference_id: str) -> "Chosen":
        """Return this without a reference."""
        return replace_fields(self, ids=tuple(each for each in self.ids if each != reference_id), notes=())

    def arranged(self, ids: Iterable[str]) -> "Chosen":
        """Return this in another order; what the box did not know of yet stays, at the end."""
        wished = [each for each in ids if each in self.ids]
        return replace_fields(self, ids=(*wished, *(each for each in self.ids if each not in wished)))

    def noted(self, name: str, sentence: str) -> "Chosen":
        """Return this with a file that was left out."""
        return replace_fields(self, notes=(*self.notes, (name, sentence))[-NOTES_LIMIT:])


def ask(is_folded: bool = False) -> None:
    """Show the box that takes pictures in: chosen, dropped on the page, or pasted; and what it took in, in order.

    Where it `is_folded`, only what it took in is seen.
    """
    now, studio = chosen(), Studio.current()
    known = {reference.id: reference for reference in studio.store.references.get_many(now.ids)}
    tiles = [tile(studio, each, known.get(each)) for each in now.ids]
    data = {
        "items": [shown | ({"name": now.names[shown["id"]]} if shown["id"] in now.names else {}) for shown in tiles],
        "limit": REFERENCE_LIMIT,
        "bytes": convert.UPLOAD_BYTES_LIMIT,
        "heard": now.heard,
        "session": _session(),
        "isFolded": is_folded,
    }
    # That the page is drawn again is the answer.
    told = dict.fromkeys(("on_reports_change", "on_order_change", "on_busy_change"), lambda: None)
    _box(key=BOX, data=data, default={"reports": [], "order": None, "busy": False}, **told)


def is_busy() -> bool:
    """Return whether a picture that was chosen is still being uploaded."""
    return bool(st.session_state.get(BOX, {}).get("busy"))


def notes() -> dict[str, list[str]]:
    """Return why files were left out, each reason with the names of its files."""
    found: dict[str, list[str]] = {}
    for name, sentence in chosen().notes:
        found.setdefault(sentence, []).append(name)
    return found


def drop_receipt() -> None:
    """Offer that request no longer."""
    st.session_state[CHOSEN] = replace_fields(chosen(), receipt=None)


def attach(reference_id: str) -> None:
    """Add a reference, or note why it can't be added."""
    try:
        st.session_state[CHOSEN] = chosen().attached(reference_id)
    except FileRefused as error:
        note("The picture", error.sentence)


def note(name: str, sentence: str) -> None:
    """Say by the references why a picture was left out."""
    st.session_state[CHOSEN] = replace_fields(chosen(), notes=((name, sentence),))


def replace(ids: Iterable[str]) -> None:
    """Put these references in place of the session's."""
    st.session_state[CHOSEN] = replace_fields(chosen(), ids=tuple(dict.fromkeys(ids))[:REFERENCE_LIMIT], notes=())


def _session() -> str:
    # A browser tells a new session what it told the last one, which is not meant for it.
    return st.session_state.setdefault(SESSION, uuid4().hex)


def chosen() -> Chosen:
    """Return this session's references after all that the box has told, in the order in which it happened there."""
    before = now = st.session_state.get(CHOSEN, Chosen())
    box = st.session_state.get(BOX) or {}
    events = [(report["sequence"], _with_report, report) for report in _ours(box.get("reports") or [])]
    for order in _ours([box["order"]] if box.get("order") else []):
        events += [(gone["sequence"], Chosen.without, gone["id"]) for gone in order["removed"]]
        events.append((order["sequence"], Chosen.arranged, order["ids"]))
    for sequence, change, told in sorted(events, key=itemgetter(0)):
        if sequence > now.heard:
            now = replace_fields(change(now, told), heard=sequence)
    if now is not before:
        st.session_state[CHOSEN] = now
    return now


def _ours(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message for message in told if message["session"] == _session()]


def _with_report(chosen: Chosen, report: dict[str, Any]) -> Chosen:
    """Return the references with what was taken in, or with a note by name why it was left out."""
    name = display_name(str(report.get("name", "")))
    if report.get("choice") != chosen.choice:
        # What was wrong with the last choice has been read.
        chosen = replace_fields(chosen, choice=report.get("choice"), notes=())
    try:
        reference_id = _reference_id(report)
        added = chosen.attached(reference_id)
    except FileRefused as error:
        return chosen.noted(name, error.sentence)
    return replace_fields(added, names={**chosen.names, reference_id: name}, receipt=report.get("receipt"))


def _reference_id(report: dict[str, Any]) -> str:
    """Return the id that a report names. Raises FileRefused with the reason when it names none that is here."""
    if report.get("code") == "full":
        raise FileRefused(FULL)
    if report.get("code") == "large":
        raise FileRefused(convert.too_large(int(report.get("size", 0))))
    if report.get("refusal"):
        raise FileRefused(str(report["refusal"]))
    found = Studio.current().store.references.get_many([str(report.get("id", ""))])
    if not found:
        raise FileRefused("It did not reach the server: add it again.")
    return found[0].id
