"""What is selected in the history, over pages and views, and what can be done with all of it at once."""

from collections.abc import Callable, Iterable, Sequence

import streamlit as st

from kie.errors import RequestInvalid
from kie.jobs import Job
from kie.query import Query
from kie.studio import Studio
from pages.parts import words

CHOSEN, REVISION, TOLD, UNDO = "chosen", "chosen_revision", "order_told", "order_undo"
form = st.session_state


def chosen() -> list[str]:
    """Return the ids of what is selected, on whatever page it stands."""
    return form.setdefault(CHOSEN, [])


def choose(ids: Iterable[str], among: Iterable[str]) -> None:
    """Select these of what is shown, the newly chosen last, and keep what is selected elsewhere."""
    shown, selected = set(among), list(ids)
    kept = [each for each in chosen() if each not in shown or each in selected]
    form[CHOSEN] = list(dict.fromkeys([*kept, *selected]))


def revision() -> int:
    """Return how often the selection was changed from outside the list, which the list has to be told."""
    return form.setdefault(REVISION, 0)


def remember(jobs: Sequence[Job]) -> None:
    """Let go of what stands in the bin by now and is shown no more."""
    gone = {job.id for job in jobs if job.emptied_at}
    form[CHOSEN] = [each for each in chosen() if each not in gone]


def select_none() -> None:
    """Select nothing."""
    form[CHOSEN], form[REVISION] = [], revision() + 1


def show_deeds(asked: Query) -> None:
    """Offer what can be done with the selected pictures, and to undo what was done last."""
    if form.get(TOLD):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(form[TOLD])
            if form.get(UNDO):
                st.button("Undo", key="order-undo", icon=":material/undo:", type="tertiary", on_click=_undo)
    ids = chosen()
    if not ids:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="order"):
        st.markdown(f"**{len(ids):,} selected**")
        _deed("Star", "star", lambda: Studio.current().star(chosen(), form["person"]))
        _deed("Pick", "thumb_up", lambda: Studio.current().judge(chosen(), "pick", form["person"]))
        _deed("Reject", "thumb_down", lambda: Studio.current().judge(chosen(), "reject", form["person"]))
        with st.popover("Tag and project", icon=":material/label:"):
            _ask_names(ids)
        if asked.binned:
            _deed("Take out of the bin", "restore_from_trash", _unbin)
        else:
            _deed("Delete", "delete", _bin)
        _deed("Select none", "deselect", select_none)


def _deed(label: str, icon: str, do: Callable[[], object]) -> None:
    st.button(label, key=f"order-{icon}", icon=f":material/{icon}:", type="tertiary", on_click=do)


def _ask_names(ids: Sequence[str]) -> None:
    st.text_input("Tag", key="order_tag", max_chars=40)
    st.button("Add the tag", key="order-tag", on_click=_tag)
    projects = Studio.current().projects()
    st.selectbox("Project", projects, None, key="order_project", accept_new_options=True, placeholder="No project")
    st.button(f"Move {words.pictures(len(ids))} there", key="order-project", on_click=_move)


def _tag() -> None:
    try:
        Studio.current().tag(chosen(), form["order_tag"], form["person"])
    except RequestInvalid as error:
        _tell(error.faults[0].sentence)
        return
    _tell(f"{words.pictures(len(chosen()))} tagged.")


def _move() -> None:
    Studio.current().put_in_project(chosen(), form["order_project"], form["person"])
    _tell(f"{words.pictures(len(chosen()))} moved.")


def _bin() -> None:
    ids = chosen()
    done = Studio.current().bin(ids, form["person"])
    stayed = [f"{done.open} still being made"] * bool(done.open) + [f"{done.attention} needing attention"] * bool(
        done.attention
    )
    left = f" Not {' and '.join(stayed)}: these stay." if stayed else ""
    _tell(f"{words.pictures(done.binned)} moved to the bin for 30 days; what they cost stays in the books.{left}", ids)
    select_none()


def _unbin() -> None:
    _tell(f"{words.pictures(Studio.current().unbin(chosen()))} taken out of the bin.")
    select_none()


def _undo() -> None:
    Studio.current().unbin(form.get(UNDO) or [])
    _tell("Undone: they are where they were.")


def _tell(sentence: str, undo: Sequence[str] = ()) -> None:
    form[TOLD], form[UNDO] = sentence, list(undo)


def show_take_away(asked: Query, count: int) -> None:
    """Offer the selected pictures, or all that the list holds, as a file."""
    studio, ids = Studio.current(), chosen()
    what = words.pictures(len(ids)) if ids else f"all {count:,}"
    with st.popover("Take away", icon=":material/download:", key="take", on_change="rerun") as popover:
        if not popover.open:
            return
        form.setdefault("take_receipt", True)
        receipt = st.toggle("With prompt, cost and person in each file", key="take_receipt", persist_state="session")
        zipped = studio.zip_link(ids, receipt) if ids else studio.zip_link_of(asked, receipt)
        st.link_button(f"Zip of {what}", zipped, icon=":material/folder_zip:")
        for kind in ("csv", "json"):
            st.link_button(f"The list as {kind.upper()}", studio.list_link(asked, kind), icon=":material/table:")
