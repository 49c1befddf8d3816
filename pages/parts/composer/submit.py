"""What a press of Generate does: checked, asked about where that saves money, and written, once.

    press ──┬─ faults            shown at their fields, nothing written
            ├─ asked about       made before, many at once, a large share of the balance, or more than the button
            │                    said: a dialog, nothing written
            └─ written           rows under the press's own submit id

Runs in callbacks, before anything is drawn. Only rows are written here.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from kie.errors import CreditsHeld, NothingSpent, NotRecorded, RequestInvalid
from kie.generation import Fault, Submission
from kie.jobs import Job
from kie.session import SessionJobs, SubmitGuard
from kie.studio import Studio
from kie.views import format, job_cards
from pages.parts.composer import fields, prompt_tools
from pages.parts.composer import request as form_request
from pages.parts.live import visitor
from pages.parts.references import strip

FORM_CHANGED = "The form changed as you pressed, so nothing was sent. Press again to send what it says now."
MANY = 10
UNFOLDED = "dock_unfolded"
DAY_S = 86_400.0
LARGE_SHARE = 0.25
BUSY = "A picture is still being added, so nothing was sent: press again once it is in the list."
SHOWN_BEFORE = 4
# How many pictures a button stood for, and what it said that they cost.
Says = tuple[int, float | None] | None
form = st.session_state


@dataclass(frozen=True)
class Question:
    """A press that waits for a person's yes: ids of jobs with the same requests, and what else speaks against it."""

    press: Submission
    made_before: tuple[str, ...]
    reasons: tuple[str, ...]


def send_form(submit_id: str, says: Says) -> None:
    """Press what the form holds at this moment."""
    request = form_request.now()
    form.pop("faulted", None)
    if request.faults:
        _refuse(request.faults)
    else:
        press(request.possible, submit_id, says)


def rerun(earlier: str, submit_id: str, says: Says) -> None:
    """Ask for the pictures of an earlier press again."""
    submissions = Studio.current().submissions
    items, project = submissions.requests_of(earlier)
    press(submissions.priced(form["person_typed"], items, project=project), submit_id, says)


def refuse() -> None:
    """Send nothing: the form was replaced in the moment of the press, so nobody has seen what would be sent."""
    _refuse([Fault("Generate", FORM_CHANGED)])


def refusal(error: NothingSpent) -> str:
    """Say why nothing was sent."""
    detail = f" ({error.detail})" if error.detail and error.detail != error.sentence else ""
    return f"{error.sentence}{detail} Not charged."


def _refuse(faults: Iterable[Fault]) -> None:
    form["faults"] = {fault.field: fault.sentence for fault in faults}


def seen() -> tuple:
    """Return whether the page has a table, and all else that it shows of a press, but for its pictures."""
    request = form_request.now()
    # A press may close a popover, whose label then says what was chosen in it.
    names = ("faults", "asked", prompt_tools.FORMER, UNFOLDED, fields.RATIO, fields.SIZE)
    told = [form.get(name) or None for name in names]
    can = request.possible
    shows = (request.faults, form_request.has_variables(), bool(SessionJobs(form).ids), form["is_narrow"])
    return form["as_table"], *told, *shows, can.images, can.price


def press(asked: Submission, submit_id: str, says: Says) -> None:
    """Take in what was priced, or note what is wrong with it, or what has to be asked first."""
    studio = Studio.current()
    faults = [Fault("Reference images", BUSY)] if strip.is_busy() else studio.submissions.faults(asked.items)
    if faults or not asked.items:
        _refuse(faults or ())
        return
    repeated = SubmitGuard(form).submit_id((asked.items, asked.person), time.monotonic(), submit_id)
    asked = replace(asked, submit_id=repeated)
    question = Question(asked, _made_before(asked), tuple(_reasons(asked, says)))
    form["faults"] = {}
    # A double click is paid once already.
    if (question.made_before or question.reasons) and not studio.submissions.exists(asked.submit_id):
        form["asked"] = question
    else:
        send(asked)


def _made_before(asked: Submission) -> tuple[str, ...]:
    """Return the ids of equal requests by somebody else, or older than a day: a person's own repetition is what they want."""
    if form.get("unasked_on") == format.today(visitor.zone()):
        return ()
    found = Studio.current().submissions.made_before(asked.items, asked.submit_id)
    return tuple(job.id for job in found if job.person != asked.person or time.time() - job.created_at > DAY_S)


