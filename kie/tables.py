"""Tables of requests: each row one prompt with settings of its own, or words for the prompt that the form has.

    file or clipboard ── cells ── Table: Row, Row, …  ── with the form's settings ── Line, Line, …  ── what would be sent

Reading costs nothing and sends nothing. A cell is text whatever it begins with: `=1+1` is a prompt of four signs.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kie import cells
from kie.cells import Cells, Sheet, refusal
from kie.columns import ALL, LABELS, OPTIONS, READERS, ROLES, SWITCH, roles
from kie.errors import RequestInvalid, TableRefused
from kie.expansion import combinations, key, names
from kie.generation import IMAGES_LIMIT, Fault, Generation

ROWS_LIMIT = 500
COLUMNS_LIMIT = 100
# Of a whole table, with all choices written out.
GENERATIONS_LIMIT = 1_000
# Rows are counted up to here, blank ones too.
ROWS_COUNTED = 20_000
_SHOWN = 40
_BEYOND = (
    "The row goes on beyond the last named column: name that column, or put quotation marks around a text with commas."
)
_NO_ROOM = (
    f"With this row the table stands for more than {GENERATIONS_LIMIT:,} prompts, the most that it may: "
    "take choices out, or switch rows off."
)


@dataclass(frozen=True)
class Row:
    """One row as it was read. None means: as in the form. Text where a number is meant could not be read.

    number       from 1 as in the file, its header excluded, blank rows counted
    references   positions from 1 among the form's references, or "all"
    values       the cells of all other columns, by the column's name
    """

    number: int
    on: bool = True
    prompt: str | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    output_format: str | None = None
    images: int | str | None = None
    references: tuple[int, ...] | str | None = None
    project: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Table:
    """What was read: the columns' names, the rows, and sentences about what was guessed or left out."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """What a row asks for: each generation `images` times. None at all if the row is off or has a fault."""

    number: int
    generations: tuple[Generation, ...] = ()
    images: int = 1
    project: str | None = None
    faults: tuple[Fault, ...] = ()
    note: str | None = None


def read(name: str, data: bytes, wanted: Collection[str] = ()) -> Table:
    """Read a table from a file: CSV (commas, semicolons or tabs), TSV, XLSX, or a `.txt` of prompts, one a line.

    `wanted` are the columns that the form's prompt uses: a column of that name is theirs, whatever else it could mean.
    Raises TableRefused in words: no table, nothing in it, or too much.
    """
    keys = {key(name) for name in wanted}
    return _table(cells.of_file(name, data, lambda texts: _known(texts, keys)), keys)


def pasted(text: str, wanted: Collection[str] = ()) -> Table:
    """Read cells that were copied out of a spreadsheet, or plain prompts, one a line. `wanted` and errors as for `read`."""
    keys = {key(name) for name in wanted}
    return _table(cells.of_clipboard(text, lambda texts: _known(texts, keys)), keys)


def row(number: int, on: bool, cells: Mapping[str, str], values: Mapping[str, str]) -> Row:
    """Read a row from cells that stand under the labels of the columns that set something; other names are passed over."""
    roles = {ROLES[key(label)]: text for label, text in cells.items() if key(label) in ROLES and text.strip()}
    read = {role: reader(roles[role]) for role, reader in READERS.items() if role in roles}
    return Row(number, on, values=dict(values), **read)


def requests(rows: Iterable[Row], defaults: Generation, images: int, references: Sequence[str]) -> list[Line]:
    """Work out what each row asks for, with the form's settings where it has none of its own. Nothing is sent.

    `references` are the ids of the form's pictures, which a row names by position; a row that names none sends those of
    `defaults`. A fault keeps back its own row alone.
    """
    lines: list[Line] = []
    first: dict[tuple[Generation, ...], int] = {}
    room = GENERATIONS_LIMIT
    for row in rows:
        line = _line(row, defaults, images, references, room)
        room -= len(line.generations)
        same = first.setdefault(line.generations, row.number) if line.generations else row.number
        if same != row.number:
            line = replace(line, note=" ".join(filter(None, (line.note, f"The same as row {same}."))))
        lines.append(line)
    return lines


# From cells to rows


@dataclass(frozen=True)
class _Header:
    """The columns' names, the places of those that set something, and the keys of those that prompts use."""

    names: tuple[str, ...]
    roles: Mapping[int, str]
    used: set[str]

    def label(self, place: int) -> str | None:
        """Return what a fault in this column is told under, or None where nobody reads the cell."""
        if place in self.roles:
            return LABELS[self.roles[place]]
        name = self.names[place] if place < len(self.names) else ""
        return name if name and key(name) in self.used else None


