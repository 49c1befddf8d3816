"""What the client sends, where the key goes, and uploads, against the sandbox and a service that misbehaves."""

import email
import json
import logging
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from kie.client import Client
from kie.errors import (
    CreditsShort,
    KeyMissing,
    KeyRefused,
    NothingLearned,
    ServicePaused,
    StudioError,
    TooManyRequests,
    Unsure,
    UploadFailed,
)
from kie.generation import Generation
from kie.sandbox import Sandbox
from tests.support.client_calls import ENDLESS_HEAD, KEY, LIGHTHOUSE, create, outcome
from tests.support.fake_service import (
    HTML,
    Behaviour,
    Rogue,
    cut,
    drip,
    half,
    hang_up,
    normal,
    redirect,
    says,
    silent,
    status,
    told,
)
from tests.support.images import noisy_png, picture
from tests.support.server import free_port
from tests.support.waiting import until


@pytest.fixture
def sandbox_client(sandbox: Sandbox) -> Iterator[Client]:
    made = Client(sandbox.url, sandbox.url, lambda: KEY)
    yield made
    made.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "reference.png"
    path.write_bytes(picture())
    return path


def all_calls(client: Client, rogue: Rogue, file: Path) -> list[object]:
    """Make every call once and return what each gave or raised."""
    return [
        outcome(lambda: client.upload(file, "name.png", "image/png")),
        create(client),
        outcome(lambda: client.task("task-0001")),
        outcome(client.credits),
        outcome(lambda: client.fetch(f"{rogue.result_host}/results/x.png", file.with_name("result.png"))),
    ]


# -- what is sent


def test_create_task_sends_the_five_fields_and_a_callback_url_only_when_there_is_one(
    client: Client, rogue: Rogue
) -> None:
    client.create_task(LIGHTHOUSE, [])
    asked, urls = Generation("灯台 🗼", (), "21:9", "4K", "jpg"), ["https://files.example/b", "https://files.example/a"]
    client.create_task(asked, urls, "https://studio.example/callback")
    plain = {"prompt": "a lighthouse", "image_input": [], "aspect_ratio": "1:1", "resolution": "1K"}
    whole = {"prompt": "灯台 🗼", "image_input": urls, "aspect_ratio": "21:9", "resolution": "4K"}
    assert [json.loads(seen.body) for seen in rogue.seen] == [
        {"model": "nano-banana-pro", "input": plain | {"output_format": "png"}},
        {
            "model": "nano-banana-pro",
            "input": whole | {"output_format": "jpg"},
            "callBackUrl": "https://studio.example/callback",
        },
    ]


def test_every_call_is_the_documented_one(client: Client, rogue: Rogue, file: Path) -> None:
    all_calls(client, rogue, file)
    assert [(seen.method, seen.path, seen.query) for seen in rogue.seen] == [
        ("POST", "/api/file-stream-upload", {}),
        ("POST", "/api/v1/jobs/createTask", {}),
        ("GET", "/api/v1/jobs/recordInfo", {"taskId": "task-0001"}),
        ("GET", "/api/v1/chat/credit", {}),
        ("GET", "/results/x.png", {}),
    ]
    assert {seen.headers["user-agent"] for seen in rogue.seen} == {"nano-banana-studio/1.0 (Python requests)"}
    assert rogue.requests("create")[0].headers["content-type"] == "application/json"


def test_a_task_id_is_sent_as_it_came(client: Client, rogue: Rogue) -> None:
    client.task("a/b?c=d&e f#g%00ü")
    assert rogue.seen[0].query == {"taskId": "a/b?c=d&e f#g%00ü"}


def test_the_key_goes_to_the_two_hosts_and_to_nothing_else(client: Client, rogue: Rogue, file: Path) -> None:
    with Rogue() as results:
        rogue.result_host = results.url
        all_calls(client, rogue, file)
        assert [seen.headers.get("authorization") for seen in rogue.seen] == [f"Bearer {KEY}"] * 4
        assert [seen.headers.get("authorization") for seen in results.seen] == [None]
        for seen in [*rogue.seen, *results.seen]:
            others = {name: value for name, value in seen.headers.items() if name != "authorization"}
            assert KEY not in repr(others) + seen.path + repr(seen.query) + repr(seen.body)


def test_a_redirect_of_the_service_is_never_followed(client: Client, rogue: Rogue, file: Path) -> None:
    with Rogue() as elsewhere:
        for endpoint in ("upload", "create", "record", "credit"):
            rogue.plan(endpoint, always=redirect(f"{elsewhere.url}/api/v1/jobs/createTask", 307))
        got = all_calls(client, rogue, file)[:4]
        assert [type(error) for error in got] == [UploadFailed, Unsure, NothingLearned, NothingLearned]
        assert elsewhere.seen == []


