"""A person before a real Chromium, and the studio that they use: a server process on a service that the test looks into.

    visit ──► server (streamlit run app.py) ──► service, uploads: one Sandbox on two addresses, each with its record

Every visitor has a name of their own, so that tests which share a server do not see each other's pictures.
"""

import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright

from kie.sandbox import CREATE, UPLOAD, Sandbox
from tests.server import ROOT, ForkedServer, Server, free_port

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--process-per-site", "--disable-site-isolation-trials"]
# No page stays open for long enough to earn what compiling its scripts best costs.
FLAGS += ["--js-flags=--no-turbofan"]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
KEY = "a-key-that-stays-on-two-hosts"
WAIT_MS = 60_000
# A price is taken for read after 0.4 s, a question after 1.5 s.
READ_MS, QUESTION_MS = 600, 1800
# The rules of axe that a dark page may break where the light one keeps them.
COLOURS = ("color-contrast", "link-in-text-block")
GENERATE = re.compile("^Generate")
# A page below the root makes Streamlit look for its server there first, and the browser notes that it is not.
PROBES = re.compile(r"/\w+/_stcore/(health|host-config)$")
# What a browser writes when nobody is there for a while.
GONE = ("net::ERR_", "WebSocket connection", "disconnected", "server endpoint", "server is not responding")


# -- what a test stands on


@pytest.fixture(scope="session")
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
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the app as it is handed out: no key, no settings and no pictures of whoever runs the tests."""
    root = tmp_path_factory.mktemp("project")
    for name in ("kie", "pages", "config", ".streamlit"):
        # Compiled modules go along: else each studio would compile them anew.
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("kie_key.txt"))
    shutil.copy(ROOT / "app.py", root)
    return root


@pytest.fixture(scope="session")
def port() -> int:
    """Where each file's studio listens: under one address the browser keeps what it has read of Streamlit."""
    return free_port()


@pytest.fixture(scope="module")
def server(service: Sandbox, uploads: Sandbox, project: Path, port: int) -> Iterator[Server]:
    """The studio with a key and that service."""
    with ForkedServer(project / "data", project, port, **at(service, uploads)) as running:
        yield running


@pytest.fixture(scope="session")
def other_port() -> int:
    """Where the studio of one test only listens."""
    return free_port()


@pytest.fixture
def start(project: Path, tmp_path: Path, other_port: int) -> Iterator[Callable[..., Server]]:
    """Starts a studio for one test only; it outlives the pages that look at it."""
    ports = [other_port]

    def start(kind: type[Server] = ForkedServer, **environment: str) -> Server:
        port = ports.pop() if ports else None
        return running.enter_context(kind(tmp_path / "data", project, port, **environment))

    with ExitStack() as running:
        yield start


def at(service: Sandbox, uploads: Sandbox | None = None, key: str = KEY) -> dict[str, str]:
    """Return the environment of a studio that takes these for the real service."""
    return {"KIE_API_URL": service.url, "KIE_UPLOAD_URL": (uploads or service).url, "KIE_API_KEY": key}


@pytest.fixture(scope="session")
def profile(chromium: Browser) -> Iterator[BrowserContext]:
    """One browser profile for all tests: with an empty cache each page would take a second longer."""
    with closing(chromium.new_context(viewport=DESKTOP, reduced_motion="reduce")) as context:
        context.set_default_timeout(WAIT_MS)
        context.new_page()  # its window and its process stay, which costs less than new ones for each test
        yield context


@pytest.fixture(scope="session")
def phone(chromium: Browser) -> Iterator[BrowserContext]:
    """A phone's browser: narrow, under a finger."""
    mobile = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36"
    with closing(chromium.new_context(viewport=PHONE, is_mobile=True, has_touch=True, user_agent=mobile)) as context:
        context.set_default_timeout(WAIT_MS)
        yield context


