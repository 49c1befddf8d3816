"""Submits what the form holds: validates it, asks for confirmation where that may save money, and queues it once.

    submission ──┬─ faults          shown at their fields; nothing is queued
                 ├─ a question      made before, many at once, a large share of the balance, or more than the button
                 │                  said: a dialog; nothing is queued until it is confirmed
                 └─ queued          rows under its submit id

Runs in callbacks, before the page is drawn.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from kie.errors import CreditsUnavailable, NothingSpent, NotRecorded, RequestInvalid
from kie.generation import Fault, Submission
from kie.jobs import Job
from kie.session import SessionJobs, SubmitGuard
from kie.studio import Studio
from kie.views import format, job_cards
from pages.parts.composer import fields, prompt_tools, request
from pages.parts.composer.request import Plan
from pages.parts.live import visitor
from pages.parts.references import strip

FORM_CHANGED = "The form changed as you pressed, so nothing was sent. Press again to send what it says now."
MANY, LARGE_SHARE = 10, 0.25
QUESTION, UNFOLDED = "question", "dock_unfolded"
DAY_S = 86_400.0
BUSY = "A picture is still being added, so nothing was sent: press again once it is in the list."
SHOWN_BEFORE = 4
# What the button said: the number of pictures, and their expected credits.
Says = tuple[int, float | None] | None
session = st.session_state


@dataclass(frozen=True)
class Question:
    """A submission to be confirmed, the ids of jobs with the same requests, and the other reasons to ask."""

    submission: Submission
    made_before: tuple[str, ...]
    reasons: tuple[str, ...]


def submit_form(submit_id: str, says: Says) -> None:
    """Submit what the form holds now, as far as the credits suffice."""
    plan = request.plan()
    session.pop("faults_of", None)
    if plan.faults:
        _refuse(plan.faults)
    else:
        submit(plan.affordable, submit_id, says)


def rerun(earlier: str, submit_id: str, says: Says) -> None:
    """Submit the requests of an earlier submission again."""
    submissions = Studio.current().submissions
    items, project = submissions.requests_of(earlier)
    submit(submissions.priced(session["person_typed"], items, project=project), submit_id, says)


def refuse_changed_form() -> None:
    """Submit nothing, because the form changed after the browser showed it."""
    _refuse([Fault("Generate", FORM_CHANGED)])


def refusal(error: NothingSpent) -> str:
    """Return the sentence that says why nothing was sent."""
    detail = f" ({error.detail})" if error.detail and error.detail != error.sentence else ""
    return f"{error.sentence}{detail} Not charged."


def _refuse(faults: Iterable[Fault]) -> None:
    session["faults"] = {fault.field: fault.sentence for fault in faults}
    logging.getLogger(__name__).info("a press sent nothing: see the fields %s", sorted(session["faults"]))


def seen(plan: Plan) -> tuple:
    """Return whether the page has a table, and everything else that a submission may change on it, except its pictures."""
    # A click on Generate may close a popover, whose label then shows the chosen value.
    names = ("faults", QUESTION, prompt_tools.FORMER, UNFOLDED, fields.RATIO, fields.SIZE)
    values = [session.get(name) or None for name in names]
    shown = (plan.faults, request.has_variables(), bool(SessionJobs(session).ids), session["is_narrow"])
    return session["as_table"], *values, *shown, plan.affordable.images, plan.affordable.price


def submit(submission: Submission, submit_id: str, says: Says) -> None:
    """Queue a priced submission, or keep its faults, or the question that must be confirmed first, for the page."""
    studio = Studio.current()
    faults = [Fault("Reference images", BUSY)] if strip.is_busy() else studio.submissions.faults(submission.items)
    if faults or not submission.items:
        _refuse(faults or ())
        return
    known_id = SubmitGuard(session).submit_id((submission.items, submission.person), time.monotonic(), submit_id)
    submission = replace(submission, submit_id=known_id)
    question = Question(submission, _made_before(submission), tuple(_reasons(submission, says)))
    session["faults"] = {}
    # The second click of a double click is not asked about.
    if (question.made_before or question.reasons) and not studio.submissions.exists(known_id):
        session[QUESTION] = question
    else:
        queue(submission)


def _made_before(submission: Submission) -> tuple[str, ...]:
    """Return the ids of equal requests by somebody else, or older than a day: repeating one's own is intended."""
    if session.get("unasked_on") == format.today(visitor.zone()):
        return ()
    found = Studio.current().submissions.made_before(submission.items, submission.submit_id)
    return tuple(job.id for job in found if job.person != submission.person or time.time() - job.created_at > DAY_S)


