"""Jobs found by words and filters, against the same asked of each job in plain Python."""

import math
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import event, text, update

from kie.generation import ASPECT_RATIOS
from kie.history.query import SORTS, VERDICTS, DisplayState, Query
from kie.jobs import OPEN, STUCK, Job, State
from kie.store import Store, conditions
from kie.store.schema import jobs
from kie.store.search import Summary
from tests.bench import many_jobs
from tests.support.postgresql import SQLITE
from tests.support.rows import NOW, ask, found_ids, job_in

# What a year of accidents leaves behind.
ODD = (
    {"state": "unsure", "problem": "Unsure", "task_id": None, "credits": None, "ended_at": None},
    {"state": "unsure", "problem": "Unsure", "task_id": None, "credits": None, "candidate": "task-1"},
    {"state": "failed", "credits": 18.0},
    {"state": "failed", "credits": 18.0, "settled": "seen"},
    {"state": "failed", "credits": None, "task_id": None, "problem": "GivenUp"},
    {"state": "failed", "credits": None, "task_id": None, "problem": None},
    {"state": "running", "credits": None, "problem": "SilentForADay"},
    {"state": "fetching", "credits": None, "problem": "NotFetchedForADay", "settled": "given up"},
    {"state": "queued", "credits": None, "task_id": None},
    {"state": "done", "file": "results/a.png", "file_kind": "jpeg"},
    {"state": "done", "file": "results/a.png", "binned_at": NOW, "emptied_at": NOW},
    {"width": None, "height": None, "duration_s": None},
)


@pytest.fixture
def history(store: Store) -> list[Job]:
    """Four hundred jobs of two years, oldest first; those of some submissions have one time."""
    made = many_jobs.fill(store, 400, NOW)
    with store.database.write() as db:
        for number, job_id in enumerate(made[::7]):
            db.execute(update(jobs).where(jobs.c.id == job_id).values(ODD[number % len(ODD)]))
        first = db.execute(text("SELECT submit_id, min(created_at) FROM jobs GROUP BY 1")).all()
        for submit_id, created_at in first[::2]:
            db.execute(update(jobs).where(jobs.c.submit_id == submit_id).values(created_at=created_at))
    found = {job.id: job for job in store.jobs.get_many(made)}
    return [found[job_id] for job_id in made]


# -- the same, in plain Python


def needs_attention(job: Job) -> bool:
    unsure = job.state == State.UNSURE and job.candidate is None
    stuck = job.problem in STUCK and job.state in (State.RUNNING, State.FETCHING)
    charged = job.state == State.FAILED and bool(job.credits)
    return not job.settled and (unsure or stuck or charged)


def has_picture(job: Job) -> bool:
    return job.state == State.DONE and job.file is not None and job.emptied_at is None


def standing(job: Job) -> DisplayState:
    if needs_attention(job):
        return DisplayState.ATTENTION
    if job.state in OPEN or job.state == State.UNSURE:
        return DisplayState.IN_PROGRESS
    known = {State.DONE: DisplayState.DONE, State.CANCELLED: DisplayState.CANCELLED}
    return known.get(job.state, DisplayState.FAILED)


def cost(job: Job) -> float | None:
    has_no_task = job.task_id is None and job.problem != "GivenUp"
    nothing_sent = job.state == State.CANCELLED or (job.state == State.FAILED and has_no_task)
    known = None if job.state == State.RUNNING else job.credits
    return 0.0 if known is None and nothing_sent else known


def facts(job: Job) -> dict[str, object]:
    return {
        "persons": job.person,
        "projects": job.project or "",
        "states": standing(job),
        "ratios": job.generation.aspect_ratio,
        "resolutions": job.generation.resolution,
        "formats": job.generation.output_format,
        "verdict": job.verdict or "none",
        "starred": job.starred_at is not None,
        "has_references": bool(job.generation.references),
        "shortfall": conditions.shortfall(job) is not None,
    }


