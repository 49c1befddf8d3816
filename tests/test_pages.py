"""What the pages say, without a browser: Streamlit's own AppTest over a studio at work."""

import json
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
from kie.settings import ROOT, Settings
from kie.store import Store
from kie.studio import Studio
from pages.parts import words
from pages.parts.press import HALF_FILLED
from tests.lives import until
from tests.rows import press
from tests.texts import texts

FRAME = ROOT / "pages" / "frame.py"
PAGES = ("generate.py", "history.py", "account.py")
# Further ahead is taken for a clock that was set back.
NOT_NOW_S = 100
LIFE = (State.UPLOADING, State.SENDING, State.RUNNING, State.FETCHING, State.DONE)
STEPS = {state: LIFE[: number + 1] for number, state in enumerate(LIFE)} | {
    State.QUEUED: (),
    State.UNSURE: (State.UPLOADING, State.SENDING, State.UNSURE),
    State.FAILED: (State.UPLOADING, State.SENDING, State.FAILED),
    State.CANCELLED: (State.CANCELLED,),
}
Keep = Callable[..., Job]
Open = Callable[..., AppTest]


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
        [job] = press(store, person, Generation(prompt), f"{state}-{prompt}", 1, 18.0, now - 60)
        store.note(job.id, State.QUEUED, next_at=now + NOT_NOW_S)
        before = State.QUEUED
        for step in STEPS[state]:
            moved = {"ended_at": now} if step in ENDED else {"server": store.server}
            assert store.move(job.id, before, step, now, next_at=now + NOT_NOW_S, **moved)
            before = step
        if known:
            store.note(job.id, state, **known)
        return store.job(job.id)

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
        return drawn(app)

    yield open_app
    for studio in studios:
        studio.close()


@pytest.fixture
def app(opened: Open) -> AppTest:
    """The app on a studio that knows its balance."""
    return opened(ready=Studio.balance)


def drawn(app: AppTest) -> AppTest:
    """Run the page and see that nothing broke."""
    app.run()
    assert [error.value for error in app.exception] == []
    return app


def go(app: AppTest, page: str) -> AppTest:
    """Open another page of the app."""
    return drawn(app.switch_page(page))


def said(app: AppTest) -> str:
    """Return everything that the page says in words, what it hands to the gallery included."""
    kinds = (app.markdown, app.caption, app.text, app.error, app.warning, app.info, app.header, app.title, app.code)
    return "\n".join([element.value for kind in kinds for element in kind] + list(texts(galleries(app))))


def galleries(app: AppTest) -> list[dict]:
    """Return what the page hands to its galleries."""
    protos = [element.proto for element in app.get("bidi_component")]
    return [json.loads(proto.json) for proto in protos if proto.component_name == "studio_gallery"]


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


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("generate.py", "Your pictures appear here"),
        ("history.py", "Nothing here yet"),
        ("account.py", "What that buys"),
    ],
)
def test_an_empty_page_says_what_to_do(app: AppTest, page: str, words: str):
    assert words in said(go(app, page))


def test_what_is_put_into_the_form_stays_until_the_browser_has_it(app: AppTest):
    def told(prompt: str) -> str:
        app.text_area(key="prompt").set_value(prompt)
        return drawn(app).text_area(key="prompt").value

    app.button(key="example-0").click()
    example = drawn(app).text_area(key="prompt").value
    assert example
    assert told("") == example  # what stood there before, from a page that does not show the example yet
    assert told("A person's own") == "A person's own"
    assert told("") == ""


def test_a_press_before_the_browser_shows_what_was_put_into_the_form_sends_nothing(app: AppTest):
    def pressed() -> list[str]:
        app.button(key="generate").click()
        drawn(app)
        return [error.value for error in app.error]

    app.button(key="example-0").click()
    example = drawn(app).text_area(key="prompt").value
    app.text_area(key="prompt").set_value("")  # which stood there before
    assert pressed() == [HALF_FILLED]
    assert app.text_area(key="prompt").value == example
    assert app.session_state["job_ids"] == []
    assert pressed() == []
    [job_id] = app.session_state["job_ids"]
    assert Studio.current().job(job_id).prompt == example


