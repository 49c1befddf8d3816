"""Client for the service's API: four calls, and the download of a result.

    upload  →  create_task  →  task, task, task …  →  fetch          credits

The field names of the API occur only here, except those of the options (`kie.generation`). The service usually reports an
error as HTTP 200 with the real code in the body, so the code in the body takes precedence over the HTTP status.
Source: the service's documentation; undocumented behaviour as reported by public clients.
"""

import io
import json
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests_toolbelt import MultipartEncoderMonitor

from kie.client import addresses, redaction, transport
from kie.client.failure_messages import is_filtered
from kie.client.redaction import MARK, Redaction
from kie.errors import (
    Blocked,
    CreditsShort,
    KeyMissing,
    KeyRefused,
    NothingLearned,
    PictureNotFetched,
    PictureNotSaved,
    PictureTooLarge,
    Refused,
    RequestFiltered,
    ServicePaused,
    StudioError,
    TooManyRequests,
    Unreachable,
    Unsure,
    UploadFailed,
)
from kie.generation import MODEL, Generation
from kie.timing import Timing

UPLOAD_PATH = "images/studio"
# Upper bound for a task record: a prompt of 10,000 characters, each escaped twice.
REPLY_LIMIT = 1024 * 1024
REDIRECTS_LIMIT = 5
CODE_LIMIT = 99_999


@dataclass(frozen=True)
class Task:
    """The state of a task. `state` is "unseen", "running", "success" or "fail"; times are Unix seconds."""

    state: str
    stage: str | None = None
    urls: tuple[str, ...] = ()
    credits: float | None = None
    fail_code: str | None = None
    fail_message: str | None = None
    created_at: float | None = None
    completed_at: float | None = None
    request: Mapping[str, Any] | None = None

    def is_for(self, generation: Generation, callback_url: str | None) -> bool | None:
        """Return whether the task was created by this request, or None when the service does not return the request."""
        sent = self.request.get("input") if self.request else None
        if not isinstance(sent, dict) or "prompt" not in sent:
            return None
        if any(sent.get(name, value) != value for name, value in _input(generation).items()):
            return False
        images = sent.get("image_input") or []
        if not isinstance(images, list) or len(images) != len(generation.references):
            return False
        called = self.request.get("callBackUrl")
        return not (called and callback_url) or called == callback_url


