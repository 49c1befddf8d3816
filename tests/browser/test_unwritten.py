"""A press while the database can't be written: nothing is sent, the form stays, and the next press sends once."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import pytest
from playwright.sync_api import expect

from kie.sandbox import Sandbox
from tests.support.browser import (
    Visit,
    expect_news,
    go,
    paid_requests,
    pictures_of,
    rows,
    say_it_never_ran,
    settle,
    told,
    tray,
)
from tests.support.composer import ask, generate_button, press_generate, write_prompt
from tests.support.server import Server

pytestmark = pytest.mark.browser

NOTHING = "Nothing was sent or changed, since the studio's database could not be written"


@contextmanager
def locked(server: Server, how: str = "EXCLUSIVE") -> Iterator[None]:
    """Another program has the database to itself."""
    path = server.data_dir / "studio.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as database:
        database.execute(f"BEGIN {how}")
        yield


def written(server: Server) -> AbstractContextManager[None]:
    """Another program writes into the database, and goes on: others can read."""
    return locked(server, "IMMEDIATE")


@contextmanager
def full(server: Server) -> Iterator[None]:
    """No file of the studio can grow any more, as on a full disk."""
    pid = server.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_a_press_and_a_star_that_can_t_be_written_are_said_and_the_next_press_sends_once(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page = visit(server)
    for trouble, reason in ((locked, "locked"), (written, "locked"), (full, "disk")):
        prompt = f"A harbour, {trouble.__name__}"
        write_prompt(page, prompt)
        settle(page)
        with trouble(server):
            press_generate(page)
            expect(told(page, NOTHING)).to_contain_text(reason)
            expect(page.get_by_label("Prompt", exact=True)).to_have_value(prompt)
            expect(generate_button(page)).to_be_enabled()
            assert rows(server, prompt) == []
        press_generate(page)
        expect(pictures_of(page, prompt)).to_be_visible()
        expect(told(page, NOTHING)).to_have_count(0)
        assert len(paid_requests(service, prompt)) == 1
    go(page, "History")
    page.get_by_role("checkbox", name="Select").first.check(force=True)
    star = tray(page).get_by_role("button", name="Star", exact=True)
    with full(server):
        star.click()
        expect(page.get_by_test_id("stToast")).to_contain_text(NOTHING)
        expect(star).to_be_visible()
        expect(page.get_by_role("heading", name="History")).to_be_visible()


def test_a_word_on_a_lost_reply_that_can_t_be_written_is_said_and_counts_the_next_time(
    server: Server, visit: Visit
) -> None:
    page, prompt = visit(server), "sandbox: lost reply, while the disk is full"
    ask(page, prompt)
    expect(told(page, "did not confirm this request")).to_be_visible()
    go(page, "Account")
    with full(server):
        say_it_never_ran(page)
        dialog = page.get_by_role("dialog", name="Mark as not charged")
        expect(dialog.get_by_role("alert")).to_contain_text(NOTHING)
    assert [job["state"] for job in rows(server, prompt)] == ["unsure"]
    dialog.get_by_role("button", name="Confirm").click()
    expect_news(page, page.get_by_text("Nothing needs attention"))
