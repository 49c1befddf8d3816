"""The composer in a real browser: tables and choices, money before the press, and a form that nothing makes forget."""

import contextlib
import re
import time

import pytest
from playwright.sync_api import Page, TimeoutError, WebSocketRoute, expect

from kie.sandbox import Sandbox
from kie.sandbox.server import CREATE
from tests.support.browser import (
    WAIT_MS,
    Start,
    Visit,
    at,
    cells,
    go,
    paid_requests,
    pictures_of,
    rows,
    settle,
    sql,
    told,
)
from tests.support.composer import (
    add_rows,
    agree,
    ask,
    choose,
    choose_files,
    generate_button,
    make,
    open_batch,
    press_generate,
    prompt_field,
    question_of,
    reference,
    settings,
    write_prompt,
)
from tests.support.images import picture
from tests.support.server import Server
from tests.support.spreadsheets import book_of, workbook
from tests.support.spreadsheets import saved as workbook_saved
from tests.support.waiting import until

pytestmark = pytest.mark.browser

ROW_PX, HEAD_PX = 35, 35
# Where a cell of the column Prompt stands in the table.
PROMPT_X = 400
STREAM = re.compile("_stcore/stream")
# Types into each text field of a component at the moment when it is inserted into the page, and keeps what it held then.
TYPE_EARLY = """() => {
    window.early = {}
    const attach = Element.prototype.attachShadow
    Element.prototype.attachShadow = function (...how) {
        const root = attach.apply(this, how)
        new MutationObserver(() => {
            const field = root.querySelector("textarea, input[type=search]")
            if (!field || field.getAttribute("aria-label") in early || field.id in early) return
            field.focus()
            document.execCommand("insertText", false, "early")
            early[field.getAttribute("aria-label") ?? field.id] = field.value
        }).observe(root, { childList: true, subtree: true })
        return root
    }
}"""


def fill_table(page: Page, text: str, count: str) -> None:
    """Switch the table on and put a CSV file into it; `count` is how many pictures the button then offers."""
    place = open_batch(page)
    add_rows(place, "requests.csv", text.encode())
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    expect(generate_button(page)).to_contain_text(count)
    page.keyboard.press("Escape")
    expect(place).to_be_hidden()