def test_a_result_that_redirects_is_followed_without_the_key(client: Client, rogue: Rogue, tmp_path: Path) -> None:
    with Rogue() as results:
        rogue.plan("result", redirect(f"{results.url}/results/y.png"))
        assert client.fetch(f"{rogue.url}/results/x.png", tmp_path / "x.png") == len(results.picture)
        assert (tmp_path / "x.png").read_bytes() == results.picture
        assert all("authorization" not in seen.headers for seen in [*rogue.seen, *results.seen])


def test_a_netrc_adds_no_password(
    client: Client, rogue: Rogue, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    all_calls(client, rogue, file)
    assert [seen.headers.get("authorization") for seen in rogue.seen] == [f"Bearer {KEY}"] * 4 + [None]


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    client: Client, rogue: Rogue, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert not [got for got in all_calls(client, rogue, file) if isinstance(got, StudioError)]


@pytest.mark.parametrize(
    "misbehaviour",
    [
        says(401, f"Invalid API key: {KEY}"),
        says(401, f"Invalid API key: {KEY}", http=401),
        says(500, f"Bearer {KEY}"),
        status(500, f"<p>{KEY}</p>".encode()),
        told(taskId=None, state="fail", failMsg=f"key {KEY}", downloadUrl=None),
        says(500, data={"deep": [{"down": KEY}]}),
        cut,
        silent,
    ],
)
def test_the_key_stands_in_no_error_and_in_no_log(
    hasty: Client, rogue: Rogue, file: Path, misbehaviour: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for endpoint in ("upload", "create", "record", "credit", "result"):
        rogue.plan(endpoint, always=misbehaviour)
    for got in all_calls(hasty, rogue, file):
        while got is not None:
            assert KEY not in f"{got!r} {got} {getattr(got, '__dict__', '')}"
            got = getattr(got, "__cause__", None) or getattr(got, "__context__", None)
            got = got if isinstance(got, StudioError) else None
    assert KEY not in caplog.text
    assert KEY not in repr(hasty)


def test_a_short_key_does_not_change_what_the_service_says(rogue: Rogue) -> None:
    short = Client(rogue.url, rogue.url, lambda: "task")
    assert create(short) == "task-0001"
    assert short.task("task-0001").state == "success"
    short.close()


@pytest.mark.parametrize("key", ["", "two\nlines", "sp ace", "schlüssel", "tab\t"])
def test_without_a_usable_key_nothing_is_sent(rogue: Rogue, file: Path, key: str) -> None:
    keyless = Client(rogue.url, rogue.url, lambda: key)
    got = all_calls(keyless, rogue, file)[:4]
    keyless.close()
    assert [type(error) for error in got] == [KeyMissing] * 4
    assert not key or key not in repr(got)
    assert [seen.endpoint for seen in rogue.seen] == ["result"]


def test_a_changed_key_is_used_at_the_next_call(rogue: Rogue) -> None:
    keys = iter(["first-key", "second-key"])
    changing = Client(rogue.url, rogue.url, lambda: next(keys))
    changing.credits()
    changing.credits()
    changing.close()
    assert [seen.headers["authorization"] for seen in rogue.seen] == ["Bearer first-key", "Bearer second-key"]


# -- a whole job on the sandbox


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("sandbox: no credits", CreditsShort),
        ("sandbox: busy", TooManyRequests),
        ("sandbox: maintenance", ServicePaused),
        ("sandbox: error", Unsure),
        ("sandbox: lost reply", Unsure),
    ],
)
def test_the_sandbox_and_the_client_agree_on_refusals(
    sandbox: Sandbox, sandbox_client: Client, prompt: str, kind: type[StudioError]
) -> None:
    assert type(create(sandbox_client, Generation(prompt))) is kind
    assert len(sandbox.tasks()) == (prompt == "sandbox: lost reply")


def test_the_sandbox_refuses_a_key(sandbox: Sandbox) -> None:
    refused = Client(sandbox.url, sandbox.url, lambda: "refused-key")
    assert [type(create(refused)), type(outcome(refused.credits))] == [KeyRefused, KeyRefused]
    refused.close()


