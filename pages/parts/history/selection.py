"""Actions on the selected pictures of the history, and exports."""

from collections.abc import Callable, Sequence

import streamlit as st

from kie.errors import NothingSpent
from kie.history.query import Query
from kie.jobs import Job
from kie.studio import Studio
from kie.text import counted
from kie.views import format
from kie.views.cards import Action
from pages.parts.gallery import gallery, job_actions
from pages.parts.recorded import confirmed, recorded

GALLERY = "history-gallery"
DONE, DIALOG, NOTICE = "selection_done", "selection_dialog", "selection_notice"
# The dialogs.
NAMES, EXPORT = "names", "export"
session = st.session_state


def chosen() -> list[str]:
    """Return the ids of the selected pictures, on all pages of the list."""
    return gallery.selection(GALLERY)


def drop_emptied(jobs: Sequence[Job]) -> None:
    """Remove jobs from the selection whose files were deleted from the bin."""
    gone = {job.id for job in jobs if job.emptied_at}
    if gone & set(chosen()):
        gallery.select(GALLERY, [each for each in chosen() if each not in gone])


def actions(query: Query) -> tuple[Action, ...]:
    """Return the actions for the selected pictures."""
    return (
        Action("star", "Star", "favorite"),
        Action("pick", "Pick", "thumb_up"),
        Action("reject", "Reject", "thumb_down"),
        Action(NAMES, "Tag or move", "label"),
        Action(EXPORT, "Export", "download"),
        Action("restore", "Restore", "restore_from_trash") if query.binned else Action("delete", "Delete", "delete"),
    )


def done() -> tuple[str, Action | None] | None:
    """Return a sentence about the last action, and the action that undoes it."""
    sentence, undo = session.get(DONE, ("", ()))
    if sentence is None:
        jobs = Studio.current().jobs.get_many(undo)
        sentence, undo = session[DONE] = format.binned(jobs), [job.id for job in jobs if job.binned_at]
    return (sentence, Action("undo", "Undo", "undo") if undo else None) if sentence else None


def act(action: str) -> None:
    """Perform the action of a button on the selection. Runs as a callback."""
    if action in (NAMES, EXPORT):
        session[DIALOG] = action
    else:
        recorded(_ACTIONS.get(action) or job_actions.ANNOTATIONS[action])(chosen())


def move_to_bin(ids: Sequence[str]) -> None:
    """Move pictures to the bin, except those of open jobs and of jobs that need attention."""
    # What was moved is counted when the page is drawn, because an interrupted callback is repeated.
    session[DONE] = (None, ids)
    Studio.current().annotations.bin(ids, session["person"])
    gallery.select(GALLERY, [each for each in chosen() if each not in ids])


def _restore(ids: Sequence[str]) -> None:
    Studio.current().annotations.unbin(ids)
    session[DONE] = ("Restored", ())
    gallery.select(GALLERY, [])


def _undo(_: Sequence[str]) -> None:
    Studio.current().annotations.unbin(session[DONE][1])
    session[DONE] = ("Restored", ())


_ACTIONS: dict[str, Callable[[Sequence[str]], object]] = {"delete": move_to_bin, "restore": _restore, "undo": _undo}


@recorded
def write(kind: str, job_id: str, text: str) -> None:
    """Save what was written beside a picture: its note, or a tag added or removed. Runs as a callback."""
    annotations, person = Studio.current().annotations, session["person"]
    if kind == "note":
        annotations.write_note([job_id], text, person)
    elif kind == "tag":
        annotations.tag([job_id], text, person)
    elif kind == "untag":
        annotations.untag([job_id], text)


def show_dialog(query: Query) -> None:
    """Show the dialog that a button opened, or a notice about what was done in it."""
    if session.get(DIALOG) == NAMES:
        _ask_names()
    elif session.get(DIALOG) == EXPORT:
        st.dialog("Export", on_dismiss=_close)(offer_files)(query, chosen())
    if notice := session.pop(NOTICE, None):
        st.toast(format.escape(notice), icon=":material/label:")


def _close() -> None:
    session[DIALOG] = None


@st.dialog("Tag or move", on_dismiss=_close)
def _ask_names() -> None:
    annotations = Studio.current().annotations
    st.caption(f"{format.pictures(len(chosen()))} selected")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tag = st.text_input("Tag", key="selection_tag", max_chars=40)
        if st.button("Add tag", key="selection-tag"):
            _name(annotations.tag, tag, "tagged")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        projects = Studio.current().library.projects()
        shown = {"key": "selection_project", "accept_new_options": True, "placeholder": "No project"}
        project = st.selectbox("Project", projects, None, **shown)
        if st.button("Move", key="selection-project"):
            _name(annotations.put_in_project, project, "moved")


def _name(write: Callable[..., object], value: str | None, done: str) -> None:
    if confirmed(write, chosen(), value, session["person"]):
        _close()
        # Shown after the dialog has closed: before, the notice would replace it.
        session[NOTICE] = f"{format.pictures(len(chosen()))} {done}"
        st.rerun()


def show_export(query: Query, pictures: int) -> None:
    """Offer the export of the whole list, which has `pictures` pictures."""
    with st.popover("Export", icon=":material/download:", key="take", on_change="rerun") as popover:
        if popover.open:
            offer_files(query, (), pictures)


def offer_files(query: Query, ids: Sequence[str], pictures: int = 0) -> None:
    """Offer a zip of these pictures, or, without ids, a zip of the list's pictures and the list itself."""
    studio = Studio.current()
    key = "take_receipt_selected" if ids else "take_receipt"
    receipt = st.toggle("With prompt, cost and person in each file", key=key, value=True, persist_state="session")
    try:
        count = studio.store.exports.count_pictures(ids) if ids else pictures
        zipped = studio.exports.zip_link(ids or query, receipt, query.zone)
        # Relative to the page, since a proxy may serve the studio below a path.
        st.link_button(f"{counted(count, 'image')} (.zip)", f".{zipped}", icon=":material/folder_zip:")
        for kind in () if ids else ("xlsx", "csv", "json"):
            st.link_button(f"List (.{kind})", f".{studio.exports.list_link(query, kind)}", icon=":material/table:")
    except NothingSpent as error:
        st.warning(format.escape(error.sentence), icon=":material/download:")
