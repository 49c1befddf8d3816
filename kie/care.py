"""Is everything here that the rows promise? What is not is fetched or made again, and the bin is emptied.

rows ────> files      gone or broken: fetched again; a thumbnail: made again
files ───> rows       nobody's: told, never deleted
bin ─────> files      the row first, then its files: a crash leaves a file too many, never a row that promises one
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from kie import pictures
from kie.errors import FileMissing, FileRefused, PictureUnreadable, StudioError
from kie.files import KEPT_IN, Files, is_name
from kie.inventory import Kept, each
from kie.store import Store

log = logging.getLogger(__name__)

NAMED = 10
STEP = 500
# Between a file and its row there is a moment.
YOUNG_S = 60.0
LEFT_S = 86_400.0


@dataclass
class Named:
    """How many there are, and the names of the first of them."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count one more."""
        self.count += 1
        self.first += [name] if self.count <= NAMED else []

    def told(self) -> str:
        """Name them."""
        more = f" and {self.count - NAMED:,} more" if self.count > NAMED else ""
        return f"{', '.join(self.first)}{more}"


@dataclass
class Report:
    """What a check found at a moment, and what was done about it. `trouble` is why it could not end, in a sentence."""

    at: float
    is_deep: bool = False
    checked: int = 0
    missing: Named = field(default_factory=Named)
    broken: Named = field(default_factory=Named)
    references_missing: Named = field(default_factory=Named)
    thumbnails_made: int = 0
    orphans: Named = field(default_factory=Named)
    leftovers: Named = field(default_factory=Named)
    trouble: str = ""

    @property
    def fetched_again(self) -> int:
        """How many pictures are asked for again at the service."""
        return self.missing.count + self.broken.count

    @property
    def is_well(self) -> bool:
        """Whether there is nothing that a person should look at. Thumbnails that were made again are as they should be."""
        return not (self.fetched_again or self.references_missing.count or self.orphans.count or self.trouble)

    def sentences(self) -> list[str]:
        """Say all of it in words, the weightiest first."""
        how = "decoded whole" if self.is_deep else "looked at"
        whole = f"{_counted(self.checked, 'file')} of pictures and references {'was' if self.checked == 1 else 'were'} {how}"
        told = [f"{whole}; all is well." if self.is_well else f"{whole}."]
        told += [self.trouble] if self.trouble else []
        for name, one, many, then in _SENTENCES:
            found: Named = getattr(self, name)
            if found.count:
                told.append(f"{found.count:,} {one if found.count == 1 else many}: {then}. {found.told()}")
        if self.thumbnails_made:
            told.append(f"{_counted(self.thumbnails_made, 'missing thumbnail')} made again.")
        return told


_AGAIN = "the studio fetches this again at no cost; what the service no longer has stays under what needs attention"
# What is counted, how one and several are told, and what becomes of them.
_SENTENCES = (
    ("missing", "paid picture is gone from the disk", "paid pictures are gone from the disk", _AGAIN),
    ("broken", "paid picture is not as it arrived", "paid pictures are not as they arrived", _AGAIN),
    (
        "references_missing",
        "reference is gone from the disk",
        "references are gone from the disk",
        "no credits were spent; add them again before they are used",
    ),
    (
        "orphans",
        "file belongs to nothing that is known here",
        "files belong to nothing that is known here",
        "nothing was deleted and no credits are at stake; delete by hand what nobody misses",
    ),
    (
        "leftovers",
        "half-written file is older than a day",
        "half-written files are older than a day",
        "the next start of the studio clears them away",
    ),
)


