"""The gallery's lightbox, comparison and grid in a real browser, by mouse, keys and fingers."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from pages.parts.gallery import Action, Problem
from tests.browser import until
from tests.gallery_stage import (
    CHOSEN,
    Stage,
    button,
    card,
    choose_more,
    compare,
    finished,
    focused,
    grid,
    group,
    lightbox,
    picture,
    waiting,
    width_of,
)

pytestmark = pytest.mark.browser

Look = Callable[..., Page]


# -- the lightbox


def test_the_lightbox_shows_the_whole_picture_and_what_is_known_of_it(look: Look, stage: Stage) -> None:
    page = look(group(finished(1, 1600, 1200)))
    picture(page, 1).click()
    large = picture(lightbox(page), 1)
    until(lambda: width_of(large) == 1600)
    for words in ("A lighthouse, number 1", "Resolution", "1K", "Ann"):
        expect(lightbox(page).get_by_text(words, exact=True)).to_be_visible()
    choose_more(lightbox(page), page, "Star")
    stage.hears(["star", "p1", "g1"])
    expect(lightbox(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == "Picture made from: A lighthouse, number 1"


def test_an_action_that_goes_on_elsewhere_leaves_the_lightbox(look: Look, stage: Stage) -> None:
    page = look(group(finished(1)))
    picture(page, 1).click()
    button(lightbox(page), "Use as reference").click()
    stage.hears(["use", "p1", "g1"])
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_thumbnail_stands_in_when_the_whole_picture_does_not_come(look: Look) -> None:
    missing = finished(1, picture="/app/static/pictures/gone.png")
    page = look(group(missing), errors_pass=("404",))
    button(page, "Open large").click()
    expect(lightbox(page).get_by_text("The whole picture did not load")).to_be_visible()
    assert width_of(picture(lightbox(page), 1)) == 160


def test_arrows_and_buttons_lead_through_all_pictures_of_the_page(look: Look) -> None:
    page = look(group(finished(1), waiting(2)), group(finished(3), finished(4), id="g2"))
    button(card(page, 1), "Open large").click()
    expect(lightbox(page).get_by_text("1 of 3")).to_be_visible()
    expect(button(lightbox(page), "Previous picture")).to_be_disabled()
    page.keyboard.press("ArrowRight")
    expect(picture(lightbox(page), 3)).to_be_visible()
    button(lightbox(page), "Next picture").click()
    expect(picture(lightbox(page), 4)).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(picture(lightbox(page), 3)).to_be_visible()


def test_an_open_lightbox_stays_when_data_comes_and_goes_with_its_picture(look: Look, stage: Stage) -> None:
    page = look(group(finished(1), finished(2)))
    button(card(page, 2), "Open large").click()
    stage.show(group(finished(3), finished(1), replace(finished(2), meta="Something new")))
    expect(lightbox(page).get_by_text("Something new")).to_be_visible()
    expect(lightbox(page).get_by_text("3 of 3")).to_be_visible()
    stage.show(group(finished(1)))
    expect(page.get_by_role("dialog")).to_have_count(0)


def level(page: Page) -> int:
    """Return how deep the open dialog is zoomed in, in percent."""
    return int(page.get_by_role("dialog").locator(".level").inner_text().removesuffix(" %"))


def test_keys_wheel_double_click_and_drag_zoom_and_pan(look: Look) -> None:
    page = look(group(finished(1)))
    picture(page, 1).click()
    large = picture(lightbox(page), 1)
    fitting = large.bounding_box()
    middle = (fitting["x"] + fitting["width"] / 2, fitting["y"] + fitting["height"] / 2)
    for key in "++-":
        page.keyboard.press(key)
    assert level(page) == 140
    page.mouse.move(*middle)
    page.mouse.wheel(0, -100)
    until(lambda: level(page) > 140)
    before = large.bounding_box()
    page.mouse.down()
    page.mouse.move(middle[0] + 30, middle[1] + 20)
    page.mouse.up()
    after = large.bounding_box()
    assert (round(after["x"] - before["x"]), round(after["y"] - before["y"])) == (30, 20)
    page.keyboard.press("0")
    assert large.bounding_box() == fitting
    page.mouse.dblclick(*middle)
    assert level(page) == 250
    page.mouse.dblclick(*middle)
    assert level(page) == 100


def touch(page: Page, *moments: list[tuple[float, float]]) -> None:
    """Put fingers down at the first moment's places, move them through the others, and lift them."""
    line = page.context.new_cdp_session(page)
    kinds = ["touchStart", *["touchMove"] * (len(moments) - 1), "touchEnd"]
    for kind, places in zip(kinds, [*moments, []], strict=True):
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        line.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    line.detach()


def test_two_fingers_zoom_and_one_goes_to_the_next_picture(look: Look, phone: BrowserContext) -> None:
    page = look(group(finished(1), finished(2)), profile=phone)
    button(card(page, 1), "Open large").tap()
    touch(page, [(300, 200)], [(200, 205)], [(100, 205)])
    expect(picture(lightbox(page), 2)).to_be_visible()
    touch(page, [(150, 200), (250, 200)], [(100, 200), (300, 200)])
    until(lambda: level(page) == 200)
    touch(page, [(300, 200)], [(200, 205)], [(100, 205)])
    expect(picture(lightbox(page), 2)).to_be_visible()


# -- comparing


