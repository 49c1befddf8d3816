"""Backup and restore of the data folder. A backup can be made while the studio runs; a restore is complete or undone.

    backup.json                            format version and time
    studio.sqlite3                         a consistent copy in which no job is queued
    results/ references/ thumbnails/       the files named by the rows of that copy
    sandbox/…                              the same for the sandbox, if requested

The API key is not in the data folder and so in no backup. PostgreSQL databases are saved with their own tools.
"""

import json
import os
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from kie.backup.rows import copy_rows
from kie.errors import MaintenanceFailed, SettingsInvalid
from kie.images.files import CHUNK, Files, is_name
from kie.settings import Settings
from kie.store import Store
from kie.store.database import file_url
from kie.store.inventory import each
from kie.text import counted

DATABASE, ABOUT, SANDBOX = "studio.sqlite3", "backup.json", "sandbox/"
FORMAT = 1
REPORT_EVERY = 1000
NAME_IN_UTF_8 = 0x0800
CHANGED = "it is cut off, changed, or no zip file"

# What file systems and desktops create at the top of a volume, and what a killed restore leaves there.
_OF_A_VOLUME = re.compile(
    r"lost\+found|\.snapshots?|\.zfs|a?quota\.(user|group)|\.Trash-\d+|\.Trashes|\.Spotlight-V100|\.fseventsd|\.DS_Store"
    rf"|System Volume Information|\$RECYCLE\.BIN|\.{re.escape(DATABASE)}-[0-9a-z_]{{8}}\.part"
)

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """The folder and the database of a studio, and the prefix of its entries in a backup."""

    root: Path
    url: str
    prefix: str = ""

    @property
    def database(self) -> Path | None:
        """The path of the SQLite file, or None for a database server. Raises SettingsInvalid for an invalid URL."""
        try:
            url = make_url(self.url)
        except ArgumentError:
            raise SettingsInvalid("KIE_DATABASE_URL is not an address of a database: correct it.") from None
        return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


@dataclass(frozen=True)
class Restored:
    """The result of a restore: places with a database, number of files, jobs that were set to cancelled and to unsure."""

    places: tuple[Place, ...]
    files: int
    cancelled: int
    unsure: int


def place_of(settings: Settings, sandbox: bool = False) -> Place:
    """Return the place of the real service's data, or of the sandbox's."""
    root = settings.data_dir / SANDBOX if sandbox else settings.data_dir
    url = file_url(root / DATABASE)
    return Place(root, url if sandbox else settings.database_url or url, SANDBOX if sandbox else "")


def in_use(*places: Place) -> list[Place]:
    """Return those of `places` that have a database. Raises MaintenanceFailed when none has."""
    found = [place for place in places if place.database is None or place.database.is_file()]
    if not found:
        raise MaintenanceFailed(
            f"There is no studio's database at {places[0].database}; nothing was done: "
            "set KIE_DATA_DIR to the folder of a studio, or add --sandbox for the sandbox's pictures."
        )
    return found


def back_up(places: Sequence[Place], target: Path, report: Progress, now: float) -> None:
    """Write `places` into one new zip file and report progress. Running studios are not disturbed.

    Raises MaintenanceFailed, and OSError when the disk is full or not writable. No file is left in these cases.
    """
    if target.exists():
        raise MaintenanceFailed(f"{target} is there already; nothing was written: choose another name.")
    with _temporary(target) as name:
        part = Path(name)
        with zipfile.ZipFile(part / "backup.zip", "w", strict_timestamps=False) as archive:
            archive.writestr(ABOUT, json.dumps({"format": FORMAT, "made_at": now}))
            for place in places:
                _add(archive, place, part / DATABASE, report, now)
        with (part / "backup.zip").open("rb") as written:
            os.fsync(written.fileno())
        (part / "backup.zip").replace(target)


