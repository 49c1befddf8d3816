"""What a press of Generate does: checked, asked about where that saves money, and written, once.

    press ──┬─ faults            shown at their fields, nothing written
            ├─ asked about       made before, many at once, a large share of the balance, or more than the button
            │                    said: a dialog, nothing written
            └─ written           rows under the press's own submit id

Runs in callbacks, before anything is drawn. Only rows are written here.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from kie.errors import CreditsHeld, RequestInvalid
from kie.generation import Press, Wanted
from kie.jobs import Job, State
from kie.names import person_name, project_name
from kie.session import Presses, SessionJobs
from kie.studio import Studio
from pages.parts import uploads, words

MANY = 10
LARGE_SHARE = 0.25
BUSY = "A picture is still being added, so nothing was sent: press again once it is in the list."
HALF_FILLED = (
    "The form was still being filled when you pressed, so nothing was sent and no credits were spent: "
    "look at it and press again."
)
SHOWN_BEFORE = 4
# What a button has said for a shorter time, nobody has read.
READ_S = 0.4
# A hand that clicks again and again has not read the question that opened under it.
CALM_S = 1.5


@dataclass(frozen=True)
class Asked:
    """A press that waits for a person's yes: what it is, which of it is there already (ids of jobs), and what speaks against it.

    `twice` counts the requests that stand in it already; `is_dearer` says that the button did not say this price yet.
    """

    wanted: tuple[Wanted, ...]
    submit_id: str
    made_before: tuple[str, ...]
    twice: int
    is_dearer: bool


def press(wanted: Sequence[Wanted]) -> None:
    """Take in what the form says, or note what is wrong with it, or what has to be asked first."""
    form, studio = st.session_state, Studio.current()
    found = [fault for each in wanted for fault in studio.faults(each)]
    if uploads.is_busy():
        form["faults"] = {"Reference images": BUSY}
    elif found:
        form["faults"] = {fault.field: fault.sentence for fault in found}
    elif wanted:
        person = person_name(form["person_typed"])
        submit_id = Presses(form).submit_id((tuple(wanted), person), time.monotonic())
        made_before = tuple(job.id for job in studio.made_before(wanted, submit_id))
        twice = len(wanted) - len({(each.generation, each.project) for each in wanted})
        asked = Asked(tuple(wanted), submit_id, made_before, twice, _is_dearer(wanted))
        form["faults"] = {}
        if has_to_be_asked(asked):
            form["asked"] = asked
        else:
            send(asked.wanted, submit_id)


def has_to_be_asked(asked: Asked) -> bool:
    """Say whether a person should look once more before this is paid."""
    studio = Studio.current()
    if studio.is_pressed(asked.submit_id):
        return False  # a double click: it is paid once already
    press, free = studio.press("", asked.wanted), studio.available()
    is_much = press.images > MANY or _is_large(press, free)
    return bool(asked.made_before or asked.twice) or asked.is_dearer or is_much


def _is_large(press: Press, free: float | None) -> bool:
    return free is not None and press.images > 1 and press.price > LARGE_SHARE * free


def tell(press: Press) -> None:
    """Note what the button says from now on, and since when."""
    form, says = st.session_state, (press.images, press.price)
    before, _, _ = form.get("told", (None, 0.0, None))
    if says != before:
        form["told"] = (says, time.monotonic(), before)


def _is_dearer(wanted: Sequence[Wanted]) -> bool:
    """Say whether a press makes or costs more than the button can have said to the person who pressed it."""
    press = Studio.current().press("", wanted)
    says, since, before = st.session_state.get("told", (None, 0.0, None))
    if before is not None and time.monotonic() - since < READ_S:
        says = before
    return says is not None and (press.images > says[0] or press.price > says[1])


def send(wanted: Sequence[Wanted], submit_id: str) -> None:
    """Write the press, and show its jobs; or say why not."""
    form = st.session_state
    try:
        made = Studio.current().order(form["person_typed"], wanted, submit_id, project_name(form["project"]))
    except (CreditsHeld, RequestInvalid) as error:
        form["faults"] = {"Generate": f"{error.sentence} ({error.detail})"}
        return
    SessionJobs(form).add(job.id for job in made)


def show_asked() -> None:
    """Open the question about a press that waits for a person's yes, if there is one."""
    if "asked" in st.session_state:
        _ask()


