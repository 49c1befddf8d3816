"""A job's change on the server → on the page (bound: 0.15 s), and the messages of Streamlit that it takes (bound: 0)."""

from collections.abc import Iterator
from statistics import median

from playwright.sync_api import Page

from tests.bench.places import QUIET_MS, chromium, open_page, press, studio, write
from tests.support.browser import rows
from tests.support.server import Server

ROUNDS = 10
SECONDS = 6.0
# The milliseconds at which the first press shows a picture, and at which that has come.
ARRIVES = """async () => {
  const gallery = [...document.querySelectorAll('*')].map((one) => one.shadowRoot).find((root) => root?.querySelector('.groups'))
  const now = () => performance.timeOrigin + performance.now()
  const card = gallery.querySelector('section li')
  const image = await new Promise((found) => {
    const look = () => card.querySelector('img:not([hidden])') && found(card.querySelector('img'))
    new MutationObserver(look).observe(card, { subtree: true, childList: true, attributes: true })
  })
  const shown = now()
  await image.decode().catch(() => {})
  return [shown, now()]
}"""


def run() -> None:
    """Print both delays and the number of messages on Streamlit's websocket meanwhile, in either direction."""
    messages: list[str | bytes] = []
    with chromium() as browser, studio(seconds=SECONDS) as (server, _):
        page = open_page(browser, server.url, messages)
        shown_ms, seen_ms, presses, runs = zip(*measured(page, server, messages), strict=True)
    print(f"  done → its card shows it: median {median(shown_ms):.0f} ms, worst {max(shown_ms):.0f} ms (bound 150)")
    print(f"  done → its thumbnail is decoded: median {median(seen_ms):.0f} ms, worst {max(seen_ms):.0f} ms")
    print(f"  {sum(runs)} messages of Streamlit while {ROUNDS} jobs went on (bound 0); {median(presses)} for a press")


def measured(page: Page, server: Server, messages: list[str | bytes]) -> Iterator[tuple[float, float, int, int]]:
    """Yield for each of several jobs: the milliseconds until its card shows it and until that has come, and the messages of its press and since."""
    for number in range(ROUNDS):
        write(page, f"arrival {number}")
        messages.clear()
        press(page)
        page.wait_for_timeout(QUIET_MS)
        pressed = len(messages)
        messages.clear()
        times = page.evaluate(ARRIVES)
        [row] = rows(server, f"arrival {number}")
        page.wait_for_timeout(QUIET_MS)
        shown, seen = (at - 1000 * row["ended_at"] for at in times)
        yield shown, seen, pressed, len(messages)
