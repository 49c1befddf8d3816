"""What every reply to the paid request means for money."""

import gzip
import json
import socket
from pathlib import Path

import pytest

from kie.client import Client
from kie.errors import (
    Blocked,
    CreditsShort,
    KeyRefused,
    NothingLearned,
    Refused,
    RequestFiltered,
    ServicePaused,
    TooManyRequests,
    Unreachable,
    Unsure,
)
from tests.support.client_calls import ENDLESS_CHUNK, ENDLESS_HEAD, HASTE, client_of, create, outcome
from tests.support.fake_service import (
    HTML,
    Behaviour,
    Rogue,
    acting,
    cut,
    drip,
    half,
    hang_up,
    raw,
    redirect,
    says,
    silent,
    slow,
    status,
)
from tests.support.images import picture
from tests.support.server import free_port
from tests.support.waiting import until

# -- what a reply to createTask means for money


@pytest.mark.parametrize("task_id", ["a1b2", "12345678901234567890", "task/with:odd.signs", 4711])
def test_a_task_id_is_opaque(client: Client, rogue: Rogue, task_id: object) -> None:
    rogue.plan("create", says(200, data={"taskId": task_id, "recordId": "another"}))
    assert create(client) == str(task_id)


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (says(400, "prompt is required"), Refused, "400"),
        (says(401, "Authentication failed"), KeyRefused, "401"),
        (says(402, "Credits insufficient"), CreditsShort, "402"),
        (says(403, "This key may not"), Refused, "403"),
        (says(404, "Not found"), Refused, "404"),
        (says(405, "Method not allowed"), Refused, "405"),
        (says(422, "input.prompt too long"), Refused, "422"),
        (says(400, "Your prompt was flagged as violating content policies"), RequestFiltered, "400"),
        (says(422, "blocked by the safety system"), RequestFiltered, "422"),
        (says(403, "NSFW content detected", http=403), RequestFiltered, "403"),
        (says(429, "Too many requests, please try again later"), TooManyRequests, "429"),
        (says(429, "Your current credits are insufficient"), CreditsShort, "429"),
        (says(429, "Insufficient balance"), CreditsShort, "429"),
        (says(433, "limit of this key"), ServicePaused, "433"),
        (says(455, "maintenance"), ServicePaused, "455"),
        (says(505, "switched off"), ServicePaused, "505"),
        (says("402", "Credits insufficient"), CreditsShort, "402"),
        # The code in the body speaks before the HTTP status.
        (says(402, "Credits insufficient", http=500), CreditsShort, "402"),
        (says(422, "validation", http=400), Refused, "422"),
        (says(429, "slow down", http=503), TooManyRequests, "429"),
        # Without an envelope the HTTP status is all there is.
        (status(403, HTML), Blocked, "403"),
        (status(403), Blocked, "403"),
        (status(400, HTML), Refused, "400"),
        (status(401), KeyRefused, "401"),
        (status(404, HTML), Refused, "404"),
        (status(413, HTML), Refused, "413"),
        (status(429, HTML), TooManyRequests, "429"),
        (status(429, b'{"error": "rate"}'), TooManyRequests, "429"),
    ],
)
def test_a_refusal_creates_nothing_and_says_why(
    client: Client, rogue: Rogue, reply: Behaviour, kind: type[Refused], code: str
) -> None:
    rogue.plan("create", reply)
    got = create(client)
    assert type(got) is kind
    assert got.code == code
    assert got.detail
    assert len(rogue.seen) == 1


