"""A change of a setting, against a bare radio of Streamlit as it ships (bound: 1.5×). An aspect ratio needs no run by itself."""

from statistics import median

from playwright.sync_api import Browser, Page

from tests.bench.places import CHOSEN, chromium, empty_app, open_empty, open_page, studio, timed

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


# The speed of a machine changes, so the pages take turns.
TURNS, CHANGES_PER_TURN = 5, 4


def run() -> None:
    """Print the median of each change, its ratio to the change of a bare radio, and when its run has ended."""
    with chromium() as browser, studio() as (server, _):
        show(browser, open_page(browser, server.url), CHANGES)


def show(browser: Browser, page: Page, changes: dict[str, tuple[str, str, str]]) -> None:
    """Print these for an open page, each beside a bare radio with Streamlit's default configuration and with ours."""
    with empty_app(as_it_comes=True) as plain, empty_app() as tuned:
        bare = [(open_empty(browser, url), CHOSEN) for url in (plain, tuned)]
        for name, change in changes.items():
            turns = [[turn(*each) for each in (*bare, (page, change))] for _ in range(TURNS)]
            plain_ms, tuned_ms, took_ms = (median(each[number][0] for each in turns) for number in range(3))
            run_ms = median(each[2][1] for each in turns)
            print(
                f"  {name} {took_ms:.0f} ms, bare radio {plain_ms:.0f} ms: ratio {took_ms / plain_ms:.2f} (bound 1.5), with our "
                f"configuration {took_ms / tuned_ms:.2f}; its run ended after {run_ms:.0f} ms"
            )


def turn(page: Page, change: tuple[str, ...]) -> tuple[float, float]:
    """Return the medians of a few changes on one of the pages, which a browser slows down in the background."""
    page.bring_to_front()
    return timed(page, *change, rounds=CHANGES_PER_TURN)
