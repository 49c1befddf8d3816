"""The search words, filters and sort order of the history. All of them are in the page's URL.

URL ──► Query ──► fields          when the page opens, or a link is followed
fields ──► Query ──► URL          when a person changes one
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import streamlit as st

from kie.history.query import DisplayState, Query
from kie.store.search import Facets
from kie.studio import Studio
from kie.views import format
from pages.parts.component import component
from pages.parts.live import visitor

OURS = ("page", "view", "job")
SORTS = {"newest": "Newest first", "oldest": "Oldest first", "cost": "Most expensive", "duration": "Slowest first"}
LISTS = {
    "persons": "Person",
    "projects": "Project",
    "states": "State",
    "tags": "Tag",
    "ratios": "Aspect ratio",
    "resolutions": "Resolution",
    "formats": "Format",
}
STATES = {state: state.capitalize() for state in DisplayState}
VERDICTS = {"pick": "Picked", "reject": "Rejected", "none": "Unrated"}
SHORTFALL = "Less than was paid for"
HAS_REFERENCES = {True: "With references", False: "Without references"}
ONES = ("since", "until", "starred", "verdict", "has_references", "shortfall", "cost_min", "cost_max", "binned")
FIELDS = ("text", "sort", *LISTS, *ONES)
# The label of a value that is set; other values are their own labels.
NAMES: dict[str, Callable[[Any], str | None]] = {
    "starred": lambda _: "Starred",
    "verdict": VERDICTS.get,
    "has_references": HAS_REFERENCES.get,
    "shortfall": lambda _: SHORTFALL,
    "binned": lambda value: "In the bin" if value else "With the bin",
    "since": "From {}".format,
    "until": "To {}".format,
    "cost_min": "From {:g} credits".format,
    "cost_max": "To {:g} credits".format,
    "projects": lambda value: value or "No project",
    "tags": "#{}".format,
    "states": STATES.get,
    "formats": str.upper,
}
# A filter that is set, or could be: the field of the query, and a value.
Chip = tuple[str, Any]
# How often each field was replaced by a new one.
REVISIONS = "find_revisions"
USUAL = {each.name: each.default for each in fields(Query)}
session = st.session_state
_search = component("studio_search", "history/search.html", "history/search.css", "elements.js", "history/search.js")


def current() -> Query:
    """Return the query in the URL, with days in the visitor's time zone."""
    return Query.from_params(st.query_params.to_dict(), OURS, st.context.timezone)


def ask(query: Query) -> None:
    """Show the fields with the values of the URL. Matches are counted only while the filters are open."""
    _follow(query)
    bare = {"label_visibility": "collapsed", "on_change": _change}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        words = {"text": query.text}
        _search(key=_key("text"), data=words, default=words, on_text_change=_change)
        sorts = {"index": list(SORTS).index(query.sort), "format_func": SORTS.get, "width": 160}
        st.selectbox("Sort", list(SORTS), key=_key("sort"), **sorts, **bare)
        # Its label must not change: a popover with another label is a new one, which is closed.
        with st.popover("Filter", icon=":material/filter_list:", key="find_filters", on_change="rerun") as popover:
            if popover.open:
                _ask_filters(query, Studio.current().search.facets(query))
        _show_chips(query)
        if _on(query) or query.text:
            icon = ":material/filter_list_off:"
            st.button("Clear filters", key="find_clear", type="tertiary", icon=icon, on_click=_go, args=(Query(),))
    if query.ignored:
        st.caption(":material/info: These parts of the link are unknown and were ignored:")
        st.text(", ".join(query.ignored))


def _show_chips(query: Query) -> None:
    """Show the filters that are set, and frequent ones, as buttons that switch them."""
    on = _on(query)
    today = format.today(visitor.zone())
    often: list[Chip] = [("persons", session["person"]), ("starred", True), ("verdict", "pick"), ("since", today)]
    often += [("projects", session["project"])] if session.get("project") else []
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content"):
        for chip in dict.fromkeys([*often, *on]):
            shown = {"icon": ":material/check:"} if chip in on else {}
            st.button(_name(chip), key=f"find-{chip}", on_click=_switch, args=(chip,), **shown)


