"""At 1440×900: the pictures that stand above the dock as a whole, by shape (bound: two rows of four)."""

import tempfile
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Browser

from kie.generation import Generation
from tests.bench.places import WINDOW, chromium, fill, open_page, studio
from tests.support.server import Server

PICTURES = 16
RATIOS = ("1:1", "4:3", "16:9", "3:4", "9:16")
EACH = (4, 2, 1)
FULL_ROW = 4
# The tops of the pictures that are above the dock as a whole.
TOPS = """async () => {
  const gallery = [...document.querySelectorAll('*')].map((one) => one.shadowRoot).find((root) => root?.querySelector('.groups'))
  while (!gallery.querySelector('li .picture')) await new Promise((resolve) => setTimeout(resolve, 10))
  const dock = document.querySelector('[data-testid=stBottom]').getBoundingClientRect()
  const boxes = [...gallery.querySelectorAll('li')].map((card) => card.getBoundingClientRect())
  return boxes.filter(({ top, bottom, right }) => top >= 0 && bottom <= dock.top && right <= innerWidth).map(({ top }) => top)
}"""


def run() -> None:
    """Print the pictures in each row for presses of four, two and one picture of each shape."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, chromium() as browser:
        people = {f"{ratio} by {each}": (ratio, each) for ratio in RATIOS for each in EACH}
        for name, (ratio, each) in people.items():
            asked = [Generation(f"{name}, {number}", aspect_ratio=ratio) for number in range(PICTURES // each)]
            fill(Path(folder), asked, each, person=name)
        with studio(data_dir=Path(folder)) as (server, _):
            for name, (ratio, each) in people.items():
                found = rows_of(browser, server, name)
                full = sum(count >= FULL_ROW for count in found)
                presses = f"{PICTURES // each} presses of {each}"
                print(
                    f"  {ratio:>5}, {presses:15}: {full} full rows (bound 2), {' + '.join(map(str, found)) or 'no'} pictures"
                )


def rows_of(browser: Browser, server: Server, person: str) -> list[int]:
    """Return the number of pictures in each row of this person's first page that stands above the dock as a whole."""
    context = browser.new_context(viewport=WINDOW)
    context.add_cookies([{"name": "studio_person", "value": quote(person), "url": server.url}])
    tops = open_page(context, server.url).evaluate(TOPS)
    context.close()
    return [len(list(row)) for _, row in groupby(sorted(tops))]
