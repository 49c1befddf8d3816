"""The service's API as four methods, and the download of a result.

    upload  →  create_task  →  task, task, task …  →  fetch          credits

The service's own spellings live here and nowhere above. An error usually comes as HTTP 200 with the real code in the
body, so a reply is judged by its body's code first and by its HTTP status second.
Source: official.txt; behaviour beyond it as reported by public clients.
"""

import json
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from kie import wire
from kie.errors import (
    Blocked,
    CreditsShort,
    KeyMissing,
    KeyRefused,
    NothingLearned,
    PictureNotFetched,
    PictureNotSaved,
    Refused,
    ServicePaused,
    StudioError,
    TooManyRequests,
    Unreachable,
    Unsure,
    UploadFailed,
)
from kie.generation import MODEL, Generation

UPLOAD_PATH = "images/studio"
CHUNK = 256 * 1024
CONNECT_S = 10.0
# A silence of this length ends a request; so does a reply that takes longer than the second number as a whole.
READ_S, REPLY_S = 60.0, 90.0
UPLOAD_READ_S = 180.0
FETCH_S = 15 * 60.0
REPLY_LIMIT = 4 * 1024 * 1024
RESULT_LIMIT = 200 * 1024 * 1024
REDIRECTS_LIMIT = 5


@dataclass(frozen=True)
class Task:
    """What the service says of a task. `state` is "unseen", "running", "success" or "fail"; times are Unix seconds."""

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
        """Say whether the task carries this request, or None when the service does not say what it carries."""
        asked = self.request.get("input") if self.request else None
        if not isinstance(asked, dict) or "prompt" not in asked:
            return None
        same = {
            "prompt": generation.prompt,
            "aspect_ratio": generation.aspect_ratio,
            "resolution": generation.resolution,
            "output_format": generation.output_format,
        }
        if any(asked.get(name, value) != value for name, value in same.items()):
            return False
        images = asked.get("image_input") or []
        if not isinstance(images, list) or len(images) != len(generation.references):
            return False
        called = self.request.get("callBackUrl")
        return not (called and callback_url) or called == callback_url


