"""A few threads that do the network's work."""

import queue
import threading
from collections.abc import Callable


class Workers:
    """A pool of daemon threads.

    Not `concurrent.futures`: its threads are waited for when Python ends, so one silent connection would hold the
    server for a minute after it was told to stop.
    """

    def __init__(self, name: str, count: int):
        self._name, self._count = name, count
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads."""
        self._threads = [
            threading.Thread(target=self._run, name=f"{self._name}-{number}", daemon=True)
            for number in range(self._count)
        ]
        for thread in self._threads:
            thread.start()

    def do(self, task: Callable[[], None]) -> None:
        """Run `task` as soon as a thread is free. It must deal with its own errors."""
        self._tasks.put(task)

    def stop(self, until: float, now: Callable[[], float]) -> bool:
        """Let what runs end until that moment of the clock `now`, and say whether all has ended."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(max(0.0, until - now()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
