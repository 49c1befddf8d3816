"""The data folder in one file, and back: while the studio works, and whole or not at all.

    backup.json                            that this is one
    studio.sqlite3                         a consistent copy, in which nothing waits to be sent
    results/ references/ thumbnails/       the files that the rows of that copy name
    sandbox/…                              the same of the sandbox, if wanted

The key is no part of the data folder, so it is in no backup. A database elsewhere (PostgreSQL) has tools of its own.
"""

import json
import os
import secrets
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from kie.database import file_url
from kie.errors import KeepingFailed, SettingsInvalid
from kie.files import CHUNK, Files, is_name
from kie.inventory import each
from kie.settings import Settings
from kie.store import Store

DATABASE, ABOUT, SANDBOX = "studio.sqlite3", "backup.json", "sandbox/"
FORMAT = 1
TOLD_EVERY = 1000

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """Where a studio keeps its files and rows, and below which name they stand in a backup."""

    root: Path
    url: str
    prefix: str = ""

    @property
    def database(self) -> Path | None:
        """The database's file, or None when a server of its own keeps the rows."""
        try:
            url = make_url(self.url)
        except ArgumentError:
            raise SettingsInvalid("KIE_DATABASE_URL is not an address of a database: correct it.") from None
        return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


@dataclass(frozen=True)
class Restored:
    """What came out of a backup: places that have their rows, files, jobs that are cancelled or unsure from now on."""

    places: tuple[Place, ...]
    files: int
    cancelled: int
    unsure: int


def place_of(settings: Settings, sandbox: bool = False) -> Place:
    """Return the place of the service's pictures, or of the sandbox's."""
    root = settings.data_dir / SANDBOX if sandbox else settings.data_dir
    url = file_url(root / DATABASE)
    return Place(root, url if sandbox else settings.database_url or url, SANDBOX if sandbox else "")


def in_use(*places: Place) -> list[Place]:
    """Return those of these places where a studio has its rows. Raises KeepingFailed when there is none."""
    found = [place for place in places if place.database is None or place.database.is_file()]
    if not found:
        raise KeepingFailed(
            f"There is no studio's database at {places[0].database}; nothing was done and no credits were spent: "
            "set KIE_DATA_DIR to the folder of a studio, or add --sandbox for the sandbox's pictures."
        )
    return found


# -- out


def back_up(places: Sequence[Place], target: Path, tell: Tell, now: float) -> None:
    """Write these places into one new file, and `tell` how that goes. Studios that work in them are not disturbed.

    Raises KeepingFailed, and OSError when the disk is full or not ours to write; nothing is left there then.
    """
    if target.exists():
        raise KeepingFailed(
            f"{target} is there already; nothing was written and no credits were spent: choose another name."
        )
    with _beside(target) as part:
        part.mkdir()
        with zipfile.ZipFile(part / "backup.zip", "w", strict_timestamps=False) as archive:
            archive.writestr(ABOUT, json.dumps({"format": FORMAT, "made_at": now}))
            for place in places:
                _add(archive, place, part / DATABASE, tell, now)
        with (part / "backup.zip").open("rb") as written:
            os.fsync(written.fileno())
        (part / "backup.zip").replace(target)


def _add(archive: zipfile.ZipFile, place: Place, copy: Path, tell: Tell, now: float) -> None:
    if place.database is None:
        tell(
            "The rows are on a database server, so they are not in this backup: pg_dump saves them. "
            "Run it before this command, so that every file that the dump names is in here."
        )
        _add_files(archive, place, Store(place.url), tell)
        return
    _copy_database(place.database, copy)
    cancelled, unsure = set_at_rest(copy, now)
    if cancelled or unsure:
        tell(
            f"In the copy, what waits is cancelled (jobs: {cancelled:,}) and what is just being sent is unsure ({unsure:,}), "
            "so that a restored studio pays for nothing twice. Here all of it goes on."
        )
    archive.write(copy, place.prefix + DATABASE)
    _add_files(archive, place, Store(file_url(copy)), tell)
    for path in copy.parent.glob(f"{DATABASE}*"):
        path.unlink()


