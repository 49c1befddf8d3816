"""The history as a place to find, judge and take away: in a real browser, held against the database and the files."""

import io
import os
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from kie.generation import Generation, SubmissionItem
from kie.jobs import ENDED
from kie.sandbox import Sandbox
from kie.settings import Settings
from kie.studio import Studio
from tests.support.barriers import barriers, cut_off
from tests.support.browser import ZOOMED, Visit, at, beside, expand, go, settle, sql, table_rows, tray
from tests.support.images import picture, receipt_in
from tests.support.server import ForkedServer, Server
from tests.support.spreadsheets import csv_rows
from tests.support.waiting import until

pytestmark = pytest.mark.browser

FOX = "A fox in the snow"
SHIPS = [f"A ship on the sea, number {number}" for number in range(1, 4)]
TAG = "**x** :material/home: _y_ $z$"


@pytest.fixture(scope="module")
def server(service: Sandbox, uploads: Sandbox, project: Path, port: int) -> Iterator[Server]:
    """The studio of a team that has made four foxes and three ships, the ships for a project and from a reference."""
    environment = at(service, uploads) | {"KIE_DATA_DIR": str(project / "data")}
    with Studio(Settings.load(project, environment)) as studio:
        used = studio.references.add("sea.png", io.BytesIO(picture(colour="navy"))).id
        made = studio.submissions.submit("Ann", Generation(FOX), "foxes", 4)
        ships = [SubmissionItem(Generation(prompt, (used,), "16:9", "2K", "jpg")) for prompt in SHIPS]
        made += studio.submissions.queue(studio.submissions.priced("Ben", ships, "ships", "Harbour"))
        until(lambda: all(job.state in ENDED for job in studio.jobs.get_many([job.id for job in made])))
    with ForkedServer(project / "data", project, port, **environment) as running:
        yield running


def search(page: Page, words: str, count: str) -> None:
    page.get_by_label("Search", exact=True).fill(words)
    expect(page.get_by_text(f"{count} · ")).to_be_visible()


def pictures(page: Page) -> Locator:
    return page.get_by_role("img", name=re.compile("^Picture made from: "))


def fetched(page: Page, label: str) -> bytes:
    """Return what the link behind a button gives."""
    link = page.get_by_role("link", name=label)
    expect(link).to_be_visible()
    reply = requests.get(link.evaluate("(link) => link.href"), timeout=30)
    page.keyboard.press("Escape")
    expect(link).to_have_count(0)
    assert reply.status_code == 200
    return reply.content


def exported(page: Page, label: str) -> bytes:
    """Return the whole list as a file."""
    page.get_by_test_id("stPopover").get_by_role("button", name="Export").click()
    return fetched(page, label)


# -- find, look, choose


