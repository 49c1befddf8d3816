"""Fixtures for tests of the gallery component on a server of its own.

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

from kie.views.cards import Action, DownloadLink, Group, Item
from tests.support.browser import leave
from tests.support.server import ROOT, ForkedServer
from tests.support.waiting import until

CHOSEN = re.compile("^Chosen: ")
ACTIONS = (
    Action("open", "Open large", "open_in_full"),
    Action("use", "Use as reference", "add_photo_alternate", closes=True),
    Action("compare", "Compare", "compare", menu=True),
    Action("copy", "Copy prompt", "content_copy", menu=True, copy="A copied prompt"),
    Action("star", "Star", "star", menu=True),
)


def address(width: int, height: int, seed: int) -> str:
    return f"/app/static/pictures/{width}x{height}-{seed}.png"


def finished(number: int, width: int = 640, height: int = 480, **more: object) -> Item:
    """Return a finished picture. Its thumbnail has a quarter of its width."""
    prompt = f"A lighthouse, number {number}"
    return Item(
        **{
            "id": f"p{number}",
            "state": "done",
            "label": "Done",
            "prompt": prompt,
            "icon": "check",
            "width": width,
            "height": height,
            "thumbnail": address(width // 4, height // 4, number),
            "picture": address(width, height, number),
            "alt": f"Picture made from: {prompt}",
            "meta": "4:3 · 1K · PNG · 18 credits",
            "download": DownloadLink(address(width, height, number), f"lighthouse-{number}.png"),
            "actions": ACTIONS,
            "facts": (("Resolution", f"{number}K"), ("Person", "Ann")),
        }
        | more
    )


def waiting(number: int, **more: object) -> Item:
    """Return a running job."""
    fields = {"id": f"p{number}", "state": "running", "label": "Generating", "prompt": f"A lighthouse, number {number}"}
    return Item(**fields | {"icon": "brush", "width": 4, "height": 3} | more)


def group(*items: Item, **more: object) -> Group:
    return Group(**{"id": "g1", "title": "A press at 14:02", "items": items} | more)


class Stage:
    """The gallery server: sets the scene and reads the recorded presses."""

    def __init__(self, root: Path, port: int):
        shutil.copytree(ROOT / "kie", root / "kie")
        shutil.copytree(ROOT / "pages" / "parts", root / "pages" / "parts")
        shutil.copytree(ROOT / ".streamlit", root / ".streamlit")
        shutil.copy(ROOT / "tests" / "support" / "gallery_app.py", root / "app.py")
        shutil.copy(ROOT / "tests" / "support" / "gallery_page.py", root)
        self.root, self.server = root, ForkedServer(root / "data", root, port)
        self.opened: list[Page] = []
        self.pages: list[Page] = []
        self.scenes = 0

    @property
    def key(self) -> str:
        """The key of the current scene's gallery."""
        return f"gallery-{self.scenes}"

    def begin(self) -> None:
        """Start a new gallery, without recorded presses, open pictures or selection."""
        self.scenes += 1
        self.pages.clear()
        (self.root / "pressed.jsonl").write_text("")

    def show(self, *groups: Group, **scene: object) -> None:
        """Show these groups on all open pages."""
        part = self.root / "scene.part"
        part.write_bytes(pickle.dumps({"key": self.key, "groups": groups} | scene))
        part.rename(self.root / "scene.pickle")
        for page in self.pages:
            page.evaluate("window.showAgain()")

    def heard(self) -> list[list[str | None]]:
        """Return all recorded presses: action, item, group."""
        return [json.loads(line) for line in (self.root / "pressed.jsonl").read_text().splitlines()]

    def hears(self, *presses: list[str | None]) -> None:
        """Wait until exactly these presses have been recorded."""
        until(lambda: len(self.heard()) >= len(presses))
        assert self.heard() == list(presses)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Stage]:
    """The server of the gallery, shared by a test file."""
    stage = Stage(tmp_path_factory.mktemp("gallery"), port)
    with stage.server:
        yield stage
        for page in stage.opened:
            if not page.is_closed():
                leave(page)


@pytest.fixture
def stage(running: Stage) -> Stage:
    """That server with a new gallery."""
    running.begin()
    return running


@pytest.fixture
def look(clean_page: Callable[..., Page], stage: Stage) -> Callable[..., Page]:
    """A function that shows a scene and returns its page. The page is reused for the next scene, which has a gallery of its own."""

    def open_page(*groups: Group, **how: object) -> Page:
        page = clean_page(stays=True, **{name: how.pop(name) for name in ("profile", "errors_pass") if name in how})
        stage.show(*groups, **how)
        # A failed test has navigated its page away.
        if page in stage.opened and page.url.startswith(stage.server.url):
            page.evaluate("window.showAgain()")
        else:
            page.goto(stage.server.url)
            page.wait_for_function("() => Boolean(window.showAgain)")
            page.evaluate("document.fonts.ready.then(() => true)")
            stage.opened.append(page)
        stage.pages.append(page)
        expect(page.get_by_text(stage.key, exact=True)).to_be_visible()
        # Until then the gallery of the scene before stands there, too.
        expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
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
    """Return the name of the focused element inside the gallery."""
    return page.evaluate("""() => {
        const it = document.activeElement?.shadowRoot?.activeElement
        return it ? it.getAttribute("aria-label") ?? it.querySelector("img")?.alt ?? it.textContent : ""
    }""")


def choose_more(place: Page | Locator, page: Page, name: str) -> None:
    """Choose an entry of a card's "More" menu."""
    button(place, "More").click()
    page.get_by_role("menuitem", name=name, exact=True).click()


def width_of(image: Locator) -> int:
    return image.evaluate("image => image.naturalWidth")


def compare(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Compare")


def grid(**more: object) -> dict[str, object]:
    """Return the arguments of a scene with a grid."""
    return {"layout": "grid"} | more
