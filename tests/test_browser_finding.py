"""The history as a place to find, judge and take away: in a real browser, held against the database and the files."""

import csv
import io
import os
import re
import sqlite3
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from kie import receipts
from kie.generation import Generation, Wanted
from kie.jobs import ENDED
from kie.sandbox import Sandbox
from kie.settings import Settings
from kie.studio import Studio
from tests.browser import at, barriers, cells, select_row, settle, until
from tests.drawn import picture
from tests.server import ForkedServer, Server

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
# A page that was just drawn is not woken again for so long.
CALM_MS = 500
NEWS = """() => {
    const { listeners, socket } = window.__studioEvents
    const { seen } = [...listeners].find(({ topics }) => topics.includes("jobs"))
    socket.onmessage({ data: JSON.stringify({ changes: { jobs: seen + 1 } }) })
}"""
FOX = "A fox in the snow"
SHIPS = [f"A ship on the sea, number {number}" for number in range(1, 4)]


@pytest.fixture(scope="module")
def server(service: Sandbox, uploads: Sandbox, project: Path, port: int) -> Iterator[Server]:
    """The studio of a team that has made four foxes and three ships, the ships for a project and from a reference."""
    environment = at(service, uploads) | {"KIE_DATA_DIR": str(project / "data")}
    with Studio(Settings.load(project, environment)) as studio:
        used = studio.add_reference("sea.png", io.BytesIO(picture(colour="navy"))).id
        made = studio.submit("Ann", Generation(FOX), "foxes", 4)
        ships = [Wanted(Generation(prompt, (used,), "16:9", "2K", "jpg")) for prompt in SHIPS]
        made += studio.order("Ben", ships, "ships", "Harbour")
        until(lambda: all(job.state in ENDED for job in studio.jobs([job.id for job in made])))
    with ForkedServer(project / "data", project, port, **environment) as running:
        yield running


def database(server: Server) -> sqlite3.Connection:
    opened = sqlite3.connect(server.data_dir / "studio.sqlite3")
    opened.row_factory = sqlite3.Row
    return opened


def read(server: Server, query: str, *values: object) -> list[dict]:
    with closing(database(server)) as opened:
        return [dict(row) for row in opened.execute(query, values)]


def search(page: Page, words: str, count: str) -> None:
    page.get_by_label("Search", exact=True).fill(words)
    expect(page.get_by_text(f"{count} asked for")).to_be_visible()


def pictures(page: Page) -> Locator:
    return page.get_by_role("img", name=re.compile("^Picture made from: "))


def taken(page: Page, label: str) -> bytes:
    """Take something away as the link behind a button gives it."""
    page.get_by_role("button", name="Take away").click()
    link = page.get_by_role("link", name=label)
    expect(link).to_be_visible()
    reply = requests.get(page.url.partition("/history")[0] + link.get_attribute("href"), timeout=30)
    page.keyboard.press("Escape")
    assert reply.status_code == 200
    return reply.content


# -- find, look, choose


def test_pictures_are_found_looked_through_compared_judged_and_taken_away(server: Server, visit: Visit) -> None:
    page = visit(server, "/history", name="Cem")
    search(page, "sno", "4 pictures")
    expect(page).to_have_url(re.compile("[?&]q=sno"))
    page.get_by_text("Pictures", exact=True).click()
    expect(pictures(page)).to_have_count(4)
    pictures(page).first.click()
    large = page.get_by_role("dialog", name="Picture")
    expect(large).to_be_visible()
    first = large.get_by_role("img").get_attribute("src")
    page.keyboard.press("ArrowRight")
    until(lambda: large.get_by_role("img").get_attribute("src") != first)
    page.keyboard.press("Escape")
    boxes = page.get_by_role("checkbox", name=re.compile("^Select: "))
    for number in (0, 1):
        boxes.nth(number).check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("dialog", name="Compare")).to_be_visible()
    page.keyboard.press("Escape")
    with zipfile.ZipFile(io.BytesIO(taken(page, "Zip of 2 pictures"))) as zipped:
        manifest = list(csv.DictReader(io.StringIO(zipped.read("manifest.csv").decode("utf-8-sig"))))
        assert set(zipped.namelist()) == {"manifest.csv", *(row["file"] for row in manifest)}
    assert [row["prompt"] for row in manifest] == [FOX, FOX]
    boxes.nth(1).uncheck()
    expect(page.get_by_text("1 selected").first).to_be_visible()
    page.get_by_role("button", name="Pick", exact=True).click()
    [picked] = until(lambda: read(server, "SELECT * FROM jobs WHERE verdict = 'pick'"))
    assert (picked["prompt"], picked["verdict_by"]) == (FOX, "Cem")
    page.get_by_role("button", name="Tag and project").click()
    page.get_by_label("Tag", exact=True).fill("winter")
    page.get_by_label("Tag", exact=True).blur()
    page.get_by_role("button", name="Add the tag").click()
    until(lambda: read(server, "SELECT job_id, tag FROM job_tags") == [{"job_id": picked["id"], "tag": "winter"}])


