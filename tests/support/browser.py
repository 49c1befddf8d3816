"""Fixtures and actions for browser tests: a real Chromium, and the studio as a server process with two sandboxes.

    visit ──► server (streamlit run app.py) ──► service, uploads: one Sandbox on two ports, each recording its requests

Every visitor has a unique name, so that tests that share a server do not see each other's pictures.
"""

import contextlib
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from kie.sandbox import Sandbox
from kie.sandbox.server import CREATE, UPLOAD
from tests.support.recorded import RecordedSandbox
from tests.support.server import ROOT, ForkedServer, Server, free_port
from tests.support.waiting import until

Visit = Callable[..., Page]
Start = Callable[..., Server]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--process-per-site", "--disable-site-isolation-trials"]
# Pages are closed too soon for the optimising compiler to pay off.
FLAGS += ["--js-flags=--no-turbofan"]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# What is left of a desktop's window at a zoom of 400 % (WCAG 1.4.10).
ZOOMED = {"width": 320, "height": 200}
KEY = "a-key-that-stays-on-two-hosts"
WAIT_MS = 120_000
# Letters of a server's log that a failed test prints.
LOG_SHOWN = 4000
# Console messages of a browser whose server is unreachable.
GONE = ("net::ERR_", "WebSocket connection", "disconnected", "server endpoint", "server is not responding")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A browser for the session. Tests fail without one, because they would show nothing."""
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
    """The state of the service, shared by its two hosts."""
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def service(service_folder: Path) -> Iterator[Sandbox]:
    """The API host of the service: fast, with a large balance, recording all requests."""
    with RecordedSandbox(service_folder, port=free_port(), credits=100_000, seconds=0.3) as running:
        yield running


@pytest.fixture(scope="module")
def uploads(service_folder: Path, service: Sandbox) -> Iterator[Sandbox]:
    """The upload host of the same service."""
    with RecordedSandbox(service_folder, port=free_port()) as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the app without the developer's key, settings and pictures."""
    root = tmp_path_factory.mktemp("project")
    for name in ("kie", "pages", "config", ".streamlit"):
        # Including compiled modules, so that they are not compiled again for each studio.
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("kie_key.txt"))
    shutil.copy(ROOT / "app.py", root)
    return root


@pytest.fixture(scope="session")
def port() -> int:
    """The port of the studio of each test file. Kept constant, so that the browser can cache Streamlit's files."""
    return free_port()


@pytest.fixture(scope="module")
def server(service: Sandbox, uploads: Sandbox, project: Path, port: int) -> Iterator[Server]:
    """The studio with a key and that service."""
    with ForkedServer(project / "data", project, port, **at(service, uploads)) as running:
        yield running


@pytest.fixture(scope="session")
def other_port() -> int:
    """The port of a studio for a single test."""
    return free_port()


@pytest.fixture
def poor_service(tmp_path: Path) -> Iterator[Sandbox]:
    """A service on which there are 20 credits left: enough for one picture."""
    with RecordedSandbox(tmp_path / "poor", port=free_port(), credits=20, seconds=0.3) as running:
        yield running


@pytest.fixture
def start(project: Path, tmp_path: Path, other_port: int) -> Iterator[Start]:
    """A function that starts a studio for a single test. It is stopped after the pages are closed."""
    ports = [other_port]

    def start(kind: type[Server] = ForkedServer, **environment: str) -> Server:
        port = ports.pop() if ports else None
        return running.enter_context(kind(tmp_path / "data", project, port, **environment))

    with ExitStack() as running:
        yield start


def at(service: Sandbox, uploads: Sandbox | None = None, key: str = KEY) -> dict[str, str]:
    """Return the environment variables for a studio that uses these sandboxes as the service."""
    return {"KIE_API_URL": service.url, "KIE_UPLOAD_URL": (uploads or service).url, "KIE_API_KEY": key}


@pytest.fixture(scope="session")
def profile(chromium: Browser) -> Iterator[BrowserContext]:
    """One browser context for all tests: with an empty cache each page would take a second longer."""
    with closing(chromium.new_context(viewport=DESKTOP, reduced_motion="reduce")) as context:
        context.set_default_timeout(WAIT_MS)
        context.new_page()  # Keeps the window and its process alive, which is cheaper than new ones for each test.
        yield context


