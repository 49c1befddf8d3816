"""What the benchmarks run on: the studio against a sandbox, an empty Streamlit app, a browser."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import requests
from playwright.sync_api import Browser, Page, sync_playwright

from kie.sandbox import Sandbox
from tests.server import ROOT, Server, free_port

EMPTY = """
import streamlit as st
st.set_page_config(page_title="Empty", layout="wide")
st.write("empty")
if st.button("Press"):
    st.session_state["count"] = st.session_state.get("count", 0) + 1
st.write(f"pressed {st.session_state.get('count', 0)}")
"""


@contextlib.contextmanager
def studio(seconds: float = 3.0) -> Iterator[tuple[Server, Sandbox]]:
    """Yield a running studio and the sandbox that it takes for the service."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, contextlib.ExitStack() as stack:
        service = Sandbox(Path(folder) / "service", seconds=seconds, record=True, credits=100_000)
        stack.enter_context(service)
        server = Server(
            Path(folder) / "data", KIE_API_URL=service.url, KIE_UPLOAD_URL=service.url, KIE_API_KEY="bench-key"
        )
        yield stack.enter_context(server), service


@contextlib.contextmanager
def empty_app(as_it_comes: bool = False) -> Iterator[str]:
    """Yield the address of an empty Streamlit app, with our configuration or as Streamlit comes."""
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
    """Wait until an address answers."""
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


def open_page(browser: Browser, url: str) -> Page:
    """Open the studio's first page and wait until it can be used."""
    page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    page.goto(url)
    page.get_by_role("button", name="Generate").wait_for(timeout=60_000)
    page.wait_for_timeout(1000)
    return page


def rss_mb(server: Server) -> float:
    """Return the server's resident memory."""
    return psutil.Process(server.process.pid).memory_info().rss / 2**20


def median(values: list[float]) -> float:
    """Return the middle one."""
    return sorted(values)[len(values) // 2]


# From doing something until its answer stands on the page, and until the run that follows has ended, if there is one.
_TIMED = """async (rounds) => {
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const button = (name) => [...document.querySelectorAll('button')].find((one) => one.innerText.includes(name))
  const within = (selector) => [...document.querySelectorAll('*')].map((one) => one.shadowRoot?.querySelector(selector)).find(Boolean)
  const enter = (field, value) => {
    const kind = field instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement
    field.focus()
    Object.getOwnPropertyDescriptor(kind.prototype, 'value').set.call(field, value)
    field.dispatchEvent(new Event('input', { bubbles: true }))
  }
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
    """Do something several times, and return the medians of the milliseconds until its answer and until its run's end.

    All are JavaScript: `answer` is an expression whose value changes with the answer; `round` counts from 0.
    """
    times = page.evaluate(_TIMED % (prepare, act, answer), rounds)
    return median([answered for answered, _ in times]), median([ended for _, ended in times])


def bare_runs(browser: Browser) -> tuple[float, float]:
    """Return the milliseconds of a press on an empty page: of Streamlit as it comes, and with our configuration."""
    with empty_app(as_it_comes=True) as plain, empty_app() as tuned:
        return bare_run(browser, plain)[0], bare_run(browser, tuned)[0]


def bare_run(browser: Browser, url: str) -> tuple[float, float]:
    """Return the milliseconds of a press on an empty page, until its answer and until its run's end."""
    page = browser.new_page()
    page.goto(url)
    page.get_by_role("button", name="Press").wait_for()
    times = timed(page, "button('Press').click()", "document.body.innerText.match(/pressed (\\d+)/)[1]")
    page.close()
    return times