def test_a_filter_s_zip_its_manifest_the_list_and_the_database_say_the_same(server: Server, visit: Visit) -> None:
    page = visit(server, "/history?person=Ben&sort=oldest")
    expect(page.get_by_text("3 pictures asked for · 54 credits")).to_be_visible()
    jobs = read(server, "SELECT * FROM jobs WHERE person = 'Ben' ORDER BY created_at, id")
    with zipfile.ZipFile(io.BytesIO(taken(page, "Zip of all 3"))) as zipped:
        manifest = list(csv.DictReader(io.StringIO(zipped.read("manifest.csv").decode("utf-8-sig"))))
        for row in manifest:
            receipt = receipts.read(io.BytesIO(zipped.read(row["file"])))
            assert (receipt.task_id, receipt.generation.prompt) == (row["task_id"], row["prompt"])
            assert (receipt.person, receipt.project, receipt.credits) == ("Ben", "Harbour", 18)
    listed = list(csv.DictReader(io.StringIO(taken(page, "The list as CSV").decode("utf-8-sig"))))
    key = ("id", "task_id", "prompt", "person", "project")
    assert len({row["file"] for row in manifest}) == 3
    for rows in (manifest, listed):
        assert sorted(tuple(row[name] for name in key) for row in rows) == sorted(
            tuple(job[name] for name in key) for job in jobs
        )


