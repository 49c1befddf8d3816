"""Does the balance agree with what our own jobs cost? If not, since when, and by how much.

    reading ──── our charges ──── reading ──── our charges ──── reading
       └── difference = what the balance fell by − what our jobs cost ──┘

The balance falls when a task is created, and a failed task gives its credits back when it ends. So only a reading at which
no request was on its way and no task was about to fail can be compared; the ones between are passed over. So is one that the
next takes back: a charge overtook its lookup.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

LEAST = 0.5


@dataclass(frozen=True)
class Reading:
    """What the balance was at a Unix time."""

    credits: float
    at: float


@dataclass(frozen=True)
class Charge:
    """What a job did to the balance: when it was sent, accepted and ended, and its credits, None if nobody knows."""

    sent_at: float
    accepted_at: float | None
    ended_at: float | None
    has_failed: bool
    credits: float | None


@dataclass(frozen=True)
class Difference:
    """Credits that went (or, negative, came) without a job of ours, between two readings; `unsure` jobs may explain it."""

    credits: float
    since: float
    until: float
    unsure: int


@dataclass(frozen=True)
class Reconciliation:
    """The differences found, oldest first, the span compared, and how many charges are not known for sure."""

    differences: tuple[Difference, ...]
    since: float | None
    until: float | None
    unknown: int


def reconcile(readings: Sequence[Reading], charges: Sequence[Charge]) -> Reconciliation:
    """Compare readings (oldest first) with the charges of our jobs."""
    charges = sorted(charges, key=lambda charge: charge.sent_at)
    moving = _Spans((charge.sent_at, _settled_at(charge)) for charge in charges if charge.accepted_at is not None)
    quiet = [reading for reading in readings if reading.at not in moving]
    sent_at = [charge.sent_at for charge in charges]

    def compare(before: Reading, after: Reading) -> Difference:
        within = charges[bisect_right(sent_at, before.at) : bisect_right(sent_at, after.at)]
        return _compare(before, after, within)

    return Reconciliation(
        tuple(_lasting(quiet, compare)),
        quiet[0].at if quiet else None,
        quiet[-1].at if quiet else None,
        sum(charge.accepted_at is not None and charge.credits is None for charge in charges),
    )


def _lasting(readings: Sequence[Reading], compare: Callable[[Reading, Reading], Difference]) -> Iterator[Difference]:
    """Yield the differences from reading to reading, but for one that the next reading takes back."""
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


def _settled_at(charge: Charge) -> float:
    """From when on every reading has seen the charge, and none sees one that is given back later."""
    return charge.ended_at if charge.has_failed and charge.ended_at else charge.accepted_at


def _compare(before: Reading, after: Reading, within: Sequence[Charge]) -> Difference:
    ours = sum(charge.credits or 0.0 for charge in within if charge.accepted_at is not None)
    unsure = sum(charge.accepted_at is None for charge in within)
    return Difference(round(before.credits - after.credits - ours, 2), before.at, after.at, unsure)


class _Spans:
    """Spans of time, given by their beginnings in order; asks quickly whether a moment lies in one."""

    def __init__(self, spans: Iterable[tuple[float, float]]):
        self._begins: list[float] = []
        self._ends: list[float] = []
        for begin, end in spans:
            if self._ends and begin <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._begins.append(begin)
                self._ends.append(end)

    def __contains__(self, moment: float) -> bool:
        position = bisect_right(self._begins, moment) - 1
        return position >= 0 and moment <= self._ends[position]