def _copy_database(database: Path, copy: Path) -> None:
    """Copy in one step: readers hold up no writer, so what a studio commits meanwhile is wholly in or wholly out."""
    try:
        address = f"{database.absolute().as_uri()}?mode=rw"
        with (
            closing(sqlite3.connect(address, uri=True, timeout=15)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise KeepingFailed(
            f"The database {database} can't be copied ({error}); nothing was written and no credits were spent: "
            "look at the disk's room and permissions, and try again."
        ) from error


def set_at_rest(database: Path, now: float) -> tuple[int, int]:
    """See that whoever opens this copy of a database sends nothing; return how many jobs are cancelled and unsure."""
    store = Store(file_url(database))
    store.open()
    try:
        return store.come_from_backup(now)
    finally:
        store.close()


def _add_files(archive: zipfile.ZipFile, place: Place, store: Store, tell: Tell) -> None:
    files, added, gone = Files(place.root), 0, 0
    with closing(store):
        total = store.files_count()
        for kept in chain(each(store.done_files), each(store.reference_files)):
            is_here = _add_file(archive, place, files.path(kept.file))
            _add_file(archive, place, files.thumbnail(kept.id))
            added, gone = added + is_here, gone + (not is_here)
            if (added + gone) % TOLD_EVERY == 0:
                tell(f"{added + gone:,} of {total:,} files")
    tell(f"{_files(added)} of pictures and references saved{' of the sandbox' if place.prefix else ''}.")
    if gone:
        are = "is" if gone == 1 else "are"
        tell(
            f"{_files(gone)} that the rows name {are} not on the disk: run check, which has such pictures fetched again."
        )


def _add_file(archive: zipfile.ZipFile, place: Place, path: Path) -> bool:
    try:
        archive.write(path, place.prefix + path.relative_to(place.root).as_posix())
    except FileNotFoundError:
        return False
    return True


# -- in


def restore(source: Path, folder: Path, tell: Tell, now: float) -> Restored:
    """Unpack a backup into an empty folder, so that nothing in it is sent again, and return what came out.

    Raises KeepingFailed in words, and OSError when the disk is full or not ours to write; the folder is as before then.
    """
    _demand_empty(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _beside(folder) as part:
        count = _unpack(source, part, tell)
        databases = [prefix for prefix in ("", SANDBOX) if (part / prefix / DATABASE).exists()]
        for prefix in databases:
            Files(part / prefix).open()
        rested = [set_at_rest(part / prefix / DATABASE, now) for prefix in databases]
        if hasattr(os, "sync"):  # whole after a power cut, too
            os.sync()
        if folder.exists():
            folder.rmdir()
        part.replace(folder)
    places = tuple(Place(folder / prefix, file_url(folder / prefix / DATABASE), prefix) for prefix in databases)
    return Restored(places, count, sum(cancelled for cancelled, _ in rested), sum(unsure for _, unsure in rested))


def _demand_empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        why = f"{folder} is a file"
    elif (folder / DATABASE).exists():
        why = f"There is a studio in {folder} already"
    elif folder.exists() and any(folder.iterdir()):
        why = f"{folder} is not empty"
    else:
        return
    raise KeepingFailed(
        f"{why}, so nothing was restored and no credits were spent: "
        "name another folder with --into, or move what is there out of the way."
    )


def _unpack(source: Path, part: Path, tell: Tell) -> int:
    try:
        with zipfile.ZipFile(source) as archive:
            entries = _checked(archive, source)
            needed, free = sum(entry.file_size for entry in entries), shutil.disk_usage(part.parent).free
            if needed > free:
                raise KeepingFailed(
                    f"The backup needs {needed / 2**20:,.0f} MB and the disk has {free / 2**20:,.0f} MB, "
                    "so nothing was restored and no credits were spent: make room, or name another folder with --into."
                )
            part.mkdir()
            for number, entry in enumerate(entries, start=1):
                target = part / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as packed, target.open("xb") as out:
                    shutil.copyfileobj(packed, out, CHUNK)
                if number % TOLD_EVERY == 0:
                    tell(f"{number:,} of {len(entries):,} files")
    except (zipfile.BadZipFile, EOFError) as error:
        raise _no_backup(source, "it is cut off, changed, or no zip file") from error
    return sum(entry.filename.rpartition("/")[2] != DATABASE for entry in entries)


def _checked(archive: zipfile.ZipFile, source: Path) -> list[zipfile.ZipInfo]:
    """Return what is to be unpacked, once it is certain that nothing in it leaves the folder."""
    names = [entry.filename for entry in archive.infolist()]
    if ABOUT not in names or archive.getinfo(ABOUT).file_size > CHUNK:
        raise _no_backup(source, "it was not made by this studio")
    try:
        about = json.loads(archive.read(ABOUT))
    except (ValueError, NotImplementedError, RuntimeError) as error:
        raise _no_backup(source, "it was not made by this studio") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise _no_backup(source, "a newer studio made it")
    entries = [entry for entry in archive.infolist() if entry.filename != ABOUT]
    for entry in entries:
        name = entry.filename.removeprefix(SANDBOX)
        # As it stands in the file: zipfile mends names on some systems.
        if entry.orig_filename != entry.filename or not (name == DATABASE or is_name(name)):
            raise _no_backup(source, f"no studio has a file of the name {entry.orig_filename[:100]!r}")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise _no_backup(source, "it was packed by another program")
    if len(set(names)) != len(names):
        raise _no_backup(source, "a name is in it twice")
    return entries


def _no_backup(source: Path, why: str) -> KeepingFailed:
    return KeepingFailed(
        f"{source} is not a whole backup of a studio ({why}), so nothing was restored and no credits were spent: "
        "name a file that the command backup has made."
    )


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Give a name beside the target for what is not whole yet, and clear it away whatever happens."""
    part = target.with_name(f".{target.name}-{secrets.token_hex(4)}.part")
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