class Client:
    """Talks to the two hosts. Safe to use from several threads; keeps connections open between calls."""

    def __init__(
        self,
        api_url: str,
        upload_url: str,
        key: Callable[[], str],
        *,
        connect_s: float = CONNECT_S,
        read_s: float = READ_S,
        upload_read_s: float = UPLOAD_READ_S,
        reply_s: float = REPLY_S,
        fetch_s: float = FETCH_S,
        result_limit: int = RESULT_LIMIT,
    ):
        self._api_url, self._upload_url = api_url, upload_url
        self._key = key
        self._timeout_s, self._upload_timeout_s = (connect_s, read_s), (connect_s, upload_read_s)
        self._reply_s, self._result_limit = reply_s, result_limit
        self._session, self._results = wire.session(reply_s), wire.session(fetch_s)
        self._uploads = wire.session(upload_read_s + reply_s)

    def __repr__(self) -> str:
        return f"Client({self._api_url!r}, {self._upload_url!r})"

    def close(self) -> None:
        """Close idle connections."""
        for session in (self._session, self._results, self._uploads):
            session.close()

    def upload(self, path: Path, name: str, mime_type: str) -> str:
        """Upload a reference, streamed from disk, and return its download URL. Costs nothing.

        `name` must be unique to the content: the same name overwrites, for all users of the key.
        Raises UploadFailed, Unreachable, KeyRefused or KeyMissing. Source: official.txt, "File Stream Upload".
        """
        body = wire.Multipart({"uploadPath": UPLOAD_PATH, "fileName": name}, path, name, mime_type)
        key = self._usable_key()
        try:
            reply = self._uploads.post(
                f"{self._upload_url}/api/file-stream-upload",
                data=body,
                headers={"Content-Type": body.content_type},
                auth=wire.Bearer(key),
                timeout=self._upload_timeout_s,
                allow_redirects=False,
                stream=True,
            )
            code, message, content = _opened(reply, key)
        except requests.RequestException as error:
            raise (UploadFailed if body.has_left else Unreachable)(wire.describe(error)) from None
        except _Unreadable as error:
            raise (KeyRefused if error.status == 401 else UploadFailed)(str(error), str(error.status)) from None
        url = content.get("downloadUrl") if isinstance(content, dict) else None
        if code == 401:
            raise KeyRefused(message, "401")
        if code != 200 or not reply.ok or not _is_web_address(url):
            raise UploadFailed(message or "the reply named no download address", str(code or reply.status_code))
        return url

    def create_task(self, generation: Generation, image_urls: list[str], callback_url: str | None = None) -> str:
        """Ask the service for one picture and return its task id. This spends credits.

        Raises Refused, KeyMissing or Unreachable when nothing was created. Raises Unsure when the reply was lost or
        unreadable: the task may exist and be paid for, so it must not be sent again.
        Source: official.txt, "createTask"; all five input fields are always sent, since defaults may not be applied.
        """
        request: dict[str, Any] = {"model": MODEL} | ({"callBackUrl": callback_url} if callback_url else {})
        request["input"] = {
            "prompt": generation.prompt,
            "image_input": list(image_urls),
            "aspect_ratio": generation.aspect_ratio,
            "resolution": generation.resolution,
            "output_format": generation.output_format,
        }
        key, body = self._usable_key(), wire.Body(json.dumps(request, ensure_ascii=False).encode())
        # A kept-alive connection that the other end has just closed looks like a lost reply. Not for the paid call.
        try:
            with wire.session(self._reply_s) as fresh:
                reply = fresh.post(
                    f"{self._api_url}/api/v1/jobs/createTask",
                    data=body,
                    headers={"Content-Type": "application/json", "Connection": "close"},
                    auth=wire.Bearer(key),
                    timeout=self._timeout_s,
                    allow_redirects=False,
                    stream=True,
                )
                code, message, content = _opened(reply, key)
        except requests.RequestException as error:
            raise (Unsure if body.has_left else Unreachable)(wire.describe(error)) from None
        except _Unreadable as error:
            raise _bare_refusal(error.status, str(error)) from None
        task_id = content.get("taskId") if isinstance(content, dict) else None
        if code == 200 and reply.ok and _is_task_id(task_id):
            return str(task_id)
        raise _refusal(code, message, reply.status_code)

    def task(self, task_id: str) -> Task:
        """Look at a task. Costs nothing, changes nothing, and a failure says nothing about the task.

        Raises NothingLearned, KeyRefused or KeyMissing. Source: official.txt, "Poll task".
        """
        code, message, content = self._read("/api/v1/jobs/recordInfo", {"taskId": task_id})
        if (code == 422 and "null" in message.lower()) or (code == 200 and content is None):
            return Task("unseen")
        if code != 200 or not isinstance(content, dict):
            raise NothingLearned(message, str(code))
        return _task(content)

    def credits(self) -> float:
        """Return the remaining credits, which may have a fraction. Raises NothingLearned, KeyRefused or KeyMissing.

        Source: official.txt, "Credits"; a reply without the number is unknown, never 0.
        """
        code, message, content = self._read("/api/v1/chat/credit", {})
        remaining = _number(content)
        if code != 200 or remaining is None:
            raise NothingLearned(message or "the reply named no balance", str(code))
        return remaining

    def fetch(self, url: str, target: Path) -> int:
        """Download a result to `target` in pieces, without the key, and return the number of bytes.

        Raises PictureNotFetched when it can't be had whole, PictureNotSaved when the disk refuses it.
        """
        try:
            with self._followed(url) as reply:
                if reply.status_code != 200:
                    raise PictureNotFetched(f"the address answered HTTP {reply.status_code}", str(reply.status_code))
                return self._written(reply, target)
        except (requests.RequestException, ValueError) as error:
            raise PictureNotFetched(wire.describe(error)) from None
        except OSError as error:
            raise PictureNotSaved(error.strerror or type(error).__name__) from None

    def reach(self, url: str) -> str:
        """Say why a host can't be reached, or "" if it takes a connection. Asks for nothing and sends no key."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            with socket.create_connection((parts.hostname, port), timeout=self._timeout_s[0]):
                return ""
        except OSError as error:
            return error.strerror or "no answer within the time allowed"

    def _usable_key(self) -> str:
        key = self._key()
        # Any other character would end up, with the whole key, in an exception of `http.client`.
        if not re.fullmatch(r"[\x21-\x7e]+", key):
            raise KeyMissing()
        return key

    def _read(self, path: str, query: Mapping[str, str]) -> tuple[int, str, Any]:
        key = self._usable_key()
        try:
            reply = self._session.get(
                self._api_url + path,
                params=query,
                auth=wire.Bearer(key),
                timeout=self._timeout_s,
                allow_redirects=False,
                stream=True,
            )
            code, message, content = _opened(reply, key)
        except requests.RequestException as error:
            raise NothingLearned(wire.describe(error)) from None
        except _Unreadable as error:
            raise (KeyRefused if error.status == 401 else NothingLearned)(str(error), str(error.status)) from None
        if code == 401:
            raise KeyRefused(message, "401")
        if not reply.ok:
            raise NothingLearned(message, str(reply.status_code))
        return code, message, content

    def _followed(self, url: str) -> requests.Response:
        """Open a result address, following redirects one by one so that each is checked like the first."""
        for _ in range(REDIRECTS_LIMIT):
            self._check_public(url)
            reply = self._results.get(
                url, auth=wire.Nobody(), timeout=self._timeout_s, allow_redirects=False, stream=True
            )
            if not reply.is_redirect:
                return reply
            reply.close()
            url = urljoin(url, reply.headers["location"])
        raise PictureNotFetched("the address redirects too often")

    def _check_public(self, url: str) -> None:
        """Refuse an address inside this network, unless the API itself is there too."""
        if not _is_web_address(url):
            raise PictureNotFetched("the address is not a web address")
        host = urlsplit(url).hostname or ""
        if wire.is_inside(host) and not wire.is_inside(urlsplit(self._api_url).hostname or ""):
            raise PictureNotFetched("the address points into this network, so it was not opened")

    def _written(self, reply: requests.Response, target: Path) -> int:
        expected = (
            int(reply.headers["content-length"])
            if "content-encoding" not in reply.headers and "content-length" in reply.headers
            else None
        )
        if expected is not None and expected > self._result_limit:
            raise PictureNotFetched(f"the picture is larger than {self._result_limit // 2**20} MB")
        written = 0
        with target.open("wb") as out:
            for piece in reply.iter_content(CHUNK):
                written += len(piece)
                if written > self._result_limit:
                    raise PictureNotFetched(f"the picture is larger than {self._result_limit // 2**20} MB")
                out.write(piece)
        if written == 0 or (expected is not None and written != expected):
            raise PictureNotFetched(f"{written} bytes came of {expected}")
        return written


def named_task(body: bytes) -> str | None:
    """Return the task id that a callback names, or None; it is the only thing in it that is read.

    Source: official.txt, "Callback Notifications"; the other places of the id as sister models use them.
    """
    try:
        called = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(called, dict):
        return None
    data = called.get("data") if isinstance(called.get("data"), dict) else {}
    named = data.get("taskId") or data.get("task_id") or called.get("taskId")
    return named if isinstance(named, str) else None


class _Unreadable(Exception):
    """The reply is no envelope of the service."""

    def __init__(self, text: str, status: int):
        super().__init__(text)
        self.status = status


def _opened(reply: requests.Response, key: str) -> tuple[int, str, Any]:
    """Read an envelope: its code, its text, its data. A key that the service quotes goes no further than here."""
    raw = b""
    with reply:
        for piece in reply.iter_content(CHUNK):
            raw += piece
            if len(raw) > REPLY_LIMIT:
                raise _Unreadable(f"HTTP {reply.status_code} with far too long a reply", reply.status_code)
    expected = reply.headers.get("content-length")
    if expected and expected.isdigit() and "content-encoding" not in reply.headers and len(raw) != int(expected):
        raise _Unreadable(f"HTTP {reply.status_code} with a reply that was cut off", reply.status_code)
    try:
        envelope = json.loads(raw, object_hook=partial(_without, key))
        code = int(envelope["code"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise _Unreadable(
            f"HTTP {reply.status_code} with a reply that is not the service's own", reply.status_code
        ) from None
    text = envelope.get("msg") or envelope.get("message")
    return code, _text(text) or "", envelope.get("data")


def _without(key: str, said: dict[str, Any]) -> dict[str, Any]:
    """Take the key out of what the service says. Anything shorter is no key and could be a word."""
    if len(key) < 12:
        return said
    return {name: value.replace(key, "(the key)") if isinstance(value, str) else value for name, value in said.items()}


def _refusal(code: int, message: str, status: int) -> StudioError:
    """Say what a createTask reply without a task means for money."""
    if code == 429:
        short = re.search(r"credit|balance|insufficient", message, re.IGNORECASE)
        return (CreditsShort if short else TooManyRequests)(message, "429")
    known = {401: KeyRefused, 402: CreditsShort, 433: ServicePaused, 455: ServicePaused, 505: ServicePaused}
    if code in known:
        return known[code](message, str(code))
    if 400 <= code < 500 and code != 408:
        return Refused(message, str(code))
    return Unsure(message or "the reply named no task", str(code if code != 200 else status))


def _bare_refusal(status: int, message: str) -> StudioError:
    """Say the same of a reply without an envelope: its HTTP status is all there is, and only a 4xx is a no."""
    if status == 403:
        return Blocked(message, "403")
    return _refusal(status, message, status) if 400 <= status < 500 else Unsure(message, str(status))


def _task(data: Mapping[str, Any]) -> Task:
    state = data.get("state")
    known = state if state in ("success", "fail") else "running"
    credits = _number(data.get("creditsConsumed"))
    return Task(
        state=known,
        stage=(_text(state) or "")[:40] or None,
        urls=_result_urls(data.get("resultJson")),
        credits=credits if credits is not None else _number(data.get("consumeCredits")),
        fail_code=(_text(data.get("failCode")) or "")[:20] or None,
        fail_message=_text(data.get("failMsg")),
        created_at=_seconds(data.get("createTime")),
        completed_at=_seconds(data.get("completeTime")),
        request=_request(data.get("param")),
    )


def _request(param: Any) -> Mapping[str, Any] | None:
    """Read `param`, a JSON string of the request, whose `input` can be a JSON string itself."""
    request = _parsed(param)
    if not isinstance(request, dict):
        return None
    return request | {"input": _parsed(request.get("input"))}


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _result_urls(result: Any) -> tuple[str, ...]:
    """Read `resultJson`, which is a JSON string as a rule, an object rarely, and empty until success."""
    if isinstance(result, str):
        try:
            result = json.loads(result)
        except (ValueError, RecursionError):
            return ()
    urls = result.get("resultUrls") if isinstance(result, dict) else None
    return tuple(url for url in urls if _is_web_address(url)) if isinstance(urls, list) else ()


def _is_web_address(url: Any) -> bool:
    return isinstance(url, str) and len(url) < 4000 and url.isprintable() and bool(re.match(r"https?://[^/\s]", url))


def _is_task_id(value: Any) -> bool:
    return type(value) in (str, int) and 0 < len(str(value)) <= 200 and str(value).isprintable()


def _number(value: Any) -> float | None:
    """Read a number, which may come as text. True, NaN and what no account holds are not numbers."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        return None
    return float(value)


def _seconds(milliseconds: Any) -> float | None:
    number = _number(milliseconds)
    return number / 1000 if number else None


def _text(value: Any) -> str | None:
    """Read words for a row, which takes neither half characters nor NUL."""
    text = "" if value is None else str(value)[:1000].encode("utf-8", "replace").decode().replace("\0", "")
    return text or None
