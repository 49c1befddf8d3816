"""Submissions: requests are validated, priced and queued; submissions are paused, resumed, cancelled and repeated."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from kie.errors import CreditsUnavailable, RequestInvalid
from kie.generation import IMAGES_LIMIT, Fault, Generation, Submission, SubmissionItem
from kie.jobs import CANCELLABLE, Job, State
from kie.store.submissions import REFERENCE_GONE
from kie.studio.context import Context
from kie.studio.estimates import Estimates
from kie.text import person_name, project_name


class Submissions:
    """Validates, prices and queues requests; pauses, resumes and cancels them."""

    def __init__(self, context: Context, estimates: Estimates):
        self._context, self._estimates = context, estimates

    def submit(
        self,
        person: str,
        generation: Generation,
        submit_id: str,
        images: int = 1,
        project: str | None = None,
        row: int | None = None,
    ) -> list[Job]:
        """Queue one request for one or more images and return its jobs. Repeating a submit id returns the jobs of the first call.

        Raises RequestInvalid with all faults, CreditsUnavailable when too few credits are free, and NotRecorded when the
        database can't be written. Nothing is queued in these cases.
        """
        items = [SubmissionItem(generation, images, row)]
        if found := self.faults(items):
            raise RequestInvalid(found)
        return self.queue(self.priced(person, items, submit_id, project))

    def queue(self, submission: Submission) -> list[Job]:
        """Queue a priced submission whose requests have no faults, and return its jobs. Raises as `submit` does."""
        try:
            self._context.store.submissions.add(submission, time.time())
        except CreditsUnavailable:
            self._context.tracker.want_balance()  # The account may have been topped up since the last reading.
            raise
        self._context.tracker.wake()
        self._context.publish({"jobs", f"person:{submission.person}", "credits"})
        return self._context.store.jobs.of_submission(submission.submit_id)

    def priced(
        self, person: str, items: Sequence[SubmissionItem], submit_id: str = "", project: str | None = None
    ) -> Submission:
        """Return a submission with an expected price for each request. Validates and writes nothing."""
        resolutions = {item.generation.resolution for item in items}
        prices = {each: price.credits for each in resolutions if (price := self._estimates.price(each))}
        priced = tuple(
            replace(item, price=prices.get(item.generation.resolution), project=project_name(item.project))
            for item in items
        )
        return Submission(person_name(person), submit_id, priced, project_name(project))

    def faults(self, items: Sequence[SubmissionItem]) -> list[Fault]:
        """Return all faults of these requests, each once, including those of their references."""
        found = [fault for item in items for fault in item.generation.faults()]
        ids = dict.fromkeys(reference for item in items for reference in item.generation.references)
        known = self._context.store.references.get_many(list(ids))
        found += [Fault("Reference images", reference.refusal) for reference in known if reference.refusal]
        if len(known) < len(ids):
            found.append(Fault("Reference images", REFERENCE_GONE))
        if any(not 1 <= item.images <= IMAGES_LIMIT for item in items):
            found.append(Fault("Images", f"Choose from 1 to {IMAGES_LIMIT}."))
        return list(dict.fromkeys(found))

    def made_before(self, items: Sequence[SubmissionItem], besides: str = "") -> list[Job]:
        """Return the newest job that is done, open or unsure, of any person, with the fingerprint of each request. Skips the submission `besides`."""
        fingerprints = {item.generation.fingerprint for item in items}
        return self._context.store.jobs.get_many(self._context.store.submissions.same_requests(fingerprints, besides))

    def exists(self, submit_id: str) -> bool:
        """Return whether the submission `submit_id` has been queued."""
        return bool(self._context.store.jobs.of_submission(submit_id))

    def requests_of(self, submit_id: str) -> tuple[list[SubmissionItem], str | None]:
        """Return the requests of an earlier submission, each with its number of images, and its project."""
        jobs = self._context.store.jobs.of_submission(submit_id)
        counts = Counter((job.generation, job.row, job.project) for job in jobs)
        items = [
            SubmissionItem(generation, images, row, project=project)
            for (generation, row, project), images in counts.items()
        ]
        return items, jobs[0].project if jobs else None

    def send_again(self, job_id: str, person: str) -> list[Job]:
        """Queue a failed or cancelled job again as a new job, at most once, and return it. Costs as much as a new picture.

        Returns an empty list for a job in any other state. Raises RequestInvalid, CreditsUnavailable and NotRecorded as
        `submit` does.
        """
        job = self._context.store.jobs.get(job_id)
        if job is None or job.state not in (State.FAILED, State.CANCELLED):
            return []
        return self.submit(person, job.generation, f"again-{job.id}", project=job.project, row=job.row)

    def pause(self, submit_id: str) -> None:
        """Pause the queued jobs of a submission. Jobs that were sent continue."""
        self._context.store.submissions.pause(submit_id, time.time())
        self._publish(submit_id)

    def resume(self, submit_id: str) -> None:
        """Resume a paused submission."""
        self._context.store.submissions.resume(submit_id, time.time())
        self._context.tracker.wake()
        self._publish(submit_id)

    def cancel_rest(self, submit_id: str) -> None:
        """Cancel the jobs of a submission that have not been sent. Costs nothing."""
        self._context.store.submissions.cancel(submit_id, time.time())
        self._publish(submit_id)

    def cancel(self, job_id: str) -> bool:
        """Cancel a job that has not been sent. Returns whether it was still possible. Costs nothing."""
        now = time.time()
        won = self._context.store.jobs.move(
            job_id, CANCELLABLE, State.CANCELLED, now, ended_at=now, next_at=None, problem=None
        )
        self._context.publish_job(job_id)
        return won

    def _publish(self, submit_id: str) -> None:
        for job in self._context.store.jobs.of_submission(submit_id)[:1]:
            self._context.publish_job(job.id)
