"""What a picture is likely to cost, and how sure that is. Never invented: an unknown price is None."""

import datetime
import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Price:
    """Credits for one picture, and in words where the figure comes from."""

    credits: float
    source: str


class PriceList:
    """The prices of `config/prices.toml`, for as long as no finished job says it better."""

    def __init__(self, path: Path):
        try:
            listed = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            listed = {}
        self._credits = listed.get("credits", {})
        self._source = (
            f"the price list of {listed.get('date', 'unknown date')} ({listed.get('source', 'source unknown')})"
        )

    def listed(self, resolution: str) -> Price | None:
        """Return the listed price of one picture."""
        credits = self._credits.get(resolution)
        return Price(float(credits), self._source) if credits is not None else None


def learned(credits: float, at: float) -> Price:
    """Return a price that the team's own finished jobs have shown, the last of them at the Unix time `at`."""
    day = datetime.datetime.fromtimestamp(at).date().isoformat()
    return Price(credits, f"what your last finished pictures cost, up to {day}")
