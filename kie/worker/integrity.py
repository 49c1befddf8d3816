"""Integrity check between rows and files, and deletion of expired files.

rows ────> files      a missing or broken picture is downloaded again; a missing thumbnail is made again
files ───> rows       files without a row are reported, never deleted
bin ─────> files      the row is updated first, then its files are deleted: a crash leaves an extra file at worst
unused ──> files      references that nothing uses and nobody added again for 7 days are deleted
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from kie.errors import DecoderClosed, FileMissing, FileRefused, PictureUnreadable, SpentAndKept, StudioError
from kie.images import inspect
from kie.images.decoder import Decoder
from kie.images.files import KEPT_IN, Files, is_name
from kie.store import Store
from kie.store.inventory import ExpectedFile, each
from kie.text import counted

log = logging.getLogger(__name__)

NAMED = 10
STEP = 500
# A file is written shortly before its row, so younger files are not reported.
YOUNG_S = 60.0
LEFT_S = 86_400.0
UNUSED_LIFE_S = 7 * 86_400.0
UPLOAD_LIFE_S = 3600.0


@dataclass
class Report:
    """The result of a check: the names of files by what is wrong with them.

    `trouble` is the sentence that says why the check ended early, or "".
    """

    at: float
    is_deep: bool = False
    checked: int = 0
    missing: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    references_missing: list[str] = field(default_factory=list)
    thumbnails_made: int = 0
    orphans: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    trouble: str = ""

    @property
    def is_well(self) -> bool:
        """Whether there is nothing for a person to act on. Thumbnails that were made again do not count."""
        return not (self.missing or self.broken or self.references_missing or self.orphans or self.trouble)

    def sentences(self) -> list[str]:
        """Return the report as sentences, the most important first."""
        how = "decoded" if self.is_deep else "checked"
        whole = (
            f"{counted(self.checked, 'file')} of pictures and references {'was' if self.checked == 1 else 'were'} {how}"
        )
        sentences = [f"{whole}; no problems." if self.is_well else f"{whole}."]
        sentences += [self.trouble] if self.trouble else []
        for kind, (what, then) in _SENTENCES.items():
            if names := getattr(self, kind):
                more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
                sentences.append(f"{what}: {len(names):,}; {then}. {', '.join(names[:NAMED])}{more}")
        if self.thumbnails_made:
            sentences.append(f"{counted(self.thumbnails_made, 'missing thumbnail')} made again.")
        return sentences


_AGAIN = "the studio downloads them again at no cost; what fails for a day is listed in Account"
# What was found, and what happens now, by the attribute of Report.
_SENTENCES = {
    "missing": ("Paid pictures that are gone from the disk", _AGAIN),
    "broken": ("Paid pictures that are damaged on the disk", _AGAIN),
    "references_missing": ("References that are gone from the disk", "add them again before they are used"),
    "orphans": (
        "Files that belong to no picture or reference",
        "nothing was deleted; delete those that are not needed",
    ),
    "leftovers": ("Half-written files older than a day", "the next start of the studio deletes them"),
}


@dataclass(eq=False)
class IntegrityCheck:
    """Checks the files of one store. `publish_job` is called with the id of each job that changes."""

    store: Store
    files: Files
    decoder: Decoder
    publish_job: Callable[[str], None] = lambda _: None
    is_stopping: Callable[[], bool] = lambda: False
    report: Report | None = field(default=None, init=False)
    is_checking: bool = field(default=False, init=False)  # Set by the caller that schedules a check.

    def find_missing(self) -> None:
        """Have every done picture whose file is missing downloaded again."""
        for kept in self._while_running(each(self.store.inventory.done_files)):
            if not self.files.path(kept.file).exists():
                self._fetch_again(kept, FileMissing)

    def check(self, is_deep: bool = False) -> Report:
        """Compare all rows with all files and return the report. Costs no credits and deletes nothing.

        Reads only image headers, or with `is_deep` decodes every picture, which takes up to a second each.
        """
        report = Report(time.time(), is_deep)
        try:
            self._check_results(report)
            self._check_references(report)
            self._check_folders(report)
        except DecoderClosed as error:
            report.trouble = error.sentence
        except OSError as error:
            # An unmounted or unreadable disk says nothing about the pictures on it.
            report.trouble = (
                f"The check could not go on ({error.strerror}: {error.filename or self.files.root}): "
                "look at the disk and its permissions, and check again."
            )
        self.report = report
        return report

    def tidy(self, now: float) -> None:
        """Run the hourly cleanup: the bin, unused references, uploaded files that no page has read, incomplete thumbnails."""
        self.empty_bin(now)
        self.clear_references(now)
        self.files.delete_leftovers(UPLOAD_LIFE_S)

    def clear_references(self, now: float) -> int:
        """Delete the references that nothing has used or named, and nobody has added, for 7 days. Returns how many."""
        with self.files.keeping_reference:
            dropped = self.store.inventory.drop_unused_references(now - UNUSED_LIFE_S)
            added_again = {kept.id for kept in self.store.references.get_many([kept.id for kept in dropped])}
            for kept in dropped:
                if kept.id in added_again:  # By another server, just now.
                    continue
                with _deleting(f"reference {kept.id}"):
                    self.files.discard([self.files.path(kept.file), self.files.thumbnail(kept.id)])
        if dropped:
            log.info("%d references that nothing has used for 7 days were deleted", len(dropped))
        return len(dropped)

    def empty_bin(self, now: float, before: float | None = None) -> int:
        """Delete the files of jobs that have been in the bin for 30 days, or, with `before`, since then. Returns the number of jobs.

        Rows, costs and references are kept.
        """
        emptied = 0
        while not self.is_stopping() and (ids := self.store.annotations.empty_bin(now, STEP, before)):
            for job_id in ids:
                with _deleting(f"job {job_id}"):
                    self.files.discard(self.files.files_of(job_id))
                self.publish_job(job_id)
            emptied += len(ids)
        return emptied

    def _check_results(self, report: Report) -> None:
        # Raises OSError if the folder is missing: then the disk is not mounted.
        (self.files.root / "results").stat()
        for kept in self._while_running(each(self.store.inventory.done_files)):
            report.checked += 1
            fault = self._fault(report, kept)
            if fault and self._fetch_again(kept, fault):
                (report.missing if fault is FileMissing else report.broken).append(kept.file)

    def _fault(self, report: Report, kept: ExpectedFile) -> type[StudioError] | None:
        path = self.files.path(kept.file)
        try:
            picture = inspect.measure(path)
            self._decode(report, kept, path)
        except SpentAndKept:
            pass  # The file is complete; it is only not displayed.
        except FileNotFoundError:
            return FileMissing
        except FileRefused:
            return PictureUnreadable
        return PictureUnreadable if picture.bytes != kept.bytes else None

    def _fetch_again(self, kept: ExpectedFile, fault: type[StudioError]) -> bool:
        """Schedule a download. The poller first uses the existing file if it can be decoded."""
        won = self.store.inventory.fetch_again(kept.id, fault, time.time())
        if won:
            log.warning("job %s: %s", kept.id, fault.__name__)
            self.publish_job(kept.id)
        return won

    def _check_references(self, report: Report) -> None:
        for kept in self._while_running(each(self.store.inventory.reference_files)):
            report.checked += 1
            path = self.files.path(kept.file)
            try:
                if not path.exists():
                    report.references_missing.append(kept.file)
                elif kept.is_shown and not self.files.thumbnail(kept.id).exists():
                    self._decode(report, kept, path)
            except (FileRefused, SpentAndKept):
                pass  # Recorded in its row already.

    def _decode(self, report: Report, kept: ExpectedFile, path: Path) -> None:
        """Decode a picture if a deep check or a missing thumbnail requires it, and write the missing thumbnail."""
        thumbnail = self.files.thumbnail(kept.id)
        is_missing = kept.is_shown and not thumbnail.exists()
        if is_missing or (report.is_deep and kept.is_shown):
            self.decoder.reference(path, thumbnail if is_missing else None)
            report.thumbnails_made += is_missing

    def _while_running(self, found: Iterable[Any]) -> Iterator[Any]:
        """Yield the items until the tracker stops."""
        return takewhile(lambda _: not self.is_stopping(), found)

    def _check_folders(self, report: Report) -> None:
        for folder in KEPT_IN:
            older = self._older(folder, report.at - YOUNG_S)
            while names := list(islice(older, STEP)):
                known = self.store.inventory.owners({Path(name).stem for name in names})
                report.orphans += (name for name in names if Path(name).stem not in known or not is_name(name))
        report.leftovers += self._older("incoming", report.at - LEFT_S)

    def _older(self, folder: str, than: float) -> Iterator[str]:
        """Yield the relative names of the files in a folder that are older than a time."""
        for path in self._while_running(self.files.present(folder)):
            try:
                is_older = path.stat().st_mtime < than
            except FileNotFoundError:
                continue  # Moved to its final place meanwhile.
            if is_older:
                yield path.relative_to(self.files.root).as_posix()


@contextmanager
def _deleting(owner: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.warning("%s: a file could not be deleted (%s)", owner, error.strerror)
