"""The history in a real browser: long lists, everything that is known of a picture, and the ways back to the form."""

import io
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect

from kie.generation import Generation
from kie.images import inspect
from kie.images.files import Files
from kie.jobs import State
from kie.sandbox import Sandbox
from kie.store import Reference, Store
from tests.support.barriers import barriers, findings
from tests.support.browser import (
    PHONE,
    Visit,
    at,
    beside,
    brought_up_to_date,
    go,
    saved,
    settle,
    show_item,
    sql,
    table_rows,
    tray,
)
from tests.support.composer import ask, reference, settings
from tests.support.images import picture, receipt_in
from tests.support.rows import queue_submission
from tests.support.server import ForkedServer, Server
from tests.support.waiting import until

pytestmark = pytest.mark.browser

PAGE_SIZE = 50
JOBS = 120
FINISHED = Generation("A finished *lighthouse*\nin two lines", aspect_ratio="3:2", resolution="2K", output_format="jpg")
ONE_LINE = "A finished *lighthouse* in two lines"
TASK_ID = "5e8f0c2a7b1d4e6f9a3c"


@pytest.fixture(scope="module")
def server(service: Sandbox, uploads: Sandbox, project: Path, port: int) -> Iterator[Server]:
    """The studio of a team that has asked for 120 pictures; the newest is finished."""
    data_dir = project / "data"
    fill(data_dir)
    with ForkedServer(data_dir, project, port, **at(service, uploads)) as running:
        yield running


def fill(data_dir: Path) -> None:
    """Write a history: one finished picture with a reference, and older jobs that were cancelled."""
    files, store = Files(data_dir), Store(f"sqlite:///{data_dir / 'studio.sqlite3'}")
    files.open()
    store.open()
    began = time.time() - 3600
    for number in range(JOBS - 1, 0, -1):
        request, at_s = Generation(f"Picture number {number:03}"), began - 60 * number
        [job] = queue_submission(store, "Ann", request, f"press-{number}", 1, 18.0, at_s)
        store.jobs.move(job.id, State.QUEUED, State.CANCELLED, at_s, ended_at=at_s, next_at=None)
    kept = keep_reference(files, store, began)
    request = replace(FINISHED, references=(kept,))
    [job] = queue_submission(store, "Ben", request, "press-0", 1, 18.0, began)
    finish(files, store, job.id, began)
    store.close()


def keep_reference(files: Files, store: Store, now: float) -> str:
    part, sha256 = files.take_in(io.BytesIO(picture(colour="gold")))
    name = files.keep_reference(part, sha256, ".png")
    inspect.decode(files.path(name), files.thumbnail(sha256))
    return store.references.add(Reference(sha256, "gold.png", "png", 96, 64, 207, name, now, checked_at=now)).id


def finish(files: Files, store: Store, job_id: str, began: float) -> None:
    part = files.incoming()
    part.write_bytes(picture("JPEG", (900, 600), "orange"))
    name = files.keep_result(part, job_id, ".jpg")
    size = files.path(name).stat().st_size
    inspect.decode(files.path(name), files.thumbnail(job_id))
    store.jobs.move(job_id, State.QUEUED, State.UPLOADING, began + 1)
    store.jobs.move(job_id, State.UPLOADING, State.SENDING, began + 2, sent_at=began + 2)
    store.jobs.move(job_id, State.SENDING, State.RUNNING, began + 3, task_id=TASK_ID, accepted_at=began + 3)
    store.jobs.move(job_id, State.RUNNING, State.FETCHING, began + 50, credits=17.5, duration_s=47.0)
    known = {"file": name, "file_kind": "jpeg", "file_bytes": size, "width": 900, "height": 600}
    store.jobs.move(job_id, State.FETCHING, State.DONE, began + 52, ended_at=began + 52, next_at=None, **known)


@pytest.fixture
def history(server: Server, visit: Visit) -> Page:
    """The history as a table."""
    page = visit(server, "/history?view=table")
    until(lambda: table_rows(page))
    return page


def prompts(page: Page) -> list[str]:
    """Return the prompts of the table's rows."""
    return [row[0] for row in until(lambda: table_rows(page))]


