"""What a person has in sight, on a phone and on narrow and low windows: nothing is cut off, hidden by the dock, or moved away."""

import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.support.barriers import cut_off, dress
from tests.support.browser import DESKTOP, PHONE, Visit, choose_of, pictures_of, press_of, settle, told
from tests.support.composer import (
    RATIO,
    SIZE,
    ask,
    ask_for_images,
    empty_form,
    generate_button,
    make,
    reference,
    write_prompt,
)
from tests.support.server import Server
from tests.support.waiting import until

pytestmark = pytest.mark.browser

TABLET, LAPTOP = {"width": 820, "height": 1180}, {"width": 1024, "height": 768}


def edges(shown: Locator) -> tuple[float, float]:
    """Return where something begins and ends on the screen, from above."""
    box = until(shown.bounding_box)  # an element that is being replaced has none
    return box["y"], box["y"] + box["height"]


def is_within(shown: Locator, top: float, bottom: float) -> bool:
    """Return whether something stands wholly between two lines."""
    first, last = edges(shown)
    return top - 1 <= first and last <= bottom + 1


def dock(page: Page) -> Locator:
    return page.get_by_test_id("stBottom")


def scroll_down(page: Page) -> None:
    """Scroll past the newest pictures, until the top of the page is out of sight."""
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, main.scrollHeight)")
    until(lambda: page.get_by_test_id("stMain").evaluate("main => main.scrollTop") > 100)


def assert_seen_in_the_dock_when_used_again(page: Page, prompt: str, height: int) -> None:
    """Use a picture far down the page as a reference, then reuse its request, and see both in the dock of a window of this height."""
    scroll_down(page)
    press_of(page, prompt).get_by_role("button", name="Use as reference").click()
    expect(reference(page, 1)).to_be_visible()
    until(lambda: is_within(reference(page, 1), edges(dock(page))[0], height))
    scroll_down(page)
    choose_of(page, prompt, "Reuse all")
    field = page.get_by_label("Prompt", exact=True)
    expect(field).to_have_value(prompt)
    for shown in (field, generate_button(page)):
        until(lambda shown=shown: is_within(shown, edges(dock(page))[0], height))


def test_on_a_phone_the_dock_is_low_the_new_card_in_sight_and_what_is_used_again_seen_in_the_dock(
    server: Server, visit: Visit, phone: BrowserContext
) -> None:
    page, oldest = visit(server, profile=phone), "A harbour at six"
    expect(page.get_by_text("available →")).to_be_visible()
    until(lambda: edges(dock(page))[0] > 0.73 * PHONE["height"])
    expect(page.get_by_text("Reference images")).to_be_hidden()
    page.get_by_role("button", name="Settings").tap()
    for field in (page.get_by_text("Reference images"), page.get_by_label("Images", exact=True)):
        expect(field).to_be_visible()
    make(page, oldest)
    # The price is on the button, not only in its help, which no finger shows.
    assert press_of(page, oldest).get_by_role("button", name="Rerun · about 18 credits").bounding_box()["width"] > 120
    make(page, "A harbour at seven")
    scroll_down(page)
    ask(page, "A harbour at eight")
    heading = page.get_by_role("heading", name="A harbour at eight", exact=True)
    expect(heading).to_be_visible()
    until(lambda: is_within(heading, 0, edges(dock(page))[0]))
    expect(pictures_of(page, "A harbour at eight")).to_be_visible()
    until(lambda: is_within(heading, 0, edges(dock(page))[0]))

    assert_seen_in_the_dock_when_used_again(page, oldest, PHONE["height"])


