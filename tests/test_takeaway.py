"""What is taken away, over real sockets: a picture with its receipt, a zip with its manifest, lists for spreadsheets and scripts."""

import contextlib
import csv
import gc
import io
import json
import os
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from PIL import Image

from kie import archive, errors, inlays, listing, receipts
from kie.errors import NothingSpent
from kie.generation import Generation
from kie.jobs import ENDED, Job
from kie.links import TAKE_LIST, TAKE_ONE, TAKE_ZIP, Links
from kie.listing import Entry
from kie.query import Query
from kie.receipts import Receipt
from kie.sandbox import Sandbox
from kie.studio import Studio
from kie.taking import PAGE, TOKEN_LIMIT
from tests.drawn import picture
from tests.lives import project, until
from tests.rows import at_once
from tests.site import served

TOO_OLD = "This link is too old or not whole, and no credits were spent: open the page again and take it from there."
PROMPTS = {
    "png": "a lighthouse\nat dusk, « naïve » 🍌",
    "jpg": '=HYPERLINK("http://127.0.0.1";"a prize")',
    "gone": "夜の灯台, seen by nobody",
    "failed": "sandbox: fail",
}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One studio at work for all tests of this file."""
    folder = tmp_path_factory.mktemp("takeaway")
    with (
        Sandbox(folder / "service", seconds=0.1) as service,
        Studio(project(folder / "project", service.url)) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def jobs(studio: Studio) -> dict[str, Job]:
    """Jobs that have ended: a PNG and its twin, a JPEG with a reference, one whose file is gone, one that failed."""
    reference = studio.add_reference("cat.png", io.BytesIO(picture()))
    asked = {name: Generation(prompt) for name, prompt in PROMPTS.items()}
    asked["jpg"] = Generation(PROMPTS["jpg"], (reference.id,), "16:9", "1K", "jpg")
    pressed = {name: studio.submit("Ann", each, f"press-{name}", 1, "+49 Zoo") for name, each in asked.items()}
    pressed["png"] += studio.submit("-Ben", Generation("two of a kind"), "press-twins", 2)
    ids = {name: found[0].id for name, found in pressed.items()} | {"twin": pressed["png"][1].id}
    until(
        lambda: all(job.state in ENDED for job in studio.jobs([job.id for found in pressed.values() for job in found]))
    )
    studio.file(studio.job(ids["gone"])).unlink()
    studio.star([ids["png"]], "Ann")
    studio.judge([ids["png"]], "pick", "Ann")
    for tag in ("@home", "hero"):
        studio.tag([ids["png"]], tag, "Ann")
    return {name: studio.job(job_id) for name, job_id in ids.items()}


@pytest.fixture(scope="module")
def site(studio: Studio) -> Iterator[str]:
    """The address of our routes."""
    with served(studio) as url:
        yield url


def got(site: str, link: str) -> requests.Response:
    reply = requests.get(site + link, timeout=20)
    assert reply.status_code == 200, reply.text
    return reply


def name_in(reply: requests.Response) -> str:
    kind, _, name = reply.headers["content-disposition"].partition("filename*=UTF-8''")
    assert kind.startswith("attachment; filename=")
    return requests.utils.unquote(name)


def unpacked(reply: requests.Response) -> zipfile.ZipFile:
    found = zipfile.ZipFile(io.BytesIO(reply.content))
    assert found.testzip() is None
    return found


def table(written: bytes) -> list[dict[str, str]]:
    assert written.startswith("\ufeff".encode())
    return list(csv.DictReader(io.StringIO(written.decode("utf-8-sig"), newline="")))


def manifest(found: zipfile.ZipFile) -> list[dict[str, str]]:
    return table(found.read("manifest.csv"))


# One picture


@pytest.mark.parametrize(("name", "mime_type"), [("png", "image/png"), ("jpg", "image/jpeg")])
def test_a_copy_carries_its_receipt_and_the_original_none(
    studio: Studio, site: str, jobs: dict[str, Job], name: str, mime_type: str
):
    original = studio.file(jobs[name])
    before = original.read_bytes()
    reply = got(site, studio.take_link(jobs[name].id))
    assert receipts.read(io.BytesIO(reply.content)) == Receipt.of(jobs[name])
    assert int(reply.headers["content-length"]) == len(reply.content) > len(before)
    assert (reply.headers["content-type"], reply.headers["x-content-type-options"]) == (mime_type, "nosniff")
    with Image.open(io.BytesIO(reply.content)) as copy, Image.open(original) as image:
        assert copy.tobytes() == image.tobytes()
    assert original.read_bytes() == before
    assert receipts.read(original) is None


def test_a_copy_for_a_client_is_the_file_as_it_was_delivered(studio: Studio, site: str, jobs: dict[str, Job]):
    reply = got(site, studio.take_link(jobs["png"].id, with_receipt=False))
    assert reply.content == studio.file(jobs["png"]).read_bytes()


def test_a_copy_s_name_says_when_it_was_asked_for_and_what_for(studio: Studio, site: str, jobs: dict[str, Job]):
    job = jobs["png"]
    began = listing.in_zone(job.created_at, "Asia/Tokyo").strftime("%Y%m%d-%H%M")
    reply = got(site, studio.take_link(job.id, zone="Asia/Tokyo"))
    assert name_in(reply) == f"{began}-a-lighthouse-at-dusk-naïve-{job.id[:6]}.png"
    assert reply.headers["content-disposition"].isascii()


def test_the_head_of_a_copy_may_be_asked_for_alone(studio: Studio, site: str, jobs: dict[str, Job]):
    link = site + studio.take_link(jobs["png"].id)
    head = requests.head(link, timeout=10)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(requests.get(link, timeout=10).content)))


def test_a_copy_whose_file_is_gone_is_refused_in_words(studio: Studio, site: str, jobs: dict[str, Job]):
    for with_receipt in (True, False):
        reply = requests.get(site + studio.take_link(jobs["gone"].id, with_receipt), timeout=10)
        assert (reply.status_code, reply.text) == (404, errors.sentence("FileMissing"))


# Links


def old_token(studio: Studio, asked: list[object], age_s: float, secret: str | None = None) -> str:
    with contextlib.closing(sqlite3.connect(studio.settings.data_dir / "studio.sqlite3")) as database:
        own = database.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()[0]
    return Links(secret or own, lambda: time.time() - age_s).take_token(asked)


def test_a_link_ends_after_a_day(studio: Studio, site: str, jobs: dict[str, Job]):
    job_id = jobs["png"].id
    asked = {
        TAKE_ONE: ["one", job_id, True, None],
        TAKE_ZIP: ["zip", [job_id], True, None],
        TAKE_LIST: ["list", {}, None],
    }
    for prefix, each in asked.items():
        end = ".csv" if prefix == TAKE_LIST else ""
        got(site, prefix + old_token(studio, each, 3600) + end)
        reply = requests.get(site + prefix + old_token(studio, each, 25 * 3600) + end, timeout=10)
        assert (reply.status_code, reply.text) == (404, TOO_OLD)


def test_a_link_that_is_forged_or_for_something_else_is_refused_in_words(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    one = studio.take_link(jobs["png"].id).removeprefix(TAKE_ONE)
    rows = studio.list_link(Query(), "csv")
    forged = [
        TAKE_ONE + old_token(studio, ["one", jobs["png"].id, True, None], 0, "another secret"),
        TAKE_ONE + one[:-4] + one[-4:][::-1],
        TAKE_ONE + studio.link("picture", jobs["png"].id).rpartition("/")[2],
        TAKE_ONE + studio.zip_link([]).removeprefix(TAKE_ZIP),
        TAKE_ZIP + one,
        TAKE_ZIP + old_token(studio, ["kept", "f" * 32], 0),
        rows.removesuffix("csv") + "xml",
        rows.removesuffix(".csv"),
        TAKE_LIST + "x.csv",
        TAKE_ONE + "%ff%00",
    ]
    for link in forged:
        reply = requests.get(site + link, timeout=10)
        assert (reply.status_code, reply.text) == (404, TOO_OLD), link


def test_a_link_for_thousands_is_short_stays_the_same_and_leads_to_all_of_them(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    ids = [f"{number:032x}" for number in range(4990)] + [jobs["png"].id, jobs["jpg"].id]
    link = studio.zip_link(ids)
    assert len(link) < TOKEN_LIMIT
    assert studio.zip_link(ids) == link
    assert studio.zip_link(ids[::-1]) != link
    assert [row["id"] for row in manifest(unpacked(got(site, link)))] == ids[-2:]


def test_more_than_five_thousand_are_refused_in_words(studio: Studio):
    with pytest.raises(NothingSpent, match="at most 5,000 pictures, so none was made and no credits were spent"):
        studio.zip_link([f"{number:032x}" for number in range(5001)])


# A zip


def test_a_zip_holds_each_picture_once_with_its_receipt_under_its_own_name(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    wanted = [jobs["png"], jobs["jpg"], jobs["twin"]]
    found = unpacked(got(site, studio.zip_link([job.id for job in [*wanted, *wanted]])))
    assert found.namelist() == [*(listing.file_name(job) for job in wanted), "manifest.csv"]
    for job in wanted:
        assert receipts.read(io.BytesIO(found.read(listing.file_name(job)))) == Receipt.of(job)
    plain = unpacked(got(site, studio.zip_link([jobs["png"].id], with_receipt=False)))
    assert plain.read(listing.file_name(jobs["png"])) == studio.file(jobs["png"]).read_bytes()


def test_a_manifest_agrees_with_the_list_and_the_rows(studio: Studio, site: str, jobs: dict[str, Job]):
    found = unpacked(got(site, studio.zip_link_of(Query())))
    rows, listed = manifest(found), table(got(site, studio.list_link(Query(), "csv")).content)
    assert [{name: row[name] for name in listing.COLUMNS} for row in rows] == listed
    assert [row["id"] for row in rows] == studio.ids(Query(), 100)
    assert len(rows) == len(jobs) + 1
    for row in rows:
        job = studio.job(row["id"])
        assert (row["task_id"], row["credits"]) == (job.task_id, "" if job.credits is None else f"{job.credits:g}")
        assert (row["file"] in found.namelist()) == (row["missing"] == "")
    assert {row["file"] for row in rows if not row["missing"]} == set(found.namelist()) - {"manifest.csv"}


def test_a_picture_that_is_not_there_keeps_its_row_with_the_reason(studio: Studio, site: str, jobs: dict[str, Job]):
    found = unpacked(got(site, studio.zip_link([jobs["gone"].id, jobs["failed"].id, jobs["png"].id])))
    gone, failed, here = manifest(found)
    assert gone["missing"] == "The picture's file is not on this server any more."
    assert gone["file"] == listing.file_name(jobs["gone"])
    assert "夜の灯台-seen-by-nobody" in gone["file"]
    assert (failed["missing"], failed["file"]) == ("There is no picture: the job's state is “failed”.", "")
    assert here["missing"] == ""
    assert found.namelist() == [here["file"], "manifest.csv"]


def test_two_pictures_whose_names_would_be_the_same_have_two_names(studio: Studio, jobs: dict[str, Job]):
    one = jobs["png"]
    entries = [Entry(one, (), 1), Entry(replace(one, id=one.id[:6] + "0" * 26), (), 1)]
    path = studio.file(one)
    content = b"".join(archive.zipped(lambda: [entries], lambda job: inlays.whole(path), None, time.time()))
    with zipfile.ZipFile(io.BytesIO(content)) as found:
        assert len(set(found.namelist())) == 3
        assert [row["file"] for row in manifest(found)] == found.namelist()[:2]


def test_two_who_ask_at_once_both_get_the_whole_zip(studio: Studio, site: str, jobs: dict[str, Job]):
    link = studio.zip_link([job.id for job in jobs.values()])
    first, second = at_once(*[lambda: unpacked(got(site, link))] * 2)
    assert manifest(first) == manifest(second)
    assert [info.CRC for info in first.infolist()[:-1]] == [info.CRC for info in second.infolist()[:-1]]


def test_an_empty_zip_is_a_zip(studio: Studio, site: str):
    found = unpacked(got(site, studio.zip_link([])))
    assert (found.namelist(), manifest(found)) == (["manifest.csv"], [])


def test_a_zip_s_size_is_known_before_from_the_rows(studio: Studio, site: str, jobs: dict[str, Job]):
    ids = [jobs["png"].id, jobs["jpg"].id, jobs["failed"].id]
    count, size = studio.zip_size(ids)
    assert (count, size) == (2, jobs["png"].file_bytes + jobs["jpg"].file_bytes)
    assert size < len(got(site, studio.zip_link(ids)).content) < size + 20_000
    assert studio.zip_size([]) == (0, 0)


def open_files(path: Path) -> int:
    return sum(1 for each in Path("/proc/self/fd").iterdir() if os.path.realpath(each) == str(path.resolve()))


def test_others_are_served_while_a_zip_waits_and_a_client_that_goes_away_ends_it(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    path = studio.file(jobs["twin"])
    kept = path.read_bytes()
    path.write_bytes(kept + bytes(30_000_000))
    gc.disable()  # nobody should have to wait for it
    try:
        for link in (studio.zip_link([jobs["twin"].id]), studio.take_link(jobs["twin"].id)):
            with requests.get(site + link, stream=True, timeout=10) as reply:
                reply.raw.read(1000)
                assert requests.get(f"{site}/healthz", timeout=5).status_code == 200
                assert open_files(path) == 1
            until(lambda: open_files(path) == 0)
    finally:
        gc.enable()
        path.write_bytes(kept)


# Lists


def test_a_csv_s_cells_are_never_formulas_and_its_numbers_stay_numbers(studio: Studio, site: str, jobs: dict[str, Job]):
    reply = got(site, studio.list_link(Query(), "csv"))
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert name_in(reply).endswith(".csv")
    rows = {row["id"]: row for row in table(reply.content)}
    assert tuple(rows[jobs["png"].id]) == listing.COLUMNS
    for row in rows.values():
        assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    png, jpg, twin = (rows[jobs[name].id] for name in ("png", "jpg", "twin"))
    assert (jpg["prompt"], jpg["project"]) == ("'" + PROMPTS["jpg"], "'+49 Zoo")
    assert (png["prompt"], png["tags"], png["starred"]) == (PROMPTS["png"], "'@home; hero", "yes")
    assert (png["verdict"], png["images"], float(png["credits"])) == ("pick", "1", jobs["png"].credits)
    assert (twin["person"], twin["images"]) == ("'-Ben", "2")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str):
    [written] = list(listing.to_csv([[{"note": text, "credits": -1.5}]], ("note", "credits")))[1:]
    assert next(csv.reader(io.StringIO(written.decode(), newline=""))) == ["'" + text, "-1.5"]


def test_json_has_the_values_as_they_are(studio: Studio, site: str, jobs: dict[str, Job]):
    reply = got(site, studio.list_link(Query(), "json"))
    rows = {row["id"]: row for row in reply.json()}
    assert list(rows) == studio.ids(Query(), 100)
    png, jpg, failed = (rows[jobs[name].id] for name in ("png", "jpg", "failed"))
    assert (jpg["prompt"], jpg["project"], jpg["references"]) == (
        PROMPTS["jpg"],
        "+49 Zoo",
        list(jobs["jpg"].references),
    )
    assert (png["tags"], png["starred"], png["credits"], png["images"]) == (
        ["@home", "hero"],
        True,
        jobs["png"].credits,
        1,
    )
    assert (png["width"], png["height"], png["bytes"]) == (
        jobs["png"].width,
        jobs["png"].height,
        jobs["png"].file_bytes,
    )
    assert png["asked_at"] == receipts.iso_time(jobs["png"].created_at)
    assert (failed["file"], failed["width"], failed["starred"]) == ("", None, False)


def test_a_list_holds_what_its_query_chooses_in_its_order(studio: Studio, site: str, jobs: dict[str, Job]):
    query = Query(text="lighthouse", persons=("Ann", "=Eve"), sort="oldest", zone="Asia/Tokyo")
    assert [row["id"] for row in got(site, studio.list_link(query, "json")).json()] == [jobs["png"].id]
    none = Query(text="nobody wrote this")
    assert got(site, studio.list_link(none, "json")).json() == []
    assert table(got(site, studio.list_link(none, "csv")).content) == []


def test_a_long_list_is_written_page_by_page():
    rows = [[{"id": number} for number in range(start, start + PAGE)] for start in range(0, 1000, PAGE)]
    for written in (listing.to_csv(rows, ("id",)), listing.to_json(rows)):
        assert len(next(written)) < 10_000
        assert sum(1 for _ in written) == 5
    assert [row["id"] for row in json.loads(b"".join(listing.to_json(rows)))] == list(range(1000))


# A copy that comes back


def test_a_copy_that_comes_back_brings_its_request_with_the_references_that_are_here(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    copy = got(site, studio.take_link(jobs["jpg"].id)).content
    foreign = receipts.write(
        studio.file(jobs["png"]), Receipt(Generation("a cat", ("ef" * 32, *jobs["jpg"].references)))
    )
    for content, prompt in ((copy, PROMPTS["jpg"]), (b"".join(foreign), "a cat")):
        reply = requests.post(
            f"{site}/references", data=content, headers={"X-Studio-Name": "back.jpg"}, timeout=20
        ).json()
        assert reply["receipt"]["prompt"] == prompt
        assert reply["receipt"]["references"] == list(jobs["jpg"].references)
        assert studio.references([reply["id"]])
    assert set(reply["receipt"]) == {"prompt", "aspect_ratio", "resolution", "output_format", "references"}


def test_a_picture_without_a_receipt_comes_in_as_ever(site: str):
    headers = {"X-Studio-Name": "plain.png"}
    reply = requests.post(f"{site}/references", data=picture(colour="red"), headers=headers, timeout=20).json()
    assert set(reply) == {"id"}
