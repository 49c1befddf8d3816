"""Decodes pictures in a child process, one at a time, with limits for memory and time.

    result    ─┐                                    ┌─ thumbnail
    reference ─┼─ queue: results first ─ process ───┼─ FileRefused        broken, or not a picture
    convert   ─┘   (decode_worker)                  └─ SpentAndKept       too large or too slow: kept, not shown

A slow picture is interrupted and requeued when a newer one waits. If the process dies or is killed at a limit, a new
one is started and the picture is tried once more.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from operator import attrgetter
from pathlib import Path
from typing import Any

from kie.errors import DecoderClosed, FileRefused, SpentAndKept, TooLargeToShow, TooSlowToShow
from kie.images import inspect

log = logging.getLogger(__name__)

DECODE_S = 20.0
CONVERT_S = 60.0
MAKES_ROOM_AFTER_S = 2.0
MAKES_ROOM_TIMES = 2
TRIES = 2
# The largest decoded picture, plus working memory.
MEMORY_BYTES = inspect.DECODED_BYTES_LIMIT + 40 * 2**20
_RESULT, _REFERENCE = 0, 1
_ROOT = Path(__file__).resolve().parent.parent.parent
# Environment variables that a process needs to start. The API key and the database URL are not passed on.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG", "LC_ALL")
# glibc: return freed memory to the system at once, and reserve no arenas for threads.
_MALLOC = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576"}

Message = dict[str, Any]


@dataclass
class _Turn:
    """A queued or current picture. One that was interrupted ranks after those that were not."""

    kind: int
    number: int
    made_room: int = 0
    process: subprocess.Popen | None = None
    ends_at: float = 0.0
    stopped_by: str = ""
    began_at: float = 0.0

    @property
    def rank(self) -> tuple[int, int, int]:
        return self.kind, self.made_room, self.number

    def yields_to(self, other: "_Turn") -> bool:
        return self.made_room < MAKES_ROOM_TIMES and (other.kind, other.made_room) < (self.kind, self.made_room + 1)


class Decoder:
    """Runs the child process and its queue. Thread-safe; each call blocks until its picture is done."""

    def __init__(
        self,
        memory_bytes: int = MEMORY_BYTES,
        decode_s: float = DECODE_S,
        convert_s: float = CONVERT_S,
        makes_room_after_s: float = MAKES_ROOM_AFTER_S,
    ):
        self._memory_bytes, self._decode_s, self._convert_s = memory_bytes, decode_s, convert_s
        self._makes_room_after_s = makes_room_after_s
        self._changed = threading.Condition()
        self._numbers = count()
        self._waiting: list[_Turn] = []
        self._current: _Turn | None = None
        self._process: subprocess.Popen | None = None
        self._is_closed = False

    @property
    def queued(self) -> int:
        """How many pictures are queued or being decoded."""
        with self._changed:
            return len(self._waiting) + bool(self._current)

    def start(self) -> None:
        """Start the child process if it is not running, so that the first picture need not wait for it. Returns at once."""
        with self._changed:
            if not self._is_closed and self._current is None and not self._runs():
                self._launch()

    def result(self, path: Path, thumbnail: Path) -> None:
        """Decode a paid picture completely and write its thumbnail. Takes precedence over references.

        Raises FileRefused when the file is broken or not a picture, SpentAndKept when it exceeds the limits of memory
        or time, OSError when the thumbnail can't be written, and DecoderClosed.
        """
        self._decode(_RESULT, path, thumbnail)

    def reference(self, path: Path, thumbnail: Path | None) -> None:
        """Decode a reference completely and write its thumbnail unless `thumbnail` is None.

        Raises FileRefused with the reason, OSError when the thumbnail can't be written, and DecoderClosed.
        """
        try:
            self._decode(_REFERENCE, path, thumbnail)
        except SpentAndKept as error:
            raise FileRefused(error.detail) from error

    def look(self, path: Path, thumbnail: Path | None) -> None:
        """Decode a picture that is stored already, with the priority of a reference. Raises as `result` does."""
        self._decode(_REFERENCE, path, thumbnail)

    def convert(self, source: Path, target: Path) -> str:
        """Convert a picture that the service does not accept, write it to `target`, and return a sentence with the changes.

        Raises FileRefused with the reason, OSError when the file can't be written, and DecoderClosed.
        """
        try:
            answer = self._ask(_REFERENCE, {"source": str(source), "target": str(target)}, self._convert_s)
        except SpentAndKept as error:
            raise FileRefused(error.detail) from error
        return answer["changed"]

    def close(self) -> None:
        """End the child process. Calls that wait for a picture raise DecoderClosed."""
        with self._changed:
            self._is_closed = True
            if self._current:
                self._stop(self._current, "closed")
            self._changed.notify_all()
            process, self._process = self._process, None
        if process:
            _end(process)

    def _decode(self, kind: int, path: Path, thumbnail: Path | None) -> None:
        self._ask(kind, {"source": str(path), "thumbnail": str(thumbnail) if thumbnail else None}, self._decode_s)

    def _ask(self, kind: int, request: Message, seconds: float) -> Message:
        """Send a request and return its answer. If the process dies, sends it once more to a new process."""
        turn, deaths = _Turn(kind, next(self._numbers)), 0
        while True:
            answer = self._exchange(turn, request | {"seconds": seconds}, seconds)
            if answer.get("error") == "room":
                turn.made_room += 1
                continue
            if answer.get("error") in ("memory", "time", "died"):
                deaths += 1
                log.warning("decoding %s ended (%s)", request["source"], answer["error"])
                if deaths < TRIES:
                    continue
            return _learned(answer)

    def _exchange(self, turn: _Turn, request: Message, seconds: float) -> Message:
        """Wait in the queue, send the request, and return the answer or an error message."""
        process = self._take(turn, seconds)
        clock = threading.Timer(seconds, self._stop_late, (turn,))
        clock.daemon = True
        clock.start()
        answer: Message = {"error": "died"}
        try:
            line = _sent(process, json.dumps(request).encode() + b"\n")
            if line.endswith(b"\n"):
                answer = json.loads(line)
        finally:
            clock.cancel()
            self._give(turn, is_sound=answer.get("error") not in ("died", "memory"))
        return {"error": turn.stopped_by} if answer.get("error") == "died" and turn.stopped_by else answer

    def _take(self, turn: _Turn, seconds: float) -> subprocess.Popen:
        """Wait until the process is free for this turn. Interrupts the current picture if it takes long and yields."""
        with self._changed:
            self._waiting.append(turn)
            try:
                while not self._is_closed and (self._current or min(self._waiting, key=attrgetter("rank")) is not turn):
                    self._changed.wait(self._room_in(turn))
                if self._is_closed:
                    raise DecoderClosed()
                turn.process = self._process if self._runs() else self._launch()
            finally:
                self._waiting.remove(turn)
            turn.stopped_by, turn.began_at = "", time.monotonic()
            self._current = turn
            return turn.process

    def _room_in(self, turn: _Turn) -> float | None:
        """Return the seconds until the current picture should be interrupted for this one, or None. Interrupts it if that time is over."""
        current = self._current
        if current is None or current.stopped_by or not current.yields_to(turn):
            return None
        left = current.began_at + self._makes_room_after_s - time.monotonic()
        if left > 0:
            return left
        self._stop(current, "room")
        return None

    def _give(self, turn: _Turn, is_sound: bool) -> None:
        """Free the process for the next picture. Ends it if it is no longer usable."""
        with self._changed:
            self._current = None
            if turn.stopped_by or not is_sound:
                process, self._process = self._process, None
                if process:
                    _end(process)
            self._changed.notify_all()

    def _stop_late(self, turn: _Turn) -> None:
        with self._changed:
            if self._current is turn:
                self._stop(turn, "time")

    def _stop(self, turn: _Turn, reason: str) -> None:
        if turn.process and not turn.stopped_by:
            turn.stopped_by = reason
            turn.process.kill()

    def _runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _launch(self) -> subprocess.Popen:
        if self._process:
            _end(self._process)
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= _MALLOC | {"PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)])}
        command = [sys.executable, "-m", "kie.images.decode_worker", str(self._memory_bytes)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, cwd=_ROOT, env=environment, **pipes)  # noqa: S603 - our own module
        return self._process


def _sent(process: subprocess.Popen, line: bytes) -> bytes:
    """Send one request and return the answer. Without a line end the process has died."""
    try:
        process.stdin.write(line)
        process.stdin.flush()
        return process.stdout.readline()
    except (OSError, ValueError):  # The process is gone or being closed.
        return b""


def _end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # Unsent data, which the dead process can't read.
            pipe.close()


def _learned(answer: Message) -> Message:
    """Return a successful answer; raise the exception that an error answer stands for."""
    errors: dict[str, Callable[[], Exception]] = {
        **{kind.__name__: partial(kind, answer.get("detail")) for kind in (FileRefused, TooLargeToShow, TooSlowToShow)},
        "disk": lambda: OSError(*answer["detail"]),  # Also a FileNotFoundError, by its number.
        "closed": DecoderClosed,
        "memory": lambda: TooLargeToShow(inspect.TOO_MUCH_MEMORY),
        "died": lambda: TooLargeToShow(inspect.TOO_MUCH_MEMORY),
        "time": lambda: TooSlowToShow(inspect.TOO_LONG),
    }
    if "error" in answer:
        raise errors[answer["error"]]()
    return answer
