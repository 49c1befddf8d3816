"""Generate pressed → createTask at the service, against the round trip of a bare Streamlit button (bound: 2×)."""

import time

from playwright.sync_api import Page

from tests.bench.places import chromium, empty_app, median, open_page, studio

ROUNDS = 15
ROUND_TRIP = """async () => {
  const button = [...document.querySelectorAll('button')].find(b => b.innerText.includes('Press'));
  const shown = () => document.body.innerText.match(/pressed (\\d+)/)[1];
  const before = shown();
  const began = performance.now();
  button.click();
  while (shown() === before) await new Promise(resolve => setTimeout(resolve, 1));
  return performance.now() - began;
}"""
PRESS = """() => {
  const button = [...document.querySelectorAll('button')].find(b => b.innerText.includes('Generate'));
  const at = Date.now();
  button.click();
  return at;
}"""


def run() -> None:
    """Print both medians and their ratio."""
    with chromium() as browser, empty_app() as bare_url, studio() as (server, service):
        bare = browser.new_page()
        bare.goto(bare_url)
        bare.get_by_role("button", name="Press").wait_for()
        page = open_page(browser, server.url)
        bare_ms, wire_ms = [], []
        for number in range(ROUNDS):
            bare_ms.append(bare.evaluate(ROUND_TRIP))
            wire_ms.append(press_to_wire(page, service, number))
    print(f"  bare button {median(bare_ms):.0f} ms, press to wire {median(wire_ms):.0f} ms", end="")
    print(f", ratio {median(wire_ms) / median(bare_ms):.2f} (bound 2)")


def press_to_wire(page: Page, service, number: int) -> float:
    """Press Generate for a new prompt and return the milliseconds until the service has the request."""
    page.get_by_label("Prompt", exact=True).fill(f"bench {number}")
    page.keyboard.press("Tab")
    page.wait_for_timeout(900)
    count = len(created(service))
    at_ms = page.evaluate(PRESS)
    while len(created(service)) == count:
        time.sleep(0.002)
    return created(service)[-1].at * 1000 - at_ms


def created(service) -> list:
    """Return the paid requests seen so far."""
    return [seen for seen in service.seen if seen.path.endswith("createTask")]
