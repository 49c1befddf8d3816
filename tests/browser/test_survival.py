"""A job outlives whatever happens to the page, the server and the service: the picture arrives, and is paid for once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from kie.sandbox import Sandbox
from kie.sandbox.server import CREATE
from tests.support.barriers import barriers
from tests.support.browser import (
    GONE,
    Start,
    Visit,
    beside,
    brought_up_to_date,
    go,
    metric,
    paid_requests,
    pictures_of,
    rows,
    saved,
    settle,
    show_item,
    stage,
    table_rows,
    tasks,
    told,
)
from tests.support.composer import ask, choose_files, make, press_generate, reference, write_prompt
from tests.support.images import picture
from tests.support.outbound import Outbound
from tests.support.recorded import RecordedSandbox, finish_tasks
from tests.support.server import Server, free_port
from tests.support.waiting import until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def service(service_folder: Path) -> Iterator[RecordedSandbox]:
    """A service whose tasks end when a test wants it, so that there is a middle of a job."""
    with RecordedSandbox(service_folder, port=free_port(), credits=100_000, seconds=600) as running:
        yield running


def begin(page: Page, server: Server, prompt: str) -> None:
    """Ask for a picture and stop in the middle: the task exists, its picture does not."""
    ask(page, prompt)
    expect(stage(page, "Generating")).to_be_visible()
    assert [row["state"] for row in rows(server, prompt)] == ["running"]


def is_paid_once(server: Server, service: Sandbox, prompt: str) -> bool:
    """Say whether one request was paid for and its picture is here."""
    [row], [task], paid = rows(server, prompt), tasks(service, prompt), paid_requests(service, prompt)
    return len(paid) == 1 and row["state"] == "done" and row["task_id"] == task["taskId"] and row["credits"] == 18


def test_a_power_cut_loses_nothing_even_of_a_tab_closed_right_after_the_press_and_shows_nobody_else_anything(
    server: Server, service: RecordedSandbox, visit: Visit
) -> None:
    closed, hurried, prompt = visit(server, name="Ben in a hurry"), "A closed tab", "A power cut in the middle"
    write_prompt(closed, hurried)
    press_generate(closed)
    until(lambda: rows(server, hurried))
    closed.close()
    page = visit(server, name="Dora", errors_pass=GONE)
    expect(page.get_by_text("Your pictures appear here")).to_be_visible()
    begin(page, server, prompt)
    until(lambda: rows(server, hurried)[0]["state"] == "running")
    server.kill()
    service.finish()
    server.start()
    # Another server may still be alive for all that this one knows, so it waits ten seconds before it takes the job.
    expect(pictures_of(page, prompt)).to_be_visible()
    until(lambda: rows(server, hurried)[0]["state"] == "done")
    expect(pictures_of(visit(server, name="Ben in a hurry"), hurried)).to_be_visible()
    expect(page.get_by_text(hurried)).to_have_count(0)
    expect(metric(page)).to_have_text(f"{service.balance:,}")
    for one in (prompt, hurried):
        assert is_paid_once(server, service, one)


def test_a_service_that_is_away_delays_what_is_paid_in_every_tab_and_costs_nothing_for_what_is_not(
    server: Server, service: RecordedSandbox, visit: Visit
) -> None:
    first, paid, prompt = visit(server, name="Ann with two tabs"), "A service that goes away", "Nobody at home"
    begin(first, server, paid)
    before = service.balance
    service.stop()
    try:
        planned = rows(server, paid)[0]["next_at"]
        ask(first, prompt)
        expect(told(first, "could not be reached")).to_contain_text("Not charged.")
        until(lambda: rows(server, paid)[0]["next_at"] > planned)
        expect(stage(first, "Generating")).to_be_visible()
        second = visit(server, name="Ann with two tabs")
        expect(stage(second, "Generating")).to_be_visible()
        first.reload()
        expect(stage(first, "Generating")).to_be_visible()
    finally:
        service.start()
    service.finish()
    for page in (first, second):
        expect(pictures_of(page, paid)).to_be_visible()
    assert is_paid_once(server, service, paid)
    assert (tasks(service, prompt), service.balance) == ([], before)
    first.bring_to_front()
    write_prompt(first, "Another thought")  # so that it is seen when the form has been filled
    settle(first)
    first.get_by_role("button", name="Edit", exact=True).click()
    expect(first.get_by_label("Prompt")).to_have_value(prompt)
    settle(first)
    press_generate(first)
    until(lambda: tasks(service, prompt))
    service.finish()
    expect(pictures_of(first, prompt)).to_be_visible()
    assert len(tasks(service, prompt)) == 1


# -- without a key: the service is the studio's own sandbox


def test_without_a_key_pictures_are_drawn_here_and_nobody_outside_is_asked_until_a_key_file_comes(
    project: Path, poor_service: Sandbox, start: Start, visit: Visit, tmp_path: Path
) -> None:
    service, outbound = poor_service, Outbound(tmp_path / "outbound")
    # As a person starts it.
    server = start(Server, KIE_API_URL=service.url, KIE_UPLOAD_URL=service.url, **outbound.environment)
    assert requests.get(f"{server.url}/healthz", timeout=10).json()["sandbox"] is True
    page, prompt = visit(server, "/account", name="Nobody yet"), "sandbox: slow, before there is a key"
    expect(told(page, "Sandbox")).to_contain_text("play credits")
    go(page, "History")
    expect(told(page, "Sandbox")).to_be_visible()
    expect(page.get_by_text("Nothing here yet")).to_be_visible()
    assert barriers(page) == []
    page.get_by_role("link", name="Make the first picture").click()
    choose_files(page, ("one.png", picture(colour="teal")))
    expect(reference(page, 1)).to_be_visible()
    expect(told(page, "Sandbox")).to_be_visible()
    ask(page, prompt)
    expect(stage(page, "Generating")).to_be_visible()
    page.close()
    server.stop()
    finish_tasks(server.data_dir / "sandbox" / "service")
    server.start()
    # The first visitor after the start.
    page = visit(server, "/history?view=table", name="Nobody yet")
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    expect(page).to_have_title("Nano Banana Studio")
    expect(page.get_by_label("Your name")).to_have_value("Nobody yet")
    for title in ("Generate", "History", "Account"):
        expect(page.get_by_role("navigation").get_by_role("link", name=title)).to_be_visible()
    until(lambda: [prompt, "Done"] in [row[:2] for row in table_rows(brought_up_to_date(page))])
    show_item(page, 0)
    expect(pictures_of(beside(page), prompt)).to_be_visible()
    go(page, "Generate")
    expect(pictures_of(page, prompt)).to_be_visible()
    _, file = saved(page, page.get_by_role("button", name="Download", exact=True))
    kept = server.data_dir / "sandbox" / "service" / "results"
    assert file in [path.read_bytes() for path in kept.iterdir()]
    assert service.seen == []

    key_file, prompt, banner = project / "config" / "kie_key.txt", "The first real picture", told(page, "Sandbox")
    try:
        key_file.write_text("a-key-from-a-file\n", encoding="utf-8")
        expect(banner).to_have_count(0)
        expect(metric(page)).to_have_text(f"{service.balance:,}")
        make(page, prompt)
    finally:
        key_file.unlink()
    assert is_paid_once(server, service, prompt)
    [paid] = [
        seen for seen in service.seen if seen.path == CREATE and json.loads(seen.body)["input"]["prompt"] == prompt
    ]
    assert paid.headers["authorization"] == "Bearer a-key-from-a-file"
    assert "a-key-from-a-file" not in server.log + page.content()
    expect(banner).to_be_visible()
    assert "127.0.0.1" in outbound.addresses
    assert outbound.addresses <= {"127.0.0.1", "localhost", "::1"}
