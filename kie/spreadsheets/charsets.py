"""Guesses the encoding of a text file that is not UTF-8 and does not name it.

    bytes ── every encoding that fits ── how likely are these letters? ── guesses, the likeliest first

A file of a few words has too few bytes for statistics of byte pairs, by which charset-normalizer takes one Japanese row in
three for Korean or Thai. Therefore each guess is judged by what it makes of the file: letters of one language, rare ones,
symbols in the middle of words. Guesses with nearly the same likelihood are for a person to decide.
"""

import functools
import itertools
import math
from collections import Counter
from dataclasses import dataclass

from charset_normalizer import from_bytes

from kie.text import excerpt

LABELS = {
    "cp1252": "Western European (Windows-1252)",
    "cp1250": "Central European (Windows-1250)",
    "cp1251": "Cyrillic (Windows-1251)",
    "cp1253": "Greek (Windows-1253)",
    "cp1254": "Turkish (Windows-1254)",
    "cp1255": "Hebrew (Windows-1255)",
    "cp1256": "Arabic (Windows-1256)",
    "cp1257": "Baltic (Windows-1257)",
    "cp874": "Thai (Windows-874)",
    "gb18030": "Chinese, simplified (GBK)",
    "big5hkscs": "Chinese, traditional (Big5)",
    "cp932": "Japanese (Shift-JIS)",
    "euc_jp": "Japanese (EUC-JP)",
    "cp949": "Korean (EUC-KR)",
    "koi8_u": "Cyrillic (KOI8)",
    "cp866": "Cyrillic (DOS 866)",
    "mac_roman": "Western European (Macintosh)",
    "cp850": "Western European (DOS 850)",
    "utf_8": "Unicode (UTF-8)",
    "iso2022_jp": "Japanese (ISO-2022-JP)",
    "utf_16_le": "Unicode (UTF-16)",
    "utf_16_be": "Unicode (UTF-16, big-endian)",
    "utf_32_le": "Unicode (UTF-32)",
    "utf_32_be": "Unicode (UTF-32, big-endian)",
}
_WIDE = ("utf_32_le", "utf_32_be", "utf_16_le", "utf_16_be")
_JUDGED = [encoding for encoding in LABELS if encoding not in ("iso2022_jp", *_WIDE)]
# Natural logarithms of how frequent or rare these are compared with the others.
_FREQUENCY = {
    "utf_8": 5.0,
    **dict.fromkeys(("cp1250", "cp1254", "cp1257"), -5.0),
    **dict.fromkeys(("koi8_u", "cp866", "mac_roman", "cp850", "euc_jp"), -6.0),
}
# The difference of likelihood (a natural logarithm) below which a person is asked.
CLOSE = 5.0
# A text that decodes as UTF-8 and has more letters outside ASCII than these is UTF-8.
_BY_CHANCE = 8
_SAMPLE_BYTES = 16 * 1024
_EXAMPLE = 60
_WESTERN = ("äöüß", "éèàêçùôîâûëïœ", "áéíóúñü¡¿", "ãáçéõóíêâàúô", "èàòùéì", "åäöæøé")
_CYRILLIC = ("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", "оанивтерсклдмпуіяьзбгйчхжцїюшєщфґ")
_LETTERS = {
    **dict.fromkeys(("cp1252", "mac_roman", "cp850"), _WESTERN),
    "cp1250": (*("ąęółśżćńź", "íáéěýčřšžůúťďň", "áíéýčšžúľťňäôďóŕĺ", "áéöóőüíúű", "ăîâşţ", "čćšžđ"), "äöüß"),
    "cp1254": ("ıüşöğçâî",),
    "cp1257": ("šėžūįąčųę", "āīēšņļūģķžč", "äõüöšž"),
    **dict.fromkeys(("cp1251", "koi8_u", "cp866"), _CYRILLIC),
    "cp1253": ("αοιτεσνηυρπκμλςίόάέήώύδγθωχφβξζψϊΐ",),
    "cp1255": ("יוהלאמרתבשנעחדקםפכטגצןזסךץףְִֵֶַָּ",),
    "cp1256": ("اليمونرتبةعدسفهكقحجشطصىخإذزضظغثئأءؤآپچژگکی",),
    "cp874": ("านรกอ่้เงวมัยลสดตทีปะิบคหแขจพใไชำโูุซื็์ธึฟณถผศภษญฝ",),
}
_LETTERS["utf_8"] = tuple(dict.fromkeys(itertools.chain.from_iterable(_LETTERS.values())))
# Of East Asian encodings: rows of double-byte characters by their first bytes, and the share of each group in usual texts.
_ROWS = {
    "gb18030": (("gb2312", 0xD8, 0xF7, 0.02), ("gb2312", 0xB0, 0xD7, 0.85)),
    "big5hkscs": (("big5", 0xC9, 0xF9, 0.02), ("big5", 0xA4, 0xC6, 0.85)),
    "cp949": (("euc_kr", 0xCA, 0xFD, 0.005), ("euc_kr", 0xB0, 0xC8, 0.9)),
}
_JAPANESE = ((0xD0, 0xF4, 0.01), (0xB0, 0xCF, 0.3), (0xA4, 0xA4, 0.45), (0xA5, 0xA5, 0.15))
_ROWS |= dict.fromkeys(("cp932", "euc_jp"), tuple(("euc_jp", *rows) for rows in _JAPANESE))
_MARKS = "“”„‘’‚«»–—…€£°·•™©®§²³½¼¾×¡¿ºª№，。、！？：；「」『』（）《》〈〉【】～　・ー"
# Log-likelihoods of a mark, of an unknown character and of an ASCII character, and the penalty for an oddity.
_MARK = math.log(0.1 / len(_MARKS))
_OTHER = -11.0
_ASCII = -3.5
_ODD = -5.0
# Marks that stand between letters.
_JOINING = "’‘·・ー-"


