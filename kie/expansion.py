r"""Prompts that stand for several: choices between words, and columns of a table.

    a {red|blue} {cat|dog}     choices: four prompts, the last choice changing first
    a {{colour}} cat           a column: every row of the table puts its own word in
    \{   \|   \}               the sign itself

Choices may be nested, and an option may be empty. People paste JSON and code too: a brace without a `|` at its own level,
or without its partner, is plain text. No text is an error, and reading one takes time in proportion to its length.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from kie.errors import RequestInvalid
from kie.generation import Fault

COMBINATIONS_LIMIT = 500
# Characters of all combinations together: twice what 500 prompts of the longest kind have.
WRITTEN_LIMIT = 10_000_000
_MARK = re.compile(r"(\\[{|}]|\{\{[^{}|\\]++\}\}|[{|}])")
_WORD_GAPS = re.compile(r"[\s_-]+")
_NAMES_SHOWN = 12
_Value = TypeVar("_Value")


def has_choices(text: str) -> bool:
    """Say whether this text has a choice."""
    return bool(_signs(_MARK.split(text)))


def count(text: str) -> int:
    """Count the prompts that a text stands for; a number beyond COMBINATIONS_LIMIT is computed, not counted out.

    Up to that limit, prompts that come out the same through different choices count once. Beyond it, only equal options do.
    """
    number = _number(text)
    if number > COMBINATIONS_LIMIT or number * len(text) > WRITTEN_LIMIT:
        return number
    return len(_written_out(text, _bare))


def combinations(text: str, limit: int = COMBINATIONS_LIMIT, values: Mapping[str, str] | None = None) -> list[str]:
    r"""Write out every prompt that a text stands for, each once, in reading order: the last choice changes first.

    `values` are put in for the columns, letter by letter: a brace in a value makes no choice. Without `values`, columns stay
    as they are written. `\{`, `\|` and `\}` become the signs themselves.
    Raises RequestInvalid with the count when it is over `limit`, and for a column that `values` does not have.
    """
    number = _number(text)
    if number > limit:
        raise _fault(
            f"The choices in braces stand for {_in_figures(number)} prompts, and at most {limit:,} are made at once: "
            "take some choices out."
        )
    show = _bare if values is None else _filling(values, _bare)
    if number * sum(len(show(piece)) for piece in _MARK.split(text)) > WRITTEN_LIMIT:
        raise _fault("Shorten the prompt: with its choices and columns written out, it is far too long to be sent.")
    return _written_out(text, show)


def names(text: str) -> list[str]:
    """List the columns that a text uses, each once, as it is first written."""
    found: dict[str, str] = {}
    for piece in _MARK.split(text):
        name = _column(piece)
        if name is not None:
            found.setdefault(key(name), name)
    return list(found.values())


def filled(text: str, values: Mapping[str, str]) -> str:
    """Put the values of a table's row in for its columns and leave all else as it is written, choices and escapes too.

    A value's own braces would make choices if the outcome were expanded: give `values` to combinations() for both at once.
    Raises RequestInvalid for a column that `values` does not have, with those that it has.
    """
    return "".join(map(_filling(values, str), _MARK.split(text)))


def key(name: str) -> str:
    """Return what two spellings of one column have in common: capitals, spaces, underscores and hyphens don't matter."""
    return _WORD_GAPS.sub(" ", unicodedata.normalize("NFC", name)).strip().casefold()


# A text is cut at its marks. Of the braces and bars, those that make choices are its signs; all else is plain.


def _signs(pieces: Sequence[str]) -> set[int]:
    """Return the places of the braces and bars that make choices: pairs of braces with a bar at their own level."""
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
    """Work a text out from its innermost choices to the whole, without recursion: thousands of braces may be nested."""
    pieces = _MARK.split(text)
    signs = _signs(pieces)
    levels = [[lift(())]]  # the options of each choice that is open, the last of them still growing
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
    """Compute how many prompts a text stands for. What is the same text whatever is chosen stays text on the way."""

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
    """Return a piece as a prompt has it: a sign that was escaped stands alone."""
    return piece[1:] if piece in ("\\{", "\\|", "\\}") else piece


def _filling(values: Mapping[str, str], otherwise: Callable[[str], str]) -> Callable[[str], str]:
    """Return how a piece is shown: a column by its value, what is no column as `otherwise` shows it."""
    known = {key(name): value for name, value in values.items()}

    def show(piece: str) -> str:
        name = _column(piece)
        if name is None:
            return otherwise(piece)
        if key(name) not in known:
            raise _unknown(name, list(values))
        return known[key(name)]

    return show


def _column(piece: str) -> str | None:
    """Return the name of the column that a piece stands for, or None when it is no column."""
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
    # Python refuses to write out thousands of digits, and nobody reads them.
    return f"{number:,}" if number < 10**36 else "more than 10³⁶"
