"""Task ended → seen, and status reads per task: 500 replayed durations, against a look each 3 seconds and the rule without learning.

Bounds: 1 s late in the mean, with fewer reads than a look each 3 seconds.
"""

import math
import random
from collections.abc import Callable
from functools import partial

from kie.store.jobs import DURATIONS_FROM
from kie.timing import Timing
from kie.worker import backoff

DURATIONS = 500
MEDIAN_S, SPREAD = 55.0, 0.35
TIMING = Timing()

Wait = Callable[[float], float]


def run() -> None:
    """Print the mean delay in seconds and the reads of each rule, for the tasks of 30 to 90 seconds."""
    drawn = random.Random(7)
    durations = [drawn.lognormvariate(math.log(MEDIAN_S), SPREAD) for _ in range(DURATIONS)]
    rules: dict[str, Callable[[list[float]], Wait]] = {
        "learned": learned,
        "not learned": lambda _: partial(backoff.next_poll, TIMING),
        "each 3 s": lambda _: lambda _: 3.0,
    }
    for name, rule in rules.items():
        bound = " (bounds 1 s, and fewer reads than each 3 s)" if rule is learned else ""
        seen = [replay(duration, rule(durations[:at])) for at, duration in enumerate(durations) if 30 <= duration <= 90]
        late, reads = (sum(column) / len(seen) for column in zip(*seen, strict=True))
        print(f"  {name:12} {late:.2f} s late in the mean, {reads:.1f} reads, of {len(seen)} tasks{bound}")


def learned(known: list[float]) -> Wait:
    """Return the rule that learns from as many recent tasks as the studio reads."""
    ages = backoff.poll_ages(TIMING, known[-DURATIONS_FROM:])
    return lambda age_s: backoff.next_poll(TIMING, age_s, ages)


def replay(duration_s: float, wait: Wait) -> tuple[float, int]:
    """Return the delay in seconds until the end of a task is seen, and the number of reads."""
    age_s, reads = TIMING.first_poll_s, 1
    while age_s < duration_s:
        age_s, reads = age_s + wait(age_s), reads + 1
    return age_s - duration_s, reads
