"""Eight references of 30 MB: the server's memory a minute after Generate, and while it uploads (bounds: 60, 20 MB)."""

import tempfile
import time
from pathlib import Path

from tests.bench.places import chromium, open_page, rss_mb, studio
from tests.drawn import noisy_png

BYTES = 30_000_000


def run() -> None:
    """Print how far the memory is from where it began, and how much the upload to the service adds."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser, studio() as (server, service):
        files = [noisy_png(Path(folder) / f"{number}.png", BYTES, number) for number in range(8)]
        page = open_page(browser, server.url)
        time.sleep(5)
        began = rss_mb(server)
        for number in range(0, 8, 2):
            # A browser driver hands over 50 MB at most in one go.
            page.locator("input[type=file]").set_input_files([str(path) for path in files[number : number + 2]])
            page.get_by_text(f"{number + 1}.png").wait_for(timeout=120_000)
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
    print(f"  began at {began:.0f} MB, all in {taken_in:.0f} MB", end="")
    print(f", a minute after Generate {ended - began:+.0f} MB (bound 60)")
    print(f"  uploading added {highest - taken_in:+.0f} MB at its highest (bound 20)")
