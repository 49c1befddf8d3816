"""What is read out of files and clipboards, text by text, and what is refused in which words."""

import datetime
import io
import itertools
import random
import re
import zipfile

import pytest

from kie.errors import TableRefused
from kie.generation import Generation
from kie.prompts.batch import requests
from kie.prompts.table import Row, pasted, read, row
from tests.support.images import picture
from tests.support.spreadsheets import SHEET, csv_of, part, prompts, refusal, repacked, sheet_of, text_cell, workbook

SETTINGS = ["prompt", "aspect ratio", "resolution", "output format", "images", "references", "project", "on"]


# Files


WHOLE = ["a cat, on a mat", "16:9", "2K", "png", "3", "1, 3", "Spring", "yes"]
OPTIONS = {"aspect_ratio": "16:9", "resolution": "2K", "output_format": "png"}
WHOLE_ROW = Row(1, True, "a cat, on a mat", OPTIONS, 3, (1, 3), "Spring")


@pytest.mark.parametrize(
    ("name", "separator", "encoding"),
    [
        *(("t.csv", separator, "utf-8") for separator in ",;\t"),
        ("t.tsv", "\t", "utf-8"),
        ("t.txt", "\t", "utf-16"),
        *(("t.csv", ",", encoding) for encoding in ("utf-8-sig", "utf-16", "cp1252")),
        ("table", ";", "utf-8"),
        ("T.CSV", ",", "utf-8"),
    ],
)
def test_the_same_table_is_read_from_every_kind_of_text(name: str, separator: str, encoding: str):
    lines = [separator.join(f'"{cell}"' for cell in cells) for cells in (SETTINGS, WHOLE)]
    table = read(name, "\r\n".join(lines).encode(encoding))
    assert table.rows == (WHOLE_ROW,)  # and nothing among the values
    assert table.notes == ()


def test_the_same_table_is_read_from_a_workbook():
    table = read("t.xlsx", workbook(SETTINGS, WHOLE))
    assert table.rows == (WHOLE_ROW,)
    assert read("named wrongly.csv", workbook(SETTINGS, WHOLE)) == table


def test_the_first_line_may_name_the_separator_as_spreadsheets_do():
    assert prompts(read("t.csv", csv_of("sep=;", "prompt;images", "a, b;2"))) == ["a, b"]


def test_line_breaks_and_quotation_marks_in_a_cell_are_kept():
    table = read("t.csv", b'prompt,images\r\n"two\r\nlines, and ""words""",2\r\n')
    assert prompts(table) == ['two\nlines, and "words"']


def test_tabs_part_cells_whoever_put_quotation_marks_around_them_or_left_them_out():
    table = read(
        "t.tsv", b'prompt\timages\n"a cat, on a mat"\t2\n"Open" on a sign\t"3"\n"two\nlines"\t\n"""Closed"""\t1'
    )
    assert prompts(table) == ["a cat, on a mat", '"Open" on a sign', "two\nlines", '"Closed"']
    assert [row.images for row in table.rows] == [2, 3, None, 1]
    assert prompts(read("t.tsv", b'prompt\n"Open" on a sign')) == ['"Open" on a sign']


def test_one_column_named_prompt_has_its_commas_in_the_prompts():
    assert prompts(read("t.csv", csv_of("Prompt", "a cat, on a mat", '"a dog; asleep"'))) == [
        "a cat, on a mat",
        "a dog; asleep",
    ]


def test_without_a_header_a_single_column_is_prompts():
    assert prompts(read("t.csv", csv_of("a cat", '"a dog, asleep"'))) == ["a cat", "a dog, asleep"]
    assert prompts(read("t.xlsx", workbook([None, "a cat"], [], [None, "a dog"]))) == ["a cat", "a dog"]
    assert prompts(read("t.txt", csv_of("a cat, on a mat", '"Open" on a sign', "", "on, images"))) == [
        *("a cat, on a mat", '"Open" on a sign', "on, images")
    ]


