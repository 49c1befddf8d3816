"""The table of faults: what fails × when × how it must end. Each row is held against the ledger, the rows, the files and the card.

create      refused → failed, nothing made | lost → unsure, found again, one picture | not now → sent later
record      whatever a look says or doesn't: one paid request, one picture
upload      tried again, what is up stays up; at last failed, nothing made
result      fetched again until it is whole
"""

import threading
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from kie import errors
from kie.jobs import Job, State
from kie.settings import ROOT, Settings
from kie.studio import Studio
from kie.timing import Timing
from kie.views import feed
from tests.support.fake_service import (
    HTML,
    PRICE,
    Behaviour,
    Rogue,
    acting,
    cut,
    drip,
    half,
    hang_up,
    held,
    normal,
    raw,
    redirect,
    says,
    silent,
    slow,
    status,
    told,
)
from tests.support.forms import galleries
from tests.support.images import picture
from tests.support.jobs import (
    HASTE_S,
    add_reference,
    ended,
    leftovers,
    quick,
    submit,
    timed,
    until_problem,
    until_state,
)
from tests.support.postgresql import BOTH
from tests.support.texts import texts
from tests.support.waiting import until

NO_JSON = b"<html>busy</html>"
JSON_500 = b'{"code": 500, "msg": "Internal error", "data": null}'

REFUSALS: dict[str, tuple[Behaviour, str]] = {
    "code 400": (says(400, "bad request"), "Refused"),
    "code 401": (says(401, "unauthorized"), "KeyRefused"),
    "code 402": (says(402, "Credits insufficient"), "CreditsShort"),
    "code 404": (says(404, "not found"), "Refused"),
    "code 405": (says(405, "method"), "Refused"),
    "code 422": (says(422, "This field is required"), "Refused"),
    "code 429 for credits": (says(429, "Insufficient credits"), "CreditsShort"),
    "code 433": (says(433, "limit of this key"), "ServicePaused"),
    "code 455": (says(455, "maintenance"), "ServicePaused"),
    "code 505": (says(505, "switched off"), "ServicePaused"),
    "HTTP 401 and code 401": (says(401, "unauthorized", http=401), "KeyRefused"),
    "HTTP 402 and code 402": (says(402, "Credits insufficient", http=402), "CreditsShort"),
    "HTTP 500 and code 402": (says(402, "Credits insufficient", http=500), "CreditsShort"),
    "HTTP 403 of the network": (status(403, NO_JSON), "Blocked"),
}
LOSSES: dict[str, Behaviour] = {
    "code 408": says(408, "no result"),
    "code 500": says(500, "Internal error"),
    "code 500, a field": says(500, "This field is required"),
    "code 501": says(501, "generation failed"),
    "code 599": says(599, "who knows"),
    "code that is no number": says("oops"),
    "HTTP 500 with JSON": status(500, JSON_500),
    "HTTP 500 with HTML": status(500, HTML),
    "HTTP 500 with nothing": status(500),
    "HTTP 502 with JSON": status(502, JSON_500),
    "HTTP 502 with HTML": status(502, HTML),
    "HTTP 502 with nothing": status(502),
    "HTTP 503 with JSON": status(503, JSON_500),
    "HTTP 503 with HTML": status(503, HTML),
    "HTTP 503 with nothing": status(503),
    "HTTP 200 with HTML": status(200, HTML),
    "HTTP 200 with nothing": status(200),
    "a success without data": says(200),
    "a success without a task id": says(200, data={}),
    "a success with an empty task id": says(200, data={"taskId": ""}),
    "a success that HTTP denies": says(200, data={"taskId": "task-x"}, http=500),
    "a reset connection": cut,
    "a closed connection": hang_up,
    "a time-out": silent,
    "a reply that drips": drip(),
    "bytes that are no HTTP": raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a redirect": redirect("/elsewhere"),
}
LOOKS: dict[str, Behaviour] = {
    "HTTP 500": status(500),
    "HTTP 502 with HTML": status(502, HTML),
    "HTTP 503 with JSON": status(503, JSON_500),
    "HTTP 429": status(429),
    "HTTP 404": status(404, HTML),
    "code 401": says(401, "unauthorized"),
    "code 402": says(402),
    "code 408": says(408),
    "code 422": says(422, "something else"),
    "code 429": says(429),
    "code 433": says(433),
    "code 455": says(455),
    "code 500": says(500, "Internal error"),
    "code 505": says(505),
    "recordInfo is null": says(422, "recordInfo is null"),
    "no data": says(200, data=None),
    "data that is a list": says(200, data=[1]),
    "a reset connection": cut,
    "a closed connection": hang_up,
    "half a reply": half,
    "a reply that drips": drip(),
    "HTTP 200 with HTML": status(200, HTML),
    "a redirect": redirect("/elsewhere"),
    "a time-out": silent,
    "an unknown state": told(state="dreaming", resultJson=""),
    "no state": told(state=None, resultJson=""),
    "waiting": told(state="waiting", resultJson=""),
    "queuing": told(state="queuing", resultJson=None),
    "success without a result": told(resultJson=""),
    "a failure that is none": told(state="failed"),
    "success with null": told(resultJson=None),
    "success with broken JSON": told(resultJson='{"resultUrls": ["http'),
    "success with an empty list": told(resultJson='{"resultUrls": []}'),
    "success with numbers": told(resultJson='{"resultUrls": [7]}'),
    "success with a list": told(resultJson="[]"),
    "a time-out that is taken back": told(state="fail", failCode="524", failMsg="generate task timeout"),
}
RESULTS: dict[str, Behaviour] = {
    "HTTP 404": status(404),
    "HTTP 403": status(403, HTML),
    "HTTP 500": status(500),
    "HTML in place of a picture": status(200, HTML),
    "nothing": status(200),
    "half a picture": half,
    "a longer promise than picture": status(200, picture(), **{"Content-Length": "99999"}),
    "a picture that is cut off": status(200, picture(size=(400, 400))[:300]),
    "a GIF": status(200, picture("GIF")),
    "a reset connection": cut,
    "a closed connection": hang_up,
    "a reply that drips": drip(),
    "a time-out": silent,
    "a redirect to a file": redirect("file:///etc/passwd"),
    "a redirect for ever": redirect("/results/again.png"),
    "300 MB": status(200, b"", **{"Content-Length": str(300 * 2**20)}),
}
UPLOADS: dict[str, Behaviour] = {
    "HTTP 500": status(500),
    "HTTP 502 with HTML": status(502, HTML),
    "code 400": says(400, "Missing required parameter: uploadPath"),
    "code 405": says(405),
    "code 500": says(500),
    "no address": says(200, data={}),
    "an address that is none": says(200, data={"downloadUrl": "ftp://x"}),
    "a reset connection": cut,
    "a closed connection": hang_up,
    "half a reply": half,
    "a time-out": silent,
}

