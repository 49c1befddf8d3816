"""Two small components: one wakes a fragment, one remembers a name."""

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent

_waker = st.components.v2.component("studio_live", js=(_HERE / "live.js").read_text(encoding="utf-8"))
_memory = st.components.v2.component("studio_person", js=(_HERE / "person.js").read_text(encoding="utf-8"))


def wake_on(topics: list[str], key: str) -> None:
    """Run the fragment around this call again whenever one of these topics changes."""
    _waker(key=key, data={"topics": topics}, on_changed_change=lambda: None, height=1)


def remember_person(name: str) -> None:
    """Keep the visitor's name in this browser for a year, for the next visit."""
    _memory(key="person-memory", data={"name": name}, height=1)
