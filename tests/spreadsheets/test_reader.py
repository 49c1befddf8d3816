"""What is read out of files and clipboards, text by text, and what is refused in which words."""

import datetime
import io
import itertools
import random
import re
import resource
import time
import zipfile
from collections.abc import Callable

import openpyxl
import pytest

from kie.errors import EncodingUnsure, TableRefused
from kie.generation import Fault, Generation
from kie.prompts.batch import requests
from kie.prompts.table import Row, Table, pasted, read, row
from kie.spreadsheets.charsets import LABELS
from tests.support.images import picture
from tests.support.spreadsheets import (
    SHEET,
    book_of,
    csv_of,
    part,
    repacked,
    saved,
    sheet_of,
    strict,
    text_cell,
    workbook,
)

SETTINGS = ["prompt", "aspect ratio", "resolution", "output format", "images", "references", "project", "on"]


def prompts(table: Table) -> list[str | None]:
    return [row.prompt for row in table.rows]


def refusal(name: str, data: bytes) -> str:
    """Return why a file is refused, which must say what that costs."""
    with pytest.raises(TableRefused) as caught:
        read(name, data)
    assert re.fullmatch(r"[A-Z].*: .*\.", caught.value.sentence)
    return caught.value.sentence


# Files


WHOLE = ["a cat, on a mat", "16:9", "2K", "png", "3", "1, 3", "Spring", "yes"]


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
    assert table.rows == (
        Row(1, True, "a cat, on a mat", "16:9", "2K", "png", 3, (1, 3), "Spring"),
    )  # and nothing among the values
    assert table.notes == ()


def test_the_same_table_is_read_from_a_workbook():
    table = read("t.xlsx", workbook(SETTINGS, WHOLE))
    assert table.rows == (Row(1, True, "a cat, on a mat", "16:9", "2K", "png", 3, (1, 3), "Spring"),)
    assert read("named wrongly.csv", workbook(SETTINGS, WHOLE)) == table


def test_the_first_line_may_name_the_separator_as_spreadsheets_do():
    assert prompts(read("t.csv", csv_of("sep=;", "prompt;images", "a, b;2"))) == ["a, b"]


def read_as(label: str) -> str:
    return f"The file does not say how its letters are written, so it was read as {label}: look whether they are right."


def test_text_in_another_encoding_is_read_with_a_note_to_look_at_it():
    table = read("t.csv", "prompt\nein großer Kürbis – 5 €".encode("cp1252"))
    assert prompts(table) == ["ein großer Kürbis – 5 €"]
    assert table.notes == (read_as("Western European (Windows-1252)"),)
    assert read("t.csv", "prompt\nKürbis 🎃".encode()).notes == ()


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


# Encodings


PROMPTS = {
    "gb18030": ["一只戴着红色帽子的猫坐在窗边", "夕阳下的灯塔，油画风格", "产品照片，白色背景，柔和的光线"],
    "big5hkscs": ["一隻戴著紅色帽子的貓坐在窗邊", "夕陽下的燈塔，油畫風格", "產品照片，白色背景，柔和的光線"],
    "cp932": ["窓辺に座る赤い帽子の猫", "夕暮れの灯台、油絵風", "商品写真、白い背景、柔らかい光"],
    "euc_jp": ["窓辺に座る赤い帽子の猫", "夕暮れの灯台、油絵風", "商品写真、白い背景、柔らかい光"],
    "iso2022_jp": ["窓辺に座る赤い帽子の猫", "夕暮れの灯台、油絵風"],
    "cp949": ["창가에 앉아 있는 빨간 모자를 쓴 고양이", "해질녘의 등대, 유화 스타일", "제품 사진, 흰 배경"],
    "cp1251": ["Кот в красной шляпе сидит у окна", "Маяк на закате, масляная живопись"],
    "koi8_u": ["Кот в красной шляпе сидит у окна", "Ночной город будущего, дождь"],
    "cp866": ["Кот в красной шляпе сидит у окна", "Ночной город будущего, дождь"],
    "cp1252": ["un café à Paris, l’été", "São João à noite", "El niño con sombrero rojo", "ein großer Kürbis"],
    "cp850": ["un café à Paris", "ein großer Kürbis mit Blüten"],
    "cp1250": ["Żółty kot siedzi przy oknie", "Latarnia morska o zachodzie słońca"],
    "cp1253": ["Μια γάτα με κόκκινο καπέλο", "Φάρος στο ηλιοβασίλεμα"],
    "cp1254": ["Kırmızı şapkalı bir kedi", "gün batımında deniz feneri, yağlı boya"],
    "cp1256": ["قطة ترتدي قبعة حمراء", "منارة عند الغروب"],
    "cp1257": ["raudona katė ant stogo, šviesus rytas", "dzeltens kaķis uz jumta, zāle"],
    "cp874": ["แมวสวมหมวกสีแดงนั่งริมหน้าต่าง", "ประภาคารยามพระอาทิตย์ตก"],
    "utf_16_le": ["a cat", "一只猫, 一", "Кот"],
    "utf_16_be": ["a cat", "一只猫, 一", "Кот"],
    "utf_32_le": ["a cat", "猫"],
}


