"""What is used again, on a real database: templates, their file, projects, presets, former prompts, drafts."""

import itertools
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import insert, text, update

from kie.errors import NameTaken, NothingSpent
from kie.generation import PROMPT_LIMIT, Generation
from kie.prompts.templates import (
    FILE_BYTES_LIMIT,
    FILE_TEMPLATES_LIMIT,
    Imported,
    PastPrompt,
    Preset,
    read_file,
    write_file,
)
from kie.store import Store
from kie.store.library import DRAFT_LIFE_S
from kie.store.schema import drafts, jobs
from kie.studio import Studio
from kie.text import project_name
from tests.support.postgresql import SQLITE
from tests.support.rows import NOW, at_once, opened, press

moments = itertools.count(1)
Send = Callable[..., None]


@pytest.fixture
def sent(store: Store) -> Send:
    """Sends a prompt, each a second after the one before."""

    def send(prompt: str, person: str = "Ann", images: int = 1) -> None:
        moment = next(moments)
        press(store, person, Generation(prompt), f"press-{moment}", images, 18.0, NOW + moment)

    return send


def names(store: Store, person: str = "Ann", search: str = "") -> list[str]:
    return [template.name for template in store.library.templates(person, search)]


def kept(store: Store, name: str, prompt: str = "a lighthouse", person: str = "Ann", replace: bool = False) -> None:
    store.library.save_template(name, prompt, person, replace)


def preset(name: str, project: str | None = None, images: int = 2, **known: object) -> Preset:
    number = next(moments)
    settings = {"aspect_ratio": "16:9", "resolution": "2K", "output_format": "png"} | known
    return Preset(f"{number:032x}", project, name, **settings, images=images, person="Ann", changed_at=NOW + number)


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


# -- projects and their presets


@pytest.mark.parametrize(
    ("typed", "kept_as"),
    [
        (None, None),
        ("", None),
        (" \u200b\n", None),
        ("  Spring\n campaign\u202e ", "Spring campaign"),
        ("x" * 99, "x" * 80),
    ],
)
def test_a_project_s_name_is_kept_on_one_line_and_a_blank_one_is_none(typed: str | None, kept_as: str | None) -> None:
    assert project_name(typed) == kept_as


def test_the_project_that_was_used_last_comes_first(studio: Studio, store: Store) -> None:
    assert store.library.projects() == []
    for project in ("Spring", " Autumn ", None, "Spring", "Winter"):
        studio.submissions.submit("Ann", Generation("a lighthouse"), f"press-{next(moments)}", project=project)
    assert studio.library.projects() == ["Winter", "Spring", "Autumn"]
    studio.library.save_preset("Autumn", "wide", Generation(""), 1, "Ann")
    studio.library.save_preset("Summer", "wide", Generation(""), 1, "Ann")
    studio.library.save_preset(None, "wide", Generation(""), 1, "Ann")
    assert studio.library.projects() == ["Summer", "Autumn", "Winter", "Spring"]


def test_presets_belong_to_a_project_or_to_none(store: Store) -> None:
    wide, tall = preset("wide", "Spring"), preset("Tall", "Spring", aspect_ratio="9:16")
    loose = preset("wide")
    for each in (wide, tall, loose):
        store.library.keep_preset(each)
    assert store.library.presets("Spring") == [tall, wide]
    assert store.library.presets(None) == [loose]
    assert store.library.presets("Winter") == []


def test_a_preset_is_overwritten_only_when_asked_and_put_back_after_a_slip(store: Store) -> None:
    first, second = preset("wide", "Spring", images=1), preset("wide", "Spring", images=4)
    store.library.keep_preset(first)
    with pytest.raises(NameTaken):
        store.library.keep_preset(second)
    assert store.library.presets("Spring") == [first]
    store.library.keep_preset(second, replace=True)
    assert store.library.presets("Spring") == [second]
    gone = store.library.delete_preset(second.id)
    assert (store.library.presets("Spring"), store.library.delete_preset(second.id)) == ([], None)
    store.library.keep_preset(gone)
    assert store.library.presets("Spring") == [second]


@pytest.mark.parametrize(
    ("asked", "images", "told"),
    [
        (Generation("", aspect_ratio="7:1"), 1, "Aspect ratio: Choose one of"),
        (Generation("", resolution="8K"), 1, "Resolution: Choose one of"),
        (Generation("", output_format="gif"), 1, "Output format: Choose one of"),
        (Generation(""), 0, "Images: Choose from 1 to"),
        (Generation(""), 1_000_000, "Images: Choose from 1 to"),
    ],
)
def test_settings_that_the_service_does_not_take_are_no_preset(
    studio: Studio, asked: Generation, images: int, told: str
) -> None:
    with pytest.raises(NothingSpent) as caught:
        studio.library.save_preset(None, "wide", asked, images, "Ann")
    assert caught.value.detail.startswith(f"These settings can't be used. {told}")
    assert studio.library.presets(None) == []


# -- the prompts that were sent


