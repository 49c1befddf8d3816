"""What people say of pictures, and the bin, on a real database."""

from functools import partial

import pytest
from sqlalchemy import Row, select

from kie.errors import RequestInvalid
from kie.history.query import Query
from kie.jobs import ENDED, Job, State
from kie.store import Store
from kie.store.annotations import BIN_LIFE_S, BIN_MARGIN_S
from kie.store.schema import jobs
from kie.studio import Studio
from kie.views import format
from tests.support.rows import LIGHTHOUSE, NOW, ask, at_once, bring, found_ids, job_in
from tests.support.waiting import until

DUE = NOW + BIN_LIFE_S + BIN_MARGIN_S


@pytest.fixture
def job(store: Store) -> Job:
    """A finished picture."""
    return job_in(store, State.DONE, credits=18.0, ended_at=NOW, file="results/ab/abab.png", file_kind="png")


def row_of(store: Store, job: Job) -> Row:
    [row] = store.database.rows(select(jobs).where(jobs.c.id == job.id))
    return row


# -- stars, verdicts, projects, notes


def test_a_star_names_who_set_it_first_and_when(store: Store, job: Job) -> None:
    assert store.annotations.star([job.id], "Ann", NOW + 1) == 1
    assert store.annotations.star([job.id], "Ben", NOW + 2) == 0
    assert (store.jobs.get(job.id).starred_by, store.jobs.get(job.id).starred_at) == ("Ann", NOW + 1)
    assert store.annotations.unstar([job.id]) == 1
    assert store.annotations.unstar([job.id]) == 0
    assert (store.jobs.get(job.id).starred_by, store.jobs.get(job.id).starred_at) == (None, None)


def test_a_verdict_can_be_changed_and_taken_back(store: Store, job: Job) -> None:
    said = [("pick", "Ann", 1), ("pick", "Ben", 0), ("reject", "Cem", 1), (None, "Dora", 1), (None, "Eve", 0)]
    assert [store.annotations.set_verdict([job.id], verdict, person, NOW) for verdict, person, _ in said] == [
        each[2] for each in said
    ]
    left = row_of(store, job)
    assert (left.verdict, left.verdict_by, left.verdict_at) == (None, "Dora", NOW)
    with pytest.raises(ValueError, match="no verdict"):
        store.annotations.set_verdict([job.id], "maybe", "Ann", NOW)


def test_a_project_s_name_is_cleaned_and_a_blank_one_is_none(store: Store, job: Job) -> None:
    assert store.annotations.put_in_project([job.id], "  Zoo\n posters ", "Ann", NOW + 1) == 1
    assert store.annotations.put_in_project([job.id], "Zoo posters", "Ben", NOW + 2) == 0
    moved = row_of(store, job)
    assert (moved.project, moved.project_by, moved.project_at) == ("Zoo posters", "Ann", NOW + 1)
    assert store.annotations.put_in_project([job.id], " ", "Ben", NOW + 3) == 1
    assert store.jobs.get(job.id).project is None


def test_a_note_is_kept_as_written_up_to_its_limit(store: Store, job: Job) -> None:
    assert store.annotations.write_note([job.id], " second try,\nbetter sky\x00 ", "Ann", NOW) == 1
    assert (row_of(store, job).note, row_of(store, job).note_by) == ("second try,\nbetter sky", "Ann")
    assert store.annotations.write_note([job.id], "x" * 2000, "Ben", NOW) == 1
    with pytest.raises(RequestInvalid, match="2,001"):
        store.annotations.write_note([job.id], "x" * 2001, "Ben", NOW)
    assert store.annotations.write_note([job.id], "  ", "Cem", NOW) == 1
    assert store.jobs.get(job.id).note is None


def test_thousands_of_jobs_change_in_one_go_and_unknown_ones_are_nothing(store: Store) -> None:
    ids = [job.id for _ in range(13) for job in ask(store, images=100)]
    assert store.annotations.star([*ids, *ids, "0" * 32], "Ann", NOW) == 1300
    assert store.annotations.tag([*ids, "0" * 32], "hero", "Ann", NOW) == 1300
    assert store.search.count(Query(starred=True, tags=("hero",))) == 1300
    assert store.annotations.untag(ids, "hero") == 1300
    assert store.annotations.tags([*ids, "0" * 32]) == {}
    assert (
        store.annotations.star([], "Ann", NOW)
        == store.annotations.tag([], "hero", "Ann", NOW)
        == store.annotations.unbin([], NOW)
        == 0
    )


