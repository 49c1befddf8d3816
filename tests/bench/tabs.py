"""Twenty idle tabs with one running job: the server's share of a core (bound: 2 %), against no tab at all."""

import time

import psutil

from tests.bench.places import WINDOW, chromium, open_page, press, studio, write

TABS = 20
WINDOW_S = 20
SECONDS = 600.0


def run() -> None:
    """Print the server's processor time over a period, without tabs and with twenty tabs of Chromium, all of one person."""
    with chromium() as browser, studio(SECONDS) as (server, _):
        process = psutil.Process(server.process.pid)
        time.sleep(5)
        alone = share(process)
        context = browser.new_context(viewport=WINDOW)
        pages = [open_page(context, server.url) for _ in range(TABS)]
        write(pages[0], "a long one")
        press(pages[0])
        time.sleep(10)
        busy = share(process)
    print(f"  no tab {alone:.1f} %, {TABS} tabs of Chromium and a running job {busy:.1f} % of a core (bound 2 %)")


def share(process: psutil.Process) -> float:
    """Return the percentage of one core that a process and its children use over a period."""
    before, began = used_s(process), time.monotonic()
    time.sleep(WINDOW_S)
    return 100 * (used_s(process) - before) / (time.monotonic() - began)


def used_s(process: psutil.Process) -> float:
    """Return the processor time that a process and its children have used."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)
