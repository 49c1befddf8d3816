"""See what credits are left, what they buy, what needs attention, and whether the service can be reached."""

import time

import pandas as pd
import streamlit as st

from kie import errors
from kie.errors import NothingSpent
from kie.generation import RESOLUTIONS
from kie.jobs import Job, State
from kie.settings import KEY_FILE
from kie.studio import Studio
from pages.parts import words
from pages.parts.live import wake_on

MONTH_S = 30 * 86_400.0
studio = Studio.current()


@st.fragment(run_every=30)
def show_balance() -> None:
    """Show the last reading, its age, and what it buys."""
    balance, problem, available = studio.balance(), studio.credit_problem(), studio.available()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        with st.container(width="content", gap=None):
            st.metric("Credits", "unknown" if balance is None else words.number(balance.credits))
            st.caption(
                f"Read {words.ago(balance.at)}, at {words.exact(balance.at)}"
                if balance
                else "There has been no reading yet."
            )
        st.button("Read again", icon=":material/refresh:", on_click=studio.refresh_balance)
    if problem:
        st.error(f"{problem.sentence} The figure above is the last one that is known.", icon=":material/sync_problem:")
        if problem.detail:
            st.text(problem.detail)
    st.header("What that buys")
    rows = [buys(resolution, available) for resolution in RESOLUTIONS]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
    wake_on(["credits"], key="account-live")


def buys(resolution: str, available: float | None) -> dict[str, object]:
    """Say how many pictures of one resolution the free credits are worth."""
    price = studio.price(resolution)
    pictures = int(available // price.credits) if price and price.credits and available is not None else None
    return {
        "Resolution": resolution,
        "Credits each": price.credits if price else None,
        "Pictures": pictures,
        "Price from": price.source if price else "unknown",
    }


@st.fragment(run_every=30)
def show_readings() -> None:
    """Draw the balance over the last 30 days."""
    readings = studio.readings(time.time() - MONTH_S)
    st.header("Balance over time")
    if len(readings) < 2:
        st.caption("A line appears here after the second reading.")
    else:
        times = [words.local(reading.at).replace(tzinfo=None) for reading in readings]
        line = pd.DataFrame({"Time": times, "Credits": [reading.credits for reading in readings]})
        st.line_chart(line, x="Time", y="Credits", height=240, alt="Credits left at each reading")
    wake_on(["credits"], key="readings-live")


@st.fragment(run_every=30)
def show_attention() -> None:
    """List what is paid, or may be, without its picture here, each with what can be done about it."""
    jobs = studio.attention()
    if jobs:
        st.header(f"Needs attention: {len(jobs)}")
    else:
        st.caption(":material/check: Nothing needs attention: every picture that was paid for is here or on its way.")
    for job in jobs:
        with st.container(border=True):
            st.warning(errors.sentence(job.problem or "Unsure"), icon=words.ICONS[job.state])
            st.text(job.prompt, wrap=False)
            st.caption(f"{words.settings(job)} · {words.cost(job)} · sent {words.ago(job.sent_at or job.created_at)}")
            st.text(f"By {job.person}")
            offer_ways_out(job)
    wake_on(["jobs"], key="attention-live")


def offer_ways_out(job: Job) -> None:
    """Offer what a person can do about one job."""
    if job.state != State.UNSURE:
        st.button(
            "Look again now",
            key=f"look-{job.id}",
            icon=":material/refresh:",
            on_click=studio.look_again,
            args=(job.id,),
        )
        return
    task_id = st.text_input("Task id from the service's log page", key=f"task-{job.id}")
    with st.container(horizontal=True):
        if st.button("This is the task", key=f"found-{job.id}", icon=":material/link:"):
            try:
                studio.found_again(job.id, task_id)
                st.rerun(scope="fragment")
            except NothingSpent as error:
                st.error(error.detail, icon=":material/error:")
        if st.button("It never ran", key=f"never-{job.id}", icon=":material/block:"):
            studio.never_ran(job.id)
            st.rerun(scope="fragment")


@st.fragment(run_every=30)
def show_service() -> None:
    """Say where the key comes from and whether the two hosts answer."""
    st.header("Key and service")
    key = studio.key()
    if studio.is_sandbox:
        st.markdown("Pictures come from the sandbox on this computer; no key is used.")
    else:
        st.markdown(f"The key comes from {key.source}." if key.is_usable else "There is no usable key.")
    if key.note:
        st.warning(key.note, icon=":material/key:")
    elif not key.source:
        st.caption(f"To use your own, put the key on the first line of `{KEY_FILE}`, or set `KIE_API_KEY`.")
    reports = studio.host_reports()
    for label, url in zip(("Tasks and credits", "Uploads"), studio.urls(), strict=True):
        with st.container(horizontal=True, gap="small"):
            st.caption(label, width=140)
            st.text(url, width=280)
            show_report(reports.get(url))
    st.button("Check both", icon=":material/network_check:", on_click=studio.check_hosts)
    wake_on(["hosts", "key"], key="service-live")


def show_report(report: tuple[str, float] | None) -> None:
    """Say whether a host took a connection, and when."""
    if report is None:
        st.caption("not checked yet")
    elif report[0]:
        st.caption(f":material/error: does not answer ({report[0]}), {words.ago(report[1])}")
    else:
        st.caption(f":material/check: answers, {words.ago(report[1])}")


if "hosts_checked" not in st.session_state:
    st.session_state["hosts_checked"] = True
    studio.check_hosts()
st.title("Account")
show_attention()
show_balance()
show_readings()
show_service()
