"""The gallery's lightbox, comparison and grid in a real browser, by mouse, keys and fingers."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from kie.views.cards import Action, Badge, Problem
from tests.support.gallery_stage import (
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
from tests.support.waiting import until

pytestmark = pytest.mark.browser

Look = Callable[..., Page]


# -- the lightbox


def test_the_lightbox_shows_the_whole_picture_what_is_known_of_it_and_its_keys_until_an_action_goes_on_elsewhere(
    look: Look, stage: Stage
) -> None:
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
    until(lambda: focused(page) == "Picture made from: A lighthouse, number 1")
    picture(page, 1).click()
    keys = page.get_by_role("dialog", name="Keys")
    page.keyboard.press("?")
    expect(keys).to_be_visible()
    page.keyboard.press("?")
    expect(keys).to_be_hidden()
    page.keyboard.press("?")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    expect(lightbox(page)).to_be_visible()
    button(lightbox(page), "Use as reference").click()
    stage.hears(["star", "p1", "g1"], ["use", "p1", "g1"])
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_pictures_are_judged_by_keys_one_after_the_other(look: Look, stage: Stage) -> None:
    judged = (
        Action("star", "Star", "favorite"),
        Action("pick", "Pick", "thumb_up"),
        Action("reject", "Reject", "thumb_down"),
    )
    page = look(
        group(finished(1, actions=judged), finished(2, actions=(*judged, Action("delete", "Delete", "delete"))))
    )
    picture(page, 1).click()
    for key in ("s", "P", "Delete", "Control+x", "ArrowRight", "x", "Delete"):
        page.keyboard.press(key)
    stage.hears(["star", "p1", "g1"], ["pick", "p1", "g1"], ["reject", "p2", "g1"], ["delete", "p2", "g1"])


def test_items_are_judged_by_the_same_keys_and_the_next_comes_into_the_place_of_what_is_gone(
    look: Look, stage: Stage
) -> None:
    judged = (Action("pick", "Pick", "thumb_up", menu=True), Action("delete", "Delete", "delete"))
    pictures = [finished(number, actions=judged) for number in range(3)]
    page = look(group(*pictures))
    page.get_by_role("button", name="number 0").focus()
    for key in ("ArrowRight", "p", "Delete", "Control+p", "x"):
        page.keyboard.press(key)
    stage.hears(["pick", "p1", "g1"], ["delete", "p1", "g1"])
    stage.show(group(pictures[0], pictures[2]))
    expect(picture(page, 1)).to_have_count(0)
    until(lambda: "number 2" in focused(page))


def test_the_thumbnail_stands_in_when_the_whole_picture_does_not_come(look: Look) -> None:
    missing = finished(1, picture="/app/static/pictures/gone.png")
    page = look(group(missing), errors_pass=("404",))
    button(page, "Open large").click()
    expect(lightbox(page).get_by_text("The whole picture did not load")).to_be_visible()
    assert width_of(picture(lightbox(page), 1)) == 160


def test_arrows_and_buttons_lead_through_all_pictures_and_an_open_one_stays_when_data_comes_and_goes_with_it(
    look: Look, stage: Stage
) -> None:
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
    renewed = replace(finished(3), facts=(("Person", "Somebody new"),))
    stage.show(group(finished(5), finished(1)), group(renewed, id="g2"))
    expect(lightbox(page).get_by_text("Somebody new")).to_be_visible()
    expect(lightbox(page).get_by_text("3 of 3")).to_be_visible()
    stage.show(group(finished(1)))
    expect(page.get_by_role("dialog")).to_have_count(0)


def level(page: Page) -> int:
    """Return how many pixels of the screen a pixel of the open picture takes, in percent."""
    return int(page.get_by_role("dialog").locator(".level").inner_text().removesuffix(" %"))


def size(image: Locator) -> tuple[float, float]:
    """Return an image's size in CSS pixels."""
    box = image.bounding_box()
    return round(box["width"], 1), round(box["height"], 1)


def growth(image: Locator, fitting: dict) -> float:
    """Return how much larger an image is than it was where it fitted."""
    return round(image.bounding_box()["width"] / fitting["width"], 2)


