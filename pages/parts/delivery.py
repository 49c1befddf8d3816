"""What a page has put in line for the browser stays in line when one of its fragments runs again; and no fragment turns a page back.

Both mend Streamlit 1.67, and are the only touch of its private parts, so `requirements.txt` holds its version.
"""

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue


def keep_what_is_in_line() -> None:
    """Let a fragment's run put its elements behind those that wait for the browser, and take none of them back.

    Streamlit drops what an earlier run drew of that fragment and has not left yet. Its neighbours then arrive without it, at
    places that are not there ("Bad delta path index"), and the page stays broken.
    """
    ForwardMsgQueue.clear = _clear


def keep_the_page_that_was_asked_for() -> None:
    """Let a fragment's wish to run again never name another page than the one that a person has asked for last.

    Between a click on another page and its first sign of life, a fragment of the old page may still wish to run. It names the
    old page then: Streamlit goes back to it, or takes the new page's elements for those of the old one, which breaks it.
    """
    AppSession.request_rerun = _request_rerun


def _clear(
    queue: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
) -> None:
    if fragment_ids_this_run is None:
        _clear_whole(queue, retain_lifecycle_msgs)
    else:
        # The new run's elements are not folded into those of the run before, which may stand in front of other ones.
        queue._delta_index_map = {}


def _request_rerun(session: AppSession, client_state: ClientState | None) -> None:
    if client_state is not None:
        shown = session._client_state.page_script_hash
        if client_state.fragment_id:
            before, asked = getattr(session, "_page_asked", (shown, shown))
            # What was asked for counts until it is shown, or until the server itself has gone on to another page.
            client_state.page_script_hash = (asked if shown == before else shown) or client_state.page_script_hash
        else:
            session._page_asked = (shown, client_state.page_script_hash)
    _request_rerun_plainly(session, client_state)


_clear_whole = ForwardMsgQueue.clear
_request_rerun_plainly = AppSession.request_rerun
