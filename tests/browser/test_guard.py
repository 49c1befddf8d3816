"""The guard in a real browser: pages of others get nowhere, our own work under their policy, and a blank page says why."""

import re
from collections.abc import Callable
from contextlib import ExitStack

import pytest
import requests
from playwright.sync_api import Error, Locator, Page, expect

from kie.sandbox import Sandbox
from tests.support.barriers import findings
from tests.support.browser import Start, Visit, beside, go, pictures_of, saved, sent, settle, show_item
from tests.support.composer import add_rows, choose_files, make, open_batch, reference
from tests.support.images import picture
from tests.support.other_programs import Proxy, answer, as_it_came, site, without_the_port, without_websockets
from tests.support.server import Server
from tests.support.waiting import until

pytestmark = pytest.mark.browser

# What the browser itself writes of what it does not do.
BLOCKED = ("WebSocket connection", "CORS policy", "net::ERR_", "frame-ancestors", "Refused to display")
TRY_ALL = """async (lines) => {
  const opens = ([url, protocols]) => new Promise((settle) => {
    const socket = new WebSocket(url, protocols)
    socket.onopen = () => settle(`${url} opened`)
    socket.onerror = () => settle("refused")
  })
  return await Promise.all(lines.map(opens))
}"""
POST = """(url) => fetch(url, {method: "POST", body: "x", mode: "no-cors"}).then(() => "answered", () => "refused")"""


# -- pages of others


def test_a_page_on_another_port_opens_no_line_and_changes_nothing(
    server: Server, service: Sandbox, clean_page: Callable[..., Page]
) -> None:
    before = sent(service)
    lines = [
        [f"ws://{host}:{server.port}{path}", ["streamlit"]]
        for host in ("127.0.0.1", "localhost")
        for path in ("/_stcore/stream", "/events")
    ]
    with site("<title>somebody else's</title>") as theirs:
        for address in (theirs, theirs.replace("127.0.0.1", "localhost")):
            page = clean_page(errors_pass=BLOCKED)
            page.goto(address)
            assert page.evaluate(TRY_ALL, lines) == ["refused"] * len(lines)
            assert page.evaluate(POST, f"{server.url}/references") == "refused"
            with pytest.raises(Error, match="Failed to fetch"):
                page.evaluate("(url) => fetch(url).then((answer) => answer.text())", f"{server.url}/healthz")
    assert sent(service) == before


def test_nobody_shows_the_studio_in_a_frame_but_who_is_named(
    server: Server, start: Start, clean_page: Callable[..., Page]
) -> None:
    with site(f"<iframe src='{server.url}' width=1000 height=800></iframe>") as theirs:
        page = clean_page(errors_pass=BLOCKED)
        page.goto(theirs)
        until(lambda: page.frames[1].url.startswith("chrome-error:"))
        expect(page.frame_locator("iframe").get_by_label("Your name")).to_have_count(0)
        named = start(KIE_SANDBOX="1", KIE_FRAME_ANCESTORS=theirs)
        page.evaluate("(url) => (document.querySelector('iframe').src = url)", named.url)
        expect(page.frame_locator("iframe").get_by_label("Your name")).to_be_attached()
        for path in ("/", "/_stcore/health", "/healthz", "/media/none"):
            headers = requests.get(named.url + path, timeout=20).headers
            assert headers["content-security-policy"].endswith(f"; frame-ancestors {theirs}")
            assert "x-frame-options" not in headers


# -- our own


def test_every_page_works_under_its_policy_without_one_word_in_the_console(server: Server, visit: Visit) -> None:
    page, heard = visit(server), []
    page.on("console", lambda message: heard.append((message.text, message.location["url"])))
    page.evaluate("document.addEventListener('securitypolicyviolation', (e) => console.error(e.violatedDirective))")
    choose_files(page, ("gold.png", picture(colour="gold")))
    expect(reference(page, 1)).to_be_visible()
    make(page, "A policy that is kept")
    pictures_of(page, "A policy that is kept").first.click()
    large = page.get_by_role("dialog").get_by_role("img", name="A policy that is kept")
    until(lambda: large.evaluate("image => image.naturalWidth") > 600)
    address = large.evaluate("image => image.currentSrc")
    page.keyboard.press("Escape")
    add_rows(open_batch(page), "rows.csv", b"prompt\nA row\n")
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    page.keyboard.press("Escape")
    go(page, re.compile("^History"))
    show_item(page, 0)
    name, content = saved(page, beside(page).get_by_role("button", name="Download", exact=True))
    assert name.endswith(".png") and content.startswith(b"\x89PNG")
    go(page, re.compile("^Account"))
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    page.reload()
    settle(page)
    page.goto(address)  # a picture in a tab of its own
    until(lambda: page.locator("img").evaluate("image => image.naturalWidth") > 600)
    assert heard == []


# -- a page whose line does not come up


def notice(page: Page) -> Locator:
    return page.get_by_role("alert").filter(has_text="This page can't reach the studio.")


def test_a_proxy_without_websockets_is_named_until_it_passes_them(
    server: Server, clean_page: Callable[..., Page]
) -> None:
    with Proxy(server.port, without_websockets) as proxy:
        page = clean_page(errors_pass=("WebSocket", "net::ERR_"))
        page.goto(proxy.url)
        expect(notice(page)).to_contain_text("Nothing was sent.")
        expect(notice(page)).to_contain_text(f"Your browser is at {proxy.url}.")
        expect(notice(page)).to_contain_text("must pass websockets on")
        expect(notice(page)).to_contain_text("Safari")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert findings(page) == []
        proxy.passing = as_it_came
        expect(page.get_by_label("Your name")).to_be_attached()
        expect(notice(page)).to_have_count(0)
        page.goto("about:blank")


def answering(answered: bytes) -> Callable[[bytes], bytes]:
    """Return what gives this answer to websockets."""
    return lambda head: head if without_websockets(head) else answered


def test_a_proxy_that_answers_a_websocket_itself_or_cuts_the_port_off_is_named_with_what_to_set(
    server: Server, clean_page: Callable[..., Page]
) -> None:
    passing = [answering(answer(status)) for status in ("401 No", "200 OK", "502 Bad")]
    with ExitStack() as running:
        proxies = [running.enter_context(Proxy(server.port, one)) for one in (*passing, without_the_port)]
        pages = [clean_page(errors_pass=("WebSocket", "net::ERR_", *more)) for more in ((), (), (), ("403",))]
        for page, proxy in zip(pages, proxies, strict=True):
            page.goto(proxy.url)
        *answered, cut_off = pages
        for page in answered:
            expect(notice(page)).to_contain_text("Its live connection (a websocket) does not open. Nothing was sent.")
            expect(notice(page)).to_contain_text("Safari sends no password")
        expect(notice(cut_off)).to_contain_text(
            "The studio was asked for as 127.0.0.1, and its setting KIE_PUBLIC_URL is not set."
        )
        expect(notice(cut_off)).to_contain_text(f"Set KIE_PUBLIC_URL to {proxies[-1].url} and start the studio again")
        for page in pages:
            page.goto("about:blank")
