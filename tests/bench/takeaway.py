"""A zip of 100 pictures of 20 MB, and a list of 20,000 rows: what they add to the server's memory (bound: 20 MB for the zip)."""

import os
import tempfile
import time
from pathlib import Path

import requests
from sqlalchemy import update

from kie.images.files import Files
from kie.jobs import State
from kie.signed_urls import DOWNLOADS, SignedUrls
from kie.store import Store
from kie.store.database import file_url
from kie.store.schema import jobs
from tests.bench import many_jobs
from tests.bench.places import rss_mb
from tests.support.images import noisy_png
from tests.support.server import Server

ROWS, PICTURES, BYTES = 20_000, 100, 20_000_000
PIECE = 4 * 2**20


def run() -> None:
    """Print the size, the duration and the peak increase of memory of each download."""
    with tempfile.TemporaryDirectory() as folder:
        links, ids = filled(Path(folder) / "data" / "sandbox")
        asked = {
            "one picture": DOWNLOADS + links.download_token(["one", ids[0], True, None]),
            "a zip": DOWNLOADS + links.download_token(["zip", ids, True, None]),
            "the same zip again": DOWNLOADS + links.download_token(["zip", ids, True, None]),
            "a list as CSV": DOWNLOADS + links.download_token(["list", {"bin": "any"}, None, "csv"]),
            "the same as JSON": DOWNLOADS + links.download_token(["list", {"bin": "any"}, None, "json"]),
        }
        with Server(Path(folder) / "data", KIE_SANDBOX="1") as server:
            time.sleep(5)
            for name, link in asked.items():
                before, began = rss_mb(server), time.monotonic()
                size, highest = taken(server, link)
                print(
                    f"  {name:20}{size / 1e6:8,.0f} MB{time.monotonic() - began:7.1f} s{highest - before:+7.0f} MB at its highest"
                )


def filled(root: Path) -> tuple[SignedUrls, list[str]]:
    """Create a data folder with many jobs, some of which share one large picture. Returns the links' secret and these jobs."""
    files, store = Files(root), Store(file_url(root / "studio.sqlite3"))
    files.open()
    store.open()
    ids = many_jobs.fill(store, ROWS, time.time())
    chosen = [job.id for job in store.jobs.get_many(ids[-3 * PICTURES :]) if job.state == State.DONE][:PICTURES]
    large = noisy_png(root / "large.png", BYTES)
    for job_id in chosen:
        copy = files.path(f"results/{job_id[:2]}/{job_id}.png")
        copy.parent.mkdir(parents=True, exist_ok=True)
        os.link(large, copy)
        with store.database.write() as db:
            name = copy.relative_to(root).as_posix()
            db.execute(update(jobs).where(jobs.c.id == job_id).values(file=name, file_kind="png", file_bytes=BYTES))
    links = SignedUrls(store.secret())
    store.close()
    return links, chosen


def taken(server: Server, link: str) -> tuple[int, float]:
    """Download everything, and return the number of bytes and the server's peak memory in MB."""
    size, highest = 0, 0.0
    with requests.get(server.url + link, stream=True, timeout=60, headers={"Accept-Encoding": "identity"}) as reply:
        reply.raise_for_status()
        while piece := reply.raw.read(PIECE):
            size, highest = size + len(piece), max(highest, rss_mb(server))
    return size, highest
