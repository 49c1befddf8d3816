"""The stage for pictures: a feed that fills as jobs go on, or a grid or table of what is there; one large, several compared.

    show() ── groups of items, as JSON ──► gallery/*.js
    on_act ◄── the last events, numbered ── gallery/*.js

The browser opens, zooms, compares, copies and selects by itself; the server hears only of what changes something there.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import streamlit as st

from kie.views.cards import Action, Group, Notify, Row, row
from pages.parts.component import component, session_id

_SCRIPTS = (
    *("pieces", "menu", "keys", "zoom", "about", "viewer", "compare"),
    *("tile", "grid", "table", "tray", "notice", "stage"),
)
_STYLES = ("stage", "tile", "grid", "table", "feed", "large", "beside", "compare")

OnAct = Callable[[str, str | None, str], None]
# What was written beside a picture: a name, such as "note", the item, and the text.
OnWrite = Callable[[str, str, str], None]


_stage = component(
    "studio_gallery",
    "elements.js",
    "live/live.js",
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
    notify: Notify | None = None,
    source: Row | None = None,
) -> list[str]:
    """Show the groups and return the ids of the selected items.

    `on_act(action, item or None, group)` is called for each press, as a callback: before the page, or the fragment around
    this, runs again. Where Streamlit broke it off it is called a second time, so it must do no harm twice.

    A press of `selection_actions` has no item and the group "selection": `selection(key)` tells what it is for; `select`
    changes that. Items that are not shown stay selected.

    `row_px` is the height of a row of the grid. With `beside`, the source of what is known of one item, a press on an
    item shows it beside the list where there is room, and `on_write` hears what is written there; `opened` is the item
    that opens at first. `done` says what was done with a selection, with an action to undo it.
    """
    # Streamlit breaks a callback off when another run takes the place of its own.
    if _hear(key, on_act, on_write):
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
        "notify": row(notify),
        "source": source,
    }
    heard = dict.fromkeys(("on_events_change", "on_selection_change"), lambda: _hear(key, on_act, on_write))
    _stage(key=key, data=data, default={"events": [], "selection": None}, **heard)
    return selection(key)


def selection(key: str) -> list[str]:
    """Return the ids of a gallery's selected items, whether or not they are shown now."""
    return list(_state(key)["selected"])


def select(key: str, ids: Iterable[str]) -> None:
    """Select these items of a gallery and no others, before it is drawn again."""
    state = _state(key)
    state["selected"], state["revision"] = list(ids), state["revision"] + 1


def _state(key: str) -> dict[str, Any]:
    """Return what this session keeps of a gallery, whether or not it is on the page now."""
    name = f"{key}-gallery"
    return st.session_state.setdefault(name, {"heard": 0, "revision": 0, "selected": []})


def _hear(key: str, on_act: OnAct, on_write: OnWrite | None) -> bool:
    """Answer each press that has not been answered yet, in order, each with what was selected when it was pressed."""
    state, told = _state(key), st.session_state.get(key) or {}
    # A browser tells a new session what it told the last one: its presses have been answered, so they are not heard.
    ours = [event for event in told.get("events") or [] if event["session"] == session_id()]
    new = [event for event in ours if event["sequence"] > state["heard"]]
    for event in new:
        try:
            _answer(key, event, on_act, on_write)
        except Exception:
            state["heard"] = event["sequence"]
            raise
        # Not before: where another run takes the place of this one in the middle of an answer, that answers it again.
        state["heard"] = event["sequence"]
    _take_selection(key, told.get("selection"))
    return bool(new)


def _answer(key: str, event: Row, on_act: OnAct, on_write: OnWrite | None) -> None:
    if "text" in event:
        if on_write:
            on_write(event["action"], event["item"], event["text"])
        return
    _take_selection(key, event["selection"])
    on_act(event["action"], event["item"], event["group"])


def _take_selection(key: str, told: Row | None) -> None:
    """Take over what was selected in the browser, unless something else was selected here since."""
    state = _state(key)
    if told and told["session"] == session_id() and told["revision"] == state["revision"]:
        state["selected"] = [str(identifier) for identifier in told["ids"]]
