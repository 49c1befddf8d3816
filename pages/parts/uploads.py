"""From Streamlit's memory to our disk: what a person chose becomes references, and Streamlit's copies go at once."""

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from kie.errors import FileRefused
from kie.generation import REFERENCE_LIMIT
from kie.studio import Studio, display_name

IDS = "reference_ids"
NOTES = "reference_notes"


def reference_ids() -> list[str]:
    """Return the ids of this session's references in the order in which they are sent."""
    return st.session_state.setdefault(IDS, [])


def take_in(files: Sequence[UploadedFile]) -> None:
    """Keep every file that can be a reference, and say of each other one, by name, why it was left out."""
    notes: list[tuple[str, str]] = []
    for file in files:
        try:
            add(Studio.current(), file)
        except FileRefused as error:
            notes.append((display_name(file.name), error.sentence))
    st.session_state[NOTES] = notes
    _release(files)


def add(studio: Studio, file: UploadedFile) -> None:
    """Add one file to the session's references. Raises FileRefused with the reason."""
    if len(reference_ids()) >= REFERENCE_LIMIT:
        raise FileRefused(_FULL)
    attach(studio.add_reference(file.name, file).id)


def attach(reference_id: str) -> None:
    """Put a reference at the end of the session's. Raises FileRefused when it is there already or there is no room."""
    ids = reference_ids()
    if reference_id in ids:
        raise FileRefused(
            f"This is the same picture as number {ids.index(reference_id) + 1}, so it was not added again."
        )
    if len(ids) >= REFERENCE_LIMIT:
        raise FileRefused(_FULL)
    st.session_state[IDS] = [*ids, reference_id]


def remove(reference_id: str) -> None:
    """Take a reference out of the session's."""
    st.session_state[IDS] = [identifier for identifier in reference_ids() if identifier != reference_id]


def _release(files: Sequence[UploadedFile]) -> None:
    """Free Streamlit's copies now: by itself it keeps them until the session is gone."""
    context = get_script_run_ctx()
    manager = getattr(get_instance(), "uploaded_file_mgr", None) if context else None
    for file in files:
        file.close()
        if manager is not None:
            manager.remove_file(context.session_id, file.file_id)


_FULL = f"At most {REFERENCE_LIMIT} references fit, so it was not added: remove one first."
