"""The columns of a table that set something: what they are called, and how kindly their cells are read.

What can't be read stays the text that it is, so that a person can be shown it.
"""

import re
from collections.abc import Collection, Sequence

from kie.expansion import key
from kie.generation import ASPECT_RATIOS, OUTPUT_FORMATS, RESOLUTIONS

ALL = "all"
LABELS = {
    "prompt": "Prompt",
    "aspect_ratio": "Aspect ratio",
    "resolution": "Resolution",
    "output_format": "Output format",
    "images": "Images",
    "references": "Reference images",
    "project": "Project",
    "on": "On",
}
# By the key of what people call a column: its own name and its label first, then other words.
ROLES = {key(name): role for role, label in LABELS.items() for name in (role, label)} | {
    "prompts": "prompt",
    "ratio": "aspect_ratio",
    "aspect": "aspect_ratio",
    "format": "output_format",
    "file format": "output_format",
    "number of images": "images",
    "reference": "references",
    "refs": "references",
    "enabled": "on",
    "active": "on",
    "send": "on",
}
OPTIONS = {"aspect_ratio": ASPECT_RATIOS, "resolution": RESOLUTIONS, "output_format": OUTPUT_FORMATS}
SWITCH = dict.fromkeys(("yes", "y", "true", "x", "1", "on", "✓", "✔"), True)
SWITCH |= dict.fromkeys(("no", "n", "false", "0", "off", "-"), False)
_NONE = ("none", "no", "0", "-")
# With the zeros and seconds of a time: that is what spreadsheets take 16:9 for.
_RATIO = re.compile(r"0*(\d{1,3})\s*[:x×/]\s*0*(\d{1,3})(?::00)?", re.IGNORECASE)
_NUMBER = re.compile(r"0*(\d{1,4})(?:[.,]0+)?")
_POSITIONS = re.compile(r"\d{1,3}(?:[\s,;.+&]+\d{1,3})*")


def roles(names: Sequence[str], used: Collection[str]) -> dict[int, str]:
    """Return which of these columns set something: the key of LABELS by the column's place. The `used` keys are taken.

    Of two names for the same, the one on the page counts.
    """
    keys = ["" if key(name) in used else key(name) for name in names]
    places = {role: keys.index(name) for name, role in reversed(ROLES.items()) if name in keys}
    return {place: role for role, place in places.items()}


def _ratio(text: str) -> str:
    found = _RATIO.fullmatch(text.strip())
    return f"{found[1]}:{found[2]}" if found else _option(text.strip().lower(), text, ASPECT_RATIOS)


def _resolution(text: str) -> str:
    return _option("".join(text.split()).upper(), text, RESOLUTIONS)


def _output_format(text: str) -> str:
    plain = text.strip().lower().removeprefix(".")
    return _option("jpg" if plain == "jpeg" else plain, text, OUTPUT_FORMATS)


def _option(likely: str, text: str, allowed: Sequence[str]) -> str:
    return likely if likely in allowed else text.strip()


def _images(text: str) -> int | str:
    found = _NUMBER.fullmatch(text.strip())
    return int(found[1]) if found else text.strip()


def _references(text: str) -> tuple[int, ...] | str:
    word = text.strip().lower()
    if word in _NONE:
        return ()
    if word == ALL:
        return ALL
    return tuple(dict.fromkeys(map(int, re.findall(r"\d+", word)))) if _POSITIONS.fullmatch(word) else text.strip()


READERS = {
    "prompt": str,
    "aspect_ratio": _ratio,
    "resolution": _resolution,
    "output_format": _output_format,
    "images": _images,
    "references": _references,
    "project": str.strip,
}
