"""Where pictures are asked for: checked, priced, written as one press; paused, cancelled, asked for again."""

import time
from collections.abc import Sequence
from dataclasses import replace

from kie.desk import Desk
from kie.errors import CreditsHeld, RequestInvalid
from kie.generation import IMAGES_LIMIT, Fault, Generation, Press, Wanted
from kie.jobs import CANCELLABLE, Job, State
from kie.names import person_name, project_name
from kie.turns import SENDS_LIMIT, SENDS_WINDOW_S


class Asking(Desk):
    """The part of the studio that takes presses in."""

    def submit(
        self, person: str, generation: Generation, submit_id: str, images: int = 1, project: str | None = None
    ) -> list[Job]:
        """Queue a request for one picture or several, and return its jobs. The same submit id again returns the jobs it made first.

        Raises RequestInvalid with all faults, and CreditsHeld when too little is free. Nothing is written then.
        """
        return self.order(person, [Wanted(generation, images)], submit_id, project)

    def order(self, person: str, wanted: Sequence[Wanted], submit_id: str, project: str | None = None) -> list[Job]:
        """Queue all requests of one press, and return its jobs. Raises as `submit` does, with nothing written."""
        found = [fault for each in wanted for fault in self.faults(each)]
        if found:
            raise RequestInvalid(found)
        press = self.press(person, wanted, submit_id, project)
        try:
            self._rooms.store.add_press(press, time.time())
        except CreditsHeld:
            self._rooms.tracker.want_balance()  # the account may have been topped up since the last reading
            raise
        self._rooms.tracker.wake()
        self._publish({"jobs", f"person:{press.person}", "credits"})
        return self._rooms.store.press(submit_id)

    def press(self, person: str, wanted: Sequence[Wanted], submit_id: str = "", project: str | None = None) -> Press:
        """Put a price to each request of a press. Nothing is checked or written."""
        prices = {each.generation.resolution: self.price(each.generation.resolution) for each in wanted}
        found = {resolution: price.credits if price else None for resolution, price in prices.items()}
        priced = tuple(replace(each, price=found[each.generation.resolution]) for each in wanted)
        return Press(person_name(person), submit_id, priced, project_name(project))

    def faults(self, wanted: Wanted) -> list[Fault]:
        """List what is wrong with one request, references included."""
        found = wanted.generation.faults() + self._reference_faults(wanted.generation)
        if not 1 <= wanted.images <= IMAGES_LIMIT:
            found.append(Fault("Images", f"Choose from 1 to {IMAGES_LIMIT}."))
        return found

    def made_before(self, wanted: Sequence[Wanted], besides: str = "") -> list[Job]:
        """Return the newest job of anybody for each of these requests that is made or being made, but for those of one press."""
        fingerprints = {each.generation.fingerprint for each in wanted}
        return self._rooms.store.jobs(self._rooms.store.same_requests(fingerprints, besides))

    def is_pressed(self, submit_id: str) -> bool:
        """Say whether a press has been written."""
        return bool(self._rooms.store.press(submit_id))

    def send_again(self, job_id: str, person: str) -> list[Job]:
        """Ask anew, once, for a picture that failed or was cancelled, and return the new job. Costs what a new picture costs.

        Raises RequestInvalid and CreditsHeld as `submit` does.
        """
        job = self.job(job_id)
        if job is None or job.state not in (State.FAILED, State.CANCELLED):
            return []
        wanted = [Wanted(job.generation, row=job.row)]
        return self.order(person, wanted, f"again-{job.id}", job.project)

    def pause(self, submit_id: str) -> None:
        """Hold back what a press has not sent yet. What is sent already goes on."""
        self._rooms.store.pause(submit_id, time.time())
        self._tell_press(submit_id)

    def go_on(self, submit_id: str) -> None:
        """Let a paused press go on."""
        self._rooms.store.go_on(submit_id, time.time())
        self._rooms.tracker.wake()
        self._tell_press(submit_id)

    def cancel_press(self, submit_id: str) -> int:
        """Cancel what a press has not sent yet, and return how many jobs that was. Costs nothing."""
        cancelled = self._rooms.store.cancel_press(submit_id, time.time())
        self._tell_press(submit_id)
        return cancelled

    def _tell_press(self, submit_id: str) -> None:
        jobs = self._rooms.store.press(submit_id)
        self._publish({"jobs", "credits", "attention", "incidents"} | {f"person:{job.person}" for job in jobs})

    def cancel(self, job_id: str) -> bool:
        """Cancel a job that has not been sent, and say whether that was still possible. Costs nothing."""
        now = time.time()
        won = self._rooms.store.move(
            job_id, CANCELLABLE, State.CANCELLED, now, ended_at=now, next_at=None, problem=None
        )
        self._tell(job_id)
        return won

    def _reference_faults(self, generation: Generation) -> list[Fault]:
        known = self._rooms.store.references(generation.references)
        faults = [Fault("Reference images", reference.refusal) for reference in known if reference.refusal]
        if len(known) < len(set(generation.references)):
            faults.append(Fault("Reference images", "Remove the picture that is no longer here, or add it again."))
        return faults

    def seconds_to_turn(self, job: Job) -> float:
        """Guess when a queued job is sent, from the account's limit and the jobs that were asked for before it."""
        now, store = time.time(), self._rooms.store
        window_s = max(0.0, (store.window_frees_at(now) or now) - now)
        return window_s + store.queued_before(job) // SENDS_LIMIT * SENDS_WINDOW_S
