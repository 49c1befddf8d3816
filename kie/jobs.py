"""The job: one requested picture, its states and the allowed transitions (ARCHITECTURE.md draws the usual ones), its download's name."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from kie.errors import Moderated, RequestFiltered, StudioError
from kie.generation import Generation
from kie.text import stamp

WORDS_LIMIT = 40


class State(StrEnum):
    """The state of a job. Each comment says what leads to it."""

    QUEUED = "queued"  # Submitted; nothing has left this server.
    UPLOADING = "uploading"  # Selected from the queue; its references are uploaded, which costs nothing.
    SENDING = "sending"  # Committed before the paid request is sent.
    RUNNING = "running"  # The service returned a task id.
    FETCHING = "fetching"  # The service reports success; the picture is not on our disk yet.
    DONE = "done"  # The complete picture is on our disk.
    UNSURE = "unsure"  # The reply to the paid request was lost: the task may exist.
    FAILED = "failed"  # Refused, failed at the service, or ended by a person.
    CANCELLED = "cancelled"  # Cancelled by a person before anything was paid.


MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.UPLOADING, State.CANCELLED}),
    # Back to queued: uploads are free, so the job of a server that stopped, or one that was paused, is queued again.
    State.UPLOADING: frozenset({State.SENDING, State.FAILED, State.QUEUED, State.CANCELLED}),
    # Back to queued: only after a 429, which creates no task.
    State.SENDING: frozenset({State.RUNNING, State.FAILED, State.QUEUED, State.UNSURE}),
    State.UNSURE: frozenset({State.RUNNING, State.FAILED}),
    State.RUNNING: frozenset({State.FETCHING, State.FAILED}),
    State.FETCHING: frozenset({State.DONE, State.FAILED}),
    # Out of failed and done: the service withdrew a timeout, the file is missing, or a person polls again or undoes "never ran".
    State.FAILED: frozenset({State.RUNNING, State.UNSURE}),
    State.DONE: frozenset({State.FETCHING}),
    State.CANCELLED: frozenset(),
}

OPEN = frozenset({State.QUEUED, State.UPLOADING, State.SENDING, State.RUNNING, State.FETCHING})
ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED})
CANCELLABLE = frozenset({State.QUEUED, State.UPLOADING})
# Problems of a paid job that need a person: polling or fetching has stopped, or the disk is full.
STUCK = ("SilentForADay", "NotFetchedForADay", "PictureTooLarge", "PictureNotSaved")


@dataclass(frozen=True)
class Job:
    """What is read of a row of the table `jobs`. Times are Unix seconds, sizes are bytes and pixels, costs are credits of the service.

    `submit_id` is the submission, `variant` the number within it, `row` the row of the batch table (from 1). `looks`
    counts the polls without a final result. `preview_problem` is the error due to which a kept picture can't be
    displayed. The last three are computed by the database (`kie/store/conditions.py`): `cost` is 0 if nothing was ever
    sent or created, and None while it is not known.
    """

    id: str
    submit_id: str
    variant: int
    row: int | None
    person: str
    project: str | None
    state: State
    generation: Generation
    fingerprint: str | None
    task_id: str | None
    stage: str | None
    price_expected: float | None
    credits: float | None
    problem: str | None
    candidate: str | None
    candidate_from: str | None
    settled: str | None
    fail_code: str | None
    fail_message: str | None
    created_at: float
    sent_at: float | None
    accepted_at: float | None
    ended_at: float | None
    paused_at: float | None
    duration_s: float | None
    next_at: float | None
    attempts: int
    looks: int | None
    file: str | None
    file_kind: str | None
    file_bytes: int | None
    width: int | None
    height: int | None
    preview_problem: str | None
    starred_at: float | None
    starred_by: str | None
    verdict: str | None
    verdict_by: str | None
    note: str | None
    binned_at: float | None
    emptied_at: float | None
    needs_attention: bool
    has_picture: bool
    cost: float | None

    @property
    def prompt(self) -> str:
        """The prompt of its request."""
        return self.generation.prompt

    @property
    def is_open(self) -> bool:
        """Whether the job has not ended and is not unsure."""
        return self.state in OPEN

    @property
    def is_filtered(self) -> bool:
        """Whether the service's content filter stopped the job, so that the same request would be stopped again."""
        return self.problem in (Moderated.__name__, RequestFiltered.__name__)


def problem_of(error: StudioError) -> dict[str, str | None]:
    """Return the columns that store an error: its class name, the service's code and message."""
    code = None if error.code is None else error.code[:20]
    return {"problem": type(error).__name__, "fail_code": code, "fail_message": error.detail or None}


def download_name(job: Job, zone: str | None = None, letters: int = 6) -> str:
    """Return the download name of a picture: time of the request, first words of the prompt, start of the id.

    Empty when there is no picture.
    """
    if not job.file:
        return ""
    return f"{stamp(job.created_at, zone)}-{_words(job.prompt)}-{job.id[:letters]}{PurePath(job.file).suffix}"


def _words(prompt: str) -> str:
    """Return the start of a prompt, reduced to letters, digits and hyphens of any script."""
    plain = unicodedata.normalize("NFC", prompt[:200]).lower()
    kept = "".join(each if unicodedata.category(each)[0] in "LMN" else " " for each in plain)
    return "-".join(kept.split())[:WORDS_LIMIT].strip("-") or "picture"
