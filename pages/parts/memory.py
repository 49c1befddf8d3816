"""The form of one tab: what it holds, and how it outlives a reload, a restart and a change of page.

session state ──► memory.js: sessionStorage (this tab's form), localStorage (the last settings)
session state ◄── memory.js, once, when a session does not know the tab's form
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import streamlit as st

from kie.generation import ASPECT_RATIOS, IMAGES_LIMIT, OUTPUT_FORMATS, PROMPT_LIMIT, RESOLUTIONS, Generation
from kie.jobs import Job
from kie.names import project_name
from kie.studio import Studio
from pages.parts import uploads

KEY = "tab-memory"
PUT = "put"
# For how long a browser may still tell what stood there before the page that it got was drawn.
UNSEEN_S = 3.0
DEFAULTS = {
    "prompt": "",
    "aspect_ratio": ASPECT_RATIOS[0],
    "resolution": RESOLUTIONS[0],
    "output_format": OUTPUT_FORMATS[0],
    "images": 1,
    "project": None,
    "as_table": False,
    "draft": None,
    "written_out": True,
}
CHOICES = {
    "aspect_ratio": ASPECT_RATIOS,
    "resolution": RESOLUTIONS,
    "output_format": OUTPUT_FORMATS,
    "images": range(1, IMAGES_LIMIT + 1),
    "as_table": (True, False),
    "written_out": (True, False),
}
SETTINGS = ("aspect_ratio", "resolution", "output_format")
SWITCHES = ("as_table", "written_out")
# More than can be sent may stand in the field for a while; more than this is no prompt.
KEPT_LIMIT = 20 * PROMPT_LIMIT
form = st.session_state
_HERE = Path(__file__).parent

_memory = st.components.v2.component(
    "studio_memory",
    html="<output></output>\n",
    css=(_HERE / "memory.css").read_text(encoding="utf-8"),
    js=(_HERE / "memory.js").read_text(encoding="utf-8"),
)
_settings = st.components.v2.component("studio_settings", js=(_HERE / "memory_settings.js").read_text(encoding="utf-8"))


def begin() -> None:
    """Give the form of a new session its first values, before any of its fields is drawn."""
    for name, value in DEFAULTS.items():
        st.session_state.setdefault(name, value)
    st.session_state.setdefault("tab", uuid4().hex)
    _put_again()


@dataclass
class Put:
    """What was put into fields in place of what stood there before, and when it was drawn, in seconds of a steady clock."""

    values: dict[str, Any]
    before: dict[str, Any]
    drawn_at: float | None = None

    @property
    def is_recent(self) -> bool:
        """Say whether a browser may not have it yet."""
        return self.drawn_at is None or time.monotonic() - self.drawn_at < UNSEEN_S

    def is_partly_seen(self, told: dict[str, Any]) -> bool:
        """Say whether this is what a browser tells that has not all of it: of each field what was put there, or what stood there."""
        return told != self.values and all(
            value in (self.before[name], self.values[name]) for name, value in told.items()
        )


def put(**values: Any) -> None:
    """Put values into the form, in a callback.

    Until the browser has them, whatever it tells of the fields says what stood there before: they are put in again.
    """
    before, earlier = {name: form.get(name, DEFAULTS[name]) for name in values}, form.get(PUT)
    if earlier and earlier.drawn_at is None:
        values, before = earlier.values | values, before | earlier.before
    form[PUT] = Put(values, before)
    form.update(values)


def is_half_filled() -> bool:
    """Say, in a callback of a press, whether the browser had not shown yet all that was put into the form; it is put in again."""
    last = form.get(PUT)
    if last is None or (last.drawn_at is not None and not (last.is_recent and last.is_partly_seen(_told(last)))):
        return False
    last.drawn_at = None
    return True


def let_go() -> None:
    """Leave to a person what they have changed since something was put into the form."""
    last = form.get(PUT)
    if last and last.drawn_at is not None and _told(last) not in (last.values, last.before):
        form.pop(PUT)


def _put_again() -> None:
    let_go()
    last = form.get(PUT)
    if last and (last.drawn_at is None or (last.is_recent and _told(last) == last.before)):
        form.update(last.values)


def _told(last: Put) -> dict[str, Any]:
    return {name: form[name] for name in last.values}


def put_request(asked: Generation | Job) -> None:
    """Put a whole request into the form, but for its references, in a callback."""
    put(as_table=False, prompt=asked.prompt, **{name: getattr(asked, name) for name in SETTINGS})


def drawn() -> None:
    """Note that the fields are drawn, with what was put into them."""
    if PUT in form and form[PUT].drawn_at is None:
        form[PUT].drawn_at = time.monotonic()


def keep() -> None:
    """Show how long the prompt is, and keep the form in the browser."""
    kept = {name: form[name] for name in DEFAULTS} | {"references": uploads.reference_ids()}
    data = {"form": kept, "limit": PROMPT_LIMIT, "session": form["tab"]}
    restored = bool(form.get("restored"))
    _memory(key=KEY, data=data | {"restored": restored}, default={"restored": None}, on_restored_change=_restore)


def keep_settings() -> None:
    """Keep the settings in the browser, which change without a look at the prompt."""
    settings = {name: form[name] for name in DEFAULTS if name != "prompt"}
    _settings(key="tab-settings", data={"form": settings}, height=1)


def _restore() -> None:
    """Take back what the browser kept, as far as it can still be chosen, and nothing that was entered meanwhile."""
    told = form[KEY].get("restored")
    is_first, form["restored"] = not form.get("restored"), True
    if not isinstance(told, dict):
        return
    for name, value in told.items():
        if name in DEFAULTS and form[name] == DEFAULTS[name] and _is_fit(name, value):
            form[name] = value
    ids = [str(identifier) for identifier in _listed(told.get("references"))]
    added = uploads.reference_ids()  # while the line was gone
    if is_first or not added:
        uploads.replace([*(reference.id for reference in Studio.current().references(ids)), *added])


def _is_fit(name: str, value: Any) -> bool:
    if name in CHOICES:
        return isinstance(value, bool) == (name in SWITCHES) and value in CHOICES[name]
    if name == "prompt":
        return isinstance(value, str) and len(value) <= KEPT_LIMIT
    if name == "project":
        return isinstance(value, str) and project_name(value) == value
    return isinstance(value, str) and value.isalnum() and len(value) <= 32


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
