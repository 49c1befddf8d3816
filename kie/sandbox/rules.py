"""What the double accepts, and what becomes of a task. No HTTP and no files.

A prompt that starts with one of these (in any case) triggers a fault:

| prompt | effect |
|---|---|
| `sandbox: fail` | fails with 500 |
| `sandbox: filtered` | fails with 400 and the message of the content filter |
| `sandbox: timeout` | fails with 524, which turns into success 60 s later |
| `sandbox: slow` | takes 60 s |
| `sandbox: no picture` | success, but without a URL for the first 30 s |
| `sandbox: missing` | success, but the result's URL answers 404 for the first 20 s |
| `sandbox: flaky` | every second status read answers code 500 |
| `sandbox: no credits` | refused with 402 |
| `sandbox: busy` | refused with 429 at the first attempt; then that prompt works until it has not been sent for a minute |
| `sandbox: maintenance` | refused with 455 |
| `sandbox: error` | answers code 500, and no task is created |
| `sandbox: lost reply` | the task is created and charged, and the connection is cut without a reply |

Not implemented: real image generation, moderation, abandoned tasks (408), limits of a key (433), deletion of files
after days, cached old files, references from other hosts, callbacks to other machines, error pages of a CDN. Stricter
than the service: fields that are not in the official text are refused.
"""

import json
import re
import time
import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

from kie.generation import OPTIONS

MODEL = "nano-banana-pro"
DEFAULTS = {"image_input": []} | {option.name: option.default for option in OPTIONS}
PRICES = {"1K": 18, "2K": 18, "4K": 24}
SECONDS = {"1K": 4, "2K": 5, "4K": 7}
MAX_BYTES = 30 * 2**20
LOOPBACK = ("127.0.0.1", "localhost", "::1")

SERVER_ERROR = "Internal Error, Please try again later."
BUSY = "Too many requests: refused and not queued."
BROKE = "Credits insufficient: please top up to run this task."
UNFETCHED = "Image fetch failed. Check access settings or use our File Upload API instead."
MODERATED = "No images found in AI response. The image was filtered out because it violated the usage policy."
TRIGGER = re.compile(
    r"\s*sandbox: (fail|filtered|timeout|slow|no picture|missing|flaky|no credits|busy|maintenance|error|lost reply)\b",
    re.IGNORECASE,
)
FAILURES = {"fail": ("500", SERVER_ERROR), "filtered": ("400", MODERATED), "timeout": ("524", "generate task timeout")}
REFUSALS = {"no credits": (402, BROKE), "maintenance": (455, "Under maintenance"), "error": (500, SERVER_ERROR)}


@dataclass(frozen=True)
class Task:
    """A row of `tasks`, with times in Unix milliseconds. Its state depends on the row and the clock alone.

    `request` is the JSON as received; `heals` is when a failure turns into success; `judged` is set once the references
    were checked; `called` is set when no callback is due.
    """

    id: str
    request: str
    price: float
    created: int
    ends: int
    heals: int | None
    fail_code: str | None
    fail_message: str | None
    judged: bool
    called: bool

    def state(self, now: int) -> str:
        if now < self.ends or not self.judged:
            done = (now - self.created) / (self.ends - self.created)
            return "waiting" if done < 0.15 else "queuing" if done < 0.3 else "generating"
        return "fail" if self.fail_code and (not self.heals or now < self.heals) else "success"

    def ended(self, now: int) -> int | None:
        return {"fail": self.ends, "success": self.heals or self.ends}.get(self.state(now))

    def consumed(self, now: int) -> float:
        return 0 if self.state(now) == "fail" else plain(self.price)

    def is_visible(self, now: int) -> bool:
        return now >= self.created + min(300, (self.ends - self.created) / 10)

    @property
    def body(self) -> dict:
        return json.loads(self.request)

    @property
    def options(self) -> dict:
        return DEFAULTS | self.body["input"]

    @property
    def trigger(self) -> str | None:
        return trigger_of(self.options["prompt"])

    @property
    def file_name(self) -> str:
        return f"{self.id}.{'jpeg' if self.options['output_format'] == 'jpg' else 'png'}"


def new_task(body: dict, seconds: float | None) -> Task:
    """Return the task for a valid request. It takes `seconds`, or if that is None what is usual for the resolution."""
    options, created = DEFAULTS | body["input"], clock()
    trigger, resolution = trigger_of(options["prompt"]), options["resolution"]
    seconds = 60 if trigger == "slow" else SECONDS[resolution] if seconds is None else seconds
    ends = created + max(1, round(seconds * 1000))
    fail_code, fail_message = FAILURES.get(trigger, (None, None))
    return Task(
        id=uuid.uuid4().hex,
        request=json.dumps(body),
        price=PRICES[resolution],
        created=created,
        ends=ends,
        heals=ends + 60_000 if trigger == "timeout" else None,
        fail_code=fail_code,
        fail_message=fail_message,
        judged=not options["image_input"] or trigger in ("fail", "filtered"),
        called=urlsplit(body.get("callBackUrl", "")).hostname not in LOOPBACK,
    )


def is_url(value: object) -> bool:
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        return bool(parts and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0)
    except ValueError:
        return False


def demand(holds: object, text: str, code: int = 422) -> None:
    if not holds:
        raise HTTPException(code, text)


def parse(raw: bytes) -> dict:
    """Parse a createTask request and validate it against the official text. Raises HTTPException with 422."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    demand(isinstance(body, dict), "The body must be a JSON object")
    for name in body:
        demand(name in ("model", "callBackUrl", "input"), f"{name} is not a parameter")
    demand(body.get("model") == MODEL, f"model must be {MODEL}")
    demand("callBackUrl" not in body or is_url(body["callBackUrl"]), "callBackUrl must be a URL")
    demand(isinstance(body.get("input"), dict), "input is required and must be an object")
    check(body["input"])
    return body


def check(given: dict) -> None:
    for name in given:
        demand(name == "prompt" or name in DEFAULTS, f"input.{name} is not a parameter of this model")
    prompt = given.get("prompt")
    demand(isinstance(prompt, str) and prompt.strip(), "input.prompt is required")
    demand(len(prompt) <= 10000, "input.prompt must have at most 10000 characters")
    images = given.get("image_input", [])
    demand(isinstance(images, list) and all(map(is_url, images)), "input.image_input must be an array of URLs")
    demand(len(images) <= 8, "input.image_input must have at most 8 URLs")
    for option in OPTIONS:
        is_allowed = given.get(option.name, option.default) in option.values
        demand(is_allowed, f"input.{option.name} must be one of {', '.join(option.values)}")


def clock() -> int:
    """Return the time in Unix milliseconds."""
    return round(time.time() * 1000)


def plain(number: float) -> float:
    """Round credits to two decimals, as an integer if possible."""
    rounded = round(number, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def trigger_of(prompt: str) -> str | None:
    found = TRIGGER.match(prompt)
    return found[1].lower() if found else None
