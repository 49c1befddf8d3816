"""Formats credits, times, sizes and states for all pages."""

import re
import time
from collections.abc import Sequence
from datetime import date

from kie.generation import OPTIONS, Generation
from kie.jobs import Job, State
from kie.store.breaker import OpenBreaker
from kie.text import counted, local

# Icon and name.
LOOKS = {
    State.QUEUED: ("hourglass_empty", "Queued"),
    State.UPLOADING: ("upload", "Uploading references"),
    State.SENDING: ("send", "Sending"),
    State.RUNNING: ("brush", "Generating"),
    State.FETCHING: ("download", "Downloading"),
    State.DONE: ("check", "Done"),
    State.UNSURE: ("help", "Needs review"),
    State.FAILED: ("error", "Failed"),
    State.CANCELLED: ("block", "Cancelled"),
}
ICONS = {state: f":material/{icon}:" for state, (icon, _) in LOOKS.items()}


def state(job: Job, breaker: OpenBreaker | None = None) -> str:
    """Return the name of a job's state. A queued job is paused by a person, or while the circuit breaker is open."""
    if job.state == State.QUEUED and (job.paused_at or breaker):
        return "Paused" if job.paused_at else f"Paused: {incident(breaker.problem)}"
    return "Preparing" if job.state == State.UPLOADING and not job.generation.references else LOOKS[job.state][1]


def number(value: float) -> str:
    """Format a number with at most two decimals."""
    # Adding 0.0 turns the -0.0 of rounding into 0.0.
    return f"{round(value, 2) + 0.0:,.2f}".rstrip("0").rstrip(".")


def credits(value: float | None) -> str:
    """Format an amount of credits, "unknown" for None."""
    if value is None:
        return "unknown"
    amount = number(value)
    return f"{amount} credit" if amount == "1" else f"{amount} credits"


def charged(job: Job) -> str:
    """Return whether a job without a picture was charged, as a short sentence, empty before it is sent."""
    if job.cost is not None:
        return f"Charged {number(job.cost)}." if job.cost else "Not charged."
    if job.state in (State.QUEUED, State.UPLOADING):
        return ""
    return "Charged." if job.state in (State.FETCHING, State.DONE) else "May have been charged."


def cost(job: Job) -> str:
    """Return what a job has cost, or may cost."""
    if job.cost is not None:
        return credits(job.cost) if job.cost else "not charged"
    return (
        f"about {credits(job.price_expected)}"
        if job.price_expected is not None and not job.ended_at
        else "cost unknown"
    )


def incident(problem: str) -> str:
    """Describe an error of the service that opened the circuit breaker, given its class name."""
    known = {
        "CreditsShort": "not enough credits",
        "ServicePaused": "the service takes no tasks",
        "KeyRefused": "the service refuses the key",
    }
    return known.get(problem, "the service failed several times in a row")


def settings(generation: Generation) -> str:
    """Return the options of a request in one line."""
    return " · ".join(option.written(getattr(generation, option.name)) for option in OPTIONS)


def delivered(job: Job) -> str:
    """Return the pixels, format and size of a picture."""
    if not job.file:
        return "nothing yet"
    return f"{job.width} × {job.height} {(job.file_kind or '').upper()}, {size(job.file_bytes or 0)}"


def pictures(value: int) -> str:
    """Return a count with the word "picture" or "pictures"."""
    return counted(value, "picture")


def binned(jobs: Sequence[Job]) -> str:
    """Return how many of these jobs, which were to be moved to the bin, are there, and why others are not. Empty if there is nothing to say."""
    left = [job for job in jobs if not job.binned_at]
    moved, needy = len(jobs) - len(left), sum(job.needs_attention for job in left)
    is_open = sum(job.is_open and not job.needs_attention for job in left)
    stayed = [f"{is_open} still being made"] * bool(is_open) + [f"{needy} that need attention"] * bool(needy)
    kept = f" Not moved: {' and '.join(stayed)}." if stayed else ""
    return f"{pictures(moved)} moved to the bin for 30 days.{kept}" if moved or stayed else ""


def duration(seconds: float) -> str:
    """Format a duration in seconds."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def ago(moment: float) -> str:
    """Format a Unix time as relative to now."""
    seconds = time.time() - moment
    if seconds < 45:
        return "just now"
    if seconds < 59.5 * 60:
        return f"{max(1, round(seconds / 60))} min ago"
    if seconds < 23.5 * 3600:
        return f"{round(seconds / 3600)} h ago"
    days = round(seconds / 86_400)
    return "yesterday" if days == 1 else f"{days} days ago"


def clock_time(moment: float, zone: str | None) -> str:
    """Format a Unix time as hours and minutes in a time zone, with the date unless it is today."""
    there, now = local(moment, zone), local(time.time(), zone)
    return there.strftime("%H:%M" if there.date() == now.date() else "%Y-%m-%d %H:%M")


def day(moment: float, zone: str | None) -> str:
    """Format the day of a Unix time in a time zone: "Today", "Yesterday", or weekday and date."""
    there, now = local(moment, zone), local(time.time(), zone)
    days = (now.date() - there.date()).days
    if days in (0, 1):
        return ("Today", "Yesterday")[days]
    return there.strftime(f"%A, {there.day} %B" + ("" if there.year == now.year else " %Y"))


def exact(moment: float, zone: str | None) -> str:
    """Format a Unix time in a time zone, with seconds."""
    return local(moment, zone).strftime("%Y-%m-%d %H:%M:%S")


def today(zone: str | None) -> date:
    """Return the present date in a time zone."""
    return local(time.time(), zone).date()


def size(count: int) -> str:
    """Format a number of bytes."""
    return f"{count / 2**20:.1f} MB" if count >= 2**20 else f"{max(1, round(count / 1024))} KB"


def escape(text: str) -> str:
    """Escape a text for Markdown. A joiner keeps ":name:", ":red[", and addresses from being icons, colours and links."""
    joined = re.sub(r"(?<=:)(?=//|[\w+/-]+[:\[])|(?<=www)(?=\.)|(?<=@)(?=\w)", "\u2060", " ".join(text.split()))
    return re.sub(r"([\\`*_{}\[\]()#+.!|~$<>&-])", r"\\\1", joined)


def literal(text: str) -> str:
    """Return a Markdown code span that shows text unchanged. Its fence is longer than any run of backticks in the text."""
    plain = " ".join(text.split()) or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", plain)), default=0) + 1)
    return f"{fence} {plain} {fence}" if "`" in plain else f"{fence}{plain}{fence}"