def _add(archive: zipfile.ZipFile, place: Place, copy: Path, report: Progress, now: float) -> None:
    if place.database is None:
        report(
            "The rows are on a database server, so they are not in this backup: pg_dump saves them. "
            "Run it before this command, so that every file that the dump names is in here."
        )
        _add_files(archive, place, Store(place.url), report)
        return
    _copy_database(place.database, copy)
    cancelled, unsure = neutralise(copy, now)
    if cancelled or unsure:
        report(
            f"In the copy, queued jobs are cancelled ({cancelled:,}) and jobs being sent need review ({unsure:,}), "
            "so that a restored studio pays for nothing twice. Here they continue."
        )
    archive.write(copy, place.prefix + DATABASE)
    _add_files(archive, place, Store(file_url(copy)), report)
    for path in copy.parent.glob(f"{DATABASE}*"):
        path.unlink()


def _copy_database(database: Path, copy: Path) -> None:
    """Copy the database in one step. Readers do not block writers, so each commit is copied completely or not at all."""
    try:
        address = f"{database.absolute().as_uri()}?mode=rw"
        with (
            closing(sqlite3.connect(address, uri=True, timeout=15)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise MaintenanceFailed(
            f"The database {database} can't be copied ({error}); nothing was written: "
            "check the disk's free space and permissions, and try again."
        ) from error


def neutralise(database: Path, now: float) -> tuple[int, int]:
    """Cancel what is queued in a copy of a database, so that opening it sends nothing. Returns the numbers of cancelled and unsure jobs."""
    with closing(Store(file_url(database))) as store:
        store.open()
        return store.inventory.neutralise_restored_jobs(now)


def _add_files(archive: zipfile.ZipFile, place: Place, store: Store, report: Progress) -> None:
    files, added, gone = Files(place.root), 0, 0
    with closing(store):
        total = store.inventory.files_count()
        for kept in chain(each(store.inventory.done_files), each(store.inventory.reference_files)):
            is_here = _add_file(archive, place, files.path(kept.file))
            _add_file(archive, place, files.thumbnail(kept.id))
            added, gone = added + is_here, gone + (not is_here)
            if (added + gone) % REPORT_EVERY == 0:
                report(f"{added + gone:,} of {total:,} files")
    report(f"{counted(added, 'file')} of pictures and references saved{' of the sandbox' if place.prefix else ''}.")
    if gone:
        report(f"{counted(gone, 'file')} missing on the disk: run check, which has such pictures downloaded again.")


def _add_file(archive: zipfile.ZipFile, place: Place, path: Path) -> bool:
    try:
        archive.write(path, place.prefix + path.relative_to(place.root).as_posix())
    except FileNotFoundError:
        return False
    return True


def restore(source: Path, folder: Path, report: Progress, now: float) -> Restored:
    """Unpack a backup into an empty folder in such a way that none of its jobs is sent again.

    Raises MaintenanceFailed, and OSError when the disk is full or not writable. The folder is unchanged in these cases.
    """
    _require_empty(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # An existing folder may be a mounted volume: it can't be replaced, and its siblings are on another disk.
    is_there = folder.exists()
    with _temporary(folder / DATABASE if is_there else folder) as name:
        part = Path(name)
        count = _unpack(source, part, report)
        databases = [prefix for prefix in ("", SANDBOX) if (part / prefix / DATABASE).exists()]
        for prefix in databases:
            Files(part / prefix).open()
            _renew_database(source, part / prefix / DATABASE)
        counts = [neutralise(part / prefix / DATABASE, now) for prefix in databases]
        if hasattr(os, "sync"):  # Flush everything before the rename.
            os.sync()
        if is_there:
            _move_up(part, folder)
        else:
            part.replace(folder)
    places = tuple(Place(folder / prefix, file_url(folder / prefix / DATABASE), prefix) for prefix in databases)
    return Restored(places, count, sum(cancelled for cancelled, _ in counts), sum(unsure for _, unsure in counts))


def _move_up(part: Path, folder: Path) -> None:
    """Move what is in `part` into the folder, the database last, because a folder without it is no studio. Undone if it fails."""
    _require_empty(folder)
    with ExitStack() as undo:
        for path in sorted(part.iterdir(), key=lambda path: path.name == DATABASE):
            undo.callback(path.replace(folder / path.name).replace, path)
        undo.pop_all()


def _renew_database(source: Path, database: Path) -> None:
    """Replace the unpacked database by a new one with the same rows. Its schema, triggers and views are not used."""
    given = database.with_name("unpacked.sqlite3")
    database.replace(given)
    with closing(Store(file_url(database))) as store:
        store.open()
    try:
        copy_rows(given, database)
    except ValueError as error:
        raise _invalid_backup(source, f"invalid value in {error}") from error
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise MaintenanceFailed(
                f"The database could not be written ({error}); nothing was restored: make room on the disk."
            ) from error
        raise _invalid_backup(source, f"its database can't be read: {error}") from error
    given.unlink()


def _require_empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        why = f"{folder} is a file"
    elif (folder / DATABASE).exists():
        why = f"There is a studio in {folder} already"
    elif folder.exists() and any(not _OF_A_VOLUME.fullmatch(path.name) for path in folder.iterdir()):
        why = f"{folder} is not empty"
    else:
        return
    raise MaintenanceFailed(
        f"{why}, so nothing was restored: name another folder with --into, or move what is there out of the way."
    )


def _unpack(source: Path, part: Path, report: Progress) -> int:
    try:
        with zipfile.ZipFile(source) as archive:
            entries = _checked(archive, source)
            # During the restore each database exists twice.
            sizes = [entry.file_size * (2 if _is_database(entry) else 1) for entry in entries]
            needed, free = sum(sizes), shutil.disk_usage(part.parent).free
            if needed > free:
                raise MaintenanceFailed(
                    f"The backup needs {needed / 2**20:,.0f} MB and the disk has {free / 2**20:,.0f} MB, "
                    "so nothing was restored: make room, or name another folder with --into."
                )
            for number, entry in enumerate(entries, start=1):
                target = part / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as packed, target.open("xb") as out:
                    shutil.copyfileobj(packed, out, CHUNK)
                if number % REPORT_EVERY == 0:
                    report(f"{number:,} of {len(entries):,} files")
    except (zipfile.BadZipFile, EOFError, UnicodeDecodeError, NotImplementedError) as error:
        raise _invalid_backup(source, CHANGED) from error
    return sum(not _is_database(entry) for entry in entries)


def _is_database(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.rpartition("/")[2] == DATABASE


def _checked(archive: zipfile.ZipFile, source: Path) -> list[zipfile.ZipInfo]:
    """Return the entries to unpack. Raises MaintenanceFailed for a zip or a name that this program does not write.

    Entries that are not packed, and together no larger than the file, take no more room than it has.
    """
    members = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & ~NAME_IN_UTF_8 for entry in members):
        raise _invalid_backup(source, "it was packed by another program")
    size = sum(entry.file_size for entry in members)
    if size > source.stat().st_size or any(entry.compress_size != entry.file_size for entry in members):
        raise _invalid_backup(source, CHANGED)
    names = [entry.filename for entry in members]
    about = None
    with suppress(KeyError, ValueError, RecursionError), archive.open(ABOUT) as stored:
        about = json.loads(stored.read(CHUNK))
    if not isinstance(about, dict):
        raise _invalid_backup(source, "it was not made by this studio")
    if about.get("format") != FORMAT:
        raise _invalid_backup(source, "a newer studio made it")
    entries = [entry for entry in members if entry.filename != ABOUT]
    for entry in entries:
        name = entry.filename.removeprefix(SANDBOX)
        # The name as it is in the file: zipfile changes `filename` on some systems.
        if entry.orig_filename != entry.filename or not (name == DATABASE or is_name(name)):
            raise _invalid_backup(source, f"no studio has a file of the name {entry.orig_filename[:100]!r}")
    if len(set(names)) != len(names):
        raise _invalid_backup(source, "duplicate file name")
    return entries


def _invalid_backup(source: Path, why: str) -> MaintenanceFailed:
    return MaintenanceFailed(
        f"{source} is not a complete backup of a studio ({why}), so nothing was restored: "
        "name a file that the command backup has made."
    )


def _temporary(target: Path) -> TemporaryDirectory[str]:
    """Create a folder beside `target`, which is deleted at the end unless it is moved."""
    return TemporaryDirectory(".part", f".{target.name}-", target.parent, ignore_cleanup_errors=True)
