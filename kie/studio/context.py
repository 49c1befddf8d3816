"""What all parts of the studio share: the open backend, the settings, the price list, and the events."""

import threading
from collections.abc import Callable
from typing import Any

from kie.events import Events
from kie.money.prices import price_list
from kie.settings import Settings
from kie.studio.backend import Backend


class Context:
    """Shared by all parts of a studio. The backend is set when the studio is opened, and changes with the key."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.events = Events()
        self.prices = price_list(settings.root / "config" / "prices.toml")
        self._published: dict[str, Any] = {}
        self._publishing = threading.Lock()

    def use(self, backend: Backend) -> None:
        """Work with this backend from now on."""
        self.store, self.files = backend.store, backend.files
        self.client, self.tracker = backend.client, backend.tracker
        self.backend = backend

    def publish_job(self, job_id: str) -> None:
        """Publish that a person or a callback has changed a job, which may change the reserved credits."""
        self.tracker.publish_job(job_id)
        self.publish({"credits"})

    def publish(self, topics: set[str]) -> None:
        """Publish topics to the pages. A topic that represents a figure is skipped while the figure is unchanged."""
        with self._publishing:
            now = {name: read() for name, read in self._figures().items() if name in topics}
            same = {name for name, figure in now.items() if name in self._published and self._published[name] == figure}
            self._published |= now
            self.events.publish(topics - same)

    def _figures(self) -> dict[str, Callable[[], Any]]:
        """Return, for each topic that represents a figure, the function that reads what pages show of it."""
        if not hasattr(self, "backend"):
            return {}  # Still being opened.
        backend, store, problem = self.backend, self.backend.store, type(self.backend.tracker.credit_problem)
        return {
            "credits": lambda: (getattr(store.ledger.balance(), "credits", None), store.ledger.reserved(), problem),
            "incidents": lambda: (store.breaker.current(), store.jobs.attention_count()),
            "key": lambda: (backend.is_sandbox, self.settings.key(), problem),
        }
