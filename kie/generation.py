"""The options of a request with their official limits, and the validation against them.

Source: the service's documentation, "Input Object Parameters".
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from kie.text import counted

MODEL = "nano-banana-pro"
PROMPT_LIMIT = 10_000
REFERENCE_LIMIT = 8
REFERENCE_BYTES_LIMIT = 30 * 1024 * 1024
ASPECT_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9", "auto")
RESOLUTIONS = ("1K", "2K", "4K")
OUTPUT_FORMATS = ("png", "jpg")
# A limit of ours, against typing errors. The service has none: one task is one picture.
IMAGES_LIMIT = 8


@dataclass(frozen=True)
class Option:
    """An option of a request. `name` is its name in the API, in the database and in the form; the first value is the default.

    `columns` are further names under which a table sets it; `written` writes a value for people.
    """

    name: str
    label: str
    values: tuple[str, ...]
    columns: tuple[str, ...] = ()
    written: Callable[[str], str] = str

    @property
    def default(self) -> str:
        """The value of a request that does not name one."""
        return self.values[0]


OPTIONS = (
    Option("aspect_ratio", "Aspect ratio", ASPECT_RATIOS, ("ratio", "aspect"), str.capitalize),
    Option("resolution", "Resolution", RESOLUTIONS),
    Option("output_format", "Output format", OUTPUT_FORMATS, ("format", "file format"), str.upper),
)


@dataclass(frozen=True)
class Fault:
    """One fault of a request: the field's label on the page, and a sentence with what is allowed."""

    field: str
    sentence: str


@dataclass(frozen=True)
class Generation:
    """A request for one picture. `references` are our ids, in the order in which they are sent. Each of OPTIONS is a field."""

    prompt: str
    references: tuple[str, ...] = ()
    aspect_ratio: str = ASPECT_RATIOS[0]
    resolution: str = RESOLUTIONS[0]
    output_format: str = OUTPUT_FORMATS[0]

    @property
    def options(self) -> dict[str, str]:
        """The value of each option, by its name."""
        return {option.name: getattr(self, option.name) for option in OPTIONS}

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of prompt, references in order, and settings. Equal for equal requests of any person.

        It is kept in the database: an option that comes later counts only where it differs from its default.
        """
        fields = [self.prompt, self.references, self.aspect_ratio, self.resolution, self.output_format]
        return hashlib.sha256(json.dumps(fields).encode()).hexdigest()

    def faults(self) -> list[Fault]:
        """Return everything that the service would refuse, with field and limit."""
        found = [_prompt_fault(self.prompt), _references_fault(len(self.references))]
        for option in OPTIONS:
            if getattr(self, option.name) not in option.values:
                found.append(Fault(option.label, f"Choose one of {', '.join(option.values)}."))
        return [fault for fault in found if fault]


@dataclass(frozen=True)
class SubmissionItem:
    """One request of a submission: number of images, row of the batch table, expected credits per image, own project.

    `project` overrides that of the submission. `price` is ignored in comparisons.
    """

    generation: Generation
    images: int = 1
    row: int | None = None
    price: float | None = field(default=None, compare=False)
    project: str | None = None


@dataclass(frozen=True)
class Submission:
    """One submission (a click on Generate). Its submit id makes it idempotent: its jobs are created once."""

    person: str
    submit_id: str
    items: tuple[SubmissionItem, ...]
    project: str | None = None

    @property
    def images(self) -> int:
        """The number of images. Each is a task and a charge of its own."""
        return sum(item.images for item in self.items)

    @property
    def price(self) -> float:
        """The expected credits in total. Unknown prices count as 0."""
        return sum((item.price or 0.0) * item.images for item in self.items)

    @property
    def is_priced(self) -> bool:
        """Whether the price of each request is known."""
        return all(item.price is not None for item in self.items)

    def within(self, free: float | None) -> "Submission":
        """Return as much of this as `free` credits suffice for: fewer images of a single request, or nothing."""
        if free is None or self.price <= max(0.0, free):
            return self
        images = int(free // self.items[0].price) if len(self.items) == 1 and free > 0 else 0
        return replace(self, items=(replace(self.items[0], images=images),) if images else ())


def _prompt_fault(prompt: str) -> Fault | None:
    if not is_visible(prompt):
        return Fault("Prompt", "Write what the picture should show: a blank prompt can't be sent.")
    if len(prompt) > PROMPT_LIMIT:
        over = counted(len(prompt) - PROMPT_LIMIT, "character")
        return Fault("Prompt", f"Shorten the prompt by {over}: at most {PROMPT_LIMIT:,} are allowed.")
    if _CONTROL.search(prompt):
        return Fault("Prompt", "Remove the invisible control characters from the prompt: only text can be sent.")
    return None


def _references_fault(count: int) -> Fault | None:
    if count <= REFERENCE_LIMIT:
        return None
    return Fault("Reference images", f"Take {count - REFERENCE_LIMIT} out: at most {REFERENCE_LIMIT} are allowed.")


def is_visible(text: str) -> bool:
    """Return whether a text has a visible character. White space and invisible characters do not count.

    Unassigned characters count as visible, because new emoji appear each year.
    """
    return any(
        unicodedata.category(character)[0] in "LNPS" or unicodedata.category(character) == "Cn"
        for character in text
        if character not in _INVISIBLE
    )


def is_control(character: str) -> bool:
    """Return whether a character is a control character or a lone surrogate, which UTF-8 can't encode."""
    return _CONTROL.match(character) is not None


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_INVISIBLE = "\u115f\u1160\u2800\u3164\uffa0"
