"""What a person does with the references in the form: with a mouse, a finger, a keyboard, the clipboard."""

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import requests
from playwright.sync_api import CDPSession, Locator, Page, expect

from kie.sandbox import Sandbox
from tests.browser import choose_files, paid_request, reference
from tests.drawn import picture
from tests.server import Server

COLOURS = {name: picture(colour=name) for name in ("red", "green", "blue", "gold", "white", "black")}


def choose(page: Page, *names: str) -> None:
    """Choose a picture of each colour, named by it, and wait until they stand in the strip."""
    before = len(order(page))
    choose_files(page, *[(name, COLOURS[name]) for name in names])
    expect(reference(page, before + len(names))).to_be_visible()


def order(page: Page) -> list[str]:
    """Return the names of the references as the strip shows them."""
    return page.locator(".strip .name").all_inner_texts()


def tile(page: Page, number: int) -> Locator:
    """Return what the strip shows of one reference, buttons and all."""
    return page.get_by_role("group").filter(has=page.get_by_role("button", name=f"Remove reference {number}"))


def paste(page: Page, kinds: dict[str, bytes]) -> None:
    """Put something into the browser's own clipboard, by type, and press Ctrl+V."""
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
    """Have a file over the page: "dragover", "dragleave", "drop" or "paste". With a size it is as large as that."""
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


def drag(page: Page, number: int, to: int) -> None:
    """Take a reference with the mouse and leave it at another's place."""
    reference(page, number).hover()  # which waits until nothing glides any more
    start, end = (centre(reference(page, one)) for one in (number, to))
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + 12, start[1] + 3, steps=3)
    page.mouse.move(*end, steps=8)
    page.mouse.up()


def centre(place: Locator) -> tuple[float, float]:
    """Return the middle of something, in pixels of the window."""
    box = place.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


class Finger:
    """A finger on the screen."""

    def __init__(self, session: CDPSession, x: float, y: float):
        self._session, self._at = session, (x, y)
        self._touch("touchStart", x, y)

    def move(self, x: float, y: float, steps: int = 8) -> None:
        """Slide to a place."""
        (left, top), self._at = self._at, (x, y)
        for step in range(1, steps + 1):
            self._touch("touchMove", left + (x - left) * step / steps, top + (y - top) * step / steps)

    def lift(self) -> None:
        """Leave the screen."""
        self._session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def _touch(self, kind: str, x: float, y: float) -> None:
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})


@contextmanager
def touching(page: Page, place: Locator) -> Iterator[Finger]:
    """Put a finger on something, and lift it in the end."""
    finger = Finger(page.context.new_cdp_session(page), *centre(place))
    yield finger
    finger.lift()


def received(service: Sandbox, prompt: str) -> list[bytes]:
    """Return the references of the one paid request with this prompt, as the service has them, in its order."""
    return [requests.get(address, timeout=10).content for address in paid_request(service, prompt)["image_input"]]


def row(server: Server, name: str) -> dict:
    """Return what the studio keeps of the reference with this name."""
    with closing(sqlite3.connect(server.data_dir / "studio.sqlite3")) as database:
        database.row_factory = sqlite3.Row
        return dict(database.execute('SELECT * FROM "references" WHERE name = ?', [name]).fetchone())
