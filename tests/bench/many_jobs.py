"""A studio's database after two years: any number of jobs, with moves, references, tags, and thumbnails of the newest.

python -m tests.bench.many_jobs FOLDER [JOBS]     fills FOLDER as a data folder for the studio
"""

import itertools
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import Connection, Index, bindparam, insert, text, update

from kie.generation import ASPECT_RATIOS, Generation
from kie.images import inspect
from kie.images.files import Files
from kie.jobs import State
from kie.sandbox.drawing import pixel_size
from kie.store import Store
from kie.store.database import file_url
from kie.store.schema import balances, job_references, job_tags, jobs, moves, references

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
STEPS = (("queued", 0), ("uploading", 1), ("sending", 2), ("running", 3))
REFERENCES = 300
BATCH = 5000


def fill(store: Store, count: int, now: float, seed: int = 7) -> list[str]:
    """Insert this many jobs of the two years before `now` into a new database, and return their ids, oldest first."""
    chance = random.Random(seed)
    used = [f"{chance.getrandbits(256):064x}" for _ in range(REFERENCES)]
    ids: list[str] = []
    with store.database.write() as db:
        db.execute(insert(references), [_reference(identifier, now) for identifier in used])
        db.execute(
            insert(balances), [{"credits": 90_000 - 4 * day, "at": now - day * 3600} for day in range(500, 0, -1)]
        )
    made = _jobs(chance, count, now)
    _without_upkeep(store)
    while rows := list(itertools.islice(made, BATCH)):
        ids += [row["id"] for row in rows]
        with store.database.write() as db:
            db.execute(insert(jobs), rows)
            db.execute(insert(moves), [move for row in rows for move in _moves(row)])
            for table, more in ((job_references, _used(chance, rows, used)), (job_tags, _tags(chance, rows))):
                if more:
                    db.execute(insert(table), more)
    with store.database.write() as db:
        for index in _indexes(db):
            index.create(db)
    store.database.open()
    store.search.prepare()
    return ids


def draw(files: Files, store: Store, ids: list[str]) -> None:
    """Draw a picture and a thumbnail for the done ones of these jobs."""
    drawn = []
    for number, job in enumerate(each for each in store.jobs.get_many(ids) if each.state == State.DONE):
        part = files.incoming()
        Image.linear_gradient("L").resize((256, 192)).rotate(number * 7).save(part, "PNG")
        name = files.keep_result(part, job.id, ".png")
        thumbnail = files.thumbnail(job.id)
        thumbnail.parent.mkdir(parents=True, exist_ok=True)
        inspect.decode(files.path(name), thumbnail)
        drawn.append({"owner": job.id, "name": name, "bytes": files.path(name).stat().st_size})
    kept = {"file": bindparam("name"), "file_kind": "png", "file_bytes": bindparam("bytes")}
    with store.database.write() as db:
        db.execute(update(jobs).where(jobs.c.id == bindparam("owner")).values(kept), drawn)


def prompt(chance: random.Random) -> str:
    """Return a realistic prompt: a subject, usually a place, a light and a style, sometimes more."""
    parts = [chance.choice(SUBJECTS), chance.choice(PLACES), chance.choice(LIGHTS)]
    text = f"{' '.join(parts[: chance.choice((1, 2, 3, 3, 3))])}, {chance.choice(STYLES)}"
    for ending in chance.sample(ENDINGS, chance.choice((0, 0, 1, 1, 2, 3))):
        text += " " + ending.format(
            word=f"{chance.choice(TAGS)} {chance.randrange(1000)}", number=chance.randrange(2, 90)
        )
    return text


def _without_upkeep(store: Store) -> None:
    """Drop indexes and triggers whose content is created faster at the end, or here."""
    with store.database.write() as db:
        if db.dialect.name == "sqlite":
            for trigger in db.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                db.execute(text(f"DROP TRIGGER {trigger}"))
        for index in _indexes(db):
            index.drop(db)


