"""Pictures that are less than was paid for: the mark on the card, the filter, and the credits concerned."""

import pytest

from kie.history.query import Query
from kie.jobs import Job, State
from kie.store import Store
from kie.store.conditions import shortfall
from tests.support.rows import NOW, ask, bring, found_ids, job_in

LESS = {
    "a small square instead of a large wide PNG": (
        ("16:9", "4K", "png", 1024, 1024, "png"),
        "1024 × 1024 pixels instead of 4K (4096 on the longer side), this shape instead of 16:9",
    ),
    "JPEG instead of PNG": (("1:1", "1K", "png", 1024, 1024, "jpeg"), "JPEG instead of PNG"),
    "WebP instead of PNG": (("1:1", "1K", "png", 1024, 1024, "webp"), "WEBP instead of PNG"),
    "WebP instead of JPG": (("1:1", "1K", "jpg", 1024, 1024, "webp"), "WEBP instead of JPG"),
    "another shape": (("16:9", "2K", "png", 2048, 2048, "png"), "2048 × 2048 pixels instead of 16:9"),
    "upright instead of wide": (("16:9", "1K", "png", 768, 1376, "png"), "768 × 1376 pixels instead of 16:9"),
    "2K instead of 4K": (
        ("21:9", "4K", "png", 3168, 1344, "png"),
        "3168 × 1344 pixels instead of 4K (4096 on the longer side)",
    ),
    "1K instead of 2K, of any shape": (
        ("auto", "2K", "jpg", 1376, 768, "jpeg"),
        "1376 × 768 pixels instead of 2K (2048 on the longer side)",
    ),
    "3 % smaller": (("1:1", "1K", "png", 993, 993, "png"), "993 × 993 pixels instead of 1K (1024 on the longer side)"),
    "3 % wider": (("1:1", "1K", "png", 1055, 1024, "png"), "1055 × 1024 pixels instead of 1:1"),
    "everything": (
        ("9:16", "4K", "png", 1024, 1024, "jpeg"),
        "1024 × 1024 pixels instead of 4K (4096 on the longer side), this shape instead of 9:16, JPEG instead of PNG",
    ),
}
AS_ASKED = {
    "the size of the sandbox": ("16:9", "4K", "png", 4096, 2304, "png"),
    "any shape": ("auto", "1K", "png", 700, 1030, "png"),
    "2 % smaller": ("1:1", "1K", "png", 1004, 1004, "png"),
    "2 % wider": ("1:1", "1K", "png", 1020, 1000, "png"),
    "2 % narrower": ("1:1", "1K", "png", 1078, 1100, "png"),
    "larger": ("1:1", "1K", "png", 4096, 4096, "png"),
    "JPEG for JPG": ("1:1", "1K", "jpg", 1024, 1024, "jpeg"),
    "PNG instead of JPG, which loses nothing": ("1:1", "1K", "jpg", 1024, 1024, "png"),
    # The sizes of the model, as its documentation has them for 1K.
    "2:3": ("2:3", "1K", "png", 848, 1264, "png"),
    "3:2": ("3:2", "2K", "png", 2528, 1696, "png"),
    "3:4": ("3:4", "1K", "png", 896, 1200, "png"),
    "4:5": ("4:5", "1K", "png", 928, 1152, "png"),
    "9:16": ("9:16", "4K", "png", 3072, 5504, "png"),
    "16:9": ("16:9", "1K", "png", 1376, 768, "png"),
    "21:9": ("21:9", "1K", "png", 1584, 672, "png"),
}


def delivered(
    store: Store, ratio: str, resolution: str, asked: str, width: int, height: int, kind: str, credits: float = 24.0
) -> Job:
    [job] = ask(store, aspect_ratio=ratio, resolution=resolution, output_format=asked)
    return bring(store, job, State.DONE, width=width, height=height, file_kind=kind, credits=credits)


@pytest.mark.parametrize(("given", "said"), LESS.values(), ids=LESS)
def test_a_picture_that_is_less_says_in_what(store: Store, given: tuple, said: str) -> None:
    job = delivered(store, *given)
    assert shortfall(job) == f"Less than was paid for: {said}."
    assert found_ids(store, Query(shortfall=True)) == [job.id]


@pytest.mark.parametrize("given", AS_ASKED.values(), ids=AS_ASKED)
def test_a_picture_as_it_was_asked_for_is_not_marked(store: Store, given: tuple) -> None:
    assert shortfall(delivered(store, *given)) is None
    assert store.search.count(Query(shortfall=True)) == 0


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.FETCHING, State.FAILED, State.UNSURE])
def test_a_job_without_a_picture_is_not_marked(store: Store, state: State) -> None:
    assert shortfall(job_in(store, state)) is None
    assert store.search.count(Query(shortfall=True, binned=None)) == 0


def test_the_filter_stands_in_the_address_and_has_its_count(store: Store) -> None:
    query = Query.from_params({"shortfall": "yes"})
    assert (query, query.to_params()) == (Query(shortfall=True), {"shortfall": "yes"})
    assert Query.from_params({"shortfall": "perhaps"}).ignored == ("shortfall=perhaps",)
    delivered(store, "1:1", "4K", "png", 1024, 1024, "png")
    delivered(store, "1:1", "1K", "png", 1024, 1024, "png")
    assert (store.search.count(query), store.search.facets(Query())["shortfall"]) == (1, [(True, 1)])


def test_the_credits_concerned_are_added_up_also_of_what_is_in_the_bin(store: Store) -> None:
    small = delivered(store, "1:1", "4K", "png", 1024, 1024, "png", credits=24.0)
    delivered(store, "1:1", "1K", "png", 1024, 1024, "jpeg", credits=18.5)
    delivered(store, "1:1", "1K", "png", 1024, 1024, "png", credits=18.0)
    store.annotations.bin([small.id], "Ann", NOW)
    concerned = store.search.summary(Query(shortfall=True, binned=None))
    assert (concerned.jobs, concerned.credits, concerned.unknown) == (2, 42.5, 0)
