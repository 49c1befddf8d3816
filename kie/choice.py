"""The jobs that a query chooses from the catalogue: how many, in which order, and what else could be chosen.

One truth for each job and each filter that is set; a job is chosen if all are true. What a filter's values would give is
counted under all the others, so that a value is never hidden by its own neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from kie.catalogue import BINNED, KEPT, Catalogue
from kie.generation import ASPECT_RATIOS, OUTPUT_FORMATS, RESOLUTIONS
from kie.query import VERDICTS, Query, Standing

NAMED = ("persons", "projects", "states", "ratios", "resolutions", "formats")
# Filters whose values have an order of their own; the others come by their counts.
ORDERS = {
    "states": tuple(Standing),
    "ratios": ASPECT_RATIOS,
    "resolutions": RESOLUTIONS,
    "formats": OUTPUT_FORMATS,
    "verdict": VERDICTS,
}
Facets = dict[str, list[tuple[Any, int]]]


@dataclass(frozen=True)
class Summary:
    """What some jobs come to: how many, the credits that are known, and of how many jobs they are not."""

    jobs: int
    credits: float
    unknown: int


class Choice:
    """What one query chooses at one moment. Valid while the catalogue's lock is held."""

    def __init__(self, catalogue: Catalogue, query: Query, found: np.ndarray | None):
        """`found` is the truth for each job whether its words match, or None when no words are looked for."""
        self._catalogue, self._query = catalogue, query
        self._truths = {} if found is None else {"text": found}
        self._narrow_names()
        self._narrow_values()
        self._all = self._besides(None)

    def count(self) -> int:
        """Return how many jobs there are."""
        return int(np.count_nonzero(self._all))

    def places(self) -> np.ndarray:
        """Return the places of the jobs in the query's order."""
        return self._ordered(self._all)

    def around(self, place: int) -> tuple[int | None, int | None]:
        """Return what stands before and after a job in the list, or would if it stood there still."""
        truth = self._all.copy()
        truth[place] = True
        places = self._ordered(truth)
        at = int(np.flatnonzero(places == place)[0])
        return (int(places[at - 1]) if at else None, int(places[at + 1]) if at + 1 < len(places) else None)

    def summary(self) -> Summary:
        """Add up what the jobs cost."""
        costs = self._catalogue["cost"][self._all]
        return Summary(len(costs), float(np.nansum(costs)), int(np.count_nonzero(np.isnan(costs))))

    def facets(self) -> Facets:
        """Count for each filter's values how many jobs they would give, under all other filters."""
        given: Facets = {name: self._named(name, self._besides(name), getattr(self._query, name)) for name in NAMED}
        given["tags"] = self._named("tags", self._all, self._query.tags)
        verdict = self._query.verdict
        given["verdict"] = self._named("verdict", self._besides("verdict"), (verdict,) if verdict else ())
        for name, values in (("starred", (True,)), ("has_references", (True, False))):
            fact = self._catalogue[name][self._besides(name)]
            given[name] = [(value, int(np.count_nonzero(fact == value))) for value in values]
        return given

    def _named(self, name: str, truth: np.ndarray, chosen: Sequence[str]) -> list[tuple[str, int]]:
        counts = dict.fromkeys(chosen, 0) | self._catalogue.counts(name, truth)
        own = {value: number for number, value in enumerate(ORDERS.get(name, ()))}
        return sorted(counts.items(), key=lambda one: (own.get(one[0], len(own)), -one[1], one[0].casefold()))

    def _narrow_names(self) -> None:
        have, query = self._catalogue, self._query
        for name in NAMED:
            if chosen := getattr(query, name):
                self._truths[name] = have.any_of(name, chosen)
        if query.verdict:
            self._truths["verdict"] = have.any_of("verdict", (query.verdict,))
        for tag in query.tags:
            self._truths[f"tag {tag}"] = have.tagged(tag)

    def _narrow_values(self) -> None:
        have, query = self._catalogue, self._query
        if query.binned is not None:
            self._truths["bin"] = have["bin"] == (BINNED if query.binned else KEPT)
        if query.starred:
            self._truths["starred"] = have["starred"]
        if query.has_references is not None:
            self._truths["has_references"] = have["has_references"] == query.has_references
        if query.since:
            self._truths["since"] = have["created"] >= _midnight(query.since, query.zone)
        if query.until:
            self._truths["until"] = have["created"] < _midnight(query.until + timedelta(days=1), query.zone)
        if query.cost_min is not None:
            self._truths["cost_min"] = have["cost"] >= query.cost_min
        if query.cost_max is not None:
            self._truths["cost_max"] = have["cost"] <= query.cost_max

    def _besides(self, left_out: str | None) -> np.ndarray:
        """Return the truth of all filters but one."""
        if left_out is not None and left_out not in self._truths:
            return self._all
        truth = np.ones(self._catalogue.count, np.bool_)
        for name, each in self._truths.items():
            if name != left_out:
                truth &= each
        return truth

    def _ordered(self, truth: np.ndarray) -> np.ndarray:
        sort = self._query.sort
        order = self._catalogue.order("created" if sort in ("newest", "oldest") else sort)
        places = order[truth[order]]
        return places[::-1] if sort == "oldest" else places


def _midnight(day: date, zone: str | None) -> float:
    try:
        there: tzinfo | None = ZoneInfo(zone) if zone else None
    except (ZoneInfoNotFoundError, ValueError):
        there = None
    return datetime.combine(day, time(), there).timestamp()
