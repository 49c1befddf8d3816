"""What prompts that begin with "sandbox:" do, and callbacks."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from kie.sandbox import Sandbox, rules
from tests.support.sandbox_caller import GOOD, Listener, Service, age, urls
from tests.support.waiting import until

# What begins with "sandbox:"


def test_a_task_fails_on_demand(service: Service):
    failed, filtered = service.create("sandbox: fail"), service.create("  SANDBOX: Filtered cats")
    record = service.end(failed)
    assert (record["state"], record["failCode"], record["resultJson"]) == ("fail", "500", "")
    assert record["failMsg"] == "Internal Error, Please try again later."
    record = service.end(filtered)
    assert (record["state"], record["failCode"]) == ("fail", "400")
    assert record["failMsg"].startswith("No images found in AI response. The image was filtered out")


def test_a_timeout_turns_into_success_after_a_minute(folder: Path, payer: Service):
    task_id = payer.create("sandbox: timeout")
    record = payer.end(task_id)
    assert (record["state"], record["failCode"], record["failMsg"]) == ("fail", "524", "generate task timeout")
    assert payer.credits() == 1000
    age(folder, 60)
    record = payer.look(task_id)["data"]
    assert (record["state"], record["failCode"], record["creditsConsumed"]) == ("success", None, 18)
    assert payer.credits() == 982
    assert requests.get(urls(record)[0], timeout=30).ok


def test_a_slow_task_takes_a_minute(folder: Path, payer: Service):
    task_id = payer.create("sandbox: slow")
    age(folder, 30)
    assert payer.look(task_id)["data"]["state"] == "generating"
    age(folder, 30)
    assert payer.look(task_id)["data"]["state"] == "success"


def test_a_success_can_come_without_a_picture_at_first(folder: Path, payer: Service):
    task_id = payer.create("sandbox: no picture")
    assert urls(payer.end(task_id)) == []
    age(folder, 30)
    assert len(urls(payer.look(task_id)["data"])) == 1


def test_a_picture_can_be_missing_at_first(folder: Path, payer: Service):
    [url] = urls(payer.end(payer.create("sandbox: missing")))
    assert requests.get(url, timeout=30).status_code == 404
    age(folder, 20)
    assert requests.get(url, timeout=30).status_code == 200


def test_every_second_look_at_a_flaky_task_fails(service: Service):
    task_id = service.create("sandbox: flaky")
    until(lambda: service.look(task_id)["data"])
    assert [service.look(task_id)["code"] for _ in range(4)] == [500, 200, 500, 200]


@pytest.mark.parametrize(("word", "code"), [("no credits", 402), ("maintenance", 455), ("error", 500)])
def test_a_task_is_refused_on_demand(service: Service, word: str, code: int):
    before = service.credits()
    assert service.send(GOOD | {"input": {"prompt": f"sandbox: {word}"}})["code"] == code
    assert service.credits() == before


def test_a_busy_service_takes_the_same_prompt_the_second_time(sandbox: Sandbox, payer: Service):
    for prompt in ("sandbox: busy", "sandbox: busy bees"):
        answers = [payer.send(GOOD | {"input": {"prompt": prompt}})["code"] for _ in range(3)]
        assert answers == [429, 200, 200]
    assert len(sandbox.tasks()) == 4


def test_a_lost_reply_is_charged_and_can_be_found(sandbox: Sandbox, payer: Service):
    with pytest.raises(requests.ConnectionError):
        payer.create("sandbox: lost reply")
    [task] = sandbox.tasks()
    assert payer.credits() == 982
    assert payer.end(task["taskId"])["state"] == "success"


def test_every_word_is_in_the_docstring():
    words = re.search(r"\((.*)\)", rules.TRIGGER.pattern)[1].split("|")
    assert set(words) == set(re.findall(r"\| `sandbox: ([a-z ]+)` \|", rules.__doc__))


# Callbacks


def test_a_callback_tells_of_success(payer: Service, listener: Callable[..., Listener]):
    caller = listener()
    task_id = payer.create(callback=caller.url)
    [body] = until(lambda: caller.bodies)
    data = body["data"]
    assert (body["code"], body["msg"]) == (200, "Playground task completed successfully.")
    assert (data["taskId"], data["state"], data["consumeCredits"]) == (task_id, "success", 18)
    assert data["remainedCredits"] == 982
    assert urls(data) == urls(payer.look(task_id)["data"])
    assert set(data) == {
        *("completeTime", "consumeCredits", "costTime", "createTime", "model", "param"),
        *("remainedCredits", "resultJson", "state", "taskId", "updateTime"),
    }


def test_a_callback_tells_of_failure_and_is_tried_again(payer: Service, listener: Callable[..., Listener]):
    caller = listener(refusals=1)
    payer.create("sandbox: fail", callback=caller.url)
    body = until(lambda: len(caller.bodies) == 2 and caller.bodies[1])
    data = body["data"]
    assert (body["code"], body["msg"]) == (501, "Playground task failed.")
    assert (data["failCode"], data["consumeCredits"], data["remainedCredits"]) == ("500", 0, 1000)
    assert "resultJson" not in data


def test_a_callback_comes_after_a_restart_and_only_once(folder: Path, listener: Callable[..., Listener]):
    caller = listener()
    with Sandbox(folder, seconds=30) as running:
        Service(running.url).create(callback=caller.url)
    age(folder, 30)
    assert caller.bodies == []
    with Sandbox(folder):
        until(lambda: caller.bodies)
    with Sandbox(folder):
        time.sleep(0.1)
    assert len(caller.bodies) == 1
