"""Publish/subscribe for changes: topics are published to listeners, and each topic has the number of its last change.

Topics are short texts: "jobs", "person:Ann", "readings", "credits", "references", "annotations", "hosts", "key",
"attention", "incidents", "integrity".
"""

import threading
import time
from collections.abc import Callable

Listener = Callable[[set[str]], None]


class Events:
    """Calls all listeners with the topics of each change. Thread-safe.

    Each change has a number larger than those of all earlier changes, also of earlier servers. A reader that notes
    `number` before reading must read again when a topic later has a larger number.
    """

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        self.since = self.number = _milliseconds()
        self._changes: dict[str, int] = {}

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the topics of every change from now on. Returns a function that unsubscribes it."""
        with self._lock:
            self._listeners.append(listener)

        def leave() -> None:
            with self._lock:
                self._listeners.remove(listener)

        return leave

    def publish(self, topics: set[str]) -> None:
        """Number a change of these topics and call all listeners."""
        with self._lock:
            self.number = max(self.number + 1, _milliseconds())
            self._changes.update(dict.fromkeys(topics, self.number))
            listeners = list(self._listeners)
        for listener in listeners:
            listener(topics)

    def changes(self) -> dict[str, int]:
        """Return the number of each topic's last change. Topics that have not changed since the server started are absent."""
        with self._lock:
            return dict(self._changes)


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