def _reasons(submission: Submission, says: Says) -> Iterator[str]:
    """Yield the other reasons to ask for confirmation."""
    free, images, price = Studio.current().credits.free(), submission.images, submission.price
    if says and (images > says[0] or price > (says[1] or 0.0)):
        yield "The number of pictures or the price changed just before you pressed."
    if images > MANY:
        yield f"You are asked because that is more than {MANY} at once."
    elif free is not None and images > 1 and price > LARGE_SHARE * free:
        yield "You are asked because that is more than a quarter of the available credits."
    twice = len(submission.items) - len({(each.generation, each.project) for each in submission.items})
    if twice:
        again = "1 request is" if twice == 1 else f"{twice:,} requests are"
        yield f"{again} in it more than once. Every copy is made and charged."


def queue(submission: Submission) -> None:
    """Queue a submission and show its jobs, or keep for the page why it was refused."""
    try:
        made = Studio.current().submissions.queue(submission)
    except (CreditsUnavailable, NotRecorded, RequestInvalid) as error:
        _refuse([Fault("Generate", refusal(error))])
        return
    # On a phone, the settings are folded to make room for the pictures.
    session[UNFOLDED] = False
    session.pop(prompt_tools.FORMER, None)
    SessionJobs(session).add(job.id for job in made)


def _drop() -> None:
    for name in (QUESTION, "confirm_from", "confirmed_early"):
        session.pop(name, None)


@st.dialog("Before you pay", width="medium", on_dismiss=_drop)
def ask() -> None:
    """Ask for confirmation of the submission in question."""
    question: Question | None = session.get(QUESTION)
    if question is None:
        st.rerun()
    session.setdefault("confirm_from", time.monotonic() + Studio.current().settings.timing.confirm_after_s)
    submission, before = question.submission, Studio.current().jobs.get_many(list(question.made_before))
    _show_cost(submission)
    for reason in question.reasons:
        st.markdown(reason)
    if before:
        _show_before(before, len(submission.items))
    known = {job.fingerprint for job in before}
    items = tuple(each for each in submission.items if each.generation.fingerprint not in known)
    new = replace(submission, items=items)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(label(submission), type="primary", key="confirm-all", on_click=_confirm, args=(submission,))
        if before and new.items:
            st.button(f"Only the new ones: {label(new)}", key="confirm-new", on_click=_confirm, args=(new,))
        if before:
            st.button("Show what is there", key="confirm-show", on_click=_show_instead, args=(question.made_before,))
        st.button("Don't send", key="confirm-none", type="tertiary", on_click=_drop)
    if before:
        st.checkbox("Don't ask again today about requests that were made before", key="unasked_today")
    if session.get("confirmed_early"):
        st.caption(":material/info: Nothing sent yet. Please confirm again.")


def _show_cost(submission: Submission) -> None:
    free, price = Studio.current().credits.free(), submission.price
    is_known, left = submission.is_priced and price, ""
    cost = f"about {format.credits(price)}" if is_known else "an unknown number of credits"
    if free is not None and is_known:
        left = f" {format.credits(free)} are available, so about {format.number(free - price)} would be left."
    st.markdown(f"This makes **{format.pictures(submission.images)}** and costs {cost}.{left}")


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


def _confirm(submission: Submission) -> None:
    if QUESTION not in session:
        return  # the second click of a double click
    if time.monotonic() < session["confirm_from"]:
        session["confirm_from"] = time.monotonic() + Studio.current().settings.timing.confirm_after_s
        session["confirmed_early"] = True
        return
    _drop()
    if session.get("unasked_today"):
        session["unasked_on"] = format.today(visitor.zone())
    queue(submission)


def _show_instead(made_before: Sequence[str]) -> None:
    _drop()
    SessionJobs(session).add(made_before)


def label(submission: Submission, wanted: int = 0) -> str:
    """Return the button's label for a submission. `wanted` is the number of images when the credits suffice for fewer."""
    images, price = submission.images, format.credits(submission.price)
    several = f" {images}" if images > 1 else ""
    many = f" {images} of {wanted}" if wanted > images else several
    return f"Generate{many} · " + (f"about {price}" if submission.is_priced else "price unknown")
