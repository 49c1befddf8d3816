"""JSON API for the components. `WS /events` says when to fetch again.

GET /api/jobs?ids=…&person=…&since=…&without=…&zone=…&seen=…
    the jobs with these ids, the rest of their submissions, and this person's recent jobs: see `feed.feed`
GET /api/job?id=…&zone=…&receipt=…
    the details of one job: see `job`
GET /api/references?ids=…&seen=…
    {"items": […]}: see `reference_tiles.tile`
GET /api/status?zone=…&seen=…
    credits, those reserved, why new jobs wait, what needs attention, the key, the hosts, the check of the files
GET /api/news?list=…&mark=…&…
    {"new": number of jobs that were added to the list, "changed": whether the shown jobs are out of date}

Lists are separated by commas, times are Unix seconds, and each answer has its fingerprint in "seen". A request with that
fingerprint is answered with 204 if nothing but the clock has changed.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kie.errors import KeyRefused
from kie.generation import REFERENCE_LIMIT, RESOLUTIONS
from kie.history.query import Query
from kie.jobs import Job
from kie.settings import KEY_FILE
from kie.studio import Studio
from kie.views import format
from kie.views.cards import Row, row
from kie.views.feed import feed
from kie.views.job_cards import item
from kie.views.reference_tiles import tile

Params = Mapping[str, str]
IDS_LIMIT = 200
# Not in the fingerprint: the browser counts them on.
CLOCKS = ("elapsed", "expected", "now")
OF_NEWS = ("list", "mark", "page", "size", "total", "zone", "view", "job", "seen")


def api_routes(studio: Callable[[], Studio]) -> list[Route]:
    """Return the routes. `studio` is called for each request."""

    def route(path: str, answer: Callable[[Studio, Params], Row]) -> Route:
        def reply(request: Request) -> Response:
            answered = answer(studio(), request.query_params)
            seen = fingerprint(answered)
            if request.query_params.get("seen") == seen:
                return Response(status_code=204)
            return JSONResponse(answered | {"seen": seen}, headers={"Cache-Control": "no-store"})

        return Route(path, reply)

    answers = {"jobs": jobs, "job": job, "references": references, "status": status, "news": news}
    return [route(f"/api/{name}", answer) for name, answer in answers.items()]


def jobs(studio: Studio, params: Params) -> Row:
    """Return jobs with the rest of their submissions, as the gallery shows them."""
    ids, without = (_listed(params.get(name), IDS_LIMIT) for name in ("ids", "without"))
    if person := params.get("person"):
        ids = [*ids, *studio.jobs.recent_ids(person, created_since=_number(params.get("since")))]
    found = [job for job in studio.jobs.with_their_submissions(ids) if job.id not in without]
    return feed(studio, found, params.get("zone"))


def job(studio: Studio, params: Params) -> Row:
    """Return a job as an item of the gallery, with its history, references, the pictures made from it, tags and note.

    {"item", "facts": [[name, value], …], "references" and "used": [{"url", "alt", "id"}, …], "tags", "all_tags", "note"};
    "item" is None if there is no such job. With `receipt`, the downloaded file has the receipt embedded.
    """
    found, zone = studio.jobs.get(params.get("id") or ""), params.get("zone")
    if found is None:
        return {"item": None}
    shown = item(studio, found, zone, session=False, receipt=bool(params.get("receipt")))
    ids = [("Expected", format.credits(found.price_expected)), ("Job id", found.id)]
    steps = [(format.LOOKS[state][1], format.exact(at, zone)) for state, at in studio.jobs.moves(found.id)]
    sent = enumerate(studio.store.references.get_many(found.generation.references), start=1)
    used = [each for each in studio.jobs.used_in(found.id) if studio.exports.file(each) and not each.preview_problem]
    return {
        "item": row(shown),
        "facts": [*shown.facts, *ids, *steps],
        "references": [_small(studio, each.id, f"Reference {number}") for number, each in sent],
        "used": [_small(studio, each.id, f"Made with it: {each.prompt[:100]}") | {"id": each.id} for each in used],
        "tags": studio.store.annotations.tags([found.id]).get(found.id, ()),
        "all_tags": studio.store.annotations.all_tags(),
        "note": found.note or "",
    }


def references(studio: Studio, params: Params) -> Row:
    """Return the tiles of references."""
    ids = _listed(params.get("ids"), REFERENCE_LIMIT)
    known = {reference.id: reference for reference in studio.store.references.get_many(ids)}
    return {"items": [tile(studio, each, known.get(each)) for each in ids]}


def status(studio: Studio, params: Params) -> Row:
    """Return the state of the studio. None stands for unknown values."""
    balance, breaker = studio.credits.balance(), studio.store.breaker.current()
    reports, zone = studio.diagnostics.host_reports, params.get("zone")
    hosts = [(url, *reports.get(url, (None, None))) for url in studio.backend.hosts]
    problem, integrity = studio.backend.tracker.credit_problem, studio.backend.tracker.integrity
    return {
        "now": time.time(),
        "balance": balance and balance.credits,
        "read_at": balance and balance.at,
        "problem": problem and {"text": problem.sentence, "detail": problem.detail},
        "free": studio.credits.free(),
        "reserved": studio.credits.reserved(),
        "breaker": breaker
        and {
            "since": format.clock_time(breaker.since, zone),
            # The service is only tested while jobs are queued.
            "try_at": format.clock_time(breaker.try_at, zone) if breaker.try_at > time.time() else None,
            "text": format.incident(breaker.problem),
        },
        "attention": studio.jobs.attention_count(),
        "key": key(studio),
        "prices": [_price(studio, resolution) for resolution in RESOLUTIONS],
        "hosts": [{"url": url, "problem": problem, "at": at} for url, problem, at in hosts],
        "integrity": {
            "is_checking": integrity.is_checking,
            "at": integrity.report and integrity.report.at,
            "sentences": integrity.report.sentences() if integrity.report else [],
        },
    }


def key(studio: Studio) -> Row | None:
    """Return a notice about the sandbox or a problem of the key, {"tone", "text"}, or None."""
    known = studio.settings.key()
    if studio.backend.is_sandbox:
        note = f" {known.note}" if known.note and not known.is_usable else ""
        text = (
            f"Pictures are drawn on this computer with play credits.{note} "
            f"For real pictures, put your key into {KEY_FILE}: it is used at once."
        )
        return {"tone": "info", "text": text}
    if not known.is_usable:
        text = f"There is no usable key, so nothing can be sent. {known.note or f'Put it into {KEY_FILE}.'}"
        return {"tone": "error", "text": text}
    if isinstance(studio.backend.tracker.credit_problem, KeyRefused):
        text = (
            f"The service refuses the key from {known.source}, so nothing can be made: "
            "put a valid one there. It is used at once."
        )
        return {"tone": "error", "text": text}
    return None


def news(studio: Studio, params: Params) -> Row:
    """Return what has changed since a list was shown: that of Account, or a page of the history."""
    if params.get("list") == "account":
        return {"new": 0, "changed": account_mark(studio) != params.get("mark")}
    query = Query.from_params(params, OF_NEWS, params.get("zone"))
    number, size, total = (_whole_number(params.get(name)) for name in ("page", "size", "total"))
    page = studio.search.page(query, max(1, number), min(max(1, size), IDS_LIMIT))
    return {"new": max(0, page.total.jobs - total), "changed": history_mark(page.jobs) != params.get("mark")}


def history_mark(shown: Iterable[Job]) -> str:
    """Return a fingerprint of these jobs and their order."""
    return fingerprint(
        [job.id, job.state, job.credits, job.file, job.starred_at, job.verdict, job.emptied_at] for job in shown
    )


def account_mark(studio: Studio) -> str:
    """Return a fingerprint of the last reading and the jobs that need attention."""
    balance = studio.credits.balance()
    attention = [[job.id, job.state, job.problem, job.candidate] for job in studio.jobs.needing_attention()]
    return fingerprint([balance and balance.at, attention])


def fingerprint(row: Any) -> str:
    """Return a hash of a JSON value without its CLOCKS."""
    content = json.dumps(_without_clocks(row), default=str)
    return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()


def _without_clocks(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_clocks(each) for name, each in value.items() if name not in CLOCKS}
    if isinstance(value, str | int | float | None):
        return value
    return [_without_clocks(each) for each in value]


def _price(studio: Studio, resolution: str) -> Row:
    price = studio.estimates.price(resolution)
    return {"resolution": resolution} | (vars(price) if price else {"credits": None, "source": "unknown"})


def _small(studio: Studio, identifier: str, alt: str) -> Row:
    return {"url": studio.backend.urls.address("thumbnail", identifier), "alt": alt}


def _listed(text: str | None, limit: int) -> list[str]:
    return [each for each in (text or "").split(",") if each][:limit]


def _whole_number(text: str | None) -> int:
    """Return a whole number of at most nine digits, else 0."""
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
