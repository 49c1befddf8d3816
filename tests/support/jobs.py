"""Helpers to follow jobs in tests: short intervals, and deadlines."""

import contextlib
import io
import itertools
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from kie.generation import Generation
from kie.jobs import ENDED, Job, State
from kie.settings import ROOT, Settings
from kie.store import Store
from kie.store.database import file_url
from kie.studio import Studio
from kie.timing import Timing
from tests.support.fake_service import Rogue
from tests.support.images import picture
from tests.support.waiting import until

KEY = "test-key-that-nobody-pays-for"
# For replies that never end. Where a reply is wanted, a busy machine would be taken for such a service.
HASTE_S = 1.5
# Changes by another server are not published here, so the job is also read at this interval.
UNTOLD_S = 0.3
presses = itertools.count(1)


def quick(*, reply_s: float = 60.0, **changes: object) -> Timing:
    """Return a timing in which a job runs through all states within a second.

    `reply_s` is the deadline for replies: HASTE_S where one never ends.
    """
    replies = {"read_s": reply_s / 2, "reply_s": reply_s, "upload_read_s": reply_s, "fetch_s": reply_s}
    polls = {"first_poll_s": 0.05, "slowest_poll_s": 0.1, "fetch_retry_s": 0.05, "timeout_pause_s": 0.1}
    waits = {"upload_retries_s": (0.05, 0.05), "after_a_bug_s": 0.1, "rounds_apart_s": 0.03, "heartbeat_s": 0.2}
    others = {"balance_retry_s": 1.0, "stop_s": 0.3, "key_check_s": 0.05}
    return Timing(**replies | polls | waits | others | changes)


def timed(**changes: object) -> pytest.MarkDecorator:
    """Mark a test whose `timing` is quick with these changes."""
    return pytest.mark.parametrize("timing", [quick(**changes)], ids=["timed"])


def project(root: Path, url: str, timing: Timing = Timing(), **more: str) -> Settings:
    """Return the settings of a new project that uses `url` as the service."""
    (root / "config").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "config" / "prices.toml", root / "config")
    settings = Settings.load(root, {"KIE_API_URL": url, "KIE_UPLOAD_URL": url, "KIE_API_KEY": KEY} | more)
    return replace(settings, timing=timing)


def submit(studio: Studio, prompt: str = "a lighthouse", person: str = "Ann", images: int = 1, **more: object) -> Job:
    """Submit a request and return the first of its jobs."""
    return studio.submissions.submit(person, Generation(prompt, **more), f"press-{next(presses)}", images)[0]


def add_reference(studio: Studio, colour: str = "teal", name: str = "mine.png", **options: object) -> str:
    """Add a plain picture as a reference and return its id."""
    return studio.references.add(name, io.BytesIO(picture(colour=colour, **options))).id


def until_state(studio: Studio, job: Job, *states: State) -> Job:
    """Wait until the job is in one of these states, and return it."""
    return until_job(studio, job, lambda now: now.state in states)


def ended(studio: Studio, job: Job) -> Job:
    """Wait until the job has ended, or is unsure without a candidate task, and return it."""
    return until_job(studio, job, lambda now: now.state in ENDED or (now.state == State.UNSURE and not now.candidate))


def until_problem(studio: Studio, job: Job, problem: str) -> Job:
    """Wait until the job has this problem, and return it."""
    return until_job(studio, job, lambda now: now.problem == problem)


def until_job(studio: Studio, job: Job, is_wanted: Callable[[Job], bool]) -> Job:
    """Wait until the job satisfies a condition, and return it. Reads it after each published change, and every UNTOLD_S seconds."""
    changed, look_at = threading.Event(), 0.0

    def look() -> Job | None:
        nonlocal look_at
        if not changed.is_set() and time.monotonic() < look_at:
            return None
        changed.clear()
        look_at = time.monotonic() + UNTOLD_S
        now = studio.jobs.get(job.id)
        return now if is_wanted(now) else None

    leave = studio.events.listen(lambda _: changed.set())
    try:
        return until(look)
    finally:
        leave()


def decoders(of: int | None = None) -> list[psutil.Process]:
    """Return the decoder processes of a server, or of this process."""
    return [child for child in psutil.Process(of).children() if _is_decoder(child)]


def _is_decoder(process: psutil.Process) -> bool:
    try:
        return "kie.images.decode_worker" in process.cmdline()
    except psutil.NoSuchProcess:  # It has ended, and a zombie counts as ended.
        return False


def thumbnail_of(studio: Studio, owner_id: str) -> Path:
    """Return the file behind the address that a page gives a picture's or a reference's thumbnail."""
    token = studio.backend.urls.address("thumbnail", owner_id).rpartition("/")[2]
    return studio.exports.open_link(token)[0]


def assert_here(studio: Studio, job: Job, rogue: Rogue) -> None:
    """Assert that the picture was paid for once and is on disk unchanged, with its thumbnail and cost."""
    now = ended(studio, job)
    assert (now.state, now.problem, now.fail_code, now.fail_message) == (State.DONE, None, None, None)
    assert now.credits == 18
    assert studio.exports.file(now).read_bytes() == rogue.picture
    assert thumbnail_of(studio, job.id).read_bytes()[8:12] == b"WEBP"
    assert len(rogue.requests("create")) == len(rogue.tasks) == 1


@contextlib.contextmanager
def beside(settings: Settings) -> Iterator[Store]:
    """The store of a studio's database, whichever it is, for somebody who takes no part in the work."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    store = Store(settings.database_url or file_url(settings.data_dir / "studio.sqlite3"))
    with contextlib.closing(store.database):
        store.database.open()
        yield store


def sql(settings: Settings, statement: str) -> None:
    """Change rows of a studio from outside."""
    with beside(settings) as store, store.database.write() as db:
        db.execute(text(statement))


def leftovers(settings: Settings) -> list[str]:
    """Return the temporary files that should not exist when no work is in progress."""
    kept = settings.data_dir.rglob("*")
    return [path.name for path in kept if path.suffix in (".part", ".unreadable")]
