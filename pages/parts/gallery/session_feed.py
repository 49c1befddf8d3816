"""The pictures of this session as they arrive. The gallery fetches them, and their changes, from the API."""

import time

import streamlit as st

from kie.session import SessionJobs
from kie.studio import Studio
from kie.studio.submissions import Submissions
from pages.parts.gallery import gallery, job_actions
from pages.parts.live import visitor
from pages.parts.recorded import recorded

KEY = "arrivals"
# More than are shown, because some may be hidden.
IDS_LIMIT = 100
SUBMISSION_ACTIONS = {"pause": Submissions.pause, "go-on": Submissions.resume, "cancel-rest": Submissions.cancel_rest}


def show() -> None:
    """Show this session's jobs, newest first, grouped by submission."""
    session = st.session_state
    params = {
        "ids": ",".join(SessionJobs(session).ids[:IDS_LIMIT]),
        "person": session["person"],
        "since": session.setdefault("session_since", time.time()),
        "without": ",".join(SessionJobs(session).forgotten[-IDS_LIMIT:]),
        "zone": visitor.zone(),
    }
    topics = [f"person:{session['person']}", "annotations", "incidents"]
    gallery.show(KEY, [], on_act=act, layout="feed", source={"url": "api/jobs", "topics": topics, "params": params})


def act(action: str, job_id: str | None, group_id: str) -> None:
    """Perform the action of a button, on a job or on a submission."""
    if action in SUBMISSION_ACTIONS:
        recorded(SUBMISSION_ACTIONS[action])(Studio.current().submissions, group_id)
    else:
        job_actions.act(action, job_id)
