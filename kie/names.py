"""What people call themselves and their files, as it is kept and shown: one line, nothing that can lie or break a page."""

import re
import unicodedata

NOBODY = "Guest"


def person_name(text: str) -> str:
    """Return a name as it is kept: one line, without control characters, 80 characters at most; nobody is "Guest"."""
    return " ".join("".join(_printable(character) for character in text).split())[:80].strip() or NOBODY


def display_name(name: str) -> str:
    """Return a file's name as it is shown: its last part, one line, 120 characters at most. It never becomes a path."""
    last = re.split(r"[/\\]", name)[-1]
    return " ".join("".join(_printable(character) for character in last).split())[:120] or "picture"


def _printable(character: str) -> str:
    """Replace control characters and the marks that turn the reading direction, which can make a name lie."""
    return " " if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") else character