def test_former_prompts_come_newest_first_each_once(store: Store, sent: Send) -> None:
    for prompt, person, images in (("a", "Ann", 8), ("b", "Ben", 1), ("c", "Ann", 1), ("a", "Ben", 2)):
        sent(prompt, person, images)
    found = store.library.prompts()
    assert [(past.prompt, past.person, past.times) for past in found] == [
        ("a", "Ben", 2),
        ("c", "Ann", 1),
        ("b", "Ben", 1),
    ]
    assert [past.at for past in found] == sorted((past.at for past in found), reverse=True)
    assert [(past.prompt, past.times) for past in store.library.prompts(person="Ann")] == [("c", 1), ("a", 1)]
    assert [past.prompt for past in store.library.prompts(person="Ben", limit=1)] == ["a"]
    assert store.library.prompts(person="Cem") == []


def test_a_search_among_former_prompts_takes_nothing_for_a_pattern(store: Store, sent: Send) -> None:
    for prompt in ("100 % wool", "a_b", "aXb", "Fog at DAWN", "Äpfel"):
        sent(prompt)
    searches = {"%": ["100 % wool"], "a_b": ["a_b"], "dawn fog": ["Fog at DAWN"], "äpfel": ["Äpfel"], "zebra": []}
    assert {search: [past.prompt for past in store.library.prompts(search)] for search in searches} == searches


def test_prompts_far_back_are_found_and_those_of_one_press_count_once(store: Store, sent: Send) -> None:
    sent("the first of all", images=3)
    sent("the second", images=2)
    fill(store, 5000)
    assert [past.prompt for past in store.library.prompts("first")] == ["the first of all"]
    assert store.library.prompts(limit=5)[3:] == [
        PastPrompt("the second", "Ann", store.library.prompts("second")[0].at, 1),
        PastPrompt("the first of all", "Ann", store.library.prompts("first")[0].at, 1),
    ]
    assert [past.prompt for past in store.library.prompts(person="Ann")] == ["the second", "the first of all"]


def test_jobs_of_one_moment_are_walked_through_however_many_they_are(store: Store, sent: Send) -> None:
    sent("before them all")
    fill(store, 5000, step_s=0)
    found = store.library.prompts(limit=10)
    assert [past.prompt for past in found] == ["filler 0", "filler 1", "filler 2", "before them all"]
    assert [past.times for past in found] == [1667, 1667, 1666, 1]


@SQLITE
def test_former_prompts_and_projects_are_quick_among_thirty_thousand_jobs(store: Store) -> None:
    fill(store, 30_000, different=6_000)
    # To look at each job once would be more than 200.
    assert 0 < work(store, lambda: store.library.prompts() and store.library.prompts(person="Ben")) < 150
    assert work(store, lambda: store.library.prompts(person="Ann")) < 5
    assert work(store, lambda: store.library.projects()) < 10
    assert len(store.library.prompts()) == len(store.library.projects()) == 30


def work(store: Store, call: Callable[[], object]) -> int:
    """Return what a call costs in SQLite's own measure, thousands of instructions, which no busy machine makes larger."""
    ticks = itertools.count()
    with store.database.read() as db:
        db.connection.driver_connection.set_progress_handler(lambda: next(ticks) and 0, 1000)
    call()
    return next(ticks)


def fill(store: Store, count: int, step_s: float = 1.0, different: int = 3) -> None:
    """Write many jobs of Ben's at once, newer than all others."""
    same = {"person": "Ben", "state": "done", "aspect_ratio": "1:1", "resolution": "1K", "output_format": "png"}
    rows = [
        same
        | {
            "id": f"{number:032x}",
            "submit_id": f"fill-{number}",
            "variant": 1,
            "prompt": f"filler {number % different}",
        }
        | {"created_at": NOW + 1_000_000 + number * step_s, "project": f"project {number % 30}"}
        for number in range(count)
    ]
    with store.database.write() as db:
        db.execute(insert(jobs), rows)


# -- drafts


def test_a_draft_is_kept_under_its_id_and_replaced_by_the_next(store: Store, other: Store) -> None:
    assert store.library.draft("mine") is None
    store.library.keep_draft("mine", "[1]")
    store.library.keep_draft("yours", "[2]")
    other.library.keep_draft("mine", "[3]")
    assert (store.library.draft("mine"), store.library.draft("yours")) == ("[3]", "[2]")
    at_once(*(partial(one.library.keep_draft, "new", "[4]") for one in (store, other) * 3))
    assert store.library.draft("new") == "[4]"


def test_a_draft_of_last_month_is_gone_with_the_next_start(store: Store) -> None:
    for name, content, age_s in (("old", "[1]", DRAFT_LIFE_S + 60), ("young", "[2]", DRAFT_LIFE_S - 3600)):
        store.library.keep_draft(name, content)
        with store.database.write() as db:
            db.execute(update(drafts).where(drafts.c.id == name).values(changed_at=time.time() - age_s))
    assert store.library.draft("old") == "[1]"
    store.open()
    assert (store.library.draft("old"), store.library.draft("young")) == (None, "[2]")