class Client:
    """Client for the API host and the upload host. Thread-safe; reuses connections except for `create_task`."""

    def __init__(
        self,
        api_url: str,
        upload_url: str,
        key: Callable[[], str],
        *,
        timing: Timing = Timing(),
        result_limit: int = 200 * 1024 * 1024,
        resolver: addresses.Resolver = addresses.resolve,
    ):
        self._api_url, self._upload_url, self._key = api_url, upload_url, key
        self._timing, self._result_limit, self._resolver = timing, result_limit, resolver
        self._session, self._results = transport.session(), transport.result_session(resolver, self._is_on_this_network)

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()
        self._results.close()

    def upload(self, path: Path, name: str, mime_type: str) -> str:
        """Upload a reference, streamed from disk, and return its download URL. Costs nothing.

        `name` must be unique to the content: an upload with the same name overwrites the file for all users of the key.
        Raises UploadFailed, Unreachable, KeyRefused or KeyMissing. Source: the service's documentation, "File Stream Upload".
        """
        with path.open("rb") as file:
            fields = {"uploadPath": UPLOAD_PATH, "fileName": name, "file": (name, file, mime_type)}
            body = MultipartEncoderMonitor.from_fields(fields)
            sent = {"data": body, "headers": {"Content-Type": body.content_type}}
            sent["timeout"] = (self._timing.connect_s, self._timing.upload_read_s)
            url = f"{self._upload_url}/api/file-stream-upload"
            try:
                reply, code, message, content = self._ask("POST", url, **sent)
            except requests.RequestException as error:
                raise (UploadFailed if body.bytes_read else Unreachable)(transport.describe(error)) from None
        url = content.get("downloadUrl") if isinstance(content, dict) else None
        if (code or reply.status_code) == 401:
            raise KeyRefused(message, "401")
        if code != 200 or not reply.ok or not _is_web_address(url):
            raise UploadFailed(message or "the reply named no download address", str(code or reply.status_code))
        if MARK in url:
            raise UploadFailed("the reply named a download address with the key in it, so it was not used", str(code))
        return url

    def create_task(self, generation: Generation, image_urls: list[str], callback_url: str | None = None) -> str:
        """Create a task for one picture and return its task id. This spends credits.

        Raises Refused, KeyMissing or Unreachable when no task was created. Raises Unsure when the reply was lost or
        unreadable: a task may exist and be paid for, so the request must not be retried.
        Source: the service's documentation, "createTask". All input fields are sent, because defaults may not be applied.
        """
        request = {"model": MODEL} | ({"callBackUrl": callback_url} if callback_url else {})
        request["input"] = _input(generation) | {"image_input": list(image_urls)}
        # Read once the connection is open and the head has been sent. Before that, the server can't have acted on the request.
        body = io.BytesIO(json.dumps(request, ensure_ascii=False).encode())
        headers = {"Content-Type": "application/json", "Connection": "close"}
        url = f"{self._api_url}/api/v1/jobs/createTask"
        try:
            # No connection reuse here: a kept-alive connection that the server has just closed would look like a lost reply.
            with transport.session() as fresh:
                reply, code, message, content = self._ask("POST", url, fresh, data=body, headers=headers)
        except requests.RequestException as error:
            raise (Unsure if body.tell() else Unreachable)(transport.describe(error)) from None
        task_id = content.get("taskId") if isinstance(content, dict) else None
        if code == 200 and reply.ok and _is_task_id(task_id):
            if MARK in str(task_id):
                raise Unsure("the reply named a task by an id with the key in it, so it was not kept", "200")
            return str(task_id)
        raise _refusal(code, message, reply.status_code)

    def task(self, task_id: str) -> Task:
        """Poll a task. Costs nothing. An error says nothing about the state of the task.

        Raises NothingLearned, KeyRefused or KeyMissing. Source: the service's documentation, "Poll task".
        """
        code, message, content = self._read("/api/v1/jobs/recordInfo", {"taskId": task_id})
        if (code == 422 and "null" in message.lower()) or (code == 200 and content is None):
            return Task("unseen")
        if code != 200 or not isinstance(content, dict):
            raise NothingLearned(message, str(code))
        return _task(content, redaction.redaction(self._key()))

    def credits(self) -> float:
        """Return the remaining credits, possibly fractional. Raises NothingLearned, KeyRefused or KeyMissing.

        A reply without the number raises NothingLearned; it is never read as 0. Source: the service's documentation, "Credits".
        """
        code, message, content = self._read("/api/v1/chat/credit", {})
        remaining = _number(content)
        if code != 200 or remaining is None:
            raise NothingLearned(message or "the reply named no balance", str(code))
        return remaining

    def fetch(self, url: str, target: Path) -> int:
        """Stream a result to the file `target` without sending the key, and return its size in bytes.

        Raises PictureNotFetched when the download fails or is incomplete, PictureTooLarge when there is more than is
        kept here, and PictureNotSaved when the file can't be written.
        """
        try:
            with self._followed(url) as reply:
                if reply.status_code != 200:
                    raise PictureNotFetched(f"the address answered HTTP {reply.status_code}", str(reply.status_code))
                return self._written(reply, target)
        except addresses.AddressRefused as error:
            raise PictureNotFetched(str(error)) from None
        except (requests.RequestException, ValueError) as error:
            raise PictureNotFetched(transport.describe(error)) from None
        except OSError as error:
            raise PictureNotSaved(error.strerror or type(error).__name__) from None

    def reach(self, url: str) -> str:
        """Return why no TCP connection to a host can be opened, or "" if it can. Sends no request and no key."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            with socket.create_connection((parts.hostname, port), timeout=self._timing.connect_s):
                return ""
        except OSError as error:
            return error.strerror or "no answer within the time allowed"

    def holds_key(self, text: str) -> bool:
        """Return whether a text contains the key in any encoding. Such a text must not be stored."""
        return redaction.redaction(self._key()).holds(text)

    def _ask(
        self, method: str, url: str, session: requests.Session | None = None, **sent: Any
    ) -> tuple[requests.Response, int | None, str, Any]:
        """Send a request with the key, and return the reply with the code, message and data of its envelope.

        The code is None if the reply is not an envelope of the service. Raises KeyMissing or requests.RequestException.
        """
        key = self._key()
        # With any other character `http.client` raises an exception that quotes the whole key.
        if not re.fullmatch(r"[\x21-\x7e]+", key):
            raise KeyMissing()
        sent.setdefault("timeout", (self._timing.connect_s, self._timing.read_s))
        reply = (session or self._session).request(method, url, auth=transport.bearer(key), **sent)
        return reply, *_opened(reply, redaction.redaction(key), self._timing.reply_s)

    def _read(self, path: str, query: Mapping[str, str]) -> tuple[int, str, Any]:
        try:
            reply, code, message, content = self._ask("GET", self._api_url + path, params=query)
        except requests.RequestException as error:
            raise NothingLearned(transport.describe(error)) from None
        if (code or reply.status_code) == 401:
            raise KeyRefused(message, "401")
        if code is None or not reply.ok:
            raise NothingLearned(message, str(reply.status_code))
        return code, message, content

    def _followed(self, url: str) -> requests.Response:
        """Open a result URL. Redirects are followed one at a time, each checked like the first URL."""
        for _ in range(REDIRECTS_LIMIT):
            if MARK in url or self.holds_key(url):
                raise PictureNotFetched("the address has the key in it, so it was not opened")
            # Checked before requests parses it, which may read a malformed URL differently.
            addresses.read(url)
            timeout_s = (self._timing.connect_s, self._timing.read_s)
            reply = self._results.get(url, auth=transport.no_key, timeout=timeout_s)
            if not reply.is_redirect:
                return reply
            reply.close()
            url = urljoin(url, reply.headers["location"])
        raise PictureNotFetched("the address redirects too often")

    def _is_on_this_network(self) -> bool:
        """Return whether the API is on the local network, as the sandbox is. Its results may then be there too."""
        parts = urlsplit(self._api_url)
        return addresses.is_on_this_network(parts.hostname or "", parts.port or 0, self._resolver)

    def _written(self, reply: requests.Response, target: Path) -> int:
        length = None if "content-encoding" in reply.headers else reply.headers.get("content-length")
        written, timing = 0, self._timing
        with target.open("wb") as out:
            for piece in transport.read(reply, timing.fetch_s, timing.slow_after_s, timing.least_rate):
                written += len(piece)
                if max(written, int(length or 0)) > self._result_limit:
                    raise PictureTooLarge(f"it is larger than {self._result_limit // 2**20} MB")
                out.write(piece)
        if written == 0 or (length is not None and written != int(length)):
            raise PictureNotFetched(f"{written} bytes came of {length}")
        return written


def named_task(body: bytes) -> str | None:
    """Return the task id in a callback's body, or None. Nothing else in the body is read.

    Source: the service's documentation, "Callback Notifications"; `task_id` and the top level as used by related models.
    """
    called = _parsed(body)
    if not isinstance(called, dict):
        return None
    data = called.get("data") if isinstance(called.get("data"), dict) else {}
    named = data.get("taskId") or data.get("task_id") or called.get("taskId")
    return named if isinstance(named, str) else None


def _input(generation: Generation) -> dict[str, Any]:
    """Return the fields of a request that do not depend on where its references were uploaded."""
    return {"prompt": generation.prompt} | generation.options


def _opened(reply: requests.Response, key: Redaction, whole_s: float) -> tuple[int | None, str, Any]:
    """Read a reply and return the code, message and data of its envelope, with the key redacted. Without one, the code is None."""
    raw = b""
    with reply:
        for piece in transport.read(reply, whole_s):
            raw += piece
            if len(raw) > REPLY_LIMIT:
                return None, f"HTTP {reply.status_code} with far too long a reply", None
    try:
        envelope = key.value(json.loads(raw))
        code = _code(envelope["code"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None, f"HTTP {reply.status_code} with a reply that is not the service's own", None
    text = envelope.get("msg") or envelope.get("message")
    return code, _text(text, key) or "", envelope.get("data")


def _code(value: Any) -> int:
    """Parse a code given as a number or as text. Raises ValueError, TypeError or OverflowError for anything else."""
    if isinstance(value, str) and not re.fullmatch(r"\s*-?[0-9]+\s*", value):
        raise ValueError
    code = int(value)
    if abs(code) > CODE_LIMIT:
        raise ValueError
    return code


def _refusal(code: int | None, message: str, status: int) -> StudioError:
    """Return the error for a createTask reply without a task id."""
    if code is None:  # Then only an HTTP status 4xx means that nothing was created.
        if not 400 <= status < 500:
            return Unsure(message, str(status))
        if status == 403:
            return Blocked(message, "403")
        code = status
    if code == 429:
        short = re.search(r"credit|balance|insufficient", message, re.IGNORECASE)
        return (CreditsShort if short else TooManyRequests)(message, "429")
    known = {401: KeyRefused, 402: CreditsShort, 433: ServicePaused, 455: ServicePaused, 505: ServicePaused}
    if code in known:
        return known[code](message, str(code))
    if 400 <= code < 500 and code != 408:
        return (RequestFiltered if is_filtered(None, message) else Refused)(message, str(code))
    return Unsure(message or "the reply named no task", str(code if code != 200 else status))


def _task(data: Mapping[str, Any], key: Redaction) -> Task:
    state = data.get("state")
    known = state if state in ("success", "fail") else "running"
    credits = _number(data.get("creditsConsumed"))
    return Task(
        state=known,
        stage=(_text(state, key) or "")[:40] or None,
        urls=_result_urls(data.get("resultJson")),
        credits=credits if credits is not None else _number(data.get("consumeCredits")),
        fail_code=(_text(data.get("failCode"), key) or "")[:20] or None,
        fail_message=_text(data.get("failMsg"), key),
        created_at=_seconds(data.get("createTime")),
        completed_at=_seconds(data.get("completeTime")),
        request=_request(data.get("param")),
    )


def _request(param: Any) -> Mapping[str, Any] | None:
    """Parse `param`, a JSON string with the request. Its `input` may be a JSON string again."""
    request = _parsed(param)
    if not isinstance(request, dict):
        return None
    return request | {"input": _parsed(request.get("input"))}


def _parsed(value: Any) -> Any:
    """Return what a JSON text says, None if it is broken, and any other value as it is."""
    if not isinstance(value, str | bytes):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _result_urls(result: Any) -> tuple[str, ...]:
    """Parse `resultJson`: usually a JSON string, rarely an object, empty until success."""
    parsed = _parsed(result)
    urls = parsed.get("resultUrls") if isinstance(parsed, dict) else None
    # A redacted URL is kept, so that the reason for not opening it can be shown.
    if MARK in (result, urls):
        return (MARK,)
    return tuple(url for url in urls if url == MARK or _is_web_address(url)) if isinstance(urls, list) else ()


def _is_web_address(url: Any) -> bool:
    return isinstance(url, str) and len(url) < 4000 and url.isprintable() and bool(re.match(r"https?://[^/\s]", url))


def _is_task_id(value: Any) -> bool:
    return type(value) in (str, int) and 0 < len(str(value)) <= 200 and str(value).isprintable()


def _number(value: Any) -> float | None:
    """Parse a number given as a number or as text. Returns None for booleans, NaN and values of 1e15 or more."""
    if isinstance(value, str):
        value = float(value) if re.fullmatch(r"\s*[-+]?[0-9]{1,15}(\.[0-9]{1,6})?\s*", value) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        return None
    return float(value)


def _seconds(milliseconds: Any) -> float | None:
    number = _number(milliseconds)
    return number / 1000 if number else None


def _text(value: Any, key: Redaction) -> str | None:
    """Clean a text for the database: no lone surrogates, no NUL, at most 1,000 characters. Redacts the key after that."""
    text = "" if value is None else str(value).encode("utf-8", "replace").decode().replace("\0", "")
    return key.text(text)[:1000] or None
