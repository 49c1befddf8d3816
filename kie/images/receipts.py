"""The receipt embedded in a downloaded picture: request, person and cost.

    {"studio_receipt": 1, "model": …, "prompt": …, "aspect_ratio": …, "references": [ids], "task_id": …, "credits": …}

Files come from anywhere, so a receipt is accepted only if its request is valid here.
"""

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from kie.generation import MODEL, Generation, is_control
from kie.images import metadata
from kie.images.metadata import FileWithMetadata
from kie.jobs import Job
from kie.text import one_line, shortened

VERSION = 1
NAME_LIMIT = 200
# Upper bound for times (the year 5138) and credits.
HIGHEST = 1e11
_JOB_ID = re.compile(r"[0-9a-f]{32}")
_REFERENCE_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Receipt:
    """The content of a receipt. `asked_at` is in Unix seconds; unknown values are None."""

    generation: Generation
    model: str = MODEL
    job_id: str | None = None
    task_id: str | None = None
    person: str | None = None
    project: str | None = None
    credits: float | None = None
    asked_at: float | None = None

    @classmethod
    def of(cls, job: Job) -> "Receipt":
        """Return the receipt of a job."""
        asked = job.generation
        prompt = "".join(each for each in asked.prompt if not is_control(each))
        generation = Generation(prompt, asked.references, asked.aspect_ratio, asked.resolution, asked.output_format)
        named = {"job_id": job.id, "task_id": job.task_id, "person": job.person, "project": job.project}
        return cls(generation, **named, credits=job.credits, asked_at=job.created_at)

    def to_json(self) -> str:
        """Return the receipt as one JSON object, for programs."""
        values = asdict(self)
        asked = values.pop("generation")
        return json.dumps({"studio_receipt": VERSION, **asked, **values}, ensure_ascii=False)

    def to_text(self) -> str:
        """Return the receipt as text for people: the prompt, then one line per value."""
        asked = self.generation
        known = {
            "Model": self.model,
            "Aspect ratio": asked.aspect_ratio,
            "Resolution": asked.resolution,
            "Output format": asked.output_format,
            "References": len(asked.references) or None,
            "Credits": None if self.credits is None else f"{self.credits:g}",
            "Asked by": self.person,
            "Project": self.project,
            "Asked at": None if self.asked_at is None else iso_time(self.asked_at),
            "Task": self.task_id,
            "Job": self.job_id,
        }
        return asked.prompt + "\n\n" + "\n".join(f"{name}: {value}" for name, value in known.items() if value)

    @classmethod
    def from_json(cls, written: bytes) -> "Receipt | None":
        """Parse a receipt. Returns None when it is malformed or its request is not valid here."""
        try:
            found = json.loads(written)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict) or found.get("studio_receipt") != VERSION:
            return None
        generation = _generation(found)
        return generation and cls(
            generation,
            model=_name(found.get("model")) or MODEL,
            job_id=_matching(_JOB_ID, found.get("job_id")),
            task_id=_name(found.get("task_id")),
            person=_name(found.get("person")),
            project=_name(found.get("project")),
            credits=_number(found.get("credits")),
            asked_at=_number(found.get("asked_at")),
        )


def write(source: Path, receipt: Receipt) -> FileWithMetadata:
    """Return a picture's file with a receipt embedded, in place of an earlier one.

    Raises OSError when the file is missing.
    """
    title = one_line(receipt.generation.prompt)
    return metadata.embed(source, receipt.to_json().encode("utf-8", "replace"), receipt.to_text(), title)


def read(source: Path | IO[bytes]) -> Receipt | None:
    """Return the receipt in a picture's file, or None. Reads only the chunks before the pixels."""
    record = metadata.record_in(source)
    return Receipt.from_json(record) if record else None


def iso_time(moment: float) -> str:
    """Format a Unix time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _generation(found: dict[str, Any]) -> Generation | None:
    settings = [found.get(name) for name in ("prompt", "aspect_ratio", "resolution", "output_format")]
    references = found.get("references")
    if not isinstance(references, list) or not all(isinstance(value, str) for value in settings):
        return None
    if not all(_matching(_REFERENCE_ID, reference) for reference in references):
        return None
    prompt, *chosen = settings
    generation = Generation(prompt, tuple(references), *chosen)
    return None if generation.faults() else generation


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _name(value: object) -> str | None:
    return (shortened(value, NAME_LIMIT) or None) if isinstance(value, str) else None


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= HIGHEST else None
