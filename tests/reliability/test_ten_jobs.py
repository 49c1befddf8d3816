"""Ten jobs, one in each place a job can stand, and the server's power goes: every picture comes, each paid for once."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from kie.jobs import Job, State
from kie.settings import ROOT, Settings
from kie.store import Store
from kie.studio import Studio
from kie.timing import Timing
from tests.support.fake_service import PRICE, Behaviour, Exchange, Rogue, acting, cut, normal, says, silent, told
from tests.support.images import picture
from tests.support.jobs import beside, ended, leftovers, quick, until_state
from tests.support.postgresql import BOTH
from tests.support.waiting import until

# A studio that asks for a picture whenever it is told a prompt.
ASKING = """
import sys
from dataclasses import replace
from pathlib import Path
from kie.generation import Generation
from kie.settings import Settings
from kie.studio import Studio
from kie.timing import Timing

root = Path(sys.argv[1])
timing = Timing(first_poll_s=0.1, sends_window_s=4.0)
with Studio(replace(Settings.load(root), timing=timing)) as studio:
    with (root / "mine.png").open("rb") as stream:
        reference = studio.references.add("mine.png", stream).id
    for number, line in enumerate(sys.stdin):
        prompt = line.strip()
        used = (reference,) if prompt == "uploads" else ()
        print(studio.submissions.submit("Ann", Generation(prompt, used), f"press-{number}")[0].id, flush=True)
"""

# In this order: what is refused for a moment holds back all that come after it.
STANDING = {
    "done": State.DONE,
    "refused": State.FAILED,
    "failed": State.FAILED,
    "runs": State.RUNNING,
    "runs as well": State.RUNNING,
    "fetched": State.FETCHING,
    "uploads": State.UPLOADING,
    "held": State.SENDING,
    "lost": State.UNSURE,
    "waits": State.QUEUED,
}
CREATE = {
    "refused": says(422, "prompt too long"),
    "held": acting(silent),
    "lost": acting(cut),
    "waits": says(429, "Too many requests"),
}
FAILED = told(state="fail", failCode="500", failMsg="Internal Error", resultJson="")
RECORD = {
    "failed": FAILED,
    "runs": told(state="generating", resultJson=""),
    "runs as well": told(state="waiting", resultJson=""),
}


def prompt_of(exchange: Exchange) -> str:
    """The prompt that a request is about: in its body, or that of the task in its address."""
    body = exchange.seen.body or task_named(exchange).encode()
    return json.loads(body)["input"]["prompt"]


def task_named(exchange: Exchange) -> str:
    task_id = exchange.seen.query.get("taskId") or Path(exchange.seen.path).stem
    return exchange.server.asked[task_id]


def by_prompt(behaviours: dict[str, Behaviour]) -> Behaviour:
    """Behave to each prompt as it is told."""
    return lambda exchange: behaviours.get(prompt_of(exchange), normal)(exchange)


@pytest.fixture
def timing() -> Timing:
    """The waits of the studio that goes on. A killed server can't say goodbye: its work is free once it was silent for so long."""
    return quick(server_life_s=0.5)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    (settings.root / "mine.png").write_bytes(picture(colour="red"))
    return settings


@pytest.fixture
def asking(settings: Settings, rogue: Rogue, environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    """A studio in a process of its own that takes prompts."""
    given = {"KIE_API_URL": rogue.url, "KIE_UPLOAD_URL": rogue.url, "KIE_API_KEY": "k", "PYTHONPATH": str(ROOT)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KIE_")}
    command = [sys.executable, "-c", ASKING, str(settings.root)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=kept | given | environment, text=True, **pipes) as process:
        yield process
        process.kill()


def ask(process: subprocess.Popen, prompt: str) -> str:
    process.stdin.write(f"{prompt}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


@pytest.fixture
def reader(settings: Settings) -> Iterator[Store]:
    """Reads the rows and takes no part."""
    with beside(settings) as store:
        yield store


def task_on_the_log_page(rogue: Rogue, job: Job) -> str:
    """The task that a person finds for a prompt on the service's log page."""
    [task_id] = [one for one, asked in rogue.asked.items() if json.loads(asked)["input"]["prompt"] == job.prompt]
    return task_id


def prompts(bodies: list[str | bytes]) -> Counter:
    return Counter(json.loads(body)["input"]["prompt"] for body in bodies)


@BOTH
def test_a_power_cut_with_ten_jobs_everywhere_loses_no_picture_and_pays_none_twice(
    settings: Settings, rogue: Rogue, asking: subprocess.Popen, reader: Store
) -> None:
    rogue.plan("create", always=by_prompt(CREATE))
    rogue.plan("record", always=by_prompt(RECORD))
    rogue.plan("result", always=by_prompt({"fetched": silent}))
    rogue.plan("upload", always=silent)
    ids = {}
    for prompt, state in STANDING.items():
        ids[prompt] = ask(asking, prompt)
        if prompt == "waits":
            until(lambda: prompts([seen.body for seen in rogue.requests("create")])["waits"])
        until(lambda prompt=prompt, state=state: reader.jobs.get(ids[prompt]).state == state)
    asking.kill()
    asking.wait()
    assert {prompt: reader.jobs.get(job_id).state for prompt, job_id in ids.items()} == STANDING

    for endpoint in ("create", "result", "upload"):
        rogue.plan(endpoint)
    rogue.plan("record", always=by_prompt({"failed": FAILED}))
    with Studio(settings) as studio:
        jobs = {prompt: studio.jobs.get(job_id) for prompt, job_id in ids.items()}
        for prompt in ("held", "lost"):
            until_state(studio, jobs[prompt], State.UNSURE)
            studio.attention.link_task(jobs[prompt].id, task_on_the_log_page(rogue, jobs[prompt]))
        ends = {prompt: ended(studio, job) for prompt, job in jobs.items()}

        failures = {"refused": "Refused", "failed": "TaskFailed"}
        assert {prompt: job.problem for prompt, job in ends.items() if job.state != State.DONE} == failures
        pictures = [studio.exports.file(job).read_bytes() for job in ends.values() if job.state == State.DONE]
        assert pictures == [rogue.picture] * 8
        assert [job.prompt for job in studio.jobs.needing_attention()] == ["failed"]  # and yet charged

        sent_once = dict.fromkeys(STANDING, 1)
        assert prompts([seen.body for seen in rogue.requests("create")]) == sent_once | {"waits": 2}
        assert prompts(list(rogue.asked.values())) == {prompt: 1 for prompt in STANDING if prompt != "refused"}
        assert len({job.task_id for job in ends.values() if job.task_id}) == len(rogue.tasks) == 9
        assert sum(job.credits or 0 for job in ends.values()) == rogue.credits - rogue.balance == 9 * PRICE
        assert leftovers(settings) == []