@pytest.mark.parametrize("encoding", PROMPTS)
def test_a_file_comes_with_the_right_letters_and_the_guess_is_named(encoding: str):
    asked = PROMPTS[encoding]
    table = read("t.csv", csv_of("prompt,images", *(f'"{each}",2' for each in asked)).decode().encode(encoding))
    assert prompts(table) == asked
    assert table.guesses[0].encoding == encoding
    assert table.notes == (read_as(LABELS[encoding]),)


@pytest.mark.parametrize("encoding", PROMPTS)
def test_a_single_short_row_comes_right_or_is_asked_about(encoding: str):
    for asked in PROMPTS[encoding]:
        data = csv_of("prompt", asked).decode().encode(encoding)
        try:
            assert prompts(read("t.csv", data)) == [asked]
        except EncodingUnsure as error:
            assert encoding in [guess.encoding for guess in error.guesses]


@pytest.mark.parametrize(
    ("text", "encoding", "other"),
    [("一只猫", "gb18030", "utf_8"), ("고양이", "cp949", "gb18030"), ("кот", "cp1251", "cp1255")],
)
def test_two_guesses_that_are_close_are_a_question_and_no_table(text: str, encoding: str, other: str):
    data = csv_of("prompt,images", f"{text},2").decode().encode(encoding)
    with pytest.raises(EncodingUnsure) as caught:
        read("t.csv", data)
    assert f"{LABELS[encoding]}, “{text},2”" in caught.value.sentence
    assert f"{LABELS[other]}, “" in caught.value.sentence
    assert "choose how they are read." in caught.value.sentence
    assert {encoding, other} <= {guess.encoding for guess in caught.value.guesses}
    chosen = read("t.csv", data, encoding=encoding)
    assert (prompts(chosen), chosen.notes, chosen.guesses[0].encoding) == ([text], (), encoding)
    assert prompts(read("t.csv", data, encoding=other)) == [data.decode(other).splitlines()[1].removesuffix(",2")]


def test_another_encoding_can_be_chosen_and_one_that_does_not_fit_is_refused():
    data = csv_of("prompt", *PROMPTS["gb18030"]).decode().encode("gb18030")
    table = read("t.csv", data)
    others = [guess.encoding for guess in table.guesses[1:]]
    assert others and all(prompts(read("t.csv", data, encoding=each)) != prompts(table) for each in others)
    with pytest.raises(TableRefused, match="not a table"):
        read("t.csv", data, encoding="utf_16_be")


def test_unicode_that_says_so_is_no_guess():
    for encoding, text in itertools.product(
        ("utf-8-sig", "utf-16", "utf-32", "utf-8"), ("一只猫", "café", "һֻè", "½ £5")
    ):
        if (encoding, text) != ("utf-8", "һֻè"):  # which is 一只猫 in GBK
            table = read("t.csv", f"prompt\n{text}".encode(encoding))
            assert (prompts(table), table.notes, table.guesses) == ([text], (), ())
    assert read("t.xlsx", workbook(["prompt"], ["一只猫"])).guesses == ()


