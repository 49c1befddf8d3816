"""The studio as a person starts it: a process of its own, on a free port, with a data folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`streamlit run app.py`; it can be stopped, killed and started again on the same port and data."""

    def __init__(self, data_dir: Path, root: Path = ROOT, port: int | None = None, **environment: str):
        self.port, self.data_dir, self.root = port or free_port(), data_dir, root
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KIE_", "STREAMLIT_"))}
        self._environment = kept | {"KIE_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"} | environment
        self._log_path = data_dir.with_suffix(".log")
        self.process: subprocess.Popen | None = None

    @property
    def log(self) -> str:
        """Everything that the process has printed so far."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    def start(self) -> "Server":
        """Start the process and wait until it answers."""
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(self.port)]
        with self._log_path.open("ab") as out:
            self.process = subprocess.Popen(
                [*command, "--server.headless", "true"], cwd=self.root, env=self._environment, stdout=out, stderr=out
            )
        for _ in range(600):
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended at once:\n{self.log}")
            if self._answers():
                return self
            time.sleep(0.1)
        raise RuntimeError(f"the server never answered:\n{self.log}")

    def stop(self) -> float:
        """Ask it to stop as a terminal does, and return the seconds it took."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process and self.process.poll() is None:
            self._end(signal.SIGTERM)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).headers["content-type"] == "application/json"
        except requests.RequestException:
            return False

    def _end(self, number: int) -> float:
        began = time.monotonic()
        self.process.send_signal(number)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(15)
            raise
        return time.monotonic() - began
