"""Reads the first directory of EXIF data or a TIFF file, as far as possible. Never raises an error.

    header: byte order, offset ──> directory: count, entries, offset of the next ──> …
                                              tag, type, count, value or its offset

Source: TIFF 6.0, section 2; EXIF 2.32, 4.6.
"""

import struct
from mmap import mmap

# A camera's directory has a few dozen entries.
ENTRIES_LIMIT = 1000
ORIENTATION = 0x0112
HEAD = b"Exif\0\0"
# Integer types, signed and unsigned.
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I"}


class Directory:
    """The first directory, at offset `start`, in EXIF data, with or without its head, or in a TIFF file.

    `next` is the offset of the second one, 0 if there is none.
    """

    def __init__(self, data: bytes | mmap):
        self._data = data.removeprefix(HEAD) if isinstance(data, bytes) else data
        self._order = {b"II": "<", b"MM": ">"}.get(self._data[:2])
        self.start = self._read("I", 4) or 0
        count = self._read("H", self.start) or 0
        self._end = self.start + 2 + 12 * count
        self.next = self._read("I", self._end) or 0
        places = range(self.start + 2, self._end, 12)[:ENTRIES_LIMIT]
        # The offset of each entry by its tag, which may be there twice.
        self._places = {self._read("H", place): place for place in reversed(places)}

    def __contains__(self, tag: int) -> bool:
        return tag in self._places

    def number(self, tag: int) -> int | None:
        """Return the first value of an entry, or None if it is not there or no integer. The count may be wrong."""
        at = self._places.get(tag, len(self._data))
        letter, count = _INTEGERS.get(self._read("H", at + 2) or 0), self._read("I", at + 4)
        if letter is None or count is None:
            return None
        fits = count * struct.calcsize(letter) <= 4
        return self._read(letter, at + 8 if fits else self._read("I", at + 8))

    def only(self, kept: frozenset[int]) -> bytes:
        """Return the directory with only some tags, as the last one, padded to the length of the original."""
        places = sorted(place for tag, place in self._places.items() if tag in kept)
        entries = b"".join(self._data[place : place + 12] for place in places)
        return (struct.pack(f"{self._order}H", len(places)) + entries).ljust(self._end + 4 - self.start, b"\0")

    def _read(self, letter: str, at: int | None) -> int | None:
        if self._order is None or at is None:
            return None
        try:
            return struct.unpack_from(self._order + letter, self._data, at)[0]
        except struct.error:
            return None


def orientation_in(exif: bytes | mmap) -> int:
    """Return the orientation in EXIF data or a TIFF file, or 1 if there is none."""
    return Directory(exif).number(ORIENTATION) or 1
