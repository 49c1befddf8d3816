"""Somebody who types, presses and turns pages faster than a studio answers, while other pictures of theirs go on."""

import re
from collections import Counter

import pytest
from playwright.sync_api import Page, expect

from kie.sandbox import Sandbox
from tests.support.barriers import barriers
from tests.support.browser import GONE, Visit, go, paid_requests, pictures_of, press_of, rows, settle, stop, told
from tests.support.composer import (
    agree,
    choose,
    generate_button,
    make,
    press_generate,
    prompt_field,
    question_of,
    write_prompt,
)
from tests.support.server import Server
from tests.support.waiting import until

pytestmark = pytest.mark.browser

# All moments of leaving, after each kind of round.
ROUNDS, OTHERS = 15, 30
NAME = "Somebody in a hurry"
NOT_SENT = "Not sent, because the connection was lost"


def begin_others(page: Page) -> None:
    """Ask for many pictures, so that one of them changes all the time."""
    write_prompt(page, "Other {" + "|".join(str(number) for number in range(OTHERS)) + "}")
    expect(generate_button(page)).to_contain_text(f"Generate {OTHERS}")
    prompt_field(page).press("Control+Enter")
    expect(question_of(page)).to_be_visible()
    agree(page)
    expect(question_of(page)).to_have_count(0)


def test_no_press_letter_or_page_is_lost_in_hurried_rounds(server: Server, service: Sandbox, visit: Visit) -> None:
    begin_others(visit(server, name=NAME))
    page = visit(server, name=NAME)
    top, prompt = page.get_by_role("navigation"), prompt_field(page)
    prompts = [f"Round {number:02}, a lantern on the water" for number in range(ROUNDS)]
    for number, text in enumerate(prompts):
        prompt.fill(text[:-4])
        page.keyboard.type(text[-4:])
        page.keyboard.press("Control+Enter")
        # The page is left within 0.4 s, later and later, and some rounds type on instead.
        page.wait_for_timeout(80 * (number % 5))
        if number % 3:
            other = "History" if number % 3 == 1 else "Account"
            top.get_by_role("link", name=other).click()
            expect(page).to_have_url(re.compile(other.lower()))
            expect(page.get_by_role("heading", name=other)).to_be_visible()
            top.get_by_role("link", name="Generate").click()
            expect(prompt).to_be_visible()
            expect(prompt).to_have_value(text)
    settle(page)
    # Each press is handed over until it is written; none is written twice.
    until(lambda: all(rows(server, text) for text in prompts))
    assert Counter(len(rows(server, text)) for text in prompts) == {1: ROUNDS}
    expect(page.get_by_text(NOT_SENT)).to_be_hidden()


def test_presses_that_did_not_arrive_are_told_and_come_back_into_the_form_as_they_were(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page = visit(server, errors_pass=GONE)
    lost, later = "A press while nobody is there", "Another press while nobody is there"
    choose(page, "16:9")
    write_prompt(page, lost)
    settle(page)
    stop(page, server)
    prompt_field(page).press("Control+Enter")
    prompt_field(page).fill(later)
    prompt_field(page).press("Control+Enter")
    server.start()
    expect(page.get_by_text(NOT_SENT)).to_contain_text(f"lost: “{later}” and 1 older. Not charged.")
    expect(prompt_field(page)).to_have_value(later)
    assert barriers(page) == []
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_text(NOT_SENT)).to_contain_text(f"lost: “{lost}”. Not charged.")
    choose(page, "1:1")
    make(page, "What the form holds now")
    go(page, "History")
    page.get_by_role("button", name="Put it into the form").click()
    expect(prompt_field(page)).to_have_value(lost)
    expect(page.get_by_text(NOT_SENT)).to_be_hidden()
    assert rows(server, lost) == rows(server, later) == []
    press_generate(page)
    expect(pictures_of(page, lost)).to_be_visible()
    [paid] = paid_requests(service, lost)
    assert paid["input"]["aspect_ratio"] == "16:9"
    assert len(paid_requests(service, "What the form holds now")) == len(rows(server, lost)) == 1
    stop(page, server)
    press_of(page, lost).get_by_role("button", name="Rerun").click()
    server.start()
    expect(told(page, NOT_SENT)).to_contain_text("lost: your Rerun. Not charged.")
    assert len(rows(server, lost)) == 1
    told(page, NOT_SENT).get_by_role("button", name="Rerun").click()
    expect(pictures_of(page, lost)).to_have_count(2)
    assert len(paid_requests(service, lost)) == len(rows(server, lost)) == 2


def test_a_reload_in_the_moment_of_a_press_loses_nothing(server: Server, service: Sandbox, visit: Visit) -> None:
    page = visit(server)
    for number in range(6):
        prompt = f"A reload in the moment of press {number}"
        write_prompt(page, prompt)
        settle(page)
        prompt_field(page).press("Control+Enter")
        page.wait_for_timeout(15 * number)
        page.reload()
        settle(page)
        not_sent = page.get_by_text(NOT_SENT)
        until(lambda prompt=prompt, not_sent=not_sent: rows(server, prompt) or not_sent.is_visible())
        if not rows(server, prompt):
            page.get_by_role("button", name="Put it into the form").click()
            expect(not_sent).to_be_hidden()
            settle(page)  # once the form has it
            press_generate(page)
        until(lambda prompt=prompt: paid_requests(service, prompt))
        expect(not_sent).to_be_hidden()
        assert len(rows(server, prompt)) == 1
