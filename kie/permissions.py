"""File permissions: everything the studio writes is accessible to its own user only. Also reads small regular files.

The database contains the secret that signs links, and all prompts. Folders have mode 0700, files 0600. Has no effect
on Windows.
"""

import errno
import logging
import os
import stat
from collections.abc import Collection
from pathlib import Path

log = logging.getLogger(__name__)

IS_POSIX = os.name == "posix"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def keep_private() -> None:
    """Set the umask, so that new files of this process are accessible to its own user only."""
    os.umask(_OTHERS)


def tighten(folder: Path, ours: Collection[str]) -> None:
    """Remove the permissions of other users from entries of a folder whose names start with one of `ours`.

    The folder itself is included unless it has other entries. Descends only into folders that others can access.
    """
    if not IS_POSIX or not folder.is_dir():
        return
    found = {path: path.name.startswith(tuple(ours)) for path in folder.iterdir()}
    try:
        for path, is_ours in found.items():
            # Of a file, os.walk yields nothing.
            for place, folders, names in os.walk(path) if is_ours and _close(path) else ():
                for name in (*folders, *names):
                    _close(Path(place, name))
        if all(found.values()):
            _close(folder)
    except OSError as error:
        log.warning("other users of this computer may read %s (%s)", folder, error.strerror)


def _close(path: Path) -> bool:
    """Remove the permissions of other users. Returns whether they had any."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode) or not mode & _OTHERS:
        return False
    path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
    return True


def read_plain(path: Path, limit: int) -> tuple[bytes, bool]:
    """Return a small file's content, and whether other users can read it.

    Raises OSError when it is larger than `limit` bytes or not a regular file: reading a named pipe would block.
    """
    _require_regular(path.stat(), limit)
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        status = os.fstat(file.fileno())
        _require_regular(status, limit)
        return file.read(limit), IS_POSIX and bool(status.st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _require_regular(status: os.stat_result, limit: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, "it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no plain file")
    if status.st_size > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes")
