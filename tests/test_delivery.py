"""Nothing that a page has drawn is taken back before the browser has it."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSessionState
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.state.session_state import SessionState

from pages.parts import delivery
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


def test_what_a_run_draws_leaves_together_at_its_end_or_after_a_moment(queue: ForwardMsgQueue) -> None:
    woken = []
    session = SimpleNamespace(
        _browser_queue=queue,
        _state=AppSessionState.APP_IS_RUNNING,
        _message_enqueued_callback=lambda: woken.append(True),
    )

    def sent() -> list[str]:
        return [message.delta.new_element.text.body for message in delivery._flush(session)]

    async def run() -> None:
        assert sent() == []
        for place, text in enumerate(("first", "second")):
            queue.enqueue(drawn(place, text=text))
            assert sent() == []
        session._state = AppSessionState.APP_NOT_RUNNING
        assert sent() == ["first", "second"]

        session._state = AppSessionState.APP_IS_RUNNING
        queue.enqueue(drawn(0, text="of a long run"))
        woken.clear()
        assert sent() == []
        while not (left := sent()):
            await asyncio.sleep(0.001)
        assert left == ["of a long run"]
        await asyncio.sleep(delivery.TOGETHER_S)
        assert woken

    # Where a browser is open, this thread has a loop already.
    with ThreadPoolExecutor(1) as other_thread:
        other_thread.submit(asyncio.run, run()).result()


class Session:
    """Stands where Streamlit's session stands: what it shows, and the pages that it was asked to run."""

    def __init__(self, shown: str) -> None:
        self._client_state = ClientState(page_script_hash=shown)
        self._pages_manager = SimpleNamespace(main_script_hash="the script")
        self.ran: list[str] = []
        self.fragments: list[str] = []

    def ask(self, page: str, fragment: str = "", **told: dict[str, object]) -> None:
        state = ClientState(page_script_hash=page, fragment_id=fragment)
        for name, value in told.items():
            state.widget_states.widgets.add(id=name, **value)
        delivery._request_rerun(self, state)

    def show(self, page: str) -> None:
        self._client_state.page_script_hash = page


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    def plainly(session: Session, state: ClientState) -> None:
        session.ran.append(state.page_script_hash)
        session.fragments.append(state.fragment_id)

    monkeypatch.setattr(delivery, "_request_rerun_plainly", plainly)
    return Session("generate")


def test_a_fragment_of_the_old_page_does_not_turn_back_to_it(session: Session) -> None:
    session.ask("history")
    session.ask("generate", fragment="clock")
    session.show("history")
    session.ask("generate", fragment="clock")
    session.ask("history", fragment="list")
    assert session.ran == ["history"] * 4


def test_a_page_that_the_server_has_gone_on_to_is_not_left_again(session: Session) -> None:
    session.ask("generate")
    session.show("account")
    session.ask("account", fragment="balance")
    session.ask("generate", fragment="clock")
    session.ask("generate")
    assert session.ran == ["generate", "account", "account", "generate"]


def test_what_a_field_of_the_old_page_tells_late_does_not_lose_the_click(session: Session) -> None:
    session.ask("history")
    session.ask("generate")
    assert session.ran == ["history"] * 2


def test_whoever_turns_back_from_a_page_that_shows_comes_back(session: Session) -> None:
    session.ask("history")
    session.show("history")
    session.ask("generate")
    session.show("generate")
    session.ask("generate", fragment="clock")
    assert session.ran == ["history", "generate", "generate"]


def test_a_fragment_on_the_page_that_stands_runs_there(session: Session) -> None:
    session.ask("generate", fragment="clock")
    session.ask("generate")
    session.ask("generate", fragment="clock")
    assert session.ran == ["generate"] * 3


@pytest.mark.parametrize("shown", ["", "the script"])
def test_a_fragment_that_runs_right_after_the_page_was_opened_runs_on_that_page(session: Session, shown: str) -> None:
    session.show("")
    session.ask("")
    session.show(shown)
    session.ask("generate", fragment="form")
    assert session.ran == ["", "generate"]