@dataclass(frozen=True)
class Guess:
    """An encoding that fits a file, with the first line that shows the difference.

    `likelihood` is a natural logarithm: 0 for the likeliest guess, below 0 for the others.
    """

    encoding: str
    example: str = ""
    likelihood: float = 0.0

    @property
    def label(self) -> str:
        """The encoding's name for people."""
        return LABELS[self.encoding]


def may_be_another(text: str) -> bool:
    """Return whether a text that was read as UTF-8 may be in another encoding: a few East Asian letters can be UTF-8 by chance."""
    letters = list(itertools.islice((letter for letter in text if not letter.isascii()), _BY_CHANCE + 1))
    return len(letters) <= _BY_CHANCE and any(map(str.isalpha, letters)) and max(letters) < "\u0800"


def guesses(data: bytes) -> list[Guess]:
    """Return the encodings that fit a text, the likeliest first; of those with the same text the usual one."""
    if certain := _certain(data):
        return [Guess(certain)]
    if data.isascii():
        return []
    lines = _sample(data)
    sample = b"\n".join(lines)
    judged: dict[str, tuple[float, str]] = {}
    for encoding in _JUDGED:
        if _fits(data, encoding):
            text = sample.decode(encoding, "ignore")
            guess = _likelihood(text, encoding), encoding
            judged[text] = max(judged.get(text, guess), guess)
    best = sorted(judged.values(), reverse=True)
    return [Guess(each, excerpt(lines[0].decode(each, "ignore"), _EXAMPLE), worth - best[0][0]) for worth, each in best]


def is_close(found: list[Guess]) -> bool:
    """Return whether two guesses are so close that a person must decide."""
    return len(found) > 1 and found[1].likelihood > -CLOSE


def _certain(data: bytes) -> str | None:
    """Return UTF-16 or UTF-32 without a byte order mark, or the Japanese encoding of old mail programs, all ASCII between escapes."""
    zeros = data.count(b"\0")
    # Some programs put a zero after each text.
    is_wide = zeros * 3 >= len(data) or (zeros and not _fits(data, "utf_8"))
    is_escaped = b"\x1b$" in data and data.isascii()
    possible = _WIDE if is_wide else ("iso2022_jp",) if is_escaped else ()
    match = from_bytes(data, cp_isolation=list(possible)).best() if possible else None
    return match and match.encoding


def _fits(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _sample(data: bytes) -> list[bytes]:
    """Return lines that are not ASCII, up to a size that is judged at once. The last one may end within a letter."""
    lines, room = [], _SAMPLE_BYTES
    for line in data.splitlines():
        if room > 0 and not line.isascii():
            lines.append(line[:room])
            room -= len(line)
    return lines


def _likelihood(text: str, encoding: str) -> float:
    """Return the logarithm of how likely a text is in the languages of an encoding, up to a constant."""
    letters = Counter(text.lower())
    best = max(sum(count * _rarity(each, known) for each, count in letters.items()) for known in _known(encoding))
    return best + _FREQUENCY.get(encoding, 0.0) + _ODD * _oddities(text)


def _rarity(letter: str, known: dict[str, float]) -> float:
    if letter.isascii():
        return _ASCII
    return known.get(letter) or (_MARK if letter in _MARKS else _OTHER)


def _oddities(text: str) -> int:
    """Return how often a word has a symbol, a letter of another script or, after a small letter, a capital inside."""
    odd = 0
    for before, each, after in zip(text, text[1:], text[2:] + " ", strict=False):
        if each.isalpha():
            is_mixed = (before < "\u0250") != (each < "\u0250")
            odd += before.isalpha() and (is_mixed or (before.islower() and each.isupper()))
        elif each > "\x7f" and each not in _JOINING:
            odd += before.isalpha() and after.isalpha()
    return odd


@functools.cache
def _known(encoding: str) -> list[dict[str, float]]:
    """Return for each language of an encoding the logarithm of each letter's probability."""
    if encoding in _LETTERS:
        languages = _LETTERS[encoding]
        return [_ranked(letters) for letters in (*languages, "".join(dict.fromkeys("".join(languages))))]
    groups = [(_letters(*rows), share) for *rows, share in _ROWS[encoding]]
    return [{letter: math.log(share / len(letters)) for letters, share in groups for letter in letters}]


def _ranked(letters: str) -> dict[str, float]:
    weights = [1 / (rank + 6) for rank in range(len(letters))]
    return {letter: math.log(0.85 * weight / sum(weights)) for letter, weight in zip(letters, weights, strict=True)}


def _letters(encoding: str, first: int, last: int) -> list[str]:
    """Return the characters of a double-byte encoding whose lead byte is in a range."""
    pairs = (bytes((lead, trail)) for lead in range(first, last + 1) for trail in range(0x40, 0xFF))
    texts = (pair.decode(encoding, "ignore") for pair in pairs)
    return [text for text in texts if len(text) == 1 and not text.isascii()]
