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
from tests.bench.places import bare_runs, chromium, open_page, timed
from tests.drawn import noisy_png
from tests.server import Server

CARDS, BATCH = 50, 200
REFERENCE_BYTES = 20 * 2**20
CHANGES = {
    "a setting: the price": (
        """[...document.querySelectorAll('input[type=radio]')]
          .filter((one) => ['1K', '4K'].some((name) => one.closest('label').innerText.startsWith(name)))
          .find((one) => !one.checked).click()""",
        "button('Generate').innerText",
    ),
    "typing: the count": (
        """const field = document.querySelector('textarea[aria-label=Prompt]')
          enter(field, field.value + ' more')
          field.blur()""",
        "within('output[aria-label$=characters]').textContent",
    ),
    "reordering: the order": (
        "within('.strip .right:not(:disabled)').click()",
        "[...within('.strip').children].map((one) => one.dataset.id).join()",
    ),
}


def run() -> None:
    """Print the medians and their ratios to a bare widget's run, and how long a batch takes to be queued."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        bare_ms, tuned_ms = bare_runs(browser)
        print(f"  a bare widget of Streamlit as it comes: {bare_ms:.0f} ms; with our configuration {tuned_ms:.0f} ms")
        with Sandbox(Path(folder) / "service", seconds=0.1, credits=100_000) as service:
            environment = {"KIE_API_URL": service.url, "KIE_UPLOAD_URL": service.url, "KIE_API_KEY": "bench-key"}
            data_dir = Path(folder) / "data"
            make_cards(environment | {"KIE_DATA_DIR": str(data_dir)})
            with Server(data_dir, **environment) as server:
                page = open_page(browser, server.url)
                attach(page, Path(folder))
                for name, (act, answer) in CHANGES.items():
                    took_ms, run_ms = timed(page, act, answer)
                    print(
                        f"  {name} after {took_ms:.0f} ms, ratio {took_ms / tuned_ms:.2f} (bound 1.5), to Streamlit as it "
                        f"comes {took_ms / bare_ms:.2f}; its run ended after {run_ms:.0f} ms, ratio {run_ms / tuned_ms:.2f}"
                    )


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
