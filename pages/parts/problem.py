"""What went wrong with a job: the sentence, and the service's own words."""

import streamlit as st

from kie import errors
from kie.jobs import Job, State
from pages.parts import words


def show_problem(job: Job) -> None:
    """Show a job's problem in one sentence, and what the service said, as text."""
    shown = st.error if job.state == State.FAILED else st.warning
    shown(errors.sentence(job.problem or "StudioError"), icon=words.ICONS[job.state])
    if job.fail_message:
        code = f" (code {job.fail_code})" if job.fail_code else ""
        st.caption(f"The service said{code}:" if job.task_id or job.fail_code else "What was seen:")
        st.text(job.fail_message)
