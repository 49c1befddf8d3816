"""Expected price of a picture and the source of the figure. An unknown price is None."""

import datetime
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

from kie.errors import SettingsInvalid


@dataclass(frozen=True)
class Price:
    """Credits for one picture, and a text with the source of the figure."""

    credits: float
    source: str


def price_list(path: Path) -> dict[str, Price]:
    """Read the prices of one picture by resolution, used until there are done jobs to learn from. The file is optional.

    Raises SettingsInvalid when the file exists but can't be used.
    """
    try:
        listed = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        listed = {}
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"The price list {path.name} can't be read ({error}): correct it.") from None
    credits = listed.get("credits", {})
    if not isinstance(credits, dict) or not all(map(_is_amount, credits.values())):
        raise SettingsInvalid(f'The price list {path.name} needs lines such as "1K" = 18 below [credits]: correct it.')
    source = f"the price list of {listed.get('date', 'unknown date')} ({listed.get('source', 'source unknown')})"
    return {resolution: Price(float(amount), source) for resolution, amount in credits.items()}


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def learned(credits: float, at: float) -> Price:
    """Return a price learned from done jobs, the last of them at the Unix time `at`."""
    day = datetime.datetime.fromtimestamp(at).date().isoformat()
    return Price(credits, f"what your last finished pictures cost, up to {day}")
