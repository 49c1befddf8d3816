"""What every page has: its title and icon, the ways to the other pages, the credits, and who you are."""

import time
from pathlib import Path
from urllib.parse import unquote

import streamlit as st

from kie.errors import KeyRefused
from kie.names import NOBODY, person_name
from kie.settings import KEY_FILE
from kie.studio import Studio
from pages.parts import words
from pages.parts.live import remember_person, woken_by

ICON = Path(__file__).parent / "icon.png"


@st.fragment(run_every=30)
@woken_by("credits", key="credits-live")
def show_credits() -> None:
    """Show the last reading of the balance with its age, and say when it could not be read."""
    studio = Studio.current()
    balance, problem = studio.balance(), studio.credit_problem()
    with st.container(gap=None):
        st.metric("Credits", "unknown" if balance is None else words.number(balance.credits), icon=":material/paid:")
        st.caption(f"Read {words.ago(balance.at)}" if balance else "Not read yet")
    if problem:
        st.caption(":material/sync_problem: The last lookup failed.")


def pages(attention: int) -> list:
    """Name the pages, with the number of jobs that need attention beside Account."""
    account = f"Account ({attention})" if attention else "Account"
    return [
        st.Page("generate.py", title="Generate", icon=":material/auto_awesome:", default=True),
        st.Page("history.py", title="History", icon=":material/photo_library:"),
        st.Page("account.py", title=account, icon=":material/account_balance_wallet:"),
    ]


@st.fragment(run_every=30)
@woken_by("incidents", key="incidents-live")
def show_incidents(told: int) -> None:
    """Say on every page why new jobs wait, and that somebody has to look after what may be paid."""
    studio = Studio.current()
    brake, attention = studio.brake(), studio.attention_count()
    if attention != told:
        st.rerun()
    if brake:
        # While nothing waits to be made, nothing is tried either.
        tried = f"at {words.clock_time(brake.try_at)}" if brake.try_at > time.time() else "with the next picture"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(
                f"New pictures wait since {words.clock_time(brake.since)}: {words.incident(brake.problem)}. "
                f"What is being made goes on. The next try is {tried}.",
                icon=":material/pause_circle:",
            )
            st.button("Try now", on_click=studio.try_now, icon=":material/refresh:")
    if attention and not is_account:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(
                f"{attention} picture{'s' if attention > 1 else ''} may be paid for and "
                f"{'are' if attention > 1 else 'is'} not here yet: nothing is sent again by itself.",
                icon=":material/help:",
            )
            st.page_link("account.py", label="Open Account", icon=":material/arrow_forward:")


@st.fragment(run_every=30)
@woken_by("key", key="banner-live")
def show_banner(was_sandbox: bool) -> None:
    """Say on every page when pictures are only drawn here, and when the key does not work."""
    studio = Studio.current()
    if studio.is_sandbox != was_sandbox:
        st.rerun()
    key = studio.key()
    if studio.is_sandbox:
        told = f" {key.note}" if key.note and not key.is_usable else ""
        st.info(
            f"**Sandbox.** Pictures are drawn on this computer and no credits are spent.{told} "
            f"For real pictures, put your key into `{KEY_FILE}`: it is taken up at once.",
            icon=":material/science:",
        )
    elif not key.is_usable:
        told = key.note or f"Put it into `{KEY_FILE}`."
        st.error(f"There is no usable key, so nothing can be sent. {told}", icon=":material/key_off:")
    elif isinstance(studio.credit_problem(), KeyRefused):
        st.error(
            f"The service refuses the key from {key.source}, so nothing can be made and no credits are spent: "
            "put a valid one there. It is taken up at once.",
            icon=":material/key_off:",
        )


def ask_name() -> None:
    """Ask who is here, and remember it in this browser."""
    known = unquote(st.context.cookies.get("studio_person", ""))
    name = person_name(st.text_input("Your name", value=known or NOBODY, max_chars=80, key="person_typed"))
    st.session_state["person"] = name
    remember_person(name)


st.set_page_config(page_title="Nano Banana Studio", page_icon=str(ICON), layout="wide")
attention = Studio.current().attention_count()
page = st.navigation(pages(attention))
is_account = page.url_path == "account"
with st.sidebar:
    if not is_account:
        show_credits()
    ask_name()
show_banner(Studio.current().is_sandbox)
show_incidents(attention)
page.run()
