"""What can be asked for: the official options and limits, and a request checked against them.

Source: official.txt, "Input Object Parameters".
"""

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass, field

from kie.errors import RequestInvalid

MODEL = "nano-banana-pro"
PROMPT_LIMIT = 10_000
REFERENCE_LIMIT = 8
REFERENCE_BYTES_LIMIT = 30 * 1024 * 1024
REFERENCE_KINDS = ("jpeg", "png", "webp")
ASPECT_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9", "auto")
RESOLUTIONS = ("1K", "2K", "4K")
OUTPUT_FORMATS = ("png", "jpg")
# The service has no limit of its own: one task is one picture. Ours keeps a slip of the finger small.
IMAGES_LIMIT = 8


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a request: the field's label on the page, and a sentence with what is allowed."""

    field: str
    sentence: str


@dataclass(frozen=True)
class Generation:
    """One picture as a person asks for it. References are our ids, in the order in which they are sent."""

    prompt: str
    references: tuple[str, ...] = ()
    aspect_ratio: str = "1:1"
    resolution: str = "1K"
    output_format: str = "png"

    def check(self) -> None:
        """Raise RequestInvalid with every fault at once. Nothing is sent."""
        found = self.faults()
        if found:
            raise RequestInvalid(found)

    @property
    def fingerprint(self) -> str:
        """The same text (SHA-256 in hex) for the same request, whoever asks: prompt, references in order, settings."""
        asked = [self.prompt, self.references, self.aspect_ratio, self.resolution, self.output_format]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()

    def faults(self) -> list[Fault]:
        """List what the service would refuse, each with its field and what is allowed."""
        checks = (
            _prompt_fault(self.prompt),
            _references_fault(len(self.references)),
            _choice_fault("Aspect ratio", self.aspect_ratio, ASPECT_RATIOS),
            _choice_fault("Resolution", self.resolution, RESOLUTIONS),
            _choice_fault("Output format", self.output_format, OUTPUT_FORMATS),
        )
        return [fault for fault in checks if fault]


@dataclass(frozen=True)
class Wanted:
    """One request of a press: how many pictures of it, the row of the table it came from, the credits that each is likely to cost,
    and the project, if it is another than the press's own. What is asked for is the same whatever it costs at the moment.
    """

    generation: Generation
    images: int = 1
    row: int | None = None
    price: float | None = field(default=None, compare=False)
    project: str | None = None


@dataclass(frozen=True)
class Press:
    """One press of Generate, whose submit id is its own: whatever happens, it makes its pictures once."""

    person: str
    submit_id: str
    wanted: tuple[Wanted, ...]
    project: str | None = None

    @property
    def images(self) -> int:
        """How many pictures this asks for; each is a task and a charge of its own."""
        return sum(wanted.images for wanted in self.wanted)

    @property
    def price(self) -> float:
        """The credits that all of it is likely to cost, counting what nobody knows as nothing."""
        return sum((wanted.price or 0.0) * wanted.images for wanted in self.wanted)


def _prompt_fault(prompt: str) -> Fault | None:
    if not is_visible(prompt):
        return Fault("Prompt", "Write what the picture should show: a blank prompt can't be sent.")
    if len(prompt) > PROMPT_LIMIT:
        over = len(prompt) - PROMPT_LIMIT
        excess = "1 character" if over == 1 else f"{over:,} characters"
        return Fault("Prompt", f"Shorten the prompt by {excess}: at most {PROMPT_LIMIT:,} are allowed.")
    if _CONTROL.search(prompt):
        return Fault("Prompt", "Remove the invisible control characters from the prompt: only text can be sent.")
    return None


def _references_fault(count: int) -> Fault | None:
    if count <= REFERENCE_LIMIT:
        return None
    return Fault("Reference images", f"Take {count - REFERENCE_LIMIT} out: at most {REFERENCE_LIMIT} are allowed.")


def _choice_fault(field: str, value: str, allowed: tuple[str, ...]) -> Fault | None:
    if value in allowed:
        return None
    return Fault(field, f"Choose one of {', '.join(allowed)}.")


def is_visible(text: str) -> bool:
    """Say whether a person would see anything of this text: spaces and invisible marks alone are blank.

    A character that Python does not know yet counts: each year brings new emoji.
    """
    return any(
        unicodedata.category(character)[0] in "LNPS" or unicodedata.category(character) == "Cn"
        for character in text
        if character not in _INVISIBLE
    )


def is_control(character: str) -> bool:
    """Say whether this character is neither text nor white space, or can't be sent as UTF-8 at all."""
    return _CONTROL.match(character) is not None


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_INVISIBLE = "\u115f\u1160\u2800\u3164\uffa0"
