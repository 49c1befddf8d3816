"""A job's whole life in a real studio, against a service that misbehaves: paid once, and never lost."""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from kie import looking, pace, tracker, turns
from kie.errors import NothingSpent
from kie.jobs import State
from kie.settings import Settings
from kie.studio import Studio
from tests.drawn import picture
from tests.lives import (
    assert_here,
    ended,
    hurry,
    leftovers,
    project,
    submit,
    until,
    until_problem,
    until_state,
)
from tests.rogue import (
    HTML,
    Behaviour,
    Exchange,
    Rogue,
    acting,
    cut,
    drip,
    half,
    hang_up,
    normal,
    redirect,
    says,
    silent,
    status,
    told,
)

SUCCESS_WITHOUT_URL = {"state": "success", "resultJson": ""}
TIME_OUT = told(state="fail", failCode="524", failMsg="generate task timeout", resultJson="", creditsConsumed=0)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


@pytest.fixture
def rogue() -> Iterator[Rogue]:
    with Rogue() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, rogue: Rogue) -> Settings:
    return project(tmp_path / "project", rogue.url)


def sql(settings: Settings, statement: str) -> None:
    with sqlite3.connect(settings.data_dir / "studio.sqlite3", timeout=15) as database:
        database.execute(statement)
    database.close()


# -- a life without accidents


