"""References in a real browser: pasted, dropped and chosen, made right, put in order, taken out, and what reaches the service."""

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, expect

from kie.sandbox import Sandbox
from kie.sandbox.server import UPLOAD
from tests.support.barriers import barriers
from tests.support.browser import GONE, PHONE, Visit, go, settle, sql, stop, told
from tests.support.composer import READ_MS, ask, choose_files, empty_form, generate_button, reference, write_prompt
from tests.support.images import encoded, noise, picture, shows_quarters, turned
from tests.support.reference_strip import (
    COLOURS,
    Finger,
    carry,
    centre,
    choose,
    drag,
    drop,
    expect_order,
    flick,
    order,
    paste,
    received,
    row,
    tile,
    touching,
)
from tests.support.server import Server
from tests.support.waiting import until

pytestmark = pytest.mark.browser

BROKEN = encoded(noise(), "JPEG")[:9000]
THUMB_PX = 40


# -- in, by every way


def test_a_pasted_screenshot_and_a_dropped_file_go_in_the_order_in_which_they_are_put(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, prompt = empty_form(visit(server, stays=True)), "A screenshot behind a file"
    paste(page, {"image/png": picture(size=(300, 200), colour="purple")})
    expect(reference(page, 1)).to_be_visible()
    carry(page, "drop", "a sunset.png", COLOURS["gold"])
    expect(reference(page, 2)).to_be_visible()
    expect_order(page, "image.png", "a sunset.png")
    tile(page, 2).focus()
    page.keyboard.press("ArrowLeft")
    expect(tile(page, 1)).to_contain_text("a sunset.png")
    choose(page, "blue")
    drag(page, 3, to=1)
    expect_order(page, "blue", "a sunset.png", "image.png")
    ask(page, prompt)
    first, second, pasted = received(service, prompt)
    assert (first, second) == (COLOURS["blue"], COLOURS["gold"])
    with Image.open(io.BytesIO(pasted)) as screenshot:
        assert (screenshot.size, screenshot.convert("RGB").getpixel((5, 5))) == ((300, 200), (128, 0, 128))


def test_pasted_text_stays_text_even_with_a_picture_beside_it_and_a_pdf_and_a_link_are_refused(
    server: Server, visit: Visit
) -> None:
    page, link = empty_form(visit(server, stays=True)), "https://photos.example/albums/a-cat"
    address = page.url
    page.get_by_label("Prompt").focus()
    paste(page, {"text/plain": b"a copied sentence", "image/png": COLOURS["red"]})
    expect(page.get_by_label("Prompt")).to_have_value("a copied sentence")
    carry(page, "paste", "minutes.pdf", b"%PDF-1.7 minutes", kind="application/pdf")
    expect(told(page, "This is not a picture")).to_contain_text("minutes.pdf")
    drop(page, link=link)
    expect(told(page, "It is a link, not a picture: open it, save the picture")).to_contain_text("a-cat")
    drop(page, link=f"{link}-2", to=page.get_by_test_id("stMain"))
    expect(told(page, "It is a link, not a picture")).to_contain_text("a-cat-2")
    expect(page.get_by_text("Drop to add as references")).to_be_hidden()
    expect(reference(page, 1)).to_have_count(0)
    paste(page, {"image/png": COLOURS["green"]})
    expect(reference(page, 1)).to_be_visible()
    expect(page.get_by_label("Prompt")).to_have_value("a copied sentence")
    assert len(order(page)) == 1
    write_prompt(page, "")
    drop(page, link=link, to=page.get_by_label("Prompt"))  # the one field that takes it as text
    expect(page.get_by_label("Prompt")).to_have_value(link)
    carry(page, "drop", "a picture of another page.png", COLOURS["gold"])
    expect(reference(page, 2)).to_be_visible()
    assert page.url == address


def test_files_may_be_dropped_anywhere_but_not_too_large_ones_and_not_the_page_s_own_pictures(
    server: Server, visit: Visit
) -> None:
    page, asked = empty_form(visit(server, stays=True)), []
    carry(page, "dragover")
    expect(page.get_by_text("Drop to add as references")).to_be_in_viewport(ratio=1)
    carry(page, "dragleave")
    expect(page.get_by_text("Drop to add as references")).to_be_hidden()

    page.on("request", lambda request: asked.append(request.url))
    carry(page, "drop", "endless.tiff", size=200 * 2**20 + 1)
    expect(told(page, "up to 200 MB are converted to fit")).to_contain_text("endless.tiff")
    assert not any(url.endswith("/references") for url in asked)

    page.evaluate("document.body.dispatchEvent(new DragEvent('dragstart', { bubbles: true }))")
    choose_files(page, ("another.png", COLOURS["gold"]))  # the list is drawn anew while the picture is held
    expect(reference(page, 1)).to_be_visible()
    carry(page, "dragover")
    carry(page, "drop", "own.png", COLOURS["red"])
    page.evaluate("document.body.dispatchEvent(new DragEvent('dragend', { bubbles: true }))")
    carry(page, "drop", "other.png", COLOURS["blue"])
    expect(reference(page, 2)).to_be_visible()
    expect_order(page, "another.png", "other.png")


def test_of_a_drop_the_pictures_that_fit_are_taken_and_all_else_is_named_with_its_reason(
    server: Server, service: Sandbox, visit: Visit, tmp_path: Path
) -> None:
    page, prompt, pictures = empty_form(visit(server, stays=True)), "Eight pictures at once", []
    for name in ("holiday", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "holiday" / "inside.png").write_bytes(COLOURS["red"])
    for number in range(12):
        pictures.append(tmp_path / f"{number}.png")
        pictures[-1].write_bytes(picture(size=(20 + number, 20)))

    drop(page, tmp_path / "holiday", pictures[0], tmp_path / "empty")
    expect(told(page, "It is a folder: open it, and drop the pictures in it.")).to_contain_text("holiday, empty")
    expect(reference(page, 1)).to_be_visible()
    expect_order(page, "0.png")

    asked = []
    page.on("request", lambda request: asked.append(request.url))
    drop(page, *pictures[1:], tmp_path / "holiday")
    expect(told(page, "At most 8 references fit")).to_contain_text("8.png, 9.png, 10.png, 11.png")
    expect(told(page, "It is a folder")).to_contain_text("holiday")
    expect(reference(page, 8)).to_be_visible()
    expect_order(page, *(path.name for path in pictures[:8]))
    assert sum(url.endswith("/references") for url in asked) == 7  # What does not fit is not uploaded.
    page.get_by_role("button", name="Remove reference 8").click()
    choose(page, "gold")
    assert order(page)[-1] == "gold"
    ask(page, prompt)
    assert received(service, prompt) == [*(path.read_bytes() for path in pictures[:7]), COLOURS["gold"]]


def test_a_file_chosen_in_a_field_that_the_page_has_replaced_is_taken(server: Server, visit: Visit) -> None:
    page = empty_form(visit(server, stays=True))
    replaced = page.locator("input[type=file]").element_handle()
    go(page, "History")
    until(lambda: not replaced.evaluate("field => field.isConnected"))
    replaced.evaluate(
        """(field, data) => {
          const chosen = new DataTransfer()
          const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0))
          chosen.items.add(new File([bytes], "late.png", { type: "image/png" }))
          field.files = chosen.files
          field.dispatchEvent(new Event("change", { bubbles: true }))
        }""",
        base64.b64encode(COLOURS["red"]).decode(),
    )
    go(page, "Generate")
    expect(reference(page, 1)).to_be_visible()


def test_an_upload_can_be_stopped_and_a_drag_broken_off_or_let_go_outside(server: Server, visit: Visit) -> None:
    page, held = empty_form(visit(server, stays=True)), []
    page.route("**/references", lambda route: held.append(route))
    choose_files(page, ("slow.png", COLOURS["gold"]), ("next.png", COLOURS["blue"]))
    until(lambda: page.get_by_text("Adding slow.png, 1 more to come").count() and held)
    # Streamlit has another one, at the top, while a run takes long.
    end = page.get_by_test_id("stBottom").get_by_role("button", name="Stop")
    end.click()
    expect(end).to_be_hidden()
    page.unroute("**/references")
    choose(page, "red", "green", "blue")
    expect_order(page, "red", "green", "blue")

    page.mouse.move(*centre(reference(page, 1)))
    page.mouse.down()
    page.mouse.move(*centre(reference(page, 3)), steps=6)
    expect(page.locator(".is-held")).to_have_count(1)
    expect_order(page, "green", "blue", "red")
    page.keyboard.press("Escape")
    page.mouse.up()
    expect_order(page, "red", "green", "blue")

    reference(page, 1).hover()
    page.mouse.down()
    page.mouse.move(5, 5)
    page.mouse.up()
    page.mouse.move(*centre(reference(page, 2)))
    page.mouse.move(*centre(reference(page, 3)), steps=4)
    expect(page.locator(".is-held")).to_have_count(0)
    page.mouse.click(5, 5)
    expect_order(page, "red", "green", "blue")
    page.get_by_role("button", name="Remove reference 2").click()
    settle(page)
    expect_order(page, "red", "blue")


# -- made right


def test_a_heic_and_a_turned_jpeg_are_made_right_keep_nobody_out_and_are_uploaded_once_for_two_people(
    server: Server, service: Sandbox, uploads: Sandbox, visit: Visit
) -> None:
    page, prompt = empty_form(visit(server, stays=True)), "Two photos of a phone"
    choose_files(page, ("IMG_1.heic", turned("HEIF", 6)), ("IMG_2.jpg", turned("JPEG", 8)))
    expect(reference(page, 2)).to_be_visible()
    changed = "Turned upright and saved as JPEG: the service does not take HEIC."
    expect(tile(page, 1)).to_have_accessible_name(re.compile(f"^1 of 2: IMG_1.heic. 160 × 96 · 1 KB. {changed}"))
    for sentence in (
        "Turned upright and saved as JPEG: the service does not take HEIC.",
        "Turned upright: the service may not see how the camera was held.",
    ):
        expect(page.locator(".remarks").get_by_text(sentence)).to_be_visible()
    choose_files(page, ("good.png", COLOURS["red"]), ("cut.jpg", BROKEN))
    expect(told(page, "Remove it: it can't be sent.")).to_be_visible()
    tile(page, 1).focus()
    assert barriers(page) == []
    for number in (4, 3):
        page.get_by_role("button", name=f"Remove reference {number}").click()
    expect_order(page, "IMG_1.heic", "IMG_2.jpg")
    ask(page, prompt)
    for content in received(service, prompt):
        with Image.open(io.BytesIO(content)) as made:
            assert (made.format, made.size, shows_quarters(made)) == ("JPEG", (160, 96), True)
    assert row(server, "IMG_1.heic")["changed"].startswith("Turned upright and saved as JPEG")

    other, again = visit(server), "One photo of somebody else"
    choose_files(other, ("holiday.heic", turned("HEIF", 6)), ("copy.heic", turned("HEIF", 6)))
    expect(told(other, "the same picture as number 1")).to_contain_text("copy.heic")
    expect(tile(other, 1)).to_contain_text("holiday.heic")
    ask(other, again)
    assert len(received(service, again)) == 1
    names = [seen.body["fileName"] for seen in uploads.seen if seen.path == UPLOAD]
    assert names.count(f"{row(server, 'IMG_1.heic')['id']}.jpg") == 1  # the team's cache


# -- in order


def test_buttons_and_keys_move_and_remove_and_what_the_strip_shows_is_what_is_sent(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, prompt = empty_form(visit(server, stays=True)), "Moved in every way"
    choose(page, "red", "green", "blue")
    expect(page.get_by_text("3 of 8")).to_be_visible()
    expect(page.get_by_role("button", name="Move reference 1 left")).to_be_hidden()
    expect(page.get_by_role("button", name="Move reference 3 right")).to_be_hidden()
    page.get_by_role("button", name="Move reference 1 right").click()
    expect(page.get_by_role("button", name="Move reference 2 right")).to_be_focused()
    page.keyboard.press("Enter")
    expect(tile(page, 3)).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="red is now reference 3 of 3")).to_be_attached()
    expect_order(page, "green", "blue", "red")

    page.get_by_role("button", name="Remove reference 2").click()
    expect(tile(page, 2)).to_be_focused()
    expect_order(page, "green", "red")
    page.keyboard.press("Delete")
    expect(tile(page, 1)).to_be_focused()
    expect(page.get_by_text("1 of 8", exact=True)).to_be_visible()
    page.keyboard.press("Backspace")
    expect(page.get_by_label("Reference images")).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="green was removed, 0 of 8 left")).to_be_attached()

    choose(page, "red", "green", "blue", "gold")
    tile(page, 1).focus()
    for key in ("ArrowRight", "ArrowRight", "End", "Home", "ArrowRight", "ArrowDown", "ArrowUp"):
        page.keyboard.press(key)  # in quick succession, and all count
    expect_order(page, "green", "red", "blue", "gold")
    page.get_by_role("button", name="Remove reference 3").click()
    tile(page, 3).focus()
    page.keyboard.press("Home")
    expect_order(page, "gold", "green", "red")

    write_prompt(page, prompt)
    settle(page)
    # Moved and sent all in one go, as no hand could.
    moved = page.get_by_role("button", name="Move reference 1 right")
    moved.evaluate(
        "(button, generate) => { button.click(); button.click(); generate.click() }",
        generate_button(page).element_handle(),
    )
    assert received(service, prompt) == [COLOURS[name] for name in ("green", "red", "gold")]
    expect_order(page, "green", "red", "gold")


