"""A pool of daemon threads for one kind of work."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

Step = Callable[[], "Next | None"]


@dataclass(frozen=True)
class Next:
    """The next step of a job and the pool to run it in. Returned by a step."""

    pool: str
    step: Step


class DaemonPool:
    """A pool of daemon threads.

    `concurrent.futures` is not used: Python waits for its threads at exit, so one unresponsive connection would delay
    the end of the server by a minute.
    """

    def __init__(self, name: str, count: int):
        self._tasks: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        names = (f"{name}-{number}" for number in range(count))
        self._threads = [threading.Thread(target=self._run, name=each, daemon=True) for each in names]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def do(self, task: Callable[[], object]) -> None:
        """Run `task` as soon as a thread is free. It must handle its own exceptions."""
        self._tasks.put(task)

    def end(self) -> None:
        """Have each thread end after its current task."""
        for _ in self._threads:
            self._tasks.put(None)

    def join(self, until: float) -> bool:
        """Wait for the threads until the monotonic time `until`. Returns whether all have ended."""
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
