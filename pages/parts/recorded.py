"""Callbacks that write to the database, with a notice when nothing could be written."""

import functools
from collections.abc import Callable
from typing import Any

import streamlit as st

from kie.errors import NotRecorded, RequestInvalid, StudioError
from kie.recording import recording, unrecorded
from kie.views import format


def recorded(do: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a callback: if it can't be recorded, or the input is invalid, a notice is shown and it returns None."""

    @functools.wraps(do)
    def try_to(*given: Any) -> Any:
        try:
            with recording():
                return do(*given)
        except (NotRecorded, RequestInvalid) as error:
            st.toast(format.escape(_told(error)), icon=":material/error:", duration="long")
        return None

    return try_to


def confirmed(do: Callable[..., Any], *given: Any) -> bool:
    """Perform the action of a dialog and return whether it succeeded. If not, the dialog shows the reason.

    Not for callbacks, in which Streamlit would replace the dialog by the message.
    """
    try:
        with recording():
            do(*given)
    except (NotRecorded, RequestInvalid) as error:
        st.error(format.escape(_told(error)), icon=":material/error:")
        return False
    return True


def show_refusal(error: Exception) -> bool:
    """Show the sentence of an exception that ended a run, and return whether it has one."""
    found = error if isinstance(error, StudioError) else unrecorded(error)
    if found:
        st.error(format.escape(_told(found)), icon=":material/error:")
    return found is not None


def _told(error: StudioError) -> str:
    if isinstance(error, RequestInvalid):
        return error.faults[0].sentence
    is_more = error.detail and error.detail not in error.sentence
    return f"{error.sentence} ({error.detail})" if is_more else error.sentence
