"""200 jobs open at once from 5 people: the server's share of a core (bound: 50 %), the reads, and a page's round trip."""

import time

import psutil

from tests.bench.places import chromium, median, open_page, studio

JOBS_EACH = 40
PEOPLE = ("Ann", "Ben", "Cem", "Dora", "Eve")
WINDOW_S = 30
ROUND_TRIP = """async () => {
  const box = [...document.querySelectorAll('label')].find(label => label.innerText.trim() === '2K');
  const other = [...document.querySelectorAll('label')].find(label => label.innerText.trim() === '4K');
  const price = () => [...document.querySelectorAll('button')].find(b => b.innerText.includes('Generate')).innerText;
  const times = [];
  for (let round = 0; round < 6; round++) {
    for (const target of [other, box]) {
      const before = price(), began = performance.now();
      target.click();
      while (price() === before) await new Promise(resolve => setTimeout(resolve, 2));
      times.push(performance.now() - began);
      await new Promise(resolve => setTimeout(resolve, 300));
    }
  }
  return times;
}"""


def run() -> None:
    """Print the load, the reads against their plan, and how much slower a page is than with nothing to do."""
    with chromium() as browser, studio(seconds=600) as (server, service):
        page = open_page(browser, server.url)
        page.get_by_text("2K", exact=True).click()
        page.wait_for_timeout(1500)
        alone_ms = median(page.evaluate(ROUND_TRIP))
        for person in PEOPLE:
            page.get_by_label("Your name").fill(person)
            page.keyboard.press("Enter")
            page.wait_for_timeout(800)
            page.get_by_label("Images", exact=True).fill("8")
            page.keyboard.press("Tab")
            page.wait_for_timeout(1500)  # the price has to be read before it is pressed
            for number in range(JOBS_EACH // 8):
                # What fails in the end is not drawn, which would take one of the processors for minutes.
                page.get_by_label("Prompt", exact=True).fill(f"sandbox: fail {person} {number}")
                page.get_by_role("button", name="Generate").click()
                page.wait_for_timeout(1200)
        while len(service.tasks()) < JOBS_EACH * len(PEOPLE):
            time.sleep(1)
        time.sleep(20)
        process, before, began = psutil.Process(server.process.pid), len(service.seen), time.monotonic()
        used = process.cpu_times()
        time.sleep(WINDOW_S)
        after, span_s = process.cpu_times(), time.monotonic() - began
        reads = sum(seen.path.endswith("recordInfo") for seen in service.seen[before:])
        cpu = 100 * (after.user + after.system - used.user - used.system) / span_s
        age_s = [time.time() - task["createTime"] / 1000 for task in service.tasks()]
        planned = sum(span_s / min(10, 2 + age / 30) for age in age_s)
        busy_ms = median(page.evaluate(ROUND_TRIP))
    print(f"  {len(age_s)} open jobs: {cpu:.0f} % of a core (bound 50 %), {reads} reads, about {planned:.0f} planned")
    print(f"  a change on the page {alone_ms:.0f} ms alone, {busy_ms:.0f} ms with them, ratio {busy_ms / alone_ms:.2f}")
