"""The object that pages use. It opens and closes all components, and names its parts.

    Studio ── Backend: Store, Files, Client, Tracker    for the real service, with a key
           └─ Backend: the same and a Sandbox           without a key; with a database and files of their own

No part accesses the network: pages read and write rows, and the tracker does the work.
"""

import logging
import threading
import time
from typing import ClassVar

from sqlalchemy.exc import SQLAlchemyError

from kie.errors import KeyMissing, SettingsInvalid
from kie.events import Events
from kie.images.files import Files
from kie.settings import Settings
from kie.store import Store
from kie.store.jobs import Jobs
from kie.store.ledger import Ledger
from kie.store.library import Library
from kie.store.search import JobSearch
from kie.studio.annotations import Annotations
from kie.studio.attention import Attention
from kie.studio.backend import Backend
from kie.studio.context import Context
from kie.studio.diagnostics import Diagnostics
from kie.studio.estimates import Estimates
from kie.studio.exports import Exports
from kie.studio.references import References
from kie.studio.submissions import Submissions

log = logging.getLogger(__name__)


class Studio:
    """All operations for pages. One per server process, opened before the first visitor."""

    _current: ClassVar["Studio | None"] = None

    def __init__(self, settings: Settings):
        self.settings = settings
        self._context = context = Context(settings)
        self.estimates = Estimates(context)
        self.references = References(context)
        self.submissions = Submissions(context, self.estimates)
        self.annotations = Annotations(context)
        self.attention = Attention(context)
        self.diagnostics = Diagnostics(context)
        self.exports = Exports(context)
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._watch_key, name="keeper", daemon=True)

    @property
    def events(self) -> Events:
        """Where changes are published."""
        return self._context.events

    @property
    def backend(self) -> Backend:
        """The open components: of the real service, or of the sandbox."""
        return self._context.backend

    @property
    def store(self) -> Store:
        """The store of the open backend. Pages read from it; what must be published they change through the other parts."""
        return self.backend.store

    @property
    def jobs(self) -> Jobs:
        """The jobs in the store."""
        return self.store.jobs

    @property
    def search(self) -> JobSearch:
        """The search in the history."""
        return self.store.search

    @property
    def library(self) -> Library:
        """Templates, presets, projects, past prompts and drafts."""
        return self.store.library

    @property
    def credits(self) -> Ledger:
        """The balance, what is held, and what was spent."""
        return self.store.ledger

    @property
    def files(self) -> Files:
        """The files of the open backend."""
        return self.backend.files

    def open(self) -> "Studio":
        """Open the components according to the settings and start the tracker. Raises SettingsInvalid."""
        self._context.backend = Backend.open(self.settings, self.settings.wants_sandbox(), self._context.publish)
        self._key_value = self.settings.key().value
        self._keeper.start()
        Studio._current = self
        return self

    def close(self) -> None:
        """Stop within 5 s. The next start continues the open jobs."""
        self._closing.set()
        self._keeper.join()
        self.backend.close()
        if Studio._current is self:
            Studio._current = None

    def __enter__(self) -> "Studio":
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    @classmethod
    def current(cls) -> "Studio":
        """Return the studio of this process. Raises RuntimeError when none is open."""
        if cls._current is None:
            raise RuntimeError("no studio is open: start the server with `streamlit run app.py`")
        return cls._current

    def _watch_key(self) -> None:
        """Apply a changed key without a restart: read the balance, or change between the service and the sandbox."""
        seen = self.backend.is_sandbox
        while not self._closing.wait(self.settings.timing.key_look_s):
            value, sandbox = self.settings.key().value, self.settings.wants_sandbox()
            # Editors truncate a file before they write it, so a missing key must be seen twice.
            if sandbox == seen != self.backend.is_sandbox:
                self._change_backend(sandbox)
            elif value != self._key_value or (value and isinstance(self.backend.tracker.credit_problem, KeyMissing)):
                self.backend.store.breaker.try_now(time.time())
                self.backend.tracker.want_balance()
            self._key_value, seen = value, sandbox

    def _change_backend(self, sandbox: bool) -> None:
        context = self._context
        try:
            left, context.backend = context.backend, Backend.open(self.settings, sandbox, context.publish)
            context.publish({"jobs", "readings", "credits", "hosts", "key", "incidents"})
            left.close()
        except (SettingsInvalid, SQLAlchemyError, OSError):
            log.exception("the change between the service and the sandbox did not work; trying again")
