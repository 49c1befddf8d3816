"""The history at 1,000 and at 100,000 jobs (bounds: 1.5× the same at 1,000, 3× an empty page's run)."""

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page

from kie.database import file_url
from kie.files import Files
from kie.query import Query
from kie.settings import ROOT, Settings
from kie.store import Store
from kie.studio import Studio
from tests.bench import many_jobs
from tests.bench.places import bare_runs, chromium, timed
from tests.server import Server

SIZES = (1_000, 100_000)
ROUNDS = 12
SETTLED_PERCENT = 10
THUMBNAILS = 200
NARROWED = Query(persons=("Ann", "Ben"), states=("done",))


COUNT = "document.body.innerText.match(/([\\d,]+) pictures? asked for/)?.[1]"
OPEN = "document.querySelector('[data-testid=stSidebarNav] a[href$=history]').click()"
LEAVE = """document.querySelector('[data-testid=stSidebarNav] a[href$=account]').click()
  while (document.body.innerText.includes('asked for')) await pause(10)
  await pause(1500)"""
SEARCH = """const field = document.querySelector('input[aria-label=Search]')
  enter(field, ['red watercolour', 'lighthouse'][round % 2] + '.'.repeat(round))
  field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 13, bubbles: true }))"""
STAR = "document.querySelector('input[aria-label^=\"Starred only\"]').click()"
NEXT = "[...document.querySelectorAll('button')].find((one) => /next page/i.test(one.ariaLabel ?? '')).click()"
FIRST_ROW = "document.querySelector('[data-testid=stDataFrame] canvas tbody')?.textContent"


def run() -> None:
    """Print what each look takes at both sizes, the ratio, and how many empty pages' runs that is."""
    with chromium() as browser:
        empty_ms, tuned_ms = bare_runs(browser)
        print(
            f"  {'':34}{SIZES[0]:>9,}{SIZES[1]:>11,} jobs   ratio   × an empty page's run: of Streamlit as it comes "
            f"({empty_ms:.0f} ms), with our configuration ({tuned_ms:.0f} ms)"
        )
        small, large = ({}, {})
        for size, times in zip(SIZES, (small, large), strict=True):
            with filled(size) as data_dir:
                with Studio(Settings.load(ROOT, {"KIE_SANDBOX": "1", "KIE_DATA_DIR": str(data_dir)})) as studio:
                    times |= looks(studio)
                with Server(data_dir, KIE_SANDBOX="1") as server:
                    times |= visits(browser, server, size)
    for name, slow_ms in large.items():
        quick_ms = small[name]
        print(
            f"  {name:34}{quick_ms:>6.1f} ms{slow_ms:>8.1f} ms{slow_ms / quick_ms:>11.1f}{slow_ms / empty_ms:>10.1f}{slow_ms / tuned_ms:>10.1f}"
        )


@contextmanager
def filled(size: int) -> Iterator[Path]:
    """Yield a data folder with so many jobs."""
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
    """Return the milliseconds of each question that a page asks."""
    began = time.perf_counter()
    last = studio.count() // 100
    first_ms = 1000 * (time.perf_counter() - began)
    settle()
    [one] = studio.ids(NARROWED, 1)
    marks = itertools.count(1)

    def search(typed: str) -> None:
        asked = Query(text=typed + "." * next(marks))  # the same words, but no search that is remembered
        studio.count(asked)
        studio.page(asked, 1, 50)

    def star() -> None:
        studio.star([one], "Ann", starred=not studio.job(one).starred_at)
        studio.page(Query(), 1, 50)

    asked: dict[str, Callable[[], object]] = {
        "count and first page": lambda: (studio.count(), studio.page(Query(), 1, 50)),
        "the last page of 100": lambda: studio.page(Query(), last, 100),
        "dearest first": lambda: studio.page(Query(sort="cost"), 1, 50),
        "two words, count and page": lambda: search("red wat"),
        "one letter, count and page": lambda: search("a"),
        "a filter, count and page": lambda: (studio.count(NARROWED), studio.page(NARROWED, 1, 50)),
        "what every filter would give": lambda: studio.facets(NARROWED),
        "the sum of the credits": lambda: studio.summary(NARROWED),
        "the one before, the one after": lambda: studio.neighbours(NARROWED, one),
        "a star, and the page anew": star,
        "credits free, what needs attention": lambda: (studio.available(), studio.attention_count()),
    }
    return {"the first look after a start": first_ms} | {name: look_ms(look) for name, look in asked.items()}


def settle(pid: int | None = None) -> None:
    """Wait until a server, or this process, has done what it does after a start, such as looking for the files that rows promise."""
    process = psutil.Process(pid)
    while process.cpu_percent(interval=1.0) > SETTLED_PERCENT:
        pass


def visits(browser: Browser, server: Server, size: int) -> dict[str, float]:
    """Return the milliseconds in a browser from doing something on the page until its run has ended."""
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    times = {}
    open_page(page, server, "")
    settle(server.process.pid)
    times["the page: open"] = timed(page, OPEN, COUNT, prepare=LEAVE)[1]
    times["the page: search"] = timed(page, SEARCH, COUNT)[1]
    open_page(page, server, "?state=done")
    page.get_by_role("button", name="Filters").click()
    page.get_by_text("Starred only").wait_for()
    page.wait_for_timeout(1000)
    times["the page: filter, with its counts"] = timed(page, STAR, COUNT)[1]
    open_page(page, server, f"?page={size // 100 - 1}")
    times["the page: the next, in the middle"] = timed(page, NEXT, FIRST_ROW)[1]
    page.close()
    return times


def open_page(page: Page, server: Server, address: str) -> None:
    """Open the history at an address and wait until it rests."""
    page.goto(f"{server.url}/history{address}")
    page.get_by_text("asked for").wait_for(timeout=120_000)
    page.wait_for_timeout(3000)


def look_ms(look: Callable[[], object]) -> float:
    """Return the milliseconds of the quickest of some looks, after one to warm up: the others waited for other programs."""
    look()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        look()
        times.append(1000 * (time.perf_counter() - began))
    return min(times)
