"""The gallery in a real browser, on a small server of its own: what is seen, reached by keys and touch, and told to Python."""

import json
import pickle
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from pages.parts.gallery import Action, Badge, Download, Group, Item, Notify, Problem, Progress
from tests.browser import DESKTOP, PHONE, WAIT_MS, barriers, complaints, saved, until
from tests.gallery_app import drawn
from tests.server import ROOT, Server

pytestmark = pytest.mark.browser

CHOSEN = re.compile("^Chosen: ")
HINT = "Nothing has been sent yet, so this is free."
ACTIONS = (
    Action("open", "Open large", ":material/open_in_full:"),
    Action("use", "Use as reference", "add_photo_alternate"),
    Action("compare", "Compare", "compare", menu=True),
    Action("copy", "Copy prompt", "content_copy", menu=True, copy="A copied prompt"),
    Action("star", "Star", "star", menu=True),
)


def address(width: int, height: int, seed: int) -> str:
    return f"/app/static/pictures/{width}x{height}-{seed}.png"


def finished(number: int, width: int = 640, height: int = 480, **more: object) -> Item:
    """Return a picture that is there; its thumbnail has a quarter of its width."""
    prompt = f"A lighthouse, number {number}"
    return Item(
        **{
            "id": f"p{number}",
            "state": "done",
            "label": "Done",
            "prompt": prompt,
            "icon": ":material/check:",
            "width": width,
            "height": height,
            "thumbnail": address(width // 4, height // 4, number),
            "picture": address(width, height, number),
            "alt": f"Picture made from: {prompt}",
            "meta": "4:3 · 1K · PNG · 18 credits",
            "download": Download(address(width, height, number), f"lighthouse-{number}.png"),
            "actions": ACTIONS,
            "facts": (("Resolution", f"{number}K"), ("Person", "Ann")),
        }
        | more
    )


def waiting(number: int, **more: object) -> Item:
    """Return a job that is being made."""
    fields = {"id": f"p{number}", "state": "running", "label": "Being made", "prompt": f"A lighthouse, number {number}"}
    return Item(**fields | {"icon": "brush", "width": 4, "height": 3} | more)


def group(*items: Item, **more: object) -> Group:
    return Group(**{"id": "g1", "title": "A press at 14:02", "items": items} | more)


class Stage:
    """The server that shows a scene: what it is told to show, and what it has heard."""

    def __init__(self, root: Path):
        shutil.copytree(ROOT / "pages" / "parts", root / "pages" / "parts")
        shutil.copytree(ROOT / ".streamlit", root / ".streamlit")
        shutil.copy(ROOT / "tests" / "gallery_app.py", root / "app.py")
        shutil.copy(ROOT / "tests" / "gallery_page.py", root)
        self.root, self.server = root, Server(root / "data", root)
        self.pages: list[Page] = []

    def show(self, *groups: Group, **scene: object) -> None:
        """Show these groups from now on, on every page that is open."""
        part = self.root / "scene.part"
        part.write_bytes(pickle.dumps({"groups": groups} | scene))
        part.rename(self.root / "scene.pickle")
        for page in self.pages:
            page.evaluate("window.showAgain()")

    def heard(self) -> list[list[str | None]]:
        """Return every press that Python was told of: action, item, group."""
        return [json.loads(line) for line in (self.root / "pressed.jsonl").read_text().splitlines()]

    def hears(self, *presses: list[str | None]) -> None:
        """Wait until Python has heard of these presses, and of no other since the scene was set."""
        until(lambda: len(self.heard()) >= len(presses))
        assert self.heard() == list(presses)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The gallery's own server."""
    stage = Stage(tmp_path_factory.mktemp("gallery"))
    with stage.server:
        yield stage


@pytest.fixture
def stage(running: Stage) -> Stage:
    """That server, which has heard nothing yet."""
    (running.root / "pressed.jsonl").write_text("")
    return running


@pytest.fixture
def look(profile: BrowserContext, stage: Stage) -> Iterator[Callable[..., Page]]:
    """Opens the page with a scene. In the end no page has had an error in its console."""
    pages, errors = [], []

    def open_page(*groups: Group, profile: BrowserContext = profile, errors_pass: tuple = (), **scene: object) -> Page:
        stage.show(*groups, **scene)
        page = profile.new_page()
        pages.append(page)
        page.on("console", lambda message: errors.extend(complaints(message, errors_pass)))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(stage.server.url)
        expect(page.get_by_text(CHOSEN)).to_be_visible()
        page.wait_for_function("() => Boolean(window.showAgain)")
        stage.pages.append(page)
        return page

    yield open_page
    stage.pages.clear()
    for page in pages:
        page.close()
    assert errors == []


Look = Callable[..., Page]


def picture(page: Page | Locator, number: int) -> Locator:
    return page.get_by_role("img", name=f"Picture made from: A lighthouse, number {number}", exact=True)


def card(page: Page, number: int) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_text(f"A lighthouse, number {number}", exact=True))


