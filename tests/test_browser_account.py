"""Money in a real browser: what is left, what it buys, what needs a person, and what a key or a host that fails looks like."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from kie.sandbox import CREATE, Sandbox
from tests.browser import (
    KEY,
    ask,
    at,
    barriers,
    cells,
    make,
    metric,
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
Start = Callable[..., Server]


@pytest.fixture
def account(server: Server, visit: Visit) -> Page:
    """The account, as somebody opens it."""
    return visit(server, "/account")


def spend_elsewhere(service: Sandbox) -> None:
    """Have somebody else spend 18 credits of the same account."""
    body = {"model": "nano-banana-pro", "input": {"prompt": "from another program"}}
    answer = requests.post(service.url + CREATE, json=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=10)
    assert answer.json()["code"] == 200


def amount(credits: float) -> str:
    """Write credits as a page does."""
    return f"{credits:,.2f}".rstrip("0").rstrip(".")


# -- the balance


def test_the_balance_is_the_services_with_its_age(account: Page, service: Sandbox) -> None:
    expect(metric(account)).to_have_text(amount(service.balance))
    expect(account.get_by_text(re.compile(r"^Read .+, at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"))).to_be_visible()


def test_read_again_shows_what_somebody_else_has_spent(account: Page, service: Sandbox) -> None:
    expect(metric(account)).to_have_text(amount(service.balance))
    spend_elsewhere(service)
    account.get_by_role("button", name="Read again").click()
    expect(metric(account)).to_have_text(amount(service.balance))


def test_it_says_how_many_pictures_the_balance_buys(account: Page, service: Sandbox) -> None:
    expect(metric(account)).to_have_text(amount(service.balance))
    left = service.balance
    shown = until(lambda: cells(account))
    table = [shown[start : start + 3] for start in range(0, len(shown), 4)]
    assert table == [["1K", "18", str(left // 18)], ["2K", "18", str(left // 18)], ["4K", "24", str(left // 24)]]


def test_the_balance_over_time_is_drawn_with_times_that_can_be_read(account: Page, service: Sandbox) -> None:
    for _ in range(2):
        spend_elsewhere(service)
        account.get_by_role("button", name="Read again").click()
        expect(metric(account)).to_have_text(amount(service.balance))
    chart = account.get_by_test_id("stVegaLiteChart")
    expect(chart).to_be_visible()
    labels = until(lambda: chart.locator("[aria-label^='X-axis'] .role-axis-label text").all_text_contents())
    assert all(re.search(r"\d\d:\d\d|\d (AM|PM)|[A-Z][a-z]{2} \d+", label) for label in labels), labels


def test_a_balance_that_cant_be_read_keeps_its_figure_and_says_so(
    account: Page, server: Server, service: Sandbox, visit: Visit
) -> None:
    last = amount(service.balance)
    expect(metric(account)).to_have_text(last)
    service.stop()
    try:
        account.get_by_role("button", name="Read again").click()
        expect(told(account, "could not be asked just now")).to_be_visible()
        expect(metric(account)).to_have_text(last)
        expect(visit(server).get_by_text("The last lookup failed")).to_be_visible()
    finally:
        service.start()
    account.get_by_role("button", name="Read again").click()
    expect(told(account, "could not be asked just now")).to_have_count(0)


# -- the service


def test_it_says_which_host_answers_and_which_does_not(account: Page, service: Sandbox, uploads: Sandbox) -> None:
    expect(account.get_by_text("answers, just now")).to_have_count(2)
    for host in (service, uploads):
        expect(account.get_by_text(host.url)).to_be_visible()
    uploads.stop()
    try:
        account.get_by_role("button", name="Check both").click()
        expect(account.get_by_text("does not answer")).to_have_count(1)
        expect(account.get_by_text("answers, just now")).to_have_count(1)
    finally:
        uploads.start()
    account.get_by_role("button", name="Check both").click()
    expect(account.get_by_text("answers, just now")).to_have_count(2)


def test_it_says_where_the_key_comes_from_and_never_shows_it(account: Page) -> None:
    expect(account.get_by_text("KIE_API_KEY")).to_be_visible()
    assert KEY not in account.content()


# -- what needs attention


def box(page: Page, prompt: str) -> Locator:
    """Return what stands under "Needs attention" for a prompt."""
    boxes = page.get_by_test_id("stVerticalBlock").filter(has=page.get_by_text("Task id from the service's log page"))
    return boxes.filter(has=page.get_by_text(prompt, exact=True)).last


def test_a_lost_reply_is_found_again_by_its_task_id(
    server: Server, service: Sandbox, account: Page, visit: Visit
) -> None:
    expect(account.get_by_text("Nothing needs attention")).to_be_visible()
    prompt, before = "sandbox: lost reply, a ship in the fog", service.balance
    page = visit(server, name="Ann who waits")
    ask(page, prompt)
    expect(told(page, "The reply was lost")).to_contain_text("it is not sent again")
    page.get_by_role("button", name="Find it on Account").click()
    expect(page.get_by_role("heading", name="Needs attention: 1")).to_be_visible()
    expect(account.get_by_role("heading", name="Needs attention: 1")).to_be_visible()
    assert before - service.balance == 18
    field = page.get_by_label("Task id from the service's log page")
    field.fill("no id!")
    page.get_by_role("button", name="This is the task").click()
    expect(told(page, "This is not a task id")).to_be_visible()
    [task] = tasks(service, prompt)
    field.fill(f" {task['taskId']} ")
    page.get_by_role("button", name="This is the task").click()
    expect(page.get_by_text("Nothing needs attention")).to_be_visible()
    expect(account.get_by_text("Nothing needs attention")).to_be_visible()
    page.get_by_role("link", name="Generate").click()
    expect(pictures_of(page, prompt)).to_be_visible()
    assert len(paid_requests(service, prompt)) == 1
    assert before - service.balance == 18


def test_a_person_may_say_that_a_lost_task_never_ran_and_take_it_back(
    server: Server, service: Sandbox, account: Page, visit: Visit
) -> None:
    prompt = "sandbox: lost reply, a ship that never sailed"
    page = visit(server)
    ask(page, prompt)
    expect(told(page, "The reply was lost")).to_be_visible()
    say_it_never_ran(account)
    expect(account.get_by_text("Nothing needs attention")).to_be_visible()
    expect(told(page, "this task never ran")).to_be_visible()
    [row] = rows(server, prompt)
    assert (row["state"], row["credits"]) == ("failed", 0)
    assert len(paid_requests(service, prompt)) == 1
    page.bring_to_front()
    page.get_by_role("button", name="More").first.click()
    page.get_by_role("menuitem", name="It did run").click()
    account.bring_to_front()
    [task] = tasks(service, prompt)
    account.get_by_label("Task id from the service's log page").fill(task["taskId"])
    account.get_by_role("button", name="This is the task").click()
    expect(account.get_by_text("Nothing needs attention")).to_be_visible()
    expect(pictures_of(page, prompt)).to_be_visible()
    assert len(paid_requests(service, prompt)) == 1


def test_one_task_id_does_for_one_job_only(server: Server, service: Sandbox, account: Page, visit: Visit) -> None:
    page = visit(server)
    make(page, "A picture with its own task")
    ask(page, "sandbox: lost reply, a second one")
    expect(told(page, "The reply was lost")).to_be_visible()
    [known] = tasks(service, "A picture with its own task")
    account.get_by_label("Task id from the service's log page").fill(known["taskId"])
    account.get_by_role("button", name="This is the task").click()
    expect(told(account, "Another job already has this task id")).to_be_visible()
    expect(account.get_by_role("heading", name="Needs attention: 1")).to_be_visible()
    say_it_never_ran(account)
    expect(account.get_by_text("Nothing needs attention")).to_be_visible()


# -- not enough credits, and a key that the service refuses


@pytest.fixture
def poor_service(tmp_path: Path) -> Iterator[Sandbox]:
    """A service on which there are 20 credits left."""
    with Sandbox(tmp_path / "poor", port=free_port(), credits=20, seconds=0.3, record=True) as running:
        yield running


def test_credits_that_do_not_suffice_are_told_before_and_after_the_press(
    poor_service: Sandbox, start: Start, visit: Visit
) -> None:
    page, prompt = visit(start(**at(poor_service))), "Too dear a picture"
    expect(page.get_by_text("20 credits free to spend, about 2 after this.")).to_be_visible()
    page.get_by_text("4K", exact=True).click()
    expect(told(page, "1 picture would cost about 24 credits, and 20 credits are free.")).to_be_visible()
    expect(page.get_by_role("button", name="Generate · not enough credits")).to_be_disabled()
    page.get_by_text("2K", exact=True).click()
    spend_elsewhere(poor_service)
    ask(page, prompt)
    expect(told(page, "There are not enough credits")).to_be_visible()
    expect(page.get_by_text("Credits insufficient: please top up to run this task.")).to_be_visible()
    assert (tasks(poor_service, prompt), poor_service.balance) == ([], 2)
    expect(metric(page)).to_have_text("2")
    expect(page.get_by_text("2K · PNG · nothing spent")).to_be_visible()
    expect(told(page, "New pictures wait")).to_be_visible()
    assert barriers(page) == []


@pytest.fixture
def strict_service(tmp_path: Path) -> Iterator[Sandbox]:
    """A service that lets in another key than ours."""
    with Sandbox(tmp_path / "strict", port=free_port(), key="somebody else's", seconds=0.3, record=True) as running:
        yield running


def test_a_refused_key_is_told_in_words_on_every_page(strict_service: Sandbox, start: Start, visit: Visit) -> None:
    server, prompt = start(**at(strict_service)), "A picture without a valid key"
    page = visit(server, "/history")
    for path in ("/history", "/account", "/"):
        page.goto(server.url + path)
        settle(page)
        expect(told(page, "The service refuses the key from the setting KIE_API_KEY")).to_be_visible()
        expect(metric(page)).to_have_text("unknown")
    ask(page, prompt)
    expect(told(page, "The service refused the key, so no credits were spent")).to_be_visible()
    assert strict_service.tasks() == []
    assert KEY not in page.content() + server.log


# -- for everybody


def test_the_account_keeps_nobody_out_whatever_stands_on_it(
    server: Server, account: Page, service: Sandbox, visit: Visit
) -> None:
    expect(account.get_by_text("Nothing needs attention")).to_be_visible()
    expect(account.get_by_test_id("stVegaLiteChart")).to_be_visible()
    assert barriers(account) == []
    ask(visit(server), "sandbox: lost reply, a last one")
    expect(account.get_by_role("heading", name="Needs attention: 1")).to_be_visible()
    assert barriers(account) == []
