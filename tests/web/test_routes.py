"""HTTP beside the pages, over real sockets: picture links, live events, health. References are in `test_references`."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from kie.generation import Generation
from kie.jobs import Job
from kie.sandbox import Sandbox
from kie.settings import Settings
from kie.signed_urls import PREFIX, SignedUrls
from kie.studio import Studio
from tests.support.jobs import project
from tests.support.site import served
from tests.support.waiting import until

MIB = 2**20
NOBODY = "f" * 32


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One studio at work for all tests of this file."""
    folder = tmp_path_factory.mktemp("routes")
    with Sandbox(folder / "service", seconds=0.1) as service, Studio(project(folder, service.url)) as opened:
        yield opened


@pytest.fixture(scope="module")
def site(studio: Studio) -> Iterator[str]:
    """The address of our routes."""
    with served(studio) as url:
        yield url


@pytest.fixture(scope="module")
def jobs(studio: Studio) -> dict[str, Job]:
    """A finished job for each output format."""
    asked = {kind: Generation("a lighthouse", output_format=kind) for kind in ("png", "jpg")}
    ids = {kind: studio.submissions.submit("Ann", request, f"form-{kind}")[0].id for kind, request in asked.items()}
    until(lambda: all(studio.jobs.get(job_id).file for job_id in ids.values()))
    return {kind: studio.jobs.get(job_id) for kind, job_id in ids.items()}


@pytest.fixture
def page(site: str) -> Iterator[ClientConnection]:
    """An open page that hears of changes."""
    with connect(f"{site.replace('http', 'ws')}/events", origin=site) as socket:
        json.loads(socket.recv(timeout=20))
        yield socket


# Pictures


@pytest.mark.parametrize(("output_format", "mime_type"), [("png", "image/png"), ("jpg", "image/jpeg")])
def test_a_signed_link_gives_the_picture_as_it_lies_on_the_disk(
    studio: Studio, site: str, jobs: dict[str, Job], output_format: str, mime_type: str
):
    job = jobs[output_format]
    reply = requests.get(site + studio.backend.urls.address("picture", job.id), timeout=10)
    assert reply.status_code == 200
    assert reply.content == studio.exports.file(job).read_bytes()
    assert reply.headers["content-type"] == mime_type