def test_pictures_are_found_looked_through_compared_judged_and_taken_away_and_keep_nobody_out(
    server: Server, visit: Visit
) -> None:
    page = visit(server, "/history", name="Cem")
    search(page, "sno", "4 results")
    expect(page).to_have_url(re.compile("[?&]q=sno"))
    expect(pictures(page)).to_have_count(4)
    pictures(page).nth(2).dblclick()
    large = page.get_by_role("dialog", name="Picture")
    expect(large).to_be_visible()
    expect(large.get_by_text("3 of 4")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(large.get_by_text("4 of 4", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    boxes = page.get_by_role("checkbox", name=re.compile("^Select: "))
    for number in (0, 1):
        boxes.nth(number).check()
    tray(page).get_by_role("button", name="Compare").click()
    expect(page.get_by_role("dialog", name="Compare")).to_be_visible()
    page.keyboard.press("Escape")
    tray(page).get_by_role("button", name="Export").click()
    with zipfile.ZipFile(io.BytesIO(fetched(page, "2 images (.zip)"))) as zipped:
        manifest = csv_rows(zipped.read("manifest.csv"))
        assert set(zipped.namelist()) == {"manifest.csv", "manifest.xlsx", *(row["file"] for row in manifest)}
    assert [row["prompt"] for row in manifest] == [FOX, FOX]
    boxes.nth(1).uncheck()
    beside(page).get_by_role("button", name="Close").click()
    search(page, "", "7 results")
    expect(pictures(page)).to_have_count(7)
    expect(tray(page)).to_contain_text("1 selected")
    settle(page)
    assert barriers(page) == []
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_label("Credits from")).to_be_visible()
    expect(page.get_by_test_id("stPopoverBody")).to_have_css("opacity", "1")
    assert barriers(page) == []
    page.keyboard.press("Escape")
    expect(page.get_by_label("Credits from")).to_be_hidden()
    tray(page).get_by_role("button", name="Pick", exact=True).click()
    [picked] = until(lambda: sql(server, "SELECT * FROM jobs WHERE verdict = 'pick'"))
    assert (picked["prompt"], picked["verdict_by"]) == (FOX, "Cem")
    tray(page).get_by_role("button", name="Tag or move").click()
    page.get_by_label("Tag", exact=True).fill("winter")
    page.get_by_role("button", name="Add tag").click()
    until(lambda: sql(server, "SELECT job_id, tag FROM job_tags") == [{"job_id": picked["id"], "tag": "winter"}])
    expect(page.get_by_text("1 picture tagged")).to_be_visible()
    expect(page.get_by_role("dialog", name="Tag or move")).to_have_count(0)
    expect(tray(page)).to_contain_text("1 selected")


def test_a_link_shows_somebody_else_the_same_list_and_its_zip_manifest_and_csv_agree_with_the_database(
    server: Server, visit: Visit
) -> None:
    page = visit(server, "/history?view=table", name="Dora")
    page.get_by_role("button", name="Filter").click()
    filters = page.get_by_test_id("stPopoverBody")
    for field, value in (("Project", "Harbour (3)"), ("Person", "Ben (3)")):  # the filters stay open for the second
        filters.get_by_label(field).click()
        page.get_by_role("option", name=value).click()
        expect(filters.get_by_role("button", name=f"Remove {value}")).to_be_visible()
    expect(page.get_by_text("3 results · ")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(filters).to_be_hidden()
    for name in ("Ben", "Harbour"):  # what is on is seen
        expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    search(page, "number", "3 results")
    expect(page).to_have_url(re.compile("[?&]q=number"))
    shown = until(lambda: [row[0] for row in table_rows(page) if row[0].startswith("A ship")])
    other = visit(server, page.url.removeprefix(server.url), name="Emil")
    expect(other.get_by_text("3 results · 54 credits")).to_be_visible()
    until(lambda: [row[0] for row in table_rows(other)] == shown)
    expect(other.get_by_label("Search", exact=True)).to_have_value("number")
    jobs = sql(server, "SELECT * FROM jobs WHERE person = 'Ben' ORDER BY created_at, id")
    with zipfile.ZipFile(io.BytesIO(exported(other, "3 images (.zip)"))) as zipped:
        manifest = csv_rows(zipped.read("manifest.csv"))
        for row in manifest:
            receipt = receipt_in(zipped.read(row["file"]))
            assert (receipt["task_id"], receipt["prompt"]) == (row["task_id"], row["prompt"])
            assert (receipt["person"], receipt["project"], receipt["credits"]) == ("Ben", "Harbour", 18)
    listed = csv_rows(exported(other, "List (.csv)"))
    key = ("id", "task_id", "prompt", "person", "project")
    assert len({row["file"] for row in manifest}) == 3
    for rows in (manifest, listed):
        assert sorted(tuple(row[name] for name in key) for row in rows) == sorted(
            tuple(job[name] for name in key) for job in jobs
        )


def test_back_brings_the_filters_with_the_list_and_the_next_one_keeps_them(server: Server, visit: Visit) -> None:
    page = visit(server, "/history?q=number&sort=oldest&view=pictures")
    for delay_ms in (0, 300):
        expect(page.get_by_text("3 results · ")).to_be_visible()
        go(page, re.compile("^Account"))
        expect(page.get_by_role("heading", name="Account")).to_be_visible()
        page.wait_for_timeout(delay_ms)
        page.go_back()
        expect(page.get_by_text("3 results · ")).to_be_visible()
        expect(page.get_by_label("Search", exact=True)).to_have_value("number")
        expect(page.get_by_role("combobox", name="Sort")).to_have_value("Oldest first")
    page.get_by_role("button", name="Starred", exact=True).click()
    expect(page).to_have_url(re.compile("starred=yes"))
    assert {"q=number", "sort=oldest"} <= set(page.url.partition("?")[2].split("&"))


def test_chips_switch_what_is_on_and_the_filters_say_the_same(server: Server, visit: Visit) -> None:
    # Made as late as this, they are today's also if the day ends now.
    sql(server, "UPDATE jobs SET created_at = created_at + ? - (SELECT max(created_at) FROM jobs)", time.time() + 600)
    page = visit(server, "/history?state=done&project=Harbour", name="Ben")
    expect(page.get_by_text("3 results · ")).to_be_visible()
    page.get_by_role("button", name="Harbour", exact=True).click()
    expect(page.get_by_text("7 results · ")).to_be_visible()
    for name in ("Mine", "Today"):
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.get_by_text("3 results · ")).to_be_visible()
    expect(page).to_have_url(re.compile("person=Ben.*since=|since=.*person=Ben"))
    page.get_by_role("button", name="Filter", exact=True).click()
    filters = page.get_by_test_id("stPopoverBody")
    for value in ("Ben (3)", "Done (3)"):
        expect(filters.get_by_role("button", name=f"Remove {value}")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_text("7 results · ")).to_be_visible()
    expect(page.get_by_role("button", name="Done", exact=True)).to_have_count(0)


@pytest.mark.parametrize(
    "address",
    [
        "/history?person=Nobody&colour=blue&state=vanished&since=yesterday&page=0&tag=" + quote(TAG),
        "/history?view=table&page=two&q=%27%3B%20DROP%20TABLE%20jobs%3B--" + "x" * 10_000,
        "/history?page=99999&view=hologram&sort=%3Cscript%3E",
    ],
    ids=["another version", "SQL", "junk"],
)
def test_an_odd_link_never_breaks_the_page_and_its_name_is_a_chip_letter_by_letter(
    server: Server, visit: Visit, address: str
) -> None:
    page = visit(server, address)
    expect(page.get_by_text(re.compile(r"\d+ results? · "))).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    if "tag=" in address:
        chip = page.get_by_role("button", name=re.compile("#"))
        expect(chip).to_be_visible()
        assert chip.inner_text().replace("\u2060", "").endswith(f"#{TAG}")
    assert len(sql(server, "SELECT id FROM jobs")) == 7


# -- delete


def test_an_empty_bin_says_so_what_is_deleted_comes_back_and_what_is_emptied_leaves_its_money(
    server: Server, visit: Visit
) -> None:
    page = visit(server, "/history?bin=yes&view=table", name="Cem")
    expect(page.get_by_text("The bin is empty.")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_text("7 results · ")).to_be_visible()
    page.locator(".row").first.hover()
    expect(page.get_by_test_id("stElementToolbar")).to_have_count(0)
    listed = csv_rows(exported(page, "List (.csv)"))
    assert {row["id"] for row in listed} == {row["id"] for row in sql(server, "SELECT id FROM jobs")}
    search(page, "nothing like it", "0 results")
    expect(page.get_by_text("No results.")).to_be_visible()
    expect(page.get_by_role("button", name="Clear filters")).to_have_count(1)
    search(page, "3", "1 result")
    until(lambda: [row[0] for row in table_rows(page)] == [SHIPS[2]])
    total = sql(server, "SELECT sum(credits) AS credits, count(*) AS jobs FROM jobs")
    [ship] = sql(server, "SELECT * FROM jobs WHERE prompt = ?", SHIPS[2])
    file = server.data_dir / ship["file"]
    for undo in (True, False):
        page.get_by_role("checkbox", name=re.compile("^Select: ")).first.check()
        tray(page).get_by_role("button", name="Delete", exact=True).click()
        expect(tray(page)).to_contain_text("1 picture moved to the bin for 30 days")
        assert file.exists()
        if undo:
            page.get_by_role("button", name="Undo").click()
            expect(page.get_by_text("1 result · ")).to_be_visible()
    account = visit(server, "/account")
    account.set_viewport_size(ZOOMED)
    # Until the charts have their new width, what is below them moves.
    until(lambda: cut_off(account) == 0)
    expand(account, "Service, key and files")
    account.get_by_role("button", name="Empty the bin (1)").click()
    question = account.get_by_role("dialog", name="Empty the bin")
    question.get_by_role("button", name="Delete them now").click()
    expect(question).to_have_count(0)
    until(lambda: not file.exists())
    assert sql(server, "SELECT sum(credits) AS credits, count(*) AS jobs FROM jobs") == total
    [kept] = sql(server, "SELECT * FROM jobs WHERE id = ?", ship["id"])
    assert (kept["state"], kept["credits"], kept["emptied_at"] is not None) == ("done", 18, True)


# -- care


def test_a_check_finds_and_mends_a_deleted_file_and_tells_of_an_orphan(server: Server, visit: Visit) -> None:
    fox = sql(server, "SELECT * FROM jobs WHERE prompt = ? ORDER BY variant", FOX)[0]
    file, orphan = server.data_dir / fox["file"], server.data_dir / "results" / "ab" / f"ab{'0' * 30}.png"
    before = file.read_bytes()
    file.unlink()
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(picture())
    long_ago = time.time() - 3600
    os.utime(orphan, (long_ago, long_ago))
    page = visit(server, "/account")
    expand(page, "Service, key and files")
    page.get_by_role("button", name="Check the files").click()
    expect(page.get_by_text(orphan.name)).to_be_visible()
    until(lambda: file.exists() and file.read_bytes() == before)
    assert orphan.exists()
    orphan.unlink()
