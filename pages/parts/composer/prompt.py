"""The prompt and the button that costs credits, in one component: the text stays in the browser while it is typed.

prompt.js ◄── the text under a revision, the button's label ── session state
prompt.js ── the text ──► session state        when the person rests or leaves the field, and with each press
"""

from typing import Any

import streamlit as st

from kie.generation import PROMPT_LIMIT
from kie.spreadsheets.reader import tidied
from pages.parts.component import component, session_id

KEY = "prompt-field"
TEXT, REVISION, SHOWN, RESTORED = "prompt", "prompt_revision", "prompt_shown", "prompt_is_restored"
# More than can be sent may stand in the field for a while; more than this is no prompt.
KEPT_LIMIT = 20 * PROMPT_LIMIT
form = st.session_state
_field = component("studio_prompt", "composer/prompt.html", "composer/prompt.css", "stored.js", "composer/prompt.js")


def ask(label: str, says: tuple[int, float | None], disabled: bool, fault: str = "") -> None:
    """Show the prompt and the button. `says` is how many pictures the label stands for, and what they cost."""
    data = {
        "value": form[TEXT],
        "revision": form.get(REVISION, 0),
        "isRestored": form.get(RESTORED, False),
        "limit": PROMPT_LIMIT,
        "button": {"text": label, "says": list(says), "disabled": disabled},
        "fault": fault,
    }
    _field(key=KEY, data=data, default={"told": None}, on_told_change=hear)


def hear() -> None:
    """Take over what was typed, unless something else was put into the field since."""
    take((form.get(KEY) or {}).get("told") or {})


def take(told: dict[str, Any]) -> bool:
    """Take over a text that the browser tells, `{"text", "revision", "session"}`; return whether it is of the present form."""
    if (told.get("session"), told.get("revision")) != (session_id(), form.get(REVISION, 0)):
        return False
    form[SHOWN] = told["revision"]
    text = told.get("text")
    if isinstance(text, str) and len(text) <= KEPT_LIMIT:
        form[TEXT] = tidied(text)
    return True


def is_shown() -> bool:
    """Return whether the browser shows what was put into the form last."""
    return form.get(SHOWN, 0) == form.get(REVISION, 0)


def put(text: str, is_restored: bool = False) -> None:
    """Put a text into the field, in a callback. One that is only `is_restored` gives way to what was typed meanwhile."""
    form.update({TEXT: text, REVISION: form.get(REVISION, 0) + 1, RESTORED: is_restored})
