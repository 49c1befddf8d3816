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
    def from_params(cls, params: Mapping[str, str | Sequence[str]], besides: Collection[str] = ()) -> "Query":
        """Parse the query parameters of a URL, except those named in `besides`."""
        values: dict[str, Any] = {}
        ignored: list[str] = []
        for name, given in params.items():
            if name not in besides:
                known = _PARAMS.get(name)
                raw = given if isinstance(given, str) else _joined(given)
                understood, left = known.read(raw) if known else ((), [raw])
                for value in understood:
                    values[known.field] = value
                ignored += [one_line(f"{name}={value}")[:NAME_LIMIT] for value in left]
        return cls(**values, ignored=tuple(ignored[:IGNORED_LIMIT]))

    def to_params(self) -> dict[str, str]:
        """Return the URL parameters for this query. Default values are omitted."""
        usual = {each.name: each.default for each in fields(self)}
        return {
            name: known.write(getattr(self, known.field))
            for name, known in _PARAMS.items()
            if getattr(self, known.field) != usual[known.field]
        }


# The parsed value as a tuple of none or one, and the texts that were not understood.
_Read = tuple[tuple[Any, ...], list[str]]


@dataclass(frozen=True)
class _Param:
    field: str
    read: Callable[[str], _Read]
    write: Callable[[Any], str] = str


def _read_text(raw: str) -> _Read:
    text = one_line(raw)
    kept = text[:TEXT_LIMIT].strip()
    if not words(kept):
        return (), [text] if text else []
    return (kept,), [text[TEXT_LIMIT:]] if len(text) > TEXT_LIMIT else []


def _values(name: str, kept: Callable[[str], str | None]) -> _Param:
    """Return a parameter with a list of values. `kept` cleans a value, or returns None to ignore it."""

    def read(raw: str) -> _Read:
        given = {value: kept(value) for value in _split(raw)}
        found = list(dict.fromkeys(value for value in given.values() if value is not None))
        left = [value for value, one in given.items() if one is None and value] + found[VALUES_LIMIT:]
        return (tuple(found[:VALUES_LIMIT]),) if found else (), left

    return _Param(name, read, _joined)


def _among(name: str, allowed: Iterable[str]) -> _Param:
    by_spelling = {value.casefold(): str(value) for value in allowed}
    return _values(name, lambda value: by_spelling.get(value.strip().casefold()))


def _one_of(name: str, meanings: Mapping[str, Any]) -> _Param:
    def read(raw: str) -> _Read:
        said = raw.strip().casefold()
        return ((meanings[said],), []) if said in meanings else ((), [raw] if said else [])

    return _Param(name, read, lambda value: next(said for said, meant in meanings.items() if meant == value))


def _day(name: str) -> _Param:
    def read(raw: str) -> _Read:
        try:
            day = date.fromisoformat(raw.strip())
        except ValueError:
            return (), [raw] if raw else []
        return ((day,), []) if FIRST_YEAR <= day.year < LAST_YEAR else ((), [raw])

    return _Param(name, read)


def _amount(name: str) -> _Param:
    def read(raw: str) -> _Read:
        try:
            amount = float(raw)
        except ValueError:
            return (), [raw] if raw else []
        return ((amount,), []) if 0 <= amount < math.inf else ((), [raw])

    return _Param(name, read, lambda amount: f"{amount:.10g}")


def _person(value: str) -> str | None:
    return one_line(value) if 0 < len(one_line(value)) <= NAME_LIMIT else None


def _project(value: str) -> str | None:
    return one_line(value) if len(one_line(value)) <= NAME_LIMIT else None


def _tag(value: str) -> str | None:
    return tag_name(value) if 0 < len(tag_name(value)) <= TAG_LIMIT else None


def _joined(values: Sequence[str]) -> str:
    """Join values by commas, with quotes around those that contain a comma or a quote."""
    quoted = ('"' + value.replace('"', '""') + '"' if re.search('[,"]', value) else value for value in values)
    return ",".join(quoted)


def _split(raw: str) -> list[str]:
    parts = re.findall(r'(?:^|,)("(?:[^"]|"")*"|[^,]*)', raw)
    return [part[1:-1].replace('""', '"') if len(part) > 1 and part[0] == part[-1] == '"' else part for part in parts]


_PARAMS = {
    "q": _Param("text", _read_text),
    "person": _values("persons", _person),
    "project": _values("projects", _project),
    "state": _among("states", DisplayState),
    "ratio": _among("ratios", ASPECT_RATIOS),
    "resolution": _among("resolutions", RESOLUTIONS),
    "format": _among("formats", OUTPUT_FORMATS),
    "tag": _values("tags", _tag),
    "since": _day("since"),
    "until": _day("until"),
    "starred": _one_of("starred", {"yes": True}),
    "verdict": _one_of("verdict", {verdict: verdict for verdict in VERDICTS}),
    "references": _one_of("has_references", {"yes": True, "no": False}),
    "shortfall": _one_of("shortfall", {"yes": True}),
    "cost_min": _amount("cost_min"),
    "cost_max": _amount("cost_max"),
    "bin": _one_of("binned", {"yes": True, "any": None}),
    "sort": _one_of("sort", {sort: sort for sort in SORTS}),
}
