"""The history at 1,000 and at 100,000 jobs (bounds: 1.5× the same at 1,000, 3× an empty page's run)."""

import itertools
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from streamlit.testing.v1 import AppTest

from kie.database import file_url
from kie.files import Files
from kie.query import Query
from kie.settings import ROOT, Settings
from kie.store import Store
from kie.studio import Studio
from tests.bench import many_jobs
from tests.bench.places import EMPTY

SIZES = (1_000, 100_000)
ROUNDS = 12
SETTLED_PERCENT = 10
THUMBNAILS = 200
NARROWED = Query(persons=("Ann", "Ben"), states=("done",))


def run() -> None:
    """Print what each look takes at both sizes, the ratio, and how many empty pages' runs that is."""
    logging.disable(logging.WARNING)  # Streamlit warns of each run that no browser asked for
    empty_ms = run_ms(AppTest.from_string(EMPTY))
    print(f"  {'':34}{SIZES[0]:>9,}{SIZES[1]:>11,} jobs   ratio   × empty page ({empty_ms:.1f} ms)")
    small, large = ({}, {})
    for size, times in zip(SIZES, (small, large), strict=True):
        with filled(size) as studio:
            times |= looks(studio) | visits(size)
    for name, slow_ms in large.items():
        quick_ms = small[name]
        print(f"  {name:34}{quick_ms:>6.1f} ms{slow_ms:>8.1f} ms{slow_ms / quick_ms:>11.1f}{slow_ms / empty_ms:>10.1f}")


@contextmanager
def filled(size: int) -> Iterator[Studio]:
    """Open a studio of its own on so many jobs."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(Path(folder), {"KIE_SANDBOX": "1"})
        shutil.copytree(ROOT / "config", Path(folder) / "config", ignore=shutil.ignore_patterns("kie_key.txt"))
        files = Files(settings.data_dir / "sandbox")
        files.open()
        store = Store(file_url(files.root / "studio.sqlite3"))
        store.open()
        began = time.monotonic()
        ids = many_jobs.fill(store, size, time.time())
        print(f"  {size:,} jobs written in {time.monotonic() - began:.1f} s", flush=True)
        many_jobs.draw(files, store, ids[-THUMBNAILS:])
        store.close()
        with Studio(settings) as studio:
            yield studio


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


def settle() -> None:
    """Wait until the server has done what it does after a start, such as looking for the files that rows promise."""
    process = psutil.Process()
    while process.cpu_percent(interval=1.0) > SETTLED_PERCENT:
        pass


def visits(size: int) -> dict[str, float]:
    """Return the milliseconds of the server for whole runs of the page."""
    addresses = {"open": {}, "search": {"q": "red watercolour"}, "filter": NARROWED.to_params(), "deep": {}}
    times = {}
    for name, params in addresses.items():
        app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=60)
        app.query_params.update(params)
        if name == "deep":
            app.session_state["page"] = size // 50
        times[f"the page: {name}"] = run_ms(app.run().switch_page("history.py"))
    return times


def look_ms(look: Callable[[], object]) -> float:
    """Return the milliseconds of the quickest of some looks, after one to warm up: the others waited for other programs."""
    look()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        look()
        times.append(1000 * (time.perf_counter() - began))
    return min(times)


def run_ms(app: AppTest) -> float:
    """Return the milliseconds that a run of a page takes on the server."""
    quickest = look_ms(app.run)
    if app.exception:
        raise RuntimeError(app.exception[0].message)
    return quickest
