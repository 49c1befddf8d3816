"""Care for what may be paid, in a real browser: told on every page, found by a pasted id or by a callback; and the brake."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kie.sandbox import Sandbox
from tests.support.barriers import barriers
from tests.support.browser import (
    ZOOMED,
    Visit,
    at,
    choose_of,
    expect_news,
    go,
    paid_requests,
    pictures_of,
    rows,
    say_it_never_ran,
    sql,
    tasks,
    told,
)
from tests.support.composer import ask, make
from tests.support.recorded import RecordedSandbox
from tests.support.server import ForkedServer, Server, free_port
from tests.support.waiting import until

pytestmark = pytest.mark.browser

LINKS = ("Generate", "History", re.compile(r"^Account"))
NOTHING = "Nothing needs attention"
MAYBE = "may have been charged but hasn't arrived"
BRAKED = re.compile(r"Paused since \d\d:\d\d: the service takes no tasks\. Running pictures continue\.")


def test_a_lost_reply_is_told_on_every_page_disturbs_nobody_who_writes_and_a_pasted_id_brings_the_picture(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, writer, before = visit(server, stays=True), visit(server), service.balance
    prompt = "sandbox: lost reply, a lighthouse to care for"
    writer.get_by_label("Prompt").press_sequentially("A half-writ")
    page.bring_to_front()
    ask(page, prompt)
    expect(told(page, "did not confirm this request")).to_contain_text("not sent again")
    for one in (page, writer):
        expect(told(one, MAYBE)).to_contain_text("1 picture may have been charged")
        expect(one.get_by_role("button", name="Review", exact=True)).to_be_visible()
    writer.bring_to_front()
    writer.keyboard.type("ten prompt")
    expect(writer.get_by_label("Prompt")).to_have_value("A half-written prompt")
    expect(writer.get_by_label("Prompt")).to_be_focused()
    page.bring_to_front()
    go(page, "History")
    expect(told(page, MAYBE)).to_be_visible()
    go(page, "Generate")
    page.get_by_role("button", name="Review in Account").click()
    expect_news(page, page.get_by_role("heading", name="Needs attention: 1"))
    expect(told(page, MAYBE)).to_have_count(0)
    assert before - service.balance == 18
    assert page.locator(".figures .figure").bounding_box()["y"] < 300
    page.get_by_role("button", name="Refresh").click()
    expect_news(page, page.get_by_test_id("stVegaLiteChart"))
    assert barriers(page) == []
    paste_id(page, "no id!")
    expect(told(page, "This is not a task id")).to_be_visible()
    [task] = tasks(service, prompt)
    paste_id(page, f" {task['taskId']} ")
    expect_news(page, page.get_by_text(NOTHING))
    go(page, "Generate")
    expect(pictures_of(page, prompt)).to_be_visible()
    for one in (page, writer):
        expect(told(one, MAYBE)).to_have_count(0)
    assert len(paid_requests(service, prompt)) == 1
    assert before - service.balance == 18


def test_an_id_does_for_its_own_job_only_what_never_ran_is_taken_back_and_a_charge_for_nothing_given_up(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    made, lost, other = (
        "A picture with its own task",
        "sandbox: lost reply, a ship",
        "sandbox: lost reply, the other one",
    )
    page, account = visit(server, stays=True), visit(server, "/account")
    expect_news(account, account.get_by_text(NOTHING))
    page.bring_to_front()
    make(page, made)
    ask(page, lost)
    expect(told(page, "did not confirm this request")).to_be_visible()
    account.bring_to_front()
    paste_id(account, tasks(service, made)[0]["taskId"])
    expect_news(account, told(account, "Another job already has this task id"))
    expect_news(account, account.get_by_role("heading", name="Needs attention: 1"))
    say_it_never_ran(account)
    expect_news(account, account.get_by_text(NOTHING))
    [row] = rows(server, lost)
    assert (row["state"], row["credits"]) == ("failed", 0)

    page.bring_to_front()
    expect(told(page, "found no task for this job")).to_be_visible()
    ask(page, other)
    account.bring_to_front()
    expect_news(account, account.get_by_role("heading", name="Needs attention: 1"))
    paste_id(account, tasks(service, lost)[0]["taskId"])
    expect_news(account, told(account, "belongs to another request"))
    paste_id(account, until(lambda: tasks(service, other))[0]["taskId"])
    expect_news(account, account.get_by_text(NOTHING))

    page.bring_to_front()
    expect(pictures_of(page, other)).to_be_visible()
    choose_of(page, lost, "Review again")
    account.bring_to_front()
    expect_news(account, account.get_by_role("heading", name="Needs attention: 1"))
    paste_id(account, tasks(service, lost)[0]["taskId"])
    expect_news(account, account.get_by_text(NOTHING))
    page.bring_to_front()
    expect(pictures_of(page, lost)).to_be_visible()
    for prompt in (lost, other):
        assert len(paid_requests(service, prompt)) == 1

    sql(server, "UPDATE jobs SET state = 'failed', problem = 'TaskFailed', file = NULL WHERE prompt = ?", made)
    account.bring_to_front()
    account.reload()
    account.set_viewport_size(ZOOMED)
    account.get_by_role("button", name="Give up").click()
    question = account.get_by_role("dialog", name="Give up")
    question.get_by_label("Reason").fill("too old")
    question.get_by_role("button", name="Confirm").click()
    expect(question).to_have_count(0)
    expect_news(account, account.get_by_text(NOTHING))
    [row] = rows(server, made)
    assert (row["settled"], row["credits"]) == ("too old", 18)


def paste_id(account: Page, task_id: str) -> None:
    """Say on Account which task the first unsure picture is."""
    field = account.get_by_label("Task id from the service's log page")
    expect_news(account, field)
    field.fill(task_id)
    account.get_by_role("button", name="Link task").click()


@pytest.fixture(scope="module")
def other_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A service of which no other test hears."""
    with RecordedSandbox(tmp_path_factory.mktemp("other"), port=free_port(), seconds=0.3) as running:
        yield running