def _table(sheet: Sheet, wanted: set[str]) -> Table:
    taken = _taken(sheet, wanted)
    if not _known(taken[0][1].texts, wanted):
        return Table((), _plain_prompts(taken), sheet.notes)
    (top, first), *below = taken
    rows = [row for _, row in below]
    header = _header(first.texts, rows, wanted)
    blank_is_on = _blank_is_on(header, rows)
    read = tuple(_row(place - top, row, header, blank_is_on) for place, row in below)
    return Table(tuple(filter(None, header.names)), read, (*sheet.notes, *_notes(header)))


def _taken(sheet: Sheet, wanted: Collection[str]) -> list[tuple[int, Cells]]:
    """Return what is not blank, each row with its place, the header first if there is one. Raises TableRefused."""
    numbered = enumerate(itertools.islice(sheet.rows, ROWS_COUNTED))
    filled = ((place, row) for place, row in numbered if row.unread or any(map(str.strip, row.texts)))
    taken = list(itertools.islice(filled, ROWS_LIMIT + 2))
    if not taken:
        raise refusal("This table is empty", cells.ANOTHER)
    rows = taken[1:] if _known(taken[0][1].texts, wanted) else taken
    if not rows:
        raise refusal("This table has a header and no rows", "write at least one row below the header")
    # A workbook says where it ends, which spares reading it to the end.
    told = (sheet.length or 0) - rows[0][0]
    if len(rows) > ROWS_LIMIT and told > ROWS_LIMIT:
        raise _too_many(f"has {told:,} rows")
    counted = len(rows) + sum(1 for _ in filled)
    if next(sheet.rows, None):
        raise _too_many(f"goes on after {ROWS_COUNTED:,} rows, blank ones with them")
    if counted > ROWS_LIMIT:
        raise _too_many(f"has {counted:,} rows")
    return taken


def _too_many(rows: str) -> TableRefused:
    return refusal(f"This table {rows}, and at most {ROWS_LIMIT} are taken", "split it into several")


def _plain_prompts(taken: list[tuple[int, Cells]]) -> tuple[Row, ...]:
    """Take each row's only cell for a prompt. Raises TableRefused when there are several columns, and none has a known name."""
    filled = {at for _, row in taken for at, text in enumerate(row.texts) if text.strip() or at in row.unread}
    if len(filled) > 1:
        raise refusal(
            "The first row of this table names no column that the studio knows",
            "write Prompt, Aspect ratio, Resolution, Output format, Images, References, Project or On above the columns, or "
            "a column's name in {{…}} into the prompt first",
        )
    (at,) = filled
    return tuple(
        Row(place + 1, prompt=row.texts[at], faults=tuple(Fault("Prompt", reason) for reason in row.unread.values()))
        for place, row in taken
    )


def _known(texts: Sequence[str], wanted: Collection[str]) -> int:
    """Count the names that this row has for columns, as far as anybody knows them."""
    return sum(key(text) in wanted or key(text) in ROLES for text in texts[:COLUMNS_LIMIT])


def _header(texts: Sequence[str], rows: list[Cells], wanted: set[str]) -> _Header:
    """Read the first row. A column that a prompt uses, the form's or a row's own, is that prompt's and sets nothing."""
    named = [text.strip() for text in texts]
    while not named[-1]:
        named.pop()
    if len(named) > COLUMNS_LIMIT:
        raise refusal(
            f"This table has {len(named):,} columns, and at most {COLUMNS_LIMIT} are taken", "delete the others"
        )
    twice = [name for place, name in enumerate(named) if name and key(name) in map(key, named[:place])]
    if twice:
        raise refusal(f"Two columns of this table are called “{_short(twice[0])}”", "rename or delete one of them")
    prompts = [place for place, role in roles(named, wanted).items() if role == "prompt"]
    written = "\n".join(row.texts[place] for row in rows for place in prompts if place < len(row.texts))
    used = wanted | {key(name) for name in names(written)} - {key(named[place]) for place in prompts}
    return _Header(tuple(named), roles(named, used), used)


def _notes(header: _Header) -> Iterator[str]:
    places = [place for place in range(len(header.names)) if place not in header.roles]
    unused = [header.names[place] for place in places if header.names[place] and not header.label(place)]
    if unused:
        listed = ", ".join(f"“{_short(name)}”" for name in unused)
        yield f"Not used by any prompt: {listed}."
    for place in places:
        if header.label(place) and key(header.names[place]) in ROLES:
            yield f"A prompt uses the column “{header.names[place]}”, so it sets nothing else."
    if not all(header.names):
        yield "A column without a name was left out."


