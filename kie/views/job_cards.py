"""Jobs as items of the gallery: state, cost, problem and actions."""

import time

from kie import errors
from kie.errors import NeverRan
from kie.jobs import CANCELLABLE, Job, State, download_name
from kie.store import conditions
from kie.studio import Studio
from kie.views import format
from kie.views.cards import Action, Badge, DownloadLink, Item, Problem

STAR = Action("star", "Star", "favorite")
UNSTAR = Action("unstar", "Starred", "heart_minus", "Remove the star")
PICK = Action("pick", "Pick", "thumb_up", menu=True)
REJECT = Action("reject", "Reject", "thumb_down", menu=True)
UNDECIDE = Action("undecide", "Remove the rating", "remove_done", menu=True)
DELETE = Action("delete", "Delete", "delete", "Moves it to the bin for 30 days.")
RESTORE = Action("restore", "Restore", "restore_from_trash")
OPEN_LARGE = Action("open", "Open large", "open_in_full", menu=True)
COMPARE = Action("compare", "Compare", "compare", menu=True)
USE = Action(
    "use", "Use as reference", "add_photo_alternate", "Add it to the references; the prompt stays.", closes=True
)
USE_ALONE = Action("use-alone", "Use as reference, clear the prompt", "add_photo_alternate", menu=True, closes=True)
REUSE = Action(
    "reuse", "Reuse all", "undo", "Put prompt, references and settings back into the form.", menu=True, closes=True
)
REMIX_HELP = "Put this picture and its prompt into the form. Nothing is sent yet."
REMIX = Action("vary", "Remix", "shuffle", REMIX_HELP, menu=True, closes=True)
LARGER_HELP = "Put it into the form. It will be a new picture: the model has no seed."
LARGER = Action("larger", "Redo in 4K", "hd", LARGER_HELP, menu=True, closes=True)
HIDE = Action("forget", "Hide", "visibility_off", "It stays in the history.", menu=True)
CANCEL = Action("cancel", "Cancel", "close", "Nothing has been sent yet, so this is free.")
HIDE_OPEN = Action("forget", "Hide", "visibility_off", "It continues, and stays in the history.", menu=True)
EDIT = Action("reuse", "Edit", "undo", "Put it back into the form.", closes=True)
REVIEW = Action("review", "Review in Account", "arrow_forward", closes=True)
REVIEW_AGAIN = Action("doubt", "Review again", "undo", "Its task can be linked again in Account.", menu=True)
DOWNLOAD_AGAIN = Action("fetch", "Download again", "download")


def item(studio: Studio, job: Job, zone: str | None, *, session: bool, receipt: bool = False) -> Item:
    """Return a job as an item of the gallery. `session` says whether it is in the feed of a session.

    With `receipt`, the downloaded file has the receipt embedded; otherwise it is the file as delivered.
    """
    is_here = job.state == State.DONE and studio.exports.file(job) is not None
    # In the feed, a deleted picture disappears; in the history, people look at it before they restore it.
    is_shown = is_here and not job.preview_problem and not (session and job.binned_at)
    width, height = shape(job)
    url = studio.exports.picture_link(job.id, zone=zone) if receipt else studio.backend.urls.address("picture", job.id)
    return Item(
        id=job.id,
        state=job.state,
        label=label(studio, job, is_here),
        icon="hide_image" if is_here and not is_shown else format.LOOKS[job.state][0],
        prompt=job.prompt,
        width=width,
        height=height,
        thumbnail=studio.backend.urls.address("thumbnail", job.id) if is_shown else None,
        picture=studio.backend.urls.address("picture", job.id) if is_shown else None,
        alt=f"Picture made from: {job.prompt[:200]}",
        meta=meta(job, is_here),
        badges=badges(job),
        problem=problem(job, is_here),
        download=DownloadLink(url, download_name(job, zone)) if is_here and not job.binned_at else None,
        actions=actions(studio, job, is_here, session),
        facts=facts(job, zone),
        at=job.created_at,
        **clock(studio, job),
    )


def label(studio: Studio, job: Job, is_here: bool) -> str:
    """Return the name of a job's state, or the reason why its picture is not shown."""
    if job.binned_at:
        return "Deleted" if job.emptied_at else "In the bin"
    if job.state != State.DONE:
        return format.state(job, studio.store.breaker.current() if job.state == State.QUEUED else None)
    if not is_here:
        return "Not on this server"
    return "Too large to preview" if job.preview_problem else format.state(job)


def shape(job: Job) -> tuple[int, int]:
    """Return the pixel size of a picture, or numbers with the expected aspect ratio."""
    if job.width and job.height:
        return job.width, job.height
    if job.generation.aspect_ratio == "auto":
        return 1, 1
    width, height = job.generation.aspect_ratio.split(":")
    return int(width), int(height)


def clock(studio: Studio, job: Job) -> dict[str, float | str | None]:
    """Return elapsed and expected seconds of an open job, and a text about its turn in the queue."""
    if not job.is_open:
        return {}
    elapsed = max(0.0, time.time() - (job.accepted_at or job.sent_at or job.created_at))
    usual = studio.jobs.learned_duration(job.generation.resolution) if job.accepted_at else None
    turn_s = studio.estimates.seconds_to_turn(job) if job.state == State.QUEUED else None
    turn = f"Your turn in ~{format.duration(turn_s)}" if turn_s and turn_s > 1 else None
    return {"elapsed": elapsed, "expected": usual, "turn": turn}


