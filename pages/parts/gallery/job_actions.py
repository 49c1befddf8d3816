"""The actions of a picture's buttons, on every page. They run in callbacks, before the page is drawn."""

from collections.abc import Callable, Sequence

import streamlit as st

from kie.errors import FileRefused, NothingSpent
from kie.jobs import Job
from kie.session import SessionJobs
from kie.studio import Studio
from pages.parts.composer import prompt_tools
from pages.parts.composer.submit import refusal
from pages.parts.recorded import recorded
from pages.parts.references import strip

session = st.session_state
# Actions on any number of pictures.
ANNOTATIONS: dict[str, Callable[[Sequence[str]], object]] = {
    "star": lambda ids: Studio.current().annotations.star(ids, session["person"]),
    "unstar": lambda ids: Studio.current().annotations.unstar(ids),
    "pick": lambda ids: Studio.current().annotations.set_verdict(ids, "pick", session["person"]),
    "reject": lambda ids: Studio.current().annotations.set_verdict(ids, "reject", session["person"]),
    "undecide": lambda ids: Studio.current().annotations.set_verdict(ids, None, session["person"]),
    "restore": lambda ids: Studio.current().annotations.unbin(ids),
}


def act(action: str, job_id: str | None) -> None:
    """Perform the action of a job's button."""
    job = Studio.current().jobs.get(job_id or "")
    if job is not None:
        # `_again` handles NotRecorded itself, so that a later error is not shown as "nothing was sent".
        (_do if action == "again" else recorded(_do))(action, job)


def _do(action: str, job: Job) -> None:
    if action in ANNOTATIONS:
        ANNOTATIONS[action]([job.id])
    elif action in _ACTIONS:
        _ACTIONS[action](job)
    if action in _PAGES:
        session["go"] = _PAGES[action]


def _use(job: Job) -> None:
    try:
        strip.attach(Studio.current().references.add_result(job.id).id)
    except FileRefused as error:
        session.pop("faults_of", None)
        session["faults"] = {"Reference images": error.sentence}


def _use_alone(job: Job) -> None:
    _use(job)
    prompt_tools.put(prompt="")


def _vary(job: Job) -> None:
    prompt_tools.put_request(job.generation)
    _use(job)


def _again(job: Job) -> None:
    try:
        made = Studio.current().submissions.send_again(job.id, session["person"])
    except NothingSpent as error:
        session.pop("faults_of", None)
        session["faults"], session["go"] = {"Generate": refusal(error)}, "generate.py"
        return
    SessionJobs(session).add(new.id for new in made)


def _delete(job: Job) -> None:
    if Studio.current().annotations.bin([job.id], session["person"]):
        st.toast("Moved to the bin for 30 days. Restore brings it back.", icon=":material/delete:")


_ACTIONS: dict[str, Callable[[Job], object]] = {
    "delete": _delete,
    "use": _use,
    "use-alone": _use_alone,
    "reuse": lambda job: prompt_tools.put_request(job.generation),
    "vary": _vary,
    "larger": lambda job: prompt_tools.put_request(job.generation, resolution="4K"),
    "again": _again,
    "forget": lambda job: SessionJobs(session).forget(job.id),
    "doubt": lambda job: Studio.current().attention.undo_mark_not_run(job.id),
    "cancel": lambda job: Studio.current().submissions.cancel(job.id),
    "fetch": lambda job: Studio.current().attention.poll_again(job.id),
}
# The page on which the action continues.
_PAGES = dict.fromkeys(("use", "use-alone", "reuse", "vary", "larger"), "generate.py") | {"review": "account.py"}