def _on(query: Query) -> list[Chip]:
    """Return the filters that are set, without search words and sort order."""
    several = [(name, each) for name in LISTS for each in getattr(query, name)]
    return several + [(name, getattr(query, name)) for name in ONES if getattr(query, name) != USUAL[name]]


def _name(chip: Chip) -> str:
    field, value = chip
    own = {("persons", session["person"]): "Mine", ("since", format.today(visitor.zone())): "Today"}
    return own.get(chip) or format.escape(NAMES.get(field, str)(value))


def _switch(chip: Chip) -> None:
    """Set a filter, or remove it if it is set."""
    query, (field, value) = current(), chip
    is_on = chip in _on(query)
    had = getattr(query, field)
    if field in LISTS:
        _go(replace(query, **{field: tuple(each for each in had if each != value) if is_on else (*had, value)}))
    else:
        _go(replace(query, **{field: USUAL[field] if is_on else value}))


def _ask_filters(query: Query, facets: Facets) -> None:
    counts = {name: dict(facets.get(name, [])) for name in FIELDS}

    def shown(name: str, names: Mapping[Any, str]) -> dict[str, Any]:
        def counted(value: Any) -> str:
            return "Any" if value is None else f"{names.get(value, value) or 'None'} ({counts[name].get(value, 0):,})"

        return {"key": _key(name), "on_change": _change, "format_func": counted}

    for name, label in LISTS.items():
        if counts[name]:
            names = STATES if name == "states" else {}
            st.multiselect(label, list(counts[name]), list(getattr(query, name)), **shown(name, names))
    with st.container(horizontal=True):
        for name, label in (("since", "From"), ("until", "To")):
            st.date_input(label, getattr(query, name), key=_key(name), on_change=_change, width=140)
    with st.container(horizontal=True):
        for name, label in (("cost_min", "Credits from"), ("cost_max", "Credits to")):
            cost = {"min_value": 0.0, "step": 1.0, "value": getattr(query, name), "width": 140}
            st.number_input(label, key=_key(name), on_change=_change, **cost)
    for name, label, names in (("verdict", "Rating", VERDICTS), ("has_references", "References", HAS_REFERENCES)):
        options = [None, *names]
        st.selectbox(label, options, options.index(getattr(query, name)), **shown(name, names))
    for name, label in (("starred", "Starred only"), ("shortfall", SHORTFALL)):
        many = counts[name].get(True, 0)
        st.checkbox(f"{label} ({many:,})", getattr(query, name), key=_key(name), on_change=_change)
    st.checkbox("The bin", query.binned is True, key=_key("binned"), on_change=_change)


def _key(name: str) -> str:
    return f"find_{name}-{session.get(REVISIONS, {}).get(name, 0)}"


def _follow(query: Query) -> None:
    """Replace fields that differ from the URL by new ones, under new keys, which show the value of the URL.

    Writing to an existing field is not enough: the browser misses the value when another run follows at once.
    """
    entered = Query.from_params(replace(query, **_entered()).to_params(), zone=query.zone)
    others = [name for name in _entered() if getattr(entered, name) != getattr(query, name)]
    revisions = session.get(REVISIONS, {})
    session[REVISIONS] = revisions | {name: revisions.get(name, 0) + 1 for name in others}


def _entered() -> dict[str, Any]:
    """Return the values of the fields that were drawn in the last run."""
    found = {name: session[_key(name)] for name in FIELDS if _key(name) in session}
    if "text" in found:
        found["text"] = found["text"]["text"]
    return found | {name: tuple(found[name] or ()) for name in LISTS if name in found}


def _change() -> None:
    """Write the values of the fields to the URL."""
    _go(replace(current(), **_entered()))


def _go(query: Query) -> None:
    kept = {name: st.query_params[name] for name in ("view", "job") if name in st.query_params}
    st.query_params.from_dict(kept | query.to_params())
    session["page"] = 1