@pytest.mark.parametrize(
    "reply",
    [
        says(500, "This field is required"),
        says(501, "generation failed"),
        says(408, "no upstream result"),
        says(200),
        says(200, data={}),
        says(200, data={"taskId": None}),
        says(200, data={"taskId": ""}),
        says(200, data={"taskId": True}),
        says(200, data={"taskId": ["a"]}),
        says(200, data={"taskId": "x" * 300}),
        says(200, data={"taskId": "half a \ud800 character"}),
        says(200, data=[]),
        says(200, data="task-0001"),
        says(200, data={"taskId": "task-0001"}, http=500),
        says(0),
        says(None),
        says(True),
        says([]),
        says({"code": 200}),
        says(float("inf")),
        says(float("nan")),
        status(200),
        status(200, HTML),
        status(200, b"null"),
        status(200, b"[]"),
        status(200, b'"code"'),
        status(200, b"{}"),
        status(200, b'{"code": 200, "data": {"taskId"'),
        status(200, b"\xff\xfe\x00"),
        status(200, b"[" * 200_000),
        status(200, b'{"code": ' + b"9" * 5000 + b"}"),
        status(204),
        status(500),
        status(502, HTML),
        status(503, HTML),
        status(504, HTML),
        status(505, HTML),
        status(520, HTML),
        status(408, HTML),
        status(304),
        redirect("/api/v1/jobs/createTask"),
        redirect("/api/v1/jobs/createTask", 308),
        raw(b"220 smtp.example ESMTP\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno gzip"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        cut,
        hang_up,
        silent,
        drip(),
        drip(ENDLESS_HEAD),
        drip(ENDLESS_CHUNK),
        slow(1),
    ],
)
def test_whatever_else_comes_back_the_task_may_exist(hasty: Client, rogue: Rogue, reply: Behaviour) -> None:
    rogue.plan("create", reply)
    got = create(hasty)
    assert type(got) is Unsure
    assert got.detail
    until(lambda: rogue.seen)  # The client may have given up before the service wrote the request down.
    assert len(rogue.seen) == 1


@pytest.mark.parametrize("reply", [cut, hang_up, silent, status(502, HTML), says(500), drip(), half])
def test_a_lost_reply_is_unsure_whether_or_not_the_task_was_made(hasty: Client, rogue: Rogue, reply: Behaviour) -> None:
    rogue.plan("create", acting(reply) if reply is not half else half)
    assert type(create(hasty)) is Unsure
    until(lambda: rogue.tasks)
    assert len(rogue.tasks) == 1
    assert rogue.balance == 982


def test_a_reply_without_an_end_is_given_up_at_some_size(client: Client, rogue: Rogue) -> None:
    rogue.plan("create", raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 5_000_000))
    got = create(client)
    assert type(got) is Unsure
    assert "too long" in got.detail


def test_a_compressed_reply_is_read(client: Client, rogue: Rogue) -> None:
    body = gzip.compress(json.dumps({"code": 200, "data": {"taskId": "packed"}}).encode())
    rogue.plan("create", status(200, body, **{"Content-Encoding": "gzip"}))
    assert create(client) == "packed"


@pytest.mark.parametrize("word", ["msg", "message"])
def test_the_services_own_words_come_from_either_field(client: Client, rogue: Rogue, word: str) -> None:
    rogue.plan("create", status(200, json.dumps({"code": 422, word: "no such model", "data": None}).encode()))
    assert create(client).detail == "no such model"


def test_words_that_no_database_takes_are_made_plain(client: Client, rogue: Rogue) -> None:
    rogue.plan("create", says(422, "a \ud800 and a \0 and " + "x" * 5000))
    detail = create(client).detail
    assert detail.startswith("a ? and a  and xxx")
    assert len(detail) <= 1000


def test_a_port_where_nobody_listens_is_unreachable(tmp_path: Path) -> None:
    nobody = client_of(f"http://127.0.0.1:{free_port()}")
    (tmp_path / "x.png").write_bytes(picture())
    kinds = [type(create(nobody)), type(outcome(lambda: nobody.upload(tmp_path / "x.png", "x.png", "image/png")))]
    assert kinds == [Unreachable, Unreachable]
    assert type(outcome(nobody.credits)) is NothingLearned
    nobody.close()


def test_an_unknown_host_is_unreachable() -> None:
    nowhere = client_of("http://nobody.invalid")
    assert type(create(nowhere)) is Unreachable
    nowhere.close()


def test_a_proxy_that_is_away_makes_the_service_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for scheme in ("http", "https"):
        behind = client_of(f"{scheme}://service.invalid")
        assert type(create(behind)) is Unreachable
        behind.close()


def test_a_host_that_speaks_no_tls_is_unreachable(rogue: Rogue) -> None:
    secure = client_of(rogue.url.replace("http:", "https:"))
    assert type(create(secure)) is Unreachable
    secure.close()
    assert rogue.seen == []


def test_a_connection_that_is_never_taken_up_is_unsure_once_the_request_is_on_its_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        waiting = client_of(f"http://127.0.0.1:{deaf.getsockname()[1]}", **HASTE)
        assert type(create(waiting)) is Unsure
        waiting.close()


def test_the_paid_request_has_a_connection_of_its_own(client: Client, rogue: Rogue) -> None:
    client.credits()
    rogue.plan("credit", hang_up)
    assert create(client) == "task-0001"
    assert rogue.requests("create")[0].headers["connection"] == "close"
