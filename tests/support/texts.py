"""Extracts the texts from data that pages pass to their components."""

from collections.abc import Iterator


def texts(value: object) -> Iterator[str]:
    """Yield every text in nested dicts and lists."""
    if isinstance(value, str):
        yield value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        yield from texts(part)
