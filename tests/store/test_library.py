"""What else is used again, on a real database: projects, presets, former prompts, drafts."""

import itertools
import time
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import insert, update

from kie.errors import NameTaken, NothingSpent
from kie.generation import Generation
from kie.prompts.templates import PastPrompt, Preset
from kie.store import Store
from kie.store.library import DRAFT_LIFE_S
from kie.store.schema import drafts, jobs
from kie.studio import Studio
from tests.support.postgresql import SQLITE
from tests.support.rows import NOW, at_once, queue_submission

moments = itertools.count(1)
Send = Callable[..., None]


@pytest.fixture
def sent(store: Store) -> Send:
    """Sends a prompt, each a second after the one before."""

    def send(prompt: str, person: str = "Ann", images: int = 1) -> None:
        moment = next(moments)
        queue_submission(store, person, Generation(prompt), f"press-{moment}", images, 18.0, NOW + moment)

    return send


def preset(name: str, project: str | None = None, images: int = 2, **known: object) -> Preset:
    number = next(moments)
    asked = Generation("", **{"aspect_ratio": "16:9", "resolution": "2K"} | known)
    return Preset(f"{number:032x}", project, name, asked.options, images, "Ann", NOW + number)


# -- projects and their presets


def test_the_project_that_was_used_last_comes_first(studio: Studio, store: Store) -> None:
    assert store.library.projects() == []
    for project in ("Spring", " Autumn ", None, "Spring", "Winter"):
        studio.submissions.submit("Ann", Generation("a lighthouse"), f"press-{next(moments)}", project=project)
    assert studio.library.projects() == ["Winter", "Spring", "Autumn"]
    studio.library.save_preset("Autumn", "wide", Generation(""), 1, "Ann")
    studio.library.save_preset("Summer", "wide", Generation(""), 1, "Ann")
    studio.library.save_preset(None, "wide", Generation(""), 1, "Ann")
    assert studio.library.projects() == ["Summer", "Autumn", "Winter", "Spring"]


def test_presets_belong_to_a_project_or_to_none(store: Store) -> None:
    wide, tall = preset("wide", "Spring"), preset("Tall", "Spring", aspect_ratio="9:16")
    loose = preset("wide")
    for each in (wide, tall, loose):
        store.library.keep_preset(each)
    assert store.library.presets("Spring") == [tall, wide]
    assert store.library.presets(None) == [loose]
    assert store.library.presets("Winter") == []


def test_a_preset_is_overwritten_only_when_asked_and_put_back_after_a_slip(store: Store) -> None:
    first, second = preset("wide", "Spring", images=1), preset("wide", "Spring", images=4)
    store.library.keep_preset(first)
    with pytest.raises(NameTaken):
        store.library.keep_preset(second)
    assert store.library.presets("Spring") == [first]
    store.library.keep_preset(second, replace=True)
    assert store.library.presets("Spring") == [second]
    gone = store.library.delete_preset(second.id)
    assert (store.library.presets("Spring"), store.library.delete_preset(second.id)) == ([], None)
    store.library.keep_preset(gone)
    assert store.library.presets("Spring") == [second]


@pytest.mark.parametrize(
    ("asked", "images", "told"),
    [
        (Generation("", aspect_ratio="7:1"), 1, "Aspect ratio: Choose one of"),
        (Generation("", resolution="8K"), 1, "Resolution: Choose one of"),
        (Generation("", output_format="gif"), 1, "Output format: Choose one of"),
        (Generation(""), 0, "Images: Choose from 1 to"),
        (Generation(""), 1_000_000, "Images: Choose from 1 to"),
    ],
)
def test_settings_that_the_service_does_not_take_are_no_preset(
    studio: Studio, asked: Generation, images: int, told: str
) -> None:
    with pytest.raises(NothingSpent) as caught:
        studio.library.save_preset(None, "wide", asked, images, "Ann")
    assert caught.value.detail.startswith(f"These settings can't be used. {told}")
    assert studio.library.presets(None) == []


# -- the prompts that were sent


def test_former_prompts_come_newest_first_each_once(store: Store, sent: Send) -> None:
    for prompt, person, images in (("a", "Ann", 8), ("b", "Ben", 1), ("c", "Ann", 1), ("a", "Ben", 2)):
        sent(prompt, person, images)
    found = store.library.prompts()
    assert [(past.prompt, past.person, past.times) for past in found] == [
        ("a", "Ben", 2),
        ("c", "Ann", 1),
        ("b", "Ben", 1),
    ]
    assert [past.at for past in found] == sorted((past.at for past in found), reverse=True)
    assert [(past.prompt, past.times) for past in store.library.prompts(person="Ann")] == [("c", 1), ("a", 1)]
    assert [past.prompt for past in store.library.prompts(person="Ben", limit=1)] == ["a"]
    assert store.library.prompts(person="Cem") == []


