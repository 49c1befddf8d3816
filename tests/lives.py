"""How the tests follow a job: in a hurry, and with a deadline."""

import itertools
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from kie import pace, rooms, tracker
from kie.client import Client
from kie.generation import Generation
from kie.jobs import ENDED, Job, State
from kie.settings import ROOT, Settings
from kie.studio import Studio
from tests.rogue import Rogue

KEY = "test-key-that-nobody-pays-for"
# Each look costs what the studio under it could do in that time.
LOOK_AGAIN_S = 0.03
# Another server does not say so.
UNTOLD_S = 0.3
presses = itertools.count(1)


def hurry(monkeypatch: pytest.MonkeyPatch, *, reply_s: float = 2.0) -> None:
    """Let a whole life pass in a second: every wait is short, and the client loses patience soon.

    A test that holds a reply back for as long as it looks around gives the paid request more patience.
    """
    waits = {"FIRST_LOOK_S": 0.05, "SLOWEST_LOOK_S": 0.1, "FETCH_RETRY_S": 0.05, "TIME_OUT_PAUSE_S": 0.1}
    waits |= {"UPLOAD_RETRIES_S": (0.05, 0.05), "AFTER_A_BUG_S": 0.1}
    for name, value in waits.items():
        monkeypatch.setattr(pace, name, value)
    monkeypatch.setattr(tracker, "STOP_S", 0.3)
    monkeypatch.setattr(tracker, "ROUNDS_APART_S", 0.03)
    monkeypatch.setattr(tracker, "BALANCE_RETRY_S", 1.0)  # on a busy machine the first lookup may take too long
    impatient = partial(
        Client, connect_s=2, read_s=reply_s / 2, upload_read_s=max(0.5, reply_s - 0.3), reply_s=reply_s, fetch_s=0.8
    )
    monkeypatch.setattr(rooms, "Client", impatient)


def project(root: Path, url: str, **more: str) -> Settings:
    """The settings of a project of its own that takes `url` for the service."""
    (root / "config").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "config" / "prices.toml", root / "config")
    return Settings.load(root, {"KIE_API_URL": url, "KIE_UPLOAD_URL": url, "KIE_API_KEY": KEY} | more)


def submit(studio: Studio, prompt: str = "a lighthouse", person: str = "Ann", images: int = 1, **more: object) -> Job:
    """Press Generate, and return the first of the jobs."""
    return studio.submit(person, Generation(prompt, **more), f"press-{next(presses)}", images)[0]


def until(found: Callable[[], object], seconds: float = 30) -> object:
    """Return the first true answer; it has some time to come."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(LOOK_AGAIN_S)
    raise AssertionError(f"nothing came within {seconds} seconds")


def until_state(studio: Studio, job: Job, *states: State) -> Job:
    """Return the job once it stands in one of these states."""
    return until_job(studio, job, lambda now: now.state in states)


def ended(studio: Studio, job: Job) -> Job:
    """Return the job once it has ended, or nobody knows whether it did and nobody has named its task."""
    return until_job(studio, job, lambda now: now.state in ENDED or (now.state == State.UNSURE and not now.candidate))


def until_problem(studio: Studio, job: Job, problem: str) -> Job:
    """Return the job once a person is told of this problem."""
    return until_job(studio, job, lambda now: now.problem == problem)


def until_job(studio: Studio, job: Job, is_wanted: Callable[[Job], bool]) -> Job:
    """Return the job once it is as wanted: looked at when the studio says that something changed, and now and then."""
    number, look_at = -1, 0.0

    def look() -> Job | None:
        nonlocal number, look_at
        if studio.hub.number == number and time.monotonic() < look_at:
            return None
        number, look_at = studio.hub.number, time.monotonic() + UNTOLD_S
        now = studio.job(job.id)
        return now if is_wanted(now) else None

    return until(look)


def assert_here(studio: Studio, job: Job, rogue: Rogue) -> None:
    """The picture that was paid for once is on the disk, byte for byte, with its thumbnail and its price."""
    now = ended(studio, job)
    assert (now.state, now.problem, now.fail_code, now.fail_message) == (State.DONE, None, None, None)
    assert now.credits == 18
    assert studio.file(now).read_bytes() == rogue.picture
    token = studio.link("thumbnail", job.id).rpartition("/")[2]
    assert studio.open_link(token).path.read_bytes()[8:12] == b"WEBP"
    assert len(rogue.requests("create")) == len(rogue.tasks) == 1


def leftovers(settings: Settings) -> list[str]:
    """Return the files that should not be there once nothing is under way."""
    kept = settings.data_dir.rglob("*")
    return [path.name for path in kept if path.suffix in (".part", ".unreadable")]