@pytest.fixture(scope="session")
def phone(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser context of a phone: narrow, with touch."""
    mobile = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36"
    with closing(chromium.new_context(viewport=PHONE, is_mobile=True, has_touch=True, user_agent=mobile)) as context:
        context.set_default_timeout(WAIT_MS)
        yield context


@pytest.fixture
def clean_page(profile: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """A function that returns a blank page. At the end, no page may have logged errors, except those in `errors_pass`."""
    pages, staying, errors, listeners = [], [], [], []

    def listen(page: Page, event: str, hear: Callable[[Any], object]) -> None:
        page.on(event, hear)
        listeners.append((page, event, hear))

    def give(profile: BrowserContext = profile, errors_pass: Iterable[str] = (), stays: bool = False) -> Page:
        # A new page needs a window and a process, which takes a second, so blank pages are reused.
        page = next((page for page in profile.pages if page not in pages), None) or profile.new_page()
        pages.append(page)
        if stays:
            staying.append(page)
        page.bring_to_front()  # A page in the background is rendered once a second, and a click waits for two frames.
        listen(page, "console", lambda message: errors.extend(complaints(message, errors_pass)))
        listen(page, "pageerror", lambda error: errors.append(str(error)))
        listen(page, "dialog", lambda dialog: errors.append(f"a dialog: {dialog.message}") or dialog.dismiss())
        return page

    failed = request.session.testsfailed
    yield give
    if request.session.testsfailed > failed:
        print(*(page.locator("body").aria_snapshot() for page in pages if not page.is_closed()), sep="\n\n")
    for page, event, hear in listeners:
        page.remove_listener(event, hear)
    has_failed = errors or request.session.testsfailed > failed
    for page in pages:
        if not page.is_closed():
            undress(page)
            if page not in staying or has_failed:
                leave(page)
    assert errors == []


@pytest.fixture(scope="module")
def staying() -> Iterator[list[Page]]:
    """The pages that the next test of the file continues to use."""
    pages: list[Page] = []
    yield pages
    for page in pages:
        if not page.is_closed():
            leave(page)


@pytest.fixture
def visit(
    start: Start, clean_page: Callable[..., Page], staying: list[Page], request: pytest.FixtureRequest
) -> Iterator[Visit]:
    """A function that opens a studio as a new visitor. With `stays`, it continues on the page of the last such test in the file.

    Studios of `start` are stopped after the pages are closed.
    """
    visited, failed = set(), request.session.testsfailed

    def open_page(server: Server, path: str = "/", *, name: str = "", **how: Any) -> Page:
        visited.add(server)
        page = clean_page(**how)
        if how.get("stays"):
            if page in staying and page.url == server.url + path:
                settle(page)
                return page
            staying.append(page)
        name = name or f"Visitor {time.monotonic_ns()}"
        page.context.add_cookies([{"name": "studio_person", "value": quote(name), "url": server.url}])
        # Clears what an earlier visitor has stored in the browser, where no page of the studio writes it again.
        page.goto(f"{server.url}/healthz")
        page.evaluate("() => [localStorage, sessionStorage].forEach((store) => store.clear())")
        page.goto(server.url + path)
        settle(page)
        page.evaluate("document.fonts.ready.then(() => true)")
        return page

    yield open_page
    if request.session.testsfailed > failed:
        print(*(server.log[-LOG_SHOWN:] for server in visited if isinstance(server, Server)), sep="\n\n")


def undress(page: Page) -> None:
    """Reset a page's viewport, colour scheme and routes."""
    page.unroute_all()
    is_phone, is_dark = page.evaluate(
        "[/Mobile/.test(navigator.userAgent), matchMedia('(prefers-color-scheme: dark)').matches]"
    )
    size = PHONE if is_phone else DESKTOP
    # Each of these takes 50 ms, even without a change.
    if page.viewport_size != size:
        page.set_viewport_size(size)
    if is_dark:
        page.emulate_media(color_scheme="light", reduced_motion="reduce")


def leave(page: Page) -> None:
    """Navigate a page to about:blank for reuse."""
    page.goto("about:blank")


def complaints(message: ConsoleMessage, expected: Iterable[str]) -> list[str]:
    """Return the message if it is an unexpected error."""
    text, address = message.text, message.location.get("url", "")
    # A browser asks every host for /favicon.ico; of a studio below a path, that is not the studio.
    is_favicon = address.endswith("/favicon.ico")
    if message.type != "error" or is_favicon or any(words in text for words in expected):
        return []
    return [f"{text} ({address})"]


def settle(page: Page) -> None:
    """Wait until the page is rendered and no script run is active."""
    expect(page.get_by_label("Your name")).to_be_attached()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def stop(page: Page, server: Server) -> None:
    """Stop the server of a page, and close the dialog that Streamlit opens there: until then, the fields take no keys."""
    server.stop()
    dialog = page.get_by_role("dialog", name="Connection error")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def go(page: Page, link: str | re.Pattern) -> None:
    """Open another page by its link at the top, or, on a phone, in the menu."""
    menu = page.get_by_test_id("stExpandSidebarButton")
    if menu.is_visible():
        menu.click()
    opener = page.get_by_role("navigation").get_by_role("link", name=link)
    path = urlsplit(opener.get_attribute("href")).path
    opener.click()
    page.wait_for_url(
        lambda url: urlsplit(url).path == path
    )  # Until then, the page before stands there, and takes presses.
    settle(page)


def expand(page: Page, title: str) -> None:
    """Open an expander, and wait until it is open to its full height: while it opens, a press can miss what is in it."""
    page.get_by_text(title).click()
    box = page.locator("details[open]").filter(has_text=title)
    until(lambda: box.evaluate("box => box.clientHeight >= box.scrollHeight"))


def pictures_of(page: Page | Locator, prompt: str) -> Locator:
    """Return the visible pictures of a prompt on this page."""
    return page.get_by_alt_text(f"Picture made from: {prompt[:200]}", exact=True).filter(visible=True)


def say_it_never_ran(account: Page) -> None:
    """State on the account page that the task of the first unsure job never ran."""
    account.get_by_role("button", name="Mark as not charged").first.click()
    account.get_by_role("dialog", name="Mark as not charged").get_by_role("button", name="Confirm").click()


def press_of(page: Page, prompt: str) -> Locator:
    """Return the group of pictures of the last press with this prompt, or the line of one that came to nothing."""
    line = page.locator(".ended").filter(has_text=prompt)
    return page.locator("section").filter(has=page.get_by_role("heading", name=prompt, exact=True).or_(line)).first


def choose_of(page: Page, prompt: str, action: str) -> None:
    """Choose something from the menu of the first picture of a prompt."""
    press_of(page, prompt).get_by_role("button", name="More").first.click()
    page.get_by_role("menuitem", name=action).click()


def stage(page: Page, words: str) -> Locator:
    """Return the element of a card that shows this stage."""
    return page.get_by_role("listitem").get_by_text(words, exact=True).filter(visible=True)


def saved(page: Page, button: Locator) -> tuple[str, bytes]:
    """Click a download button and return the file's name and content."""
    with page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def told(page: Page, words: str) -> Locator:
    """Return the box, or the card's sentence, in which the page says this."""
    boxes = page.locator(".problem, .box, .fault, .sandbox")
    return page.get_by_test_id("stAlert").or_(boxes).filter(has_text=words)


def metric(page: Page) -> Locator:
    """Return the figure of the balance."""
    return page.locator(".figure").first


def brought_up_to_date(page: Page) -> Page:
    """Press Show if it is offered: a list that somebody reads changes only then. Return the page."""
    show = page.get_by_role("button", name="Show", exact=True)
    if show.count():
        with contextlib.suppress(PlaywrightTimeoutError):  # what was new may have gone again
            show.click(timeout=2000)
        settle(page)
    return page


def expect_news(page: Page, news: Locator) -> None:
    """Wait until this is visible on a page that is brought up to date whenever that is offered."""
    until(lambda: brought_up_to_date(page) and news.first.is_visible())


def cells(page: Page, nth: int = 0) -> list[str]:
    """Return the texts of a table's cells, row by row, from its accessibility tree."""
    return page.get_by_test_id("stDataFrame").nth(nth).locator("canvas td").all_text_contents()


def table_rows(page: Page) -> list[list[str]]:
    """Return the texts of the history's table, row by row: prompt, state, credits, settings, person, when."""
    cells = (
        "rows => rows.map(row => [...row.querySelectorAll('.opener, .words ~ .cell')].map(cell => cell.textContent))"
    )
    return page.locator(".row").evaluate_all(cells)


def show_item(page: Page, number: int) -> None:
    """Press an item of the history, picture or row, by its number from 0: it is shown beside the list, on a phone large."""
    page.locator(".tile .place > button, .ended .problem, .row .opener").nth(number).click()


def beside(page: Page) -> Locator:
    """Return what is shown beside the history's list."""
    return page.get_by_role("complementary", name="Details")


def tray(page: Page) -> Locator:
    """Return the bar with what can be done with the selected pictures."""
    return page.get_by_role("group", name="Chosen pictures")


def paid_requests(service: Sandbox, prompt: str) -> list[dict]:
    """Return the bodies of the paid requests with this prompt."""
    bodies = [json.loads(seen.body) for seen in service.seen if seen.path == CREATE and seen.body]
    return [body for body in bodies if body["input"]["prompt"] == prompt]


def paid_request(service: Sandbox, prompt: str) -> dict:
    """Wait for the only paid request with this prompt and return its input."""
    [body] = until(lambda: paid_requests(service, prompt))
    return body["input"]


def sent(*services: Sandbox) -> int:
    """Return the number of uploads and paid requests so far."""
    return sum(seen.path in (CREATE, UPLOAD) for service in services for seen in service.seen)


def tasks(service: Sandbox, prompt: str) -> list[dict]:
    """Return the service's tasks with this prompt."""
    return [task for task in service.tasks() if task["input"]["prompt"] == prompt]


def sql(server: Server, statement: str, *values: object) -> list[dict]:
    """Read or change rows of a studio from outside, and return those that were asked for."""
    with closing(sqlite3.connect(server.data_dir / "studio.sqlite3", timeout=60)) as database, database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(statement, values)]


def rows(server: Server, prompt: str) -> list[dict]:
    """Return the rows of jobs with this prompt."""
    return sql(server, "SELECT * FROM jobs WHERE prompt = ? ORDER BY created_at", prompt)
