"""What the history's list is narrowed to: words, filters with their counts, an order; all of it in the page's address.

address ──► Query ──► fields          when the page opens, or a link is followed
fields ──► Query ──► address          when a person changes one
"""

from dataclasses import replace
from typing import Any

import streamlit as st

from kie.choice import Facets
from kie.query import Query
from kie.studio import Studio

OURS = ("page", "view", "job")
SORTS = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "cost": "Dearest first",
    "duration": "Slowest first",
}
LISTS = {
    "persons": "Person",
    "projects": "Project",
    "states": "State",
    "tags": "Tag",
    "ratios": "Shape",
    "resolutions": "Size",
    "formats": "Format",
}
VERDICTS = {"pick": "Picked", "reject": "Rejected", "none": "Undecided"}
HAS_REFERENCES = {True: "With references", False: "Without references"}
form = st.session_state


def query() -> Query:
    """Return what the address asks for, with the visitor's own days."""
    asked = Query.from_params(st.query_params.to_dict(), besides=OURS)
    return replace(asked, zone=st.context.timezone)


def ask(asked: Query) -> None:
    """Show the fields, filled with what the address says. What the filters would give is counted only while they are open."""
    _fill(asked)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        found = {"type": "search", "icon": ":material/search:", "placeholder": "Words, a task id, a job id"}
        st.text_input("Search", key="find_text", live=True, on_change=_change, width="stretch", **found)
        st.selectbox("Order", list(SORTS), key="find_sort", format_func=SORTS.get, on_change=_change, width=150)
        # Its words never change: a popover with other words is another one, and closed.
        with st.popover("Filters", icon=":material/filter_list:", key="find_filters", on_change="rerun") as popover:
            if popover.open:
                _ask_filters(Studio.current().facets(asked))
        narrowed = _narrowed(asked)
        if narrowed or asked.text:
            label = f"Clear ({narrowed})" if narrowed else "Clear"
            st.button(label, key="find_clear", type="tertiary", icon=":material/filter_list_off:", on_click=clear)
    if asked.ignored:
        left = ", ".join(asked.ignored)
        st.caption(":material/info: This address asks for something that is not known here, which was left out:")
        st.text(left)


def clear() -> None:
    """Look at everything again."""
    _go(Query())


def _ask_filters(facets: Facets) -> None:
    for name, label in LISTS.items():
        values = facets.get(name, [])
        if values:
            counts = dict(values)
            st.multiselect(
                label,
                list(counts),
                key=f"find_{name}",
                format_func=lambda value, counts=counts: f"{value or 'none'} ({counts.get(value, 0):,})",
                on_change=_change,
            )
    with st.container(horizontal=True):
        st.date_input("From", None, key="find_since", on_change=_change, width=140)
        st.date_input("To", None, key="find_until", on_change=_change, width=140)
    with st.container(horizontal=True):
        cost = {"min_value": 0.0, "step": 1.0, "on_change": _change, "width": 140}
        st.number_input("Credits from", value=None, key="find_cost_min", **cost)
        st.number_input("Credits to", value=None, key="find_cost_max", **cost)
    _ask_one_of("Verdict", "find_verdict", VERDICTS, dict(facets.get("verdict", [])))
    _ask_one_of("References", "find_has_references", HAS_REFERENCES, dict(facets.get("has_references", [])))
    starred = dict(facets.get("starred", [])).get(True, 0)
    st.checkbox(f"Starred only ({starred:,})", key="find_starred", on_change=_change)
    st.checkbox("The bin", key="find_binned", on_change=_change)


def _ask_one_of(label: str, key: str, names: dict[Any, str], counts: dict[Any, int]) -> None:
    st.selectbox(
        label,
        [None, *names],
        key=key,
        format_func=lambda value: "Any" if value is None else f"{names[value]} ({counts.get(value, 0):,})",
        on_change=_change,
    )


def _fill(asked: Query) -> None:
    """Give the fields what the address says, unless a person has just said it through them."""
    if form.get("find_shown") == asked:
        return
    form["find_shown"] = asked
    fields = {name: list(getattr(asked, name)) for name in LISTS}
    fields |= {name: getattr(asked, name) for name in ("text", "sort", "since", "until", "cost_min", "cost_max")}
    fields |= {"verdict": asked.verdict, "has_references": asked.has_references, "starred": asked.starred}
    for name, value in (fields | {"binned": asked.binned is True}).items():
        form[f"find_{name}"] = value


def _change() -> None:
    """Put what the fields say into the address."""
    asked = form["find_shown"]
    said = {
        name: tuple(form[f"find_{name}"] or ()) if name in LISTS else form[f"find_{name}"]
        for name in (*LISTS, "text", "sort", "since", "until", "cost_min", "cost_max", "verdict", "has_references")
        if f"find_{name}" in form
    }
    said["starred"] = bool(form.get("find_starred", asked.starred))
    said["binned"] = bool(form.get("find_binned", asked.binned))
    _go(replace(asked, **said, ignored=()))


def _go(asked: Query) -> None:
    kept = {name: st.query_params[name] for name in ("view",) if name in st.query_params}
    st.query_params.from_dict(kept | asked.to_params())
    form["page"] = 1


def _narrowed(asked: Query) -> int:
    """Count the filters that are set; words and the order are none."""
    return len(set(asked.to_params()) - {"q", "sort"})
