"""Names as people type them: emoji, joined scripts, accents in two spellings, and characters that could deceive."""

import unicodedata
from collections.abc import Callable

import pytest

from kie.errors import NameTaken
from kie.generation import Generation, SubmissionItem
from kie.history.query import Query
from kie.store import Store
from kie.studio import Studio
from kie.text import display_name, one_line, person_name, project_name, shortened, tag_name
from tests.support.rows import NOW, ask, queue_submission

FAMILY = "👩\u200d👩\u200d👧"
SCOTLAND = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
WANTS = "می\u200cخواهم"
CLEANERS = (person_name, project_name, tag_name, display_name)

WHOLE = {
    "a family": FAMILY,
    "a flag of two emoji": "🏳\ufe0f\u200d🌈",
    "a flag of letters": SCOTLAND,
    "a skin tone": "🧑🏽\u200d🚀",
    "an arrow after an emoji": "🙂\u200d↔\ufe0f",
    "Persian": WANTS,
    "Persian after Latin": "pdf\u200cها",
    "the Hijri year": "۱۴۰۲ ه\u200d",
    "Bengali": "র\u200d্যাম",
    "Telugu": "క్\u200cష",
    "Sinhala": "ශ්\u200dරී",
    "Malayalam": "അവന്\u200d",
    "Mongolian": "ᠨᠠᠭᠤᠷ\u180eᠠ",
    "a sign before a number": "\u0600۱۲",
}


@pytest.mark.parametrize("name", WHOLE.values(), ids=WHOLE)
def test_joined_letters_and_emoji_stay_whole(name: str) -> None:
    for cleaned in CLEANERS:
        assert cleaned(f"  {name} ") == unicodedata.normalize("NFC", name)


DECEIVING = {
    "an override": ("exe.\u202egnp", "exe.gnp"),
    "isolates": ("\u2066ann\u2069", "ann"),
    "marks of direction": ("a\u200enn\u200f\u061c", "ann"),
    "a joiner between Latin letters": ("a\u200dnn", "ann"),
    "a joiner between Chinese characters": ("日\u200d本", "日本"),
    "a joiner at the end": ("ann\u200d", "ann"),
    "a joiner at the start": ("\u200cann", "ann"),
    "a joiner alone": ("ann \u200d lee", "ann lee"),
    "two joiners": ("👩\u200d\u200d👧", "👩\u200d👧"),
    "a soft hyphen": ("auf\u00adlage", "auflage"),
    "a space of no width": ("an\u200bn", "ann"),
    "a byte order mark": ("\ufeffann", "ann"),
    "letters of a flag without the flag": ("ann\U000e0061\U000e007f", "ann"),
    "a line separator": ("ann\u2028lee", "ann lee"),
}


@pytest.mark.parametrize(("typed", "name"), DECEIVING.values(), ids=DECEIVING)
def test_what_is_not_seen_is_not_in_a_name(typed: str, name: str) -> None:
    assert [cleaned(typed) for cleaned in CLEANERS] == [name] * len(CLEANERS)
    assert one_line(name) == name


@pytest.mark.parametrize(
    ("cleaned", "typed", "name"),
    [
        (person_name, "  Ann  ", "Ann"),
        *((person_name, blank, "Guest") for blank in ("", "\u202e\x00")),
        (person_name, "a\nb\tc", "a b c"),
        (person_name, "é" * 100, "é" * 80),
        *((project_name, blank, None) for blank in (None, "", " \u200b\n")),
        (project_name, "  Spring\n campaign\u202e ", "Spring campaign"),
        (project_name, "x" * 99, "x" * 80),
        (display_name, "../../etc/passwd", "passwd"),
        (display_name, "C:\\x\\a.png", "a.png"),
        (display_name, "", "picture"),
        (display_name, "a\x1b[2J", "a [2J"),
    ],
)
def test_a_name_is_one_line_and_never_a_path(
    cleaned: Callable[[str | None], str | None], typed: str | None, name: str | None
) -> None:
    assert cleaned(typed) == name


