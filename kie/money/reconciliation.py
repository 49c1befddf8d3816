"""Reconciliation of the balance with the costs of our jobs.

    reading ──── our charges ──── reading ──── our charges ──── reading
       └── difference = decrease of the balance − cost of our jobs ──────┘

The balance decreases when a task is created; a failed task is refunded when it ends. Reading the balance takes time,
too. Therefore only readings are compared during which no charge of ours could change. A difference that the next
reading reverses is ignored, too: older readings only have their end time, and a charge may be visible before its task.

The decrease is compared with the least and the most that our jobs can have cost. What lies between is no difference.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

LEAST = 0.5


@dataclass(frozen=True)
class BalanceReading:
    """A balance in credits, valid at some time between the start and the end of its request (Unix times)."""

    credits: float
    began: float
    at: float


@dataclass(frozen=True)
class Charge:
    """The effect of a job on the balance: the period in which it can change, and its least and most credits.

    `until` is infinite while the effect can still change; `most` is infinite if no price is known.
    """

    since: float
    until: float
    least: float
    most: float


@dataclass(frozen=True)
class Difference:
    """Credits spent (or, if negative, received) between two readings that jobs of ours can't explain."""

    credits: float
    since: float
    until: float


@dataclass(frozen=True)
class Reconciliation:
    """The differences found, oldest first, the period compared, and the number of charges in it with unknown credits."""

    differences: tuple[Difference, ...]
    since: float | None
    until: float | None
    unknown: int


def reconcile(readings: Sequence[BalanceReading], charges: Sequence[Charge]) -> Reconciliation:
    """Compare readings, oldest first, with the charges of our jobs."""
    charges = sorted(charges, key=lambda charge: charge.since)
    begins = [charge.since for charge in charges]
    # Until when a charge that has begun can move the balance, the latest of all that began so far.
    latest = list(accumulate((charge.until for charge in charges), max))

    def is_quiet(reading: BalanceReading) -> bool:
        begun = bisect_right(begins, reading.at)
        return not begun or latest[begun - 1] < reading.began

    quiet = [reading for reading in readings if is_quiet(reading)]
    if not quiet:
        return Reconciliation((), None, None, 0)

    def between(before: BalanceReading, after: BalanceReading) -> Sequence[Charge]:
        return charges[bisect_right(begins, before.at) : bisect_right(begins, after.at)]

    def compare(before: BalanceReading, after: BalanceReading) -> Difference:
        within, fell = between(before, after), before.credits - after.credits
        least, most = sum(charge.least for charge in within), sum(charge.most for charge in within)
        return Difference(round(fell - min(max(fell, least), most), 2), before.began, after.at)

    unknown = sum(charge.least != charge.most for charge in between(quiet[0], quiet[-1]))
    return Reconciliation(tuple(_lasting(quiet, compare)), quiet[0].at, quiet[-1].at, unknown)


def _lasting(
    readings: Sequence[BalanceReading], compare: Callable[[BalanceReading, BalanceReading], Difference]
) -> Iterator[Difference]:
    """Yield the differences between consecutive readings, except those that the next reading reverses."""
    at = 0
    while at + 1 < len(readings):
        step = compare(readings[at], readings[at + 1])
        is_apart, has_next = abs(step.credits) >= LEAST, at + 2 < len(readings)
        if is_apart and has_next and abs(compare(readings[at], readings[at + 2]).credits) < LEAST:
            at += 2
            continue
        if is_apart:
            yield step
        at += 1
