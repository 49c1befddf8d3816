"""This session's references: what the page's box took in, in the order in which it is sent.

The box sends each file straight to `POST /references` and reports its id, or why there is none; nothing of it passes
through Streamlit's memory.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import streamlit as st

from kie import pictures
from kie.errors import FileRefused
from kie.generation import REFERENCE_BYTES_LIMIT, REFERENCE_LIMIT
from kie.names import display_name
from kie.studio import Studio

IDS = "reference_ids"
NOTES = "reference_notes"
LAST = "reference_last_report"
BOX = "reference_box"
_HERE = Path(__file__).parent

_box = st.components.v2.component(
    "studio_references",
    html=(_HERE / "dropzone.html").read_text(encoding="utf-8"),
    css=(_HERE / "dropzone.css").read_text(encoding="utf-8"),
    js=(_HERE / "dropzone.js").read_text(encoding="utf-8"),
)


def ask() -> None:
    """Show the box that takes pictures in: chosen, dropped on the page, or pasted."""
    changed = {"on_reports_change": _read_reports, "on_busy_change": _forget_notes}
    _box(key=BOX, data={"bytes": REFERENCE_BYTES_LIMIT}, default={"reports": [], "busy": False}, **changed)


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
    return st.session_state.setdefault(IDS, [])


def attach(reference_id: str) -> None:
    """Put a reference at the end of the session's. Raises FileRefused when it is there already or there is no room."""
    ids = reference_ids()
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
    st.session_state[IDS] = [identifier for identifier in reference_ids() if identifier != reference_id]
    st.session_state[NOTES] = []


def _forget_notes() -> None:
    """A new choice begins: what was wrong with the last one has been read."""
    if is_busy():
        st.session_state[NOTES] = []


def _read_reports() -> None:
    """Attach what the box took in since the last look, and say of everything else, by name, why it was left out."""
    last = st.session_state.get(LAST, 0)
    new = [report for report in st.session_state[BOX].get("reports") or [] if report["sequence"] > last]
    if not new:
        return
    st.session_state[LAST] = new[-1]["sequence"]
    left_out = st.session_state.get(NOTES, [])
    for report in new:
        try:
            attach(_reference_id(report))
        except FileRefused as error:
            left_out = [*left_out, (display_name(str(report.get("name", ""))), error.sentence)]
    st.session_state[NOTES] = left_out[-100:]


def _reference_id(report: dict[str, Any]) -> str:
    """Return the id that a report names. Raises FileRefused with the reason when it names none that is here."""
    if report.get("code") == "large":
        raise FileRefused(pictures.too_large(int(report.get("size", 0))))
    if report.get("refusal"):
        raise FileRefused(str(report["refusal"]))
    found = Studio.current().references([str(report.get("id", ""))])
    if not found:
        raise FileRefused("It did not reach the server, so nothing was sent and no credits were spent: add it again.")
    return found[0].id
