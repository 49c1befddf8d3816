"""Asking for a picture in a real browser: what the person sees, and what reaches the service and its till."""

import io
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from kie.sandbox import Sandbox
from kie.sandbox.server import CREATE, CREDIT, RECORD, UPLOAD
from pages.parts.composer.submit import FORM_CHANGED
from tests.support.barriers import barriers
from tests.support.browser import (
    KEY,
    PHONE,
    Visit,
    beside,
    choose_of,
    go,
    metric,
    paid_request,
    paid_requests,
    pictures_of,
    press_of,
    rows,
    saved,
    sent,
    settle,
    show_item,
    sql,
    stage,
    tasks,
    told,
)
from tests.support.composer import (
    QUESTION_MS,
    READ_MS,
    SIZE,
    add_rows,
    ask,
    ask_for_images,
    choose,
    choose_files,
    empty_form,
    generate_button,
    make,
    open_batch,
    press_generate,
    question_of,
    reference,
    settings,
    write_prompt,
)
from tests.support.images import encoded, noise, noisy_png, picture, png
from tests.support.server import Server
from tests.support.waiting import until

pytestmark = pytest.mark.browser

# The same request within this time after its result was shown is a repeated click.
REPEATED_MS = 1600
CRIMSON, AZURE = (220, 20, 60), (0, 90, 255)
# One after the other in one form: each is told instead of the one before.
UNSENDABLE = {
    "": "a blank prompt can't be sent",
    "a" * 10_001: "Shorten the prompt by 1 character:",
    " \u3000\u200b\n": "a blank prompt can't be sent",
    "a bell \x07 rings": "Remove the invisible control characters",
}
SLOW_CLICK_MS = 400
LONGEST = "A very long story. " * 526 + "x" * 6


# -- one picture with two references, from the first word to the file on the person's disk


def test_one_press_pays_for_one_task_with_both_references_and_its_picture_comes_to_the_person_s_disk(
    server: Server, service: Sandbox, uploads: Sandbox, visit: Visit
) -> None:
    page, prompt, before = visit(server), "Two flags over a harbour", service.balance
    expect(metric(page)).to_have_text(f"{before:,}")
    seen_api, seen_uploads = len(service.seen), len(uploads.seen)
    choose_files(page, ("flag.png", picture(colour=CRIMSON)), ("flag.png", picture(colour=AZURE)))
    expect(reference(page, 2)).to_be_visible()
    ask(page, prompt)
    # From here on, nothing on the page is touched until the picture and the new balance are there.
    expect(pictures_of(page, prompt)).to_be_visible()
    expect(metric(page)).to_have_text(f"{before - 18:,}")
    file_name, file = saved(page, page.get_by_role("button", name="Download", exact=True))

    # The file is what the service made, under a name that says what it is.
    [task], [body] = tasks(service, prompt), paid_requests(service, prompt)
    assert file == requests.get(f"{service.url}/results/{task['taskId']}.png", timeout=10).content
    assert "two-flags-over-a-harbour" in file_name
    assert file_name.endswith(".png")
    # It holds both references in the order in which they were chosen.
    image = Image.open(io.BytesIO(file)).convert("RGB")
    assert image.size == (1024, 1024)
    found = {
        colour: [x for x in range(0, 1024, 8) for y in range(0, 1024, 8) if image.getpixel((x, y)) == colour]
        for colour in (CRIMSON, AZURE)
    }
    assert len(found[CRIMSON]) > 500 and len(found[AZURE]) > 500
    assert max(found[CRIMSON]) < min(found[AZURE])
    # The request has the official parameters and no others.
    api, uploaded = service.seen[seen_api:], uploads.seen[seen_uploads:]
    assert sum(seen.path == CREATE for seen in api) == 1
    assert body.keys() == {"model", "input"}
    assert body["model"] == "nano-banana-pro"
    assert len(body["input"].pop("image_input")) == 2
    official = {"prompt": prompt, "aspect_ratio": "1:1", "resolution": "1K", "output_format": "png"}
    assert body["input"] == official
    # Two files of one name are uploaded under two.
    names = [(seen.body["uploadPath"], seen.body["fileName"]) for seen in uploaded]
    assert len(names) == len(set(names)) == 2
    assert "flag.png" not in [name for _, name in names]
    # The key goes with the four official calls, each on its own host, and nowhere else.
    assert {seen.path for seen in api if not seen.path.startswith("/results/")} == {CREATE, RECORD, CREDIT}
    assert {seen.path for seen in uploaded} == {UPLOAD}
    for seen in (*api, *uploaded):
        carries = seen.headers.get("authorization")
        assert carries == (None if seen.path.startswith("/results/") else f"Bearer {KEY}"), seen.path
    assert any(seen.path.startswith("/results/") for seen in api)
    assert KEY not in page.content()
    assert KEY not in server.log


