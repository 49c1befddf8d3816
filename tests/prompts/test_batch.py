"""Tables of requests: what is read out of files and clipboards, what each row asks for, and what is refused in which words."""

import openpyxl
import pytest

from kie.generation import Generation
from kie.prompts.batch import Line, requests
from kie.prompts.table import Row, pasted, read, row
from tests.support.spreadsheets import csv_of, prompts, saved, workbook

SETTINGS = ["prompt", "aspect ratio", "resolution", "output format", "images", "references", "project", "on"]
FORM = Generation("from the form", ("a", "b", "c"), "4:5", "2K", "jpg")


def line(row: Row, form: Generation = FORM, images: int = 1) -> Line:
    """Return what one row asks for."""
    (only,) = requests([row], form, images, ["a", "b", "c"])
    return only


def faults(row: Row) -> dict[str, str]:
    """Return what is wrong with a row, whose pictures are then kept back."""
    found = line(row)
    assert bool(found.faults) != bool(found.generations)
    return {fault.field: fault.sentence for fault in found.faults}


def setting(column: str, text: str) -> Row:
    """Return the row that a cell of one column makes."""
    return read("t.csv", csv_of(f"prompt,{column}", f'p,"{text}"')).rows[0]


def cell(row: Row, role: str) -> object:
    """Return what a row was read to say about one column."""
    return row.options.get(role) if role in FORM.options else getattr(row, role)


# Columns


@pytest.mark.parametrize(
    ("column", "role"),
    [
        *(
            (name, "aspect_ratio")
            for name in ("aspect ratio", "Aspect Ratio", "aspect_ratio", "ASPECT-RATIO", " ratio ")
        ),
        *((name, "output_format") for name in ("output format", "format", "File_Format")),
        *((name, "references") for name in ("References", "reference images", "refs")),
        *((name, "images") for name in ("Images", "number of images")),
        ("Resolution", "resolution"),
        ("PROJECT", "project"),
    ],
)
def test_a_column_is_known_however_people_spell_it(column: str, role: str):
    row = setting(column, "1")
    assert cell(row, role) in ("1", 1, (1,))
    assert row.values == {}


def test_other_columns_are_kept_as_values_and_named_in_a_note_unless_a_prompt_uses_them():
    lines = ["animal,Mood,prompt,Shop", "cat,happy,,1", "dog,sad,a {{mood}} dog,2"]
    table = read("t.csv", csv_of(*lines), wanted=["Animal"])
    assert table.rows[1].values == {"animal": "dog", "Mood": "sad", "Shop": "2"}
    assert table.notes == ("Not used by any prompt: “Shop”.",)
    assert read("t.csv", csv_of(*lines)).notes == ("Not used by any prompt: “animal”, “Shop”.",)


def test_a_column_that_the_form_s_prompt_uses_makes_a_header_by_itself():
    table = read("t.csv", csv_of("animal", "cat", "dog"), wanted=["Animal"])
    assert [row.values for row in table.rows] == [{"animal": "cat"}, {"animal": "dog"}]
    assert prompts(read("t.csv", csv_of("animal", "cat", "dog"))) == ["animal", "cat", "dog"]
    assert [row.values["city"] for row in pasted("animal,city\ncat,Ulm", ["city", "animal"]).rows] == ["Ulm"]


def test_a_column_that_a_prompt_uses_sets_nothing_else_and_a_note_says_so():
    table = read("t.csv", csv_of("prompt,format", "a {{format}} poster,tall"))
    assert (table.rows[0].options, table.rows[0].values) == ({}, {"format": "tall"})
    assert table.notes == ("A prompt uses the column “format”, so it sets nothing else.",)
    table = read("t.csv", csv_of("prompt", "a cat"), wanted=["prompt"])
    assert (table.rows[0].prompt, table.rows[0].values) == (None, {"prompt": "a cat"})


def test_of_two_names_for_the_same_the_one_on_the_page_counts():
    row = read("t.csv", csv_of("ratio,prompt,aspect ratio", "golden,a,16:9")).rows[0]
    assert (row.options, row.values) == ({"aspect_ratio": "16:9"}, {"ratio": "golden"})


def test_a_row_that_is_longer_than_the_header_is_a_fault_and_loses_nothing_in_silence():
    table = read("t.csv", csv_of("prompt,images", "a cat, on a mat,2", "a dog,2,,"))
    assert [fault.field for fault in table.rows[0].faults] == ["Columns"]
    assert table.rows[1].faults == ()


def test_a_column_without_a_name_is_left_out_with_a_note():
    table = read("t.csv", csv_of(",prompt", "0,a cat"))
    assert table.rows == (Row(1, prompt="a cat"),)
    assert table.notes == ("A column without a name was left out.",)


# Cells


