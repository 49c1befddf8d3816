"""A studio's database after two years: as many jobs as wanted, with moves, references, tags, and thumbnails of the newest.

python -m tests.bench.many_jobs FOLDER [JOBS]     fills FOLDER as a data folder that the studio can be started on
"""

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import insert

from kie import pictures
from kie.database import file_url
from kie.files import Files
from kie.generation import ASPECT_RATIOS, Generation
from kie.schema import balances, job_references, job_tags, jobs, moves, references
from kie.store import Store

PERSONS = ("Ann", "Ben", "Cem", "Dora", "Eve", "Fatima", "Giorgos", "Hanh")
PROJECTS = (
    *("Spring campaign", "Zoo posters", "Museum night", "Recipe cards", "Trade fair 2026", "Annual report"),
    *("Children's book", "Bike shop", "Café relaunch", "Winter coats", "Podcast covers", "Moodboards"),
)
TAGS = (
    "hero",
    "social",
    "print",
    "needs retouch",
    "client liked",
    "texture",
    "portrait",
    "packshot",
    "wide",
    "reshoot",
)
SUBJECTS = (
    *("a banana in a suit", "an old lighthouse", "a red bicycle", "two children with kites", "a glass of orange juice"),
    *(
        "a cat on a windowsill",
        "a wooden rowing boat",
        "a street market",
        "a paper crane",
        "a violin",
        "a snow leopard",
    ),
    *("a ceramic bowl of ramen", "a robot gardener", "a bouquet of tulips", "a vintage camera", "a mountain hut"),
    *("a jazz trio", "a row of houses", "a hot air balloon", "a croissant", "a desert caravan", "a library"),
    *("un café crème", "ein Leuchtturm", "una niña con flores", "夜の灯台", "一只熊猫在喝茶", "바닷가의 등대"),
)
PLACES = (
    *("in a misty harbour", "on a rooftop in Tokyo", "beside a quiet canal", "in a sunlit kitchen", "at the edge of a"),
    *("under an iron bridge", "on a white seamless background", "in tall grass", "inside a greenhouse", "on a stage"),
    *("in a crowded tram", "by the sea", "in an empty museum hall", "among autumn leaves", "on a cobbled square"),
)
LIGHTS = (
    *("at dusk", "in soft morning light", "lit by a single candle", "with hard noon shadows", "under neon signs"),
    *("at golden hour", "on an overcast day", "with light from the left", "by moonlight", "with a warm rim light"),
)
STYLES = (
    *("watercolour", "35 mm photograph", "flat vector illustration", "risograph print in two colours", "oil on canvas"),
    *("isometric render", "pencil sketch", "studio photograph, f/2.8", "linocut", "paper collage", "pixel art"),
)
ENDINGS = (
    "Keep the lower third empty for a headline.",
    "The label reads “{word}” in a bold grotesque, sharp and legible.",
    "Use the first reference for the face and the second for the pose; do not change the clothes.",
    "No text, no watermark, no frame.",
    "Same composition as before, but with a calmer sky and {number} birds.",
    "Palette: cream, petrol, rust. Leave room at the right for a price of {number} euros.",
)
TWO_YEARS_S = 2 * 365 * 86_400
CREDITS = {"1K": 18.0, "2K": 18.0, "4K": 24.0}
SECONDS = {"1K": 35, "2K": 55, "4K": 110}
PIXELS = {"1K": 1024, "2K": 2048, "4K": 4096}
STEPS = (("queued", 0), ("uploading", 1), ("sending", 2), ("running", 3))
REFERENCES = 300
BATCH = 5000


def fill(store: Store, count: int, now: float, seed: int = 7) -> list[str]:
    """Write this many jobs of the two years before `now` and return their ids, oldest first."""
    chance = random.Random(seed)
    used = [f"{chance.getrandbits(256):064x}" for _ in range(REFERENCES)]
    ids: list[str] = []
    with store._write() as db:
        db.execute(insert(references), [_reference(identifier, now) for identifier in used])
        db.execute(
            insert(balances), [{"credits": 90_000 - 4 * day, "at": now - day * 3600} for day in range(500, 0, -1)]
        )
    made = _jobs(chance, count, now)
    while rows := [row for row, _ in zip(made, range(min(BATCH, count - len(ids))), strict=False)]:
        ids += [row["id"] for row in rows]
        with store._write() as db:
            db.execute(insert(jobs), rows)
            db.execute(insert(moves), [move for row in rows for move in _moves(row)])
            for table, more in ((job_references, _used(chance, rows, used)), (job_tags, _tags(chance, rows))):
                if more:
                    db.execute(insert(table), more)
    return ids


def draw(files: Files, ids: list[str]) -> None:
    """Draw a picture and its thumbnail for each of these jobs."""
    for number, job_id in enumerate(ids):
        part = files.incoming()
        Image.linear_gradient("L").resize((256, 192)).rotate(number * 7).save(part, "PNG")
        name = files.keep_result(part, job_id, ".png")
        thumbnail = files.thumbnail(job_id)
        thumbnail.parent.mkdir(parents=True, exist_ok=True)
        pictures.make_thumbnail(files.path(name), thumbnail)


