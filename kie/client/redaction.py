"""Redaction of the API key in replies of the service.

spellings: plain, percent-encoded, escaped as in JSON or HTML, base64, and combinations of them
values:    texts, lists, objects including their keys, numbers
"""

import base64
import functools
import html
import re
from collections.abc import Iterator
from typing import Any

MARK = "(the key)"
# Shorter texts are not keys and may be words.
SHORTEST = 12
ROUNDS = 3
# Keys are ASCII, so encoded bytes map to single characters.
_PERCENT, _ESCAPE = re.compile("%([0-9a-fA-F]{2})"), re.compile(r"\\[ux]((?<=u)[0-9a-fA-F]{4}|(?<=x)[0-9a-fA-F]{2})")


class Redaction:
    """Finds and replaces one key. A text too short to be a key is ignored."""

    def __init__(self, key: str):
        self._key = key if len(key) >= SHORTEST else ""
        self._plain = re.compile(re.escape(key), re.IGNORECASE)
        self._spellings = {reading.lower() for reading in _readings(key) if len(reading) >= SHORTEST}
        self._encoded = set(_in_base64(key.encode()))

    def holds(self, text: str) -> bool:
        """Return whether a text contains the key in any spelling."""
        return bool(self._key) and any(self._stands_in(reading) for reading in _readings(text))

    def text(self, said: str) -> str:
        """Return a text with the plain key replaced by `MARK`, or only `MARK` if it contains the key in another spelling."""
        if not self._key:
            return said
        cleaned = self._plain.sub(MARK, said)
        return MARK if self.holds(cleaned) else cleaned

    def value(self, said: Any) -> Any:
        """Return a JSON value of any type with the key replaced. Raises RecursionError."""
        if not self._key or said is None or isinstance(said, bool):
            return said
        if isinstance(said, dict):
            return {self.text(name): self.value(value) for name, value in said.items()}
        if isinstance(said, list):
            return [self.value(value) for value in said]
        if isinstance(said, str):
            return self.text(said)
        return MARK if self.holds(repr(said)) or self.holds(f"{said:f}") else said

    def _stands_in(self, reading: str) -> bool:
        folded = reading.lower()
        return any(spelling in folded for spelling in self._spellings) or any(
            encoded in reading.replace("-", "+").replace("_", "/") for encoded in self._encoded
        )


# The redaction for a key. The last few are kept.
redaction = functools.lru_cache(maxsize=4)(Redaction)


def _readings(text: str) -> Iterator[str]:
    """Yield a text and its decoded forms. Takes linear time."""
    yield text
    for _ in range(ROUNDS):
        before = text
        if "%" in text:
            text = _PERCENT.sub(_sign, re.sub("%(?:25)+", "%", text))
        if "\\" in text:
            text = _ESCAPE.sub(_sign, re.sub(r"\\+", r"\\", text)).replace("\\", "")
        if "&" in text:
            text = html.unescape(re.sub("&(?:amp;)+", "&", text))
        if text == before:
            return
        yield text


def _sign(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))


def _in_base64(key: bytes) -> Iterator[str]:
    """Yield the base64 digits that depend on the key alone, for each of the three possible alignments."""
    for before, start in ((0, 0), (1, 2), (2, 3)):
        yield base64.b64encode(bytes(before) + key).decode()[start : (before + len(key)) * 8 // 6]
