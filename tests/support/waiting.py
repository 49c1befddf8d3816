"""Waits for what another thread or process is about to do."""

import time
from collections.abc import Callable

# Each look takes processor time from the studio under test.
LOOK_AGAIN_S = 0.03


def until(found: Callable[[], object], seconds: float = 120) -> object:
    """Call a function until it returns a true value, and return that. Raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(LOOK_AGAIN_S)
    raise AssertionError(f"Nothing came within {seconds} seconds.")