def prompt(chance: random.Random) -> str:
    """Write a prompt as people do: a subject, mostly a place, a light and a style, sometimes more."""
    parts = [chance.choice(SUBJECTS), chance.choice(PLACES), chance.choice(LIGHTS)]
    text = f"{' '.join(parts[: chance.choice((1, 2, 3, 3, 3))])}, {chance.choice(STYLES)}"
    for ending in chance.sample(ENDINGS, chance.choice((0, 0, 1, 1, 2, 3))):
        text += " " + ending.format(
            word=f"{chance.choice(TAGS)} {chance.randrange(1000)}", number=chance.randrange(2, 90)
        )
    return text


def _jobs(chance: random.Random, count: int, now: float) -> Iterator[dict[str, Any]]:
    """Yield rows press by press, oldest first; the last ones may still be open."""
    made = 0
    while made < count:
        images = chance.choice((1, 1, 1, 2, 4, 8))
        person, project = chance.choice(PERSONS), chance.choice((None, *PROJECTS))
        generation = Generation(
            prompt(chance),
            aspect_ratio=chance.choice(("1:1", *ASPECT_RATIOS)),
            resolution=chance.choice(("1K", "1K", "1K", "2K", "4K")),
            output_format=chance.choice(("png", "png", "jpg")),
        )
        submit_id = f"{chance.getrandbits(128):032x}"
        for variant in range(1, min(images, count - made) + 1):
            made += 1
            created_at = now - TWO_YEARS_S * (1 - made / count) - 600
            yield _row(chance, generation, submit_id, variant, person, project, created_at, made > count - 8)


def _row(
    chance: random.Random,
    generation: Generation,
    submit_id: str,
    variant: int,
    person: str,
    project: str | None,
    created_at: float,
    may_be_open: bool,
) -> dict[str, Any]:
    state = chance.choices(("done", "failed", "cancelled"), (94, 4, 2))[0]
    if may_be_open and chance.random() < 0.5:
        state = "running"
    job_id = f"{chance.getrandbits(128):032x}"
    resolution, is_done = generation.resolution, state == "done"
    took_s = SECONDS[resolution] * chance.uniform(0.7, 2.5)
    sent = state != "cancelled"
    ended_at = None if state == "running" else created_at + 3 + took_s
    starred, picked, binned = (chance.random() < share for share in (0.06, 0.15, 0.02))
    return {
        "id": job_id,
        "submit_id": submit_id,
        "variant": variant,
        "person": person,
        "project": project,
        "state": state,
        "prompt": generation.prompt,
        "aspect_ratio": generation.aspect_ratio,
        "resolution": resolution,
        "output_format": generation.output_format,
        "fingerprint": generation.fingerprint,
        "task_id": f"task-{job_id}" if sent else None,
        "price_expected": CREDITS[resolution],
        "credits": CREDITS[resolution] if is_done and chance.random() < 0.99 else 0.0 if state == "failed" else None,
        "problem": "TaskFailed"
        if state == "failed"
        else "FileMissing"
        if is_done and chance.random() < 0.0005
        else None,
        "created_at": created_at,
        "sent_at": created_at + 2 if sent else None,
        "accepted_at": created_at + 3 if sent else None,
        "ended_at": ended_at,
        "duration_s": took_s if is_done else None,
        "next_at": created_at + 3600 if state == "running" else None,
        "attempts": 0,
        "file": f"results/{job_id[:2]}/{job_id}.png" if is_done else None,
        "file_kind": "png" if is_done else None,
        "file_bytes": int(took_s * 40_000) if is_done else None,
        "width": PIXELS[resolution] if is_done else None,
        "height": PIXELS[resolution] if is_done else None,
        "starred_at": created_at + 900 if is_done and starred else None,
        "starred_by": person if is_done and starred else None,
        "verdict": chance.choice(("pick", "reject")) if is_done and picked else None,
        "binned_at": ended_at + 3600 if binned and ended_at and not may_be_open else None,
        "binned_by": person if binned and ended_at and not may_be_open else None,
    }


def _moves(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    begun = STEPS[:1] if row["state"] == "cancelled" else STEPS
    for state, after_s in begun:
        yield {"job_id": row["id"], "state": state, "at": row["created_at"] + after_s}
    if row["state"] == "done":
        yield {"job_id": row["id"], "state": "fetching", "at": row["ended_at"] - 1}
    if row["ended_at"]:
        yield {"job_id": row["id"], "state": row["state"], "at": row["ended_at"]}


def _used(chance: random.Random, rows: list[dict[str, Any]], used: list[str]) -> list[dict[str, Any]]:
    return [
        {"job_id": row["id"], "position": position, "reference_id": identifier}
        for row in rows
        if chance.random() < 0.3
        for position, identifier in enumerate(chance.sample(used, chance.randrange(1, 4)), start=1)
    ]


def _tags(chance: random.Random, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    tagged = [row["id"] for row in rows if row["state"] == "done" and chance.random() < 0.12]
    return [{"job_id": job_id, "tag": tag} for job_id in tagged for tag in chance.sample(TAGS, chance.randrange(1, 4))]


def _reference(identifier: str, now: float) -> dict[str, Any]:
    file = f"references/{identifier[:2]}/{identifier}.png"
    seen = {"kind": "png", "width": 800, "height": 600, "bytes": 400_000, "created_at": now, "checked_at": now}
    return {"id": identifier, "name": f"reference {identifier[:4]}.png", "file": file, **seen}


def main() -> None:
    """Fill a data folder and say how long it took."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    began = time.monotonic()
    files = Files(folder)
    files.open()
    store = Store(file_url(folder / "studio.sqlite3"))
    store.open()
    draw(files, fill(store, count, time.time())[-200:])
    store.close()
    print(f"{count:,} jobs in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
