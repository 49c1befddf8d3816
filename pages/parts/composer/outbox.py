"""Presses of Generate, handed over by the browser until each has been taken: see outbox.js.

    outbox.js ── {"list": [{id, session, revision, text, says}, …]} ──► session state, with the form's own values
    outbox.js ◄── the ids that were taken, and those that need a person's word ── session state

It is drawn on every page, so that a change of page loses no press.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from kie.studio import Studio
from pages.parts.component import component
from pages.parts.composer import prompt

KEY, HANDLED = "presses", "handled_presses"
KEPT = 20
# How many pictures a button stood for, and what it said that they cost.
Says = tuple[int, float | None] | None
form = st.session_state
_FILES = ("composer/outbox.html", "live/status.css", "stored.js", "composer/outbox.js")
_presses = component("studio_presses", *_FILES)


def take(
    send: Callable[[str, Says], None], rerun: Callable[[str, str, Says], None], refuse: Callable[[], None]
) -> None:
    """Answer each new press once, and show what has to be sent by hand.

    `send(submit id, what the button said)` is called for the form, `rerun(submit id of an earlier press, submit id, what the
    button said)` for a press of Rerun, and `refuse()` for a press on a form that was replaced in the same moment.
    """
    unsent = []
    for press in _told():
        identifier = press["id"]
        if identifier in form.get(HANDLED, ()):
            continue
        if press["session"] == form["tab"]:
            if "rerun" in press:
                rerun(press["rerun"], identifier, press["says"])
            elif press["revision"] is None or prompt.take(press):
                send(identifier, press["says"])
            else:
                refuse()
        elif not Studio.current().submissions.exists(identifier):
            unsent.append(identifier)
            continue
        form[HANDLED] = [*form.get(HANDLED, []), identifier][-KEPT:]
    told = {"session": form["tab"], "handled": form.get(HANDLED, []), "unsent": unsent, "isNarrow": is_narrow()}
    heard = dict.fromkeys(("on_presses_change", "on_narrow_change"), lambda: None)
    _presses(key=KEY, data=told, default={"presses": None, "narrow": None}, **heard)


def is_narrow() -> bool:
    """Say whether the browser's window is as narrow as a phone. Until it has told its width, a phone's browser is taken to be."""
    told = (form.get(KEY) or {}).get("narrow")
    return "Mobile" in st.context.headers.get("User-Agent", "") if told is None else bool(told)


def _told() -> list[dict[str, Any]]:
    return ((form.get(KEY) or {}).get("presses") or {"list": []})["list"][:KEPT]
