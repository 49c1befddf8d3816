"""Figures and sentences that change by themselves. The component draws them from `GET /api/status`, without a run of the page.

credits     the balance and how old it is
banner      no key, new jobs waiting, jobs that need attention
money       what is free, and what this press leaves of it
balance     as credits, larger, with what went wrong
hosts       whether the two hosts answer
integrity   what the check of the files found
news        "3 new · Show": a list that somebody reads does not move by itself
"""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pages.parts.component import component
from pages.parts.live import visitor

_TOPICS = ["credits", "incidents", "attention", "key", "readings", "hosts", "integrity"]
_status = component("studio_status", "live/status.css", "elements.js", "live/live.js", "live/status.js")


def show(view: str, on_press: Callable[[str], None] = lambda _: None, **data: Any) -> None:
    """Show one view of the studio's state. `on_press` is called, as a callback, with the name of what was pressed in it."""
    _draw(view, {"url": "api/status", "topics": _TOPICS, "asked": {"zone": visitor.zone()}}, on_press, data)


def show_news(name: str, topics: list[str], mark: str, on_show: Callable[[], None], **asked: str | int) -> None:
    """Say when a list has changed since `mark`, and offer to show it as it is now. `asked` says which list it is."""
    told = {"list": name, "mark": mark, "zone": visitor.zone(), **asked}
    _draw("news", {"url": "api/news", "topics": topics, "asked": told}, lambda _: on_show(), {}, f"news-{name}")


def _draw(
    view: str, source: Mapping[str, Any], on_press: Callable[[str], None], data: Mapping[str, Any], key: str = ""
) -> None:
    key = key or f"status-{view}"

    def hear() -> None:
        on_press(st.session_state[key].get("press"))

    _status(key=key, data={"view": view, "source": source, **data}, on_press_change=hear)
