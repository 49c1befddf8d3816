"""Prompts that stand for several: what is a choice, what is a column, and what is left as people wrote it."""

import random
import re

import pytest

from kie.errors import RequestInvalid
from kie.prompts import expansion
from kie.prompts.expansion import has_choices, key, literal, names

JSON = '{"scene": {"subject": "a cat", "style": ["ink", "wash"]}, "n": 2}'
CODE = "fn main() { let x = {1}; if (x) { draw() } }"


def combinations(text: str, **values: str) -> list[str]:
    return expansion.combinations(text, values)


def refusal(text: str, **values: str) -> str:
    """Return why a text can't be written out."""
    with pytest.raises(RequestInvalid) as caught:
        combinations(text, **values)
    (fault,) = caught.value.faults
    assert fault.field == "Prompt"
    return fault.sentence


def written_by_hand(text: str) -> list[str]:
    """Write a text out in the plainest way there is: the first choice that holds no other is replaced by each option."""
    for start in (place for place, sign in enumerate(text) if sign == "{"):
        depth, cuts = 0, [start]
        for place in range(start, len(text)):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if depth == 1 and text[place] == "|":
                cuts.append(place)
            if depth == 0 and len(cuts) > 1:
                options = [text[a + 1 : b] for a, b in zip(cuts, [*cuts[1:], place], strict=True)]
                return [end for option in options for end in written_by_hand(text[:start] + option + text[place + 1 :])]
            if depth == 0:
                break
    return [text]


# Choices


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat", ["a cat"]),
        ("", [""]),
        ("{a cat|a dog}", ["a cat", "a dog"]),
        ("a {red|blue} {cat|dog}", ["a red cat", "a red dog", "a blue cat", "a blue dog"]),
        ("{|very }big", ["big", "very big"]),
        ("{a|{b|c}} {x|y}", ["a x", "a y", "b x", "b y", "c x", "c y"]),
        ("{a {red|blue} cat|a dog}", ["a red cat", "a blue cat", "a dog"]),
        ("{{a|b}|c}", ["a", "b", "c"]),
        ("{a|b|}", ["a", "b", ""]),
        ("{猫|犬}", ["猫", "犬"]),
        ("one\n{two|three}\n", ["one\ntwo\n", "one\nthree\n"]),
    ],
)
def test_a_prompt_stands_for_every_combination_in_reading_order(text: str, expected: list[str]):
    assert combinations(text) == expected
    assert has_choices(text) == (len(expected) > 1)


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        CODE,
        "{}",
        "{a}",
        "{{}}",
        "{{a}",
        "|",
        "a|b",
        "{",
        "}",
        "}{",
        "{a|b",
        "a|b}",
        "}a|b{",
        "{{{",
        "\\",
        "\\n",
        "\\\\",
    ],
)
def test_a_brace_without_a_bar_or_a_partner_is_plain_text(text: str):
    assert combinations(text) == [text]
    assert not has_choices(text)


def test_a_choice_within_plain_braces_and_plain_braces_within_a_choice_both_count():
    assert combinations('{"style": "{ink|wash}"}') == ['{"style": "ink"}', '{"style": "wash"}']
    assert combinations("{{a}|b}") == ["{a}", "b"]
    assert combinations("{ {a|b}") == ["{ a", "{ b"]
    assert combinations("{a|b} }") == ["a }", "b }"]
    assert combinations("{{a|b}}") == ["{a}", "{b}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\{a|b\}", ["{a|b}"]),
        (r"{a\|b|c}", ["a|b", "c"]),
        (r"{a\}|b}", ["a}", "b"]),
        (r"{\{|\}}", ["{", "}"]),
        (r"\{\{name\}\}", ["{{name}}"]),
        (r"C:\new \alpha", [r"C:\new \alpha"]),
    ],
)
def test_a_sign_after_a_backslash_is_itself(text: str, expected: list[str]):
    assert combinations(text) == expected
    assert combinations(text, name="never") == expected


def test_texts_of_every_shape_come_out_as_if_written_out_by_hand():
    made = random.Random(7)
    for _ in range(3000):
        text = "".join(made.choices("ab {{{|||}}}", k=made.randrange(16)))
        text = re.sub(r"\{(?=\{)", "{ ", text)
        by_hand = written_by_hand(text)
        if len(by_hand) <= 500:
            assert combinations(text) == list(dict.fromkeys(by_hand)), text


# How many


def test_prompts_that_come_out_the_same_are_kept_once_and_counted_once():
    assert combinations("{a|b|a}") == ["a", "b"]
    assert combinations("{a|ab}{bc|c}") == ["abc", "ac", "abbc"]
    assert combinations("{a|a}" * 100) == ["a" * 100]


