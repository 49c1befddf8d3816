"""The receipt embedded in a downloaded picture: request, person and cost.

    {"studio_receipt": 1, "model": …, "prompt": …, "aspect_ratio": …, "references": [ids], "task_id": …, "credits": …}

Files come from anywhere, so of a receipt that is read only the request is used, and only if it is valid here.
"""

import json
import re
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kie.generation import MODEL, Generation, is_control
from kie.images import metadata
from kie.images.segments import FileOfParts
from kie.jobs import Job
from kie.text import one_line

VERSION = 1
_REFERENCE_ID = re.compile(r"[0-9a-f]{64}")


def write(source: Path, job: Job) -> FileOfParts:
    """Return a picture's file with the job's receipt embedded. Raises OSError when the file is missing."""
    prompt = "".join(each for each in job.prompt if not is_control(each))
    receipt = {
        "studio_receipt": VERSION,
        "model": MODEL,
        **asdict(replace(job.generation, prompt=prompt)),
        "job_id": job.id,
        "task_id": job.task_id,
        "person": job.person,
        "project": job.project,
        "credits": job.credits,
        "asked_at": job.created_at,
    }
    record = json.dumps(receipt, ensure_ascii=False).encode("utf-8", "replace")
    return metadata.embed(source, record, _note(receipt), one_line(prompt))


def read(source: Path) -> Generation | None:
    """Return the request in a picture's receipt, or None without a valid one. Reads only the chunks before the pixels."""
    try:
        found = json.loads(metadata.record_in(source) or b"null")
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("studio_receipt") != VERSION:
        return None
    prompt, references = found.get("prompt"), found.get("references")
    if not isinstance(prompt, str) or not isinstance(references, list):
        return None
    if not all(isinstance(each, str) and _REFERENCE_ID.fullmatch(each) for each in references):
        return None
    settings = (found.get(name) for name in ("aspect_ratio", "resolution", "output_format"))
    generation = Generation(prompt, tuple(references), *settings)
    return None if generation.faults() else generation


def iso_time(moment: float) -> str:
    """Format a Unix time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _note(receipt: dict[str, Any]) -> str:
    """Return a receipt as text for people: the prompt, then one line per value."""
    credits = receipt["credits"]
    known = {
        "Model": receipt["model"],
        "Aspect ratio": receipt["aspect_ratio"],
        "Resolution": receipt["resolution"],
        "Output format": receipt["output_format"],
        "References": len(receipt["references"]) or None,
        "Credits": None if credits is None else f"{credits:g}",
        "Asked by": receipt["person"],
        "Project": receipt["project"],
        "Asked at": iso_time(receipt["asked_at"]),
        "Task": receipt["task_id"],
        "Job": receipt["job_id"],
    }
    return receipt["prompt"] + "\n\n" + "\n".join(f"{name}: {value}" for name, value in known.items() if value)
