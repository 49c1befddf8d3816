"""The batch table: rows that are typed, pasted or read from a file, each with settings of its own, and editable.

The table is saved as a draft in the database, so that a reload loses nothing; the tab keeps the id of its draft.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pandas as pd
import streamlit as st

from kie.errors import EncodingUnsure, TableRefused
from kie.generation import OPTIONS
from kie.prompts import batch, expansion, table
from kie.prompts.table import ROWS_LIMIT, Row, Table
from kie.spreadsheets.charsets import Guess
from kie.studio import Studio
from kie.views import format
from pages.parts.composer import file_field
from pages.parts.recorded import recorded

OWN = ("On", "Row", "Check", "Prompt", *(option.label for option in OPTIONS), "Images", "References", "Project")
FILE_BYTES_LIMIT = 5_000_000
FILE_TYPES = ("csv", "tsv", "txt", "xlsx")
HEIGHT_PX = 320
ADDITION = "sheet_addition"
session = st.session_state


@dataclass(frozen=True)
class AmbiguousFile:
    """A file that does not name its encoding: the encodings that fit, the one used, and the table before the file was added."""

    name: str
    content: bytes
    before: list[dict[str, Any]]
    guesses: tuple[Guess, ...] = ()
    encoding: str | None = None
    key: str = field(default_factory=lambda: f"sheet-letters-{uuid4().hex}")


@dataclass(frozen=True)
class Addition:
    """The result of adding rows: why there are none, or notes about guesses, and the file if it has another possible encoding."""

    fault: str = ""
    notes: tuple[str, ...] = ()
    file: AmbiguousFile | None = None


def rows() -> list[Row]:
    """Return the rows of the table, with all edits."""
    return [_row(cells) for cells in _cells()]


def ask() -> None:
    """Show the buttons for adding and removing rows, and the result of the last addition."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.popover("Add rows", icon=":material/playlist_add:", key="sheet-add"):
            _ask_rows()
        if _cells():
            st.button("Empty the table", icon=":material/delete_sweep:", type="tertiary", on_click=_empty)
        if session.get("sheet_before"):
            st.button("Put the table back", icon=":material/undo:", type="tertiary", on_click=_put_back)
    addition = session.get(ADDITION, Addition())
    if addition.fault:
        st.error(format.escape(addition.fault), icon=":material/error:")
    if file := addition.file:
        # Two close guesses are for a person to decide; a clear one may be wrong, too.
        examples = {guess.encoding: f"{guess.label}: {guess.example}".removesuffix(": ") for guess in file.guesses}
        names, read = list(examples), {"placeholder": "Choose one", "on_change": recorded(_read_again)}
        index = names.index(file.encoding) if file.encoding else None
        st.selectbox(f"Encoding of {file.name}", names, index, examples.__getitem__, key=file.key, **read)
    for note in addition.notes:
        st.caption(format.escape(note))


def show(lines: Sequence[batch.Line]) -> None:
    """Show the rows in an editor, each with its faults."""
    cells = _base()
    if not cells:
        st.caption("Add rows from a file or from a spreadsheet, or type them. Rows without a prompt use the one below.")
        return
    rows = [{**row, "Check": _check(line)} for row, line in zip(cells, lines, strict=True)]
    # Edits are read from the editor's state, before the page is drawn.
    shown = {"hide_index": True, "num_rows": "fixed", "disabled": ["Row", "Check"], "alt": "The table of requests"}
    drawn, height = pd.DataFrame(rows, columns=_columns(cells)), min(HEIGHT_PX, 40 + 35 * len(cells))
    st.data_editor(drawn, key=_editor(), column_config=_config(cells), height=height, on_change=_keep, **shown)
    wrong = [f"Row {line.number}: {line.faults[0].sentence}" for line in lines if line.faults]
    if wrong:
        one, many = "1 row has an error. Fix it or switch it off.", "{} rows have errors. Fix or switch them off."
        listed = _first(wrong, "And {} more, each marked in its row.")
        faults = " ".join([one if len(wrong) == 1 else many.format(len(wrong)), *listed])
        st.error(format.escape(faults), icon=":material/error:")


def _first(sentences: Sequence[str], more: str) -> list[str]:
    """Return the first three sentences, and one with the number of the others."""
    return [*sentences[:3], *[more.format(len(sentences) - 3)] * (len(sentences) > 3)]


def _check(line: batch.Line) -> str:
    if line.faults:
        return " ".join(fault.sentence for fault in line.faults)
    return line.note or ("Ready" if line.generations else "Off")


# -- the cells


def _cells() -> list[dict[str, Any]]:
    """Return the rows with the edits since they were drawn."""
    edited = session.get(_editor(), {}).get("edited_rows", {})
    return [{**row, **edited.get(number, edited.get(str(number), {}))} for number, row in enumerate(_base())]


def _base() -> list[dict[str, Any]]:
    """Return the rows as they were drawn; in a new session, those of the tab's draft."""
    if "sheet" not in session and session["draft"]:
        kept = Studio.current().library.draft(session["draft"])
        session["sheet"] = json.loads(kept)["rows"] if kept else []
    return session.get("sheet", [])


def _editor() -> str:
    return f"sheet-editor-{session.get('sheet_version', 0)}"


def _columns(cells: Sequence[dict[str, Any]]) -> list[str]:
    variables = [name for row in cells for name in row if name not in OWN]
    has_project = any(row.get("Project") for row in cells)
    own = [name for name in OWN if name != "Project" or has_project]
    place = own.index("Prompt") + 1
    return [*own[:place], *dict.fromkeys(variables), *own[place:]]