# -- tags


def test_a_tag_is_the_same_however_it_is_spelled(store: Store, job: Job) -> None:
    assert store.annotations.tag([job.id], " #Needs\t Retouch", "Ann", NOW) == 1
    assert store.annotations.tag([job.id], "needs RETOUCH", "Ben", NOW) == 0
    assert store.annotations.tag([job.id], "Äpfel", "Ben", NOW) == 1
    assert store.annotations.tag([job.id], "A\u0308pfel", "Ben", NOW) == 0
    assert store.annotations.tags([job.id]) == {job.id: ("needs retouch", "äpfel")}
    assert store.annotations.untag([job.id], "NEEDS retouch") == 1
    assert store.annotations.tags([job.id]) == {job.id: ("äpfel",)}


@pytest.mark.parametrize("tag", ["", "  ", "#", "\u202e", "x" * 41])
def test_a_tag_has_one_to_forty_characters(store: Store, job: Job, tag: str) -> None:
    with pytest.raises(RequestInvalid, match="1 to 40"):
        store.annotations.tag([job.id], tag, "Ann", NOW)
    assert store.annotations.tag([job.id], "x" * 40, "Ann", NOW) == 1


def test_of_two_people_who_tag_the_same_picture_at_once_both_win(store: Store, other: Store, job: Job) -> None:
    for number in range(5):
        one, two = f"one {number}", f"two {number}"
        given = at_once(
            partial(store.annotations.tag, [job.id], one, "Ann", NOW),
            partial(other.annotations.tag, [job.id], two, "Ben", NOW),
            partial(store.annotations.tag, [job.id], f"both {number}", "Ann", NOW),
            partial(other.annotations.tag, [job.id], f"both {number}", "Ben", NOW),
        )
        assert given[:2] == [1, 1]
        assert sorted(given[2:]) == [0, 1]
    assert len(store.annotations.tags([job.id])[job.id]) == 15


# -- the bin


@pytest.mark.parametrize("state", State)
def test_only_what_has_ended_goes_to_the_bin(store: Store, state: State) -> None:
    job = job_in(store, state)
    assert store.annotations.bin([job.id], "Ann", NOW) == (state in ENDED)
    stayed = {State.UNSURE: "1 that need attention"}.get(state, "1 still being made")
    moved = "1 picture" if state in ENDED else "0 pictures"
    left = "" if state in ENDED else f" Not moved: {stayed}."
    assert format.binned([store.jobs.get(job.id)]) == f"{moved} moved to the bin for 30 days.{left}"
    assert store.search.count() == (0 if state in ENDED else 1)


def test_what_needs_attention_stays_until_it_is_settled(store: Store) -> None:
    needy = [
        job_in(store, State.FAILED, credits=24.0),
        job_in(store, State.FAILED, credits=18.0),
        job_in(store, State.FETCHING, problem="NotFetchedForADay"),
    ]
    fine = job_in(store, State.FAILED, credits=0.0, problem="TaskFailed")
    assert store.annotations.bin([job.id for job in [*needy, fine]], "Ann", NOW) == 1
    said = format.binned(store.jobs.get_many([job.id for job in [*needy, fine]]))
    assert said == "1 picture moved to the bin for 30 days. Not moved: 3 that need attention."
    store.jobs.note(needy[0].id, State.FAILED, settled="given up")
    assert store.annotations.bin([job.id for job in needy], "Ann", NOW) == 1
    said = format.binned(store.jobs.get_many([job.id for job in needy]))
    assert said == "1 picture moved to the bin for 30 days. Not moved: 2 that need attention."


def test_the_bin_is_out_of_sight_and_names_who_put_it_there(store: Store, job: Job) -> None:
    ask(store)
    assert store.annotations.bin([job.id], "Ann", NOW) == 1
    assert store.annotations.bin([job.id], "Ben", NOW + 5) == 0
    assert (row_of(store, job).binned_by, row_of(store, job).binned_at) == ("Ann", NOW)
    assert (store.search.count(), store.search.count(Query(binned=True)), store.search.count(Query(binned=None))) == (
        1,
        1,
        2,
    )
    assert store.annotations.unbin([job.id], NOW + 6) == 1
    assert store.annotations.unbin([job.id], NOW + 6) == 0
    assert (store.search.count(), row_of(store, job).binned_by) == (2, None)


