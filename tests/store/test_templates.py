"""Templates on a real database, and the file with which they go elsewhere."""

import json
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from kie.errors import NameTaken, NothingSpent
from kie.generation import PROMPT_LIMIT
from kie.prompts.templates import FILE_BYTES_LIMIT, FILE_TEMPLATES_LIMIT, Imported, read_file, write_file
from kie.store import Store
from kie.studio import Studio
from tests.support.rows import at_once, opened


def names(store: Store, person: str = "Ann", search: str = "") -> list[str]:
    return [template.name for template in store.library.templates(person, search)]


def kept(store: Store, name: str, prompt: str = "a lighthouse", person: str = "Ann", replace: bool = False) -> None:
    store.library.save_template(name, prompt, person, replace)


def file_of(*entries: object, **more: object) -> bytes:
    return json.dumps({"studio_templates": 1, "templates": entries} | more).encode()


def entry(name: str, prompt: str = "a lighthouse") -> dict[str, str]:
    return {"name": name, "prompt": prompt}


# -- templates


def test_starred_templates_come_first_for_the_one_who_starred_them(store: Store) -> None:
    for name in ("cellar", "Attic", "Balcony"):
        kept(store, name)
    assert names(store) == ["Attic", "Balcony", "cellar"]
    cellar = store.library.templates("Ann")[2]
    for starred in (True, True):
        store.library.star_template(cellar.id, "Ann", starred)
    assert names(store) == ["cellar", "Attic", "Balcony"]
    assert [template.is_starred for template in store.library.templates("Ann")] == [True, False, False]
    assert names(store, "Ben") == ["Attic", "Balcony", "cellar"]
    for starred in (False, False):
        store.library.star_template(cellar.id, "Ann", starred)
    assert names(store) == ["Attic", "Balcony", "cellar"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["100 % wool", "lighthouse", "snake_case", "Äpfel"]),
        ("LIGHT", ["lighthouse"]),
        ("fog dawn", ["lighthouse"]),
        ("dawn zebra", []),
        ("%", ["100 % wool"]),
        ("_", ["snake_case"]),
        ("/", ["Äpfel"]),
        ("äpfel", ["Äpfel"]),
        ("МАЯК", ["snake_case"]),
        ("маяк", ["snake_case"]),
        ("'; --", []),
        ("x" * 100_000, []),
    ],
)
def test_a_search_finds_all_its_words_letter_by_letter_in_name_or_prompt(
    store: Store, search: str, found: list[str]
) -> None:
    kept(store, "lighthouse", "dawn, soft FOG")
    kept(store, "100 % wool", "a sheep")
    kept(store, "snake_case", "Маяк")
    kept(store, "Äpfel", "a and/or b")
    assert names(store, search=search) == found


def test_a_long_list_is_cut_and_a_search_reaches_what_was_cut_off(store: Store) -> None:
    store.library.add_templates([(f"name {number:03}", "x") for number in range(250)], "Ann")
    assert len(store.library.templates("Ann")) == 200
    assert names(store, search="name 249") == ["name 249"]
    assert len(store.library.templates("Ann", limit=None)) == 250


def test_the_second_who_saves_a_name_is_told_and_overwrites_only_when_asked(store: Store) -> None:
    kept(store, "lighthouse", "of Ann's", "Ann")
    store.library.star_template(store.library.templates("Ann")[0].id, "Ben", True)
    with pytest.raises(NameTaken):
        kept(store, "lighthouse", "of Ben's", "Ben")
    assert [template.prompt for template in store.library.templates("Ann")] == ["of Ann's"]
    kept(store, "lighthouse", "of Ben's", "Ben", replace=True)
    kept(store, "another", replace=True)
    another, lighthouse = sorted(store.library.templates("Ben"), key=lambda template: template.name)
    assert (lighthouse.prompt, lighthouse.person, lighthouse.is_starred) == ("of Ben's", "Ben", True)
    assert another.prompt == "a lighthouse"


