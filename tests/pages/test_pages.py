"""What the pages say, without a browser: Streamlit's own AppTest over a studio at work."""

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from kie import errors
from kie.errors import StudioError
from kie.generation import Generation
from kie.jobs import ENDED, Job, State
from kie.sandbox import Sandbox
from kie.session import SessionJobs
from kie.settings import ROOT, Settings
from kie.store import Store
from kie.studio import Studio
from kie.timing import Timing
from kie.views import format
from pages.parts.composer import fields
from tests.support.forms import button as generate
from tests.support.forms import components, drawn, fault, galleries, hand_over, press, restore, status, write, written
from tests.support.images import picture
from tests.support.jobs import quick, timed
from tests.support.rows import WAY
from tests.support.rows import queue_submission as ordered
from tests.support.texts import texts
from tests.support.waiting import until

FRAME = ROOT / "pages" / "frame.py"
MARKS = (" Not charged.", " May have been charged.")
PAGES = ("generate.py", "history.py", "account.py")
# Further ahead is taken for a clock that was set back.
NOT_NOW_S = 100
THING, ADD = "{{thing}}", "fill a column “thing” of the table (Batch), or remove the braces."
Keep = Callable[..., Job]
Open = Callable[..., AppTest]


@pytest.fixture
def timing() -> Timing:
    """The waits of the studio, which never takes that other server for dead."""
    return quick(server_life_s=3600.0)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """The studio's database, opened by another server that lives."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    opened = Store(f"sqlite:///{settings.data_dir / 'studio.sqlite3'}")
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def keep(store: Store) -> Keep:
    """Keeps a job in a state in which nobody moves it on: that other server has it."""

    def write(state: State, prompt: str = "a lighthouse", person: str = "Ann", **known: object) -> Job:
        now = time.time()
        # Its turn is far away from the first moment on.
        [job] = ordered(store, person, Generation(prompt), f"{state}-{prompt}", 1, 18.0, now + NOT_NOW_S)
        store.jobs.note(job.id, State.QUEUED, created_at=now - 60)
        before = State.QUEUED
        for step in WAY[state]:
            moved = {"ended_at": now} if step in ENDED else {"server": store.database.server}
            assert store.jobs.move(job.id, before, step, now, next_at=now + NOT_NOW_S, **moved)
            before = step
        if known:
            store.jobs.note(job.id, state, **known)
        return store.jobs.get(job.id)

    return write


@pytest.fixture
def opened(settings: Settings) -> Iterator[Open]:
    """Opens the studio, and, once it is `ready`, the app in it as Ann finds it."""
    studios = []

    def open_app(settings: Settings = settings, ready: Callable[[Studio], object] | None = None) -> AppTest:
        studios.append(Studio(settings).open())
        if ready:
            until(lambda: ready(studios[-1]))
        app = AppTest.from_file(str(FRAME), default_timeout=30)
        app.session_state["person_typed"] = "Ann"
        app.session_state[fields.RATIO] = app.session_state[fields.SIZE] = True
        return drawn(app)

    yield open_app
    for studio in studios:
        studio.close()


@pytest.fixture
def app(opened: Open) -> AppTest:
    """The app on a studio that knows its balance."""
    return opened(ready=lambda studio: studio.credits.balance())


def go(app: AppTest, page: str) -> AppTest:
    """Open another page of the app."""
    return drawn(app.switch_page(page))


def said(app: AppTest) -> str:
    """Return everything that the page says in words, what it hands to the gallery included."""
    kinds = (
        app.markdown,
        app.caption,
        app.text,
        app.error,
        app.warning,
        app.info,
        app.header,
        app.subheader,
        app.title,
    )
    labels = [box.label for box in app.expander]
    return "\n".join(
        [element.value for kind in (*kinds, app.code) for element in kind] + labels + list(texts(galleries(app)))
    )


def items(app: AppTest) -> list[dict]:
    """Return the jobs that the page's galleries show, in order."""
    return [item for shown in galleries(app) for group in shown["groups"] for item in group["items"]]


def button(app: AppTest, beginning: str) -> Button:
    """Return the button whose label begins so."""
    return next(button for button in app.button if button.label.startswith(beginning))


def problems(root: type[StudioError] = StudioError) -> list[type[StudioError]]:
    """Return the error and every kind of it."""
    return [root, *(kind for child in root.__subclasses__() for kind in problems(child))]


