"""Ask for pictures and watch them arrive."""

import time
from dataclasses import replace

import streamlit as st

from kie.generation import Press
from kie.session import Presses, SessionJobs
from kie.studio import Studio
from pages.parts import arrivals, asked, choices, memory, press, receipt, sheet, templates, uploads, words
from pages.parts.live import woken_by

EXAMPLES = (
    "A ripe banana wearing sunglasses on a beach towel, film photo",
    "Watercolour of a lighthouse at dawn, soft fog, gulls",
    "Flat-lay of a tidy desk, morning light, top view",
)
ORDER, SESSION = "order", "session"
studio = Studio.current()
form = st.session_state


def begin_session() -> None:
    """Bring back what this person has open or has just had, so that a reload or a new name loses nothing."""
    memory.begin()
    if form.get("begun_for") != form["person"]:
        form["begun_for"] = form["person"]
        SessionJobs(form).restore(studio.recent_ids(form["person"]))


def mend_faults() -> None:
    """Of what a press found wrong, keep what still is, in the words of now, once something else would be sent."""
    if not form.get("faults"):
        return
    request = asked.now()
    if form.setdefault("faulted", request) == request:
        return
    found = request.faults or [fault for each in request.wanted for fault in studio.faults(each)]
    sentences = {fault.field: fault.sentence for fault in found}
    form["faults"] = {field: sentences[field] for field in form["faults"] if field in sentences}
    form["faulted"] = request


def show_fault(field: str) -> None:
    """Show what is wrong with a field, right below it."""
    sentence = form.get("faults", {}).get(field)
    if sentence:
        st.error(sentence, icon=":material/error:")


@st.fragment
def show_composer() -> None:
    """Ask for the request. What is changed here is answered here: the pictures beside it are not drawn again."""
    if form["as_table"] != is_table:
        st.rerun()  # the page is laid out anew
    mend_faults()
    # Each in a place of its own, so that a sentence more or less in one does not push the next aside while it is drawn.
    with st.container():
        ask_prompt()
    if is_table:
        with st.container():
            sheet.ask()
            form["named_references"] = uploads.reference_ids()
            sheet.show(asked.now().lines)
    ask_references()
    show_order()


@st.fragment(key=ORDER)
def show_order() -> None:
    """Say what a press makes and costs, and ask for the settings, which are often left as they are: the button is seen at once."""
    if form.pop("pressed", False):
        st.rerun()  # what a press changed stands all over the page
    memory.let_go()
    mend_faults()
    # The browser draws what comes at one time at once, so all is worked out first.
    request = asked.now()
    can = possible(request, studio.available())
    listed, button = st.container(), st.container()
    with button:
        show_button(request, can)
    with listed:
        asked.show_list(request)
    show_money(request, can.images)
    choices.ask()
    ask_order()
    memory.keep_settings()


def ask_prompt() -> None:
    """Ask what the picture should show."""
    st.text_area(
        "Prompt", key="prompt", height=150, placeholder="What should the picture show?", persist_state="session"
    )
    memory.keep()
    show_fault("Prompt")
    tools, switch = st.columns([3, 1], vertical_alignment="center")
    with tools:
        templates.show_prompt_tools()
    with switch:
        st.toggle("Table", key="as_table", persist_state="session")
    asked.ask_variables()


def ask_order() -> None:
    """Ask how many, for which project, and offer settings that were kept."""
    left, right = st.columns([2, 3])
    with left:
        choices.ask_images()
    with right:
        templates.ask_project()
    show_fault("Images")


@st.fragment(run_every=30)
@woken_by("references", key="references-live")
def ask_references() -> None:
    """Take pictures in, show them in the order in which they are sent, and say what could not be added."""
    uploads.ask()
    mend_faults()
    if is_table and uploads.reference_ids() != form["named_references"]:
        st.rerun()  # rows name references by their numbers
    for sentence, names in uploads.notes().items():
        st.error(f"{', '.join(words.literal(name) for name in names)} — {sentence}", icon=":material/error:")
    show_fault("Reference images")
    receipt.offer()