def test_on_a_low_window_what_is_used_again_is_seen_in_the_dock_and_all_pictures_are_one_stop(
    server: Server, visit: Visit
) -> None:
    page, oldest = visit(server), "A harbour at four"
    page.set_viewport_size(LAPTOP)
    make(page, oldest)
    ask_for_images(page, 8)
    expect(generate_button(page)).to_contain_text("Generate 8")
    ask(page, "A harbour at five")
    expect(pictures_of(page, "A harbour at five")).to_have_count(8)
    stop = page.locator("[data-key]:has(:is(a, button, input):not([tabindex='-1']))")
    for prompt in ("A harbour at five", oldest):
        page.get_by_role("button", name=f"Picture made from: {prompt}", exact=True).last.focus()
        expect(stop).to_have_count(1)
        expect(stop.get_by_role("img")).to_have_attribute("alt", f"Picture made from: {prompt}")
    page.keyboard.press("ArrowLeft")
    expect(stop).to_have_count(1)
    expect(stop.get_by_role("img")).to_have_attribute("alt", "Picture made from: A harbour at five")
    assert_seen_in_the_dock_when_used_again(page, oldest, LAPTOP["height"])


def test_a_failure_the_prompt_and_the_button_are_whole_on_a_narrow_window(server: Server, visit: Visit) -> None:
    page = visit(server, stays=True)
    ask(page, "sandbox: filtered, " + "a very long description of a harbour, " * 9)
    expect(told(page, "content filter")).to_be_visible()
    line = page.get_by_role("listitem").filter(has_text="content filter")
    write_prompt(page, "A harbour in four pictures")
    ask_for_images(page, 4)
    expect(generate_button(page)).to_contain_text("Generate 4")
    prompt = page.get_by_label("Prompt", exact=True)
    for screen in (DESKTOP, LAPTOP, TABLET):
        page.set_viewport_size(screen)
        until(lambda: until(line.bounding_box)["height"] <= 50 and cut_off(page) == 0)
        # Alone in its row, it has all of it.
        until(lambda: line.evaluate("line => line.offsetWidth === line.parentElement.offsetWidth"))
        for shown in (prompt, generate_button(page)):
            until(lambda shown=shown, screen=screen: is_within(shown, 0, screen["height"]))
            box = shown.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= screen["width"]
        assert prompt.bounding_box()["width"] >= 300
    page.set_viewport_size(PHONE)
    until(lambda: cut_off(page) == 0)


@pytest.mark.parametrize("name", [RATIO, SIZE, "Presets", "Recent prompts", "Templates"])
def test_what_opens_from_the_dock_opens_upward_and_whole(server: Server, visit: Visit, name: str | re.Pattern) -> None:
    page = visit(server, stays=True)
    dock(page).get_by_role("button", name=name).click()
    body = page.get_by_test_id("stPopoverBody")
    expect(body.locator("input").first).to_be_attached()
    settle(page)
    until(lambda: body.evaluate("body => body.scrollHeight - body.clientHeight") <= 1)
    until(lambda: is_within(body, 0, edges(dock(page).get_by_role("button", name=name))[0]))
    page.keyboard.press("Escape")
    expect(body).to_have_count(0)


def test_a_notice_comes_into_a_place_that_was_there_and_moves_nothing(server: Server, visit: Visit) -> None:
    page = empty_form(visit(server, stays=True))
    ask(page, "sandbox: filtered, a harbour in mist")
    expect(told(page, "content filter").first).to_be_visible()
    reader = visit(server, "/history")
    reader.set_viewport_size({"width": 680, "height": 900})
    settle(reader)
    above = [reader.get_by_role("heading", name="History"), reader.get_by_label("Search", exact=True)]
    before = [edges(each) for each in above]
    page.bring_to_front()
    ask(page, "sandbox: lost reply, a harbour in fog")
    reader.bring_to_front()
    # The newcomer's own line says so too.
    notice = told(reader, "may have been charged").first
    expect(notice).to_be_visible()
    expect(reader.get_by_role("button", name="Show", exact=True)).to_be_visible()
    assert [edges(each) for each in above] == before
    dress(reader, PHONE, "light")
    box = until(notice.bounding_box)  # it may be drawn anew at this moment
    assert box["width"] > 340 and box["x"] + box["width"] <= PHONE["width"]
