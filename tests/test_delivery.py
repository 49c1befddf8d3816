"""Nothing that a page has drawn is taken back before the browser has it."""

from collections.abc import Iterator

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from pages.parts.delivery import keep_what_is_in_line


@pytest.fixture
def queue() -> Iterator[ForwardMsgQueue]:
    """A session's line to its browser, as the server makes it."""
    before = ForwardMsgQueue.clear
    keep_what_is_in_line()
    yield ForwardMsgQueue()
    ForwardMsgQueue.clear = before


def drawn(place: int, fragment_id: str = "", text: str = "") -> ForwardMsg:
    message = ForwardMsg()
    message.metadata.delta_path.extend([0, place])
    message.delta.new_element.text.body = text
    message.delta.fragment_id = fragment_id
    return message


def places(queue: ForwardMsgQueue) -> list[tuple[int, str]]:
    return [(message.metadata.delta_path[1], message.delta.new_element.text.body) for message in queue.flush()]


def test_a_fragment_that_runs_again_leaves_its_first_drawing_between_its_neighbours(queue: ForwardMsgQueue) -> None:
    for place, fragment_id in enumerate(("", "clock", "")):
        queue.enqueue(drawn(place, fragment_id, "first"))
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["clock"])
    queue.enqueue(drawn(1, "clock", "second"))
    assert places(queue) == [(0, "first"), (1, "first"), (2, "first"), (1, "second")]


def test_a_whole_run_still_takes_back_what_it_draws_anew(queue: ForwardMsgQueue) -> None:
    queue.enqueue(drawn(0, text="first"))
    queue.clear(retain_lifecycle_msgs=True)
    assert places(queue) == []


def test_streamlit_itself_still_needs_this(queue: ForwardMsgQueue) -> None:
    """When this fails, a newer Streamlit keeps the line by itself: take the module out."""
    del queue
    import pages.parts.delivery as delivery

    line = ForwardMsgQueue()
    line.enqueue(drawn(0, "clock"))
    delivery._clear_whole(line, retain_lifecycle_msgs=True, fragment_ids_this_run=["clock"])
    assert line.is_empty()
