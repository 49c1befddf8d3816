"""Prompts found by their words, in any script and any kind of database."""

from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from kie.generation import Generation
from kie.history import fulltext
from kie.history.query import Query
from kie.jobs import Job, State
from kie.store import Store
from tests.bench import many_jobs
from tests.support.rows import NOW, bring, found_ids, ids, queue_submission


def prompted(store: Store, *prompts: str) -> list[Job]:
    """Jobs with these prompts, one second after the other."""
    return [
        queue_submission(store, "Ann", Generation(prompt), f"prompted-{next(ids)}", 1, None, NOW + number)[0]
        for number, prompt in enumerate(prompts)
    ]


def found(store: Store, typed: str) -> set[str]:
    return {job.prompt for job in store.search.page(Query(text=typed), 1, 100).jobs}


@pytest.mark.parametrize(
    ("typed", "prompt"),
    [
        ("ban lightho", "A banana beside the lighthouse"),
        ("LIGHTHOUSE banana", "A banana beside the lighthouse"),
        ("cafe creme", "Un Café crème"),
        ("Café", "un cafe"),
        ("strasse", "Die Straße"),
        ("STRASSE", "die straße"),
        ("16:9", "in 16:9 please"),
        ("f/2.8", "studio, f/2.8"),
        ("4k", "a 4K wallpaper"),
        ("a", "a"),
        ("灯", "夜の灯台"),
        ("灯台", "夜の灯台"),
        ("の灯", "夜の灯台"),
        ("熊猫", "一只熊猫在喝茶"),
        ("등대", "바닷가의등대"),
        ("ＡＢＣ", "abc"),
        ("น้ำ", "แม่น้ำ"),
        ("हिन्दी", "एक हिन्दी शब्द"),
        ("كتاب", "هذا كِتابٌ جميل"),
        ("маяк", "Старый МАЯК"),
        ("φάρος", "ΦΑΡΟΣ"),
        ("🗼", "a tower 🗼 at night"),
        ("tower 🗼", "tower🗼"),
        ("snow_leop", "snow_leopard"),
        ("don't", "they don't"),
        ("“red”", 'the word "red"'),
    ],
)
def test_a_prompt_is_found_by_the_beginnings_of_its_words_in_any_writing(store: Store, typed: str, prompt: str) -> None:
    prompted(store, "zzz", prompt)
    assert found(store, typed) == {prompt}


@pytest.mark.parametrize("typed", ["anana", "banana sea", "灯夜", "台灯", "harbour"])
def test_a_prompt_without_one_of_the_words_is_not_found(store: Store, typed: str) -> None:
    prompted(store, "a banana, a lighthouse", "夜の灯台")
    assert found(store, typed) == set()


CATS = {"cat and dog", "cat not dog", "near cat dog", "prompt cat", "cat or bird"}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("cat AND dog", {"cat and dog"}),
        ("cat NOT dog", {"cat not dog"}),
        ("NEAR(cat dog)", {"near cat dog"}),
        ('"cat" dog', {"cat and dog", "cat not dog", "near cat dog"}),
        ("prompt:cat", {"prompt cat"}),
        ("{cat} : dog", {"cat and dog", "cat not dog", "near cat dog"}),
        ("cat OR", {"cat or bird"}),
        ("cat*", CATS),
        ("-cat", CATS),
        ("^cat", CATS),
        ("(cat", CATS),
        ("\x00cat", CATS),
        ("\ud800 cat", CATS),
        ("cat " * 2500, CATS),
        ("'; DROP TABLE jobs; --", set()),
        ("100%", set()),
        ("a_b", set()),
        ("\\", {*CATS, "dog"}),
        ('"' * 999, {*CATS, "dog"}),
    ],
)
def test_signs_of_the_search_engine_s_own_language_are_plain_text(store: Store, typed: str, expected: set[str]) -> None:
    prompted(store, *CATS, "dog")
    assert found(store, typed) == expected


def test_a_search_without_a_word_in_it_narrows_nothing(store: Store) -> None:
    prompted(store, "one", "two")
    assert found(store, " ?! -- ") == {"one", "two"}


