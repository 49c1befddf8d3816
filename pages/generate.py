"""Ask for a picture and watch it arrive."""

import time

import streamlit as st

from kie import pictures
from kie.errors import RequestInvalid
from kie.generation import ASPECT_RATIOS, IMAGES_LIMIT, OUTPUT_FORMATS, RESOLUTIONS, Generation
from kie.names import person_name
from kie.session import Presses, SessionJobs
from kie.studio import Studio
from pages.parts import uploads, words
from pages.parts.card import show_card
from pages.parts.live import wake_on

SHOWN_JOBS = 24
EXAMPLES = (
    "A ripe banana wearing sunglasses on a beach towel, film photo",
    "Watercolour of a lighthouse at dawn, soft fog, gulls",
    "Flat-lay of a tidy desk, morning light, top view",
)
studio = Studio.current()
form = st.session_state


def press() -> None:
    """Queue what the form says. Only rows are written here, before anything is shown."""
    request = Generation(
        form["prompt"], tuple(uploads.reference_ids()), form["aspect_ratio"], form["resolution"], form["output_format"]
    )
    images, person = form["images"] or 1, person_name(form["person_typed"])
    if uploads.is_busy():
        form["faults"] = {
            "Reference images": "A picture is still being added, so nothing was sent: press again once it is in the list."
        }
        return
    submit_id = Presses(form).submit_id((request, images, person), time.monotonic())
    try:
        made = studio.submit(person, request, submit_id, images)
    except RequestInvalid as error:
        form["faults"] = {fault.field: fault.sentence for fault in error.faults}
        return
    form["faults"] = {}
    SessionJobs(form).add(job.id for job in made)


def begin_session() -> None:
    """Bring back what this person has open or has just had, so that a reload or a new name loses nothing."""
    if form.get("begun_for") != form["person"]:
        form["begun_for"] = form["person"]
        SessionJobs(form).restore(studio.recent_ids(form["person"]))


def fill_in_what_is_reused() -> None:
    """Put a job's request back into the form, before the form is drawn."""
    job = form.pop("reuse", None)
    if job is not None:
        form["prompt"], form["aspect_ratio"] = job.prompt, job.aspect_ratio
        form["resolution"], form["output_format"] = job.resolution, job.output_format


def show_fault(field: str) -> None:
    """Show what is wrong with a field, right below it."""
    sentence = form.get("faults", {}).get(field)
    if sentence:
        st.error(sentence, icon=":material/error:")


@st.fragment(run_every=30)
def ask_references() -> None:
    """Take pictures in, show them in the order in which they are sent, and say what could not be added."""
    uploads.ask()
    for sentence, names in uploads.notes().items():
        st.error(f"{', '.join(words.literal(name) for name in names)} — {sentence}", icon=":material/error:")
    kept = studio.references(uploads.reference_ids())
    for number, reference in enumerate(kept, start=1):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if reference.checked_at is None:
                st.skeleton(height=56, width=56)
            elif reference.refusal is None:
                st.image(studio.link("thumbnail", reference.id), width=56, alt=f"Reference {number}")
            with st.container(gap=None, width="stretch"):
                st.text(f"{number}  {reference.name}", wrap=False)
                st.caption(
                    f"{reference.width} × {reference.height} · {words.size(reference.bytes)}"
                    + (" · very small" if max(reference.width, reference.height) < pictures.SMALL_PX else "")
                )
            taken_out = {"on_click": uploads.remove, "args": (reference.id,)}
            st.button("Remove", key=f"remove-{reference.id}", type="tertiary", icon=":material/close:", **taken_out)
        if reference.refusal:
            st.error(f"It won't be sent. {reference.refusal}", icon=":material/error:")
    wake_on(["references"], key="references-live")


def ask_settings() -> None:
    """Ask for shape, size, format and how many."""
    left, right = st.columns(2)
    with left:
        st.selectbox(
            "Aspect ratio",
            ASPECT_RATIOS,
            key="aspect_ratio",
            format_func=lambda ratio: f"{ratio.capitalize()} · {words.SHAPES[ratio]}",
            persist_state="session",
        )
        show_fault("Aspect ratio")
    with right:
        st.number_input("Images", 1, IMAGES_LIMIT, key="images", persist_state="session")
        show_fault("Images")
    with left:
        st.radio("Resolution", RESOLUTIONS, key="resolution", horizontal=True, persist_state="session")
    with right:
        st.radio(
            "Output format",
            OUTPUT_FORMATS,
            key="output_format",
            format_func=str.upper,
            horizontal=True,
            persist_state="session",
        )


def show_button() -> None:
    """Offer the one thing to press, with its price on it."""
    images = form["images"] or 1
    price = studio.price(form["resolution"])
    label = "Generate" if images == 1 else f"Generate {images}"
    label += f" · about {words.credits(price.credits * images)}" if price else " · price unknown"
    st.button(label, type="primary", icon=":material/auto_awesome:", width="stretch", on_click=press)


@st.fragment(run_every=30)
def show_price() -> None:
    """Say what is free to spend, what is left after this press, and where the price comes from."""
    price, available = studio.price(form["resolution"]), studio.available()
    total = price.credits * (form["images"] or 1) if price else None
    if available is None or total is None:
        st.caption("The balance is not known yet." if available is None else "The price is not known yet.")
    elif total > available:
        st.warning(
            f"That is more than the {words.credits(available)} that are free to spend. "
            "The service would refuse it, and nothing would be charged.",
            icon=":material/paid:",
        )
    else:
        st.caption(
            f"{words.credits(available)} free to spend, about {words.number(available - total)} after this.",
            help=f"The price is {price.source}. What the service reports afterwards is what counts.",
        )
    wake_on(["credits"], key="price-live")


@st.fragment(run_every=30)
def show_session() -> None:
    """Show this session's jobs, newest first."""
    jobs = studio.jobs(SessionJobs(form).ids[:SHOWN_JOBS])
    if not jobs:
        show_welcome()
    else:
        grid = st.grid(2 if len(jobs) > 1 else 1, min_column_width=230)
        for job in jobs:
            with grid.cell():
                show_card(job)
    wake_on([f"person:{form['person']}"], key="session-live")


def show_welcome() -> None:
    """Say what to do on an empty page."""
    with st.container(border=True, horizontal_alignment="center", vertical_alignment="center", height=320):
        st.markdown("#### Your pictures appear here", text_alignment="center")
        st.caption(
            "Describe one, add references if you like, and press Generate. Or begin with one of these:",
            text_alignment="center",
        )
        for number, example in enumerate(EXAMPLES):
            st.button(
                example, key=f"example-{number}", type="tertiary", on_click=form.update, args=({"prompt": example},)
            )


begin_session()
fill_in_what_is_reused()
composer, arrivals = st.columns([4, 6], gap="large")
with composer:
    st.text_area(
        "Prompt", key="prompt", height=150, placeholder="What should the picture show?", persist_state="session"
    )
    show_fault("Prompt")
    ask_references()
    show_fault("Reference images")
    ask_settings()
    show_button()
    show_price()
with arrivals:
    show_session()
Presses(form).shown(time.monotonic())