def _indexes(db: Connection) -> list[Index]:
    every = [index for table in (jobs, moves, job_tags, job_references) for index in table.indexes]
    return every if db.dialect.name == "sqlite" else []


def _jobs(chance: random.Random, count: int, now: float) -> Iterator[dict[str, Any]]:
    """Yield rows by submission, oldest first; the last ones may still be open."""
    made = 0
    while made < count:
        press = _press(chance)
        for variant in range(1, min(chance.choice((1, 1, 1, 2, 4, 8)), count - made) + 1):
            made += 1
            created_at = now - TWO_YEARS_S * (1 - made / count) - 600
            numbered = {"variant": variant, "created_at": created_at}
            yield press | numbered | _life(chance, press, created_at, made > count - 8)


def _press(chance: random.Random) -> dict[str, Any]:
    generation = Generation(
        prompt(chance),
        aspect_ratio=chance.choice(("1:1", *ASPECT_RATIOS)),
        resolution=chance.choice(("1K", "1K", "1K", "2K", "4K")),
        output_format=chance.choice(("png", "png", "jpg")),
    )
    asked = {"prompt": generation.prompt, "aspect_ratio": generation.aspect_ratio, "resolution": generation.resolution}
    return asked | {
        "submit_id": f"{chance.getrandbits(128):032x}",
        "person": chance.choice(PERSONS),
        "project": chance.choice((None, *PROJECTS)),
        "output_format": generation.output_format,
        "fingerprint": generation.fingerprint,
        "price_expected": CREDITS[generation.resolution],
        "attempts": 0,
    }


def _life(chance: random.Random, press: dict[str, Any], created_at: float, may_be_open: bool) -> dict[str, Any]:
    """Return the outcome of a job of a submission, and the annotations of its picture."""
    state = chance.choices(("done", "failed", "cancelled"), (94, 4, 2))[0]
    if may_be_open and chance.random() < 0.5:
        state = "running"
    job_id, resolution = f"{chance.getrandbits(128):032x}", press["resolution"]
    is_done, is_sent, is_open = state == "done", state != "cancelled", state == "running"
    took_s = SECONDS[resolution] * chance.uniform(0.7, 2.5)
    ended_at = None if is_open else created_at + 3 + took_s
    starred, judged, binned = (chance.random() < share for share in (0.06, 0.15, 0.02))
    is_lost, is_priced = chance.random() < 0.0005, chance.random() < 0.99
    is_binned = binned and not may_be_open
    # One picture in 16 comes as a small square, whatever was asked.
    is_small = job_id.startswith("0")
    width, height = (1024, 1024) if is_small else pixel_size(resolution, press["aspect_ratio"], ())
    return {
        "id": job_id,
        "state": state,
        "task_id": f"task-{job_id}" if is_sent else None,
        "credits": CREDITS[resolution] if is_done and is_priced else 0.0 if state == "failed" else None,
        "problem": "TaskFailed" if state == "failed" else "FileMissing" if is_done and is_lost else None,
        "sent_at": created_at + 2 if is_sent else None,
        "accepted_at": created_at + 3 if is_sent else None,
        "ended_at": ended_at,
        "duration_s": took_s if is_done else None,
        "next_at": created_at + 3600 if is_open else None,
        "width": width if is_done else None,
        "height": height if is_done else None,
        "starred_at": created_at + 900 if is_done and starred else None,
        "starred_by": press["person"] if is_done and starred else None,
        "verdict": chance.choice(("pick", "reject")) if is_done and judged else None,
        "binned_at": ended_at + 3600 if is_binned else None,
        "binned_by": press["person"] if is_binned else None,
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
    """Fill a data folder and print the time it took."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    began = time.monotonic()
    files = Files(folder)
    files.open()
    store = Store(file_url(folder / "studio.sqlite3"))
    store.open()
    draw(files, store, fill(store, count, time.time())[-200:])
    store.close()
    print(f"{count:,} jobs in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
