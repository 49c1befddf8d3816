"""Child process that decodes pictures: `python -m kie.images.decode_worker MEMORY_BYTES`, started only by `decoder`.

    stdin     one JSON request per line     {"source": …, "thumbnail": …, "seconds": …} or {"source": …, "target": …, "seconds": …}
    stdout    one JSON answer per line      {} or {"changed": …}, or {"error": kind, "detail": …}

It exits when stdin is closed, so it does not outlive the server. Its memory and its time for a request are limited.
"""

import json
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

# Imported now, so that Pillow does not search its plugins during the first request.
from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

from kie.errors import FileRefused, SpentAndKept
from kie.images import convert, inspect

try:
    import resource
except ImportError:  # Not on Windows. Pixels, progressive passes and time are limited there too.
    resource = None

Message = dict[str, Any]


def main() -> None:
    """Answer requests until stdin is closed."""
    # Ctrl-C in a terminal goes to the server, which ends this process itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory(int(sys.argv[1]))
    for line in sys.stdin:
        request = json.loads(line)
        if hasattr(signal, "alarm"):  # In case the server is gone and its timer with it.
            signal.alarm(int(request["seconds"]) + 2)
        answer = _answer(request)
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        if answer.get("error") == "memory":
            return  # The state of the process may be inconsistent.


def _answer(request: Message) -> Message:
    try:
        source, thumbnail = Path(request["source"]), request.get("thumbnail")
        if "target" in request:
            return {"changed": convert.to_accepted(source, Path(request["target"]))}
        inspect.decode(source, Path(thumbnail) if thumbnail else None)
        return {}
    except (FileRefused, SpentAndKept) as error:
        return {"error": type(error).__name__, "detail": error.detail}
    except MemoryError:
        return {"error": "memory"}
    except OSError as error:
        # An encoder that runs out of memory raises OSError without errno.
        told = [error.errno, error.strerror, error.filename and str(error.filename)]
        return {"error": "disk", "detail": told} if error.errno else {"error": "memory"}


def _limit_memory(more: int) -> None:
    """Limit the address space to `more` bytes above the current use, and disable core dumps."""
    if resource is None:
        return
    with suppress(OSError, ValueError):  # macOS has these limits but rejects some values.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        status = Path("/proc/self/statm")
        has = int(status.read_text().split()[0]) * resource.getpagesize() if status.exists() else 0
        resource.setrlimit(resource.RLIMIT_AS, (has + more, has + more))


if __name__ == "__main__":
    main()
