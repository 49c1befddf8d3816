"""Conditions on rows: properties of a job that are not columns, pictures that are less than was paid for, long lists of ids."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import JSON, ColumnElement, and_, case, false, func, literal, not_, null, or_, select

from kie.errors import GivenUp, NothingLearned
from kie.generation import ASPECT_RATIOS
from kie.history.query import DisplayState
from kie.jobs import OPEN, STUCK, Job, State
from kie.store.schema import jobs

# SQLite allows 32,766 parameters per statement, PostgreSQL 65,535. Fewer values are looked up faster as parameters.
FEW = 1000
# The job is in the queue, and no person has paused it.
WAITS = and_(jobs.c.state == State.QUEUED, jobs.c.paused_at.is_(None))
# The job is or may be paid, and its picture only arrives if a person acts. NULL stands for no.
ATTENTION = and_(
    jobs.c.settled.is_(None),
    or_(
        and_(jobs.c.state == State.UNSURE, or_(jobs.c.candidate.is_(None), jobs.c.problem == NothingLearned.__name__)),
        and_(jobs.c.state.in_([State.RUNNING, State.FETCHING]), jobs.c.problem.in_(STUCK)),
        and_(jobs.c.state == State.FAILED, jobs.c.credits > 0),
    ),
)
# As true or false, which no index answers.
NEEDS_ATTENTION = func.coalesce(ATTENTION, false())
# The picture is on our disk, according to the row.
HAS_PICTURE = and_(jobs.c.state == State.DONE, jobs.c.file.is_not(None), jobs.c.emptied_at.is_(None))
# The most frequent first: the others are not evaluated then.
DISPLAY_STATE = case(
    (jobs.c.state == State.DONE, DisplayState.DONE),
    (ATTENTION, DisplayState.ATTENTION),
    # The tracker checks the candidate of an unsure job.
    (jobs.c.state.in_([*OPEN, State.UNSURE]), DisplayState.IN_PROGRESS),
    (jobs.c.state == State.CANCELLED, DisplayState.CANCELLED),
    else_=DisplayState.FAILED,
)
# A job that was given up without a task id may have been charged.
_NO_TASK = and_(jobs.c.task_id.is_(None), jobs.c.problem.is_distinct_from(GivenUp.__name__))
_NOTHING_SENT = or_(jobs.c.state == State.CANCELLED, and_(jobs.c.state == State.FAILED, _NO_TASK))
# In credits; NULL while it is not known. Of a timeout, the service reports no cost, and may withdraw it.
COST = case(
    (jobs.c.state == State.RUNNING, null()),
    (jobs.c.credits.is_not(None), jobs.c.credits),
    (_NOTHING_SENT, 0.0),
)


def one_of(column: ColumnElement[Any], values: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a column has one of these values, however many."""
    if len(values) <= FEW:
        return column.in_(values)
    listed = func.json_each(literal(dict.fromkeys(values), JSON)).table_valued("key")
    return column.in_(select(listed.c.key))


# Pictures that are less than was paid for: smaller, of another shape, or in a lossy format instead of PNG. The service names no
# sizes in pixels, so a resolution is read as the longer side: 4K is 4096. The ratio "auto" stands for any shape, and a PNG is no
# less than the JPG that was asked for. Differences of up to 2 % are ignored.
TOLERANCE = 0.02
LONGER_SIDES = {"1K": 1024, "2K": 2048, "4K": 4096}
# Width divided by height.
SHAPES = {
    ratio: int(width) / int(height)
    for ratio in ASPECT_RATIOS
    for width, found, height in [ratio.partition(":")]
    if found
}
KINDS = {"png": ("png",), "jpg": ("jpeg", "png")}


def shortfall(job: Job) -> str | None:
    """Return in what a job's picture is less than was paid for, or None when it is not, or not known yet."""
    if not job.width or not job.height:
        return None
    wanted, found, size = job.generation, [], f"{job.width} × {job.height} pixels"
    side, shape = LONGER_SIDES.get(wanted.resolution), SHAPES.get(wanted.aspect_ratio)
    if side and _is_small(job.width, job.height, side):
        found.append(f"{size} instead of {wanted.resolution} ({side} on the longer side)")
    if shape and _is_of_another_shape(job.width, job.height, shape):
        found.append(f"{'this shape' if found else size} instead of {wanted.aspect_ratio}")
    if job.file_kind and job.file_kind not in KINDS.get(wanted.output_format, (job.file_kind,)):
        found.append(f"{job.file_kind.upper()} instead of {wanted.output_format.upper()}")
    return f"Less than was paid for: {', '.join(found)}." if found else None


def _is_small(width: Any, height: Any, side: Any) -> Any:
    """Compare numbers, or columns of the database."""
    return (width < side * (1 - TOLERANCE)) & (height < side * (1 - TOLERANCE))


def _is_of_another_shape(width: Any, height: Any, shape: Any) -> Any:
    """Compare numbers, or columns of the database."""
    return (width > height * (shape * (1 + TOLERANCE))) | (width < height * (shape * (1 - TOLERANCE)))


_SMALL = [
    (jobs.c.resolution == name, _is_small(jobs.c.width, jobs.c.height, side)) for name, side in LONGER_SIDES.items()
]
_OTHER = [
    (jobs.c.aspect_ratio == ratio, _is_of_another_shape(jobs.c.width, jobs.c.height, shape))
    for ratio, shape in SHAPES.items()
]
# The same for all jobs at once. NULL, where something is not known, counts as no.
IS_SHORT = or_(
    case(*_SMALL),
    case(*_OTHER),
    *(and_(jobs.c.output_format == wanted, not_(jobs.c.file_kind.in_(kinds))) for wanted, kinds in KINDS.items()),
)