def _reasons(asked: Submission, says: Says) -> Iterator[str]:
    """Say what else a person should look at before this is paid."""
    free = Studio.current().credits.free()
    if says and (asked.images > says[0] or asked.price > (says[1] or 0.0)):
        yield "The price changed just before you pressed."
    if asked.images > MANY:
        yield f"You are asked because that is more than {MANY} at once."
    elif free is not None and asked.images > 1 and asked.price > LARGE_SHARE * free:
        yield "You are asked because that is more than a quarter of the available credits."
    twice = len(asked.items) - len({(each.generation, each.project) for each in asked.items})
    if twice:
        again = "1 request stands" if twice == 1 else f"{twice:,} requests stand"
        yield f"{again} in it more than once. Each is made, and paid for, as often as it stands there."


def send(asked: Submission) -> None:
    """Write the press, and show its jobs; or say why not."""
    try:
        made = Studio.current().submissions.queue(asked)
    except (CreditsHeld, NotRecorded, RequestInvalid) as error:
        _refuse([Fault("Generate", refusal(error))])
        return
    # On a phone, the settings make room for what was asked for.
    form[UNFOLDED] = False
    form.pop(prompt_tools.FORMER, None)
    SessionJobs(form).add(job.id for job in made)


def _drop() -> None:
    for name in ("asked", "asked_from", "asked_early"):
        form.pop(name, None)


@st.dialog("Before you pay", width="medium", on_dismiss=_drop)
def ask() -> None:
    """Ask about the press that waits for a person's yes."""
    question: Question | None = form.get("asked")
    if question is None:
        st.rerun()
    form.setdefault("asked_from", time.monotonic() + Studio.current().settings.timing.calm_s)
    asked, before = question.press, Studio.current().jobs.get_many(list(question.made_before))
    _show_cost(asked)
    for reason in question.reasons:
        st.markdown(reason)
    if before:
        _show_before(before, len(asked.items))
    known = {job.fingerprint for job in before}
    new = replace(asked, items=tuple(each for each in asked.items if each.generation.fingerprint not in known))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(label(asked), type="primary", key="asked-all", on_click=_send_asked, args=(asked,))
        if before and new.items:
            st.button(f"Only the new ones: {label(new)}", key="asked-new", on_click=_send_asked, args=(new,))
        if before:
            st.button("Show what is there", key="asked-show", on_click=_show_instead, args=(question.made_before,))
        st.button("Don't send", key="asked-none", type="tertiary", on_click=_drop)
    if before:
        st.checkbox("Don't ask again today about requests that were made before", key="unasked_today")
    if form.get("asked_early"):
        st.caption(":material/info: Nothing sent yet. Please confirm again.")


def _show_cost(asked: Submission) -> None:
    free = Studio.current().credits.free()
    cost = f"about {format.credits(asked.price)}" if asked.price else "an unknown number of credits"
    left = ""
    if free is not None:
        left = f" {format.credits(free)} are available, so about {format.number(free - asked.price)} would be left."
    st.markdown(f"This makes **{format.pictures(asked.images)}** and costs {cost}.{left}")


def _show_before(before: Sequence[Job], requests: int) -> None:
    same = "The same request was" if requests == 1 else f"{len(before)} of these {requests} requests were"
    st.markdown(f"{same} made before. A new picture will differ, and costs again.")
    with st.container(horizontal=True):
        for job in before[:SHOWN_BEFORE]:
            shown = job_cards.item(Studio.current(), job, visitor.zone(), session=False)
            with st.container(width=150, gap="xsmall"):
                if shown.thumbnail:
                    st.image(shown.thumbnail, width=150, alt=shown.alt)
                else:
                    st.caption(f"{format.ICONS[job.state]} {shown.label}")
                st.text(f"By {job.person}, {format.ago(job.created_at)}")
                st.caption(format.cost(job))


def _send_asked(asked: Submission) -> None:
    if "asked" not in form:
        return  # the second click of two: it is answered
    if time.monotonic() < form["asked_from"]:
        form["asked_from"], form["asked_early"] = time.monotonic() + Studio.current().settings.timing.calm_s, True
        return
    _drop()
    if form.get("unasked_today"):
        form["unasked_on"] = format.today(visitor.zone())
    send(asked)


def _show_instead(made_before: Sequence[str]) -> None:
    _drop()
    SessionJobs(form).add(made_before)


def label(press: Submission, asked_for: int = 0) -> str:
    """Return the button's label for a submission; `asked_for` is more when the credits suffice for fewer."""
    several = f" {press.images}" if press.images > 1 else ""
    many = f" {press.images} of {asked_for}" if asked_for > press.images else several
    return f"Generate{many} · " + (f"about {format.credits(press.price)}" if press.is_priced else "price unknown")