# From one row's cells to what they mean


def _row(number: int, row: Cells, header: _Header, blank_is_on: bool) -> Row:
    faults = [Fault(label, reason) for place, reason in row.unread.items() if (label := header.label(place))]
    width = len(header.names)
    if any(map(str.strip, row.texts[width:])):
        faults.append(Fault("Columns", _BEYOND))
    texts = row.texts[:width] + [""] * (width - len(row.texts))
    given = {role: texts[place] for place, role in header.roles.items() if texts[place].strip()}
    word = given.pop("on", "").strip()
    on = SWITCH.get(word.casefold()) if word else blank_is_on
    if on is None:
        faults.append(Fault("On", f"“{_short(word)}” is neither yes nor no."))
    others = [place for place, name in enumerate(header.names) if name and place not in header.roles]
    values = {header.names[place]: texts[place] for place in others}
    read = {role: READERS[role](text) for role, text in given.items()}
    return Row(number, on is not False, values=values, faults=tuple(faults), **read)


def _blank_is_on(header: _Header, rows: list[Cells]) -> bool:
    """Say what a blank cell of the column On means: no, where all that people wrote is marks for yes."""
    places = [place for place, role in header.roles.items() if role == "on"]
    written = {row.texts[place].strip().casefold() for place in places for row in rows if place < len(row.texts)}
    return {SWITCH[word] for word in written if word in SWITCH} != {True}


# From rows to requests


def _line(row: Row, defaults: Generation, images: int, references: Sequence[str], room: int) -> Line:
    line = Line(row.number, images=row.images if isinstance(row.images, int) else images, project=row.project)
    if not row.on:
        return line
    faults = [*row.faults, *_setting_faults(row, len(references))]
    prompt = defaults.prompt if row.prompt is None else row.prompt
    try:
        prompts = combinations(prompt, values=row.values)
    except RequestInvalid as error:
        prompts, faults = [], faults + error.faults
    if len(prompts) > room:
        prompts, faults = [], [*faults, Fault("Prompt", _NO_ROOM)]
    asked = _asked(row, defaults, references)
    generations = tuple(replace(asked, prompt=each) for each in prompts)
    faults += [fault for generation in generations for fault in generation.faults()]
    if faults:
        return replace(line, faults=tuple(dict.fromkeys(faults)))
    return replace(line, generations=generations, note=_blank_note(prompt, row.values))


def _asked(row: Row, defaults: Generation, references: Sequence[str]) -> Generation:
    """Return the form's request with the row's own settings, as far as they can be used."""
    read = {role: getattr(row, role) for role in OPTIONS}
    own = {role: value for role, value in read.items() if value in OPTIONS[role]}
    if row.references == ALL:
        own["references"] = tuple(references)
    elif isinstance(row.references, tuple) and _is_there(row.references, len(references)):
        own["references"] = tuple(references[position - 1] for position in row.references)
    return replace(defaults, **own)


def _setting_faults(row: Row, reference_count: int) -> Iterator[Fault]:
    for role, allowed in OPTIONS.items():
        value = getattr(row, role)
        if value is not None and value not in allowed:
            yield Fault(LABELS[role], f"“{_short(value)}” is not one of {', '.join(allowed)}.")
    if row.images is not None and row.images not in range(1, IMAGES_LIMIT + 1):
        yield Fault(LABELS["images"], f"“{_short(row.images)}” is not a number from 1 to {IMAGES_LIMIT}.")
    if isinstance(row.references, str) and row.references != ALL:
        yield Fault(LABELS["references"], f"“{_short(row.references)}” is neither numbers, such as 1, 3, nor “{ALL}”.")
    if isinstance(row.references, tuple) and not _is_there(row.references, reference_count):
        named = ", ".join(map(str, row.references))
        yield Fault(
            LABELS["references"],
            f"“{_short(named)}” names a picture that is not there: the form has {reference_count}.",
        )


def _is_there(positions: tuple[int, ...], reference_count: int) -> bool:
    return all(1 <= position <= reference_count for position in positions)


def _blank_note(prompt: str, values: Mapping[str, str]) -> str | None:
    blank = {key(name) for name, text in values.items() if not text.strip()}
    listed = ", ".join(f"“{_short(name)}”" for name in names(prompt) if key(name) in blank)
    return f"Blank here: {listed}." if listed else None


def _short(text: object) -> str:
    """Return the beginning of a cell, in one line, to be shown in a sentence."""
    line = " ".join(str(text).split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