@pytest.fixture(scope="module")
def called_server(
    other_service: Sandbox, project: Path, tmp_path_factory: pytest.TempPathFactory, other_port: int
) -> Iterator[Server]:
    """A studio that this service can call."""
    called = ForkedServer(tmp_path_factory.mktemp("called") / "data", project, other_port, **at(other_service))
    setting = project / ".env"
    setting.write_text(f"KIE_PUBLIC_URL={called.url}\n")
    try:
        with called:
            yield called
    finally:
        setting.unlink()


def test_a_callback_finds_a_lost_picture_while_nobody_touches_the_page(
    called_server: Server, other_service: Sandbox, visit: Visit
) -> None:
    page, prompt = visit(called_server, stays=True), "sandbox: lost reply, a ship that calls"
    ask(page, prompt)
    expect(pictures_of(page, prompt)).to_be_visible()
    expect(told(page, "did not confirm this request")).to_have_count(0)
    expect(told(page, MAYBE)).to_have_count(0)
    [task], [row] = tasks(other_service, prompt), rows(called_server, prompt)
    assert task["callBackUrl"].startswith(f"{called_server.url}/callback/")
    assert (row["state"], row["task_id"], row["candidate_from"]) == ("done", task["taskId"], "callback")
    assert len(paid_requests(other_service, prompt)) == 1


def test_the_brake_is_told_on_every_page_and_try_now_lifts_it(
    called_server: Server, other_service: Sandbox, visit: Visit
) -> None:
    page, prompt = visit(called_server, stays=True), "A picture that waits for the service"
    somebody_else = visit(called_server, "/history")
    page.bring_to_front()
    sql(called_server, "DELETE FROM brakes")  # which counts the lost reply of another test
    for number in range(2):
        ask(page, f"sandbox: maintenance, try {number}")
        if number:
            page.get_by_role("button", name="Retry now").click()
        expect(page.get_by_title("Under maintenance")).to_have_count(number + 1)
        until(lambda failures=number + 1: sql(called_server, "SELECT 1 FROM brakes WHERE failures = ?", failures))
        # Only the button ends it, however long the test looks around.
        sql(called_server, "UPDATE brakes SET try_at = try_at + 600")
    ask(page, prompt)
    for one in (page, somebody_else):
        expect(told(one, BRAKED)).to_contain_text("Next retry ")
        expect(one.get_by_role("button", name="Retry now")).to_be_visible()
    expect(page.get_by_text("Paused: the service takes no tasks")).to_be_visible()
    for link in LINKS:
        go(page, link)
        expect(told(page, BRAKED)).to_be_visible()
    assert paid_requests(other_service, prompt) == []
    page.get_by_role("button", name="Retry now").click()
    for one in (page, somebody_else):
        expect(told(one, BRAKED)).to_have_count(0)
        expect(one.get_by_role("button", name="Retry now")).to_have_count(0)
    until(lambda: rows(called_server, prompt)[0]["state"] == "done")
    go(page, "Generate")
    expect(pictures_of(page, prompt)).to_be_visible()
    make(page, "And the next one goes at once")
    assert len(paid_requests(other_service, prompt)) == 1