WOKEN, PRESSED, CHOSEN = {"json_trigger_value": "[]"}, {"trigger_value": True}, {"string_value": "4K"}


def test_a_press_that_comes_along_with_a_fragment_s_wish_runs_the_whole_page(session: Session) -> None:
    session.ask("generate", fragment="clock", clock=WOKEN, generate=PRESSED)
    assert session.fragments == [""]


def test_a_fragment_alone_stays_alone_whatever_stands_in_the_fields(session: Session) -> None:
    session.ask("generate", fragment="form", resolution=CHOSEN)
    session.ask("generate", fragment="clock", clock=WOKEN, resolution=CHOSEN)
    session.ask("generate", fragment="menu", menu=PRESSED)
    assert session.fragments == ["form", "clock", "menu"]


def test_a_field_that_changes_along_with_a_fragment_s_wish_runs_the_whole_page(session: Session) -> None:
    session.ask("generate", fragment="form", resolution={"string_value": "1K"})
    session.ask("generate", fragment="clock", clock=WOKEN, resolution=CHOSEN)
    session.ask("generate", fragment="clock", clock=WOKEN, resolution=CHOSEN)
    session.ask("generate", fragment="form", resolution={"string_value": "2K"})
    assert session.fragments == ["form", "", "clock", "form"]


def test_a_field_that_is_told_for_the_first_time_along_with_a_wish_runs_the_whole_page(session: Session) -> None:
    session.ask("generate", fragment="clock", clock=WOKEN, resolution=CHOSEN)
    session.ask("generate", fragment="clock", clock=WOKEN, resolution=CHOSEN)
    assert session.fragments == ["", "clock"]


def test_streamlit_itself_still_needs_this(queue: ForwardMsgQueue) -> None:
    """When this fails, a newer Streamlit keeps the line by itself: take the module out."""
    del queue
    line = ForwardMsgQueue()
    line.enqueue(drawn(0, "clock"))
    delivery._clear_whole(line, retain_lifecycle_msgs=True, fragment_ids_this_run=["clock"])
    assert line.is_empty()


# -- what was begun is done to its end


class BrokenOff(Exception):
    """Another run wants to take this one's place."""


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> SafeSessionState:
    """A session's state as a run sees it, while another run is asked for all the time."""

    def break_off(runner: object) -> None:
        raise BrokenOff

    for owner, name in (
        (ScriptRunner, "_maybe_handle_execution_control_request"),
        (SafeSessionState, "on_script_will_rerun"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(delivery, "_give_way_plainly", break_off)
    delivery.keep_what_was_begun()
    return SafeSessionState(
        SessionState(), lambda: ScriptRunner._maybe_handle_execution_control_request(SimpleNamespace())
    )


def test_a_run_gives_way_between_two_looks_but_not_within_what_has_to_be_whole(state: SafeSessionState) -> None:
    with pytest.raises(BrokenOff):
        state["count"] = 1
    with delivery.unbroken():
        state["count"] = 1
        with delivery.unbroken():
            state["count"] = 2
        assert state["count"] == 2
    with pytest.raises(BrokenOff):
        state["count"] = 3


def test_what_a_press_has_begun_is_done_to_its_end(state: SafeSessionState, monkeypatch: pytest.MonkeyPatch) -> None:
    def call_back(state: SafeSessionState) -> None:
        state["written"] = True
        state["shown"] = True

    monkeypatch.setattr(delivery, "_call_back_plainly", call_back)
    state.on_script_will_rerun()
    with delivery.unbroken():
        assert state["written"] and state["shown"]


def test_two_runs_of_a_session_do_one_after_the_other_what_they_have_begun(
    state: SafeSessionState, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []

    def call_back(state: SafeSessionState) -> None:
        steps.append("begin")
        time.sleep(0.05)
        steps.append("end")

    monkeypatch.setattr(delivery, "_call_back_plainly", call_back)
    with ThreadPoolExecutor(2) as runs:
        for run in [runs.submit(state.on_script_will_rerun) for _ in range(2)]:
            run.result()
    assert steps == ["begin", "end"] * 2