def test_two_cards_are_compared_and_a_third_can_be_added(look: Look, stage: Stage) -> None:
    page = look(group(finished(1), finished(2), finished(3)))
    choose_more(card(page, 1), page, "Compare")
    expect(page.get_by_text("Comparing: choose another").first).to_be_visible()
    choose_more(card(page, 2), page, "Compare")
    for number in (1, 2):
        expect(picture(compare(page), number)).to_be_visible()
    button(compare(page), "Add another picture").click()
    choose_more(card(page, 3), page, "Compare")
    for number in (1, 2, 3):
        expect(picture(compare(page), number)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button(page, "Stop comparing")).to_have_count(0)
    assert stage.heard() == []


def test_the_comparison_lists_what_differs_and_puts_away_what_does_not(look: Look) -> None:
    page = look(group(finished(1), finished(2)))
    for number in (1, 2):
        choose_more(card(page, number), page, "Compare")
    expect(compare(page).locator(".differing dt")).to_have_text(["Prompt", "Resolution"])
    expect(compare(page).get_by_text("2K", exact=True)).to_be_visible()
    expect(compare(page).get_by_text("Ann", exact=True)).to_be_hidden()
    compare(page).get_by_text("The same for all: 2").click()
    expect(compare(page).get_by_text("Ann", exact=True)).to_be_visible()


def test_compared_pictures_zoom_in_step_and_the_slider_is_led_by_keys(look: Look) -> None:
    page = look(group(finished(1), finished(2)))
    for number in (1, 2):
        choose_more(card(page, number), page, "Compare")
    page.keyboard.press("+")
    moved = [picture(compare(page), number).evaluate("image => image.style.transform") for number in (1, 2)]
    assert moved[0] == moved[1] and "scale(1.4)" in moved[0]
    page.keyboard.press("0")
    button(compare(page), "Slider").click()
    slider = compare(page).get_by_role("slider", name="How much of picture 1 is seen")
    slider.press("Home")
    expect(compare(page).locator("figure").first).to_have_css("clip-path", "inset(0px 100% 0px 0px)")
    box = compare(page).locator(".frames").bounding_box()
    page.mouse.move(box["x"] + 40, 200)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, 200)
    page.mouse.up()
    expect(slider).to_have_value("25")


def test_pictures_are_compared_out_of_the_lightbox_too(look: Look) -> None:
    page = look(group(finished(1), finished(2)), **grid())
    for number in (1, 2):
        picture(page, number).click()
        choose_more(lightbox(page), page, "Compare")
        if number == 1:
            expect(page.get_by_role("status")).to_have_text("Comparing: choose another")
            page.keyboard.press("Escape")
    for number in (1, 2):
        expect(picture(compare(page), number)).to_be_visible()
    expect(lightbox(page)).to_have_count(0)
    expect(compare(page).get_by_role("status")).to_have_text("Comparing 2 pictures")


# -- the grid


def test_pictures_of_a_grid_keep_their_true_shapes_in_rows_of_one_height(look: Look) -> None:
    shapes = [(640, 480), (480, 640), (960, 540), (640, 640)]
    page = look(group(*(finished(number, *shape) for number, shape in enumerate(shapes))), **grid())
    boxes = [picture(page, number).bounding_box() for number in range(len(shapes))]
    for (width, height), box in zip(shapes, boxes, strict=True):
        assert abs(box["width"] / box["height"] - width / height) < 0.03
    assert len({round(box["y"]) for box in boxes}) == 1


def test_arrows_move_through_the_grid_space_selects_and_enter_opens(look: Look) -> None:
    page = look(group(*(finished(number) for number in range(12))), **grid())
    page.get_by_role("button", name="number 0").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.get_by_text(CHOSEN)).to_have_text("Chosen: p1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+Space")
    expect(page.get_by_text(CHOSEN)).to_have_text("Chosen: p1, p2, p3")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert "number 3" in focused(page)
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(picture(lightbox(page), 11)).to_be_visible()
    page.keyboard.press("Escape")
    assert "number 11" in focused(page)


def test_shift_takes_a_range_and_the_server_can_clear_it(look: Look, stage: Stage) -> None:
    offered = {"selection_actions": (Action("clear", "Put away", "inventory_2"),), "selected": ["p5"]}
    page = look(group(*(finished(number) for number in range(6))), **grid(**offered))
    expect(page.get_by_text(CHOSEN)).to_have_text("Chosen: p5")
    page.get_by_role("checkbox", name="number 0").check()
    page.get_by_role("checkbox", name="number 2").click(modifiers=["Shift"])
    expect(page.get_by_text(CHOSEN)).to_have_text("Chosen: p5, p0, p1, p2")
    button(page, "Put away").click()
    expect(page.get_by_text(CHOSEN)).to_have_text("Chosen: nothing")
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(0)
    stage.hears(["clear", None, "selection"])


def test_selected_pictures_are_compared(look: Look) -> None:
    page = look(group(*(finished(number) for number in range(4))), **grid())
    for number in (1, 3):
        page.get_by_role("checkbox", name=f"number {number}").check()
    button(page, "Compare").click()
    for number in (1, 3):
        expect(picture(compare(page), number)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(2)


def test_a_job_without_a_picture_can_be_looked_at_in_the_grid(look: Look) -> None:
    page = look(
        group(finished(1), waiting(2, state="failed", label="Failed", problem=Problem("It was refused."))), **grid()
    )
    button(page, "Failed: A lighthouse, number 2").click()
    expect(lightbox(page).get_by_text("It was refused.")).to_be_visible()