def write_cell(page: Page, row: int, text: str) -> None:
    """Write into a row's prompt, in the table itself."""
    table, editor = page.get_by_test_id("stDataFrame").locator("canvas").first, page.locator("#portal textarea")
    settle(page)

    def opened() -> bool:
        # A click on a cell that is selected opens it, and Enter would close it again.
        table.click(position={"x": PROMPT_X, "y": HEAD_PX + ROW_PX * (row - 1) + ROW_PX // 2}, force=True)
        page.wait_for_timeout(500)
        if not editor.is_visible():
            page.keyboard.press("Enter")
        with contextlib.suppress(TimeoutError):
            editor.wait_for(timeout=2000)
        return editor.is_visible()

    def written() -> bool:
        until(opened)
        with contextlib.suppress(TimeoutError, AssertionError):
            editor.fill(text, timeout=2000)
            page.keyboard.press("Enter")
            expect(editor).to_have_count(0, timeout=2000)
        page.wait_for_timeout(500)
        return text in cells(page)

    until(written)  # the table is drawn anew when its rows come, which ends what was begun


# -- a table


def test_a_table_is_mended_confirmed_paused_and_finished_with_one_total(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, before = visit(server), service.balance
    lines = [f'"Banner {number}, blue",1K' for number in range(1, 44)]
    lines[1] = ",1K"
    fill_table(page, "prompt,resolution\n" + "\n".join(lines), "fix the table first")
    expect(told(page, "1 row has an error.")).to_contain_text("Row 2: Write what the picture")
    expect(generate_button(page)).to_be_disabled()
    write_cell(page, 2, "Banner 2, blue")
    expect(generate_button(page)).to_contain_text("Generate 43 · about 774 credits")
    press_generate(page)
    expect(question_of(page)).to_contain_text("This makes 43 pictures and costs about 774 credits.")
    assert banners(service) == []
    agree(page)
    until(lambda: len(banners(service)) >= 10)  # 18 of them go within 10 seconds
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text(re.compile("of 43 done.*paused"))).to_be_visible()
    sent = settled(server, service)
    assert 10 <= len(sent) < 43
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("43 pictures").first).to_be_visible()
    until(lambda: [task["state"] for task in made(service)] == ["success"] * 43, seconds=600)
    expect(page.get_by_text(re.compile("^774 credits · "))).to_be_visible()
    # All 43 are downloaded and decoded by then.
    expect(page.get_by_role("progressbar")).to_have_count(0, timeout=5 * WAIT_MS)
    assert sorted(banners(service)) == sorted(f"Banner {number}, blue" for number in range(1, 44))
    assert before - service.balance == 774
    history = sql(server, "SELECT row, state, credits FROM jobs WHERE prompt LIKE 'Banner %' ORDER BY row")
    assert history == [{"row": number, "state": "done", "credits": 18.0} for number in range(1, 44)]


def test_letters_that_are_not_sure_are_asked_about_and_a_guess_can_be_changed(server: Server, visit: Visit) -> None:
    page = visit(server)
    place, letters = open_batch(page), page.get_by_role("combobox", name="Encoding of")
    add_rows(place, "short.csv", "prompt\n고양이\n".encode("cp949"))
    expect(told(page, "The encoding of this file may be")).to_contain_text("Korean (EUC-KR), “고양이”, or")
    expect(generate_button(page)).to_be_disabled()
    page.keyboard.press("Escape")
    letters.click()
    page.get_by_role("option", name="Korean (EUC-KR)").click()
    expect(generate_button(page)).to_contain_text("Generate · about 18 credits")
    until(lambda: "고양이" in cells(page))
    page.get_by_role("button", name="Add rows").click()
    text = "prompt\nКот в красной шляпе сидит у окна\nМаяк на закате\n"
    add_rows(place, "long.csv", text.encode("cp1251"))
    expect(generate_button(page)).to_contain_text("Generate 3")
    page.keyboard.press("Escape")
    expect(page.get_by_text("so it was read as Cyrillic (Windows-1251)")).to_be_visible()
    letters.click()
    page.get_by_role("option", name="Cyrillic (KOI8)").click()
    misread = text.encode("cp1251").decode("koi8_u").splitlines()[2]
    until(lambda: {misread, "고양이"} <= {*(shown := cells(page))} and "Маяк на закате" not in shown)
    expect(generate_button(page)).to_contain_text("Generate 3")
    page.get_by_role("button", name="Put the table back").click()
    until(lambda: "Маяк на закате" in cells(page))


def test_what_a_workbook_switches_off_and_merges_is_said_and_only_what_is_seen_there_is_paid(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page = visit(server)
    write_prompt(page, "The form's harbour")
    place = open_batch(page)
    add_rows(place, "rows.xlsx", workbook(["prompt", "shop"], ["a cat"], ["=1+1"], ["a dog"]))
    expect(generate_button(page)).to_contain_text("Generate 2")
    expect(page.get_by_text("Row 2 is switched off: The cell's formula has no stored result")).to_be_visible()
    ours = f"prompt,task_id,asked_at,images,references\n'-50% sale,,,3,{'ef' * 32}\n"
    add_rows(place, "requests.csv", ours.encode())
    expect(generate_button(page)).to_contain_text("Generate 3")
    expect(page.get_by_text("References that are no longer here: 1. Rows with them can't be sent.")).to_be_visible()
    page.keyboard.press("Escape")
    press_generate(page)
    expect(page.get_by_text("Remove the picture that is no longer here, or add it again.")).to_be_visible()

    ratios = ["1:1", "16:9", "9:16", "4:3"]
    hidden = [[f"A hidden harbour {number}", ""] for number in range(7)]
    book = book_of(["prompt", "aspect ratio"], *(["A merged harbour", ratio] for ratio in ratios), *hidden)
    book.active.merge_cells("A2:A5")
    for number in range(6, 13):
        book.active.row_dimensions[number].hidden = True
    page.get_by_role("button", name="Empty the table").click()
    expect(page.get_by_test_id("stDataFrame")).to_have_count(0)
    page.get_by_role("button", name="Add rows").click()
    add_rows(place, "harbours.xlsx", workbook_saved(book))
    expect(generate_button(page)).to_contain_text("Generate 4 · about 72 credits")
    page.keyboard.press("Escape")
    expect(page.get_by_text("7 rows are hidden in the sheet, so they are switched off here.")).to_be_visible()
    expect(page.get_by_text("Merged cells count for each row that they cover: “Prompt”.")).to_be_visible()
    press_generate(page)
    asked = until(lambda: len(paid := paid_requests(service, "A merged harbour")) == 4 and paid)
    assert sorted(each["input"]["aspect_ratio"] for each in asked) == sorted(ratios)
    assert paid_requests(service, "The form's harbour") == paid_requests(service, "A hidden harbour 0") == []


def banners(service: Sandbox) -> list[str]:
    return [task["input"]["prompt"] for task in made(service)]


def made(service: Sandbox) -> list[dict]:
    return [task for task in service.tasks() if task["input"]["prompt"].startswith("Banner ")]


def settled(server: Server, service: Sandbox) -> list[str]:
    """Return the paid requests of a paused press: none comes for as long as the account's limit would let the next ones go."""
    until(lambda: under_way(server) == 0)  # what had left when the pause came
    seen = banners(service)
    with pytest.raises(AssertionError):
        until(lambda: len(banners(service)) > len(seen), seconds=12)
    return seen


def under_way(server: Server) -> int:
    return len(sql(server, "SELECT id FROM jobs WHERE prompt LIKE 'Banner %' AND state IN ('uploading', 'sending')"))


def test_columns_and_choices_are_listed_as_they_will_be_sent_and_a_day_later_the_same_request_asks_first(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page = visit(server)
    write_prompt(page, "A {small|large} {{animal}} in a field")
    fill_table(page, "animal\nhare\n{stag}\n", "Generate 4")
    page.get_by_text("What will be sent: 4 pictures").click()
    listed = "A small hare in a field"
    until(lambda: listed in " ".join(page.get_by_test_id("stDataFrame").last.locator("canvas td").all_text_contents()))
    settle(page)
    page.wait_for_timeout(500)  # the list moves the button down while it is drawn
    press_generate(page)
    wanted = [f"A {size} {animal} in a field" for animal in ("hare", "{stag}") for size in ("small", "large")]
    for prompt in wanted:
        expect(pictures_of(page, prompt)).to_be_visible()
        assert len(paid_requests(service, prompt)) == 1

    prompt = wanted[0]
    day_before = "created_at = created_at - 86400, ended_at = ended_at - 86400"
    sql(server, f"UPDATE jobs SET {day_before} WHERE prompt = ?", prompt)
    other = visit(server)
    ask(other, prompt)
    expect(question_of(other)).to_contain_text("The same request was made before.")
    expect(question_of(other)).to_contain_text("yesterday")
    expect(pictures_of(other, prompt)).to_be_visible()
    assert len(paid_requests(service, prompt)) == 1
    question_of(other).get_by_role("button", name="Show what is there").click()
    expect(question_of(other)).to_have_count(0)
    expect(pictures_of(other, prompt)).to_be_visible()
    assert (len(paid_requests(service, prompt)), len(rows(server, prompt))) == (1, 1)


def test_too_much_and_what_does_not_arrive_is_said_beside_its_field_and_what_a_file_says_is_shown_as_text(
    server: Server, visit: Visit
) -> None:
    page = visit(server, errors_pass=["net::ERR_FAILED"])
    with server.asleep():  # or the button would know that it can't
        ask(page, "{a|b|c}" * 12)
    expect(told(page, "531,441 prompts")).to_be_visible()
    expect(prompt_field(page)).to_have_value("{a|b|c}" * 12)
    write_prompt(page, "")
    box, row = open_batch(page), b"prompt\nA row that arrives\n"
    assert box.locator("input[type=file]").evaluate("field => field !== document.querySelector('input[type=file]')")
    add_rows(box, "rows.csv", b"x" * 5_000_001)
    expect(box.get_by_text("rows.csv is larger than 5 MB")).to_be_visible()
    add_rows(box, "rows.pdf", row)
    expect(box.get_by_text("rows.pdf is none of CSV, TSV, TXT, XLSX")).to_be_visible()
    page.route("**/files", lambda route: route.abort())
    add_rows(box, "rows.csv", row)
    expect(box.get_by_text("rows.csv — It did not reach the server: add it again.")).to_be_visible()
    page.unroute_all()
    add_rows(box, "rows.csv", row)
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    expect(generate_button(page)).to_contain_text("Generate ·")
    add_rows(box, "rows.csv", b"prompt\n" + b"again\n" * 10_000)
    expect(told(page, "10,000 rows")).to_be_visible()
    expect(generate_button(page)).to_contain_text("Generate ·")
    strange = "**b** [x](http://e.com) $a$ `c`"
    add_rows(box, "strange.csv", f"prompt,{strange},images\nA kite,3,*many*\n".encode())
    expect(generate_button(page)).to_contain_text("fix the table first")
    shown = strange.replace("://", ":\u2060//")
    expect(page.get_by_text(f"Not used by any prompt: “{shown}”.")).to_be_visible()
    expect(page.get_by_role("alert").get_by_text("“*many*” is not a number from 1 to 8.")).to_be_visible()


# -- the last credits


def test_two_who_press_at_once_for_the_last_credits_make_one_picture_and_one_is_told(
    poor_service: Sandbox, start: Start, visit: Visit
) -> None:
    server = start(**at(poor_service))
    pages = [visit(server), visit(server)]
    for number, page in enumerate(pages):
        expect(page.get_by_text("20 available")).to_be_visible()
        page.bring_to_front()
        write_prompt(page, f"The last picture, {number}")
        settle(page)
    for page in pages:
        generate_button(page).evaluate("button => { setTimeout(() => button.click(), 400) }")
    refused = [
        told(page, "Too few credits are available for this, so nothing was sent").or_(
            page.get_by_role("button", name="Generate · not enough credits")
        )
        for page in pages
    ]
    until(lambda: sum(page.get_by_role("img", name=re.compile("Picture made from")).count() for page in pages) == 1)
    until(lambda: any(refusal.count() for refusal in refused))
    for page in pages:
        expect(page.get_by_role("button", name="Generate · not enough credits")).to_be_visible()
    assert sum(seen.path == CREATE for seen in poor_service.seen) == len(poor_service.tasks()) == 1
    assert poor_service.balance == 2


# -- nothing typed is lost


def test_reloads_and_a_look_at_another_page_bring_back_the_table_and_what_was_typed_in_each_of_two_tabs(
    server: Server, visit: Visit
) -> None:
    page, tab = visit(server, name="Two tabs"), visit(server, name="Two tabs")
    write_prompt(tab, "a thought in the other tab")
    settle(tab)
    page.bring_to_front()
    choose_files(page, ("one.png", picture(colour="navy")))
    expect(reference(page, 1)).to_be_visible()
    choose(page, "16:9")
    prompt_field(page).press_sequentially("half a thought, not even l")
    page.reload()
    settle(page)
    expect(prompt_field(page)).to_have_value("half a thought, not even l")
    until(lambda: settings(page).startswith("16:9"))
    expect(reference(page, 1)).to_be_visible()
    tab.bring_to_front()
    tab.reload()
    settle(tab)
    expect(prompt_field(tab)).to_have_value("a thought in the other tab")

    page.bring_to_front()
    write_prompt(page, "")
    fill_table(page, "prompt\nA lasting row\nAnother lasting row\n", "Generate 2")
    write_cell(page, 2, "A mended row")
    until(lambda: "A mended row" in drafts(server))
    settle(page)
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    page.get_by_role("link", name="Generate").click()
    expect(generate_button(page)).to_contain_text("Generate 2")
    page.reload()
    settle(page)
    expect(generate_button(page)).to_contain_text("Generate 2")
    page.get_by_text("What will be sent: 2 pictures").click()
    until(lambda: "A mended row" in page.get_by_test_id("stDataFrame").last.locator("canvas td").all_text_contents())


def test_what_is_chosen_stands_however_quickly_the_dock_is_used_and_however_slowly_a_reload_comes(
    server: Server, visit: Visit
) -> None:
    lines, held = [], []

    def hold(socket: WebSocketRoute) -> None:
        lines.append((socket, socket.connect_to_server()))
        lines[-1][1].on_message(held.append)

    # Closed, because a page in use again would still have these routes.
    with contextlib.closing(visit(server)) as page:
        choose(page, "16:9", "4K")
        write_prompt(page, "A lasting thought")
        page.get_by_text("Batch", exact=True).click()
        expect(page.get_by_role("button", name="Add rows")).to_be_visible()
        # Each of these runs the dock, and then the page: most of them while the run before is on its way to the browser.
        for number in range(30):
            page.get_by_role("radio", name=str(1 + number % 2), exact=True).click()
        settle(page)
        expect(page.get_by_role("button", name="Add rows")).to_be_visible()
        assert settings(page) == "16:9 · 4K · PNG"
        expect_lasting_form(page)
        # Each message of the server comes a moment after the one before, and then all of a page come at once.
        page.route_web_socket(STREAM, slow_down)
        for _ in range(2):
            page.reload()
            settle(page)
            expect_lasting_form(page)
        page.route_web_socket(STREAM, hold)
        for _ in range(3):
            page.reload()
            count = 0
            while not held or count != len(held):
                count = len(held)
                page.wait_for_timeout(500)
            socket, server_side = lines.pop()
            for message in held:
                socket.send(message)
            server_side.on_message(socket.send)
            held.clear()
            expect_lasting_form(page)


def expect_lasting_form(page: Page) -> None:
    """Wait until every field of that page is as it was."""
    expect(page.get_by_role("switch", name="Batch")).to_be_checked()
    expect(prompt_field(page)).to_have_value("A lasting thought")
    until(lambda: settings(page) == "16:9 · 4K · PNG")


def slow_down(socket: WebSocketRoute) -> None:
    """Pass each message of the server on a moment after the one before, as a slow line does."""

    def pass_on(message: str | bytes) -> None:
        time.sleep(0.01)
        socket.send(message)

    socket.connect_to_server().on_message(pass_on)


def drafts(server: Server) -> str:
    """Return all tables that are kept but not sent."""
    return "".join(row["content"] for row in sql(server, "SELECT content FROM drafts"))


# -- by keyboard


def test_tab_reaches_every_field_in_the_order_of_the_page_and_only_in_the_prompt_the_keyboard_pays(
    server: Server, service: Sandbox, visit: Visit
) -> None:
    page, prompt, reached = visit(server), "A path that no mouse walked", []
    for drawn_late in (page.get_by_label("Images", exact=True), page.get_by_label("Project")):
        expect(drawn_late).to_be_visible()
    expect(generate_button(page)).to_be_visible()
    prompt_field(page).focus()
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
    places = [next((at for at, name in enumerate(reached) if wanted in name), None) for wanted in FIELDS]
    assert None not in places and places == sorted(places), reached
    prompt_field(page).focus()
    page.keyboard.type(prompt)
    page.keyboard.press("Control+Enter")
    expect(pictures_of(page, prompt)).to_be_visible()
    assert len(paid_requests(service, prompt)) == len(rows(server, prompt)) == 1

    # Ctrl and Enter pay in the prompt and in no other field.
    prompt = "A kite over a quiet harbour"
    fill_table(page, f"prompt\n{prompt}\n", "Generate · about 18 credits")
    page.get_by_label("Your name").press("Control+Enter")
    for place, field in (
        ("Add rows", page.get_by_label("Or paste cells")),
        ("Recent prompts", page.get_by_label("Search recent prompts")),
        ("Templates", page.get_by_label("Save this prompt as")),
    ):
        page.get_by_role("button", name=place).click()
        field.press("Control+Enter")
        settle(page)
        page.keyboard.press("Escape")
        expect(page.get_by_test_id("stPopoverBody")).to_be_hidden()
    assert rows(server, prompt) == []
    prompt_field(page).press("Control+Enter")
    expect(pictures_of(page, prompt)).to_be_visible()
    assert len(rows(server, prompt)) == 1


FIELDS = (
    "Generate",
    ":",  # whichever ratio was chosen last
    "1K · PNG",
    "Images",
    "Other",
    "Presets",
    "Project",
    "Recent prompts",
    "Templates",
    "Batch",
)
FOCUSED = """() => {
    let focused = document.activeElement
    while (focused.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement
    const group = focused.closest("[role=radiogroup]")?.getAttribute("aria-label")
    const labelled = group || focused.labels?.[0]?.innerText
    return (focused.getAttribute("aria-label") || labelled || focused.innerText || focused.value || "").trim()
}"""


def test_a_field_takes_no_letters_before_its_script_can_keep_them(server: Server, visit: Visit) -> None:
    page = visit(server)
    make(page, "A history with something to search")
    write_prompt(page, "Written before")
    settle(page)
    page.evaluate(TYPE_EARLY)
    go(page, "History")
    expect(page.get_by_label("Search", exact=True)).to_be_editable()
    go(page, "Generate")
    expect(prompt_field(page)).to_have_value("Written before")
    expect(prompt_field(page)).to_be_editable()
    assert page.evaluate("early") == {"Search": "", "prompt": ""}


def test_a_page_is_left_and_letters_are_kept_that_are_typed_meanwhile(server: Server, visit: Visit) -> None:
    page = visit(server)
    for number in range(5):
        text = f"Typed while the page is left {number}"
        history = page.get_by_role("navigation").get_by_role("link", name="History").element_handle()
        page.evaluate(
            """([link, field, text]) => {
                field.focus()
                link.click()
                field.value = text
                field.dispatchEvent(new Event("input"))
                field.blur()
            }""",
            [history, prompt_field(page).element_handle(), text],
        )
        expect(page).to_have_url(re.compile("history"))
        settle(page)
        expect(page.get_by_role("heading", name="History", exact=True)).to_be_visible()
        go(page, "Generate")
        expect(prompt_field(page)).to_have_value(text)
        settle(page)