def test_keys_wheel_double_click_and_drag_zoom_and_pan(look: Look) -> None:
    page = look(group(finished(1), finished(2)))
    picture(page, 1).click()
    large = picture(lightbox(page), 1)
    fitting = large.bounding_box()
    middle = (fitting["x"] + fitting["width"] / 2, fitting["y"] + fitting["height"] / 2)
    for key in "++-":
        page.keyboard.press(key)
    until(lambda: growth(large, fitting) == 1.4)
    page.mouse.move(*middle)
    page.mouse.wheel(0, -100)
    until(lambda: growth(large, fitting) > 1.9)
    before = large.bounding_box()
    page.mouse.down()
    page.mouse.move(middle[0] + 30, middle[1] + 20)
    page.mouse.up()
    until(
        lambda: (
            (now := large.bounding_box()) and (round(now["x"] - before["x"]), round(now["y"] - before["y"])) == (30, 20)
        )
    )
    after = large.bounding_box()
    page.keyboard.press("Shift+ArrowRight")
    expect(large).to_be_visible()  # It moves in the picture and not to the next.
    until(lambda: round(large.bounding_box()["x"] - after["x"]) == -80)
    page.keyboard.press("0")
    until(lambda: large.bounding_box() == fitting)
    page.mouse.dblclick(*middle)
    until(lambda: growth(large, fitting) == 2.5)
    page.mouse.dblclick(*middle)
    until(lambda: large.bounding_box() == fitting)


@pytest.mark.parametrize(("width", "height"), [(1600, 1200), (160, 120)], ids=["large", "small"])
def test_100_percent_is_one_pixel_of_the_picture_for_each_of_the_screen(look: Look, width: int, height: int) -> None:
    page = look(group(finished(1, width, height)))
    picture(page, 1).click()
    large = picture(lightbox(page), 1)
    fitting = large.bounding_box()
    assert level(page) == round(100 * fitting["width"] / width)
    button(lightbox(page), "100 %").click()
    until(lambda: (size(large), level(page)) == ((width, height), 100))
    button(lightbox(page), "Fit").click()
    until(lambda: large.bounding_box() == fitting)
    line = page.context.new_cdp_session(page)
    screen = page.viewport_size | {"mobile": False}
    line.send("Emulation.setDeviceMetricsOverride", screen | {"deviceScaleFactor": 2})
    until(lambda: page.evaluate("devicePixelRatio") == 2)
    page.keyboard.press("1")
    until(lambda: (size(large), level(page)) == ((width / 2, height / 2), 100))
    line.send("Emulation.setDeviceMetricsOverride", screen | {"deviceScaleFactor": 1})


# -- on a phone


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
    expect(picture(lightbox(page), 1)).to_be_visible()
    touch(page, [(300, 200)], [(200, 205)], [(100, 205)])
    expect(picture(lightbox(page), 2)).to_be_visible()
    fitting = picture(lightbox(page), 2).bounding_box()
    touch(page, [(150, 200), (250, 200)], [(100, 200), (300, 200)])
    until(lambda: growth(picture(lightbox(page), 2), fitting) == 2)
    touch(page, [(300, 200)], [(200, 205)], [(100, 205)])
    expect(picture(lightbox(page), 2)).to_be_visible()


def test_on_a_phone_the_buttons_of_a_narrow_picture_stand_in_one_row(look: Look, phone: BrowserContext) -> None:
    names = {"use": "Use as reference", "star": "Star", "pick": "Pick", "delete": "Delete"}
    actions = (*(Action(id, name, id) for id, name in names.items()), Action("hide", "Hide", "close", menu=True))
    page = look(group(*(finished(number, 480, 640, actions=actions) for number in (1, 2))), profile=phone)
    expect(button(card(page, 1), "More")).to_be_visible()
    boxes = [shown.bounding_box() for shown in card(page, 1).locator(".actions").get_by_role("button").all()]
    assert len(boxes) == 6 and len({box["y"] for box in boxes}) == 1
    place = card(page, 1).bounding_box()
    assert all(place["x"] <= box["x"] and box["x"] + box["width"] <= place["x"] + place["width"] for box in boxes)


# -- comparing


