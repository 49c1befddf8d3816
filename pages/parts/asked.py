"""What the form asks for, written out: one request, its choices, or the rows of a table. And the list of exactly that."""

from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from kie import expansion, tables
from kie.errors import RequestInvalid
from kie.generation import Fault, Generation, Wanted
from kie.studio import Studio
from pages.parts import sheet, uploads, words

LISTED = 500
form = st.session_state


@dataclass(frozen=True)
class Request:
    """Everything that a press would send now, in order, and what is wrong with it."""

    wanted: tuple[Wanted, ...] = ()
    faults: tuple[Fault, ...] = ()
    lines: tuple[tables.Line, ...] = ()


def now() -> Request:
    """Return what a press would send at this moment."""
    return _of_table() if form["as_table"] else _of_prompt()


def base() -> Generation:
    """Return the form's own request, as it stands."""
    return Generation(
        form["prompt"], tuple(uploads.reference_ids()), form["aspect_ratio"], form["resolution"], form["output_format"]
    )


def has_variables() -> bool:
    """Say whether the prompt has choices or columns that could be written out."""
    return expansion.has_choices(form["prompt"]) or bool(expansion.names(form["prompt"]))


def ask_variables() -> None:
    """Ask whether braces in the prompt are choices, if there are any, and say what they stand for."""
    if not has_variables():
        return
    st.toggle("Write out {a|b} choices and {{columns}}", key="written_out", persist_state="session")
    if not form["written_out"]:
        st.caption("The prompt is sent as it stands, braces and all.")
    elif not form["as_table"]:
        st.caption(_choices(expansion.count(form["prompt"])))


def _choices(count: int) -> str:
    """Say how many prompts the choices stand for."""
    if count == 1:
        return "The choices stand for 1 prompt."
    told = f"{count:,}" if count < 10**9 else "too many"
    limit = (
        f", more than the {expansion.COMBINATIONS_LIMIT} of one press: take choices away."
        if count > expansion.COMBINATIONS_LIMIT
        else "."
    )
    return f"The choices stand for {told} prompts{limit}"


def show_list(request: Request) -> None:
    """List exactly what will be sent, row by row, when that is more than one request."""
    if len(request.wanted) < 2:
        return
    with st.expander(
        f"What will be sent: {words.pictures(sum(each.images for each in request.wanted))}",
        key="list-open",
        on_change="rerun",
    ) as box:
        if box.open:
            rows = [_listed(number, each) for number, each in enumerate(request.wanted[:LISTED], start=1)]
            st.dataframe(
                pd.DataFrame(rows), hide_index=True, height=min(300, 40 + 35 * len(rows)), alt="What will be sent"
            )
            if len(request.wanted) > LISTED:
                st.caption(f"And {len(request.wanted) - LISTED:,} more.")


def _listed(number: int, wanted: Wanted) -> dict[str, object]:
    generation, price = wanted.generation, Studio.current().price(wanted.generation.resolution)
    positions = [
        uploads.reference_ids().index(each) + 1 for each in generation.references if each in uploads.reference_ids()
    ]
    return {
        "Row": wanted.row or number,
        "Prompt": generation.prompt,
        "Settings": f"{generation.aspect_ratio} · {generation.resolution} · {generation.output_format.upper()}",
        "References": ", ".join(map(str, positions)),
        "Images": wanted.images,
        "Credits": price.credits * wanted.images if price else None,
    }


def _of_prompt() -> Request:
    request, images = base(), form["images"] or 1
    if not form["written_out"] or not has_variables():
        return Request((Wanted(request, images),))
    try:
        if expansion.names(request.prompt):
            raise RequestInvalid([Fault("Prompt", _NO_TABLE)])
        prompts = expansion.combinations(request.prompt)
    except RequestInvalid as error:
        return Request(faults=tuple(error.faults))
    return Request(tuple(Wanted(replace(request, prompt=prompt), images) for prompt in prompts))


def _of_table() -> Request:
    request = base() if form["written_out"] else replace(base(), prompt=_escaped(form["prompt"]))
    lines = tuple(tables.requests(sheet.rows(), request, form["images"] or 1, uploads.reference_ids()))
    wanted = tuple(
        Wanted(generation, line.images, line.number, project=line.project)
        for line in lines
        for generation in line.generations
    )
    faults = tuple(Fault("Table", f"Row {line.number}: {fault.sentence}") for line in lines for fault in line.faults)
    return Request(() if faults else wanted, faults, lines)


def _escaped(prompt: str) -> str:
    return prompt.translate({ord(sign): f"\\{sign}" for sign in "{|}"})


_NO_TABLE = "{{…}} takes its value from a column of a table: switch the table on, or send the braces as they stand."
