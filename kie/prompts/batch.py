"""The requests of the rows of a table.

    Table: Row, Row, … ── with the form's settings ── Line, Line, … ── requests

A row with a fault does not affect the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kie.errors import RequestInvalid
from kie.generation import IMAGES_LIMIT, OPTIONS, Fault, Generation
from kie.prompts.columns import ALL, LABELS, quoted, short
from kie.prompts.expansion import combinations, key, names
from kie.prompts.table import Row

# For a whole table, with all choices expanded.
GENERATIONS_LIMIT = 1_000
_NO_ROOM = (
    f"With this row the table expands to more than {GENERATIONS_LIMIT:,} prompts, the limit: "
    "remove choices, or switch rows off."
)


@dataclass(frozen=True)
class Line:
    """The requests of a row: each generation `images` times. No generations if the row is off or has a fault."""

    number: int
    generations: tuple[Generation, ...] = ()
    images: int = 1
    project: str | None = None
    faults: tuple[Fault, ...] = ()
    note: str | None = None


def requests(rows: Iterable[Row], defaults: Generation, images: int, references: Sequence[str]) -> list[Line]:
    """Return the requests of each row, with the form's settings where the row has none of its own. Nothing is sent.

    `references` are the ids of the form's references, which rows select by position; a row without a selection uses
    those of `defaults`.
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


def _line(row: Row, defaults: Generation, images: int, references: Sequence[str], room: int) -> Line:
    line = Line(row.number, images=row.images if isinstance(row.images, int) else images, project=row.project)
    if not row.on:
        return line
    request, wrong = _request(row, defaults, references)
    faults = [*row.faults, *wrong]
    prompt = defaults.prompt if row.prompt is None else row.prompt
    try:
        prompts = combinations(prompt, row.values)
    except RequestInvalid as error:
        prompts, faults = [], faults + error.faults
    if len(prompts) > room:
        prompts, faults = [], [*faults, Fault("Prompt", _NO_ROOM)]
    generations = tuple(replace(request, prompt=each) for each in prompts)
    faults += [fault for generation in generations for fault in generation.faults()]
    if faults:
        return replace(line, faults=tuple(dict.fromkeys(faults)))
    return replace(line, generations=generations, note=_blank_note(prompt, row.values))


def _request(row: Row, defaults: Generation, references: Sequence[str]) -> tuple[Generation, list[Fault]]:
    """Return the form's request with the row's valid settings, and the faults of the others."""
    own: dict[str, Any] = {}
    faults = []
    for option in OPTIONS:
        value = row.options.get(option.name, getattr(defaults, option.name))
        if value in option.values:
            own[option.name] = value
        else:
            faults.append(Fault(option.label, f"“{short(value)}” is not one of {', '.join(option.values)}."))
    if row.images is not None and row.images not in range(1, IMAGES_LIMIT + 1):
        faults.append(Fault(LABELS["images"], f"“{short(row.images)}” is not a number from 1 to {IMAGES_LIMIT}."))
    label, named = LABELS["references"], row.references
    if named == ALL:
        own["references"] = tuple(references)
    elif isinstance(named, str):
        faults.append(Fault(label, f"“{short(named)}” is neither numbers, such as 1, 3, nor “{ALL}”."))
    elif named is not None:
        # Ids are checked with the request.
        if all(isinstance(each, str) or 1 <= each <= len(references) for each in named):
            own["references"] = tuple(each if isinstance(each, str) else references[each - 1] for each in named)
        else:
            listed = short(", ".join(map(str, named)))
            faults.append(
                Fault(label, f"“{listed}” names a picture that is not there: the form has {len(references)}.")
            )
    return replace(defaults, **own), faults


def _blank_note(prompt: str, values: Mapping[str, str]) -> str | None:
    blank = {key(name) for name, text in values.items() if not text.strip()}
    listed = quoted(name for name in names(prompt) if key(name) in blank)
    return f"Blank here: {listed}." if listed else None
