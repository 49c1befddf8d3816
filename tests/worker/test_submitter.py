"""References go up once, and the paid request leaves once, whatever the service answers."""

import json
import shutil
import time
from pathlib import Path

import pytest

from kie.errors import NothingSpent
from kie.jobs import State
from kie.settings import Settings
from kie.studio import Studio
from tests.support.fake_service import (
    HTML,
    Behaviour,
    Exchange,
    Rogue,
    acting,
    cut,
    half,
    normal,
    redirect,
    says,
    status,
    told,
)
from tests.support.jobs import add_reference, assert_here, beside, ended, project, sql, submit, timed
from tests.support.postgresql import BOTH
from tests.support.waiting import until

# -- references


def sent_names(rogue: Rogue) -> list[list[str]]:
    """Return for each paid request the names of the references in it."""
    sent = [json.loads(seen.body)["input"]["image_input"] for seen in rogue.requests("create")]
    return [[url.rpartition("/")[2].removesuffix(".png") for url in urls] for urls in sent]


def test_references_go_along_in_order_and_go_up_once(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    used = tuple(add_reference(studio, colour) for colour in ("red", "blue", "green"))
    assert add_reference(studio, "red", "another name.png") == used[0]
    first, second = submit(studio, references=used), submit(studio, references=used[::-1])
    assert {ended(studio, job).state for job in (first, second)} == {State.DONE}
    assert ended(studio, submit(studio, references=used[:1])).state == State.DONE
    assert len(rogue.requests("upload")) == 3
    assert sorted(sent_names(rogue)) == sorted([[*used], [*used[::-1]], [used[0]]])


@BOTH
def test_an_upload_is_used_again_for_less_than_a_day(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    used = (add_reference(studio, "red"),)
    for age_h, uploads in ((0, 1), (19, 1), (21, 2), (-5, 3)):
        sql(settings, f'UPDATE "references" SET uploaded_at = {time.time() - age_h * 3600}')
        assert ended(studio, submit(studio, references=used)).state == State.DONE
        assert len(rogue.requests("upload")) == uploads


def test_another_upload_host_gets_its_own_upload(settings: Settings, rogue: Rogue, tmp_path: Path) -> None:
    with Studio(settings) as studio:
        used = (add_reference(studio, "red"),)
        ended(studio, submit(studio, references=used))
    with (
        Rogue() as other,
        Studio(project(settings.root, rogue.url, settings.timing, KIE_UPLOAD_URL=other.url)) as studio,
    ):
        assert ended(studio, submit(studio, references=used)).state == State.DONE
        assert (len(rogue.requests("upload")), len(other.requests("upload"))) == (1, 1)


def test_an_upload_that_the_service_lost_is_made_again(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    used = (add_reference(studio, "red"),)
    message = "Image fetch failed. Check access settings or use our File Upload API instead."
    rogue.plan("record", told(state="fail", failCode="400", failMsg=message, resultJson="", creditsConsumed=0))
    assert ended(studio, submit(studio, references=used)).state == State.FAILED
    assert ended(studio, submit(studio, references=used)).state == State.DONE
    assert len(rogue.requests("upload")) == 2


@pytest.mark.parametrize("code", [400, 500])
def test_an_upload_that_the_service_does_not_find_when_it_is_sent_is_made_again(
    studio: Studio, settings: Settings, rogue: Rogue, code: int
) -> None:
    used = (add_reference(studio, "red"), add_reference(studio, "blue"))
    rogue.plan("create", says(code, "failed to download the image"))
    job = submit(studio, references=used)
    until(lambda: studio.jobs.get(job.id).state in (State.FAILED, State.UNSURE))
    assert ended(studio, submit(studio, references=used)).state == State.DONE
    assert (len(rogue.requests("upload")), len(rogue.requests("create"))) == (4, 2)


def test_uploads_stay_when_a_task_fails_for_another_reason(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    used = (add_reference(studio, "red"),)
    rogue.plan("record", told(state="fail", failCode="500", failMsg="Internal Error, Please try again later."))
    assert ended(studio, submit(studio, references=used)).problem == "TaskFailed"
    assert ended(studio, submit(studio, references=used)).state == State.DONE
    assert len(rogue.requests("upload")) == 1


def test_a_refused_key_is_not_tried_again(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    used = (add_reference(studio, "red"),)
    rogue.plan("upload", always=says(401, "Invalid API Key", http=401))
    assert ended(studio, submit(studio, references=used)).problem == "KeyRefused"
    assert len(rogue.requests("upload")) == 1


def test_a_reference_whose_file_is_gone_stops_the_job_before_it_is_paid(
    studio: Studio, settings: Settings, rogue: Rogue
) -> None:
    used = (add_reference(studio, "red"),)
    until(lambda: studio.store.references.get_many(used)[0].checked_at)
    shutil.rmtree(settings.data_dir / "references")
    job = ended(studio, submit(studio, references=used))
    assert (job.state, job.problem) == (State.FAILED, "FileRefused")
    assert "no longer on this server" in job.fail_message
    assert rogue.requests("create") == []


def test_a_reference_whose_file_was_missing_when_it_was_checked_can_be_added_again(
    studio: Studio, settings: Settings, rogue: Rogue
) -> None:
    used = (add_reference(studio, "red"),)
    until(lambda: studio.store.references.get_many(used)[0].checked_at)
    shutil.rmtree(settings.data_dir / "references")
    studio.store.references.change(used[0], checked_at=None)
    studio.backend.tracker.check_reference(used[0])
    job = ended(studio, submit(studio, references=used))
    assert studio.store.references.get_many(used)[0].refusal is None
    assert "no longer on this server" in job.fail_message
    assert rogue.requests("create") == []
    add_reference(studio, "red")
    assert ended(studio, submit(studio, references=used)).state == State.DONE


def test_a_reference_that_can_not_be_checked_stops_the_job_and_is_checked_when_it_is_added_again(
    studio: Studio, settings: Settings, rogue: Rogue
) -> None:
    thumbnails = settings.data_dir / "thumbnails"
    shutil.rmtree(thumbnails)
    thumbnails.write_bytes(b"")
    used = (add_reference(studio, "red"),)
    until(lambda: "could not check" in (studio.store.references.get_many(used)[0].refusal or ""))
    thumbnails.unlink()
    add_reference(studio, "red")
    assert ended(studio, submit(studio, references=used)).state == State.DONE


def test_a_reference_that_was_refused_is_checked_again_when_it_is_added_again(
    studio: Studio, settings: Settings
) -> None:
    used = (add_reference(studio, "red"),)
    until(lambda: studio.store.references.get_many(used)[0].checked_at)
    studio.store.references.change(used[0], refusal="A reference is no longer on this server's disk: add it again.")
    add_reference(studio, "red")
    assert ended(studio, submit(studio, references=used)).state == State.DONE


def test_a_picture_that_is_sent_while_it_is_still_checked_is_no_broken_one(
    studio: Studio, settings: Settings, rogue: Rogue
) -> None:
    sizes = [(900 + number, 900) for number in range(12)]
    jobs = [submit(studio, references=(add_reference(studio, size=size),)) for size in sizes]
    assert [ended(studio, job).problem for job in jobs] == [None] * 12


# -- the paid request


@pytest.mark.parametrize("lost", [acting(cut), acting(redirect("/api/v1/jobs/createTask", 307)), half])
def test_a_lost_reply_never_sends_the_job_again_and_the_picture_is_found(
    settings: Settings, rogue: Rogue, lost: Behaviour
) -> None:
    rogue.plan("create", lost)
    with Studio(settings) as studio:
        job = ended(studio, submit(studio))
        assert (job.state, job.problem, job.task_id) == (State.UNSURE, "Unsure", None)
        assert [one.id for one in studio.jobs.needing_attention()] == [job.id]
        assert job.id in studio.jobs.recent_ids("Ann")
    with Studio(settings) as studio:
        until(lambda: studio.credits.balance())
        assert studio.jobs.get(job.id).state == State.UNSURE
        assert rogue.balance == 982
        studio.attention.link_task(job.id, " task-0001\n")
        assert_here(studio, job, rogue)
        assert studio.jobs.needing_attention() == []


@pytest.mark.parametrize("images", [None, 5, "text", {}])
def test_a_task_that_was_named_is_recognised_however_oddly_it_is_told(
    studio: Studio, rogue: Rogue, images: object
) -> None:
    rogue.plan("create", acting(cut))
    job = ended(studio, submit(studio))
    given = json.dumps({"prompt": "a lighthouse", "image_input": images})
    rogue.plan("record", told(param=json.dumps({"input": given})), always=told(param=None))
    studio.attention.link_task(job.id, "task-0001")
    until(lambda: studio.jobs.get(job.id).candidate is None)
    if studio.jobs.get(job.id).state == State.UNSURE:
        assert images
        studio.attention.link_task(job.id, "task-0001")
    assert_here(studio, job, rogue)


def test_a_task_id_that_can_not_be_this_jobs_is_refused_in_words(studio: Studio, rogue: Rogue) -> None:
    done = ended(studio, submit(studio))
    rogue.plan("create", cut)
    job = ended(studio, submit(studio))
    for wrong in ("", "a b", "../../x", "é" * 10, "x" * 300, done.task_id):
        with pytest.raises(NothingSpent):
            studio.attention.link_task(job.id, wrong)
    assert studio.jobs.get(job.id).state == State.UNSURE


@BOTH
@timed(sends_window_s=0.3)
def test_too_many_requests_is_the_one_answer_after_which_a_job_is_sent_again(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", says(429, "Too many requests"), status(429, HTML))
    job = ended(studio, submit(studio))
    assert (job.state, job.problem) == (State.DONE, None)
    assert [state for state, _ in studio.jobs.moves(job.id)].count(State.SENDING) == 3
    assert (len(rogue.requests("create")), len(rogue.tasks)) == (3, 1)


@BOTH
def test_a_task_that_is_named_twice_belongs_to_the_first_job(studio: Studio, rogue: Rogue) -> None:
    first = ended(studio, submit(studio))
    rogue.plan("create", acting(says(200, data={"taskId": first.task_id})))
    second = ended(studio, submit(studio))
    assert (second.state, second.task_id) == (State.UNSURE, None)
    assert ended(studio, submit(studio)).state == State.DONE
    assert studio.jobs.get(first.id) == first


@BOTH
def test_a_task_id_waits_for_a_locked_database(studio: Studio, settings: Settings, rogue: Rogue) -> None:
    def locking(exchange: Exchange) -> None:
        with beside(settings) as store, store.database.write():
            normal(exchange)
            exchange.server.ending.wait(1)

    rogue.plan("create", locking)
    assert_here(studio, submit(studio), rogue)
