"""One job as a card: the picture when it is there, what is happening until then, and what can be done."""

import time
from collections.abc import Callable

import streamlit as st

from kie import errors
from kie.errors import FileRefused
from kie.jobs import CANCELLABLE, Job, State
from kie.studio import Studio
from pages.parts import uploads, words
from pages.parts.live import clock

LARGE_WIDTH_PX, LARGE_HEIGHT_PX = 1100, 680


def show_card(job: Job) -> None:
    """Show one job of this session."""
    with st.container(border=True, gap="small"):
        if job.state == State.DONE:
            show_picture(job)
        elif job.is_open:
            show_progress(job)
        else:
            show_ending(job)
        st.text(job.prompt, wrap=False)
        st.caption(f"{words.settings(job)} · {words.cost(job)}")
        if job.state == State.DONE:
            show_actions(job)


def show_picture(job: Job) -> None:
    """Show the thumbnail, or say that the file is gone."""
    studio = Studio.current()
    if studio.file(job) is None:
        st.warning(
            "This picture's file is gone from the server's disk. It was paid for: fetch it again while the service still has it.",
            icon=":material/broken_image:",
        )
        again = {"on_click": studio.look_again, "args": (job.id,)}
        st.button("Fetch again", key=f"fetch-{job.id}", icon=":material/download:", **again)
        return
    st.image(studio.link("thumbnail", job.id), width="stretch", alt=f"Picture made from: {job.prompt[:200]}")


def show_progress(job: Job) -> None:
    """Show the stage, the time it takes, and the way out while that is still free."""
    studio = Studio.current()
    st.skeleton(height=160)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{words.ICONS[job.state]} {words.state(job)}", width="stretch")
        if job.state in CANCELLABLE:
            free = {"help": "Nothing has been sent yet, so this is free.", "on_click": studio.cancel, "args": (job.id,)}
            st.button("Cancel", key=f"cancel-{job.id}", type="tertiary", **free)
    since = job.accepted_at or job.sent_at or job.created_at
    left, elapsed = studio.seconds_to_go(job), time.time() - since
    clock(elapsed, None if left is None else elapsed + left if left else elapsed, key=f"clock-{job.id}")
    if job.problem:
        st.caption(errors.sentence(job.problem))
    turn_s = studio.seconds_to_turn(job) if job.state == State.QUEUED else 0
    if turn_s > 1:
        st.caption(f"Your turn in about {words.duration(turn_s)}.")


def show_ending(job: Job) -> None:
    """Show how a job ended without a picture: the sentence, the service's own words, and the next step."""
    if job.state == State.CANCELLED:
        st.markdown(f"{words.ICONS[job.state]} Cancelled before it was sent; no credits were spent.")
    else:
        show_problem(job)
    if job.state == State.UNSURE:
        st.page_link("account.py", label="Find it on Account", icon=":material/arrow_forward:")
    elif st.button("Put it back into the form", key=f"again-{job.id}", icon=":material/undo:"):
        reuse(job)
        st.rerun()


def show_problem(job: Job) -> None:
    """Show a job's problem in one sentence, and what the service said, as text."""
    shown = st.error if job.state == State.FAILED else st.warning
    shown(errors.sentence(job.problem or "StudioError"), icon=words.ICONS[job.state])
    if job.fail_message:
        code = f" (code {job.fail_code})" if job.fail_code else ""
        st.caption(f"The service said{code}:" if job.task_id or job.fail_code else "What was seen:")
        st.text(job.fail_message)


def show_actions(job: Job, done: Callable[[], None] = st.rerun) -> None:
    """Offer what can be done with a finished picture; `done` goes to the composer once something was put there."""
    studio = Studio.current()
    path = studio.file(job)
    if path is None:
        return
    with st.container(horizontal=True, gap="small"):
        if st.button("Open large", key=f"open-{job.id}", icon=":material/open_in_full:", type="tertiary"):
            open_large(job)
        st.download_button(
            "Download",
            path.read_bytes,
            words.file_name(job, path.suffix),
            f"image/{job.file_kind}",
            key=f"download-{job.id}",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )
        if st.button("Use as reference", key=f"use-{job.id}", icon=":material/add_photo_alternate:", type="tertiary"):
            use_as_reference(job)
            done()
        if st.button("Reuse settings", key=f"reuse-{job.id}", icon=":material/undo:", type="tertiary"):
            reuse(job)
            done()


@st.dialog("Picture", width="large")
def open_large(job: Job) -> None:
    """Show the whole picture, no taller than a screen."""
    width, height = job.width or 1, job.height or 1
    st.image(
        Studio.current().link("picture", job.id),
        width=round(min(LARGE_WIDTH_PX, LARGE_HEIGHT_PX * width / height)),
        alt=f"Picture made from: {job.prompt[:200]}",
    )
    st.caption(
        f"{width} × {height} pixels · {words.size(job.file_bytes or 0)} · {words.settings(job)} · {words.cost(job)}"
    )


def use_as_reference(job: Job) -> None:
    """Add a finished picture to the composer's references, or leave a note there that says why not."""
    try:
        uploads.attach(Studio.current().add_result_as_reference(job.id).id)
    except FileRefused as error:
        st.session_state[uploads.NOTES] = [("The picture", error.sentence)]


def reuse(job: Job) -> None:
    """Bring everything that this job asked for back to the composer."""
    st.session_state["reuse"] = job
    st.session_state[uploads.IDS] = list(job.references)
