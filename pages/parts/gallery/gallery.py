"""The gallery: a feed that fills as jobs progress, or a grid or table; one picture large, several compared.

    show() ── groups of items, as JSON ──► gallery/*.js
    on_act ◄── the last events, numbered ── gallery/*.js

Opening, zooming, comparing, copying and selecting happen in the browser; only actions that change data reach the server.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import streamlit as st

from kie.views.cards import Action, Group, Row, row
from pages.parts.component import component, session_id

_SCRIPTS = (
    *("pieces", "menu", "keys", "zoom", "about", "viewer", "compare"),
    *("tile", "grid", "table", "tray", "notice", "gallery"),
)
_STYLES = ("gallery", "tile", "grid", "table", "feed", "large", "beside", "compare")

OnAct = Callable[[str, str | None, str], None]
# A text that was written beside a picture: its kind, such as "note", the item, and the text.
OnWrite = Callable[[str, str, str], None]
_gallery = component(
    "studio_gallery",
    *("elements.js", "live/live.js"),
    *(f"gallery/{name}.css" for name in _STYLES),
    *(f"gallery/{name}.js" for name in _SCRIPTS),
)


def show(
    key: str,
    groups: Iterable[Group],
    *,
    on_act: OnAct,
    layout: Literal["grid", "table", "feed"] = "feed",
    selection_actions: Iterable[Action] = (),
    row_px: int | None = None,
    beside: Row | None = None,
    opened: str = "",
    on_write: OnWrite | None = None,
    done: tuple[str, Action | None] | None = None,
    pending: int | None = None,
    source: Row | None = None,
) -> list[str]:
    """Show the groups and return the ids of the selected items.

    `on_act(action, item or None, group)` is called for each click on a button, as a callback. It is called again if
    Streamlit interrupted it, so it must be idempotent.

    One of `selection_actions` has no item and the group "selection"; `selection(key)` returns the items it is for, and
    `select` changes them. Items that are not shown stay selected.

    `row_px` is the height of a row of the grid. With `beside`, the source of one item's details, a click on an item shows
    it beside the list if there is room, and `on_write` gets the texts that are written there; `opened` is the item that
    is open at first. `done` is a sentence about the last action on a selection, with an action to undo it.
    """
    # Streamlit interrupts a callback when a new run replaces its own.
    if _handle_events(key, on_act, on_write):
        st.rerun()
    state = _state(key)
    data = {
        "groups": [row(group) for group in groups],
        "layout": layout,
        "selected": state["selected"],
        "revision": state["revision"],
        "selectionActions": [row(action) for action in selection_actions],
        "rowPx": row_px,
        "beside": beside,
        "opened": opened,
        "done": done and {"text": done[0], "action": row(done[1])},
        "pending": pending,
        "source": source,
    }
    callbacks = dict.fromkeys(
        ("on_events_change", "on_selection_change"), lambda: _handle_events(key, on_act, on_write)
    )
    _gallery(key=key, data=data, default={"events": [], "selection": None}, **callbacks)
    return selection(key)


def selection(key: str) -> list[str]:
    """Return the ids of a gallery's selected items, whether or not they are shown now."""
    return list(_state(key)["selected"])


def select(key: str, ids: Iterable[str]) -> None:
    """Select these items of a gallery and no others, before it is drawn again."""
    state = _state(key)
    state["selected"], state["revision"] = list(ids), state["revision"] + 1


def _state(key: str) -> dict[str, Any]:
    """Return the state of a gallery in this session, whether or not it is on the page now."""
    name = f"{key}-gallery"
    return st.session_state.setdefault(name, {"handled": 0, "revision": 0, "selected": []})


def _handle_events(key: str, on_act: OnAct, on_write: OnWrite | None) -> bool:
    """Handle each event that has not been handled yet, in order, each with the selection at its time. Returns whether there was one."""
    state, sent = _state(key), st.session_state.get(key) or {}
    # The browser repeats to a new session what it sent to the last one, which has handled it.
    ours = [event for event in sent.get("events") or [] if event["session"] == session_id()]
    new = [event for event in ours if event["sequence"] > state["handled"]]
    for event in new:
        try:
            _handle(key, event, on_act, on_write)
        except Exception:
            state["handled"] = event["sequence"]
            raise
        # Not before: if a new run interrupts this one meanwhile, it handles the event again.
        state["handled"] = event["sequence"]
    _take_selection(key, sent.get("selection"))
    return bool(new)


def _handle(key: str, event: Row, on_act: OnAct, on_write: OnWrite | None) -> None:
    if "text" in event:
        if on_write:
            on_write(event["action"], event["item"], event["text"])
        return
    _take_selection(key, event["selection"])
    on_act(event["action"], event["item"], event["group"])


def _take_selection(key: str, selection: Row | None) -> None:
    """Apply the selection of the browser, unless the selection was changed here since."""
    state = _state(key)
    if selection and selection["session"] == session_id() and selection["revision"] == state["revision"]:
        state["selected"] = [str(identifier) for identifier in selection["ids"]]
