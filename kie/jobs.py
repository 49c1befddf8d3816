"""A job: one picture that a person asked for, and the moves its life allows.

queued → uploading → sending → running → fetching → done
   |         |          |         |
   v         v          v         v
cancelled  failed ← (refused)   failed      sending → unsure → running (found again)
                                                        |
                                                        v
                                                      failed (a person says: it never ran, and may take it back)
"""

from dataclasses import dataclass
from enum import StrEnum

from kie.errors import StudioError
from kie.generation import Generation


class State(StrEnum):
    """Where a job stands. Each member says what brought it there."""

    QUEUED = "queued"  # a person pressed Generate; nothing has left this server
    UPLOADING = "uploading"  # its turn has come; its references go up, which costs nothing
    SENDING = "sending"  # committed before the paid request leaves
    RUNNING = "running"  # the service gave a task id
    FETCHING = "fetching"  # the service says success; the picture is not on our disk yet
    DONE = "done"  # the picture is on our disk, whole
    UNSURE = "unsure"  # the reply to the paid request was lost: the task may exist
    FAILED = "failed"  # refused, ended by the service, or by a person's word
    CANCELLED = "cancelled"  # by a person, before anything was paid


MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.UPLOADING, State.CANCELLED}),
    # Back to queued: the upload is free, so a server that stops gives the job's turn back.
    State.UPLOADING: frozenset({State.SENDING, State.FAILED, State.QUEUED, State.CANCELLED}),
    # Back to queued: only after a 429, which creates nothing.
    State.SENDING: frozenset({State.RUNNING, State.FAILED, State.QUEUED, State.UNSURE}),
    State.UNSURE: frozenset({State.RUNNING, State.FAILED}),
    State.RUNNING: frozenset({State.FETCHING, State.FAILED}),
    State.FETCHING: frozenset({State.DONE, State.FAILED}),
    # Out of failed and done: the service took a time-out back, or the file is gone and a person asks to look again, or
    # takes back that it never ran.
    State.FAILED: frozenset({State.RUNNING, State.UNSURE}),
    State.DONE: frozenset({State.FETCHING}),
    State.CANCELLED: frozenset(),
}

OPEN = frozenset({State.QUEUED, State.UPLOADING, State.SENDING, State.RUNNING, State.FETCHING})
ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED})
CANCELLABLE = frozenset({State.QUEUED, State.UPLOADING})


@dataclass(frozen=True)
class Job:
    """One row of the table `jobs`. Times are Unix seconds, sizes bytes and pixels, credits as the service counts.

    `submit_id` is the press, `variant` the number within it, `row` the row of a table (from 1) that asked for it.
    """

    id: str
    submit_id: str
    variant: int
    row: int | None
    person: str
    project: str | None
    state: State
    prompt: str
    references: tuple[str, ...]
    aspect_ratio: str
    resolution: str
    output_format: str
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
    file: str | None
    file_kind: str | None
    file_bytes: int | None
    width: int | None
    height: int | None
    starred_at: float | None
    starred_by: str | None
    verdict: str | None
    verdict_at: float | None
    verdict_by: str | None
    note: str | None
    note_at: float | None
    note_by: str | None
    project_at: float | None
    project_by: str | None
    binned_at: float | None
    binned_by: str | None
    emptied_at: float | None

    @property
    def generation(self) -> Generation:
        """The request that this job carries."""
        return Generation(self.prompt, self.references, self.aspect_ratio, self.resolution, self.output_format)

    @property
    def is_open(self) -> bool:
        """Whether the tracker still has something to do for it."""
        return self.state in OPEN

    @property
    def needs_attention(self) -> bool:
        """Whether something is paid, or may be paid, and its picture is not on our disk as it should be."""
        if self.settled:
            return False
        stuck = self.problem is not None and self.state in (State.RUNNING, State.FETCHING, State.DONE)
        charged = self.state == State.FAILED and bool(self.credits)
        return self.state == State.UNSURE or stuck or charged


def problem_of(error: StudioError) -> dict[str, str | None]:
    """Say what a job's row keeps of an error: the name of its sentence, and the service's own code and words."""
    code = None if error.code is None else error.code[:20]
    return {"problem": type(error).__name__, "fail_code": code, "fail_message": error.detail or None}
