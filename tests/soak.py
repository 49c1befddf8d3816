"""Soak test: hundreds of jobs on a service with random faults, while studios are stopped and killed at random.

    python -m tests.soak --minutes 20 --seed 7

Two studios share one database, as two servers would. At the end, faults are turned off, every unsure job is settled
according to the service's records, and these are compared with the history: nothing charged twice, nothing lost.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

from kie.errors import NothingSpent
from kie.generation import Generation
from kie.history.query import Query
from kie.jobs import ENDED, Job, State
from kie.settings import Settings
from kie.store import Store
from kie.studio import Studio
from kie.timing import Timing
from tests.support.fake_service import (
    HTML,
    PRICE,
    Behaviour,
    Exchange,
    Rogue,
    acting,
    cut,
    half,
    hang_up,
    normal,
    raw,
    redirect,
    says,
    slow,
    status,
    told,
)
from tests.support.images import picture
from tests.support.server import FORKS, Fork

KEY = "a-key-for-the-soak"
TIMING = Timing(
    connect_s=2,
    read_s=2,
    upload_read_s=2,
    reply_s=3,
    fetch_s=3,
    first_poll_s=0.2,
    slowest_poll_s=0.5,
    fetch_retry_s=0.2,
    timeout_pause_s=0.2,
    upload_retries_s=(0.1, 0.2),
    after_a_bug_s=0.5,
    first_pause_s=0.2,
    longest_pause_s=1.0,
    sends_window_s=0.6,
    server_life_s=2.0,
    heartbeat_s=0.4,
)
STUDIOS = 2
PEOPLE = ("Ann", "Ben", "Cem", "Dora", "Eve")
NOT_ACTED: tuple[Behaviour, ...] = (status(502, HTML), says(500, "Internal error"), says(501), cut, hang_up)
FAULTS: dict[str, tuple[Behaviour, ...]] = {
    "create": (
        *NOT_ACTED,
        *(acting(fault) for fault in NOT_ACTED),
        half,
        acting(says(200, data={})),
        says(422, "This field is required"),
        says(429, "Too many requests"),
        says(429, "Insufficient credits"),
        says(402, "Credits insufficient"),
        says(455, "Maintenance"),
        slow(0.4),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    ),
    "record": (
        *NOT_ACTED,
        half,
        says(429),
        says(422, "recordInfo is null"),
        says(200, data=None),
        told(state="dreaming", resultJson=None),
        told(state="waiting", resultJson=""),
        told(state="success", resultJson=""),
        told(state="success", resultJson="{broken"),
        told(state="fail", failCode="524", failMsg="generate task timeout"),
    ),
    "result": (*NOT_ACTED, half, status(404), status(200, HTML), redirect("file:///etc/passwd"), slow(0.3)),
    "upload": (*NOT_ACTED, half, says(200, data={})),
    "credit": (*NOT_ACTED, says(200, data=None)),
}


@dataclass
class Outcome:
    """The result of a soak test."""

    jobs: int = 0
    faults: Counter = field(default_factory=Counter)
    kills: int = 0
    stops: int = 0
    states: Counter = field(default_factory=Counter)
    tasks: int = 0
    charged_twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    credits_apart: float = 0.0

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        return (
            f"jobs {self.jobs} ({states}), tasks {self.tasks}, faults {self.faults.total()}, "
            f"stops {self.stops}, kills {self.kills}, charged twice {len(self.charged_twice)}, "
            f"lost {len(self.lost)}, credits apart {self.credits_apart:g}"
        )


class Told:
    """A studio in a process of its own that receives commands through a pipe."""

    def __init__(self, root: Path, service: str):
        heard, self._line = FORKS.Pipe(duplex=False)
        self._process = Fork(serve, root, service, heard)
        heard.close()

    def tell(self, message: dict) -> None:
        with contextlib.suppress(OSError):
            self._line.send(message)

    def end(self, number: int) -> None:
        self._process.send_signal(number)
        self._process.wait(60)
        self._line.close()


class Soak:
    """One run: the service, the studios, and random events."""

    def __init__(self, folder: Path, seed: int):
        self.random = random.Random(seed)
        self.outcome = Outcome()
        self.root, self.rogue = folder, Rogue(seconds=0.5, credits=10_000_000)
        self.presses: dict[str, dict] = {}
        (folder / "config").mkdir()

    def run(self, seconds: float, least: int = 0) -> Outcome:
        """Submit jobs with random faults, stops and kills, for this time and number of jobs and faults; then settle all and compare."""
        with self.rogue:
            for endpoint in FAULTS:
                self.rogue.plan(endpoint, always=self._perhaps)
            studios = [self._start() for _ in range(STUDIOS)]
            until = time.monotonic() + seconds
            while time.monotonic() < until or min(len(self.presses), self.outcome.faults.total()) < least:
                self._press(self.random.choice(studios))
                time.sleep(self.random.uniform(0.05, 0.35))
                if self.random.random() < 0.04 or len(self.presses) % 40 == 0:
                    self._replace(studios)
            for endpoint in FAULTS:
                self.rogue.plan(endpoint)
            self._settle(studios)
            for studio in studios:
                studio.end(signal.SIGTERM)
            return self._compare()

    def _perhaps(self, exchange: Exchange) -> None:
        chance = 0.3 if exchange.endpoint != "create" else 0.25
        if self.random.random() > chance:
            normal(exchange)
            return
        self.outcome.faults[exchange.endpoint] += 1
        self.random.choice(FAULTS[exchange.endpoint])(exchange)

    def _start(self) -> "Told":
        return Told(self.root, self.rogue.url)

    def _replace(self, studios: list[Told]) -> None:
        """Kill or stop one studio and start another in its place. The last five submissions are repeated there."""
        position = self.random.randrange(STUDIOS)
        left = studios[position]
        if self.random.random() < 0.6:
            self.outcome.kills += 1
            left.end(signal.SIGKILL)
        else:
            self.outcome.stops += 1
            left.end(signal.SIGTERM)
        studios[position] = self._start()
        for press in list(self.presses.values())[-5:]:
            studios[position].tell(press)

    def _press(self, studio: Told) -> None:
        number = len(self.presses) + 1
        press = {
            "submit_id": f"press-{number}",
            "person": self.random.choice(PEOPLE),
            "prompt": f"picture number {number}",
            "reference": self.random.choice((None, None, None, "red", "green", "blue")),
        }
        self.presses[press["submit_id"]] = press
        # Sometimes a double click reaches both studios.
        studio.tell(press)
        if self.random.random() < 0.1:
            studio.tell(press)

    def _settle(self, studios: list[Told], seconds: float = 180) -> None:
        """Repeat all submissions and settle unsure jobs, until every job has ended, or none has for this time."""
        for press in self.presses.values():
            studios[0].tell(press)
        until, open_before = time.monotonic() + seconds, -1
        while time.monotonic() < until:
            jobs = self._jobs()
            still_open = sum(job.state not in ENDED for job in jobs)
            if still_open != open_before:
                until, open_before = time.monotonic() + seconds, still_open
            if len(jobs) == len(self.presses) and all(job.state in ENDED for job in jobs):
                return
            made = {_prompt(asked): task_id for task_id, asked in list(self.rogue.asked.items())}
            for job in jobs:
                if job.state == State.UNSURE and not job.candidate:
                    studios[0].tell({"settle": job.id, "task_id": made.get(job.prompt)})
            time.sleep(1)

    def _jobs(self) -> list[Job]:
        store = Store(f"sqlite:///{self.root / 'data' / 'studio.sqlite3'}")
        try:
            return store.search.page(Query(), 1, 1_000_000).jobs
        finally:
            store.database.close()

    def _compare(self) -> Outcome:
        """Compare the service's records with the history and the disk."""
        jobs = {job.prompt: job for job in self._jobs()}
        made = Counter(_prompt(asked) for asked in self.rogue.asked.values())
        outcome = self.outcome
        outcome.jobs, outcome.tasks = len(jobs), made.total()
        outcome.states = Counter(str(job.state) for job in jobs.values())
        outcome.charged_twice = [prompt for prompt, count in made.items() if count > 1]
        outcome.lost = [prompt for prompt in made if not self._is_here(jobs.get(prompt))]
        known = sum(job.credits or 0 for job in jobs.values())
        outcome.credits_apart = abs(made.total() * PRICE - known)
        return outcome

    def _is_here(self, job: Job | None) -> bool:
        if job is None or job.state != State.DONE or not job.file:
            return False
        return (self.root / "data" / job.file).read_bytes() == self.rogue.picture


