"""The service calls when a task has ended: a reason to look, a hint to a lost task, and never more than that."""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from starlette.applications import Starlette
from starlette.middleware import Middleware

from kie.jobs import Job, State
from kie.sandbox import Sandbox
from kie.settings import Settings
from kie.signed_urls import CALLBACKS, SignedUrls
from kie.studio import Studio
from kie.timing import Timing
from kie.web.guard import Guard, Rules
from kie.web.routes import routes
from tests.support.fake_service import Rogue, acting, cut, says, silent, told
from tests.support.jobs import HASTE_S, assert_here, ended, project, submit, timed, until_problem, until_state
from tests.support.server import free_port
from tests.support.site import listening
from tests.support.waiting import until

GENERATING = told(state="generating", resultJson="")


@contextlib.contextmanager
def served(root: Path, service: str, timing: Timing) -> Iterator[tuple[Studio, str]]:
    """A studio whose routes stand at the address that it names to the service."""
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    with Studio(project(root, service, timing, KIE_PUBLIC_URL=site)) as studio:
        app = Starlette(routes=routes(lambda: studio), middleware=[Middleware(Guard, rules=Rules(site))])
        with listening(app, port=port):
            yield studio, site


@pytest.fixture
def studio_at(tmp_path: Path, rogue: Rogue, timing: Timing) -> Iterator[tuple[Studio, str]]:
    with served(tmp_path / "project", rogue.url, timing) as pair:
        yield pair


@pytest.fixture
def studio(studio_at: tuple[Studio, str]) -> Studio:
    return studio_at[0]


@pytest.fixture
def site(studio_at: tuple[Studio, str]) -> str:
    return studio_at[1]


@pytest.fixture
def lost(studio: Studio, rogue: Rogue) -> Callable[..., Job]:
    """Makes a job whose task runs and whose reply was lost."""

    def make(prompt: str = "a lighthouse") -> Job:
        rogue.plan("create", acting(cut))
        return ended(studio, submit(studio, prompt))

    return make


def address(rogue: Rogue, nth: int = -1) -> str:
    """Where the service was told to call about a paid request."""
    return json.loads(rogue.requests("create")[nth].body)["callBackUrl"]


def call(url: str, task_id: object, **more: object) -> int:
    return requests.post(url, json={"code": 200, "data": {"taskId": task_id} | more}, timeout=30).status_code


# -- what is asked for


def test_no_callback_is_asked_for_without_an_address_of_ours(settings: Settings, rogue: Rogue) -> None:
    with Studio(settings) as studio:
        assert_here(studio, submit(studio), rogue)
    assert set(json.loads(rogue.requests("create")[0].body)) == {"model", "input"}


def test_every_paid_request_names_an_address_of_its_own(studio: Studio, site: str, rogue: Rogue) -> None:
    for _ in range(2):
        ended(studio, submit(studio))
    first, second = address(rogue, 0), address(rogue, 1)
    assert first != second
    assert first.startswith(f"{site}{CALLBACKS}")


# -- an unsure job


def test_a_callback_finds_a_lost_task_by_itself(tmp_path: Path, timing: Timing) -> None:
    with (
        Sandbox(tmp_path / "service", seconds=1) as service,
        served(tmp_path / "project", service.url, timing) as (studio, _),
    ):
        job = until_state(studio, submit(studio, "sandbox: lost reply, a lighthouse"), State.DONE)
        assert State.UNSURE in [state for state, _ in studio.jobs.moves(job.id)]
        [task] = service.tasks()
        assert (job.task_id, job.credits, job.problem) == (task["taskId"], 18, None)
        assert studio.exports.file(job)
        assert (studio.jobs.attention_count(), service.balance) == (0, 982)


@timed(reply_s=HASTE_S)
def test_a_callback_that_comes_before_the_reply_is_given_up_is_not_lost(studio: Studio, rogue: Rogue) -> None:
    rogue.plan("create", acting(silent))
    job = submit(studio)
    until(lambda: rogue.tasks)
    assert call(address(rogue), "task-0001") == 204
    until_state(studio, job, State.DONE)
    assert State.UNSURE in [state for state, _ in studio.jobs.moves(job.id)]
    assert_here(studio, job, rogue)


