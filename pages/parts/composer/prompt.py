"""The prompt and the Generate button, in one component. The text stays in the browser while it is typed.

prompt.js ◄── the text with its revision, the button's label ── session state
prompt.js ── the text ──► session state        after a pause in typing, when the field loses the focus, with each submission
"""

from typing import Any

import streamlit as st

from kie.generation import PROMPT_LIMIT
from kie.text import tidied
from pages.parts.component import component, session_id

KEY = "prompt-field"
TEXT, REVISION, SHOWN, RESTORED = "prompt", "prompt_revision", "prompt_shown", "prompt_is_restored"
# The field may have more text than can be sent, but not more than this.
KEPT_LIMIT = 20 * PROMPT_LIMIT
session = st.session_state
_field = component("studio_prompt", "composer/prompt.html", "composer/prompt.css", "stored.js", "composer/prompt.js")


def ask(label: str, says: tuple[int, float | None], disabled: bool, fault: str = "") -> None:
    """Show the prompt and the button. `says` is the number of pictures in its label, and their expected credits."""
    data = {
        "value": session[TEXT],
        "revision": session.get(REVISION, 0),
        "isRestored": session.get(RESTORED, False),
        "limit": PROMPT_LIMIT,
        "button": {"text": label, "says": list(says), "disabled": disabled},
        "fault": fault,
    }
    _field(key=KEY, data=data, default={"typed": None}, on_typed_change=read_typed)


def read_typed() -> None:
    """Read the text that was typed, unless another was put into the field since."""
    accept((session.get(KEY) or {}).get("typed") or {})


def accept(typed: dict[str, Any]) -> bool:
    """Read the browser's text, `{"text", "revision", "session"}`, if it is of this session and revision, and return whether it is."""
    if (typed.get("session"), typed.get("revision")) != (session_id(), session.get(REVISION, 0)):
        return False
    session[SHOWN] = typed["revision"]
    text = typed.get("text")
    if isinstance(text, str) and len(text) <= KEPT_LIMIT:
        session[TEXT] = tidied(text)
    return True


def is_shown() -> bool:
    """Return whether the browser shows the text that was put in last."""
    return session.get(SHOWN, 0) == session.get(REVISION, 0)


def put(text: str, is_restored: bool = False) -> None:
    """Put a text into the field, in a callback. With `is_restored`, a text that was typed meanwhile is kept."""
    session.update({TEXT: text, REVISION: session.get(REVISION, 0) + 1, RESTORED: is_restored})
