"""The one object that pages talk to; it opens and closes everything below.

    Studio ── Rooms: Store, Files, Client, Tracker    on the service, with a key
           └─ Rooms: the same four, and a Sandbox     without one; a database and files of their own

Nothing here touches the network: a page writes a row or reads one, and the tracker does the rest.
"""

import logging
import re
import threading
import time
import unicodedata
from pathlib import Path
from typing import IO, ClassVar

from sqlalchemy.exc import SQLAlchemyError

from kie import pictures, prices
from kie.brakes import Brake
from kie.errors import FileRefused, KeyMissing, NothingSpent, RequestInvalid, SettingsInvalid, StudioError
from kie.generation import IMAGES_LIMIT, Fault, Generation
from kie.hub import Hub
from kie.jobs import CANCELLABLE, Job, State
from kie.links import Offer
from kie.prices import Price, PriceList
from kie.reconciliation import Reading, Reconciliation, reconcile
from kie.rooms import Rooms
from kie.settings import Key, Settings
from kie.store import Balance, Reference
from kie.turns import SENDS_LIMIT, SENDS_WINDOW_S

log = logging.getLogger(__name__)

NOBODY = "Guest"
NOT_SAVED = (
    "This picture could not be saved on the server's disk, so nothing was sent and no credits were spent: "
    "tell whoever keeps the server."
)
RECENT_S = 3600.0
KEY_LOOK_S = 1.0
_TASK_ID = re.compile(r"[A-Za-z0-9_.:-]{4,200}")