def test_of_people_who_save_one_name_at_once_one_wins_and_all_others_are_told(store: Store, other: Store) -> None:
    def save(one: Store, person: str) -> str:
        try:
            kept(one, "lighthouse", f"of {person}", person)
        except NameTaken:
            return "told"
        return person

    told = at_once(*(partial(save, one, f"person {number}") for number, one in enumerate((store, other) * 3)))
    [winner] = [name for name in told if name != "told"]
    assert [template.person for template in store.library.templates("Ann")] == [winner]


def test_a_change_is_lost_when_somebody_else_was_quicker(store: Store) -> None:
    kept(store, "lighthouse")
    [seen] = store.library.templates("Ann")
    store.library.change_template(seen, "beacon", "of Ben's", "Ben")
    with pytest.raises(NothingSpent, match="changed or deleted"):
        store.library.change_template(seen, "tower", "of Ann's", "Ann")
    [now] = store.library.templates("Ann")
    assert (now.id, now.name, now.prompt, now.person) == (seen.id, "beacon", "of Ben's", "Ben")
    kept(store, "taken")
    with pytest.raises(NameTaken):
        store.library.change_template(now, "taken", now.prompt, "Ann")
    assert names(store) == ["beacon", "taken"]


def test_a_deleted_template_is_put_back_as_it_was_with_everybody_s_stars(store: Store) -> None:
    kept(store, "lighthouse")
    [before] = store.library.templates("Ann")
    store.library.star_template(before.id, "Ben", True)
    gone = store.library.delete_template(before.id)
    assert (names(store), store.library.delete_template(before.id)) == ([], None)
    for _ in range(2):
        store.library.put_back(gone)
    assert store.library.templates("Ann") == [before]
    assert store.library.templates("Ben")[0].is_starred


def test_what_is_put_back_takes_no_name_from_anybody(store: Store) -> None:
    kept(store, "lighthouse", "old")
    gone = store.library.delete_template(store.library.templates("Ann")[0].id)
    kept(store, "lighthouse", "new")
    store.library.put_back(gone)
    assert [(template.name, template.prompt) for template in store.library.templates("Ann")] == [
        ("lighthouse", "new"),
        ("lighthouse (2)", "old"),
    ]


def test_the_stars_of_what_nobody_put_back_go_with_the_next_start(store: Store) -> None:
    for name in ("gone", "stays"):
        kept(store, name)
    for template in store.library.templates("Ann"):
        store.library.star_template(template.id, "Ann", True)
    store.library.delete_template(store.library.templates("Ann")[0].id)
    store.open()
    with store.database.read() as db:
        assert db.scalar(text("SELECT count(*) FROM template_stars")) == 1
    assert store.library.templates("Ann")[0].is_starred


@pytest.mark.parametrize(
    ("name", "prompt", "told"),
    [
        (" \u200b ", "a lighthouse", "Give it a name"),
        ("\u3164", "a lighthouse", "Give it a name"),
        ("x" * 81, "a lighthouse", "Shorten the name"),
        ("lighthouse", " \n ", "Write what the picture should show"),
        ("lighthouse", "x" * (PROMPT_LIMIT + 1), "Shorten the prompt by 1 character"),
        ("lighthouse", "a\0b", "Remove the invisible control characters"),
    ],
)
def test_what_can_not_be_kept_is_told_in_words(studio: Studio, name: str, prompt: str, told: str) -> None:
    with pytest.raises(NothingSpent) as caught:
        studio.library.save_template(name, prompt, "Ann")
    assert caught.value.detail.startswith("Nothing was saved. " + told)
    assert studio.library.templates("Ann") == []


def test_a_name_is_kept_on_one_line_and_choices_and_variables_as_they_were_written(studio: Studio) -> None:
    prompt = "a {red|blue} {{animal}}\nat dawn" + "x" * (PROMPT_LIMIT - 31)
    studio.library.save_template("  two\nwords\u202e ", prompt, "Ann ")
    [template] = studio.library.templates("Ann")
    assert (template.name, template.prompt, template.person) == ("two words", prompt, "Ann")
    studio.library.change_template(template, "three", prompt, "Ben")
    with pytest.raises(NothingSpent, match="changed or deleted"):
        studio.library.change_template(template, "four", prompt, "Ann")


