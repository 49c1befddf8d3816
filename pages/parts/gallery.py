"""The stage for pictures: cards that fill as jobs go on, or a grid of what is there; a lightbox, and a comparison.

    show() ── groups of items, as JSON ──► gallery*.js
    on_act ◄── the last events, numbered ── gallery*.js

The browser opens, zooms, compares and copies by itself; the server hears only of what changes something there.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import streamlit as st

_HERE = Path(__file__).parent
# One module: each part uses what stands above it.
_SCRIPTS = ("pieces", "menu", "zoom", "lightbox", "compare", "item", "grid", "tray", "notice", "stage")
_STYLES = ("stage", "item", "grid", "lightbox", "compare")

Layout = Literal["cards", "grid"]
Row = dict[str, Any]
OnAct = Callable[[str, str | None, str], None]


def _read(names: tuple[str, ...], kind: str) -> str:
    return "\n".join((_HERE / f"gallery_{name}.{kind}").read_text(encoding="utf-8") for name in names)


_stage = st.components.v2.component("studio_gallery", css=_read(_STYLES, "css"), js=_read(_SCRIPTS, "js"))


@dataclass(frozen=True)
class Action:
    """Something to press. `icon` is a Material name, with or without Streamlit's ":material/…:" around it.

    The browser itself answers the ids "open" (the lightbox) and "compare", and copies `copy` if there is one. Everything
    else comes to `on_act`. `menu` puts it into the "More" menu; `primary` is for the one thing to press; `closes` leaves
    the lightbox, for what is gone on with elsewhere on the page.
    """

    id: str
    label: str
    icon: str
    help: str = ""
    primary: bool = False
    menu: bool = False
    copy: str | None = None
    closes: bool = False

    def row(self) -> Row:
        return vars(self) | {"icon": _icon(self.icon)}


@dataclass(frozen=True)
class Badge:
    """A mark on a picture's corner, such as a star."""

    icon: str
    text: str

    def row(self) -> Row:
        return {"icon": _icon(self.icon), "text": self.text}


@dataclass(frozen=True)
class Problem:
    """What went wrong, in a sentence of ours, and in the service's own words as `detail`."""

    text: str
    detail: str = ""
    tone: Literal["error", "warning"] = "error"


@dataclass(frozen=True)
class Download:
    """A file to take away: a path on this server, and the name it gets."""

    url: str
    name: str


@dataclass(frozen=True)
class Progress:
    """How far a group is, with the words for it."""

    done: int
    total: int
    text: str


