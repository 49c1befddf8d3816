"""Cleaning of names of people, projects, tags and files: one line, composed (NFC), no control or direction characters.

Also texts without invisible characters, local times, and excerpts, counts and sizes in words.
"""

import re
import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NOBODY = "Guest"
NAME_LIMIT, FILE_NAME_LIMIT = 80, 120

# Zero-width non-joiner and joiner, and the vowel separator of Mongolian.
_JOINERS = "\u200c\u200d\u180e"
# Where they change what is seen: Arabic to N'Ko, the scripts of India, Burmese, Khmer, Mongolian, and emoji.
_JOINED = (
    r"\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\u1800-\u18af\ua840-\ua8ff\ufb50-\ufdff\ufe70-\ufefc"
    r"\U00011000-\U00011fff\U0001e900-\U0001e95f\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"
)
# Signs before a number and the like, which Unicode counts among the format characters but which are seen.
_SEEN = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001343f]")
# A flag such as that of Scotland: a black flag, then letters that are not seen.
_FLAG_OR_TAG = re.compile("(\U0001f3f4[\U000e0030-\U000e007a]+\U000e007f)|[\U000e0000-\U000e007f]")
# A joiner after another, at an end of a word, or between two letters that it does not change: names could differ by it
# and look the same. At the end of a word it changes an Arabic heh and, in Malayalam, the last consonant.
_IDLE_JOINER = re.compile(
    rf"(?<=[{_JOINERS}])[{_JOINERS}]|(?<!\S)[{_JOINERS}]+|(?<![\u0647\u0d4d])[{_JOINERS}]+(?!\S)"
    rf"|(?<![{_JOINED}])[{_JOINERS}]+(?![{_JOINED}{_JOINERS}])"
)
_SKIN_TONES = "\U0001f3fb-\U0001f3ff"
_CONTINUES = re.compile(f"[{_JOINERS}{_SKIN_TONES}\U000e0020-\U000e007f]")

# Vertical tab (slides), form feed, next line, line and paragraph separator.
_BREAKS = "\x0b\x0c\x85\u2028\u2029"
_BREAK = re.compile(f"[{_BREAKS}]")
# Soft hyphen, also as Word copies it; zero width space, word joiner, byte order mark. Word copies a hyphen that does not break as \x1e.
_NOTHING = re.compile("[\xad\x1f\u200b\u2060\ufeff]")


def person_name(text: str) -> str:
    """Return a person's name: one line, at most 80 characters, "Guest" if empty."""
    return shortened(text, NAME_LIMIT) or NOBODY


def project_name(text: str | None) -> str | None:
    """Return a project's name, cleaned like a person's name, or None if empty."""
    return shortened(text or "", NAME_LIMIT) or None


def display_name(name: str) -> str:
    """Return a file's name for display: its last path component, one line, at most 120 characters. Not for use as a path."""
    last = re.split(r"[/\\]", name)[-1]
    return shortened(last, FILE_NAME_LIMIT) or "picture"


def tag_name(text: str) -> str:
    """Return a tag: one line, lower case, without leading "#". May be empty."""
    return one_line(text.lower()).lstrip("# ")


def one_line(text: str) -> str:
    """Return a text on one line, composed (NFC), with single spaces, without control and direction characters.

    Joiners stay where they change what is seen, as in Persian words and in emoji of several persons.
    """
    flat = "".join(_printable(character) for character in text)
    tidy = _IDLE_JOINER.sub("", _FLAG_OR_TAG.sub(r"\1", flat))
    return unicodedata.normalize("NFC", " ".join(tidy.split()))


def tidied(text: str) -> str:
    """Return a text as it looks: a line break for each break of slides, pages and web pages, and no invisible hyphens and spaces."""
    return _BREAK.sub("\n", _NOTHING.sub("", text.replace("\x1e", "-")).strip(_BREAKS))


def shortened(text: str, limit: int) -> str:
    """Return a text on one line with at most `limit` characters, not cut within a letter with its accents or an emoji."""
    line = one_line(text)
    whole = (end for end in range(limit, 0, -1) if not _is_within(line, end))
    return one_line(line[: next(whole, limit)]) if len(line) > limit else line


def _printable(character: str) -> str:
    """Replace controls and line ends by spaces; drop what is not seen or changes the reading direction, which could deceive."""
    kind = unicodedata.category(character)
    if kind in ("Cc", "Cs", "Co", "Zl", "Zp"):
        return " "
    is_kept = kind != "Cf" or character in _JOINERS or "\U000e0000" <= character <= "\U000e007f"
    return character if is_kept or _SEEN.match(character) else ""


def _is_within(line: str, place: int) -> bool:
    after = line[place]
    return line[place - 1] in _JOINERS or unicodedata.category(after)[0] == "M" or bool(_CONTINUES.match(after))


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, such as "1 file" or "2,000 files"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def excerpt(text: str, limit: int) -> str:
    """Return the start of a text on one line with at most `limit` characters, with "…" if there is more."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def megabytes(size: int) -> str:
    """Format a number of bytes as MB, rounded up, so that one byte above a limit of 30 MB is not shown as 30.0 MB."""
    return f"{-(-size * 10 // 2**20) / 10} MB"


def local(moment: float, zone: str | None) -> datetime:
    """Return a Unix time in the time zone of this IANA name, or in UTC without one or for an unknown name."""
    try:
        there = ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        there = ZoneInfo("UTC")
    return datetime.fromtimestamp(moment, there)


def stamp(moment: float, zone: str | None) -> str:
    """Return a Unix time for a file name, in a time zone."""
    return local(moment, zone).strftime("%Y%m%d-%H%M")
