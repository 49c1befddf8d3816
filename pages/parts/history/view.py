"""The view of the history: pictures or a table, groups, thumbnail size. The choice is stored in a cookie."""

from typing import Any

import streamlit as st

from pages.parts.live import visitor

COOKIE, KEY = "studio_history", "history_view"
# What can be chosen, each with its label.
CHOICES = {
    "kind": {"pictures": "Pictures", "table": "Table"},
    "groups": {"day": "By day", "press": "By submission", "none": "No groups"},
    "size": {"small": "Small", "medium": "Medium", "large": "Large"},
}
USUAL = {"kind": "pictures", "groups": "day", "size": "medium"}
ROW_PX = {"small": 120, "medium": 190, "large": 290}
session = st.session_state


def view() -> dict[str, str]:
    """Return the visitor's view. The URL may name another `kind`, as in a link from somebody else."""
    if KEY not in session:
        kept = st.context.cookies.get(COOKIE, "").split(".")
        session[KEY] = USUAL | {name: value for name in CHOICES for value in kept if value in CHOICES[name]}
    kind = st.query_params.get("view")
    return session[KEY] | ({"kind": kind} if kind in CHOICES["kind"] else {})


def ask() -> None:
    """Show the choice of pictures or a table, and, in a popover, of groups and size."""
    now = view()
    _choose("Show as", "kind", now, label_visibility="collapsed")
    with st.popover("View", icon=":material/tune:", key="view-more"):
        _choose("Groups", "groups", now)
        if now["kind"] == "pictures":
            _choose("Thumbnails", "size", now)


def remember() -> None:
    """Keep the choice for the next visit."""
    visitor.remember(COOKIE, ".".join(session[KEY].values()))


def _choose(label: str, name: str, now: dict[str, str], **how: Any) -> None:
    value, options = now[name], list(CHOICES[name])
    # If the URL differs from the field, a new field is shown: see `filters._follow`.
    revision = session.get("view_revision", 0)
    if session.get(f"view_{name}-{revision}", value) != value:
        session["view_revision"] = revision = revision + 1
    key = f"view_{name}-{revision}"
    shown = {"format_func": CHOICES[name].get, "horizontal": True, "on_change": _change, "args": (name, key)}
    st.radio(label, options, options.index(value), key=key, **shown, **how)


def _change(name: str, key: str) -> None:
    session[KEY] = view() | {name: session[key]}
    if name == "kind":
        st.query_params["view"] = session[key]
