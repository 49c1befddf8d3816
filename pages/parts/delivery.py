"""What a page has put in line for the browser stays in line when one of its fragments runs again."""

from streamlit.runtime.forward_msg_queue import ForwardMsgQueue


def keep_what_is_in_line() -> None:
    """Let a fragment's run put its elements behind those that wait for the browser, and take none of them back.

    Streamlit 1.67 drops what an earlier run drew of that fragment and has not left yet. Its neighbours then arrive without
    it, at places that are not there ("Bad delta path index"), and the page stays broken. This is the only touch of Streamlit's
    private parts, so `requirements.txt` holds its version.
    """
    ForwardMsgQueue.clear = _clear


def _clear(
    queue: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
) -> None:
    if fragment_ids_this_run is None:
        _clear_whole(queue, retain_lifecycle_msgs)
    else:
        # The new run's elements are not folded into those of the run before, which may stand in front of other ones.
        queue._delta_index_map = {}


_clear_whole = ForwardMsgQueue.clear
