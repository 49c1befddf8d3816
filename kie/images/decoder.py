"""Decodes each picture in a child process of its own (`decode_worker`), with limits for memory and time.

    results ───────────────── one after the other ──┬─ thumbnail
    references, conversions ─ one after the other ──┼─ FileRefused        broken, or not a picture
                                                    └─ SpentAndKept       too large or too slow: kept, not shown

So a paid result of a usual size never waits for a reference. Pictures that need much memory are decoded one after the
other, whatever they are. If a process dies, the picture is tried once more.
"""

import json
import logging
import os
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from kie.errors import DecoderClosed, FileRefused, SpentAndKept, TooLargeToShow, TooSlowToShow
from kie.images import inspect

log = logging.getLogger(__name__)

# A picture takes a second or two, and much longer on a busy machine.
DECODE_S = 60.0
TRIES = 2
# Pictures that need more are decoded one at a time. The service's largest results need less.
LARGE_BYTES = 80 * 2**20
# The largest decoded picture, plus working memory.
MEMORY_BYTES = inspect.DECODED_BYTES_LIMIT + 40 * 2**20
_ROOT = Path(__file__).resolve().parent.parent.parent
# Environment variables that a process needs to start. The API key and the database URL are not passed on.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG", "LC_ALL")
_REFUSALS = {kind.__name__: kind for kind in (FileRefused, TooLargeToShow, TooSlowToShow)}

Message = dict[str, Any]


class Decoder:
    """Decodes at most two pictures at a time. Thread-safe; each call blocks until its picture is done."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES, decode_s: float = DECODE_S):
        self._memory_bytes, self._decode_s = memory_bytes, decode_s
        self._results, self._references, self._large = threading.Lock(), threading.Lock(), threading.Lock()
        # Held while a process is started, so that none starts after `close`.
        self._starting, self._is_closed = threading.Lock(), False
        self._processes: dict[threading.Lock, subprocess.Popen] = {}

    def result(self, path: Path, thumbnail: Path) -> None:
        """Decode a paid picture completely and write its thumbnail.

        Raises FileRefused when the file is broken or not a picture, SpentAndKept when it exceeds the limits of memory
        or time, OSError when the thumbnail can't be written, and DecoderClosed.
        """
        self._ask(self._results, self._decode_s, source=path, thumbnail=thumbnail)

    def reference(self, path: Path, thumbnail: Path | None) -> None:
        """Decode a reference, or a picture that is stored already, without delaying results. Raises as `result` does."""
        self._ask(self._references, self._decode_s, source=path, thumbnail=thumbnail)

    def convert(self, source: Path, target: Path) -> str:
        """Convert a picture that the service does not accept, write it to `target`, and return a sentence with the changes.

        Raises FileRefused with the reason, OSError when the file can't be written, and DecoderClosed.
        """
        try:
            return self._ask(self._references, self._decode_s, source=source, target=target)["changed"]
        except SpentAndKept as error:
            raise FileRefused(error.detail) from error

    def close(self) -> None:
        """End the processes and start no others. Calls that wait for a picture raise DecoderClosed."""
        with self._starting:
            self._is_closed = True
            for process in self._processes.values():
                process.kill()

    def _ask(self, turn: threading.Lock, seconds: float, **paths: Path | None) -> Message:
        """Return the answer of a process, or raise the exception that it stands for. Asks once more if the process dies."""
        request = {name: path and str(path) for name, path in paths.items()}
        with self._large if _is_large(paths["source"]) else nullcontext(), turn:
            for _ in range(TRIES):
                answer = self._answer(turn, seconds, request)
                error, detail = answer.get("error"), answer.get("detail")
                if error is None:
                    return answer
                if error in _REFUSALS:
                    raise _REFUSALS[error](detail)
                if error == "disk":
                    raise OSError(*detail)  # Also a FileNotFoundError, by its number.
                log.warning("decoding %s ended (%s)", request["source"], error)
                if error == "time":
                    break
        raise TooSlowToShow(inspect.TOO_LONG) if error == "time" else TooLargeToShow(inspect.TOO_MUCH_MEMORY)

    def _answer(self, turn: threading.Lock, seconds: float, request: Message) -> Message:
        with self._starting:
            if self._is_closed:
                raise DecoderClosed
            process = self._processes[turn] = _start(self._memory_bytes, seconds, request)
        with process:
            try:
                return json.loads(process.communicate(timeout=seconds)[0])
            except subprocess.TimeoutExpired:
                process.kill()
                return {"error": "time"}
            except ValueError:  # It has died: killed, or out of memory.
                if self._is_closed:
                    raise DecoderClosed from None
                return {"error": "died"}


def _start(memory_bytes: int, seconds: float, request: Message) -> subprocess.Popen:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join([str(_ROOT), *filter(None, sys.path)])
    environment["MALLOC_ARENA_MAX"] = "1"  # glibc reserves address space for each arena, and it is limited.
    # It ends itself, too, in case the server is gone.
    limits = [str(memory_bytes), str(int(seconds) + 2)]
    command = [sys.executable, "-m", "kie.images.decode_worker", *limits, json.dumps(request)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=_ROOT, env=environment, **pipes)  # noqa: S603 - our own module


def _is_large(path: Path) -> bool:
    """Return whether a picture needs much memory, or may: only some formats say."""
    try:
        picture = inspect.measure(path)
    except FileRefused:
        return True
    return 4 * picture.pixels + picture.extra_bytes > LARGE_BYTES
