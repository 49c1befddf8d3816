"""Care for what may be paid, in a real browser: told on every page, found by a pasted id or by a callback; and the brake."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kie.sandbox import Sandbox
from tests.browser import (
    ask,
    at,
    make,
    paid_requests,
    pictures_of,
    rows,
    say_it_never_ran,
    settle,
    tasks,
    told,
    until,
)
from tests.server import Server, free_port

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
LINKS = ("Generate", "History", re.compile(r"^Account"))
MAYBE = "may be paid for and is not here yet"
BRAKED = re.compile(r"New pictures wait since \d\d:\d\d: the service takes no tasks\. What is being made goes on\.")


def go(page: Page, link: str | re.Pattern) -> None:
    """Go to another page by its link in the side."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=link).click()
    settle(page)


def test_a_lost_reply_is_told_on_every_page_and_a_pasted_id_brings_the_picture(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, prompt, before = visit(server), "sandbox: lost reply, a lighthouse to care for", service.balance
    ask(page, prompt)
    expect(told(page, "The reply was lost")).to_be_visible()
    somebody_else = visit(server, "/history")
    for one in (page, somebody_else):
        expect(told(one, MAYBE)).to_contain_text("1 picture may be paid for")
        expect(one.get_by_role("link", name="Account (1)")).to_be_visible()
    page.bring_to_front()
    go(page, "History")
    expect(told(page, MAYBE)).to_be_visible()
    page.get_by_role("link", name="Open Account").click()
    expect(page.get_by_role("heading", name="Needs attention: 1")).to_be_visible()
    expect(told(page, MAYBE)).to_have_count(0)
    field = page.get_by_label("Task id from the service's log page")
    [task] = tasks(service, prompt)
    field.fill(task["taskId"])
    page.get_by_role("button", name="This is the task").click()
    expect(page.get_by_text("Nothing needs attention")).to_be_visible()
    go(page, "Generate")
    expect(pictures_of(page, prompt)).to_be_visible()
    for one in (page, somebody_else):
        expect(told(one, MAYBE)).to_have_count(0)
        expect(one.get_by_role("link", name="Account", exact=True)).to_be_visible()
    assert len(paid_requests(service, prompt)) == 1
    assert before - service.balance == 18


def test_an_id_of_another_request_is_told_and_another_can_be_pasted(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, prompt = visit(server), "sandbox: lost reply, a picture that is mixed up"
    with_other = "sandbox: lost reply, the other one"
    ask(page, with_other)
    expect(told(page, "The reply was lost")).to_be_visible()
    account = visit(server, "/account")
    say_it_never_ran(account)
    expect(account.get_by_text("Nothing needs attention")).to_be_visible()
    page.bring_to_front()
    ask(page, prompt)
    account.bring_to_front()
    expect(account.get_by_role("heading", name="Needs attention: 1")).to_be_visible()
    [other], [own] = until(lambda: tasks(service, with_other)), until(lambda: tasks(service, prompt))
    for task, words in ((other, "belongs to another request"), (own, None)):
        account.get_by_label("Task id from the service's log page").fill(task["taskId"])
        account.get_by_role("button", name="This is the task").click()
        if words:
            expect(told(account, words)).to_be_visible()
    expect(account.get_by_text("Nothing needs attention")).to_be_visible()
    expect(pictures_of(page, prompt)).to_be_visible()


@pytest.fixture
def called_server(service: Sandbox, project: Path, tmp_path: Path) -> Iterator[Server]:
    """A studio that the service can call."""
    server = Server(tmp_path / "data", project, **at(service))
    setting = project / ".env"
    setting.write_text(f"KIE_PUBLIC_URL={server.url}\n")
    try:
        with server:
            yield server
    finally:
        setting.unlink()


def test_a_callback_finds_a_lost_picture_while_nobody_touches_the_page(
    called_server: Server, service: Sandbox, visit: Visit
) -> None:
    page, prompt = visit(called_server), "sandbox: lost reply, a ship that calls"
    ask(page, prompt)
    expect(pictures_of(page, prompt)).to_be_visible()
    expect(told(page, "The reply was lost")).to_have_count(0)
    expect(told(page, MAYBE)).to_have_count(0)
    [task], [row] = tasks(service, prompt), rows(called_server, prompt)
    assert task["callBackUrl"].startswith(f"{called_server.url}/callback/")
    assert (row["state"], row["task_id"], row["candidate_from"]) == ("done", task["taskId"], "callback")
    assert len(paid_requests(service, prompt)) == 1


@pytest.fixture
def other_service(tmp_path: Path) -> Iterator[Sandbox]:
    """A service of one test's own."""
    with Sandbox(tmp_path / "service", port=free_port(), seconds=0.3, record=True) as running:
        yield running


@pytest.fixture
def other_server(other_service: Sandbox, project: Path, tmp_path: Path) -> Iterator[Server]:
    """A studio on that service; it stands until the pages are closed."""
    with Server(tmp_path / "data", project, **at(other_service)) as running:
        yield running


def test_the_brake_is_told_on_every_page_and_try_now_lifts_it(
    other_server: Server, other_service: Sandbox, visit: Visit
) -> None:
    page, prompt = visit(other_server), "A picture that waits for the service"
    somebody_else = visit(other_server, "/history")
    page.bring_to_front()
    # Each refusal of the careful try makes the next pause longer: here it stays on while the test looks around.
    for number in range(3):
        ask(page, f"sandbox: maintenance, try {number}")
        if number:
            page.get_by_role("button", name="Try now").click()
        expect(page.get_by_text("Under maintenance")).to_have_count(number + 1)
    ask(page, prompt)
    for one in (page, somebody_else):
        expect(told(one, BRAKED)).to_contain_text("The next try is at ")
        expect(one.get_by_role("button", name="Try now")).to_be_visible()
    for link in LINKS:
        go(page, link)
        expect(told(page, BRAKED)).to_be_visible()
    assert paid_requests(other_service, prompt) == []
    page.get_by_role("button", name="Try now").click()
    for one in (page, somebody_else):
        expect(told(one, BRAKED)).to_have_count(0)
        expect(one.get_by_role("button", name="Try now")).to_have_count(0)
    until(lambda: rows(other_server, prompt)[0]["state"] == "done")
    go(page, "Generate")
    expect(pictures_of(page, prompt)).to_be_visible()
    make(page, "And the next one goes at once")
    assert len(paid_requests(other_service, prompt)) == 1