class Care:
    """Looks after the files of one store. Safe to use from several threads; `tell` hears of each job that changes."""

    def __init__(
        self,
        store: Store,
        files: Files,
        tell: Callable[[str], None] = lambda _: None,
        is_stopping: Callable[[], bool] = lambda: False,
    ):
        self._store, self._files, self._tell, self._is_stopping = store, files, tell, is_stopping
        self._checking = threading.Lock()
        self.report: Report | None = None

    @property
    def is_checking(self) -> bool:
        """Whether a check is under way."""
        return self._checking.locked()

    def find_missing(self) -> None:
        """See that every finished picture is still on the disk; one that is not is fetched again."""
        for kept in self._each(self._store.done_files):
            if not self._files.path(kept.file).exists():
                self._fetch_again(kept, FileMissing)

    def check(self, is_deep: bool = False) -> Report:
        """Look at every file that should be here, and at every file that is. Costs no credits, and deletes nothing.

        Reads the headers of pictures, or decodes them whole: that takes up to a second for each.
        """
        with self._checking:
            report = Report(time.time(), is_deep)
            try:
                self._check_results(report)
                self._check_references(report)
                self._check_folders(report)
            except OSError as error:
                # A disk that is not there, or not ours to read, says nothing of the pictures on it.
                report.trouble = (
                    f"The check could not go on ({error.strerror}: {error.filename or self._files.root}); no credits were spent: "
                    "look at the disk and its permissions, and check again."
                )
            self.report = report
        return report

    def empty_bin(self, now: float, at_once: bool = False) -> int:
        """Delete the files of what is in the bin for 30 days, or of all that is in it, and return of how many jobs.

        Their rows stay, with all that they cost, and so do references.
        """
        emptied = 0
        while not self._is_stopping() and (due := self._store.emptied_due(now, STEP, at_once)):
            ids = [job.id for job in due]
            self._store.emptied(ids, now, at_once)
            # Somebody may just have taken one out of the bin: only what the row gives up is deleted.
            gone = [job.id for job in self._store.jobs(ids) if job.emptied_at is not None]
            for job_id in gone:
                self._discard(job_id)
            emptied += len(gone)
        return emptied

    # -- from the rows to the files

    def _check_results(self, report: Report) -> None:
        # A folder that is not there at all is a disk that is not mounted.
        (self._files.root / "results").stat()
        for kept in self._each(self._store.done_files):
            report.checked += 1
            if fault := self._fault(report, kept):
                found = report.missing if fault is FileMissing else report.broken
                if self._fetch_again(kept, fault):
                    found.add(kept.file)

    def _fault(self, report: Report, kept: Kept) -> type[StudioError] | None:
        path = self._files.path(kept.file)
        try:
            with path.open("rb") as stream:
                picture = pictures.measure(stream)
            if report.is_deep:
                pictures.inspect(path)
            self._make_thumbnail(report, kept.id, path)
        except FileNotFoundError:
            return FileMissing
        except FileRefused:
            return PictureUnreadable
        return PictureUnreadable if picture.bytes != kept.bytes else None

    def _fetch_again(self, kept: Kept, fault: type[StudioError]) -> bool:
        """The looker takes what is still here if it can be decoded, and else keeps it aside and fetches it anew."""
        won = self._store.lost(kept.id, fault, time.time())
        if won:
            log.warning("job %s: %s", kept.id, fault.__name__)
            self._tell(kept.id)
        return won

    def _check_references(self, report: Report) -> None:
        for kept in self._each(self._store.reference_files):
            report.checked += 1
            path = self._files.path(kept.file)
            try:
                if path.exists():
                    self._make_thumbnail(report, kept.id, path)
                else:
                    report.references_missing.add(kept.file)
            except FileRefused:
                pass  # its row says so already, in words

    def _make_thumbnail(self, report: Report, owner_id: str, path: Path) -> None:
        thumbnail = self._files.thumbnail(owner_id)
        if not thumbnail.exists():
            pictures.make_thumbnail(path, thumbnail)
            report.thumbnails_made += 1

    def _each(self, page: Callable[[str], list[Kept]]) -> Iterator[Kept]:
        """Go through rows to the end, or until the tracker stops."""
        for kept in each(page):
            if self._is_stopping():
                return
            yield kept

    # -- from the files to the rows

    def _check_folders(self, report: Report) -> None:
        for folder in KEPT_IN:
            for paths in _in_steps(self._older(folder, report.at - YOUNG_S)):
                known = self._store.owners({path.stem for path in paths})
                for path in paths:
                    name = path.relative_to(self._files.root).as_posix()
                    if path.stem not in known or not is_name(name):
                        report.orphans.add(name)
        for path in self._older("incoming", report.at - LEFT_S):
            report.leftovers.add(path.relative_to(self._files.root).as_posix())

    def _older(self, folder: str, than: float) -> Iterator[Path]:
        for path in self._files.present(folder):
            if self._is_stopping():
                return
            try:
                is_older = path.stat().st_mtime < than
            except FileNotFoundError:
                continue  # it has gone to its place meanwhile
            if is_older:
                yield path

    def _discard(self, job_id: str) -> None:
        try:
            self._files.discard(self._files.made_for(job_id))
        except OSError as error:
            log.warning("job %s: a file from the bin could not be deleted (%s)", job_id, error.strerror)
        self._tell(job_id)


def _in_steps(paths: Iterable[Path]) -> Iterator[list[Path]]:
    every = iter(paths)
    while some := list(islice(every, STEP)):
        yield some


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
