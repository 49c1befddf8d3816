"""The table of requests: rows typed, pasted or read from a file, each with settings of its own, mended where they stand.

The table is kept as a draft in the database, so that a reload loses no cell; the tab remembers which draft is its own.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pandas as pd
import streamlit as st

from kie import expansion, tables
from kie.errors import TableRefused
from kie.generation import ASPECT_RATIOS, OUTPUT_FORMATS, RESOLUTIONS
from kie.studio import Studio
from kie.tables import ROWS_LIMIT, Row

SETTINGS = {"Aspect ratio": ASPECT_RATIOS, "Resolution": RESOLUTIONS, "Output format": OUTPUT_FORMATS}
OWN = ("On", "Row", "Check", "Prompt", *SETTINGS, "Images", "References", "Project")
FILE_MB = 5
FILE_TYPES = ("csv", "tsv", "txt", "xlsx")
HEIGHT_PX = 320
form = st.session_state


def rows() -> list[Row]:
    """Return the table's rows as they stand, cell by cell."""
    return [_row(cells) for cells in _cells()]


def ask() -> None:
    """Show the table to be filled and mended, and take rows in."""
    _load()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.popover("Add rows", icon=":material/playlist_add:", key="sheet-add"):
            _ask_rows()
        if _cells():
            st.button("Empty the table", icon=":material/delete_sweep:", type="tertiary", on_click=_empty)
        if form.get("sheet_before"):
            st.button("Put the table back", icon=":material/undo:", type="tertiary", on_click=_put_back)
    if form.get("sheet_fault"):
        st.error(form["sheet_fault"], icon=":material/error:")
    for note in form.get("sheet_notes", []):
        st.caption(note)


def show(lines: Sequence[tables.Line]) -> None:
    """Show the rows with what is wrong with each beside it; every cell can be mended in its place."""
    cells = _base()
    if not cells:
        st.caption("Add rows from a file or from a spreadsheet, or type them. Rows without a prompt use the one above.")
        return
    checks = [_check(line) for line in lines]
    frame = pd.DataFrame(
        [{**row, "Check": check} for row, check in zip(cells, checks, strict=True)], columns=_columns(cells)
    )
    edited = st.data_editor(
        frame,
        key=_editor(),
        hide_index=True,
        num_rows="fixed",
        disabled=["Row", "Check"],
        column_config=_config(cells),
        height=min(HEIGHT_PX, 40 + 35 * len(cells)),
        on_change=_keep,
        alt="The table of requests",
    )
    del edited  # what was edited is read from the editor's state, before the page is drawn
    wrong = sum(bool(line.faults) for line in lines)
    if wrong:
        st.error(_told_wrong(lines), icon=":material/error:")


def _told_wrong(lines: Sequence[tables.Line]) -> str:
    faulty = [line for line in lines if line.faults]
    first = " ".join(f"Row {line.number}: {line.faults[0].sentence}" for line in faulty[:3])
    more = f" And {len(faulty) - 3} more, each marked in its row." if len(faulty) > 3 else ""
    if len(faulty) == 1:
        return f"1 row has a fault, so nothing can be sent: mend it in the table, or switch it off. {first}"
    return f"{len(faulty)} rows have faults, so nothing can be sent: mend them in the table, or switch them off. {first}{more}"


def _check(line: tables.Line) -> str:
    if line.faults:
        return " ".join(fault.sentence for fault in line.faults)
    return line.note or ("Ready" if line.generations else "Off")


# -- cells, as they are kept


def _cells() -> list[dict[str, Any]]:
    """Return the rows with what was edited in them since they were drawn."""
    edited = form.get(_editor(), {}).get("edited_rows", {})
    return [{**row, **edited.get(number, edited.get(str(number), {}))} for number, row in enumerate(_base())]


def _base() -> list[dict[str, Any]]:
    return form.get("sheet", [])


def _editor() -> str:
    return f"sheet-editor-{form.get('sheet_version', 0)}"


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
        "Prompt": column.TextColumn("Prompt", width=260, help="Empty: the prompt above."),
        "Images": column.TextColumn("Images", width=60, help="1 to 8; empty: as below."),
        "References": column.TextColumn(
            "References", width=90, help='Numbers such as 1, 3, or "all"; empty: as above.'
        ),
    }
    for name, options in SETTINGS.items():
        odd = {row.get(name) for row in cells} - {None, "", *options}
        found[name] = column.SelectboxColumn(name, options=[*options, *sorted(odd)], width=95)
    return found