# -- every page, whatever there is


@pytest.mark.parametrize("state", list(State))
def test_a_job_in_any_state_is_shown_in_words_on_every_page(opened: Open, keep: Keep, state: State):
    job = keep(state, f"a job that is {state}")
    app = opened()
    assert job.prompt in said(app)
    assert state not in WAY[State.FETCHING] or format.state(job) in said(app)
    go(app, "account.py")
    [shown] = items(go(app, "history.py"))
    told = "Not on this server" if state == State.DONE else format.state(job)
    assert (shown["prompt"], shown["label"]) == (job.prompt, told)


@pytest.mark.parametrize("page", PAGES)
def test_every_problem_of_the_tree_can_be_shown(opened: Open, keep: Keep, page: str):
    kinds = problems()
    for kind in kinds:
        keep(
            State.FAILED, f"it ended in {kind.__name__}", problem=kind.__name__, fail_code="500", fail_message="**no**"
        )
        keep(State.RUNNING, f"it waits for {kind.__name__}", problem=kind.__name__)
    app = go(opened(), page)
    if page == "generate.py":
        problems_shown = [item["problem"] for item in items(app) if item["problem"]]
        assert len(problems_shown) == 60  # the newest
        sentences = {f"{errors.sentence(kind.__name__)}{mark}" for kind in kinds for mark in MARKS}
        assert {problem["text"] for problem in problems_shown} <= sentences
        assert "Details (code 500): **no**" in {problem["detail"] for problem in problems_shown}


def test_a_page_never_waits_for_the_service(opened: Open, sandbox: Sandbox):
    app = opened()
    sandbox.stop()
    for page in PAGES:
        app = go(app, page)
    app.switch_page("generate.py").run()
    write(app, "asked while nobody answers")
    press(drawn(app))
    assert "asked while nobody answers" in said(drawn(app))


# -- money


def test_the_balance_check_says_that_a_lost_reply_may_explain_a_part(app: AppTest, keep: Keep, store: Store):
    began = Studio.current().credits.balance().at
    keep(State.UNSURE, "a lost reply", problem="Unsure", sent_at=began + 100)
    store.ledger.add_balance(982, began + 500)
    words = said(go(app, "account.py"))
    assert "it fell by no more than our pictures can have cost." in words
    assert "The cost of 1 picture is unknown (a lost reply, for instance)" in words


def test_an_unknown_balance_is_called_unknown_and_never_0(opened: Open, sandbox: Sandbox):
    sandbox.stop()
    app = opened()
    until(lambda: Studio.current().backend.tracker.credit_problem)
    for page in PAGES:
        app = go(app, page)
        assert (status(app)["balance"], status(app)["free"]) == (None, None)


@pytest.mark.parametrize(
    ("resolution", "images", "label"),
    [
        ("1K", 1, "Generate · about 18 credits"),
        ("2K", 8, "Generate 8 · about 144 credits"),
        ("4K", 3, "Generate 3 · about 72 credits"),
    ],
)
def test_the_price_of_the_press_stands_on_the_button(app: AppTest, resolution: str, images: int, label: str):
    app.radio(key="resolution").set_value(resolution)
    app.session_state["images"] = images
    assert generate(drawn(app))["text"] == label
    [money] = [data for data in components(app, "studio_status") if data["view"] == "money"]
    assert money["price"] == int(label.split()[-2])
    assert status(app)["free"] == 1000


def test_a_usual_number_of_images_is_one_press_and_pressed_again_it_stays(app: AppTest):
    for pressed in (4, None):
        app.button_group(key="images_usual").set_value(pressed)
        assert generate(drawn(app))["text"] == "Generate 4 · about 72 credits"
        assert app.button_group(key="images_usual").value == 4


def test_the_price_is_what_finished_pictures_have_cost(opened: Open, keep: Keep):
    for number, credits in enumerate((20.0, 20.0, 25.0)):
        keep(State.DONE, f"number {number}", credits=credits)
    assert generate(opened())["text"] == "Generate · about 20 credits"


def test_a_price_that_nobody_knows_is_called_unknown(settings: Settings, opened: Open):
    (settings.root / "config" / "prices.toml").unlink()
    assert generate(opened())["text"] == "Generate · price unknown"


