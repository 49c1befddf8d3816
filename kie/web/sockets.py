"""Limit for open connections, and closing of connections that have never been answered.

    limits ── start, answer and end of each request and websocket ──► Connections
    lifespan ── watched ──► all sockets of our port: unanswered for 30 s, or idle both ways for 5 min: shut down

uvicorn has a timeout for a connection that waits for its next request, but none for one whose first request never comes
or stops within its headers. Applications are not notified of these. The kernel counts the bytes sent on each socket.
All connections share the limit of open files of the process, so some files are reserved for the database, pictures and
the service. Linux only: on other systems sockets can't be queried, and the studio serves one person.
"""

import asyncio
import contextlib
import logging
import os
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

log = logging.getLogger(__name__)

CHECK_S = 0.25
THOROUGH_S = 5.0
# File descriptors for the database, pictures, uploads and the service.
RESERVED_FILES = 128
# Each open page needs memory, however many files may be open.
CONNECTIONS_LIMIT = 2000
FILES_LIMIT = 65_536
# Offsets in Linux's struct tcp_info: milliseconds since data was sent and received, and acknowledged bytes.
_LAST_SENT, _LAST_RECEIVED, _CONFIRMED = 44, 52, 120


def raise_file_limit() -> int:
    """Raise the soft limit of open files of this process as far as possible, and return it."""
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return FILES_LIMIT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_LIMIT if hard == resource.RLIM_INFINITY else min(hard, FILES_LIMIT)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # macOS has a lower limit of its own.
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return FILES_LIMIT if soft == resource.RLIM_INFINITY else soft


@dataclass
class _Seen:
    """A connection: its descriptor, the time it was first seen, and its state according to the kernel. Times in seconds."""

    fd: int
    peer: tuple[str, int]
    since: float
    is_answered: bool
    silent_s: float


class Connections:
    """The connections of one server. Use only in the thread of its event loop."""

    def __init__(self, files: int, silent_s: float = 30.0, stalled_s: float = 300.0):
        """`files` is the limit of open files of the process. `silent_s` is the timeout of a first request, `stalled_s` of an idle connection."""
        self.limit = min(CONNECTIONS_LIMIT, max(files // 4, files - RESERVED_FILES))
        self.ports: set[int] = set()
        self._silent_s, self._stalled_s = silent_s, stalled_s
        self._open = 0
        self._unanswered: dict[object, tuple[float, tuple[str, int]]] = {}
        self._since: dict[tuple[int, tuple[str, int]], float] = {}
        # Listing descriptors needs one itself; this one is released for it.
        self._spare: int | None = None

    @property
    def is_full(self) -> bool:
        """Whether the limit of requests and websockets is reached."""
        return self._open >= self.limit

    @contextlib.contextmanager
    def request(self, server: tuple[str, int] | None, client: tuple[str, int] | None) -> Iterator[Callable[[], object]]:
        """Count a request or websocket within the block. Call what it gives when the response starts."""
        if server and server[1]:
            self.ports.add(server[1])
        key = object()
        answered = partial(self._unanswered.pop, key, None)
        self._open += 1
        self._unanswered[key] = (time.monotonic(), tuple(client or ("", 0)))
        try:
            yield answered
        finally:
            self._open -= 1
            answered()

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Check the connections periodically within the block."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()

    async def _watch(self) -> None:
        """Check the sockets every few seconds, and at once when file descriptors run short."""
        if not sys.platform.startswith("linux"):
            return
        self._take_spare()
        next_at = 0.0
        while True:
            await asyncio.sleep(CHECK_S)
            now = time.monotonic()
            if now >= next_at or self._files_run_short():
                self.check(now)
                next_at = now + min(THOROUGH_S, self._silent_s)

    def check(self, now: float) -> None:
        """Shut down the connections that have timed out. `now` is a monotonic time in seconds."""
        found = [seen for fd in self._descriptors() if (seen := self._seen(fd, now))]
        self._since = {(seen.fd, seen.peer): seen.since for seen in found}
        waiting = {client for _, client in self._unanswered.values()}
        # Behind a proxy the request has the visitor's address, so the connection of a long request is unknown.
        long = {client for began, client in self._unanswered.values() if now - began > self._silent_s / 2}
        is_unclear = bool(long - {seen.peer for seen in found})
        silent = [seen for seen in found if not seen.is_answered and seen.peer not in waiting]
        ended = [seen for seen in silent if not is_unclear and now - seen.since > self._silent_s]
        ended += [seen for seen in found if seen.is_answered and seen.silent_s > self._stalled_s]
        spare = len(found) - len(ended) - self.limit
        if spare > 0:
            kept = [seen for seen in silent if seen not in ended]
            ended += sorted(kept, key=lambda seen: seen.since)[:spare]
        for seen in ended:
            _shut_down(seen)
        if ended:
            log.warning("%d of %d connections closed: nothing came on them", len(ended), len(found))

    def close_all(self) -> None:
        """Shut down every connection: the server ends."""
        now = time.monotonic()
        for seen in [self._seen(fd, now) for fd in self._descriptors()]:
            if seen:
                _shut_down(seen)

    def _files_run_short(self) -> bool:
        """Return whether file descriptors run short. The kernel assigns the lowest free number."""
        try:
            lowest = os.open(os.devnull, os.O_RDONLY)
        except OSError:
            return True
        os.close(lowest)
        return lowest >= self.limit

    def _descriptors(self) -> list[int]:
        if self._spare is not None:
            os.close(self._spare)
        try:
            return [int(entry.name) for entry in Path("/dev/fd").iterdir()]
        except OSError:  # Another thread took the released descriptor; the next check is soon.
            return []
        finally:
            self._take_spare()

    def _take_spare(self) -> None:
        try:
            self._spare = os.open(os.devnull, os.O_RDONLY)
        except OSError:
            self._spare = None

    def _seen(self, fd: int, now: float) -> _Seen | None:
        """Return the connection of a descriptor, or None if it is none of our port."""
        try:
            with _borrowed(fd) as found:
                if found.type != socket.SOCK_STREAM or found.family not in (socket.AF_INET, socket.AF_INET6):
                    return None
                if found.getsockname()[1] not in self.ports:
                    return None
                peer = found.getpeername()[:2]
                state = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
        except OSError:  # Not a socket, a listening one, or just closed.
            return None
        sent_ms, received_ms = (struct.unpack_from("=I", state, at)[0] for at in (_LAST_SENT, _LAST_RECEIVED))
        is_answered = struct.unpack_from("=Q", state, _CONFIRMED)[0] > 0
        since = self._since.get((fd, peer), now)
        return _Seen(fd, peer, since, is_answered, min(sent_ms, received_ms) / 1000)


@contextlib.contextmanager
def _borrowed(fd: int) -> Iterator[socket.socket]:
    """Use a descriptor as a socket without taking ownership."""
    found = socket.socket(fileno=fd)
    try:
        yield found
    finally:
        found.detach()


def _shut_down(seen: _Seen) -> None:
    """Shut a connection down. uvicorn sees it end and closes it."""
    with contextlib.suppress(OSError), _borrowed(seen.fd) as found:
        found.shutdown(socket.SHUT_RDWR)
