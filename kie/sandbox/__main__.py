"""python -m kie.sandbox: serve the double alone."""

import argparse
import signal
import tempfile
from pathlib import Path
from threading import Event

from kie.sandbox import Sandbox


def main() -> None:
    """Run as a server until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description="Serve a local double of the image service.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where all is kept (default: a temporary folder)")
    parser.add_argument("--credits", type=float, default=1000)
    parser.add_argument("--key", help="the only key that passes")
    parser.add_argument("--seconds", type=float, help="how long each task takes")
    options = vars(parser.parse_args())
    folder = options.pop("folder") or Path(tempfile.mkdtemp(prefix="sandbox-"))
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with Sandbox(folder, **options) as sandbox:
        print(f"Sandbox: {sandbox.url}\nFolder: {folder}", flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
