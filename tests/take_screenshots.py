"""Take the README's screenshots from the running app: python -m tests.take_screenshots [reference.jpg …]

Starts the studio on the sandbox in a temporary folder, makes a few pictures, and takes a screenshot of each page.
References are generated unless files are given.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.support.browser import pictures_of, show_item
from tests.support.composer import READ_MS, ask_for_images, choose, choose_files, reference
from tests.support.images import picture
from tests.support.server import Server

FOLDER = Path(__file__).parent / "screenshots"
SIZE = {"width": 1440, "height": 900}


def make(page: Page, prompt: str, ratio: str, images: int = 1) -> None:
    """Submit a prompt and wait for its pictures."""
    choose(page, ratio)
    ask_for_images(page, images)
    page.get_by_label("Prompt", exact=True).fill(prompt)
    generate = page.get_by_role("button", name=f"Generate {images} ·" if images > 1 else "Generate · about")
    expect(generate).to_be_enabled()
    page.wait_for_timeout(READ_MS)
    generate.click()
    expect(pictures_of(page, prompt)).to_have_count(images, timeout=90_000)


def take(page: Page, name: str) -> None:
    """Take a screenshot of the page once it is stable."""
    page.mouse.move(5, 5)
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")
    page.wait_for_timeout(2500)
    page.screenshot(path=str(FOLDER / f"{name}.png"))


def main(references: list[str]) -> None:
    """Make the pictures and the screenshots."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        drawn = Path(folder) / "reference.png"
        drawn.write_bytes(picture(size=(640, 480), colour="#d9a441"))
        with Server(Path(folder) / "data") as server:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.goto(server.url)
            page.get_by_label("Your name").fill("Ann")
            page.keyboard.press("Enter")
            make(page, "Misty hills before sunrise, one small lighthouse, quiet colours", "16:9", 2)
            make(page, "A tall poster for a jazz night in June, paper texture", "2:3", 4)
            choose_files(page, *map(Path, references or [drawn]))
            expect(reference(page, max(1, len(references)))).to_be_visible()
            make(page, "A cat at the window watches a rocket take off, evening light", "4:3", 2)
            for remove in reversed(page.get_by_role("button", name="Remove reference").all()):
                remove.click()
            take(page, "generate")
            page.get_by_role("link", name="History").click()
            page.get_by_role("heading", name="History").wait_for()
            page.wait_for_timeout(2000)
            show_item(page, 0)
            take(page, "history")
            page.get_by_role("link", name="Account").click()
            expect(page.locator("svg.marks")).to_have_count(2, timeout=90_000)
            take(page, "account")


if __name__ == "__main__":
    main(sys.argv[1:])
