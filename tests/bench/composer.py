"""Settings, typing and reordering with 8 references of 20 MB and 50 finished cards, against a bare widget's run (bound: 1.5×)."""

import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

from kie.generation import Generation, Wanted
from kie.jobs import ENDED
from kie.sandbox import Sandbox
from kie.settings import ROOT, Settings
from kie.studio import Studio
from tests.bench.places import chromium, empty_app, median, open_page
from tests.drawn import noisy_png
from tests.server import Server

ROUNDS = 11
CARDS, BATCH = 50, 200
REFERENCE_BYTES = 20 * 2**20
# From doing something until its run has ended on the page.
RUN = """async () => {
  const app = document.querySelector('[data-testid=stApp]');
  const state = () => app.dataset.testScriptState;
  const began = performance.now();
  window.__act();
  while (state() === 'notRunning' && performance.now() - began < 3000) await new Promise(r => setTimeout(r, 1));
  while (state() !== 'notRunning') await new Promise(r => setTimeout(r, 1));
  return performance.now() - began;
}"""
PRESS = "window.__act = () => [...document.querySelectorAll('button')].find(b => b.innerText.includes('Press')).click()"
CHOOSE = """window.__act = () => [...document.querySelectorAll('input[type=radio]')]
  .filter(r => ['1K', '4K'].some(name => r.closest('label').innerText.startsWith(name))).find(r => !r.checked).click()"""
TYPE = """window.__act = () => {
  const field = document.querySelector('textarea[aria-label=Prompt]');
  const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set;
  field.focus(); set.call(field, field.value + ' more'); field.dispatchEvent(new Event('input', { bubbles: true })); field.blur();
}"""


def run() -> None:
    """Print the medians and their ratios to a bare widget's run, and how long a batch takes to be queued."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser, empty_app() as bare_url:
        bare = browser.new_page()
        bare.goto(bare_url)
        bare.get_by_role("button", name="Press").wait_for()
        bare_ms = rounds(bare, PRESS)
        print(f"  bare widget {bare_ms:.0f} ms")
        with Sandbox(Path(folder) / "service", seconds=0.1, credits=100_000) as service:
            environment = {"KIE_API_URL": service.url, "KIE_UPLOAD_URL": service.url, "KIE_API_KEY": "bench-key"}
            data_dir = Path(folder) / "data"
            make_cards(environment | {"KIE_DATA_DIR": str(data_dir)})
            with Server(data_dir, **environment) as server:
                page = open_page(browser, server.url)
                attach(page, Path(folder))
                for name, act in (("a setting", CHOOSE), ("the prompt", TYPE)):
                    took_ms = rounds(page, act)
                    print(f"  {name} {took_ms:.0f} ms, ratio {took_ms / bare_ms:.2f} (bound 1.5)")


def make_cards(environment: dict[str, str]) -> None:
    """Make what a session shows, and time how long a batch takes to be queued."""
    with Studio(Settings.load(ROOT, environment)) as studio:
        made = studio.order("Guest", [Wanted(Generation(f"card {number}")) for number in range(CARDS)], "cards")
        ids = [job.id for job in made]
        while not all(job.state in ENDED for job in studio.jobs(ids)):
            time.sleep(0.2)
        batch = [Wanted(Generation(f"row {number}"), row=number) for number in range(1, BATCH + 1)]
        began = time.monotonic()
        studio.order("Somebody else", batch, "batch")
        print(f"  a batch of {BATCH} is queued in {time.monotonic() - began:.2f} s (bound 2)")
        studio.pause("batch")


def attach(page: Page, folder: Path) -> None:
    """Attach eight references, each of other bytes."""
    for number in range(8):
        path = noisy_png(folder / f"{number}.png", REFERENCE_BYTES, seed=number)
        page.locator("input[type=file]").set_input_files(path)
        page.get_by_role("img", name=f"Reference {number + 1}", exact=True).wait_for(timeout=60_000)


def rounds(page: Page, act: str) -> float:
    """Do it several times, and return the median of the milliseconds that its runs took."""
    page.evaluate(act)
    took = []
    for _ in range(ROUNDS):
        took.append(page.evaluate(RUN))
        page.wait_for_timeout(400)
    return median(took)
