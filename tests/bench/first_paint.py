"""First contentful paint of `/` against an empty page of Streamlit as it ships (bound: 1.3×), and until it can be used."""

from statistics import median

from playwright.sync_api import Browser

from tests.bench.places import WINDOW, chromium, empty_app, studio
from tests.support.composer import GENERATE

ROUNDS = 9
PAINT = """() => new Promise(resolve => new PerformanceObserver(list => {
  const entry = list.getEntriesByName('first-contentful-paint')[0];
  if (entry) resolve(entry.startTime);
}).observe({type: 'paint', buffered: true}))"""


def run() -> None:
    """Print both medians and their ratio. The pages are visited alternately with an empty cache."""
    with chromium() as browser, empty_app(as_it_comes=True) as bare_url, studio() as (server, _):
        buttons = {bare_url: "Press", server.url: GENERATE}
        times: dict[str, list[tuple[float, float]]] = {url: [] for url in buttons}
        for _ in range(ROUNDS):
            for url, button in buttons.items():
                times[url].append(visit(browser, url, button))
    for name, number, bound in (("first paint", 0, " (bound 1.3)"), ("the button is there", 1, "")):
        bare, ours = (median([visited[number] for visited in times[url]]) for url in (bare_url, server.url))
        print(f"  {name}: empty page {bare:.0f} ms, ours {ours:.0f} ms, ratio {ours / bare:.2f}{bound}")


def visit(browser: Browser, url: str, button: object) -> tuple[float, float]:
    """Open a URL with an empty cache; return the milliseconds to its first contentful paint and until its button is displayed."""
    context = browser.new_context(viewport=WINDOW)
    page = context.new_page()
    page.goto(url)
    page.get_by_role("button", name=button).wait_for()
    shown = page.evaluate("performance.now()")
    paint = page.evaluate(PAINT)
    context.close()
    return paint, shown
