"""The form of one tab: its values, and how they are kept over a reload, a restart and a change of page.

session state ──► form_state.js: sessionStorage (this tab's settings), localStorage (the last settings)
prompt.js, strip.js ──► sessionStorage: the prompt and the references, as soon as they change
session state ◄── form_state.js, once per session
"""

from typing import Any

import streamlit as st

from kie.generation import IMAGES_LIMIT, OPTIONS
from kie.studio import Studio
from kie.text import project_name
from pages.parts.component import component, session_id
from pages.parts.composer import prompt
from pages.parts.references import strip

KEY, KNOWN, PUT = "form-state", "form_is_known", "form_put"
DEFAULTS = {
    "prompt": "",
    **{option.name: option.default for option in OPTIONS},
    "images": 1,
    "project": None,
    "as_table": False,
    "draft": None,
    "written_out": True,
}
CHOICES = {
    **{option.name: option.values for option in OPTIONS},
    "images": range(1, IMAGES_LIMIT + 1),
    "as_table": (True, False),
    "written_out": (True, False),
}
session = st.session_state
_component = component("studio_form_state", "stored.js", "composer/form_state.js")


def begin() -> None:
    """Set the defaults in a new session, and restore the form of the tab, before any field is drawn."""
    for name, value in DEFAULTS.items():
        session.setdefault(name, value)
    prompt.read_typed()
    fill()
    keep(KEY)


def keep(key: str) -> None:
    """Have the browser store the form, or, in a new session, return the stored one."""
    # The prompt and the references are stored by their own components.
    kept = {name: session[name] for name in DEFAULTS if name != prompt.TEXT}
    # Not the number of images: a forgotten one costs credits.
    settings = [*options(), "project"]
    data = {"form": kept, "settings": settings, "isKnown": bool(session.get(KNOWN))}
    # What several components send in the same moment is one message, and Streamlit runs the fragment of only one of them.
    _component(key=key, data=data, default={"kept": None}, on_kept_change=_restore)


def current() -> dict[str, Any]:
    """Return the present values of the form."""
    return {name: session[name] for name in DEFAULTS} | {"references": strip.chosen().ids}


def options() -> dict[str, str]:
    """Return the chosen options of a request."""
    return {option.name: session[option.name] for option in OPTIONS}


def put(**values: Any) -> None:
    """Put values into the form, in a callback."""
    if "references" in values:
        strip.replace(values.pop("references"))
    text = values.pop(prompt.TEXT, session[prompt.TEXT])
    earlier = session.get(PUT, {})
    session[PUT] = earlier | {name: (*earlier.get(name, ()), session[name], value) for name, value in values.items()}
    prompt.put(text)


def fit(kept: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the values of a stored form that are still valid, and the ids of its references that still exist."""
    values = {name: value for name, value in kept.items() if name in DEFAULTS and _is_fit(name, value)}
    found = Studio.current().store.references.get_many([str(each) for each in kept.get("references", [])])
    return values, [reference.id for reference in found]


def fill() -> None:
    """Set the values that were put in, except of fields that were changed meanwhile, until the browser sends them itself.

    The browser applies new values one field after the other, so an older value of one may arrive after its report that the
    new prompt is shown. Then the prompt is put in again, so that the browser reports once more.
    """
    _restore()
    left, is_shown = {}, prompt.is_shown()
    for name, (*earlier, value) in session.get(PUT, {}).items():
        if session[name] in earlier and session[name] != value:
            session[name] = value
        elif is_shown:
            continue
        left[name] = (*earlier, value)
    session[PUT] = left
    if is_shown and left:
        prompt.put(session[prompt.TEXT], is_restored=True)


def _restore() -> None:
    """Restore the valid values of the stored form, except of fields that were changed meanwhile."""
    kept = (session.get(KEY) or {}).get("kept")
    if session.get(KNOWN) or not kept or kept["session"] != session_id():
        return
    values, references = fit(kept["form"])
    text = values.pop(prompt.TEXT, "")
    session[PUT] = {name: (DEFAULTS[name], value) for name, value in values.items() if value != DEFAULTS[name]}
    if session[PUT] or text:
        prompt.put(session[prompt.TEXT] or text, is_restored=True)
    if set(references) - set(strip.chosen().ids):
        strip.replace([*references, *strip.chosen().ids], is_new=False)
    session[KNOWN] = True


def _is_fit(name: str, value: Any) -> bool:
    if name in CHOICES:
        return type(value) is type(DEFAULTS[name]) and value in CHOICES[name]
    if name == prompt.TEXT:
        return isinstance(value, str) and len(value) <= prompt.KEPT_LIMIT
    if name == "project":
        return isinstance(value, str) and project_name(value) == value
    return isinstance(value, str) and value.isalnum() and len(value) <= 32
