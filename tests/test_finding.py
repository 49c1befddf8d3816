"""Jobs found by words and filters, against the same asked of each job in plain Python; on a real SQLite file."""

import math
import random
from collections import Counter
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.sql import visitors

from kie import catalogue, schema
from kie.generation import ASPECT_RATIOS
from kie.jobs import OPEN, Job, State
from kie.query import SORTS, Query, Standing
from kie.store import Store
from tests.bench import many_jobs
from tests.rows import NOW, ask, job_in


@pytest.fixture
def history(store: Store) -> list[Job]:
    """Four hundred jobs of two years, oldest first."""
    made = many_jobs.fill(store, 400, NOW)
    found = {job.id: job for job in store.jobs(made)}
    return [found[job_id] for job_id in made]


# -- the same, in plain Python


def standing(job: Job) -> Standing:
    if job.needs_attention:
        return Standing.ATTENTION
    if job.state in OPEN:
        return Standing.IN_PROGRESS
    known = {State.DONE: Standing.DONE, State.CANCELLED: Standing.CANCELLED}
    return known.get(job.state, Standing.FAILED)


def cost(job: Job) -> float | None:
    nothing_sent = job.state == State.CANCELLED or (job.state == State.FAILED and job.task_id is None)
    return 0.0 if job.credits is None and nothing_sent else job.credits


def facts(job: Job) -> dict[str, object]:
    return {
        "persons": job.person,
        "projects": job.project or "",
        "states": standing(job),
        "ratios": job.aspect_ratio,
        "resolutions": job.resolution,
        "formats": job.output_format,
        "verdict": job.verdict or "none",
        "starred": job.starred_at is not None,
        "has_references": bool(job.references),
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
        query.binned is None or bool(job.binned_at) == query.binned,
        set(query.tags) <= set(tags),
        query.since is None or day >= query.since,
        query.until is None or day <= query.until,
        query.cost_min is None or (spent is not None and spent >= query.cost_min),
        query.cost_max is None or (spent is not None and spent <= query.cost_max),
        query.text.lower() in job.prompt.lower(),
    ]
    return all(asked)


def in_order(jobs: list[Job], sort: str) -> list[str]:
    newest = sorted(jobs, key=lambda job: job.created_at, reverse=True)
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
        text=perhaps("watercolour", "red", "banana") or "",
        persons=some(*many_jobs.PERSONS, "Nobody"),
        projects=some("", *many_jobs.PROJECTS),
        states=some(*Standing),
        ratios=some(*ASPECT_RATIOS, most=6),
        resolutions=some("1K", "2K", "4K"),
        formats=some("png", "jpg"),
        tags=some(*many_jobs.TAGS) if chance.random() < 0.3 else (),
        since=perhaps(date(2025, 6, 1), date(2026, 6, 1)),
        until=perhaps(date(2026, 3, 31), date(2026, 12, 24)),
        starred=chance.random() < 0.1,
        verdict=perhaps("pick", "reject", "none"),
        has_references=perhaps(True, False),
        cost_min=perhaps(0.0, 18.0),
        cost_max=perhaps(18.0, 20.0),
        binned=chance.choice((False, False, True, None)),
        sort=chance.choice(SORTS),
        zone="UTC",
    )


def test_any_query_chooses_what_plain_python_chooses(store: Store, history: list[Job]) -> None:
    chance = random.Random(11)
    tags = store.tags([job.id for job in history])
    hits = 0
    for _ in range(150):
        query = any_query(chance)
        chosen = [job for job in history if is_chosen(job, tags.get(job.id, ()), query)]
        hits += len(chosen)
        assert store.ids(query, 1000) == in_order(chosen, query.sort), query
        assert store.count(query) == len(chosen)
        known = [cost(job) for job in chosen]
        summary = store.summary(query)
        assert (summary.jobs, summary.unknown) == (len(chosen), known.count(None))
        assert summary.credits == pytest.approx(sum(each or 0.0 for each in known))
    assert hits > 1000


