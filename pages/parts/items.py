"""A job as the gallery shows it, and what its buttons do: the same on every page."""

import time
from collections.abc import Callable

import streamlit as st

from kie import errors
from kie.errors import FileRefused, NeverRan, NothingSpent
from kie.jobs import CANCELLABLE, Job, State
from kie.listing import file_name
from kie.session import SessionJobs
from kie.studio import Studio
from pages.parts import memory, templates, uploads, words
from pages.parts.gallery import Action, Badge, Download, Item, Problem

OPEN_LARGE = Action("open", "Open large", "open_in_full", menu=True)
COMPARE = Action("compare", "Compare", "compare", menu=True)
USE = Action(
    "use", "Use as reference", "add_photo_alternate", "Add it to the references; the prompt stays.", closes=True
)
USE_ALONE = Action("use-alone", "Use as reference, clear the prompt", "add_photo_alternate", menu=True, closes=True)
REUSE = Action(
    "reuse", "Reuse settings", "undo", "Put prompt, references and settings back into the form.", closes=True
)
VARY = Action(
    "vary",
    "Vary",
    "shuffle",
    "Put this picture and its prompt into the form. Nothing is sent yet.",
    menu=True,
    closes=True,
)
LARGER = Action(
    "larger",
    "Same at 4K",
    "hd",
    "Puts it into the form. It will be a new picture: the model has no seed.",
    menu=True,
    closes=True,
)
FORGET = Action("forget", "Stop showing", "visibility_off", "It stays in the history.", menu=True)
CANCEL = Action("cancel", "Cancel", "close", "Nothing has been sent yet, so this is free.")
LET_GO = Action("forget", "Stop showing", "visibility_off", "It is paid for and will be in the history.")
BACK = Action("reuse", "Put it back into the form", "undo", closes=True)
CARE = Action("care", "Find it on Account", "arrow_forward", closes=True)
DOUBT = Action("doubt", "It did run", "undo", "Its task can be named again on Account.", menu=True)
ABOUT = Action("about", "About this picture", "info", closes=True)
FETCH = Action("fetch", "Fetch again", "download")


def item(job: Job, *, session: bool, receipt: bool = False, more: tuple[Action, ...] = ()) -> Item:
    """Lay a job out for the gallery. `session` says whether it stands among this session's own.

    With `receipt`, the copy that is taken away carries what the picture was made from; else it is as it came.
    """
    studio = Studio.current()
    is_here = job.state == State.DONE and studio.file(job) is not None
    width, height = shape(job)
    return Item(
        id=job.id,
        state=job.state,
        label=words.state(job) if is_here or job.state != State.DONE else "Not on this server",
        icon=words.ICONS[job.state],
        prompt=job.prompt,
        width=width,
        height=height,
        thumbnail=studio.link("thumbnail", job.id) if is_here else None,
        picture=studio.link("picture", job.id) if is_here else None,
        alt=f"Picture made from: {job.prompt[:200]}",
        meta=f"{words.settings(job)} · {words.cost(job)}",
        badges=badges(job),
        problem=problem(job, is_here),
        download=download(job, receipt) if is_here else None,
        actions=(*actions(job, is_here, session), *more),
        facts=facts(job),
        **clock(job),
    )


def shape(job: Job) -> tuple[int, int]:
    """Return the pixels of a picture, or numbers of the shape that it will have."""
    if job.width and job.height:
        return job.width, job.height
    if job.aspect_ratio == "auto":
        return 1, 1
    width, height = job.aspect_ratio.split(":")
    return int(width), int(height)


def clock(job: Job) -> dict[str, float | str | None]:
    """Say how long an open job takes already, how long the whole may take, and when its turn comes."""
    if not job.is_open:
        return {}
    studio = Studio.current()
    elapsed = max(0.0, time.time() - (job.accepted_at or job.sent_at or job.created_at))
    left = studio.seconds_to_go(job)
    turn_s = studio.seconds_to_turn(job) if job.state == State.QUEUED and not job.paused_at else 0
    turn = f"Your turn in about {words.duration(turn_s)}." if turn_s > 1 else None
    # A guess that has passed is still the guess: the gallery says that it takes longer than usual.
    return {"elapsed": elapsed, "expected": None if left is None else elapsed + left, "turn": turn}


def badges(job: Job) -> tuple[Badge, ...]:
    """Mark what people said of a picture."""
    marks = []
    if job.starred_at:
        marks.append(Badge("star", f"Starred by {job.starred_by}"))
    if job.verdict == "pick":
        marks.append(Badge("thumb_up", f"Picked by {job.verdict_by}"))
    if job.verdict == "reject":
        marks.append(Badge("thumb_down", f"Rejected by {job.verdict_by}"))
    return tuple(marks)


