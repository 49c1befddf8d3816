"""Where the files are checked and the bin is emptied, away from any page."""

import time
from functools import partial

from kie.care import Report
from kie.desk import Desk


class Keeping(Desk):
    """The part of the studio that keeps the data folder in order. Whoever waits for it hears of "care"."""

    def check_files(self, is_deep: bool = False) -> None:
        """Compare rows and files in the background: what is gone is fetched again. Costs no credits, and deletes nothing.

        A deep check decodes every picture, which takes up to a second for each.
        """
        if not self.is_checking_files():
            self._rooms.tracker.do(partial(self._check_files, is_deep))

    def is_checking_files(self) -> bool:
        """Say whether a check is under way."""
        return self._rooms.tracker.care.is_checking

    def check_report(self) -> Report | None:
        """Return what the last check found, and when, or None when there was none since the start."""
        return self._rooms.tracker.care.report

    def empty_bin_now(self) -> None:
        """Delete the files of all that is in the bin, in the background, for good. Rows and what they cost stay."""
        self._rooms.tracker.do(self._empty_bin)

    def _check_files(self, is_deep: bool) -> None:
        self._rooms.tracker.care.check(is_deep)
        self.hub.publish({"care"})

    def _empty_bin(self) -> None:
        self._rooms.tracker.care.empty_bin(time.time(), at_once=True)
        self.hub.publish({"care"})
