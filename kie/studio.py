"""The one object that pages talk to; it opens and closes everything below.

    Studio ── Rooms: Store, Files, Client, Tracker    on the service, with a key
           └─ Rooms: the same four, and a Sandbox     without one; a database and files of their own

Nothing here touches the network: a page writes a row or reads one, and the tracker does the rest.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar

from sqlalchemy.exc import SQLAlchemyError

from kie import mending, pictures
from kie.asking import Asking
from kie.browsing import Browsing
from kie.caring import Caring
from kie.errors import FileRefused, KeyMissing, SettingsInvalid, StudioError
from kie.hub import Hub
from kie.jobs import Job, State
from kie.keeping import Keeping
from kie.links import Offer
from kie.names import display_name, person_name
from kie.prices import PriceList
from kie.reconciliation import Reading, Reconciliation, reconcile
from kie.rooms import Rooms
from kie.settings import Key, Settings
from kie.shelf import Shelf
from kie.store import Balance, Reference
from kie.taking import Taking

log = logging.getLogger(__name__)

NOT_SAVED = (
    "This picture could not be saved on the server's disk, so nothing was sent and no credits were spent: "
    "tell whoever keeps the server."
)
RECENT_S = 3600.0
KEY_LOOK_S = 1.0


class Studio(Asking, Browsing, Caring, Keeping, Shelf, Taking):
    """Everything a page may ask for or do. One per server process, opened before the first visitor."""

    _current: ClassVar["Studio | None"] = None

    def __init__(self, settings: Settings):
        super().__init__()
        self.settings = settings
        self.hub = Hub()
        self._listed = PriceList(settings.root / "config" / "prices.toml")
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._watch_key, name="keeper", daemon=True)
        self._hosts: dict[str, tuple[str, float]] = {}

    # -- opening and closing

    def open(self) -> "Studio":
        """Open the rooms that the settings ask for and start working. Raises SettingsInvalid, in words."""
        self._rooms = Rooms.open(self.settings, self.settings.wants_sandbox(), self._publish)
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
            left, self._rooms = self._rooms, Rooms.open(self.settings, sandbox, self._publish)
            self._publish({"jobs", "readings", "credits", "hosts", "key", "incidents"})
            left.close()
        except (SettingsInvalid, SQLAlchemyError, OSError):
            log.exception("the change between the service and the sandbox did not work; trying again")

    # -- references

    def incoming(self) -> Path:
        """Return a fresh name on this disk for bytes that are not whole yet."""
        return self._rooms.files.incoming()

    def add_reference(self, name: str, stream: IO[bytes]) -> Reference:
        """Keep a picture to send along, made right if the service would not take it as it is, checked right after.

        Making it right decodes it and may take a minute: never in a page's run.
        Raises FileRefused with the reason; nothing is kept then.
        """
        right = self.incoming()
        try:
            changed = mending.make_right(stream, right)
            if changed is None:
                return self._keep_reference(name, stream)
            with right.open("rb") as made:
                return self._keep_reference(name, made, changed)
        except OSError as error:
            raise FileRefused(NOT_SAVED) from error
        finally:
            right.unlink(missing_ok=True)

    def _keep_reference(self, name: str, stream: IO[bytes], changed: str | None = None) -> Reference:
        seen = pictures.glance(stream)
        files, store = self._rooms.files, self._rooms.store
        stream.seek(0)
        part, sha256 = files.take_in(stream)
        for known in store.references([sha256]):
            if not files.path(known.file).exists():  # what was found out about the file that is gone holds no longer
                store.change_reference(sha256, checked_at=None, refusal=None)
        file = files.keep_reference(part, sha256, pictures.EXTENSIONS[seen.kind])
        found = (seen.kind, seen.width, seen.height, seen.bytes, file)
        kept = store.add_reference(Reference(sha256, display_name(name), *found, time.time(), changed=changed))
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
        try:
            with path.open("rb") as stream:
                kept = self._keep_reference(f"picture {job.id[:6]}{path.suffix}", stream)
            self._rooms.store.change_reference(kept.id, job_id=job.id)
            return kept
        except OSError as error:
            raise FileRefused(NOT_SAVED) from error

    def is_here(self, reference: Reference) -> bool:
        """Say whether a reference's file is still on this server's disk."""
        return self._rooms.files.path(reference.file).exists()

    def references(self, ids: list[str] | tuple[str, ...]) -> list[Reference]:
        """Return those of these references that are here, in this order."""
        return self._rooms.store.references(ids)

    # -- looking

    def jobs(self, ids: list[str]) -> list[Job]:
        """Return those of these jobs that are here, newest first."""
        return self._rooms.store.jobs(ids)

    def recent_ids(self, person: str) -> list[str]:
        """Return the ids of a person's open jobs and of those that ended in the last hour, newest first."""
        return self._rooms.store.recent_ids(person_name(person), time.time() - RECENT_S)

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

    # -- money

    def balance(self) -> Balance | None:
        """Return the last reading of the balance, or None when there has been none."""
        return self._rooms.store.balance()

    def available(self) -> float | None:
        """Return the balance less what is queued or just sent, or None when the balance is unknown."""
        return self._rooms.store.free()

    def held(self) -> float:
        """Return the expected credits of what is queued or just sent, which the last reading can't know of."""
        return self._rooms.store.held()

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

    def urls(self) -> tuple[str, str]:
        """Return the addresses in use: the API's and the upload's."""
        return self._rooms.api_url, self._rooms.upload_url

    def check_hosts(self) -> None:
        """Find out in the background whether the two hosts answer."""
        self._rooms.tracker.do(self._check_hosts)

    def host_reports(self) -> dict[str, tuple[str, float]]:
        """Return for each address what was found out last ("" if it answers, else why not), and when."""
        return dict(self._hosts)

    def _figures(self) -> dict[str, Callable[[], Any]]:
        if not hasattr(self, "_rooms"):
            return {}  # they are just being opened
        store, problem = self._rooms.store, type(self.credit_problem())
        return {
            "credits": lambda: (store.free_and_held(), problem),
            "incidents": lambda: (store.brake(), store.attention_count()),
            "key": lambda: (self.is_sandbox, self.key(), problem),
        }

    def _check_hosts(self) -> None:
        for url in dict.fromkeys(self.urls()):
            self._hosts[url] = (self._rooms.client.reach(url), time.time())
        self.hub.publish({"hosts"})
