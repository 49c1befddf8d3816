"""The jobs of one session as the gallery shows them: newest first, grouped by submission."""

from collections.abc import Sequence
from itertools import groupby

from kie.jobs import CANCELLABLE, ENDED, Job, State
from kie.studio import Studio
from kie.views import format, job_cards
from kie.views.cards import Action, Group, Progress, Row, row

SHOWN = 60
PAUSE = Action("pause", "Pause", "pause", "Sent pictures continue.")
RESUME = Action("go-on", "Resume", "play_arrow")
CANCEL_REST = Action("cancel-rest", "Cancel the rest", "close", "Cancelling unsent pictures is free.")
Jobs = Sequence[Job]


def feed(studio: Studio, jobs: Sequence[Job], zone: str | None) -> Row:
    """Return jobs, newest first, as {"groups": […], "pending": number of open jobs, "more": that some are not shown}."""
    made, left = [], SHOWN
    for _, each in groupby(jobs, key=lambda job: (job.created_at, job.submit_id)):
        whole = sorted(each, key=lambda job: job.variant)
        if shown := whole[:left]:
            made.append(row(_group(studio, whole, shown, zone)))
            left -= len(shown)
    more = "The rest of this session is in the history." if len(jobs) > SHOWN else ""
    return {"groups": made, "pending": sum(job.is_open for job in jobs), "more": more}


def _group(studio: Studio, whole: Jobs, shown: Jobs, zone: str | None) -> Group:
    jobs = tuple(job_cards.item(studio, job, zone, session=True) for job in shown)
    if len(whole) == 1 and not whole[0].is_open and not jobs[0].thumbnail:
        return Group(whole[0].submit_id, "", jobs)  # One line, which has the prompt in it.
    waiting = [job for job in whole if job.state in CANCELLABLE]
    is_paused = any(job.paused_at for job in waiting)
    ended = sum(job.state in ENDED for job in whole)
    is_one = len({job.fingerprint for job in whole}) == 1
    return Group(
        whole[0].submit_id,
        whole[0].prompt if is_one else f"{format.pictures(len(whole))} of different requests",
        jobs,
        note=_note(whole, len(whole) - len(shown), is_one, zone),
        progress=Progress(ended, len(whole), _progress_text(whole, is_paused)) if ended < len(whole) > 1 else None,
        actions=_actions(studio, whole, is_paused, bool(waiting)),
    )


def _actions(studio: Studio, whole: Jobs, is_paused: bool, is_waiting: bool) -> tuple[Action, ...]:
    if is_waiting and len(whole) > 1:
        return ((RESUME if is_paused else PAUSE), CANCEL_REST)
    resolutions = [job.generation.resolution for job in whole]
    prices = {resolution: studio.estimates.price(resolution) for resolution in set(resolutions)}
    known = [price.credits for resolution in resolutions if (price := prices[resolution])]
    cost = f"about {format.credits(sum(known))}" if len(known) == len(whole) else "price unknown"
    help = f"The same request again: {format.pictures(len(whole))}, {cost}."
    return (Action("rerun", f"Rerun · {cost}", "replay", help, says=(len(whole), sum(known))),)


def _progress_text(whole: Jobs, is_paused: bool) -> str:
    done = sum(job.state == State.DONE for job in whole)
    failed = sum(job.state == State.FAILED for job in whole)
    unsure = sum(job.state == State.UNSURE for job in whole)
    parts = [f"{done} of {len(whole)} done"]
    parts += [f"{failed} failed"] * bool(failed) + [f"{unsure} to review"] * bool(unsure) + ["paused"] * is_paused
    return " · ".join(parts)


def _note(whole: Jobs, hidden: int, is_one: bool, zone: str | None) -> str:
    """Return the number of pictures of a submission, its settings, cost and time, and how many are not shown."""
    spent = [job.cost for job in whole]
    known = sum(credits for credits in spent if credits is not None)
    unknown = sum(credits is None and job.state in ENDED for credits, job in zip(spent, whole, strict=True))
    under_way = sum(job.price_expected or 0 for job in whole if job.is_open and job.sent_at and job.credits is None)
    cost = [format.credits(known)] * bool(known or None not in spent)
    expected = f"about {format.number(under_way)} more" if known else f"about {format.credits(under_way)}"
    cost += [expected] * bool(under_way)
    cost += [f"{unknown} of unknown cost"] * bool(unknown)
    parts = [format.pictures(len(whole))] * (is_one and len(whole) > 1)
    parts += [format.settings(whole[0].generation)] * is_one
    more = [f"{hidden} more in the history"] * bool(hidden)
    return " · ".join([*parts, *cost, format.clock_time(whole[0].created_at, zone), *more])