@pytest.mark.parametrize("state", list(State))
def test_a_job_in_any_state_is_shown_in_words_on_every_page(opened: Open, keep: Keep, state: State):
    job = keep(state, f"a job that is {state}")
    app = opened()
    assert job.prompt in said(app)
    assert state not in LIFE[:-1] or words.state(job) in said(app)
    go(app, "account.py")
    table = go(app, "history.py").dataframe[0].value
    assert table["prompt"].tolist() == [job.prompt]
    assert table["state"].tolist() == [words.state(job)]


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
        assert {problem["text"] for problem in problems_shown} <= {errors.sentence(kind.__name__) for kind in kinds}
        assert "The service said (code 500): **no**" in {problem["detail"] for problem in problems_shown}


def test_a_page_never_waits_for_the_service(opened: Open, sandbox: Sandbox):
    app = opened()
    sandbox.stop()
    for page in PAGES:
        app = go(app, page)
    app.switch_page("generate.py").run()
    app.text_area(key="prompt").set_value("asked while nobody answers")
    button(app, "Generate").click()
    assert "asked while nobody answers" in said(drawn(app))


# -- money


def test_an_unknown_balance_is_called_unknown_and_never_0(opened: Open, sandbox: Sandbox):
    sandbox.stop()
    app = opened()
    until(lambda: Studio.current().credit_problem())
    for page in PAGES:
        app = go(app, page)
        assert [metric.value for metric in app.metric if metric.label == "Credits"] == ["unknown"]
    assert "The balance is not known yet." in said(go(app, "generate.py"))


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
    app.number_input(key="images").set_value(images)
    assert button(drawn(app), "Generate").label == label
    left = 1000 - int(label.split()[-2])
    assert f"1,000 credits free to spend, about {left} after this." in said(app)


def test_the_price_is_what_finished_pictures_have_cost(opened: Open, keep: Keep):
    for number, credits in enumerate((20.0, 20.0, 25.0)):
        keep(State.DONE, f"number {number}", credits=credits)
    assert button(opened(), "Generate").label == "Generate · about 20 credits"


def test_a_price_that_nobody_knows_is_called_unknown(settings: Settings, opened: Open):
    (settings.root / "config" / "prices.toml").unlink()
    assert button(opened(), "Generate").label == "Generate · price unknown"


@pytest.mark.parametrize(
    ("held", "label", "told"),
    [
        (50, "Generate 4 · about 96 credits", "The button makes 4 pictures."),
        (55, "Generate · not enough credits", "Nothing can be sent: ask for fewer, or top up."),
    ],
)
def test_more_than_is_free_is_told_before_the_press_with_what_is_possible(
    opened: Open, keep: Keep, held: int, label: str, told: str
):
    for number in range(held):
        keep(State.QUEUED, f"number {number}", person="Ben")
    app = opened()
    until(lambda: Studio.current().balance())
    app.radio(key="resolution").set_value("4K")
    app.number_input(key="images").set_value(8)
    assert button(drawn(app), "Generate").label == label
    assert button(app, "Generate").disabled == (held == 55)
    free = 1000 - 18 * held
    assert f"8 pictures would cost about 192 credits, and {free} credits are free." in said(app)
    assert f"{18 * held} credits are held by pictures that wait" in said(app)
    assert told in said(app)


def test_nothing_is_spent_on_what_was_cancelled_or_refused(opened: Open, keep: Keep):
    keep(State.CANCELLED, "a cancelled one")
    keep(State.FAILED, "a refused one", problem="CreditsShort")
    app = opened()
    assert [item["meta"] for item in items(app)] == ["1:1 · 1K · PNG · nothing spent"] * 2
    assert go(app, "history.py").dataframe[0].value["cost"].tolist() == [0, 0]


# -- the form


def test_faults_stand_at_their_fields_until_the_next_good_press(app: AppTest):
    app.text_area(key="prompt").set_value("   ")
    button(app, "Generate").click()
    assert any("a blank prompt can't be sent" in error.value for error in drawn(app).error)
    app.text_area(key="prompt").set_value("a lighthouse")
    button(app, "Generate").click()
    assert list(drawn(app).error) == []
    assert "a lighthouse" in said(app)


