"""Records every host and address that a studio process resolves or connects to.

Uses an audit hook, set in `sitecustomize`, which Python imports first. Audit hooks can't be removed.
"""

from pathlib import Path

_HOOK = """
import os, sys

def hear(event, given):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        address = given[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = given[1][0] if isinstance(given[1], tuple) else given[1]
    else:
        return
    with open(os.environ["OUTBOUND"], "a") as record:
        record.write(f"{address}\\n")

sys.addaudithook(hear)
"""


class Outbound:
    """The record of one process, which must be started with this `environment`."""

    def __init__(self, folder: Path):
        folder.mkdir()
        self._record = folder / "addresses"
        self._record.touch()
        (folder / "sitecustomize.py").write_text(_HOOK)
        self.environment = {"PYTHONPATH": str(folder), "OUTBOUND": str(self._record)}

    @property
    def addresses(self) -> set[str]:
        """All host names and addresses so far."""
        return set(self._record.read_text().split())
