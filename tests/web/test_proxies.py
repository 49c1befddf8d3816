"""Behind the proxies of the README, as it writes them: Debian's nginx and Caddy, over TLS, with sign-in, in Chromium.

At the root of an address and below a path, always on a port of its own, which nginx leaves out of the Host header in one case.
"""

import base64
import io
import random
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, WebSocket, expect

from kie.sandbox import Sandbox
from tests.support import proxies
from tests.support.browser import (
    DESKTOP,
    WAIT_MS,
    Visit,
    at,
    paid_requests,
    pictures_of,
    rows,
    saved,
    settle,
    tasks,
    told,
)
from tests.support.composer import add_rows, ask, make, open_batch, reference
from tests.support.images import picture, with_chunk
from tests.support.proxies import PASSWORD, USER, Proxy
from tests.support.reference_strip import carry, received
from tests.support.server import ForkedServer, Server, free_port
from tests.support.spreadsheets import csv_rows
from tests.support.waiting import until

pytestmark = pytest.mark.browser

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
}
PRIVATE = ("/", "/history", "/account", "/healthz", "/_stcore/health", "/_stcore/host-config", "/app/static/pictures/x")
BELOW = ("/callback", "/callback/", "/callback/x", "/callback/history", "/callback/_stcore/health", "/x/../callback/x")
AROUND = ("/callback/../references", "/callback/%2e%2e/references", "/callback/..%2freferences", "//references")
SOCKETS = ("/events", "/_stcore/stream")


PLACES = {
    "nginx": (proxies.nginx, {}),
    "caddy": (proxies.caddy, {}),
    "nginx below a path, without the port": (proxies.nginx, {"path": "/studio", "host": "$host"}),
    "caddy below a path": (proxies.caddy, {"path": "/studio"}),
}


@pytest.fixture(scope="module", params=PLACES)
def reached(
    request: pytest.FixtureRequest,
    service: Sandbox,
    uploads: Sandbox,
    project: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Server, Proxy]]:
    """The studio, and the proxy through which everybody but this machine reaches it."""
    folder = tmp_path_factory.mktemp(request.param.split()[0])
    (start, how), studio_port, port = PLACES[request.param], free_port(), free_port()
    public = f"https://{proxies.NAME}:{port}{how.get('path', '')}"
    with ExitStack() as opened:
        own = {**at(service, uploads), "KIE_PUBLIC_URL": public}
        server = opened.enter_context(ForkedServer(folder / "data", project, studio_port, **own))
        proxy = opened.enter_context(start(folder, port, studio_port, **how))
        assert proxy.url == public
        yield server, proxy


@pytest.fixture(scope="module")
def server(reached: tuple[Server, Proxy]) -> Server:
    return reached[0]


@pytest.fixture(scope="module")
def proxy(reached: tuple[Server, Proxy]) -> Proxy:
    return reached[1]


@pytest.fixture(scope="module")
def signed_in(chromium: Browser, proxy: Proxy) -> Iterator[BrowserContext]:
    """The browser of somebody who has a password."""
    person = {"username": USER, "password": PASSWORD, "origin": proxy.origin}
    with closing(
        chromium.new_context(
            viewport=DESKTOP, reduced_motion="reduce", ignore_https_errors=True, http_credentials=person
        )
    ) as context:
        context.set_default_timeout(WAIT_MS)
        yield context


