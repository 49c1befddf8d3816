"""How the history is drawn: as pictures or a table, in groups, at a size. The choice is remembered in the visitor's browser."""

from typing import Any

import streamlit as st

from pages.parts.live import visitor

COOKIE, KEY = "studio_history", "history_view"
# What can be chosen, each with its label.
CHOICES = {
    "kind": {"pictures": "Pictures", "table": "Table"},
    "groups": {"day": "By day", "press": "By press", "none": "No groups"},
    "size": {"small": "Small", "medium": "Medium", "large": "Large"},
}
USUAL = {"kind": "pictures", "groups": "day", "size": "medium"}
ROW_PX = {"small": 120, "medium": 190, "large": 290}
form = st.session_state


def view() -> dict[str, str]:
    """Return the view of this visitor. The address may name another `kind`, as a link does that somebody sent."""
    if KEY not in form:
        kept = st.context.cookies.get(COOKIE, "").split(".")
        form[KEY] = USUAL | {name: value for name in CHOICES for value in kept if value in CHOICES[name]}
    kind = st.query_params.get("view")
    return form[KEY] | ({"kind": kind} if kind in CHOICES["kind"] else {})


def ask() -> None:
    """Ask for pictures or a table, and, behind a button, for groups and size."""
    now = view()
    _choose("Show as", "kind", now, label_visibility="collapsed")
    with st.popover("View", icon=":material/tune:", key="view-more"):
        _choose("Groups", "groups", now)
        if now["kind"] == "pictures":
            _choose("Thumbnails", "size", now)


def remember() -> None:
    """Keep the choice for the next visit."""
    visitor.remember(COOKIE, ".".join(form[KEY].values()))


def _choose(label: str, name: str, now: dict[str, str], **how: Any) -> None:
    value, options = now[name], list(CHOICES[name])
    # Where the address says something else than the field, a new field shows it: see filters.
    revision = form.get("view_revision", 0)
    if form.get(f"view_{name}-{revision}", value) != value:
        form["view_revision"] = revision = revision + 1
    key = f"view_{name}-{revision}"
    shown = {"format_func": CHOICES[name].get, "horizontal": True, "on_change": _change, "args": (name, key)}
    st.radio(label, options, options.index(value), key=key, **shown, **how)


def _change(name: str, key: str) -> None:
    form[KEY] = view() | {name: form[key]}
    if name == "kind":
        st.query_params["view"] = form[key]