def fact(page: Page, name: str) -> Locator:
    """Return what stands beside a name in the details."""
    return beside(page).locator("dt").filter(has_text=re.compile(f"^{name}$")).locator("xpath=following-sibling::dd[1]")


def address_of(server: Server) -> str:
    """Return what opens the finished picture at the end of an address."""
    [job] = sql(server, "SELECT id FROM jobs WHERE task_id = ?", TASK_ID)
    return f"job={job['id']}"


def tick(page: Page, number: int) -> None:
    page.get_by_role("checkbox", name=re.compile("^Select: ")).nth(number).click()


# -- the list


def test_the_newest_stand_first_fifty_to_a_page_that_has_its_own_address(
    server: Server, history: Page, visit: Visit
) -> None:
    expect(history.get_by_text(f"{JOBS} results · ")).to_be_visible()
    shown = table_rows(history)
    assert len(shown) == PAGE_SIZE
    assert shown[0][:5] == [ONE_LINE, "Done", "17.5", "3:2 · 2K · JPG", "Ben"]
    assert [row[:3] for row in shown[1:3]] == [[f"Picture number 00{n}", "Cancelled", "not charged"] for n in (1, 2)]
    history.set_viewport_size({"width": 1440, "height": 900})
    cut = "rows => rows.some(row => [...row.children].some(cell => cell.scrollWidth > cell.offsetWidth + 1))"
    until(lambda: not history.locator(".row, .heads").evaluate_all(cut))
    history.get_by_role("button", name="Page 3").click()
    expect(history).to_have_url(re.compile(r"[?&]page=3"))
    until(lambda: prompts(history)[0] == f"Picture number {2 * PAGE_SIZE:03}")
    linked = visit(server, history.url.removeprefix(server.url).replace("page=3", "page=2"))
    until(lambda: prompts(linked)[0] == f"Picture number {PAGE_SIZE:03}")
    expect(linked).to_have_url(re.compile(r"[?&]page=2"))


def test_pictures_come_first_by_day_and_another_choice_is_remembered_for_the_next_visit(
    server: Server, visit: Visit
) -> None:
    page = visit(server, "/history")
    expect(page.locator(".tile").first).to_be_visible()
    # Made an hour ago, by which time it may have been the day before.
    expect(page.get_by_role("heading", name=re.compile("^(Today|Yesterday)$"), level=2).first).to_be_visible()
    height = page.locator(".tile").first.bounding_box()["height"]
    page.get_by_role("button", name="View").click()
    choices = page.get_by_test_id("stPopoverBody")
    choices.get_by_text("Large", exact=True).click()
    until(lambda: page.locator(".tile").first.bounding_box()["height"] > 1.2 * height)
    choices.get_by_text("By submission", exact=True).click()
    expect(page.get_by_role("heading", name=ONE_LINE, level=2)).to_be_visible()
    choices.get_by_text("No groups", exact=True).click()
    expect(page.get_by_role("heading", level=2)).to_have_count(0)
    page.keyboard.press("Escape")
    page.get_by_text("Table", exact=True).click()
    expect(page.locator(".row").first).to_be_visible()
    settle(page)
    again = visit(server, "/history")
    expect(again.locator(".row").first).to_be_visible()
    expect(again.get_by_role("heading", level=2)).to_have_count(0)
    again.context.clear_cookies(name="studio_history")


# -- ticks and presses


