"""Figures and sentences that are kept up to date. The component draws them from `GET /api/status`, without a run of the page.

bar         the balance and how old it is; no key, new jobs waiting, jobs that need attention
money       the available credits, and those left after this submission
balance     the balance, larger, with the pictures that it pays for, and the last error
hosts       whether the two hosts answer
integrity   the result of the check of the files
news        "3 new · Show": a list is not updated while somebody reads it
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
    """Show one view of the studio's state. `on_press` is called, as a callback, with the name of the button pressed."""
    source = {"url": "api/status", "topics": _TOPICS, "params": {"zone": visitor.zone()}}
    key = f"status-{view}"
    callback = {"on_press_change": lambda: on_press(st.session_state[key].get("press"))}
    _status(key=key, data={"view": view, "source": source, **data}, **callback)


def show_news(name: str, topics: list[str], mark: str, **params: str | int) -> None:
    """Show when a list has changed since `mark`, with a button that updates it. `params` identify the list."""
    source = {
        "url": "api/news",
        "topics": topics,
        "params": {"list": name, "mark": mark, "zone": visitor.zone(), **params},
    }
    # The button only has to run the page.
    _status(key=f"news-{name}", data={"view": "news", "source": source}, on_press_change=lambda: None)