def test_a_picture_is_kept_by_the_one_browser_and_is_never_taken_for_anything_else(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    for kind in ("picture", "thumbnail"):
        headers = requests.get(site + studio.backend.urls.address(kind, jobs["png"].id), timeout=10).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "private, max-age=86400, immutable"
        assert headers["content-security-policy"] == "sandbox; frame-ancestors 'none'"


def test_a_thumbnail_is_a_small_webp(studio: Studio, site: str, jobs: dict[str, Job]):
    reply = requests.get(site + studio.backend.urls.address("thumbnail", jobs["png"].id), stream=True, timeout=10)
    assert reply.headers["content-type"] == "image/webp"
    with Image.open(reply.raw) as image:
        assert (image.format, max(image.size)) == ("WEBP", 512)


def test_a_browser_may_ask_for_the_head_alone_and_may_not_send_anything(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    url = site + studio.backend.urls.address("picture", jobs["png"].id)
    head = requests.head(url, timeout=10)
    assert (head.status_code, head.headers["content-length"]) == (200, str(jobs["png"].file_bytes))
    assert requests.post(url, headers={"Origin": site}, timeout=10).status_code == 405


def is_refused_in_words(reply: requests.Response) -> bool:
    assert reply.text == "This picture is not here, or the link is too old: open the page again."
    assert reply.headers["content-type"].startswith("text/plain")
    assert "immutable" not in reply.headers.get("cache-control", "")
    return reply.status_code == 404


def test_a_link_that_is_forged_or_of_yesterday_is_refused_in_words(studio: Studio, site: str, jobs: dict[str, Job]):
    good = studio.backend.urls.address("picture", jobs["png"].id)
    body, _, signature = good.rpartition(".")
    foreign = SignedUrls("another secret").address("picture", jobs["png"].id)
    old = SignedUrls(studio.store.secret(), lambda: time.time() - 25 * 3600).address("picture", jobs["png"].id)
    for forged in (
        foreign,
        old,
        f"{body}.{signature[::-1]}",
        f"{body}x.{signature}",
        body,
        PREFIX + "x",
        PREFIX + "%00",
        PREFIX + "%ff%fe",
        PREFIX + "%F0%9F%8D%8C",
        PREFIX + studio.store.secret(),
    ):
        assert is_refused_in_words(requests.get(site + forged, timeout=10))


def test_a_signed_link_to_what_is_not_there_is_refused_in_words(studio: Studio, site: str, jobs: dict[str, Job]):
    own = jobs["png"].id
    for kind, owner in (("picture", NOBODY), ("thumbnail", NOBODY), ("database", own), ("", own)):
        assert is_refused_in_words(requests.get(site + studio.backend.urls.address(kind, owner), timeout=10))


def test_a_picture_without_its_file_is_refused_in_words(studio: Studio, site: str):
    job_id = studio.submissions.submit("Ann", Generation("gone again"), "form-gone")[0].id
    until(lambda: studio.jobs.get(job_id).file)
    studio.exports.file(studio.jobs.get(job_id)).unlink()
    assert is_refused_in_words(requests.get(site + studio.backend.urls.address("picture", job_id), timeout=10))


@pytest.mark.parametrize(
    "path", ["..%2fstudio.sqlite3", "%2e%2e/%2e%2e/studio.sqlite3", "results/x.png", "..%5cstudio.sqlite3", ""]
)
def test_no_path_leads_to_a_file(site: str, path: str):
    reply = requests.get(f"{site}{PREFIX}{path}", timeout=10)
    assert reply.status_code == 404
    assert b"SQLite" not in reply.content


# Live events


def hear(page: ClientConnection, wanted: set[str]) -> list[list[str]]:
    """Read messages until all these topics have come."""
    messages: list[list[str]] = []
    while not wanted <= {topic for topics in messages for topic in topics}:
        messages.append(json.loads(page.recv(timeout=20))["changes"])
    return messages


def test_an_open_page_hears_of_a_change(studio: Studio, page: ClientConnection):
    job = studio.submissions.submit("Ben", Generation("a harbour"), "form-heard")[0]
    hear(page, {"jobs", "person:Ben", "credits"})
    until(lambda: studio.jobs.get(job.id).file)
    studio.events.publish({"the end"})
    assert hear(page, {"the end"})


def test_a_page_is_told_at_first_that_everything_may_have_changed_before_it_listened(
    studio: Studio, site: str, page: ClientConnection
):
    studio.events.publish({"before"})
    hear(page, {"before"})
    with connect(f"{site.replace('http', 'ws')}/events", origin=site) as late:
        assert "everything" in json.loads(late.recv(timeout=20))["changes"]


def test_every_open_page_hears_and_one_that_left_does_no_harm(studio: Studio, site: str, page: ClientConnection):
    with connect(f"{site.replace('http', 'ws')}/events", origin=site) as another:
        studio.events.publish({"for both"})
        hear(page, {"for both"})
        hear(another, {"for both"})
    studio.events.publish({"for one"})
    hear(page, {"for one"})


def test_a_burst_of_changes_comes_as_few_messages(studio: Studio, page: ClientConnection):
    topics = {f"person:{number}" for number in range(500)}
    for topic in topics:
        studio.events.publish({topic})
    assert len(hear(page, topics)) < 50


def test_what_a_page_says_is_not_listened_to(studio: Studio, site: str, page: ClientConnection):
    page.send("anything")
    page.send('{"topics": ["jobs"]}')
    studio.events.publish({"still here"})
    hear(page, {"still here"})
    page.send(b"\x00\xff")
    with pytest.raises(ConnectionClosed):
        while True:
            page.recv(timeout=20)
    assert requests.get(f"{site}/healthz", timeout=10).status_code == 200


# Health


def test_a_studio_at_work_is_healthy(site: str):
    reply = requests.get(f"{site}/healthz", timeout=10)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == {"status": "ok", "sandbox": False}


def test_a_studio_without_a_key_says_that_it_is_on_the_sandbox_and_one_that_stopped_that_it_is_not_well(tmp_path: Path):
    studio = Studio(Settings.load(tmp_path, {})).open()
    with served(studio) as url:
        assert requests.get(f"{url}/healthz", timeout=10).json() == {"status": "ok", "sandbox": True}
        studio.close()
        reply = requests.get(f"{url}/healthz", timeout=10)
    assert (reply.status_code, reply.json()["status"]) == (503, "tracker stopped")
