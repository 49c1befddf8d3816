"""Find pictures again, look at them, compare them, put them in order, and take them away."""

import math
from functools import partial

import pandas as pd
import streamlit as st

from kie.choice import Summary
from kie.jobs import Job, State
from kie.query import Query
from kie.studio import Studio
from pages.parts import about, filters, gallery, items, ordering, words
from pages.parts.gallery import Group
from pages.parts.live import woken_by

TABLE, PICTURES = "table", "pictures"
VIEWS = {TABLE: "Table", PICTURES: "Pictures"}
PAGE_SIZE = {TABLE: 50, PICTURES: 60}
GALLERY = "history-gallery"
COLUMNS = {
    "picture": st.column_config.ImageColumn("Picture", width=64),
    "prompt": st.column_config.TextColumn("Prompt", width=170),
    "state": st.column_config.TextColumn("State", width=80),
    "cost": st.column_config.NumberColumn(
        "Credits", width=65, help="What the service reported. Empty while it is not known."
    ),
    "settings": st.column_config.TextColumn("Settings", width=110),
    "person": st.column_config.TextColumn("Person", width=90),
    "when": st.column_config.TextColumn("When", width=85),
}
studio = Studio.current()
form = st.session_state


@st.fragment
@woken_by("jobs", key="history-live")
def show_history() -> None:
    """Show one page of what is looked for, and what is selected beside it."""
    if form.pop("go", None):
        st.switch_page("generate.py")
    asked = filters.query()
    total = studio.summary(asked)
    if not total.jobs and studio.count(Query(binned=None)) == 0:
        show_empty()
    else:
        filters.ask(asked)
        show_list(asked, total)


def show_empty() -> None:
    """Say what will be here."""
    with st.container(border=True, horizontal_alignment="center", vertical_alignment="center", height=280):
        st.markdown("#### Nothing here yet", text_alignment="center")
        st.caption(
            "Every picture that anybody makes is kept here, with its settings and its cost.", text_alignment="center"
        )
        st.page_link("generate.py", label="Make the first picture", icon=":material/auto_awesome:")


def show_list(asked: Query, total: Summary) -> None:
    """Show a page of jobs in the chosen view, the selected ones, and what can be done with them."""
    view = st.query_params.get("view", TABLE) if st.query_params.get("view") in VIEWS else TABLE
    pages = max(1, math.ceil(total.jobs / PAGE_SIZE[view]))
    # What is done with the selection stands further up: the table's own tools float over what is right above it.
    deeds, head = st.container(), st.container()
    listing, detail = (st.container(), None) if view == PICTURES else st.columns([7, 3], gap="medium")
    with listing:
        place, foot = st.container(), st.container()
    with foot:  # before the list: only the field itself knows which page the address asks for
        page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    jobs = studio.page(asked, min(page, pages), PAGE_SIZE[view])
    ordering.remember(jobs)
    with head:
        show_head(asked, total, view)
    with place:
        if not jobs:
            st.caption("Nothing here is like that: take a filter away, or look for other words.")
        elif view == PICTURES:
            show_pictures(jobs)
        else:
            choose_rows(jobs)
    with deeds:  # once it is known what is selected
        ordering.show_deeds(asked)
    if detail is not None:
        with detail:
            show_chosen(ordering.chosen())
    elif form.get("about"):
        show_about()


def show_head(asked: Query, total: Summary, view: str) -> None:
    """Say how many there are and what they cost; offer the two views, and to take the list away."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        known = f" · {words.credits(total.credits)}" + (f", {total.unknown} of unknown cost" if total.unknown else "")
        asked_for = f"{total.jobs:,} pictures asked for" if total.jobs != 1 else "1 picture asked for"
        st.caption(f"{asked_for}{known}", width="stretch")
        ordering.show_take_away(asked, total.jobs)
        form["find_view"] = view
        shown = {"horizontal": True, "label_visibility": "collapsed", "on_change": _change_view}
        st.radio("View", list(VIEWS), key="find_view", format_func=VIEWS.get, **shown)


def _change_view() -> None:
    st.query_params["view"] = form["find_view"]


def show_pictures(jobs: list[Job]) -> None:
    """Show thumbnails in their true shape; they open large, and can be selected for what is done with several."""
    receipt = form.setdefault("take_receipt", True)
    shown = tuple(items.item(job, session=False, receipt=receipt, more=(items.ABOUT,)) for job in jobs)
    ids = [job.id for job in jobs]
    # Another page, or a selection that was changed elsewhere: the gallery is told, and not asked.
    if form.get("gallery_shows") != (ids, ordering.revision()):
        form["gallery_shows"] = (ids, ordering.revision())
        gallery.select(GALLERY, ordering.chosen())
    # What is pressed right after a tick is done with what is ticked, so a tick counts before the page is drawn anew.
    tell = partial(_choose_pictures, ids)
    gallery.show(GALLERY, [Group("page", "", shown)], on_act=_act, layout="grid", selectable=True, on_select=tell)
    tell()


def _choose_pictures(ids: list[str]) -> None:
    ordering.choose(gallery.selection(GALLERY), among=ids)


def _act(action: str, job_id: str | None, _: str) -> None:
    if action == "about":
        form["about"] = job_id
    else:
        items.act(action, job_id)


@st.dialog("About this picture", width="large", on_dismiss=lambda: form.pop("about", None))
def show_about() -> None:
    """Show everything about the picture that a person asked about."""
    job = studio.job(form.get("about") or "")
    if job is None:
        st.rerun()
    about.show(job)


def choose_rows(jobs: list[Job]) -> None:
    """Show the table; the selected rows are remembered by their ids, since rows move down when new ones come."""
    ids = [job.id for job in jobs]
    rows = [number for number, job_id in enumerate(ids) if job_id in ordering.chosen()]
    key = f"history-{ids[0]}-{len(ids)}-{ordering.revision()}"
    tell = partial(_choose_rows, key, ids)
    st.dataframe(
        table(jobs),
        key=key,
        hide_index=True,
        column_config=COLUMNS,
        row_height=56,
        height=min(620, 40 + 56 * len(jobs)),
        on_select=tell,
        selection_mode="multi-row",
        alt="Pictures asked for",
        selection_default={"selection": {"rows": rows}} if rows else None,
    )
    tell()


def _choose_rows(key: str, ids: list[str]) -> None:
    ordering.choose([ids[row] for row in form[key].selection.rows if row < len(ids)], among=ids)


def table(jobs: list[Job]) -> pd.DataFrame:
    """Lay a page of jobs out as a table."""
    rows = [
        {
            "picture": studio.link("thumbnail", job.id) if job.state == State.DONE and not job.emptied_at else "",
            "prompt": " ".join(job.prompt.split())[:300],
            "settings": words.settings(job),
            "state": words.state(job),
            "person": job.person,
            "cost": words.spent(job),
            "when": words.ago(job.created_at),
        }
        for job in jobs
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def show_chosen(ids: list[str]) -> None:
    """Show the job that was selected last, and say if others are selected too."""
    job = studio.job(ids[-1]) if ids else None
    if len(ids) > 1:
        st.caption(f"{len(ids)} rows are selected; this is the last one.")
    if job:
        about.show(job)
    else:
        st.caption("Select a row to see the picture and everything known about it.")


st.title("History")
show_history()
