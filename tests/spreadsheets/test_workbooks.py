"""What is read out of workbooks: cells, sheets, merged and hidden ones, and what is too large."""

import datetime
import io
import resource
import zipfile
from collections.abc import Callable

import openpyxl
import pytest

from kie.errors import TableRefused
from kie.generation import Fault, Generation
from kie.prompts.batch import requests
from kie.prompts.table import Row, Table, read
from tests.support.spreadsheets import (
    SHEET,
    book_of,
    part,
    prompts,
    refusal,
    repacked,
    saved,
    sheet_of,
    strict,
    text_cell,
    workbook,
)

# What is small as a file and large once it is read


CAT = (text_cell("A1", "prompt"), text_cell("A2", "a cat"))
ATTRIBUTES = " ".join(f'a{number}=""' for number in range(2_500))
LONG_TEXT, LONG_TEXTS = f"<si><t>{'x' * 20_000}_x000D_</t></si>", '<c t="s"><v>0</v></c>' * 90


def behind_spaces(workbook: bytes) -> bytes:
    """Return a workbook whose sheet begins with white space, which XML allows."""
    return repacked(workbook, {SHEET: " " * 70_000 + part(workbook)})


def with_hidden_columns(first: int) -> bytes:
    base = sheet_of(*CAT)
    columns = f'<cols><col min="{first}" max="16384" hidden="1"/></cols><sheetData>'
    return repacked(base, {SHEET: part(base).replace("<sheetData>", columns)})


def with_hidden_rows(count: int) -> bytes:
    base = sheet_of(*CAT)
    return repacked(base, {SHEET: part(base).replace("</sheetData>", '<row hidden="1"/>' * count + "</sheetData>")})


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
        (lambda: behind_spaces(sheet_of("<c/>" * 2_800_000)), "more than 100,000 XML elements in one row"),
        (lambda: sheet_of(f"<c {ATTRIBUTES}/>" * 1_300), "more than 100,000 XML elements in one row"),
        (lambda: with_hidden_columns(-3_000_000), "can't be read"),
        (lambda: with_hidden_rows(2_900_000), "more than 1,048,576 rows"),
        (lambda: sheet_of(*CAT, *[LONG_TEXTS] * 100, strings=LONG_TEXT), "and the limit is 5 MB"),
        (
            lambda: sheet_of(*CAT, *[f'<c r="XFD{number}"><v>1</v></c>' for number in range(3, 20_000)]),
            "or 500,000 in all",
        ),
        (lambda: b"prompt\timages\na" + b"\t" * 5_000_000, "more than 16,384 cells in a row"),
        (lambda: b"prompt,images\n" + b"a,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n" * 100_000, "or 500,000 in all"),
    ],
)
def test_more_than_a_table_has_is_refused_before_it_is_held(data: Callable[[], bytes], reason: str):
    written = data()
    held = memory_held()
    assert reason in refusal("t.csv", written)
    assert memory_held() - held < 60 * 2**20


def test_parts_in_utf_16_are_counted_and_read_like_others():
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        base, bomb = sheet_of(*CAT), sheet_of("<c/>" * 200_000)
        assert prompts(read("t.xlsx", repacked(base, {SHEET: part(base).encode(encoding)}))) == ["a cat"]
        assert "XML elements in one row" in refusal("t.xlsx", repacked(bomb, {SHEET: part(bomb).encode(encoding)}))


def test_formats_that_reach_the_end_of_a_sheet_are_no_rows():
    base = sheet_of(*CAT)

    def with_rows(rows: str) -> bytes:
        return repacked(base, {SHEET: part(base).replace("</sheetData>", f"{rows}</sheetData>")})

    formatted = "".join(f'<row r="{number}" s="1" ht="9"/>' for number in range(3, 1_048_577))
    for rows in (
        formatted,
        '<row r="1048576" s="1" customFormat="1"/>',
        '<row r="300000"><c r="A300000" s="1"/></row>',
        "".join(f'<row r="{number}"><c r="XFD{number}" s="1"/></row>' for number in range(3, 20_000)),
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
    assert read("t.xlsx", saved(book)).rows[0].options["aspect_ratio"] == ratio


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
    base = sheet_of(text_cell("A1", "prompt"), text_cell("A2", "a cat"), '<c r="A3" s="1"/>')
    rule = "</sheetData><extLst><x14:cfRule xmlns:x14='x' xmlns:xm='y'><xm:f>B2>1</xm:f></x14:cfRule></extLst>"
    ruled = repacked(base, {SHEET: part(base).replace("</sheetData>", rule)})
    assert [(row.prompt, row.faults) for row in read("t.xlsx", ruled).rows] == [("a cat", ())]


def test_the_first_sheet_that_can_be_seen_is_read_and_the_others_are_named_in_a_note():
    table = read("t.xlsx", workbook(["prompt"], ["a cat"], more_sheets=["Old", "Older"], hidden=True))
    assert prompts(table) == ["a cat"]
    assert table.notes == ("Only the first of 3 sheets, “Shown”, was read.",)


def test_half_a_letter_is_a_fault_of_its_row_and_two_halves_are_a_letter():
    table = read(
        "t.xlsx", sheet_of(text_cell("A1", "prompt"), text_cell("A2", "_xD83D__xDE00_"), text_cell("A3", "_xD83D_"))
    )
    assert [row.prompt for row in table.rows] == ["😀", "\ufffd"]
    assert [[fault.field for fault in row.faults] for row in table.rows] == [[], ["Prompt"]]


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
    assert [row.options["aspect_ratio"] for row in table.rows] == ["1:1", *["16:9"] * 3, "4:5"]
    assert table.notes == ("Merged cells count for each row that they cover: “Prompt”.",)


def test_merged_settings_values_and_faults_count_for_each_row_too():
    rows = [["prompt", "resolution", "On", "images", "shop"], ["a", "4K", "no", "=1+1", 7], ["b"], ["c"], ["d", "1K"]]
    table = merged("B2:B4", "C2:C3", "D3:D4", "D2:D2", "E2:E5", rows=rows)
    assert [row.options["resolution"] for row in table.rows] == ["4K", "4K", "4K", "1K"]
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
    assert table.rows == (Row(1, prompt="a cat", options={"aspect_ratio": "16:9"}, images=2),)


def test_thousands_of_merged_ranges_are_read_at_once():
    base = workbook(["prompt"], *[[f"a cat {number}"] for number in range(400)])
    ranges = "".join(f'<mergeCell ref="B{at % 400 + 2}:XFD1048576"/>' for at in range(90_000))
    data = repacked(base, {SHEET: part(base).replace("</sheetData>", f"</sheetData><mergeCells>{ranges}</mergeCells>")})
    assert len(read("t.xlsx", data).rows) == 400
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
    assert [(row.on, row.options["resolution"]) for row in table.rows] == [(True, "4K")]
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
