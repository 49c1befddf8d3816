"""What the parts of the studio have in common: the open rooms, and whom to tell that something changed."""

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
        job = self.job(job_id)
        if job:
            self.hub.publish({"jobs", f"person:{job.person}", "credits", "attention"})