def test_a_damaged_letter_in_utf_8_is_a_fault_of_its_row_and_costs_no_other_its_letters():
    data = csv_of("prompt,shop", "窓辺に座る赤い帽子の猫,x", "夕暮れの灯台,é", "猫,x").replace(
        "台".encode(), "台".encode()[:2]
    )
    table = read("t.csv", data)
    assert [row.prompt for row in table.rows] == ["窓辺に座る赤い帽子の猫", "夕暮れの灯\ufffd", "猫"]
    assert [[fault.field for fault in row.faults] for row in table.rows] == [[], ["Prompt"], []]
    assert [bool(row.faults) for row in pasted("a c\ufffdt\na dog").rows] == [True, False]
    assert prompts(read("t.csv", csv_of("prompt", *["猫が好き"] * 9, "a dog").replace(b"a dog", b"a dog \xe7"))) == [
        *["猫が好き"] * 9,
        "a dog \ufffd",
    ]


def test_five_megabytes_in_another_encoding_are_judged_at_once():
    line = f"{'，'.join(PROMPTS['gb18030'])}\n".encode("gb18030")
    started = time.process_time()
    assert "goes on after 20,000 rows" in refusal("t.csv", b"prompt\n" + line * (5 * 2**20 // len(line) - 1))
    assert time.process_time() - started < 5


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
        ("t.csv", ("prompt" + ",x" * 100 + "\n1").encode(), "has 101 columns, and at most 100"),
        ("t.csv", b"prompt\n" + b"x" * (5 * 2**20), "has 5.1 MB, and 5 MB are taken"),
    ],
)
def test_what_is_no_table_is_refused_in_words(name: str, data: bytes, reason: str):
    assert reason in refusal(name, data)


def test_five_hundred_rows_are_taken_and_one_more_is_not():
    rows = [f"prompt {number},2" for number in range(501)]
    assert len(read("t.csv", csv_of("prompt,images", *rows[:500])).rows) == 500
    assert "This table has 501 rows, and at most 500 are taken" in refusal("t.csv", csv_of("prompt,images", *rows))
    assert len(pasted("\n".join(rows[:500])).rows) == 500
    with pytest.raises(TableRefused, match="has 501 rows"):
        pasted("\n".join(rows))


def test_ten_thousand_rows_are_counted_and_refused():
    assert "has 10,000 rows" in refusal("t.csv", b"prompt,images\n" + b"a cat,2\n" * 10_000)
    assert "goes on after 20,000 rows" in refusal("t.csv", b"prompt,images\n" + b"a,2\n" * 1_000_000)
    assert "goes on after 20,000 rows" in refusal("t.csv", b"prompt\na cat" + b"\n" * 1_000_000 + b"a dog")
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
    started = time.process_time()
    assert "more than 50 MB once it is unpacked" in refusal("t.xlsx", bomb)
    # A part that declares less than it has, and a packing that can't be stopped halfway.
    lying = bomb.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lying != bomb
    assert "can't be read" in refusal("t.xlsx", lying)
    assert "can't be read" in refusal("t.xlsx", repacked(workbook(["prompt"], ["a cat"]), method=zipfile.ZIP_BZIP2))
    assert time.process_time() - started < 2


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


# What is small as a file and large once it is read


CAT = (text_cell("A1", "prompt"), text_cell("A2", "a cat"))