@pytest.mark.parametrize(
    ("held", "label", "told"),
    [
        (50, "Generate 4 of 8 · about 96 credits", "The button makes 4 pictures."),
        (54, "Generate 1 of 8 · about 24 credits", "The button makes 1 picture."),
        (55, "Generate · not enough credits", "Nothing can be sent: top up first."),
    ],
)
def test_more_than_is_free_is_told_before_the_press_with_what_is_possible(
    opened: Open, keep: Keep, held: int, label: str, told: str
):
    for number in range(held):
        keep(State.QUEUED, f"number {number}", person="Ben")
    app = opened()
    until(lambda: Studio.current().credits.balance())
    app.radio(key="resolution").set_value("4K")
    app.session_state["images"] = 8
    assert generate(drawn(app))["text"] == label
    assert generate(app)["disabled"] == (held == 55)
    free = 1000 - 18 * held
    assert f"8 pictures would cost about 192 credits; {free} are available." in said(app)
    assert f"{18 * held} are reserved." in said(app)
    assert told in said(app)


def test_more_choices_than_the_credits_suffice_for_are_told_with_how_many_would_do(opened: Open, keep: Keep):
    for number in range(46):
        keep(State.QUEUED, f"number {number}", person="Ben")
    app = opened()
    until(lambda: Studio.current().credits.balance())
    write(app, "A boat in {1|2|3|4|5|6|7|8|9|10|11|12}")
    assert generate(drawn(app))["text"] == "Generate · not enough credits"
    assert "172 are available. 828 are reserved. Enough for 9 of 12: ask for fewer, or top up." in said(app)


def test_nothing_is_spent_on_what_was_cancelled_or_refused(opened: Open, keep: Keep):
    keep(State.CANCELLED, "a cancelled one")
    keep(State.FAILED, "a refused one", problem="CreditsShort")
    app = opened()
    assert [item["meta"] for item in items(app)] == ["1:1 · 1K · PNG"] * 2
    assert all(item["problem"]["text"].endswith(" Not charged.") for item in items(app))
    assert all(item["problem"]["text"].endswith(" Not charged.") for item in items(go(app, "history.py")))


# -- the form


def test_what_is_wrong_with_a_field_is_told_until_it_is_mended_in_the_words_of_now(app: AppTest) -> None:
    for blank in ("", "   "):
        write(app, blank)
        press(drawn(app))
        assert "a blank prompt can't be sent" in fault(app)
    write(app, "x" * 10_001)
    assert "Shorten the prompt by 1 character" in fault(drawn(app))
    write(app, "a lighthouse")
    assert fault(drawn(app)) == ""
    press(app)
    assert "a lighthouse" in said(app)


def test_the_form_is_as_it_was_after_a_look_at_another_page(app: AppTest):
    write(app, "half an idea")
    app.radio(key="aspect_ratio").set_value("21:9")
    app.radio(key="resolution").set_value("4K")
    app.radio(key="output_format").set_value("jpg")
    app.session_state["images"] = 3
    app = go(go(drawn(app), "history.py"), "generate.py")
    assert written(app) == "half an idea"
    assert app.radio(key="aspect_ratio").value == "21:9"
    assert app.radio(key="resolution").value == "4K"
    assert app.radio(key="output_format").value == "jpg"
    assert app.session_state["images"] == 3


def test_an_example_is_put_into_the_form_and_sent_only_when_pressed(app: AppTest, sandbox: Sandbox):
    example = next(button for button in app.button if button.key == "example-0")
    example.click()
    assert written(drawn(app)) == example.label
    assert sandbox.tasks() == []


def test_a_press_lets_go_of_what_an_example_replaced(app: AppTest):
    write(app, "my own words")
    drawn(app).button(key="example-0").click()
    assert button(drawn(app), "Undo")
    press(app)
    assert [each for each in app.button if each.label == "Undo"] == []


def test_breaks_and_hyphens_of_other_programs_are_sent_as_they_look(app: AppTest):
    write(app, "a light\xadhouse\x0bby the sea\u2028in fog\u200b")
    press(drawn(app))
    assert [item["prompt"] for item in items(app)] == ["a lighthouse\nby the sea\nin fog"]


def test_an_order_that_was_changed_before_the_stored_references_were_back_stays(opened: Open):
    app = opened()
    ids = [Studio.current().references.add("a.png", io.BytesIO(picture(colour=each))).id for each in ("red", "navy")]
    restore(app, {"references": ids})
    [strip] = components(drawn(app), "studio_references")
    assert strip["ids"] == ids
    chosen = {"ids": ids[::-1], "receipt": None, "busy": False, "session": app.session_state["tab"], "revision": 0}
    app.session_state["reference_box"] = {"chosen": chosen}
    [strip] = components(drawn(app), "studio_references")
    assert (strip["ids"], strip["revision"]) == (ids[::-1], 0)


