"""What a spreadsheet would run comes as text, wherever it cuts a file, and comes back as it was."""

import csv
import io
import random
from dataclasses import fields

import pytest

from kie.exports import lists
from kie.exports.lists import COLUMNS, Entry
from kie.generation import Generation
from kie.jobs import Job, State
from kie.prompts.batch import requests
from kie.prompts.table import read
from kie.spreadsheets.formulas import OURS, guarded, unguarded
from tests.support.rows import NOW

SIGNS = "=+-@＝＋－＠"
# Sequences in which signs, quotation marks and separators meet, and words between them.
PARTS = (*SIGNS, *"=-+@;|\t\n,\"' ", "; ", "\n\n", ';"', "'=", "a cat", "1")


def prompts(count: int, seed: int) -> list[str]:
    made = random.Random(seed)
    return ["".join(made.choices(PARTS, k=made.randrange(1, 12))) for _ in range(count)]


def rows_of(prompts: list[str], references: tuple[str, ...] = ()) -> bytes:
    """Return our list of jobs with these prompts, as it is downloaded."""
    nothing = dict.fromkeys((field.name for field in fields(Job)), None)
    known = {"id": "ab" * 16, "person": "-Ben", "state": State.DONE, "created_at": NOW}
    jobs = [Job(**nothing | known | {"generation": Generation(prompt, references)}) for prompt in prompts]
    entries = [Entry(job, ("hero", "@home"), 1) for job in jobs]
    return b"".join(lists.to_csv([[lists.row(entry) for entry in entries]]))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        *(("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("＝1", "'＝1")),
        *((' "=1', " \"'=1"), ("\t=1", "\t'=1"), ("\n\r=1", "\n\r'=1"), ("'=1", "''=1")),
        *(("a;=cmd|' /C calc'!A0", "a;'=cmd|' /C calc'!A0"), ('a; "=1', "a; \"'=1"), ("a|+1\t-1", "a|'+1\t'-1")),
        *(("a, -5 degrees", "a, -5 degrees"), ("a=1, b = 2", "a=1, b = 2"), ("ann@home; a-b", "ann@home; a-b")),
        *(("a:\n- one", "a:\n'- one"), ("", "")),
    ],
)
def test_a_sign_that_could_begin_a_formula_gets_an_apostrophe_and_no_other_does(text: str, written: str):
    assert guarded(text) == written
    assert unguarded(written) == text


def test_whatever_is_guarded_comes_back():
    for text in prompts(20_000, seed=1):
        assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_NONE])
def test_no_cell_of_our_list_is_a_formula_wherever_a_spreadsheet_cuts_it(separator: str, quoting: int):
    asked = [*prompts(500, seed=2), "a;=cmd|' /C calc'!A0"]
    if separator == "," and quoting == csv.QUOTE_NONE:
        return  # no program reads commas without their quotation marks
    for cells in csv.reader(
        io.StringIO(rows_of(asked).decode("utf-8-sig"), newline=""), delimiter=separator, quoting=quoting
    ):
        assert [cell for cell in cells if cell.strip().strip('"').strip().startswith(tuple(SIGNS))] == []


def test_our_list_read_as_a_table_gives_the_prompts_that_were_asked_for():
    asked = [text for text in prompts(450, seed=3) if text.strip()]
    assert [row.prompt for row in read("requests.csv", rows_of(asked)).rows] == asked


@pytest.mark.parametrize(
    "kept",
    [
        ("prompt", "task_id", "asked_at"),
        ("images", "duration_s", "prompt", "credits_expected"),
        ("prompt", "references"),
    ],
)
def test_our_list_is_known_by_the_columns_that_are_left_of_it(kept: tuple[str, ...]):
    rows = csv.DictReader(
        io.StringIO(rows_of(["-50% sale", "'=1", "a {red|blue} {{id}} \\{cat\\}"], ("ef" * 32,)).decode("utf-8-sig"))
    )
    out = io.StringIO()
    writer = csv.DictWriter(out, kept, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    lines = requests(read("t.csv", out.getvalue().encode()).rows, Generation("", ("ab" * 32,)), 4, ["ab" * 32])
    assert [(line.images, line.faults) for line in lines] == [(1, ())] * 3
    asked = [generation.prompt for line in lines for generation in line.generations]
    assert asked == ["-50% sale", "'=1", "a {red|blue} {{id}} \\{cat\\}"]
    went_in = {generation.references for line in lines for generation in line.generations}
    assert went_in == ({("ef" * 32,)} if "references" in kept else {()})


def test_another_table_keeps_its_apostrophes():
    for columns in ("prompt,images", "prompt,references", "prompt,sent_at"):
        table = read("t.csv", f"{columns}\n'=1+1,2\n'@home' in neon,1".encode())
        assert [row.prompt for row in table.rows] == ["'=1+1", "'@home' in neon"]
    assert set(COLUMNS) >= OURS
