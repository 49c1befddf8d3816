"""A field for one small file, which is uploaded to disk without Streamlit, and read once.

file_field.js ── bytes ──► POST /files ──► incoming/ ──► take(name, bytes), in a callback, which deletes the file
"""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from kie.studio import Studio
from kie.text import display_name
from kie.views import format
from pages.parts.component import component
from pages.parts.recorded import recorded

GONE = "{} is no longer on the server: add it again."
_OWN = "composer/file_field.html", "composer/file_field.css", "composer/file_field.js"
_field = component("studio_file_field", "references/upload.js", *_OWN)


def ask(label: str, kinds: Sequence[str], bytes_limit: int, key: str, take: Callable[[str, bytes], object]) -> None:
    """Show the field for files with one of these suffixes. `take` gets name and bytes in a callback."""
    data = {"label": label, "kinds": list(kinds), "bytes": bytes_limit}
    read = recorded(partial(_read, key, take))
    _field(key=key, data=data, default={"given": None}, on_given_change=read)
    if fault := st.session_state.get(f"{key}-fault"):
        st.error(format.escape(fault), icon=":material/error:")


def _read(key: str, take: Callable[[str, bytes], object]) -> None:
    given, state = st.session_state[key].get("given"), st.session_state
    last = f"{key}-last"
    if not isinstance(given, dict) or given.get("id") == state.get(last):
        return
    state[last], name = given.get("id"), display_name(str(given.get("name", "")))
    content = Studio.current().files.take_upload(str(given.get("id", "")))
    state[f"{key}-fault"] = "" if content is not None else GONE.format(name)
    if content is not None:
        take(name, content)
