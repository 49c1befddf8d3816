"""Generate pressed → createTask at the service, against a bare button of Streamlit as it ships (bound: 2×); → visible card (0.3 s)."""

import time
from statistics import median

from playwright.sync_api import Page

from kie.sandbox import Sandbox
from kie.sandbox.server import CREATE
from tests.bench.places import PRESSED, chromium, empty_app, open_empty, open_page, studio, timed, write
from tests.support.composer import GENERATE

ROUNDS = 15
# Open tasks cost little; finished ones are drawn, on the same processors.
SECONDS = 600.0
PRESS = """async (button, title) => {
  const gallery = [...document.querySelectorAll('*')].map((one) => one.shadowRoot).find((root) => root?.querySelector('.groups'))
  const dock = document.querySelector('[data-testid=stBottom]')
  const isSeen = (card) => {
    const { top, bottom, height } = card.getBoundingClientRect()
    return height > 0 && top >= 0 && bottom <= dock.getBoundingClientRect().top
  }
  const isShown = (group) => group.querySelector('h2').textContent === title && isSeen(group.querySelector('li'))
  const at = performance.timeOrigin + performance.now()
  button.click()
  while (![...gallery.querySelectorAll('section')].some(isShown)) await new Promise((resolve) => setTimeout(resolve, 1))
  return [at, performance.timeOrigin + performance.now()]
}"""


def run() -> None:
    """Print the medians, and the ratio of the first. A bare button and ours are pressed alternately."""
    with chromium() as browser, empty_app(as_it_comes=True) as bare_url, studio(SECONDS) as (server, service):
        bare, page = open_empty(browser, bare_url), open_page(browser, server.url)
        bare_ms, wire_ms, card_ms = [], [], []
        for number in range(ROUNDS):
            bare_ms.append(timed(bare, *PRESSED, rounds=1)[0])
            to_wire, to_card = press(page, service, number)
            wire_ms.append(to_wire)
            card_ms.append(to_card)
    bare_ms, wire_ms = median(bare_ms), median(wire_ms)
    print(f"  bare button {bare_ms:.0f} ms, press to wire {wire_ms:.0f} ms, ratio {wire_ms / bare_ms:.2f} (bound 2)")
    print(f"  press to visible card {median(card_ms):.0f} ms, worst {max(card_ms):.0f} ms (bound 300)")


def press(page: Page, service: Sandbox, number: int) -> tuple[float, float]:
    """Press Generate with a new prompt; return the milliseconds until the service has the request, and until the card is visible."""
    prompt = f"bench {number}"
    write(page, prompt)
    count = len(created(service))
    pressed_ms, shown_ms = page.get_by_role("button", name=GENERATE).evaluate(PRESS, prompt)
    while len(created(service)) == count:
        time.sleep(0.002)
    return created(service)[-1].at * 1000 - pressed_ms, shown_ms - pressed_ms


def created(service: Sandbox) -> list:
    """Return the paid requests so far."""
    return [seen for seen in service.seen if seen.path == CREATE]
