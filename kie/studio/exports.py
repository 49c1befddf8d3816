"""Exports: signed links for downloads, and their content.

    picture_link ─┐                           ┌─ one picture, with its receipt or without
    zip_link ─────┼─ /take/<token> ── open ───┼─ many pictures with manifests
    list_link ────┘                           └─ all rows of a list as XLSX, CSV or JSON, without pictures

A link is valid for a day. The request is stored in the link itself, or in the database if it is too long for a URL. The
number of jobs is unlimited: zips and lists are generated while they are sent, with 35 bytes of memory per job.
"""

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kie.errors import FileMissing
from kie.exports import lists, zips
from kie.exports.lists import Entry
from kie.history.query import Query
from kie.images import inspect, receipts
from kie.images.segments import FileOfParts, unchanged
from kie.jobs import Job, download_name
from kie.recording import recording
from kie.signed_urls import DOWNLOADS
from kie.studio.backend import Backend
from kie.studio.context import Context
from kie.text import stamp

# URLs of up to about 2,000 characters are accepted everywhere.
TOKEN_LIMIT = 1900
# Number of rows in memory at a time; a prompt has up to 10,000 characters.
PAGE = 100


@dataclass(frozen=True)
class Download:
    """A download: its content is generated while iterated; `length` in bytes if known in advance."""

    name: str
    mime_type: str
    content: Iterable[bytes]
    length: int | None = None


class Exports:
    """Links to exports and their content. Nothing here costs credits, and no original file is changed.

    `zone` is the IANA time zone for file names, UTC if None.
    """

    def __init__(self, context: Context):
        self._context = context

    def picture_link(self, job_id: str, with_receipt: bool = True, zone: str | None = None) -> str:
        """Return the URL of a picture's download. Without a receipt, it is the file as delivered by the service."""
        return self._link(["one", job_id, with_receipt, zone])

    def zip_link(self, chosen: Query | Collection[str], with_receipt: bool = True, zone: str | None = None) -> str:
        """Return the URL of a zip with the pictures of the jobs with these ids, or that match a query at the time of the download.

        Raises NotRecorded or NoRoom when the request is too long for a URL and can't be stored.
        """
        given = chosen.to_params() if isinstance(chosen, Query) else list(dict.fromkeys(chosen))
        return self._link(["zip", given, with_receipt, zone])

    def list_link(self, query: Query, kind: str) -> str:
        """Return the URL of all rows that match a query at the time of the download, as "xlsx", "csv" or "json". Raises as `zip_link` does."""
        return self._link(["list", query.to_params(), query.zone, kind])

    def request(self, token: str) -> list[Any] | None:
        """Return the request of a link, the arguments of `open`, or None when its token is invalid or expired."""
        request = self._context.backend.urls.read_download(token)
        if request and request[0] == "kept":
            kept = self._context.store.exports.request(request[1])
            return json.loads(kept) if kept else None
        return request

    def open(self, kind: str, *request: Any) -> Download | None:
        """Return a download: "one" picture, a "zip" or a "list". None if there is no such picture.

        Raises FileMissing when a picture's file is missing.
        """
        return {"one": self._one, "zip": self._zip, "list": self._list}[kind](*request)

    def _one(self, job_id: str, with_receipt: bool, zone: str | None) -> Download | None:
        job = self._context.store.jobs.get(job_id)
        if job is None or not job.file:
            return None
        try:
            copy = _copy(self._context.backend, job, with_receipt)
        except OSError as error:
            raise FileMissing from error
        return Download(download_name(job, zone), inspect.MIME_TYPES[job.file_kind or ""], copy, copy.length)

    def _zip(self, chosen: list[str] | dict[str, str], with_receipt: bool, zone: str | None) -> Download:
        backend, now = self._context.backend, time.time()
        ids = _id_pages(backend, chosen, zone)
        made = zips.zipped(lambda: _entries(backend, ids), lambda job: _copy(backend, job, with_receipt), zone, now)
        return Download(f"pictures-{stamp(now, zone)}.zip", "application/zip", made)

    def _list(self, params: dict[str, str], zone: str | None, kind: str) -> Download:
        backend = self._context.backend
        pages = _entries(backend, _id_pages(backend, params, zone))
        rows = ([lists.row(entry, zone) for entry in entries] for entries in pages)
        written = {"xlsx": lists.to_xlsx, "csv": lists.to_csv, "json": lists.to_json}[kind](rows)
        return Download(f"requests-{stamp(time.time(), zone)}.{kind}", lists.MIME_TYPES[kind], written)

    def receipt_of(self, source: Path) -> dict[str, Any] | None:
        """Return the request in a picture's receipt, with those of its references that still exist; None without a receipt."""
        made_from = receipts.read(source)
        if made_from is None:
            return None
        here = [each.id for each in self._context.store.references.get_many(made_from.references) if not each.refusal]
        return {"prompt": made_from.prompt, "references": here} | made_from.options

    def open_link(self, token: str) -> tuple[Path, str] | None:
        """Return the file behind a signed token with its MIME type, or None when the token is invalid or expired or the file is missing."""
        kind, owner_id = self._context.backend.urls.read(token) or ("", "")
        thumbnail = self._context.files.thumbnail(owner_id) if kind == "thumbnail" else None
        if thumbnail and thumbnail.exists():
            return thumbnail, inspect.MIME_TYPES["webp"]
        job = self._context.store.jobs.get(owner_id) if kind == "picture" else None
        picture = self.file(job) if job else None
        return (picture, inspect.MIME_TYPES[job.file_kind]) if picture else None

    def file(self, job: Job) -> Path | None:
        """Return the path of a job's picture, or None when it does not exist."""
        path = self._context.files.path(job.file) if job.file else None
        return path if path and path.exists() else None

    def _link(self, request: list[Any]) -> str:
        token = self._context.backend.urls.download_token(request)
        if len(token) > TOKEN_LIMIT:
            content = json.dumps(request)
            self._context.files.need_room(len(content))
            with recording():
                name = self._context.store.exports.keep_request(content, time.time())
            token = self._context.backend.urls.download_token(["kept", name])
        return DOWNLOADS + token


def _copy(backend: Backend, job: Job, with_receipt: bool) -> FileOfParts:
    """Return a picture's file with or without a receipt. Raises OSError when it is missing."""
    path = backend.files.path(job.file or "")
    return receipts.write(path, job) if with_receipt else unchanged(path)


def _id_pages(
    backend: Backend, chosen: list[str] | dict[str, str], zone: str | None
) -> Callable[[], Iterator[list[str]]]:
    """Return a function that yields these ids in pages, or those of the jobs that match a query."""
    if isinstance(chosen, list):
        return lambda: (chosen[start : start + PAGE] for start in range(0, len(chosen), PAGE))
    # Fixed in advance: with pages of a growing list, some jobs would be listed twice.
    return backend.store.search.id_pages(Query.from_params(chosen, zone=zone), PAGE)


def _entries(backend: Backend, id_pages: Callable[[], Iterator[list[str]]]) -> Iterator[list[Entry]]:
    """Yield jobs in the order of their ids, in pages."""
    for some in id_pages():
        jobs = backend.store.jobs.get_many(some)
        tags = backend.store.annotations.tags(some)
        images = backend.store.exports.images_of_submissions({job.submit_id for job in jobs})
        yield [Entry(job, tags.get(job.id, ()), images[job.submit_id]) for job in jobs]
