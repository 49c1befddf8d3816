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
from kie.settings import Settings
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
    """All operations for pages. One per server process, opened before the first visitor.

    Pages use the `store` of the open `backend`, and its `jobs`, `search`, `library`, `annotations` and `credits` (the ledger).
    Everything else they change through the other parts, which publish it.
    """

    _current: ClassVar["Studio | None"] = None

    def __init__(self, settings: Settings):
        self.settings = settings
        self._context = context = Context(settings)
        self.events = context.events
        self.estimates = Estimates(context)
        self.references = References(context)
        self.submissions = Submissions(context, self.estimates)
        self.attention = Attention(context)
        self.diagnostics = Diagnostics(context)
        self.exports = Exports(context)
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._watch_key, name="keeper", daemon=True)

    def open(self) -> "Studio":
        """Open the components according to the settings and start the tracker. Raises SettingsInvalid."""
        self._use(Backend.open(self.settings, self.settings.wants_sandbox(), self._context.publish))
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

    def _use(self, backend: Backend) -> None:
        self._context.use(backend)
        self.backend, self.store, self.files = backend, backend.store, backend.files
        self.jobs, self.search = self.store.jobs, self.store.search
        self.library, self.credits, self.annotations = self.store.library, self.store.ledger, self.store.annotations

    def _watch_key(self) -> None:
        """Apply a changed key without a restart: read the balance, or change between the service and the sandbox."""
        sandbox = self.backend.is_sandbox
        while not self._closing.wait(self.settings.timing.key_check_s):
            value, seen, sandbox = self.settings.key().value, sandbox, self.settings.wants_sandbox()
            left = self.backend
            try:
                # Editors truncate a file before they write it, so a missing key must be seen twice.
                if sandbox == seen != left.is_sandbox:
                    self._use(Backend.open(self.settings, sandbox, self._context.publish))
                    # Without comparing figures, because reading them could fail before the other backend is closed.
                    self.events.publish({"jobs", "readings", "credits", "hosts", "key", "incidents"})
                    left.close()
                elif value != self._key_value or (value and isinstance(left.tracker.credit_problem, KeyMissing)):
                    left.store.breaker.try_now(time.time())
                    left.tracker.want_balance()
                self._key_value = value
            except (SettingsInvalid, SQLAlchemyError, OSError):
                log.exception("a change of the key could not be applied; trying again")