def memory_held() -> int:
    """Return the most bytes that this process has held."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (lambda: sheet_of("<c/>" * 2_800_000), "more than 100,000 XML elements in one row"),
        (lambda: sheet_of(*["<c/>" * 50_000] * 56), "more than 200,000 cells, empty ones that have a format counted"),
        (lambda: sheet_of(*CAT, *["<x:c/>"] * 400_000), "more than 200,000 cells"),
        (lambda: sheet_of(*CAT, strings="<si><t>a</t></si>" * 1_000_000), "more than 100,000 different texts"),
        (
            lambda: sheet_of(*CAT, strings=f"<si>{'<r><t>a</t></r>' * 1_000_000}</si>"),
            "100,000 XML elements in one row",
        ),
        (lambda: sheet_of(text_cell("A1", "a" * 45_000_000)), "a text of more than 262,144 characters"),
        (lambda: sheet_of(*CAT, "<a>" * 1_000_000), "too many formats or parts besides its cells"),
        (lambda: sheet_of(*CAT, *[f'<c r="XFD{number}"/>' for number in range(3, 20_000)]), "or 500,000 in all"),
        (lambda: b"prompt\timages\na" + b"\t" * 5_000_000, "more than 16,384 cells in a row"),
        (lambda: b"prompt,images\n" + b"a,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n" * 100_000, "or 500,000 in all"),
    ],
)
def test_more_than_a_table_has_is_refused_before_it_is_held(data: Callable[[], bytes], reason: str):
    written = data()
    held = memory_held()
    assert reason in refusal("t.csv", written)
    assert memory_held() - held < 60 * 2**20


def test_parts_in_another_encoding_are_not_read_since_their_tags_would_not_be_counted():
    base = sheet_of(*CAT)
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        assert "can't be read" in refusal("t.xlsx", repacked(base, {SHEET: part(base).encode(encoding)}))


def test_formats_that_reach_the_end_of_a_sheet_are_no_rows():
    base = sheet_of(*CAT)

    def with_rows(rows: str) -> bytes:
        return repacked(base, {SHEET: part(base).replace("</sheetData>", f"{rows}</sheetData>")})

    formatted = "".join(f'<row r="{number}" s="1" ht="9"/>' for number in range(3, 1_048_577))
    for rows in (
        formatted,
        '<row r="1048576" s="1" customFormat="1"/>',
        '<row r="300000"><c r="A300000" s="1"/></row>',
    ):
        assert prompts(read("t.xlsx", with_rows(rows))) == ["a cat"]
    some = formatted[: formatted.index('<row r="899"')]
    late = with_rows(f'{some}<row r="900">{text_cell("A900", "a dog")}</row>')
    assert [(row.number, row.prompt) for row in read("t.xlsx", late).rows] == [(1, "a cat"), (899, "a dog")]


# Workbooks


def test_cells_come_out_as_a_spreadsheet_shows_them():
    cells = [
        1,
        2.5,
        0.1 + 0.2,
        True,
        datetime.time(16, 30),
        datetime.date(2026, 9, 16),
        datetime.datetime(2026, 9, 16, 8, 5),
    ]
    header = ["prompt", *(f"v{number}" for number in range(len(cells) + 2))]
    row = read("t.xlsx", workbook(header, ["p", *cells, datetime.timedelta(hours=30, minutes=5), None])).rows[0]
    shown = ["1", "2.5", "0.3", "TRUE", "16:30", "2026-09-16", "2026-09-16 08:05", "30:05", ""]
    assert list(row.values.values()) == shown


@pytest.mark.parametrize(
    ("value", "form", "ratio"),
    [
        (datetime.time(16, 9), "h:mm", "16:9"),
        (datetime.time(16, 9), "hh:mm:ss", "16:9"),
        (datetime.time(9, 16), "h:mm", "9:16"),
        (datetime.time(1, 1), "hh:mm", "1:1"),
        (datetime.timedelta(hours=21, minutes=9), "[h]:mm", "21:9"),
        (0.6729166666666667, "h:mm", "16:9"),
        (0.672916666666666, "[h]:mm:ss", "16:9"),
    ],
)
def test_a_ratio_that_a_spreadsheet_took_for_a_time_is_a_ratio_again(value: object, form: str, ratio: str):
    book = openpyxl.Workbook()
    book.active.append(["prompt", "aspect ratio"])
    book.active.append(["a cat", value])
    book.active["B2"].number_format = form
    assert read("t.xlsx", saved(book)).rows[0].aspect_ratio == ratio


def test_a_formula_gives_the_result_that_was_stored_with_it_and_is_never_worked_out():
    header = text_cell("A1", "prompt") + text_cell("B1", "images") + text_cell("C1", "note")
    table = read(
        "t.xlsx",
        sheet_of(
            header,
            text_cell("A2", "typed"),
            '<c r="A3" t="str"><f>"a "&amp;"cat"</f><v>a cat</v></c><c r="B3"><f>1+1</f><v>3</v></c>',
            '<c r="A4" t="str"><f>""</f><v></v></c><c r="B4"><v>2</v></c>',
        ),
    )
    assert [(row.prompt, row.images, row.faults) for row in table.rows] == [
        *(("typed", None, ()), ("a cat", 3, ()), (None, 2, ()))
    ]


def test_a_formula_without_a_stored_result_and_a_cell_with_an_error_are_faults_of_their_row():
    table = read(
        "t.xlsx", workbook(["prompt", "images", "note"], ["=1+1", 2, "=1"], ["a cat", "=A1", ""], ["a dog", 1, "=B2"])
    )
    sentence = "The cell's formula has no stored result: open the file in a spreadsheet program, save it, add it again."
    first, second, third = table.rows
    assert (first.prompt, first.faults) == (None, (Fault("Prompt", sentence),))
    assert (second.images, second.faults) == (None, (Fault("Images", sentence),))
    assert third.faults == ()  # nobody uses the column "note"
    broken = read("t.xlsx", sheet_of(text_cell("A1", "prompt"), '<c r="A2" t="e"><f>1/0</f><v>#DIV/0!</v></c>'))
    assert broken.rows[0].faults == (Fault("Prompt", "The cell shows the error #DIV/0!: fix its formula."),)
    plain = read("t.xlsx", workbook(["a cat"], ["=1+1"]))
    assert [bool(row.faults) for row in plain.rows] == [False, True]


def test_the_first_sheet_that_can_be_seen_is_read_and_the_others_are_named_in_a_note():
    table = read("t.xlsx", workbook(["prompt"], ["a cat"], more_sheets=["Old", "Older"], hidden=True))
    assert prompts(table) == ["a cat"]
    assert table.notes == ("Only the first of 3 sheets, “Shown”, was read.",)


def test_texts_that_cells_share_come_whole_with_their_formats_left_out():
    strings = (
        "<si><t>prompt</t></si>"
        "<si><r><t>a </t></r><r><rPr><b/></rPr><t>bold</t></r><r><t> cat</t></r></si>"
        "<si><t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh></si>"
        "<si><t>two_x000D_\nlines</t></si>"
    )
    rows = [f'<c r="A{number + 1}" t="s"><v>{number}</v></c>' for number in range(4)]
    assert prompts(read("t.xlsx", sheet_of(*rows, strings=strings))) == ["a bold cat", "東京", "two\nlines"]
    missing = '<c r="A1" t="s"><v>4</v></c>'
    assert "can't be read" in refusal("t.xlsx", sheet_of(missing, strings=strings))


# Merged and hidden cells


def merged(*ranges: str, rows: list[list[object]]) -> Table:
    book = book_of(*rows)
    for each in ranges:
        book.active.merge_cells(each)
    return read("t.xlsx", saved(book))


def test_a_merged_prompt_counts_for_each_row_that_it_covers_and_a_note_says_so():
    rows = [["Prompt", "Ratio"], ["a cat", "1:1"], *[[None, "16:9"]] * 3, ["a dog", "4:5"]]
    table = merged("A2:A5", rows=rows)
    assert prompts(table) == [*["a cat"] * 4, "a dog"]
    assert [row.aspect_ratio for row in table.rows] == ["1:1", *["16:9"] * 3, "4:5"]
    assert table.notes == ("Merged cells count for each row that they cover: “Prompt”.",)


def test_merged_settings_values_and_faults_count_for_each_row_too():
    rows = [["prompt", "resolution", "On", "images", "shop"], ["a", "4K", "no", "=1+1", 7], ["b"], ["c"], ["d", "1K"]]
    table = merged("B2:B4", "C2:C3", "D3:D4", "D2:D2", "E2:E5", rows=rows)
    assert [row.resolution for row in table.rows] == ["4K", "4K", "4K", "1K"]
    assert [row.on for row in table.rows] == [False, False, True, True]
    assert [row.values["shop"] for row in table.rows] == ["7"] * 4
    table = merged("D2:D4", rows=rows)
    assert [[fault.field for fault in row.faults] for row in table.rows] == [["Images"]] * 3 + [[]]


def test_merged_prompts_without_other_cells_make_rows_of_their_own_but_not_down_to_the_end_of_the_sheet():
    assert prompts(merged("A2:A4", rows=[["prompt"], ["a cat"]])) == ["a cat"] * 3
    assert prompts(merged("B1:B3", rows=[[None, "a cat"], [], [], [None, "a dog"]])) == ["a cat"] * 3 + ["a dog"]
    table = merged("A2:A2", rows=[["prompt", "shop"], ["a cat", "x"], ["a dog"]])
    assert table.rows[1].values == {"shop": ""}
    whole = workbook(["shop", "prompt"], ["x", "a cat"], [None, "a dog"])
    ranges = '<mergeCells><mergeCell ref="A2:A1048576"/></mergeCells>'
    whole = repacked(whole, {SHEET: part(whole).replace("</sheetData>", f"</sheetData>{ranges}")})
    assert [row.values["shop"] for row in read("t.xlsx", whole).rows] == ["x", "x"]


def test_a_text_across_several_columns_is_a_fault_of_its_row_since_it_could_mean_any_of_them():
    rows = [["Prompt", "Ratio", "Shop"], ["a cat", "1:1", "x"], ["Spring campaign"], ["a dog", "1:1", "x"]]
    table = merged("A3:C3", rows=rows)
    assert [[fault.field for fault in row.faults] for row in table.rows] == [[], ["Aspect ratio"], []]
    wide = merged("A1:C1", "A2:C2", rows=[["Prompt", None, None, "Images"], ["a cat", None, None, 2]])
    assert [(row.prompt, row.images, row.faults) for row in wide.rows] == [("a cat", 2, ())]
    assert prompts(merged("A1:C1", rows=[["a cat"], ["a dog"]])) == ["a cat", "a dog"]


@pytest.mark.parametrize(
    ("ranges", "rows"),
    [
        (["A1:A2", "B1:C1"], [["Prompt", "Settings"], [None, "Ratio", "Images"]]),
        (["A1:A2", "B1:B2", "C1:C2"], [["Prompt", "Ratio", "Images"], []]),
        (["B1:C1"], [["Prompt", "Settings"], [None, "Ratio", "Images"]]),
        (["A1:A3"], [["Prompt"], [None, "Ratio"], [None, None, "Images"]]),
    ],
)
def test_a_header_of_several_rows_is_one_header(ranges: list[str], rows: list[list[object]]):
    table = merged(*ranges, rows=[*rows, ["a cat", "16:9", 2]])
    assert table.rows == (Row(1, prompt="a cat", aspect_ratio="16:9", images=2),)


def test_thousands_of_merged_ranges_are_read_at_once():
    base = workbook(["prompt"], *[[f"a cat {number}"] for number in range(400)])
    ranges = "".join(f'<mergeCell ref="B{at % 400 + 2}:XFD1048576"/>' for at in range(90_000))
    data = repacked(base, {SHEET: part(base).replace("</sheetData>", f"</sheetData><mergeCells>{ranges}</mergeCells>")})
    started = time.process_time()
    assert len(read("t.xlsx", data).rows) == 400
    assert time.process_time() - started < 10
    for odd in ("A2:", "A:A", "cat", "A0:A9"):
        damaged = part(base).replace("</sheetData>", f'</sheetData><mergeCell ref="{odd}"/>')
        try:
            assert len(read("t.xlsx", repacked(base, {SHEET: damaged})).rows) == 400
        except TableRefused as error:
            assert "can't be read" in error.sentence


def test_rows_that_a_filter_hides_come_switched_off_and_are_counted():
    book = book_of(["prompt", "on"], *[[f"a cat {number}", "yes"] for number in range(10)])
    book.active.auto_filter.ref = "A1:B11"
    for number in range(3, 10):
        book.active.row_dimensions[number].hidden = True
    table = read("t.xlsx", saved(book))
    assert [row.on for row in table.rows] == [True, *[False] * 7, True, True]
    assert table.notes == ("7 rows are hidden in the sheet, so they are switched off here.",)
    assert [bool(line.generations) for line in requests(table.rows, Generation("p"), 1, [])].count(True) == 3


@pytest.mark.parametrize(
    "hidden", ['hidden="1"', 'hidden="true"', 'ht="0" customHeight="1"', 'outlineLevel="1" hidden="1"']
)
@pytest.mark.parametrize("number", ['r="3" ', ""])
def test_a_row_is_hidden_however_programs_write_it(hidden: str, number: str):
    for header in ("prompt", "a bird"):
        base = sheet_of(text_cell("A1", header), text_cell("A2", "a cat"), text_cell("A3", "a dog"))
        sheet = part(base).replace('<row r="3">', f"<row {number}{hidden}>")
        table = read("t.xlsx", repacked(base, {SHEET: sheet}))
        assert {row.prompt: row.on for row in table.rows[-2:]} == {"a cat": True, "a dog": False}
        assert table.notes == ("1 row is hidden in the sheet, so it is switched off here.",)


def test_blank_hidden_rows_are_not_counted_and_a_hidden_column_is_named_if_it_is_used():
    book = book_of(["prompt", "resolution", "shop"], ["a cat", "4K", "x"])
    for column in "BC":
        book.active.column_dimensions[column].hidden = True
    book.active.row_dimensions[1].hidden = book.active.row_dimensions[9].hidden = True
    table = read("t.xlsx", saved(book))
    assert [(row.on, row.resolution) for row in table.rows] == [(True, "4K")]
    assert table.notes[0] == "Hidden in the sheet and read nevertheless: “Resolution”."


# Workbooks of other kinds


def test_strict_open_xml_is_read_like_any_other_with_its_dates_merged_cells_and_hidden_rows():
    rows = [["prompt", "day"], ["a cat", datetime.date(2026, 9, 16)], [None, None], ["a dog", "=1+1"]]
    book = book_of(*rows)
    book.active.merge_cells("A2:A3")
    book.active.row_dimensions[4].hidden = True
    whole = saved(book)
    assert b"purl.oclc.org" in zipfile.ZipFile(io.BytesIO(strict(whole))).read("xl/workbook.xml")
    assert read("t.xlsx", strict(whole)) == read("t.xlsx", whole)
    iso = part(strict(whole)).replace('t="n"', 't="d"').replace("<v>46281</v>", "<v>2026-09-16T00:00:00</v>")
    assert "2026-09-16T" in iso
    assert read("t.xlsx", repacked(strict(whole), {SHEET: iso})).rows[0].values == {"day": "2026-09-16"}


def test_the_address_of_strict_open_xml_in_a_prompt_stays():
    table = read("t.xlsx", strict(workbook(["prompt"], ["a page with http://purl.oclc.org/ooxml/spreadsheetml/main"])))
    assert prompts(table) == ["a page with http://purl.oclc.org/ooxml/spreadsheetml/main"]


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        ("xl/workbook.bin", "an Excel binary workbook (.xlsb)"),
        ("META-INF/manifest.xml", "an OpenDocument file, such as .ods"),
        ("Index/Document.iwa", "a Numbers spreadsheet"),
        ("word/document.xml", "a Word document (.docx)"),
    ],
)
def test_an_archive_of_another_kind_is_refused_by_its_name(member: str, kind: str):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(member, "<x/>")
    assert f"This file is {kind}:" in refusal("t.xlsx", out.getvalue())


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
    assert table.rows == (Row(1, prompt="a cat\non a mat", aspect_ratio="16:9", images=2), Row(2, prompt="a dog"))


def test_columns_without_a_header_are_not_guessed():
    with pytest.raises(TableRefused, match="names no column that the studio knows"):
        pasted("a cat\t16:9\na dog\t1:1")
    with pytest.raises(TableRefused, match="is empty"):
        pasted(" \n\t\n")
    with pytest.raises(TableRefused, match="and 5 MB are taken"):
        pasted("x" * (5 * 2**20 + 1))


@pytest.mark.parametrize("text", ['"a\n', '"""a\n', '"\n', '""\t', '"x""\n', "\t", '"a\t""'])
def test_a_hundred_thousand_quotation_marks_are_cut_at_once(text: str):
    started = time.process_time()
    with pytest.raises(TableRefused):
        pasted(text * 100_000)
    assert time.process_time() - started < 10  # what grows with the square of the length would take minutes
