"""Many pictures as one zip, written as it is read: a picture is never held whole, and nothing lies on the disk meanwhile.

20261125-1402-a-lighthouse-1a2b3c.png …    as they are: pictures don't get smaller
manifest.csv                               a row for each job, with the name of its file or why there is none
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from kie import listing
from kie.inlays import Splice
from kie.jobs import Job
from kie.listing import Entry, Row

MANIFEST = "manifest.csv"
MANIFEST_COLUMNS = (*listing.COLUMNS, "missing")
GONE = "The picture's file is not on this server any more."
NONE_YET = "There is no picture: the job's state is “{}”."
READABLE = 0o644 << 16

Pages = Iterable[list[Entry]]


class _Sink:
    """Takes what a zip consists of until it is handed on. It has no places to go back to, so nothing is held for that."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(piece)
        return len(piece)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def zipped(
    pages: Callable[[], Pages], opened: Callable[[Job], Splice], zone: str | None, now: float
) -> Iterator[bytes]:
    """Yield a zip of the pictures of jobs and its manifest, a megabyte at a time.

    `pages` is called twice and gives the same jobs; `opened` raises OSError for a file that is gone, which then is a row with a note.
    """
    sink, named = _Sink(), _Names(zone)
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        for entry in itertools.chain.from_iterable(pages()):
            job = entry.job
            if job.file and (pieces := _begun(opened, job)):
                info = _info(named.add(job), listing.in_zone(job.created_at, zone))
                yield from _member(archive, sink, info, pieces)
        rows = ([named.row(entry) for entry in entries] for entries in pages())
        written = listing.to_csv(rows, MANIFEST_COLUMNS)
        yield from _member(archive, sink, _info(MANIFEST, listing.in_zone(now, zone)), written)
    yield sink.taken()


class _Names:
    """The name of each picture in the zip; those that are not in it have none here."""

    def __init__(self, zone: str | None):
        self._zone, self._by_job = zone, dict[str, str]()
        self._used = {MANIFEST}

    def add(self, job: Job) -> str:
        name = listing.file_name(job, self._zone)
        if name in self._used:
            name = listing.file_name(job, self._zone, letters=len(job.id))
        self._used.add(name)
        self._by_job[job.id] = name
        return name

    def row(self, entry: Entry) -> Row:
        job, name = entry.job, self._by_job.get(entry.job.id)
        missing = "" if name else GONE if job.file else NONE_YET.format(job.state)
        values = listing.row(entry, self._zone)
        return values | {"file": name or values["file"], "missing": missing}


def _begun(opened: Callable[[Job], Splice], job: Job) -> Iterator[bytes] | None:
    """Read a picture's first piece, so that a file which is gone is known before it has a place in the zip."""
    try:
        pieces = iter(opened(job))
        return itertools.chain([next(pieces, b"")], pieces)
    except OSError:
        return None


def _info(name: str, moment: datetime) -> ZipInfo:
    info = ZipInfo(name, moment.timetuple()[:6])
    info.external_attr = READABLE
    return info


def _member(archive: ZipFile, sink: _Sink, info: ZipInfo, pieces: Iterable[bytes]) -> Iterator[bytes]:
    with archive.open(info, "w") as out:
        for piece in pieces:
            out.write(piece)
            yield sink.taken()