def test_a_callback_that_comes_after_somebody_found_that_the_task_never_ran_brings_its_picture(
    studio: Studio, rogue: Rogue, lost: Callable[..., Job]
) -> None:
    job = lost()
    studio.attention.mark_not_run(job.id)
    assert studio.jobs.get(job.id).state == State.FAILED
    assert call(address(rogue), "task-0001") == 204
    assert_here(studio, until_state(studio, job, State.DONE), rogue)


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"taskId": "task-0001"}},
        {"data": {"task_id": "task-0001"}},
        {"taskId": "task-0001", "data": None},
        {"code": 501, "data": {"taskId": "task-0001", "state": "fail", "failMsg": "Internal Error"}},
        {
            "code": 200,
            "data": {"taskId": "task-0001", "consumeCredits": 900, "resultJson": '{"resultUrls":["http://x"]}'},
        },
    ],
)
def test_nothing_in_a_callback_is_believed_but_the_id(
    studio: Studio, rogue: Rogue, lost: Callable[..., Job], body: dict
) -> None:
    job = lost()
    assert requests.post(address(rogue), json=body, timeout=30).status_code == 204
    assert_here(studio, until_state(studio, job, State.DONE), rogue)


def test_the_task_of_another_job_is_refused(studio: Studio, rogue: Rogue, lost: Callable[..., Job]) -> None:
    done = ended(studio, submit(studio))
    job = lost()
    assert call(address(rogue), done.task_id) == 204
    assert until_problem(studio, job, "TaskOfAnother").state == State.UNSURE
    assert studio.jobs.get(done.id) == done
    assert call(address(rogue), "task-0002") == 204
    assert until_state(studio, job, State.DONE).task_id == "task-0002"


def test_two_lost_jobs_of_one_prompt_each_find_their_own_task(
    studio: Studio, rogue: Rogue, lost: Callable[..., Job]
) -> None:
    first, second = lost(), lost()
    assert call(address(rogue, 0), "task-0002") == 204
    until_problem(studio, first, "TaskOfAnother")
    for number in (0, 1):
        assert call(address(rogue, number), f"task-000{number + 1}") == 204
    assert until_state(studio, first, State.DONE).task_id == "task-0001"
    assert until_state(studio, second, State.DONE).task_id == "task-0002"
    assert len(rogue.requests("create")) == len(rogue.tasks) == 2


def test_what_a_callback_names_is_not_taken_when_the_service_does_not_say_what_it_carries(
    studio: Studio, rogue: Rogue, lost: Callable[..., Job]
) -> None:
    job = lost()
    rogue.plan("record", always=told(param=None))
    assert call(address(rogue), "task-0001") == 204
    assert until_problem(studio, job, "TaskOfAnother").task_id is None


# -- an id that a person pastes


@timed(candidate_polls=2)
def test_a_pasted_id_that_the_service_does_not_know_is_told_so(
    studio: Studio, rogue: Rogue, lost: Callable[..., Job]
) -> None:
    job = lost()
    studio.attention.link_task(job.id, "task-9999")
    assert until_problem(studio, job, "TaskUnknown").candidate is None
    assert studio.jobs.attention_count() == 1
    studio.attention.link_task(job.id, "task-0001")
    assert_here(studio, until_state(studio, job, State.DONE), rogue)


def test_a_pasted_id_of_another_request_is_told_so(studio: Studio, rogue: Rogue, lost: Callable[..., Job]) -> None:
    other, job = lost("a ship"), lost("a lighthouse")
    studio.attention.link_task(job.id, "task-0001")
    assert until_problem(studio, job, "TaskOfAnother").state == State.UNSURE
    studio.attention.link_task(other.id, "task-0001")
    assert until_state(studio, other, State.DONE).prompt == "a ship"


def test_an_id_waits_for_a_service_that_does_not_answer(studio: Studio, rogue: Rogue, lost: Callable[..., Job]) -> None:
    job = lost()
    rogue.plan("record", cut, says(500), told())
    studio.attention.link_task(job.id, "task-0001")
    assert_here(studio, until_state(studio, job, State.DONE), rogue)


