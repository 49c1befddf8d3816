"""Bytes on disk: references, results, thumbnails, below one root.

    references/ab/<sha256>.png      what goes in, named by content
    results/ab/<job>.png            what came out, exactly as it was served
    thumbnails/ab/<sha256 or job>.webp
    incoming/                       what is not whole yet

Every name is made here from an id of ours; nothing from outside becomes a path.
"""

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from kie.errors import SettingsInvalid

CHUNK = 1024 * 1024
_ID = re.compile(r"[0-9a-f]{32,64}")
_NAME = re.compile(r"(references|results)/[0-9a-f]{2}/[0-9a-f]{32,64}\.[a-z]+")
_THUMBNAIL = re.compile(r"thumbnails/[0-9a-f]{2}/[0-9a-f]{32,64}\.webp")
KEPT_IN = ("references", "results", "thumbnails")


class Files:
    """The files below one root. All paths that leave this class as text are relative to it."""

    def __init__(self, root: Path):
        self.root = root

    def open(self) -> None:
        """Make the folders and sweep up what an earlier stop left half written.

        Raises SettingsInvalid when the root can't be written.
        """
        try:
            for name in (*KEPT_IN, "incoming"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            probe = self.incoming()
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise SettingsInvalid(
                f"The data folder {self.root} can't be written ({error.strerror}): set KIE_DATA_DIR to one that can."
            ) from error
        self._sweep(older_than_s=86_400)

    def incoming(self) -> Path:
        """Return a fresh name for bytes that are not whole yet."""
        return self.root / "incoming" / f"{secrets.token_hex(16)}.part"

    def take_in(self, source: IO[bytes]) -> tuple[Path, str]:
        """Copy a stream to `incoming/` in pieces and return the path and the content's SHA-256 in hex."""
        part, digest = self.incoming(), hashlib.sha256()
        with part.open("wb") as out:
            while piece := source.read(CHUNK):
                digest.update(piece)
                out.write(piece)
        return part, digest.hexdigest()

    def keep_reference(self, part: Path, sha256: str, extension: str) -> str:
        """Move whole bytes to their place by content and return the relative name."""
        return self._keep(part, f"references/{_safe(sha256)[:2]}/{sha256}{extension}")

    def keep_result(self, part: Path, job_id: str, extension: str) -> str:
        """Move a fetched picture to its place under the job's id and return the relative name."""
        return self._keep(part, f"results/{_safe(job_id)[:2]}/{job_id}{extension}")

    def result(self, job_id: str) -> str | None:
        """Return the relative name of a whole result that is already here, whether the database knows of it or not."""
        folder = self.root / "results" / _safe(job_id)[:2]
        found = [folder / (job_id + extension) for extension in (".png", ".jpg", ".webp")]
        return next((path.relative_to(self.root).as_posix() for path in found if path.exists()), None)

    def thumbnail(self, owner_id: str) -> Path:
        """Return where the thumbnail of a reference or job is, made or not."""
        return self.root / "thumbnails" / _safe(owner_id)[:2] / f"{owner_id}.webp"

    def path(self, name: str) -> Path:
        """Return the path of a relative name as this class gave it out. Raises ValueError for any other."""
        if not _NAME.fullmatch(name):
            raise ValueError("a name that is not ours")
        return self.root / name

    def made_for(self, job_id: str) -> list[Path]:
        """Return the files that are here of a job: its picture, what arrived broken, its thumbnail."""
        found = [*(self.root / "results" / _safe(job_id)[:2]).glob(f"{job_id}.*"), self.thumbnail(job_id)]
        return [path for path in found if path.exists()]

    def present(self, folder: str) -> Iterator[Path]:
        """Go through the files in one of the folders, one after the other."""
        for below, _, names in os.walk(self.root / folder):
            yield from (Path(below, name) for name in names)

    def discard(self, paths: Iterable[Path]) -> None:
        """Delete files that nothing refers to. Missing ones are fine."""
        for path in paths:
            path.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Return how much room the disk has."""
        return shutil.disk_usage(self.root).free

    def _keep(self, part: Path, name: str) -> str:
        """Flush, rename, flush the folder: after this a power cut finds the whole file or none."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(target)
        _flush_folder(target.parent)
        return name

    def _sweep(self, older_than_s: float) -> None:
        limit = time.time() - older_than_s
        self.discard(path for path in (self.root / "incoming").iterdir() if path.stat().st_mtime < limit)


def is_name(name: str) -> bool:
    """Say whether a relative name is one that a picture, a reference or a thumbnail can have here."""
    return bool(_NAME.fullmatch(name) or _THUMBNAIL.fullmatch(name))


def _safe(identifier: str) -> str:
    if not _ID.fullmatch(identifier):
        raise ValueError("an id that is not ours")
    return identifier


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows can't open a folder; its file system journals the rename.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
