"""Two small components: one wakes a fragment, one remembers a name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from kie.studio import Studio

_HERE = Path(__file__).parent

_waker = st.components.v2.component("studio_live", js=(_HERE / "live.js").read_text(encoding="utf-8"))
_memory = st.components.v2.component("studio_person", js=(_HERE / "person.js").read_text(encoding="utf-8"))


@contextmanager
def woken_by(*topics: str, key: str) -> Iterator[None]:
    """Run the fragment that this decorates again whenever one of these topics has changed since it began."""
    seen = Studio.current().hub.number
    yield
    _waker(key=key, data={"topics": topics, "seen": seen}, on_changed_change=lambda: None, height=1)


def remember_person(name: str) -> None:
    """Keep the visitor's name in this browser for a year, for the next visit."""
    _memory(key="person-memory", data={"name": name}, height=1)
