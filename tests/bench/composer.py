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
# From doing something until its answer stands on the page, and until the run that follows has ended, if there is one.
ANSWER = """async ([act, answer, rounds]) => {
  const state = () => document.querySelector('[data-testid=stApp]').dataset.testScriptState
  const button = (name) => [...document.querySelectorAll('button')].find((one) => one.innerText.includes(name))
  const within = (selector) => [...document.querySelectorAll('*')].map((one) => one.shadowRoot?.querySelector(selector)).find(Boolean)
  const radio = () => [...document.querySelectorAll('input[type=radio]')]
    .filter((one) => ['1K', '4K'].some((name) => one.closest('label').innerText.startsWith(name))).find((one) => !one.checked)
  const type = () => {
    const field = document.querySelector('textarea[aria-label=Prompt]')
    const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set
    field.focus()
    set.call(field, field.value + ' more')
    field.dispatchEvent(new Event('input', { bubbles: true }))
    field.blur()
  }
  const acts = {
    press: () => button('Press').click(),
    choose: () => radio().click(),
    move: () => within('.strip .right:not(:disabled)').click(),
    type,
  }
  const answers = {
    pressed: () => document.body.innerText.match(/pressed (\\d+)/)[1],
    price: () => button('Generate').innerText,
    order: () => [...within('.strip').children].map((one) => one.dataset.id).join(),
    count: () => within('output[aria-label$=characters]').textContent,
  }
  const times = []
  for (let round = 0; round < rounds; round++) {
    const before = answers[answer](), began = performance.now()
    const since = () => performance.now() - began
    let [answered, ended] = [null, 0]
    acts[act]()
    // A short run may never be seen to run.
    while (answered === null || since() - Math.max(answered, ended) < 200) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      if (answered === null && answers[answer]() !== before) answered = since()
      if (state() !== 'notRunning') ended = since()
      if (since() > 10_000) throw new Error(`${act} was not answered`)
    }
    times.push([answered, Math.max(answered, ended)])
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  return times
}"""


def run() -> None:
    """Print the medians and their ratios to a bare widget's run, and how long a batch takes to be queued."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser, empty_app() as bare_url:
        bare = browser.new_page()
        bare.goto(bare_url)
        bare.get_by_role("button", name="Press").wait_for()
        bare_ms, bare_run_ms = rounds(bare, "press", "pressed")
        print(f"  bare widget: answered after {bare_ms:.0f} ms, its run ended after {bare_run_ms:.0f} ms")
        with Sandbox(Path(folder) / "service", seconds=0.1, credits=100_000) as service:
            environment = {"KIE_API_URL": service.url, "KIE_UPLOAD_URL": service.url, "KIE_API_KEY": "bench-key"}
            data_dir = Path(folder) / "data"
            make_cards(environment | {"KIE_DATA_DIR": str(data_dir)})
            with Server(data_dir, **environment) as server:
                page = open_page(browser, server.url)
                attach(page, Path(folder))
                for act, answer in (("choose", "price"), ("type", "count"), ("move", "order")):
                    took_ms, run_ms = rounds(page, act, answer)
                    print(
                        f"  {act}: the {answer} answers after {took_ms:.0f} ms, ratio {took_ms / bare_ms:.2f} (bound 1.5);",
                        end="",
                    )
                    print(f" the run ended after {run_ms:.0f} ms, ratio {run_ms / bare_run_ms:.2f}")


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


def rounds(page: Page, act: str, answer: str) -> tuple[float, float]:
    """Do it several times, and return the medians of the milliseconds until its answer, and until the end of its run."""
    times = page.evaluate(ANSWER, [act, answer, ROUNDS])
    return median([answered for answered, _ in times]), median([ended for _, ended in times])
