"""Settings of a visitor's browser: its time zone, and choices for the next visit."""

import streamlit as st

from pages.parts.component import component

_memory = component("studio_person", "live/person.js")


def zone() -> str:
    """Return the name of the visitor's time zone."""
    return st.context.timezone or "UTC"


def remember(name: str, value: str) -> None:
    """Store a choice of the visitor for a year, in a cookie of this name."""
    _memory(key=f"memory-{name}", data={"name": name, "value": value}, height=1)