def test_nothing_that_comes_in_while_the_strip_is_changed_is_lost(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, prompt, held = empty_form(visit(server, stays=True)), "Moved while another comes", []
    choose(page, "red", "green", "blue")
    page.route("**/references", lambda route: held.append(route))
    choose_files(page, ("gold", COLOURS["gold"]), ("red again", COLOURS["red"]))

    def let_go() -> None:
        until(lambda: page.get_by_text("Adding").count() and held)
        held.pop().continue_()

    page.get_by_role("button", name="Move reference 3 left").click()
    let_go()
    page.get_by_role("button", name="Remove reference 1").click()
    page.get_by_role("button", name="Move reference 1 right").click()
    let_go()
    page.get_by_role("button", name="Move reference 1 right").click()
    expect(reference(page, 4)).to_be_visible()
    settle(page)
    shown = order(page)
    assert sorted(shown) == ["blue", "gold", "green", "red again"]
    ask(page, prompt)
    assert received(service, prompt) == [COLOURS[name.removesuffix(" again")] for name in shown]


# -- what is not as it should be


def test_a_reference_whose_file_is_gone_is_told_and_one_that_is_not_looked_at_yet_comes_by_itself(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, prompt, content = empty_form(visit(server, stays=True)), "A picture that came back", picture(colour="orchid")
    choose_files(page, ("orchid", content), ("gold", COLOURS["gold"]))
    for number in (1, 2):
        expect(reference(page, number)).to_be_visible()
    (server.data_dir / row(server, "orchid")["file"]).unlink()
    page.get_by_role("button", name="Move reference 2 left").click()
    expect(told(page, "It is no longer on this server")).to_be_visible()
    expect(tile(page, 2)).to_contain_text("orchid")
    page.get_by_role("button", name="Remove reference 2").click()
    expect(told(page, "It is no longer on this server")).to_have_count(0)
    choose_files(page, ("orchid", content))
    expect(reference(page, 2)).to_be_visible()

    sql(server, """UPDATE "references" SET checked_at = NULL WHERE name = 'orchid'""")
    page.get_by_role("button", name="Move reference 2 left").click()
    expect(page.locator("li.is-waiting")).to_contain_text("orchid")
    expect(reference(page, 1)).to_have_count(0)
    sql(server, """UPDATE "references" SET checked_at = 1 WHERE name = 'orchid'""")
    expect(reference(page, 1)).to_be_visible()  # nobody told the page of it
    ask(page, prompt)
    assert received(service, prompt) == [content, COLOURS["gold"]]


# -- kept


def test_a_reload_and_a_restart_of_the_server_bring_back_what_was_there_and_nothing_else(
    server: Server, visit: Visit
) -> None:
    page, names = visit(server, errors_pass=GONE), ("coral", "plum", "khaki", "indigo")
    # Of no other test: the studio names a picture as it came first.
    *files, last = [(name, picture(colour=name)) for name in names]
    choose_files(page, *files)
    expect(reference(page, 3)).to_be_visible()
    page.get_by_role("button", name="Remove reference 2").click()
    expect(tile(page, 3)).to_have_count(0)
    drag(page, 2, to=1)
    expect_order(page, "khaki", "coral")
    page.reload()  # At once: the server need not have heard of it.
    expect(reference(page, 2)).to_be_visible()
    expect_order(page, "khaki", "coral")
    tile(page, 1).focus()
    page.keyboard.press("End")
    settle(page)
    stop(page, server)
    server.start()
    # Both may happen before the page has its line again.
    choose_files(page, last)
    write_prompt(page, "a sign of life")
    expect(reference(page, 3)).to_be_visible()
    expect_order(page, "coral", "khaki", "indigo")
    expect(page.get_by_label("Prompt")).to_have_value("a sign of life")


# -- on a phone


def test_a_thumb_is_enough_on_a_phone_and_neither_scrolling_nor_a_second_finger_moves_a_reference(
    server: Server, service: Sandbox, visit: Visit, phone: BrowserContext
) -> None:
    page, prompt = visit(server, profile=phone), "Put in order on the way home"
    choose(page, "red", "green", "blue", "gold")
    tile(page, 4).scroll_into_view_if_needed()
    for button in page.locator(".strip button").all():
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= THUMB_PX
    boxes = [tile(page, number).bounding_box() for number in range(1, 5)]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"] for box in boxes)
    x, y = centre(reference(page, 2))
    with touching(page, reference(page, 2)) as finger:
        finger.move(x, y - 150)
    expect_order(page, "red", "green", "blue", "gold")
    tile(page, 4).scroll_into_view_if_needed()
    with touching(page, reference(page, 1)) as finger:
        expect(page.locator(".is-held")).to_contain_text("red")
        finger.join(*centre(reference(page, 2)))
        page.wait_for_timeout(READ_MS)
        expect(page.locator(".is-held")).to_contain_text("red")
    expect(page.locator(".is-held")).to_have_count(0)
    expect_order(page, "red", "green", "blue", "gold")
    with touching(page, reference(page, 1)) as finger:
        expect(page.locator(".is-held")).to_have_count(1)
        finger.move(*centre(reference(page, 3)))
    expect_order(page, "green", "blue", "red", "gold")
    page.get_by_role("img", name="Reference 2", exact=True).tap()
    page.get_by_role("button", name="Move reference 2 left").tap()
    page.get_by_role("button", name="Remove reference 4").tap()
    expect_order(page, "blue", "green", "red")
    ask(page, prompt)
    assert received(service, prompt) == [COLOURS[name] for name in ("blue", "green", "red")]


def test_a_finger_that_stops_a_scrolling_page_moves_a_reference_and_never_leaves_the_page(
    server: Server, visit: Visit, phone: BrowserContext
) -> None:
    page = visit(server, profile=phone)
    choose(page, *COLOURS)
    reference(page, 6).scroll_into_view_if_needed()
    x, y = centre(reference(page, 1))
    flick(page, x, y, up=50)
    # The browser has this finger for itself, and would take it sideways for a swipe back.
    finger = Finger(page.context.new_cdp_session(page), x, y - 50)
    page.wait_for_timeout(READ_MS)
    finger.move(x + 220, y - 50)
    finger.lift()
    assert sorted(until(lambda: order(page))) == sorted(COLOURS)
    reference(page, 6).scroll_into_view_if_needed()
    first, second, third, *others = order(page)
    with touching(page, reference(page, 1)) as finger:
        expect(page.locator(".is-held")).to_have_count(1)
        finger.move(*centre(reference(page, 3)))
    expect_order(page, second, third, first, *others)
