"""Ask for pictures and watch them arrive."""

import streamlit as st

from kie.generation import Submission
from kie.session import SessionJobs
from kie.studio import Studio
from kie.views import format
from pages.parts.composer import batch_table, fields, form_state, prompt, prompt_tools, restore, submit
from pages.parts.composer import request as form_request
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
form = st.session_state


def begin_session() -> None:
    """Bring back what this person has open or has just had, so that a reload or a new name loses nothing."""
    if form.get("begun_for") != form["person"]:
        SessionJobs(form).restore(studio.jobs.recent_ids(form["person"]))
        # Last: a run that is broken off before begins again.
        form["begun_for"] = form["person"]


def mend_faults(request: form_request.Request) -> None:
    """Of what a press found wrong, keep what still is, in the words of now, once something else would be sent."""
    if form.get("faults") and form.setdefault("faulted", request) != request:
        found = request.faults or studio.submissions.faults(request.asked.items)
        form["faults"] = {fault.field: fault.sentence for fault in found if fault.field in form["faults"]}
        form["faulted"] = request


@st.fragment
def show_dock() -> None:
    """Ask for the request: references, the prompt with the button, the settings. It stays at the foot of the window.

    What changes here runs nothing else, but for a table, which shows on the page what will be sent.
    """
    form_state.fill()
    if form["seen"] and (form["as_table"] or form["seen"][0]):
        st.rerun()
    request = form_request.now()
    mend_faults(request)
    # Places of their own, so that a sentence more or less in one does not push the next aside while it is drawn.
    with st.container(gap="xsmall"):
        said, references, field, tools = st.container(), st.container(), st.container(gap=None), st.container()
    with said:
        show_sentences(request)
    is_folded = form["is_narrow"] and not form.get(submit.UNFOLDED)
    with references, st.container(horizontal=True, vertical_alignment="bottom"):
        strip.ask(is_folded)
        if not form["is_narrow"]:
            with st.container(width=MONEY_PX):
                show_money(request.possible)
    with field:
        show_prompt(request)
        if form.get(form_state.KNOWN):
            form_state.keep("dock-memory")
    with tools:
        if form["is_narrow"]:
            show_fold(request.possible)
        if not is_folded:
            ask_settings()
    if form["seen"]:
        form["seen"] = submit.seen()


def show_sentences(request: form_request.Request) -> None:
    """Say what is wrong with the form, and what the press will be."""
    for field in ("Reference images", "Images", "Generate"):
        if fault := form.get("faults", {}).get(field):
            st.error(fault, icon=":material/error:")
    restore.offer()
    form_request.ask_variables(request)
    form_request.show_list(request.asked)
    if request.is_short:
        show_short(request)


def show_prompt(request: form_request.Request) -> None:
    """Show the prompt and the one button that costs credits, with its price."""
    can, label = request.possible, "Generate"
    is_faulty = any(fault.field == "Table" for fault in request.faults)
    if can.items:
        label = submit.label(can, request.asked.images)
    elif request.is_short:
        label = "Generate · not enough credits"
    elif is_faulty:
        label = "Generate · fix the table first"
    cannot = is_faulty or not (can.items or request.faults)
    # A prompt that can't be expanded is told at once, all else with the press.
    faults = {fault.field: fault.sentence for fault in request.faults} | form.get("faults", {})
    prompt.ask(label, (can.images, can.price), cannot, faults.get("Prompt", ""))


def show_fold(can: Submission) -> None:
    """Say on a phone what this press leaves, and offer all that is folded away there."""
    with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
        show_money(can)
        icon = ":material/expand_more:" if form.get(submit.UNFOLDED) else ":material/tune:"
        st.button("Settings", key="dock-fold", icon=icon, type="tertiary", on_click=fold)


def fold() -> None:
    """Show the rest of the dock, or fold it away again."""
    form[submit.UNFOLDED] = not form.get(submit.UNFOLDED)


def ask_settings() -> None:
    """Ask for the settings, and offer what can be used again."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        fields.ask()
        prompt_tools.ask_project()
        prompt_tools.show_prompt_tools()
        st.toggle("Batch", form["as_table"], key="as_table", persist_state="session")


def show_money(can: Submission) -> None:
    """Say what is available and what is left after this press: the figures change by themselves."""
    note = "" if can.is_priced else "The price is not known yet."
    status.show("money", price=can.price if can.items and not note else None, note=note)


def show_short(request: form_request.Request) -> None:
    """Say that the free credits do not suffice for all of it, and what is possible."""
    can, asked = request.possible, request.asked
    free, held = max(0.0, studio.credits.free() or 0.0), studio.credits.held()
    waiting = f" {format.number(held)} are reserved." if held else ""
    enough = int(free // max(item.price or 0.0 for item in asked.items))
    fewer = f"Enough for {enough} of {asked.images}: ask for fewer, or top up."
    none = fewer if enough else "Nothing can be sent: top up first."
    made = f"The button makes {format.pictures(can.images)}." if can.items else none
    cost = f"{format.pictures(asked.images)} would cost about {format.credits(asked.price)}"
    st.warning(f"{cost}; {format.number(free)} are available.{waiting} {made}", icon=":material/paid:")
    refresh = {"icon": ":material/refresh:", "on_click": studio.backend.tracker.want_balance}
    st.button("Refresh the balance", type="tertiary", **refresh)


def show_welcome() -> None:
    """Say what to do on an empty page."""
    with st.container(horizontal_alignment="center", vertical_alignment="center", height=320, border=False):
        st.subheader("Your pictures appear here", anchor=False, text_alignment="center")
        told = "Describe one, add references if you like, and press Generate. Or begin with one of these:"
        st.caption(told, text_alignment="center")
        for number, example in enumerate(EXAMPLES):
            put = {"on_click": prompt_tools.put, "kwargs": {"prompt": example}}
            st.button(example, key=f"example-{number}", type="tertiary", **put)


begin_session()
if form["as_table"]:
    batch_table.ask()
    batch_table.show(form_request.now().lines)
session_feed.show()
if not SessionJobs(form).ids:
    show_welcome()
with st.bottom:
    show_dock()
