"""Callbacks that write: where nothing is written, a notice says why and the page stays as it is."""

import functools
from collections.abc import Callable
from typing import Any

import streamlit as st

from kie.errors import NotRecorded, RequestInvalid, StudioError
from kie.recording import recording, unrecorded


def recorded(do: Callable[..., Any]) -> Callable[..., Any]:
    """Return the callback with a notice when it can't be recorded, or what was entered is invalid. It returns None then."""

    @functools.wraps(do)
    def try_to(*given: Any) -> Any:
        try:
            with recording():
                return do(*given)
        except (NotRecorded, RequestInvalid) as error:
            st.toast(_told(error), icon=":material/error:", duration="long")
        return None

    return try_to


def confirmed(do: Callable[..., Any], *given: Any) -> bool:
    """Do what a dialog asks for, and return whether it was done; the dialog says why if it was not.

    Not in a callback: Streamlit would put a notice in the place of the dialog.
    """
    try:
        with recording():
            do(*given)
    except (NotRecorded, RequestInvalid) as error:
        st.error(_told(error), icon=":material/error:")
        return False
    return True


def show_refusal(error: Exception) -> bool:
    """Show in its place on the page, in words, what a run could not record or was refused, and say whether there are words."""
    found = error if isinstance(error, StudioError) else unrecorded(error)
    if found:
        st.error(_told(found), icon=":material/error:")
    return found is not None


def _told(error: StudioError) -> str:
    if isinstance(error, RequestInvalid):
        return error.faults[0].sentence
    is_more = error.detail and error.detail not in error.sentence
    return f"{error.sentence} ({error.detail})" if is_more else error.sentence