def test_a_whole_job_on_the_sandbox(sandbox: Sandbox, sandbox_client: Client, file: Path, tmp_path: Path) -> None:
    before = sandbox_client.credits()
    url = sandbox_client.upload(file, "unique-name.png", "image/png")
    task_id = sandbox_client.create_task(Generation("a lighthouse", (), "16:9", "1K", "jpg"), [url])
    task = until(lambda: (now := sandbox_client.task(task_id)).state == "success" and now)
    assert (task.credits, len(task.urls)) == (18, 1)
    assert sandbox_client.fetch(task.urls[0], tmp_path / "result") == (tmp_path / "result").stat().st_size > 0
    assert sandbox_client.credits() == before - 18
    assert sandbox.tasks()[0]["input"]["image_input"] == [url]


# -- upload


def test_an_upload_has_exactly_the_official_fields(client: Client, rogue: Rogue, file: Path) -> None:
    url = client.upload(file, "abc123.png", "image/png")
    assert url == f"{rogue.url}/files/abc123.png"
    seen = rogue.seen[0]
    assert int(seen.headers["content-length"]) == seen.size
    assert "transfer-encoding" not in seen.headers
    head = f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + seen.body).get_payload()
    fields = {part.get_param("name", header="content-disposition"): part for part in parts}
    assert list(fields) == ["uploadPath", "fileName", "file"]
    assert fields["uploadPath"].get_payload() == "images/studio"
    assert fields["fileName"].get_payload() == "abc123.png"
    assert fields["file"].get_content_type() == "image/png"
    assert fields["file"].get_payload(decode=True) == file.read_bytes()


def test_an_upload_of_thirty_megabytes_is_never_in_memory(rogue: Rogue, tmp_path: Path) -> None:
    large = noisy_png(tmp_path / "large.png", 30_000_000)
    patient = Client(rogue.url, rogue.url, lambda: KEY)
    tracemalloc.start()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    patient.upload(large, "large.png", "image/png")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    patient.close()
    assert rogue.seen[0].size > large.stat().st_size
    assert peak - before < 3_000_000


@pytest.mark.parametrize(
    "reply",
    [
        says(400, "Missing required parameter: uploadPath", http=400),
        says(500, "Internal server error", http=500),
        says(200),
        says(200, data={}),
        says(200, data={"fileUrl": "https://f.example/x.png"}),
        says(200, data={"downloadUrl": ""}),
        says(200, data={"downloadUrl": "/files/x.png"}),
        says(200, data={"downloadUrl": "file:///etc/passwd"}),
        says(200, data={"downloadUrl": "https://f.example/x.png"}, http=500),
        status(413, HTML),
        status(502, HTML),
        redirect("https://f.example/"),
        cut,
        hang_up,
        half,
        silent,
        drip(ENDLESS_HEAD),
    ],
)
def test_an_upload_that_did_not_work_says_so(hasty: Client, rogue: Rogue, file: Path, reply: Behaviour) -> None:
    rogue.plan("upload", reply)
    assert type(outcome(lambda: hasty.upload(file, "x.png", "image/png"))) is UploadFailed


@pytest.mark.parametrize("reply", [says(401, "Invalid API Key", http=401), says(401, "Invalid API Key"), status(401)])
def test_a_key_that_the_upload_refuses_is_known(client: Client, rogue: Rogue, file: Path, reply: Behaviour) -> None:
    rogue.plan("upload", reply)
    assert type(outcome(lambda: client.upload(file, "x.png", "image/png"))) is KeyRefused


# -- the rest


def test_a_host_is_reached_without_asking_it_anything(client: Client, rogue: Rogue) -> None:
    assert client.reach(rogue.url) == ""
    assert client.reach(f"http://127.0.0.1:{free_port()}") != ""
    assert rogue.seen == []


def test_one_client_serves_many_threads(client: Client, rogue: Rogue) -> None:
    made: list[object] = []
    threads = [threading.Thread(target=lambda: made.append(create(client))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == sorted(rogue.tasks)
    assert len(made) == 12


def test_a_connection_that_the_service_closed_meanwhile_costs_one_read_at_most(client: Client, rogue: Rogue) -> None:
    client.credits()
    rogue.plan("credit", hang_up, normal)
    outcome(client.credits)
    assert client.credits() == 1000


def test_nothing_is_sent_twice_by_the_machinery_below(client: Client, rogue: Rogue, file: Path) -> None:
    for endpoint in ("upload", "create", "record", "credit", "result"):
        rogue.plan(endpoint, always=status(503, HTML, **{"Retry-After": "0"}))
    all_calls(client, rogue, file)
    assert len(rogue.seen) == 5
