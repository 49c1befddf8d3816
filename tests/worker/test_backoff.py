"""When a task is looked at: close together where tasks usually end, and no more often than needed."""

import itertools
from functools import partial

import pytest

from kie.timing import Timing
from kie.worker import backoff

next_poll, poll_ages = partial(backoff.next_poll, Timing()), partial(backoff.poll_ages, Timing())


def test_looks_grow_from_two_seconds_to_ten_then_a_minute() -> None:
    assert next_poll(0) == 2
    assert next_poll(15 * 60 - 1) == 10
    assert next_poll(15 * 60) == 60
    assert next_poll(10 * 24 * 3600) == 60
    waits = [next_poll(age_s) for age_s in range(15 * 60)]
    assert waits == sorted(waits)
    assert max(waits) == 10


def test_looks_stand_close_where_tasks_have_ended_and_far_apart_elsewhere() -> None:
    ages = poll_ages([48, 50, 52, 55, 58, 60, 62, 55, 54, 56])
    early, likely = [age for age in ages if age < 40], [age for age in ages if 48 <= age <= 62]
    assert len(early) < 6 < len(likely)
    assert all(backoff.FASTEST_POLL_S <= after - before < 11 for before, after in itertools.pairwise(ages))
    assert next_poll(55, ages) < 2 < 5 < next_poll(21, ages)
    assert next_poll(300, ages) == 10
    assert poll_ages([50, 60]) == ()


@pytest.mark.parametrize("task_s", [0, 1, 4, 10, 30, 90, 300, 600, 900, 3600])
def test_a_task_is_looked_at_no_more_often_than_needed(task_s: int) -> None:
    looks, age_s = 1, next_poll(0)
    while age_s < task_s:
        looks, age_s = looks + 1, age_s + next_poll(age_s)
    assert looks <= 1 + task_s / 2
