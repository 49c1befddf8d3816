"""Protection against formula injection in CSV files, and its removal when such a file is read again.

    a list;=1+1      a list;'=1+1       an apostrophe before each character that could start a formula

Spreadsheet programs run a cell that starts with "=", "+", "-" or "@". With a locale that separates by semicolons, tabs
or bars they also split our cells there, regardless of quotation marks. Cells with commas are quoted, which is enough.
"""

import re
from collections.abc import Collection

# Columns of which two identify a table as an export of ours: people delete those that they do not need.
OURS = frozenset(("task_id", "asked_at", "sent_at", "accepted_at", "ended_at", "duration_s", "credits_expected"))
# Cell separators; what may precede a text; what starts a formula, including full-width characters.
_SEPARATORS = frozenset(";\t|\r\n")
_PLACE = re.compile(r"""(?<![\s"';|])([\s"';|]*+)([=+\-@＝＋－＠])""")


def guarded(text: str) -> str:
    """Return a text in which no spreadsheet cell can start with a formula, wherever the text is split."""
    return _PLACE.sub(lambda place: f"{place[1]}'{place[2]}" if _begins(place, place[1]) else place[0], text)


def unguarded(text: str) -> str:
    """Reverse `guarded`."""

    def bare(place: re.Match[str]) -> str:
        before = place[1].removesuffix("'")
        return before + place[2] if before != place[1] and _begins(place, before) else place[0]

    return _PLACE.sub(bare, text)


def _begins(place: re.Match[str], before: str) -> bool:
    return place.start() == 0 or not _SEPARATORS.isdisjoint(before)


def is_ours(columns: Collection[str]) -> bool:
    """Return whether a table with these columns is an export of ours."""
    return len(OURS.intersection(map(str.strip, columns))) > 1