def button(place: Page | Locator, name: str) -> Locator:
    return place.get_by_role("button", name=name, exact=True)


def lightbox(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Picture")


def focused(page: Page) -> str:
    """Name what has the focus inside the gallery."""
    return page.evaluate("""() => {
        const it = document.activeElement?.shadowRoot?.activeElement
        return it ? it.getAttribute("aria-label") ?? it.querySelector("img")?.alt ?? it.textContent : ""
    }""")


def choose_more(place: Page | Locator, page: Page, name: str) -> None:
    """Choose from the "More" menu of a card."""
    button(place, "More").click()
    page.get_by_role("menuitem", name=name, exact=True).click()


def width_of(image: Locator) -> int:
    return image.evaluate("image => image.naturalWidth")


# -- cards


def test_a_card_shows_its_picture_its_words_and_what_can_be_done(look: Look) -> None:
    page = look(group(finished(1, badges=(Badge(":material/star:", "Starred"),)), note="For the fair"))
    expect(page.get_by_role("heading", name="A press at 14:02", level=3)).to_be_visible()
    until(lambda: width_of(picture(page, 1)) == 160)
    for words in ("A lighthouse, number 1", "4:3 · 1K · PNG · 18 credits", "Starred", "For the fair"):
        expect(page.get_by_text(words, exact=True)).to_be_visible()
    for name in ("Open large", "Download", "Use as reference", "More"):
        expect(button(page, name)).to_be_visible()
    expect(button(page, "Star")).to_have_count(0)


def test_without_groups_the_page_s_own_words_are_shown(look: Look) -> None:
    expect(look(empty="Your pictures appear here").get_by_text("Your pictures appear here")).to_be_visible()


def test_the_seconds_of_an_open_job_count_on_in_the_browser(look: Look) -> None:
    page = look(group(waiting(1, elapsed=12.0, expected=30.0), waiting(2, elapsed=75.0, expected=30.0)))
    expect(page.get_by_text("14 s · about 16 s to go")).to_be_visible()
    expect(page.get_by_text(re.compile("^1 min 1[78] s · longer than usual"))).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(2)


def test_a_job_of_unknown_length_has_seconds_and_no_bar(look: Look) -> None:
    page = look(group(waiting(1, elapsed=5.0), waiting(2, state="queued", turn="Your turn in about 12 s.")))
    expect(page.get_by_text("6 s", exact=True)).to_be_visible()
    expect(page.get_by_text("Your turn in about 12 s.")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)


def test_a_group_tells_how_far_it_is_and_what_can_be_done_with_all_of_it(look: Look, stage: Stage) -> None:
    told = {"progress": Progress(1, 4, "1 of 4 done · paused"), "actions": (Action("go-on", "Go on", "play_arrow"),)}
    page = look(group(waiting(1), **told))
    bar = page.get_by_role("progressbar", name="A press at 14:02")
    expect(bar).to_have_attribute("aria-valuetext", "1 of 4 done · paused")
    expect(bar).to_have_attribute("aria-valuenow", "1")
    button(page, "Go on").click()
    stage.hears(["go-on", None, "g1"])


def test_a_problem_is_told_in_words_and_the_service_s_own_stay_text(look: Look) -> None:
    refused = Problem("The service refused it, and no credits were spent.", "<b>flagged</b> & *bold*")
    page = look(group(waiting(1, state="failed", label="Failed", prompt="<i>A</i> `prompt`", problem=refused)))
    for words in ("Failed", refused.text, refused.detail, "<i>A</i> `prompt`"):
        expect(page.get_by_text(words, exact=True)).to_be_visible()


def test_only_this_server_s_own_addresses_are_shown_or_offered(look: Look) -> None:
    foreign = ("https://evil.example/a.png", "//evil.example/a.png", "/\\evil.example/a.png", "javascript:alert(1)")
    items = [
        finished(number, thumbnail=url, picture=url, download=Download(url, "a.png"))
        for number, url in enumerate((*foreign, "/\t/evil.example/a.png"))
    ]
    page = look(group(*items))
    expect(page.get_by_text("A lighthouse, number 4")).to_be_visible()
    expect(page.get_by_role("img", name="Picture made from")).to_have_count(0)
    expect(button(page, "Download")).to_have_count(0)


# -- presses


def test_two_presses_at_once_are_both_answered_once(look: Look, stage: Stage) -> None:
    cancel = Action("cancel", "Cancel", "close", help=HINT)
    page = look(group(waiting(1, actions=(cancel,)), waiting(2, actions=(cancel,))))
    expect(button(card(page, 1), "Cancel")).to_have_attribute("title", HINT)
    handles = [handle.element_handle() for handle in button(page, "Cancel").all()]
    page.evaluate("buttons => buttons.forEach((button) => button.click())", handles)
    stage.hears(["cancel", "p1", "g1"], ["cancel", "p2", "g1"])
    button(card(page, 1), "Cancel").click()
    until(lambda: len(stage.heard()) == 3)


def test_a_double_click_is_one_press(look: Look, stage: Stage) -> None:
    page = look(group(finished(1)))
    button(page, "Use as reference").dblclick()
    choose_more(page, page, "Star")
    stage.hears(["use", "p1", "g1"], ["star", "p1", "g1"])


def test_what_was_answered_is_not_answered_again_by_a_server_that_starts_anew(
    chromium: Browser, tmp_path: Path
) -> None:
    stage = Stage(tmp_path)
    stage.show(group(finished(1)))
    (tmp_path / "pressed.jsonl").write_text("")
    with stage.server, closing(chromium.new_context(viewport=DESKTOP)) as context:
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.goto(stage.server.url)
        button(page, "Use as reference").click()
        stage.hears(["use", "p1", "g1"])
        stage.server.stop()
        stage.server.start()
        stage.show(group(finished(2)))
        expect(picture(page, 2)).to_be_visible()
        button(page, "Use as reference").click()
        stage.hears(["use", "p1", "g1"], ["use", "p2", "g1"])


def test_a_download_has_its_own_name_and_the_whole_file(look: Look) -> None:
    page = look(group(finished(1)))
    assert saved(page, button(page, "Download")) == ("lighthouse-1.png", drawn(640, 480, 1))
    button(page, "Download").focus()
    with page.expect_download():
        page.keyboard.press("Space")


def test_the_menu_is_led_by_keys_and_gives_the_focus_back(look: Look, stage: Stage) -> None:
    page = look(group(finished(1)))
    button(page, "More").focus()
    page.keyboard.press("ArrowDown")
    expect(button(page, "More")).to_have_attribute("aria-expanded", "true")
    assert focused(page) == "Compare"
    page.keyboard.press("ArrowUp")
    assert focused(page) == "Star"
    stage.show(group(finished(1, meta="Something new")))
    expect(page.get_by_text("Something new")).to_be_visible()
    assert focused(page) == "Star"
    page.keyboard.press("c")
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    assert focused(page) == "More"
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    stage.hears(["star", "p1", "g1"])


def test_a_copy_is_made_in_the_browser_and_said(look: Look, profile: BrowserContext, stage: Stage) -> None:
    page = look(group(finished(1)))
    profile.grant_permissions(["clipboard-read", "clipboard-write"], origin=stage.server.url)
    choose_more(page, page, "Copy prompt")
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "A copied prompt"
    assert stage.heard() == []


# -- what changes under the eye


def test_a_picture_takes_the_place_that_was_kept_for_it_and_is_announced(look: Look, stage: Stage) -> None:
    page = look(group(waiting(1), finished(2)))
    page.get_by_text("Being made").wait_for()
    kept = card(page, 1).locator(".place").bounding_box()
    stage.show(group(finished(1), finished(2)))
    expect(picture(page, 1)).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Done: A lighthouse, number 1")
    assert card(page, 1).locator(".place").bounding_box() == kept


def test_what_has_not_changed_stays_the_same_element(look: Look, stage: Stage) -> None:
    page = look(group(waiting(1), finished(2), finished(3)))
    picture(page, 3).evaluate("image => (image.isTheSame = true)")
    button(card(page, 2), "Use as reference").focus()
    stage.show(group(finished(4), finished(1), finished(3), finished(2, meta="Something new")))
    expect(picture(page, 4)).to_be_visible()
    assert picture(page, 3).evaluate("image => image.isTheSame")
    assert "Use as reference" in focused(page)


def test_the_focus_stays_on_a_card_whose_button_is_gone(look: Look, stage: Stage) -> None:
    page = look(group(waiting(1, actions=(Action("cancel", "Cancel", "close"),)), waiting(2)))
    button(page, "Cancel").focus()
    stage.show(group(waiting(1), waiting(2)))
    expect(button(page, "Cancel")).to_have_count(0)
    assert "A lighthouse, number 1" in focused(page)


# -- the lightbox


def test_the_lightbox_shows_the_whole_picture_and_what_is_known_of_it(look: Look, stage: Stage) -> None:
    page = look(group(finished(1, 1600, 1200)))
    picture(page, 1).click()
    large = picture(lightbox(page), 1)
    until(lambda: width_of(large) == 1600)
    for words in ("A lighthouse, number 1", "Resolution", "1K", "Ann"):
        expect(lightbox(page).get_by_text(words, exact=True)).to_be_visible()
    button(lightbox(page), "Use as reference").click()
    stage.hears(["use", "p1", "g1"])
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == "Picture made from: A lighthouse, number 1"


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


def compare(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Compare")


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


# -- the grid


def grid(*items: Item, **more: object) -> dict:
    return {"layout": "grid", "selectable": True} | more


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
    expect(page.get_by_text(CHOSEN)).to_have_text(re.compile(r"p5|nothing"))
    page.get_by_role("checkbox", name="number 0").check()
    page.get_by_role("checkbox", name="number 2").click(modifiers=["Shift"])
    expect(page.get_by_text(CHOSEN)).to_have_text(re.compile("p0, p1, p2$"))
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


# -- the tab


def test_the_tab_counts_what_is_to_come_and_says_done_to_who_looks_elsewhere(look: Look, stage: Stage) -> None:
    page = look(group(waiting(1)), notify=Notify(2))
    expect(page).to_have_title("(2) Nano Banana Studio")
    stage.show(group(finished(1)), notify=Notify(0))
    expect(page).to_have_title("Nano Banana Studio")
    stage.show(group(waiting(1)), notify=Notify(1))
    expect(page).to_have_title("(1) Nano Banana Studio")
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => window.isAway ?? true, configurable: true })")
    stage.show(group(finished(1)), notify=Notify(0))
    expect(page).to_have_title("Done · Nano Banana Studio")
    page.evaluate("() => { window.isAway = false; document.dispatchEvent(new Event('visibilitychange')) }")
    expect(page).to_have_title("Nano Banana Studio")


