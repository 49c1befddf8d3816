"""Files on disk, below one root folder.

    references/ab/<sha256>.png      references, named by content
    results/ab/<job>.png            results, byte by byte as downloaded
    thumbnails/ab/<sha256 or job>.webp
    incoming/                       incomplete files, and small uploads that a page is about to read

Paths are built only from ids generated here, never from external input.
"""

import hashlib
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from kie.errors import NoRoom, SettingsInvalid
from kie.permissions import tighten

CHUNK = 1024 * 1024
ID = re.compile(r"[0-9a-f]{32,64}")
_NAME = re.compile(r"(references|results)/[0-9a-f]{2}/[0-9a-f]{32,64}\.[a-z]+")
_THUMBNAIL = re.compile(r"thumbnails/[0-9a-f]{2}/[0-9a-f]{32,64}\.webp")
# Older uploads are deleted when there are more than this; their page has not read them.
UPLOADS_LIMIT = 20
KEPT_IN = ("references", "results", "thumbnails")


class Files:
    """The files below one root folder. Names returned as text are relative to it."""

    def __init__(self, root: Path, reserve_bytes: int = 0):
        """`reserve_bytes` of free disk space are kept for paid pictures."""
        self.root, self._reserve_bytes = root, reserve_bytes
        # Held while a reference's file and row are written, so that the cleanup does not delete the file in between.
        self.keeping_reference = threading.Lock()

    def open(self) -> None:
        """Create the folders and delete incomplete files that are older than a day.

        Raises SettingsInvalid when the root folder is not writable.
        """
        tighten(self.root, (*KEPT_IN, "incoming", "studio.sqlite3", "sandbox", "service"))
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
        self._discard_old("incoming/*", 86_400)

    def incoming(self) -> Path:
        """Return a new path for an incomplete file."""
        return self.root / "incoming" / f"{secrets.token_hex(16)}.part"

    def store_upload(self, part: Path) -> str:
        """Store a complete upload for the page that is about to read it, and return its id."""
        upload = part.with_suffix(".handed")
        part.replace(upload)
        newest = sorted(upload.parent.glob("*.handed"), key=_age_s)
        self.discard(newest[UPLOADS_LIMIT:])
        return upload.stem

    def take_upload(self, upload_id: str) -> bytes | None:
        """Return the content of an upload and delete it, or return None when it does not exist."""
        if not ID.fullmatch(upload_id):
            return None
        try:
            path = self.root / "incoming" / f"{upload_id}.handed"
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        path.unlink(missing_ok=True)
        return content

    def take_in(self, source: Path | IO[bytes]) -> tuple[Path, str]:
        """Return the path and the SHA-256 in hex of a file in `incoming/`. A stream is copied to a new one."""
        part = source if isinstance(source, Path) else self.incoming()
        if not isinstance(source, Path):
            with part.open("wb") as out:
                shutil.copyfileobj(source, out, CHUNK)
        with part.open("rb") as written:
            return part, hashlib.file_digest(written, "sha256").hexdigest()

    def keep_reference(self, part: Path, sha256: str, extension: str) -> str:
        """Move a complete reference to its final place, named by its hash, and return the relative name."""
        return self._keep(part, _name("references", sha256, extension))

    def keep_result(self, part: Path, job_id: str, extension: str) -> str:
        """Move a downloaded picture to its final place, named by the job's id, and return the relative name."""
        return self._keep(part, _name("results", job_id, extension))

    def result(self, job_id: str) -> str | None:
        """Return the relative name of a job's result if the file exists, whatever the database says."""
        names = [_name("results", job_id, extension) for extension in (".png", ".jpg", ".webp")]
        return next((name for name in names if (self.root / name).exists()), None)

    def thumbnail(self, owner_id: str) -> Path:
        """Return the path of the thumbnail of a reference or a job. The file need not exist."""
        return self.root / _name("thumbnails", owner_id, ".webp")

    def path(self, name: str) -> Path:
        """Return the path of a relative name. Raises ValueError for a name that this class does not generate."""
        if not _NAME.fullmatch(name):
            raise ValueError("a name that is not ours")
        return self.root / name

    def files_of(self, job_id: str) -> list[Path]:
        """Return the existing files of a job: its picture, a broken download, its thumbnail."""
        found = [*self.root.glob(_name("results", job_id, ".*")), self.thumbnail(job_id)]
        return [path for path in found if path.exists()]

    def present(self, folder: str) -> Iterator[Path]:
        """Yield all files below one of the folders."""
        for below, _, names in os.walk(self.root / folder):
            yield from (Path(below, name) for name in names)

    def discard(self, paths: Iterable[Path]) -> None:
        """Delete files. Missing files are ignored."""
        for path in paths:
            path.unlink(missing_ok=True)

    def need_room(self, size: int) -> None:
        """Raise NoRoom when `size` bytes do not fit on the disk in addition to the reserve for paid pictures."""
        if shutil.disk_usage(self.root).free < size + self._reserve_bytes:
            raise NoRoom

    def delete_leftovers(self, older_than_s: float) -> None:
        """Delete the uploads, and the incomplete thumbnails, older than `older_than_s` seconds."""
        self._discard_old("incoming/*.handed", older_than_s)
        self._discard_old("thumbnails/*/*.part", older_than_s)

    def _keep(self, part: Path, name: str) -> str:
        """Sync the file, rename it, sync the folder: after a power failure the file is either complete or absent."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(target)
        _flush_folder(target.parent)
        return name

    def _discard_old(self, pattern: str, older_than_s: float) -> None:
        self.discard(path for path in self.root.glob(pattern) if _age_s(path) > older_than_s)


def is_name(name: str) -> bool:
    """Return whether a relative name is valid for a result, a reference or a thumbnail."""
    return bool(_NAME.fullmatch(name) or _THUMBNAIL.fullmatch(name))


def _age_s(path: Path) -> float:
    """Return the age of a file in seconds, or infinity if it does not exist."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _name(folder: str, identifier: str, extension: str) -> str:
    if not ID.fullmatch(identifier):
        raise ValueError("an id that is not ours")
    return f"{folder}/{identifier[:2]}/{identifier}{extension}"


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows can't open a folder; NTFS journals the rename.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
