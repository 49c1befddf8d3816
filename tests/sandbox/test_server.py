"""The sandbox against the official text, over real HTTP: who may ask, tasks, money, uploads."""

import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from kie.sandbox import Sandbox
from tests.support.images import picture
from tests.support.sandbox_caller import GOOD, Service, age, urls

# Who may ask, and for what


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer refused-1"])
def test_a_bad_key_is_told_in_the_body(service: Service, header: str | None):
    headers = {} if header is None else {"Authorization": header}
    for method, path in (("POST", "jobs/createTask"), ("GET", "jobs/recordInfo"), ("GET", "chat/credit")):
        answer = requests.request(method, f"{service.url}/api/v1/{path}", headers=headers, json={}, timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (200, 401)
    answer = requests.post(f"{service.url}/api/file-stream-upload", headers=headers, timeout=30)
    assert answer.status_code == 401
    assert answer.json() == {"success": False, "code": 401, "msg": "Authentication failed: Invalid API Key"}


def test_only_the_key_that_was_set_passes(folder: Path):
    with Sandbox(folder, key="the key") as running:
        assert Service(running.url, "the key").credits() == 1000
        assert Service(running.url, "another").look("x")["code"] == 401


def test_a_task_without_the_json_content_type_is_unauthorised(service: Service):
    answer = service.session.post(f"{service.url}/api/v1/jobs/createTask", data=b"{}", timeout=30)
    assert answer.json()["code"] == 401


@pytest.mark.parametrize(
    ("named", "request_body"),
    [
        ("JSON object", []),
        ("model", {"input": {"prompt": "x"}}),
        ("model", GOOD | {"model": "nano-banana"}),
        ("seed", GOOD | {"seed": 1}),
        ("callBackUrl", GOOD | {"callBackUrl": "nowhere"}),
        ("input", {"model": "nano-banana-pro"}),
        *(
            (f"input.{name}", GOOD | {"input": {"prompt": "x", name: value}})
            for name, value in [
                ("num_images", 2),
                ("prompt", ""),
                ("prompt", " \n"),
                ("prompt", None),
                ("prompt", "x" * 10001),
                ("image_input", "http://a/b.png"),
                ("image_input", ["a.png"]),
                ("image_input", ["ftp://a/b.png"]),
                ("image_input", [7]),
                ("image_input", ["http://a/b.png"] * 9),
                ("aspect_ratio", "7:3"),
                ("aspect_ratio", ["1:1"]),
                ("resolution", "8K"),
                ("resolution", None),
                ("output_format", "webp"),
            ]
        ),
    ],
)
def test_what_is_not_in_the_official_text_is_refused_by_name(service: Service, named: str, request_body: object):
    answer = service.send(request_body)
    assert (answer["code"], answer["data"]) == (422, None)
    assert named in answer["message"]


def test_a_body_that_is_no_json_is_refused(service: Service):
    headers = {"Content-Type": "application/json"}
    url = f"{service.url}/api/v1/jobs/createTask"
    for body in (b"", b"{", b"\xff", b"[" * 100_000):
        assert service.session.post(url, data=body, headers=headers, timeout=30).json()["code"] == 422


def test_a_wrong_method_or_path_is_told_in_json(service: Service):
    answer = service.session.get(f"{service.url}/api/file-stream-upload", timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (405, 405)
    assert service.session.get(f"{service.url}/api/v1/jobs/createTask", timeout=30).json()["code"] == 405
    assert service.session.get(f"{service.url}/elsewhere", timeout=30).status_code == 404


# A task's life


def test_a_task_is_hidden_then_waits_then_runs_then_succeeds(folder: Path):
    with Sandbox(folder, seconds=100) as running:
        service = Service(running.url)
        task_id = service.create(aspect_ratio="16:9", image_input=[])
        age(folder, -60)  # it is hidden for 0.3 s, within which a busy machine may not have asked
        hidden = service.look(task_id)
        age(folder, 60)
        assert hidden == {"code": 422, "msg": "recordInfo is null", "data": None}
        states = []
        for _ in range(11):
            age(folder, 10)
            states.append(service.look(task_id)["data"]["state"])
    assert list(dict.fromkeys(states)) == ["waiting", "queuing", "generating", "success"]


def test_an_unknown_task_is_null(service: Service):
    answer = service.session.get(f"{service.url}/api/v1/jobs/recordInfo?taskId=nothing", timeout=30)
    assert answer.status_code == 200
    assert answer.json() == {"code": 422, "msg": "recordInfo is null", "data": None}


def test_the_record_has_the_official_fields(folder: Path):
    with Sandbox(folder, seconds=60) as running:
        service = Service(running.url)
        answer = service.send(GOOD)
        task_id = answer["data"]["taskId"]
        assert answer == {"code": 200, "message": "success", "data": {"taskId": task_id}}
        age(folder, 30)
        record = service.look(task_id)["data"]
        assert (record["resultJson"], record["failCode"], record["completeTime"]) == ("", None, None)
        age(folder, 30)
        record = service.end(task_id)
    assert set(record) == {
        *("taskId", "model", "state", "param", "resultJson", "failCode", "failMsg", "costTime"),
        *("completeTime", "createTime", "updateTime", "creditsConsumed"),
    }
    assert json.loads(record["param"]) == GOOD
    assert record["completeTime"] - record["createTime"] == 60_000
    assert (record["state"], record["creditsConsumed"]) == ("success", 18)
    assert urls(record) == [f"{service.url}/results/{task_id}.png"]


def test_the_tasks_are_listed_as_they_were_received(sandbox: Sandbox, payer: Service):
    began = time.time()
    first = payer.create("sandbox: slow, one \ud83c", resolution="4K", callback="http://example.com/x")
    second = payer.create("two")
    assert [task["taskId"] for task in sandbox.tasks()] == [first, second]
    task = sandbox.tasks()[0]
    assert task["input"] == {"prompt": "sandbox: slow, one \ud83c", "resolution": "4K"}
    assert (task["state"], task["creditsConsumed"], task["callBackUrl"]) == ("waiting", 24, "http://example.com/x")
    assert int(began * 1000) <= task["createTime"] <= time.time() * 1000


# Money


def test_a_task_is_charged_when_it_is_created(sandbox: Sandbox, payer: Service):
    for resolution, left in (("1K", 982), ("2K", 964), ("4K", 940)):
        payer.create(resolution=resolution)
        assert payer.credits() == sandbox.balance == left


def test_a_failed_task_gives_its_credits_back(folder: Path):
    with Sandbox(folder, seconds=60) as running:
        payer = Service(running.url)
        task_id = payer.create("sandbox: fail")
        assert payer.credits() == 982
        age(folder, 60)
        assert payer.end(task_id)["creditsConsumed"] == 0
        assert payer.credits() == 1000


def test_a_fraction_of_a_credit_is_kept(folder: Path):
    with Sandbox(folder, credits=60.62) as running:
        service = Service(running.url)
        service.create()
        assert service.credits() == 42.62


def test_a_balance_below_the_price_is_refused(folder: Path):
    with Sandbox(folder, credits=40) as running:
        service = Service(running.url)
        service.create(resolution="4K")
        answer = service.send(GOOD)
        assert (answer["code"], "redit" in answer["message"]) == (402, True)
        assert len(running.tasks()) == 1


def test_the_last_credits_are_spent_once(folder: Path):
    with Sandbox(folder, credits=18) as running, ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: Service(running.url).send(GOOD)["code"], range(8)))
    assert sorted(codes) == [200, *[402] * 7]


