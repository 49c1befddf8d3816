"""SQL statements of a job from the press to the picture: what it writes, and what the scheduler reads meanwhile."""

import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from kie.generation import Generation
from kie.jobs import State
from kie.sandbox import Sandbox
from kie.settings import ROOT, Settings
from kie.studio import Studio

JOBS = 12
SECONDS = 1.0


def run() -> None:
    """Print the statements per job by kind, of jobs that are made one after the other."""
    counted: Counter[str] = Counter()

    def count(*given: Any) -> None:
        counted[given[2].split(None, 1)[0].upper()] += 1

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", lambda _: counted.update(["transactions"]))
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder) / "service", seconds=SECONDS) as service:
        urls = {"KIE_API_URL": service.url, "KIE_UPLOAD_URL": service.url, "KIE_API_KEY": "bench"}
        with Studio(Settings.load(ROOT, {**urls, "KIE_DATA_DIR": str(Path(folder) / "data")})) as studio:
            time.sleep(2 * SECONDS)  # The start has ended.
            counted.clear()
            for number in range(JOBS):
                [job] = studio.submissions.submit("Ann", Generation(f"bench {number}"), f"bench-{number}")
                while studio.jobs.get(job.id).state != State.DONE:
                    counted["SELECT"] -= 1  # This question is none of the studio's.
                    time.sleep(0.05)
            found = dict(counted)
    event.remove(Engine, "before_cursor_execute", count)
    written = sum(found.get(kind, 0) for kind in ("INSERT", "UPDATE", "DELETE"))
    print(f"  {written / JOBS:.1f} statements per job write, {found.get('SELECT', 0) / JOBS:.1f} read, ", end="")
    print(f"{found.get('transactions', 0) / JOBS:.1f} transactions are committed")
