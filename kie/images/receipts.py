"""The receipt embedded in a downloaded picture: request, person and cost, as a record for programs and a note for people.

    {"studio_receipt": 1, "model": …, "prompt": …, "aspect_ratio": …, "references": [ids], "task_id": …, "credits": …}

           record                       note
    PNG    iTXt "studio_receipt"        iTXt "parameters"              after IHDR
    JPEG   COM, starts with its name    EXIF UserComment               after what must come first (JFIF, EXIF)

Nothing is decoded or encoded, and all bytes of the file are kept. A JPEG with EXIF of its own gets no note. Content
credentials (C2PA) are kept too, but they sign every byte, so they are valid only for the original file.

Files come from anywhere, so of a receipt that is read only the request is used, and only if it is valid here.
Sources: PNG specification, 11.3.3; ITU T.81, B.2.4.5.
"""

import itertools
import json
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from kie.generation import MODEL, OPTIONS, Generation, is_control
from kie.images import headers, segments
from kie.images.exif import HEAD
from kie.images.segments import APP0, APP1, COMMENT, Data, FileOfParts, Segment, unchanged
from kie.jobs import Job
from kie.text import one_line

VERSION = 1
RECORD_LIMIT = 128 * 1024
# The length field of a JPEG segment has two bytes and includes itself.
SEGMENT_LIMIT = 65_533
PIECES_LIMIT = 1000
TITLE_BYTES = 2000
_MARK = b"studio_receipt\0"
_RECORDS = {b"iTXt": _MARK + bytes(4), COMMENT: _MARK}
_NOTE = b"parameters\0\0\0\0" + _MARK
_PIXELS = (b"IDAT", b"IEND", segments.SCAN, segments.END)
_REFERENCE_ID = re.compile(r"[0-9a-f]{64}")


def write(source: Path, job: Job) -> FileOfParts:
    """Return a picture's file with the job's receipt embedded; other files than PNG and JPEG unchanged.

    Raises OSError when the file is missing.
    """
    prompt = "".join(each for each in job.prompt if not is_control(each))
    receipt = {
        "studio_receipt": VERSION,
        "model": MODEL,
        **asdict(replace(job.generation, prompt=prompt)),
        "job_id": job.id,
        "task_id": job.task_id,
        "person": job.person,
        "project": job.project,
        "credits": job.credits,
        "asked_at": job.created_at,
    }
    record = json.dumps(receipt, ensure_ascii=False).encode("utf-8", "replace")
    return _embedded(source, record, _note(receipt), title=one_line(prompt))


def read(source: Path) -> Generation | None:
    """Return the request in a picture's receipt, or None without a valid one."""
    try:
        found = json.loads(record_in(source) or b"null")
    except (ValueError, RecursionError):
        return None
    return request(found) if isinstance(found, dict) and found.get("studio_receipt") == VERSION else None


def request(found: dict[str, Any]) -> Generation | None:
    """Return the request in a receipt, or None if it is not valid here."""
    prompt, references = found.get("prompt"), found.get("references")
    if not isinstance(prompt, str) or not isinstance(references, list):
        return None
    if not all(isinstance(each, str) and _REFERENCE_ID.fullmatch(each) for each in references):
        return None
    # A receipt of an earlier version lacks the options that came later.
    options = {option.name: found.get(option.name, option.default) for option in OPTIONS}
    generation = Generation(prompt, tuple(references), **options)
    return None if generation.faults() else generation


def record_in(source: Path) -> bytes | None:
    """Return the record embedded in a file, or None. Reads only the chunks before the pixels, at most PIECES_LIMIT."""
    with segments.whole(source) as data:
        for piece in _before_pixels(data):
            mark = _RECORDS.get(piece.name)
            if mark and piece.begins(data, mark) and piece.end - piece.body <= RECORD_LIMIT:
                return data[piece.body + len(mark) : piece.end]
    return None


def iso_time(moment: float) -> str:
    """Format a Unix time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _note(receipt: dict[str, Any]) -> str:
    """Return a receipt as text for people: the prompt, then one line per value."""
    credits = receipt["credits"]
    known = {
        "Model": receipt["model"],
        **{option.label: receipt[option.name] for option in OPTIONS},
        "References": len(receipt["references"]) or None,
        "Credits": None if credits is None else f"{credits:g}",
        "Asked by": receipt["person"],
        "Project": receipt["project"],
        "Asked at": iso_time(receipt["asked_at"]),
        "Task": receipt["task_id"],
        "Job": receipt["job_id"],
    }
    return receipt["prompt"] + "\n\n" + "\n".join(f"{name}: {value}" for name, value in known.items() if value)


def _embedded(path: Path, record: bytes, note: str, title: str) -> FileOfParts:
    """Return a file with a record and a note embedded. `title` is the description that some viewers show."""
    with segments.whole(path) as data:
        pieces = list(_before_pixels(data))
        if not pieces:
            return unchanged(path)
        if data[:1] == segments.PNG_HEAD[:1]:
            at = pieces[0].next
            put = _png_chunk(_RECORDS[b"iTXt"] + record) + _png_chunk(_NOTE + note.encode("utf-8", "replace"))
        else:
            first = list(itertools.takewhile(lambda piece: piece.name == APP0 or _has_exif(data, piece), pieces))
            at = first[-1].next if first else 2
            has_exif = any(_has_exif(data, piece) for piece in pieces)
            described = b"" if has_exif else _jpeg_segment(APP1, HEAD + _exif(note, title))
            put = described + _jpeg_segment(COMMENT, _RECORDS[COMMENT] + record)
        return FileOfParts(path, ((0, at), put, (at, len(data))))


def _before_pixels(data: Data) -> Iterator[Segment]:
    """Yield the complete chunks or segments of a PNG or JPEG before its pixels."""
    form = headers.format_of(data)
    pieces = segments.split(data, form) if form in ("PNG", "JPEG") else iter(())
    pieces = itertools.takewhile(lambda piece: piece.name not in _PIXELS and piece.next <= len(data), pieces)
    return itertools.islice(pieces, PIECES_LIMIT)


def _has_exif(data: Data, piece: Segment) -> bool:
    return piece.name == APP1 and piece.begins(data, HEAD)


def _png_chunk(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + b"iTXt" + content + struct.pack(">I", zlib.crc32(b"iTXt" + content))


def _jpeg_segment(name: bytes, content: bytes) -> bytes:
    """Return a JPEG segment, or nothing if the content is too long for one."""
    if len(content) > SEGMENT_LIMIT:
        return b""
    return b"\xff" + name + struct.pack(">H", len(content) + 2) + content


def _exif(note: str, title: str) -> bytes:
    exif = Image.Exif()
    exif.endian = ">"  # The byte order that readers of UserComment assume for UTF-16.
    exif[ExifTags.Base.ImageDescription] = (
        title.encode("utf-8", "replace")[:TITLE_BYTES].decode("utf-8", "ignore").encode()
    )
    exif[ExifTags.Base.Software] = _MARK[:-1].decode()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + note.encode("utf-16-be", "replace")
    return exif.tobytes().removeprefix(HEAD)
