"""The data of the gallery: groups of items with their actions. `row` returns their JSON.

{"id", "title", "note", "progress", "actions": […], "items": [{"id", "state", "label", "prompt", "thumbnail", …}]}
"""

from dataclasses import dataclass
from typing import Any, Literal

Row = dict[str, Any]


@dataclass(frozen=True)
class Action:
    """A button. `icon` is a Material name.

    The browser handles the ids "open" (the large view), "compare" and those that only change the selection, sends "rerun"
    like a click on Generate, and copies `copy` if there is one, after completing a URL that begins with "history?". Other
    actions are passed to `on_act`. `menu` puts the button into the "More" menu;
    `closes` closes the large view, for actions that continue on the page. `says` is the number of pictures that it
    requests, and their price.
    """

    id: str
    label: str
    icon: str
    help: str = ""
    menu: bool = False
    copy: str | None = None
    closes: bool = False
    says: tuple[int, float | None] | None = None


@dataclass(frozen=True)
class Badge:
    """A mark in a picture's corner, such as a star."""

    icon: str
    text: str


@dataclass(frozen=True)
class Problem:
    """A sentence about what went wrong, with the service's message as `detail`."""

    text: str
    detail: str = ""
    tone: Literal["error", "warning"] = "error"


@dataclass(frozen=True)
class DownloadLink:
    """A file to download: its path on this server, and its name."""

    url: str
    name: str


@dataclass(frozen=True)
class Progress:
    """The progress of a group, with a text."""

    done: int
    total: int
    text: str


@dataclass(frozen=True)
class Item:
    """A job, with its picture if there is one. Sizes are pixels, or any numbers with the expected aspect ratio.

    URLs are paths on this server, which begin with "/"; others are not shown. `elapsed` and `expected` are seconds, the
    latter for the whole job; `at` is the Unix time of the request. `facts` are names and values for details and comparisons.
    """

    id: str
    state: str
    label: str
    prompt: str
    icon: str = ""
    width: int = 1
    height: int = 1
    thumbnail: str | None = None
    picture: str | None = None
    alt: str = ""
    meta: str = ""
    badges: tuple[Badge, ...] = ()
    elapsed: float | None = None
    expected: float | None = None
    turn: str | None = None
    problem: Problem | None = None
    download: DownloadLink | None = None
    actions: tuple[Action, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    at: float | None = None


@dataclass(frozen=True)
class Group:
    """Items under one heading. Without a title there is no heading."""

    id: str
    title: str
    items: tuple[Item, ...]
    note: str = ""
    progress: Progress | None = None
    actions: tuple[Action, ...] = ()


def row(card: Any) -> Any:
    """Return the JSON of a card and its parts."""
    if card is None or isinstance(card, str | int | float):
        return card
    if isinstance(card, tuple):
        return [row(part) for part in card]
    return {name: row(value) for name, value in vars(card).items()}
