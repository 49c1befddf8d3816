"""The history at 1,000 and at 100,000 jobs (bounds: a page 1.5× the same at 1,000, all counts 300 ms, 20 MB more memory)."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page

from kie.history.query import Query
from kie.images.files import Files
from kie.settings import ROOT, Settings
from kie.store import Store
from kie.store.database import file_url
from kie.studio import Studio
from tests.bench import many_jobs
from tests.bench.places import bare_runs, chromium, rss_mb, timed
from tests.support.server import Server

SIZES = (1_000, 100_000)
ROUNDS = 12
SETTLED_PERCENT = 10
THUMBNAILS = 200
MEMORY = "the server's memory at the end"
NARROWED = Query(persons=("Ann", "Ben"), states=("done",))


COUNT = "document.body.innerText.match(/([\\d,]+) results? · /)?.[1]"
OPEN = "document.querySelector('[data-testid=stTopNavLink][href$=history]').click()"
LEAVE = """document.querySelector('[data-testid=stTopNavLink][href$=account]').click()
  while (document.body.innerText.includes('results · ')) await pause(10)
  await pause(1500)"""
SEARCH = """const field = within('input[type=search]')
  enter(field, ['red watercolour', 'lighthouse'][round % 2] + '.'.repeat(round))
  field.dispatchEvent(new Event('change', { bubbles: true }))"""
STAR = "document.querySelector('input[aria-label^=\"Starred only\"]').click()"
NEXT = "[...document.querySelectorAll('button')].find((one) => /next page/i.test(one.ariaLabel ?? '')).click()"
FIRST_ROW = """[...document.querySelectorAll('*')].map((one) => one.shadowRoot?.querySelector('[data-key]')).find(Boolean)?.dataset.key"""


def run() -> None:
    """Print the time of each query at both sizes, the ratio, and the ratio to the run of a bare button."""
    with chromium() as browser:
        empty_ms, tuned_ms = bare_runs(browser)
        print(
            f"  {'':34}{SIZES[0]:>9,}{SIZES[1]:>11,} jobs   ratio   × a bare button's run: of Streamlit as it comes "
            f"({empty_ms:.0f} ms), with our configuration ({tuned_ms:.0f} ms)"
        )
        small, large = ({}, {})
        for size, times in zip(SIZES, (small, large), strict=True):
            with filled(size) as data_dir:
                studio = Studio(Settings.load(ROOT, {"KIE_SANDBOX": "1", "KIE_DATA_DIR": str(data_dir)}))
                began = time.perf_counter()
                with studio:
                    times |= {"opening the studio": 1000 * (time.perf_counter() - began)} | looks(studio)
                with Server(data_dir, KIE_SANDBOX="1") as server:
                    times |= visits(browser, server, size)
                    times[MEMORY] = rss_mb(server)
    print(f"  {MEMORY:34}{small.pop(MEMORY):>6.1f} MB{large[MEMORY]:>8.1f} MB")
    del large[MEMORY]
    for name, slow_ms in large.items():
        quick_ms = small[name]
        print(
            f"  {name:34}{quick_ms:>6.1f} ms{slow_ms:>8.1f} ms{slow_ms / quick_ms:>11.1f}{slow_ms / empty_ms:>10.1f}{slow_ms / tuned_ms:>10.1f}"
        )


@contextmanager
def filled(size: int) -> Iterator[Path]:
    """Yield a data folder with this many jobs."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        files = Files(Path(folder) / "data" / "sandbox")
        files.open()
        store = Store(file_url(files.root / "studio.sqlite3"))
        store.open()
        began = time.monotonic()
        ids = many_jobs.fill(store, size, time.time())
        print(f"  {size:,} jobs written in {time.monotonic() - began:.1f} s", flush=True)
        many_jobs.draw(files, store, ids[-THUMBNAILS:])
        store.close()
        yield Path(folder) / "data"


def looks(studio: Studio) -> dict[str, float]:
    """Return the milliseconds of each query that a page runs."""
    began = time.perf_counter()
    last = studio.search.page(Query(), 1, 60).total.jobs // 60
    first_ms = 1000 * (time.perf_counter() - began)
    settle()
    one = studio.search.page(NARROWED, 1, 1).jobs[0].id

    def star() -> None:
        if studio.jobs.get(one).starred_at:
            studio.annotations.unstar([one])
        else:
            studio.annotations.star([one], "Ann")
        studio.search.page(Query(), 1, 60)

    asked: dict[str, Callable[[], object]] = {
        "the first page, with totals": lambda: studio.search.page(Query(), 1, 60),
        "a page in the middle": lambda: studio.search.page(Query(), last // 2, 60),
        "the last page": lambda: studio.search.page(Query(), last, 60),
        "most expensive first": lambda: studio.search.page(Query(sort="cost"), 1, 60),
        "two words": lambda: studio.search.page(Query(text="red wat"), 1, 60),
        "one letter": lambda: studio.search.page(Query(text="a"), 1, 60),
        "a filter": lambda: studio.search.page(NARROWED, 1, 60),
        "the counts of all filter values": lambda: studio.search.facets(Query()),
        "these, with a filter": lambda: studio.search.facets(NARROWED),
        "a star, and the page anew": star,
        "credits free, what needs attention": lambda: (studio.credits.free(), studio.jobs.attention_count()),
    }
    return {"the first look after a start": first_ms} | {name: look_ms(look) for name, look in asked.items()}


def settle(pid: int | None = None) -> None:
    """Wait until a server, or this process, has finished its work after a start, such as the check for missing files."""
    process = psutil.Process(pid)
    while process.cpu_percent(interval=1.0) > SETTLED_PERCENT:
        pass


def visits(browser: Browser, server: Server, size: int) -> dict[str, float]:
    """Return the milliseconds in a browser from an action on the page until its script run has ended."""
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    times = {}
    open_page(page, server, "")
    settle(server.process.pid)
    times["the page: open"] = timed(page, OPEN, COUNT, prepare=LEAVE)[1]
    times["the page: search"] = timed(page, SEARCH, COUNT)[1]
    open_page(page, server, "?state=done")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_text("Starred only").wait_for()
    page.wait_for_timeout(1000)
    times["the page: filter, with its counts"] = timed(page, STAR, COUNT)[1]
    open_page(page, server, f"?page={size // 120 - 6}")
    times["the page: the next, in the middle"] = timed(page, NEXT, FIRST_ROW)[1]
    page.close()
    return times


def open_page(page: Page, server: Server, address: str) -> None:
    """Open the history at a URL and wait until it is idle."""
    page.goto(f"{server.url}/history{address}")
    page.get_by_text("results · ").wait_for(timeout=120_000)
    page.wait_for_timeout(3000)


def look_ms(look: Callable[[], object]) -> float:
    """Return the minimum of several runs in milliseconds, after a warm-up; slower runs were delayed by other programs."""
    look()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        look()
        times.append(1000 * (time.perf_counter() - began))
    return min(times)
