"""When to poll a task next, and when to retry a download."""

import math
from bisect import bisect_right
from collections.abc import Sequence

from kie.timing import Timing

# The minimum number of done jobs for a polling plan.
LEARN_FROM = 5
# Minimum interval between two polls. More polls would cost reads and gain little.
FASTEST_POLL_S = 0.5
# The interval between two polls is this divided by the square root of the hazard rate per second.
POLL_SPACING = 0.28


def poll_ages(timing: Timing, durations: Sequence[float]) -> tuple[float, ...]:
    """Return the task ages in seconds at which to poll, from the durations of recent tasks; () when there are too few.

    Polls are dense where tasks are likely to end and sparse elsewhere. Their density is proportional to the square root
    of the hazard rate, which minimises the mean delay for a given number of polls.
    """
    if len(durations) < LEARN_FROM:
        return ()
    known = sorted(durations)
    width_s = max(FASTEST_POLL_S, 0.12 * known[len(known) // 2])
    step_s = min(timing.slowest_poll_s, max(FASTEST_POLL_S, known[-1] / 100)) / 2
    ages, age_s, last_s, due = [], 0.0, 0.0, 0.0
    while age_s < known[-1] + width_s:
        age_s += step_s
        ending = bisect_right(known, age_s + width_s) - bisect_right(known, age_s - width_s)
        left = len(known) - bisect_right(known, age_s)
        hazard = ending / (2 * width_s) / (left + 1)
        due += math.sqrt(hazard) * step_s
        waited_s = age_s - last_s
        if waited_s >= timing.slowest_poll_s or (due >= POLL_SPACING and waited_s >= FASTEST_POLL_S):
            ages.append(age_s)
            last_s, due = age_s, 0.0
    return tuple(ages)


def next_poll(timing: Timing, age_s: float, ages: Sequence[float] = ()) -> float:
    """Return the seconds until the next poll of a task of age `age_s`: at the next of `ages`, if there is one.

    Otherwise 2 seconds at first, growing to 10, and a minute after 15 minutes.
    """
    if planned := ages[bisect_right(ages, age_s + 0.1) :]:
        return planned[0] - age_s
    return min(timing.slowest_poll_s, timing.first_poll_s + age_s / 30) if age_s < timing.patient_s else 60.0


def next_fetch(timing: Timing, age_s: float, attempts: int) -> float:
    """Return the seconds until a failed download is retried: exponential backoff up to a minute, at least the polling interval."""
    return max(next_poll(timing, age_s), min(60.0, timing.fetch_retry_s * 2 ** min(attempts, 10)))