def test_too_many_combinations_are_refused_at_once_with_their_number():
    assert "500 prompts" not in combinations("{0|1|2|3|4|5|6|7|8|9}" * 2 + "{a|b|c|d|e}")
    assert "expand to 1,000 prompts" in refusal("{0|1|2|3|4|5|6|7|8|9}" * 3)
    assert "at most 500" in refusal("{0|1|2|3|4|5|6|7|8|9}" * 3)
    assert f"expand to {10**30:,} prompts" in refusal("{0|1|2|3|4|5|6|7|8|9}" * 30)
    assert "expand to 3,001 prompts" in refusal(
        "{a" + "".join(f"{{x{each}|" for each in range(3000)) + "y" + "}" * 3001
    )


def test_a_number_that_python_would_not_write_out_is_told_too():
    assert "more than 10³⁶ prompts" in refusal("{a|b}" * 20_000)


def test_a_prompt_that_would_fill_the_memory_is_refused():
    assert "Shorten the prompt" in refusal("{a|b|c}" * 5 + "x" * 100_000)
    assert "Shorten the prompt" in refusal("{{x}}" * 2_000, x="y" * 10_000)


@pytest.mark.parametrize("text", ["{", "}", "|", "{|", "{{", "{{a", "{a|", '{"', "\\{", "{|}", "{{a}}", "{}|"])
def test_fifty_thousand_signs_in_a_row_are_read_at_once(text: str):
    whole = text * (50_000 // len(text))
    assert combinations(whole, a="{{a}}") == ["" if text == "{|}" else whole.replace("\\{", "{")]
    assert names(whole) == (["a"] if text == "{{a}}" else [])


def test_choices_may_be_nested_deeper_than_python_calls():
    deep = "{" * 5000 + "{a|b}" + "}" * 5000
    assert combinations(deep) == [deep.replace("{a|b}", letter) for letter in "ab"]
    steps = [f"{level}" for level in range(400)]
    assert combinations("{" + "|{".join(steps) + "}" * 400) == [*steps[:-1], "{399}"]


# Columns


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a {{colour}} cat", ["colour"]),
        ("{{ colour }} and {{Colour}}", ["colour"]),
        ("{{b}} {{a}} {{b}}", ["b", "a"]),
        ("{{product name}} {{Product_Name}} {{product-name}}", ["product name"]),
        ("{{größe}} {{наименование}} {{नाम}} {{col 2}}", ["größe", "наименование", "नाम", "col 2"]),
        ("{a {{x}}|b {{y}}}", ["x", "y"]),
        ("{{{x}}}", ["x"]),
        ("{{}} {{ }} {{-}} {{_}} {{a.b}} {{a|b}} {{{a}} {{#if}} {x}", ["a"]),
        (r"\{{x}} \{\{y\}\}", []),
        ("{{two\nlines}}", []),
        (JSON, []),
    ],
)
def test_a_column_is_named_by_letters_digits_spaces_underscores_and_hyphens(text: str, expected: list[str]):
    assert names(text) == expected


def test_a_column_is_never_a_choice():
    assert combinations("a {{ Colour }} {cat|dog}", colour="red") == ["a red cat", "a red dog"]
    assert not has_choices("{{colour}}")


def test_values_go_in_for_every_spelling_of_a_column():
    values = {"Product Name": "mug", "COLOUR": "red"}
    assert combinations("a {{ colour }} {{product_name}}, {{Colour}}!", **values) == ["a red mug, red!"]
    assert key(" Product__Name ") == key("product-name") == "product name"
    assert combinations("{{cafe\u0301}}", café="accents in two ways") == ["accents in two ways"]


@pytest.mark.parametrize("value", ["{red|blue}", "{{colour}}", "{{other}}", r"\{", "}", "{", "|", r"\1", "", "a\nb"])
def test_a_value_goes_in_letter_by_letter(value: str):
    values = {"colour": value, "other": "never"}
    assert combinations("a {{colour}} cat", **values) == [f"a {value} cat"]
    assert combinations("{a|the} {{colour}} cat", **values) == [f"a {value} cat", f"the {value} cat"]
    assert combinations("{{{colour}}|b}", **values) == [value, "b"]


def test_columns_with_equal_values_make_one_prompt():
    assert combinations("{ {{a}} | {{b}} }", a="red", b="red") == [" red "]


def test_an_unknown_column_is_named_together_with_those_that_there_are():
    sentence = refusal("a {{colour}} cat", City="Ulm", Animal="cat")
    assert sentence == "The table has no column “colour” for {{colour}}: its columns are “City”, “Animal”."
    assert "and 88 more." in refusal("{{x}}", **{f"c{number}": "" for number in range(100)})


def test_a_column_without_a_table_is_told_with_both_ways_out():
    sentence = refusal("a {{colour}} cat")
    assert sentence == "Nothing fills {{colour}}: fill a column “colour” of the table (Batch), or remove the braces."


def test_a_literal_text_stands_for_itself_alone():
    made = random.Random(4)
    for text in (
        "".join(made.choices(["{", "|", "}", "\\", "{{x}}", "a"], k=made.randrange(1, 12))) for _ in range(5000)
    ):
        assert combinations(literal(text)) == [text]
    for plain in ('{"a": [1, 2]}', "a|b", "50 % off\\", "{a}"):
        assert literal(plain) == plain
