"""Who wants to know that something changed: topics in, listeners called.

Topics are short texts: "jobs", "person:Ann", "credits", "references", "hosts", "key", "attention", "brake", "care".
"""

import threading
from collections.abc import Callable

Listener = Callable[[set[str]], None]


class Hub:
    """Passes topics on to every listener, from whatever thread they come."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()

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
            listeners = list(self._listeners)
        for listener in listeners:
            listener(topics)
