"""The page for requesting pictures and watching them arrive."""

import streamlit as st

from kie.generation import Submission
from kie.session import SessionJobs
from kie.studio import Studio
from kie.views import format
from pages.parts.composer import batch_table, fields, form_state, prompt, prompt_tools, request, restore, submit
from pages.parts.composer.request import Plan
from pages.parts.gallery import session_feed
from pages.parts.live import status
from pages.parts.references import strip

EXAMPLES = (
    "A ripe banana wearing sunglasses on a beach towel, film photo",
    "Watercolour of a lighthouse at dawn, soft fog, gulls",
    "Flat-lay of a tidy desk, morning light, top view",
)
MONEY_PX = 310
studio = Studio.current()
session = st.session_state


def begin_session() -> None:
    """Show this person's open and recent jobs, in a new session and under a new name."""
    if session.get("begun_for") != session["person"]:
        SessionJobs(session).restore(studio.jobs.recent_ids(session["person"]))
        # Last, so that an interrupted run is repeated.
        session["begun_for"] = session["person"]


def update_faults(plan: Plan) -> None:
    """Once the form has changed, validate the fields with faults again, and drop the faults that are fixed."""
    if session.get("faults") and session.setdefault("faults_of", plan) != plan:
        found = plan.faults or studio.submissions.faults(plan.submission.items)
        session["faults"] = {fault.field: fault.sentence for fault in found if fault.field in session["faults"]}
        session["faults_of"] = plan


@st.fragment
def show_dock() -> None:
    """Show the form at the bottom of the window: references, the prompt with the button, the settings.

    A change here runs only this fragment, or, with a batch table, the whole page, because the table shows what will be sent.
    """
    form_state.fill()
    if session["seen"] and (session["as_table"] or session["seen"][0]):
        st.rerun()
    plan = request.plan()
    update_faults(plan)
    # In containers of their own, so that one more sentence in one does not shift the next while it is drawn.
    with st.container(gap="xsmall"):
        said, references, field, tools = st.container(), st.container(), st.container(gap=None), st.container()
    with said:
        show_sentences(plan)
    is_folded = session["is_narrow"] and not session.get(submit.UNFOLDED)
    with references, st.container(horizontal=True, vertical_alignment="bottom"):
        strip.ask(is_folded)
        if not session["is_narrow"]:
            with st.container(width=MONEY_PX):
                show_money(plan.affordable)
    with field:
        show_prompt(plan)
        if session.get(form_state.KNOWN):
            form_state.keep("form-state-of-dock")
    with tools:
        if session["is_narrow"]:
            show_fold(plan.affordable)
        if not is_folded:
            ask_settings()
    if session["seen"]:
        session["seen"] = submit.seen(plan)


def show_sentences(plan: Plan) -> None:
    """Show what is wrong with the form, and what will be sent."""
    for field in ("Reference images", "Images", "Generate"):
        if fault := session.get("faults", {}).get(field):
            st.error(format.escape(fault), icon=":material/error:")
    restore.offer()
    request.ask_variables(plan)
    request.show_list(plan.submission)
    if plan.is_short:
        show_short(plan)


def show_prompt(plan: Plan) -> None:
    """Show the prompt and the Generate button with its price."""
    affordable, label = plan.affordable, "Generate"
    is_faulty = any(fault.field == "Table" for fault in plan.faults)
    if affordable.items:
        label = submit.label(affordable, plan.submission.images)
    elif plan.is_short:
        label = "Generate · not enough credits"
    elif is_faulty:
        label = "Generate · fix the table first"
    cannot = is_faulty or not (affordable.items or plan.faults)
    # A prompt that can't be expanded is shown as a fault at once, other faults after a click.
    faults = {fault.field: fault.sentence for fault in plan.faults} | session.get("faults", {})
    prompt.ask(label, (affordable.images, affordable.price), cannot, faults.get("Prompt", ""))


def show_fold(affordable: Submission) -> None:
    """Show, on a phone, the credits left after this submission and the button for the folded settings."""
    with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
        show_money(affordable)
        icon = ":material/expand_more:" if session.get(submit.UNFOLDED) else ":material/tune:"
        st.button("Settings", key="dock-fold", icon=icon, type="tertiary", on_click=fold)


def fold() -> None:
    """Show or hide the settings on a phone."""
    session[submit.UNFOLDED] = not session.get(submit.UNFOLDED)


def ask_settings() -> None:
    """Show the settings, and the lists of prompts, templates and presets."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        fields.ask()
        prompt_tools.ask_project()
        prompt_tools.show_prompt_tools()
        st.toggle("Batch", session["as_table"], key="as_table", persist_state="session")


def show_money(affordable: Submission) -> None:
    """Show the available credits, and those left after this submission. The component updates the figures."""
    note = "" if affordable.is_priced else "The price is not known yet."
    status.show("money", price=affordable.price if affordable.items and not note else None, note=note)


def show_short(plan: Plan) -> None:
    """Say that the free credits do not suffice, and for how many pictures they do."""
    affordable, wanted = plan.affordable, plan.submission
    free, reserved = max(0.0, studio.credits.free() or 0.0), studio.credits.reserved()
    waiting = f" {format.number(reserved)} are reserved." if reserved else ""
    enough = int(free // max(item.price or 0.0 for item in wanted.items))
    fewer = f"Enough for {enough} of {wanted.images}: ask for fewer, or top up."
    none = fewer if enough else "Nothing can be sent: top up first."
    made = f"The button makes {format.pictures(affordable.images)}." if affordable.items else none
    cost = f"{format.pictures(wanted.images)} would cost about {format.credits(wanted.price)}"
    st.warning(f"{cost}; {format.number(free)} are available.{waiting} {made}", icon=":material/paid:")
    refresh = {"icon": ":material/refresh:", "on_click": studio.backend.tracker.want_balance}
    st.button("Refresh the balance", type="tertiary", **refresh)


def show_welcome() -> None:
    """Show how to begin, on an empty page."""
    with st.container(horizontal_alignment="center", vertical_alignment="center", height=320, border=False):
        st.header("Your pictures appear here", anchor=False, text_alignment="center")
        text = "Describe one, add references if you like, and press Generate. Or begin with one of these:"
        st.caption(text, text_alignment="center")
        for number, example in enumerate(EXAMPLES):
            put = {"on_click": prompt_tools.put, "kwargs": {"prompt": example}}
            st.button(example, key=f"example-{number}", type="tertiary", **put)


begin_session()
if session["as_table"]:
    batch_table.ask()
    batch_table.show(request.plan().lines)
session_feed.show()
if not SessionJobs(session).ids:
    show_welcome()
with st.bottom:
    show_dock()
