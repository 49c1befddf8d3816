"""The environment of the benchmarks: the studio with a sandbox, an empty Streamlit app, a browser."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

import psutil
import requests
from playwright.sync_api import Browser, BrowserContext, Page, WebSocket, sync_playwright

from kie.generation import Generation
from kie.images.files import Files
from kie.jobs import State
from kie.sandbox import Sandbox
from kie.sandbox.drawing import pixel_size
from kie.store import Store
from kie.store.database import file_url
from kie.text import NOBODY
from tests.bench import many_jobs
from tests.support import rows
from tests.support.browser import at
from tests.support.composer import GENERATE
from tests.support.recorded import RecordedSandbox
from tests.support.server import ROOT, Server, free_port

EMPTY = """
import streamlit as st
st.set_page_config(page_title="Empty", layout="wide")
st.write("empty")
if st.button("Press"):
    st.session_state["count"] = st.session_state.get("count", 0) + 1
st.write(f"pressed {st.session_state.get('count', 0)}")
st.write("chosen", st.radio("Choose", ["1K", "2K"]))
st.container(height=8000, border=False)
"""
WINDOW = {"width": 1440, "height": 900}
# Every state of a page is left alone for this long before it is measured.
QUIET_MS = 1500


@contextlib.contextmanager
def studio(seconds: float = 3.0, data_dir: Path | None = None) -> Iterator[tuple[Server, Sandbox]]:
    """Yield a running studio, on a new data folder or this one, and the sandbox that it uses as the service."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, contextlib.ExitStack() as stack:
        service = RecordedSandbox(Path(folder) / "service", seconds=seconds, credits=100_000)
        stack.enter_context(service)
        server = Server(data_dir or Path(folder) / "data", **at(service))
        yield stack.enter_context(server), service


