"""Jobs as the rows of a table that other programs read: CSV for spreadsheets, JSON for scripts.

Both come a page at a time. A spreadsheet runs a cell that begins with "=" as a formula, so text that begins like one gets an
apostrophe in front there; JSON has every value as it is.
"""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kie.jobs import Job
from kie.receipts import iso_time

COLUMNS = (
    *("id", "task_id", "person", "project", "state", "prompt", "aspect_ratio", "resolution", "output_format", "images"),
    *("credits_expected", "credits", "asked_at", "sent_at", "accepted_at", "ended_at", "duration_s"),
    *("width", "height", "kind", "bytes", "starred", "verdict", "tags", "note", "references", "file"),
)
MIME_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
# Spreadsheets run what begins with one of these, some also where it is as wide as a Chinese sign.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # fmt: skip
_NAME_LIMIT = 40

Row = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A job with what its own row does not say: its tags, and how many pictures its press asked for."""

    job: Job
    tags: tuple[str, ...]
    images: int


def row(entry: Entry, zone: str | None = None) -> Row:
    """Return an entry's values by COLUMNS, times by ISO 8601 in UTC. `zone` is the one by which its file is named."""
    job = entry.job
    settings = (job.aspect_ratio, job.resolution, job.output_format)
    times = (_time(moment) for moment in (job.created_at, job.sent_at, job.accepted_at, job.ended_at))
    delivered = (job.width, job.height, job.file_kind, job.file_bytes)
    marks = (job.starred_at is not None, job.verdict, list(entry.tags), job.note)
    values = (
        *(job.id, job.task_id, job.person, job.project, str(job.state), job.prompt, *settings, entry.images),
        *(_number(job.price_expected), _number(job.credits), *times, _number(job.duration_s)),
        *(*delivered, *marks, list(job.references), file_name(job, zone)),
    )
    return dict(zip(COLUMNS, values, strict=True))


def to_csv(pages: Iterable[Sequence[Row]], columns: Sequence[str] = COLUMNS) -> Iterator[bytes]:
    """Write rows as UTF-8 that a spreadsheet knows as such, with a line of column names."""
    yield "\ufeff".encode() + _lines([columns])
    for rows in pages:
        yield _lines([_cell(values[name]) for name in columns] for values in rows)


def to_json(pages: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """Write rows as one list of objects."""
    before = "[\n"
    for rows in pages:
        written = ",\n".join(json.dumps(values, ensure_ascii=False) for values in rows)
        if written:
            yield (before + written).encode("utf-8", "replace")
            before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"


def file_name(job: Job, zone: str | None = None, letters: int = 6) -> str:
    """Name a picture's copy: when it was asked for, the prompt's first words, and enough of the id to be unique.

    Empty when there is no picture.
    """
    if not job.file:
        return ""
    moment = in_zone(job.created_at, zone).strftime("%Y%m%d-%H%M")
    return f"{moment}-{_words(job.prompt)}-{job.id[:letters]}{PurePath(job.file).suffix}"


def in_zone(moment: float, zone: str | None) -> datetime:
    """Return a Unix time in a zone by its IANA name; without one, or with one that there is not, in UTC."""
    try:
        there: tzinfo = ZoneInfo(zone) if zone else UTC
    except (ZoneInfoNotFoundError, ValueError):
        there = UTC
    return datetime.fromtimestamp(moment, there)


def _words(prompt: str) -> str:
    """Return the beginning of a prompt with nothing in it but letters, digits and hyphens, of whatever script."""
    plain = unicodedata.normalize("NFC", prompt[:200]).lower()
    kept = "".join(each if unicodedata.category(each)[0] in "LMN" else " " for each in plain)
    return "-".join(kept.split())[:_NAME_LIMIT].strip("-") or "picture"


def _time(moment: float | None) -> str | None:
    return None if moment is None else iso_time(moment)


def _number(value: float | None) -> float | None:
    return int(value) if value is not None and value == int(value) else value


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "; ".join(value) if isinstance(value, list) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(_FORMULAS) else text