RETRIED = {"sends_window_s": 0.3, "first_pause_s": 0.05}
# Replies that never end.
ENDLESS = ("a time-out", "a reply that drips", "a longer promise than picture", "300 MB")


@pytest.fixture
def fault() -> str:
    """The fault of a row of the table; elsewhere none."""
    return ""


@pytest.fixture
def timing(fault: str) -> Timing:
    return quick(**RETRIED, **({"reply_s": HASTE_S} if fault in ENDLESS else {}))


def show(job_id: str) -> None:
    """A page with one job's card, as Generate shows it."""
    from kie.session import SessionJobs
    from pages.parts.composer import form_state
    from pages.parts.gallery import session_feed

    form_state.begin()
    form_state.session.setdefault("person", "Nobody")
    SessionJobs(form_state.session).add([job_id])
    session_feed.show()


def page(job: Job) -> str:
    """Everything that the card of a job says, on a page that shows it."""
    shown = AppTest.from_function(show, args=(job.id,)).run(timeout=30)
    assert not shown.exception
    [gallery] = galleries(shown)
    return "\n".join(texts(gallery["groups"]))


def card(job: Job) -> str:
    """Everything that the card of a job says, as it is handed to the page."""
    return "\n".join(texts(feed.feed(Studio.current(), [job], None)["groups"]))


def account_page() -> str:
    """Every warning on the Account page, and the label of every button."""
    shown = AppTest.from_file(str(ROOT / "pages" / "frame.py")).switch_page("account.py").run(timeout=20)
    assert not shown.exception
    return "\n".join([*(str(element.value) for element in shown.warning), *(button.label for button in shown.button)])