@pytest.fixture
def clean_page(profile: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """Gives a page that is as a new one. In the end no page has had an error in its console, but those in `errors_pass`."""
    pages, staying, errors, listeners = [], [], [], []

    def listen(page: Page, event: str, hear: Callable[[Any], object]) -> None:
        page.on(event, hear)
        listeners.append((page, event, hear))

    def give(profile: BrowserContext = profile, errors_pass: Iterable[str] = (), stays: bool = False) -> Page:
        # A new page has a window and a process of its own, which costs a second.
        page = next((page for page in profile.pages if page not in pages), None) or profile.new_page()
        pages.append(page)
        if stays:
            staying.append(page)
        page.bring_to_front()  # a page behind another is drawn once a second, and a click waits for two drawings
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
    """The pages on which the next test of the file goes on."""
    pages: list[Page] = []
    yield pages
    for page in pages:
        if not page.is_closed():
            leave(page)


@pytest.fixture
def visit(start: Callable[..., Server], clean_page: Callable[..., Page], staying: list[Page]) -> Callable[..., Page]:
    """Opens a studio as somebody new, or, if the page `stays`, goes on where the file's last test that stayed has left it.

    What `start` has started ends after the pages.
    """

    def open_page(server: Server, path: str = "/", *, name: str = "", **how: Any) -> Page:
        page = clean_page(**how)
        if how.get("stays"):
            if page in staying and page.url == server.url + path:
                settle(page)
                return page
            staying.append(page)
        name = name or f"Visitor {time.monotonic_ns()}"
        page.context.add_cookies([{"name": "studio_person", "value": quote(name), "url": server.url}])
        # Somebody new has chosen nothing before.
        line = page.context.new_cdp_session(page)
        line.send("Storage.clearDataForOrigin", {"origin": server.url, "storageTypes": "local_storage"})
        line.detach()
        page.goto(server.url + path)
        settle(page)
        return page

    return open_page


def undress(page: Page) -> None:
    """Give a page the window and the light of a new one."""
    page.unroute_all()
    is_phone, is_dark = page.evaluate(
        "[/Mobile/.test(navigator.userAgent), matchMedia('(prefers-color-scheme: dark)').matches]"
    )
    size = PHONE if is_phone else DESKTOP
    # Each costs the browser a twentieth of a second, even if nothing changes.
    if page.viewport_size != size:
        page.set_viewport_size(size)
    if is_dark:
        page.emulate_media(color_scheme="light", reduced_motion="reduce")


def leave(page: Page) -> None:
    """Leave a page empty, for the next who comes."""
    page.evaluate("() => { try { sessionStorage.clear() } catch { /* an empty page has none */ } }")
    page.goto("about:blank")


def complaints(message: ConsoleMessage, expected: Iterable[str]) -> list[str]:
    """Return the message if it is an error that nobody expected."""
    text, address = message.text, message.location.get("url", "")
    if message.type != "error" or PROBES.search(address) or any(words in text for words in expected):
        return []
    return [f"{text} ({address})"]


# -- what a person does


def settle(page: Page) -> None:
    """Wait until the page has been drawn and nothing runs."""
    expect(page.get_by_label("Your name")).to_be_attached()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def go(page: Page, link: str | re.Pattern) -> None:
    """Go to another page by its link in the side."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=link).click()
    settle(page)


def write_prompt(page: Page, prompt: str) -> None:
    """Write the prompt and leave its field."""
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_label("Prompt").blur()


def empty_form(page: Page) -> Page:
    """Take everything out of the form but its settings."""
    remove = page.get_by_role("button", name=re.compile("^Remove reference"))
    while left := remove.count():
        remove.first.click()
        expect(remove).to_have_count(left - 1)
    write_prompt(page, "")
    settle(page)
    return page


def choose_files(page: Page, *files: Path | tuple[str, bytes]) -> None:
    """Choose files for the references: paths, or names with bytes."""
    payloads = [
        file if isinstance(file, Path) else {"name": file[0], "mimeType": "image/png", "buffer": file[1]}
        for file in files
    ]
    page.locator("input[type=file]").set_input_files(payloads)


def generate_button(page: Page) -> Locator:
    """Return the button that costs credits; while the page is laid out anew, the one that stays."""
    return page.get_by_role("button", name=GENERATE).last


def press_generate(page: Page, **options: object) -> None:
    """Press the button that costs credits, when its price has been read."""
    if "Generate · about 18 credits" not in generate_button(page).inner_text():
        page.wait_for_timeout(READ_MS)
    generate_button(page).click(**options)


def question_of(page: Page) -> Locator:
    """Return the question that is asked before something is paid."""
    return page.get_by_role("dialog", name="Before you pay")


def agree(page: Page) -> None:
    """Read the question that is asked before something is paid, and say yes."""
    expect(generate_button(question_of(page))).to_be_visible()
    page.wait_for_timeout(QUESTION_MS)
    generate_button(question_of(page)).click()


def pictures_of(page: Page, prompt: str) -> Locator:
    """Return the finished pictures of a prompt on this page."""
    return page.get_by_alt_text(f"Picture made from: {prompt[:200]}", exact=True).filter(visible=True)


def ask(page: Page, prompt: str) -> None:
    """Ask for a picture."""
    write_prompt(page, prompt)
    press_generate(page)


def make(page: Page, prompt: str) -> None:
    """Ask for a picture and wait until it is there."""
    ask(page, prompt)
    expect(pictures_of(page, prompt)).to_be_visible()


def say_it_never_ran(account: Page) -> None:
    """Say of the first unsure picture on Account that its task never ran."""
    account.get_by_role("button", name="It never ran").first.click()
    account.get_by_role("button", name="Count it as never run").click()


def stage(page: Page, words: str) -> Locator:
    """Return where a card names the stage of its job."""
    return page.get_by_role("listitem").get_by_text(words, exact=True)


def reference(page: Page, number: int) -> Locator:
    """Return the small picture of a reference in the form."""
    return page.get_by_alt_text(f"Reference {number}", exact=True).filter(visible=True)


def saved(page: Page, button: Locator) -> tuple[str, bytes]:
    """Press a download button and return the file's name and bytes."""
    with page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def told(page: Page, words: str) -> Locator:
    """Return the box, or the card's sentence, in which the page says this."""
    return page.get_by_test_id("stAlert").or_(page.locator(".problem")).filter(has_text=words)


def credits_shown(page: Page) -> str:
    """Return the balance as the page shows it."""
    return metric(page).inner_text()


def metric(page: Page) -> Locator:
    """Return the figure under `Credits`."""
    return page.get_by_test_id("stMetric").filter(has_text="Credits").get_by_test_id("stMetricValue")


def is_below(lower: Locator, upper: Locator) -> bool:
    """Say whether one thing stands below another."""
    # What is drawn anew at this moment has no place.
    high, low = until(upper.bounding_box), until(lower.bounding_box)
    return low["y"] >= high["y"] + high["height"] - 1


def cells(page: Page, nth: int = 0) -> list[str]:
    """Return the text of a table's cells, row by row, from what it tells a screen reader."""
    return page.get_by_test_id("stDataFrame").nth(nth).locator("canvas td").all_text_contents()


def select_row(page: Page, number: int) -> None:
    """Select a row of the history by its number, from 0: the table is a drawing, so by where it stands."""
    until(lambda: cells(page))
    table = page.get_by_test_id("stDataFrame").locator("canvas").first
    table.click(position={"x": 16, "y": 36 + 56 * number + 28}, force=True)


# -- what a payer sees


def paid_requests(service: Sandbox, prompt: str) -> list[dict]:
    """Return the bodies of the paid requests with this prompt."""
    bodies = [json.loads(seen.body) for seen in service.seen if seen.path == CREATE and seen.body]
    return [body for body in bodies if body["input"]["prompt"] == prompt]


def paid_request(service: Sandbox, prompt: str) -> dict:
    """Wait for the one paid request with this prompt and return its input."""
    [body] = until(lambda: paid_requests(service, prompt))
    return body["input"]


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


def until(found: Callable[[], object], within_s: float = WAIT_MS / 1000) -> object:
    """Return the first true answer."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"Nothing came within {within_s} seconds.")


# -- what everybody needs


def barriers(page: Page) -> list[str]:
    """Return what axe finds that keeps somebody out, and what sticks out of the window, on every screen in every light."""
    found = []
    # One thing changes at a time: each change costs a laying out of the whole page.
    for scheme, screen in (("light", DESKTOP), ("light", PHONE), ("dark", PHONE), ("dark", DESKTOP)):
        dress(page, screen, scheme)
        where = f"{scheme}, {screen['width']} px:"
        found += [f"{where} {finding}" for finding in findings(page, COLOURS if scheme == "dark" else ())]
        sticking_out = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if sticking_out > 0:
            found.append(f"{where} the page is {sticking_out} px too wide")
    dress(page, DESKTOP, "light")
    return found


def findings(page: Page, rules: Iterable[str] = ()) -> list[str]:
    """Return what axe calls serious or critical, by all of its rules or by these."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(Axe().axe_script)
    options = {"resultTypes": ["violations"], "preload": False} | ({"runOnly": list(rules)} if rules else {})
    return [
        f"{violation['id']} ({violation['impact']}) at {node['html'][:200]}"
        for violation in page.evaluate("async (options) => (await axe.run(options)).violations", options)
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def dress(page: Page, screen: dict[str, int], scheme: str) -> None:
    """Look at the page on this screen, in light or dark, as somebody does who changes it while the page is open."""
    page.set_viewport_size(screen)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    expect(page.get_by_test_id("stApp")).to_have_css("color-scheme", scheme)
    # What is about to be drawn anew is pale for a moment.
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
