"""How the history is drawn: as pictures or a table, in groups, at a size. The choice is remembered in the visitor's browser."""

from dataclasses import asdict, dataclass, replace
from typing import Any, get_args, get_type_hints
from typing import Literal as Of

import streamlit as st

from pages.parts.live import visitor

COOKIE, KEY = "studio_history", "history_view"
LABELS = {
    "pictures": "Pictures",
    "table": "Table",
    "day": "By day",
    "press": "By press",
    "none": "No groups",
    "small": "Small",
    "medium": "Medium",
    "large": "Large",
}
ROW_PX = {"small": 120, "medium": 190, "large": 290}
form = st.session_state


@dataclass(frozen=True)
class View:
    """What was chosen. The address may name another `kind`, as a link does that somebody sent."""

    kind: Of["pictures", "table"] = "pictures"
    groups: Of["day", "press", "none"] = "day"
    size: Of["small", "medium", "large"] = "medium"


CHOICES = {name: get_args(kind) for name, kind in get_type_hints(View).items()}


def view() -> View:
    """Return the view of this visitor."""
    if KEY not in form:
        form[KEY] = _kept(st.context.cookies.get(COOKIE, ""))
    kind = st.query_params.get("view")
    return replace(form[KEY], kind=kind) if kind in CHOICES["kind"] else form[KEY]


def _kept(cookie: str) -> View:
    """Read a cookie, as far as it can still be chosen."""
    known = {value: name for name, values in CHOICES.items() for value in values}
    return View(**{known[value]: value for value in cookie.split(".") if value in known})


def ask() -> None:
    """Ask for pictures or a table, and, behind a button, for groups and size."""
    now = view()
    _choose("Show as", "kind", now, label_visibility="collapsed")
    with st.popover("View", icon=":material/tune:", key="view-more"):
        _choose("Groups", "groups", now)
        if now.kind == "pictures":
            _choose("Thumbnails", "size", now)


def remember() -> None:
    """Keep the choice for the next visit."""
    visitor.remember(COOKIE, ".".join(asdict(form[KEY]).values()))


def _choose(label: str, name: str, now: View, **how: Any) -> None:
    value, options = getattr(now, name), CHOICES[name]
    # Where the address says something else than the field, a new field shows it: see filters.
    revision = form.get("view_revision", 0)
    if form.get(f"view_{name}-{revision}", value) != value:
        form["view_revision"] = revision = revision + 1
    key = f"view_{name}-{revision}"
    shown = {"format_func": LABELS.get, "horizontal": True, "on_change": _change, "args": (name, key)}
    st.radio(label, options, options.index(value), key=key, **shown, **how)


def _change(name: str, key: str) -> None:
    form[KEY] = replace(view(), **{name: form[key]})
    if name == "kind":
        st.query_params["view"] = form[key]
