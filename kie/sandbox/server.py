"""A local double of the image service: the same four endpoints over HTTP, with generated pictures.

upload ─────► uploads/ ──────────────┐
createTask ─► sandbox.sqlite3 ─► drawing thread ─► results/ ─► the result's URL
                    └─► recordInfo, credit, callback: computed from the records and the clock
"""

import asyncio
import contextlib
import hashlib
import json
import math
import mimetypes
import shutil
import socket
import sqlite3
import time
import uuid
from collections import Counter
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Self
from urllib.parse import quote, unquote, urlsplit

import requests
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from kie.sandbox import drawing, rules
from kie.sandbox.rules import LOOPBACK, Task, clock, demand

CREATE, RECORD, CREDIT = "/api/v1/jobs/createTask", "/api/v1/jobs/recordInfo", "/api/v1/chat/credit"
UPLOAD = "/api/file-stream-upload"
SCHEMA = """
CREATE TABLE IF NOT EXISTS deposits (credits REAL);
CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY, request TEXT, price REAL, created INTEGER, ends INTEGER, heals INTEGER,
    fail_code TEXT, fail_message TEXT, judged INTEGER, called INTEGER
);
"""


class Connection(H11Protocol):
    """HTTP protocol that lets the app cut the connection without a reply: `request.state.cut()`."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "cut": transport.abort}


class Sandbox:
    """The sandbox server on a loopback port, with its state in a folder.

    A folder keeps its balance, topped up to `credits` if less than 24 are left, the price of one picture at 4K: a new one
    starts with `credits`. With `key`, only that key is accepted; without, every key that does not start with "refused".
    `seconds` is the duration of each task, whatever its resolution.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        credits: float = 1000,
        key: str | None = None,
        seconds: float | None = None,
    ):
        self.url = ""
        self._folder, self._port, self._key, self._seconds = Path(folder), port, key, seconds
        self._reads: Counter[str] = Counter()
        self._let_in_until: dict[str, float] = {}
        self._drawing = Lock()
        self._server: uvicorn.Server | None = None
        for name in ("uploads", "results"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        with contextlib.closing(self._connect()) as database:
            database.executescript(SCHEMA)
        if self.balance < max(rules.PRICES.values()):
            self._sql("INSERT INTO deposits VALUES (?)", max(0, credits - self.balance))

    def start(self) -> Self:
        """Serve in a daemon thread and return once it accepts connections. Continues the open tasks of an earlier process."""
        # asyncio sets TCP_NODELAY only if the protocol is given; without it each reply on a kept-alive connection takes 44 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._stopping = Event()
        # A kept-alive connection that is closed while the client sends looks like a lost reply, so the timeout is long.
        options = {"http": Connection, "loop": "asyncio", "lifespan": "off", "timeout_keep_alive": 600}
        self._server = uvicorn.Server(uvicorn.Config(self.app(), **options, log_config=None, access_log=False))
        self._thread = Thread(target=self._server.run, args=([listener],), name="sandbox", daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.002)
        for task in self._tasks():
            if not (task.judged and task.called):
                self._begin(task)
        return self

    def stop(self) -> None:
        """Stop within two seconds. Open connections are cut after half a second."""
        if not self._server:
            return
        self._stopping.set()
        self._server.should_exit = True
        self._thread.join(0.5)
        if self._thread.is_alive():
            for connection in list(self._server.server_state.connections):
                connection.loop.call_soon_threadsafe(connection.transport.abort)
            self._server.force_exit = True
            self._thread.join(1)
        # The picture being drawn is finished, so that nothing is written to the folder afterwards.
        if self._drawing.acquire(timeout=0.3):
            self._drawing.release()
        self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def tasks(self) -> list[dict]:
        """Return the record of each created task together with its request, oldest first."""
        return [self._describe(task, clock()) | task.body for task in self._tasks()]

    @property
    def balance(self) -> float:
        """The remaining credits: deposits minus the credits of all tasks that have not failed."""
        now = clock()
        [(deposited,)] = self._sql("SELECT total(credits) FROM deposits")
        return rules.plain(deposited - sum(task.consumed(now) for task in self._tasks()))

    def app(self) -> ASGIApp:
        """The four endpoints, the uploads and the results."""
        routes = [
            Route(CREATE, self._create, methods=["POST"]),
            Route(RECORD, self._record),
            Route(CREDIT, self._credit),
            Route(UPLOAD, self._upload, methods=["POST"]),
            Route("/files/{path:path}", self._file),
            Route("/results/{name}", self._result),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: refuse, ClientDisconnect: give_up})

    async def _create(self, request: Request) -> Response:
        raw = await request.body()
        self._authorise(request)
        content_type = request.headers.get("content-type", "").partition(";")[0]
        demand(content_type.strip().lower() == "application/json", "Content-Type must be application/json", 401)
        task = rules.new_task(rules.parse(raw), self._seconds)
        self._admit(task)
        self._sql("INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *astuple(task))
        self._begin(task)
        if task.trigger == "lost reply":
            request.state.cut()
        return reply({"code": 200, "message": "success", "data": {"taskId": task.id}})

    async def _record(self, request: Request) -> Response:
        self._authorise(request)
        task, now = self._find(request.query_params.get("taskId", "")), clock()
        demand(task and task.is_visible(now), "recordInfo is null")
        self._reads[task.id] += 1
        demand(task.trigger != "flaky" or self._reads[task.id] % 2, rules.SERVER_ERROR, 500)
        return reply({"code": 200, "msg": "success", "data": self._describe(task, now)})

    async def _credit(self, request: Request) -> Response:
        self._authorise(request)
        return reply({"code": 200, "msg": "success", "data": self.balance})

    async def _upload(self, request: Request) -> Response:
        async with request.form() as form:
            self._authorise(request)
            file, folder, name = form.get("file"), form.get("uploadPath"), form.get("fileName")
            demand(isinstance(file, UploadFile), "Missing required parameter: file", 400)
            demand(folder and isinstance(folder, str), "Missing required parameter: uploadPath", 400)
            demand(file.size <= rules.MAX_BYTES, "File too large: the limit is 30 MB", 400)
            name = str(name) if name else uuid.uuid4().hex + Path(file.filename or "").suffix
            path = f"{folder}/{name}"
            demand(is_clean(path) and "/" not in name, "Invalid uploadPath or fileName", 400)
            await run_in_threadpool(self._keep, file, path)
        data = {
            "fileName": name,
            "filePath": path,
            "downloadUrl": f"{self.url}/files/{quote(path)}",
            "fileSize": file.size,
            "mimeType": file.content_type or mime_type(name),
            "uploadedAt": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        return reply({"success": True, "code": 200, "msg": "File uploaded successfully", "data": data})

    async def _file(self, request: Request) -> Response:
        path = request.path_params["path"]
        demand(self._stored(path).exists(), "Not found", 404)
        return FileResponse(self._stored(path), media_type=mime_type(path))

    async def _result(self, request: Request) -> Response:
        task = self._finished(request.path_params["name"])
        demand(task and (task.trigger != "missing" or clock() >= task.ends + 20_000), "Not found", 404)
        path = self._folder / "results" / task.file_name
        await run_in_threadpool(self._draw, task, self._stopping)
        demand(path.exists(), "Not found", 404)
        return FileResponse(path)

    def _authorise(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        passes = token == self._key if self._key is not None else not token.startswith("refused")
        demand(scheme.lower() == "bearer" and token and passes, "Authentication failed: Invalid API Key", 401)

    def _admit(self, task: Task) -> None:
        """Raise HTTPException for a refusal that the prompt requests, too many tasks, or too few credits."""
        if task.trigger in rules.REFUSALS:
            raise HTTPException(*rules.REFUSALS[task.trigger])
        if task.trigger == "busy":
            prompt, now = task.options["prompt"], time.time()
            let_in = now < self._let_in_until.get(prompt, 0)
            self._let_in_until[prompt] = now + 60 if let_in else math.inf
            demand(let_in, rules.BUSY, 429)
        demand(sum(other.created > task.created - 10_000 for other in self._tasks()) < 20, rules.BUSY, 429)
        demand(self.balance >= task.price, rules.BROKE, 402)

    def _begin(self, task: Task) -> None:
        Thread(target=self._follow, args=(task, self._stopping), name="sandbox-task", daemon=True).start()

    def _follow(self, task: Task, stopping: Event) -> None:
        """Draw the picture, then wait for the end of the task and send the callback."""
        if task.heals or not task.fail_code:
            self._draw(task, stopping)
        while not task.called and not stopping.wait(max(0.02, (task.ends - clock()) / 1000)):
            task = self._find(task.id)
            if task.ended(clock()):
                self._call_back(task, stopping)
                return

    def _describe(self, task: Task, now: int) -> dict:
        state, ended = task.state(now), task.ended(now)
        has_url = task.trigger != "no picture" or now >= task.ends + 30_000
        urls = [f"{self.url}/results/{task.file_name}"] if has_url else []
        return {
            "taskId": task.id,
            "model": rules.MODEL,
            "state": state,
            "param": task.request,
            "resultJson": json.dumps({"resultUrls": urls}) if state == "success" else "",
            "failCode": task.fail_code if state == "fail" else None,
            "failMsg": task.fail_message if state == "fail" else None,
            "costTime": ended and round((ended - task.created) / 1000),
            "completeTime": ended,
            "createTime": task.created,
            "updateTime": ended or task.created,
            "creditsConsumed": task.consumed(now),
        }

    def _call_back(self, task: Task, stopping: Event) -> None:
        """Send the callback for a task's end, with at most four attempts."""
        body = self._callback_body(task, clock())
        for _ in range(4):
            if post(task.body["callBackUrl"], body):
                break
            if stopping.wait(0.5):
                return
        self._sql("UPDATE tasks SET called = 1 WHERE id = ?", task.id)

    def _callback_body(self, task: Task, now: int) -> dict:
        data = self._describe(task, now)
        data |= {"consumeCredits": data.pop("creditsConsumed"), "remainedCredits": self.balance}
        if data["state"] == "success":
            del data["failCode"], data["failMsg"]
            return {"code": 200, "data": data, "msg": "Playground task completed successfully."}
        del data["resultJson"]
        return {"code": 501, "data": data | {"costTime": 0}, "msg": "Playground task failed."}

    def _draw(self, task: Task, stopping: Event) -> None:
        """Draw the picture of a task if it does not exist. If a reference can't be read, the task fails."""
        path = self._folder / "results" / task.file_name
        if path.exists():
            return
        try:
            references = [drawing.read_reference(self._source(url)) for url in task.options["image_input"]]
        except drawing.UNREADABLE:
            failed = "UPDATE tasks SET fail_code = '400', fail_message = ?, heals = NULL WHERE id = ? AND NOT judged"
            self._sql(failed, rules.UNFETCHED, task.id)
            references = None
        self._sql("UPDATE tasks SET judged = 1, ends = max(ends, ?) WHERE id = ? AND NOT judged", clock(), task.id)
        if references is None:
            return
        with self._drawing:
            if not path.exists() and not stopping.is_set():
                prompt, ratio, resolution = (task.options[name] for name in ("prompt", "aspect_ratio", "resolution"))
                drawing.paint(path, prompt, ratio, resolution, prompt + task.id, references)

    def _source(self, url: str) -> Path:
        """Return the file behind a URL of this server, ignoring the port. Raises FileNotFoundError for other URLs."""
        parts = urlsplit(url)
        if parts.hostname in LOOPBACK and parts.path.startswith("/files/"):
            return self._stored(unquote(parts.path.removeprefix("/files/")))
        task = self._finished(parts.path.removeprefix("/results/")) if parts.hostname in LOOPBACK else None
        if not task:
            raise FileNotFoundError(url)
        self._draw(task, self._stopping)
        return self._folder / "results" / task.file_name

    def _finished(self, name: str) -> Task | None:
        """Return the successful task whose picture has this file name, or None."""
        task = self._find(Path(name).stem)
        return task if task and task.file_name == name and task.state(clock()) == "success" else None

    def _stored(self, path: str) -> Path:
        """Return the path of an upload. Named by a hash, so that no external name becomes a path."""
        return self._folder / "uploads" / hashlib.sha256(path.encode(errors="surrogatepass")).hexdigest()

    def _keep(self, file: UploadFile, path: str) -> None:
        part = self._stored(path).with_suffix(f".{uuid.uuid4().hex}")
        with part.open("wb") as target:
            shutil.copyfileobj(file.file, target)
        part.replace(self._stored(path))

    def _find(self, task_id: str) -> Task | None:
        return next((Task(*row) for row in self._sql("SELECT * FROM tasks WHERE id = ?", task_id)), None)

    def _tasks(self) -> list[Task]:
        return [Task(*row) for row in self._sql("SELECT * FROM tasks ORDER BY created, rowid")]

    def _sql(self, statement: str, *values: object) -> list[tuple]:
        with contextlib.closing(self._connect()) as database, database:
            return database.execute(statement, values).fetchall()

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._folder / "sandbox.sqlite3", timeout=10)
        # The data must survive a killed process, not a power failure.
        database.execute("PRAGMA synchronous = OFF")
        return database


def mime_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def is_clean(path: str) -> bool:
    return all(part not in ("", ".", "..") and "\\" not in part and min(part) >= " " for part in path.split("/"))


def reply(body: dict, status: int = 200) -> Response:
    return Response(json.dumps(body), status, media_type="application/json")


async def refuse(request: Request, error: HTTPException) -> Response:
    """Return an error as the service does: in the body of an HTTP 200, or as HTTP status for files and uploads."""
    path, code = request.url.path, error.status_code
    if path == UPLOAD:
        return reply({"success": False, "code": code, "msg": error.detail}, code)
    word = "message" if path == CREATE else "msg"
    return reply({"code": code, word: error.detail, "data": None}, 200 if path in (CREATE, RECORD, CREDIT) else code)


async def give_up(request: Request, error: ClientDisconnect) -> Response:
    return Response()


def post(url: str, body: dict) -> bool:
    with requests.Session() as session:
        # Ignores proxies of the environment, so that the callback stays on this machine.
        session.trust_env = False
        try:
            return session.post(url, json=body, timeout=15, allow_redirects=False).ok
        except requests.RequestException:
            return False
