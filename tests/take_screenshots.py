"""Take the README's screenshots from the running app: python -m tests.take_screenshots [reference.jpg …]

Starts the studio on its sandbox in a temporary folder, makes a few pictures as a person would, and photographs the
three pages. Without files of your own it draws its references.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.drawn import picture
from tests.server import Server

FOLDER = Path(__file__).parent / "screenshots"
SIZE = {"width": 1440, "height": 900}


def make(page: Page, prompt: str, ratio: str | None = None) -> None:
    """Ask for one picture and wait until it is there."""
    page.get_by_label("Prompt", exact=True).fill(prompt)
    if ratio:
        page.get_by_text(ratio, exact=True).click()
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("img", name=f"Picture made from: {prompt}").wait_for(timeout=90_000)


def take(page: Page, name: str) -> None:
    """Photograph the page when it stands still."""
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
            make(page, "Misty hills before sunrise, one small lighthouse, quiet colours")
            make(page, "A tall poster for a jazz night in June, paper texture", "9:16")
            page.locator("input[type=file]").set_input_files(references or [str(drawn)])
            page.wait_for_timeout(1500)
            make(page, "A cat at the window watches a rocket take off, evening light", "4:3")
            take(page, "generate")
            page.get_by_role("link", name="History").click()
            page.get_by_role("heading", name="History").wait_for()
            page.wait_for_timeout(2000)
            table = page.get_by_test_id("stDataFrame").bounding_box()
            page.mouse.click(table["x"] + 16, table["y"] + 62)
            take(page, "history")
            page.get_by_role("link", name="Account").click()
            page.get_by_role("heading", name="Account").wait_for()
            take(page, "account")


if __name__ == "__main__":
    main(sys.argv[1:])