def is_chosen(job: Job, tags: tuple[str, ...], query: Query, besides: str = "") -> bool:
    known, spent = facts(job), cost(job)
    for name in ("persons", "projects", "states", "ratios", "resolutions", "formats"):
        if name != besides and getattr(query, name) and known[name] not in getattr(query, name):
            return False
    day = datetime.fromtimestamp(job.created_at, UTC).date()
    asked = [
        query.verdict is None or besides == "verdict" or known["verdict"] == query.verdict,
        not query.starred or besides == "starred" or known["starred"],
        query.has_references is None or besides == "has_references" or known["has_references"] == query.has_references,
        not query.shortfall or besides == "shortfall" or known["shortfall"],
        query.binned is None or (bool(job.binned_at) == query.binned and not job.emptied_at),
        set(query.tags) <= set(tags),
        query.since is None or day >= query.since,
        query.until is None or day <= query.until,
        query.cost_min is None or (spent is not None and spent >= query.cost_min),
        query.cost_max is None or (spent is not None and spent <= query.cost_max),
        all(re.search(rf"\b{word}", job.prompt.lower()) for word in query.text.split()),
    ]
    return all(asked)


def in_order(jobs: list[Job], sort: str) -> list[str]:
    newest = sorted(jobs, key=lambda job: (job.created_at, job.variant), reverse=True)
    if sort == "oldest":
        newest.reverse()
    if sort in ("cost", "duration"):
        value = cost if sort == "cost" else lambda job: job.duration_s
        newest.sort(key=lambda job: math.inf if value(job) is None else -value(job))
    return [job.id for job in newest]


def any_query(chance: random.Random) -> Query:
    """A query with some filters of every kind."""

    def some(*values: object, most: int = 3) -> tuple:
        return tuple(chance.sample(values, chance.randrange(1, most))) if chance.random() < 0.3 else ()

    def perhaps(*values: object) -> object:
        return chance.choice(values) if chance.random() < 0.2 else None

    return Query(
        text=perhaps("watercolour", "red", "banana", "red water", "a") or "",
        persons=some(*many_jobs.PERSONS, "Nobody"),
        projects=some("", *many_jobs.PROJECTS),
        states=some(*DisplayState),
        ratios=some(*ASPECT_RATIOS, most=6),
        resolutions=some("1K", "2K", "4K"),
        formats=some("png", "jpg"),
        tags=some(*many_jobs.TAGS) if chance.random() < 0.3 else (),
        since=perhaps(date(2025, 6, 1), date(2026, 6, 1)),
        until=perhaps(date(2026, 3, 31), date(2026, 12, 24)),
        starred=chance.random() < 0.1,
        verdict=perhaps("pick", "reject", "none"),
        has_references=perhaps(True, False),
        shortfall=chance.random() < 0.1,
        cost_min=perhaps(0.0, 18.0),
        cost_max=perhaps(18.0, 20.0),
        binned=chance.choice((False, False, True, None)),
        sort=chance.choice(SORTS),
        zone="UTC",
    )


def test_any_query_chooses_what_plain_python_chooses(store: Store, history: list[Job]) -> None:
    chance = random.Random(11)
    tags = store.annotations.tags([job.id for job in history])
    hits = 0
    for _ in range(100):
        query = any_query(chance)
        chosen = [job for job in history if is_chosen(job, tags.get(job.id, ()), query)]
        hits += len(chosen)
        expected, known = in_order(chosen, query.sort), [cost(job) for job in chosen]
        assert all(
            (each.needs_attention, each.has_picture, each.cost)
            == (needs_attention(each), has_picture(each), cost(each))
            for each in chosen
        )
        number = chance.randrange(1, 4)
        page = store.search.page(query, number, 20)
        assert [job.id for job in page.jobs] == expected[20 * number - 20 : 20 * number], query
        assert [job_id for some in store.search.id_pages(query, 7)() for job_id in some] == expected
        assert (page.total.jobs, page.total.unknown) == (len(chosen), known.count(None))
        assert page.total.pictures == sum(has_picture(job) for job in chosen)
        assert page.total.credits == pytest.approx(sum(each or 0.0 for each in known))
        assert page.total == store.search.summary(query)
        assert store.search.count(query) == len(chosen)
    assert hits > 600