def test_each_filter_s_values_are_counted_under_all_other_filters(store: Store, history: list[Job]) -> None:
    chance = random.Random(12)
    tags = store.tags([job.id for job in history])
    for _ in range(60):
        query = any_query(chance)
        facets = store.facets(query)
        for name in ("persons", "projects", "states", "ratios", "resolutions", "formats", "verdict"):
            left = [facts(job)[name] for job in history if is_chosen(job, tags.get(job.id, ()), query, name)]
            assert Counter(left) == Counter({value: count for value, count in facets[name] if count}), (name, query)
            chosen = getattr(query, name) or ()
            assert {chosen} if isinstance(chosen, str) else set(chosen) <= {value for value, _ in facets[name]}
        for name in ("starred", "has_references"):
            left = [facts(job)[name] for job in history if is_chosen(job, tags.get(job.id, ()), query, name)]
            assert dict(facets[name]) == {value: left.count(value) for value, _ in facets[name]}
        under = [tag for job in history if is_chosen(job, tags.get(job.id, ()), query) for tag in tags.get(job.id, ())]
        assert Counter(under) == Counter({value: count for value, count in facets["tags"] if count})


def test_values_come_by_their_own_order_or_the_most_frequent_first(store: Store, history: list[Job]) -> None:
    facets = store.facets(Query(binned=None))
    assert [value for value, _ in facets["resolutions"]] == ["1K", "2K", "4K"]
    assert [value for value, _ in facets["ratios"]] == list(ASPECT_RATIOS)
    assert [value for value, _ in facets["verdict"]] == ["pick", "reject", "none"]
    counts = [count for _, count in facets["persons"]]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == len(history)


# -- pages and neighbours