def _row(cells: dict[str, Any]) -> Row:
    own = {name: _text(cells.get(name)) for name in OWN}
    values = {name: _text(value) for name, value in cells.items() if name not in OWN}
    return tables.row(int(cells["Row"]), bool(cells["On"]), own, values)


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def _written(row: Row, number: int) -> dict[str, Any]:
    """Write a row that was read as cells to be edited; what could not be read stands as it came."""
    images = "" if row.images is None else str(row.images)
    references = row.references if isinstance(row.references, str) else ", ".join(map(str, row.references or ()))
    own = {
        "On": row.on,
        "Row": number,
        "Prompt": row.prompt or "",
        "Aspect ratio": row.aspect_ratio,
        "Resolution": row.resolution,
        "Output format": row.output_format,
        "Images": images,
        "References": "none" if row.references == () else references,
        "Project": row.project or "",
    }
    return {**row.values, **own}


# -- taking rows in


def _ask_rows() -> None:
    file = {"type": FILE_TYPES, "max_upload_size": FILE_MB, "key": f"sheet-file-{form.get('sheet_files', 0)}"}
    st.file_uploader("CSV or Excel file", **file, on_change=_read_file, args=(file["key"],))
    st.text_area("Or paste cells, or one prompt a line", key="sheet-text", height=120)
    with st.container(horizontal=True):
        st.button("Add these", key="sheet-paste", on_click=_read_text)
        st.button("Add an empty row", key="sheet-blank", type="tertiary", on_click=_add_blank)


def _read_file(key: str) -> None:
    if key != f"sheet-file-{form.get('sheet_files', 0)}":
        return  # this file was read already, by a run that was cut short
    chosen = form.get(key)
    form["sheet_files"] = form.get("sheet_files", 0) + 1
    if chosen is not None:
        _take(lambda: tables.read(chosen.name, chosen.getvalue(), _wanted()))


def _read_text() -> None:
    text = form["sheet-text"]
    if _take(lambda: tables.pasted(text, _wanted())):
        form["sheet-text"] = ""


def _wanted() -> list[str]:
    return expansion.names(form["prompt"])


def _take(read: Any) -> bool:
    try:
        table = read()
        room = ROWS_LIMIT - len(_base())
        if len(table.rows) > room:
            raise TableRefused(
                f"With these {len(table.rows)} rows the table would have more than {ROWS_LIMIT}, so none was added and "
                "no credits were spent: empty it first, or send it."
            )
    except TableRefused as error:
        form["sheet_fault"], form["sheet_notes"] = error.sentence, []
        return False
    form["sheet_fault"], form["sheet_notes"] = "", list(table.notes)
    _add(table.rows)
    return True


def _add_blank() -> None:
    form["sheet_fault"] = ""
    if len(_base()) < ROWS_LIMIT:
        _add([Row(0)])


def _add(new: Iterable[Row]) -> None:
    cells = _cells()
    start = max((int(row["Row"]) for row in cells), default=0)
    added = list(new)
    # Rows keep the numbers of their file as long as they are the only ones.
    numbered = [row if row.number and not cells else replace(row, number=start + at) for at, row in enumerate(added, 1)]
    _put([*cells, *(_written(row, row.number) for row in numbered)])


def _empty() -> None:
    form["sheet_before"] = _cells()
    form["sheet_notes"], form["sheet_fault"] = [], ""
    _put([])


def _put_back() -> None:
    _put(form.pop("sheet_before"))


# -- kept over a reload


def _load() -> None:
    """Bring back the draft that this tab was working on."""
    if form["draft"] and form.get("sheet_draft") != form["draft"]:
        form["sheet_draft"] = form["draft"]
        kept = Studio.current().draft(form["draft"])
        if kept and not _base():
            form["sheet"] = json.loads(kept)["rows"]


def _put(cells: list[dict[str, Any]]) -> None:
    form["sheet"], form["sheet_version"] = cells, form.get("sheet_version", 0) + 1
    _keep()


def _keep() -> None:
    """Keep the table as it stands."""
    form["draft"] = form["draft"] or uuid4().hex
    form["sheet_draft"] = form["draft"]
    # The editor's own state is gone with a look at another page, so what it holds is folded in; it changes the same cells again.
    form["sheet"] = _cells()
    Studio.current().keep_draft(form["draft"], json.dumps({"rows": _cells()}))
