"""The frame of every page: title and icon, navigation, credits, the visitor's name, and pending submissions."""

import time
from pathlib import Path
from urllib.parse import unquote

import streamlit as st

from kie.session import SubmitGuard
from kie.studio import Studio
from kie.text import NOBODY, person_name
from pages.parts.composer import form_state, outbox, request, submit
from pages.parts.live import status, visitor
from pages.parts.recorded import recorded

ICON = Path(__file__).parent / "icon.png"
session = st.session_state


def show_bar(is_account: bool) -> None:
    """Show the balance and what is wrong in one line, and the field for the visitor's name."""
    known = unquote(st.context.cookies.get("studio_person", ""))
    with st.container(horizontal=True, wrap=False, vertical_alignment="top", gap="small"):
        status.show("bar", act, account=is_account)
        shown = {"icon": ":material/person:", "label_visibility": "collapsed", "width": 150}
        session["person"] = person_name(st.text_input("Your name", known or NOBODY, 80, key="person_typed", **shown))
    visitor.remember("studio_person", session["person"])


def act(action: str) -> None:
    """Perform the action of a button beside the credits."""
    if action == "try-now":
        recorded(Studio.current().attention.try_now)()
    elif action == "account":
        session["go"] = "account.py"


@st.fragment
def receive_submissions() -> None:
    """Handle submissions. In a run of this fragment, the page runs again only if more than the pictures has changed."""
    outbox.receive()
    if session["seen"]:
        if "go" in session or submit.seen(request.plan()) != session["seen"]:
            st.rerun()
        SubmitGuard(session).shown(time.monotonic())


@st.fragment(run_every=3600)
def rerun_after_restart() -> None:
    """Do nothing. Streamlit runs a page again after a restart of the server only if it has a fragment with `run_every`."""


st.set_page_config(page_title="Nano Banana Studio", page_icon=str(ICON), layout="wide")
pages = [
    st.Page("generate.py", title="Generate", icon=":material/auto_awesome:", default=True),
    st.Page("history.py", title="History", icon=":material/photo_library:"),
    st.Page("account.py", title="Account", icon=":material/account_balance_wallet:"),
]
page = st.navigation(pages, position="top")
with st.container(gap=None):
    show_bar(page.url_path == "account")
    form_state.begin()
    session["seen"] = None
    receive_submissions()
    rerun_after_restart()
place = session.pop("go", None)
if place and place != f"{page.url_path or 'generate'}.py":
    st.switch_page(place)
page.run()
if submit.QUESTION in session:
    submit.ask()
session["seen"] = submit.seen(request.plan())
SubmitGuard(session).shown(time.monotonic())
