"""Child process that decodes one picture: `python -m kie.images.decode_worker MEMORY_BYTES SECONDS REQUEST`, started by `decoder`.

REQUEST    JSON    {"source": …, "thumbnail": …} or {"source": …, "target": …}
stdout     JSON    {} or {"changed": …}, or {"error": kind, "detail": …}; nothing when memory runs out
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
    """Answer the request."""
    # Ctrl-C in a terminal goes to the server, which ends this process itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.alarm(int(sys.argv[2]))
    _limit_memory(int(sys.argv[1]))
    sys.stdout.write(json.dumps(_answer(json.loads(sys.argv[3]))))


def _answer(request: Message) -> Message:
    try:
        source, thumbnail = Path(request["source"]), request.get("thumbnail")
        if "target" in request:
            return {"changed": convert.to_accepted(source, Path(request["target"]))}
        inspect.decode(source, Path(thumbnail) if thumbnail else None)
        return {}
    except (FileRefused, SpentAndKept) as error:
        return {"error": type(error).__name__, "detail": error.detail}
    except OSError as error:
        if not error.errno:  # An encoder ran out of memory.
            raise
        return {"error": "disk", "detail": [error.errno, error.strerror, error.filename and str(error.filename)]}


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