def test_each_filter_s_values_are_counted_under_all_other_filters(store: Store, history: list[Job]) -> None:
    chance = random.Random(12)
    tags = store.annotations.tags([job.id for job in history])
    for _ in range(25):
        query = any_query(chance)
        facets = store.search.facets(query)
        for name in ("persons", "projects", "states", "ratios", "resolutions", "formats", "verdict"):
            left = [facts(job)[name] for job in history if is_chosen(job, tags.get(job.id, ()), query, name)]
            assert Counter(left) == Counter({value: count for value, count in facets[name] if count}), (name, query)
            chosen = getattr(query, name) or ()
            assert {chosen} if isinstance(chosen, str) else set(chosen) <= {value for value, _ in facets[name]}
        for name in ("starred", "shortfall", "has_references"):
            left = [facts(job)[name] for job in history if is_chosen(job, tags.get(job.id, ()), query, name)]
            assert dict(facets[name]) == {value: left.count(value) for value, _ in facets[name]}
        under = [tag for job in history if is_chosen(job, tags.get(job.id, ()), query) for tag in tags.get(job.id, ())]
        assert Counter(under) == Counter({value: count for value, count in facets["tags"] if count})


def test_values_come_by_their_own_order_or_the_most_frequent_first(store: Store, history: list[Job]) -> None:
    facets = store.search.facets(Query(binned=None))
    assert [value for value, _ in facets["resolutions"]] == ["1K", "2K", "4K"]
    assert [value for value, _ in facets["ratios"]] == list(ASPECT_RATIOS)
    assert [value for value, _ in facets["verdict"]] == ["pick", "reject", "none"]
    counts = [count for _, count in facets["persons"]]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == len(history)


# -- pages and neighbours


