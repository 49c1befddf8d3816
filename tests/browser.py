"""A person before a real Chromium, and the studio that they use: a server process on a service that the test looks into.

    visit ──► Server (streamlit run app.py) ──► service, uploads: one Sandbox on two addresses, each with its record

Every visitor has a browser profile and a name of their own, so that tests which share a server do not see each other's
pictures.
"""

import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from kie.sandbox import CREATE, UPLOAD, Sandbox, Seen
from tests.server import Server, free_port

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
KEY = "a-key-that-stays-on-two-hosts"
WAIT_MS = 15_000
GENERATE = re.compile("^Generate")
# A page below the root makes Streamlit look for its server there first, and the browser notes that it is not.
PROBES = re.compile(r"/\w+/_stcore/(health|host-config)$")


# -- what a test stands on


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser. Without one these tests fail: what they claim was not shown then."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.fail(f"No Chromium was found ({', '.join(BROWSERS)}): install it, or run tests/run, which does.")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def service_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service keeps what it knows, whichever of its hosts is asked."""
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def service(service_folder: Path) -> Iterator[Sandbox]:
    """The service's host that creates tasks, quick and rich, with every request on record."""
    with Sandbox(service_folder, port=free_port(), credits=100_000, seconds=0.3, record=True) as running:
        yield running


@pytest.fixture(scope="module")
def uploads(service_folder: Path, service: Sandbox) -> Iterator[Sandbox]:
    """The same service's other host, the one that takes references."""
    with Sandbox(service_folder, port=free_port(), record=True) as running:
        yield running


