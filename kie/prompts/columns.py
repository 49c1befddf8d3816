"""Names of the table columns that set an option, and tolerant parsing of their cells.

A cell that can't be parsed is returned as text, so that it can be shown.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from kie.generation import OPTIONS, Option
from kie.prompts.expansion import key
from kie.text import excerpt

ALL = "all"
LABELS = {
    "prompt": "Prompt",
    **{option.name: option.label for option in OPTIONS},
    "images": "Images",
    "references": "Reference images",
    "project": "Project",
    "on": "On",
}
# Keys are normalised column names: the role and its label first, then synonyms.
ROLES = {key(name): role for role, label in LABELS.items() for name in (role, label)} | {
    "prompts": "prompt",
    **{name: option.name for option in OPTIONS for name in option.columns},
    "number of images": "images",
    "reference": "references",
    "refs": "references",
    "enabled": "on",
    "active": "on",
    "send": "on",
}
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


def read(given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the cells of a row say, by the field of a row; `given` are the cells by the key of LABELS."""
    options = {option.name: _option(option, given[option.name]) for option in OPTIONS if option.name in given}
    return {"options": options} | {role: reader(given[role]) for role, reader in _READERS.items() if role in given}


def is_ids(text: str) -> bool:
    """Return whether a cell names references by their ids, as only an export of ours does."""
    return _IDS.fullmatch(text.strip()) is not None


def quoted(texts: Iterable[str]) -> str:
    """Return texts of cells as a list for a sentence."""
    return ", ".join(f"“{short(text)}”" for text in texts)


def short(text: object) -> str:
    """Return the start of a cell's text on one line, for use in a sentence."""
    return excerpt(str(text), _SHOWN)


def _option(option: Option, text: str) -> str:
    ratio = _RATIO.fullmatch(text.strip())
    if ratio:
        return f"{ratio[1]}:{ratio[2]}"
    plain = "".join(text.split()).lower().removeprefix(".")
    plain = "jpg" if plain == "jpeg" else plain
    return next((value for value in option.values if value.lower() == plain), text.strip())


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


_READERS = {"prompt": str, "images": _images, "references": _references, "project": str.strip}
