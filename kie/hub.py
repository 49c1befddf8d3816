"""Who wants to know that something changed: topics in, listeners called; and when each changed last.

Topics are short texts: "jobs", "person:Ann", "readings", "credits", "references", "hosts", "key", "attention", "incidents", "care".
"""

import threading
import time
from collections.abc import Callable

Listener = Callable[[set[str]], None]


class Hub:
    """Passes topics on to every listener, from whatever thread they come.

    Each change has a number that is larger than those of all changes before it, in servers that ran before this one, too.
    Whoever takes the `number` before looking, and finds a larger one at a topic later, has to look again.
    """

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        self.since = self.number = _milliseconds()
        self._changes: dict[str, int] = {}

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the topics of every change from now on; the returned function ends that."""
        with self._lock:
            self._listeners.append(listener)

        def leave() -> None:
            with self._lock:
                self._listeners.remove(listener)

        return leave

    def publish(self, topics: set[str]) -> None:
        """Tell everybody that these changed."""
        with self._lock:
            self.number = max(self.number + 1, _milliseconds())
            self._changes.update(dict.fromkeys(topics, self.number))
            listeners = list(self._listeners)
        for listener in listeners:
            listener(topics)

    def changes(self) -> dict[str, int]:
        """Return the number of each topic's last change. What has not changed since this server began is not in it."""
        with self._lock:
            return dict(self._changes)


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
