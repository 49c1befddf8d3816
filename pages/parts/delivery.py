"""What a page has put in line for the browser stays there when a fragment runs again; no fragment turns a page back, or hides a click.

What a press has begun is done to its end. What one run draws leaves together. All of it mends Streamlit 1.67, and is the only
touch of its private parts, so `requirements.txt` holds its version.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx
from streamlit.runtime.state.safe_session_state import SafeSessionState

TRIGGERS = ("trigger_value", "string_trigger_value", "json_trigger_value", "chat_input_value")
# For how long a page that was asked for and does not show yet is waited for before somebody may turn back.
UNSHOWN_S = 3.0
# For how long what a run draws waits for the rest of it.
TOGETHER_S = 0.03
_here = threading.local()
# One for each session, but for two of many that share one.
_one_at_a_time = [threading.RLock() for _ in range(64)]


def keep_what_is_in_line() -> None:
    """Let a fragment's run put its elements behind those that wait for the browser, and take none of them back.

    Streamlit drops what an earlier run drew of that fragment and has not left yet. Its neighbours then arrive without it, at
    places that are not there ("Bad delta path index"), and the page stays broken.
    """
    ForwardMsgQueue.clear = _clear


def keep_what_was_asked_for() -> None:
    """Let no wish of the old page turn back the one that a person has just asked for, and no fragment's hide what they pressed.

    Between a click on another page and its first sign of life, a fragment of the old page may still wish to run, or a field tell
    what was entered last. They name the old page: Streamlit goes back to it, so that the click is lost, or takes the new page's
    elements for those of the old one, which breaks it.

    A press, or a changed field, and the wish of a fragment that come in one message name one fragment alone: what the other led to
    would be written, and not shown, such as the price of a size that was just chosen. The whole page is run then.
    """
    AppSession.request_rerun = _request_rerun


def keep_what_was_begun() -> None:
    """Let no new run break off what a press, or a changed field, has begun: it is done to its end, and the new run follows.

    Each look into the session's state is a place where Streamlit may end a run for the sake of the next one, in the middle of a
    callback too: a press would then be heard and not done, and a picture counted as taken in that is in no list. Since the old
    run goes on then, the new one waits for it: both would change one list, and one of two pictures be lost or out of its place.
    """
    ScriptRunner._maybe_handle_execution_control_request = _give_way
    SafeSessionState.on_script_will_rerun = _call_back


def send_what_belongs_together() -> None:
    """Let what a run draws leave when the run has ended, or every 30 ms while it goes on.

    Streamlit sends every 5 ms whatever is drawn by then, and the browser lays out its whole tree for each piece: seven times
    for a changed setting, and four times now.
    """
    AppSession.flush_browser_queue = _flush


@contextmanager
def unbroken() -> Iterator[None]:
    """Let no new run break off what is done within, nor do anything of the kind in this session until it is done.

    The new run is in another thread, beside the old one until that gives way. Each looks at the session's state within: what
    was read before may have changed when its turn comes.
    """
    context = get_script_run_ctx(suppress_warning=True)
    before = getattr(_here, "is_unbroken", False)
    with _one_at_a_time[hash(context.session_id if context else "") % len(_one_at_a_time)]:
        _here.is_unbroken = True
        try:
            yield
        finally:
            _here.is_unbroken = before


def _give_way(runner: ScriptRunner) -> None:
    if not getattr(_here, "is_unbroken", False):
        _give_way_plainly(runner)


def _call_back(state: SafeSessionState, *told: Any, **more: Any) -> None:
    with unbroken():
        _call_back_plainly(state, *told, **more)


def _clear(
    queue: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
) -> None:
    if fragment_ids_this_run is None:
        _clear_whole(queue, retain_lifecycle_msgs)
    else:
        # The new run's elements are not folded into those of the run before, which may stand in front of other ones.
        queue._delta_index_map = {}


def _flush(session: AppSession) -> list[ForwardMsg]:
    now = time.monotonic()
    began = getattr(session, "_began_to_wait", None) or now
    session._began_to_wait = None
    left_s = began + TOGETHER_S - now
    if session._browser_queue.is_empty() or session._state is not AppSessionState.APP_IS_RUNNING or left_s <= 0:
        return _flush_plainly(session)
    session._began_to_wait = began
    asyncio.get_running_loop().call_later(left_s, session._message_enqueued_callback)
    return []


def _request_rerun(session: AppSession, client_state: ClientState | None) -> None:
    if client_state is not None:
        if _news(session, client_state) > 1:
            client_state.fragment_id = ""
        shown, named, now = session._client_state.page_script_hash, client_state.page_script_hash, time.monotonic()
        before, asked, at = getattr(session, "_page_asked", (shown, shown, 0.0))
        # What was asked for counts until it is shown, or until the server itself has gone on to another page.
        current = asked if shown == before else shown
        if client_state.fragment_id:
            # A session begins with no page's name but the script's own, which the browser would take for another page.
            is_page = current not in ("", session._pages_manager.main_script_hash)
            client_state.page_script_hash = current if is_page else named
        elif named == shown == before != asked and now - at < UNSHOWN_S:
            client_state.page_script_hash = asked
        else:
            session._page_asked = (shown, named, now)
    _request_rerun_plainly(session, client_state)


def _news(session: AppSession, told: ClientState) -> int:
    """Count what a message tells that the one before did not: presses and wishes, and fields with another value.

    A field that was never told before may stand as it was drawn. It counts only along with a press or a wish.
    """
    triggers, fields = 0, {}
    for widget in told.widget_states.widgets:
        if widget.WhichOneof("value") in TRIGGERS:
            triggers += 1
        else:
            fields[widget.id] = widget.SerializeToString(deterministic=True)
    before, session._fields_told = getattr(session, "_fields_told", {}), fields
    triggers += told.is_auto_rerun
    return triggers + sum(before.get(name, None if triggers else value) != value for name, value in fields.items())


_flush_plainly = AppSession.flush_browser_queue
_clear_whole = ForwardMsgQueue.clear
_request_rerun_plainly = AppSession.request_rerun
_give_way_plainly = ScriptRunner._maybe_handle_execution_control_request
_call_back_plainly = SafeSessionState.on_script_will_rerun
