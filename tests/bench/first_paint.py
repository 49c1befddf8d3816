"""First contentful paint of `/` against an empty Streamlit page (bound: 1.3×)."""

from playwright.sync_api import Browser

from tests.bench.places import chromium, empty_app, median, studio

ROUNDS = 9
PAINT = """() => new Promise(resolve => new PerformanceObserver(list => {
  const entry = list.getEntriesByName('first-contentful-paint')[0];
  if (entry) resolve(entry.startTime);
}).observe({type: 'paint', buffered: true}))"""


def run() -> None:
    """Print both medians and their ratio, visits taken in turn with an empty cache."""
    with chromium() as browser, empty_app() as bare_url, studio() as (server, _):
        times: dict[str, list[float]] = {bare_url: [], server.url: []}
        for _ in range(ROUNDS):
            for url, paints in times.items():
                paints.append(first_paint(browser, url))
        bare, ours = median(times[bare_url]), median(times[server.url])
    print(f"  empty page {bare:.0f} ms, ours {ours:.0f} ms, ratio {ours / bare:.2f} (bound 1.3)")


def first_paint(browser: Browser, url: str) -> float:
    """Visit an address as a stranger and return the milliseconds to its first paint."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    paint = page.evaluate(PAINT)
    context.close()
    return paint