def badges(job: Job) -> tuple[Badge, ...]:
    """Return the badges for the bin, stars, ratings and shortfall."""
    marks = (
        (job.binned_at, "delete", "In the bin"),
        (job.starred_at, "favorite", f"Starred by {job.starred_by}"),
        (job.verdict == "pick", "thumb_up", f"Picked by {job.verdict_by}"),
        (job.verdict == "reject", "thumb_down", f"Rejected by {job.verdict_by}"),
        (conditions.shortfall(job), "straighten", "Less than was paid for"),
    )
    return tuple(Badge(icon, text) for is_so, icon, text in marks if is_so)


def meta(job: Job, is_here: bool) -> str:
    """Return a job's settings, and its cost unless the problem's sentence has it."""
    is_said = not is_here and problem(job, is_here) and format.charged(job)
    settings = format.settings(job.generation)
    return settings if is_said else f"{settings} · {format.cost(job)}"


def problem(job: Job, is_here: bool) -> Problem | None:
    """Return a job's problem, with whether it was charged and the details, or None."""
    if job.state == State.CANCELLED:
        cancelled = errors.sentence(job.problem) if job.problem else "Cancelled before it was sent."
        return Problem(f"{cancelled} {format.charged(job)}", tone="warning")
    if job.state == State.DONE and not is_here and not job.emptied_at:
        return Problem(f"{errors.sentence('FileMissing')} {format.charged(job)}", tone="warning")
    if is_here and job.preview_problem:
        return Problem(errors.sentence(job.preview_problem), tone="warning")
    if not job.problem or (job.state == State.DONE and is_here):
        return None
    tone = "error" if job.state == State.FAILED else "warning"
    code = f" (code {job.fail_code})" if job.fail_code else ""
    detail = f"Details{code}: {job.fail_message}" if job.fail_message else ""
    return Problem(f"{errors.sentence(job.problem)} {format.charged(job)}".rstrip(), detail, tone)


def actions(studio: Studio, job: Job, is_here: bool, session: bool) -> tuple[Action, ...]:
    """Return the actions for a job."""
    copy = Action("copy", "Copy prompt", "content_copy", menu=True, copy=job.prompt)
    hide = (HIDE,) if session else ()
    review = (REVIEW,) if job.needs_attention else ()
    if job.binned_at:
        return (*(() if job.emptied_at else (RESTORE,)), copy, *hide)
    if is_here:
        judge = (UNDECIDE,) if job.verdict else (PICK, REJECT)
        star = UNSTAR if job.starred_at else STAR
        larger = (LARGER,) if job.generation.resolution != "4K" else ()
        seen = () if job.preview_problem else (OPEN_LARGE, USE_ALONE, COMPARE)
        link = Action("copy-link", "Copy link", "link", menu=True, copy=f"history?job={job.id}")
        return (star, USE, DELETE, REUSE, REMIX, *larger, *judge, *seen, copy, link, *hide)
    if job.state in CANCELLABLE:
        return (CANCEL, copy)
    if job.state == State.UNSURE:
        return (*review, copy)
    if job.state == State.DONE and not job.emptied_at:
        return (DOWNLOAD_AGAIN, REUSE, copy)
    if job.is_open:
        return (*review, HIDE_OPEN, copy) if session else (*review, copy)
    again = (again_action(studio, job),) if job.state in (State.FAILED, State.CANCELLED) else ()
    doubt = (REVIEW_AGAIN,) if job.problem == NeverRan.__name__ else ()
    return (*review, EDIT, *again, *doubt, copy, *hide)


def again_action(studio: Studio, job: Job) -> Action:
    """Return the action that sends a failed or cancelled job again, with its price."""
    price = studio.estimates.price(job.generation.resolution)
    cost = f"about {format.credits(price.credits)}" if price else "price unknown"
    help = "Sends a new job, charged like any picture."
    # In the menu if the content filter would refuse it again.
    return Action("again", f"Send again · {cost}", "replay", help, menu=job.is_filtered)


def facts(job: Job, zone: str | None) -> tuple[tuple[str, str], ...]:
    """Return names and values for the details of a job, and for comparisons."""
    known = [
        ("Settings", format.settings(job.generation)),
        ("Delivered", format.delivered(job)),
        ("Credits", format.cost(job)),
        ("Person", job.person),
        ("Project", job.project or "none"),
        ("Asked", format.exact(job.created_at, zone)),
        ("Made in", format.duration(job.duration_s) if job.duration_s is not None else "not known"),
        ("References", str(len(job.generation.references) or "none")),
        ("Task id", job.task_id or "none"),
    ]
    marks, less = badges(job), conditions.shortfall(job)
    known += [("Marks", " · ".join(badge.text for badge in marks))] * bool(marks)
    known += [("Note", less)] * bool(less)
    return tuple(known)
