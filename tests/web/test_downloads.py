"""What is taken away, over real sockets: a picture with its receipt, a zip with its manifest, lists for spreadsheets and scripts."""

import csv
import gc
import io
import json
import os
import shutil
import struct
import subprocess
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

import openpyxl
import pytest
import requests
from openpyxl.utils.escape import unescape
from PIL import Image

from kie import errors
from kie.exports import lists, zips
from kie.exports.lists import Entry
from kie.generation import Generation, SubmissionItem
from kie.history.query import Query
from kie.images import receipts
from kie.images.segments import FileOfParts, unchanged
from kie.jobs import ENDED, Job, State, download_name
from kie.prompts import batch
from kie.prompts import table as table_reader
from kie.sandbox import Sandbox
from kie.signed_urls import DOWNLOADS, SignedUrls
from kie.spreadsheets import writer
from kie.studio import Studio
from kie.studio.exports import PAGE, TOKEN_LIMIT
from kie.text import local
from tests.support.images import picture, receipt_in
from tests.support.jobs import project
from tests.support.rows import at_once, found_ids
from tests.support.site import served
from tests.support.spreadsheets import csv_rows
from tests.support.waiting import until

TOO_OLD = "This link is expired or incomplete: reload the page and download again."
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
    reference = studio.references.add("cat.png", io.BytesIO(picture()))
    asked = {name: Generation(prompt) for name, prompt in PROMPTS.items()}
    asked["jpg"] = Generation(PROMPTS["jpg"], (reference.id,), "16:9", "1K", "jpg")
    pressed = {
        name: studio.submissions.submit("Ann", each, f"press-{name}", 1, "+49 Zoo") for name, each in asked.items()
    }
    pressed["png"] += studio.submissions.submit("-Ben", Generation("two of a kind"), "press-twins", 2)
    ids = {name: found[0].id for name, found in pressed.items()} | {"twin": pressed["png"][1].id}
    until(
        lambda: all(
            job.state in ENDED for job in studio.jobs.get_many([job.id for found in pressed.values() for job in found])
        )
    )
    studio.exports.file(studio.jobs.get(ids["gone"])).unlink()
    studio.annotations.star([ids["png"]], "Ann")
    studio.annotations.set_verdict([ids["png"]], "pick", "Ann")
    for tag in ("@home", "hero"):
        studio.annotations.tag([ids["png"]], tag, "Ann")
    return {name: studio.jobs.get(job_id) for name, job_id in ids.items()}


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


def sheet(written: bytes) -> list[dict[str, object]]:
    rows = openpyxl.load_workbook(io.BytesIO(written)).worksheets[0].values
    header = next(rows)
    return [dict(zip(header, row, strict=True)) for row in rows]


def manifest(found: zipfile.ZipFile) -> list[dict[str, str]]:
    return csv_rows(found.read("manifest.csv"))


# One picture


@pytest.mark.parametrize(("name", "mime_type"), [("png", "image/png"), ("jpg", "image/jpeg")])
def test_a_copy_carries_its_receipt_and_the_original_none(
    studio: Studio, site: str, jobs: dict[str, Job], name: str, mime_type: str
):
    original = studio.exports.file(jobs[name])
    before = original.read_bytes()
    reply = got(site, studio.exports.picture_link(jobs[name].id))
    assert receipt_in(reply.content)["task_id"] == jobs[name].task_id
    assert int(reply.headers["content-length"]) == len(reply.content) > len(before)
    assert (reply.headers["content-type"], reply.headers["x-content-type-options"]) == (mime_type, "nosniff")
    with Image.open(io.BytesIO(reply.content)) as copy, Image.open(original) as image:
        assert copy.tobytes() == image.tobytes()
    assert original.read_bytes() == before
    assert receipts.read(original) is None


def test_a_copy_for_a_client_is_the_file_as_it_was_delivered(studio: Studio, site: str, jobs: dict[str, Job]):
    reply = got(site, studio.exports.picture_link(jobs["png"].id, with_receipt=False))
    assert reply.content == studio.exports.file(jobs["png"]).read_bytes()


def test_a_copy_s_name_says_when_it_was_asked_for_and_what_for(studio: Studio, site: str, jobs: dict[str, Job]):
    job = jobs["png"]
    began = local(job.created_at, "Asia/Tokyo").strftime("%Y%m%d-%H%M")
    reply = got(site, studio.exports.picture_link(job.id, zone="Asia/Tokyo"))
    assert name_in(reply) == f"{began}-a-lighthouse-at-dusk-naïve-{job.id[:6]}.png"
    assert reply.headers["content-disposition"].isascii()