def test_ticks_move_nothing_and_last_and_each_press_is_for_what_was_selected_when_it_was_pressed(
    server: Server, history: Page
) -> None:
    before = [row.bounding_box() for row in history.locator(".row").all()[:4]]
    with server.asleep():  # in the time that a tick and a press take, no server has answered
        tick(history, 1)
        tick(history, 2)
        expect(tray(history)).to_contain_text("2 selected")
        tick(history, 1)
        assert [row.bounding_box() for row in history.locator(".row").all()[:4]] == before
        tray(history).get_by_role("button", name="Delete").click()
    expect(tray(history)).to_contain_text("1 picture moved to the bin for 30 days.")
    until(lambda: prompts(history)[:3] == [ONE_LINE, "Picture number 001", "Picture number 003"])
    tray(history).get_by_role("button", name="Undo").click()
    until(lambda: prompts(history)[:3] == [ONE_LINE, "Picture number 001", "Picture number 002"])
    with server.asleep():
        for number in (3, 4, 5):
            tick(history, number)
            tray(history).get_by_role("button", name="Star", exact=True).click()
            tick(history, number)
            history.wait_for_timeout(450)  # Sooner, the next press on the same button would be a second click.
        tick(history, 6)
    for number in (3, 4, 5):
        expect(history.locator(".row").nth(number).locator(".signs .icon")).to_be_visible()
    expect(history.locator(".row").nth(6).locator(".signs .icon")).to_have_count(0)
    expect(history.locator(".row.is-selected")).to_contain_text("Picture number 006")
    assert [row.bounding_box() for row in history.locator(".row").all()[:4]] == before
    history.get_by_role("button", name="Page 2").click()
    until(lambda: prompts(history)[0] == f"Picture number {PAGE_SIZE:03}")
    tick(history, 0)
    expect(tray(history)).to_contain_text("2 selected, 1 not shown")
    history.get_by_text("Pictures", exact=True).click()
    expect(history.locator(".ended").first).to_be_visible()
    expect(tray(history)).to_contain_text("2 selected")
    tray(history).get_by_role("button", name="Clear").click()
    expect(tray(history)).to_be_hidden()


def test_a_press_anywhere_on_a_row_shows_it_and_keys_lead_on_and_delete_with_one_stop_for_all_rows(
    server: Server, history: Page
) -> None:
    for place in (".thumb", ".when"):
        history.locator(".row").nth(0).locator(place).click()
        expect(beside(history).locator(".prompt")).to_have_text(FINISHED.prompt)
        beside(history).get_by_role("button", name="Close").click()
        expect(beside(history)).to_be_hidden()
    for pressed in ("its line", "beside it"):
        history.locator(".row .cell.state").first.click()
        expect(beside(history).locator(".prompt")).to_have_text(FINISHED.prompt)
        if pressed == "beside it":
            beside(history).get_by_role("button", name="Close").focus()
        with server.asleep():
            history.keyboard.press("Delete")
            if pressed == "its line":
                history.wait_for_timeout(450)  # no double click, but the row is still there
                history.keyboard.press("Delete")
        expect(tray(history)).to_contain_text("1 picture moved to the bin for 30 days.")
        expect(beside(history).locator(".prompt")).to_have_text("Picture number 001")
        tray(history).get_by_role("button", name="Undo").click()
        until(lambda: prompts(history)[:2] == [ONE_LINE, "Picture number 001"])
    beside(history).get_by_role("button", name="Close").click()
    expect(beside(history)).to_be_hidden()
    stops = ".row .opener:not([tabindex='-1']), .row input:not([tabindex='-1'])"
    expect(history.locator(stops)).to_have_count(2)
    history.locator(".row .opener").first.focus()
    for key in ("ArrowDown", "ArrowDown", "Space", "Shift+ArrowUp", "ArrowUp", "Enter"):
        history.keyboard.press(key)
    expect(tray(history)).to_contain_text("1 selected")
    expect(beside(history).locator(".prompt")).to_have_text(FINISHED.prompt)
    history.keyboard.press("ArrowDown")  # what stands beside the list goes along
    expect(beside(history).locator(".prompt")).to_have_text("Picture number 001")
    history.keyboard.press("Escape")
    expect(beside(history)).to_be_hidden()


def test_what_came_to_nothing_takes_one_line_with_its_reason_and_what_can_be_done(server: Server, visit: Visit) -> None:
    page = visit(server, "/history?view=pictures&q=number")
    lines = page.locator(".ended")
    expect(lines).to_have_count(60)
    assert {line["height"] for line in (each.bounding_box() for each in lines.all()[:4])} == {44}
    assert lines.nth(1).bounding_box()["y"] == lines.nth(0).bounding_box()["y"]
    expect(lines.first).to_contain_text("Cancelled before it was sent. Not charged.")
    expect(lines.first.get_by_role("button", name="Send again · about 18 credits")).to_be_visible()
    lines.first.get_by_text("Picture number 001").click()
    expect(beside(page)).to_contain_text("Cancelled before it was sent. Not charged.")
    expect(beside(page).get_by_role("button", name="Edit", exact=True)).to_be_visible()


