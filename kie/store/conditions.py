"""Conditions on rows: properties of a job that are not columns, and long lists of ids."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import JSON, ColumnElement, and_, case, false, func, literal, null, or_, select

from kie.errors import GivenUp, NothingLearned
from kie.history.query import DisplayState
from kie.jobs import OPEN, STUCK, State
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