def assert_paid_once_and_here(studio: Studio, settings: Settings, rogue: Rogue, job: Job) -> None:
    now = ended(studio, job)
    assert (now.state, now.problem, now.credits) == (State.DONE, None, PRICE)
    assert studio.exports.file(now).read_bytes() == rogue.picture
    assert len(rogue.requests("create")) == len(rogue.tasks) == 1
    assert studio.jobs.needing_attention() == []
    assert leftovers(settings) == []
    assert "18 credits" in card(now)


def assert_nothing_spent(studio: Studio, settings: Settings, rogue: Rogue, job: Job, problem: str) -> None:
    now = ended(studio, job)
    assert (now.state, now.problem, now.task_id, now.file) == (State.FAILED, problem, None, None)
    assert rogue.tasks == {}
    assert studio.jobs.needing_attention() == []
    assert leftovers(settings) == []
    assert errors.sentence(problem) in (told := card(now))
    assert "Not charged." in told


def references(studio: Studio, count: int) -> tuple[str, ...]:
    return tuple(add_reference(studio, colour) for colour in ("red", "green", "blue")[:count])


MOMENTS = {"alone": 0, "with references": 2}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("fault", REFUSALS)
def test_a_refusal_costs_nothing_and_is_told(
    studio: Studio, settings: Settings, rogue: Rogue, fault: str, moment: str
) -> None:
    behaviour, problem = REFUSALS[fault]
    rogue.plan("create", behaviour)
    job = submit(studio, references=references(studio, MOMENTS[moment]))
    assert_nothing_spent(studio, settings, rogue, job, problem)
    assert len(rogue.requests("create")) == 1
    assert all((studio.jobs.get(job.id).fail_code, studio.jobs.get(job.id).fail_message))
    assert until(studio.credits.free) == 1000


@pytest.mark.parametrize("fault", LOSSES)
def test_after_a_lost_reply_a_task_is_found_or_settled_by_a_person_and_never_sent_again(
    studio: Studio, settings: Settings, rogue: Rogue, fault: str
) -> None:
    rogue.plan("create", acting(LOSSES[fault]), LOSSES[fault])
    made = ended(studio, submit(studio))
    assert (made.state, made.problem, made.task_id) == (State.UNSURE, "Unsure", None)
    assert [one.id for one in studio.jobs.needing_attention()] == [made.id]
    assert "Review in Account" in card(made)
    studio.attention.link_task(made.id, next(iter(rogue.tasks)))
    assert_paid_once_and_here(studio, settings, rogue, made)

    not_made = ended(studio, submit(studio))
    assert (not_made.state, not_made.problem) == (State.UNSURE, "Unsure")
    studio.attention.mark_not_run(not_made.id)
    now = studio.jobs.get(not_made.id)
    assert (now.state, now.problem, now.credits) == (State.FAILED, "NeverRan", 0)
    assert (len(rogue.requests("create")), len(rogue.tasks), studio.jobs.needing_attention()) == (2, 1, [])
    assert errors.sentence("NeverRan") in card(now)


