"""Receives submissions from the browser, which repeats each until it is acknowledged: see outbox.js.

    outbox.js ── {"list": [{id, session, revision, text, says, form}, …]} ──► session state
    outbox.js ◄── the ids that were handled, and those of an earlier session that were not ── session state

It is on every page, so that a change of page loses no submission.
"""

from typing import Any

import streamlit as st

from kie.studio import Studio
from pages.parts.component import component, session_id
from pages.parts.composer import form_state, prompt, prompt_tools, submit

KEY, HANDLED = "outbox", "handled_submissions"
KEPT = 20
session = st.session_state
_outbox = component("studio_outbox", "composer/outbox.html", "live/status.css", "stored.js", "composer/outbox.js")


def receive() -> None:
    """Handle each new submission once, when the form is restored. One of an earlier session is only offered to be put into it."""
    state, unsent = session.get(KEY) or {}, []
    # A phone is taken to be narrow until the browser has sent its width.
    is_mobile = "Mobile" in st.context.headers.get("User-Agent", "")
    session["is_narrow"] = is_mobile if state.get("narrow") is None else bool(state["narrow"])
    for message in (state.get("submissions") or {"list": []})["list"][:KEPT]:
        submit_id = message["id"]
        if submit_id in session.get(HANDLED, ()):
            continue
        if message["session"] == session_id():
            # Before the stored form is back, the form has other settings than the person chose.
            if not ("rerun" in message or session.get(form_state.KNOWN)):
                continue
            _handle(message)
        elif not Studio.current().submissions.exists(submit_id):
            if message.get("wanted") != session_id():
                unsent.append(submit_id)
                continue
            prompt_tools.put_unsent(message["text"], message.get("form") or {})
        session[HANDLED] = [*session.get(HANDLED, []), submit_id][-KEPT:]
    data = {"handled": session.get(HANDLED, []), "unsent": unsent, "isNarrow": session["is_narrow"]}
    callbacks = dict.fromkeys(("on_submissions_change", "on_narrow_change"), lambda: None)
    _outbox(key=KEY, data=data, default={"submissions": None, "narrow": None}, **callbacks)


def _handle(message: dict[str, Any]) -> None:
    if "rerun" in message:
        submit.rerun(message["rerun"], message["id"], message["says"])
    elif prompt.accept(message):
        submit.submit_form(message["id"], message["says"])
    else:
        submit.refuse_changed_form()
