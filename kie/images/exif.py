"""Reads the directories of EXIF data and TIFF files as far as they can be read. Nothing raises an error.

    header: byte order, offset ──> directory: count, entries, offset of the next ──> …
                                              tag, type, count, value or its offset

Source: TIFF 6.0, section 2; EXIF 2.32, 4.6.
"""

import struct
from mmap import mmap
from typing import NamedTuple

# A camera's directory has a few dozen entries.
ENTRIES_LIMIT = 1000
ORIENTATION = 0x0112
HEAD = b"Exif\0\0"
# Integer types, signed and unsigned.
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I"}


class Entry(NamedTuple):
    """Tag, type and count as stored, and the offset of the entry."""

    tag: int
    type: int
    count: int
    at: int


class Directories:
    """Access to the directories in EXIF data, with or without its head, or in a TIFF file."""

    def __init__(self, data: bytes | mmap):
        self._data = data.removeprefix(HEAD) if isinstance(data, bytes) else data
        self._order = {b"II": "<", b"MM": ">"}.get(self._data[:2])
        self.first = self._read("I", 4) or 0

    def entries(self, at: int) -> list[Entry]:
        """Return the entries of the directory at an offset, empty if there is none."""
        found = []
        for number in range(min(self._read("H", at) or 0, ENTRIES_LIMIT)):
            place = at + 2 + 12 * number
            tag, kind, count = (self._read(*each) for each in (("H", place), ("H", place + 2), ("I", place + 4)))
            if count is None:
                break
            found.append(Entry(tag, kind, count, place))
        return found

    def next(self, at: int) -> int:
        """Return the offset of the directory that follows the one at an offset, 0 if none."""
        return self._read("I", at + 2 + 12 * (self._read("H", at) or 0)) or 0

    def number(self, entry: Entry) -> int | None:
        """Return the first value of an entry, or None if it is no integer. The count may be wrong."""
        letter = _INTEGERS.get(entry.type)
        if letter is None:
            return None
        fits = entry.count * struct.calcsize(letter) <= 4
        return self._read(letter, entry.at + 8 if fits else self._read("I", entry.at + 8))

    def find(self, at: int, tag: int) -> int | None:
        """Return the first value of a tag in the directory at an offset, or None."""
        return next((self.number(entry) for entry in self.entries(at) if entry.tag == tag), None)

    def without(self, at: int, kept: frozenset[int]) -> bytes:
        """Return the directory at an offset with only some tags, as the last one, padded to the length of the original."""
        entries = [self._data[each.at : each.at + 12] for each in self.entries(at) if each.tag in kept]
        length = 2 + 12 * (self._read("H", at) or 0) + 4
        return (struct.pack(f"{self._order}H", len(entries)) + b"".join(entries)).ljust(length, b"\0")

    def _read(self, letter: str, at: int | None) -> int | None:
        if self._order is None or at is None:
            return None
        try:
            return struct.unpack_from(self._order + letter, self._data, at)[0]
        except struct.error:
            return None


def orientation_in(exif: bytes | mmap) -> int:
    """Return the orientation in EXIF data or a TIFF file, or 1 if there is none."""
    found = Directories(exif)
    return found.find(found.first, ORIENTATION) or 1
