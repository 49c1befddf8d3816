"""Settings, typing and reordering with 8 references of 20 MB and 50 finished cards, against a bare radio (bound: 1.5×)."""

import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

from kie.generation import Generation, SubmissionItem
from kie.sandbox import Sandbox
from kie.settings import ROOT, Settings
from kie.studio import Studio
from tests.bench import setting
from tests.bench.places import chromium, fill, open_page, studio
from tests.support.browser import at
from tests.support.images import noisy_png

CARDS, BATCH = 50, 200
REFERENCE_BYTES = 20 * 2**20
CHANGES = setting.CHANGES | {
    "typing → the count": (
        "enter(its.field, its.field.value + ' more')\n  its.field.blur()",
        "its.count.textContent",
        "its.field = within('textarea')\n  its.count = within('output.count')",
    ),
    "reordering → the order": (
        "within('.strip .right:not(:disabled)').click()",
        "[...its.strip.children].map((one) => one.dataset.id).join()",
        "its.strip = within('.strip')",
    ),
}


def run() -> None:
    """Print the medians, their ratios to the change of a bare radio, and the time to queue a batch."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, chromium() as browser:
        queue_batch(Path(folder) / "batch")
        data_dir = Path(folder) / "data"
        fill(data_dir, [Generation(f"card {number}") for number in range(CARDS)], 1)
        with studio(data_dir=data_dir) as (server, _):
            page = open_page(browser, server.url)
            attach(page, Path(folder))
            setting.show(browser, page, CHANGES)


def queue_batch(folder: Path) -> None:
    """Print the time to queue a batch."""
    with Sandbox(folder / "service", credits=100_000) as service:
        settings = Settings.load(ROOT, at(service) | {"KIE_DATA_DIR": str(folder / "data")})
        with Studio(settings) as queue:
            batch = [SubmissionItem(Generation(f"row {number}"), row=number) for number in range(1, BATCH + 1)]
            began = time.monotonic()
            queue.submissions.queue(queue.submissions.priced("Somebody", batch, "batch"))
            print(f"  a batch of {BATCH} is queued in {time.monotonic() - began:.2f} s (bound 2)")


def attach(page: Page, folder: Path) -> None:
    """Attach eight references with different content."""
    for number in range(8):
        path = noisy_png(folder / f"{number}.png", REFERENCE_BYTES, seed=number)
        page.locator("input[type=file]").set_input_files(path)
        page.get_by_role("img", name=f"Reference {number + 1}", exact=True).wait_for(timeout=60_000)
