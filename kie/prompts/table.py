"""Tables read from a file or the clipboard: each row has a prompt and settings of its own, or values for the form's prompt.

    file or clipboard ── cells (kie/spreadsheets) ── Table: Row, Row, …

Reading costs nothing and sends nothing. A cell is always text: `=1+1` is a prompt of four characters.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kie.errors import TableRefused
from kie.generation import OPTIONS, Fault, is_control
from kie.prompts import columns
from kie.prompts.columns import LABELS, ROLES, SWITCH, is_ids, quoted, roles, short
from kie.prompts.expansion import key, literal, names
from kie.spreadsheets import reader as sheet_reader
from kie.spreadsheets.charsets import Guess
from kie.spreadsheets.formulas import is_ours, unguarded
from kie.spreadsheets.reader import BYTES_LIMIT, too_large
from kie.spreadsheets.sheets import ANOTHER, COLUMNS_LIMIT, Cells, Sheet
from kie.text import tidied

ROWS_LIMIT = 500
# Rows are counted up to this number, including blank ones.
ROWS_COUNTED = 20_000
_BEYOND = (
    "The row goes on beyond the last named column: name that column, or put quotation marks around a text with commas."
)
_FROM_HERE = "A list from the history: each row is one picture, with the references of its request."
_BESIDE = "The cell is merged with the one before it, so it is not clear what it says: unmerge the cells."
_DAMAGED = "The cell has a damaged character (\ufffd): type it again."
_NO_ROWS = "This table has a header and no rows: write at least one row below the header."
_NO_NAMES = (
    "The first row of this table names no column that the studio knows: write Prompt, "
    f"{', '.join(option.label for option in OPTIONS)}, Images, References, Project or On above the columns, "
    "or a column's name in {{…}} into the prompt first."
)


@dataclass(frozen=True)
class Row:
    """A row as read. None means the form's value. Text in place of a number or tuple could not be parsed.

    number       from 1 as in the file, without the header, counting blank rows
    options      the options that the row sets itself, by name
    references   positions from 1 among the form's references, or ids of references, or "all"
    values       the cells of all other columns, by column name
    """

    number: int
    on: bool = True
    prompt: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    images: int | str | None = None
    references: tuple[int, ...] | tuple[str, ...] | str | None = None
    project: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table as read: rows, and notes about what was guessed or ignored.

    `guesses` are the encodings that fit a text file which does not name its own, the one used first.
    """

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    guesses: tuple[Guess, ...] = ()


def read(name: str, data: bytes, wanted: Collection[str] = (), encoding: str | None = None) -> Table:
    """Read a table from a file: CSV (commas, semicolons or tabs), TSV, XLSX, or a `.txt` file with one prompt per line.

    `wanted` are the columns used by the form's prompt: a column of such a name sets no option. `encoding` is one that a
    person has chosen among the guesses. Raises TableRefused with a sentence when there is no table, or it is empty or
    too large, and EncodingUnsure, with the guesses, when two of them are about as likely and none is chosen.
    """
    keys = {key(name) for name in wanted}
    return _table(sheet_reader.of_file(name, data, lambda texts: _known(texts, keys), encoding), keys)


def pasted(text: str, wanted: Collection[str] = ()) -> Table:
    """Read cells copied from a spreadsheet, or plain prompts, one per line. `wanted` and errors as for `read`."""
    keys = {key(name) for name in wanted}
    return _table(sheet_reader.of_clipboard(text, lambda texts: _known(texts, keys)), keys)


def row(number: int, on: bool, cells: Mapping[str, str], values: Mapping[str, str]) -> Row:
    """Return a row from cells keyed by column label. Labels that set no option are ignored."""
    typed = {label: tidied(text) if any(map(is_control, text)) else text for label, text in cells.items()}
    given = {ROLES[key(label)]: text for label, text in typed.items() if key(label) in ROLES and text.strip()}
    return Row(number, on, values=dict(values), **columns.read(given))


@dataclass(frozen=True)
class _Header:
    """The header's row (-1 if there is none), the column names, the role of each column that sets an option by index.

    `used` are the keys of the columns used by prompts.
    """

    place: int
    names: tuple[str, ...]
    roles: Mapping[int, str]
    used: Collection[str] = ()

    def label(self, place: int) -> str | None:
        """Return the label for faults in a column, or None when its cells are not used."""
        if place in self.roles:
            return LABELS[self.roles[place]]
        name = self.names[place] if place < len(self.names) else ""
        return name if name and key(name) in self.used else None


