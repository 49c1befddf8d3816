"""What belongs to a visitor's browser: its time zone, and its choices for the next visit."""

import streamlit as st

from pages.parts.component import component

_memory = component("studio_person", "live/person.js")


def zone() -> str:
    """Return the name of the visitor's time zone."""
    return st.context.timezone or "UTC"


def remember(name: str, value: str) -> None:
    """Keep a choice of the visitor in this browser for a year, as a cookie of this name."""
    _memory(key=f"memory-{name}", data={"name": name, "value": value}, height=1)
