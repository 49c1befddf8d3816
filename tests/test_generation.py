"""What can be asked for: every option and limit of the service's text, and what a person reads beyond them."""

import pytest

from kie.errors import RequestInvalid
from kie.generation import OPTIONS, Generation, Submission, SubmissionItem

# As the service's text lists them.
OFFICIAL_RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9", "auto"]
OFFICIAL_RESOLUTIONS = ["1K", "2K", "4K"]
OFFICIAL_FORMATS = ["png", "jpg"]

ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
HANGUL_FILLERS = "\u115f\u1160\u3164\uffa0"
BRAILLE_BLANK = "\u2800"


def faults(prompt: str = "a lighthouse", **options: object) -> dict[str, str]:
    """Return what is wrong with a request: the sentence by the field's label."""
    return {fault.field: fault.sentence for fault in Generation(prompt, **options).faults()}


def test_all_official_options_are_offered_and_no_others():
    assert {option.name: list(option.values) for option in OPTIONS} == {
        "aspect_ratio": OFFICIAL_RATIOS,
        "resolution": OFFICIAL_RESOLUTIONS,
        "output_format": OFFICIAL_FORMATS,
    }
    assert {option.name: option.default for option in OPTIONS} == Generation("a lighthouse").options


@pytest.mark.parametrize("aspect_ratio", OFFICIAL_RATIOS)
@pytest.mark.parametrize("resolution", OFFICIAL_RESOLUTIONS)
@pytest.mark.parametrize("output_format", OFFICIAL_FORMATS)
def test_every_official_combination_can_be_asked_for(aspect_ratio: str, resolution: str, output_format: str):
    assert Generation("a lighthouse", (), aspect_ratio, resolution, output_format).faults() == []


def test_the_fingerprint_of_a_request_is_that_of_the_jobs_that_are_kept():
    plain, whole = Generation("a lighthouse"), Generation("a lighthouse", ("ab" * 32,), "16:9", "4K", "jpg")
    assert plain.fingerprint == "212f9de358c7431b5ea2014a3b72b7175ef735b72a8130dd241a07f938683a67"
    assert whole.fingerprint == "12901fa82aa0b0176138090a076386eca53dec14b1ab6fc8a4e4d7061167708b"


def test_a_prompt_alone_is_a_whole_request():
    request = Generation("a lighthouse")
    assert request.faults() == []
    assert (request.aspect_ratio, request.resolution, request.output_format) == ("1:1", "1K", "png")


@pytest.mark.parametrize(
    ("field", "label", "value", "allowed"),
    [
        *(("aspect_ratio", "Aspect ratio", value, OFFICIAL_RATIOS) for value in ("7:3", "Auto", "1:1 ", "", None)),
        *(("resolution", "Resolution", value, OFFICIAL_RESOLUTIONS) for value in ("8K", "1k", "", None)),
        *(("output_format", "Output format", value, OFFICIAL_FORMATS) for value in ("webp", "jpeg", "PNG", "", None)),
    ],
)
def test_what_the_service_does_not_offer_is_refused_with_what_it_does(
    field: str, label: str, value: str, allowed: list[str]
):
    assert faults(**{field: value}) == {label: f"Choose one of {', '.join(allowed)}."}


def test_eight_references_are_taken_and_a_ninth_is_not():
    assert faults(references=("a",) * 8) == {}
    assert faults(references=("a",) * 9) == {"Reference images": "Take 1 out: at most 8 are allowed."}
    assert faults(references=("a",) * 11) == {"Reference images": "Take 3 out: at most 8 are allowed."}


def test_all_faults_are_told_at_once():
    request = Generation(" ", ("a",) * 9, "7:3", "8K", "gif")
    labels = ["Prompt", "Reference images", "Aspect ratio", "Resolution", "Output format"]
    assert [fault.field for fault in request.faults()] == labels
    refusal = RequestInvalid(request.faults())
    assert all(label in refusal.detail for label in labels)
    assert "nothing was sent" in refusal.sentence