def _config(cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    column = st.column_config
    found = {
        "On": column.CheckboxColumn("On", width=55),
        "Row": column.NumberColumn("Row", width=45),
        "Check": column.TextColumn("Check", width=150),
        "Prompt": column.TextColumn("Prompt", width=260, help="Empty: the prompt below."),
        "Images": column.TextColumn("Images", width=60, help="1 to 8; empty: as below."),
        "References": column.TextColumn("References", width=90, help='Such as 1, 3, or "all"; empty: as below.'),
    }
    for option in OPTIONS:
        odd = {row.get(option.label) for row in cells} - {None, "", *option.values}
        found[option.label] = column.SelectboxColumn(option.label, options=[*option.values, *sorted(odd)], width=95)
    return found


def _row(cells: dict[str, Any]) -> Row:
    own = {name: _text(cells.get(name)) for name in OWN}
    values = {name: _text(value) for name, value in cells.items() if name not in OWN}
    return table.row(int(cells["Row"]), bool(cells["On"]), own, values)


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def _written(row: Row, number: int) -> dict[str, Any]:
    """Return a row as cells for the editor. Text that could not be parsed is kept."""
    images = "" if row.images is None else str(row.images)
    references = row.references if isinstance(row.references, str) else ", ".join(map(str, row.references or ()))
    own = {
        # An unreadable cell is blank here, and a blank cell would mean the form's value.
        "On": row.on and not row.faults,
        "Row": number,
        "Prompt": row.prompt or "",
        **{option.label: row.options.get(option.name) for option in OPTIONS},
        "Images": images,
        "References": "none" if row.references == () else references,
        "Project": row.project or "",
    }
    return {**row.values, **own}


# -- adding rows


def _ask_rows() -> None:
    file_field.ask("CSV or Excel file", FILE_TYPES, FILE_BYTES_LIMIT, "sheet-file", _read_file)
    st.text_area("Or paste cells, or one prompt a line", key="sheet-text", height=120)
    with st.container(horizontal=True):
        st.button("Add these", key="sheet-paste", on_click=_read_text)
        st.button("Add an empty row", key="sheet-blank", type="tertiary", on_click=_add_blank)


def _read_file(name: str, content: bytes) -> None:
    _take(lambda: table.read(name, content, _wanted()), AmbiguousFile(name, content, _cells()))


def _read_again() -> None:
    """Read the file again with the chosen encoding. The present table can be restored."""
    file: AmbiguousFile = session[ADDITION].file
    encoding = session.get(file.key)
    if encoding is None:
        return
    if file.encoding:
        session["sheet_before"] = _cells()
    _put(file.before)
    _take(lambda: table.read(file.name, file.content, _wanted(), encoding), file)


def _read_text() -> None:
    if _take(lambda: table.pasted(session["sheet-text"], _wanted())):
        session["sheet-text"] = ""


def _wanted() -> list[str]:
    return expansion.names(session["prompt"])


def _take(read: Callable[[], Table], file: AmbiguousFile | None = None) -> bool:
    """Add the rows that `read` returns, and return whether it did. A `file` that fits several encodings can be read again."""
    try:
        found = read()
        if len(found.rows) > ROWS_LIMIT - len(_base()):
            more = f"With these {len(found.rows)} rows the table would have more than {ROWS_LIMIT}"
            raise TableRefused(f"{more}, so none was added: empty it first, or send it.")
    except TableRefused as error:
        if file and isinstance(error, EncodingUnsure):
            file = replace(file, guesses=error.guesses)
        session[ADDITION] = Addition(error.sentence, file=file if file and file.guesses else None)
        return False
    if file and found.guesses:
        file = replace(file, guesses=found.guesses, encoding=found.guesses[0].encoding)
    notes = (*found.notes, *_gone_note(found.rows), *_off_notes(found.rows))
    session[ADDITION] = Addition("", notes, file if found.guesses else None)
    _add(found.rows)
    return True


def _gone_note(rows: Sequence[Row]) -> list[str]:
    """Return a note about references of an export of ours that no longer exist."""
    named = {
        each for row in rows if isinstance(row.references, tuple) for each in row.references if isinstance(each, str)
    }
    gone = len(named) - len(Studio.current().store.references.get_many(sorted(named)))
    return [f"References that are no longer here: {gone}. Rows with them can't be sent."] * bool(gone)


def _off_notes(rows: Sequence[Row]) -> list[str]:
    """Return notes about rows that are switched off because a cell can't be read."""
    off = [f"Row {row.number} is switched off: {row.faults[0].sentence}" for row in rows if row.faults]
    return _first(off, "{} more rows are switched off like that.")


def _add_blank() -> None:
    session[ADDITION] = Addition()
    if len(_base()) < ROWS_LIMIT:
        _add([Row(0)])


def _add(new: Iterable[Row]) -> None:
    cells = _cells()
    start = max((int(row["Row"]) for row in cells), default=0)
    added = list(new)
    # Rows keep the numbers of their file if the table was empty.
    numbered = [row if row.number and not cells else replace(row, number=start + at) for at, row in enumerate(added, 1)]
    _put([*cells, *(_written(row, row.number) for row in numbered)])


def _empty() -> None:
    session["sheet_before"], session[ADDITION] = _cells(), Addition()
    _put([])


def _put_back() -> None:
    session[ADDITION] = Addition()
    _put(session.pop("sheet_before"))


# -- the draft


def _put(cells: list[dict[str, Any]]) -> None:
    session["sheet"], session["sheet_version"] = cells, session.get("sheet_version", 0) + 1
    _keep()


def _keep() -> None:
    """Save the table as a draft."""
    session["draft"] = session["draft"] or uuid4().hex
    # Streamlit drops the editor's state on a change of page, so its edits are merged here. Applying them again is harmless.
    session["sheet"] = _cells()
    recorded(Studio.current().library.keep_draft)(session["draft"], json.dumps({"rows": _cells()}))
