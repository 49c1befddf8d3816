"""Search queries, and their representation in a page's URL: `?q=banner&person=Ann&state=done&sort=cost`.

A URL may be old, truncated, mistyped or malicious. Parameters that are not understood are listed in `ignored`; parsing
never raises.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from enum import StrEnum
from typing import Any

from kie.generation import ASPECT_RATIOS, OUTPUT_FORMATS, RESOLUTIONS
from kie.history.fulltext import TEXT_LIMIT, words
from kie.text import one_line, tag_name

SORTS = ("newest", "oldest", "cost", "duration")
VERDICTS = ("pick", "reject", "none")
# Limits for the values of one filter and for the list of ignored parameters.
VALUES_LIMIT, IGNORED_LIMIT = 50, 20
FIRST_YEAR, LAST_YEAR = 2000, 2200
NAME_LIMIT, TAG_LIMIT = 80, 40


class DisplayState(StrEnum):
    """The state of a job as displayed. Every job is in exactly one of these."""

    DONE = "done"
    IN_PROGRESS = "in progress"
    ATTENTION = "needs attention"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Query:
    """Filters for a list of jobs, and its order.

    A job matches one of several persons, projects, states and so on, but all of several tags. An empty project means no
    project, and the verdict "none" means no verdict. `shortfall` selects pictures that are less than was paid for.
    `binned`: False excludes the bin, True selects jobs that can be restored from it, None includes everything. `zone`
    is the IANA time zone of the days `since` and `until`. `ignored` lists the parts of a URL that were not understood.
    """

    text: str = ""
    persons: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    ratios: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    starred: bool = False
    verdict: str | None = None
    has_references: bool | None = None
    shortfall: bool = False
    cost_min: float | None = None
    cost_max: float | None = None
    binned: bool | None = False
    sort: str = "newest"
    zone: str | None = None
    ignored: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def from_params(
        cls, params: Mapping[str, str | Sequence[str]], besides: Collection[str] = (), zone: str | None = None
    ) -> "Query":
        """Parse the query parameters of a URL, except those named in `besides`."""
        values: dict[str, Any] = {}
        ignored: list[str] = []
        for name, given in params.items():
            if name not in besides:
                known, raw = _PARAMS.get(name), given if isinstance(given, str) else _joined(given)
                found, left = known.read(raw) if known else ([], [raw])
                if found:
                    values[known.field] = tuple(found) if known.limit > 1 else found[0]
                ignored += [one_line(f"{name}={value}")[:NAME_LIMIT] for value in left]
        return cls(**values, zone=zone, ignored=tuple(ignored[:IGNORED_LIMIT]))

    def to_params(self) -> dict[str, str]:
        """Return the URL parameters for this query. Default values are omitted."""
        usual = {each.name: each.default for each in fields(self)}
        values = {name: (known, getattr(self, known.field)) for name, known in _PARAMS.items()}
        return {name: known.write(value) for name, (known, value) in values.items() if value != usual[known.field]}


@dataclass(frozen=True)
class _Param:
    """A parameter of a URL. `parse` raises ValueError or KeyError for a part that it does not understand."""

    field: str
    parse: Callable[[str], Any]
    write: Callable[[Any], str] = str
    split: Callable[[str], Sequence[str]] = lambda raw: (raw,)
    limit: int = 1

    def read(self, raw: str) -> tuple[list[Any], list[str]]:
        """Return the values, each once, and the parts that are not understood or too many."""
        found: dict[Any, None] = {}
        left = []
        for part in self.split(raw):
            try:
                found[self.parse(part)] = None
            except (KeyError, ValueError):
                left.append(part)
        values = list(found)
        return values[: self.limit], [part for part in left + values[self.limit :] if part]


def _list(name: str, parse: Callable[[str], Any]) -> _Param:
    return _Param(name, parse, _joined, _split, VALUES_LIMIT)


def _one_of(name: str, meanings: Mapping[str, Any]) -> _Param:
    said = {value: written for written, value in meanings.items()}
    return _Param(name, lambda raw: meanings[raw.strip().casefold()], said.__getitem__)


def _among(names: Iterable[str]) -> Callable[[str], str]:
    by_spelling = {name.casefold(): str(name) for name in names}
    return lambda raw: by_spelling[raw.strip().casefold()]


def _name(cleaned: Callable[[str], str], lengths: range) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if len(cleaned(raw)) not in lengths:
            raise ValueError(raw)
        return cleaned(raw)

    return parse


def _text(raw: str) -> str:
    if not words(raw):
        raise ValueError(raw)
    return raw.strip()


def _cut(raw: str) -> Sequence[str]:
    text = one_line(raw)
    return text[:TEXT_LIMIT], text[TEXT_LIMIT:]


def _day(raw: str) -> date:
    day = date.fromisoformat(raw.strip())
    if not FIRST_YEAR <= day.year < LAST_YEAR:
        raise ValueError(raw)
    return day


def _amount(raw: str) -> float:
    amount = float(raw)
    if not 0 <= amount < math.inf:
        raise ValueError(raw)
    return amount


def _joined(values: Sequence[str]) -> str:
    """Join values by commas, with quotes around those that contain a comma or a quote."""
    quoted = ('"' + value.replace('"', '""') + '"' if re.search('[,"]', value) else value for value in values)
    return ",".join(quoted)


def _split(raw: str) -> list[str]:
    parts = re.findall(r'(?:^|,)("(?:[^"]|"")*"|[^,]*)', raw)
    return [part[1:-1].replace('""', '"') if len(part) > 1 and part[0] == part[-1] == '"' else part for part in parts]


_PARAMS = {
    "q": _Param("text", _text, split=_cut),
    "person": _list("persons", _name(one_line, range(1, NAME_LIMIT + 1))),
    "project": _list("projects", _name(one_line, range(NAME_LIMIT + 1))),
    "state": _list("states", _among(DisplayState)),
    "ratio": _list("ratios", _among(ASPECT_RATIOS)),
    "resolution": _list("resolutions", _among(RESOLUTIONS)),
    "format": _list("formats", _among(OUTPUT_FORMATS)),
    "tag": _list("tags", _name(tag_name, range(1, TAG_LIMIT + 1))),
    "since": _Param("since", _day),
    "until": _Param("until", _day),
    "starred": _one_of("starred", {"yes": True}),
    "verdict": _one_of("verdict", {verdict: verdict for verdict in VERDICTS}),
    "references": _one_of("has_references", {"yes": True, "no": False}),
    "shortfall": _one_of("shortfall", {"yes": True}),
    "cost_min": _Param("cost_min", _amount, "{:.10g}".format),
    "cost_max": _Param("cost_max", _amount, "{:.10g}".format),
    "bin": _one_of("binned", {"yes": True, "any": None}),
    "sort": _one_of("sort", {sort: sort for sort in SORTS}),
}
