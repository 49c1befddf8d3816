"""The JSON from which pages draw what changes by itself, over real sockets."""

import io
import json
import time
from collections.abc import Iterator

import pytest
import requests
from websockets.sync.client import connect

from kie.history.query import Query
from kie.jobs import State
from kie.studio import Studio
from kie.web import api
from tests.support.images import picture
from tests.support.jobs import ended, submit
from tests.support.site import served
from tests.support.waiting import until


@pytest.fixture
def site(studio: Studio) -> Iterator[str]:
    """The routes of a studio at work, on a socket of their own."""
    with served(studio) as url:
        yield url


def get(site: str, name: str, **params: object) -> requests.Response:
    return requests.get(f"{site}/api/{name}", params=params, timeout=20)


def texts_of(row: dict) -> list[str]:
    return [item["prompt"] for group in row["groups"] for item in group["items"]]


def test_jobs_are_given_by_ids_with_the_rest_of_their_press_and_by_person_since_a_time(
    studio: Studio, site: str
) -> None:
    before = time.time()
    first, _ = (
        studio.jobs.get_many([job.id for job in studio.jobs.get_many([submit(studio, "a boat", images=2).id])]) * 2
    )
    other, later = submit(studio, "a kite", person="Ben"), time.time()
    assert texts_of(get(site, "jobs", ids=first.id).json()) == ["a boat"] * 2
    assert texts_of(get(site, "jobs", ids=f"{first.id},{other.id}").json()) == ["a kite", "a boat", "a boat"]
    assert texts_of(get(site, "jobs", person="Ben", since=before).json()) == ["a kite"]
    assert texts_of(get(site, "jobs", person="Ben", since=later).json()) == []
    assert texts_of(get(site, "jobs", ids=first.id, without=first.id).json()) == ["a boat"]
    assert texts_of(get(site, "jobs", ids="nobody,,'; DROP TABLE jobs", since="yesterday").json()) == []


@pytest.mark.parametrize("name", ["jobs", "references", "status", "news"])
def test_what_has_not_changed_is_answered_without_a_body(site: str, name: str) -> None:
    asked = {"list": "account", "mark": "x"} if name == "news" else {}
    seen = get(site, name, **asked).json()["seen"]
    until(lambda: get(site, name, **asked, seen=get(site, name, **asked).json()["seen"]).status_code == 204)
    again = get(site, name, **asked, seen="another")
    assert (again.status_code, again.headers["cache-control"]) == (200, "no-store")
    assert len(seen) == 16


def test_a_clock_that_goes_on_is_no_change_and_a_star_is(studio: Studio, site: str) -> None:
    job = submit(studio, "sandbox: slow, a boat")
    until(lambda: studio.jobs.get(job.id).state == State.RUNNING)

    def row() -> dict:
        return get(site, "jobs", ids=job.id).json()

    assert row()["groups"][0]["items"][0]["elapsed"] >= 0
    seen = until(lambda: get(site, "jobs", ids=job.id, seen=(now := row()["seen"])).status_code == 204 and now)
    studio.annotations.star([job.id], "Ann")
    assert get(site, "jobs", ids=job.id, seen=seen).status_code == 200


def test_a_deleted_picture_is_shown_in_the_history_and_no_longer_in_the_feed(studio: Studio, site: str) -> None:
    job = ended(studio, submit(studio, "a boat"))
    studio.annotations.bin([job.id], "Ann")
    [[in_feed]] = [group["items"] for group in get(site, "jobs", ids=job.id).json()["groups"]]
    in_history = get(site, "job", id=job.id).json()["item"]
    assert (in_feed["label"], in_feed["thumbnail"], in_feed["picture"]) == ("In the bin", None, None)
    assert [badge["text"] for badge in in_history["badges"]] == ["In the bin"]
    assert [action["id"] for action in in_history["actions"]] == ["restore", "copy"]
    assert requests.get(site + in_history["thumbnail"], timeout=20).headers["content-type"].startswith("image/")


def test_references_say_what_their_tiles_show(studio: Studio, site: str) -> None:
    kept = studio.references.add("a.png", io.BytesIO(picture()))
    until(lambda: not get(site, "references", ids=kept.id).json()["items"][0]["isWaiting"])
    known, gone = get(site, "references", ids=f"{kept.id},nobody").json()["items"]
    assert (known["name"], known["problem"]) == ("a.png", None)
    assert requests.get(site + known["thumbnail"], timeout=10).status_code == 200
    assert "no longer on this server" in gone["problem"]


def test_the_status_has_the_credits_with_their_age_and_what_is_reserved(studio: Studio, site: str) -> None:
    until(studio.credits.balance)
    row = get(site, "status", zone="Europe/Berlin").json()
    assert (row["balance"], row["free"], row["reserved"], row["breaker"], row["attention"]) == (1000, 1000, 0, None, 0)
    assert row["now"] - row["read_at"] < 60
    submit(studio, "sandbox: slow, a boat")
    until(lambda: get(site, "status").json()["reserved"] == 18)
    assert [price["credits"] for price in row["prices"]] == [18, 18, 24]
    assert get(site, "status", zone="Nowhere/Else").status_code == 200


def test_news_count_what_a_list_does_not_show_yet(studio: Studio, site: str) -> None:
    ended(studio, submit(studio, "a boat"))
    shown = studio.search.page(Query(), 1, 50).jobs
    asked = {"list": "history", "mark": api.history_mark(shown), "page": 1, "size": 50, "total": len(shown)}
    assert get(site, "news", **asked).json() | {"seen": ""} == {"new": 0, "changed": False, "seen": ""}
    ended(studio, submit(studio, "a kite"))
    assert get(site, "news", **asked).json()["new"] == 1
    assert get(site, "news", **asked, q="boat").json()["new"] == 0
    studio.annotations.star([shown[0].id], "Ann")
    assert get(site, "news", **asked, q="boat").json()["changed"]
    for number in ("many", "-1", "inf", "nan", "1e300", "9" * 30):
        assert get(site, "news", **asked | {"page": number, "size": number, "total": number}).status_code == 200
    assert get(site, "news", **asked | {"colour": "blue"}).status_code == 200


def test_a_change_is_told_and_what_is_asked_then_shows_it(studio: Studio, site: str) -> None:
    with connect(site.replace("http", "ws") + "/events", origin=site) as line:
        assert "everything" in json.loads(line.recv(timeout=20))["changes"]
        job = submit(studio, "a boat", person="Ben")
        until(lambda: "person:Ben" in json.loads(line.recv(timeout=20))["changes"])
        assert texts_of(get(site, "jobs", ids=job.id).json()) == ["a boat"]


@pytest.mark.parametrize("name", ["jobs", "references", "status", "news"])
def test_other_hosts_are_refused_and_nothing_is_written(site: str, name: str) -> None:
    url = f"{site}/api/{name}"
    assert requests.get(url, headers={"Host": "evil.example"}, timeout=10).status_code == 400
    assert requests.post(url, headers={"Origin": "http://evil.example"}, timeout=10).status_code == 403
    assert requests.post(url, headers={"Origin": site}, timeout=10).status_code == 405
    answer = requests.get(url, timeout=10)
    assert (answer.headers["x-content-type-options"], answer.headers["x-frame-options"]) == ("nosniff", "DENY")
