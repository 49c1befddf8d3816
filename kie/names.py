"""What people call themselves, their projects and their files, as it is kept and shown: one line, nothing that can lie or break a page."""

import re
import unicodedata

NOBODY = "Guest"


def person_name(text: str) -> str:
    """Return a name as it is kept: one line, without control characters, 80 characters at most; nobody is "Guest"."""
    return one_line(text)[:80].strip() or NOBODY


def project_name(text: str | None) -> str | None:
    """Return a project's name as it is kept, as a person's name is; no project is None."""
    return one_line(text or "")[:80].strip() or None


def display_name(name: str) -> str:
    """Return a file's name as it is shown: its last part, one line, 120 characters at most. It never becomes a path."""
    last = re.split(r"[/\\]", name)[-1]
    return one_line(last)[:120] or "picture"


def tag_name(text: str) -> str:
    """Return a tag as it is kept: one line in small letters, without a leading "#"; empty when nothing is left of it."""
    return one_line(unicodedata.normalize("NFC", text).lower()).lstrip("# ")


def one_line(text: str) -> str:
    """Return a text on one line, with single spaces and without control characters."""
    return " ".join("".join(_printable(character) for character in text).split())


def _printable(character: str) -> str:
    """Replace control characters and the marks that turn the reading direction, which can make a name lie."""
    return " " if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") else character
