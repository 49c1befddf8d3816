"""What the parts of the studio have in common: the open rooms, and whom to tell that something changed."""

from kie import prices
from kie.hub import Hub
from kie.jobs import Job
from kie.prices import Price, PriceList
from kie.rooms import Rooms


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

    def _tell(self, job_id: str) -> None:
        job = self.job(job_id)
        if job:
            self.hub.publish({"jobs", f"person:{job.person}", "credits", "attention"})
