"""Templates, presets and past prompts, and the file format for the exchange of templates.

{"studio_templates": 1, "templates": [{"name": "…", "prompt": "…"}, …]}
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kie.errors import NothingSpent
from kie.generation import IMAGES_LIMIT, Generation, is_visible
from kie.text import one_line

NAME_LIMIT = 80
FILE_VERSION = 1
FILE_BYTES_LIMIT = 2**20
FILE_TEMPLATES_LIMIT = 2000
FAULTS_SHOWN = 10


@dataclass(frozen=True)
class Template:
    """A saved prompt. `person` saved it last; `is_starred` refers to the person who reads it."""

    id: str
    name: str
    prompt: str
    person: str
    changed_at: float
    is_starred: bool = False


@dataclass(frozen=True)
class Preset:
    """Named settings for one project, or for none. `options` are the values by the name of the option."""

    id: str
    project: str | None
    name: str
    options: dict[str, str]
    images: int
    person: str
    changed_at: float


@dataclass(frozen=True)
class PastPrompt:
    """A prompt that was submitted: last person and time, and number of submissions."""

    prompt: str
    person: str
    at: float
    times: int


@dataclass(frozen=True)
class Imported:
    """Numbers of templates in a file that were added under their name, added under another name, or existed already."""

    added: int
    renamed: int
    skipped: int


def checked_name(name: str, prompt: str = "any") -> str:
    """Return the cleaned name of a template or preset. Raises NothingSpent with the fault of the name or the prompt."""
    found = _fault(name, prompt)
    if found:
        raise NothingSpent(f"Nothing was saved. {found}")
    return one_line(name)


def check_preset(preset: Preset) -> None:
    """Raise NothingSpent with the faults if the service does not accept these settings."""
    found = [f"{fault.field}: {fault.sentence}" for fault in Generation("any", **preset.options).faults()]
    if not 1 <= preset.images <= IMAGES_LIMIT:
        found.append(f"Images: Choose from 1 to {IMAGES_LIMIT}.")
    if found:
        raise NothingSpent(f"These settings can't be used. {' '.join(found)}")


def _fault(name: str, prompt: str) -> str | None:
    """Return what is wrong with a name or a prompt, and what is allowed. Choices and placeholders are not expanded."""
    kept = one_line(name)
    if not is_visible(kept):
        return "Give it a name: a blank one can't be found again."
    if len(kept) > NAME_LIMIT:
        return f"Shorten the name: at most {NAME_LIMIT} characters are allowed."
    return next((fault.sentence for fault in Generation(prompt).faults()), None)


def write_file(templates: Iterable[Template]) -> bytes:
    """Return templates in the file format for other studios."""
    entries = [{"name": template.name, "prompt": template.prompt} for template in templates]
    content = {"studio_templates": FILE_VERSION, "templates": entries}
    return json.dumps(content, ensure_ascii=False, indent=2).encode()


def read_file(data: bytes) -> list[tuple[str, str]]:
    """Return the names and prompts in a file. Raises NothingSpent with the faults of each entry."""
    found, faults = [], []
    for number, entry in enumerate(_entries(data), start=1):
        named = entry if isinstance(entry, dict) else {}
        name, prompt = named.get("name"), named.get("prompt")
        is_text = isinstance(name, str) and isinstance(prompt, str)
        if fault := _fault(name, prompt) if is_text else "It needs a name and a prompt, both of them text.":
            faults.append(f"- Template {number}: {fault}")
        else:
            found.append((one_line(name), prompt))
    if len(faults) > FAULTS_SHOWN:
        faults[FAULTS_SHOWN:] = [f"- And {len(faults) - FAULTS_SHOWN} more like these."]
    if faults:
        raise _refused("fix what is named here and import it again.\n\n" + "\n".join(faults))
    return found


def _entries(data: bytes) -> list[Any]:
    if len(data) > FILE_BYTES_LIMIT:
        raise _refused("it is larger than 1 MB. Split it into smaller files.")
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise _refused("it is not a JSON file. Choose one that a studio has exported.") from None
    if not isinstance(content, dict) or "studio_templates" not in content:
        raise _refused("there are no templates in it. Choose one that a studio has exported.")
    if content["studio_templates"] != FILE_VERSION:
        raise _refused("its version is not known here. Bring this studio up to date, or export the file anew.")
    entries = content.get("templates")
    if not isinstance(entries, list) or len(entries) > FILE_TEMPLATES_LIMIT:
        raise _refused(
            f"it has to hold a list of at most {FILE_TEMPLATES_LIMIT:,} templates. Split it, or export it anew."
        )
    return entries


def _refused(reason: str) -> NothingSpent:
    return NothingSpent(f"Nothing was imported from this file: {reason}")
