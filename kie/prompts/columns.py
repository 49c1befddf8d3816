"""Names of the table columns that set an option, and tolerant parsing of their cells.

A cell that can't be parsed is returned as text, so that it can be shown.
"""

import re
from collections.abc import Collection, Iterable, Sequence

from kie.generation import ASPECT_RATIOS, OUTPUT_FORMATS, RESOLUTIONS
from kie.prompts.expansion import key
from kie.text import excerpt

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
# Keys are normalised column names: the role and its label first, then synonyms.
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
_SHOWN = 40
_NONE = ("none", "no", "0", "-")
# Spreadsheets convert 16:9 to a time, which adds leading zeros and seconds.
_RATIO = re.compile(r"0*(\d{1,3})\s*[:x×/]\s*0*(\d{1,3})(?::00)?", re.IGNORECASE)
_NUMBER = re.compile(r"0*(\d{1,4})(?:[.,]0+)?")
# Ids of references, as in an export of ours.
_IDS = re.compile(r"[0-9a-f]{64}(?:[\s,;]+[0-9a-f]{64})*")
_POSITIONS = re.compile(r"\d{1,3}(?:[\s,;.+&]+\d{1,3})*")


def roles(names: Sequence[str], used: Collection[str]) -> dict[int, str]:
    """Return the columns that set an option: column index to key of LABELS. Column names in `used` are skipped.

    If two columns mean the same option, the one with the option's own name or label is used.
    """
    keys = ["" if key(name) in used else key(name) for name in names]
    places = {role: keys.index(name) for name, role in reversed(ROLES.items()) if name in keys}
    return {place: role for role, place in places.items()}


def is_ids(text: str) -> bool:
    """Return whether a cell names references by their ids, as only an export of ours does."""
    return _IDS.fullmatch(text.strip()) is not None


def quoted(texts: Iterable[str]) -> str:
    """Return texts of cells as a list for a sentence."""
    return ", ".join(f"“{short(text)}”" for text in texts)


def short(text: object) -> str:
    """Return the start of a cell's text on one line, for use in a sentence."""
    return excerpt(str(text), _SHOWN)


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


def _references(text: str) -> tuple[int, ...] | tuple[str, ...] | str:
    word = text.strip().lower()
    if word in _NONE:
        return ()
    if word == ALL:
        return ALL
    if is_ids(word):
        return tuple(re.findall(r"\w+", word))
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
