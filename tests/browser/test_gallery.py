"""The gallery in a real browser: what is seen of jobs and pictures, what is pressed, and what changes under the eye."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from kie.views.cards import Action, Badge, DownloadLink, Problem, Progress
from tests.support.barriers import barriers
from tests.support.browser import GONE, saved
from tests.support.gallery_app import drawn
from tests.support.gallery_stage import (
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
HINT = "Nothing has been sent yet, so this is free."


# -- items


def test_an_item_shows_its_picture_its_words_and_what_can_be_done_and_its_download_is_the_whole_file(
    look: Look,
) -> None:
    page = look(group(finished(1, badges=(Badge("star", "Starred"),)), note="For the fair"))
    expect(page.get_by_role("heading", name="A press at 14:02", level=2)).to_be_visible()
    until(lambda: width_of(picture(page, 1)) == 160)
    for words in ("A lighthouse, number 1", "4:3 · 1K · PNG · 18 credits", "For the fair"):
        expect(page.get_by_text(words, exact=True)).to_be_visible()
    for name in ("Open large", "Download", "Use as reference", "More"):
        expect(button(page, name)).to_be_visible()
    expect(button(page, "Star")).to_have_count(0)
    assert saved(page, button(page, "Download")) == ("lighthouse-1.png", drawn(640, 480, 1))
    button(page, "Download").focus()
    with page.expect_download():
        page.keyboard.press("Space")


def test_the_seconds_of_an_open_job_count_on_in_the_browser_without_a_bar_if_its_length_is_unknown(look: Look) -> None:
    known = (waiting(1, elapsed=12.0, expected=1000.0), waiting(2, elapsed=75.0, expected=30.0))
    unknown = (waiting(3, elapsed=5.0), waiting(4, state="queued", turn="Your turn in about 12 s."))
    page = look(group(*known, *unknown))
    counted = page.get_by_text(re.compile(r"^(\d+ min )?\d+ s · ~.+ s left"))
    expect(counted).to_be_visible()
    gone, to_go = seconds_in(counted.inner_text())
    assert abs(gone + to_go - 1000) <= 1
    until(lambda: seconds_in(counted.inner_text())[0] > gone)
    expect(page.get_by_text(re.compile(r"^\d+ min \d+ s · taking longer than usual"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"^([6-9]|\d\d+) s$"))).to_be_visible()
    expect(page.get_by_text("Your turn in about 12 s.")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(2)
    for number in (1, 2):
        expect(card(page, number).get_by_role("progressbar")).to_be_visible()


def seconds_in(text: str) -> list[int]:
    """Return the durations in a text, such as "1 min 5 s", in seconds."""
    return [60 * int(minutes or 0) + int(left) for minutes, left in re.findall(r"(?:(\d+) min )?(\d+) s", text)]


def test_a_group_tells_how_far_it_is_and_what_can_be_done_with_all_of_it(look: Look, stage: Stage) -> None:
    told = {"progress": Progress(1, 4, "1 of 4 done · paused"), "actions": (Action("go-on", "Resume", "play_arrow"),)}
    page = look(group(waiting(1), **told))
    bar = page.get_by_role("progressbar", name="A press at 14:02")
    expect(bar).to_have_attribute("aria-valuetext", "1 of 4 done · paused")
    assert bar.evaluate("bar => bar.position") == 0.25
    button(page, "Resume").click()
    stage.hears(["go-on", None, "g1"])


def test_a_problem_is_told_in_words_and_the_service_s_own_stay_text(look: Look) -> None:
    refused = Problem("The service refused it. Not charged.", "<b>flagged</b> & *bold*")
    page = look(group(waiting(1, state="failed", label="Failed", prompt="<i>A</i> `prompt`", problem=refused)))
    for words in ("Failed", refused.text, "<i>A</i> `prompt`"):
        expect(page.get_by_text(words, exact=True)).to_be_visible()
    page.get_by_text(refused.text).click()
    expect(lightbox(page).get_by_text(refused.detail, exact=True)).to_be_visible()


def test_only_this_server_s_own_addresses_are_shown_or_offered(look: Look) -> None:
    foreign = ("https://evil.example/a.png", "//evil.example/a.png", "/\\evil.example/a.png", "javascript:alert(1)")
    items = [
        finished(number, thumbnail=url, picture=url, download=DownloadLink(url, "a.png"))
        for number, url in enumerate((*foreign, "/\t/evil.example/a.png"))
    ]
    page = look(group(*items))
    expect(page.get_by_text("A lighthouse, number 4", exact=True)).to_be_visible()
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


def test_a_copy_is_made_in_the_browser_and_said_and_a_double_click_is_one_press(
    look: Look, profile: BrowserContext, stage: Stage
) -> None:
    page = look(group(finished(1)))
    profile.grant_permissions(["clipboard-read", "clipboard-write"], origin=stage.server.url)
    choose_more(page, page, "Copy prompt")
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "A copied prompt"
    assert stage.heard() == []
    button(page, "Use as reference").dblclick()
    choose_more(page, page, "Star")
    stage.hears(["use", "p1", "g1"], ["star", "p1", "g1"])


def test_what_was_answered_is_not_answered_again_by_a_server_that_starts_anew(look: Look, stage: Stage) -> None:
    page = look(group(finished(1)), errors_pass=GONE)
    button(page, "Use as reference").click()
    stage.hears(["use", "p1", "g1"])
    stage.server.stop()
    stage.pages.clear()  # whoever looks can't be told now
    stage.show(group(finished(2)))
    stage.server.start()
    expect(picture(page, 2)).to_be_visible()
    button(page, "Use as reference").click()
    stage.hears(["use", "p1", "g1"], ["use", "p2", "g1"])


def test_the_menu_is_led_by_keys_and_gives_the_focus_back(look: Look, stage: Stage) -> None:
    page = look(group(finished(1)))
    button(page, "More").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menu", name="More")).to_be_visible()
    until(lambda: focused(page) == "Compare")
    page.keyboard.press("ArrowUp")
    until(lambda: focused(page) == "Star")
    stage.show(group(finished(1, meta="Something new")))
    expect(page.get_by_text("Something new")).to_be_visible()
    until(lambda: focused(page) == "Star")
    page.keyboard.press("c")
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    until(lambda: focused(page) == "More")
    page.keyboard.press("Enter")
    until(lambda: focused(page) == "Compare")
    page.keyboard.press("End")
    until(lambda: focused(page) == "Star")
    page.keyboard.press("Enter")
    stage.hears(["star", "p1", "g1"])


# -- what changes under the eye


def test_a_picture_takes_the_place_that_was_kept_for_it_and_is_announced_and_others_stay_the_same_elements(
    look: Look, stage: Stage
) -> None:
    page = look(group(waiting(1), finished(2), finished(3)))
    page.get_by_text("Generating").wait_for()
    kept = card(page, 1).locator(".place").bounding_box()
    picture(page, 3).evaluate("image => (image.isTheSame = true)")
    button(card(page, 2), "Use as reference").focus()
    stage.show(group(finished(1), finished(2), finished(3)))
    expect(picture(page, 1)).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Done: A lighthouse, number 1")
    assert card(page, 1).locator(".place").bounding_box() == kept
    stage.show(group(finished(4), finished(1), finished(3), finished(2, meta="Something new")))
    expect(picture(page, 4)).to_be_visible()
    assert picture(page, 3).evaluate("image => image.isTheSame")
    until(lambda: "Use as reference" in focused(page))


def test_an_item_whose_data_did_not_change_is_not_touched(look: Look, stage: Stage) -> None:
    others = [finished(number) for number in range(2, 12)]
    page = look(group(waiting(1, elapsed=5.0), *others))
    expect(page.locator("li .picture")).to_have_count(10)
    expect(page.locator("li .picture.is-waiting")).to_have_count(0)
    page.evaluate(WATCH)
    stage.show(group(finished(1), *others, title="Another title"))
    expect(picture(page, 1)).to_be_visible()
    expect(page.get_by_role("heading", name="Another title")).to_be_visible()
    expect(page.locator("li .picture")).to_have_count(11)
    assert page.evaluate("window.touched()") == ["A lighthouse, number 1"]


# Lists the items in which anything is written, be it what stood there before.
WATCH = """() => {
    const groups = [...document.querySelectorAll("*")].map((one) => one.shadowRoot?.querySelector(".groups")).find(Boolean)
    const found = []
    const observer = new MutationObserver((records) => found.push(...records))
    observer.observe(groups, { subtree: true, childList: true, attributes: true, characterData: true })
    const itemOf = ({ target }) => (target.nodeType === 1 ? target : target.parentElement).closest("li")
    const name = (item) => item.querySelector(".prompt").textContent
    window.touched = () => [...new Set([...found, ...observer.takeRecords()].map(itemOf).filter(Boolean))].map(name)
}"""


def test_the_focus_stays_on_an_item_whose_button_is_gone(look: Look, stage: Stage) -> None:
    page = look(group(waiting(1, actions=(Action("cancel", "Cancel", "close"),)), waiting(2)))
    button(page, "Cancel").focus()
    stage.show(group(waiting(1), waiting(2)))
    expect(button(page, "Cancel")).to_have_count(0)
    until(lambda: "A lighthouse, number 1" in focused(page))


# -- the tab


def test_the_tab_counts_what_is_to_come_and_who_looks_elsewhere_is_told_in_it_and_notified_once(
    look: Look, stage: Stage, profile: BrowserContext
) -> None:
    profile.grant_permissions(["notifications"], origin=stage.server.url)
    page = look(group(waiting(1)), pending=2)
    page.evaluate("""() => {
        window.told = []
        window.Notification = class extends Notification {
          constructor(title, options) { super(title, options); window.told.push([title, options.body]) }
        }
      }""")
    expect(page).to_have_title("(2) Nano Banana Studio")
    expect(button(page, "Notify me when done")).to_have_count(0)
    stage.show(group(finished(1)), pending=0)
    expect(page).to_have_title("Nano Banana Studio")
    stage.show(group(waiting(1)), pending=1)
    expect(page).to_have_title("(1) Nano Banana Studio")
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => window.isAway ?? true, configurable: true })")
    stage.show(group(finished(1)), pending=0)
    expect(page).to_have_title("Done · Nano Banana Studio")
    stage.show(group(finished(1), finished(2)), pending=0)
    expect(picture(page, 2)).to_be_visible()
    assert page.evaluate("told") == [["Done · Nano Banana Studio", "All pictures are finished or failed."]]
    page.evaluate("() => { window.isAway = false; document.dispatchEvent(new Event('visibilitychange')) }")
    expect(page).to_have_title("Nano Banana Studio")
    profile.clear_permissions()


# -- for everybody


def test_nobody_is_kept_out_of_the_feed_the_grid_or_the_large_view(look: Look, stage: Stage) -> None:
    failed = waiting(3, state="failed", label="Failed", problem=Problem("It was refused.", "flagged", "warning"))
    told = {"progress": Progress(1, 3, "1 of 3 done"), "actions": (Action("pause", "Pause", "pause"),)}
    running = waiting(2, elapsed=12.0, expected=30.0, actions=(Action("cancel", "Cancel", "close"),))
    shown = group(finished(1), running, failed, **told)
    page = look(shown)
    assert barriers(page) == []
    stage.show(shown, **grid())
    expect(page.get_by_role("checkbox", name="number 1")).to_be_visible()
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
