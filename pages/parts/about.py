"""Everything that is known of one job, and what people say of its picture."""

import streamlit as st

from kie.errors import RequestInvalid
from kie.jobs import Job
from kie.studio import Studio
from pages.parts import gallery, items, words
from pages.parts.gallery import Group

VERDICTS = {None: "Undecided", "pick": "Pick", "reject": "Reject"}
form = st.session_state


def show(job: Job) -> None:
    """Show the picture and everything known about its job."""
    if job.emptied_at:
        st.caption(
            ":material/delete_forever: The picture was in the bin and is deleted; what it cost stays in the books."
        )
    receipt = form.setdefault("take_receipt", True)
    card = Group("about", "", (items.item(job, session=False, receipt=receipt),))
    gallery.show("about-card", [card], on_act=lambda action, job_id, _: items.act(action, job_id))
    show_order(job)
    st.caption("Prompt")
    st.code(job.prompt, language=None, wrap_lines=True)
    show_references(job)
    show_facts(job)


def show_order(job: Job) -> None:
    """Ask for star, verdict, tags and note of one picture."""
    studio, person = Studio.current(), form["person"]
    with st.container(horizontal=True, vertical_alignment="center"):
        star = {"on_click": studio.star, "args": ([job.id], person, not job.starred_at), "type": "tertiary"}
        label = f"Starred by {job.starred_by}" if job.starred_at else "Star"
        st.button(
            label, key="about-star", icon=":material/star:" if job.starred_at else ":material/star_border:", **star
        )
        for verdict, icon in (("pick", "thumb_up"), ("reject", "thumb_down")):
            said = job.verdict == verdict
            judged = {"on_click": studio.judge, "args": ([job.id], None if said else verdict, person)}
            told = f"{VERDICTS[verdict]}ed by {job.verdict_by}" if said else VERDICTS[verdict]
            st.button(told, key=f"about-{verdict}", icon=f":material/{icon}:", type="tertiary", **judged)
    tags = studio.tags([job.id]).get(job.id, ())
    st.multiselect(
        "Tags",
        sorted({*tags, *studio.all_tags()}),
        default=tags,
        key=f"about-tags-{job.id}-{'-'.join(tags)}",
        accept_new_options=True,
        placeholder="Add a tag",
        on_change=_tag,
        args=(job.id, tags),
    )
    st.text_area("Note", job.note or "", key=f"about-note-{job.id}", height=80, on_change=_note, args=(job.id,))
    if form.get("about_fault"):
        st.error(form["about_fault"], icon=":material/error:")


def show_references(job: Job) -> None:
    """Show what went in, in order, and where this picture went in itself."""
    studio = Studio.current()
    if job.references:
        st.caption("References, in the order sent")
        with st.container(horizontal=True):
            for number, reference in enumerate(studio.references(job.references), start=1):
                st.image(studio.link("thumbnail", reference.id), width=72, alt=f"Reference {number}")
    used = studio.used_in(job)
    if used:
        st.caption("Used as a reference for")
        with st.container(horizontal=True):
            for other in used:
                if studio.file(other):
                    st.image(studio.link("thumbnail", other.id), width=72, alt=f"Made with it: {other.prompt[:100]}")


def show_facts(job: Job) -> None:
    """Show settings, money, times and ids."""
    known = dict(items.facts(job)) | {"Expected": words.credits(job.price_expected), "Job id": job.id}
    steps = {words.STATES[state]: words.exact(at) for state, at in Studio.current().moves(job.id)}
    for name, value in (known | steps).items():
        with st.container(horizontal=True, wrap=False, gap="small"):
            st.caption(name, width=120)
            st.text(value, width="stretch")


def _tag(job_id: str, before: tuple[str, ...]) -> None:
    studio, now = Studio.current(), form[f"about-tags-{job_id}-{'-'.join(before)}"]
    form["about_fault"] = ""
    try:
        for tag in set(now) - set(before):
            studio.tag([job_id], tag, form["person"])
        for tag in set(before) - set(now):
            studio.untag([job_id], tag)
    except RequestInvalid as error:
        form["about_fault"] = error.faults[0].sentence


def _note(job_id: str) -> None:
    form["about_fault"] = ""
    try:
        Studio.current().write_note([job_id], form[f"about-note-{job_id}"], form["person"])
    except RequestInvalid as error:
        form["about_fault"] = error.faults[0].sentence