@contextlib.contextmanager
def empty_app(as_it_comes: bool = False) -> Iterator[str]:
    """Yield the URL of an empty Streamlit app, with our configuration or the default one."""
    with tempfile.TemporaryDirectory() as folder:
        if not as_it_comes:
            shutil.copytree(ROOT / ".streamlit", Path(folder) / ".streamlit")
        (Path(folder) / "empty.py").write_text(EMPTY, encoding="utf-8")
        port = free_port()
        command = [sys.executable, "-m", "streamlit", "run", "empty.py", "--server.headless", "true"]
        process = subprocess.Popen(
            [*command, "--server.port", str(port), "--browser.gatherUsageStats", "false"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(15)


def wait_for(url: str) -> None:
    """Wait until a URL answers."""
    for _ in range(300):
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=1).ok:
                return
        time.sleep(0.1)
    raise TimeoutError(url)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a real browser."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        yield playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])


def open_page(browser: Browser | BrowserContext, url: str, messages: list[str | bytes] | None = None) -> Page:
    """Open the studio's first page and wait until it is usable. All of Streamlit's messages from and to it go into `messages`."""
    context = browser if isinstance(browser, BrowserContext) else browser.new_context(viewport=WINDOW)
    page = context.new_page()
    if messages is not None:

        def listen(socket: WebSocket) -> None:
            if socket.url.endswith("/_stcore/stream"):
                for event in ("framesent", "framereceived"):
                    socket.on(event, lambda message: messages.append(message))

        page.on("websocket", listen)
    page.goto(url)
    page.get_by_role("button", name=GENERATE).wait_for(timeout=60_000)
    page.wait_for_timeout(QUIET_MS)
    return page


def write(page: Page, prompt: str) -> None:
    """Enter a prompt and wait until the server has taken it over."""
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.keyboard.press("Tab")
    page.wait_for_timeout(QUIET_MS)


def press(page: Page) -> None:
    """Press the button that costs credits."""
    page.get_by_role("button", name=GENERATE).click()


def fill(data_dir: Path, generations: Iterable[Generation], images: int, person: str = NOBODY) -> None:
    """Write a press of `images` pictures for each request into a data folder, the last one newest, and draw the pictures."""
    files, now, ids = Files(data_dir), time.time(), []
    files.open()
    store = Store(file_url(data_dir / "studio.sqlite3"))
    store.open()
    for number, generation in enumerate(generations):
        width, height = pixel_size(generation.resolution, generation.aspect_ratio, ())
        ended = {"ended_at": now, "width": width, "height": height, "credits": 18.0}
        asked = rows.queue_submission(store, person, generation, f"{person} {number}", images, 18.0, now - 600 + number)
        ids += [rows.bring(store, job, State.DONE, **ended).id for job in asked]
    many_jobs.draw(files, store, ids)
    store.close()


def rss_mb(server: Server) -> float:
    """Return the server's resident memory."""
    return psutil.Process(server.process.pid).memory_info().rss / 2**20


# From an action until its result is displayed, and until the following script run has ended, if there is one.
_TIMED = """async (rounds) => {
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const until = async (found) => {
    for (const from = performance.now(); ; await pause(10)) {
      if (found()) return found()
      if (performance.now() - from > 20_000) throw new Error(`this never came: ${found}`)
    }
  }
  const button = (name) => [...document.querySelectorAll('button')].find((one) => one.innerText.includes(name))
  const radio = (name) => [...document.querySelectorAll('input[type=radio]')]
    .find((one) => one.closest('label').innerText.trim().startsWith(name))
  const within = (selector) => [...document.querySelectorAll('*')].map((one) => one.shadowRoot?.querySelector(selector)).find(Boolean)
  const enter = (field, value) => {
    const kind = field instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement
    field.focus()
    Object.getOwnPropertyDescriptor(kind.prototype, 'value').set.call(field, value)
    field.dispatchEvent(new Event('input', { bubbles: true }))
  }
  const its = {}
  const [prepare, act, answer] = [async (round) => { %s }, (round) => { %s }, () => %s]
  const state = () => document.querySelector('[data-testid=stApp]').dataset.testScriptState
  const times = []
  for (let round = 0; round < rounds; round++) {
    await prepare(round)
    const before = answer(), began = performance.now(), since = () => performance.now() - began
    let [answered, ended] = [null, 0]
    act(round)
    // A short run may never be seen to run.
    while (answered === null || since() - Math.max(answered, ended) < 200) {
      await pause(1)
      if (answered === null && answer() !== before) answered = since()
      if (state() !== 'notRunning') ended = since()
      if (since() > 20_000) throw new Error('nothing answered')
    }
    times.push([answered, Math.max(answered, ended)])
    await pause(300)
  }
  return times
}"""


def timed(page: Page, act: str, answer: str, prepare: str = "", rounds: int = 11) -> tuple[float, float]:
    """Repeat an action, and return the medians of the milliseconds until its result and until the end of its run.

    All are JavaScript: `answer` is an expression whose value changes with the result; `round` counts from 0; `its` keeps
    what `prepare` finds for the others, since looking for it takes time.
    """
    times = page.evaluate(_TIMED % (prepare, act, answer), rounds)
    return median([answered for answered, _ in times]), median([ended for _, ended in times])


PRESSED = "button('Press').click()", "document.body.innerText.match(/pressed (\\d+)/)[1]"
CHOSEN = "radio(radio('1K').checked ? '2K' : '1K').click()", "document.body.innerText.match(/chosen (\\S+)/)[1]"


def bare_runs(browser: Browser) -> tuple[float, float]:
    """Return the milliseconds of a button of an empty page, with Streamlit's default configuration and with ours."""
    with empty_app(as_it_comes=True) as plain, empty_app() as tuned:
        return bare_run(browser, plain), bare_run(browser, tuned)


def bare_run(browser: Browser, url: str) -> float:
    """Return the milliseconds from a press on an empty page until its result."""
    page = open_empty(browser, url)
    answered_ms, _ = timed(page, *PRESSED)
    page.close()
    return answered_ms


def open_empty(browser: Browser, url: str) -> Page:
    """Open an empty page and wait until it is usable."""
    page = browser.new_page(viewport=WINDOW)
    page.goto(url)
    page.get_by_role("button", name="Press").wait_for()
    page.wait_for_timeout(QUIET_MS)
    return page