def test_a_search_among_former_prompts_takes_nothing_for_a_pattern(store: Store, sent: Send) -> None:
    for prompt in ("100 % wool", "a_b", "aXb", "Fog at DAWN", "Äpfel"):
        sent(prompt)
    searches = {"%": ["100 % wool"], "a_b": ["a_b"], "dawn fog": ["Fog at DAWN"], "äpfel": ["Äpfel"], "zebra": []}
    assert {search: [past.prompt for past in store.library.prompts(search)] for search in searches} == searches


def test_prompts_far_back_are_found_and_those_of_one_press_count_once(store: Store, sent: Send) -> None:
    sent("the first of all", images=3)
    sent("the second", images=2)
    fill(store, 5000)
    assert [past.prompt for past in store.library.prompts("first")] == ["the first of all"]
    assert store.library.prompts(limit=5)[3:] == [
        PastPrompt("the second", "Ann", store.library.prompts("second")[0].at, 1),
        PastPrompt("the first of all", "Ann", store.library.prompts("first")[0].at, 1),
    ]
    assert [past.prompt for past in store.library.prompts(person="Ann")] == ["the second", "the first of all"]


def test_jobs_of_one_moment_are_walked_through_however_many_they_are(store: Store, sent: Send) -> None:
    sent("before them all")
    fill(store, 5000, step_s=0)
    found = store.library.prompts(limit=10)
    assert [past.prompt for past in found] == ["filler 0", "filler 1", "filler 2", "before them all"]
    assert [past.times for past in found] == [1667, 1667, 1666, 1]


@SQLITE
def test_former_prompts_and_projects_are_quick_among_thirty_thousand_jobs(store: Store) -> None:
    fill(store, 30_000, different=6_000)
    # To look at each job once would be more than 200.
    assert 0 < work(store, lambda: store.library.prompts() and store.library.prompts(person="Ben")) < 150
    assert work(store, lambda: store.library.prompts(person="Ann")) < 5
    assert work(store, lambda: store.library.projects()) < 10
    assert len(store.library.prompts()) == len(store.library.projects()) == 30


def work(store: Store, call: Callable[[], object]) -> int:
    """Return what a call costs in SQLite's own measure, thousands of instructions, which no busy machine makes larger."""
    ticks = itertools.count()
    with store.database.read() as db:
        db.connection.driver_connection.set_progress_handler(lambda: next(ticks) and 0, 1000)
    call()
    return next(ticks)


def fill(store: Store, count: int, step_s: float = 1.0, different: int = 3) -> None:
    """Write many jobs of Ben's at once, newer than all others."""
    same = {"person": "Ben", "state": "done", "aspect_ratio": "1:1", "resolution": "1K", "output_format": "png"}
    rows = [
        same
        | {
            "id": f"{number:032x}",
            "submit_id": f"fill-{number}",
            "variant": 1,
            "prompt": f"filler {number % different}",
        }
        | {"created_at": NOW + 1_000_000 + number * step_s, "project": f"project {number % 30}"}
        for number in range(count)
    ]
    with store.database.write() as db:
        db.execute(insert(jobs), rows)


# -- drafts


def test_a_draft_is_kept_under_its_id_and_replaced_by_the_next(store: Store, other: Store) -> None:
    assert store.library.draft("mine") is None
    store.library.keep_draft("mine", "[1]")
    store.library.keep_draft("yours", "[2]")
    other.library.keep_draft("mine", "[3]")
    assert (store.library.draft("mine"), store.library.draft("yours")) == ("[3]", "[2]")
    at_once(*(partial(one.library.keep_draft, "new", "[4]") for one in (store, other) * 3))
    assert store.library.draft("new") == "[4]"


def test_a_draft_of_last_month_is_gone_with_the_next_start(store: Store) -> None:
    for name, content, age_s in (("old", "[1]", DRAFT_LIFE_S + 60), ("young", "[2]", DRAFT_LIFE_S - 3600)):
        store.library.keep_draft(name, content)
        with store.database.write() as db:
            db.execute(update(drafts).where(drafts.c.id == name).values(changed_at=time.time() - age_s))
    assert store.library.draft("old") == "[1]"
    store.open()
    assert (store.library.draft("old"), store.library.draft("young")) == (None, "[2]")