def test_the_head_of_a_copy_may_be_asked_for_alone(studio: Studio, site: str, jobs: dict[str, Job]):
    link = site + studio.exports.picture_link(jobs["png"].id)
    head = requests.head(link, timeout=10)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(requests.get(link, timeout=10).content)))


def test_a_copy_whose_file_is_gone_is_refused_in_words(studio: Studio, site: str, jobs: dict[str, Job]):
    for with_receipt in (True, False):
        reply = requests.get(site + studio.exports.picture_link(jobs["gone"].id, with_receipt), timeout=10)
        assert (reply.status_code, reply.text) == (404, errors.sentence("FileMissing"))


# Links


def old_token(studio: Studio, asked: list[object], age_s: float, secret: str | None = None) -> str:
    return SignedUrls(secret or studio.store.secret(), lambda: time.time() - age_s).download_token(asked)


def test_a_link_that_is_forged_of_yesterday_or_for_something_else_is_refused_in_words(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    one = studio.exports.picture_link(jobs["png"].id)
    forged = [
        DOWNLOADS + old_token(studio, ["one", jobs["png"].id, True, None], 0, "another secret"),
        DOWNLOADS + old_token(studio, ["one", jobs["png"].id, True, None], 25 * 3600),
        DOWNLOADS + old_token(studio, ["zip", [jobs["png"].id], True, None], 25 * 3600),
        DOWNLOADS + old_token(studio, ["list", {}, None, "csv"], 25 * 3600),
        one[:-4] + one[-4:][::-1],
        DOWNLOADS + studio.backend.urls.address("picture", jobs["png"].id).rpartition("/")[2],
        DOWNLOADS + old_token(studio, ["kept", "f" * 32], 0),
        f"{one}.csv",
        DOWNLOADS + "x",
        DOWNLOADS + "%ff%00",
    ]
    for link in forged:
        reply = requests.get(site + link, timeout=10)
        assert (reply.status_code, reply.text) == (404, TOO_OLD), link


def test_a_link_for_thousands_is_short_stays_the_same_and_leads_to_all_of_them(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    ids = [f"{number:032x}" for number in range(4990)] + [jobs["png"].id, jobs["jpg"].id]
    link = studio.exports.zip_link(ids)
    assert len(link) < TOKEN_LIMIT
    assert studio.exports.zip_link(ids) == link
    assert studio.exports.zip_link(ids[::-1]) != link
    assert [row["id"] for row in manifest(unpacked(got(site, link)))] == ids[-2:]


# A zip


def test_a_zip_holds_each_picture_once_with_its_receipt_under_its_own_name(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    wanted = [jobs["png"], jobs["jpg"], jobs["twin"]]
    zone = "Pacific/Kiritimati"
    found = unpacked(got(site, studio.exports.zip_link([job.id for job in [*wanted, *wanted]], zone=zone)))
    assert found.namelist() == [*(download_name(job, zone) for job in wanted), *zips.MANIFESTS]
    for job in wanted:
        assert receipt_in(found.read(download_name(job, zone)))["task_id"] == job.task_id
    plain = unpacked(got(site, studio.exports.zip_link([jobs["png"].id], with_receipt=False)))
    assert plain.read(download_name(jobs["png"])) == studio.exports.file(jobs["png"]).read_bytes()


def walked(stream: IO[bytes]) -> dict[str, bytes]:
    """Read a zip from its start alone, as a program does that unpacks it while it arrives."""
    found = {}
    while (signature := stream.read(4)) == b"PK\x03\x04":
        _, flags, packing, _, _, crc, packed, size, name_length, extra_length = struct.unpack(
            "<5H3I2H", stream.read(26)
        )
        assert (packing, flags & 8) == (zipfile.ZIP_STORED, 0), "its end is not known before it is read"
        name = stream.read(name_length).decode()
        stream.read(extra_length)
        found[name] = stream.read(size)
        assert (len(found[name]), zlib.crc32(found[name])) == (packed, crc)
    assert signature == b"PK\x01\x02"
    return found


@pytest.mark.parametrize("with_receipt", [True, False])
def test_a_zip_can_be_unpacked_while_it_arrives_by_other_programs_too(
    studio: Studio, site: str, jobs: dict[str, Job], tmp_path: Path, with_receipt: bool
):
    reply = got(site, studio.exports.zip_link([job.id for job in jobs.values()], with_receipt))
    found, whole = walked(io.BytesIO(reply.content)), unpacked(reply)
    done = subprocess.run(["bsdtar", "-xf", "-"], input=reply.content, cwd=tmp_path, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert found == {name: whole.read(name) for name in whole.namelist()}
    assert found == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(found) == 3 + len(zips.MANIFESTS)


def test_a_zip_with_a_long_manifest_can_be_unpacked_while_it_arrives(studio: Studio, jobs: dict[str, Job]):
    rows = [
        Entry(replace(jobs["failed"], id=f"{number:032x}", generation=Generation("x" * 10_000)), (), 1)
        for number in range(300)
    ]
    pieces = list(zips.zipped(lambda: [rows], lambda job: unchanged(studio.exports.file(job)), None, time.time()))
    assert max(map(len, pieces)) < 2**20
    written, book = walked(io.BytesIO(b"".join(pieces))).values()
    assert len(written) > 3_000_000
    assert [row["id"] for row in csv_rows(written)] == [entry.job.id for entry in rows]
    assert [row["id"] for row in sheet(book)] == [entry.job.id for entry in rows]


def test_a_picture_that_goes_after_its_header_was_sent_still_comes_whole(studio: Studio, jobs: dict[str, Job]):
    path = studio.exports.file(jobs["png"]).with_name("copy.png")
    shutil.copy(studio.exports.file(jobs["png"]), path)
    content = path.read_bytes()
    entries = [Entry(jobs["png"], (), 1)]
    pieces = zips.zipped(lambda: [entries], lambda job: unchanged(path), None, time.time())
    begun = next(pieces)
    path.unlink()
    found = walked(io.BytesIO(begun + b"".join(pieces)))
    assert found[download_name(jobs["png"])] == content


def test_a_manifest_agrees_with_the_list_and_the_rows(studio: Studio, site: str, jobs: dict[str, Job]):
    found = unpacked(got(site, studio.exports.zip_link(Query())))
    rows, listed = manifest(found), csv_rows(got(site, studio.exports.list_link(Query(), "csv")).content)
    book = sheet(found.read("manifest.xlsx"))
    assert [tuple(row) for row in book] == [zips.MANIFEST_COLUMNS] * len(rows)
    for name in ("id", "person", "file", "missing"):
        # The CSV guards what a spreadsheet would take for a formula; a workbook need not.
        assert [row[name] or "" for row in book] == [row[name].removeprefix("'") for row in rows]
    assert [{name: row[name] for name in lists.COLUMNS} for row in rows] == listed
    assert [row["id"] for row in rows] == found_ids(studio, Query())
    assert len(rows) == len(jobs) + 1
    for row in rows:
        job = studio.jobs.get(row["id"])
        assert (row["task_id"], row["credits"]) == (job.task_id, "" if job.credits is None else f"{job.credits:g}")
        assert (row["file"] in found.namelist()) == (row["missing"] == "")
    assert {row["file"] for row in rows if not row["missing"]} == set(found.namelist()) - {*zips.MANIFESTS}


def test_a_picture_that_is_not_there_keeps_its_row_with_the_reason(studio: Studio, site: str, jobs: dict[str, Job]):
    found = unpacked(got(site, studio.exports.zip_link([jobs["gone"].id, jobs["failed"].id, jobs["png"].id])))
    gone, failed, here = manifest(found)
    assert gone["missing"] == "The picture's file is not on this server any more."
    assert gone["file"] == download_name(jobs["gone"])
    assert "夜の灯台-seen-by-nobody" in gone["file"]
    assert (failed["missing"], failed["file"]) == ("There is no picture: the job's state is “failed”.", "")
    assert here["missing"] == ""
    assert found.namelist() == [here["file"], *zips.MANIFESTS]


def test_two_pictures_whose_names_would_be_the_same_have_two_names(studio: Studio, jobs: dict[str, Job]):
    one = jobs["png"]
    entries = [Entry(one, (), 1), Entry(replace(one, id=one.id[:6] + "0" * 26), (), 1)]
    path = studio.exports.file(one)
    content = b"".join(zips.zipped(lambda: [entries], lambda job: unchanged(path), None, time.time()))
    with zipfile.ZipFile(io.BytesIO(content)) as found:
        assert len(set(found.namelist())) == 2 + len(zips.MANIFESTS)
        assert [row["file"] for row in manifest(found)] == found.namelist()[:2]


def test_two_who_ask_at_once_both_get_the_whole_zip(studio: Studio, site: str, jobs: dict[str, Job]):
    link = studio.exports.zip_link([job.id for job in jobs.values()])
    first, second = at_once(*[lambda: unpacked(got(site, link))] * 2)
    assert manifest(first) == manifest(second)
    assert [info.CRC for info in first.infolist()[:-2]] == [info.CRC for info in second.infolist()[:-2]]


def test_an_empty_zip_is_a_zip(studio: Studio, site: str):
    reply = got(site, studio.exports.zip_link([]))
    found = unpacked(reply)
    assert (found.namelist(), manifest(found)) == ([*zips.MANIFESTS], [])
    assert list(walked(io.BytesIO(reply.content))) == [*zips.MANIFESTS]
    assert sheet(found.read("manifest.xlsx")) == []


def test_pictures_are_counted_as_a_zip_of_them_or_of_their_list_holds_them(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    for ids, pictures in (([jobs[name].id for name in ("png", "jpg", "failed")], 2), ([], 0)):
        assert studio.store.exports.count_pictures(ids) == pictures
        assert len(unpacked(got(site, studio.exports.zip_link(ids))).namelist()) == pictures + len(zips.MANIFESTS)
    for query, pictures in (
        (Query(persons=("-Ben",)), 2),
        (Query(states=("failed",)), 0),
        (Query(projects=("no",)), 0),
    ):
        assert studio.search.page(query, 1, 1).total.pictures == pictures
        assert len(unpacked(got(site, studio.exports.zip_link(query))).namelist()) == pictures + len(zips.MANIFESTS)
    emptied = jobs["twin"].id
    studio.annotations.bin([emptied], "Ann")
    try:
        assert studio.search.page(Query(persons=("-Ben",), binned=None), 1, 1).total.pictures == 2
        assert studio.search.page(Query(persons=("-Ben",)), 1, 1).total.pictures == 1
    finally:
        studio.annotations.unbin([emptied])


def test_a_picture_that_is_fetched_again_is_not_in_a_zip(studio: Studio, jobs: dict[str, Job]):
    broken = replace(jobs["png"], state=State.FETCHING, has_picture=False)
    splice = FileOfParts(studio.exports.file(jobs["png"]), (b"not whole",))
    written = zips.zipped(lambda: iter([[Entry(broken, (), 1)]]), lambda _: splice, None, 1_800_000_000.0)
    assert zipfile.ZipFile(io.BytesIO(b"".join(written))).namelist() == [*zips.MANIFESTS]


def open_files(path: Path) -> int:
    return sum(1 for each in Path("/proc/self/fd").iterdir() if os.path.realpath(each) == str(path.resolve()))


def test_others_are_served_while_a_zip_waits_and_a_client_that_goes_away_ends_it(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    path = studio.exports.file(jobs["twin"])
    kept = path.read_bytes()
    path.write_bytes(kept + bytes(30_000_000))
    gc.disable()  # nobody should have to wait for it
    try:
        for link in (studio.exports.zip_link([jobs["twin"].id]), studio.exports.picture_link(jobs["twin"].id)):
            with requests.get(site + link, stream=True, timeout=10) as reply:
                reply.raw.read(1000)
                assert requests.get(f"{site}/healthz", timeout=30).status_code == 200
                assert open_files(path) == 1
            until(lambda: open_files(path) == 0)
    finally:
        gc.enable()
        path.write_bytes(kept)


# Lists


def test_a_csv_s_cells_are_never_formulas_and_its_numbers_stay_numbers(studio: Studio, site: str, jobs: dict[str, Job]):
    reply = got(site, studio.exports.list_link(Query(), "csv"))
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert name_in(reply).endswith(".csv")
    rows = {row["id"]: row for row in csv_rows(reply.content)}
    assert tuple(rows[jobs["png"].id]) == lists.COLUMNS
    for row in rows.values():
        assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    png, jpg, twin = (rows[jobs[name].id] for name in ("png", "jpg", "twin"))
    assert (jpg["prompt"], jpg["project"]) == ("'" + PROMPTS["jpg"], "'+49 Zoo")
    assert (png["prompt"], png["tags"], png["starred"]) == (PROMPTS["png"], "'@home; hero", "yes")
    assert (png["verdict"], png["images"], float(png["credits"])) == ("pick", "1", jobs["png"].credits)
    assert (twin["person"], twin["images"]) == ("'-Ben", "2")


def test_a_workbook_has_columns_in_every_language_and_texts_that_are_no_formulas(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    reply = got(site, studio.exports.list_link(Query(), "xlsx"))
    assert reply.headers["content-type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert name_in(reply).endswith(".xlsx")
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_DEFLATED}
    header, *cells = openpyxl.load_workbook(io.BytesIO(reply.content)).active.iter_rows()
    assert tuple(cell.value for cell in header) == lists.COLUMNS
    rows = {row[0].value: dict(zip(lists.COLUMNS, row, strict=True)) for row in cells}
    assert list(rows) == found_ids(studio, Query())
    png, jpg, twin = (rows[jobs[name].id] for name in ("png", "jpg", "twin"))
    assert (jpg["prompt"].value, jpg["prompt"].data_type, jpg["prompt"].quotePrefix) == (PROMPTS["jpg"], "s", True)
    assert (jpg["project"].value, png["tags"].value, twin["person"].value) == ("+49 Zoo", "@home; hero", "-Ben")
    assert (png["prompt"].value, png["starred"].value) == (PROMPTS["png"], "yes")
    assert (png["credits"].value, twin["images"].value) == (jobs["png"].credits, 2)
    assert png["width"].data_type == "n"


def test_a_workbook_keeps_every_character_and_goes_on_in_a_second_sheet():
    texts = ["a\r\nb", " two  spaces ", "_x0041_", "\x0b\x07\ufffe", '<b> & "c"', "🍌", "'=1", "x" * 32_767]
    written = b"".join(writer.workbook([[[text] for text in texts]], ["prompt"]))
    book = openpyxl.load_workbook(io.BytesIO(written))
    assert [unescape(row[0]) for row in book.active.iter_rows(min_row=2, values_only=True)] == texts
    pages = [[[number, None, 1.5]] for number in range(5)]
    book = openpyxl.load_workbook(io.BytesIO(b"".join(writer.workbook(pages, ["a", "b", "c"], rows_limit=4))))
    found = [[row[0] for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets]
    assert found == [["a", 0, 1, 2], ["a", 3, 4]]
    empty = openpyxl.load_workbook(io.BytesIO(b"".join(writer.workbook([], ["a"]))))
    assert list(empty.active.values) == [("a",)]


def test_json_has_the_values_as_they_are(studio: Studio, site: str, jobs: dict[str, Job]):
    reply = got(site, studio.exports.list_link(Query(), "json"))
    rows = {row["id"]: row for row in reply.json()}
    assert list(rows) == found_ids(studio, Query())
    png, jpg, failed = (rows[jobs[name].id] for name in ("png", "jpg", "failed"))
    job = jobs["png"]
    references = list(jobs["jpg"].generation.references)
    assert (jpg["prompt"], jpg["project"], jpg["references"]) == (PROMPTS["jpg"], "+49 Zoo", references)
    assert (png["tags"], png["starred"], png["images"]) == (["@home", "hero"], True, 1)
    assert [png[name] for name in ("width", "height", "bytes")] == [job.width, job.height, job.file_bytes]
    assert png["credits"] == job.credits
    assert png["asked_at"] == receipts.iso_time(job.created_at)
    assert (failed["file"], failed["width"], failed["starred"]) == ("", None, False)


def test_a_list_holds_what_its_query_chooses_in_its_order(studio: Studio, site: str, jobs: dict[str, Job]):
    query = Query(text="lighthouse", persons=("Ann", "=Eve"), sort="oldest", zone="Asia/Tokyo")
    assert [row["id"] for row in got(site, studio.exports.list_link(query, "json")).json()] == [jobs["png"].id]
    none = Query(text="nobody wrote this")
    assert got(site, studio.exports.list_link(none, "json")).json() == []
    assert csv_rows(got(site, studio.exports.list_link(none, "csv")).content) == []


def test_a_long_list_is_written_page_by_page():
    rows = [[{"id": number} for number in range(start, start + PAGE)] for start in range(0, 1000, PAGE)]
    for written in (lists.to_csv(rows, ("id",)), lists.to_json(rows)):
        assert len(next(written)) < 10_000
        assert sum(1 for _ in written) == len(rows)
    assert [row["id"] for row in json.loads(b"".join(lists.to_json(rows)))] == list(range(1000))


# A list that comes back as a table


SALES = ("-50% sale", '{"mood": "{calm|wild}"} for {{id}}', "'=SUM(A1) in neon")


@pytest.fixture(scope="module")
def sales(studio: Studio) -> list[Job]:
    """Three variants of each of some prompts, with a reference, and one without."""
    reference = studio.references.add("sale.png", io.BytesIO(picture(colour="red")))
    asked = [Generation(prompt, (reference.id,), "16:9", "2K", "jpg") for prompt in SALES]
    made = [
        job
        for at, each in enumerate(asked)
        for job in studio.submissions.submit("Sal", each, f"sale-{at}", 3, "+49 Zoo")
    ]
    made += studio.submissions.submit("Sal", Generation("no reference"), "sale-none", 1)
    until(lambda: all(job.state in ENDED for job in studio.jobs.get_many([job.id for job in made])))
    return made


def saved_as_workbook(content: bytes) -> bytes:
    """Return a CSV as a spreadsheet program saves it as a workbook."""
    book = openpyxl.Workbook()
    for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")):
        book.active.append(row)
        for cell in book.active[book.active.max_row]:
            cell.data_type = "s" if isinstance(cell.value, str) else cell.data_type
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def saved_with_semicolons(content: bytes) -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=";").writerows(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    return out.getvalue().encode("cp1252", "replace")


@pytest.mark.parametrize(
    ("kind", "name", "saved"),
    [
        *(("csv", "t.csv", bytes), ("xlsx", "t.xlsx", bytes), ("csv", "t.xlsx", saved_as_workbook)),
        ("csv", "t.csv", saved_with_semicolons),
    ],
)
def test_a_list_that_comes_back_asks_for_the_same_pictures_once_each(
    studio: Studio, site: str, sales: list[Job], kind: str, name: str, saved: Callable[[bytes], bytes]
):
    content = got(site, studio.exports.list_link(Query(persons=("Sal",)), kind)).content
    table = table_reader.read(name, saved(content))
    assert table.notes == ("A list from the history: each row is one picture, with the references of its request.",)
    others = [studio.references.add("other.png", io.BytesIO(picture(colour="blue"))).id]
    lines = batch.requests(table.rows, Generation("the form's", tuple(others)), 4, others)
    assert [fault for line in lines for fault in line.faults] == []
    wanted = [SubmissionItem(generation, line.images) for line in lines for generation in line.generations]
    assert [each.images for each in wanted] == [1] * 10
    assert sorted(each.generation.fingerprint for each in wanted) == sorted(job.fingerprint for job in sales)
    assert studio.submissions.faults(wanted) == []
    assert {job.fingerprint for job in studio.submissions.made_before(wanted)} == {job.fingerprint for job in sales}


@pytest.mark.parametrize("name", zips.MANIFESTS)
def test_the_manifest_of_a_zip_comes_back_too(studio: Studio, site: str, sales: list[Job], name: str):
    found = unpacked(got(site, studio.exports.zip_link([job.id for job in sales])))
    lines = batch.requests(table_reader.read(name, found.read(name)).rows, Generation(""), 1, [])
    asked = [generation.fingerprint for line in lines for generation in line.generations * line.images]
    assert sorted(asked) == sorted(job.fingerprint for job in sales)


# A copy that comes back


def test_a_copy_that_comes_back_brings_its_request_with_the_references_that_are_here(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    copy = got(site, studio.exports.picture_link(jobs["jpg"].id)).content
    foreign = receipts.write(
        studio.exports.file(jobs["png"]),
        replace(jobs["png"], generation=Generation("a cat", ("ef" * 32, *jobs["jpg"].generation.references))),
    )
    for content, prompt in ((copy, PROMPTS["jpg"]), (b"".join(foreign), "a cat")):
        reply = requests.post(
            f"{site}/references", data=content, headers={"X-Studio-Name": "back.jpg", "Origin": site}, timeout=20
        ).json()
        assert reply["receipt"]["prompt"] == prompt
        assert reply["receipt"]["references"] == list(jobs["jpg"].generation.references)
        assert studio.store.references.get_many([reply["id"]])
    assert set(reply["receipt"]) == {"prompt", "aspect_ratio", "resolution", "output_format", "references"}


def test_a_picture_without_a_receipt_comes_in_as_ever(site: str):
    headers = {"X-Studio-Name": "plain.png", "Origin": site}
    reply = requests.post(f"{site}/references", data=picture(colour="red"), headers=headers, timeout=20).json()
    assert set(reply) == {"id"}