@pytest.mark.parametrize(
    ("column", "text", "read"),
    [
        *(("aspect_ratio", text, "16:9") for text in ("16:9", " 16x9", "16/9", "16 : 9", "16×9", "16:09", "16:09:00")),
        *(("aspect_ratio", text, "auto") for text in ("auto", "Auto ")),
        *(("aspect_ratio", text, text) for text in ("7:3", "wide", "2026-09-16", "16:9:5", "0:16:09")),
        *(("resolution", text, "1K") for text in ("1k", " 1 K", "1K")),
        ("resolution", "8k", "8k"),
        *(("output_format", text, "jpg") for text in ("jpg", "JPEG", ".jpg", " jpeg ")),
        *(("output_format", text, "png") for text in ("png", "PNG")),
        ("output_format", "webp", "webp"),
        *(("images", text, 2) for text in ("2", " 2 ", "2.0", "02", "2,0")),
        *(("images", text, text) for text in ("two", "-1", "2.5", "9" * 5000)),
        *(("references", text, (1, 3)) for text in ("1, 3", "1,3", "1;3", "1 3", "1.3", "1 & 3", "1,3,1")),
        *(("references", text, ()) for text in ("none", "0", "-", "No")),
        *(
            ("references", text, ("ab" * 32, "cd" * 32))
            for text in (f"{'ab' * 32}; {'cd' * 32}", f"{'AB' * 32},{'cd' * 32}")
        ),
        *(("references", text, text) for text in ("ab" * 31, f"{'ab' * 32}; 1")),
        *(("references", text, "all") for text in ("all", "All ")),
        *(("references", text, text) for text in ("the cat", "1-3", "1,", "٣ and 4")),
        ("project", " Spring ", "Spring"),
    ],
)
def test_settings_are_read_kindly_and_what_is_no_setting_is_kept_to_be_shown(column: str, text: str, read: object):
    assert cell(setting(column, text), column) == read


@pytest.mark.parametrize("column", [name.replace(" ", "_") for name in SETTINGS if name not in ("prompt", "on")])
def test_a_blank_cell_means_as_in_the_form(column: str):
    assert cell(setting(column, "  "), column) is None
    assert line(setting(column, " ")).generations == (Generation("p", FORM.references, "4:5", "2K", "jpg"),)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["yes", "no", "TRUE", "False", "1", "0", "X", "off"], [True, False] * 4),
        (["yes", "", "no"], [True, True, False]),
        (["x", "", "x"], [True, False, True]),
        (["", "", ""], [True, True, True]),
        (["✓", " "], [True, False]),
    ],
)
def test_the_column_on_says_which_rows_are_meant(cells: list[str], expected: list[bool]):
    table = read("t.csv", csv_of("prompt,on", *(f"a cat,{cell}" for cell in cells)))
    assert [row.on for row in table.rows] == expected


def test_a_word_that_is_neither_yes_nor_no_is_a_fault():
    assert faults(setting("on", "perhaps")) == {"On": "“perhaps” is neither yes nor no."}


@pytest.mark.parametrize("text", ["=1+1", "+49", "-3 degrees", "@home", '=HYPERLINK("x")'])
def test_a_cell_that_looks_like_a_formula_is_text_and_sent_as_it_is(text: str):
    book = openpyxl.Workbook()
    book.active["A1"] = "prompt"
    book.active["A2"] = text
    book.active["A2"].data_type = "s"
    for table in (read("t.csv", csv_of("prompt", text)), pasted(f"prompt\n{text}"), read("t.xlsx", saved(book))):
        assert [each.prompt for each in line(table.rows[0]).generations] == [text]


# What each row asks for


def test_a_row_asks_with_its_own_settings_and_else_with_the_form_s():
    row = Row(
        7,
        prompt="a cat",
        options={"aspect_ratio": "16:9", "resolution": "4K", "output_format": "png"},
        images=3,
        references=(3, 1),
        project="X",
    )
    assert line(row) == Line(7, (Generation("a cat", ("c", "a"), "16:9", "4K", "png"),), 3, "X")
    assert line(Row(1), images=2) == Line(1, (FORM,), 2)
    assert line(Row(1, references="all"), Generation("p")).generations[0].references == ("a", "b", "c")
    assert line(Row(1, references=())).generations[0].references == ()


def test_ids_of_references_go_in_as_they_are_whatever_the_form_has():
    ids = ("ef" * 32, "ab" * 32)
    assert line(row(1, True, {"References": ", ".join(ids)}, {})).generations[0].references == ids


def test_choices_and_columns_are_written_out_for_each_row():
    table = read("t.csv", csv_of("animal,prompt", "{cat|dog},", "owl,{an old|a young} {{animal}}"))
    first, second = requests(table.rows, Generation("a {red|blue} {{animal}}"), 1, [])
    assert [each.prompt for each in first.generations] == ["a red {cat|dog}", "a blue {cat|dog}"]
    assert [each.prompt for each in second.generations] == ["an old owl", "a young owl"]


