r"""Templates in prompts: choices that expand to several prompts, and placeholders for the columns of a table.

    a {red|blue} {cat|dog}     choices: four prompts, the last choice varies fastest
    a {{colour}} cat           a placeholder: replaced by the value of each table row
    \{   \|   \}               escaped characters

Choices may be nested, and options may be empty. Braces without a `|` at their own level, and unpaired braces, are plain
text, so that JSON and code can be pasted. Every text is valid, and parsing takes linear time.
"""

import itertools
import re
import unicodedata
from collections.abc import Mapping, Sequence

from kie.errors import RequestInvalid
from kie.generation import Fault

COMBINATIONS_LIMIT = 500
# Characters of all combinations together: twice the length of 500 prompts of maximum length.
WRITTEN_LIMIT = 10_000_000
_MARK = re.compile(r"(\\[{|}]|\{\{[^{}|\\]++\}\}|[{|}])")
_ESCAPE = re.compile(r"\\[{|}]")
_WORD_GAPS = re.compile(r"[\s_-]+")
_NAMES_SHOWN = 12
_TOO_LONG = "Shorten the prompt: with its choices and columns written out, it is far too long to be sent."
# All prompts, or only their number (an upper bound) if there are more than COMBINATIONS_LIMIT.
_Prompts = list[str] | int


def has_choices(text: str) -> bool:
    """Return whether the text contains a choice."""
    return bool(_signs(_MARK.split(text)))


def combinations(text: str, values: Mapping[str, str]) -> list[str]:
    r"""Return all prompts that a text expands to, without duplicates; the last choice varies fastest.

    `values` replaces the placeholders; braces in a value make no choice. `\{`, `\|` and `\}` become the plain
    characters. Raises RequestInvalid when there are more than COMBINATIONS_LIMIT prompts, when all of them together are
    too long, and for a placeholder without a value.
    """
    pieces, known = _MARK.split(text), {key(name): value for name, value in values.items()}
    shown = [_shown(piece, known, list(values)) for piece in pieces]
    if sum(map(len, shown)) > WRITTEN_LIMIT:
        raise _fault(_TOO_LONG)
    found = _expanded(pieces, shown)
    if isinstance(found, int):
        raise _fault(
            f"The choices in braces expand to {_in_figures(found)} prompts, and at most {COMBINATIONS_LIMIT:,} are made at "
            "once: remove some choices."
        )
    return found


def names(text: str) -> list[str]:
    """Return the column names of all placeholders in a text, without duplicates, in the spelling of their first use."""
    found: dict[str, str] = {}
    for piece in _MARK.split(text):
        name = _column(piece)
        if name is not None:
            found.setdefault(key(name), name)
    return list(found.values())


def literal(text: str) -> str:
    """Return a text that stands for this one prompt, character by character: what would expand is escaped."""
    if not (has_choices(text) or names(text) or _ESCAPE.search(text)):
        return text
    return text.translate({ord(sign): f"\\{sign}" for sign in "{|}"})


def key(name: str) -> str:
    """Normalise a column name: case, spaces, underscores and hyphens are ignored."""
    return _WORD_GAPS.sub(" ", unicodedata.normalize("NFC", name)).strip().casefold()


# The text is split at all braces and bars. Those that form choices are called signs; all others are plain text.


def _signs(pieces: Sequence[str]) -> set[int]:
    """Return the indexes of the pieces that form choices: pairs of braces with a bar at their own level."""
    opened: list[list[int]] = []
    signs: set[int] = set()
    for place, piece in enumerate(pieces):
        if piece == "{":
            opened.append([place])
        elif piece == "|" and opened:
            opened[-1].append(place)
        elif piece == "}" and opened:
            group = opened.pop()
            if len(group) > 1:
                signs.update(group, (place,))
    return signs


def _expanded(pieces: Sequence[str], shown: Sequence[str]) -> _Prompts:
    """Expand a text from the innermost choices outwards. Not recursive, because thousands of braces may be nested."""
    signs = _signs(pieces)
    levels: list[list[_Prompts]] = [[[""]]]  # The options of each open choice; the last one is incomplete.
    for is_sign, run in itertools.groupby(range(len(pieces)), signs.__contains__):
        if not is_sign:
            levels[-1][-1] = _joined(levels[-1][-1], ["".join(shown[place] for place in run)])
            continue
        for place in run:
            if pieces[place] == "{":
                levels.append([[""]])
            elif pieces[place] == "|":
                levels[-1].append([""])
            else:
                chosen = _chosen(levels.pop())
                levels[-1][-1] = _joined(levels[-1][-1], chosen)
    return levels[0][0]


def _joined(first: _Prompts, second: _Prompts) -> _Prompts:
    if isinstance(first, int) or isinstance(second, int) or len(first) * len(second) > COMBINATIONS_LIMIT:
        return _size(first) * _size(second)
    if sum(map(len, first)) * len(second) + sum(map(len, second)) * len(first) > WRITTEN_LIMIT:
        raise _fault(_TOO_LONG)
    return list(dict.fromkeys(start + end for start in first for end in second))


def _chosen(options: Sequence[_Prompts]) -> _Prompts:
    lists = [option for option in options if isinstance(option, list)]
    found = list(dict.fromkeys(itertools.chain.from_iterable(lists)))
    if len(lists) == len(options) and len(found) <= COMBINATIONS_LIMIT:
        return found
    return len(found) + sum(option for option in options if isinstance(option, int))


def _size(prompts: _Prompts) -> int:
    return prompts if isinstance(prompts, int) else len(prompts)


def _shown(piece: str, known: Mapping[str, str], columns: list[str]) -> str:
    """Return the value of a placeholder; any other piece without its escape."""
    name = _column(piece)
    if name is None:
        return piece[1:] if _ESCAPE.fullmatch(piece) else piece
    if key(name) not in known:
        raise _unknown(name, columns)
    return known[key(name)]


def _column(piece: str) -> str | None:
    """Return the column name of a placeholder, or None for any other piece."""
    name = piece[2:-2].strip() if piece.startswith("{{") else ""
    is_name = all(character in " _-" or unicodedata.category(character)[0] in "LMN" for character in name)
    return name if is_name and key(name) else None


def _unknown(name: str, columns: list[str]) -> RequestInvalid:
    if not columns:
        return _fault(
            f"Nothing fills {{{{{name}}}}}: fill a column “{name}” of the table (Batch), or remove the braces."
        )
    shown = ", ".join(f"“{column}”" for column in columns[:_NAMES_SHOWN])
    more = f" and {len(columns) - _NAMES_SHOWN} more" if len(columns) > _NAMES_SHOWN else ""
    return _fault(f"The table has no column “{name}” for {{{{{name}}}}}: its columns are {shown}{more}.")


def _fault(sentence: str) -> RequestInvalid:
    return RequestInvalid([Fault("Prompt", sentence)])


def _in_figures(number: int) -> str:
    # Python limits the conversion of very long integers to text.
    return f"{number:,}" if number < 10**36 else "more than 10³⁶"