def test_rows_are_numbered_as_in_the_file_with_its_blank_ones():
    table = read("t.csv", csv_of("", "prompt,images", "a,", ",", "", "b,", '"c\nd",', "e,"))
    assert [(row.number, row.prompt) for row in table.rows] == [(1, "a"), (4, "b"), (5, "c\nd"), (6, "e")]
    table = read("t.xlsx", workbook([], ["prompt"], ["a"], [], [""], ["b"]))
    assert [(row.number, row.prompt) for row in table.rows] == [(1, "a"), (4, "b")]
    assert [row.number for row in pasted("a\n\nb").rows] == [1, 3]


# Characters that no one sees


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *((f"Title{mark}Subtitle", "Title\nSubtitle") for mark in "\x0b\x0c\x85\u2028\u2029"),
        *((f"Dampf{mark}schiff", "Dampfschiff") for mark in "\xad\u200b\u2060\ufeff\x1f"),
        ("e\x1email", "e-mail"),
        ("\x0ca cat\x0b\u2028", "a cat"),
        ("a\u2028\u2028b", "a\n\nb"),
        ("👩\u200d🚀 می\u200cخواهم", "👩\u200d🚀 می\u200cخواهم"),
    ],
)
def test_breaks_of_slides_are_line_breaks_and_invisible_hyphens_are_nothing(text: str, shown: str):
    escaped = re.sub(r"[\x00-\x1f]", lambda found: f"_x{ord(found[0]):04X}_", text)
    tables = [read("t.csv", csv_of("prompt,images", f'"{text}",2')), pasted(f"prompt\timages\n{text}\t2"), pasted(text)]
    tables.append(read("t.csv", csv_of("prompt", text)))
    for table in (*tables, read("t.xlsx", sheet_of(text_cell("A1", "prompt"), text_cell("A2", escaped)))):
        assert prompts(table) == [shown]
        assert all(line.generations for line in requests(table.rows, Generation(""), 1, []))


def test_breaks_that_are_typed_into_a_cell_are_line_breaks_and_other_controls_stay_faults():
    assert row(1, True, {"Prompt": "Title\x0bSubtitle"}, {}).prompt == "Title\nSubtitle"
    assert row(1, True, {"Prompt": "Damp\xadf\u2028"}, {}).prompt == "Damp\xadf\u2028"
    (line,) = requests(read("t.csv", csv_of("prompt,images", f"a\x07b{'c' * 100},2")).rows, Generation(""), 1, [])
    assert [fault.field for fault in line.faults] == ["Prompt"]


# Files that are refused


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b" \n,,\n\t\n", "is empty"),
        ("t.csv", "\u200b\n\xad".encode(), "is empty"),
        ("t.csv", "prompt,images\n\u200b,\n".encode(), "a header and no rows"),
        ("t.xlsx", b"", "called .xlsx and holds something else"),
        ("t.xlsx", b"prompt\na", "called .xlsx and holds something else"),
        ("t.csv", b"prompt,images\n", "a header and no rows"),
        ("t.csv", b"prompt\n\n \n", "a header and no rows"),
        ("t.csv", picture(), "not a table"),
        ("t.csv", random.Random(1).randbytes(5000), "not a table"),
        ("t.csv", bytes(range(1, 256)) * 20, "not a table"),
        *(("t.csv", f"prompt\0\na {animal}\0".encode(), "not a table") for animal in ("cat", "猫", "küken")),
        ("t.csv", b"<!DOCTYPE html><html><table><tr><td>prompt", "This file is a web page and not a table"),
        ("t.csv", b'\xef\xbb\xbf<?xml version="1.0"?>\n<Workbook/>', "This file is XML and not a table"),
        ("t.txt", b"{\\rtf1\\ansi a cat}", "This file is a text in RTF and not a table"),
        ("t.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "old format (.xls) or has a password"),
        ("t.csv", csv_of("a cat,2", "a dog,3"), "names no column that the studio knows"),
        ("t.csv", csv_of("my plan", "prompt,images", "a cat,2"), "names no column that the studio knows"),
        ("t.csv", csv_of("prompt,images,Prompt ", "a,1,b"), "Two columns of this table are called “Prompt”"),
        ("t.csv", csv_of("prompt,a_b,A-B", "a,1,b"), "Two columns of this table are called “A-B”"),
        ("t.csv", csv_of("prompt,images", '"a cat,2', "a dog,3"), "does not end where it should"),
        ("t.csv", csv_of("prompt,images", '"Open" on a sign,2'), "near line 2"),
        ("t.csv", csv_of("prompt,images", f"{'x' * 200_000},2"), "near line 2"),
        ("t.csv", ("prompt" + ",x" * 100 + "\n1").encode(), "has 101 columns, and the limit is 100"),
        ("t.csv", b"prompt\n" + b"x" * (5 * 2**20), "has 5.1 MB, and the limit is 5 MB"),
    ],
)
def test_what_is_no_table_is_refused_in_words(name: str, data: bytes, reason: str):
    assert reason in refusal(name, data)


