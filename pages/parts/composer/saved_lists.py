"""Lists of saved templates and presets: read only while open; entries are saved under a name, and restored after deletion."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import streamlit as st

from kie.errors import NameTaken, NothingSpent, NotRecorded
from kie.prompts.templates import NAME_LIMIT, Preset, Template
from kie.recording import recording
from kie.views import format

LIST_HEIGHT_PX, ROWS_UNBOUND = 330, 5
SPACER_PX, WIDTH_PX = 95, 440
session = st.session_state


def popover(place: str, label: str, icon: str | None, show: Callable[[], None]) -> None:
    """Show a popover with a list that is only read while it is open."""
    with st.popover(label, key=place, icon=icon, on_change=forget, args=(place,)) as opened, opening_upward():
        if opened.open:
            with st.container(width=WIDTH_PX):
                show()


def opening_upward() -> AbstractContextManager[Any]:
    """Return a container in a popover of the form. An empty one beside it is so high that the browser opens the popover upward."""
    row = st.container(horizontal=True, wrap=False, gap=None)
    content = row.container(width="content")
    row.container(width=1).space(SPACER_PX)
    return content


def forget(place: str) -> None:
    """Forget the result of the last action, and an unfinished renaming."""
    for name in (_outcome(place), renamed(place)):
        session.pop(name, None)


def renamed(place: str) -> str:
    """Return the session key of the id of the entry that is being renamed."""
    return f"{place}-renamed"


def ask_words(label: str, key: str) -> str:
    """Show a search field and return its words, which are read while they are typed."""
    look = {"type": "search", "icon": ":material/search:", "placeholder": label, "label_visibility": "collapsed"}
    return st.text_input(label, key=key, live=True, **look)


def rows(found: Sequence[Any], show: Callable[[Any], None], empty: str) -> None:
    """Show the rows of a list, or `empty` if there are none. A long list scrolls."""
    with st.container(gap="small", height=LIST_HEIGHT_PX if len(found) > ROWS_UNBOUND else "content", border=False):
        if not found:
            st.caption(empty)
        for each in found:
            show(each)


def row(alignment: str = "center") -> AbstractContextManager[Any]:
    """Return a container whose elements stay side by side on narrow screens."""
    return st.container(horizontal=True, wrap=False, vertical_alignment=alignment, gap="small")


@dataclass
class Outcome:
    """The result of the last action, and the name of an entry that can be replaced, or the deleted entry, which can be restored."""

    done: str = ""
    fault: str = ""
    taken: str = ""
    deleted: Template | Preset | None = None


@dataclass(frozen=True)
class SavedList:
    """A list of named entries: its session key, and how an entry is saved (name, replace), deleted and restored."""

    place: str
    save: Callable[[str, bool], None]
    delete: Callable[[str], Template | Preset | None]
    put_back: Callable[..., None]

    def ask(self, label: str, disabled: bool = False) -> None:
        """Show the result of the last action, and the field for the name of a new entry."""
        with st.container():  # So that the elements below keep their positions in the page.
            self._show_outcome(session.get(_outcome(self.place), Outcome()))
        with st.form(f"{self.place}-save", border=False), row("bottom"):
            st.text_input(label, key=self._name, max_chars=NAME_LIMIT, placeholder="Name", disabled=disabled)
            st.form_submit_button("Save", on_click=self._save, disabled=disabled)

    def _show_outcome(self, came: Outcome) -> None:
        if came.done:
            st.caption(f":material/check: {came.done}")
        if came.fault:
            st.error(format.escape(came.fault), icon=":material/error:")
        if came.taken:
            st.button("Replace it", key=f"{self.place}-replace", on_click=self._save, args=(came.taken,))
        if came.deleted:
            with row():
                name = format.literal(came.deleted.name)
                st.caption(f":material/delete: {name} is deleted for everybody.", width="stretch")
                back = {"on_click": self._put_back, "args": (came.deleted,)}
                st.button("Put it back", key=f"{self.place}-put-back", **back)

    @contextmanager
    def outcome(self, done: str = "", name: str = "") -> Iterator[Outcome]:
        """Store the result of the block for the page: `done`, or why it was refused. An entry of this `name` can be replaced then."""
        came = Outcome(done)
        try:
            with recording():
                yield came
        except (NameTaken, NotRecorded) as refusal:
            came = Outcome(fault=refusal.sentence, taken=name if isinstance(refusal, NameTaken) else "")
        except NothingSpent as refusal:
            came = Outcome(fault=refusal.detail or refusal.sentence)
        session[_outcome(self.place)] = came

    def take_out(self, kept_id: str) -> None:
        """Delete an entry, and keep it for the page, which offers to restore it."""
        with self.outcome() as came:
            came.deleted = self.delete(kept_id)

    @property
    def _name(self) -> str:
        return f"{self.place}-name"

    def _save(self, replaced: str = "") -> None:
        """Save an entry under the typed name, or in place of the one named `replaced`."""
        name = replaced or session[self._name]
        with self.outcome(f"Saved as {format.literal(name)}.", name):
            self.save(name, bool(replaced))
            session[self._name] = ""

    def _put_back(self, deleted: Template | Preset) -> None:
        with self.outcome(f"{format.literal(deleted.name)} is back."):
            self.put_back(deleted)


def _outcome(place: str) -> str:
    return f"{place}-outcome"
