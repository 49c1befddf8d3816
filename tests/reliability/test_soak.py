"""A short soak at every run; a long one is `python -m tests.soak --minutes 20`."""

from tests.soak import soak


def test_nothing_is_charged_twice_and_nothing_is_lost_whatever_fails(capsys) -> None:
    outcome = soak(seconds=30, seed=3, least=51)
    with capsys.disabled():
        print(f"\nsoak: {outcome}")
    assert outcome.jobs > 50
    assert outcome.faults.total() > 50
    assert outcome.kills + outcome.stops > 0
    assert outcome.charged_twice == []
    assert outcome.lost == []
    assert outcome.credits_apart == 0