@pytest.fixture
def sockets(signed_in: BrowserContext) -> dict[str, list]:
    """What the page of the next visit hears on each of its websockets, by path."""
    page, heard = signed_in.pages[0] if signed_in.pages else signed_in.new_page(), {}

    def listen(socket: WebSocket) -> None:
        frames = heard.setdefault(urlsplit(socket.url).path, [])
        socket.on("framereceived", lambda frame: frames.append(frame))

    page.on("websocket", listen)
    return heard


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of nearly 30 MB that is quickly decoded: what follows its pixels is not read."""
    path = tmp_path_factory.mktemp("large") / "large.png"
    path.write_bytes(with_chunk(picture(), b"IDAT", random.Random(0).randbytes(31_400_000), b"IEND"))
    assert 0.99 * 30 * 2**20 < path.stat().st_size < 30 * 2**20
    return path


def test_a_person_who_signs_in_has_the_whole_studio_and_the_service_needs_no_sign_in_for_its_callback(
    proxy: Proxy,
    server: Server,
    service: Sandbox,
    signed_in: BrowserContext,
    sockets: dict[str, list],
    visit: Visit,
    large: Path,
) -> None:
    page = visit(proxy, profile=signed_in, errors_pass=["413"])
    until(lambda: page.wait_for_timeout(100) or all(sockets.get(proxy.path + path) for path in SOCKETS))

    prompt = f"sandbox: lost reply, behind {proxy.url}"
    ask(page, prompt)
    expect(told(page, "did not confirm this request")).to_be_visible()
    [task], [request] = tasks(service, prompt), paid_requests(service, prompt)
    address = request["callBackUrl"]
    assert address.startswith(f"{proxy.url}/callback/")
    body = b'{"data": {"taskId": "%s"}}' % task["taskId"].encode()
    assert proxy.ask(urlsplit(address).path, "POST", body=body) == 204
    expect(pictures_of(page, prompt)).to_be_visible()
    assert [row["candidate_from"] for row in rows(server, prompt)] == ["callback"]
    assert pictures_of(page, prompt).evaluate("(image) => image.src").startswith(proxy.url)

    name, file = saved(page, page.get_by_role("button", name="Download", exact=True).first)
    assert (name[-4:], file[:4]) == (".png", b"\x89PNG")

    # A reference of nearly 30 MB goes up and to the service as it is.
    drop(page, large)
    expect(reference(page, 1)).to_be_visible()
    make(page, f"From a large one behind {proxy.url}")
    assert received(service, f"From a large one behind {proxy.url}") == [large.read_bytes()]

    # One that the proxy does not let through is said.
    carry(page, "drop", "larger.png", size=40 * 2**20)
    expect(told(page, "The proxy in front of the studio takes no file of 40.0 MB")).to_contain_text("larger.png")
    expect(reference(page, 2)).to_have_count(0)

    add_rows(open_batch(page), "rows.csv", b"prompt\nA row behind a proxy\n")
    expect(page.get_by_test_id("stDataFrame")).to_contain_text("A row behind a proxy")

    # It knows that the browser speaks TLS; where it shares a host, it says nothing for the others.
    answer = page.goto(f"{proxy.url}/history/")
    assert page.url == f"{proxy.url}/history"
    assert ("strict-transport-security" in answer.headers) == (proxy.path == "")
    settle(page)
    page.get_by_role("button", name="Export").click()
    link = page.get_by_role("link", name="2 images (.zip)")
    link.evaluate("(link) => link.removeAttribute('target')")  # the file then belongs to this page
    with zipfile.ZipFile(io.BytesIO(saved(page, link)[1])) as zipped:
        assert zipped.testzip() is None
        manifest = csv_rows(zipped.read("manifest.csv"))
        assert len(manifest) == len(zipped.namelist()) - 2 == 2


def drop(page: Page, path: Path) -> None:
    """Drop a file of the disk on the page; what a test hands over as text takes ten seconds where it is as large as this."""
    page.evaluate("document.body.append(Object.assign(document.createElement('input'), { type: 'file', id: 'hand' }))")
    page.locator("#hand").set_input_files(path)
    page.evaluate("""() => {
      const carried = new DataTransfer(), hand = document.getElementById("hand")
      carried.items.add(hand.files[0])
      hand.remove()
      const dropped = { bubbles: true, cancelable: true, composed: true, dataTransfer: carried }
      document.querySelector("[data-testid=stApp]").dispatchEvent(new DragEvent("drop", dropped))
    }""")


def test_nobody_else_comes_past_the_sign_in(proxy: Proxy) -> None:
    below = proxy.path
    for path in (*PRIVATE, *BELOW, *AROUND):
        assert proxy.ask(below + path) == 401, path
    for path in (*SOCKETS, *(f"/callback{path}" for path in SOCKETS)):
        assert proxy.ask(below + path, headers=UPGRADE) == 401, path
    for path in ("/references", *AROUND):
        assert proxy.ask(below + path, "POST", {"X-Studio-Name": "x.png"}, b"x") == 401, path
    # To the proxy this is below the callbacks; to the studio it is nothing.
    for path in ("/references/../callback/x", "/references%2f..%2fcallback%2fx"):
        assert proxy.ask(below + path, "POST", {"X-Studio-Name": "x.png"}, b"x") in range(400, 500), path
    wrong = base64.b64encode(f"{USER}:wrong".encode()).decode()
    assert proxy.ask(f"{below}/", headers={"Authorization": f"Basic {wrong}"}) == 401
    assert proxy.ask(f"{below}/callback/forged", "POST", body=b"{}") == 404
