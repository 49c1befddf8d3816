"""Calls a sandbox as a program does that knows the official text only, and is called back by it."""

import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests
from PIL import Image

from tests.support.images import is_near
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
GOOD = {"model": "nano-banana-pro", "input": {"prompt": "a lighthouse"}}


class Service:
    """What a caller sees of a running sandbox."""

    def __init__(self, url: str, key: str = "some key"):
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def send(self, request: object, **options: object) -> dict:
        return self.session.post(f"{self.url}/api/v1/jobs/createTask", json=request, timeout=30, **options).json()

    def create(self, prompt: str = "a lighthouse", callback: str | None = None, **options: object) -> str:
        request = {"model": "nano-banana-pro", "input": {"prompt": prompt, **options}}
        answer = self.send(request | ({"callBackUrl": callback} if callback else {}))
        assert answer["code"] == 200, answer
        return answer["data"]["taskId"]

    def look(self, task_id: str) -> dict:
        return self.session.get(f"{self.url}/api/v1/jobs/recordInfo", params={"taskId": task_id}, timeout=30).json()

    def end(self, task_id: str) -> dict:
        """Look until the task has ended."""
        return until(lambda: (data := self.look(task_id)["data"]) and data["completeTime"] and data)

    def credits(self) -> float:
        return self.session.get(f"{self.url}/api/v1/chat/credit", timeout=30).json()["data"]

    def upload(self, content: bytes, path: str = "images", **fields: str) -> requests.Response:
        files, data = {"file": ("mine.png", content, "image/png")}, {"uploadPath": path, **fields}
        return self.session.post(f"{self.url}/api/file-stream-upload", files=files, data=data, timeout=30)

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


def urls(record: dict) -> list[str]:
    return json.loads(record["resultJson"])["resultUrls"]


def share(image: Image.Image, colour: tuple[int, int, int]) -> float:
    """Return how much of a picture has about this colour."""
    small = image.convert("RGB").resize((100, 100), Image.Resampling.NEAREST)
    return sum(is_near(small.getpixel((x, y)), colour) for x in range(100) for y in range(100)) / 10_000


def age(folder: Path, seconds: float) -> None:
    """Let this much time go by for every task in a folder."""
    with sqlite3.connect(folder / "sandbox.sqlite3") as database:
        step = round(seconds * 1000)
        database.execute("UPDATE tasks SET created = created - ?, ends = ends - ?, heals = heals - ?", (step,) * 3)
    database.close()


def fetch(service: Service, task_id: str) -> bytes:
    answer = requests.get(urls(service.end(task_id))[0], timeout=30)
    assert answer.status_code == 200
    return answer.content


def served_alone(folder: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "kie.sandbox", "--port", "0", "--folder", str(folder), *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, **pipes)
    process.url = re.search(r"http://\S+", process.stdout.readline())[0]
    return process
