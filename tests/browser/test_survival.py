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
from tests.support.recorded import RecordedSandbox
from tests.support.server import Server, free_port
from tests.support.waiting import until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def service(service_folder: Path) -> Iterator[Sandbox]:
    """A service that takes its time, so that there is a middle of a job."""
    with RecordedSandbox(service_folder, port=free_port(), credits=100_000, seconds=7) as running:
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


def test_a_reload_and_a_second_tab_in_the_middle_show_the_job_again_and_then_its_picture(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    first, prompt = visit(server, name="Ann with two tabs"), "Two tabs, one picture"
    begin(first, server, prompt)
    service.stop()  # so that the middle lasts until both tabs have shown it
    try:
        second = visit(server, name="Ann with two tabs")
        expect(stage(second, "Generating")).to_be_visible()
        first.reload()
        expect(stage(first, "Generating")).to_be_visible()
    finally:
        service.start()
    for page in (first, second):
        expect(pictures_of(page, prompt)).to_be_visible()
    assert is_paid_once(server, service, prompt)


def test_a_tab_closed_right_after_the_press_loses_nothing_and_shows_nobody_else_anything(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, prompt = visit(server, name="Ben in a hurry"), "A closed tab"
    write_prompt(page, prompt)
    press_generate(page)
    until(lambda: rows(server, prompt))
    page.close()
    other = visit(server, name="Dora")
    expect(other.get_by_text("Your pictures appear here")).to_be_visible()
    until(lambda: rows(server, prompt)[0]["state"] == "done")
    expect(pictures_of(visit(server, name="Ben in a hurry"), prompt)).to_be_visible()
    expect(other.get_by_text(prompt)).to_have_count(0)
    assert is_paid_once(server, service, prompt)


def test_the_first_visitor_after_a_restart_finds_the_history_whole(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, prompt = visit(server), "A restart in the middle"
    begin(page, server, prompt)
    page.close()
    server.stop()
    server.start()
    page = visit(server, "/history?view=table", name="Early Bird")
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    expect(page).to_have_title("Nano Banana Studio")
    expect(metric(page)).to_have_text(f"{service.balance:,}")
    expect(page.get_by_label("Your name")).to_have_value("Early Bird")
    assert page.get_by_role("navigation").get_by_role("link").all_inner_texts() != []
    for title in ("Generate", "History", "Account"):
        expect(page.get_by_role("navigation").get_by_role("link", name=title)).to_be_visible()
    until(lambda: [prompt, "Done"] in [row[:2] for row in table_rows(brought_up_to_date(page))])
    show_item(page, 0)
    expect(pictures_of(beside(page), prompt)).to_be_visible()
    assert is_paid_once(server, service, prompt)


def test_an_open_page_finds_its_picture_by_itself_after_the_server_was_killed(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, prompt = visit(server, errors_pass=GONE), "A power cut in the middle"
    begin(page, server, prompt)
    server.kill()
    server.start()
    # Another server may still be alive for all that this one knows, so it waits ten seconds before it takes the job.
    expect(pictures_of(page, prompt)).to_be_visible()
    assert is_paid_once(server, service, prompt)


def test_a_service_that_is_away_delays_what_is_paid_and_costs_nothing_for_what_is_not(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, paid, prompt = visit(server), "A service that goes away", "Nobody at home"
    begin(page, server, paid)
    before = service.balance
    service.stop()
    try:
        planned = rows(server, paid)[0]["next_at"]
        ask(page, prompt)
        expect(told(page, "could not be reached")).to_contain_text("Not charged.")
        until(lambda: rows(server, paid)[0]["next_at"] > planned)
        expect(stage(page, "Generating")).to_be_visible()
    finally:
        service.start()
    expect(pictures_of(page, paid)).to_be_visible()
    assert is_paid_once(server, service, paid)
    assert (tasks(service, prompt), service.balance) == ([], before)
    page.reload()
    settle(page)
    write_prompt(page, "Another thought")  # so that it is seen when the form has been filled
    settle(page)
    page.get_by_role("button", name="Edit", exact=True).click()
    expect(page.get_by_label("Prompt")).to_have_value(prompt)
    settle(page)
    press_generate(page)
    expect(pictures_of(page, prompt)).to_be_visible()
    assert len(tasks(service, prompt)) == 1


def test_half_a_prompt_is_still_there_when_something_happens_elsewhere(server: Server, visit: Visit) -> None:
    writer, other = visit(server), visit(server)
    writer.get_by_label("Prompt").press_sequentially("A half-writ")
    ask(other, "sandbox: lost reply, from somebody else")
    expect(told(writer, "may have been charged")).to_be_visible()
    writer.keyboard.type("ten prompt")
    expect(writer.get_by_label("Prompt")).to_have_value("A half-written prompt")
    expect(writer.get_by_label("Prompt")).to_be_focused()


# -- without a key: the service is the studio's own sandbox


def test_without_a_key_pictures_are_drawn_here_until_a_key_file_comes(
    project: Path, service: Sandbox, start: Start, visit: Visit
) -> None:
    server = start(Server, KIE_API_URL=service.url, KIE_UPLOAD_URL=service.url)  # as a person starts it
    assert requests.get(f"{server.url}/healthz", timeout=10).json()["sandbox"] is True
    page, prompt = visit(server, "/account", name="Nobody yet"), "A picture before there is a key"
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
    server.start()
    page = visit(server, name="Nobody yet")
    expect(pictures_of(page, prompt)).to_be_visible()
    _, file = saved(page, page.get_by_role("button", name="Download", exact=True))
    kept = server.data_dir / "sandbox" / "service" / "results"
    assert file in [path.read_bytes() for path in kept.iterdir()]
    assert tasks(service, prompt) == []

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
