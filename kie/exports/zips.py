"""Export of many pictures as one zip file, generated while it is sent.

    20261125-1402-a-lighthouse-1a2b3c.png …    stored without compression
    manifest.csv, manifest.xlsx                one row per job: its file name, or why it has none

Each file is read twice: first for its size and checksum, which precede it, then for its content. A program that unpacks a
zip while it arrives needs them there, because uncompressed content has no end mark. No picture is in memory as a whole; a
long manifest is kept in a temporary file until it is sent.
"""

import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import IO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from kie.exports import lists
from kie.exports.lists import Entry, Row
from kie.images.segments import FileOfParts
from kie.jobs import Job, download_name
from kie.text import local

# A CSV with commas opens in one column where the list separator is another; a workbook opens in columns everywhere.
MANIFESTS = {"manifest.csv": lists.to_csv, "manifest.xlsx": lists.to_xlsx}
MANIFEST_COLUMNS = (*lists.COLUMNS, "missing")
GONE = "The picture's file is not on this server any more."
NONE_YET = "There is no picture: the job's state is “{}”."
READABLE = 0o644 << 16

# A manifest of this size or less is kept in memory.
SHORT_MANIFEST = 1024 * 1024
CHUNK = 256 * 1024

Pages = Iterable[list[Entry]]


class _Outline:
    """A file object that keeps the headers that `ZipFile` writes, and only counts the content of files.

    `ZipFile` seeks back to complete a file's header after its content.
    """

    def __init__(self) -> None:
        self._at = 0
        self._pieces: dict[int, bytes] = {}
        self.keeps = True

    def tell(self) -> int:
        return self._at

    def seek(self, at: int) -> int:
        self._at = at
        return at

    def write(self, piece: bytes) -> int:
        if self.keeps:
            self._pieces[self._at] = piece
        self._at += len(piece)
        return len(piece)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, {}
        return b"".join(pieces.values())


def zipped(
    pages: Callable[[], Pages], opened: Callable[[Job], FileOfParts], zone: str | None, now: float
) -> Iterator[bytes]:
    """Yield a zip file with the pictures of jobs and manifests, in pieces of up to a megabyte.

    `pages` is called for the pictures and for each manifest, and must yield the same jobs each time. `opened` raises
    OSError for a missing file; such a job has only a row in the manifests, with the reason. Raises OSError when a picture is deleted while it is read.
    """
    outline, names = _Outline(), dict[str, str]()  # By job.
    used = set(MANIFESTS)
    with ZipFile(outline, "w", ZIP_STORED) as archive:
        for entry in itertools.chain.from_iterable(pages()):
            job = entry.job
            if job.has_picture and (splice := _found(opened, job)):
                name = download_name(job, zone)
                if name in used:
                    name = download_name(job, zone, letters=len(job.id))
                used.add(name)
                names[job.id] = name
                info = _info(name, local(job.created_at, zone), splice.length)
                header, pieces = _header(archive, outline, info, splice), iter(splice)
                # The file is opened again at once, not when the client has received everything before it.
                yield header + next(pieces, b"")
                yield from pieces
        for name, written in MANIFESTS.items():
            rows = ([_row(each, zone, names.get(each.job.id)) for each in entries] for entries in pages())
            with tempfile.SpooledTemporaryFile(SHORT_MANIFEST) as manifest:
                for piece in written(rows, MANIFEST_COLUMNS):
                    manifest.write(piece)
                info = _info(name, local(now, zone), manifest.tell())
                yield _header(archive, outline, info, _content(manifest))
                yield from _content(manifest)
    yield outline.taken()


def _row(entry: Entry, zone: str | None, name: str | None) -> Row:
    """Return a row of a manifest. `name` is the picture's in the zip."""
    missing = "" if name else GONE if entry.job.file else NONE_YET.format(entry.job.state)
    values = lists.row(entry, zone)
    return values | {"file": name or values["file"], "missing": missing}


def _found(opened: Callable[[Job], FileOfParts], job: Job) -> FileOfParts | None:
    """Return a picture, or None for a missing file."""
    try:
        splice = opened(job)
        next(iter(splice), b"")
    except OSError:
        return None
    return splice


def _info(name: str, moment: datetime, size: int) -> ZipInfo:
    info = ZipInfo(name, moment.timetuple()[:6])
    info.external_attr, info.file_size = READABLE, size
    return info


def _header(archive: ZipFile, outline: _Outline, info: ZipInfo, content: Iterable[bytes]) -> bytes:
    """Return the header of a file, with the size and checksum of its content."""
    with archive.open(info, "w") as out:
        outline.keeps = False
        for piece in content:
            out.write(piece)
        outline.keeps = True
    return outline.taken()


def _content(manifest: IO[bytes]) -> Iterator[bytes]:
    manifest.seek(0)
    return iter(lambda: manifest.read(CHUNK), b"")