def test_references_that_a_row_names_by_id_are_counted_in_what_will_be_sent(opened: Open):
    app = opened(ready=lambda studio: studio.credits.balance())
    ids = [
        Studio.current().references.add(f"{colour}.png", io.BytesIO(picture(colour=colour))).id
        for colour in ("red", "blue")
    ]
    as_below = dict.fromkeys(("Aspect ratio", "Resolution", "Output format", "Images", "Project"), "")
    rows = [("a kite", ", ".join(ids)), ("a boat", "")]
    app.session_state["as_table"] = app.session_state["list-open"] = True
    app.session_state["sheet"] = [
        as_below | {"On": True, "Row": row, "Prompt": prompt, "References": references}
        for row, (prompt, references) in enumerate(rows, start=1)
    ]
    listed = drawn(app).dataframe[-1].value
    assert list(listed["References"]) == ["2 by id", ""]


# -- asked before it is paid


def test_the_same_request_asks_first_and_is_sent_when_a_person_says_so(opened: Open, keep: Keep, sandbox: Sandbox):
    keep(State.DONE, "a lighthouse", person="Ben", credits=18.0)
    app = opened()
    write(app, "a lighthouse")
    press(drawn(app))
    assert "The same request was made before." in said(drawn(app))
    assert "By Ben, just now" in said(app) or "By Ben, 1 min ago" in said(app)
    assert Studio.current().search.count() == 1
    until(lambda: time.monotonic() > app.session_state["confirm_from"])
    app.button(key="confirm-all").click()
    drawn(app)
    assert Studio.current().search.count() == 2
    assert "question" not in app.session_state


@timed(confirm_after_s=60.0)
def test_a_yes_within_the_time_of_a_repeated_click_does_not_count(opened: Open, keep: Keep):
    keep(State.DONE, "a lighthouse", person="Ben", credits=18.0)
    app = opened()
    write(app, "a lighthouse")
    press(drawn(app))
    for _ in range(3):
        app.button(key="confirm-all").click()
        drawn(app)
    assert "Nothing sent yet. Please confirm again." in said(app)
    assert Studio.current().search.count() == 1


def test_the_same_row_twice_in_one_table_is_asked_about(app: AppTest):
    app.session_state["as_table"] = True
    as_below = dict.fromkeys(("Aspect ratio", "Resolution", "Output format", "Images", "References", "Project"), "")
    app.session_state["sheet"] = [as_below | {"On": True, "Row": row, "Prompt": "a kite"} for row in (1, 2)]
    press(drawn(app))
    assert "1 request is in it more than once." in said(drawn(app))
    assert Studio.current().search.count() == 0


def test_a_question_does_not_add_up_prices_of_which_one_is_unknown(settings: Settings, opened: Open, keep: Keep):
    (settings.root / "config" / "prices.toml").unlink()
    keep(State.DONE, "a boat", credits=18.0)
    app = opened()
    until(lambda: Studio.current().credits.balance())
    app.session_state["as_table"] = True
    row = dict.fromkeys(("Aspect ratio", "Output format", "Images", "References", "Project"), "") | {"On": True}
    rows = [
        row | {"Row": number, "Prompt": "a kite", "Resolution": size} for number, size in enumerate(("1K", "1K", "4K"))
    ]
    app.session_state["sheet"] = rows
    press(drawn(app))
    assert "This makes **3 pictures** and costs an unknown number of credits." in said(drawn(app))
    assert "would be left" not in said(app)


def test_a_lost_press_of_a_table_comes_back_with_its_settings_unless_it_was_made(app: AppTest):
    write(app, "made after all")
    press(app)
    [made] = app.session_state["outbox"]["submissions"]["list"]
    pressed = {"as_table": True, "images": 2, "aspect_ratio": "21:9", "output_format": "bmp", "references": ["gone"]}
    lost = {"id": "lost", "session": "earlier", "revision": 0, "text": "each of these", "says": None, "form": pressed}
    told = {"list": [made | {"session": "earlier"}, lost], "at": 1}
    app.session_state["handled_submissions"] = []
    app.session_state["outbox"] = {"submissions": told, "narrow": False}
    [shown] = components(drawn(app), "studio_outbox")
    assert (shown["handled"], shown["unsent"]) == ([made["id"]], ["lost"])
    told["list"][1]["wanted"] = app.session_state["tab"]
    [shown] = components(drawn(app), "studio_outbox")
    assert (shown["handled"], shown["unsent"]) == ([made["id"], "lost"], [])
    names = ("as_table", "images", "aspect_ratio", "output_format")
    assert [app.session_state[name] for name in names] == [True, 2, "21:9", "png"]
    assert written(app) == "each of these"
    assert Studio.current().search.count() == 1


