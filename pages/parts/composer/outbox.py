"""Presses of Generate, handed over by the browser until each has been taken: see outbox.js.

    outbox.js ── {"list": [{id, session, revision, text, says, form}, …]} ──► session state, with the form's own values
    outbox.js ◄── the ids that were taken, and those that another session began and lost ── session state

It is drawn on every page, so that a change of page loses no press.
"""

from typing import Any

import streamlit as st

from kie.studio import Studio
from pages.parts.component import component, session_id
from pages.parts.composer import prompt, prompt_tools, submit

KEY, HANDLED = "presses", "handled_presses"
KEPT = 20
form = st.session_state
_presses = component("studio_presses", "composer/outbox.html", "live/status.css", "stored.js", "composer/outbox.js")


def take() -> None:
    """Answer each new press once, and show those that were lost: a person may have such a press put into the form again."""
    told, unsent = form.get(KEY) or {}, []
    # Until the browser has told its width, a phone's is taken to be narrow.
    is_mobile = "Mobile" in st.context.headers.get("User-Agent", "")
    form["is_narrow"] = is_mobile if told.get("narrow") is None else bool(told["narrow"])
    for press in (told.get("presses") or {"list": []})["list"][:KEPT]:
        identifier = press["id"]
        if identifier in form.get(HANDLED, ()):
            continue
        if press["session"] == session_id():
            _answer(press)
        elif not Studio.current().submissions.exists(identifier):
            if press.get("wanted") != session_id():
                unsent.append(identifier)
                continue
            prompt_tools.put_press(press["text"], press.get("form") or {})
        form[HANDLED] = [*form.get(HANDLED, []), identifier][-KEPT:]
    data = {"handled": form.get(HANDLED, []), "unsent": unsent, "isNarrow": form["is_narrow"]}
    heard = dict.fromkeys(("on_presses_change", "on_narrow_change"), lambda: None)
    _presses(key=KEY, data=data, default={"presses": None, "narrow": None}, **heard)


def _answer(press: dict[str, Any]) -> None:
    if "rerun" in press:
        submit.rerun(press["rerun"], press["id"], press["says"])
    elif prompt.take(press):
        submit.send_form(press["id"], press["says"])
    else:
        submit.refuse()
