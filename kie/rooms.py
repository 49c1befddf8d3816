"""What the studio has open at one time: the service, or the sandbox, each with a database and files of its own."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from kie import pictures
from kie.client import Client
from kie.database import file_url
from kie.files import Files
from kie.links import CALLBACKS, Links, Offer
from kie.sandbox import Sandbox
from kie.settings import Settings
from kie.store import Store
from kie.tracker import Tracker

SANDBOX_KEY = "the-key-of-the-sandbox"


@dataclass
class Rooms:
    """Store, files, client and tracker that belong together."""

    store: Store
    files: Files
    client: Client
    tracker: Tracker
    sandbox: Sandbox | None
    api_url: str
    upload_url: str
    links: Links

    @classmethod
    def open(cls, settings: Settings, sandbox: bool, publish: Callable[[set[str]], None]) -> "Rooms":
        """Open the real service's rooms or the sandbox's. Raises SettingsInvalid, in words, with nothing left open."""
        root = settings.data_dir / "sandbox" if sandbox else settings.data_dir
        files = Files(root)
        files.open()
        default_url = file_url(root / "studio.sqlite3")
        store = Store(default_url if sandbox else settings.database_url or default_url)
        with ExitStack() as opened:
            store.open()
            opened.callback(store.close)
            local = opened.enter_context(Sandbox(root / "service")) if sandbox else None
            api_url, upload_url = (local.url, local.url) if local else (settings.api_url, settings.upload_url)
            key = (lambda: SANDBOX_KEY) if local else (lambda: settings.key().value)
            client = Client(api_url, upload_url, key)
            # The sandbox's port changes with each start, its uploads stay: so its host has a name of its own.
            links = Links(store.secret())
            callback_url = partial(_callback_url, settings.public_url, links)
            tracker = Tracker(store, files, client, "sandbox" if local else upload_url, publish, callback_url)
            tracker.start()
            tracker.do(store.prepare)
            opened.pop_all()
        return cls(store, files, client, tracker, local, api_url, upload_url, links)

    def close(self) -> None:
        """Close everything, the tracker first; within 5 s."""
        with ExitStack() as left:
            if self.sandbox:
                left.callback(self.sandbox.stop)
            left.callback(self.store.close)
            left.callback(self.client.close)
            self.tracker.stop()

    def offer(self, kind: str, owner_id: str) -> Offer | None:
        """Return a file by kind and owner, or None when it is not there."""
        if kind == "thumbnail":
            path, mime_type = self.files.thumbnail(owner_id), "image/webp"
        elif kind == "picture":
            job = self.store.job(owner_id)
            if job is None or not job.file:
                return None
            path, mime_type = self.files.path(job.file), pictures.MIME_TYPES[job.file_kind]
        else:
            return None
        return Offer(path, mime_type) if path.exists() else None


def _callback_url(public_url: str, links: Links, job_id: str) -> str | None:
    """Return where the service shall call when this job's task ends, or None when it can't reach us."""
    return f"{public_url}{CALLBACKS}{links.callback_token(job_id)}" if public_url else None
