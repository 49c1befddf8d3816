"""The history in a real browser: long lists, everything that is known of a picture, and the ways back to the form."""

import io
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from kie import pictures, receipts
from kie.files import Files
from kie.generation import Generation
from kie.jobs import State
from kie.sandbox import Sandbox
from kie.store import Reference, Store
from tests.browser import (
    ask,
    at,
    barriers,
    cells,
    reference,
    saved,
    select_row,
    settle,
    until,
)
from tests.drawn import picture
from tests.rows import press
from tests.server import ForkedServer, Server

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
PAGE_SIZE = 50
JOBS = 120
FINISHED = Generation("A finished *lighthouse*\nin two lines", aspect_ratio="3:2", resolution="2K", output_format="jpg")
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
        [job] = press(store, "Ann", request, f"press-{number}", 1, 18.0, at_s)
        store.move(job.id, State.QUEUED, State.CANCELLED, at_s, ended_at=at_s, next_at=None)
    kept = keep_reference(files, store, began)
    request = Generation(FINISHED.prompt, (kept,), FINISHED.aspect_ratio, FINISHED.resolution, FINISHED.output_format)
    [job] = press(store, "Ben", request, "press-0", 1, 18.0, began)
    finish(files, store, job.id, began)
    store.close()


def keep_reference(files: Files, store: Store, now: float) -> str:
    part, sha256 = files.take_in(io.BytesIO(picture(colour="gold")))
    name = files.keep_reference(part, sha256, ".png")
    pictures.make_thumbnail(files.path(name), files.thumbnail(sha256))
    return store.add_reference(Reference(sha256, "gold.png", "png", 96, 64, 207, name, now, checked_at=now)).id


def finish(files: Files, store: Store, job_id: str, began: float) -> None:
    part = files.incoming()
    part.write_bytes(picture("JPEG", (900, 600), "orange"))
    name = files.keep_result(part, job_id, ".jpg")
    size = files.path(name).stat().st_size
    pictures.make_thumbnail(files.path(name), files.thumbnail(job_id))
    store.move(job_id, State.QUEUED, State.UPLOADING, began + 1)
    store.move(job_id, State.UPLOADING, State.SENDING, began + 2, sent_at=began + 2)
    store.move(job_id, State.SENDING, State.RUNNING, began + 3, task_id=TASK_ID, accepted_at=began + 3)
    store.move(job_id, State.RUNNING, State.FETCHING, began + 50, credits=17.5, duration_s=47.0)
    known = {"file": name, "file_kind": "jpeg", "file_bytes": size, "width": 900, "height": 600}
    store.move(job_id, State.FETCHING, State.DONE, began + 52, ended_at=began + 52, next_at=None, **known)


@pytest.fixture
def history(server: Server, visit: Visit) -> Page:
    """The history, as somebody opens it."""
    return visit(server, "/history")


def prompts(page: Page) -> list[str]:
    """Return the prompts of the rows that the table shows at its top, once it has told them to a screen reader."""
    return [text for text in until(lambda: cells(page)) if re.match("Picture number|A finished", text)]


def fact(page: Page, name: str) -> Locator:
    """Return what stands beside a name in the details."""
    line = page.get_by_test_id("stHorizontalBlock").filter(has=page.get_by_text(name, exact=True)).last
    return line.get_by_test_id("stText")


# -- the list


def test_the_newest_stand_first_fifty_to_a_page_with_what_each_was_and_cost(history: Page) -> None:
    expect(history.get_by_text(f"{JOBS} pictures asked for")).to_be_visible()
    assert prompts(history)[:3] == ["A finished *lighthouse* in two lines", "Picture number 001", "Picture number 002"]
    shown = until(lambda: cells(history))
    assert shown[1:6] == ["A finished *lighthouse* in two lines", "Done", "17.5", "3:2 · 2K · JPG", "Ben"]
    assert "Cancelled" in shown
    history.set_viewport_size({"width": 1440, "height": 900})
    prompts(history)
    hidden = "table => table.scrollWidth - table.offsetWidth"
    table = history.get_by_test_id("stDataFrame").locator(".dvn-scroller")
    until(lambda: table.evaluate(hidden) < 10)  # no column is cut off on a common screen


