"""What the history's list is narrowed to: words, filters with their counts, an order; all of it in the page's address.

address ──► Query ──► fields          when the page opens, or a link is followed
fields ──► Query ──► address          when a person changes one
"""

import re
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
STATES = {state: state.capitalize() for state in DisplayState} | {DisplayState.ATTENTION: "Needs review"}
VERDICTS = {"pick": "Picked", "reject": "Rejected", "none": "Unrated"}
SHORTFALL = "Less than was paid for"
HAS_REFERENCES = {True: "With references", False: "Without references"}
ONES = ("since", "until", "starred", "verdict", "has_references", "shortfall", "cost_min", "cost_max", "binned")
FIELDS = ("text", "sort", *LISTS, *ONES)
# How a value is called where it is on. The others are called as they are.
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
# One filter that is on, or could be: the field of the query, and a value.
Chip = tuple[str, Any]
# How often each field was made anew.
REVISIONS = "find_revisions"
USUAL = {each.name: each.default for each in fields(Query)}
form = st.session_state
_search = component("studio_search", "history/search.html", "history/search.css", "elements.js", "history/search.js")


def query() -> Query:
    """Return what the address asks for, with the visitor's own days."""
    return Query.from_params(st.query_params.to_dict(), OURS, st.context.timezone)


def ask(asked: Query) -> None:
    """Show the fields, filled with what the address says. What the filters would give is counted only while they are open."""
    _follow(asked)
    bare = {"label_visibility": "collapsed", "on_change": _change}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        words_asked = {"text": asked.text}
        _search(key=_key("text"), data=words_asked, default=words_asked, on_text_change=_change)
        sorts = {"index": list(SORTS).index(asked.sort), "format_func": SORTS.get, "width": 160}
        st.selectbox("Sort", list(SORTS), key=_key("sort"), **sorts, **bare)
        # Its words never change: a popover with other words is another one, and closed.
        with st.popover("Filter", icon=":material/filter_list:", key="find_filters", on_change="rerun") as popover:
            if popover.open:
                _ask_filters(asked, Studio.current().search.facets(asked))
        _show_chips(asked)
        if _on(asked) or asked.text:
            icon = ":material/filter_list_off:"
            st.button("Clear filters", key="find_clear", type="tertiary", icon=icon, on_click=_go, args=(Query(),))
    if asked.ignored:
        left = ", ".join(asked.ignored)
        st.caption(":material/info: This address asks for something that is not known here, which was left out:")
        st.text(left)


def _show_chips(asked: Query) -> None:
    """Show what is on, and what is often wanted, each to be switched by a press."""
    on = _on(asked)
    today = format.today(visitor.zone())
    often: list[Chip] = [("persons", form["person"]), ("starred", True), ("verdict", "pick"), ("since", today)]
    often += [("projects", form["project"])] if form.get("project") else []
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content"):
        for chip in dict.fromkeys([*often, *on]):
            shown = {"icon": ":material/check:"} if chip in on else {}
            st.button(_name(chip), key=f"find-{chip}", on_click=_switch, args=(chip,), **shown)


def _on(asked: Query) -> list[Chip]:
    """List the filters that are set; words and the order are none."""
    several = [(name, each) for name in LISTS for each in getattr(asked, name)]
    return several + [(name, getattr(asked, name)) for name in ONES if getattr(asked, name) != USUAL[name]]


def _name(chip: Chip) -> str:
    field, value = chip
    own = {("persons", form["person"]): "Mine", ("since", format.today(visitor.zone())): "Today"}
    return own.get(chip) or _plain(NAMES.get(field, str)(value))


def _plain(text: str) -> str:
    """Escape text from outside for a label, in which Markdown counts; a joiner keeps ":name:" from being an icon."""
    return re.sub(r"([\\`*_{}\[\]()#+.!|~$<>-])", r"\\\1", " ".join(text.split())).replace(":", ":\u2060")


def _switch(chip: Chip) -> None:
    """Set a filter, or take it away if it is set."""
    asked, (field, value) = query(), chip
    is_on = chip in _on(asked)
    had = getattr(asked, field)
    if field in LISTS:
        _go(replace(asked, **{field: tuple(each for each in had if each != value) if is_on else (*had, value)}))
    else:
        _go(replace(asked, **{field: USUAL[field] if is_on else value}))


def _ask_filters(asked: Query, facets: Facets) -> None:
    counts = {name: dict(facets.get(name, [])) for name in FIELDS}

    def shown(name: str, names: Mapping[Any, str]) -> dict[str, Any]:
        def counted(value: Any) -> str:
            return "Any" if value is None else f"{names.get(value, value) or 'None'} ({counts[name].get(value, 0):,})"

        return {"key": _key(name), "on_change": _change, "format_func": counted}

    for name, label in LISTS.items():
        if counts[name]:
            names = STATES if name == "states" else {}
            st.multiselect(label, list(counts[name]), list(getattr(asked, name)), **shown(name, names))
    with st.container(horizontal=True):
        for name, label in (("since", "From"), ("until", "To")):
            st.date_input(label, getattr(asked, name), key=_key(name), on_change=_change, width=140)
    with st.container(horizontal=True):
        for name, label in (("cost_min", "Credits from"), ("cost_max", "Credits to")):
            cost = {"min_value": 0.0, "step": 1.0, "value": getattr(asked, name), "width": 140}
            st.number_input(label, key=_key(name), on_change=_change, **cost)
    for name, label, names in (("verdict", "Rating", VERDICTS), ("has_references", "References", HAS_REFERENCES)):
        options = [None, *names]
        st.selectbox(label, options, options.index(getattr(asked, name)), **shown(name, names))
    for name, label in (("starred", "Starred only"), ("shortfall", SHORTFALL)):
        many = counts[name].get(True, 0)
        st.checkbox(f"{label} ({many:,})", getattr(asked, name), key=_key(name), on_change=_change)
    st.checkbox("The bin", asked.binned is True, key=_key("binned"), on_change=_change)


def _key(name: str) -> str:
    return f"find_{name}-{form.get(REVISIONS, {}).get(name, 0)}"


def _follow(asked: Query) -> None:
    """Give fields that say something else than the address a new key: a new field shows what it is given at first.

    To write into a field that is there is not enough: the browser misses it when another run follows at once.
    """
    said = replace(asked, **_said())
    told = Query.from_params(said.to_params(), zone=asked.zone)
    others = [name for name in _said() if getattr(told, name) != getattr(asked, name)]
    revisions = form.get(REVISIONS, {})
    form[REVISIONS] = revisions | {name: revisions.get(name, 0) + 1 for name in others}


def _said() -> dict[str, Any]:
    """Return what the fields say that were drawn in the last run."""
    said = {name: form[_key(name)] for name in FIELDS if _key(name) in form}
    if "text" in said:
        said["text"] = said["text"]["text"]
    return said | {name: tuple(said[name] or ()) for name in LISTS if name in said}


def _change() -> None:
    """Put what the fields say into the address."""
    _go(replace(query(), **_said()))


def _go(asked: Query) -> None:
    kept = {name: st.query_params[name] for name in ("view", "job") if name in st.query_params}
    st.query_params.from_dict(kept | asked.to_params())
    form["page"] = 1
