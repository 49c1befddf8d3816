"""Twenty open pages with one running job: the server's share of a core (bound: 10 %), against no page at all."""

import time

import psutil

from tests.bench.places import chromium, open_page, studio

TABS = 20
WINDOW_S = 30


def run() -> None:
    """Print the processor time of the server over a window, without pages and with twenty."""
    with chromium() as browser, studio(seconds=120) as (server, _):
        process = psutil.Process(server.process.pid)
        alone = share(process)
        pages = [open_page(browser, server.url) for _ in range(TABS)]
        pages[0].get_by_label("Prompt", exact=True).fill("a long one")
        pages[0].get_by_role("button", name="Generate").click()
        time.sleep(10)
        busy = share(process)
    print(f"  no page {alone:.1f} %, {TABS} pages and a job {busy:.1f} % of a core (bound 10 %)")


def share(process: psutil.Process) -> float:
    """Return the percentage of one core that a process uses over a window."""
    before, began = process.cpu_times(), time.monotonic()
    time.sleep(WINDOW_S)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return 100 * used / (time.monotonic() - began)
