"""What an address says of a search: read back as it was written, and never a reason to fail."""

import random
from dataclasses import fields
from datetime import date

import pytest

from kie.history.query import DisplayState, Query

FULL = Query(
    text="banana lighthouse",
    persons=("Ann", "Müller, Ben", 'O"Neil'),
    projects=("", "Zoo posters"),
    states=(DisplayState.DONE, DisplayState.ATTENTION),
    ratios=("1:1", "16:9"),
    resolutions=("4K",),
    formats=("jpg",),
    tags=("hero", "needs retouch"),
    since=date(2026, 1, 31),
    until=date(2026, 2, 28),
    starred=True,
    verdict="none",
    has_references=False,
    shortfall=True,
    cost_min=1.5,
    cost_max=24.0,
    binned=None,
    sort="duration",
)


def test_a_query_is_read_back_as_it_was_written() -> None:
    assert Query.from_params(FULL.to_params()) == FULL
    assert Query.from_params(FULL.to_params()).ignored == ()


@pytest.mark.parametrize("name", [field.name for field in fields(Query) if field.name not in ("zone", "ignored")])
def test_each_part_of_a_query_has_its_place_in_the_address(name: str) -> None:
    alone = Query(**{name: getattr(FULL, name)})
    assert len(alone.to_params()) == 1
    assert Query.from_params(alone.to_params()) == alone


def test_an_address_says_only_what_is_unusual_and_can_be_read() -> None:
    assert Query().to_params() == {}
    asked = Query(text="banner", persons=("Ann",), states=("done",), sort="cost")
    assert asked.to_params() == {"q": "banner", "person": "Ann", "state": "done", "sort": "cost"}
    assert Query(persons=("Ann", "Ben"), cost_max=24.0).to_params() == {"person": "Ann,Ben", "cost_max": "24"}


@pytest.mark.parametrize(
    ("param", "left"),
    [
        ({"sort": "price"}, "sort=price"),
        ({"state": "running"}, "state=running"),
        ({"ratio": "7:3"}, "ratio=7:3"),
        ({"resolution": "8K"}, "resolution=8K"),
        ({"since": "yesterday"}, "since=yesterday"),
        ({"since": "0001-01-01"}, "since=0001-01-01"),
        ({"until": "2026-02-30"}, "until=2026-02-30"),
        ({"cost_min": "cheap"}, "cost_min=cheap"),
        ({"cost_min": "nan"}, "cost_min=nan"),
        ({"cost_max": "-1"}, "cost_max=-1"),
        ({"cost_max": "inf"}, "cost_max=inf"),
        ({"starred": "perhaps"}, "starred=perhaps"),
        ({"verdict": "maybe"}, "verdict=maybe"),
        ({"references": "some"}, "references=some"),
        ({"bin": "no"}, "bin=no"),
        ({"flavour": "sweet"}, "flavour=sweet"),
        ({"q": "?!"}, "q=?!"),
        ({"tag": "x" * 41}, "tag=" + "x" * 41),
        ({"sort": ["cost", "newest"]}, "sort=cost,newest"),
    ],
)
def test_what_is_not_understood_is_left_out_and_named(param: dict, left: str) -> None:
    found = Query.from_params(param)
    assert found == Query()
    assert found.ignored == (left,)


def test_of_several_values_those_that_are_understood_count() -> None:
    found = Query.from_params({"state": "done,melted,FAILED", "ratio": "1:1,7:3"})
    assert found == Query(states=("done", "failed"), ratios=("1:1",))
    assert found.ignored == ("state=melted", "ratio=7:3")


def test_an_address_with_the_same_name_twice_means_both() -> None:
    assert Query.from_params({"person": ["Ann", "Müller, Ben"]}).persons == ("Ann", "Müller, Ben")


def test_empty_values_are_as_if_not_there_but_for_the_empty_project() -> None:
    names = ("q", "person", "state", "ratio", "tag", "since", "cost_min", "sort", "bin", "verdict")
    assert Query.from_params(dict.fromkeys(names, "")) == Query()
    assert Query.from_params(dict.fromkeys(names, "")).ignored == ()
    assert Query.from_params({"project": ""}).projects == ("",)
    assert Query.from_params({"project": ",Zoo"}).projects == ("", "Zoo")


def test_the_parameters_of_others_are_not_ours_to_name() -> None:
    assert Query.from_params({"page": "3", "q": "cat"}, besides=("page",)).ignored == ()


def test_a_search_of_ten_thousand_characters_is_cut_and_that_is_told() -> None:
    found = Query.from_params({"q": "banana " * 1430})
    assert len(found.text) <= 200
    assert found.ignored[0].startswith("q=")
    assert len(found.ignored[0]) <= 80


def test_tags_and_names_are_cleaned_as_they_are_when_they_are_kept() -> None:
    found = Query.from_params({"tag": "#Hero,  Needs\tRetouch ", "person": " Ann\u202e  Lee", "q": "a\u0000cat\ud800"})
    assert (found.tags, found.persons, found.text) == (("hero", "needs retouch"), ("Ann Lee",), "a cat")


def test_no_address_however_odd_makes_it_fail() -> None:
    chance = random.Random(3)
    signs = [
        "'",
        '"',
        ",",
        "%",
        ";",
        "--",
        "\x00",
        "\ud800",
        "'; DROP TABLE jobs",
        "NaN",
        "1e999",
        "é",
        "=",
        " ",
        "9" * 400,
    ]
    names = [*FULL.to_params(), "page", "", "__class__", "ignored", "zone"]
    for _ in range(3000):
        params = {chance.choice(names): "".join(chance.choices(signs, k=chance.randrange(8))) for _ in range(4)}
        found = Query.from_params(params)
        assert Query.from_params(found.to_params()) == found
    assert Query.from_params({"person": '",' * 5000}).to_params()
    assert Query.from_params({f"name{number}": "x" for number in range(1000)}).ignored[19:] == ("name19=x",)