def test_another_page_is_in_the_address_and_opens_from_it(server: Server, history: Page, visit: Visit) -> None:
    prompts(history)
    history.get_by_role("button", name="Page 3").click()
    expect(history).to_have_url(re.compile(r"[?&]page=3"))
    until(lambda: prompts(history)[0] == f"Picture number {2 * PAGE_SIZE:03}")
    linked = visit(server, "/history?page=2")
    until(lambda: prompts(linked)[0] == f"Picture number {PAGE_SIZE:03}")
    expect(linked).to_have_url(re.compile(r"[?&]page=2"))
    linked.reload()
    settle(linked)
    until(lambda: prompts(linked)[0] == f"Picture number {PAGE_SIZE:03}")


@pytest.mark.parametrize("number", ["0", "999", "two"])
def test_a_page_number_from_outside_never_breaks_the_list(server: Server, visit: Visit, number: str) -> None:
    page = visit(server, f"/history?page={number}")
    expect(page.get_by_text(f"{JOBS} pictures asked for")).to_be_visible()
    assert prompts(page)


# -- one picture


def test_a_selected_row_tells_everything_that_is_known_and_keeps_nobody_out(history: Page) -> None:
    select_row(history, 0)
    shown = history.get_by_role("img", name="Picture made from: A finished")
    expect(shown).to_be_visible()
    until(lambda: shown.evaluate("image => image.naturalWidth") == 512)
    expect(history.get_by_test_id("stCode")).to_have_text(FINISHED.prompt)
    expect(reference(history, 1)).to_be_visible()
    known = {
        "Settings": "3:2 · 2K · JPG",
        "Credits": "17.5 credits",
        "Expected": "18 credits",
        "Person": "Ben",
        "Made in": "47 s",
        "Task id": TASK_ID,
    }
    for name, value in known.items():
        expect(fact(history, name)).to_have_text(value)
    expect(fact(history, "Delivered")).to_contain_text("900 × 600 JPEG")
    for step in (
        "Waiting for its turn",
        "Uploading references",
        "Sending",
        "Being made",
        "Fetching the picture",
        "Done",
    ):
        expect(fact(history, step)).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"))
    assert barriers(history) == []
    select_row(history, 1)
    expect(history.get_by_test_id("stCode")).to_have_text("Picture number 001")
    expect(fact(history, "Delivered")).to_have_text("nothing yet")
    expect(fact(history, "Credits")).to_have_text("nothing spent")
    expect(history.get_by_role("button", name="Download", exact=True)).to_have_count(0)


def test_a_picture_is_opened_large_taken_away_used_as_a_reference_and_asked_for_again(history: Page) -> None:
    select_row(history, 0)
    name, file = saved(history, history.get_by_role("button", name="Download", exact=True))
    assert "a-finished-lighthouse" in name and name.endswith(".jpg")
    receipt = receipts.read(io.BytesIO(file))
    assert (receipt.generation.prompt, receipt.task_id, receipt.person) == (FINISHED.prompt, TASK_ID, "Ben")
    asked, delivered = (Image.open(io.BytesIO(data)) for data in (picture("JPEG", (900, 600), "orange"), file))
    assert delivered.tobytes() == asked.tobytes()
    history.get_by_role("img", name="Picture made from: A finished").click()
    large = history.get_by_role("dialog").get_by_role("img", name="Picture made from: A finished")
    until(lambda: large.evaluate("image => image.naturalWidth") == 900)
    history.keyboard.press("Escape")
    history.get_by_role("button", name="Use as reference").click()
    expect(history.get_by_label("Prompt")).to_be_visible()
    expect(reference(history, 1)).to_be_visible()
    expect(history.get_by_text("900 × 600")).to_be_visible()
    history.get_by_role("link", name="History").click()
    history.get_by_role("button", name="Reuse settings").click()  # the row is selected still
    expect(history.get_by_label("Prompt")).to_have_value(FINISHED.prompt)
    expect(history.get_by_role("radio", name="3:2")).to_be_checked()
    expect(history.get_by_role("radio", name="2K")).to_be_checked()
    expect(history.get_by_role("radio", name="JPG")).to_be_checked()
    expect(history.get_by_text("gold.png")).to_be_visible()


# -- the list moves under the eye


def test_the_selected_row_stays_selected_when_a_new_picture_comes(server: Server, history: Page, visit: Visit) -> None:
    select_row(history, 0)
    expect(history.get_by_test_id("stCode")).to_have_text(FINISHED.prompt)
    ask(visit(server), "A newcomer")
    until(lambda: "A newcomer" in cells(history))
    expect(history.get_by_test_id("stCode")).to_have_text(FINISHED.prompt)
