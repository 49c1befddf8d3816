"""Actions on the form in browser tests: what is asked for, pressed and confirmed."""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.support.browser import pictures_of, settle

# Minimum display time before a click counts: 0.4 s for a price, 1.5 s for a confirmation.
READ_MS, QUESTION_MS = 600, 600
GENERATE = re.compile("^Generate")
# The buttons of the dock that name a chosen aspect ratio, and a chosen resolution and format.
RATIO, SIZE = re.compile(r"(Auto|:\d+)\b"), re.compile(r"\b[124]K · ")


def write_prompt(page: Page, prompt: str) -> None:
    """Enter the prompt and blur its field."""
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_label("Prompt").blur()


def prompt_field(page: Page) -> Locator:
    """Return the field of the prompt."""
    return page.get_by_label("Prompt", exact=True)


def empty_form(page: Page) -> Page:
    """Clear the prompt, remove all references, and ask for one image."""
    ask_for_images(page, 1)
    remove = page.get_by_role("button", name=re.compile("^Remove reference"))
    while left := remove.count():
        remove.first.click()
        expect(remove).to_have_count(left - 1)
    write_prompt(page, "")
    settle(page)
    return page


def ask_for_images(page: Page, images: int) -> None:
    """Choose how many images: one of the usual numbers, or another from the menu."""
    unfold(page)
    field = page.get_by_label("Images", exact=True)
    expect(field).to_be_visible()
    number = field.get_by_text(str(images), exact=True)
    if number.count() == 0:
        page.get_by_test_id("stBottom").get_by_test_id("stMenuButton").first.get_by_role("button").click()
        number = page.get_by_role("menuitem", name=str(images), exact=True)
    number.click()
    settle(page)


def unfold(page: Page) -> None:
    """Open the settings on a phone, where they are folded away."""
    folded = page.get_by_test_id("stBottom").get_by_role("button", name="Settings", exact=True)
    if folded.count() and not page.get_by_text("Batch").is_visible():
        folded.click()
        expect(page.get_by_text("Batch")).to_be_visible()


def choose(page: Page, *settings: str) -> None:
    """Choose settings of the form by their names, such as 21:9, 4K or JPG."""
    for name in settings:
        opener = RATIO if ":" in name or name == "Auto" else SIZE
        unfold(page)
        page.get_by_test_id("stBottom").get_by_role("button", name=opener).click()
        page.get_by_test_id("stPopoverBody").get_by_text(name, exact=True).click()
        settle(page)
        if page.get_by_test_id("stPopoverBody").count():
            page.keyboard.press("Escape")
        expect(page.get_by_test_id("stPopoverBody")).to_have_count(0)
        expect(page.get_by_test_id("stBottom").get_by_role("button", name=opener)).to_contain_text(name)
        settle(page)


def choose_files(page: Page, *files: Path | tuple[str, bytes]) -> None:
    """Select files as references: paths, or names with bytes."""
    payloads = [
        file if isinstance(file, Path) else {"name": file[0], "mimeType": "image/png", "buffer": file[1]}
        for file in files
    ]
    page.locator("input[type=file]").set_input_files(payloads)


def open_batch(page: Page) -> Locator:
    """Switch the table on, and open the place where rows are added. Return that place."""
    settle(page)
    page.get_by_text("Batch", exact=True).click()
    page.get_by_role("button", name="Add rows").click()
    return page.get_by_test_id("stPopoverBody")


def add_rows(place: Locator, name: str, content: bytes) -> None:
    """Choose a file with rows of the table, in the place that `open_batch` has opened."""
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    place.get_by_label("CSV or Excel file").set_input_files([file])


def generate_button(page: Page) -> Locator:
    """Return the Generate button. During a rerun there may be two; the last one stays."""
    return page.get_by_role("button", name=GENERATE).last


def press_generate(page: Page, **options: object) -> None:
    """Click Generate, once its price has been displayed long enough."""
    if "Generate · about 18 credits" not in generate_button(page).inner_text():
        page.wait_for_timeout(READ_MS)
    generate_button(page).click(**options)


def question_of(page: Page) -> Locator:
    """Return the confirmation dialog before a payment."""
    return page.get_by_role("dialog", name="Before you pay")


def agree(page: Page) -> None:
    """Confirm the dialog before a payment, once it has been displayed long enough."""
    expect(generate_button(question_of(page))).to_be_visible()
    page.wait_for_timeout(QUESTION_MS)
    generate_button(question_of(page)).click()


def ask(page: Page, prompt: str) -> None:
    """Submit a prompt."""
    write_prompt(page, prompt)
    press_generate(page)


def make(page: Page, prompt: str) -> None:
    """Submit a prompt and wait for its picture."""
    ask(page, prompt)
    expect(pictures_of(page, prompt)).to_be_visible()


def reference(page: Page, number: int) -> Locator:
    """Return the thumbnail of a reference in the form."""
    return page.get_by_alt_text(f"Reference {number}", exact=True).filter(visible=True)


def settings(page: Page) -> str:
    """Return the settings of the form as its dock names them."""
    text = " ".join(
        page.get_by_test_id("stBottom").get_by_role("button", name=name).inner_text() for name in (RATIO, SIZE)
    )
    return " · ".join(re.findall(r"Auto|\d+:\d+|[124]K|PNG|JPG", text))