class Studio:
    """Everything a page may ask for or do. One per server process, opened before the first visitor."""

    _current: ClassVar["Studio | None"] = None

    def __init__(self, settings: Settings):
        self.settings = settings
        self.hub = Hub()
        self._listed = PriceList(settings.root / "config" / "prices.toml")
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._watch_key, name="keeper", daemon=True)
        self._hosts: dict[str, tuple[str, float]] = {}

    # -- opening and closing

    def open(self) -> "Studio":
        """Open the rooms that the settings ask for and start working. Raises SettingsInvalid, in words."""
        self._rooms = Rooms.open(self.settings, self.settings.wants_sandbox(), self.hub.publish)
        self._key_value = self.settings.key().value
        self._keeper.start()
        Studio._current = self
        return self

    def close(self) -> None:
        """Stop within 5 s; the next start goes on where this one ends."""
        self._closing.set()
        self._keeper.join()
        self._rooms.close()
        if Studio._current is self:
            Studio._current = None

    def __enter__(self) -> "Studio":
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    @classmethod
    def current(cls) -> "Studio":
        """Return the studio that this process has opened."""
        if cls._current is None:
            raise RuntimeError("no studio is open: start the server with `streamlit run app.py`")
        return cls._current

    @property
    def is_alive(self) -> bool:
        """Whether the tracker runs."""
        return self._rooms.tracker.is_alive

    @property
    def is_sandbox(self) -> bool:
        """Whether pictures are drawn on this machine and nothing is paid."""
        return self._rooms.sandbox is not None

    def key(self) -> Key:
        """Return the key as it stands now, with what is odd about it in words."""
        return self.settings.key()

    def _watch_key(self) -> None:
        """Take up a changed key without a restart: another balance, or another pair of rooms."""
        seen = self.is_sandbox
        while not self._closing.wait(KEY_LOOK_S):
            value, sandbox = self.settings.key().value, self.settings.wants_sandbox()
            # Editors empty a file before they write it: a key that is gone must stay gone for two looks.
            if sandbox == seen != self.is_sandbox:
                self._change_rooms(sandbox)
            elif value != self._key_value or (value and isinstance(self.credit_problem(), KeyMissing)):
                self._rooms.store.try_now(time.time())
                self._rooms.tracker.want_balance()
            self._key_value, seen = value, sandbox

    def _change_rooms(self, sandbox: bool) -> None:
        try:
            left, self._rooms = self._rooms, Rooms.open(self.settings, sandbox, self.hub.publish)
            self.hub.publish({"jobs", "credits", "hosts", "key"})
            left.close()
        except (SettingsInvalid, SQLAlchemyError, OSError):
            log.exception("the change between the service and the sandbox did not work; trying again")

    # -- asking for pictures

    def submit(self, person: str, generation: Generation, submit_id: str, images: int = 1) -> list[Job]:
        """Queue one job for each image and return them at once; the same submit id again returns the same jobs.

        Raises RequestInvalid with all faults. What was queued costs nothing until the tracker sends it.
        """
        found = generation.faults() + self._reference_faults(generation)
        if not 1 <= images <= IMAGES_LIMIT:
            found.append(Fault("Images", f"Choose from 1 to {IMAGES_LIMIT}."))
        if found:
            raise RequestInvalid(found)
        price = self.price(generation.resolution)
        name = person_name(person)
        made = self._rooms.store.add_jobs(
            name, generation, submit_id, images, price.credits if price else None, time.time()
        )
        self._rooms.tracker.wake()
        self.hub.publish({"jobs", f"person:{name}", "credits"})
        return made

    def cancel(self, job_id: str) -> bool:
        """Cancel a job that has not been sent, and say whether that was still possible. Costs nothing."""
        now = time.time()
        won = self._rooms.store.move(
            job_id, CANCELLABLE, State.CANCELLED, now, ended_at=now, next_at=None, problem=None
        )
        self._tell(job_id)
        return won

    def _reference_faults(self, generation: Generation) -> list[Fault]:
        known = self._rooms.store.references(generation.references)
        faults = [Fault("Reference images", reference.refusal) for reference in known if reference.refusal]
        if len(known) < len(set(generation.references)):
            faults.append(Fault("Reference images", "Remove the picture that is no longer here, or add it again."))
        return faults

    # -- references

    def incoming(self) -> Path:
        """Return a fresh name on this disk for bytes that are not whole yet."""
        return self._rooms.files.incoming()

    def add_reference(self, name: str, stream: IO[bytes]) -> Reference:
        """Keep a picture to send along, judged by its first bytes now and decoded in the background right after.

        Raises FileRefused with the reason; nothing is kept then.
        """
        seen = pictures.glance(stream)
        files, store = self._rooms.files, self._rooms.store
        try:
            stream.seek(0)
            part, sha256 = files.take_in(stream)
            file = files.keep_reference(part, sha256, pictures.EXTENSIONS[seen.kind])
        except OSError as error:
            raise FileRefused(NOT_SAVED) from error
        new = Reference(sha256, display_name(name), seen.kind, seen.width, seen.height, seen.bytes, file, time.time())
        kept = store.add_reference(new)
        if kept.refusal:
            raise FileRefused(kept.refusal)
        if kept.checked_at is None:
            self._rooms.tracker.check_reference(kept.id)
        return kept

    def add_result_as_reference(self, job_id: str) -> Reference:
        """Make a finished picture a reference. Raises FileRefused when it is gone or too large for the service."""
        job = self.job(job_id)
        path = self._rooms.files.path(job.file) if job and job.file else None
        if path is None or not path.exists():
            raise FileRefused(
                "The picture's file is no longer on this server, and no credits were spent: choose another one."
            )
        with path.open("rb") as stream:
            return self.add_reference(f"picture {job.id[:6]}{path.suffix}", stream)

    def references(self, ids: list[str] | tuple[str, ...]) -> list[Reference]:
        """Return those of these references that are here, in this order."""
        return self._rooms.store.references(ids)

    # -- looking

    def job(self, job_id: str) -> Job | None:
        """Return one job."""
        return self._rooms.store.job(job_id)

    def jobs(self, ids: list[str]) -> list[Job]:
        """Return those of these jobs that are here, newest first."""
        return self._rooms.store.jobs(ids)

    def recent_ids(self, person: str) -> list[str]:
        """Return the ids of a person's open jobs and of those that ended in the last hour, newest first."""
        return self._rooms.store.recent_ids(person_name(person), time.time() - RECENT_S)

    def page(self, number: int, size: int) -> list[Job]:
        """Return page `number` (from 1) of the history, newest first."""
        return self._rooms.store.page(number, size)

    def count(self) -> int:
        """Return how many jobs the history has."""
        return self._rooms.store.count()

    def moves(self, job_id: str) -> list[tuple[State, float]]:
        """Return every state of a job and when it was entered, oldest first."""
        return self._rooms.store.moves(job_id)

    def seconds_to_go(self, job: Job) -> float | None:
        """Guess from finished jobs of this resolution when the picture arrives; None without a basis."""
        usual = self._rooms.store.learned_duration(job.resolution)
        return None if usual is None or not job.accepted_at else max(0.0, job.accepted_at + usual - time.time())

    # -- pictures on pages

    def link(self, kind: str, owner_id: str) -> str:
        """Return a signed address for a file by kind, "thumbnail" (of a job or a reference) or "picture", and by the id of its owner."""
        return self._rooms.links.address(kind, owner_id)

    def open_link(self, token: str) -> Offer | None:
        """Return the file behind a signed address, or None when it is forged, too old, or the file is gone."""
        asked = self._rooms.links.read(token)
        return self._rooms.offer(*asked) if asked else None

    def file(self, job: Job) -> Path | None:
        """Return the picture of a job on this disk, or None when it is not there."""
        path = self._rooms.files.path(job.file) if job.file else None
        return path if path and path.exists() else None

    # -- what needs attention

    def attention(self) -> list[Job]:
        """Return the jobs that are paid, or may be, without their picture on our disk."""
        return self._rooms.store.attention()

    def attention_count(self) -> int:
        """Return how many jobs need a person's attention."""
        return self._rooms.store.attention_count()

    def look_again(self, job_id: str) -> None:
        """Look at a job's task now, whatever its state says. Costs nothing."""
        job, now = self.job(job_id), time.time()
        if job is None or not job.task_id:
            return
        store = self._rooms.store
        if job.state == State.FAILED:
            store.move(job_id, State.FAILED, State.RUNNING, now, next_at=now, ended_at=None, problem=None, settled=None)
        elif job.state == State.DONE:
            store.move(job_id, State.DONE, State.FETCHING, now, next_at=now, ended_at=None)
        else:
            store.note(job_id, job.state, next_at=now)
        self._rooms.tracker.wake()
        self._tell(job_id)

    def found_again(self, job_id: str, task_id: str) -> None:
        """Have the tracker check whether an unsure job's task is the one that a person found on the service's log page.

        Raises NothingSpent in words when that can't be a task id, or another job has it.
        """
        task_id = task_id.strip()
        if not _TASK_ID.fullmatch(task_id):
            raise NothingSpent("This is not a task id: copy it from the service's log page, letters and digits only.")
        if self._rooms.store.task_is_known(task_id):
            raise NothingSpent("Another job already has this task id: look for the one of this job.")
        self._name(job_id, task_id, "person")

    def job_of_callback(self, token: str) -> str | None:
        """Return the job that a callback's token stands for, or None when it is forged."""
        return self._rooms.links.read_callback(token)

    def called_back(self, job_id: str, task_id: str) -> None:
        """Take a callback as a reason to look, and for an unsure job as a hint to its task. Believes nothing else."""
        job = self.job(job_id)
        if job is None or not _TASK_ID.fullmatch(task_id):
            return
        if job.state in (State.RUNNING, State.FETCHING) and job.task_id == task_id:
            self.look_again(job_id)
        elif job.state in (State.SENDING, State.UNSURE) and not job.candidate:
            self._name(job_id, task_id, "callback")

    def _name(self, job_id: str, task_id: str, source: str) -> None:
        named = {"candidate": task_id, "candidate_from": source, "attempts": 0, "next_at": time.time()}
        for state in (State.SENDING, State.UNSURE):
            self._rooms.store.note(job_id, state, **named)
        self._rooms.tracker.wake()
        self._tell(job_id)

    def never_ran(self, job_id: str) -> None:
        """Take a person's word that an unsure job's task does not exist."""
        now = time.time()
        ended = {"problem": "NeverRan", "credits": 0.0, "ended_at": now, "next_at": None, "candidate": None}
        self._rooms.store.move(job_id, State.UNSURE, State.FAILED, now, **ended)
        self._tell(job_id)

    def give_up(self, job_id: str, reason: str) -> None:
        """Take a job off the list of what needs attention, with a person's reason. Its record and its cost stay."""
        job, now = self.job(job_id), time.time()
        if job is None or not job.needs_attention:
            return
        told = display_name(reason) if reason.strip() else "no reason given"
        if job.state in (State.FAILED, State.DONE):
            self._rooms.store.note(job_id, job.state, settled=told)
        else:
            ended = {"problem": "GivenUp", "ended_at": now, "next_at": None, "settled": told}
            self._rooms.store.move(job_id, job.state, State.FAILED, now, **ended)
        self._tell(job_id)

    def brake(self) -> Brake | None:
        """Return why new jobs wait after an incident, or None when they need not."""
        return self._rooms.store.brake()

    def try_now(self) -> None:
        """Have the service tried again at once, carefully: the balance first, then one job."""
        self._rooms.store.try_now(time.time())
        self._rooms.tracker.wake()
        self.hub.publish({"brake"})

    def seconds_to_turn(self, job: Job) -> float:
        """Guess when a queued job is sent, from the account's limit and the jobs that were asked for before it."""
        now, store = time.time(), self._rooms.store
        window_s = max(0.0, (store.window_frees_at(now) or now) - now)
        return window_s + store.queued_before(job) // SENDS_LIMIT * SENDS_WINDOW_S

    def _tell(self, job_id: str) -> None:
        job = self.job(job_id)
        if job:
            self.hub.publish({"jobs", f"person:{job.person}", "credits", "attention"})

    # -- money

    def balance(self) -> Balance | None:
        """Return the last reading of the balance, or None when there has been none."""
        return self._rooms.store.balance()

    def available(self) -> float | None:
        """Return the balance less what is queued or just sent, or None when the balance is unknown."""
        balance = self.balance()
        return None if balance is None else balance.credits - self._rooms.store.held()

    def refresh_balance(self) -> None:
        """Have the balance read now."""
        self._rooms.tracker.want_balance()

    def readings(self, since: float) -> list[Balance]:
        """Return the readings after a moment, oldest first."""
        return self._rooms.store.readings(since)

    def reconcile(self, since: float) -> Reconciliation:
        """Compare the readings after a moment with what our jobs cost."""
        readings = [Reading(reading.credits, reading.at) for reading in self.readings(since)]
        charges = self._rooms.store.charges(readings[0].at) if readings else []
        return reconcile(readings, charges)

    def credit_problem(self) -> StudioError | None:
        """Return why the last lookup of the balance failed, or None if it did not."""
        return self._rooms.tracker.credit_problem

    def price(self, resolution: str) -> Price | None:
        """Return the expected credits of one picture: learned from finished jobs, else listed, else None."""
        found = self._rooms.store.learned_price(resolution)
        return prices.learned(*found) if found else self._listed.listed(resolution)

    def urls(self) -> tuple[str, str]:
        """Return the addresses in use: the API's and the upload's."""
        return self._rooms.api_url, self._rooms.upload_url

    def check_hosts(self) -> None:
        """Find out in the background whether the two hosts answer."""
        self._rooms.tracker.do(self._check_hosts)

    def host_reports(self) -> dict[str, tuple[str, float]]:
        """Return for each address what was found out last ("" if it answers, else why not), and when."""
        return dict(self._hosts)

    def _check_hosts(self) -> None:
        for url in dict.fromkeys(self.urls()):
            self._hosts[url] = (self._rooms.client.reach(url), time.time())
        self.hub.publish({"hosts"})


def person_name(text: str) -> str:
    """Return a name as it is kept: one line, without control characters, 80 characters at most; nobody is "Guest"."""
    return " ".join("".join(_printable(character) for character in text).split())[:80].strip() or NOBODY


def display_name(name: str) -> str:
    """Return a file's name as it is shown: its last part, one line, 120 characters at most. It never becomes a path."""
    last = re.split(r"[/\\]", name)[-1]
    return " ".join("".join(_printable(character) for character in last).split())[:120] or "picture"


def _printable(character: str) -> str:
    """Replace control characters and the marks that turn the reading direction, which can make a name lie."""
    return " " if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") else character
