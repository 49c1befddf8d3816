"""The requests of the form: of the prompt with its choices, or of the rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pandas as pd
import streamlit as st

from kie.errors import RequestInvalid
from kie.generation import Fault, Generation, Submission, SubmissionItem
from kie.prompts import batch, expansion
from kie.studio import Studio
from kie.text import counted
from kie.views import format
from pages.parts.composer import batch_table, form_state
from pages.parts.references import strip

LISTED = 500
session = st.session_state


@dataclass(frozen=True)
class Plan:
    """What a click on Generate would submit: all of it, the part that the free credits suffice for, and the faults."""

    submission: Submission
    affordable: Submission = field(compare=False)
    faults: tuple[Fault, ...] = ()
    lines: tuple[batch.Line, ...] = ()

    @property
    def is_short(self) -> bool:
        """Whether the free credits do not suffice for all of it."""
        return self.affordable != self.submission


def plan() -> Plan:
    """Return what a click on Generate would submit now."""
    items, faults, lines = _of_table() if session["as_table"] else _of_prompt()
    studio = Studio.current()
    submission = studio.submissions.priced(session["person_typed"], items, project=session["project"])
    return Plan(submission, submission.within(studio.credits.free()), faults, lines)


def base() -> Generation:
    """Return the form's request as it stands, with choices and placeholders unexpanded."""
    return Generation(session["prompt"], strip.chosen().ids, **form_state.options())


def has_variables() -> bool:
    """Return whether the prompt has choices or placeholders."""
    return expansion.has_choices(session["prompt"]) or bool(expansion.names(session["prompt"]))


def ask_variables(plan: Plan) -> None:
    """Offer to send braces in the prompt unexpanded, and show to how many prompts they expand."""
    if not has_variables():
        return
    kept = {"key": "written_out", "persist_state": "session"}
    st.toggle("Write out {a|b} choices and {{columns}}", session["written_out"], **kept)
    if not session["written_out"]:
        st.caption("The prompt is sent as it stands, braces and all.")
    elif not session["as_table"] and not plan.faults:
        st.caption(f"Expands to {counted(len(plan.submission.items), 'prompt')}.")


def show_list(submission: Submission) -> None:
    """List what will be sent, if it is more than one request."""
    if len(submission.items) < 2:
        return
    label = f"What will be sent: {format.pictures(submission.images)}"
    with st.expander(label, key="list-open", on_change="rerun") as box:
        if box.open:
            rows = [_listed(number, each) for number, each in enumerate(submission.items[:LISTED], start=1)]
            height = min(300, 40 + 35 * len(rows))
            st.dataframe(pd.DataFrame(rows), hide_index=True, height=height, alt="What will be sent")
            if len(submission.items) > LISTED:
                st.caption(f"And {len(submission.items) - LISTED:,} more.")


def _listed(number: int, item: SubmissionItem) -> dict[str, object]:
    generation = item.generation
    here = strip.chosen().ids
    positions = [str(here.index(each) + 1) for each in generation.references if each in here]
    by_id = len(generation.references) - len(positions)
    return {
        "Row": item.row or number,
        "Prompt": generation.prompt,
        "Settings": format.settings(generation),
        "References": ", ".join(positions + [f"{by_id} by id"] * bool(by_id)),
        "Images": item.images,
        "Credits": None if item.price is None else item.price * item.images,
    }


_Found = tuple[Sequence[SubmissionItem], tuple[Fault, ...], tuple[batch.Line, ...]]


def _of_prompt() -> _Found:
    request, prompts = base(), [session["prompt"]]
    if session["written_out"]:
        try:
            prompts = expansion.combinations(request.prompt, {}) if has_variables() else prompts
        except RequestInvalid as error:
            return (), tuple(error.faults), ()
    return [SubmissionItem(replace(request, prompt=prompt), session["images"]) for prompt in prompts], (), ()


def _of_table() -> _Found:
    request = base()
    if not session["written_out"]:
        request = replace(request, prompt=expansion.literal(request.prompt))
    lines = tuple(batch.requests(batch_table.rows(), request, session["images"], request.references))
    faults = tuple(Fault("Table", f"Row {line.number}: {fault.sentence}") for line in lines for fault in line.faults)
    made = [(line, generation) for line in lines for generation in line.generations]
    items = [SubmissionItem(each, line.images, line.number, project=line.project) for line, each in made]
    return () if faults else items, faults, lines
