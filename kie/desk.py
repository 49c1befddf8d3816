"""What the parts of the studio have in common: the open rooms, and whom to tell that something changed."""

import threading
from collections.abc import Callable
from typing import Any

from kie import prices
from kie.hub import Hub
from kie.jobs import Job
from kie.prices import Price, PriceList
from kie.rooms import Rooms

LONGER_PX = {"1K": 1024, "2K": 2048, "4K": 4096}


class Desk:
    """A part of the studio that pages talk to. It writes rows and reads them; the tracker does the rest."""

    hub: Hub
    _rooms: Rooms
    _listed: PriceList

    def __init__(self) -> None:
        self._told: dict[str, Any] = {}
        self._telling = threading.Lock()

    def job(self, job_id: str) -> Job | None:
        """Return one job."""
        return self._rooms.store.job(job_id)

    def price(self, resolution: str) -> Price | None:
        """Return the expected credits of one picture: learned from finished jobs, else listed, else None."""
        found = self._rooms.store.learned_price(resolution)
        return prices.learned(*found) if found else self._listed.listed(resolution)

    def expected_size(self, aspect_ratio: str, resolution: str) -> str:
        """Say in words how many pixels come out: as the last picture of these settings had, else what the name promises."""
        size = self._rooms.store.learned_size(aspect_ratio, resolution)
        longer = LONGER_PX[resolution]
        return f"{size[0]:,} × {size[1]:,} pixels" if size else f"About {longer:,} pixels on the longer side"

    def _tell(self, job_id: str) -> None:
        person = self._rooms.store.person(job_id)
        if person is not None:
            self._publish({"jobs", f"person:{person}", "credits", "attention", "incidents"})

    def _publish(self, topics: set[str]) -> None:
        """Tell the pages what changed; of a figure, only when it is another than the one that was told last."""
        with self._telling:
            now = {name: look() for name, look in self._figures().items() if name in topics}
            same = {name for name, figure in now.items() if name in self._told and self._told[name] == figure}
            self._told |= now
            self.hub.publish(topics - same)

    def _figures(self) -> dict[str, Callable[[], Any]]:
        """Return for each topic that is a figure how to look at all that pages show of it."""
        return {}