def test_a_lost_reply_is_told_on_the_account_page(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", status(500))
    ended(studio, submit(studio))
    assert errors.sentence("Unsure") in account_page()


@pytest.mark.parametrize("fault", LOOKS)
def test_a_look_that_fails_before_and_after_it_runs_loses_nothing_and_pays_nothing(
    studio: Studio, settings: Settings, rogue: Rogue, fault: str
) -> None:
    rogue.plan("record", LOOKS[fault], told(state="generating", resultJson=""), LOOKS[fault])
    assert_paid_once_and_here(studio, settings, rogue, submit(studio))


@timed(**RETRIED, reply_s=HASTE_S)
def test_all_failed_looks_in_a_row_lose_nothing_either(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    rogue.plan("record", *LOOKS.values())
    assert_paid_once_and_here(studio, settings, rogue, submit(studio))


@pytest.mark.parametrize("fault", RESULTS)
def test_a_picture_that_can_not_be_had_twice_is_fetched_again(
    studio: Studio, settings: Settings, rogue: Rogue, fault: str
) -> None:
    requests = 6 if "for ever" in fault else 1
    rogue.plan("result", *(RESULTS[fault],) * 2 * requests)
    assert_paid_once_and_here(studio, settings, rogue, submit(studio))


@pytest.mark.parametrize("fault", UPLOADS)
def test_an_upload_that_fails_for_good_costs_nothing_and_else_is_tried_again_while_the_others_stay_up(
    studio: Studio, settings: Settings, rogue: Rogue, fault: str
) -> None:
    rogue.plan("upload", always=UPLOADS[fault])
    job = submit(studio, references=references(studio, 1))
    assert_nothing_spent(studio, settings, rogue, job, "UploadFailed")
    assert (len(rogue.requests("upload")), rogue.requests("create")) == (3, [])
    assert studio.jobs.get(job.id).sent_at is None
    assert studio.credits.free() == 1000

    rogue.plan("upload", UPLOADS[fault], normal, UPLOADS[fault])  # The first of three fails, and then the second.
    job = submit(studio, references=references(studio, 3))
    assert_paid_once_and_here(studio, settings, rogue, job)
    assert len(rogue.requests("upload")) == 3 + 5


@BOTH
def test_a_slow_reply_is_waited_for(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    rogue.plan("create", slow(0.3))
    assert_paid_once_and_here(studio, settings, rogue, submit(studio))


@pytest.mark.parametrize("host", ["http://127.0.0.1:1", "http://no-such-host.invalid"], ids=["refused", "no name"])
def test_a_service_that_can_not_be_reached_costs_nothing(settings: Settings, host: str) -> None:
    with Studio(replace(settings, api_url=host, upload_url=host)) as studio:
        job = ended(studio, submit(studio))
        assert (job.state, job.problem) == (State.FAILED, "Unreachable")
        assert errors.sentence("Unreachable") in page(job)
        assert (studio.credits.balance(), studio.credits.free()) == (None, None)


@timed(**RETRIED, unseen_s=0.1)
def test_a_task_that_is_never_seen_is_told_and_still_looked_for(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", always=says(422, "recordInfo is null"))
    job = submit(studio)
    until_state(studio, job, State.RUNNING)
    until_problem(studio, job, "TaskNotFound")
    assert studio.jobs.needing_attention() == []
    assert errors.sentence("TaskNotFound") in page(studio.jobs.get(job.id))
    rogue.plan("record")
    assert ended(studio, job).state == State.DONE


@timed(**RETRIED, timeout_polls=10_000)
def test_while_a_time_out_may_be_taken_back_the_card_does_not_say_that_nothing_was_spent(
    studio: Studio, settings: Settings, rogue: Rogue
) -> None:
    rogue.plan("record", always=told(state="fail", failCode="524", failMsg="generate task timeout", creditsConsumed=0))
    job = until_problem(studio, submit(studio), "TimedOutThere")
    said = card(job)
    assert "May have been charged" in said and "about 18 credits" in said
    assert "nothing spent" not in said and "no credits" not in said
    assert studio.jobs.needing_attention() == []
    rogue.plan("record")
    assert_paid_once_and_here(studio, settings, rogue, job)


@timed(**RETRIED, polls=3, polls_after_start=3)
def test_what_only_a_person_can_bring_here_is_said_on_the_card_with_the_way_to_account(
    studio: Studio, rogue: Rogue
) -> None:
    goes_on = threading.Event()
    rogue.plan("result", status(404), held(goes_on, status(404)), always=status(404))
    job = submit(studio)
    said = card(until_problem(studio, job, "PictureNotFetched"))
    assert errors.sentence("PictureNotFetched") in said
    assert "Review in Account" not in said
    goes_on.set()
    said = card(until_problem(studio, job, "NotFetchedForADay"))
    assert errors.sentence("NotFetchedForADay") in said
    assert "Review in Account" in said
    account = account_page()
    assert errors.sentence("NotFetchedForADay") in account
    assert "Download again" in account


@timed(polls=3, polls_after_start=3)
def test_a_task_without_a_result_for_a_day_is_said_on_the_card_with_the_way_to_account(
    studio: Studio, rogue: Rogue
) -> None:
    rogue.plan("record", always=told(state="generating"))
    said = card(until_problem(studio, submit(studio), "SilentForADay"))
    assert errors.sentence("SilentForADay") in said
    assert "Review in Account" in said
    account = account_page()
    assert errors.sentence("SilentForADay") in account
    assert "Check again" in account


@BOTH
def test_a_file_deleted_by_hand_is_fetched_again_at_the_next_start(settings: Settings, rogue: Rogue) -> None:
    with Studio(settings) as studio:
        job = ended(studio, submit(studio))
        studio.exports.file(job).unlink()
    with Studio(settings) as studio:
        until(lambda: studio.exports.file(studio.jobs.get(job.id)))
        assert_paid_once_and_here(studio, settings, rogue, job)