def test_a_link_shows_somebody_else_the_same_list(server: Server, visit: Visit) -> None:
    page = visit(server, "/history", name="Dora")
    page.get_by_role("button", name="Filters").click()
    filters = page.get_by_test_id("stPopoverBody")
    for field, value in (("Project", "Harbour (3)"), ("Person", "Ben (3)")):  # the filters stay open for the second
        filters.get_by_label(field).click()
        page.get_by_role("option", name=value).click()
        expect(filters.get_by_role("button", name=f"Remove {value}")).to_be_visible()
    expect(page.get_by_text("3 pictures asked for")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(filters).to_be_hidden()
    expect(page.get_by_role("button", name="Clear (2)")).to_be_visible()
    search(page, "number", "3 pictures")
    expect(page).to_have_url(re.compile("[?&]q=number"))
    shown = until(lambda: [text for text in cells(page) if text.startswith("A ship")])
    other = visit(server, page.url.removeprefix(server.url), name="Emil")
    expect(other.get_by_text("3 pictures asked for")).to_be_visible()
    until(lambda: [text for text in cells(other) if text.startswith("A ship")] == shown)
    expect(other.get_by_label("Search", exact=True)).to_have_value("number")


def test_news_before_the_answer_to_a_press_does_not_undo_it(server: Server, visit: Visit) -> None:
    page = visit(server, "/history?q=number", name="Fay")
    expect(page.get_by_text("3 pictures asked for")).to_be_visible()
    page.wait_for_timeout(CALM_MS)
    with server.asleep():
        page.get_by_role("button", name=re.compile("Clear$")).click()
        page.evaluate(NEWS)
        page.wait_for_timeout(CALM_MS)
    expect(page.get_by_text("7 pictures asked for")).to_be_visible()
    page.wait_for_timeout(CALM_MS)
    expect(page.get_by_text("7 pictures asked for")).to_be_visible()
    expect(page.get_by_label("Search", exact=True)).to_have_value("")
    assert "q=" not in page.url


def test_a_press_right_after_a_tick_is_done_with_what_is_ticked(server: Server, visit: Visit) -> None:
    page = visit(server, "/history?person=Ben&sort=oldest&view=pictures", name="Gus")
    boxes, deeds = page.get_by_role("checkbox", name=re.compile("^Select: ")), page.locator(".st-key-order")
    for number in (0, 1):
        boxes.nth(number).check()
    expect(deeds).to_contain_text("2 selected")
    with server.asleep():
        boxes.nth(1).uncheck()
        deeds.get_by_role("button", name="Reject").click()
    assert until(lambda: read(server, "SELECT prompt FROM jobs WHERE verdict = 'reject'")) == [{"prompt": SHIPS[0]}]
    expect(deeds).to_contain_text("1 selected")
    page.get_by_text("Table", exact=True).click()
    select_row(page, 1)
    expect(deeds).to_contain_text("2 selected")
    with server.asleep():
        select_row(page, 1)
        page.wait_for_timeout(CALM_MS)  # a table tells what is selected in it after 0.15 s
        deeds.get_by_role("button", name="Star").click()
    assert until(lambda: read(server, "SELECT prompt FROM jobs WHERE starred_at > 0")) == [{"prompt": SHIPS[0]}]


@pytest.mark.parametrize(
    "address",
    [
        "/history?person=Nobody&colour=blue&state=vanished&since=yesterday",
        "/history?q=%27%3B%20DROP%20TABLE%20jobs%3B--",
        "/history?q=" + "x" * 10_000,
        "/history?page=99999&view=hologram&sort=%3Cscript%3E",
    ],
    ids=["another version", "SQL", "10,000 characters", "junk"],
)
def test_an_odd_link_never_breaks_the_page(server: Server, visit: Visit, address: str) -> None:
    page = visit(server, address)
    expect(page.get_by_text(re.compile(r"\d+ pictures? asked for"))).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert len(read(server, "SELECT id FROM jobs")) == 7


# -- delete


def test_what_is_deleted_comes_back_and_what_is_emptied_leaves_its_money(server: Server, visit: Visit) -> None:
    page = visit(server, "/history?q=3", name="Cem")
    total = read(server, "SELECT sum(credits) AS credits, count(*) AS jobs FROM jobs")
    [ship] = read(server, "SELECT * FROM jobs WHERE prompt = ?", SHIPS[2])
    file = server.data_dir / ship["file"]
    for undo in (True, False):
        select_row(page, 0)
        page.get_by_role("button", name="Delete", exact=True).click()
        expect(page.get_by_text("1 picture moved to the bin for 30 days")).to_be_visible()
        assert file.exists()
        if undo:
            page.get_by_role("button", name="Undo").click()
            expect(page.get_by_text("1 picture asked for")).to_be_visible()
    account = visit(server, "/account")
    account.get_by_role("button", name="Empty the bin (1)").click()
    account.get_by_role("button", name="Delete them now").click()
    until(lambda: not file.exists())
    assert read(server, "SELECT sum(credits) AS credits, count(*) AS jobs FROM jobs") == total
    [kept] = read(server, "SELECT * FROM jobs WHERE id = ?", ship["id"])
    assert (kept["state"], kept["credits"], kept["emptied_at"] is not None) == ("done", 18, True)


# -- care


def test_a_check_finds_and_mends_a_deleted_file_and_tells_of_an_orphan(server: Server, visit: Visit) -> None:
    fox = read(server, "SELECT * FROM jobs WHERE prompt = ? ORDER BY variant", FOX)[0]
    file, orphan = server.data_dir / fox["file"], server.data_dir / "results" / "ab" / f"ab{'0' * 30}.png"
    before = file.read_bytes()
    file.unlink()
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(picture())
    long_ago = time.time() - 3600
    os.utime(orphan, (long_ago, long_ago))
    page = visit(server, "/account")
    page.get_by_role("button", name="Check the files").click()
    expect(page.get_by_text(orphan.name)).to_be_visible()
    until(lambda: file.exists() and file.read_bytes() == before)
    assert orphan.exists()
    orphan.unlink()


# -- for everybody


def test_the_pictures_and_the_filters_keep_nobody_out(server: Server, visit: Visit) -> None:
    page = visit(server, "/history?view=pictures")
    expect(pictures(page).first).to_be_visible()
    page.get_by_role("checkbox", name=re.compile("^Select: ")).first.check()
    expect(page.get_by_text("1 selected").first).to_be_visible()
    settle(page)
    assert barriers(page) == []
    page.get_by_role("button", name="Filters").click()
    expect(page.get_by_label("Credits from")).to_be_visible()
    expect(page.get_by_test_id("stPopoverBody")).to_have_css("opacity", "1")
    assert barriers(page) == []
