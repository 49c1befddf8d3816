"""The gallery on a server of its own, which shows whatever a test puts into its folder, and what people do with it.

stage.show(groups) ──► scene.pickle ──► gallery_page.py ──► pressed.jsonl ──► stage.heard()
"""

import json
import pickle
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from pages.parts.gallery import Action, Download, Group, Item
from tests.browser import leave, until
from tests.server import ROOT, ForkedServer

CHOSEN = re.compile("^Chosen: ")
ACTIONS = (
    Action("open", "Open large", ":material/open_in_full:"),
    Action("use", "Use as reference", "add_photo_alternate", closes=True),
    Action("compare", "Compare", "compare", menu=True),
    Action("copy", "Copy prompt", "content_copy", menu=True, copy="A copied prompt"),
    Action("star", "Star", "star", menu=True),
)


def address(width: int, height: int, seed: int) -> str:
    return f"/app/static/pictures/{width}x{height}-{seed}.png"


def finished(number: int, width: int = 640, height: int = 480, **more: object) -> Item:
    """Return a picture that is there; its thumbnail has a quarter of its width."""
    prompt = f"A lighthouse, number {number}"
    return Item(
        **{
            "id": f"p{number}",
            "state": "done",
            "label": "Done",
            "prompt": prompt,
            "icon": ":material/check:",
            "width": width,
            "height": height,
            "thumbnail": address(width // 4, height // 4, number),
            "picture": address(width, height, number),
            "alt": f"Picture made from: {prompt}",
            "meta": "4:3 · 1K · PNG · 18 credits",
            "download": Download(address(width, height, number), f"lighthouse-{number}.png"),
            "actions": ACTIONS,
            "facts": (("Resolution", f"{number}K"), ("Person", "Ann")),
        }
        | more
    )


def waiting(number: int, **more: object) -> Item:
    """Return a job that is being made."""
    fields = {"id": f"p{number}", "state": "running", "label": "Being made", "prompt": f"A lighthouse, number {number}"}
    return Item(**fields | {"icon": "brush", "width": 4, "height": 3} | more)


def group(*items: Item, **more: object) -> Group:
    return Group(**{"id": "g1", "title": "A press at 14:02", "items": items} | more)


class Stage:
    """The server that shows a scene: what it is told to show, and what it has heard."""

    def __init__(self, root: Path, port: int):
        shutil.copytree(ROOT / "pages" / "parts", root / "pages" / "parts")
        shutil.copytree(ROOT / ".streamlit", root / ".streamlit")
        shutil.copy(ROOT / "tests" / "gallery_app.py", root / "app.py")
        shutil.copy(ROOT / "tests" / "gallery_page.py", root)
        self.root, self.server = root, ForkedServer(root / "data", root, port)
        self.opened: list[Page] = []
        self.pages: list[Page] = []
        self.scenes = 0

    @property
    def key(self) -> str:
        """The gallery of the scene."""
        return f"gallery-{self.scenes}"

    def begin(self) -> None:
        """Let the next scene be of a new gallery, which has heard nothing yet and of which nothing is open or selected."""
        self.scenes += 1
        self.pages.clear()
        (self.root / "pressed.jsonl").write_text("")

    def show(self, *groups: Group, **scene: object) -> None:
        """Show these groups from now on, on every page that looks."""
        part = self.root / "scene.part"
        part.write_bytes(pickle.dumps({"key": self.key, "groups": groups} | scene))
        part.rename(self.root / "scene.pickle")
        for page in self.pages:
            page.evaluate("window.showAgain()")

    def heard(self) -> list[list[str | None]]:
        """Return every press that Python was told of: action, item, group."""
        return [json.loads(line) for line in (self.root / "pressed.jsonl").read_text().splitlines()]

    def hears(self, *presses: list[str | None]) -> None:
        """Wait until Python has heard of these presses, and of no other since the scene was set."""
        until(lambda: len(self.heard()) >= len(presses))
        assert self.heard() == list(presses)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Stage]:
    """The gallery's own server."""
    stage = Stage(tmp_path_factory.mktemp("gallery"), port)
    with stage.server:
        yield stage
        for page in stage.opened:
            if not page.is_closed():
                leave(page)


@pytest.fixture
def stage(running: Stage) -> Stage:
    """That server, which has heard nothing yet."""
    running.begin()
    return running


@pytest.fixture
def look(clean_page: Callable[..., Page], stage: Stage) -> Callable[..., Page]:
    """Shows a scene. The page stays for the next one, which is a gallery of its own."""

    def open_page(*groups: Group, **how: object) -> Page:
        page = clean_page(stays=True, **{name: how.pop(name) for name in ("profile", "errors_pass") if name in how})
        stage.show(*groups, **how)
        # A test that failed has left its page.
        if page in stage.opened and page.url.startswith(stage.server.url):
            page.evaluate("window.showAgain()")
        else:
            page.goto(stage.server.url)
            page.wait_for_function("() => Boolean(window.showAgain)")
            stage.opened.append(page)
        stage.pages.append(page)
        expect(page.get_by_text(stage.key, exact=True)).to_be_visible()
        return page

    return open_page


def picture(page: Page | Locator, number: int) -> Locator:
    return page.get_by_role("img", name=f"Picture made from: A lighthouse, number {number}", exact=True)


def card(page: Page, number: int) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_text(f"A lighthouse, number {number}", exact=True))


def button(place: Page | Locator, name: str) -> Locator:
    return place.get_by_role("button", name=name, exact=True)


def lightbox(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Picture")


def focused(page: Page) -> str:
    """Name what has the focus inside the gallery."""
    return page.evaluate("""() => {
        const it = document.activeElement?.shadowRoot?.activeElement
        return it ? it.getAttribute("aria-label") ?? it.querySelector("img")?.alt ?? it.textContent : ""
    }""")


def choose_more(place: Page | Locator, page: Page, name: str) -> None:
    """Choose from the "More" menu of a card."""
    button(place, "More").click()
    page.get_by_role("menuitem", name=name, exact=True).click()


def width_of(image: Locator) -> int:
    return image.evaluate("image => image.naturalWidth")


def compare(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Compare")


def grid(**more: object) -> dict[str, object]:
    """Return what makes a scene a grid to select from."""
    return {"layout": "grid", "selectable": True} | more
