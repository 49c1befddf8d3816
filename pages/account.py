"""See what credits are left, what they buy, what needs attention, and whether the service can be reached."""

import time
from datetime import timedelta

import altair as alt
import pandas as pd
import streamlit as st

from kie.errors import NothingSpent
from kie.generation import RESOLUTIONS
from kie.jobs import Job, State
from kie.query import Query
from kie.settings import KEY_FILE
from kie.studio import Studio
from pages.parts import words
from pages.parts.live import woken_by
from pages.parts.problem import show_problem

MONTH_S = 30 * 86_400.0
studio = Studio.current()


@st.fragment(run_every=30)
@woken_by("readings", "credits", key="account-live")
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
@woken_by("readings", key="readings-live")
def show_readings() -> None:
    """Draw the balance over the last 30 days."""
    readings = studio.readings(time.time() - MONTH_S)
    st.header("Balance over time")
    if len(readings) < 2:
        st.caption("A line appears here after the second reading.")
    else:
        times = [words.local(reading.at).replace(tzinfo=None) for reading in readings]
        span = times[-1] - times[0]
        form = "%H:%M:%S" if span < timedelta(minutes=10) else "%H:%M" if span < timedelta(days=1) else "%b %-d"
        moment = alt.Axis(title=None, format=form, tickCount=6, labelOverlap=True)
        line = pd.DataFrame({"Time": times, "Credits": [reading.credits for reading in readings]})
        # A balance stands still between two readings, so the line goes in steps.
        chart = (
            alt.Chart(line).mark_line(interpolate="step-after").encode(x=alt.X("Time:T", axis=moment), y="Credits:Q")
        )
        st.altair_chart(chart, height=240, alt="Credits left at each reading")


@st.fragment(run_every=30)
@woken_by("attention", key="attention-live")
def show_attention() -> None:
    """List what is paid, or may be, without its picture here, each with what can be done about it."""
    jobs = studio.attention()
    if jobs:
        st.header(f"Needs attention: {len(jobs)}")
    else:
        st.caption(":material/check: Nothing needs attention: every picture that was paid for is here or on its way.")
    for job in jobs:
        with st.container(border=True):
            show_problem(job)
            st.text(job.prompt, wrap=False)
            st.caption(f"{words.settings(job)} · {words.cost(job)} · sent {words.ago(job.sent_at or job.created_at)}")
            st.text(f"By {job.person}")
            if job.state == State.UNSURE:
                offer_ways_out(job)
            else:
                offer_another_look(job)


def offer_ways_out(job: Job) -> None:
    """Offer the two ways out of an unsure job; the studio takes neither by itself."""
    if job.candidate:
        st.caption(
            ":material/search: The service is asked about the task that was named, for a minute and a half if it does not "
            "know it. If it was another one, name it:"
        )
    st.text_input("Task id from the service's log page, kie.ai/logs", key=f"task-{job.id}")
    wrong = st.session_state.get(f"wrong-{job.id}")
    if wrong:
        st.error(wrong, icon=":material/error:")
    with st.container(horizontal=True):
        named = {"on_click": name_task, "args": (job.id,)}
        st.button("This is the task", key=f"found-{job.id}", icon=":material/link:", **named)
        with st.popover("It never ran", icon=":material/block:", key=f"never-{job.id}"):
            st.caption(
                "Only if the log page shows no such task: else its credits are gone, and nothing looks for its picture "
                "any more. It can be taken back: the picture's menu has “It did run”."
            )
            st.button("Count it as never run", key=f"settled-{job.id}", on_click=studio.never_ran, args=(job.id,))


def name_task(job_id: str) -> None:
    """Have the task that a person typed looked up, or keep what is wrong with it for the page."""
    try:
        studio.found_again(job_id, st.session_state[f"task-{job_id}"])
        st.session_state.pop(f"wrong-{job_id}", None)
    except NothingSpent as error:
        st.session_state[f"wrong-{job_id}"] = error.detail


def offer_another_look(job: Job) -> None:
    """Offer to look or fetch again, or to give up with a reason."""
    with st.container(horizontal=True, vertical_alignment="center"):
        label = "Fetch again now" if job.state == State.DONE else "Look again now"
        look = {"on_click": studio.look_again, "args": (job.id,)}
        st.button(label, key=f"look-{job.id}", icon=":material/refresh:", **look)
        with st.popover("Give up", icon=":material/block:", key=f"give-up-{job.id}"):
            st.caption("The job's record and its cost stay in the history.")
            reason = st.text_input("Reason", key=f"reason-{job.id}")
            st.button("Give it up", key=f"given-{job.id}", on_click=studio.give_up, args=(job.id, reason))


@st.fragment(run_every=30)
@woken_by("readings", "credits", key="reconciliation-live")
def show_reconciliation() -> None:
    """Say whether the balance agrees with what our own pictures cost, and if not, when it parted and by how much."""
    st.header("Does it add up?")
    result = studio.reconcile(time.time() - MONTH_S)
    if result.since is None or result.since == result.until:
        st.caption("The balance has to be read twice before it can be compared.")
    elif not result.differences:
        st.caption(
            f":material/check: Yes: from {words.exact(result.since)} on, the balance has fallen by what our pictures cost."
        )
    for difference in result.differences:
        amount = words.credits(abs(difference.credits))
        what = "were spent elsewhere" if difference.credits > 0 else "were added or given back"
        between = f"between {words.exact(difference.since)} and {words.exact(difference.until)}"
        maybe = (
            f" Pictures of ours whose reply was lost may explain it: {difference.unsure}." if difference.unsure else ""
        )
        st.markdown(f"About {amount} {what} {between}.{maybe}")
    if result.unknown:
        st.caption(f"The cost of {result.unknown} pictures is not known, so they are counted as nothing.")


@st.fragment(run_every=30)
@woken_by("hosts", "key", key="service-live")
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


def show_report(report: tuple[str, float] | None) -> None:
    """Say whether a host took a connection, and when."""
    if report is None:
        st.caption("not checked yet")
    elif report[0]:
        st.caption(f":material/error: does not answer ({report[0]}), {words.ago(report[1])}")
    else:
        st.caption(f":material/check: answers, {words.ago(report[1])}")


@st.fragment(run_every=30)
@woken_by("care", "jobs", key="care-live")
def show_care() -> None:
    """Offer to compare files and rows, say what the last check found, and to empty the bin."""
    st.header("Files and bin")
    report = studio.check_report()
    if studio.is_checking_files():
        st.caption(":material/search: The files are being checked.")
    elif report is None:
        st.caption("Compares every picture on the disk with the history. It costs nothing and deletes nothing.")
    else:
        st.caption(f"Checked {words.ago(report.at)}, at {words.exact(report.at)}")
        for sentence in report.sentences():
            st.text(sentence)
    binned = studio.count(Query(binned=True))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Check the files", icon=":material/rule:", on_click=studio.check_files)
        if binned:
            with st.popover(f"Empty the bin ({binned:,})", icon=":material/delete_forever:"):
                st.caption("The pictures are deleted for good. The history keeps what they were and what they cost.")
                st.button("Delete them now", key="empty-bin", on_click=studio.empty_bin_now)


if "hosts_checked" not in st.session_state:
    st.session_state["hosts_checked"] = True
    studio.check_hosts()
st.title("Account")
show_attention()
show_balance()
show_readings()
show_reconciliation()
show_service()
show_care()
