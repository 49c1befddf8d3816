"""Signed addresses: the same within the hour, at an end after a day, and nobody else can make one."""

import pytest
from itsdangerous import URLSafeSerializer

from kie.signed_urls import PREFIX, SignedUrls

JOB = "0123456789abcdef" * 2
HOUR = 3600
NOON = 1_790_000_000 // HOUR * HOUR


class Clock:
    """A clock that stands until it is moved on. It begins at a full hour."""

    def __init__(self) -> None:
        self.now = float(NOON)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def links(clock: Clock) -> SignedUrls:
    return SignedUrls("a secret", clock)


def token(address: str) -> str:
    assert address.startswith(PREFIX)
    return address.removeprefix(PREFIX)


def test_a_link_leads_to_what_it_was_made_for(links: SignedUrls):
    for kind in ("picture", "thumbnail"):
        assert links.read(token(links.address(kind, JOB))) == (kind, JOB)


def test_an_address_is_the_only_relative_one_that_a_picture_on_a_page_may_have(links: SignedUrls):
    address = links.address("picture", JOB)
    assert address.startswith("/app/static/")
    assert "/" not in token(address)
    assert address.isascii()


def test_links_that_are_made_now_work_now():
    links = SignedUrls("a secret")
    assert links.read(token(links.address("picture", JOB))) == ("picture", JOB)


def test_a_link_is_the_same_within_the_hour_so_that_browsers_keep_the_picture(links: SignedUrls, clock: Clock):
    first = links.address("picture", JOB)
    clock.now += HOUR - 0.001
    assert links.address("picture", JOB) == first
    clock.now = NOON + HOUR
    assert links.address("picture", JOB) != first


def test_a_link_outlives_a_restart(links: SignedUrls, clock: Clock):
    assert SignedUrls("a secret", clock).address("picture", JOB) == links.address("picture", JOB)


def test_a_link_ends_after_a_day(links: SignedUrls, clock: Clock):
    made, asked = token(links.address("picture", JOB)), links.download_token(["one", JOB])
    clock.now += 24 * HOUR - 0.001
    assert (links.read(made), links.read_download(asked)) == (("picture", JOB), ["one", JOB])
    for later in (NOON + 24 * HOUR, NOON + 366 * 24 * HOUR):
        clock.now = later
        assert (links.read(made), links.read_download(asked)) == (None, None)


@pytest.mark.parametrize("back_s", [1, 90, HOUR, HOUR + 90, 2 * HOUR, 23 * HOUR])
def test_links_work_after_the_clock_was_set_back(links: SignedUrls, clock: Clock, back_s: float):
    picture, asked = token(links.address("picture", JOB)), links.download_token(["one", JOB])
    clock.now -= back_s
    assert (links.read(picture), links.read_download(asked)) == (("picture", JOB), ["one", JOB])


def test_a_link_of_a_clock_that_was_a_day_ahead_is_refused(links: SignedUrls, clock: Clock):
    picture, asked = token(links.address("picture", JOB)), links.download_token(["one", JOB])
    clock.now -= 24 * HOUR
    assert (links.read(picture), links.read_download(asked)) == (None, None)


def test_links_differ_by_kind_owner_and_secret(links: SignedUrls, clock: Clock):
    others = [
        links.address("picture", JOB),
        links.address("thumbnail", JOB),
        links.address("picture", JOB[::-1]),
        SignedUrls("another secret", clock).address("picture", JOB),
    ]
    assert len(set(others)) == len(others)


def test_a_link_that_was_signed_with_another_secret_or_for_something_else_is_refused(links: SignedUrls, clock: Clock):
    hour = NOON // HOUR
    assert links.read(URLSafeSerializer("a secret", salt="picture").dumps(["picture", JOB, hour])) is not None
    assert links.read(token(SignedUrls("another secret", clock).address("picture", JOB))) is None
    assert links.read(URLSafeSerializer("a secret").dumps(["picture", JOB, hour])) is None
    assert links.read(URLSafeSerializer("a secret", salt="session").dumps(["picture", JOB, hour])) is None


def test_a_link_with_any_character_changed_is_refused(links: SignedUrls):
    made = token(links.address("picture", JOB))
    for place, character in enumerate(made):
        changed = made[:place] + ("A" if character != "A" else "B") + made[place + 1 :]
        # The last character of a signature holds a few bits that are not used.
        assert links.read(changed) is None or place == len(made) - 1


@pytest.mark.parametrize(
    "forged",
    [
        "",
        ".",
        "..",
        "../../studio.sqlite3",
        JOB,
        f"picture.{JOB}",
        "WyJwaWN0dXJlIl0.",
        ".eJyrVgIAALkAsg.x",
        "a.b.c",
        "ü.ü",
        "\ud800",
        "\0",
        "x" * 100_000,
    ],
)
def test_what_nobody_signed_is_refused(links: SignedUrls, forged: str):
    assert links.read(forged) is None