def test_pictures_are_led_by_keys_with_one_stop_for_all(server: Server, visit: Visit) -> None:
    page = visit(server, "/history?view=pictures")
    first = page.get_by_role("button", name="Picture made from: A finished")
    first.focus()
    stops = "[data-key]:has(:is(a, button, input):not([tabindex='-1']))"
    expect(page.locator(stops)).to_have_count(1)
    for key in ("s", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator(".tile .badge").filter(has_text="Starred by")).to_be_visible()
    expect(page.locator(stops)).to_have_count(1)
    expect(page.locator(stops)).to_contain_text("Picture number 002")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    for name in ("Star", "Pick", "Reject", "Delete", "Search"):
        expect(keys.get_by_text(name)).to_be_visible()
    assert barriers(page) == []
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    expect(page.locator(stops)).to_contain_text("Picture number 002")
    page.keyboard.press("/")
    page.keyboard.type("what? and/or")  # keys that are letters here
    expect(page.get_by_label("Search", exact=True)).to_have_value("what? and/or")
    expect(keys).to_be_hidden()
    expect(page.get_by_text("No results.")).to_be_visible()


# -- one picture


def test_a_press_on_an_item_shows_everything_that_is_known_and_keeps_nobody_out_in_either_view(
    server: Server, history: Page
) -> None:
    known = {
        "Settings": "3:2 · 2K · JPG",
        "Credits": "17.5 credits",
        "Expected": "18 credits",
        "Person": "Ben",
        "Made in": "47 s",
        "Task id": TASK_ID,
    }
    shown = beside(history).get_by_role("img", name="Picture made from: A finished")
    for view in ("Table", "Pictures"):
        if view == "Pictures":
            history.get_by_text(view, exact=True).click()
            expect(history.locator(".tile").first).to_be_visible()
        show_item(history, 0)
        expect(history).to_have_url(re.compile(f"[?&]{address_of(server)}"))
        expect(shown).to_be_visible()
        until(lambda: shown.evaluate("image => image.naturalWidth") == 512)
        expect(beside(history).locator(".prompt")).to_have_text(FINISHED.prompt)
        expect(beside(history).get_by_role("img", name="Reference 1")).to_be_visible()
        for name, value in known.items():
            expect(fact(history, name)).to_have_text(value)
        expect(fact(history, "Delivered")).to_contain_text("900 × 600 JPEG")
        for step in ("Queued", "Uploading references", "Sending", "Generating", "Downloading", "Done"):
            expect(fact(history, step)).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"))
        history.keyboard.press("p")
        expect(fact(history, "Marks")).to_contain_text("Picked by Visitor")
        history.keyboard.press("p")
        expect(fact(history, "Marks")).not_to_contain_text("Picked by Visitor")
        assert barriers(history) == []
        show_item(history, 1)
        expect(beside(history).locator(".prompt")).to_have_text("Picture number 001")
        expect(fact(history, "Delivered")).to_have_text("nothing yet")
        expect(fact(history, "Credits")).to_have_text("not charged")
        expect(beside(history).get_by_role("button", name="Download", exact=True)).to_have_count(0)


def test_an_address_opens_its_picture_large_on_whatever_page_of_the_list_it_stands(
    server: Server, visit: Visit
) -> None:
    linked = visit(server, f"/history?{address_of(server)}&sort=oldest")
    large = linked.get_by_role("dialog", name="Picture")
    expect(large.get_by_role("img", name="Picture made from: A finished")).to_be_visible()
    linked.keyboard.press("Escape")
    expect(fact(linked, "Task id")).to_have_text(TASK_ID)
    beside(linked).get_by_role("button", name="Close").click()
    expect(linked).not_to_have_url(re.compile("job="))


def test_an_address_without_a_picture_says_so(server: Server, visit: Visit) -> None:
    page = visit(server, "/history?job=nothing")
    expect(page.get_by_role("status").filter(has_text="There is no such picture.")).to_be_visible()