def _drop() -> None:
    for name in ("asked", "asked_from", "asked_early"):
        st.session_state.pop(name, None)


@st.dialog("Before you pay", width="medium", on_dismiss=_drop)
def _ask() -> None:
    asked: Asked | None = st.session_state.get("asked")
    if asked is None:
        st.rerun()
    st.session_state.setdefault("asked_from", time.monotonic() + CALM_S)
    _show_cost(asked)
    studio = Studio.current()
    before = studio.jobs(list(asked.made_before))
    if before:
        _show_before(before, asked)
    new = _left_out(asked, before)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            label(studio.press("", asked.wanted)),
            type="primary",
            key="asked-all",
            on_click=_send_asked,
            args=(asked.wanted, asked),
        )
        if before and new:
            part = {"on_click": _send_asked, "args": (new, asked)}
            st.button(f"Only the new ones: {label(studio.press('', new))}", key="asked-new", **part)
        if before:
            st.button("Show what is there", key="asked-show", on_click=_show_instead, args=(asked,))
        st.button("Don't send", key="asked-none", type="tertiary", on_click=_drop)
    if st.session_state.get("asked_early"):
        st.caption(":material/pan_tool: That was pressed sooner than this can be read, so nothing was sent.")


def _show_cost(asked: Asked) -> None:
    studio = Studio.current()
    press, free = studio.press("", asked.wanted), studio.available()
    cost = f"about {words.credits(press.price)}" if press.price else "an unknown number of credits"
    left = (
        ""
        if free is None
        else f" {words.credits(free)} are free, so about {words.number(free - press.price)} would be left."
    )
    st.markdown(f"This makes **{words.pictures(press.images)}** and costs {cost}.{left}")
    if asked.is_dearer:
        st.markdown("The button said less when it was pressed.")
    if press.images > MANY:
        st.markdown(f"You are asked because that is more than {MANY} at once.")
    elif _is_large(press, free):
        st.markdown("You are asked because that is more than a quarter of what is free.")
    if asked.twice:
        again = "1 request stands" if asked.twice == 1 else f"{asked.twice:,} requests stand"
        st.markdown(f"{again} in it more than once. Each is made, and paid for, as often as it stands there.")


def _show_before(before: Sequence[Job], asked: Asked) -> None:
    same = (
        "The same request was"
        if len(asked.wanted) == 1
        else f"{len(before)} of these {len(asked.wanted)} requests were"
    )
    st.markdown(f"{same} made before. A new picture will differ, and costs again.")
    studio = Studio.current()
    with st.container(horizontal=True):
        for job in before[:SHOWN_BEFORE]:
            with st.container(width=150, gap="xsmall"):
                if job.state == State.DONE and studio.file(job):
                    st.image(studio.link("thumbnail", job.id), width=150, alt=f"Picture made from: {job.prompt[:200]}")
                else:
                    st.caption(f"{words.ICONS[job.state]} {words.state(job)}")
                st.text(f"By {job.person}, {words.ago(job.created_at)}")
                st.caption(words.cost(job))


def _left_out(asked: Asked, before: Sequence[Job]) -> tuple[Wanted, ...]:
    known = {job.fingerprint for job in before}
    return tuple(each for each in asked.wanted if each.generation.fingerprint not in known)


def _send_asked(wanted: Sequence[Wanted], asked: Asked) -> None:
    form = st.session_state
    if "asked" not in form:
        return  # the second click of two: it is answered
    if time.monotonic() < form["asked_from"]:
        form["asked_from"], form["asked_early"] = time.monotonic() + CALM_S, True
        return
    _drop()
    send(wanted, asked.submit_id)


def _show_instead(asked: Asked) -> None:
    _drop()
    SessionJobs(st.session_state).add(asked.made_before)


def label(press: Press) -> str:
    """Name a press with its price, as it stands on the button."""
    is_known = all(each.price is not None for each in press.wanted)
    count = "" if press.images == 1 else f" {press.images}"
    return f"Generate{count} · " + (f"about {words.credits(press.price)}" if is_known else "price unknown")
