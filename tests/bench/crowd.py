"""200 jobs open at once from 5 people: the server's share of a core (bound: 50 %), the reads, and the change of a setting."""

import time
from urllib.parse import quote

import psutil
from playwright.sync_api import Browser

from tests.bench.places import WINDOW, chromium, open_page, press, studio, timed, write
from tests.bench.setting import CHANGES
from tests.bench.tabs import WINDOW_S, share
from tests.support.composer import agree

JOBS_EACH = 40
PEOPLE = ("Ann", "Ben", "Cem", "Dora", "Eve")
SETTING = CHANGES["resolution → price on the button"]


def run() -> None:
    """Print the load, the reads compared with their plan, and a page's slowdown compared with an idle server."""
    with chromium() as browser, studio(seconds=600) as (server, service):
        page = open_page(browser, server.url)
        alone_ms, _ = timed(page, *SETTING)
        for person in PEOPLE:
            ask(browser, server.url, person)
        while len(service.tasks()) < JOBS_EACH * len(PEOPLE):
            time.sleep(1)
        time.sleep(20)
        before = len(service.seen)
        cpu = share(psutil.Process(server.process.pid))
        reads = sum(seen.path.endswith("recordInfo") for seen in service.seen[before:])
        age_s = [time.time() - task["createTime"] / 1000 for task in service.tasks()]
        planned = sum(WINDOW_S / min(10, 2 + age / 30) for age in age_s)
        busy_ms, _ = timed(page, *SETTING)
    print(f"  {len(age_s)} open jobs: {cpu:.0f} % of a core (bound 50 %), {reads} reads, about {planned:.0f} planned")
    print(
        f"  a change of a setting {alone_ms:.0f} ms alone, {busy_ms:.0f} ms with them, ratio {busy_ms / alone_ms:.2f}"
    )


def ask(browser: Browser, url: str, person: str) -> None:
    """Ask for many pictures at once as this person, whose page stays open. They are never drawn, which would take long."""
    context = browser.new_context(viewport=WINDOW)
    context.add_cookies([{"name": "studio_person", "value": quote(person), "url": url}])
    page = open_page(context, url)
    write(page, f"sandbox: fail {person} {{{'|'.join(map(str, range(JOBS_EACH)))}}}")
    press(page)
    agree(page)