def test_a_job_becomes_a_picture_on_the_disk(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    rogue.seconds = 0.2
    job = submit(studio)
    assert_here(studio, job, rogue)
    job = studio.job(job.id)
    assert [state for state, _ in studio.moves(job.id)] == [
        *(State.QUEUED, State.UPLOADING, State.SENDING, State.RUNNING, State.FETCHING, State.DONE)
    ]
    assert (job.task_id, job.duration_s, job.price_expected) == ("task-0001", 2.0, 18)
    assert (job.file_kind, job.width, job.height, job.file_bytes) == ("png", 96, 64, len(rogue.picture))
    assert job.created_at <= job.sent_at <= job.accepted_at <= job.ended_at
    assert until(lambda: studio.balance().credits == 982)
    assert studio.available() == 982
    assert leftovers(settings) == []


def test_the_kind_of_a_picture_is_taken_from_its_bytes(studio: Studio, rogue: Rogue) -> None:
    rogue.picture = picture("JPEG", (300, 200))
    job = ended(studio, submit(studio))
    assert (job.file_kind, studio.file(job).suffix, job.width, job.height) == ("jpeg", ".jpg", 300, 200)


def test_a_thumbnail_is_small(studio: Studio, rogue: Rogue) -> None:
    rogue.picture = picture(size=(2000, 1000))
    job = ended(studio, submit(studio))
    with Image.open(studio.open_link(studio.link("thumbnail", job.id).rpartition("/")[2]).path) as thumbnail:
        assert thumbnail.size == (512, 256)


def test_a_price_that_is_not_told_stays_unknown(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", always=told(creditsConsumed=None))
    job = ended(studio, submit(studio))
    assert (job.state, job.credits) == (State.DONE, None)


# -- references


def add(studio: Studio, settings: Settings, colour: str, name: str = "mine.png") -> str:
    path = settings.root / f"{colour}.png"
    path.write_bytes(picture(colour=colour))
    with path.open("rb") as stream:
        return studio.add_reference(name, stream).id


def sent_names(rogue: Rogue) -> list[list[str]]:
    """Return for each paid request the names of the references in it."""
    import json

    sent = [json.loads(seen.body)["input"]["image_input"] for seen in rogue.requests("create")]
    return [[url.rpartition("/")[2].removesuffix(".png") for url in urls] for urls in sent]


def test_references_go_along_in_order_and_go_up_once(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    used = tuple(add(studio, settings, colour) for colour in ("red", "blue", "green"))
    assert add(studio, settings, "red", "another name.png") == used[0]
    first, second = submit(studio, references=used), submit(studio, references=used[::-1])
    assert {ended(studio, job).state for job in (first, second)} == {State.DONE}
    assert ended(studio, submit(studio, references=used[:1])).state == State.DONE
    assert len(rogue.requests("upload")) == 3
    assert sorted(sent_names(rogue)) == sorted([[*used], [*used[::-1]], [used[0]]])


def test_an_upload_is_used_again_for_less_than_a_day(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    used = (add(studio, settings, "red"),)
    for age_h, uploads in ((0, 1), (19, 1), (21, 2), (-5, 3)):
        sql(settings, f'UPDATE "references" SET uploaded_at = unixepoch() - {age_h * 3600}')
        assert ended(studio, submit(studio, references=used)).state == State.DONE
        assert len(rogue.requests("upload")) == uploads


def test_another_upload_host_gets_its_own_upload(settings: Settings, rogue: Rogue, tmp_path: Path) -> None:
    with Studio(settings) as studio:
        used = (add(studio, settings, "red"),)
        ended(studio, submit(studio, references=used))
    with Rogue() as other, Studio(project(settings.root, rogue.url, KIE_UPLOAD_URL=other.url)) as studio:
        assert ended(studio, submit(studio, references=used)).state == State.DONE
        assert (len(rogue.requests("upload")), len(other.requests("upload"))) == (1, 1)


def test_an_upload_that_the_service_lost_is_made_again(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    used = (add(studio, settings, "red"),)
    message = "Image fetch failed. Check access settings or use our File Upload API instead."
    rogue.plan("record", told(state="fail", failCode="400", failMsg=message, resultJson="", creditsConsumed=0))
    assert ended(studio, submit(studio, references=used)).state == State.FAILED
    assert ended(studio, submit(studio, references=used)).state == State.DONE
    assert len(rogue.requests("upload")) == 2


@pytest.mark.parametrize("trouble", [cut, silent, half, status(502, HTML), says(500), says(200)])
def test_an_upload_is_tried_three_times(studio: Studio, settings: Settings, rogue: Rogue, trouble: Behaviour) -> None:
    used = (add(studio, settings, "red"),)
    rogue.plan("upload", trouble, trouble)
    assert_here(studio, submit(studio, references=used), rogue)
    assert len(rogue.requests("upload")) == 3


def test_without_its_references_a_job_is_never_sent(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    used = (add(studio, settings, "red"),)
    rogue.plan("upload", always=status(500))
    job = ended(studio, submit(studio, references=used))
    assert (job.state, job.problem, job.sent_at) == (State.FAILED, "UploadFailed", None)
    assert len(rogue.requests("upload")) == 3
    assert rogue.requests("create") == []
    assert studio.available() == 1000


def test_a_refused_key_is_not_tried_again(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    used = (add(studio, settings, "red"),)
    rogue.plan("upload", always=says(401, "Invalid API Key", http=401))
    assert ended(studio, submit(studio, references=used)).problem == "KeyRefused"
    assert len(rogue.requests("upload")) == 1


def test_a_reference_whose_file_is_gone_stops_the_job_before_it_is_paid(
    studio: Studio, settings: Settings, rogue: Rogue
) -> None:
    used = (add(studio, settings, "red"),)
    until(lambda: studio.references(used)[0].checked_at)
    shutil.rmtree(settings.data_dir / "references")
    job = ended(studio, submit(studio, references=used))
    assert (job.state, job.problem) == (State.FAILED, "FileRefused")
    assert "no longer on this server" in job.fail_message
    assert rogue.requests("create") == []


def test_a_picture_that_is_sent_while_it_is_still_checked_is_no_broken_one(
    studio: Studio, settings: Settings, rogue: Rogue
) -> None:
    jobs = []
    for number in range(12):
        path = settings.root / f"{number}.png"
        path.write_bytes(picture(size=(900 + number, 900)))
        with path.open("rb") as stream:
            jobs.append(submit(studio, references=(studio.add_reference("mine.png", stream).id,)))
    assert [ended(studio, job).problem for job in jobs] == [None] * 12


# -- the paid request


@pytest.mark.parametrize(
    "lost",
    [
        acting(cut),
        acting(hang_up),
        acting(silent),
        acting(drip()),
        acting(status(502, HTML)),
        acting(status(200)),
        acting(says(500, "Internal Error")),
        acting(says(200)),
        acting(redirect("/api/v1/jobs/createTask", 307)),
        half,
    ],
)
def test_a_lost_reply_never_sends_the_job_again_and_the_picture_is_found(
    settings: Settings, rogue: Rogue, lost: Behaviour
) -> None:
    rogue.plan("create", lost)
    with Studio(settings) as studio:
        job = ended(studio, submit(studio))
        assert (job.state, job.problem, job.task_id) == (State.UNSURE, "Unsure", None)
        assert [one.id for one in studio.attention()] == [job.id]
        assert job.id in studio.recent_ids("Ann")
    with Studio(settings) as studio:
        until(lambda: studio.balance())
        assert studio.job(job.id).state == State.UNSURE
        assert rogue.balance == 982
        studio.found_again(job.id, " task-0001\n")
        assert_here(studio, job, rogue)
        assert studio.attention() == []


def test_a_job_that_never_ran_cost_nothing(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", cut)
    job = ended(studio, submit(studio))
    studio.never_ran(job.id)
    job = studio.job(job.id)
    assert (job.state, job.problem, job.credits) == (State.FAILED, "NeverRan", 0)
    assert studio.attention() == []
    assert (rogue.balance, len(rogue.requests("create"))) == (1000, 1)


def test_a_task_id_that_can_not_be_this_jobs_is_refused_in_words(studio: Studio, rogue: Rogue) -> None:
    done = ended(studio, submit(studio))
    rogue.plan("create", cut)
    job = ended(studio, submit(studio))
    for wrong in ("", "a b", "../../x", "é" * 10, "x" * 300, done.task_id):
        with pytest.raises(NothingSpent):
            studio.found_again(job.id, wrong)
    assert studio.job(job.id).state == State.UNSURE


@pytest.mark.parametrize(
    ("refusal", "problem"),
    [
        (says(402, "Credits insufficient"), "CreditsShort"),
        (says(429, "Your credits are insufficient"), "CreditsShort"),
        (says(401, "Invalid key"), "KeyRefused"),
        (says(422, "prompt too long"), "Refused"),
        (says(433, "limit of this key"), "ServicePaused"),
        (says(455, "maintenance"), "ServicePaused"),
        (status(403, HTML), "Blocked"),
    ],
)
def test_a_refused_job_fails_with_the_reason_and_is_not_sent_again(
    studio: Studio, rogue: Rogue, refusal: Behaviour, problem: str
) -> None:
    rogue.plan("create", refusal)
    job = ended(studio, submit(studio))
    assert (job.state, job.problem) == (State.FAILED, problem)
    assert job.fail_message
    assert job.fail_code
    assert (len(rogue.requests("create")), rogue.balance, studio.available()) == (1, 1000, 1000)


def test_a_service_that_is_not_there_costs_nothing(tmp_path: Path) -> None:
    with Rogue() as gone:
        settings = project(tmp_path / "project", gone.url)
    with Studio(settings) as studio:
        job = ended(studio, submit(studio))
        assert (job.state, job.problem) == (State.FAILED, "Unreachable")
        assert studio.balance() is None
        assert studio.available() is None


def test_too_many_requests_is_the_one_answer_after_which_a_job_is_sent_again(
    studio: Studio, rogue: Rogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "SENDS_WINDOW_S", 0.3)
    rogue.plan("create", says(429, "Too many requests"), status(429, HTML))
    job = ended(studio, submit(studio))
    assert (job.state, job.problem) == (State.DONE, None)
    assert [state for state, _ in studio.moves(job.id)].count(State.SENDING) == 3
    assert (len(rogue.requests("create")), len(rogue.tasks)) == (3, 1)


def test_a_task_that_is_named_twice_belongs_to_the_first_job(studio: Studio, rogue: Rogue) -> None:
    first = ended(studio, submit(studio))
    rogue.plan("create", acting(says(200, data={"taskId": first.task_id})))
    second = ended(studio, submit(studio))
    assert (second.state, second.task_id) == (State.UNSURE, None)
    assert ended(studio, submit(studio)).state == State.DONE
    assert studio.job(first.id) == first


def test_a_task_id_waits_for_a_locked_database(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    def locking(exchange: Exchange) -> None:
        with sqlite3.connect(settings.data_dir / "studio.sqlite3", isolation_level=None) as lock:
            lock.execute("BEGIN IMMEDIATE")
            normal(exchange)
            exchange.server.ending.wait(1)
            lock.execute("COMMIT")
        lock.close()

    rogue.plan("create", locking)
    assert_here(studio, submit(studio), rogue)


# -- looking


FAILED_READS = [
    says(422, "recordInfo is null"),
    says(200, data=None),
    says(500, "Internal Error"),
    says(429, "slow down"),
    says(404, "not found"),
    says(401, "Invalid key"),
    status(500),
    status(502, HTML),
    status(200, HTML),
    redirect("/elsewhere"),
    cut,
    hang_up,
    half,
    silent,
    drip(),
    told(state="thinking"),
    told(state=None),
    told(state="failed"),
]


@pytest.mark.parametrize("failed_read", FAILED_READS)
def test_a_failed_status_read_costs_nothing_and_loses_nothing(
    studio: Studio, rogue: Rogue, failed_read: Behaviour
) -> None:
    rogue.plan("record", failed_read, failed_read)
    assert_here(studio, submit(studio), rogue)
    assert len(rogue.requests("record")) == 3


def test_all_failed_status_reads_in_a_row_lose_nothing_either(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", *FAILED_READS)
    assert_here(studio, submit(studio), rogue)


def test_a_task_that_stays_unseen_is_shown_and_still_looked_for(
    studio: Studio, rogue: Rogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "UNSEEN_S", 0.2)
    rogue.plan("record", always=says(422, "recordInfo is null"))
    job = until_problem(studio, submit(studio), "TaskNotFound")
    assert job.state == State.RUNNING
    assert [one.id for one in studio.attention()] == [job.id]
    rogue.plan("record")
    assert_here(studio, job, rogue)
    assert studio.attention() == []


def test_a_task_that_nobody_looks_at_any_more_needs_attention(
    studio: Studio, rogue: Rogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "LOOKS_END_S", 0.2)
    monkeypatch.setattr(pace, "PATIENT_S", 0.2)
    rogue.plan("record", always=told(state="generating"))
    job = submit(studio)
    until(lambda: studio.job(job.id).next_at is None and studio.job(job.id).task_id)
    assert [one.id for one in studio.attention()] == [job.id]
    rogue.plan("record")
    studio.look_again(job.id)
    assert_here(studio, job, rogue)


def test_a_failed_task_ends_the_job_and_gives_the_credits_back(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", told(state="fail", failCode="500", failMsg="Internal Error", creditsConsumed=0))
    job = ended(studio, submit(studio))
    assert (job.state, job.problem, job.credits) == (State.FAILED, "TaskFailed", 0)
    assert (job.fail_code, job.fail_message) == ("500", "Internal Error")
    assert (len(rogue.requests("create")), studio.attention()) == (1, [])


@pytest.mark.parametrize(
    "message",
    [
        "No images found in AI response. The image was filtered out because it violated the policy.",
        "Your prompt was flagged by the website as violating content policies",
    ],
)
def test_moderation_is_told_as_such(studio: Studio, rogue: Rogue, message: str) -> None:
    rogue.plan("record", told(state="fail", failCode="400", failMsg=message, creditsConsumed=0))
    job = ended(studio, submit(studio))
    assert (job.state, job.problem, job.fail_message) == (State.FAILED, "Moderated", message)


def test_a_time_out_that_the_service_takes_back_becomes_a_picture(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", always=TIME_OUT)
    job = until_problem(studio, submit(studio), "TimedOutThere")
    assert job.state == State.RUNNING
    assert [one.id for one in studio.attention()] == [job.id]
    rogue.plan("record")
    assert_here(studio, job, rogue)


def test_a_time_out_that_stands_fails_and_can_still_be_looked_at(
    studio: Studio, rogue: Rogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "TIME_OUT_LOOKS", 2)
    rogue.plan("record", always=TIME_OUT)
    job = ended(studio, submit(studio))
    assert (job.state, job.problem, job.credits) == (State.FAILED, "TaskFailed", 0)
    assert len(rogue.requests("record")) == 3
    studio.look_again(job.id)
    until(lambda: len(rogue.requests("record")) == 4 and studio.job(job.id).state == State.FAILED)
    rogue.plan("record")
    studio.look_again(job.id)
    until_state(studio, job, State.DONE)
    assert_here(studio, job, rogue)


def test_a_zero_from_a_failure_that_was_taken_back_is_no_price(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("record", TIME_OUT, always=told(creditsConsumed=None))
    job = ended(studio, submit(studio))
    assert (job.state, job.credits) == (State.DONE, None)


# -- fetching


@pytest.mark.parametrize(
    "result",
    ["", None, "{", "[]", '{"resultUrls": []}', '{"resultUrls": [null]}', '{"resultUrls": ["file:///etc/passwd"]}'],
)
def test_a_success_without_an_address_is_looked_at_until_it_has_one(
    studio: Studio, rogue: Rogue, result: object
) -> None:
    rogue.plan("record", always=told(state="success", resultJson=result))
    job = until_problem(studio, submit(studio), "PictureMissing")
    assert job.state == State.FETCHING
    assert [one.id for one in studio.attention()] == [job.id]
    rogue.plan("record")
    assert_here(studio, job, rogue)


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        (status(404, HTML), "PictureNotFetched"),
        (status(500), "PictureNotFetched"),
        (status(200), "PictureNotFetched"),
        (half, "PictureNotFetched"),
        (cut, "PictureNotFetched"),
        (hang_up, "PictureNotFetched"),
        (silent, "PictureNotFetched"),
        (drip(), "PictureNotFetched"),
        (redirect("file:///etc/passwd"), "PictureNotFetched"),
        (status(200, HTML), "PictureUnreadable"),
        (status(200, picture()[:150]), "PictureUnreadable"),
        (status(200, picture("GIF")), "PictureUnreadable"),
    ],
)
def test_a_picture_that_does_not_come_is_fetched_until_it_does(
    studio: Studio, settings: Settings, rogue: Rogue, trouble: Behaviour, problem: str
) -> None:
    rogue.plan("result", always=trouble)
    job = until_problem(studio, submit(studio), problem)
    assert (job.state, studio.file(job)) == (State.FETCHING, None)
    assert [one.id for one in studio.attention()] == [job.id]
    rogue.plan("result")
    assert_here(studio, job, rogue)
    assert (studio.attention(), leftovers(settings)) == ([], [])


def test_paid_bytes_that_are_no_picture_are_kept_as_they_came(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    rogue.plan("result", always=status(200, HTML))
    job = until_problem(studio, submit(studio), "PictureUnreadable")
    [kept] = until(lambda: list(settings.data_dir.rglob(f"{job.id}{looking.UNREADABLE}")))
    assert kept.read_bytes() == HTML


def test_a_disk_that_takes_no_picture_is_told_and_tried_again(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    results = settings.data_dir / "results"
    results.rename(settings.data_dir / "away")
    results.write_bytes(b"in the way")
    job = until_problem(studio, submit(studio), "PictureNotSaved")
    results.unlink()
    (settings.data_dir / "away").rename(results)
    assert_here(studio, job, rogue)


def test_a_picture_that_was_lost_or_damaged_here_comes_again_on_a_persons_wish(
    studio: Studio, settings: Settings, rogue: Rogue
) -> None:
    job = ended(studio, submit(studio))
    for harm in (lambda path: path.unlink(), lambda path: path.write_bytes(rogue.picture[:150])):
        harm(studio.file(job))
        studio.look_again(job.id)
        until(lambda: studio.job(job.id).state == State.DONE and studio.file(job))
        assert_here(studio, job, rogue)
        assert leftovers(settings) == []


def test_a_picture_that_is_here_needs_no_service_to_be_shown_again(studio: Studio, rogue: Rogue) -> None:
    job = ended(studio, submit(studio))
    for endpoint in ("record", "result"):
        rogue.plan(endpoint, always=status(500))
    studio.look_again(job.id)
    until(lambda: len(studio.moves(job.id)) == 8)
    assert_here(studio, job, rogue)


def test_a_thousand_failed_fetches_are_not_the_end(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    rogue.plan("result", always=status(404))
    job = until_problem(studio, submit(studio), "PictureNotFetched")
    sql(settings, "UPDATE jobs SET attempts = 5000, next_at = 1")
    studio.refresh_balance()
    until(lambda: studio.job(job.id).attempts > 5000)
    rogue.plan("result")
    studio.look_again(job.id)
    assert_here(studio, job, rogue)


# -- the balance


@pytest.mark.parametrize("trouble", [status(500), says(200), says(500, data=0), cut, silent, status(200, HTML)])
def test_a_balance_that_can_not_be_read_is_unknown_and_read_again(
    settings: Settings, rogue: Rogue, trouble: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "BALANCE_RETRY_S", 0.1)
    rogue.plan("credit", always=trouble)
    with Studio(settings) as studio:
        until(lambda: studio.credit_problem())
        assert (studio.balance(), studio.available()) == (None, None)
        rogue.plan("credit")
        assert until(studio.balance).credits == 1000
        assert studio.credit_problem() is None
        rogue.plan("credit", always=trouble)
        studio.refresh_balance()
        until(lambda: studio.credit_problem())
        assert studio.balance().credits == 1000


def test_what_is_queued_is_not_available_twice(studio: Studio, rogue: Rogue) -> None:
    until(studio.balance)
    rogue.plan("create", always=silent)
    submit(studio, images=3)
    assert studio.available() == 1000 - 3 * 18


def test_a_fraction_of_a_credit_is_kept(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("credit", always=says(200, data=60.62))
    studio.refresh_balance()
    until(lambda: studio.balance() and studio.balance().credits == 60.62)


# -- the scheduler


def test_a_listener_that_fails_does_not_stop_the_work(settings: Settings, rogue: Rogue) -> None:
    def fail(topics: set[str]) -> None:
        if threading.current_thread().name == "tracker":
            raise RuntimeError("nobody listens any more")

    with Studio(settings) as studio:
        rogue.plan("create", silent)
        job = until_state(studio, submit(studio), State.SENDING)
        rogue.plan("create")
    with Studio(settings) as studio:
        studio.hub.listen(fail)
        sql(settings, f"UPDATE jobs SET state = 'sending', server = NULL WHERE id = '{job.id}'")
        studio._rooms.tracker._beat_at = 0.0
        until_state(studio, job, State.UNSURE)
        assert ended(studio, submit(studio)).state == State.DONE
        assert studio.is_alive


def test_a_studio_with_nothing_to_do_does_nothing(
    studio: Studio, rogue: Rogue, caplog: pytest.LogCaptureFixture
) -> None:
    ended(studio, submit(studio))
    until(lambda: len(rogue.requests("credit")) >= 3)
    seen = len(rogue.seen)
    rounds = 0

    class Counting(threading.Event):
        def clear(self) -> None:
            nonlocal rounds
            rounds += 1
            super().clear()

    studio._rooms.tracker._wakeup.__class__ = Counting
    threading.Event().wait(1.2)
    assert len(rogue.seen) == seen
    assert rounds <= 3


def test_looks_grow_from_two_seconds_to_ten_then_a_minute_then_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert pace.next_look(0) == 2
    assert pace.next_look(15 * 60 - 1) == 10
    assert pace.next_look(15 * 60) == 60
    assert pace.next_look(24 * 3600 - 1) == 60
    assert pace.next_look(24 * 3600) is None
    waits = [pace.next_look(age_s) for age_s in range(15 * 60)]
    assert waits == sorted(waits)
    assert max(waits) == 10


@pytest.mark.parametrize("task_s", [0, 1, 4, 10, 30, 90, 300, 600, 900, 3600])
def test_a_task_is_looked_at_no_more_often_than_needed(monkeypatch: pytest.MonkeyPatch, task_s: int) -> None:
    monkeypatch.undo()
    looks, age_s = 1, pace.next_look(0)
    while age_s < task_s:
        looks, age_s = looks + 1, age_s + pace.next_look(age_s)
    assert looks <= 1 + task_s / 2
