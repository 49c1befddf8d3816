"""How the studio says things: amounts, times, sizes, and names from outside that Markdown must not read."""

import dataclasses
import re
import time
from datetime import UTC, datetime

import pytest

from kie.generation import Generation
from kie.jobs import Job, State, download_name
from kie.store.breaker import OpenBreaker
from kie.text import local
from kie.views import format

MINUTE, HOUR, DAY = 60, 3600, 86_400
MIB = 2**20


def job(**known: object) -> Job:
    """Return a job of which only this is known."""
    blank = dict.fromkeys(field.name for field in dataclasses.fields(Job))
    usual = {"id": "0123456789abcdef" * 2, "state": State.QUEUED, "generation": Generation("x"), "created_at": 0.0}
    return Job(**blank | usual | known)


# Names from outside


def read_code_span(markdown: str) -> str:
    """Read a code span as CommonMark does: up to the next run of as many backticks, less one space on both sides."""
    fence = re.match("`+", markdown)[0]
    end = next(run.start() for run in re.finditer("`+", markdown) if run.start() and run[0] == fence)
    assert end + len(fence) == len(markdown), "the span ends before the text does"
    content = markdown[len(fence) : end]
    return content[1:-1] if content.strip(" ") and content[0] == content[-1] == " " else content


NASTY = [
    "holiday.png",
    "`",
    "``",
    "`" * 50,
    "a`b",
    "`a`",
    "`a",
    "a`",
    "a``b`c```d",
    "`` ` ``",
    "\\`",
    "\\",
    "![x](http://evil.example/x.png)",
    "[click](javascript:alert(1))",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "**bold** _em_ ~~gone~~",
    ":red[danger] :material/check: :smile:",
    "$x^2$",
    "# title",
    "- item",
    "| a | b |",
    "&lt;&#60;",
    "---",
    "夜明け 🍌.png",
]


@pytest.mark.parametrize("name", NASTY)
def test_a_name_is_shown_letter_by_letter(name: str):
    assert read_code_span(format.literal(name)) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n\n# b", "a # b"),
        ("  a  \t b ", "a b"),
        ("`\n`", "` `"),
        ("\n```\ncode\n```\n", "``` code ```"),
        ("a\u2028b\x0bc", "a b c"),
        ("", " "),
        (" \n ", " "),
    ],
)
def test_a_name_of_several_lines_becomes_one(text: str, shown: str):
    assert read_code_span(format.literal(text)) == shown
    assert len(format.literal(text).splitlines()) == 1


def test_a_name_with_backticks_opens_no_block_of_code_at_the_start_of_a_line():
    # A line that begins with three or more opens a block, unless another backtick follows on it.
    for name in NASTY:
        line = f"{format.literal(name)} — is refused"
        opening = re.match("`{3,}", line)
        assert opening is None or "`" in line[opening.end() :]


# Money


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (60.62, "60.62"),
        (1000, "1,000"),
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (-1e-9, "0"),
        (100, "100"),
        (18.0, "18"),
        (18.5, "18.5"),
        (0.05, "0.05"),
        (0.1 + 0.2, "0.3"),
        (2_510_330, "2,510,330"),
        (1234.5, "1,234.5"),
        (-36, "-36"),
        (99.999, "100"),
    ],
)
def test_credits_keep_their_fraction_and_nothing_else(value: float, written: str):
    assert format.number(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "unknown"),
        (0, "0 credits"),
        (1, "1 credit"),
        (1.0, "1 credit"),
        (1.001, "1 credit"),
        (1.5, "1.5 credits"),
        (60.62, "60.62 credits"),
        (1000, "1,000 credits"),
    ],
)
def test_an_amount_is_said_with_its_unit_and_the_unknown_is_never_0(value: float | None, written: str):
    assert format.credits(value) == written


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"price_expected": 18.0}, "about 18 credits"),
        ({"price_expected": None}, "cost unknown"),
        ({"state": State.RUNNING, "price_expected": 18.0}, "about 18 credits"),
        ({"state": State.UNSURE, "price_expected": 18.0}, "about 18 credits"),
        ({"state": State.DONE, "price_expected": 18.0, "cost": 17.5, "ended_at": 9.0}, "17.5 credits"),
        ({"state": State.DONE, "price_expected": 18.0, "ended_at": 9.0}, "cost unknown"),
        ({"state": State.FAILED, "price_expected": 18.0, "cost": 0.0, "ended_at": 9.0}, "not charged"),
        ({"state": State.FAILED, "price_expected": 18.0, "cost": 18.0, "ended_at": 9.0}, "18 credits"),
        ({"state": State.FAILED, "price_expected": 18.0, "ended_at": 9.0}, "cost unknown"),
    ],
)
def test_a_cost_is_what_was_reported_or_said_to_be_a_guess_or_unknown(known: dict, said: str):
    assert format.cost(job(**known)) == said


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"state": State.QUEUED}, ""),
        ({"state": State.UPLOADING}, ""),
        ({"state": State.CANCELLED, "cost": 0.0}, "Not charged."),
        ({"state": State.FAILED, "cost": 17.5}, "Charged 17.5."),
        ({"state": State.FAILED}, "May have been charged."),
        ({"state": State.UNSURE, "price_expected": 18.0}, "May have been charged."),
        ({"state": State.RUNNING}, "May have been charged."),
        ({"state": State.FETCHING, "cost": 18.0}, "Charged 18."),
        ({"state": State.FETCHING}, "Charged."),
    ],
)
def test_what_a_job_did_to_the_credits_is_one_mark(known: dict, said: str):
    assert format.charged(job(**known)) == said


