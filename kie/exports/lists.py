"""Export of jobs as XLSX and CSV for spreadsheets and as JSON for scripts.

All are generated page by page. The CSV is protected against formula injection (see formulas); XLSX and JSON have all
values unchanged.
"""

import csv
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kie.generation import OPTIONS
from kie.images.receipts import iso_time
from kie.jobs import Job, download_name
from kie.spreadsheets import writer as workbook_writer
from kie.spreadsheets.formulas import guarded

COLUMNS = (
    *("id", "task_id", "person", "project", "state", "prompt", *(option.name for option in OPTIONS), "images"),
    *("credits_expected", "credits", "asked_at", "sent_at", "accepted_at", "ended_at", "duration_s"),
    *("width", "height", "kind", "bytes", "starred", "verdict", "tags", "note", "references", "file"),
)
MIME_TYPES = {"xlsx": workbook_writer.MIME_TYPE, "csv": "text/csv; charset=utf-8", "json": "application/json"}
PIECE = 64 * 1024

Row = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A job with its tags and the number of images of its submission."""

    job: Job
    tags: tuple[str, ...]
    images: int


def row(entry: Entry, zone: str | None = None) -> Row:
    """Return an entry's values by COLUMNS. Times are ISO 8601 in UTC. `zone` is the time zone for the file name."""
    job, options = entry.job, entry.job.generation.options.values()
    moments = (job.created_at, job.sent_at, job.accepted_at, job.ended_at)
    times = (None if moment is None else iso_time(moment) for moment in moments)
    delivered = (job.width, job.height, job.file_kind, job.file_bytes)
    marks = (job.starred_at is not None, job.verdict, list(entry.tags), job.note)
    values = (
        *(job.id, job.task_id, job.person, job.project, str(job.state), job.prompt, *options, entry.images),
        *(_number(job.price_expected), _number(job.credits), *times, _number(job.duration_s)),
        *(*delivered, *marks, list(job.generation.references), download_name(job, zone)),
    )
    return dict(zip(COLUMNS, values, strict=True))


def to_csv(pages: Iterable[Sequence[Row]], columns: Sequence[str] = COLUMNS) -> Iterator[bytes]:
    """Yield rows as CSV: UTF-8 with a byte order mark, with a header line."""
    yield b"\xef\xbb\xbf" + b"".join(_joined(_lines([columns])))
    for rows in pages:
        yield from _joined(_lines([_cell(values[name]) for name in columns] for values in rows))


def to_xlsx(pages: Iterable[Sequence[Row]], columns: Sequence[str] = COLUMNS) -> Iterator[bytes]:
    """Yield rows as an XLSX workbook, with a header line."""
    cells = ([[_plain(values[name]) for name in columns] for values in rows] for rows in pages)
    return workbook_writer.workbook(cells, columns)


def to_json(pages: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """Yield rows as a JSON list of objects."""
    before = itertools.chain(["[\n"], itertools.repeat(",\n"))
    for rows in pages:
        yield from _joined(next(before) + json.dumps(values, ensure_ascii=False) for values in rows)
    yield b"[]\n" if next(before) == "[\n" else b"\n]\n"


def _number(value: float | None) -> float | None:
    return int(value) if value is not None and value == int(value) else value


class _Echo:
    """The file object of a CSV writer: returns each line instead of writing it."""

    def write(self, line: str) -> str:
        return line


def _lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    # All texts are quoted: readers would strip leading spaces otherwise.
    writer = csv.writer(_Echo(), quoting=csv.QUOTE_NONNUMERIC)
    return (writer.writerow(row) for row in rows)


def _joined(texts: Iterable[str]) -> Iterator[bytes]:
    """Join texts to pieces of about 64 KB. Up to two pieces are buffered for a stalled client."""
    buffer, size = [], 0
    for text in texts:
        buffer.append(text)
        size += len(text)
        if size >= PIECE:
            yield "".join(buffer).encode("utf-8", "replace")
            buffer, size = [], 0
    if buffer:
        yield "".join(buffer).encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    plain = _plain(value)
    return guarded(plain) if isinstance(plain, str) else plain


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(value) if isinstance(value, list) else value