def test_two_pictures_are_compared_by_what_differs_and_a_third_can_be_added(look: Look, stage: Stage) -> None:
    page = look(group(finished(1), finished(2), finished(3)))
    choose_more(card(page, 1), page, "Compare")
    expect(page.get_by_text("Selected: compare another with it")).to_be_visible()
    choose_more(card(page, 2), page, "Compare")
    for number in (1, 2):
        expect(picture(compare(page), number)).to_be_visible()
    expect(compare(page).locator(".differing dt")).to_have_text(["Prompt", "Resolution"])
    expect(compare(page).get_by_text("2K", exact=True)).to_be_visible()
    expect(compare(page).get_by_text("Ann", exact=True)).to_be_hidden()
    compare(page).get_by_text("The same for all: 2").click()
    expect(compare(page).get_by_text("Ann", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    choose_more(card(page, 3), page, "Compare")
    for number in (1, 2, 3):
        expect(picture(compare(page), number)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("3 selected").first).to_be_visible()
    button(page, "Clear").click()
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(0)
    assert stage.heard() == []


# Where a picture begins in its frame.
CORNER = """image => {
    const [inner, outer] = [image, image.closest(".frame")].map((node) => node.getBoundingClientRect())
    return [Math.round(inner.left - outer.left), Math.round(inner.top - outer.top)]
}"""


def test_compared_pictures_zoom_in_step_and_the_slider_is_led_by_keys(look: Look) -> None:
    page = look(group(finished(1), finished(2)))
    for number in (1, 2):
        choose_more(card(page, number), page, "Compare")
    first, second = (picture(compare(page), number) for number in (1, 2))
    fitting = first.bounding_box()
    page.keyboard.press("+")
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(f"Shift+{key}")
    until(lambda: growth(first, fitting) == growth(second, fitting) == 1.4)
    until(lambda: first.evaluate(CORNER) == second.evaluate(CORNER) and first.evaluate(CORNER)[0] == 0)
    button(compare(page), "100 %").click()
    until(lambda: (size(first), size(second)) == ((640, 480), (640, 480)))
    button(compare(page), "Fit").click()
    until(lambda: first.bounding_box() == fitting)
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
            expect(page.get_by_role("status")).to_have_text("Selected: compare another with it")
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


def test_badges_lie_over_their_picture(look: Look, stage: Stage) -> None:
    shown = group(finished(1, badges=(Badge("star", "Starred by Ann"),)))
    page = look(shown)
    # What is no target of the pointer is not found at a point. Another layout replaces the badge.
    is_on_top = """badge => {
        badge.style.pointerEvents = "auto"
        const { x, y, width, height } = badge.getBoundingClientRect()
        return badge.isConnected && badge.contains(badge.getRootNode().elementFromPoint(x + width / 2, y + height / 2))
    }"""
    assert page.locator(".badge").evaluate(is_on_top)
    stage.show(shown, **grid())
    expect(page.get_by_role("checkbox", name="number 1")).to_be_visible()
    until(lambda: page.locator(".badge").evaluate(is_on_top))


def test_shift_takes_a_range_that_the_server_can_clear_and_arrows_space_and_enter_move_select_and_open(
    look: Look, stage: Stage
) -> None:
    offered = {"selection_actions": (Action("clear", "Put away", "inventory_2"),)}
    page = look(group(*(finished(number) for number in range(12))), **grid(**offered))
    page.get_by_role("checkbox", name="number 5").check()
    expect(page.get_by_text(CHOSEN)).to_have_text("Chosen: p5")
    page.get_by_role("checkbox", name="number 0").check()
    page.get_by_role("checkbox", name="number 2").click(modifiers=["Shift"])
    expect(page.get_by_text(CHOSEN)).to_have_text("Chosen: p5, p0, p1, p2")
    button(page, "Put away").click()
    expect(page.get_by_text(CHOSEN)).to_have_text("Chosen: nothing")
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(0)
    stage.hears(["clear", None, "selection"])
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
    until(lambda: "number 3" in focused(page))
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(picture(lightbox(page), 11)).to_be_visible()
    page.keyboard.press("Escape")
    until(lambda: "number 11" in focused(page))


def test_a_job_without_a_picture_can_be_looked_at_in_the_grid(look: Look) -> None:
    page = look(
        group(finished(1), waiting(2, state="failed", label="Failed", problem=Problem("It was refused."))), **grid()
    )
    page.get_by_role("button", name="A lighthouse, number 2").click()
    expect(lightbox(page).get_by_text("It was refused.")).to_be_visible()
