"""What keeps somebody out of a page: accessibility as axe sees it, and overflow, on both screens in light and dark mode."""

import contextlib
from collections.abc import Iterable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.support.browser import DESKTOP, PHONE
from tests.support.waiting import until

# Transitions that run. What turns for ever, as a progress bar does, is none; in a closed expander, finished ones are kept.
FADING = """new Promise(requestAnimationFrame).then(
  () => document.getAnimations().filter((one) => one instanceof CSSTransition && one.playState !== "finished").length)"""
# The axe rules that depend on colours; only these are checked again in dark mode.
COLOURS = ("color-contrast", "link-in-text-block")


def barriers(page: Page) -> list[str]:
    """Return accessibility violations and horizontal overflow, for both viewports in light and dark mode."""
    found = []
    # Viewport and scheme are changed one at a time, because each change costs a layout of the whole page.
    for scheme, screen in (("light", DESKTOP), ("light", PHONE), ("dark", PHONE), ("dark", DESKTOP)):
        dress(page, screen, scheme)
        where = f"{scheme}, {screen['width']} px:"
        found += [f"{where} {finding}" for finding in lasting(page, COLOURS if scheme == "dark" else ())]
        with contextlib.suppress(AssertionError):
            # A chart takes over a new width a moment later.
            until(lambda: cut_off(page) == 0)
        if (sticking_out := cut_off(page)) > 0:
            found.append(f"{where} the page is {sticking_out} px too wide")
    dress(page, DESKTOP, "light")
    return found


def lasting(page: Page, rules: Iterable[str]) -> list[str]:
    """Return what `findings` finds again once the page is at rest: for the moment of a run, Streamlit dims what it replaces."""
    for _ in range(5):
        found = findings(page, rules)
        if not found:
            break
        rest(page)
    return found


def cut_off(page: Page) -> int:
    """Return by how many pixels the page is too wide: as a whole, or in the part that scrolls under the top navigation."""
    main = page.get_by_test_id("stMain").evaluate("main => main.scrollWidth - main.clientWidth")
    return max(0, main, page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def findings(page: Page, rules: Iterable[str] = ()) -> list[str]:
    """Return the serious and critical violations that axe finds, for all rules or only for these."""
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
    """Change viewport and colour scheme of an open page."""
    page.set_viewport_size(screen)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    expect(page.get_by_test_id("stApp")).to_have_css("color-scheme", scheme)
    rest(page)


def rest(page: Page) -> None:
    """Wait until no run is active and no colour fades."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    until(lambda: page.evaluate(FADING) == 0)
