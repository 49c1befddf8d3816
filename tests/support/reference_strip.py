"""Actions on the references in the form: with mouse, touch, keyboard and clipboard."""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from playwright.sync_api import CDPSession, Locator, Page, expect

from kie.sandbox import Sandbox
from tests.support.browser import paid_request, sql
from tests.support.composer import choose_files, reference
from tests.support.images import picture
from tests.support.server import Server

COLOURS = {name: picture(colour=name) for name in ("red", "green", "blue", "gold", "white", "black")}


def choose(page: Page, *names: str) -> None:
    """Add a picture of each colour, named by it, and wait until they are displayed."""
    before = len(order(page))
    choose_files(page, *[(name, COLOURS[name]) for name in names])
    expect(reference(page, before + len(names))).to_be_visible()


def order(page: Page) -> list[str]:
    """Return the names of the references in their displayed order."""
    return page.locator(".strip .name").all_inner_texts()


def expect_order(page: Page, *names: str) -> None:
    """Wait until the references are displayed in this order."""
    expect(page.locator(".strip .name")).to_have_text(names)


def tile(page: Page, number: int) -> Locator:
    """Return the element of one reference, including its buttons."""
    return page.get_by_role("group").filter(has=page.get_by_role("button", name=f"Remove reference {number}"))


def paste(page: Page, kinds: dict[str, bytes]) -> None:
    """Write content to the browser's clipboard, by MIME type, and press Ctrl+V."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async (kinds) => {
          const blob = ([type, data]) => [type, new Blob([Uint8Array.from(atob(data), (one) => one.charCodeAt(0))], { type })]
          const items = Object.fromEntries(Object.entries(kinds).map(blob))
          await navigator.clipboard.write([new ClipboardItem(items)])
        }""",
        {kind: base64.b64encode(content).decode() for kind, content in kinds.items()},
    )
    page.keyboard.press("Control+V")


def carry(
    page: Page, event: str, name: str = "x.png", content: bytes = b"", size: int = 0, kind: str = "image/png"
) -> None:
    """Dispatch "dragover", "dragleave", "drop" or "paste" with a file. With `size`, the file has that many zero bytes."""
    page.locator("input[type=file]").wait_for(state="attached")
    page.evaluate(
        """([event, name, data, size, type]) => {
          const bytes = size ? new Uint8Array(size) : Uint8Array.from(atob(data), (one) => one.charCodeAt(0))
          const carried = new DataTransfer()
          carried.items.add(new File([bytes], name, { type }))
          const options = { bubbles: true, cancelable: true, composed: true }
          const made = event === "paste"
            ? new ClipboardEvent(event, { ...options, clipboardData: carried })
            : new DragEvent(event, { ...options, dataTransfer: carried })
          document.querySelector("h4, [data-testid=stApp]").dispatchEvent(made)
        }""",
        [event, name, base64.b64encode(content).decode(), size, kind],
    )


def drop(page: Page, *paths: Path, link: str = "", to: Locator | None = None) -> None:
    """Drag files and folders of the disk, or a link, from outside of the browser to an element, and drop them."""
    x, y = centre(to or page.get_by_label("Reference images"))
    items = [{"mimeType": "text/uri-list", "data": link}, {"mimeType": "text/plain", "data": link}] if link else []
    data = {"items": items, "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})
    session.detach()


def drag(page: Page, number: int, to: int) -> None:
    """Drag a reference with the mouse to another one's position."""
    reference(page, number).hover()  # Waits until animations have ended.
    start, end = (centre(reference(page, one)) for one in (number, to))
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + 12, start[1] + 3, steps=3)
    page.mouse.move(*end, steps=8)
    page.mouse.up()


def centre(place: Locator) -> tuple[float, float]:
    """Return the centre of an element in viewport pixels."""
    box = place.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


class Finger:
    """A touch on the screen."""

    def __init__(self, session: CDPSession, x: float, y: float):
        self._session, self._at = session, (x, y)
        self._touch("touchStart", x, y)

    def move(self, x: float, y: float, steps: int = 8) -> None:
        """Move to a position."""
        (left, top), self._at = self._at, (x, y)
        for step in range(1, steps + 1):
            self._touch("touchMove", left + (x - left) * step / steps, top + (y - top) * step / steps)

    def join(self, x: float, y: float) -> None:
        """Put a second finger beside this one."""
        places = [{"x": left, "y": top, "id": number} for number, (left, top) in enumerate([self._at, (x, y)])]
        self._session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": places})

    def lift(self) -> None:
        """End the touch."""
        self._session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def _touch(self, kind: str, x: float, y: float) -> None:
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})


@contextmanager
def touching(page: Page, place: Locator) -> Iterator[Finger]:
    """Touch the centre of an element within the block."""
    finger = Finger(page.context.new_cdp_session(page), *centre(place))
    yield finger
    finger.lift()


def flick(page: Page, x: float, y: float, up: float) -> None:
    """Scroll with a quick finger: the page goes on scrolling by itself."""
    session, began = page.context.new_cdp_session(page), time.time()
    for step, kind in enumerate(("touchStart", *["touchMove"] * 5, "touchEnd")):
        points = [] if kind == "touchEnd" else [{"x": x, "y": y - up * step / 5}]
        # The browser takes the speed from these times, however long the events are on their way.
        touch = {"type": kind, "touchPoints": points, "timestamp": began + step * 0.016}
        session.send("Input.dispatchTouchEvent", touch)


def received(service: Sandbox, prompt: str) -> list[bytes]:
    """Return the references of the only paid request with this prompt, in order, as stored by the service."""
    return [requests.get(address, timeout=10).content for address in paid_request(service, prompt)["image_input"]]


def row(server: Server, name: str) -> dict:
    """Return the row of the reference with this name."""
    [found] = sql(server, 'SELECT * FROM "references" WHERE name = ?', name)
    return found
