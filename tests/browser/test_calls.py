"""How components take Streamlit's calls, which may come, and end, out of order while a script is being loaded."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.support.browser import ROOT

pytestmark = pytest.mark.browser

CALLS = """
async () => {
  const log = []
  const draw = inOrder(({ data }) => { log.push(data.text); return () => log.push(`end of ${data.text}`) })
  const place = document.body.appendChild(document.createElement("div"))
  const call = (session, number, text, parentElement = place) => draw({ data: { session, number, text }, parentElement })
  STEPS
  return log
}
"""


@pytest.mark.parametrize(
    ("steps", "drawn"),
    [
        ("call('a', 1, 'old'); call('a', 2, 'new')", ["old", "new"]),
        ("call('a', 2, 'new'); call('a', 1, 'old')", ["new"]),
        # The theme has changed, and the data has not.
        ("call('a', 2, 'new'); call('a', 2, 'again')", ["new", "again"]),
        # A restart of the server: its numbers begin anew.
        ("call('a', 9, 'old'); call('b', 1, 'new')", ["old", "new"]),
        # Another place on the page counts for itself, and one that is no longer on the page for nothing.
        ("call('a', 9, 'one'); call('a', 1, 'other', document.body)", ["one", "other"]),
        ("place.remove(); call('a', 1, 'gone')", []),
        ("const old = call('a', 1, 'old'); call('a', 2, 'new'); old()", ["old", "new"]),
        ("call('a', 1, 'old'); const last = call('a', 2, 'new'); last()", ["old", "new", "end of new"]),
    ],
)
def test_an_older_call_draws_nothing_and_ends_nothing(
    clean_page: Callable[..., Page], steps: str, drawn: list[str]
) -> None:
    page = clean_page()
    page.add_script_tag(path=ROOT / "pages" / "parts" / "calls.js")
    assert page.evaluate(CALLS.replace("STEPS", steps)) == drawn
