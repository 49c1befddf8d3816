"""HTTP beside the pages, over real sockets: picture links, references taken in, live events, health."""

import contextlib
import hashlib
import json
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from kie.generation import Generation
from kie.jobs import Job
from kie.links import PREFIX, Links
from kie.routes import routes
from kie.sandbox import Sandbox
from kie.settings import ROOT, Settings
from kie.studio import Studio
from tests.drawn import picture

MIB = 2**20
NOBODY = "f" * 32


def until(found: Callable[[], object]) -> object:
    """Return the first true answer within twenty seconds."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.02)
    raise AssertionError("It never came true.")


@contextlib.contextmanager
def served(studio: Studio) -> Iterator[str]:
    """Serve our routes over a studio on a free port, and yield the address."""
    app = Starlette(routes=routes(lambda: studio))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="websockets-sansio"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("routes")


@pytest.fixture(scope="module")
def settings(folder: Path) -> Iterator[Settings]:
    """The settings of a project that takes a sandbox for the real service."""
    (folder / "project" / "config").mkdir(parents=True)
    shutil.copy(ROOT / "config" / "prices.toml", folder / "project" / "config")
    with Sandbox(folder / "service", seconds=0.1) as service:
        urls = {"KIE_API_URL": service.url, "KIE_UPLOAD_URL": service.url}
        yield Settings.load(folder / "project", urls | {"KIE_API_KEY": "nobody-pays-for-it"})


@pytest.fixture(scope="module")
def studio(settings: Settings) -> Iterator[Studio]:
    """One studio at work for all tests of this file."""
    with Studio(settings) as opened:
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
    ids = {kind: studio.submit("Ann", request, f"form-{kind}")[0].id for kind, request in asked.items()}
    until(lambda: all(studio.job(job_id).file for job_id in ids.values()))
    return {kind: studio.job(job_id) for kind, job_id in ids.items()}


@pytest.fixture
def page(site: str) -> Iterator[ClientConnection]:
    """An open page that hears of changes."""
    with connect(f"{site.replace('http', 'ws')}/events", origin=site) as socket:
        yield socket


# Pictures


@pytest.mark.parametrize(("output_format", "mime_type"), [("png", "image/png"), ("jpg", "image/jpeg")])
def test_a_signed_link_gives_the_picture_as_it_lies_on_the_disk(
    studio: Studio, site: str, jobs: dict[str, Job], output_format: str, mime_type: str
):
    job = jobs[output_format]
    reply = requests.get(site + studio.link("picture", job.id), timeout=10)
    assert reply.status_code == 200
    assert reply.content == studio.file(job).read_bytes()
    assert reply.headers["content-type"] == mime_type


def test_a_picture_is_kept_by_the_one_browser_and_is_never_taken_for_anything_else(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    for kind in ("picture", "thumbnail"):
        headers = requests.get(site + studio.link(kind, jobs["png"].id), timeout=10).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "private, max-age=86400, immutable"
        assert headers["content-security-policy"] == "sandbox"


def test_a_thumbnail_is_a_small_webp(studio: Studio, site: str, jobs: dict[str, Job]):
    reply = requests.get(site + studio.link("thumbnail", jobs["png"].id), stream=True, timeout=10)
    assert reply.headers["content-type"] == "image/webp"
    with Image.open(reply.raw) as image:
        assert (image.format, max(image.size)) == ("WEBP", 512)


def test_a_browser_may_ask_for_the_head_alone_and_may_not_send_anything(
    studio: Studio, site: str, jobs: dict[str, Job]
):
    url = site + studio.link("picture", jobs["png"].id)
    head = requests.head(url, timeout=10)
    assert (head.status_code, head.headers["content-length"]) == (200, str(jobs["png"].file_bytes))
    assert requests.post(url, timeout=10).status_code == 405


def secret_of(settings: Settings) -> str:
    with contextlib.closing(sqlite3.connect(settings.data_dir / "studio.sqlite3")) as database:
        return database.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()[0]


def old_link(settings: Settings, job: Job, age_s: float) -> str:
    return Links(secret_of(settings), lambda: time.time() - age_s).address("picture", job.id)


def is_refused_in_words(reply: requests.Response) -> bool:
    assert reply.text == "This picture is not here, or the link is too old: open the page again."
    assert reply.headers["content-type"].startswith("text/plain")
    assert "immutable" not in reply.headers.get("cache-control", "")
    return reply.status_code == 404


def test_a_link_of_yesterday_is_refused_in_words(settings: Settings, site: str, jobs: dict[str, Job]):
    job = jobs["png"]
    assert requests.get(site + old_link(settings, job, 3600), timeout=10).status_code == 200
    assert is_refused_in_words(requests.get(site + old_link(settings, job, 25 * 3600), timeout=10))


def test_a_forged_link_is_refused_in_words(studio: Studio, settings: Settings, site: str, jobs: dict[str, Job]):
    good = studio.link("picture", jobs["png"].id)
    body, _, signature = good.rpartition(".")
    foreign = Links("another secret").address("picture", jobs["png"].id)
    for forged in (
        foreign,
        f"{body}.{signature[::-1]}",
        f"{body}x.{signature}",
        body,
        PREFIX + "x",
        PREFIX + "%00",
        PREFIX + "%ff%fe",
        PREFIX + "%F0%9F%8D%8C",
        PREFIX + secret_of(settings),
    ):
        assert is_refused_in_words(requests.get(site + forged, timeout=10))


def test_a_signed_link_to_what_is_not_there_is_refused_in_words(studio: Studio, site: str, jobs: dict[str, Job]):
    for kind, owner in (
        ("picture", NOBODY),
        ("thumbnail", NOBODY),
        ("database", jobs["png"].id),
        ("", jobs["png"].id),
    ):
        assert is_refused_in_words(requests.get(site + studio.link(kind, owner), timeout=10))


def test_a_picture_without_its_file_is_refused_in_words(studio: Studio, settings: Settings, site: str):
    job_id = studio.submit("Ann", Generation("gone again"), "form-gone")[0].id
    until(lambda: studio.job(job_id).file)
    studio.file(studio.job(job_id)).unlink()
    assert is_refused_in_words(requests.get(site + studio.link("picture", job_id), timeout=10))


@pytest.mark.parametrize(
    "path", ["..%2fstudio.sqlite3", "%2e%2e/%2e%2e/studio.sqlite3", "results/x.png", "..%5cstudio.sqlite3", ""]
)
def test_no_path_leads_to_a_file(site: str, path: str):
    reply = requests.get(f"{site}{PREFIX}{path}", timeout=10)
    assert reply.status_code == 404
    assert b"SQLite" not in reply.content


# References


def send(site: str, content: bytes, name: str = "holiday.png", **headers: str) -> requests.Response:
    return requests.post(f"{site}/references", data=content, headers={"X-Studio-Name": name} | headers, timeout=20)


def left_over(settings: Settings) -> list[Path]:
    return list((settings.data_dir / "incoming").iterdir())


def test_a_picture_that_is_sent_becomes_a_reference_with_a_thumbnail(studio: Studio, settings: Settings, site: str):
    content = picture("JPEG", (640, 320))
    reply = send(site, content, "my%20cat%20%C3%BC.jpg", Origin=site)
    assert (reply.status_code, reply.json()) == (200, {"id": hashlib.sha256(content).hexdigest()})
    [kept] = studio.references([reply.json()["id"]])
    assert (kept.name, kept.kind, kept.width, kept.height, kept.bytes) == (
        *("my cat ü.jpg", "jpeg", 640, 320),
        len(content),
    )
    link = site + studio.link("thumbnail", kept.id)
    until(lambda: requests.get(link, timeout=10).status_code == 200)
    assert left_over(settings) == []


def test_the_same_picture_sent_again_is_the_same_reference(site: str):
    content = picture("WEBP", (30, 20))
    assert send(site, content, "a.webp").json() == send(site, content, "b.webp").json()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "This file is empty"),
        (b"%PDF-1.7", "not a picture, whatever its name says"),
        (picture("GIF"), "format is GIF"),
        (picture("WEBP")[:40], "cut off or broken"),
        (picture("PNG") + bytes(30 * MIB), "may have 30 MB"),
    ],
    ids=["empty", "PDF", "GIF", "cut off", "too large"],
)
def test_what_cannot_be_a_reference_is_refused_in_words_and_not_kept(
    settings: Settings, site: str, content: bytes, words: str
):
    told = send(site, content).json()
    assert list(told) == ["refusal"]
    assert words in told["refusal"]
    assert "no credits were spent" in told["refusal"]
    assert left_over(settings) == []


def test_an_upload_that_breaks_off_leaves_nothing_behind_and_is_no_fault_of_ours(
    settings: Settings, site: str, caplog: pytest.LogCaptureFixture
):
    host, _, port = site.removeprefix("http://").partition(":")
    head = f"POST /references HTTP/1.1\r\nHost: {host}:{port}\r\nX-Studio-Name: a.png\r\nContent-Length: 9999\r\n\r\n"
    with socket.create_connection((host, int(port))) as sending:
        sending.sendall(head.encode() + picture("PNG")[:50])
        until(lambda: left_over(settings))
    until(lambda: not left_over(settings))
    assert requests.get(f"{site}/healthz", timeout=10).status_code == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1"])
def test_another_site_may_not_add_a_reference(site: str, origin: str):
    reply = send(site, picture("PNG"), Origin=origin)
    assert reply.status_code == 403
    assert "Only the studio's own page" in reply.json()["refusal"]


def test_a_form_on_another_site_that_sends_no_header_of_ours_may_not_either(site: str):
    assert requests.post(f"{site}/references", data=picture("PNG"), timeout=10).status_code == 403


# Live events


def hear(page: ClientConnection, wanted: set[str]) -> list[list[str]]:
    """Read messages until all these topics have come."""
    messages: list[list[str]] = []
    while not wanted <= {topic for topics in messages for topic in topics}:
        messages.append(json.loads(page.recv(timeout=20))["topics"])
    return messages


def test_an_open_page_hears_of_a_change(studio: Studio, page: ClientConnection):
    job = studio.submit("Ben", Generation("a harbour"), "form-heard")[0]
    hear(page, {"jobs", "person:Ben", "credits"})
    until(lambda: studio.job(job.id).file)
    studio.hub.publish({"the end"})
    assert hear(page, {"the end"})


def test_every_open_page_hears_and_one_that_left_does_no_harm(studio: Studio, site: str, page: ClientConnection):
    with connect(f"{site.replace('http', 'ws')}/events", origin=site) as another:
        studio.hub.publish({"for both"})
        hear(page, {"for both"})
        hear(another, {"for both"})
    studio.hub.publish({"for one"})
    hear(page, {"for one"})


def test_a_burst_of_changes_comes_as_few_messages(studio: Studio, page: ClientConnection):
    topics = {f"person:{number}" for number in range(500)}
    for topic in topics:
        studio.hub.publish({topic})
    assert len(hear(page, topics)) < 50


def test_what_a_page_says_is_not_listened_to(studio: Studio, site: str, page: ClientConnection):
    page.send("anything")
    page.send('{"topics": ["jobs"]}')
    studio.hub.publish({"still here"})
    hear(page, {"still here"})
    page.send(b"\x00\xff")
    with pytest.raises(ConnectionClosed):
        while True:
            page.recv(timeout=20)
    assert requests.get(f"{site}/healthz", timeout=10).status_code == 200


def test_whoever_is_no_browser_may_listen_without_an_origin(studio: Studio, site: str):
    with connect(f"{site.replace('http', 'ws')}/events") as socket:
        studio.hub.publish({"anyone"})
        hear(socket, {"anyone"})


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "http://localhost:{port}",
        "http://127.0.0.1:{port}.evil.example",
        "http://evil.example/127.0.0.1:{port}",
        "http://evil.example@127.0.0.1:{port}",
        "http://[",
    ],
)
def test_a_page_of_another_site_may_not_listen(site: str, origin: str):
    origin = origin.format(port=site.rpartition(":")[2])
    with pytest.raises(InvalidStatus) as caught, connect(f"{site.replace('http', 'ws')}/events", origin=origin):
        pass
    assert caught.value.response.status_code == 403


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