def _table(sheet: Sheet, wanted: set[str]) -> Table:
    rows = _taken(sheet, wanted)
    is_from_here = _is_from_here(rows)
    rows = _as_sent(rows, wanted, sheet.is_guarded) if is_from_here else list(map(_tidied, rows))
    if not _known(rows[0].texts, wanted):
        header, about = _no_header(rows), ()
    else:
        first, *rows = _one_header(rows, wanted)
        header = _header(first, rows, wanted)
        about = (_FROM_HERE,) if is_from_here else _notes(header, sheet.hidden)
    blank_is_on = _blank_is_on(header, rows)
    read = [_row(row, header, blank_is_on) for row in rows]
    if is_from_here:
        read = [_of_one_picture(row, wanted) for row in read]
    notes = (*sheet.notes, *_layout_notes(rows, header), *about)
    return Table(tuple(read), notes, sheet.guesses)


def _taken(sheet: Sheet, wanted: Collection[str]) -> list[Cells]:
    """Return the rows that are not blank, the header first if there is one. Raises TableRefused."""
    numbered = (row._replace(place=at) for at, row in enumerate(itertools.islice(sheet.rows, ROWS_COUNTED)))
    filled = (row for row in numbered if row.unread or any(tidied(text).strip() for text in row.texts))
    taken = list(itertools.islice(filled, ROWS_LIMIT + 2))
    if not taken:
        raise TableRefused(f"This table is empty: {ANOTHER}.")
    # In a workbook, many cells may share one long text.
    if (size := sum(len(text) for row in taken for text in row.texts)) > BYTES_LIMIT:
        raise too_large(size)
    counted = len(taken) + sum(1 for _ in filled) - bool(_known(taken[0].texts, wanted))
    if next(sheet.rows, None):
        raise _too_many(f"has more than {ROWS_COUNTED:,} rows, blank ones included")
    if counted > ROWS_LIMIT:
        raise _too_many(f"has {counted:,} rows")
    return taken


def _one_header(rows: list[Cells], wanted: Collection[str]) -> list[Cells]:
    """Join the rows of a header that has merged cells over several rows. Raises TableRefused when no rows are left."""
    first, *below = rows
    while below and _goes_on(first, below[0], wanted):
        more, *below = below
        longest = itertools.zip_longest(first.texts, more.texts, fillvalue="")
        first = more._replace(texts=[lower if lower.strip() else upper for upper, lower in longest])
    if not below:
        raise TableRefused(_NO_ROWS)
    return [first, *below]


def _goes_on(header: Cells, row: Cells, wanted: Collection[str]) -> bool:
    """Return whether a row continues the header: a known name is merged down into it, or all its cells are known names below merged ones."""
    named = [text for text in row.texts if text.strip()]
    is_below_wide = bool(header.beside) and _known(named, wanted) == len(named)
    return is_below_wide or bool(_known([row.texts[at] for at in row.above], wanted))


def _tidied(row: Cells) -> Cells:
    """Return a row with tidied texts, and faults for damaged letters."""
    damaged = {at: _DAMAGED for at, text in enumerate(row.texts) if "\ufffd" in text}
    return row._replace(texts=list(map(tidied, row.texts)), unread=damaged | row.unread)


def _is_from_here(rows: Sequence[Cells]) -> bool:
    """Return whether a table is an export of ours, possibly with deleted columns."""
    places = [at for at, role in roles(rows[0].texts, ()).items() if role == "references"]
    return is_ours(rows[0].texts) or any(is_ids(row.text(at)) for row in rows for at in places)


def _as_sent(rows: list[Cells], wanted: Collection[str], is_guarded: bool) -> list[Cells]:
    """Return the rows of an export of ours with the prompts that were sent: without formula protection, braces escaped."""
    bare = unguarded if is_guarded else str
    first, *below = [row._replace(texts=list(map(bare, row.texts))) for row in rows]
    prompts = [at for at, role in roles(first.texts, wanted).items() if role == "prompt"]
    for row in below:
        for at in prompts:
            row.texts[at : at + 1] = map(literal, row.texts[at : at + 1])
    return [first, *below]


def _of_one_picture(row: Row, wanted: Collection[str]) -> Row:
    """Return a row of an export of ours: its column "images" counts the pictures of a submission, each of which has a row."""
    used = {name: text for name, text in row.values.items() if key(name) in wanted}
    return replace(row, images=1, references=row.references or (), values=used)