def test_a_picture_is_opened_large_taken_away_used_as_a_reference_and_asked_for_again(history: Page) -> None:
    show_item(history, 0)
    name, file = saved(history, beside(history).get_by_role("button", name="Download", exact=True))
    assert "a-finished-lighthouse" in name and name.endswith(".jpg")
    receipt = receipt_in(file)
    assert (receipt["prompt"], receipt["task_id"], receipt["person"]) == (FINISHED.prompt, TASK_ID, "Ben")
    asked, delivered = (Image.open(io.BytesIO(data)) for data in (picture("JPEG", (900, 600), "orange"), file))
    assert delivered.tobytes() == asked.tobytes()
    beside(history).get_by_role("img", name="Picture made from: A finished").click()
    large = history.get_by_role("dialog").get_by_role("img", name="Picture made from: A finished")
    until(lambda: large.evaluate("image => image.naturalWidth") == 900)
    history.keyboard.press("Escape")
    beside(history).get_by_role("button", name="Use as reference").click()
    expect(history.get_by_label("Prompt")).to_be_visible()
    expect(reference(history, 1)).to_be_visible()
    expect(history.get_by_text("900 × 600")).to_be_visible()
    history.get_by_role("link", name="History").click()
    show_item(history, 0)
    beside(history).get_by_role("button", name="More").click()
    history.get_by_role("menuitem", name="Reuse all").click()
    expect(history.get_by_label("Prompt")).to_have_value(FINISHED.prompt)
    until(lambda: settings(history) == "3:2 · 2K · JPG")
    expect(history.get_by_text("gold.png")).to_be_visible()


def test_a_phone_shows_an_item_large_with_all_that_is_known_of_it_in_either_view(
    server: Server, visit: Visit, phone: BrowserContext
) -> None:
    page = visit(server, "/history?view=table", profile=phone)
    row = page.locator(".row").first
    expect(row).to_contain_text("3:2 · 2K · JPG · 17.5 credits")
    assert row.bounding_box()["width"] <= PHONE["width"]
    large = page.get_by_role("dialog", name="Picture")
    shown = large.locator(".frame img")
    for view in ("Table", "Pictures"):
        if view == "Pictures":
            page.get_by_text(view, exact=True).click()
            expect(page.locator(".tile").first).to_be_visible()
        show_item(page, 0)
        expect(large.get_by_text(TASK_ID)).to_be_attached()
        expect(large.get_by_label("Note")).to_be_attached()
        until(lambda: (box := shown.bounding_box()) and abs(box["width"] / box["height"] - 1.5) < 0.03)
        assert findings(page) == []
        large.get_by_label("Note").press_sequentially("+1-0")  # keys that zoom elsewhere
        expect(large.get_by_label("Note")).to_have_value("+1-0")
        large.get_by_label("Note").fill("")
        large.get_by_role("button", name="Close").click()
        expect(page).not_to_have_url(re.compile("job="))


# -- what others do


def test_what_is_shown_and_selected_stays_so_when_others_read_what_is_written_there_and_make_a_picture(
    server: Server, history: Page, visit: Visit
) -> None:
    show_item(history, 3)
    tick(history, 1)
    beside(history).get_by_label("Add a tag").fill("Winter")
    beside(history).get_by_label("Add a tag").press("Enter")
    expect(beside(history).get_by_role("button", name="Remove tag winter")).to_be_visible()
    beside(history).get_by_label("Note").fill("For the fair")  # and the field is not left
    until(lambda: sql(server, "SELECT id FROM jobs WHERE note = 'For the fair'"))
    other = visit(server, "/history?tag=winter&view=table")
    until(lambda: prompts(other) == ["Picture number 003"])
    show_item(other, 0)
    expect(beside(other).get_by_label("Note")).to_have_value("For the fair")
    beside(other).get_by_role("button", name="Remove tag winter").click()
    expect(beside(other).get_by_role("button", name="Remove tag winter")).to_have_count(0)
    go(other, "Generate")
    ask(other, "A newcomer")
    history.bring_to_front()  # in the background a click waits a second for each frame
    until(lambda: "A newcomer" in prompts(brought_up_to_date(history)))
    expect(beside(history).locator(".prompt")).to_have_text("Picture number 003")
    expect(history.locator(".row.is-current")).to_contain_text("Picture number 003")
    expect(history.locator(".row.is-selected")).to_contain_text("Picture number 001")