# Times and sizes


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (61, "1 min 1 s"),
        (599, "9 min 59 s"),
        (600, "10 min"),
        (3599, "59 min"),
        (3600, "1 h 0 min"),
        (2 * HOUR + 5 * MINUTE, "2 h 5 min"),
        (30 * HOUR, "30 h 0 min"),
    ],
)
def test_a_duration_is_written_as_a_person_says_it(seconds: float, written: str):
    assert format.duration(seconds) == written


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-20, "just now"),
        (10, "just now"),
        (55, "1 min ago"),
        (10 * MINUTE, "10 min ago"),
        (2 * HOUR, "2 h ago"),
        (DAY + HOUR, "yesterday"),
        (3 * DAY, "3 days ago"),
        (400 * DAY, "400 days ago"),
    ],
)
def test_how_long_ago_is_said_in_the_largest_unit_that_fits(seconds: float, said: str):
    assert format.ago(time.time() - seconds) == said


def test_without_a_visitor_s_time_zone_times_are_utc():
    assert format.exact(0, None) == "1970-01-01 00:00:00"
    assert local(1_790_000_000.5, None) == datetime(2026, 9, 21, 14, 13, 20, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "written"),
    [(0, "1 KB"), (69, "1 KB"), (1024, "1 KB"), (10_240, "10 KB"), (MIB, "1.0 MB"), (30 * MIB, "30.0 MB")],
)
def test_a_size_is_written_in_kb_or_mb(count: int, written: str):
    assert format.size(count) == written


# Jobs


def test_every_state_has_an_icon_and_a_name_of_its_own():
    icons, names = map(set, zip(*format.LOOKS.values(), strict=True))
    assert set(format.LOOKS) == set(State)
    assert len(icons) == len(names) == len(State)


def test_a_job_that_has_nothing_to_upload_is_not_said_to_upload():
    assert format.state(job(state=State.UPLOADING)) == "Preparing"
    assert format.state(job(state=State.UPLOADING, generation=Generation("x", ("a",)))) == "Uploading references"
    assert format.state(job(state=State.RUNNING)) == "Generating"


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("CreditsShort", "Paused: not enough credits"),
        ("KeyRefused", "Paused: the service refuses the key"),
        ("Unsure", "Paused: the service failed several times in a row"),
    ],
)
def test_a_job_that_is_held_back_is_paused_and_says_why(problem: str, said: str):
    brake = OpenBreaker(problem, "", 0.0, 9.0)
    assert format.state(job(), brake) == said
    assert format.state(job(paused_at=5.0), brake) == format.state(job(paused_at=5.0)) == "Paused"
    assert format.state(job(state=State.RUNNING), brake) == "Generating"


@pytest.mark.parametrize(("ratio", "said"), [("16:9", "16:9 · 4K · JPG"), ("auto", "Auto · 4K · JPG")])
def test_settings_are_one_line(ratio: str, said: str):
    assert format.settings(Generation("x", (), ratio, "4K", "jpg")) == said


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A lighthouse at dawn!", "19700101-0000-a-lighthouse-at-dawn-012345.png"),
        ("../../etc/passwd", "19700101-0000-etc-passwd-012345.png"),
        ("夜明けの灯台", "19700101-0000-夜明けの灯台-012345.png"),
        ("CON: a\nb\0c", "19700101-0000-con-a-b-c-012345.png"),
        ("x" * 10_000, f"19700101-0000-{'x' * 40}-012345.png"),
        ("a" * 39 + " b", f"19700101-0000-{'a' * 39}-012345.png"),
    ],
)
def test_a_picture_s_file_is_named_for_any_disk(prompt: str, name: str):
    assert download_name(job(generation=Generation(prompt), file="results/01/a.png")) == name


def test_two_pictures_of_one_press_have_different_names():
    one, other = (job(id=letter * 32, file="results/01/a.png") for letter in "ab")
    assert download_name(one) != download_name(other)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("Row 3: at 12:30", "Row 3: at 12:30"),
        ("**b** [x](y)", r"\*\*b\*\* \[x\]\(y\)"),
        (":material/check:", ":\u2060material/check:"),
        (":red[hot]", ":\u2060red\\[hot\\]"),
        ("http://a.b www.c.d e@f.g", "http:\u2060//a\\.b www\u2060\\.c\\.d e@\u2060f\\.g"),
        ("$a$ <b> &amp;", r"\$a\$ \<b\> \&amp;"),
    ],
)
def test_a_sentence_is_escaped_for_markdown(text: str, escaped: str):
    assert format.escape(text) == escaped
