"""A picture's receipt: what was asked for, by whom, and what it cost, laid into the copy that a person takes away.

    {"studio_receipt": 1, "model": …, "prompt": …, "aspect_ratio": …, "references": [ids], "task_id": …, "credits": …}

A copy may come back from anywhere, so what is read is believed only where it could have been asked for here.
"""

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from kie import inlays
from kie.generation import MODEL, Generation, is_control
from kie.inlays import Splice
from kie.jobs import Job
from kie.names import one_line

VERSION = 1
NAME_LIMIT = 200
# The seconds of the year 5138; no credits are as many either.
HIGHEST = 1e11
_JOB_ID = re.compile(r"[0-9a-f]{32}")
_REFERENCE_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Receipt:
    """What a copy says of itself. `asked_at` is in Unix seconds; what is not known is None."""

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
        """Write out what a job's row says."""
        asked = job.generation
        prompt = "".join(each for each in asked.prompt if not is_control(each))
        generation = Generation(prompt, asked.references, asked.aspect_ratio, asked.resolution, asked.output_format)
        named = {"job_id": job.id, "task_id": job.task_id, "person": job.person, "project": job.project}
        return cls(generation, **named, credits=job.credits, asked_at=job.created_at)

    def to_json(self) -> str:
        """Return it as programs read it: one JSON object."""
        values = asdict(self)
        asked = values.pop("generation")
        return json.dumps({"studio_receipt": VERSION, **asked, **values}, ensure_ascii=False)

    def to_text(self) -> str:
        """Return it as people read it: the prompt, and below it the rest."""
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
        """Read a receipt, or return None when it is none, or carries a request that can't be asked for here."""
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


def write(source: Path, receipt: Receipt) -> Splice:
    """Return a picture's file with a receipt in it, in place of one that it carries: its `length`, and its bytes as they are iterated.

    Raises OSError when the file is gone.
    """
    title = one_line(receipt.generation.prompt)
    return inlays.lay_in(source, receipt.to_json().encode("utf-8", "replace"), receipt.to_text(), title)


def read(source: Path | IO[bytes]) -> Receipt | None:
    """Return the receipt that a picture's file carries, or None. Looks at the file's head alone, whatever the file holds."""
    record = inlays.record_in(source)
    return Receipt.from_json(record) if record else None


def iso_time(moment: float) -> str:
    """Write a Unix time by ISO 8601, in UTC."""
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
    return (one_line(value)[:NAME_LIMIT].strip() or None) if isinstance(value, str) else None


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= HIGHEST else None