@pytest.mark.parametrize("name", ["Café", "Nguyễn Thị Ánh", "한국어", "が", "Ångström"])
def test_a_name_is_one_in_both_spellings(name: str) -> None:
    apart = unicodedata.normalize("NFD", name)
    assert apart != name
    for cleaned in CLEANERS:
        assert cleaned(apart) == cleaned(name)
    assert (person_name(apart), project_name(apart)) == (name, name)


@pytest.mark.parametrize(
    ("name", "limit", "kept"),
    [
        ("ab" + FAMILY, 4, "ab"),
        ("ab" + SCOTLAND, 6, "ab"),
        ("ab👍🏽", 3, "ab"),
        ("abq\u0323\u0307", 4, "ab"),
        ("ab❤\ufe0f", 3, "ab"),
        ("ab cd", 3, "ab"),
        ("abcd", 4, "abcd"),
    ],
)
def test_a_long_name_is_not_cut_within_a_letter_or_an_emoji(name: str, limit: int, kept: str) -> None:
    assert shortened(name, limit) == kept


def test_a_name_of_nothing_but_accents_is_still_cut() -> None:
    assert len(shortened("\u0301" * 500, 80)) == 80


def test_a_person_and_a_project_typed_in_two_spellings_are_one(studio: Studio) -> None:
    for number, (person, project) in enumerate(
        [("Zoë", "Café"), ("Zoe\u0308", "Cafe\u0301"), (" Zoë\u200d", "Ca\u00adfé")]
    ):
        studio.submissions.submit(person, Generation("a lighthouse"), f"submit-{number}", project=project)
    facets = studio.search.facets(Query())
    assert (facets["persons"], facets["projects"], studio.library.projects()) == ([("Zoë", 3)], [("Café", 3)], ["Café"])
    assert studio.search.count(Query.from_params({"person": "Zoe\u0308", "project": "Cafe\u0301"})) == 3


def test_the_project_of_a_row_is_cleaned_like_one_that_is_typed(studio: Studio) -> None:
    rows = [
        SubmissionItem(Generation("a lighthouse"), project=typed)
        for typed in ("Café", " Cafe\u0301\u202e", "x" * 100, " ")
    ]
    studio.submissions.queue(studio.submissions.priced("Ann", rows, "submit-1", "Zoo"))
    assert sorted(studio.search.facets(Query())["projects"]) == [("Café", 2), ("Zoo", 1), ("x" * 80, 1)]


def test_a_tag_a_template_and_a_preset_are_one_in_both_spellings(studio: Studio) -> None:
    [job] = studio.submissions.submit("Ann", Generation("a lighthouse"), "submit-1")
    for tag in ("Äpfel", "A\u0308pfel", FAMILY, FAMILY + "\u200d"):
        studio.annotations.tag([job.id], tag, "Ann")
    assert studio.store.annotations.tags([job.id]) == {job.id: ("äpfel", FAMILY)}
    studio.library.save_template("Café", "a lighthouse", "Ann")
    with pytest.raises(NameTaken):
        studio.library.save_template("Cafe\u0301", "a lighthouse", "Ann")
    studio.library.save_template("Zoo", "a cafe\u0301 at the zoo", "Ann")
    for search in ("Café", "Cafe\u0301", "café"):
        assert [template.name for template in studio.library.templates("Ann", search)] == ["Café", "Zoo"]
    studio.library.save_preset("Café", "Größe", Generation("any"), 1, "Ann")
    with pytest.raises(NameTaken):
        studio.library.save_preset("Cafe\u0301", "Gro\u0308ße", Generation("any"), 1, "Ann")


def test_names_that_an_older_version_stored_in_two_spellings_are_found_as_one(store: Store) -> None:
    ask(store, person="Cafe\u0301")
    ask(store, person="Café")
    query = Query.from_params({"person": "Cafe\u0301"})
    assert store.search.facets(Query())["persons"] == [("Café", 2)]
    assert store.search.count(query) == 2


def test_a_persian_word_is_found_by_itself_and_by_its_start(store: Store) -> None:
    queue_submission(store, "Ann", Generation(f"من {WANTS} بروم"), "submit-persian", 1, 18.0, NOW)
    for typed in (WANTS, "می", "خواهم"):
        assert store.search.count(Query.from_params({"q": typed})) == 1
