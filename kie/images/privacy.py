"""Finds in a picture's metadata where it was taken, and the camera's serial number.

    EXIF         GPS position; serial numbers, owner, the maker's own notes (which usually contain the serial number)
    XMP, text    the same by their names, places in words
    IPTC         places in words
    data after the picture, such as a second picture or a film: EXIF, XMP, the film's position

Of formats that the service does not accept only EXIF is searched: they are converted, which drops all metadata.
Sources: EXIF 2.32, 4.6; XMP specification, part 2; IPTC IIM 4.2, 6; ExifTool's tables of PNG text.
"""

import binascii
import itertools
import re

from kie.images import segments
from kie.images.exif import HEAD, Directories
from kie.images.segments import Data, Segment

PLACE, SERIAL = "place", "camera's serial number"
# More segments are not searched; such a file is treated as if it had both.
SEGMENTS_LIMIT = 20_000
TEXT_BYTES = 4 * 2**20
_GPS, _EXIF = 0x8825, 0x8769
_GPS_VERSION = 0
# MakerNote, CameraOwnerName, BodySerialNumber, LensSerialNumber, CameraSerialNumber of DNG, SerialNumber of Microsoft.
_SERIALS = frozenset((0x927C, 0xA430, 0xA431, 0xA435, 0xC62F, 0xFDE9))
_TEXT_PLACE = re.compile(
    rb"GPS ?(?:Info|Latitude|Longitude|Position|Coordinates|Dest)|\w:(?:City|Location|State|Country)\b|Location(?:Created|Shown)"
)
_TEXT_SERIAL = re.compile(rb"SerialNumber|Serial Number|OwnerName|MakerNote", re.IGNORECASE)
# City, part of it, state, country and its code, with at least one letter.
_IPTC_PLACE = re.compile(rb"\x1c\x02[\x1a\x1b\x5a\x5c\x5f\x64\x65]\x00[\x01-\xff]")
# The position in a film: of QuickTime, of 3GPP.
_FILM_PLACE = re.compile(rb"\xa9xyz|location\.ISO6709|loci\0\0\0\0")
_RAW_PROFILE = re.compile(rb"Raw profile type \w+\0")


def found_in(data: Data, form: str) -> list[str]:
    """Return which of PLACE and SERIAL the metadata of a JPEG, PNG, WebP or TIFF contains."""
    if form == "TIFF":
        return found_in_exif(data)
    found: set[str] = set()
    end = 0
    for number, segment in enumerate(segments.split(data, form)):
        if number == SEGMENTS_LIMIT:
            return [PLACE, SERIAL]
        found |= _in_segment(data, form, segment)
        end = segment.next
    found |= _in_rest(data[end:])
    return [each for each in (PLACE, SERIAL) if each in found]


def found_in_exif(exif: Data) -> list[str]:
    """Return which of PLACE and SERIAL EXIF data contains."""
    found = _in_exif(exif)
    return [each for each in (PLACE, SERIAL) if each in found]


def _in_segment(data: Data, form: str, segment: Segment) -> set[str]:
    if not segments.is_metadata(data, form, segment):
        return set()
    content = data[segment.body : segment.end]
    if form == "PNG":
        content = _png_text(segment.name, content)
    is_exif = segment.name in (b"eXIf", b"EXIF") or content.startswith(HEAD)
    return _in_exif(content) if is_exif else _in_text(content)


def _in_exif(exif: Data) -> set[str]:
    directories = Directories(exif)
    first = directories.first
    inner = directories.find(first, _EXIF)
    tags = {entry.tag for at in (first, inner) if at for entry in directories.entries(at)}
    place = directories.find(first, _GPS)
    has_place = place and any(entry.tag != _GPS_VERSION for entry in directories.entries(place))
    return ({PLACE} if has_place else set()) | ({SERIAL} if tags & _SERIALS else set())


def _in_text(text: bytes) -> set[str]:
    has_place = _TEXT_PLACE.search(text) or _IPTC_PLACE.search(text)
    return ({PLACE} if has_place else set()) | ({SERIAL} if _TEXT_SERIAL.search(text) else set())


def _png_text(name: bytes, content: bytes) -> bytes:
    """Return the text of a PNG chunk, decompressed, with ImageMagick's hexadecimal profiles as bytes."""
    keyword, _, rest = content.partition(b"\0")
    if name == b"zTXt":
        content = keyword + b"\0" + segments.unpacked(rest[1:], TEXT_BYTES)
    elif name == b"iTXt" and rest[:1] == b"\1":
        content = keyword + b"\0" + segments.unpacked(rest[2:].split(b"\0", 2)[-1], TEXT_BYTES)
    if not _RAW_PROFILE.match(content):
        return content
    # A line with the name, one with the length, then lines of digits.
    digits = b"".join(content.partition(b"\0")[2].split()[2:])
    try:
        return binascii.unhexlify(digits)
    except binascii.Error:
        return content


def _in_rest(rest: bytes) -> set[str]:
    found = _in_text(rest) | ({PLACE} if _FILM_PLACE.search(rest) else set())
    for each in itertools.islice(re.finditer(HEAD, rest), 100):
        found |= _in_exif(rest[each.start() : each.start() + 65_536])
    return found
