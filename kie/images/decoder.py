"""Decodes pictures in child processes (`decode_worker`) with limits for memory and time.

    result ───────────────── process ──┬─ thumbnail
    reference, conversion ── process ──┼─ FileRefused        broken, or not a picture
                                       └─ SpentAndKept       too large or too slow: kept, not shown

Each process decodes one picture at a time, so a paid result of a usual size never waits for a reference. Pictures that
need much memory are decoded one after the other in both together. If a process dies or is killed at a limit, a new one is
started and the picture is tried once more.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from kie.errors import DecoderClosed, FileRefused, SpentAndKept, TooLargeToShow, TooSlowToShow
from kie.images import inspect

log = logging.getLogger(__name__)

DECODE_S = 20.0
CONVERT_S = 60.0
TRIES = 2
# Pictures that need more are decoded one at a time. The service's largest results need less.
LARGE_BYTES = 80 * 2**20
# The largest decoded picture, plus working memory.
MEMORY_BYTES = inspect.DECODED_BYTES_LIMIT + 40 * 2**20
_ROOT = Path(__file__).resolve().parent.parent.parent
# Environment variables that a process needs to start. The API key and the database URL are not passed on.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG", "LC_ALL")
# glibc: return freed memory to the system at once, and reserve no arenas for threads.
_MALLOC = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576"}
_REFUSALS = {kind.__name__: kind for kind in (FileRefused, TooLargeToShow, TooSlowToShow)}

Message = dict[str, Any]


class Decoder:
    """The two processes, started with their first pictures. Thread-safe; each call blocks until its picture is done."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES, decode_s: float = DECODE_S):
        large = threading.Lock()
        self._results, self._references = _Process(memory_bytes, large), _Process(memory_bytes, large)
        self._decode_s = decode_s

    def result(self, path: Path, thumbnail: Path) -> None:
        """Decode a paid picture completely and write its thumbnail.

        Raises FileRefused when the file is broken or not a picture, SpentAndKept when it exceeds the limits of memory
        or time, OSError when the thumbnail can't be written, and DecoderClosed.
        """
        self._results.ask({"source": str(path), "thumbnail": str(thumbnail)}, self._decode_s)

    def reference(self, path: Path, thumbnail: Path | None) -> None:
        """Decode a reference, or a picture that is stored already, without delaying results. Raises as `result` does."""
        request = {"source": str(path), "thumbnail": str(thumbnail) if thumbnail else None}
        self._references.ask(request, self._decode_s)

    def convert(self, source: Path, target: Path) -> str:
        """Convert a picture that the service does not accept, write it to `target`, and return a sentence with the changes.

        Raises FileRefused with the reason, OSError when the file can't be written, and DecoderClosed.
        """
        try:
            return self._references.ask({"source": str(source), "target": str(target)}, CONVERT_S)["changed"]
        except SpentAndKept as error:
            raise FileRefused(error.detail) from error

    def close(self) -> None:
        """End the processes. Calls that wait for a picture raise DecoderClosed."""
        self._results.close()
        self._references.close()


class _Process:
    """A child process that answers one request at a time, replaced by a new one whenever it has died."""

    def __init__(self, memory_bytes: int, large: threading.Lock):
        self._memory_bytes, self._large = memory_bytes, large
        self._asking, self._changing = threading.Lock(), threading.Lock()
        self._process: subprocess.Popen | None = None
        self._is_closed = False

    def ask(self, request: Message, seconds: float) -> Message:
        """Return the answer to a request, or raise the exception that it stands for. Sent once more if the process dies."""
        with self._large if _is_large(Path(request["source"])) else nullcontext(), self._asking:
            for _ in range(TRIES):
                answer = self._answer(request | {"seconds": seconds}, seconds)
                error, detail = answer.get("error"), answer.get("detail")
                if error is None:
                    return answer
                if error in _REFUSALS:
                    raise _REFUSALS[error](detail)
                if error == "disk":
                    raise OSError(*detail)  # Also a FileNotFoundError, by its number.
                log.warning("decoding %s ended (%s)", request["source"], error)
        raise TooSlowToShow(inspect.TOO_LONG) if error == "time" else TooLargeToShow(inspect.TOO_MUCH_MEMORY)

    def close(self) -> None:
        """End the process and start no other."""
        with self._changing:
            self._is_closed = True
            self._end()

    def _answer(self, request: Message, seconds: float) -> Message:
        with self._changing:
            if self._is_closed:
                raise DecoderClosed
            process = self._running()
        clock = threading.Timer(seconds, process.kill)
        clock.daemon = True
        clock.start()
        began = time.monotonic()
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
        except (OSError, ValueError):  # The process has died, or its pipes are closed.
            answer = {"error": "time" if time.monotonic() - began >= seconds else "died"}
        finally:
            clock.cancel()
        if answer.get("error") in ("died", "time", "memory"):
            with self._changing:
                if self._is_closed:
                    raise DecoderClosed
                self._end()
        return answer

    def _running(self) -> subprocess.Popen:
        """Return the process, started if it does not run."""
        if self._process is None or self._process.poll() is not None:
            self._end()
            environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
            environment |= _MALLOC | {"PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)])}
            command = [sys.executable, "-m", "kie.images.decode_worker", str(self._memory_bytes)]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            self._process = subprocess.Popen(command, cwd=_ROOT, env=environment, **pipes)  # noqa: S603 - our own module
        return self._process

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # Unsent data, which the dead process can't read.
                pipe.close()
        self._process = None


def _is_large(path: Path) -> bool:
    """Return whether a picture needs much memory, or may: only some formats say."""
    try:
        picture = inspect.measure(path)
    except FileRefused:
        return True
    return 4 * picture.pixels + picture.extra_bytes > LARGE_BYTES