def test_files_may_go_after_thirty_days_and_not_before_it_is_too_late_to_take_them_out(store: Store, job: Job) -> None:
    kept = job_in(store, State.DONE)
    store.annotations.bin([job.id, kept.id], "Ann", NOW)
    for at in (NOW + BIN_LIFE_S - 1, NOW + BIN_LIFE_S, DUE - 1):
        assert store.annotations.empty_bin(at) == []
    assert store.annotations.unbin([job.id, kept.id], NOW + BIN_LIFE_S) == 0
    assert store.annotations.unbin([kept.id], NOW + BIN_LIFE_S - 1) == 1
    assert store.annotations.empty_bin(DUE) == [job.id]


def test_an_emptied_job_is_in_no_list_and_misses_no_file_but_its_row_stays(store: Store, job: Job) -> None:
    store.annotations.bin([job.id], "Ann", NOW)
    assert [each[:2] for each in store.inventory.done_files("")] == [(job.id, job.file)]
    assert store.annotations.empty_bin(DUE) == [job.id]
    assert store.annotations.empty_bin(DUE) == store.inventory.done_files("") == []
    assert (store.search.count(), store.search.count(Query(binned=True)), store.search.count(Query(binned=None))) == (
        0,
        0,
        1,
    )
    assert (store.jobs.get(job.id).emptied_at, store.jobs.get(job.id).credits) == (DUE, 18.0)
    assert store.annotations.unbin([job.id], NOW + 1) == 0


def test_what_was_asked_for_again_meanwhile_keeps_its_file(store: Store, job: Job) -> None:
    store.annotations.bin([job.id], "Ann", NOW)
    store.jobs.move(job.id, State.DONE, State.FETCHING, NOW + 1)
    assert store.annotations.empty_bin(DUE) == []


def test_the_first_that_went_to_the_bin_is_emptied_first(store: Store) -> None:
    made = [bring(store, ask(store, at=NOW + number)[0], State.DONE) for number in range(4)]
    for number, job in enumerate(reversed(made)):
        store.annotations.bin([job.id], "Ann", NOW + number)
    assert set(store.annotations.empty_bin(DUE + 9, limit=3)) == {job.id for job in made[1:]}


def test_money_is_the_same_before_and_after_the_bin(store: Store) -> None:
    store.ledger.add_balance(1000, NOW - 1)
    for number in range(4):
        job = ask(store, at=NOW + number)[0]
        bring(
            store,
            job,
            State.DONE,
            credits=18.0,
            duration_s=30.0,
            sent_at=NOW,
            accepted_at=NOW,
            ended_at=NOW,
            task_id=job.id,
        )
    ask(store)

    def money() -> tuple:
        totals = store.search.summary(Query(binned=None))
        return (
            store.ledger.learned_price("1K"),
            store.jobs.learned_duration("1K"),
            store.ledger.charges(0),
            store.ledger.reserved(),
            totals,
        )

    before = money()
    every = found_ids(store, Query())
    assert store.annotations.bin(every, "Ann", NOW) == 4
    assert money() == before
    assert len(store.annotations.empty_bin(DUE)) == 4
    assert money() == before


# -- for pages


MARKED = {"jobs", "annotations"}


def test_whoever_listens_is_told_of_a_change_and_of_nothing_else(studio: Studio) -> None:
    [job] = studio.submissions.submit("Ann", LIGHTHOUSE, "pressed")
    until(lambda: studio.jobs.get(job.id).state == State.DONE and not studio.jobs.get(job.id).is_open)
    told: list[set[str]] = []
    leave = studio.events.listen(lambda topics: told.append(topics) if topics == MARKED else None)
    deeds = [
        lambda: studio.annotations.star([job.id], " Ann "),
        lambda: studio.annotations.set_verdict([job.id], "pick", ""),
        lambda: studio.annotations.tag([job.id], "hero", "Ann"),
        lambda: studio.annotations.put_in_project([job.id], "Zoo", "Ann"),
        lambda: studio.annotations.write_note([job.id], "good", "Ann"),
        lambda: studio.annotations.bin([job.id], "Ann"),
    ]
    for deed in deeds:
        deed()
        assert told == [MARKED]
        deed()
        assert told == [MARKED]
        told.clear()
    assert studio.annotations.unbin([job.id]) == 1
    leave()
    said = studio.jobs.get(job.id)
    assert (said.starred_by, said.verdict_by, said.project, said.note) == ("Ann", "Guest", "Zoo", "good")
    assert studio.store.annotations.tags([job.id]) == {job.id: ("hero",)}
    assert studio.search.facets(Query())["tags"] == [("hero", 1)]
