"""Finds pictures that are less than was paid for: smaller, of another shape, or in a lossy format instead of PNG.

The service names no sizes in pixels, so a resolution is read as the longer side: 4K is 4096. The ratio "auto" stands for
any shape, and a PNG is no less than the JPG that was asked for. Differences of up to 2 % are ignored.
"""

from typing import Any

from sqlalchemy import and_, case, not_, or_

from kie.generation import ASPECT_RATIOS
from kie.jobs import Job
from kie.store.schema import jobs

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


def sentence(job: Job) -> str | None:
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
