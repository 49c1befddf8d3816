"""Prompts found by their words, in any script and any kind of database; on a real SQLite file."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.dialects import postgresql

from kie import catalogue, fulltext
from kie.generation import Generation
from kie.jobs import Job, State
from kie.query import Query
from kie.store import Store
from tests.bench import many_jobs
from tests.rows import NOW, bring, ids, press


def prompted(store: Store, *prompts: str) -> list[Job]:
    """Jobs with these prompts, one second after the other."""
    return [
        press(store, "Ann", Generation(prompt), f"prompted-{next(ids)}", 1, None, NOW + number)[0]
        for number, prompt in enumerate(prompts)
    ]


def found(store: Store, typed: str) -> set[str]:
    return {job.prompt for job in store.page(Query(text=typed), 1, 100)}


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
    store.star([one.id, two.id], "Ann", NOW)
    assert store.ids(Query(text="red ca", starred=True), 9) == [one.id]
    assert dict(store.facets(Query(text="red", starred=True))["starred"]) == {True: 2}


# -- older databases


@pytest.fixture
def old_url(tmp_path: Path) -> str:
    """A database from before there was a search: no index, no versions, three thousand jobs."""
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    made = Store(url)
    made.open()
    many_jobs.fill(made, 3000, NOW)
    made.close()
    with create_engine(url).begin() as db:
        for name in ("jobs_text_added", "jobs_added", "jobs_changed", "job_tags_added", "job_tags_removed"):
            db.execute(text(f"DROP TRIGGER {name}"))
        db.execute(text("DROP TABLE jobs_text"))
        db.execute(text("DELETE FROM meta WHERE name LIKE 'prompts%'"))
        db.execute(text("DROP INDEX jobs_version"))
        db.execute(text("ALTER TABLE jobs DROP COLUMN version"))
    return url


def test_an_older_database_opens_without_reading_its_jobs_and_is_indexed_afterwards(old_url: str) -> None:
    store = Store(old_url)
    store.open()
    with store._read() as db:
        assert db.scalar(text("SELECT count(*) FROM jobs_text_docsize")) == 0
    assert store.count(Query(binned=None)) == 3000
    [new] = prompted(store, "a banana that is new")
    assert store.ids(Query(text="banana"), 9) == [new.id]
    store.prepare()
    bananas = [job for job in store.page(Query(binned=None), 1, 4000) if "banana" in job.prompt]
    assert store.count(Query(text="banana", binned=None)) == len(bananas) > 50
    with store._read() as db:
        assert db.scalar(text("SELECT count(*) FROM jobs_text_docsize")) == 3001
    store.close()


def test_two_servers_that_index_an_older_database_at_once_index_each_job_once(old_url: str) -> None:
    stores = [Store(old_url), Store(old_url)]
    for store in stores:
        store.open()
    with stores[0]._write() as db:
        assert fulltext.fill(db, fulltext.NO_ROW) == 1001
    stores[1].prepare()
    stores[0].prepare()
    with stores[0]._read() as db:
        assert db.scalar(text("SELECT count(*) FROM jobs_text_docsize")) == 3000
        assert db.scalar(text("SELECT count(*) FROM meta WHERE name LIKE 'prompts%'")) == 1
    for store in stores:
        store.close()


def test_a_file_that_was_packed_anew_is_searched_as_before(store: Store, url: str) -> None:
    many_jobs.fill(store, 400, NOW)
    before = store.ids(Query(text="watercolour"), 1000)
    store.close()
    with create_engine(url).connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("VACUUM"))
    store.open()
    again = Store(url)
    again.open()
    assert again.ids(Query(text="watercolour"), 1000) == before
    assert before
    again.close()


# -- PostgreSQL


def test_on_postgresql_the_same_facts_are_read_and_words_found_by_its_own_index() -> None:
    read = str(catalogue._wanted("postgresql", 7).compile(dialect=postgresql.dialect()))
    assert "rowid" not in read
    assert "jobs.version >= " in read
    told = " ".join(fulltext.statements("postgresql"))
    assert "USING gin (prompt_words)" in told
    assert "to_tsvector('simple', spaced(prompt))" in told
    assert fulltext.statements("mysql") == ()
