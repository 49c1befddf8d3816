"""The page for credits, jobs that need attention, the balance check, and the state of the service and the files."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import altair as alt
import pandas as pd
import streamlit as st

from kie.errors import NothingSpent
from kie.history.query import Query
from kie.jobs import Job, State
from kie.settings import KEY_FILE
from kie.studio import Studio
from kie.text import counted, local
from kie.views import format, job_cards
from kie.web.api import account_mark
from pages.parts.live import status, visitor
from pages.parts.recorded import confirmed, recorded

MONTH_S, WEEK_S = 30 * 86_400.0, 7 * 86_400.0
CHART_PX, TITLE, DIFFERENCES = 200, 80, 5
studio = Studio.current()


def show_balance() -> None:
    """Show the balance, how many pictures it pays for, and how long it lasts at the present rate."""
    status.show("balance", lambda _: studio.backend.tracker.want_balance())
    midnight = local(time.time(), visitor.zone()).replace(hour=0, minute=0, second=0, microsecond=0)
    today, week = (studio.credits.spent_since(at) for at in (midnight.timestamp(), time.time() - WEEK_S))
    free, pace = studio.credits.free(), week / 7
    lasts = f" · lasts {counted(int(free / pace), 'day')} at this week's pace" if pace and free is not None else ""
    st.caption(f"{format.credits(today)} used today · {format.credits(week)} in the last 7 days{lasts}")


def show_days() -> None:
    """Draw the credits that our jobs cost on each of the last 30 days as bars."""
    st.header("Credits used per day", anchor=False)
    days = studio.credits.spent_by_day(time.time() - MONTH_S, visitor.zone())
    if not days:
        st.caption("Nothing was spent in the last 30 days.")
        return
    bars = pd.DataFrame({"Day": [f"{day:%b} {day.day}" for day in days], "Credits": list(days.values())})
    day = alt.X("Day:N", sort=None, axis=alt.Axis(title=None, labelOverlap=True, labelAngle=0))
    chart = alt.Chart(bars).mark_bar(cornerRadiusEnd=3, size=18).encode(x=day, y=alt.Y("Credits:Q", title=None))
    st.altair_chart(chart, height=CHART_PX, alt="Credits used on each day")


def show_readings() -> None:
    """Draw the balance at each reading of the last 30 days."""
    st.header("Balance", anchor=False)
    readings = studio.credits.readings(time.time() - MONTH_S)
    if len(readings) < 2:
        st.caption("A line appears here after the second reading.")
        return
    times = [local(reading.at, visitor.zone()).replace(tzinfo=None) for reading in readings]
    span = times[-1] - times[0]
    form = "%H:%M:%S" if span < timedelta(minutes=10) else "%H:%M" if span < timedelta(days=1) else "%b %-d"
    moment = alt.Axis(title=None, format=form, tickCount=5, labelOverlap=True)
    line = pd.DataFrame({"Time": times, "Credits": [reading.credits for reading in readings]})
    # The balance does not change between two readings, so the line has steps.
    drawn = alt.Chart(line).mark_line(interpolate="step-after")
    chart = drawn.encode(x=alt.X("Time:T", axis=moment), y=alt.Y("Credits:Q", title=None))
    st.altair_chart(chart, height=CHART_PX, alt="Credits left at each reading")


def show_attention() -> None:
    """List the jobs that need attention, each with what a person can do about it."""
    jobs = studio.jobs.needing_attention()
    if jobs:
        st.header(f"Needs attention: {studio.jobs.attention_count()}", anchor=False)
    else:
        st.caption(":material/check: Nothing needs attention: no paid picture is stuck.")
    for job in jobs:
        title = f"{format.ICONS[job.state]} {format.state(job)} · {format.literal(job.prompt[:TITLE])} · Resolve"
        with st.expander(title, key=f"resolve-{job.id}", expanded=len(jobs) == 1):
            show_job(job)


def show_job(job: Job) -> None:
    """Show a job with its problem and the possible actions. The studio takes none of them by itself."""
    if len(job.prompt) > TITLE:
        st.text(job.prompt)
    cost = f" · {format.cost(job)}" if job.cost is None else ""
    st.caption(f"{format.settings(job.generation)}{cost} · sent {format.ago(job.sent_at or job.created_at)}")
    st.text(f"By {job.person}")
    if problem := job_cards.problem(job, is_here=False):
        shown = st.error if problem.tone == "error" else st.warning
        shown(problem.text, icon=format.ICONS[job.state])
        st.text(problem.detail)
    if job.state == State.UNSURE:
        offer_to_settle(job)
    else:
        offer_to_poll(job)


def offer_to_settle(job: Job) -> None:
    """Offer to link the task of an unsure job, or to state that there is none."""
    st.text_input("Task id from the service's log page, kie.ai/logs", key=f"task-{job.id}")
    if wrong := st.session_state.get(f"wrong-{job.id}"):
        st.error(format.escape(wrong), icon=":material/error:")
    with st.container(horizontal=True):
        callback = {"on_click": recorded(link_task), "args": (job.id,)}
        st.button("Link task", key=f"found-{job.id}", icon=":material/link:", **callback)
        only = "Only if the log page shows no such task."
        lost = "Otherwise it was charged, and its picture would not be fetched."
        warning = f"{only} {lost} To undo: “Review again” in the picture's menu."
        shown = {"do": lambda _: studio.attention.mark_not_run(job.id), "about": job.prompt[:TITLE]}
        ask_first(f"never-{job.id}", "Mark as not charged", warning, **shown)


def link_task(job_id: str) -> None:
    """Link the task id that was typed, or keep its fault for the page."""
    try:
        studio.attention.link_task(job_id, st.session_state[f"task-{job_id}"])
        st.session_state.pop(f"wrong-{job_id}", None)
    except NothingSpent as error:
        st.session_state[f"wrong-{job_id}"] = error.detail


def offer_to_poll(job: Job) -> None:
    """Offer to poll or download again, or to give the job up with a reason."""
    with st.container(horizontal=True, vertical_alignment="center"):
        label = "Download again" if job.state == State.FETCHING else "Check again"
        look = {"on_click": recorded(studio.attention.poll_again), "args": (job.id,)}
        st.button(label, key=f"look-{job.id}", icon=":material/refresh:", **look)
        kept, give_up = "The job's record and its cost stay in the history.", partial(studio.attention.give_up, job.id)
        ask_first(f"give-up-{job.id}", "Give up", kept, give_up, field="Reason", about=job.prompt[:TITLE])


def ask_first(
    key: str,
    label: str,
    note: str,
    do: Callable[[str], object],
    about: str,
    yes: str = "Confirm",
    field: str = "",
    icon: str = ":material/block:",
) -> None:
    """Show a button whose action must be confirmed in a dialog. `do` gets the text of the `field`, if there is one.

    The open dialog is kept in the session, so that it stays open when a new run replaces the one after the click.
    """
    state = st.session_state
    st.button(label, key=key, icon=icon, on_click=state.update, args=({"confirming": key},))
    if state.get("confirming") != key:
        return

    def ask() -> None:
        st.text(about)
        st.caption(note)
        # A form sends the text and the click together.
        with st.form(f"confirm-{key}", border=False):
            typed = st.text_input(field) if field else ""
            if st.form_submit_button(yes) and confirmed(do, typed):
                state.pop("confirming")
                st.rerun()

    st.dialog(label, on_dismiss=lambda: state.pop("confirming"))(ask)()


def show_reconciliation() -> None:
    """Show whether the balance agrees with the costs of our jobs, and if not, when and by how much it differs."""
    st.header("Balance check", anchor=False)
    result = studio.credits.reconcile(time.time() - MONTH_S)
    if result.since is None or result.since == result.until:
        st.caption("The balance has to be read twice before it can be compared.")
    elif not result.differences:
        since, until = (format.exact(at, visitor.zone()) for at in (result.since, result.until))
        cost = "no more than our pictures can have cost" if result.unknown else "what our pictures cost"
        st.caption(f":material/check: The balance agrees: from {since} to {until} it fell by {cost}.")
    for difference in reversed(result.differences[-DIFFERENCES:]):
        amount = format.credits(abs(difference.credits))
        what = "were spent elsewhere" if difference.credits > 0 else "were added or given back"
        between = f"between {format.exact(difference.since, visitor.zone())} and {format.exact(difference.until, visitor.zone())}"
        st.markdown(f"About {amount} {what} {between}.")
    earlier = result.differences[:-DIFFERENCES]
    if earlier:
        lost = format.credits(sum(difference.credits for difference in earlier))
        st.caption(f"{counted(len(earlier), 'earlier difference')} in these 30 days: {lost} in all.")
    if result.unknown:
        unknown = f"The cost of {format.pictures(result.unknown)} is unknown (a lost reply, for instance)"
        st.caption(f"{unknown}: differences that it can explain are not shown.")


def show_shortfall() -> None:
    """Show how many pictures are less than was paid for."""
    less = studio.search.summary(Query(shortfall=True, binned=None))
    if less.jobs:
        less_paid = f"{format.pictures(less.jobs)} came with less than was paid for, at {format.credits(less.credits)}."
        st.caption(f":material/straighten: {less_paid} The history's filter “Less than was paid for” lists them.")


def show_service() -> None:
    """Show the source of the key, and whether the two hosts answer."""
    st.header("Key and service", anchor=False)
    key = studio.settings.key()
    if studio.backend.is_sandbox:
        st.markdown("Pictures come from the sandbox on this computer; no key is used.")
    else:
        st.markdown(f"The key comes from {key.source}." if key.is_usable else "There is no usable key.")
    if key.note:
        st.warning(key.note, icon=":material/key:")
    elif not key.source:
        st.caption(f"To use your own, put the key on the first line of `{KEY_FILE}`, or set `KIE_API_KEY`.")
    status.show("hosts", labels=["Tasks and credits", "Uploads"])
    st.button("Check both", icon=":material/network_check:", on_click=studio.diagnostics.check_hosts)


def show_integrity() -> None:
    """Show the last check of the files, and offer to check them and to empty the bin."""
    st.header("Files and bin", anchor=False)
    # Jobs that are moved to the bin while the dialog is open are not counted, and stay.
    counted_at, binned = time.time(), studio.search.count(Query(binned=True))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Check the files", icon=":material/rule:", on_click=studio.diagnostics.check_files)
        if binned:
            gone = "The pictures are deleted for good. The history keeps what they were and what they cost."
            shown = {"about": format.pictures(binned), "icon": ":material/delete_forever:", "yes": "Delete them now"}
            empty = {"do": lambda _: studio.diagnostics.empty_bin_now(counted_at)}
            ask_first("empty-bin", f"Empty the bin ({binned:,})", gone, **empty, **shown)
    # Below the buttons, because its height changes.
    status.show("integrity")


if "hosts_checked" not in st.session_state:
    st.session_state["hosts_checked"] = True
    studio.diagnostics.check_hosts()
st.title("Account", anchor=False)
status.show_news("account", ["readings", "attention"], account_mark(studio))
show_balance()
show_attention()
for column, show in zip(st.columns(2, gap="large"), (show_days, show_readings), strict=True):
    with column:
        show()
show_reconciliation()
show_shortfall()
with st.expander("Service, key and files", icon=":material/settings:", key="service"):
    show_service()
    show_integrity()
