"""Find a picture again, with its settings and its cost."""

import math

import pandas as pd
import streamlit as st

from kie.jobs import Job, State
from kie.query import Query
from kie.studio import Studio
from pages.parts import words
from pages.parts.card import show_actions, show_picture, show_problem
from pages.parts.live import wake_on

PAGE_SIZE = 50
COLUMNS = {
    "picture": st.column_config.ImageColumn("Picture", width=64),
    "prompt": st.column_config.TextColumn("Prompt", width=180),
    "settings": st.column_config.TextColumn("Settings", width=110),
    "state": st.column_config.TextColumn("State", width=80),
    "person": st.column_config.TextColumn("Person", width=80),
    "cost": st.column_config.NumberColumn(
        "Credits", width=65, help="What the service reported. Empty while it is not known."
    ),
    "when": st.column_config.TextColumn("When", width=85),
}
studio = Studio.current()


def table(jobs: list[Job]) -> pd.DataFrame:
    """Lay a page of jobs out as a table."""
    rows = [
        {
            "picture": studio.link("thumbnail", job.id) if job.state == State.DONE else "",
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


@st.fragment(run_every=30)
def show_history() -> None:
    """Show one page of the history as a table, and the selected job beside it."""
    count = studio.count()
    if count == 0:
        show_empty()
    else:
        show_list(count)
    wake_on(["jobs"], key="history-live")


def show_empty() -> None:
    """Say what will be here."""
    with st.container(border=True, horizontal_alignment="center", vertical_alignment="center", height=280):
        st.markdown("#### Nothing here yet", text_alignment="center")
        st.caption(
            "Every picture that anybody makes is kept here, with its settings and its cost.", text_alignment="center"
        )
        st.page_link("generate.py", label="Make the first picture", icon=":material/auto_awesome:")


def show_list(count: int) -> None:
    """Show a page of jobs, and the selected one."""
    pages = math.ceil(count / PAGE_SIZE)
    listing, detail = st.columns([7, 3], gap="medium")
    with listing:
        number = st.session_state.get("page", 1)
        jobs = studio.page(Query(), min(number, pages), PAGE_SIZE)
        chosen = choose(jobs)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{count:,} pictures asked for" if count > 1 else "1 picture asked for", width="stretch")
            if pages > 1:
                st.pagination(pages, key="page", bind="query-params")
    with detail:
        if chosen:
            show_job(chosen)
        else:
            st.caption("Select a row to see the picture and everything known about it.")


def choose(jobs: list[Job]) -> Job | None:
    """Show the table and return the job that is selected, by its id: rows move down when new ones come."""
    ids = [job.id for job in jobs]
    wanted = st.session_state.get("chosen")
    rows = [ids.index(wanted)] if wanted in ids else []
    event = st.dataframe(
        table(jobs),
        key=f"history-{ids[0]}-{len(ids)}",
        hide_index=True,
        column_config=COLUMNS,
        row_height=56,
        height=min(620, 40 + 56 * len(jobs)),
        on_select="rerun",
        selection_mode="single-row",
        alt="Pictures asked for, newest first",
        selection_default={"selection": {"rows": rows}} if rows else None,
    )
    picked = event.selection.rows
    st.session_state["chosen"] = ids[picked[0]] if picked else None
    return jobs[picked[0]] if picked else None


def show_job(job: Job) -> None:
    """Show the picture and everything known about its job."""
    if job.state == State.DONE:
        show_picture(job)
        show_actions(job, done=lambda: st.switch_page("generate.py"))
    elif job.problem:
        show_problem(job)
    else:
        st.markdown(f"{words.ICONS[job.state]} {words.state(job)}")
    st.caption("Prompt")
    st.code(job.prompt, language=None, wrap_lines=True)
    show_references(job)
    show_facts(job)


def show_references(job: Job) -> None:
    """Show what went in, in order."""
    if not job.references:
        return
    st.caption("References, in the order sent")
    with st.container(horizontal=True):
        for number, reference in enumerate(studio.references(job.references), start=1):
            st.image(studio.link("thumbnail", reference.id), width=72, alt=f"Reference {number}")


def show_facts(job: Job) -> None:
    """Show settings, money, times and ids."""
    facts = {
        "Settings": words.settings(job),
        "Delivered": f"{job.width} × {job.height} {(job.file_kind or '').upper()}, {words.size(job.file_bytes or 0)}"
        if job.file
        else "nothing yet",
        "Credits": words.cost(job),
        "Expected": words.credits(job.price_expected),
        "Person": job.person,
        "Made in": words.duration(job.duration_s) if job.duration_s is not None else "not known",
        "Task id": job.task_id or "none",
    }
    steps = {words.STATES[state]: words.exact(at) for state, at in studio.moves(job.id)}
    for name, value in (facts | steps).items():
        with st.container(horizontal=True, wrap=False, gap="small"):
            st.caption(name, width=120)
            st.text(value, width="stretch")


st.title("History")
show_history()
