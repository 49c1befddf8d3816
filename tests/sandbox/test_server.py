"""The sandbox against the official text, over real HTTP."""

import io
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests
from PIL import Image

from kie.sandbox import Sandbox, drawing
from kie.sandbox import server as module
from tests.support.images import odd, shows_quarters, turned

ROOT = Path(__file__).resolve().parents[2]


class Service:
    """What a caller sees of a running sandbox."""

    def __init__(self, url: str, key: str = "some key"):
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def send(self, request: object, **options: object) -> dict:
        return self.session.post(f"{self.url}/api/v1/jobs/createTask", json=request, timeout=5, **options).json()

    def create(self, prompt: str = "a lighthouse", callback: str | None = None, **options: object) -> str:
        request = {"model": "nano-banana-pro", "input": {"prompt": prompt, **options}}
        answer = self.send(request | ({"callBackUrl": callback} if callback else {}))
        assert answer["code"] == 200, answer
        return answer["data"]["taskId"]

    def look(self, task_id: str) -> dict:
        return self.session.get(f"{self.url}/api/v1/jobs/recordInfo", params={"taskId": task_id}, timeout=5).json()

    def end(self, task_id: str) -> dict:
        """Look until the task has ended."""
        return until(lambda: (data := self.look(task_id)["data"]) and data["completeTime"] and data)

    def credits(self) -> float:
        return self.session.get(f"{self.url}/api/v1/chat/credit", timeout=5).json()["data"]

    def upload(self, content: bytes, path: str = "images", **fields: str) -> requests.Response:
        files, data = {"file": ("mine.png", content, "image/png")}, {"uploadPath": path, **fields}
        return self.session.post(f"{self.url}/api/file-stream-upload", files=files, data=data, timeout=5)

    def reference(self, content: bytes) -> str:
        return self.upload(content).json()["data"]["downloadUrl"]

    def picture(self, prompt: str = "a lighthouse", **options: object) -> Image.Image:
        [url] = urls(self.end(self.create(prompt, **options)))
        return Image.open(io.BytesIO(requests.get(url, timeout=10).content))


class Listener(ThreadingHTTPServer):
    """Somebody who is called back, and says "no" the first few times."""

    def __init__(self, refusals: int = 0):
        self.bodies: list[dict] = []
        self.refusals = refusals
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server_port}/hook"


class Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(500 if len(self.server.bodies) <= self.server.refusals else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def until(found: Callable[[], object]) -> object:
    """Return the first true answer within five seconds."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.01)
    raise AssertionError("Nothing came within five seconds.")


def urls(record: dict) -> list[str]:
    return json.loads(record["resultJson"])["resultUrls"]


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def plain_png(colour: str = "red", size: tuple[int, int] = (60, 40)) -> bytes:
    return encoded(Image.new("RGB", size, colour))


def share(image: Image.Image, colour: tuple[int, int, int]) -> float:
    """Return how much of a picture has about this colour."""
    small = image.convert("RGB").resize((100, 100), Image.Resampling.NEAREST)
    return sum(near(small.getpixel((x, y)), colour) for x in range(100) for y in range(100)) / 10_000


def near(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(one, other, strict=True))


def age(folder: Path, seconds: float) -> None:
    """Let this much time go by for every task in a folder."""
    with sqlite3.connect(folder / "sandbox.sqlite3") as database:
        step = round(seconds * 1000)
        database.execute("UPDATE tasks SET created = created - ?, ends = ends - ?, heals = heals - ?", (step,) * 3)
    database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def sandbox(folder: Path) -> Iterator[Sandbox]:
    with Sandbox(folder, seconds=0.2) as running:
        yield running


@pytest.fixture
def payer(sandbox: Sandbox) -> Service:
    """The only caller of a new sandbox."""
    return Service(sandbox.url)


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def shared_sandbox(shared_folder: Path) -> Iterator[Sandbox]:
    with Sandbox(shared_folder, seconds=0.2, credits=100_000) as running:
        yield running


@pytest.fixture
def service(shared_sandbox: Sandbox, shared_folder: Path) -> Iterator[Service]:
    """One of many callers, each in ten seconds of their own."""
    yield Service(shared_sandbox.url)
    age(shared_folder, 10)


@pytest.fixture
def listener() -> Iterator[Callable[..., Listener]]:
    opened = []

    def listen(refusals: int = 0) -> Listener:
        opened.append(Listener(refusals))
        Thread(target=opened[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return opened[-1]

    yield listen
    for server in opened:
        server.shutdown()
        server.server_close()


# Who may ask, and for what


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer refused-1"])
def test_a_bad_key_is_told_in_the_body(service: Service, header: str | None):
    headers = {} if header is None else {"Authorization": header}
    for method, path in (("POST", "jobs/createTask"), ("GET", "jobs/recordInfo"), ("GET", "chat/credit")):
        answer = requests.request(method, f"{service.url}/api/v1/{path}", headers=headers, json={}, timeout=5)
        assert (answer.status_code, answer.json()["code"]) == (200, 401)
    answer = requests.post(f"{service.url}/api/file-stream-upload", headers=headers, timeout=5)
    assert answer.status_code == 401
    assert answer.json() == {"success": False, "code": 401, "msg": "Authentication failed: Invalid API Key"}


def test_only_the_key_that_was_set_passes(folder: Path):
    with Sandbox(folder, key="the key") as running:
        assert Service(running.url, "the key").credits() == 1000
        assert Service(running.url, "another").look("x")["code"] == 401


def test_a_task_without_the_json_content_type_is_unauthorised(service: Service):
    answer = service.session.post(f"{service.url}/api/v1/jobs/createTask", data=b"{}", timeout=5)
    assert answer.json()["code"] == 401


GOOD = {"model": "nano-banana-pro", "input": {"prompt": "a lighthouse"}}


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
        assert service.session.post(url, data=body, headers=headers, timeout=5).json()["code"] == 422


def test_a_wrong_method_or_path_is_told_in_json(service: Service):
    answer = service.session.get(f"{service.url}/api/file-stream-upload", timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (405, 405)
    assert service.session.get(f"{service.url}/api/v1/jobs/createTask", timeout=5).json()["code"] == 405
    assert service.session.get(f"{service.url}/elsewhere", timeout=5).status_code == 404


# A task's life


def test_a_task_is_hidden_then_waits_then_runs_then_succeeds(folder: Path):
    with Sandbox(folder, seconds=10) as running:
        service = Service(running.url)
        task_id = service.create(aspect_ratio="16:9", image_input=[])
        hidden = service.look(task_id)
        assert hidden == {"code": 422, "msg": "recordInfo is null", "data": None}
        states = []
        for _ in range(11):
            age(folder, 1)
            states.append(service.look(task_id)["data"]["state"])
    assert list(dict.fromkeys(states)) == ["waiting", "queuing", "generating", "success"]


def test_an_unknown_task_is_null(service: Service):
    answer = service.session.get(f"{service.url}/api/v1/jobs/recordInfo?taskId=nothing", timeout=5)
    assert answer.status_code == 200
    assert answer.json() == {"code": 422, "msg": "recordInfo is null", "data": None}


def test_the_record_has_the_official_fields(service: Service):
    answer = service.send(GOOD)
    assert answer == {"code": 200, "message": "success", "data": {"taskId": answer["data"]["taskId"]}}
    task_id = answer["data"]["taskId"]
    running = until(lambda: service.look(task_id)["data"])
    assert (running["resultJson"], running["failCode"], running["completeTime"]) == ("", None, None)
    record = service.end(task_id)
    assert set(record) == {
        *("taskId", "model", "state", "param", "resultJson", "failCode", "failMsg", "costTime"),
        *("completeTime", "createTime", "updateTime", "creditsConsumed"),
    }
    assert json.loads(record["param"]) == GOOD
    assert record["completeTime"] - record["createTime"] == 200
    assert (record["state"], record["creditsConsumed"]) == ("success", 18)
    assert urls(record) == [f"{service.url}/results/{task_id}.png"]


def test_the_tasks_are_listed_as_they_were_received(sandbox: Sandbox, payer: Service):
    first = payer.create("sandbox: slow, one \ud83c", resolution="4K", callback="http://example.com/x")
    second = payer.create("two")
    assert [task["taskId"] for task in sandbox.tasks()] == [first, second]
    task = sandbox.tasks()[0]
    assert task["input"] == {"prompt": "sandbox: slow, one \ud83c", "resolution": "4K"}
    assert (task["state"], task["creditsConsumed"], task["callBackUrl"]) == ("waiting", 24, "http://example.com/x")
    assert abs(task["createTime"] / 1000 - time.time()) < 5


# Money


def test_a_task_is_charged_when_it_is_created(sandbox: Sandbox, payer: Service):
    for resolution, left in (("1K", 982), ("2K", 964), ("4K", 940)):
        payer.create(resolution=resolution)
        assert payer.credits() == sandbox.balance == left


def test_a_failed_task_gives_its_credits_back(folder: Path):
    with Sandbox(folder, seconds=3) as running:  # a busy machine takes its time to ask
        payer = Service(running.url)
        task_id = payer.create("sandbox: fail")
        assert payer.credits() == 982
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


# Pictures


def test_a_picture_has_the_exact_size(service: Service):
    for ratio, size in (("2:3", (683, 1024)), ("9:16", (576, 1024)), ("21:9", (1024, 439))):
        picture = service.picture(aspect_ratio=ratio)
        assert (picture.size, picture.format) == (size, "PNG")


def test_the_longer_side_follows_the_resolution():
    assert drawing.pixel_size("1K", "4:5", []) == (819, 1024)
    assert drawing.pixel_size("2K", "3:2", []) == (2048, 1365)
    assert drawing.pixel_size("4K", "3:4", []) == (3072, 4096)
    assert drawing.pixel_size("4K", "auto", []) == (4096, 4096)


def test_a_picture_at_4k_of_a_long_prompt_is_small(service: Service):
    url = urls(service.end(service.create("x" * 10000, resolution="4K")))[0]
    content = requests.get(url, timeout=10).content
    assert Image.open(io.BytesIO(content)).size == (4096, 4096)
    assert len(content) < 30e6


def test_jpg_gives_jpeg_bytes_under_a_jpeg_url(service: Service):
    [url] = urls(service.end(service.create(output_format="jpg")))
    answer = requests.get(url, timeout=5)
    assert url.endswith(".jpeg")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).format == "JPEG"


def test_every_reference_can_be_seen(service: Service):
    colours = {"magenta": (255, 0, 255), "lime": (0, 255, 0), "blue": (0, 0, 255)}
    references = [service.reference(plain_png(colour)) for colour in colours]
    picture = service.picture(image_input=references, aspect_ratio="4:3")
    for colour in colours.values():
        assert share(picture, colour) > 0.04


def test_auto_takes_the_upright_shape_of_the_first_reference(service: Service):
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.new("RGB", (300, 200), (255, 0, 255))
    lying.paste((0, 0, 255), (0, 0, 150, 200))
    reference = service.reference(encoded(lying, "JPEG", exif=exif, quality=95))
    picture = service.picture(image_input=[reference], aspect_ratio="auto")
    assert picture.size == (683, 1024)
    column = [picture.getpixel((341, y)) for y in range(1024)]
    blue, magenta = (next(y for y in range(1024) if near(column[y], c)) for c in ((0, 0, 255), (255, 0, 255)))
    assert blue < magenta


def test_variants_of_one_prompt_differ(service: Service):
    assert service.picture().tobytes() != service.picture().tobytes()


@pytest.mark.parametrize(
    "prompt", ["日本の猫 🐈 Café", "\ud800", "\u0301", "שלום\x00\u202e", "word " * 2000, "W" * 9999]
)
def test_any_prompt_can_be_drawn(tmp_path: Path, prompt: str):
    path = tmp_path / "picture.png"
    drawing.paint(path, prompt, "21:9", "1K", prompt, [])
    with Image.open(path) as picture:
        assert picture.size == (1024, 439)


def test_a_very_long_reference_can_be_drawn(tmp_path: Path):
    reference = drawing.Reference(Image.new("RGB", (1600, 8)), 200.0)
    drawing.paint(tmp_path / "picture.jpeg", "x", "auto", "1K", "seed", [reference] * 8)


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "1", "I;16", "CMYK"])
def test_a_reference_of_any_mode_can_be_read(tmp_path: Path, mode: str):
    path = tmp_path / "reference"
    path.write_bytes(encoded(Image.new(mode, (30, 20)), "JPEG" if mode == "CMYK" else "PNG"))
    reference = drawing.read_reference(path)
    assert (reference.picture.mode, reference.ratio) == ("RGB", 1.5)


@pytest.mark.parametrize("content", odd().values(), ids=odd())
def test_a_reference_with_odd_metadata_can_be_read(tmp_path: Path, content: bytes):
    path = tmp_path / "reference"
    path.write_bytes(content)
    assert shows_quarters(drawing.read_reference(path).picture)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_reference_is_read_upright(tmp_path: Path, kind: str, orientation: int):
    path = tmp_path / "reference"
    path.write_bytes(turned(kind, orientation))
    reference = drawing.read_reference(path)
    assert (shows_quarters(reference.picture), reference.ratio) == (True, pytest.approx(160 / 96))


# References that cannot be fetched


def unreadable(service: Service) -> list[str]:
    return [
        f"{service.url}/files/images/unknown.png",
        f"{service.url}/results/unknown.png",
        service.reference(plain_png()).replace("127.0.0.1", "example.com"),
        service.reference(b"no picture"),
        service.reference(plain_png(size=(400, 400))[:300]),
        service.reference(encoded(Image.new("RGB", (9, 9)), "GIF")),
    ]


def test_a_reference_that_cannot_be_read_fails_the_task_and_costs_nothing(payer: Service):
    tasks = [payer.create(image_input=[payer.reference(plain_png()), url]) for url in unreadable(payer)]
    for record in map(payer.end, tasks):
        assert (record["state"], record["failCode"]) == ("fail", "400")
        assert record["failMsg"].startswith("Image fetch failed")
    assert payer.credits() == 1000


def test_a_result_can_be_a_reference_whatever_port_it_names(service: Service):
    [url] = urls(service.end(service.create()))
    moved = re.sub(r":\d+/", ":1/", url)
    assert service.end(service.create(image_input=[moved]))["state"] == "success"


# Uploads


def test_an_upload_answers_with_the_official_fields_and_is_served(service: Service):
    content = plain_png()
    answer = service.upload(content, "images/of us", fileName="my cat ü#1.png")
    assert answer.status_code == 200
    body = answer.json()
    data = body.pop("data")
    assert body == {"success": True, "code": 200, "msg": "File uploaded successfully"}
    assert set(data) == {"fileName", "filePath", "downloadUrl", "fileSize", "mimeType", "uploadedAt"}
    assert (data["fileName"], data["filePath"]) == ("my cat ü#1.png", "images/of us/my cat ü#1.png")
    assert (data["fileSize"], data["mimeType"]) == (len(content), "image/png")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", data["uploadedAt"])
    served = requests.get(data["downloadUrl"], timeout=5)
    assert (served.content, served.headers["Content-Type"]) == (content, "image/png")


def test_without_a_name_each_upload_gets_a_new_one(service: Service):
    names = {service.upload(b"x").json()["data"]["fileName"] for _ in range(2)}
    assert len(names) == 2
    assert all(name.endswith(".png") for name in names)


def test_the_same_name_overwrites(service: Service):
    first = service.upload(b"old", fileName="a.png").json()["data"]["downloadUrl"]
    second = service.upload(b"new", fileName="a.png").json()["data"]["downloadUrl"]
    assert first == second
    assert requests.get(first, timeout=5).content == b"new"


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
    without_path = service.session.post(url, files={"file": b"x"}, timeout=5)
    assert (without_path.status_code, without_path.json()["msg"]) == (400, "Missing required parameter: uploadPath")
    without_file = service.session.post(url, files={"uploadPath": (None, "images")}, timeout=5)
    assert (without_file.status_code, without_file.json()["msg"]) == (400, "Missing required parameter: file")
    broken = service.session.post(url, data=b"x", headers={"Content-Type": "multipart/form-data"}, timeout=5)
    assert (broken.status_code, broken.json()["success"]) == (400, False)


def test_more_than_30_mb_is_refused(service: Service):
    assert service.upload(bytes(30 * 2**20)).status_code == 200
    assert service.upload(bytes(30 * 2**20 + 1)).status_code == 400


def test_a_file_that_is_not_there_is_not_found(service: Service):
    for path in ("files/x.png", "files/../sandbox.sqlite3", "results/x.png", "results/..%2fsandbox.sqlite3"):
        assert requests.get(f"{service.url}/{path}", timeout=5).status_code == 404


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
    assert requests.get(urls(record)[0], timeout=5).ok


def test_a_slow_task_takes_a_minute(folder: Path, payer: Service):
    task_id = payer.create("sandbox: slow")
    age(folder, 58)
    assert payer.look(task_id)["data"]["state"] == "generating"
    age(folder, 2)
    assert payer.look(task_id)["data"]["state"] == "success"


def test_a_success_can_come_without_a_picture_at_first(folder: Path, payer: Service):
    task_id = payer.create("sandbox: no picture")
    assert urls(payer.end(task_id)) == []
    age(folder, 30)
    assert len(urls(payer.look(task_id)["data"])) == 1


def test_a_picture_can_be_missing_at_first(folder: Path, payer: Service):
    [url] = urls(payer.end(payer.create("sandbox: missing")))
    assert requests.get(url, timeout=5).status_code == 404
    age(folder, 20)
    assert requests.get(url, timeout=5).status_code == 200


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
    words = re.search(r"\((.*)\)", module.SPELL.pattern)[1].split("|")
    assert set(words) == set(re.findall(r"\| `sandbox: ([a-z ]+)` \|", module.__doc__))


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


# Stopping and starting


def test_another_process_and_port_go_on_where_a_killed_one_ended(folder: Path):
    with served_alone(folder, "--credits", "100", "--seconds", "0.3") as first:
        service = Service(first.url)
        reference = service.reference(plain_png("magenta"))
        [url] = urls(service.end(service.create()))
        running = service.create(image_input=[reference], aspect_ratio="1:1")
        first.send_signal(signal.SIGKILL)
    with Sandbox(folder, seconds=0.2) as second:
        service = Service(second.url)
        assert (second.url != first.url, service.credits()) == (True, 64)
        assert share(Image.open(io.BytesIO(fetch(service, running))), (255, 0, 255)) > 0.1
        assert service.end(service.create(image_input=[reference, url]))["state"] == "success"


def test_a_result_that_was_not_drawn_in_time_is_drawn_on_demand(folder: Path, payer: Service):
    task_id = payer.create()
    content = fetch(payer, task_id)
    (folder / "results" / f"{task_id}.png").unlink()
    assert fetch(payer, task_id) == content


def test_a_kept_folder_is_filled_up_when_it_is_nearly_empty(folder: Path):
    with Sandbox(folder, credits=40) as running:
        Service(running.url).create()
    assert Sandbox(folder, credits=500).balance == 500


def test_a_kept_balance_stays_and_a_new_folder_starts_as_asked(folder: Path):
    assert Sandbox(folder, credits=5).balance == 5
    assert Sandbox(folder, credits=24).balance == 24
    assert Sandbox(folder, credits=500).balance == 24


def test_alone_it_prints_its_url_and_ends_cleanly(folder: Path):
    for number in (signal.SIGTERM, signal.SIGINT):
        with served_alone(folder, "--key", "the key") as process:
            assert Service(process.url, "the key").credits() == 1000
            process.send_signal(number)
            assert process.wait(timeout=3) == 0
            assert process.stderr.read() == ""


def test_it_stops_quickly_with_open_connections(folder: Path):
    with Sandbox(folder) as running:
        service = Service(running.url)
        service.credits()
        address = ("127.0.0.1", int(running.url.rpartition(":")[2]))
        with socket.create_connection(address) as silent, socket.create_connection(address) as unfinished:
            unfinished.sendall(b"POST /api/v1/jobs/createTask HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
            time.sleep(0.05)
            began = time.monotonic()
            running.stop()
            assert time.monotonic() - began < 2
            assert silent.recv(1) == unfinished.recv(1) == b""
    with pytest.raises(requests.ConnectionError):
        requests.get(running.url, timeout=1)


def test_it_can_start_again(folder: Path):
    running = Sandbox(folder)
    for _ in range(2):
        with running:
            assert Service(running.url).credits() == 1000


def test_it_listens_on_loopback_only(sandbox: Sandbox):
    port = int(sandbox.url.rpartition(":")[2])
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", port), timeout=1)


# What it shows of itself


def test_nothing_is_printed(payer: Service, capfd: pytest.CaptureFixture):
    payer.end(payer.create())
    assert capfd.readouterr() == ("", "")


def test_a_reply_on_a_kept_connection_waits_for_nothing(sandbox: Sandbox, payer: Service):
    """Its body would follow 44 ms later otherwise, once the client has acknowledged the head."""
    payer.credits()
    [connection] = sandbox._server.server_state.connections
    assert connection.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def fetch(service: Service, task_id: str) -> bytes:
    answer = requests.get(urls(service.end(task_id))[0], timeout=5)
    assert answer.status_code == 200
    return answer.content


def served_alone(folder: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "kie.sandbox", "--port", "0", "--folder", str(folder), *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, **pipes)
    process.url = re.search(r"http://\S+", process.stdout.readline())[0]
    return process