# -- for everybody


@pytest.mark.parametrize("scene", [{}, grid()], ids=["cards", "grid"])
def test_nobody_is_kept_out_of_the_page_or_the_lightbox(look: Look, scene: dict) -> None:
    failed = waiting(3, state="failed", label="Failed", problem=Problem("It was refused.", "flagged", "warning"))
    told = {"progress": Progress(1, 3, "1 of 3 done"), "actions": (Action("pause", "Pause", "pause"),)}
    running = waiting(2, elapsed=12.0, expected=30.0, actions=(Action("cancel", "Cancel", "close", primary=True),))
    page = look(group(finished(1), running, failed, **told), **scene)
    assert barriers(page) == []
    picture(page, 1).click()
    expect(picture(lightbox(page), 1)).to_be_visible()
    assert barriers(page) == []


def test_nobody_is_kept_out_of_the_menu_or_the_comparison(look: Look) -> None:
    page = look(group(finished(1), finished(2)))
    button(card(page, 1), "More").click()
    assert barriers(page) == []
    page.get_by_role("menuitem", name="Compare").click()
    choose_more(card(page, 2), page, "Compare")
    button(compare(page), "Slider").click()
    assert barriers(page) == []


def test_a_phone_shows_one_card_beside_the_other_only_where_there_is_room(look: Look, phone: BrowserContext) -> None:
    page = look(group(finished(1), finished(2)), profile=phone)
    one, other = picture(page, 1).bounding_box(), picture(page, 2).bounding_box()
    assert one["x"] == other["x"] and one["width"] > 0.85 * PHONE["width"]
