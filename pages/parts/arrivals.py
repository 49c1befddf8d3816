"""The pictures of this session as they arrive, newest first, grouped by press."""

from collections.abc import Sequence
from itertools import groupby

import streamlit as st

from kie.jobs import CANCELLABLE, ENDED, Job, State
from kie.session import SessionJobs
from kie.studio import Studio
from pages.parts import gallery, items, words
from pages.parts.gallery import Action, Group, Notify, Progress

KEY = "arrivals"
SHOWN = 60
PAUSE = Action("pause", "Pause", "pause", "What is sent already goes on.")
GO_ON = Action("go-on", "Go on", "play_arrow")
CANCEL_REST = Action("cancel-rest", "Cancel the rest", "close", "What has not been sent yet is free.")
PRESS_DEEDS = {"pause": Studio.pause, "go-on": Studio.go_on, "cancel-rest": Studio.cancel_press}
Press = Sequence[Job]


def show() -> int:
    """Show this session's jobs, and return how many there are."""
    jobs = Studio.current().jobs(SessionJobs(st.session_state).ids)
    if not jobs:
        return 0
    presses = [list(each) for _, each in groupby(jobs, key=lambda job: (job.created_at, job.submit_id))]
    pending = sum(job.is_open for job in jobs)
    gallery.show(KEY, groups(presses), on_act=act, notify=Notify(pending))
    if len(jobs) > SHOWN:
        st.caption(f"{len(jobs) - SHOWN:,} more of this session's are in the history.")
    return len(jobs)


def groups(presses: Sequence[Press]) -> list[Group]:
    """Lay presses out as groups; single pictures that follow each other share one without a heading."""
    made, room = [], SHOWN
    for is_single, run in groupby(presses, key=_is_single):
        for press in [[job for each in run for job in each]] if is_single else run:
            shown = sorted(press, key=lambda job: (-job.created_at, job.variant))[:room]
            room -= len(shown)
            if shown:
                made.append(_single_group(shown) if is_single else _press_group(press, shown))
    return made


def _is_single(press: Press) -> bool:
    return len(press) == 1 and press[0].variant == 1


def _single_group(shown: Press) -> Group:
    return Group("singles-" + shown[-1].submit_id, "", tuple(items.item(job, session=True) for job in shown))


def _press_group(press: Press, shown: Press) -> Group:
    waiting = [job for job in press if job.state in CANCELLABLE]
    is_paused = any(job.paused_at for job in waiting)
    ended = sum(job.state in ENDED for job in press)
    actions = ((GO_ON if is_paused else PAUSE), CANCEL_REST) if waiting else ()
    return Group(
        press[0].submit_id,
        f"{words.pictures(len(press))} · {words.clock_time(press[0].created_at)}",
        tuple(items.item(job, session=True) for job in shown),
        note=_told(press, len(press) - len(shown)),
        progress=Progress(ended, len(press), _progress_text(press, is_paused)) if ended < len(press) else None,
        actions=actions,
    )


def _progress_text(press: Press, is_paused: bool) -> str:
    done = sum(job.state == State.DONE for job in press)
    failed = sum(job.state == State.FAILED for job in press)
    unsure = sum(job.state == State.UNSURE for job in press)
    parts = [f"{done} of {len(press)} done"]
    parts += [f"{failed} failed"] * bool(failed) + [f"{unsure} unsure"] * bool(unsure) + ["paused"] * is_paused
    return " · ".join(parts)


def _told(press: Press, hidden: int) -> str:
    """Say what a press has cost so far, and how many of its pictures are not shown here."""
    spent = [words.spent(job) for job in press]
    known = sum(credits for credits in spent if credits is not None)
    ended_unknown = sum(credits is None and job.state in ENDED for credits, job in zip(spent, press, strict=True))
    making = [job.price_expected for job in press if job.is_open and job.sent_at and job.credits is None]
    under_way = sum(price for price in making if price is not None)
    cost = f"{words.credits(known)} so far" if any(job.state not in ENDED for job in press) else words.credits(known)
    cost += f", about {words.number(under_way)} for {words.pictures(len(making))} being made" if under_way else ""
    more = f" · {hidden} more in the history" if hidden else ""
    return cost + (f", {ended_unknown} of unknown cost" if ended_unknown else "") + more


def act(action: str, job_id: str | None, group_id: str) -> None:
    """Do what a button says: of a job, or of a whole press."""
    if action in PRESS_DEEDS:
        PRESS_DEEDS[action](Studio.current(), group_id)
    else:
        items.act(action, job_id)
