"""A change of a setting, against a bare radio of Streamlit as it ships (bound: 1.5×). An aspect ratio needs no run by itself."""

from playwright.sync_api import Page

from tests.bench.places import CHOSEN, bare_runs, chromium, open_page, studio, timed

OPEN = """its.button = [...document.querySelector('[data-testid=stBottom]').querySelectorAll('button')]
    .find((one) => %s.test(one.innerText))
  const isOpen = () => its.button.ariaExpanded === 'true'
  if (!isOpen()) its.button.click()
  await until(() => isOpen() && document.querySelector('[data-testid=stPopoverBody] input[type=radio]'))
  await until(() => document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning')
  await pause(500)
  its.label = within('button .label')"""
CHANGES = {
    "resolution → price on the button": (
        "radio(radio('1K').checked ? '4K' : '1K').click()",
        "its.label.textContent",
        OPEN % r"/[124]K · /",
    ),
    "aspect ratio chosen, its list closed → its name in the dock": (
        "its.button.click()",
        "document.querySelector('[data-testid=stBottom]').innerText.match(/\\d+:\\d+/)[0]",
        OPEN % r"/\d+:\d+/" + ";radio(radio('1:1').checked ? '21:9' : '1:1').click()",
    ),
}


def run() -> None:
    """Print the median of each change, its ratio to the change of a bare radio, and when its run has ended."""
    with chromium() as browser, studio() as (server, _):
        bare_ms, tuned_ms = bare_runs(browser, CHOSEN)
        show(open_page(browser, server.url), CHANGES, bare_ms, tuned_ms)


def show(page: Page, changes: dict[str, tuple[str, str, str]], bare_ms: float, tuned_ms: float) -> None:
    """Print these for an open page, and what a bare radio takes with Streamlit's default configuration and with ours."""
    print(f"  bare radio {bare_ms:.0f} ms; with our configuration {tuned_ms:.0f} ms")
    for name, change in changes.items():
        took_ms, run_ms = timed(page, *change)
        print(
            f"  {name} {took_ms:.0f} ms, ratio {took_ms / bare_ms:.2f} (bound 1.5), with our configuration "
            f"{took_ms / tuned_ms:.2f}; its run ended after {run_ms:.0f} ms"
        )