@pytest.mark.parametrize("sort", SORTS)
def test_pages_walk_through_the_whole_list_once(store: Store, history: list[Job], sort: str) -> None:
    query = Query(persons=("Ann", "Ben"), sort=sort)
    pages = [store.search.page(query, number, 7).jobs for number in range(1, 2 + store.search.count(query) // 7)]
    walked = [job.id for page in pages for job in page]
    assert walked == found_ids(store, query)
    assert len(walked) > 50
    assert store.search.page(query, len(pages) + 2, 7).jobs == store.search.page(query, 10**12, 7).jobs == []
    assert store.search.page(query, 0, 7) == store.search.page(query, -5, 7) == store.search.page(query, 1, 7)


def test_the_ids_of_a_list_stay_the_same_while_it_grows(store: Store) -> None:
    made = [ask(store, at=NOW + number)[0].id for number in range(5)]
    pages = store.search.id_pages(Query(), 2)
    ask(store, at=NOW + 9)
    for _ in range(2):
        assert list(pages()) == [[made[4], made[3]], [made[2], made[1]], [made[0]]]


def test_an_empty_history_has_nothing_and_says_so(store: Store) -> None:
    assert (store.search.count(), store.search.page(Query(), 1, 50).jobs, found_ids(store, Query(text="cat"))) == (
        0,
        [],
        [],
    )
    assert store.search.count(Query(text="abcdef", persons=("Ann",), tags=("hero",), sort="cost")) == 0
    assert store.search.facets(Query(persons=("Ann",)))["persons"] == [("Ann", 0)]
    assert store.search.page(Query(), 1, 50).total == Summary(0, 0, 0.0, 0)


def test_jobs_whose_clocks_disagree_are_listed_by_their_times(store: Store, other: Store) -> None:
    times = [NOW + 5, NOW + 1, NOW + 9, NOW + 3]
    made = {}
    for at in times:
        made[at] = ask(store, at=at)[0].id
        assert found_ids(other, Query()) == [made[each] for each in sorted(made, reverse=True)]


def test_days_are_those_of_the_zone_that_is_asked_for(store: Store) -> None:
    ask(store, at=datetime(2026, 5, 1, 23, 30, tzinfo=UTC).timestamp())
    first, second = date(2026, 5, 1), date(2026, 5, 2)
    assert store.search.count(Query(since=first, until=first, zone="UTC")) == 1
    assert store.search.count(Query(since=first, until=first, zone="Asia/Tokyo")) == 0
    assert store.search.count(Query(since=second, until=second, zone="Asia/Tokyo")) == 1
    assert store.search.count(Query(since=first, until=second, zone="Mars/Olympus")) == 1


# -- in step with the database


def test_whatever_one_server_changes_the_other_sees_at_its_next_look(store: Store, other: Store) -> None:
    jobs = [job_in(store, State.DONE, credits=18.0, duration_s=30.0) for _ in range(3)]
    one = jobs[1].id
    assert other.search.count() == 3
    changes = [
        (lambda: store.annotations.star([one], "Ann", NOW), Query(starred=True)),
        (lambda: store.annotations.set_verdict([one], "pick", "Ann", NOW), Query(verdict="pick")),
        (lambda: store.annotations.put_in_project([one], "Zoo", "Ann", NOW), Query(projects=("Zoo",))),
        (lambda: store.annotations.tag([one], "hero", "Ann", NOW), Query(tags=("hero",))),
        (lambda: store.jobs.note(one, State.DONE, credits=24.0), Query(cost_min=20.0)),
        (lambda: store.jobs.move(one, State.DONE, State.FETCHING, NOW), Query(states=("in progress",))),
        (lambda: store.jobs.note(one, State.FETCHING, problem="NotFetchedForADay"), Query(states=("needs attention",))),
        (
            lambda: store.jobs.move(one, State.FETCHING, State.FAILED, NOW, settled="given up"),
            Query(states=("failed",)),
        ),
        (lambda: store.annotations.bin([one], "Ann", NOW), Query(binned=True)),
    ]
    for change, query in changes:
        assert other.search.count(query) == 0, query
        change()
        assert found_ids(other, query) == [one], query
    assert other.search.count() == 2
    assert found_ids(other, Query(tags=("hero",), binned=None)) == [one]
    store.annotations.untag([one], "hero")
    assert found_ids(other, Query(tags=("hero",), binned=None)) == []


def test_a_change_that_is_taken_back_is_never_seen(store: Store, other: Store) -> None:
    [job] = ask(store)
    assert other.search.count(Query(verdict="pick")) == 0
    with pytest.raises(ZeroDivisionError), store.database.write() as db:
        db.execute(text("UPDATE jobs SET verdict = 'pick'"))
        1 / 0  # noqa: B018 -- the transaction ends here
    store.annotations.star([job.id], "Ann", NOW)
    assert other.search.count(Query(starred=True)) == 1
    assert other.search.count(Query(verdict="pick")) == 0


# -- the index


def plans(store: Store, ask: Callable[[], object]) -> list[str]:
    """How SQLite reads the jobs of all queries of a call."""
    asked: list[tuple[str, Sequence[object]]] = []

    def note(*given: Any) -> None:
        asked.append(given[2:4])

    event.listen(store.database.engine, "before_cursor_execute", note)
    ask()
    event.remove(store.database.engine, "before_cursor_execute", note)
    with store.database.read() as db:
        steps = [row.detail for each in asked for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {each[0]}", each[1])]
    return [step for step in steps if " jobs " in step]


@SQLITE
@pytest.mark.parametrize(
    "query",
    [
        *(Query(sort=sort) for sort in SORTS),
        *(Query(persons=("Ann", "Ben")), Query(projects=("Zoo posters",)), Query(states=("done", "failed"))),
        *(Query(ratios=("1:1",)), Query(resolutions=("1K",)), Query(formats=("png",)), Query(starred=True)),
        *(Query(verdict=verdict) for verdict in VERDICTS),
        *(Query(has_references=False), Query(shortfall=True), Query(cost_min=1.0, cost_max=20.0), Query(binned=None)),
        Query(since=date(2026, 1, 1), until=date(2026, 2, 1)),
    ],
    ids=lambda query: "&".join(query.to_params()),
)
def test_a_list_its_totals_and_its_counts_are_read_from_an_index_alone(store: Store, query: Query) -> None:
    found = plans(
        store, lambda: (store.search.count(query), store.search.summary(query), store.search.id_pages(query, 9))
    )
    assert len(found) == 3
    by_tag = "jobs USING INDEX sqlite_autoindex_jobs_1"
    found += [plan for plan in plans(store, lambda: store.search.facets(query)) if by_tag not in plan]
    assert all("USING COVERING INDEX" in plan for plan in found), found


@SQLITE
@pytest.mark.parametrize("words", ["red wat", "abcdef"])
def test_the_jobs_of_a_search_are_looked_up_and_a_list_of_them_is_read_in_its_order(store: Store, words: str) -> None:
    query = Query(text=words)
    asked = plans(store, lambda: (store.search.count(query), store.search.summary(query), store.search.facets(query)))
    assert len(asked) > 3 and not [plan for plan in asked if "SCAN jobs" in plan], asked
    [listed] = plans(store, lambda: store.search.id_pages(query, 9))
    assert "SCAN jobs USING COVERING INDEX" in listed
