"""Money in a real browser: what is left, what it buys, what needs a person, and what a key or a host that fails looks like."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from kie.sandbox import Sandbox
from kie.sandbox.server import CREATE
from tests.support.barriers import barriers
from tests.support.browser import KEY, Start, Visit, at, expand, go, metric, tasks, told
from tests.support.composer import READ_MS, ask, choose, generate_button
from tests.support.recorded import RecordedSandbox
from tests.support.server import Server, free_port
from tests.support.waiting import until

pytestmark = pytest.mark.browser


@pytest.fixture
def account(server: Server, visit: Visit) -> Page:
    """The account, as somebody opens it."""
    return visit(server, "/account", stays=True)


def spend_elsewhere(service: Sandbox) -> None:
    """Have somebody else spend 18 credits of the same account."""
    body = {"model": "nano-banana-pro", "input": {"prompt": "from another program"}}
    answer = requests.post(service.url + CREATE, json=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=10)
    assert answer.json()["code"] == 200


def amount(credits: float) -> str:
    """Write credits as a page does."""
    return f"{credits:,.2f}".rstrip("0").rstrip(".")


# -- the balance


def test_the_balance_has_its_age_follows_the_service_says_what_it_buys_and_keeps_nobody_out(
    account: Page, service: Sandbox
) -> None:
    expect(metric(account)).to_have_text(amount(service.balance))
    expect(account.get_by_text(re.compile(r"^Read .+, at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"))).to_be_visible()
    for _ in range(2):
        spend_elsewhere(service)
        account.get_by_role("button", name="Refresh").click()
        expect(metric(account)).to_have_text(amount(service.balance))
    left = int(service.balance)
    bought = [["1K", "18", str(left // 18)], ["2K", "18", str(left // 18)], ["4K", "24", str(left // 24)]]
    until(lambda: bought_by(account) == bought)
    chart = account.get_by_test_id("stVegaLiteChart").last
    expect(chart).to_be_visible()
    # The figure that people open this page for stands at the top of it.
    assert account.locator(".figures .figure").bounding_box()["y"] < 300
    # The bar has the balance here, too.
    expect(account.locator(".bar .figure")).to_have_text(amount(service.balance))
    labels = until(lambda: chart.locator("[aria-label^='X-axis'] .role-axis-label text").all_text_contents())
    assert all(re.search(r"\d\d:\d\d|\d (AM|PM)|[A-Z][a-z]{2} \d+", label) for label in labels), labels
    expect(account.get_by_text("Nothing needs attention")).to_be_visible()
    assert barriers(account) == []


def bought_by(account: Page) -> list[list[str]]:
    """Return what the balance buys: resolution, price, pictures."""
    shown = [
        re.search(r"(\S+) pictures in (\dK)\s+(\S+) credits each", text)
        for text in account.locator(".left").all_inner_texts()
    ]
    return [[found[2], found[3], found[1].replace(",", "")] for found in shown if found]


def test_a_balance_that_cant_be_read_keeps_its_figure_and_says_so(account: Page, service: Sandbox) -> None:
    last = amount(service.balance)
    expect(metric(account)).to_have_text(last)
    service.stop()
    try:
        account.get_by_role("button", name="Refresh").click()
        expect(told(account, "gave no usable answer")).to_be_visible()
        expect(metric(account)).to_have_text(last)
        go(account, "Generate")
        expect(account.get_by_text("The last lookup failed")).to_be_visible()
        go(account, "Account")
    finally:
        service.start()
    account.get_by_role("button", name="Refresh").click()
    expect(told(account, "gave no usable answer")).to_have_count(0)


# -- the service


def test_it_says_which_host_answers_and_where_the_key_comes_from_but_never_shows_it(
    account: Page, service: Sandbox, uploads: Sandbox
) -> None:
    expand(account, "Service, key and files")
    expect(account.get_by_text("KIE_API_KEY")).to_be_visible()
    account.get_by_role("button", name="Check both").click()
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
    assert KEY not in account.content()


# -- not enough credits, and a key that the service refuses


def test_credits_that_do_not_suffice_are_told_before_and_after_the_press(
    poor_service: Sandbox, start: Start, visit: Visit
) -> None:
    page, prompt = visit(start(**at(poor_service))), "Too dear a picture"
    expect(page.get_by_text("20 available → 2 after")).to_be_visible()
    choose(page, "4K")
    expect(told(page, "1 picture would cost about 24 credits; 20 are available.")).to_be_visible()
    expect(page.get_by_role("button", name="Generate · not enough credits")).to_be_disabled()
    choose(page, "2K")
    expect(generate_button(page)).to_contain_text("about 18 credits")
    page.wait_for_timeout(READ_MS)
    spend_elsewhere(poor_service)
    ask(page, prompt)
    expect(told(page, "There are not enough credits")).to_contain_text("Not charged.")
    told(page, "There are not enough credits").click()
    expect(page.get_by_text("Credits insufficient: please top up to run this task.")).to_be_visible()
    page.keyboard.press("Escape")
    assert (tasks(poor_service, prompt), poor_service.balance) == ([], 2)
    expect(metric(page)).to_have_text("2")
    expect(told(page, "Paused since")).to_be_visible()
    assert barriers(page) == []


@pytest.fixture
def strict_service(tmp_path: Path) -> Iterator[Sandbox]:
    """A service that lets in another key than ours."""
    with RecordedSandbox(tmp_path / "strict", port=free_port(), key="somebody else's", seconds=0.3) as running:
        yield running


def test_a_refused_key_is_told_in_words_on_every_page(strict_service: Sandbox, start: Start, visit: Visit) -> None:
    server, prompt = start(**at(strict_service)), "A picture without a valid key"
    page = visit(server, "/history")
    for title in ("History", "Account", "Generate"):
        go(page, title)
        expect(told(page, "The service refuses the key from the setting KIE_API_KEY")).to_be_visible()
        expect(metric(page)).to_have_text("unknown")
    ask(page, prompt)
    expect(told(page, "The service refused the key:")).to_contain_text("Not charged.")
    assert strict_service.tasks() == []
    assert KEY not in page.content() + server.log
