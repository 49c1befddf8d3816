"""Whether the studio works: its files, its hosts, and what prevents pictures from being made."""

import time
from functools import partial

from kie.errors import KeyRefused, NoRoom, NotRecorded
from kie.images import convert
from kie.studio.context import Context
from kie.worker.integrity import IntegrityCheck

READY_BUSY_S = 1.0


class Diagnostics:
    """Checks of the files, the hosts, the database, the disk and the key. A check of the files publishes the topic "integrity"."""

    def __init__(self, context: Context):
        self._context = context
        # By URL: "" if it accepts connections, else the reason; and when that was tested.
        self.host_reports: dict[str, tuple[str, float]] = {}

    def check_files(self) -> None:
        """Compare rows and files in the background; missing pictures are downloaded again. Costs no credits, deletes nothing.

        Does nothing while a check is running or about to start.
        """
        integrity = self._context.tracker.integrity
        if not integrity.is_checking:
            integrity.is_checking = True
            self._context.tracker.do(partial(self._check_files, integrity))
            self._context.events.publish({"integrity"})

    def empty_bin_now(self, before: float) -> None:
        """Delete the files of all jobs that are in the bin since a time, in the background. Rows and costs are kept."""
        self._context.tracker.do(partial(self._empty_bin, before))

    def unready(self) -> dict[str, str]:
        """Return what prevents pictures from being made: component to sentence, empty if nothing. Takes up to a second."""
        found = {}
        try:
            self._context.store.database.try_to_write(READY_BUSY_S)
        except NotRecorded as error:
            found["database"] = f"It can't be written: {error.detail}."
        try:
            self._context.files.need_room(convert.UPLOAD_BYTES_LIMIT)
        except NoRoom:
            found["disk"] = "It is nearly full: make room on it."
        if not self._context.tracker.is_alive:
            found["tracker"] = "It has stopped: start the studio again."
        if not self._context.backend.is_sandbox and not self._context.settings.key().is_usable:
            found["key"] = self._context.settings.key().note or "There is none."
        elif isinstance(self._context.tracker.credit_problem, KeyRefused):
            found["key"] = "The service refuses it."
        return found

    def check_hosts(self) -> None:
        """Test in the background whether the two hosts accept connections. Publishes the topic "hosts"."""
        self._context.tracker.do(self._check_hosts)

    def _check_files(self, integrity: IntegrityCheck) -> None:
        try:
            integrity.check()
        finally:
            integrity.is_checking = False
            self._context.events.publish({"integrity"})

    def _empty_bin(self, before: float) -> None:
        self._context.tracker.integrity.empty_bin(time.time(), before)
        self._context.events.publish({"integrity"})

    def _check_hosts(self) -> None:
        for url in dict.fromkeys(self._context.backend.hosts):
            self.host_reports[url] = (self._context.client.reach(url), time.time())
        self._context.events.publish({"hosts"})