@pytest.fixture(scope="module")
def server(service: Sandbox, uploads: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The studio with a key and that service."""
    with Server(tmp_path_factory.mktemp("studio") / "data", **at(service, uploads)) as running:
        yield running


def at(service: Sandbox, uploads: Sandbox | None = None, key: str = KEY) -> dict[str, str]:
    """Return the environment of a studio that takes these for the real service."""
    return {"KIE_API_URL": service.url, "KIE_UPLOAD_URL": (uploads or service).url, "KIE_API_KEY": key}


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a studio as somebody new. In the end no page has an error in its console, unless the server went away."""
    contexts, errors = [], []

    def open_page(server: Server, path: str = "/", *, name: str | None = None, quiet: bool = True, **options) -> Page:
        context = chromium.new_context(base_url=server.url, **{"viewport": DESKTOP} | options)
        contexts.append(context)
        name = name or f"Visitor {time.monotonic_ns()}"
        context.add_cookies([{"name": "studio_person", "value": quote(name), "url": server.url}])
        context.set_default_timeout(WAIT_MS)
        if quiet:
            context.on("console", lambda message: errors.extend(complaints(message)))
            context.on("weberror", lambda error: errors.append(str(error.error)))
        page = context.new_page()
        page.on("dialog", lambda dialog: errors.append(f"a dialog: {dialog.message}") or dialog.dismiss())
        page.goto(path)
        settle(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def complaints(message: object) -> list[str]:
    """Return what is an error among the console's messages."""
    if message.type != "error" or PROBES.search(message.location.get("url", "")):
        return []
    return [f"{message.text} ({message.location.get('url')})"]


# -- what a person does


def settle(page: Page) -> None:
    """Wait until the page has been drawn and nothing runs."""
    expect(page.get_by_label("Your name")).to_be_attached()
    expect(page.locator("[data-testid=stApp]")).to_have_attribute("data-test-script-state", "notRunning")


def write_prompt(page: Page, prompt: str) -> None:
    """Write the prompt and leave its field."""
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_label("Prompt").blur()


def choose_files(page: Page, *files: Path | tuple[str, bytes]) -> None:
    """Choose files for the references: paths, or names with bytes."""
    payloads = [
        file if isinstance(file, Path) else {"name": file[0], "mimeType": "image/png", "buffer": file[1]}
        for file in files
    ]
    page.locator("input[type=file]").set_input_files(payloads)


def press_generate(page: Page, **options: object) -> None:
    """Press the button that costs credits."""
    page.get_by_role("button", name=GENERATE).click(**options)


def pictures_of(page: Page, prompt: str) -> Locator:
    """Return the finished pictures of a prompt on this page."""
    return page.get_by_role("img", name=f"Picture made from: {prompt[:200]}", exact=True)


def make(page: Page, prompt: str, count: int = 1) -> None:
    """Ask for a picture and wait until it is there."""
    write_prompt(page, prompt)
    press_generate(page)
    expect(pictures_of(page, prompt)).to_have_count(count)


def saved(page: Page, button: Locator) -> tuple[str, bytes]:
    """Press a download button and return the file's name and bytes."""
    with page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def credits_shown(page: Page) -> str:
    """Return the balance as the page shows it."""
    return metric(page).inner_text()


def metric(page: Page) -> Locator:
    """Return the figure under `Credits`."""
    return page.get_by_test_id("stMetric").filter(has_text="Credits").get_by_test_id("stMetricValue")


def is_below(lower: Locator, upper: Locator) -> bool:
    """Say whether one thing stands below another."""
    high, low = upper.bounding_box(), lower.bounding_box()
    return low["y"] >= high["y"] + high["height"] - 1


def cells(page: Page, nth: int = 0) -> list[str]:
    """Return the text of a table's cells, row by row, from what it tells a screen reader."""
    return page.get_by_test_id("stDataFrame").nth(nth).locator("canvas td").all_text_contents()


def select_row(page: Page, number: int) -> None:
    """Select a row of the history by its number, from 0: the table is a drawing, so by where it stands."""
    canvas = page.get_by_test_id("stDataFrame").locator("canvas").first
    canvas.click(position={"x": 16, "y": 36 + 56 * number + 28})


# -- what a payer sees


def paid_requests(service: Sandbox, prompt: str) -> list[dict]:
    """Return the bodies of the paid requests with this prompt."""
    bodies = [json.loads(seen.body) for seen in requests_to(service, CREATE)]
    return [body for body in bodies if body["input"]["prompt"] == prompt]


def requests_to(service: Sandbox, path: str) -> list[Seen]:
    """Return the requests with this path."""
    return [seen for seen in service.seen if seen.path == path]


def sent(*services: Sandbox) -> int:
    """Count what was uploaded and paid for so far."""
    return sum(seen.path in (CREATE, UPLOAD) for service in services for seen in service.seen)


def tasks(service: Sandbox, prompt: str) -> list[dict]:
    """Return the service's tasks with this prompt."""
    return [task for task in service.tasks() if task["input"]["prompt"] == prompt]


def rows(server: Server, prompt: str) -> list[dict]:
    """Return the studio's jobs with this prompt."""
    with closing(sqlite3.connect(server.data_dir / "studio.sqlite3")) as database:
        database.row_factory = sqlite3.Row
        found = database.execute("SELECT * FROM jobs WHERE prompt = ? ORDER BY created_at", [prompt]).fetchall()
    return [dict(row) for row in found]


def until(found: Callable[[], object], within_s: float = 30) -> object:
    """Return the first true answer."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"Nothing came within {within_s} seconds.")


# -- what everybody needs


def barriers(page: Page) -> list[str]:
    """Return what axe finds that keeps somebody out."""
    found = Axe().run(page).response["violations"]
    return [
        f"{violation['id']} ({violation['impact']}): {node['html'][:200]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def overflow(page: Page) -> int:
    """Return how many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def dress(page: Page, screen: dict[str, int], scheme: str) -> None:
    """Look at the page on this screen, in light or dark, as somebody does who changes it while the page is open."""
    page.set_viewport_size(screen)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    expect(page.locator("[data-testid=stApp]")).to_have_css("color-scheme", scheme)
