"""Where pictures and lists of them are taken away: signed links, and what is behind them.

    take_link ── /take/<token>        one picture, with its receipt or without
    zip_link ─── /take-zip/<token>    many, with a manifest
    list_link ── /take-list/<token>   no pictures: every row of a list, as CSV or JSON

A link ends after a day. What it stands for is in the link itself, or in the database when that would be too long.
"""

import json
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from kie import archive, inlays, listing, pictures, receipts
from kie.desk import Desk
from kie.errors import FileMissing, NothingSpent
from kie.inlays import Splice
from kie.jobs import Job
from kie.links import TAKE_LIST, TAKE_ONE, TAKE_ZIP
from kie.listing import Entry
from kie.query import Query
from kie.receipts import Receipt
from kie.rooms import Rooms

# Addresses of up to about 2,000 characters are taken everywhere.
TOKEN_LIMIT = 1900
ZIP_LIMIT = 5000
# More jobs than anybody has; each is an id while a list is written.
LIST_LIMIT = 10_000_000
PAGE = 200
TOO_MANY = (
    "One zip takes at most {:,} pictures, so none was made and no credits were spent: choose fewer, or narrow the list."
)


@dataclass(frozen=True)
class Taken:
    """Something to hand out as it is iterated; `length` in bytes where it is known before."""

    name: str
    mime_type: str
    content: Iterable[bytes]
    length: int | None = None


class Taking(Desk):
    """The part of the studio that hands out copies. Nothing here costs credits, and no original is changed.

    `zone` is the IANA name of the time zone by which files are named; without it that is UTC.
    """

    # -- links

    def take_link(self, job_id: str, with_receipt: bool = True, zone: str | None = None) -> str:
        """Return the address of a picture's copy. Without its receipt it is the file as the service delivered it."""
        return TAKE_ONE + self._signed(["one", job_id, with_receipt, zone])

    def zip_link(self, ids: Collection[str], with_receipt: bool = True, zone: str | None = None) -> str:
        """Return the address of a zip with the pictures of these jobs. Raises NothingSpent, in words, for more than 5,000."""
        asked = list(dict.fromkeys(ids))
        if len(asked) > ZIP_LIMIT:
            raise NothingSpent(TOO_MANY.format(ZIP_LIMIT))
        return TAKE_ZIP + self._signed(["zip", asked, with_receipt, zone])

    def zip_link_of(self, query: Query, with_receipt: bool = True) -> str:
        """Return the address of a zip with the pictures that a query chooses when it is called.

        Raises NothingSpent, in words, when these are more than 5,000 now; of those that come later, the first 5,000 count.
        """
        if self._rooms.store.count(query) > ZIP_LIMIT:
            raise NothingSpent(TOO_MANY.format(ZIP_LIMIT))
        return TAKE_ZIP + self._signed(["zip", query.to_params(), with_receipt, query.zone])

    def list_link(self, query: Query, kind: str) -> str:
        """Return the address of all rows that a query chooses when it is called, as "csv" or "json"."""
        if kind not in listing.MIME_TYPES:
            raise ValueError(f"no kind of list: {kind}")
        return f"{TAKE_LIST}{self._signed(['list', query.to_params(), query.zone])}.{kind}"

    def zip_size(self, ids: Collection[str]) -> tuple[int, int]:
        """Return how many of these jobs have a picture, and about how many bytes a zip of them has."""
        return self._rooms.store.picture_sizes(ids)

    # -- what is behind a link; None when it is forged or too old

    def open_one(self, token: str) -> Taken | None:
        """Return a picture's copy. Raises FileMissing when its file is gone."""
        asked = self._asked(token, "one")
        if asked is None:
            return None
        job_id, with_receipt, zone = asked
        job = self.job(job_id)
        if job is None or not job.file:
            return None
        try:
            copy = _copy(self._rooms, job, with_receipt)
        except OSError as error:
            raise FileMissing from error
        return Taken(listing.file_name(job, zone), pictures.MIME_TYPES[job.file_kind or ""], copy, copy.length)

    def open_zip(self, token: str) -> Taken | None:
        """Return a zip, which is made while it is read."""
        asked = self._asked(token, "zip")
        if asked is None:
            return None
        chosen, with_receipt, zone = asked
        rooms, now = self._rooms, time.time()
        ids = chosen if isinstance(chosen, list) else rooms.store.ids(_query(chosen, zone), ZIP_LIMIT)
        made = archive.zipped(lambda: _entries(rooms, ids), lambda job: _copy(rooms, job, with_receipt), zone, now)
        return Taken(f"pictures-{_stamp(now, zone)}.zip", "application/zip", made)

    def open_list(self, token: str, kind: str) -> Taken | None:
        """Return a list as "csv" or "json", which is written while it is read."""
        asked = self._asked(token, "list")
        if asked is None or kind not in listing.MIME_TYPES:
            return None
        params, zone = asked
        rooms = self._rooms
        # The ids are fixed first: page by page, jobs that come meanwhile would move others twice into the list.
        ids = rooms.store.ids(_query(params, zone), LIST_LIMIT)
        rows = ([listing.row(entry, zone) for entry in entries] for entries in _entries(rooms, ids))
        written = listing.to_csv(rows) if kind == "csv" else listing.to_json(rows)
        return Taken(f"requests-{_stamp(time.time(), zone)}.{kind}", listing.MIME_TYPES[kind], written)

    # -- a copy that comes back

    def receipt_of(self, source: Path | IO[bytes]) -> dict[str, Any] | None:
        """Return the request that a picture's receipt tells of, with those of its references that are still here; None without one."""
        receipt = receipts.read(source)
        if receipt is None:
            return None
        asked = receipt.generation
        here = [each.id for each in self._rooms.store.references(asked.references) if not each.refusal]
        settings = {name: getattr(asked, name) for name in ("prompt", "aspect_ratio", "resolution", "output_format")}
        return settings | {"references": here}

    # -- within

    def _signed(self, asked: list[Any]) -> str:
        token = self._rooms.links.take_token(asked)
        if len(token) <= TOKEN_LIMIT:
            return token
        name = self._rooms.store.keep_parcel(json.dumps(asked), time.time())
        return self._rooms.links.take_token(["kept", name])

    def _asked(self, token: str, kind: str) -> list[Any] | None:
        asked = self._rooms.links.read_take(token)
        if asked and asked[0] == "kept":
            kept = self._rooms.store.parcel(asked[1])
            asked = json.loads(kept) if kept else None
        return asked[1:] if asked and asked[0] == kind else None


def _copy(rooms: Rooms, job: Job, with_receipt: bool) -> Splice:
    """Return a picture's copy. Raises OSError when its file is gone."""
    path = rooms.files.path(job.file or "")
    return receipts.write(path, Receipt.of(job)) if with_receipt else inlays.whole(path)


def _entries(rooms: Rooms, ids: list[str]) -> Iterator[list[Entry]]:
    """Yield jobs in the order of their ids, a page at a time."""
    for start in range(0, len(ids), PAGE):
        some = ids[start : start + PAGE]
        found = {job.id: job for job in rooms.store.jobs(some)}
        tags, images = rooms.store.tags(some), rooms.store.press_images({job.submit_id for job in found.values()})
        jobs = [found[job_id] for job_id in some if job_id in found]
        yield [Entry(job, tags.get(job.id, ()), images[job.submit_id]) for job in jobs]


def _query(params: dict[str, str], zone: str | None) -> Query:
    return replace(Query.from_params(params), zone=zone)


def _stamp(moment: float, zone: str | None) -> str:
    return listing.in_zone(moment, zone).strftime("%Y%m%d-%H%M")