def test_a_job_is_found_by_the_beginning_of_its_id_and_of_its_task_s(store: Store) -> None:
    first, second = prompted(store, "one", "two")
    assert found(store, first.id[:6]) == {"one"}
    assert found(store, first.id.upper()) == {"one"}
    assert found(store, first.id[:5]) == set()
    assert found(store, "task-4") == set()
    bring(store, second, State.RUNNING, task_id="task-471")
    assert found(store, "task-4") == {"two"}
    assert found(store, "TASK-4") == set()


def test_a_job_is_found_as_soon_as_it_is_written(store: Store, other: Store) -> None:
    assert found(other, "cat") == set()
    for number in range(1, 4):
        prompted(store, f"cat {number}")
        assert len(found(other, "cat")) == number


def test_words_are_looked_for_together_with_filters(store: Store) -> None:
    one, two = prompted(store, "a red cat", "a red dog")
    store.annotations.star([one.id, two.id], "Ann", NOW)
    assert found_ids(store, Query(text="red ca", starred=True)) == [one.id]
    assert dict(store.search.facets(Query(text="red", starred=True))["starred"]) == {True: 2}


# -- older databases


@pytest.fixture
def old_url(tmp_path: Path) -> str:
    """A database with three thousand jobs from before there was a search, with the triggers of the one that followed."""
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    made = Store(url)
    made.open()
    many_jobs.fill(made, 3000, NOW)
    made.close()
    with create_engine(url).begin() as db:
        db.execute(text("DROP TABLE jobs_text"))
        db.execute(text("DROP TABLE alembic_version"))
        db.execute(text("DROP INDEX jobs_history"))
        db.execute(text("ALTER TABLE jobs DROP COLUMN has_references"))
        db.execute(text("ALTER TABLE jobs ADD COLUMN version BIGINT"))
        db.execute(text("CREATE INDEX jobs_version ON jobs (version)"))
        for name, moment in (("jobs_added", "INSERT ON jobs"), ("jobs_changed", "UPDATE OF state, file ON jobs")):
            raised = "UPDATE jobs SET version = (SELECT coalesce(max(version), 0) + 1 FROM jobs) WHERE id = new.id"
            db.execute(text(f"CREATE TRIGGER {name} AFTER {moment} BEGIN {raised}; END"))
    return url


def test_an_older_database_opens_without_reading_its_jobs_and_is_indexed_afterwards(old_url: str) -> None:
    store = Store(old_url)
    store.open()
    with store.database.read() as db:
        assert db.scalar(text("SELECT count(*) FROM jobs_text_docsize")) == 0
        assert db.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all() == []
        assert db.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'jobs_version'")) == 0
        with_references = db.scalar(text("SELECT count(DISTINCT job_id) FROM job_references"))
    assert store.search.count(Query(binned=None)) == 3000
    [new] = prompted(store, "a banana that is new")
    assert found_ids(store, Query(text="banana")) == [new.id]
    store.search.prepare()
    bananas = [job for job in store.search.page(Query(binned=None), 1, 4000).jobs if "banana" in job.prompt]
    assert store.search.count(Query(text="banana", binned=None)) == len(bananas) > 50
    with store.database.read() as db:
        assert db.scalar(text("SELECT count(*) FROM jobs_text_docsize")) == 3001
    counted = store.search.facets(Query(binned=None))["has_references"]
    assert counted == [(True, with_references), (False, 3001 - with_references)]
    store.close()


def test_two_servers_that_index_an_older_database_at_once_index_each_job_once(old_url: str) -> None:
    stores = [Store(old_url), Store(old_url)]
    for store in stores:
        store.open()
    with stores[0].database.write() as db:
        fulltext.add(db, fulltext.missing(db))
    stores[1].search.prepare()
    stores[0].search.prepare()
    with stores[0].database.read() as db:
        assert db.scalar(text("SELECT count(*) FROM jobs_text_docsize")) == 3000
    for store in stores:
        store.close()


def test_a_file_that_was_packed_anew_is_searched_as_before(store: Store, url: str) -> None:
    many_jobs.fill(store, 400, NOW)
    before = found_ids(store, Query(text="watercolour"))
    store.close()
    with create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as db:
        db.execute(text("VACUUM"))
    store.open()
    again = Store(url)
    again.open()
    assert found_ids(again, Query(text="watercolour")) == before
    assert before
    again.close()