def test_a_request_that_the_service_tells_as_text_within_text_is_recognised(
    studio: Studio, rogue: Rogue, lost: Callable[..., Job]
) -> None:
    job, asked = lost(), json.loads(rogue.requests("create")[0].body)
    param = json.dumps(asked | {"input": json.dumps(asked["input"])})
    rogue.plan("record", always=told(param=param))
    assert call(address(rogue), "task-0001") == 204
    assert_here(studio, until_state(studio, job, State.DONE), rogue)


# -- a running job


@timed(first_poll_s=100.0, slowest_poll_s=100.0)  # as far ahead as a step may be planned
def test_a_callback_for_a_running_job_makes_a_look_at_once(studio: Studio, rogue: Rogue) -> None:
    job = until_state(studio, submit(studio), State.RUNNING)
    assert rogue.requests("record") == []
    assert call(address(rogue), "task-0001", state="fail") == 204
    assert_here(studio, job, rogue)


@timed(first_poll_s=100.0, slowest_poll_s=100.0)  # as far ahead as a step may be planned
def test_a_callback_that_names_another_task_makes_no_look(studio: Studio, rogue: Rogue) -> None:
    job = until_state(studio, submit(studio), State.RUNNING)
    assert call(address(rogue), "task-0002") == 204
    assert studio.jobs.get(job.id) == job
    assert rogue.requests("record") == []


def test_a_callback_again_and_again_harms_nothing(studio: Studio, rogue: Rogue) -> None:
    job = ended(studio, submit(studio))
    read = len(rogue.requests("record"))
    for task_id in ("task-0001", "task-0001", "task-0002", ""):
        assert call(address(rogue), task_id) == 204
    assert studio.jobs.get(job.id) == job
    assert len(rogue.requests("record")) == read
    assert_here(studio, job, rogue)


# -- somebody who is not the service


def test_a_forged_address_is_not_there(studio: Studio, site: str, rogue: Rogue, lost: Callable[..., Job]) -> None:
    job, token = lost(), address(rogue).rpartition("/")[2]
    picture = studio.backend.urls.address("picture", job.id).rpartition("/")[2]
    stranger = SignedUrls("another secret").callback_token(job.id)
    for wrong in (token[:-2], token + "x", picture, stranger, job.id, "%00", "a.b"):
        assert call(f"{site}{CALLBACKS}{wrong}", "task-0001") == 404
    assert requests.get(f"{site}/app/static/pictures/{token}", timeout=30).status_code == 404
    assert studio.jobs.get(job.id) == job


def test_only_a_post_is_a_callback(studio: Studio, rogue: Rogue, lost: Callable[..., Job]) -> None:
    job = lost()
    for method in ("GET", "PUT", "DELETE"):
        headers = {"X-Studio-Client": "1"}
        assert requests.request(method, address(rogue), headers=headers, timeout=30).status_code == 405
    assert studio.jobs.get(job.id) == job


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'"task-0001"',
        b"[" * 50_000,
        b'{"data": []}',
        b'{"data": {"taskId": 7}}',
        b'{"data": {"taskId": ["task-0001"]}}',
        b'{"data": {"taskId": "../../recordInfo?x="}}',
        b'{"data": {"taskId": "' + b"x" * 300 + b'"}}',
        '{"data": {"taskId": "tåsk"}}'.encode(),
    ],
)
def test_a_callback_that_makes_no_sense_changes_nothing(
    studio: Studio, rogue: Rogue, lost: Callable[..., Job], body: bytes
) -> None:
    job = lost()
    assert requests.post(address(rogue), data=body, timeout=30).status_code == 204
    assert studio.jobs.get(job.id) == job
    assert rogue.requests("record") == []


def test_a_huge_callback_is_turned_away_before_it_is_read(
    studio: Studio, site: str, rogue: Rogue, lost: Callable[..., Job]
) -> None:
    job = lost()
    path = address(rogue).removeprefix(site)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {10 * 2**20}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", int(site.rpartition(":")[2])), timeout=30) as caller:
        caller.sendall(head + b" " * 100 * 1024)
        assert caller.recv(100).startswith(b"HTTP/1.1 413 ")
    with contextlib.suppress(requests.ConnectionError):
        assert requests.post(address(rogue), data=b" " * 10 * 2**20, timeout=30).status_code == 413
    assert studio.jobs.get(job.id) == job