# -- the file


def test_what_was_exported_is_imported_elsewhere_and_twice_is_once(store: Store, tmp_path: Path) -> None:
    kept(store, "夜明け 🍌", 'a "quoted"\n{red|blue} {{animal}}')
    kept(store, "lighthouse")
    data = write_file(store.library.templates("Ann"))
    assert set(json.loads(data)) == {"studio_templates", "templates"}
    elsewhere = next(opened(f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}"))
    assert elsewhere.library.add_templates(read_file(data), "Ben") == Imported(2, 0, 0)
    assert elsewhere.library.add_templates(read_file(data), "Ben") == Imported(0, 0, 2)
    assert [(each.name, each.prompt) for each in elsewhere.library.templates("")] == [
        (each.name, each.prompt) for each in store.library.templates("")
    ]
    elsewhere.close()


def test_another_prompt_for_a_taken_name_becomes_a_second_one_once(store: Store) -> None:
    kept(store, "a" * 80, "mine")
    kept(store, "b", "mine")
    entries = read_file(file_of(entry("a" * 80, "theirs"), entry("b", "mine"), entry("c"), entry("c"), entry("c", "x")))
    assert store.library.add_templates(entries, "Ben") == Imported(1, 2, 2)
    assert store.library.add_templates(entries, "Ben") == Imported(0, 0, 5)
    assert names(store) == ["a" * 76 + " (2)", "a" * 80, "b", "c", "c (2)"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "not a JSON file"),
        (b"\xff\xfe\x00", "not a JSON file"),
        (b"[" * 500_000, "not a JSON file"),
        (b'{"studio_templates": ' + b"9" * 5000 + b"}", "not a JSON file"),
        (b"[]", "no templates in it"),
        (b'{"templates": []}', "no templates in it"),
        (file_of(studio_templates=2), "version is not known"),
        (file_of(studio_templates="1"), "version is not known"),
        (file_of(templates={}), "has to hold a list"),
        (file_of(*[entry("x")] * (FILE_TEMPLATES_LIMIT + 1)), "has to hold a list of at most 2,000"),
        (file_of(entry("x", "y" * FILE_BYTES_LIMIT)), "larger than 1 MB"),
        (file_of(entry("good"), "bad"), "Template 2: It needs a name and a prompt"),
        (file_of({"name": "x"}), "Template 1: It needs a name and a prompt"),
        (file_of({"name": 5, "prompt": ["x"]}), "Template 1: It needs a name and a prompt"),
        (file_of(entry(" ")), "Template 1: Give it a name"),
        (file_of(entry("x" * 81)), "Template 1: Shorten the name"),
        (file_of(entry("x", "y" * 10_001)), "Template 1: Shorten the prompt by 1 character"),
        (file_of(entry("x", "y\ud800")), "Template 1: Remove the invisible control characters"),
        (file_of(*[entry(" ")] * 14), "And 4 more like these."),
    ],
)
def test_a_file_with_a_fault_is_told_of_and_taken_in_not_at_all(studio: Studio, data: bytes, told: str) -> None:
    with pytest.raises(NothingSpent) as caught:
        studio.library.add_templates(read_file(data), "Ann")
    assert caught.value.detail.startswith("Nothing was imported from this file: ")
    assert told in caught.value.detail
    assert studio.library.templates("Ann") == []


def test_a_file_from_any_editor_is_read(studio: Studio) -> None:
    data = b"\xef\xbb\xbf" + file_of(entry(" two\twords ", "a"), author="Ann")
    assert studio.library.add_templates(read_file(data), "Ann") == Imported(1, 0, 0)
    assert [template.name for template in studio.library.templates("Ann")] == ["two words"]
    assert read_file(write_file(studio.library.templates("", limit=None))) == [("two words", "a")]
