"""Validation of a zip's structure: members are stored uncompressed, do not overlap, and match the central directory."""

import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

# Signature, version, flags, compression, time, date, CRC, compressed size, size, lengths of name and extra field.
_HEADER = struct.Struct("<4s5H3I2H")
_SIGNATURE = b"PK\x03\x04"
_IN_EXTRA = 0xFFFFFFFF
_FLAGS_WITHOUT_MEANING_HERE = 0x0800  # The name is encoded in UTF-8.

OTHERS, CHANGED = "it was packed by another program", "it is cut off, changed, or no zip file"


def fault(source: Path, members: Sequence[zipfile.ZipInfo]) -> str | None:
    """Return why a zip was not written by this program, or None if it may be. Reads one header per member.

    Uncompressed members that do not overlap can't take more space than the file itself.
    """
    if any(
        member.compress_type != zipfile.ZIP_STORED or member.flag_bits & ~_FLAGS_WITHOUT_MEANING_HERE
        for member in members
    ):
        return OTHERS
    if any(member.compress_size != member.file_size for member in members):
        return CHANGED
    end = 0
    with source.open("rb") as stream:
        size = stream.seek(0, 2)
        for member in sorted(members, key=lambda member: member.header_offset):
            start = _content_start(stream, member)
            if start is None or member.header_offset < end:
                return CHANGED
            end = start + member.file_size
    return CHANGED if end > size else None


def _content_start(stream: IO[bytes], member: zipfile.ZipInfo) -> int | None:
    """Return the offset of a member's content, or None when its local header does not match the central directory."""
    stream.seek(member.header_offset)
    head = stream.read(_HEADER.size)
    if len(head) < _HEADER.size:
        return None
    signature, _, flags, packing, _, _, crc, packed, size, name_length, extra_length = _HEADER.unpack(head)
    name = stream.read(name_length)
    sizes = {packed, size} - {_IN_EXTRA}
    is_same = (signature, flags, packing, crc) == (_SIGNATURE, member.flag_bits, member.compress_type, member.CRC)
    if not is_same or not sizes <= {member.file_size} or name != member.orig_filename.encode(_encoding(flags)):
        return None
    return member.header_offset + _HEADER.size + name_length + extra_length


def _encoding(flags: int) -> str:
    return "utf-8" if flags & _FLAGS_WITHOUT_MEANING_HERE else "cp437"