def problem(job: Job, is_here: bool) -> Problem | None:
    """Say what went wrong, in a sentence, and what the service said."""
    if job.state == State.CANCELLED:
        cancelled = (
            errors.sentence(job.problem) if job.problem else "Cancelled before it was sent; no credits were spent."
        )
        return Problem(cancelled, tone="warning")
    if job.state == State.DONE and not is_here and not job.emptied_at:
        return Problem(errors.sentence("FileMissing"), tone="warning")
    if not job.problem or (job.state == State.DONE and is_here):
        return None
    tone = "error" if job.state == State.FAILED else "warning"
    code = f" (code {job.fail_code})" if job.fail_code else ""
    who = f"The service said{code}" if job.task_id or job.fail_code else "What was seen"
    said = f"{who}: {job.fail_message}" if job.fail_message else ""
    return Problem(errors.sentence(job.problem), said, tone)


def download(job: Job, receipt: bool) -> Download:
    """Offer the picture under a name that says what it is."""
    studio = Studio.current()
    zone = st.context.timezone
    url = studio.take_link(job.id, zone=zone) if receipt else studio.link("picture", job.id)
    return Download(url, file_name(job, zone))


def actions(job: Job, is_here: bool, session: bool) -> tuple[Action, ...]:
    """List what can be done with a job in its state."""
    copy = Action("copy", "Copy prompt", "content_copy", menu=True, copy=job.prompt)
    forget = (FORGET,) if session else ()
    if is_here:
        larger = (LARGER,) if job.resolution != "4K" else ()
        return (USE, REUSE, OPEN_LARGE, USE_ALONE, VARY, *larger, COMPARE, copy, *forget)
    if job.state in CANCELLABLE:
        return (CANCEL, copy)
    if job.state == State.UNSURE:
        return (CARE, copy)
    if job.state == State.DONE and not job.emptied_at:
        return (FETCH, REUSE, copy)
    if job.is_open:
        return (LET_GO, copy) if session else (copy,)
    again = (again_action(job),) if job.state in (State.FAILED, State.CANCELLED) else ()
    doubt = (DOUBT,) if job.problem == NeverRan.__name__ else ()
    return (BACK, *again, *doubt, copy, *forget)


def again_action(job: Job) -> Action:
    """Offer a job that came to nothing as a new one, with its price."""
    price = Studio.current().price(job.resolution)
    cost = f"about {words.credits(price.credits)}" if price else "price unknown"
    return Action("again", f"Send again · {cost}", "replay", "As a new job, which costs what a new picture costs.")


def facts(job: Job) -> tuple[tuple[str, str], ...]:
    """List what is known of a job, for looking at it large and for comparing."""
    known = [
        ("Settings", words.settings(job)),
        ("Delivered", words.delivered(job)),
        ("Credits", words.cost(job)),
        ("Person", job.person),
        ("Project", job.project or "none"),
        ("Asked", words.exact(job.created_at)),
        ("Made in", words.duration(job.duration_s) if job.duration_s is not None else "not known"),
        ("References", str(len(job.references)) if job.references else "none"),
        ("Task id", job.task_id or "none"),
    ]
    return tuple(known)


def act(action: str, job_id: str | None) -> None:
    """Do what a job's button says. Runs as a callback, before anything is drawn."""
    job = Studio.current().job(job_id or "")
    if job is not None and action in _DEEDS:
        _DEEDS[action](job)


def _composed(change: Callable[[Job], None]) -> Callable[[Job], None]:
    def do(job: Job) -> None:
        change(job)
        st.session_state["go"] = "generate.py"

    return do


@_composed
def _use(job: Job) -> None:
    try:
        uploads.attach(Studio.current().add_result_as_reference(job.id).id)
    except FileRefused as error:
        st.session_state[uploads.NOTES] = [("The picture", error.sentence)]


@_composed
def _use_alone(job: Job) -> None:
    _use(job)
    templates.keep_former("")
    memory.put(prompt="")


@_composed
def _reuse(job: Job) -> None:
    templates.keep_former(job.prompt)
    memory.put_request(job)
    uploads.replace(reference.id for reference in Studio.current().references(job.references))


@_composed
def _vary(job: Job) -> None:
    _reuse(job)
    _use(job)


@_composed
def _larger(job: Job) -> None:
    _reuse(job)
    memory.put(resolution="4K")


def _again(job: Job) -> None:
    form = st.session_state
    try:
        made = Studio.current().send_again(job.id, form["person"])
    except NothingSpent as error:
        form.pop("faulted", None)
        form["faults"], form["go"] = {"Generate": error.sentence}, "generate.py"
        return
    SessionJobs(form).add(new.id for new in made)


def _forget(job: Job) -> None:
    SessionJobs(st.session_state).forget(job.id)


def _care(job: Job) -> None:
    del job
    st.session_state["go"] = "account.py"


_DEEDS: dict[str, Callable[[Job], None]] = {
    "use": _use,
    "use-alone": _use_alone,
    "reuse": _reuse,
    "vary": _vary,
    "larger": _larger,
    "again": _again,
    "forget": _forget,
    "care": _care,
    "doubt": lambda job: Studio.current().doubt(job.id),
    "cancel": lambda job: Studio.current().cancel(job.id) and None,
    "fetch": lambda job: Studio.current().look_again(job.id),
}