# -- presses


def test_a_double_click_pays_once_a_later_press_again_and_more_than_the_button_said_is_asked_about(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, prompt = empty_form(visit(server, stays=True)), "A lamp pressed twice"
    write_prompt(page, prompt)
    generate_button(page).dblclick()
    expect(pictures_of(page, prompt)).to_have_count(1)
    assert len(paid_requests(service, prompt)) == len(rows(server, prompt)) == 1
    page.wait_for_timeout(REPEATED_MS)
    press_generate(page)
    expect(pictures_of(page, prompt)).to_have_count(2)
    assert len(paid_requests(service, prompt)) == len(rows(server, prompt)) == 2

    prompt = "A {red|blue|green} chair by the window"
    with server.asleep():  # so the button does not say the new price before it is pressed
        page.get_by_label("Prompt").fill(prompt)
        expect(generate_button(page)).to_contain_text("Generate · about 18 credits")
        page.keyboard.press("ControlOrMeta+Enter")
    expect(question_of(page)).to_contain_text("This makes 3 pictures and costs about 54 credits.")
    expect(question_of(page)).to_contain_text("The number of pictures or the price changed just before you pressed.")
    assert paid_requests(service, prompt.replace("{red|blue|green}", "red")) == []
    page.wait_for_timeout(QUESTION_MS)
    generate_button(question_of(page)).dblclick()
    expect(question_of(page)).to_have_count(0)
    for colour in ("red", "blue", "green"):
        expect(pictures_of(page, prompt.replace("{red|blue|green}", colour))).to_be_visible()


def rest(page: Page, messages: list) -> None:
    """Wait until the server has sent nothing for a second, and forget what it sent."""
    while True:
        settle(page)
        messages.clear()
        page.wait_for_timeout(1000)
        if not messages:
            return


def test_a_list_of_settings_stays_open_until_a_press_keeps_what_was_chosen_and_draws_nothing_but_its_picture(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, prompt, messages = empty_form(visit(server, stays=True)), "A ferry at noon", []
    page.on(
        "websocket",
        lambda socket: "stream" in socket.url and socket.on("framereceived", lambda message: messages.append(message)),
    )
    page.reload()
    settle(page)
    make(page, "A ferry at dawn")
    write_prompt(page, prompt)
    settle(page)
    dock, body = page.get_by_test_id("stBottom"), page.get_by_test_id("stPopoverBody")
    dock.get_by_role("button", name="1:1").click()
    expect(body.get_by_role("radio", name="1:1")).to_be_checked()
    rest(page, messages)
    for ratio in ("21:9", "16:9"):
        body.get_by_text(ratio, exact=True).click()
        expect(body.get_by_role("radio", name=ratio)).to_be_checked()
    assert messages == []
    page.keyboard.press("Escape")
    expect(dock.get_by_role("button", name="16:9")).to_be_visible()
    rest(page, messages)
    press_generate(page)
    expect(pictures_of(page, prompt)).to_be_visible()
    # A run of the whole page has more than 40.
    assert len(messages) < 10
    assert paid_request(service, prompt)["aspect_ratio"] == "16:9"
    opener = dock.get_by_role("button", name=SIZE)
    opener.click()
    for resolution, price in (("4K", 24), ("1K", 18), ("4K", 24)):
        body.get_by_text(resolution, exact=True).click()
        expect(generate_button(page)).to_contain_text(f"about {price} credits")
    page.keyboard.press("Escape")
    expect(opener).to_contain_text("4K · PNG")
    write_prompt(page, "A ferry at night")
    opener.click()
    body.get_by_text("1K", exact=True).click()
    expect(generate_button(page)).to_contain_text("about 18 credits")
    press_generate(page)
    expect(pictures_of(page, "A ferry at night")).to_be_visible()
    expect(opener).to_contain_text("1K · PNG", timeout=10_000)
    expect(dock.get_by_role("button", name="16:9")).to_be_visible()
    page.reload()
    expect(dock.get_by_role("button", name="16:9")).to_be_visible()


# -- what can be done with a picture


def test_a_picture_is_made_as_asked_for_taken_home_and_used_again_and_what_cant_be_sent_leaves_the_form_as_it_is(
    server: Server, service: Sandbox, uploads: Sandbox, visit: Visit
) -> None:
    page, prompt, next_prompt = visit(server), "A wide river", "The same river at night"
    choose_files(page, ("mill.png", picture(colour=AZURE)))
    expect(reference(page, 1)).to_be_visible()
    choose(page, "21:9", "4K", "JPG")
    expect(generate_button(page)).to_contain_text("Generate · about 24 credits")
    make(page, prompt)
    asked = paid_request(service, prompt)
    assert len(asked.pop("image_input")) == 1
    assert asked == {"prompt": prompt, "aspect_ratio": "21:9", "resolution": "4K", "output_format": "jpg"}

    pictures_of(page, prompt).click()
    large = page.get_by_role("dialog").get_by_role("img", name=f"Picture made from: {prompt}")
    expect(large).to_be_visible()
    until(lambda: large.evaluate("image => image.naturalWidth") == 4096)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    name, file = saved(page, page.get_by_role("button", name="Download", exact=True))
    assert name.endswith(".jpg")
    assert Image.open(io.BytesIO(file)).format == "JPEG"
    assert Image.open(io.BytesIO(file)).size == (4096, 1755)

    page.get_by_role("button", name="Use as reference").click()
    expect(reference(page, 2)).to_be_visible()
    choose(page, "1K", "PNG", "Auto")
    ask(page, next_prompt)
    addresses = paid_request(service, next_prompt)["image_input"]
    [first] = tasks(service, prompt)
    made = requests.get(f"{service.url}/results/{first['taskId']}.jpeg", timeout=10).content
    assert [requests.get(address, timeout=10).content for address in addresses] == [picture(colour=AZURE), made]

    choose_of(page, prompt, "Reuse all")
    expect(page.get_by_label("Prompt")).to_have_value(prompt)
    expect(reference(page, 1)).to_be_visible()
    expect(reference(page, 2)).to_have_count(0)
    until(lambda: settings(page) == "21:9 · 4K · JPG")

    # Generate is pressed before the form shows what it is filled with: neither is sent, and no mixture of both.
    write_prompt(page, "A third river")
    choose(page, "2K", "16:9")
    expect(generate_button(page)).to_contain_text("Generate · about 18 credits")
    press_of(page, prompt).get_by_role("button", name="More").first.click()
    reuse = page.get_by_role("menuitem", name="Reuse all")
    generate = generate_button(page).element_handle()
    with server.asleep():  # so the form is not filled before the second press
        reuse.evaluate(
            "async (item, generate) => { item.click(); await new Promise((go) => setTimeout(go, 30)); generate.click() }",
            generate,
        )
    expect(told(page, FORM_CHANGED)).to_be_visible()
    expect(page.get_by_label("Prompt")).to_have_value(prompt)
    until(lambda: settings(page) == "21:9 · 4K · JPG")
    assert len(tasks(service, prompt)) == 1
    assert tasks(service, "A third river") == []
    page.get_by_role("button", name="Undo").click()
    field = page.get_by_label("Prompt")
    expect(field).to_have_value("A third river")
    until(lambda: settings(page) == "16:9 · 2K · PNG")

    # What can't be sent is told below the prompt, and the form stays until it can.
    choose(page, "JPG")
    before = sent(service, uploads)
    for prompt, words in UNSENDABLE.items():
        write_prompt(page, prompt)
        press_generate(page)
        expect(told(page, words)).to_be_visible()
        expect(field).to_have_value(prompt)
        expect(reference(page, 1)).to_be_visible()
        assert settings(page) == "16:9 · 2K · JPG"
        assert prompt == "" or rows(server, prompt) == []
    assert sent(service, uploads) == before
    assert len(LONGEST) == 10_000
    # What was wrong goes from above the button as soon as the field is left: by the press, during which a finger takes its time.
    field.fill(LONGEST)
    generate_button(page).click(delay=SLOW_CLICK_MS)
    assert paid_request(service, LONGEST)["prompt"] == LONGEST


def test_jobs_that_the_page_has_no_room_for_are_mentioned_below_the_others(server: Server, visit: Visit) -> None:
    page, prompt = visit(server), "One of many"
    make(page, prompt)
    rest = page.get_by_text("The rest of this session is in the history.")
    expect(rest).to_have_count(0)
    names = [column["name"] for column in sql(server, "PRAGMA table_info(jobs)")]
    for number in range(62):
        copied = {name: f"{name} || '-{number}'" for name in ("id", "submit_id")}
        copied |= {
            "created_at": f"created_at + {number} / 1000.0",
            "state": "'cancelled'",
            "task_id": "NULL",
            "file": "NULL",
        }
        values = ", ".join(copied.get(name, name) for name in names)
        sql(server, f"INSERT INTO jobs SELECT {values} FROM jobs WHERE prompt = ? AND state = 'done'", prompt)
    make(page, "The last of many")
    expect(rest).to_be_visible()


def test_a_job_that_waits_for_its_upload_can_be_cancelled_for_nothing(
    server: Server, service: Sandbox, uploads: Sandbox, visit: Visit
) -> None:
    page, prompt = empty_form(visit(server, stays=True)), "A boat that stays at home"
    choose_files(page, ("boat.png", picture(colour="navy")))
    expect(reference(page, 1)).to_be_visible()
    uploads.stop()
    try:
        # It takes the upload and never answers: one that is refused is given up after eight seconds.
        with socket.create_server(("127.0.0.1", urlsplit(uploads.url).port)):
            write_prompt(page, prompt)
            press_generate(page)
            page.get_by_role("button", name="Cancel").click()
            expect(page.get_by_text("Cancelled before it was sent. Not charged.")).to_be_visible()
    finally:
        uploads.start()
    make(page, "A boat that sails")
    assert paid_requests(service, prompt) == []
    assert [row["state"] for row in rows(server, prompt)] == ["cancelled"]


def test_what_is_clicked_in_the_same_moment_as_something_else_happens_does_what_it_says(
    server: Server, visit: Visit
) -> None:
    page = empty_form(visit(server, stays=True))
    choose_files(page, ("one.png", picture(colour="navy")), ("two.png", picture(colour="teal")))
    for left in (1, 0):
        expect(reference(page, left + 1)).to_be_visible()
        page.get_by_label("Prompt").fill(f"A prompt that is still being written, {left}")
        page.get_by_role("button", name="Remove").last.click()
        expect(reference(page, left + 1)).to_have_count(0)
    write_prompt(page, "And what is written last")
    expect(page.get_by_text("This app has encountered an error")).to_have_count(0)


# -- what can't be sent is told where it was given


def test_files_that_cant_be_references_are_told_by_name_and_one_of_them_stops_the_press(
    server: Server, service: Sandbox, uploads: Sandbox, visit: Visit
) -> None:
    refused = {
        "report.png": (b"%PDF-1.7\n" + b"x" * 4000, "not a picture"),
        "photo.jpg": (encoded(noise(), "JPEG")[:9000], "cut off or broken"),
        "bomb.png": (png((20_000, 20_000), 1, 0), "100 million pixels"),
        "icon.png": (picture("ICO"), "format is ICO"),
        "nothing.png": (b"", "is empty"),
    }
    page, before = empty_form(visit(server, stays=True)), sent(service, uploads)
    write_prompt(page, "A prompt that stays")
    choose_files(page, ("good.png", picture(colour="olive")), *((name, file) for name, (file, _) in refused.items()))
    for name, (_, words) in refused.items():
        alert = told(page, words)
        expect(alert).to_be_visible()
        expect(page.get_by_text(name).first).to_be_visible()
    expect(reference(page, 1)).to_be_visible()
    expect(page.get_by_label("Prompt")).to_have_value("A prompt that stays")
    press_generate(page)
    expect(told(page, "cut off or broken")).to_have_count(2)
    assert sent(service, uploads) == before
    assert rows(server, "A prompt that stays") == []


def test_a_file_of_31_mb_is_made_to_fit_the_same_one_twice_is_one_and_a_single_pixel_is_taken(
    server: Server, service: Sandbox, visit: Visit, tmp_path: Path
) -> None:
    page, prompt = empty_form(visit(server, stays=True)), "A huge reference and a tiny one"
    choose_files(page, noisy_png(tmp_path / "huge.png", 31 * 2**20))
    converted = page.get_by_text("Saved as JPEG: a reference may have 30 MB.", exact=True)
    expect(converted).to_be_visible(timeout=180_000)  # two seconds of a processor's time
    expect(reference(page, 1)).to_be_visible()
    dot = picture(size=(1, 1))
    choose_files(page, ("dot.png", dot), ("again.png", dot))
    expect(page.get_by_text("1 × 1 · 1 KB · very small")).to_be_visible()
    expect(told(page, "the same picture as number 2")).to_contain_text("again.png")
    ask(page, prompt)
    huge, tiny = [requests.get(address, timeout=10).content for address in paid_request(service, prompt)["image_input"]]
    assert len(huge) <= 30_000_000
    assert tiny == dot


# -- text from outside is shown letter by letter

LETTERS = (
    "=1+1 <script>alert(1)</script> **bold** _slanted_ $x^2$ and $$y$$",
    "# :material/home: :red[x] [a link](https://example.com) <b>&amp;</b> `code` ~~out~~",
    "🍌 فنارة عند الفجر",
)


def test_prompts_and_file_names_are_shown_letter_by_letter(server: Server, service: Sandbox, visit: Visit) -> None:
    page, name = empty_form(visit(server, stays=True)), "**x**:material-home: <b>$y$`.png"
    choose_files(page, (name, picture(colour="pink")), (f"not {name}", b"no picture"))
    expect(page.get_by_role("group", name=f"1 of 1: {name}")).to_contain_text(name)
    expect(told(page, "not a picture")).to_contain_text(f"not {name} —")
    page.get_by_role("button", name="Remove").click()
    for prompt in LETTERS:
        write_prompt(page, prompt)
        press_generate(page)
        expect(page.get_by_role("heading", name=prompt, exact=True)).to_be_visible()
    for prompt in LETTERS:
        expect(pictures_of(page, prompt)).to_be_visible()
        assert [body["input"]["prompt"] for body in paid_requests(service, prompt)] == [prompt]
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    for number, prompt in enumerate(reversed(LETTERS)):
        show_item(page, number)
        expect(beside(page).locator(".prompt")).to_have_text(prompt)


# -- for everybody


def test_an_empty_page_pictures_faults_a_job_at_work_a_table_and_a_question_keep_nobody_out(
    server: Server, visit: Visit
) -> None:
    page = visit(server)
    assert barriers(page) == []
    choose_files(page, ("good.png", picture(colour="olive")), ("bad.png", b"no picture"))
    expect(reference(page, 1)).to_be_visible()
    make(page, "A picture to look at")
    ask(page, "sandbox: slow, a picture still to come")
    expect(stage(page, "Generating")).to_be_visible()
    ask(page, "")
    expect(told(page, "blank prompt")).to_be_visible()
    assert barriers(page) == []
    add_rows(open_batch(page), "rows.csv", ("prompt\n" + "".join(f"row {number}\n" for number in range(12))).encode())
    expect(generate_button(page)).to_contain_text("Generate 12")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stPopoverBody")).to_be_hidden()
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    assert barriers(page) == []
    press_generate(page)
    expect(question_of(page)).to_be_visible()
    assert barriers(page) == []


def test_a_thumb_is_enough_to_make_one_picture_and_three_and_to_find_them_again(
    server: Server, service: Sandbox, visit: Visit, phone: BrowserContext
) -> None:
    page, prompt = visit(server, profile=phone), "A picture made on the way home"
    expect(page.get_by_label("Prompt")).to_be_in_viewport()
    choose_files(page, ("way.png", picture(colour=AZURE)))
    expect(reference(page, 1)).to_be_visible()
    choose(page, "21:9", "4K", "JPG")
    make(page, prompt)
    assert paid_request(service, prompt)["resolution"] == "4K"
    pictures_of(page, prompt).scroll_into_view_if_needed()
    expect(pictures_of(page, prompt)).to_be_in_viewport()
    box = pictures_of(page, prompt).bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
    assert (
        len(saved(page, page.get_by_role("button", name="Download", exact=True))[1])
        == rows(server, prompt)[0]["file_bytes"]
    )

    choose(page, "1K")
    prompt, before = "A tram, three times", service.balance
    write_prompt(page, prompt)
    ask_for_images(page, 3)
    expect(generate_button(page)).to_contain_text("Generate 3 · about 54 credits")
    page.wait_for_timeout(READ_MS)
    generate_button(page).tap()
    expect(pictures_of(page, prompt)).to_have_count(3)
    pictures_of(page, prompt).first.tap()
    large = page.get_by_role("dialog", name="Picture")
    expect(large).to_be_visible()
    page.keyboard.press("Escape")
    assert len(tasks(service, prompt)) == len(paid_requests(service, prompt)) == 3
    assert before - service.balance == 54
    assert len({row["task_id"] for row in rows(server, prompt)}) == 3
    assert len({shown.get_attribute("src") for shown in pictures_of(page, prompt).all()}) == 3
    go_to(page, "History")
    show_item(page, 0)
    expect(large.locator(".panel .prompt")).to_have_text(prompt)
    page.keyboard.press("Escape")
    go_to(page, "Account")
    expect(metric(page)).to_be_visible()


def go_to(page: Page, title: str) -> None:
    """Open the menu of a phone's page and go to another page."""
    go(page, title)
    expect(page.get_by_role("heading", name=title)).to_be_visible()
