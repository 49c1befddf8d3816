"""What a page hands to its components, read for the words in it."""

from collections.abc import Iterator


def texts(value: object) -> Iterator[str]:
    """Yield every text in what a gallery is given."""
    if isinstance(value, str):
        yield value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        yield from texts(part)