def test_the_21st_task_in_ten_seconds_is_refused_and_not_created(folder: Path):
    with Sandbox(folder) as running:
        service = Service(running.url)
        for _ in range(20):
            service.create("sandbox: fail")
        assert service.send(GOOD)["code"] == 429
        assert len(running.tasks()) == 20
        age(folder, 10)
        assert service.send(GOOD)["code"] == 200


# Uploads


def test_an_upload_answers_with_the_official_fields_and_is_served(service: Service):
    content = picture()
    answer = service.upload(content, "images/of us", fileName="my cat ü#1.png")
    assert answer.status_code == 200
    body = answer.json()
    data = body.pop("data")
    assert body == {"success": True, "code": 200, "msg": "File uploaded successfully"}
    assert set(data) == {"fileName", "filePath", "downloadUrl", "fileSize", "mimeType", "uploadedAt"}
    assert (data["fileName"], data["filePath"]) == ("my cat ü#1.png", "images/of us/my cat ü#1.png")
    assert (data["fileSize"], data["mimeType"]) == (len(content), "image/png")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", data["uploadedAt"])
    served = requests.get(data["downloadUrl"], timeout=30)
    assert (served.content, served.headers["Content-Type"]) == (content, "image/png")


def test_without_a_name_each_upload_gets_a_new_one(service: Service):
    names = {service.upload(b"x").json()["data"]["fileName"] for _ in range(2)}
    assert len(names) == 2
    assert all(name.endswith(".png") for name in names)


def test_the_same_name_overwrites(service: Service):
    first = service.upload(b"old", fileName="a.png").json()["data"]["downloadUrl"]
    second = service.upload(b"new", fileName="a.png").json()["data"]["downloadUrl"]
    assert first == second
    assert requests.get(first, timeout=30).content == b"new"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(("images", name) for name in ("../a.png", "..", ".", "a/b.png", "..\\a.png", "a\x00b.png")),
        *((path, "a.png") for path in ("..", "../x", "x/../..", "/x", "x/", "x//y", "C:\\x")),
    ],
)
def test_a_name_that_leads_astray_is_refused(service: Service, path: str, name: str):
    answer = service.upload(b"x", path, fileName=name)
    assert (answer.status_code, answer.json()["code"], answer.json()["success"]) == (400, 400, False)


def test_an_upload_needs_a_file_and_a_path(service: Service):
    url = f"{service.url}/api/file-stream-upload"
    without_path = service.session.post(url, files={"file": b"x"}, timeout=30)
    assert (without_path.status_code, without_path.json()["msg"]) == (400, "Missing required parameter: uploadPath")
    without_file = service.session.post(url, files={"uploadPath": (None, "images")}, timeout=30)
    assert (without_file.status_code, without_file.json()["msg"]) == (400, "Missing required parameter: file")
    broken = service.session.post(url, data=b"x", headers={"Content-Type": "multipart/form-data"}, timeout=30)
    assert (broken.status_code, broken.json()["success"]) == (400, False)


def test_more_than_30_mb_is_refused(service: Service):
    assert service.upload(bytes(30 * 2**20)).status_code == 200
    assert service.upload(bytes(30 * 2**20 + 1)).status_code == 400


def test_a_file_that_is_not_there_is_not_found(service: Service):
    for path in ("files/x.png", "files/../sandbox.sqlite3", "results/x.png", "results/..%2fsandbox.sqlite3"):
        assert requests.get(f"{service.url}/{path}", timeout=30).status_code == 404


# What it shows of itself


def test_nothing_is_printed(payer: Service, capfd: pytest.CaptureFixture):
    payer.end(payer.create())
    assert capfd.readouterr() == ("", "")


def test_a_reply_on_a_kept_connection_waits_for_nothing(sandbox: Sandbox, payer: Service):
    """Its body would follow 44 ms later otherwise, once the client has acknowledged the head."""
    payer.credits()
    [connection] = sandbox._server.server_state.connections
    assert connection.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
