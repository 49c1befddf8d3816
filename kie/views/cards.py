"""What the gallery draws: groups of items with their actions. `row` gives their JSON.

{"id", "title", "note", "progress", "actions": […], "items": [{"id", "state", "label", "prompt", "thumbnail", …}]}
"""

from dataclasses import dataclass
from typing import Any, Literal

Row = dict[str, Any]


@dataclass(frozen=True)
class Action:
    """Something to press. `icon` is a Material name.

    The browser itself answers the ids "open" (the lightbox) and "compare", and copies `copy` if there is one. Everything
    else comes to `on_act`. `menu` puts it into the "More" menu; `closes` leaves the lightbox, for what is gone on with
    elsewhere on the page. `says` is how many pictures a press of it asks for, and at what price. An address in `copy`
    that begins with "history?" is completed by the browser.
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
    """A mark on a picture's corner, such as a star."""

    icon: str
    text: str


@dataclass(frozen=True)
class Problem:
    """What went wrong, in a sentence of ours, and in the service's own words as `detail`."""

    text: str
    detail: str = ""
    tone: Literal["error", "warning"] = "error"


@dataclass(frozen=True)
class Download:
    """A file to take away: a path on this server, and the name it gets."""

    url: str
    name: str


@dataclass(frozen=True)
class Progress:
    """How far a group is, with the words for it."""

    done: int
    total: int
    text: str


@dataclass(frozen=True)
class Item:
    """A picture, or the job that makes it. Sizes are pixels, or any numbers of the expected shape; times are seconds.

    Addresses are paths on this server, which begin with "/"; anything else is not shown. `expected` is how long the
    whole takes, counted as `elapsed` is, and `at` the Unix time of the request. Each of `facts` is a name and a value, for the lightbox and for comparisons.
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
    download: Download | None = None
    actions: tuple[Action, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    at: float | None = None


@dataclass(frozen=True)
class Group:
    """Items that belong together under one heading. Without a title there is no heading."""

    id: str
    title: str
    items: tuple[Item, ...]
    note: str = ""
    progress: Progress | None = None
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True)
class Notify:
    """What the browser's tab tells while its person looks elsewhere: how many are pending, and the page's name."""

    pending: int
    title: str = "Nano Banana Studio"


def row(card: Any) -> Any:
    """Return the JSON of a card, with that of all its parts."""
    if card is None or isinstance(card, str | int | float):
        return card
    if isinstance(card, tuple):
        return [row(part) for part in card]
    return {name: row(value) for name, value in vars(card).items()}
