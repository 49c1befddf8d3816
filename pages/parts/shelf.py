"""How a list of kept things behaves: read only while it is open, saved under a name, deleted with a way back."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from kie.errors import NameTaken, NothingSpent
from kie.templates import NAME_LIMIT, Preset, Template
from pages.parts import words

LIST_HEIGHT_PX, ROWS_UNBOUND = 330, 5
form = st.session_state


def popover(place: str, label: str, icon: str | None = None) -> DeltaGenerator:
    """Offer a list that is only read while it is open: `.open` says so."""
    return st.popover(label, key=place, icon=icon, on_change=forget, args=(place,))


def forget(place: str) -> None:
    """Let go of what was said about earlier presses, and of what was begun."""
    for name in (_outcome(place), renamed(place)):
        form.pop(name, None)


def renamed(place: str) -> str:
    """Return the key of the session under which the thing stands that is being renamed."""
    return f"{place}-renamed"


def ask_words(label: str, key: str) -> str:
    """Ask for words to look for, while they are typed."""
    look = {"type": "search", "icon": ":material/search:", "placeholder": label, "label_visibility": "collapsed"}
    return st.text_input(label, key=key, live=True, **look)


def rows(count: int) -> DeltaGenerator:
    """Make room for the rows of a list; a long one scrolls by itself."""
    return st.container(gap="small", height=LIST_HEIGHT_PX if count > ROWS_UNBOUND else "content", border=False)


def row(alignment: str = "center") -> DeltaGenerator:
    """Make room for what stands side by side on the narrowest screen too."""
    return st.container(horizontal=True, wrap=False, vertical_alignment=alignment, gap="small")


@dataclass(frozen=True)
class Outcome:
    """What came of the last press, and what can be done about it: replace what has the name, or put back what is gone."""

    done: str = ""
    fault: str = ""
    taken: str = ""
    deleted: Template | Preset | None = None


@dataclass(frozen=True)
class Shelf:
    """A list whose things have names: its place in the session, and how one is saved (name, replace), deleted and put back."""

    place: str
    save: Callable[[str, bool], None]
    delete: Callable[[str], Template | Preset | None]
    put_back: Callable[..., None]

    def show_outcome(self) -> None:
        """Say what came of the last press. What stands below keeps its place in the page."""
        came = form.get(_outcome(self.place), Outcome())
        with st.container():
            if came.done:
                st.caption(f":material/check: {came.done}")
            if came.fault:
                st.error(came.fault, icon=":material/error:")
            if came.taken:
                st.button("Replace it", key=f"{self.place}-replace", on_click=self._save, args=(came.taken,))
            if came.deleted:
                with row():
                    name = words.literal(came.deleted.name)
                    st.caption(f":material/delete: {name} is deleted for everybody.", width="stretch")
                    back = {"on_click": self._put_back, "args": (came.deleted,)}
                    st.button("Put it back", key=f"{self.place}-put-back", **back)

    def ask_to_save(self, label: str, disabled: bool = False) -> None:
        """Ask for a name to save something under."""
        with st.form(f"{self.place}-save", border=False), row("bottom"):
            st.text_input(label, key=self._name, max_chars=NAME_LIMIT, placeholder="Name", disabled=disabled)
            st.form_submit_button("Save", on_click=self._save, disabled=disabled)

    def take_out(self, kept_id: str) -> None:
        """Delete something, and keep it at hand in case that was a slip."""
        form[_outcome(self.place)] = Outcome(deleted=self.delete(kept_id))

    def try_to(self, act: Callable[[], str], name: str = "") -> bool:
        """Do what may be refused, and keep for the page what it returns or why it was refused. Say whether it was done.

        With the name that it is about, what has that name can be replaced.
        """
        try:
            came = Outcome(done=act())
        except NameTaken as refusal:
            came = Outcome(fault=refusal.sentence, taken=name)
        except NothingSpent as refusal:
            came = Outcome(fault=refusal.detail or refusal.sentence)
        form[_outcome(self.place)] = came
        return not came.fault

    @property
    def _name(self) -> str:
        return f"{self.place}-name"

    def _save(self, replaced: str = "") -> None:
        """Save something under the name that was typed, or in place of what has a name."""
        name = replaced or form[self._name]

        def act() -> str:
            self.save(name, bool(replaced))
            return f"Saved as {words.literal(name)}."

        if self.try_to(act, name):
            form[self._name] = ""

    def _put_back(self, deleted: Template | Preset) -> None:
        def act() -> str:
            self.put_back(deleted)
            return f"{words.literal(deleted.name)} is back."

        self.try_to(act)


def _outcome(place: str) -> str:
    return f"{place}-outcome"
