"""The studio as a server process on a free port, with a data folder of its own.

Server          started like a user does
ForkedServer    forked from a process that has imported the dependencies, which saves two seconds
"""

import itertools
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

import requests

ROOT = Path(__file__).resolve().parent.parent.parent
# A studio ends within five seconds, and later on a busy machine.
END_S = 120
# Preloaded modules. A missing one is imported by each studio.
STREAMLIT = [
    "streamlit.web.cli",
    "streamlit.web.bootstrap",
    "streamlit.web.server.starlette",
    "streamlit.components.v2",
]
HTTP = ["uvicorn.loops.uvloop", "uvicorn.protocols.http.httptools_impl"]
HTTP += [
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "starlette.staticfiles",
    "itsdangerous.url_safe",
    "requests",
]
DATA = ["sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql", "pandas", "altair", "PIL.Image", "pillow_heif"]
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([*STREAMLIT, *HTTP, *DATA, "openpyxl", "dotenv"])


# Below the ports that the system gives to connections, and to servers that ask for any.
PORTS = range(10_000, 32_768)
# Each process begins at another one.
_ports = (PORTS[number % len(PORTS)] for number in itertools.count(997 * os.getpid()))
_reserved: list[socket.socket] = []
# From a port to the one of UDP that says that it is taken.
MARK = 32_768


def free_port() -> int:
    """Return a free port, which no other process of tests is given until this one ends, also while no server uses it."""
    return next(filter(_reserve, _ports))


def _reserve(port: int) -> bool:
    mark = socket.socket(type=socket.SOCK_DGRAM)
    try:
        mark.bind(("127.0.0.1", port + MARK))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    except OSError:
        mark.close()
        return False
    _reserved.append(mark)
    return True


class Server:
    """`streamlit run app.py`. Can be stopped, killed and restarted on the same port and data."""

    def __init__(self, data_dir: Path, root: Path = ROOT, port: int | None = None, **environment: str):
        self.port, self.data_dir, self.root = port or free_port(), data_dir, root
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KIE_", "STREAMLIT_"))}
        self._environment = kept | {"KIE_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"} | environment
        self._log_path = data_dir.with_suffix(".log")
        self.process: subprocess.Popen | Fork | None = None

    @property
    def log(self) -> str:
        """The output of the process so far."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    def start(self) -> "Server":
        """Start the process and wait until it answers. Raises RuntimeError if it exits or does not answer."""
        with self._log_path.open("ab") as out:
            command = ["streamlit", "run", "app.py", "--server.port", str(self.port), "--server.headless", "true"]
            self.process = self._launch(command, out)
        for _ in range(600):
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended at once:\n{self.log}")
            if self._answers():
                return self
            time.sleep(0.1)
        raise RuntimeError(f"the server never answered:\n{self.log}")

    def stop(self) -> None:
        """Send SIGTERM and wait until the process has ended."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        self._end(signal.SIGKILL)

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """Suspend the process within the block. Events of that time reach it all at once afterwards."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process and self.process.poll() is None:
            self._end(signal.SIGTERM)

    def _launch(self, command: list[str], out: BinaryIO) -> "subprocess.Popen | Fork":
        command = [sys.executable, "-m", *command]
        return subprocess.Popen(command, cwd=self.root, env=self._environment, stdout=out, stderr=out)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).headers["content-type"] == "application/json"
        except requests.RequestException:
            return False

    def _end(self, number: int) -> None:
        self.process.send_signal(number)
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(END_S)
            raise


class ForkedServer(Server):
    """A Server that starts two seconds faster."""

    def _launch(self, command: list[str], out: BinaryIO) -> "Fork":
        return Fork(be_a_studio, command, self.root, self._environment, self._log_path)


class Fork:
    """A forked process with the interface of `subprocess.Popen`. `run` must be a function of an importable module."""

    def __init__(self, run: Callable[..., None], *given: object):
        self._process = FORKS.Process(target=run, args=given, daemon=True)
        # A fork imports its parent's main module. After a test of a page, that is the page.
        main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:
            self._process.start()
        finally:
            sys.modules["__main__"] = main
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, seconds: float) -> None:
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("studio", seconds)


def be_a_studio(command: list[str], root: Path, environment: dict[str, str], log_path: Path) -> None:
    """Run a `python -m` command in this process, with this folder and environment."""
    with log_path.open("ab") as out:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(out.fileno(), stream.fileno())
    os.chdir(root)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    sys.path[:] = [str(root), *(path for path in sys.path if path not in ("", str(ROOT)))]
    from streamlit.web.cli import main

    main()