def _too_many(rows: str) -> TableRefused:
    return TableRefused(f"This table {rows}, and the limit is {ROWS_LIMIT}: split it into several.")


def _no_header(rows: Sequence[Cells]) -> _Header:
    """Return the header of a table with one column, of prompts. Raises TableRefused for several columns without a known name."""
    filled = {at for row in rows for at, text in enumerate(row.texts) if text.strip() or at in row.unread}
    if len(filled) > 1:
        raise TableRefused(_NO_NAMES)
    (at,) = filled
    return _Header(-1, ("",) * at + ("prompt",), {at: "prompt"})


def _known(texts: Sequence[str], wanted: Collection[str]) -> int:
    """Return how many cells of a row are known column names."""
    return sum(key(text) in wanted or key(text) in ROLES for text in texts[:COLUMNS_LIMIT])


def _header(first: Cells, rows: Sequence[Cells], wanted: set[str]) -> _Header:
    """Parse the first row. Columns used in the form's prompt or in prompts of the table set no option. Raises TableRefused."""
    named = [text.strip() for text in first.texts]
    while not named[-1]:
        named.pop()
    if len(named) > COLUMNS_LIMIT:
        raise TableRefused(
            f"This table has {len(named):,} columns, and the limit is {COLUMNS_LIMIT}: delete the others."
        )
    twice = [name for place, name in enumerate(named) if name and key(name) in map(key, named[:place])]
    if twice:
        raise TableRefused(f"Two columns of this table are called “{short(twice[0])}”: rename or delete one of them.")
    prompts = [place for place, role in roles(named, wanted).items() if role == "prompt"]
    written = "\n".join(row.text(place) for row in rows for place in prompts)
    used = wanted | {key(name) for name in names(written)} - {key(named[place]) for place in prompts}
    return _Header(first.place, tuple(named), roles(named, used), used)


def _layout_notes(rows: Sequence[Cells], header: _Header) -> Iterator[str]:
    """Yield notes with the used columns in which cells are merged over several rows, and the number of hidden rows."""
    places = sorted({at for row in rows for at in row.above if row.texts[at].strip()})
    labels = [label for at in places if (label := header.label(at))]
    if labels:
        yield f"Merged cells count for each row that they cover: {quoted(labels)}."
    count = sum(row.is_hidden for row in rows)
    if count:
        are = "row is hidden in the sheet, so it is" if count == 1 else "rows are hidden in the sheet, so they are"
        yield f"{count} {are} switched off here."


def _notes(header: _Header, hidden: Collection[int]) -> Iterator[str]:
    unseen = [label for at in sorted(hidden) if (label := header.label(at))]
    if unseen:
        yield f"Hidden in the sheet and read nevertheless: {quoted(unseen)}."
    places = [place for place in range(len(header.names)) if place not in header.roles]
    unused = [header.names[place] for place in places if header.names[place] and not header.label(place)]
    if unused:
        yield f"Not used by any prompt: {quoted(unused)}."
    for place in places:
        if header.label(place) and key(header.names[place]) in ROLES:
            yield f"A prompt uses the column “{header.names[place]}”, so it sets nothing else."
    if not all(header.names):
        yield "A column without a name was left out."


def _row(row: Cells, header: _Header, blank_is_on: bool) -> Row:
    faults = [Fault(label, reason) for place, reason in row.unread.items() if (label := header.label(place))]
    faults += [Fault(label, _BESIDE) for place in sorted(row.beside) if (label := header.label(place))]
    if any(map(str.strip, row.texts[len(header.names) :])):
        faults.append(Fault("Columns", _BEYOND))
    given = {role: row.text(place) for place, role in header.roles.items() if row.text(place).strip()}
    word = given.pop("on", "").strip()
    on = SWITCH.get(word.casefold()) if word else blank_is_on
    if on is None:
        faults.append(Fault("On", f"“{short(word)}” is neither yes nor no."))
    named = enumerate(header.names)
    values = {name: row.text(place) for place, name in named if name and place not in header.roles}
    is_on = on is not False and not row.is_hidden
    return Row(row.place - header.place, is_on, values=values, faults=tuple(faults), **columns.read(given))


def _blank_is_on(header: _Header, rows: Sequence[Cells]) -> bool:
    """Return whether a blank cell in the column On means yes. It means no if the column has only marks for yes."""
    places = [place for place, role in header.roles.items() if role == "on"]
    written = {row.text(place).strip().casefold() for place in places for row in rows}
    return {SWITCH[word] for word in written if word in SWITCH} != {True}