def test_five_hundred_rows_are_taken_and_one_more_is_not():
    rows = [f"prompt {number},2" for number in range(501)]
    assert len(read("t.csv", csv_of("prompt,images", *rows[:500])).rows) == 500
    assert "This table has 501 rows, and the limit is 500" in refusal("t.csv", csv_of("prompt,images", *rows))
    assert len(pasted("\n".join(rows[:500])).rows) == 500
    with pytest.raises(TableRefused, match="has 501 rows"):
        pasted("\n".join(rows))


def test_ten_thousand_rows_are_counted_and_refused():
    assert "has 10,000 rows" in refusal("t.csv", b"prompt,images\n" + b"a cat,2\n" * 10_000)
    assert "has more than 20,000 rows" in refusal("t.csv", b"prompt,images\n" + b"a,2\n" * 1_000_000)
    assert "has more than 20,000 rows" in refusal("t.csv", b"prompt\na cat" + b"\n" * 1_000_000 + b"a dog")
    assert "has 10,000 rows" in refusal("t.xlsx", workbook(["prompt"], *[["a cat"]] * 10_000))


def test_a_workbook_that_does_not_say_where_it_ends_is_counted():
    rows = [text_cell(f"A{number}", "a cat") for number in range(1, 1002)]
    assert "has 1,001 rows" in refusal("t.xlsx", sheet_of(*rows))
    told_wrongly = workbook(["prompt"], ["a cat"], ["a dog"])
    told_wrongly = repacked(told_wrongly, {SHEET: part(told_wrongly).replace('ref="A1:A3"', 'ref="A1"')})
    assert prompts(read("t.xlsx", told_wrongly)) == ["a cat", "a dog"]


def test_an_archive_that_is_no_workbook_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("prompts.txt", "a cat")
    for data in (
        out.getvalue(),
        b"PK\x03\x04 and rubbish",
        workbook(["prompt"], ["a"])[:-40],
        b"PK\x05\x06" + bytes(18),
    ):
        assert "can't be read as an XLSX workbook" in refusal("t.xlsx", data)


def test_a_workbook_that_would_unpack_to_far_more_is_not_unpacked():
    size = 60 * 2**20
    bomb = repacked(workbook(["prompt"], ["a cat"]), {SHEET: bytes(size)})
    assert len(bomb) < 100_000
    assert "more than 50 MB once it is unpacked" in refusal("t.xlsx", bomb)
    # A part that declares less than it has, and a packing that can't be stopped halfway.
    lying = bomb.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lying != bomb
    assert "can't be read" in refusal("t.xlsx", lying)
    assert "can't be read" in refusal("t.xlsx", repacked(workbook(["prompt"], ["a cat"]), method=zipfile.ZIP_BZIP2))


