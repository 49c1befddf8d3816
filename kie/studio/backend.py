"""The components that are open at a time: those of the real service or of the sandbox, with a database and files of their own."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from kie.backup.data_folder import place_of
from kie.client import Client
from kie.images.decoder import Decoder
from kie.images.files import Files
from kie.sandbox import Sandbox
from kie.settings import Settings
from kie.signed_urls import CALLBACKS, SignedUrls
from kie.store import Store
from kie.worker.tracker import Tracker

SANDBOX_KEY = "the-key-of-the-sandbox"


@dataclass
class Backend:
    """Store, files, client, decoder and tracker of one service."""

    store: Store
    files: Files
    client: Client
    decoder: Decoder
    tracker: Tracker
    is_sandbox: bool  # Where nothing is paid.
    hosts: tuple[str, str]  # The URLs of the API and of the upload.
    urls: SignedUrls
    opened: ExitStack  # Closes the last opened first.

    @classmethod
    def open(cls, settings: Settings, sandbox: bool, publish: Callable[[set[str]], None]) -> "Backend":
        """Open the components for the real service or the sandbox. Raises SettingsInvalid; nothing is left open then."""
        place = place_of(settings, sandbox)
        files = Files(place.root, settings.disk_reserve_bytes)
        files.open()
        store = Store(place.url, settings.timing, partial(publish, {"jobs", "annotations"}))
        with ExitStack() as opened:
            store.open()
            opened.callback(store.close)
            local = opened.enter_context(Sandbox(place.root / "service")) if sandbox else None
            api_url, upload_url = (local.url, local.url) if local else (settings.api_url, settings.upload_url)
            urls = SignedUrls(store.secret())

            def callback_url(job_id: str) -> str | None:
                return f"{settings.public_url}{CALLBACKS}{urls.callback_token(job_id)}" if settings.public_url else None

            key = (lambda: SANDBOX_KEY) if local else (lambda: settings.key().value)
            client = Client(api_url, upload_url, key, timing=settings.timing)
            opened.callback(client.close)
            decoder = Decoder()
            opened.callback(decoder.close)
            # The sandbox's port changes at each start but its uploads stay, so they are recorded under a fixed host name.
            upload_host = "sandbox" if local else upload_url
            tracker = Tracker(store, files, client, decoder, upload_host, publish, callback_url, settings.timing)
            tracker.start()
            opened.callback(tracker.stop)
            tracker.do(store.search.prepare)
            hosts = (api_url, upload_url)
            return cls(store, files, client, decoder, tracker, sandbox, hosts, urls, opened.pop_all())

    def close(self) -> None:
        """Close all components within 5 s, the tracker first."""
        self.opened.close()