@dataclass(frozen=True)
class Item:
    """A picture, or the job that makes it. Sizes are pixels, or any numbers of the expected shape; times are seconds.

    Addresses are paths on this server, which begin with "/"; anything else is not shown. `expected` is how long the
    whole takes, counted as `elapsed` is. Each of `facts` is a name and a value, for the lightbox and for comparisons.
    """

    id: str
    state: str
    label: str
    prompt: str
    icon: str = ""
    width: int = 1
    height: int = 1
    thumbnail: str | None = None
    picture: str | None = None
    alt: str = ""
    meta: str = ""
    badges: tuple[Badge, ...] = ()
    elapsed: float | None = None
    expected: float | None = None
    turn: str | None = None
    problem: Problem | None = None
    download: Download | None = None
    actions: tuple[Action, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()

    def row(self) -> Row:
        return vars(self) | {
            "icon": _icon(self.icon),
            "badges": [badge.row() for badge in self.badges],
            "problem": self.problem and vars(self.problem),
            "download": self.download and vars(self.download),
            "actions": [action.row() for action in self.actions],
            "facts": [list(fact) for fact in self.facts],
        }


@dataclass(frozen=True)
class Group:
    """Items that belong together under one heading. Without a title there is no heading."""

    id: str
    title: str
    items: tuple[Item, ...]
    note: str = ""
    progress: Progress | None = None
    actions: tuple[Action, ...] = ()

    def row(self) -> Row:
        return vars(self) | {
            "progress": self.progress and vars(self.progress),
            "actions": [action.row() for action in self.actions],
            "items": [item.row() for item in self.items],
        }


@dataclass(frozen=True)
class Notify:
    """What the browser's tab tells while its person looks elsewhere: how many are pending, and the page's name."""

    pending: int
    title: str = "Nano Banana Studio"


def show(
    key: str,
    groups: Iterable[Group],
    *,
    on_act: OnAct,
    layout: Layout = "cards",
    selectable: bool = False,
    selected: Iterable[str] = (),
    selection_actions: Iterable[Action] = (),
    on_select: Callable[[], None] = lambda: None,
    notify: Notify | None = None,
    empty: str = "",
) -> list[str]:
    """Show the groups and return the ids of the selected items, as far as they are shown.

    `on_act(action, item or None, group)` is called once for each press, as a callback: before the page, or the fragment
    around this, runs again. A press of `selection_actions` has no item and the group "selection": `selection(key)` tells
    what it is for. `selected` is what is selected at first; `select` changes it. `on_select` is called as a callback too,
    when something else was selected: before those of what was pressed after it.
    """
    shown, state = list(groups), _state(key, selected)
    state["draws"] += 1
    data = {
        # Streamlit refers to a large message that it sent before by its hash, and now and then the browser has dropped that
        # one already ("Cached ForwardMsg MISS"): no message of ours is like another.
        "draws": state["draws"],
        "session": state["session"],
        "groups": [group.row() for group in shown],
        "layout": layout,
        "selectable": selectable,
        "selected": state["selected"],
        "revision": state["revision"],
        "selectionActions": [action.row() for action in selection_actions],
        "notify": notify and vars(notify),
        "empty": empty,
    }
    state["ids"] = [item.id for group in shown for item in group.items]
    heard = {
        "on_events_change": lambda: _hear(key, on_act),
        "on_selection_change": lambda: _hear_selection(key, on_select),
    }
    _stage(key=key, data=data, default={"events": [], "selection": None}, **heard)
    return selection(key)


def selection(key: str) -> list[str]:
    """Return the ids of a gallery's selected items, as far as they were shown when it was last drawn."""
    state = _state(key)
    shown = set(state["ids"])
    return [identifier for identifier in state["selected"] if identifier in shown]


def select(key: str, ids: Iterable[str]) -> None:
    """Select these items of a gallery and no others, before it is drawn again."""
    state = _state(key)
    state["selected"], state["revision"] = list(ids), state["revision"] + 1


def _state(key: str, selected: Iterable[str] = ()) -> dict[str, Any]:
    """Return what this session keeps of a gallery, whether or not it is on the page now."""
    name = f"{key}-gallery"
    if name not in st.session_state:
        # A browser tells a new session what it told the last one: its presses have been answered, so they are not heard.
        fresh = {"session": uuid4().hex, "heard": 0, "revision": 0, "draws": 0, "ids": []}
        st.session_state[name] = fresh | {"selected": list(selected)}
    return st.session_state[name]


def _hear(key: str, on_act: OnAct) -> None:
    """Answer each press that has not been answered yet, in order."""
    state = _state(key)
    events = [event for event in st.session_state[key].get("events") or [] if event["session"] == state["session"]]
    new = [event for event in events if event["sequence"] > state["heard"]]
    # An answer may leave by `st.rerun` or `st.switch_page`: the stack answers the others all the same, last in, first out.
    with ExitStack() as answers:
        for event in reversed(new):
            state["heard"] = max(state["heard"], event["sequence"])
            answers.callback(on_act, event["action"], event["item"], event["group"])


def _hear_selection(key: str, on_select: Callable[[], None]) -> None:
    """Take over what was selected in the browser, unless something else was selected here since."""
    told, state = st.session_state[key].get("selection"), _state(key)
    if told and told["session"] == state["session"] and told["revision"] == state["revision"]:
        state["selected"] = [str(identifier) for identifier in told["ids"]]
        on_select()


def _icon(name: str) -> str:
    return name.removeprefix(":material/").removesuffix(":")