def test_a_fault_is_a_sentence_that_says_what_to_do():
    everything = Generation("", ("a",) * 9, "", "", "").faults() + Generation("x" * 10_001).faults()
    for fault in [*everything, *Generation("a\x00").faults()]:
        assert fault.sentence.split()[0] in ("Write", "Shorten", "Remove", "Take", "Choose")
        assert fault.sentence.endswith(".")


# The prompt


@pytest.mark.parametrize(
    "blank",
    [
        "",
        " ",
        "\n",
        "\r\n\r\n\t ",
        "\u00a0\u2003\u3000",
        "\u2028\u2029",
        ZERO_WIDTH,
        HANGUL_FILLERS,
        BRAILLE_BLANK,
        "\u200e\u200f\u202e",  # marks of direction
        "\ufe0f\u034f\U000e0100",  # marks that change a character before them, and there is none
        "\U000e0041",  # a tag character
        "\x00\x07",
        " \u200b\n\u3164 ",
    ],
)
def test_a_prompt_of_which_nothing_can_be_seen_is_blank(blank: str):
    assert faults(blank) == {"Prompt": "Write what the picture should show: a blank prompt can't be sent."}


@pytest.mark.parametrize(
    "prompt",
    [
        "a",
        "?",
        "7",
        "🍌",
        "👩\u200d🚀 with a ❤\ufe0f",
        "\U0001fae8",  # an emoji that is younger than some Pythons
        "منارة عند الفجر",
        "מגדלור\u200f!",
        "夜明けの灯台",
        "ไฟ",
        "e\u0301te\u0301",
        "first line\r\n\tsecond line\n",
        f"{ZERO_WIDTH}x",
        "a\u202ereversed\u202c",
        "\U0001d400",
    ],
)
def test_text_in_any_language_and_emoji_are_a_prompt(prompt: str):
    assert faults(prompt) == {}


@pytest.mark.parametrize("character", ["x", "\n", "é", "字", "🍌", "\u05d0"])
def test_ten_thousand_characters_are_taken_and_one_more_is_not(character: str):
    assert faults("x" + character * 9_999) == {}
    sentence = "Shorten the prompt by 1 character: at most 10,000 are allowed."
    assert faults("x" + character * 10_000) == {"Prompt": sentence}


def test_a_prompt_that_is_far_too_long_says_by_how_much():
    assert "by 1,240,000 characters" in faults("x" * 1_250_000)["Prompt"]


CONTROLS = [*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0)]


@pytest.mark.parametrize("code", CONTROLS, ids=hex)
def test_a_control_character_is_refused_with_a_sentence(code: int):
    assert faults(f"a light{chr(code)}house") == {
        "Prompt": "Remove the invisible control characters from the prompt: only text can be sent."
    }


@pytest.mark.parametrize("surrogate", ["\ud800", "\udbff", "\udc00", "\udfff", "\ude00\ud83d"])
def test_half_a_character_is_refused_since_it_cannot_be_sent(surrogate: str):
    with pytest.raises(UnicodeEncodeError):
        surrogate.encode()
    assert list(faults(f"a {surrogate}")) == ["Prompt"]
    assert list(faults(surrogate)) == ["Prompt"]


@pytest.mark.parametrize(
    ("free", "images"), [(None, 4), (72.0, 4), (71.9, 3), (18.0, 1), (17.0, 0), (0.0, 0), (-5.0, 0)]
)
def test_a_single_request_shrinks_to_what_the_credits_suffice_for(free: float | None, images: int):
    asked = Submission("Ann", "press", (SubmissionItem(Generation("a kite"), 4, price=18.0),))
    assert asked.within(free).images == images


def test_of_several_requests_all_are_made_or_none_and_an_unknown_price_holds_nothing_back():
    prices = (18.0, 18.0, None)
    asked = [Submission("Ann", "press", (SubmissionItem(Generation("a kite"), price=price),) * 2) for price in prices]
    assert [asked[0].within(36.0).images, asked[1].within(35.0).images, asked[2].within(0.0).images] == [2, 0, 2]
    assert [each.is_priced for each in asked] == [True, True, False]
