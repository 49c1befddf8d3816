"""Publish/subscribe for changes: topics are published to listeners.

Topics are short texts: "jobs", "person:Ann", "readings", "credits", "references", "annotations", "hosts", "key",
"attention", "incidents", "integrity".
"""

import threading
from collections.abc import Callable

Listener = Callable[[set[str]], None]


class Events:
    """Calls all listeners with the topics of each change. Thread-safe."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the topics of every change from now on. Returns a function that unsubscribes it."""
        with self._lock:
            self._listeners.append(listener)

        def leave() -> None:
            with self._lock:
                self._listeners.remove(listener)

        return leave

    def publish(self, topics: set[str]) -> None:
        """Call all listeners with the topics of a change."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(topics)