@pytest.mark.parametrize("sort", SORTS)
def test_pages_and_neighbours_walk_through_the_whole_list_once(store: Store, history: list[Job], sort: str) -> None:
    query = Query(persons=("Ann", "Ben"), sort=sort)
    pages = [store.page(query, number, 7) for number in range(1, 2 + store.count(query) // 7)]
    walked = [job.id for page in pages for job in page]
    assert walked == store.ids(query, 1000)
    assert len(walked) > 50
    ways = [(None, walked[1]), *zip(walked, walked[2:], strict=False), (walked[-2], None)]
    assert [store.neighbours(query, job_id) for job_id in walked] == ways
    assert store.page(query, len(pages) + 2, 7) == store.page(query, 10**12, 7) == []
    assert store.page(query, 0, 7) == store.page(query, -5, 7) == pages[0]


def test_a_job_that_left_the_list_still_has_its_neighbours(store: Store) -> None:
    first, second, third = (ask(store, at=NOW + number)[0].id for number in range(3))
    store.star([first, second, third], "Ann", NOW)
    query = Query(starred=True)
    store.unstar([second])
    assert store.neighbours(query, second) == (third, first)
    assert store.neighbours(query, "0" * 32) == (None, None)


def test_an_empty_history_has_nothing_and_says_so(store: Store) -> None:
    assert (store.count(), store.page(Query(), 1, 50), store.ids(Query(text="cat"), 9)) == (0, [], [])
    assert store.count(Query(text="abcdef", persons=("Ann",), tags=("hero",), sort="cost")) == 0
    assert store.facets(Query(persons=("Ann",)))["persons"] == [("Ann", 0)]
    assert store.summary(Query()).jobs == 0


def test_jobs_whose_clocks_disagree_are_listed_by_their_times(store: Store, other: Store) -> None:
    times = [NOW + 5, NOW + 1, NOW + 9, NOW + 3]
    made = {}
    for at in times:
        made[at] = ask(store, at=at)[0].id
        assert other.ids(Query(), 9) == [made[each] for each in sorted(made, reverse=True)]


def test_days_are_those_of_the_zone_that_is_asked_for(store: Store) -> None:
    ask(store, at=datetime(2026, 5, 1, 23, 30, tzinfo=UTC).timestamp())
    first, second = date(2026, 5, 1), date(2026, 5, 2)
    assert store.count(Query(since=first, until=first, zone="UTC")) == 1
    assert store.count(Query(since=first, until=first, zone="Asia/Tokyo")) == 0
    assert store.count(Query(since=second, until=second, zone="Asia/Tokyo")) == 1
    assert store.count(Query(since=first, until=second, zone="Mars/Olympus")) == 1


def test_names_that_no_job_has_are_left_out_of_a_query_and_named(store: Store) -> None:
    [job] = ask(store, "Ann")
    store.put_in_project([job.id], "Zoo", "Ann", NOW)
    store.tag([job.id], "hero", "Ann", NOW)
    asked = Query(persons=("Ann", "Zed"), projects=("Zoo", "Gone"), tags=("hero", "nope"), ignored=("sort=price",))
    known = store.known(asked)
    assert known == Query(persons=("Ann",), projects=("Zoo",), tags=("hero",))
    assert known.ignored == ("sort=price", "person=Zed", "project=Gone", "tag=nope")
    store.put_in_project([job.id], None, "Ann", NOW)
    assert store.known(Query(projects=("Zoo",))).ignored == ("project=Zoo",)
    assert store.known(Query(projects=("",))).projects == ("",)


# -- in step with the database


def test_whatever_one_server_changes_the_other_sees_at_its_next_look(store: Store, other: Store) -> None:
    jobs = [job_in(store, State.DONE, credits=18.0, duration_s=30.0) for _ in range(3)]
    one = jobs[1].id
    assert other.count() == 3
    changes = [
        (lambda: store.star([one], "Ann", NOW), Query(starred=True)),
        (lambda: store.judge([one], "pick", "Ann", NOW), Query(verdict="pick")),
        (lambda: store.put_in_project([one], "Zoo", "Ann", NOW), Query(projects=("Zoo",))),
        (lambda: store.tag([one], "hero", "Ann", NOW), Query(tags=("hero",))),
        (lambda: store.note(one, State.DONE, credits=24.0), Query(cost_min=20.0)),
        (lambda: store.note(one, State.DONE, problem="FileMissing"), Query(states=("needs attention",))),
        (lambda: store.note(one, State.DONE, settled="given up"), Query(states=("done",), cost_min=20.0)),
        (lambda: store.move(one, State.DONE, State.FETCHING, NOW), Query(states=("in progress",))),
        (lambda: store.move(one, State.FETCHING, State.FAILED, NOW), Query(states=("failed",))),
        (lambda: store.bin([one], "Ann", NOW), Query(binned=True)),
    ]
    for change, query in changes:
        assert other.count(query) == 0, query
        change()
        assert other.ids(query, 9) == [one], query
    assert other.count() == 2
    assert other.ids(Query(tags=("hero",), binned=None), 9) == [one]
    store.untag([one], "hero")
    assert other.ids(Query(tags=("hero",), binned=None), 9) == []
    new = ask(store)[0].id
    assert other.neighbours(Query(binned=None), new) == (None, jobs[2].id)


def test_a_change_that_is_taken_back_is_never_seen(store: Store, other: Store) -> None:
    [job] = ask(store)
    assert other.count(Query(verdict="pick")) == 0
    with pytest.raises(ZeroDivisionError), store._write() as db:
        db.execute(text("UPDATE jobs SET verdict = 'pick'"))
        1 / 0  # noqa: B018 -- the transaction ends here
    store.star([job.id], "Ann", NOW)
    assert other.count(Query(starred=True)) == 1
    assert other.count(Query(verdict="pick")) == 0


def test_whatever_a_list_goes_by_and_can_change_gives_a_job_a_new_version() -> None:
    fixed = {"id", "version", "created_at", "aspect_ratio", "resolution", "output_format"}
    parts = visitors.iterate(catalogue._wanted("sqlite", 1))
    read = {part.name for part in parts if getattr(part, "table", None) is schema.jobs}
    assert read - fixed == set(schema._SHOWN.split(", "))