def test_entities_that_would_grow_without_end_are_not_followed():
    def with_entity(name: str, declared: str) -> bytes:
        sheet = part(sheet_of(text_cell("A1", f"a &{name};")))
        return repacked(workbook(["x"]), {SHEET: f"<!DOCTYPE worksheet [{declared}]>{sheet}"})

    one = '<!ENTITY a "cat">'
    nested = "".join(f'<!ENTITY {new} "{f"&{old};" * 20}">' for old, new in itertools.pairwise("abcdefghijklmnop"))
    assert "can't be read" in refusal("t.xlsx", with_entity("a", one))
    assert "can't be read" in refusal("t.xlsx", with_entity("p", one + nested))
    assert "can't be read" in refusal("t.xlsx", with_entity("a", '<!ENTITY a SYSTEM "file:///etc/hostname">'))


def test_a_damaged_workbook_is_refused_or_read_but_never_a_surprise():
    made, whole = random.Random(3), workbook(SETTINGS, WHOLE, [datetime.time(16, 9), "=A1", True, 2.5])
    sheet = part(whole)
    for _ in range(150):
        at, length = made.randrange(len(sheet)), made.choice((0, 1, 5))
        put = made.choice(("", "<", "&x;", '"', "NaN", "-1", "99999999999999999999", 't="d"', "A0", "1e999"))
        damaged = repacked(whole, {SHEET: sheet[:at] + put + sheet[at + length :]})
        try:
            table = read("t.xlsx", damaged)
        except TableRefused:
            continue
        assert len(requests(table.rows, Generation("a cat"), 1, [])) == len(table.rows)


# The clipboard


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat", ["a cat"]),
        ("a cat\r\na dog\r\n", ["a cat", "a dog"]),
        ("a cat\n\n  \na dog", ["a cat", "a dog"]),
        ('"two\nlines"\none', ["two\nlines", "one"]),
        ('"two\nlines and ""words"""', ['two\nlines and "words"']),
        ('"Open" on a sign\n"Closed"', ['"Open" on a sign', '"Closed"']),
        ('"Open\nstill open', ['"Open', "still open"]),
        ('"', ['"']),
        ("a cat, on a mat; asleep\non, images", ["a cat, on a mat; asleep", "on, images"]),
        ("=1+1\n+2\n-3\n@x", ["=1+1", "+2", "-3", "@x"]),
        ("prompt\na cat, on a mat", ["a cat, on a mat"]),
        ("prompt\timages\na cat\t2\n\ta dog", ["a cat", None]),
        ('prompt,images\n"a cat, on a mat",2', ["a cat, on a mat"]),
    ],
)
def test_what_was_copied_comes_in_as_it_stood_in_the_cells(text: str, expected: list[str]):
    assert prompts(pasted(text)) == expected


def test_cells_of_a_spreadsheet_keep_their_columns_and_line_breaks():
    table = pasted('Prompt\tRatio\tImages\r\n"a cat\non a mat"\t16:9\t2\r\na dog\t\t\r\n')
    assert table.rows == (
        Row(1, prompt="a cat\non a mat", options={"aspect_ratio": "16:9"}, images=2),
        Row(2, prompt="a dog"),
    )


def test_columns_without_a_header_are_not_guessed():
    with pytest.raises(TableRefused, match="names no column that the studio knows"):
        pasted("a cat\t16:9\na dog\t1:1")
    with pytest.raises(TableRefused, match="is empty"):
        pasted(" \n\t\n")
    with pytest.raises(TableRefused, match="and the limit is 5 MB"):
        pasted("x" * (5 * 2**20 + 1))


@pytest.mark.parametrize("text", ['"a\n', '"""a\n', '"\n', '""\t', '"x""\n', "\t", '"a\t""'])
def test_a_hundred_thousand_quotation_marks_are_cut_at_once(text: str):
    with pytest.raises(TableRefused):
        pasted(text * 100_000)  # What grows with the square of the length would take minutes.
