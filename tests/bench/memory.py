"""Large references: the server's memory after eight of 30 MB, while they go up, and after pictures that had to be made right.

Bounds: 60 MB for what stays a minute after Generate, 20 MB for the upload, 60 MB for what stays of the mending.
"""

import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.bench.places import chromium, open_page, rss_mb, studio
from tests.support.images import noisy_png
from tests.support.server import Server

BYTES = 30_000_000


def run() -> None:
    """Print the memory compared with the start, and what uploads and conversions add."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser, studio() as (server, service):
        files = [noisy_png(Path(folder) / f"{number}.png", BYTES, number) for number in range(8)]
        page = open_page(browser, server.url)
        time.sleep(5)
        began = rss_mb(server)
        for number in range(0, 8, 2):
            # Browser drivers transfer at most 50 MB at a time.
            page.locator("input[type=file]").set_input_files([str(path) for path in files[number : number + 2]])
            await_reference(page, number + 2)
        time.sleep(15)
        taken_in = rss_mb(server)
        page.get_by_label("Prompt", exact=True).fill("eight references")
        page.get_by_role("button", name="Generate").click()
        highest = taken_in
        while not service.tasks():
            highest = max(highest, rss_mb(server))
            time.sleep(0.02)
        time.sleep(60)
        ended = rss_mb(server)
        mended = mend(page, server, Path(folder))
    print(f"  began at {began:.0f} MB, all in {taken_in:.0f} MB", end="")
    print(f", a minute after Generate {ended - began:+.0f} MB (bound 60)")
    print(f"  uploading added {highest - taken_in:+.0f} MB at its highest (bound 20)")
    print(f"  making four of 40 megapixels right left {mended:+.0f} MB (bound 60)")


def mend(page: Page, server: Server, folder: Path) -> float:
    """Convert pictures for two people at the same time, and return the increase of memory ten seconds later."""
    other = page.context.new_page()
    other.goto(server.url)
    other.get_by_role("button", name="Generate").wait_for()
    for _ in range(4):
        page.get_by_role("button", name="Remove reference 1").click()
    before = rss_mb(server)
    for number, visitor in enumerate((page, other, page, other)):
        path = folder / f"{number}.tiff"
        Image.linear_gradient("L").resize((8000, 5000 + number)).convert("RGBA").save(path, compression="tiff_lzw")
        visitor.locator("input[type=file]").set_input_files(str(path))
    await_reference(page, 6)
    await_reference(other, 2)
    time.sleep(10)
    return rss_mb(server) - before


def await_reference(page: Page, number: int) -> None:
    """Wait until a reference is displayed."""
    page.get_by_role("img", name=f"Reference {number}", exact=True).wait_for(timeout=240_000)
