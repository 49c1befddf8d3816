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
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from kie.errors import RequestInvalid
from kie.generation import Fault

COMBINATIONS_LIMIT = 500
# Characters of all combinations together: twice the length of 500 prompts of maximum length.
WRITTEN_LIMIT = 10_000_000
_MARK = re.compile(r"(\\[{|}]|\{\{[^{}|\\]++\}\}|[{|}])")
_ESCAPE = re.compile(r"\\[{|}]")
_WORD_GAPS = re.compile(r"[\s_-]+")
_NAMES_SHOWN = 12
_Value = TypeVar("_Value")


def has_choices(text: str) -> bool:
    """Return whether the text contains a choice."""
    return bool(_signs(_MARK.split(text)))


def count(text: str) -> int:
    """Return how many prompts a text expands to.

    Up to COMBINATIONS_LIMIT, equal prompts from different choices count once. Above it the number is computed without
    expanding, and only equal options of one choice count once.
    """
    number = _number(text)
    if number > COMBINATIONS_LIMIT or number * len(text) > WRITTEN_LIMIT:
        return number
    return len(_written_out(text, _bare))


def combinations(text: str, limit: int = COMBINATIONS_LIMIT, values: Mapping[str, str] | None = None) -> list[str]:
    r"""Return all prompts that a text expands to, without duplicates; the last choice varies fastest.

    `values` replaces the placeholders; braces in a value make no choice. Without `values`, placeholders stay as they
    are. `\{`, `\|` and `\}` become the plain characters. Raises RequestInvalid when there are more than `limit`
    prompts, when all of them together are too long, and for a placeholder without a value.
    """
    number = _number(text)
    if number > limit:
        raise _fault(
            f"The choices in braces expand to {_in_figures(number)} prompts, and at most {limit:,} are made at once: "
            "take some choices out."
        )
    show = _bare if values is None else _filling(values)
    if number * sum(len(show(piece)) for piece in _MARK.split(text)) > WRITTEN_LIMIT:
        raise _fault("Shorten the prompt: with its choices and columns written out, it is far too long to be sent.")
    return _written_out(text, show)


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


def _folded(
    text: str,
    lift: Callable[[Iterable[str]], _Value],
    join: Callable[[_Value, _Value], _Value],
    choose: Callable[[list[_Value]], _Value],
) -> _Value:
    """Evaluate a text from the innermost choices outwards. Not recursive, because thousands of braces may be nested."""
    pieces = _MARK.split(text)
    signs = _signs(pieces)
    levels = [[lift(())]]  # The options of each open choice; the last one is incomplete.
    for is_sign, run in itertools.groupby(range(len(pieces)), signs.__contains__):
        if not is_sign:
            levels[-1][-1] = join(levels[-1][-1], lift(pieces[place] for place in run))
            continue
        for place in run:
            if pieces[place] == "{":
                levels.append([lift(())])
            elif pieces[place] == "|":
                levels[-1].append(lift(()))
            else:
                chosen = choose(levels.pop())
                levels[-1][-1] = join(levels[-1][-1], chosen)
    return levels[0][0]


def _written_out(text: str, show: Callable[[str], str]) -> list[str]:
    def lift(pieces: Iterable[str]) -> list[str]:
        return ["".join(map(show, pieces))]

    def join(first: list[str], second: list[str]) -> list[str]:
        return [start + end for start in first for end in second]

    def choose(options: list[list[str]]) -> list[str]:
        return list(dict.fromkeys(itertools.chain.from_iterable(options)))

    return list(dict.fromkeys(_folded(text, lift, join, choose)))


def _number(text: str) -> int:
    """Return an upper bound for the number of prompts. Parts that are the same for all choices are kept as text, to find equal options."""

    def size(part: int | str) -> int:
        return part if isinstance(part, int) else 1

    def lift(pieces: Iterable[str]) -> int | str:
        return "".join(map(_bare, pieces))

    def join(first: int | str, second: int | str) -> int | str:
        if isinstance(first, str) and isinstance(second, str):
            return first + second
        return size(first) * size(second)

    def choose(options: list[int | str]) -> int | str:
        different = dict.fromkeys(option for option in options if isinstance(option, str))
        several = sum(option for option in options if isinstance(option, int))
        return several + len(different) if several or len(different) > 1 else next(iter(different))

    return size(_folded(text, lift, join, choose))


def _bare(piece: str) -> str:
    """Return a piece with its escape removed."""
    return piece[1:] if piece in ("\\{", "\\|", "\\}") else piece


def _filling(values: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that replaces a placeholder by its value, and removes the escape of other pieces."""
    known = {key(name): value for name, value in values.items()}

    def show(piece: str) -> str:
        name = _column(piece)
        if name is None:
            return _bare(piece)
        if key(name) not in known:
            raise _unknown(name, list(values))
        return known[key(name)]

    return show


def _column(piece: str) -> str | None:
    """Return the column name of a placeholder, or None for any other piece."""
    name = piece[2:-2].strip() if piece.startswith("{{") else ""
    is_name = all(character in " _-" or unicodedata.category(character)[0] in "LMN" for character in name)
    return name if is_name and key(name) else None


def _unknown(name: str, columns: list[str]) -> RequestInvalid:
    if not columns:
        return _fault(f"Nothing fills {{{{{name}}}}}: add a table with a column “{name}”, or take the braces away.")
    shown = ", ".join(f"“{column}”" for column in columns[:_NAMES_SHOWN])
    more = f" and {len(columns) - _NAMES_SHOWN} more" if len(columns) > _NAMES_SHOWN else ""
    return _fault(f"The table has no column “{name}” for {{{{{name}}}}}: its columns are {shown}{more}.")


def _fault(sentence: str) -> RequestInvalid:
    return RequestInvalid([Fault("Prompt", sentence)])


def _in_figures(number: int) -> str:
    # Python limits the conversion of very long integers to text.
    return f"{number:,}" if number < 10**36 else "more than 10³⁶"