def test_what_is_wrong_with_a_field_is_told_until_it_is_mended_in_the_words_of_now(app: AppTest) -> None:
    button(drawn(app), "Generate").click()
    assert ["blank prompt" in error.value for error in drawn(app).error] == [True]
    app.text_area(key="prompt").set_value("x" * 10_001)
    assert ["Shorten the prompt by 1 character" in error.value for error in drawn(app).error] == [True]
    app.text_area(key="prompt").set_value("a lighthouse")
    assert [error.value for error in drawn(app).error] == []
    assert "Nothing was sent" not in said(app)


def test_the_form_is_as_it_was_after_a_look_at_another_page(app: AppTest):
    app.text_area(key="prompt").set_value("half an idea")
    app.radio(key="aspect_ratio").set_value("21:9")
    app.radio(key="resolution").set_value("4K")
    app.radio(key="output_format").set_value("jpg")
    app.number_input(key="images").set_value(3)
    app = go(go(drawn(app), "history.py"), "generate.py")
    assert app.text_area(key="prompt").value == "half an idea"
    assert app.radio(key="aspect_ratio").value == "21:9"
    assert app.radio(key="resolution").value == "4K"
    assert app.radio(key="output_format").value == "jpg"
    assert app.number_input(key="images").value == 3


def test_an_example_is_put_into_the_form_and_sent_only_when_pressed(app: AppTest, sandbox: Sandbox):
    example = next(button for button in app.button if button.key == "example-0")
    example.click()
    assert drawn(app).text_area(key="prompt").value == example.label
    assert sandbox.tasks() == []


# -- asked before it is paid


@pytest.fixture
def read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a price and a question be read in no time."""
    monkeypatch.setattr("pages.parts.press.READ_S", 0.0)
    monkeypatch.setattr("pages.parts.press.CALM_S", 0.0)


@pytest.mark.usefixtures("read_at_once")
def test_the_same_request_asks_first_and_is_sent_when_a_person_says_so(opened: Open, keep: Keep, sandbox: Sandbox):
    keep(State.DONE, "a lighthouse", person="Ben", credits=18.0)
    app = opened()
    app.text_area(key="prompt").set_value("a lighthouse")
    button(app, "Generate").click()
    assert "The same request was made before." in said(drawn(app))
    assert "By Ben, just now" in said(app) or "By Ben, 1 min ago" in said(app)
    assert Studio.current().count() == 1
    app.button(key="asked-all").click()
    drawn(app)
    assert Studio.current().count() == 2
    assert "asked" not in app.session_state


def test_what_is_there_is_shown_instead_for_nothing(opened: Open, keep: Keep):
    job = keep(State.DONE, "a lighthouse", person="Ben", credits=18.0)
    app = opened()
    app.text_area(key="prompt").set_value("a lighthouse")
    button(app, "Generate").click()
    drawn(app).button(key="asked-show").click()
    assert [item["id"] for item in items(drawn(app))] == [job.id]
    assert Studio.current().count() == 1


def test_a_hand_that_goes_on_clicking_says_no_yes(opened: Open, keep: Keep):
    keep(State.DONE, "a lighthouse", person="Ben", credits=18.0)
    app = opened()
    app.text_area(key="prompt").set_value("a lighthouse")
    button(app, "Generate").click()
    for _ in range(3):
        drawn(app).button(key="asked-all").click()
    assert "sooner than this can be read, so nothing was sent" in said(drawn(app))
    assert Studio.current().count() == 1


def test_more_than_the_button_said_is_asked_about(app: AppTest, monkeypatch: pytest.MonkeyPatch):
    app.number_input(key="images").set_value(2)
    app.text_area(key="prompt").set_value("two at once")
    button(app, "Generate").click()
    assert "The button said less when it was pressed." in said(drawn(app))
    drawn(app).button(key="asked-none").click()
    monkeypatch.setattr("pages.parts.press.READ_S", 60.0)
    button(drawn(app), "Generate").click()  # it says 2 now, but not for long enough to be read
    assert "The button said less when it was pressed." in said(drawn(app))
    drawn(app).button(key="asked-none").click()
    monkeypatch.setattr("pages.parts.press.READ_S", 0.0)
    button(drawn(app), "Generate").click()
    drawn(app)
    assert Studio.current().count() == 2


@pytest.mark.usefixtures("read_at_once")
def test_the_same_row_twice_in_one_table_is_asked_about(app: AppTest):
    app.session_state["as_table"] = True
    as_below = dict.fromkeys(("Aspect ratio", "Resolution", "Output format", "Images", "References", "Project"), "")
    app.session_state["sheet"] = [as_below | {"On": True, "Row": row, "Prompt": "a kite"} for row in (1, 2)]
    button(drawn(app), "Generate").click()
    assert "1 request stands in it more than once." in said(drawn(app))
    assert Studio.current().count() == 0


@pytest.mark.usefixtures("read_at_once")
def test_a_large_share_of_the_balance_is_asked_about_and_a_small_one_is_not(app: AppTest, keep: Keep):
    app.text_area(key="prompt").set_value("a few of these")
    app.number_input(key="images").set_value(8)
    button(drawn(app), "Generate").click()
    drawn(app)
    assert Studio.current().count() == 8
    drawn(app)  # the whole page: a press draws only what it changes
    for number in range(35):
        keep(State.QUEUED, f"number {number}", person="Ben")
    app.text_area(key="prompt").set_value("a few more of these")
    button(app, "Generate").click()
    assert "This makes **8 pictures** and costs about 144 credits." in said(drawn(app))
    app.button(key="asked-none").click()
    drawn(app)
    assert Studio.current().count() == 8 + 35


# -- whose pictures


def test_another_name_brings_that_persons_pictures(opened: Open, keep: Keep):
    keep(State.RUNNING, "a picture of Ben's", person="Ben")
    app = opened()
    assert "a picture of Ben's" not in said(app)
    app.text_input(key="person_typed").set_value("  Ben\u202e ")
    assert "a picture of Ben's" in said(drawn(app))


@pytest.mark.parametrize(("typed", "name"), [(" \u200b ", "Guest"), ("Zoë  the\tsecond", "Zoë the second")])
def test_a_picture_belongs_to_the_name_that_stands_there_at_the_press(app: AppTest, typed: str, name: str):
    app.text_input(key="person_typed").set_value(typed)
    app.text_area(key="prompt").set_value("whose is this")
    button(app, "Generate").click()
    assert go(drawn(app), "history.py").dataframe[0].value["person"].tolist() == [name]


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
        [banner] = go(app, page).info
        assert "**Sandbox.**" in banner.value
        assert sentence in banner.value


def test_without_a_key_and_without_the_sandbox_every_page_says_that_nothing_can_be_sent(
    settings: Settings, opened: Open
):
    app = opened(replace(settings, environment_key="", sandbox="0"))
    for page in PAGES:
        assert "There is no usable key, so nothing can be sent." in go(app, page).error[0].value


# -- what needs a person


def test_what_needs_attention_is_counted_on_every_page_and_listed_on_one(opened: Open, keep: Keep):
    keep(State.UNSURE, "an unsure one", problem="Unsure")
    keep(State.FETCHING, "a paid one", problem="PictureNotFetched", task_id="task-1", credits=18.0)
    keep(State.FAILED, "a failed one", problem="TaskFailed", task_id="task-2", credits=0.0)
    app = opened()
    for page in ("generate.py", "history.py"):
        assert any("2 pictures may be paid for" in warning.value for warning in go(app, page).warning)
    go(app, "account.py")
    assert "Needs attention: 2" in said(app)
    assert "an unsure one" in said(app) and "a paid one" in said(app)
    assert "a failed one" not in said(app)


def test_an_unsure_job_is_offered_both_ways_out_and_neither_is_taken_alone(opened: Open, keep: Keep, store: Store):
    job = keep(State.UNSURE, "an unsure one", problem="Unsure")
    app = go(opened(), "account.py")
    app.text_input(key=f"task-{job.id}").set_value("not an id!")
    button(app, "This is the task").click()
    assert any("not a task id" in error.value for error in drawn(app).error)
    assert store.job(job.id).state == State.UNSURE
    button(app, "Count it as never run").click()
    assert "Nothing needs attention" in said(drawn(app))
    assert (store.job(job.id).state, store.job(job.id).credits) == (State.FAILED, 0.0)
    Studio.current().doubt(job.id)
    assert "an unsure one" in said(drawn(app))
    assert (store.job(job.id).state, store.job(job.id).credits) == (State.UNSURE, None)