def possible(request: asked.Request, free: float | None) -> Press:
    """Return as much of a press as these credits are good for, with prices: fewer pictures of one request, or nothing."""
    priced = studio.press("", request.wanted)
    if free is None or priced.price <= max(0.0, free):
        return priced
    wanted = priced.wanted
    images = int(free // wanted[0].price) if len(wanted) == 1 and free > 0 else 0
    return replace(priced, wanted=(replace(wanted[0], images=images),) if images else ())


def send() -> None:
    """Press what the form holds at this moment."""
    request, had_faults = asked.now(), form.get("faults")
    form.pop("faulted", None)
    if memory.is_half_filled():
        form["faults"] = {"Generate": press.HALF_FILLED}
    elif request.faults:
        form["faults"] = {fault.field: fault.sentence for fault in request.faults}
    else:
        press.press(possible(request, studio.available()).wanted)
    if had_faults or form.get("faults") or "asked" in form or templates.FORMER in form:
        form["pressed"] = True
    else:
        st.rerun([ORDER, SESSION])  # nothing else is another than before


def show_button(request: asked.Request, can: Press) -> None:
    """Offer the one thing to press, with its price on it."""
    is_short = bool(request.wanted) and not can.wanted
    is_faulty = any(fault.field == "Table" for fault in request.faults)
    told = (
        "Generate · not enough credits" if is_short else "Generate · mend the table first" if is_faulty else "Generate"
    )
    label = press.label(can) if can.wanted else told
    press.tell(can)
    cannot = is_short or is_faulty or not (can.wanted or request.faults)
    pressed = {"on_click": send, "disabled": cannot, "shortcut": "Ctrl+Enter"}
    st.button(label, key="generate", type="primary", icon=":material/auto_awesome:", width="stretch", **pressed)
    show_fault("Generate")
    above = [field for field in form.get("faults", {}) if field not in ("Generate", "Images")]
    if above:
        st.caption(f":material/error: Nothing was sent and no credits were spent: see “{above[0]}” above.")


@st.fragment(run_every=30)
@woken_by("credits", key="money-live")
def show_money(request: asked.Request, told: int) -> None:
    """Say what is free to spend, what is left after this press, what is held, and where the price comes from."""
    free = studio.available()
    can = possible(request, free)
    if can.images != told:
        st.rerun()  # the button says something else now
    priced, held = studio.press("", request.wanted), studio.held()
    waiting = f" {words.credits(held)} are held by pictures that wait or have just been paid." if held else ""
    if free is None or not all(each.price is not None for each in priced.wanted):
        st.caption("The balance is not known yet." if free is None else "The price is not known yet.")
    elif not request.wanted:
        st.caption(f"{words.credits(free)} free to spend.{waiting}")
    elif can != priced:
        show_short(priced.images, priced.price, max(0.0, free), can.images, waiting)
    else:
        source = studio.price(form["resolution"])
        st.caption(
            f"{words.credits(free)} free to spend, about {words.number(free - priced.price)} after this.{waiting}",
            help=f"The price is {source.source}. What the service reports afterwards is what counts."
            if source
            else None,
        )


def show_short(images: int, price: float, free: float, can: int, waiting: str) -> None:
    """Say that the free credits do not suffice, and what is possible."""
    made = f"The button makes {words.pictures(can)}." if can else "Nothing can be sent: ask for fewer, or top up."
    st.warning(
        f"{words.pictures(images)} would cost about {words.credits(price)}, and {words.credits(free)} are free."
        f"{waiting} {made}",
        icon=":material/paid:",
    )
    st.button("Read the balance again", type="tertiary", icon=":material/refresh:", on_click=studio.refresh_balance)


@st.fragment(run_every=30, key=SESSION)
@woken_by(f"person:{form['person']}", key="session-live")
def show_session() -> None:
    """Show this session's pictures, newest first."""
    place = form.pop("go", None)
    if place == "generate.py":
        st.rerun()  # something was put into the form
    elif place:
        st.switch_page(place)
    if not arrivals.show():
        show_welcome()
    Presses(form).shown(time.monotonic())


def show_welcome() -> None:
    """Say what to do on an empty page."""
    with st.container(border=True, horizontal_alignment="center", vertical_alignment="center", height=320):
        st.markdown("#### Your pictures appear here", text_alignment="center")
        st.caption(
            "Describe one, add references if you like, and press Generate. Or begin with one of these:",
            text_alignment="center",
        )
        for number, example in enumerate(EXAMPLES):
            st.button(example, key=f"example-{number}", type="tertiary", on_click=use_example, args=(example,))


def use_example(prompt: str) -> None:
    """Put an example into the form."""
    templates.keep_former(prompt)
    memory.put(prompt=prompt)
    form["go"] = "generate.py"


begin_session()
form.pop("pressed", None)
is_table = form["as_table"]
# A table needs the room that a single request leaves to the pictures.
composer, stage = st.columns([6, 4] if is_table else [4, 6], gap="large")
with composer:
    show_composer()
    memory.drawn()
with stage:
    show_session()
press.show_asked()
