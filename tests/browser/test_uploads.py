"""A proxy that answers an upload itself: what the page says beside the references and beside the table, in a real browser."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.support.browser import GONE, Visit, settle, told
from tests.support.composer import add_rows, choose_files, reference
from tests.support.other_programs import Proxy, answer, as_it_came, site
from tests.support.reference_strip import COLOURS
from tests.support.server import Server

pytestmark = pytest.mark.browser

LARGE = "save it smaller, or raise the proxy's limit (client_max_body_size in nginx, max_size in Caddy"
AWAY = "The studio can't be reached: check that it runs, and add this again."
SLOW = "The upload took too long for the proxy or the studio: add it again"
SIGNED_OUT = (
    "You are signed out: the proxy in front of the studio asked to sign in. Reload the page, sign in, and add it again."
)
LOST = "It did not reach the server: add it again."
PAGE = "<!doctype html><title>proxy</title><form>Sign in</form>"
JSON = {"Content-Type": "application/json"}
# The answer to an upload, and to every other request of a person who is signed out.
ANSWERS = {
    "too large, in nginx's words": (answer("413 Request Entity Too Large", PAGE), LARGE),
    "too large, in a gateway's JSON": (answer("413 Payload Too Large", '{"message": "too large"}', **JSON), LARGE),
    "too large, without a word": (answer("413 Content Too Large"), LARGE),
    "the studio is not there": (answer("502 Bad Gateway", PAGE), AWAY),
    "no room at the proxy": (answer("503 Service Unavailable", "no available server"), AWAY),
    "the proxy waits no longer": (answer("504 Gateway Time-out", PAGE), SLOW),
    "the body came too slowly": (answer("408 Request Timeout", PAGE), SLOW),
    "a sign-in page in place": (answer("200 OK", PAGE), SIGNED_OUT),
    "a sign-in page that forbids": (answer("403 Forbidden", PAGE), SIGNED_OUT),
    "to the sign-in page here": (answer("302 Found", Location="/oauth2/sign_in"), SIGNED_OUT),
    "to the sign-in page elsewhere": (answer("302 Found", Location="{elsewhere}/sign_in"), SIGNED_OUT),
    "an error that nobody knows": (answer("500 Internal Server Error", PAGE), LOST),
    "cut off": (None, LOST),
}


@pytest.fixture(scope="module")
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.port, as_it_came) as running:
        yield running


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The address of another site, where people sign in."""
    with site(PAGE) as url:
        yield url


def refusing(answered: bytes | None) -> Callable[[bytes], bytes | None]:
    """Return what gives this answer to uploads, and, where it leads to a sign-in page, to the question that follows."""
    paths = [b"POST /references ", b"POST /files "] + ([b"GET /healthz "] if b"Location" in (answered or b"") else [])
    return lambda head: answered if head.startswith(tuple(paths)) else head


@pytest.mark.parametrize(("answered", "sentence"), ANSWERS.values(), ids=ANSWERS)
def test_an_upload_that_a_proxy_answers_is_said_in_the_words_of_what_to_do(
    proxy: Proxy, elsewhere: str, visit: Visit, answered: bytes | None, sentence: str
) -> None:
    proxy.passing = as_it_came
    page = visit(proxy, stays=True, errors_pass=[*GONE, "Failed to load resource", "Content Security Policy"])
    proxy.passing = refusing(answered and answered.replace(b"{elsewhere}", elsewhere.encode()))
    choose_files(page, ("cat.png", COLOURS["red"]))
    expect(page.locator(".adding")).to_be_hidden()  # it is shown as soon as a file is chosen
    expect(told(page, sentence)).to_contain_text("cat.png")
    expect(reference(page, 1)).to_have_count(0)

    if not (batch := page.get_by_role("switch", name="Batch")).is_checked():
        page.get_by_text("Batch", exact=True).click()
        expect(batch).to_be_checked()
    box = page.get_by_test_id("stPopoverBody")
    if not box.count():
        page.get_by_role("button", name="Add rows").click()
    add_rows(box, "rows.csv", b"prompt\nA row\n")
    expect(box.get_by_text(sentence)).to_contain_text("rows.csv")
    page.keyboard.press("Escape")
    settle(page)


def test_the_next_upload_after_such_an_answer_arrives(proxy: Proxy, visit: Visit) -> None:
    proxy.passing = as_it_came
    page = visit(proxy, stays=True, errors_pass=["413"])
    proxy.passing = refusing(answer("413 Request Entity Too Large", PAGE))
    choose_files(page, ("cat.png", COLOURS["red"]))
    expect(told(page, "The proxy in front of the studio takes no file of 0.1 MB")).to_be_visible()
    proxy.passing = as_it_came
    choose_files(page, ("cat.png", COLOURS["red"]))
    expect(reference(page, 1)).to_be_visible()
    expect(told(page, "takes no file")).to_have_count(0)
    page.get_by_role("button", name="Remove reference 1").click()
    expect(reference(page, 1)).to_have_count(0)