def test_a_row_that_is_off_asks_for_nothing_and_has_no_faults():
    assert line(Row(1, on=False, prompt="a cat", options={"resolution": "8K"}, images="many")) == Line(1)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (Row(1, options={"resolution": "8K"}), {"Resolution": "“8K” is not one of 1K, 2K, 4K."}),
        (Row(1, options={"output_format": "gif"}), {"Output format": "“gif” is not one of png, jpg."}),
        (Row(1, images=9), {"Images": "“9” is not a number from 1 to 8."}),
        (Row(1, images=0), {"Images": "“0” is not a number from 1 to 8."}),
        (Row(1, images="many"), {"Images": "“many” is not a number from 1 to 8."}),
        (Row(1, references=(1, 4)), {"Reference images": "“1, 4” names a picture that is not there: the form has 3."}),
        (Row(1, references="the cat"), {"Reference images": "“the cat” is neither numbers, such as 1, 3, nor “all”."}),
        (
            Row(1, prompt="a {{colour}} cat", values={"Animal": "cat"}),
            {"Prompt": "The table has no column “colour” for {{colour}}: its columns are “Animal”."},
        ),
        (
            Row(1, prompt="a\x07b"),
            {"Prompt": "Remove the invisible control characters from the prompt: only text can be sent."},
        ),
    ],
)
def test_what_is_wrong_with_a_row_is_told_with_its_field(row: Row, expected: dict[str, str]):
    assert faults(row) == expected


def test_all_faults_of_a_row_are_told_at_once_and_each_once():
    wrong = {"resolution": "8K", "aspect_ratio": "7:3"}
    row = Row(1, prompt="{a|b}" + "x" * 10_000, options=wrong, images=0, references=(9,))
    assert list(faults(row)) == ["Aspect ratio", "Resolution", "Images", "Reference images", "Prompt"]
    assert len(line(row).faults) == 5


def test_a_long_cell_is_shortened_where_it_is_shown():
    long = Row(1, options={"resolution": "x\n" * 5000})
    assert faults(long) == {"Resolution": f"“{'x ' * 19}x…” is not one of 1K, 2K, 4K."}


def test_a_blank_prompt_is_a_fault_where_the_form_has_none_either():
    only = line(Row(1), Generation(""))
    assert [fault.field for fault in only.faults] == ["Prompt"]


def test_a_fault_keeps_back_its_own_row_alone():
    lines = requests([Row(1, prompt="a"), Row(2, options={"resolution": "8K"}), Row(3, prompt="b")], FORM, 1, [])
    assert [bool(each.generations) for each in lines] == [True, False, True]


def test_a_row_that_asks_for_the_same_as_another_is_noted_and_not_refused():
    rows = [
        Row(1, prompt="a"),
        Row(2, prompt="b"),
        Row(4, prompt="a"),
        Row(5, prompt="a", options={"resolution": "4K"}),
        Row(6, prompt="a"),
    ]
    lines = requests(rows, FORM, 1, [])
    assert [each.note for each in lines] == [None, None, "The same as row 1.", None, "The same as row 1."]
    assert all(each.generations and not each.faults for each in lines)


def test_a_blank_cell_of_a_column_that_the_prompt_uses_is_noted():
    only = line(Row(1, prompt="a {{Colour}} cat", values={"colour": " ", "size": ""}))
    assert (only.note, only.faults) == ("Blank here: “Colour”.", ())


def test_a_table_never_stands_for_more_than_a_thousand_prompts():
    ten = "{0|1|2|3|4|5|6|7|8|9}"
    rows = [Row(number, prompt=f"{ten}{ten}{{a|b|c|d}} {number}") for number in range(1, 4)]
    lines = requests([*rows, Row(4, prompt=f"{ten}{ten}{{a|b}}"), Row(5, prompt="one more")], FORM, 1, [])
    assert [len(each.generations) for each in lines] == [400, 400, 0, 200, 0]
    assert "more than 1,000 prompts" in lines[2].faults[0].sentence
    too_many = line(Row(1, prompt=f"{ten}{ten}{ten}"))
    assert "expand to 1,000 prompts, and at most 500" in too_many.faults[0].sentence


def test_five_hundred_rows_are_read_and_worked_out():
    rows = [
        [f"a {{{{animal}}}} number {number}", "16x9", "2k", "jpeg", "2", "1, 3", "Spring", "cat"]
        for number in range(500)
    ]
    data = workbook([*SETTINGS[:-1], "animal"], *rows)
    table = read("t.xlsx", data)
    lines = requests(table.rows, FORM, 1, ["a", "b", "c"])
    assert sum(len(each.generations) for each in lines) == 500