@pytest.mark.parametrize(("kept", "made"), [({}, 1), ({"prompt": "a kite", "aspect_ratio": "16:9"}, 0)])
def test_a_press_waits_for_the_stored_form_and_is_not_sent_with_other_settings(app: AppTest, kept: dict, made: int):
    write(app, "a kite")
    hand_over(app)
    [shown] = components(app, "studio_outbox")
    assert (shown["handled"], Studio.current().search.count()) == ([], 0)
    restore(app, kept)
    drawn(app)
    assert app.session_state["aspect_ratio"] == kept.get("aspect_ratio", "1:1")
    assert Studio.current().search.count() == made
    assert ("The form changed as you pressed" in said(app)) == (made == 0)


def test_a_large_share_of_the_balance_is_asked_about_and_a_small_one_is_not(app: AppTest, keep: Keep):
    write(app, "a few of these")
    app.session_state["images"] = 8
    press(drawn(app))
    drawn(app)
    assert Studio.current().search.count() == 8
    drawn(app)  # the whole page: a press draws only what it changes
    for number in range(35):
        keep(State.QUEUED, f"number {number}", person="Ben")
    write(app, "a few more of these")
    press(drawn(app))
    assert "This makes **8 pictures** and costs about 144 credits." in said(drawn(app))
    app.button(key="confirm-none").click()
    drawn(app)
    assert Studio.current().search.count() == 8 + 35


# -- whose pictures


def test_a_column_without_a_table_is_told_at_once_by_the_field(app: AppTest):
    write(app, "a {red|blue} {{thing}}")
    assert fault(drawn(app)) == (told := f"Nothing fills {THING}: {ADD}")
    assert "Expands to" not in said(app)
    assert generate(app)["text"] == "Generate"
    press(app)
    assert fault(app) == told
    assert Studio.current().search.count() == 0
    write(app, "a {red|blue} thing")
    assert fault(drawn(app)) == ""
    assert "Expands to 2 prompts." in said(app)
    assert generate(app)["text"] == "Generate 2 · about 36 credits"


def test_another_name_brings_that_persons_pictures(opened: Open, keep: Keep):
    keep(State.RUNNING, "a picture of Ben's", person="Ben")
    app = opened()
    assert "a picture of Ben's" not in said(app)
    app.text_input(key="person_typed").set_value("  Ben\u202e ")
    assert "a picture of Ben's" in said(drawn(app))


@pytest.mark.parametrize(("typed", "name"), [(" \u200b ", "Guest"), ("Zoë  the\tsecond", "Zoë the second")])
def test_a_picture_belongs_to_the_name_that_stands_there_at_the_press(app: AppTest, typed: str, name: str):
    app.text_input(key="person_typed").set_value(typed)
    write(app, "whose is this")
    press(drawn(app))
    [shown] = items(go(drawn(app), "history.py"))
    assert dict(shown["facts"])["Person"] == name


# -- what is wrong with the key is said on every page


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "is empty"), (b"two words", "there is a space in the middle of it"), (None, "Pictures are drawn on this")],
    ids=["an empty file", "a file with two words", "no file"],
)
def test_without_a_usable_key_every_page_says_sandbox_and_why(
    settings: Settings, opened: Open, content: bytes | None, sentence: str
):
    if content is not None:
        settings.key_file.write_bytes(content)
    app = opened(replace(settings, environment_key=""))
    for page in PAGES:
        banner = status(go(app, page))["key"]
        assert (banner["tone"], sentence in banner["text"]) == ("info", True)
        assert "with play credits" in banner["text"]


def test_without_a_key_and_without_the_sandbox_every_page_says_that_nothing_can_be_sent(
    settings: Settings, opened: Open
):
    app = opened(replace(settings, environment_key="", sandbox="0"))
    for page in PAGES:
        assert "There is no usable key, so nothing can be sent." in status(go(app, page))["key"]["text"]