def _prompt(asked: str) -> str:
    return json.loads(asked)["input"]["prompt"]


def serve(root: Path, service: str, heard: Connection) -> None:
    """Run one studio with short intervals until SIGTERM."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stderr.fileno())  # Its log would fill the terminal.
    settings = Settings.load(root, {"KIE_API_URL": service, "KIE_UPLOAD_URL": service, "KIE_API_KEY": KEY})
    settings = replace(settings, timing=TIMING)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    with Studio(settings) as studio:
        threading.Thread(target=_listen, args=(studio, heard, stopping), daemon=True).start()
        # A signal that another thread receives does not wake this one.
        while not stopping.wait(0.5):
            pass


def _listen(studio: Studio, heard: Connection, stopping: threading.Event) -> None:
    """Execute commands from the pipe. When the pipe is closed, stop the studio."""
    try:
        while message := _next(heard):
            # Of a press that could not be recorded, a person is told. A task that is linked twice was found the first time.
            with contextlib.suppress(NothingSpent):
                _obey(studio, message)
    finally:
        stopping.set()


def _obey(studio: Studio, message: dict) -> None:
    if "settle" not in message:
        used = (_reference(studio, message["reference"]),) if message["reference"] else ()
        studio.submissions.submit(message["person"], Generation(message["prompt"], used), message["submit_id"])
    elif message["task_id"] is None:
        studio.attention.mark_not_run(message["settle"])
    else:
        studio.attention.link_task(message["settle"], message["task_id"])


def _next(heard: Connection) -> dict | None:
    try:
        return heard.recv()
    except EOFError:
        return None


def _reference(studio: Studio, colour: str) -> str:
    with tempfile.TemporaryFile() as file:
        file.write(picture(colour=colour))
        file.seek(0)
        return studio.references.add(f"{colour}.png", file).id


def soak(seconds: float, seed: int, least: int = 0) -> Outcome:
    """Run a soak test in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        return Soak(Path(folder), seed).run(seconds, least)


def main() -> None:
    """Run a soak test with the command line's options and print the result."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--minutes", type=float, default=1.0)
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    print(soak(given.minutes * 60, given.seed))


if __name__ == "__main__":
    # Forks need an importable module to run functions from.
    import_module("tests.soak").main()
