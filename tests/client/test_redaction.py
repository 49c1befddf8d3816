"""The key is taken out of whatever the service says: each spelling, each JSON type, on a running studio."""

import base64
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from kie.client import Client
from kie.client.redaction import MARK, Redaction
from kie.errors import NothingLearned, PictureNotFetched, Unsure, UploadFailed
from kie.timing import Timing
from tests.support.browser import KEY, Start, Visit, at, go, rows, settle
from tests.support.client_calls import create, outcome
from tests.support.composer import ask
from tests.support.fake_service import Behaviour, Exchange, Rogue, envelope, raw, redirect, says, status, told
from tests.support.images import picture
from tests.support.waiting import until

DIGITS = "918273645546372"


def percented(text: str) -> str:
    return "".join(f"%{ord(sign):02x}" for sign in text)


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(sign):04x}" for sign in text)


def in_base64(text: str, before: str = "") -> str:
    return base64.b64encode((before + text).encode()).decode()


SPELLINGS = {
    "plain": KEY,
    "in capitals": KEY.upper(),
    "percent": percented(KEY),
    "percent twice": quote(percented(KEY)),
    "percent many times": percented(KEY).replace("%", "%" + "25" * 50),
    "percent in part": KEY[:5] + percented(KEY[5:9]) + KEY[9:],
    "escaped": escaped(KEY),
    "escaped in part": KEY[:5] + escaped(KEY[5:9]) + KEY[9:],
    "escaped twice": escaped(KEY).replace("\\", "\\\\"),
    "hexadecimal": "".join(f"\\x{ord(sign):02x}" for sign in KEY),
    "HTML many times": "".join(f"&{'amp;' * 9}#{ord(sign)};" for sign in KEY),
    "HTML": "".join(f"&#{ord(sign)};" for sign in KEY),
    "base64": in_base64(KEY),
    "base64 after one sign": in_base64(KEY, "x"),
    "base64 of the header": in_base64(KEY, "Bearer "),
    "base64 for addresses": base64.urlsafe_b64encode(KEY.encode()).decode().rstrip("="),
    "base64 in percent": percented(in_base64(KEY)),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_of_the_key_is_taken_out(spelling: str) -> None:
    key = Redaction(KEY)
    for text in (spelling, f"Bearer {spelling}!", f"https://host.example/x?key={spelling}&y"):
        assert key.holds(text)
        assert MARK in key.text(text)
        assert spelling not in key.text(text)
        for value in (
            [text],
            {"a": {text: 1}},
            {"a": [[text]]},
            json.dumps({"a": text}),
            json.dumps(json.dumps([text])),
        ):
            assert not key.holds(json.dumps(key.value(value)))


@pytest.mark.parametrize(
    "key", ["sk-0123456789+/=abc", 'quo"ted\\back/slash', "100%41-percent-key", "a&amp;b-and-more-of-it"]
)
def test_keys_of_odd_signs_are_found_as_well(key: str) -> None:
    for text in (key, f"1{key}1", json.dumps({"a": key}), quote(key, safe=""), percented(key), in_base64(key)):
        assert Redaction(key).holds(text)
    assert not Redaction(key).holds("https://host.example/AAAA/100A-percent")


@pytest.mark.parametrize("number", [int(DIGITS), float(DIGITS), int(DIGITS + "7"), int(DIGITS) / 1000 * 1000])
def test_a_number_that_is_the_key_is_taken_out_too(number: float) -> None:
    assert Redaction(DIGITS).value({"a": [number]}) == {"a": [MARK]}


def test_what_has_no_key_in_it_stays_as_it_is() -> None:
    said = {"a": [1, 2.5, True, None, "100% \\ & &amp; %41"], "b": '{"resultUrls": ["https://x.example/%2541.png"]}'}
    assert Redaction(KEY).value(said) == said
    assert Redaction("words").value({"words": "words"}) == {"words": "words"}


# -- through the client


@pytest.fixture
def client(rogue: Rogue) -> Iterator[Client]:
    made = Client(rogue.url, rogue.url, lambda: KEY, timing=Timing(connect_s=30, read_s=30))
    yield made
    made.close()


def results(*urls: str) -> str:
    return json.dumps({"resultUrls": urls})


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_an_address_with_the_key_in_it_is_not_opened(
    client: Client, rogue: Rogue, tmp_path: Path, spelling: str
) -> None:
    address = f"{rogue.url}/{spelling}/x.png"
    rogue.plan("record", told(state="success", resultJson=results(address)))
    [named] = client.task(rogue.make_task()).urls
    rogue.plan("result", *[redirect(f"/{quote(spelling, safe='%/')}")] * 5)
    for url in (named, address, f"{rogue.url}/plain.png"):
        got = outcome(lambda url=url: client.fetch(url, tmp_path / "x"))
        assert type(got) is PictureNotFetched
        assert got.detail == "the address has the key in it, so it was not opened" or "\\" in url
        assert not Redaction(KEY).holds(got.detail)
    assert [seen.path for seen in rogue.requests("result")] == ["/plain.png"]


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_an_uploads_address_with_the_key_in_it_is_not_used(
    client: Client, rogue: Rogue, tmp_path: Path, spelling: str
) -> None:
    (tmp_path / "x.png").write_bytes(picture())
    rogue.plan("upload", says(200, data={"downloadUrl": f"https://files.example/{spelling}"}))
    got = outcome(lambda: client.upload(tmp_path / "x.png", "x.png", "image/png"))
    assert type(got) is UploadFailed
    assert not Redaction(KEY).holds(got.detail)


@pytest.mark.parametrize("task_id", [KEY, f"task-{KEY}", KEY.upper(), in_base64(KEY), [KEY], {KEY: 1}])
def test_a_task_id_that_is_the_key_is_not_kept(client: Client, rogue: Rogue, task_id: object) -> None:
    rogue.plan("create", says(200, data={"taskId": task_id}))
    got = create(client)
    assert type(got) is Unsure
    assert not Redaction(KEY).holds(got.detail)


def test_a_key_of_digits_is_no_balance_no_price_no_code_and_no_id(rogue: Rogue) -> None:
    client, number = Client(rogue.url, rogue.url, lambda: DIGITS), int(DIGITS)
    spelled = [number, float(number), DIGITS, f" {DIGITS} ", DIGITS.replace("9", "９"), f"{DIGITS[0]}_{DIGITS[1:]}"]
    for value in spelled:
        rogue.plan("credit", says(200, data=value))
        rogue.plan("record", told(state="fail", failCode=value, creditsConsumed=value, createTime=value))
        rogue.plan("create", says(200, data={"taskId": value}), says(value))
        assert type(outcome(client.credits)) is NothingLearned
        task = client.task(rogue.make_task())
        assert DIGITS not in repr(task) and task.credits is None
        for got in (create(client), create(client)):
            assert DIGITS not in f"{got!r} {getattr(got, 'code', '')}"
    client.close()


# -- on a running studio


def record(**fields: object) -> Behaviour:
    return told(**{"state": "fail", "resultJson": "", "failMsg": None, "failCode": "500"} | fields)


TITLES = "all => all.map((one) => one.title)"
TASKS: dict[str, Behaviour] = {
    "a list": record(failMsg=[KEY]),
    "an object": record(failMsg={"deep": [{KEY: percented(KEY)}]}, failCode={KEY: 1}),
    "a stage": told(state=[KEY], resultJson=""),
    "JSON": record(failMsg=json.dumps({"said": json.dumps({"key": escaped(KEY)})})),
    "base64": record(failMsg=f"Basic {in_base64(KEY, 'user:')}"),
    "a result": told(state="success", resultJson=results(f"https://files.example/{KEY}.png")),
    "a hidden result": told(state="success", resultJson=results(f"https://files.example/{percented(KEY)}.png")),
    "a halved key": record(failMsg=f"{KEY[:9]}\0{KEY[9:]}"),
}
CREATES: dict[str, Behaviour] = {
    "a task id": says(200, data={"taskId": KEY}),
    "a reason": says(422, [KEY]),
    "a status line": raw(
        f"HTTP/1.1 400 {KEY}\r\nX-Key: {KEY}\r\nno header {KEY}\r\nContent-Length: 0\r\n\r\n".encode()
    ),
    "a page": status(400, f"<p>{KEY}</p>".encode(), Location=f"http://127.0.0.1/{KEY}"),
}


@pytest.mark.browser
def test_the_key_stands_nowhere_on_a_studio_whose_service_says_it_all_the_time(
    start: Start, visit: Visit, project: Path, tmp_path: Path
) -> None:
    with Rogue(credits=5000) as service:
        service.plan("record", always=by_prompt(service))
        server, frames = start(**at(service)), []
        page = visit(server)
        page.on("websocket", lambda line: line.on("framereceived", lambda frame: frames.append(frame)))
        page.reload()
        settle(page)
        for prompt, answer in CREATES.items():
            service.plan("create", answer)
            ask(page, prompt)
            until(lambda prompt=prompt: [row for row in rows(server, prompt) if row["problem"]])
        for prompt in TASKS:
            ask(page, prompt)
            until(lambda prompt=prompt: rows(server, prompt))
        fetched = {"a result", "a hidden result"}
        for prompt in TASKS:
            wanted = "stage" if prompt == "a stage" else "problem"
            [row] = until(lambda prompt=prompt, wanted=wanted: [row for row in rows(server, prompt) if row[wanted]])
            assert (row["problem"] == "PictureNotFetched") == (prompt in fetched)
        shown = ""
        for link in ("History", "Account", "Generate"):
            go(page, link)
            if link == "Generate":
                until(lambda: MARK in " ".join(page.locator("[title]").evaluate_all(TITLES)))
            shown += " ".join(page.locator("[title]").evaluate_all(TITLES))
            # The cards stand in a shadow tree, which only the second looks into.
            shown += page.content() + page.locator("body").aria_snapshot()
        assert MARK in shown
        [known] = rows(server, "a result")
        backup = tmp_path / "backup.zip"
        environment = {"KIE_DATA_DIR": str(server.data_dir), "KIE_API_KEY": KEY, "PATH": ""}
        command = [sys.executable, "-m", "kie", "backup", str(backup)]
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, check=True)
        with zipfile.ZipFile(backup) as whole:
            kept = b"".join(whole.read(name) for name in whole.namelist())
        assert known["id"].encode() in kept
        said = {"pages": shown.encode(), "frames": b"".join(map(as_bytes, frames)), "log": server.log.encode()}
        said |= {"backup": kept, "command": done.stdout + done.stderr}
        said |= {path.name: path.read_bytes() for path in server.data_dir.rglob("*") if path.is_file()}
        for place, content in said.items():
            for spelling in {KEY, percented(KEY), escaped(KEY), in_base64(KEY), in_base64(KEY, "user:")}:
                assert spelling.encode().lower() not in content.lower(), place
        assert len(frames) > 0 and any(name.startswith("studio.sqlite3") for name in said)


def by_prompt(service: Rogue) -> Behaviour:
    """Answer for a task as its prompt is planned."""

    def answer(exchange: Exchange) -> None:
        asked = service.asked.get(exchange.seen.query.get("taskId", ""))
        prompt = json.loads(asked)["input"]["prompt"] if asked else ""
        TASKS.get(prompt, lambda other: other.answer(*envelope(None, 422, "recordInfo is null")))(exchange)

    return answer


def as_bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame
