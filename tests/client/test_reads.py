"""What the client learns from looking at a task and at the balance."""

import json

import pytest

from kie.client import Client, Task
from kie.errors import KeyRefused, NothingLearned
from tests.support.client_calls import ENDLESS_HEAD, create, outcome
from tests.support.fake_service import (
    HTML,
    Behaviour,
    Rogue,
    cut,
    drip,
    half,
    hang_up,
    raw,
    redirect,
    says,
    silent,
    status,
)

# -- status


def record(client: Client, rogue: Rogue, **changes: object) -> Task:
    """Return what the client makes of a record with these fields."""
    rogue.plan("record", says(200, data=changes))
    return client.task("some-task")


@pytest.mark.parametrize(
    "reply", [says(422, "recordInfo is null"), says(200, data=None), status(200, b'{"code": 200, "msg": "success"}')]
)
def test_a_task_that_is_not_visible_yet_is_unseen(client: Client, rogue: Rogue, reply: Behaviour) -> None:
    rogue.plan("record", reply)
    assert client.task("some-task").state == "unseen"


@pytest.mark.parametrize(
    "state", ["waiting", "queuing", "generating", "failed", "SUCCESS", "thinking", "", None, 7, []]
)
def test_any_state_that_is_not_an_end_is_running(client: Client, rogue: Rogue, state: object) -> None:
    assert record(client, rogue, state=state).state == "running"


def test_the_two_ends_are_known(client: Client, rogue: Rogue) -> None:
    assert record(client, rogue, state="success").state == "success"
    assert record(client, rogue, state="fail").state == "fail"


@pytest.mark.parametrize(
    ("result", "urls"),
    [
        ('{"resultUrls": ["https://r.example/a.jpeg"]}', ("https://r.example/a.jpeg",)),
        ({"resultUrls": ["https://r.example/a.jpeg"]}, ("https://r.example/a.jpeg",)),
        ('{"resultUrls": ["https://r.example/a.png", "https://r.example/b.png"], "more": 1}', 2),
        ('{"resultUrls": ["file:///etc/passwd", "https://r.example/a.png"]}', ("https://r.example/a.png",)),
        ('{"resultUrls": ["ftp://r.example/a", "javascript:alert(1)", "//r.example/a", "", null, 7, {}]}', ()),
        ('{"resultUrls": ["http://r.example/a\\nb"]}', ()),
        ('{"resultUrls": []}', ()),
        ('{"resultUrls": null}', ()),
        ('{"resultUrls": "https://r.example/a.png"}', ()),
        ('{"resultUrls"', ()),
        ("[" * 100_000, ()),
        ("[]", ()),
        ("", ()),
        (None, ()),
        (7, ()),
        ([], ()),
    ],
)
def test_result_urls_are_read_in_every_form(client: Client, rogue: Rogue, result: object, urls: object) -> None:
    got = record(client, rogue, state="success", resultJson=result).urls
    assert got == urls or len(got) == urls


def test_a_record_without_results_is_a_success_without_a_url(client: Client, rogue: Rogue) -> None:
    assert record(client, rogue, state="success") == Task("success", "success")


@pytest.mark.parametrize(
    ("fields", "credits"),
    [
        ({"creditsConsumed": 18}, 18),
        ({"consumeCredits": 24}, 24),
        ({"creditsConsumed": 18, "consumeCredits": 24}, 18),
        ({"creditsConsumed": None, "consumeCredits": 24}, 24),
        ({"creditsConsumed": 0, "consumeCredits": 24}, 0),
        ({"creditsConsumed": 0.09}, 0.09),
        ({"creditsConsumed": "18"}, 18),
        ({"creditsConsumed": "many"}, None),
        ({"creditsConsumed": True}, None),
        ({"creditsConsumed": float("nan")}, None),
        ({"creditsConsumed": float("inf")}, None),
        ({}, None),
    ],
)
def test_the_price_is_what_the_service_says_and_never_invented(
    client: Client, rogue: Rogue, fields: dict[str, object], credits: float | None
) -> None:
    assert record(client, rogue, state="success", **fields).credits == credits


def test_a_failure_carries_the_services_words(client: Client, rogue: Rogue) -> None:
    task = record(client, rogue, state="fail", failCode=500, failMsg="Internal Error, \ud800please try again later.")
    assert (task.fail_code, task.fail_message) == ("500", "Internal Error, ?please try again later.")


def test_times_come_in_milliseconds_and_may_be_missing(client: Client, rogue: Rogue) -> None:
    task = record(client, rogue, state="success", createTime=1755599634000, completeTime=1755599644500, costTime=8)
    assert (task.created_at, task.completed_at) == (1755599634.0, 1755599644.5)
    task = record(client, rogue, state="waiting", createTime=1755599634000, completeTime=None)
    assert (task.created_at, task.completed_at) == (1755599634.0, None)


def test_the_request_inside_a_record_is_not_looked_at(client: Client, rogue: Rogue) -> None:
    nested = json.dumps({"model": "nano-banana-pro", "input": json.dumps({"prompt": "{"})})
    assert record(client, rogue, state="waiting", param=nested, input="{", model=None).state == "running"


@pytest.mark.parametrize("reply", [says(401, "no"), says(401, "no", http=401), status(401, HTML)])
def test_a_key_that_a_status_read_refuses_is_known(client: Client, rogue: Rogue, reply: Behaviour) -> None:
    rogue.plan("record", reply)
    assert type(outcome(lambda: client.task("some-task"))) is KeyRefused


NOTHING_LEARNED = [
    says(500, "Internal Error"),
    says(404, "not found"),
    says(422, "taskId is required"),
    says(429, "too many requests"),
    says(200, data="text"),
    says(200, data={"state": "success"}, http=500),
    status(403, HTML),
    status(500),
    status(502, HTML),
    status(200, HTML),
    redirect("/elsewhere"),
    raw(b"\x00"),
    cut,
    hang_up,
    half,
    silent,
    drip(),
    drip(ENDLESS_HEAD),
]


@pytest.mark.parametrize("reply", NOTHING_LEARNED)
def test_a_failed_status_read_says_nothing_about_the_task(
    client: Client, hasty: Client, rogue: Rogue, reply: Behaviour
) -> None:
    task_id = create(client)
    rogue.plan("record", reply)
    assert type(outcome(lambda: hasty.task(task_id))) is NothingLearned
    assert client.task(task_id).state == "success"
    assert len(rogue.tasks) == 1


# -- credits


@pytest.mark.parametrize(("data", "credits"), [(100, 100), (60.62, 60.62), (0, 0), (-3.5, -3.5), ("60.62", 60.62)])
def test_the_balance_keeps_its_fraction(client: Client, rogue: Rogue, data: object, credits: float) -> None:
    rogue.plan("credit", says(200, data=data))
    assert client.credits() == credits


@pytest.mark.parametrize(
    "reply",
    [
        *(says(200, data=data) for data in (None, "", "many", [], {}, {"credits": 5}, True, float("nan"))),
        *(status(200, b'{"code": 200, "msg": "success"}'), says(505, data=100), says(500, data=100)),
        *NOTHING_LEARNED,
    ],
)
def test_a_balance_that_is_not_told_is_unknown_and_never_zero(hasty: Client, rogue: Rogue, reply: Behaviour) -> None:
    rogue.plan("credit", reply)
    assert type(outcome(hasty.credits)) is NothingLearned
