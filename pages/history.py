"""The page for finding, viewing, comparing, organizing and exporting pictures."""

import math
from collections.abc import Sequence

import streamlit as st

from kie.history.query import Query
from kie.jobs import Job
from kie.store.search import Page
from kie.studio import Studio
from kie.text import counted, local
from kie.views import format
from kie.views.cards import Group, Item
from kie.views.job_cards import item
from kie.web.api import history_mark
from pages.parts.gallery import gallery, job_actions
from pages.parts.history import filters, selection
from pages.parts.history import view as views
from pages.parts.live import status, visitor
from pages.parts.recorded import recorded

PAGE_SIZE = {"table": 50, "pictures": 60}
studio = Studio.current()


def page_number() -> int:
    """Return the requested page number: of the field, or, before it is drawn, of the URL."""
    number = st.session_state.get("page") or st.query_params.get("page", "")
    return number if isinstance(number, int) else int(number) if number.isdecimal() else 1


def show_empty() -> None:
    """Show what will be here."""
    st.title("History", anchor=False)
    with st.container(horizontal_alignment="center", vertical_alignment="center", height=320, border=False):
        st.header("Nothing here yet", anchor=False, text_alignment="center")
        text = "Every picture that anybody makes is kept here, with its settings and its cost."
        st.caption(text, text_alignment="center")
        st.page_link("generate.py", label="Make the first picture", icon=":material/auto_awesome:")


def show_list(query: Query, view: dict[str, str], found: Page) -> None:
    """Show a page of jobs in the chosen view, with the actions for selected ones."""
    size, total = PAGE_SIZE[view["kind"]], found.total
    pages = max(1, math.ceil(total.jobs / size))
    head = st.container(horizontal=True, vertical_alignment="center", gap="small")
    filters.ask(query)
    place = st.container()
    page = min(st.pagination(pages, key="page", bind="query-params"), pages) if pages > 1 else 1
    # `found` is another page if the requested one does not exist, or the field has changed.
    jobs = found.jobs if page == page_number() else studio.search.page(query, page, size).jobs
    selection.drop_emptied(jobs)
    with head:
        st.title("History", anchor=False, width="content")
        known = f" · {format.credits(total.credits)}" + (f", {total.unknown} of unknown cost" if total.unknown else "")
        st.caption(counted(total.jobs, "result") + known, width="content")
        shown = {"page": page, "size": size, "total": total.jobs}
        status.show_news("history", ["jobs"], history_mark(jobs), **shown, **query.to_params())
        selection.show_export(query, total.pictures)
        views.ask()
    with place:
        if not jobs:
            # The button that clears the filters is above.
            is_empty_bin = query.binned and not studio.search.count(Query(binned=True))
            st.caption("The bin is empty." if is_empty_bin else "No results.")
        show_jobs(jobs, query, view)
    selection.show_dialog(query)
    views.remember()


def show_jobs(jobs: Sequence[Job], query: Query, view: dict[str, str]) -> None:
    """Show jobs as pictures or as a table; one is shown beside them, or large."""
    receipt = st.session_state.setdefault("take_receipt", True)
    zone = visitor.zone()
    gallery.show(
        selection.GALLERY,
        grouped(jobs, view["groups"], [item(studio, job, zone, session=False, receipt=receipt) for job in jobs]),
        on_act=act,
        layout="table" if view["kind"] == "table" else "grid",
        selection_actions=selection.actions(query),
        row_px=views.ROW_PX[view["size"]],
        beside={"url": "api/job", "topics": ["jobs"], "params": {"zone": zone, "receipt": "yes" if receipt else ""}},
        opened=st.query_params.get("job", ""),
        on_write=selection.write,
        done=selection.done(),
    )


def grouped(jobs: Sequence[Job], groups: str, shown: Sequence[Item]) -> list[Group]:
    """Group items by the day or the submission of their jobs, in the order of the list."""
    made: dict[str, list[Item]] = {}
    for job, each in zip(jobs, shown, strict=True):
        key = {"day": format.day(job.created_at, visitor.zone()), "press": job.submit_id}.get(groups, "")
        made.setdefault(key, []).append(each)
    group = _submission if groups == "press" else lambda key, some: Group(key, key, some)
    return [group(key, tuple(some)) for key, some in made.items()]


def _submission(key: str, some: tuple[Item, ...]) -> Group:
    prompts, zone, at = {each.prompt for each in some}, visitor.zone(), some[0].at or 0.0
    one, several = " ".join(some[0].prompt.split())[:200], f"{format.pictures(len(some))} of different requests"
    title = one if len(prompts) == 1 else several
    return Group(key, title, some, note=f"{format.day(at, zone)}, {local(at, zone):%H:%M}")


def act(action: str, job_id: str | None, group_id: str) -> None:
    """Perform the action of a button, on one picture or on the selection."""
    if group_id == "selection":
        selection.act(action)
    elif action == "delete" and job_id:
        recorded(selection.move_to_bin)([job_id])
    else:
        job_actions.act(action, job_id)


query, view = filters.current(), views.view()
found = studio.search.page(query, page_number(), PAGE_SIZE[view["kind"]])
if not found.total.jobs and studio.search.count(Query(binned=None)) == 0:
    show_empty()
else:
    show_list(query, view, found)
