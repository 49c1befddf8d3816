"""Figures and sentences that change by themselves. The component draws them from `GET /api/status`, without a run of the page.

bar         the balance and how old it is; no key, new jobs waiting, jobs that need attention
money       what is free, and what this press leaves of it
balance     the balance, larger, with what it buys and what went wrong
hosts       whether the two hosts answer
integrity   what the check of the files found
news        "3 new · Show": a list that somebody reads does not move by itself
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.parts.component import component
from pages.parts.live import visitor

# How many jobs need attention is part of "incidents".
_TOPICS = ["credits", "incidents", "key", "readings", "hosts", "integrity"]
_status = component("studio_status", "live/status.css", "elements.js", "live/live.js", "live/status.js")


def show(view: str, on_press: Callable[[str], None] = lambda _: None, **data: Any) -> None:
    """Show one view of the studio's state. `on_press` is called, as a callback, with the name of what was pressed in it."""
    source = {"url": "api/status", "topics": _TOPICS, "asked": {"zone": visitor.zone()}}
    key = f"status-{view}"
    heard = {"on_press_change": lambda: on_press(st.session_state[key].get("press"))}
    _status(key=key, data={"view": view, "source": source, **data}, **heard)


def show_news(name: str, topics: list[str], mark: str, **asked: str | int) -> None:
    """Say when a list has changed since `mark`, and offer to show it as it is now. `asked` says which list it is."""
    source = {
        "url": "api/news",
        "topics": topics,
        "asked": {"list": name, "mark": mark, "zone": visitor.zone(), **asked},
    }
    # That the page runs is the answer.
    _status(key=f"news-{name}", data={"view": "news", "source": source}, on_press_change=lambda: None)