# -- what needs a person


def test_what_needs_attention_is_counted_on_every_page_and_listed_on_one(opened: Open, keep: Keep):
    keep(State.UNSURE, "an unsure one", problem="Unsure")
    keep(State.FETCHING, "a paid one", problem="NotFetchedForADay", task_id="task-1", credits=18.0)
    keep(State.FETCHING, "one that is fetched again", problem="PictureNotFetched", task_id="task-3", credits=18.0)
    keep(State.FAILED, "a failed one", problem="TaskFailed", task_id="task-2", credits=0.0)
    app = opened()
    for page in ("generate.py", "history.py"):
        assert status(go(app, page))["attention"] == 2
    go(app, "account.py")
    assert "Needs attention: 2" in said(app)
    assert "an unsure one" in said(app) and "a paid one" in said(app)
    assert "a failed one" not in said(app) and "one that is fetched again" not in said(app)


def test_a_hidden_job_stays_away_although_its_person_asked_for_it_in_this_session(app: AppTest):
    write(app, "one to hide")
    press(drawn(app))
    [job] = items(drawn(app))
    SessionJobs(app.session_state).forget(job["id"])
    assert items(drawn(app)) == []


def test_what_waits_is_paused_while_the_brake_is_on_and_the_card_says_why(opened: Open, keep: Keep, store: Store):
    job = keep(State.QUEUED, "one that waits")
    app = opened()
    assert [item["label"] for item in items(app)] == ["Queued"]
    assert Studio.current().estimates.seconds_to_turn(job) == 0
    store.breaker.record_failure(errors.CreditsShort("Credits insufficient"), time.time())
    assert [item["label"] for item in items(drawn(app))] == ["Paused: not enough credits"]
    assert Studio.current().estimates.seconds_to_turn(job) is None
    assert [item["label"] for item in items(go(app, "history.py"))] == ["Paused: not enough credits"]


def test_a_zip_s_label_counts_the_pictures_that_are_in_it(opened: Open, keep: Keep, store: Store, settings: Settings):
    app = opened(ready=lambda studio: studio.credits.balance())
    kept = [f"results/00/{number:032d}.png" for number in range(4)]
    # The studio looks for the files of its pictures when it starts, and fetches again what is not there.
    (settings.data_dir / "results" / "00").mkdir(parents=True, exist_ok=True)
    for name in kept[:3]:
        (settings.data_dir / name).write_bytes(picture())
    pictures = [keep(State.DONE, name, file=name) for name in kept[:3]]
    failed = keep(State.FAILED, "a failed one", problem="TaskFailed")
    keep(State.FETCHING, "one that is fetched again", problem="FileMissing", file=kept[3])
    go(app, "history.py")
    app.session_state["take"] = True
    assert [link.proto.label for link in drawn(app).get("link_button")][:1] == ["3 images (.zip)"]
    app.session_state["take"] = False
    app.session_state["history-gallery-gallery"]["selected"] = [pictures[0].id, failed.id]
    app.session_state["selection_dialog"] = "export"
    assert [link.proto.label for link in drawn(app).get("link_button")][:1] == ["1 image (.zip)"]


def test_a_question_stays_over_other_runs_of_the_page_until_it_is_answered(opened: Open, keep: Keep, store: Store):
    job, asked = keep(State.UNSURE, "an unsure one", problem="Unsure"), "Only if the log page shows no such task"
    app = go(opened(), "account.py")
    assert asked not in said(app)
    button(app, "Mark as not charged").click()
    assert asked in said(drawn(app))
    assert asked in said(drawn(app))
    assert store.jobs.get(job.id).state == State.UNSURE
    button(app, "Confirm").click()
    assert asked not in said(drawn(app))
    assert store.jobs.get(job.id).state == State.FAILED
    Studio.current().attention.mark_not_run(job.id)  # The dialog is answered in a browser: AppTest has no fragments.
    assert "Nothing needs attention" in said(drawn(app))
    assert (store.jobs.get(job.id).state, store.jobs.get(job.id).credits) == (State.FAILED, 0.0)
    Studio.current().attention.undo_mark_not_run(job.id)
    assert "an unsure one" in said(drawn(app))
    assert (store.jobs.get(job.id).state, store.jobs.get(job.id).credits) == (State.UNSURE, None)
