"""The pictures of this session as they arrive: the gallery asks for them by itself, and for whatever changes."""

import time

import streamlit as st

from kie.session import SessionJobs
from kie.studio import Studio
from kie.studio.submissions import Submissions
from pages.parts.gallery import job_actions, stage
from pages.parts.live import visitor
from pages.parts.recorded import recorded

KEY = "arrivals"
# As many as are shown, and some that may be hidden.
ASKED = 100
PRESS_DEEDS = {"pause": Submissions.pause, "go-on": Submissions.resume, "cancel-rest": Submissions.cancel_rest}


def show() -> None:
    """Show this session's jobs, newest first, grouped by press."""
    form = st.session_state
    asked = {
        "ids": ",".join(SessionJobs(form).ids[:ASKED]),
        "person": form["person"],
        "since": form.setdefault("session_since", time.time()),
        "without": ",".join(SessionJobs(form).forgotten[-ASKED:]),
        "zone": visitor.zone(),
    }
    topics = [f"person:{form['person']}", "annotations", "incidents"]
    stage.show(KEY, [], on_act=act, layout="feed", source={"url": "api/jobs", "topics": topics, "asked": asked})


def act(action: str, job_id: str | None, group_id: str) -> None:
    """Do what a button says: of a job, or of a whole press."""
    if action in PRESS_DEEDS:
        recorded(PRESS_DEEDS[action])(Studio.current().submissions, group_id)
    else:
        job_actions.act(action, job_id)
