"""Expected price, pixel size and time until the turn of a picture."""

import time

from kie.jobs import Job
from kie.money.prices import Price
from kie.store import conditions
from kie.studio.context import Context


class Estimates:
    """Estimates for pages, learned from done jobs."""

    def __init__(self, context: Context):
        self._context = context

    def seconds_to_turn(self, job: Job) -> float | None:
        """Estimate the seconds until a queued job is sent, from the rate limit and the jobs queued before it.

        Returns None while the job or the whole queue is paused.
        """
        now, store = time.time(), self._context.store
        if job.paused_at or store.breaker.current():
            return None
        window_s = max(0.0, (store.queue.window_frees_at(now) or now) - now)
        timing = self._context.settings.timing
        return window_s + store.jobs.queued_before(job) // timing.sends_limit * timing.sends_window_s

    def price(self, resolution: str) -> Price | None:
        """Return the expected credits for one picture: learned from done jobs, else from the price list, else None."""
        return self._context.store.ledger.learned_price(resolution) or self._context.prices.get(resolution)

    def size(self, aspect_ratio: str, resolution: str) -> str:
        """Return the expected pixel size as text: that of the last picture with these settings, else the nominal one."""
        size = self._context.store.jobs.learned_size(aspect_ratio, resolution)
        longer = conditions.LONGER_SIDES[resolution]
        return f"{size[0]:,} × {size[1]:,} pixels" if size else f"About {longer:,} pixels on the longer side"
